"""Subsidies of premium (保费补贴): what waits for the treasury, what it granted, what was paid and is asked back."""

from __future__ import annotations

from typing import Literal

from application.reading.asking import AREA, PAGES, TIMES, Answer, Asking, Question
from application.reading.filters import only
from application.reading.lists import page_of
from application.reading.rows import stood
from application.reading.shapes import Page, Row
from domain.shapes import AreaCode, Code, Fen, Instant, PartyName, PolicyName, SubsidyName

SHOWN = (
    "state", "programme", "area", "policy", "claimant", "claimed_fen", "granted_fen", "paid_fen", "clawed_back_fen",
    "settled_fen", "claimed_at",
)  # fmt: skip
FILTERS = ("state", "programme", "policy", "claimant")


class RegisteredSubsidy(Row):
    """A subsidy as it stood; zero is what was not granted, paid or asked back.

    `paid_fen` is what was paid and did not come back, `clawed_back_fen` all that was asked back, `settled_fen` what of
    that came.
    """

    subsidy: SubsidyName
    state: Literal["claimed", "granted", "paid"]
    programme: Code
    area: AreaCode
    policy: PolicyName
    claimant: PartyName
    claimed_fen: Fen
    granted_fen: Fen
    paid_fen: Fen
    clawed_back_fen: Fen
    settled_fen: Fen
    claimed_at: Instant


class SubsidyList(Page):
    """A page of subsidies."""

    effective_at: Instant
    subsidies: list[RegisteredSubsidy]


def listed(asking: Asking) -> Answer:
    """Answer GET /subsidies: those that the reader claimed, or as the treasury of their area decides on."""
    page, following = page_of(asking, "subsidies", "subsidy.read", FILTERS, effective=asking.effective)
    told = [{"subsidy": row["key"], **stood(row, SHOWN)} for row in page]
    return asking.cited(effective_at=asking.effective, subsidies=told, next=following)


QUESTIONS = (
    Question(
        "subsidy.list", "/subsidies", listed, SubsidyList,
        (*only(RegisteredSubsidy, *FILTERS), AREA, *TIMES, *PAGES),
        "Subsidies of premium", "保费补贴清单",
    ),
)  # fmt: skip
