"""Certificates on lifts over both times. Whether one insures is its policy's matter as well: whoever asks joins it.

One event on the policy's stream activates ten thousand certificates; their rows here do not change with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from application.projections.base import Bitemporal, Column, Row, State, merged
from application.projections.folding import AGGREGATE, begins, folds
from domain.covers import Cover, CoverEntry


def _entry(lift: str, entry: CoverEntry) -> Iterator[Row]:
    period = entry.period
    if period is None:
        return
    inner = {t.effective_on for t in entry.terms if period.from_date < t.effective_on < period.to_date}
    days = sorted({period.from_date, *inner})
    for day, end in zip(days, [*days[1:], period.to_date], strict=True):
        terms = entry.terms_on(day)
        yield Row(
            entry.certificate, begins(day), begins(end),
            (
                lift, entry.policy, entry.number, entry.interest, tuple(sorted(entry.parts)), terms.premises_class,
                terms.per_lift_year_fen, entry.premium_fen, entry.from_date, entry.ends_on,
            ),
        )  # fmt: skip


def _rows(stream: str, state: State) -> list[Row]:
    cover: Cover = state[AGGREGATE]
    lift = stream.partition("/")[0]
    return merged(row for entry in cover.entries.values() for row in _entry(lift, entry))


COVERS = Bitemporal(
    name="covers",
    version=1,
    columns=(
        Column("lift"), Column("policy"), Column("number"), Column("interest"), Column("parts", "texts"),
        Column("premises_class"), Column("per_lift_year_fen", "integer"), Column("premium_fen", "integer"),
        Column("from_date"), Column("ends_on"),
    ),
    evolve=folds(Cover),
    rows=_rows,
)  # fmt: skip
