"""Laws of projections: rows are a function of the log, whatever way it is cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from application.projections.base import LoggedEvent, Row
from application.projections.batch import Changes, Held, Place, Plan, RowName, apply
from application.projections.catalogue import PROJECTIONS
from tests.support.history import history, logged

PLAN = Plan.of(PROJECTIONS)
Tables = dict[str, dict[tuple[object, ...], tuple[object, ...]]]


def write(tables: Tables, changes: Changes) -> None:
    """Do to tables in memory what the projector does to those in the database."""
    for name, closed in changes.closed.items():
        for row_name, known_to in closed.items():
            row, _ = tables[name][row_name]
            tables[name][row_name] = (row, known_to)
    for name, opened in changes.opened.items():
        for row_name, new in opened.items():
            assert row_name not in tables.setdefault(name, {}), "a row is opened once"
            tables[name][row_name] = (new.row, new.known_to)
    for name, entries in changes.entries.items():
        for entry in entries:
            tables.setdefault(name, {})[entry[:3]] = (entry.values,)
    assert not changes.parked, changes.parked


def project(batches: Iterable[Sequence[LoggedEvent]], past: Sequence[LoggedEvent], *, forgetful: bool) -> Tables:
    """Apply batches one after another; a forgetful projector remembers nothing between them."""
    tables: Tables = {}
    held: dict[Place, Held] = {}
    for batch in batches:
        if forgetful:
            held = {}
        missing = PLAN.missing(batch, held)
        known = [e for e in past if e.version < missing.get(e.stream, 0) and e.type in PLAN.folds]
        PLAN.warm(known, held, set())
        write(tables, apply(PLAN, batch, held, set()))
    return tables


def row_of(value: tuple[object, ...]) -> tuple[Row, int | None]:
    """Tell the type of a bitemporal row in memory."""
    row, known_to = value
    assert isinstance(row, Row)
    assert known_to is None or isinstance(known_to, int)
    return row, known_to


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 120), max_size=6), forgetful=st.booleans())
def test_any_cut_gives_the_same_rows(seed: int, cuts: list[int], forgetful: bool) -> None:
    """Batches of any sizes, with or without memory of earlier ones, give the rows of one single batch."""
    events = logged(history(seed))
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    batches = [events[a:b] for a, b in pairwise(edges)]
    assert project(batches, events, forgetful=forgetful) == project([events], events, forgetful=False)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), known=st.integers(1, 100))
def test_known_then_is_a_prefix(seed: int, known: int) -> None:
    """What was known at a position equals what is known at the end of a log that stops there."""
    events = logged(history(seed))
    whole = project([events], events, forgetful=False)
    prefix = project([events[:known]], events, forgetful=False)
    for projection in PROJECTIONS:
        then = {
            key: value[0]
            for key, value in whole.get(projection.name, {}).items()
            if isinstance(key, RowName) and key.known_from <= known and (row_of(value)[1] or 10**9) > known
        }
        now = {
            key: value[0]
            for key, value in prefix.get(projection.name, {}).items()
            if isinstance(key, RowName) and row_of(value)[1] is None
        }
        assert then == now


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_effective_times_do_not_overlap(seed: int) -> None:
    """Of what is known at one time, rows of one item never overlap in effective time."""
    events = logged(history(seed))
    for name, rows in project([events], events, forgetful=False).items():
        items: dict[tuple[str, str], list[Row]] = {}
        for key, value in rows.items():
            if isinstance(key, RowName) and value[1] is None:
                items.setdefault((key.key, key.item), []).append(row_of(value)[0])
        for found in items.values():
            ordered = sorted(found, key=lambda row: row.effective_from)
            for one, next_one in pairwise(ordered):
                assert one.effective_to is not None, name
                assert one.effective_to <= next_one.effective_from, name
