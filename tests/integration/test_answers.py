"""Answers of questions over a real log, held against the shapes that the OpenAPI document publishes of them.

The log is the whole story's: every event type that a request may write stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from application.reading.asking import Question, Reads
from application.reading.catalogue import QUESTIONS
from tests.support import described
from tests.support.history import Told
from tests.support.postgres import fresh_database
from tests.support.projecting import store
from tests.support.reading import ask, reading
from tests.support.saving import ledger_in
from tests.support.story.whole import performed

AT = "2026-03-05"
ASKED = {question.id: question for question in QUESTIONS}
MUST_HAVE = {
    "claim.list": ("claims",), "coverage.read": ("rows", "districts", "targets"), "fund.statement": ("entries",),
    "house.statement": ("entries",), "lift.list": ("lifts",), "lift.read": ("covers", "state"),
    "lift.timeline": ("entries",), "policy.covers": ("covers",), "policy.list": ("policies",),
    "policy.read": ("terms",),
    "subject.events": ("events",), "subject.replay": ("events", "states"), "fund.read": ("reservations",),
}  # fmt: skip
"""What may not be empty in every answer, or a shape would be held true by nothing."""


def story() -> list[Told]:
    """Give the events of the story in the order of its log."""
    ledger = performed()
    events = [event for stream in ledger.streams() for event in ledger.stream(stream)]
    found: list[Told] = []
    for event in sorted(events, key=lambda event: event.position):
        header, body = orjson.loads(event.header), orjson.loads(event.body)
        found.append(Told(header["stream"], header["type"], body["said"], body["found"], header["effective_at"]))
    return found


@pytest.fixture(scope="module")
def reads(postgres: str) -> Iterator[Reads]:
    """The reading side of a ledger that holds the story."""
    with fresh_database(postgres) as url, ledger_in(url) as ledger:
        store(ledger, story())
        with reading(ledger) as opened:
            yield opened


def paths(reads: Reads, question: Question) -> list[dict[str, str]]:
    """Give variables for a question's path: everything of its kind that the log holds."""
    variable = question.path.partition("{")[2].partition("}")[0]
    head = reads.log.head().size
    if not variable:
        return [{}]
    if variable == "position":
        return [{variable: str(position)} for position in range(1, head + 1)]
    subjects = dict.fromkeys(
        orjson.loads(stored.header)["stream"].partition("/")[0] for stored in reads.log.select_log(1, head)
    )
    return [{variable: name} for name in subjects if variable in {"subject", name.partition(":")[0]}]


def told(reads: Reads, question: Question, path: dict[str, str], query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Give an answer as it is sent."""
    return orjson.loads(orjson.dumps(question.answer(ask(reads, path=path, **query))))


@pytest.mark.parametrize("name", sorted(ASKED))
def test_answers_are_of_their_shape(name: str, reads: Reads) -> None:
    """Whatever is asked about, as of now and of a day, is answered in the published shape, with no member more."""
    question = ASKED[name]
    known = {parameter.name for parameter in question.parameters}
    queries: list[dict[str, str]] = [{}]
    if "effective_at" in known:
        queries += [{"effective_at": AT}, {"effective_at": "2025-11-20"}]
    if "by" in known:
        queries.append({"by": "area,class,venue,group", "effective_at": AT})
    answers = [told(reads, question, path, query) for path in paths(reads, question) for query in queries]
    reference = f"#/components/schemas/{question.gives.__name__}"
    for answer in answers:
        assert described.faults(reference, answer) == []
    for member in MUST_HAVE.get(name, ()):
        assert any(answer[member] for answer in answers), member


def test_a_member_that_nobody_described_is_a_fault(reads: Reads) -> None:
    """So is one of another kind, and one that is missing: the comparison can fail."""
    question = ASKED["lift.list"]
    reference = f"#/components/schemas/{question.gives.__name__}"
    answer = told(reads, question, {}, {"effective_at": AT})
    first = answer["lifts"][0]
    for wrong in ({**first, "colour": "red"}, {**first, "status": 7}, {n: v for n, v in first.items() if n != "area"}):
        assert described.faults(reference, {**answer, "lifts": [wrong]})
