"""The claims register (理赔台账), each reader's own cut of it."""

from __future__ import annotations

from application.reading.asking import AREA, PAGES, TIMES, Answer, Asking, Parameter, Question
from application.reading.lifts import shown
from application.reading.scope import filtered, reach

SHOWN = (
    "claim", "lift", "state", "kind", "part", "interest", "insurer", "policy", "notifier", "occurrence", "loss_at",
    "notified_at", "trapped_seconds", "assessed_fen", "reserved_fen", "approved_fen", "advanced_fen", "paid_fen",
)  # fmt: skip
FILTERS = ("state", "kind", "part", "insurer", "policy", "lift", "occurrence")


def register(asking: Asking) -> Answer:
    """Answer GET /claims: those that the reader insures, notified, supervises, or whose lift is or was his to use."""
    after = asking.cursor(str)
    rows = asking.reads.views.claims(
        asking.known.position, asking.effective,
        where={name: asking.query[name] for name in FILTERS if name in asking.query}, areas=filtered(asking),
        reach=reach(asking, "claim.read"), after=None if after is None else after[0], limit=asking.limit + 1,
    )  # fmt: skip
    page, following = asking.paged(rows, lambda row: [row["key"]])
    return asking.cited(effective_at=asking.effective, claims=[shown(row, SHOWN) for row in page], next=following)


QUESTIONS = (
    Question(
        "claim.list", "/claims", register,
        (*(Parameter(name, f"Only of this {name}.") for name in FILTERS), AREA,
         *TIMES, *PAGES),
        "The claims register", "理赔台账",
    ),
)  # fmt: skip
