"""What the event loop decides from: the cache alone; whatever is not there is looked up in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from application.ports import PersonRecords
from application.work import Miss
from domain.aggregate import Event


class CacheOnly:
    """`application.ports.Streams` of the event loop: it has nothing but the cache. Raises Miss."""

    def events(self, stream: str) -> Sequence[Event]:
        """Refuse to wait."""
        raise Miss(stream)

    def many(self, _streams: Sequence[str]) -> dict[str, Sequence[Event]]:
        """Give none."""
        return {}

    def sources(self, keys: Iterable[tuple[str, str, str, str]]) -> dict[tuple[str, str, str, str], str]:
        """Refuse to wait."""
        raise Miss(str(tuple(keys)))

    def records_of(self, person: str) -> PersonRecords:
        """Refuse to wait."""
        raise Miss(person)

    def persons_in(self, matters: Sequence[str], _limit: int) -> Sequence[str]:
        """Refuse to wait."""
        raise Miss(str(matters))

    def keeping(self, streams: Sequence[str], _limit: int) -> Sequence[str]:
        """Refuse to wait."""
        raise Miss(str(streams))
