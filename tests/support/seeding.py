"""Events put into a book without a use case: what other nouns recorded before the case at hand begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.aggregate import Aggregate, Authorship, Event, Journal, Statement
from tests.support.book import Book


def seed(
    book: Book, kind: type[Aggregate], stream: str, party: str, event: type[Event], said: Mapping[str, Any],
    found: Mapping[str, Any] | None = None, effective_at: str | None = None,
) -> None:  # fmt: skip
    """Append one event to a stream, as `party` would have recorded it."""
    aggregate = kind(stream)
    aggregate.journal = Journal(Authorship(party, None, None, ()))
    for past in book.events(stream):
        past.mutate(aggregate)
    aggregate.record(event, Statement(dict(said), "", None, effective_at), found)
    book.given(*aggregate.journal.events)
