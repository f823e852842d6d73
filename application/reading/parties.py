"""The directory of parties (当事人名录), which is open to every party: whoever deals with another looks him up here."""

from __future__ import annotations

from application.reading.asking import KNOWN_AT, PAGES, WAIT_FOR, Answer, Asking, Parameter, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.rows import stood
from application.reading.shapes import Page, Row
from domain.parties import PartyKind
from domain.schemes import around
from domain.shapes import AreaCode, Code, Instant, Label, PartyName, Uscc

SHOWN = ("kind", "name", "uscc", "areas", "sectors", "suspended", "registered_at")
FILTERS = ("kind", "uscc")
IN_AREA = Parameter("area", "Only those whose areas this lies in.", "^[0-9]{6}([0-9]{3}){0,2}$")


class ListedParty(Row):
    """A party; `name` and credit code are an organisation's, whereas a natural person's name is sealed (`person_name`).

    `areas` are those of an authority, `sectors` the kinds of place that alone it supervises there.
    """

    party: PartyName
    kind: PartyKind
    name: Label | None
    uscc: Uscc | None
    areas: list[AreaCode]
    sectors: list[Code]
    suspended: bool
    registered_at: Instant


class PartyList(Page):
    """A page of parties."""

    parties: list[ListedParty]


def listed(asking: Asking) -> Answer:
    """Answer GET /parties: the directory, in which everybody finds everybody."""
    there = {"areas": around(asking.query["area"])} if "area" in asking.query else None
    page, following = page_of(asking, "parties", "party.read", FILTERS, contains=there, areas=False)
    return asking.cited(parties=[{"party": row["key"], **stood(row, SHOWN)} for row in page], next=following)


QUESTIONS = (
    Question(
        "party.list", "/parties", listed, PartyList,
        (*only(ListedParty, *FILTERS), IN_AREA, KNOWN_AT, WAIT_FOR, *PAGES),
        "The directory of parties", "当事人名录",
    ),
)  # fmt: skip
