"""The salt of a signed body: without it the hash that the token holds for ever could be guessed (event-format §4)."""

from __future__ import annotations

from typing import Any, Final

from domain.errors import Invalid

SALT_HEX_MIN: Final = 32
SALT_HEX_MAX: Final = 128


def take_salt(said: dict[str, Any]) -> None:
    """Take the member `salt` off a body; raises Invalid `salt_missing` where it is not there, or none of the form."""
    salt = said.pop("salt", None)
    if not (isinstance(salt, str) and SALT_HEX_MIN <= len(salt) <= SALT_HEX_MAX and _hex(salt)):
        raise Invalid(
            "a write has a member salt: 16 to 64 random bytes in lower-case hex", code="salt_missing", at="/salt"
        )


def _hex(text: str) -> bool:
    return len(text) % 2 == 0 and not set(text) - set("0123456789abcdef")
