"""A page's rows read at once: only where each of them is as it must be, else they are for the long way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest

from audit import canonical, reading
from audit.columns import Columns, read_columns
from audit.lens import Lens
from audit.merkle import leaf_hash
from audit.pages import Context, EventRow
from tests.support.stored import worked_ledger

Rows = list[EventRow]


@cache
def page() -> tuple[Context, int, int, Rows]:
    """Give the worked ledger as one page, as its verification reads it."""
    found: list[tuple[Context, int, int, Rows]] = []
    with pytest.MonkeyPatch.context() as patched:

        def watched(lens: Lens, first: int, last: int, rows: Sequence[EventRow]) -> Columns | None:
            found.append((lens.context, first, last, list(rows)))
            return read_columns(lens, first, last, rows)

        patched.setattr(reading, "read_columns", watched)
        worked_ledger().verify()
    return found[0]


CONTEXT, FIRST, LAST, ROWS = page()
AT: Final = 3
"""The row that is changed, within the page."""


def read(rows: Rows, first: int = FIRST, last: int = LAST, **context: Any) -> Columns | None:  # noqa: ANN401 - members of a context
    """Read the page with these rows."""
    return read_columns(Lens(replace(CONTEXT, **context)), first, last, rows)


def column(**changes: Any) -> Rows:  # noqa: ANN401 - columns of a row
    """Give the rows with other columns in one of them."""
    return [*ROWS[:AT], ROWS[AT]._replace(**changes), *ROWS[AT + 1 :]]


def header(**members: Any) -> Rows:  # noqa: ANN401 - members of a header
    """Give the rows with another header in one of them, whose leaf and columns fit it."""
    told: Any = canonical.decode(ROWS[AT].header)
    assert set(members) <= set(told)
    data = canonical.encode(told | members)
    copies = {name: value for name, value in members.items() if name in EventRow._fields and name != "position"}
    return column(header=data, leaf=leaf_hash(data), **copies)


OTHERS: Final[dict[str, Callable[[], Rows]]] = {
    "another stream": lambda: column(stream=f"{ROWS[AT].stream}/x"),
    "another version": lambda: column(version=ROWS[AT].version + 1),
    "another seq": lambda: column(seq=ROWS[AT].seq + 1),
    "another type": lambda: column(type="lift.Scrapped"),
    "another time": lambda: column(recorded_at="2025-11-01T00:00:00.000001Z"),
    "another position": lambda: column(position=ROWS[AT].position + 1),
    "a header of another position": lambda: header(position=ROWS[AT].position + 1),
    "other bytes of a body": lambda: column(body=ROWS[AT].body + b" "),
    "another leaf": lambda: column(leaf=bytes(32)),
    "a header that is none": lambda: column(header=b"{}", leaf=leaf_hash(b"{}")),
    "another ledger": lambda: header(ledger="ledger.example/other"),
    "a time that goes back": lambda: header(recorded_at="2025-10-31T00:00:00.000000Z"),
    "no such instant": lambda: header(effective_at="2025-02-30T00:00:00.000000Z"),
    "no such instant of recording": lambda: header(recorded_at=f"{ROWS[AT].recorded_at[:17]}60.000000Z"),
    "an unknown schema": lambda: header(schema=99), "an unknown type": lambda: header(type="lift.Flown"),
    "no name of a stream": lambda: header(stream="lift:x", version=1),
    "one too few": lambda: ROWS[:-1], "one twice": lambda: [*ROWS, ROWS[-1]],
    "two of them swapped": lambda: [ROWS[1], ROWS[0], *ROWS[2:]],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_is_wrong_in_any_row_is_left_to_the_long_way(name: str) -> None:
    """They are read as they stand, and not with any one thing changed."""
    known = {row.type: 1 for row in ROWS}
    assert read(ROWS, known=known) is not None
    assert read(OTHERS[name](), known=known) is None


def test_what_is_read_is_what_stands_there() -> None:
    """Headers and leaves come in order; a program that knows no types asks for none; other ends are refused."""
    found = read(ROWS, known=None)
    assert found is not None
    assert [each.position for each in found.headers] == [row.position for row in ROWS]
    assert found.leaves == [row.leaf for row in ROWS]
    assert read(ROWS, FIRST + 1) is None
    assert read(ROWS, FIRST, LAST + 1) is None
    assert read(header(schema=99), known=None) is not None
    assert read(ROWS, known={row.type: 0 for row in ROWS}) is None
    assert read(header(stream="lift:x", version=2), known=None) is not None, "its first version was judged"
