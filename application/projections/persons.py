"""Persons whose data are restricted, held or erased; of everybody else there is no row. No personal value is here."""

from __future__ import annotations

from collections.abc import Iterator

from application.projections.base import ALWAYS, Bitemporal, Column, Row, State
from application.projections.folding import AGGREGATE, folds
from domain.persons import Person


def _rows(_stream: str, state: State) -> Iterator[Row]:
    person: Person = state[AGGREGATE]
    stands = "erased" if person.erased else "restricted" if person.restricted_until is not None else "kept"
    holds = tuple(sorted(person.holds))
    yield Row(
        "", ALWAYS, None, (stands, person.basis or None, person.restricted_until, bool(holds), holds)
    )  # fmt: skip


PERSONS = Bitemporal(
    name="persons",
    version=1,
    columns=(Column("state"), Column("basis"), Column("until"), Column("held", "flag"), Column("holds", "texts")),
    evolve=folds(Person),
    rows=_rows,
)
