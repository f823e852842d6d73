"""The lift behind a number: however it is written, whoever asks, as it was known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from application.identifiers import named
from application.reading import identifiers, policies
from application.reading.asking import Asking, Reads
from application.work import Author
from domain.errors import DomainError
from tests.support.district import District
from tests.support.history import Told, name
from tests.support.projecting import store
from tests.support.reading import OPERATOR, reading
from tests.support.saving import TestLedger

ANYBODY = Author(name(random.Random(1), "party", 4), "owner")
FIRST, SECOND, THIRD = (name(random.Random(number), "lift") for number in range(3))
STREAM, KEY = named(("rescue_code", "370102", "AB12"))


def told(kind: str, **found: Any) -> Told:  # noqa: ANN401 - members of any type
    """Tell an event of the number."""
    return Told(STREAM, f"identifier.{kind}", None, {"key": list(KEY), **found}, None)


@pytest.fixture
def reads(ledger: TestLedger) -> Iterator[Reads]:
    """A number that a second lift claims, that passes to it, and that a third has once it is free."""
    store(ledger, [
        told("Claimed", lift=FIRST), told("Contested", lift=SECOND, owner=FIRST), told("Passed", lift=FIRST, to=SECOND),
        told("Released", lift=SECOND, why="scrapped"),
    ])  # fmt: skip
    with reading(ledger) as opened:
        yield opened


def asked(reads: Reads, query: dict[str, str], who: Author = ANYBODY) -> tuple[Any, ...]:
    """Give whose the number is, who claims it, and who had it."""
    answer = identifiers.found(Asking(reads, who, {}, query))
    assert (answer["identifier"], answer["scheme"], answer["issuer"], answer["value"]) == (STREAM, *KEY)
    return answer["lift"], answer["contenders"], answer["former"]


def test_a_number_leads_to_its_lift_as_it_was_known(reads: Reads) -> None:
    """Written with separators and in small letters too; open to every party."""
    written = {"scheme": "rescue_code", "issuer": "370102", "value": " ab-12 "}
    head = reads.log.head().size
    wanted = [(FIRST, [], []), (FIRST, [SECOND], []), (SECOND, [], [FIRST]), (None, [], [FIRST, SECOND])]
    for number, whose in enumerate(wanted):
        assert asked(reads, {**written, "known_at": str(head - 3 + number)}) == whose
    assert asked(reads, written, OPERATOR) == wanted[-1]


@pytest.mark.parametrize(
    "query,code",
    [({"scheme": "rescue_code", "issuer": "370102", "value": "AB13"}, "identifier_unknown"),
     ({"scheme": "rescue_code", "value": "AB12"}, "identifier_issuer_missing"),
     ({"scheme": "rescue_code", "issuer": "370102"}, "identifier_malformed"),
     ({}, "identifier_scheme_unknown"),
     ({"scheme": "rescue_code", "issuer": "370102", "value": "AB12", "known_at": "0"}, "identifier_unknown")],
)  # fmt: skip
def test_a_number_that_leads_nowhere_is_refused(reads: Reads, query: dict[str, str], code: str) -> None:
    """One that nobody has, that is incomplete, or that nobody had then."""
    with pytest.raises(DomainError) as refused:
        identifiers.found(Asking(reads, ANYBODY, {}, query))
    assert refused.value.code == code


def test_a_policy_is_found_by_its_insurers_number(district: District) -> None:
    """And lists are of one insurer where that is asked."""
    rows = policies.listed(district.ask(OPERATOR))["policies"]
    assert len({row["number"] for row in rows}) > 1
    for member in ("number", "insurer"):
        for value in {row[member] for row in rows} - {None}:
            found = policies.listed(district.ask(OPERATOR, {}, **{member: value}))["policies"]
            assert found == [row for row in rows if row[member] == value]
