"""Public keys (公钥): the keys of a holder, those that a party registered, and what was registered with one of them."""

from __future__ import annotations

from typing import Literal

from application.projections.keys import COLUMNS
from application.reading.asking import KNOWN_AT, PAGES, WAIT_FOR, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.rows import stood
from application.reading.shapes import Page, Row
from domain.parties import KeyHolder, RevocationReason
from domain.shapes import Instant, KeyName, PartyName

FILTERS = ("holder", "registrar", "registered_with", "ended")


class ListedKey(Row):
    """A key: it signs from `registered_at` to `ended_at` as they stand in the log, in whose order a key counts."""

    key: KeyName
    holder: KeyHolder
    registrar: PartyName
    registered_with: KeyName | None
    curve: Literal["Ed25519", "P-256"]
    registered_at: Instant
    ended: Literal["rotated", RevocationReason] | None
    ended_at: Instant | None
    compromised_since: Instant | None


class KeyList(Page):
    """A page of keys."""

    keys: list[ListedKey]


def listed(asking: Asking) -> Answer:
    """Answer GET /keys: keys are open to every party, for whoever is told something wants to know who signed it."""
    page, following = page_of(asking, "keys", "key.read", FILTERS)
    keys = [{"key": row["key"], **stood(row, COLUMNS)} for row in page]
    return asking.cited(keys=keys, next=following)


QUESTIONS = (
    Question(
        "key.list", "/keys", listed, KeyList, (*only(ListedKey, *FILTERS), KNOWN_AT, WAIT_FOR, *PAGES),
        "Keys of a holder, or that a party or a key registered", "公钥清单",
    ),
)  # fmt: skip
