"""Limits of indemnity in their policy years: what claims hold of each, and have used, by what is known.

What is held and used is so from when it was recorded: a limit was not freer on an earlier day because a claim of that
day came later. So rows know one time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from application.projections.base import ALWAYS, Bitemporal, Column, Row, State
from application.projections.folding import AGGREGATE, folds
from audit import canonical
from domain.limits import ALL, Limit

SUMS: Final = ("limit_fen", "reserved_fen", "consumed_fen")


def _rows(stream: str, state: State) -> Iterator[Row]:
    limit: Limit = state[AGGREGATE]
    policy, _, name = stream.partition("/limit:")
    level, _, year = name.rpartition(":")
    taken = dict.fromkeys(limit.parts, 0)
    for (_, part), fen in (*limit.reserved.items(), *limit.consumed.items()):
        taken[part] = taken.get(part, 0) + fen
    parts: Any = [
        {"part": part, "limit_fen": limit.parts.get(part), "taken_fen": fen} for part, fen in sorted(taken.items())
    ]
    sums = (limit.limit_fen, limit.reserved_fen, limit.consumed_fen)
    lift = None if level == ALL else f"lift:{level}"
    yield Row("", ALWAYS, None, (policy, lift, year, canonical.encode(parts).decode(), *sums))


LIMITS = Bitemporal(
    name="limits",
    version=1,
    columns=(
        Column("policy"), Column("lift"), Column("year"), Column("parts", "json"),
        *(Column(name, "integer") for name in SUMS),
    ),
    evolve=folds(Limit),
    rows=_rows,
)  # fmt: skip
