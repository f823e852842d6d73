"""The story's log behind the questions: every event type that a request may write, in a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from application.reading.asking import Question, Reads
from application.reading.catalogue import QUESTIONS
from tests.support.history import Told
from tests.support.postgres import fresh_database
from tests.support.projecting import store
from tests.support.reading import OPERATOR, ask, reading
from tests.support.saving import ledger_in
from tests.support.story.whole import performed

AT = "2026-03-05"
ASKED = {question.id: question for question in QUESTIONS}


def story() -> list[Told]:
    """Give the events of the story in the order of its log."""
    ledger = performed()
    events = [event for stream in ledger.streams() for event in ledger.stream(stream)]
    found: list[Told] = []
    for event in sorted(events, key=lambda event: event.position):
        header, body = orjson.loads(event.header), orjson.loads(event.body)
        found.append(Told(header["stream"], header["type"], body["said"], body["found"], header["effective_at"]))
    return found


@contextmanager
def telling(server: str) -> Iterator[Reads]:
    """Open the reading side of a ledger that holds the story."""
    with fresh_database(server) as url, ledger_in(url) as ledger:
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
    if variable == "area":
        return [{variable: name.partition(":")[2]} for name in subjects if name.startswith("scheme:")]
    return [{variable: name} for name in subjects if variable in {"subject", name.partition(":")[0]}]


def told(reads: Reads, question: Question, path: dict[str, str], query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Give an answer as it is sent."""
    return orjson.loads(orjson.dumps(question.answer(ask(reads, OPERATOR, path, **query))))


# ---------------------------------------------------------------------------------------------------------- examples

NEEDED = {"identifier.find": {"scheme": "registration_code", "value": "3110 370102 201801 0001"}}
"""What a question cannot be asked without."""
EXEMPLARY = {
    "application.list": {"limit": "1"}, "bankline.list": {"limit": "2"}, "claim.list": {"limit": "2"},
    "claim.sums": {"by": "quarter,kind"}, "coverage.read": {"by": "class", "area": "370102"}, "fund.list": {},
    "fund.read": {}, "fund.statement": {"limit": "2"}, "house.statement": {"limit": "2"}, "house.uses": {"limit": "1"},
    "identifier.find": {},
    "lift.list": {"limit": "2"}, "lift.read": {}, "lift.timeline": {"limit": "2"}, "party.list": {"limit": "2"},
    "payment.list": {"limit": "2"}, "policy.covers": {"limit": "1"}, "policy.limits": {},
    "policy.list": {"limit": "1"}, "policy.read": {},
    "policy.sums": {"by": "insurer,quarter"}, "product.list": {"limit": "1"}, "subsidy.list": {"limit": "1"},
    "visit.list": {"limit": "1"}, "visit.sums": {"by": "maintainer,state"},
}  # fmt: skip
"""The questions that the document shows an answer to, and what is asked."""
_RECORDING = {"recorded_at", "registered_at", "notified_at", "instant", "judged_at"}
"""Instants of this machine's clock, which differ from one telling to the next."""
_THEN = "2026-03-05T00:00:00.000000Z"


def exemplary(reads: Reads, name: str) -> Any:  # noqa: ANN401 - JSON
    """Give the answer that says most to a question, its instants of recording the same each time."""
    question = ASKED[name]
    query = {**NEEDED.get(name, {}), **EXEMPLARY[name], "effective_at": AT, "known_at": str(reads.log.head().size)}
    answers = [told(reads, question, path, query) for path in paths(reads, question)]
    return _timeless(max(answers, key=lambda answer: len(orjson.dumps(answer))))


def _timeless(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {n: _THEN if n in _RECORDING and isinstance(v, str) else _timeless(v) for n, v in value.items()}
    return [_timeless(part) for part in value] if isinstance(value, list) else value
