"""Exports of evidence as events: who may have a bundle made for whom, and what is recorded of it."""

from __future__ import annotations

from typing import Any

import pytest

from application.access import query_of
from application.catalogue import ACTIONS
from application.work import Author
from domain.access import Access, stream_of
from domain.aggregate import Event
from domain.errors import DomainError, Forbidden, Invalid, NotFound
from domain.parties import Party
from tests.support.book import Book
from tests.support.bundles import LIFT
from tests.support.rehearsal import name

INSURER, OTHER = name("party", "insurer"), name("party", "other")
FACTS = {"size": 7, "manifest": "ab" * 32}


def book() -> Book:
    """Give a book with two parties, and facts of a bundle that was made."""
    made = Book(ACTIONS.by_id, facts=FACTS)
    author = Author(name("party", "operator"), "operator").authorship()
    for party in (INSURER, OTHER):
        said = {"id": party, "kind": "insurer", "name": "x"}
        made.given(
            Party.Registered(
                originator_id=party, originator_version=1, said=said, found={}, at="", line=None, effective_at=None,
                author=author,
            )
        )  # fmt: skip
    return made


def export(made: Book, kind: str = "insurer", author: str = INSURER, **members: Any) -> list[Event]:  # noqa: ANN401 - JSON
    """Export."""
    return made.act(Author(author, kind), "evidence.export", {"party": INSURER, "streams": [LIFT], **members})


def test_an_export_stands_with_the_party_that_it_is_for() -> None:
    """Its own subject says what a party was given: the query, the checkpoint's size, the digest of the bundle."""
    made = book()
    (event,) = export(made, recorded_from="2025-01-01T00:00:00.000000Z", purpose="court")
    found = {name: value for name, value in event.found.items() if name != "reads"}
    assert (event.TOPIC, event.originator_id, found) == ("access.Exported", stream_of(INSURER), FACTS)
    export(made)
    assert made.state(Access, stream_of(INSURER)).exports == 2


def test_everyone_may_have_his_own_and_the_operator_anyone_s() -> None:
    """A bundle is cut to what its receiver may see, so no one else may ask for it."""
    made = book()
    export(made, kind="operator", author=name("party", "operator"))
    with pytest.raises(Forbidden):
        export(made, author=OTHER)
    with pytest.raises(NotFound):
        export(made, kind="operator", party=name("party", "nobody"))


def test_no_export_without_a_bundle() -> None:
    """What is recorded was made."""
    made = book()
    made.facts = {}
    with pytest.raises(Invalid) as caught:
        export(made)
    assert caught.value.code == "evidence_unmade"


@pytest.mark.parametrize(
    "said, code",
    [
        ({"streams": ["lift:1"]}, "stream_invalid"),
        ({"streams": ["map"]}, "stream_invalid"),
        ({"streams": [LIFT, LIFT]}, "stream_twice"),
        (
            {
                "streams": [LIFT], "recorded_from": "2025-01-02T00:00:00.000000Z",
                "recorded_until": "2025-01-02T00:00:00.000000Z",
            },
            "time_empty",
        ),
    ],
)  # fmt: skip
def test_questions_without_sense_are_refused(said: dict[str, Any], code: str) -> None:
    """Names that no stream has, the map, a stream twice, a time that is over before it begins."""
    with pytest.raises(DomainError) as caught:
        query_of(said)
    assert caught.value.code == code
