"""How a value by which a person is looked up is brought into one form, by a stated rule (查询值规范化).

A rule never changes; another way of writing a value is another rule with the next number, and the index is made again.

Rule 1 — `phone`: NFKC; digits alone; a leading 00 is dropped, and 86 before a mainland mobile number (11 digits that
begin with 1); 5 to 15 digits remain. `certificate`: NFKC, upper case, letters and digits alone; 6 to 40 remain.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal, get_args

from domain.errors import Invalid

RULE: Final = 1
LookupKind = Literal["phone", "certificate"]
KINDS: Final[tuple[LookupKind, ...]] = get_args(LookupKind)

_PHONE: Final = re.compile("[0-9]{5,15}")
_MOBILE: Final = re.compile("86(1[0-9]{10})")
_CERTIFICATE: Final = re.compile("[A-Z0-9]{6,40}")


def normalised(kind: str, value: str) -> str | None:
    """Give the one form of a value by rule 1; None where it is none of its kind. Raises Invalid `lookup_kind`."""
    text = unicodedata.normalize("NFKC", value)
    if kind == "phone":
        digits = "".join(character for character in text if "0" <= character <= "9").removeprefix("00")
        mobile = _MOBILE.fullmatch(digits)
        digits = mobile[1] if mobile else digits
        return digits if _PHONE.fullmatch(digits) else None
    if kind == "certificate":
        kept = "".join(character for character in text.upper() if character.isalnum())
        return kept if _CERTIFICATE.fullmatch(kept) else None
    raise Invalid("persons are looked up by phone or certificate", code="lookup_kind", known=list(KINDS))
