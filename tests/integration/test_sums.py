"""Sums of policies and claims: what the lists show a reader, added up by hand."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest

from application.reading import claims, policies, sums
from application.reading.asking import Asking, Reads
from application.work import Author
from domain.errors import Forbidden, Invalid
from domain.time import civil_date, civil_midnight
from tests.support.district import FIRST_INSURER, FIRST_USER, District, claim_of, policy_of
from tests.support.history import AREAS, PARTIES, history, name
from tests.support.projecting import store
from tests.support.reading import OPERATOR, reading
from tests.support.saving import TestLedger

READERS: Final = [
    OPERATOR,
    Author(PARTIES[0], "insurer"),
    Author(PARTIES[1], "use_unit"),
    Author(PARTIES[2], "market_regulator", areas=("370103",)),
    Author(PARTIES[2], "financial_regulator", areas=("370102",)),
    Author(PARTIES[3], "broker"),
]
DAYS: Final = ("2025-06-01", "2027-01-01")


@pytest.fixture
def reads(ledger: TestLedger) -> Iterator[Reads]:
    """The reading side of a ledger with two policies, their lifts and claims."""
    for seed in (1, 2):
        store(ledger, history(seed, lifts=9))
    with reading(ledger) as opened:
        yield opened


def rows_of(reads: Reads, reader: Author, answer: Any, member: str, **query: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Give all rows of a list."""
    page = answer(Asking(reads, reader, {}, {"limit": "1000", **query}))
    assert page["next"] is None
    rows: list[Any] = page[member]
    return rows


def quarter(day: str) -> str:
    """Name the quarter of a civil date."""
    return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"


def added(rows: Sequence[dict[str, Any]], by: Sequence[str], names: Sequence[str]) -> dict[tuple[Any, ...], Any]:
    """Add rows up by hand."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows:
        group = found.setdefault(tuple(row[name] for name in by), Counter(dict.fromkeys(names, 0)))
        group.update({name: row.get(name, 1) for name in names})
    return {key: dict(group) for key, group in found.items()}


def stood(rows: Sequence[dict[str, Any]], at: str) -> list[dict[str, Any]]:
    """Give the policies that were issued, each as it last stood by an instant."""
    last: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["effective_from"]):
        if row["number"] is not None and row["effective_from"] <= at:
            last[row["policy"]] = {**row, "quarter": quarter(row["from_date"]), "district": row["area"][:6]}
    return list(last.values())


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: f"{reader.kind}")
def test_sums_are_those_of_the_lists(reads: Reads, reader: Author) -> None:
    """Of whatever a reader may list, grouped each way and by two things, on several days, whole and within an area."""
    for day, area in itertools.product(DAYS, (None, AREAS[2])):
        query = {"effective_at": day} | ({} if area is None else {"area": area})
        listed = rows_of(reads, reader, policies.listed, "policies", **({} if area is None else {"area": area}))
        told = [
            {**row, "quarter": quarter(civil_date(row["loss_at"]))}
            for row in rows_of(reads, reader, claims.register, "claims", **query)
        ]
        of = (
            (sums.policies, sums.OF_POLICIES, sums.POLICY_SUMS, stood(listed, civil_midnight(day))),
            (sums.claims, sums.OF_CLAIMS, sums.CLAIM_SUMS, told),
        )  # fmt: skip
        for answer, dimensions, names, rows in of:
            for by in (*zip(dimensions), dimensions[:2], dimensions[1::2]):
                found = answer(Asking(reads, reader, {}, {**query, "by": ",".join(by)}))
                groups = {tuple(row[name] for name in by): {n: row[n] for n in names} for row in found["rows"]}
                assert groups == added(rows, by, names)
                assert found["total"] == {name: sum(group[name] for group in groups.values()) for name in names}


def test_there_is_something_to_sum(reads: Reads) -> None:
    """The comparison is one of numbers, of several insurers' policies and of claims in several quarters."""
    whole = Asking(reads, OPERATOR, {}, {"effective_at": "2025-12-01", "by": "quarter,part"})
    told = sums.claims(whole)
    assert len(told["rows"]) > 2
    assert told["total"]["claims"] > 3
    paid = sums.policies(Asking(reads, OPERATOR, {}, {"effective_at": "2025-12-01", "state": "issued"}))
    assert paid["total"]["premium_fen"] > 0
    assert paid["rows"][0]["insurer"] == PARTIES[0]


def test_groups_that_are_none_are_refused(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another list, said twice, or too many of them; and whoever lists nothing sums nothing."""
    for by in ("kind", "insurer,insurer", ""):
        with pytest.raises(Invalid) as refused:
            sums.policies(Asking(reads, OPERATOR, {}, {"by": by}))
        assert refused.value.code == "by_malformed"
    monkeypatch.setattr(sums, "GROUPS_MAX", 1)
    with pytest.raises(Invalid) as many:
        sums.claims(Asking(reads, OPERATOR, {}, {"by": "quarter,part,kind"}))
    assert many.value.code == "groups_too_many"
    with pytest.raises(Forbidden):
        sums.claims(Asking(reads, Author(PARTIES[0], "auditor_of_nothing"), {}, {}))


def test_what_is_not_issued_is_no_premium_and_losses_are_of_their_day_here(district: District) -> None:
    """A draft counts nothing; eight in the evening of UTC is the next day; a lift that moved away took its claims."""
    rng = random.Random(4)
    drafted = next(iter(policy_of(name(rng, "policy"), [FIRST_INSURER], FIRST_USER, "2025")))
    claim = f"{district.lift}/{name(rng, 'claim', 4)}"
    late = list(claim_of(claim, district.lift, "2025-03-31T20:00:00.000000Z", name(rng, "policy"), FIRST_INSURER))

    def told(answer: Any, **query: str) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a use case
        return [tuple(row.values())[:2] for row in answer(district.ask(OPERATOR, {}, **query))["rows"]]

    issued = told(sums.policies, effective_at="2026-06-01")
    quarters = dict(told(sums.claims, effective_at="2026-06-01", by="quarter"))
    district.store(drafted, *late)
    assert told(sums.policies, effective_at="2026-06-01") == issued
    after = dict(told(sums.claims, effective_at="2026-06-01", by="quarter"))
    assert after == {**quarters, "2025-Q2": quarters.get("2025-Q2", 0) + 1}
    assert told(sums.claims, effective_at="2025-08-01", by="part", area="370102") != []
    assert told(sums.claims, effective_at="2025-10-01", by="part", area="370102") == []
    assert told(sums.claims, effective_at="2026-06-01", by="part", state="withdrawn") == []
