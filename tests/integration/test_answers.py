"""Answers of questions over a real log, held against the shapes and examples that the OpenAPI document publishes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from api.describing import examples
from application.reading.asking import EFFECTIVE_AT, HISTORY_AT, Reads
from tests.support import described
from tests.support.answering import ASKED, AT, EXEMPLARY, NEEDED, exemplary, paths, telling, told

MUST_HAVE = {
    "application.list": ("applications",), "bankline.list": ("lines",), "claim.list": ("claims",),
    "claim.sums": ("rows",), "coverage.read": ("rows", "districts", "targets"), "fund.list": ("funds",),
    "fund.read": ("reservations",), "fund.statement": ("entries",), "house.statement": ("entries",),
    "house.uses": ("uses",), "lift.list": ("lifts",), "lift.missing": ("lifts",), "lift.read": ("covers", "state"),
    "lift.timeline": ("entries",), "party.list": ("parties",), "payment.list": ("payments",),
    "policy.covers": ("covers",), "policy.limits": ("limits",), "policy.list": ("policies",),
    "policy.read": ("terms",), "policy.sums": ("rows",), "product.list": ("products",), "scheme.read": ("rules",),
    "subject.events": ("events",), "subject.replay": ("events", "states"), "subsidy.list": ("subsidies",),
    "visit.list": ("visits",), "visit.sums": ("rows",),
}  # fmt: skip
"""What may not be empty in every answer, or a shape would be held true by nothing."""

TIMED = ("effective_at", "judged_at", "next")
"""Members that tell the time of the asking."""

GROUPED = {
    "claim.sums": "insurer,quarter,kind,part,state", "coverage.read": "area,class,venue,group",
    "policy.sums": "insurer,quarter,district,product,state", "visit.sums": "maintainer,level,state,quarter,finding",
}  # fmt: skip
"""By what each answer that has groups can be grouped."""


@pytest.fixture(scope="module")
def reads(postgres: str) -> Iterator[Reads]:
    """The reading side of a ledger that holds the story."""
    with telling(postgres) as opened:
        yield opened


@pytest.mark.parametrize("name", sorted(ASKED))
def test_answers_are_of_their_shape(name: str, reads: Reads) -> None:
    """Whatever is asked about, as of now and of a day, is answered in the published shape, with no member more."""
    question = ASKED[name]
    known = {parameter.name for parameter in question.parameters}
    queries: list[dict[str, str]] = [NEEDED.get(name, {})]
    if "effective_at" in known:
        queries += [{"effective_at": AT}, {"effective_at": "2025-11-20"}]
    if name in GROUPED:
        queries.append({"by": GROUPED[name], **({"effective_at": AT} if "effective_at" in known else {})})
    answers = [told(reads, question, path, query) for path in paths(reads, question) for query in queries]
    reference = f"#/components/schemas/{question.gives.__name__}"
    for answer in answers:
        assert described.faults(reference, answer) == []
    for member in MUST_HAVE.get(name, ()):
        assert any(answer[member] for answer in answers), member


HISTORIES = {
    "fund.statement", "house.statement", "lift.timeline", "policy.covers", "policy.list", "policy.read",
    "subject.replay",
}  # fmt: skip
"""What is answered over all of its time where no time is asked."""


@pytest.mark.parametrize(
    "name", sorted(name for name, question in ASKED.items() if EFFECTIVE_AT in question.parameters)
)
def test_a_time_that_is_left_out_is_now(name: str, reads: Reads) -> None:
    """As the document says of all but the histories."""
    assert {name for name, question in ASKED.items() if HISTORY_AT in question.parameters} == HISTORIES
    for path in paths(reads, ASKED[name])[:3]:
        left_out, now = (told(reads, ASKED[name], path, q) for q in ({}, {"effective_at": reads.clock.now()}))
        assert {**left_out, **dict.fromkeys(TIMED)} == {**now, **dict.fromkeys(TIMED)}


def test_policies_of_no_time_are_told_by_stretches(reads: Reads) -> None:
    """Several rows of one that was endorsed, one at the most as of a day."""
    question = ASKED["policy.list"]
    rows = [
        [row["policy"] for row in told(reads, question, {}, query)["policies"]] for query in ({}, {"effective_at": AT})
    ]
    assert [len(each) > len(set(each)) for each in rows] == [True, False]


ROWS = {
    "application.list": "applications", "bankline.list": "lines", "claim.list": "claims", "fund.list": "funds",
    "key.list": "keys", "lift.list": "lifts", "party.list": "parties", "payment.list": "payments",
    "policy.covers": "covers", "policy.list": "policies", "product.list": "products", "subsidy.list": "subsidies",
    "visit.list": "visits",
}  # fmt: skip
"""The lists whose rows bear a position."""
WORKED_OUT = {"fund.list", "application.list"}
"""Lists whose rows have members that rest on other rows."""


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_row_is_so_since_the_event_at_its_position(name: str, reads: Reads) -> None:
    """Before that event the list had no such row, and since it has had this one; the event is of what the row is of.

    As of now: of an earlier day a row is moved as well by the event that ends its time afterwards.
    """
    question, member = ASKED[name], ROWS[name]

    def rows(path: dict[str, str], known_at: int) -> list[Any]:
        found: list[Any] = told(reads, question, path, {"known_at": str(known_at)})[member]
        return [{n: v for n, v in row.items() if n != "position"} for row in found]

    for path in paths(reads, question):
        for row in told(reads, question, path, {})[member]:
            position = row.pop("position")
            header = orjson.loads(reads.log.select_log(position, 1)[0].header)
            assert header["stream"].partition("/")[0] in {str(value).partition("/")[0] for value in row.values()}
            if name not in WORKED_OUT:
                assert row in rows(path, position)
                assert row not in rows(path, position - 1) or name == "lift.list", "of a lift more is kept than listed"


@pytest.mark.parametrize("name", sorted(EXEMPLARY))
def test_an_example_is_what_is_answered(name: str, reads: Reads) -> None:
    """The answer that the document shows is the one to that question (`python -m tests.golden.make_examples`)."""
    assert examples()["answers"][name] == exemplary(reads, name)


def test_a_member_that_nobody_described_is_a_fault(reads: Reads) -> None:
    """So is one of another kind, and one that is missing: the comparison can fail."""
    question = ASKED["lift.list"]
    reference = f"#/components/schemas/{question.gives.__name__}"
    answer = told(reads, question, {}, {"effective_at": AT})
    first = answer["lifts"][0]
    for wrong in ({**first, "colour": "red"}, {**first, "status": 7}, {n: v for n, v in first.items() if n != "area"}):
        assert described.faults(reference, {**answer, "lifts": [wrong]})
