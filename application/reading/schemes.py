"""Districts' schemes and packs as they were known at a position, for answers that hold facts against rules of law."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from application.reading.asking import Reads
from domain.aggregate import Aggregate
from domain.packs import Pack
from domain.schemes import PublishedPack, Scheme, parsed, scheme_stream

A = TypeVar("A", bound=Aggregate)


def known(reads: Reads, aggregate: A, position: int) -> A:
    """Fold into an empty aggregate what was known of its stream at a position."""
    for event in reads.streams.events(aggregate.id):
        if event.position is not None and event.position <= position:
            event.mutate(aggregate)
    return aggregate


@dataclass(slots=True)
class Rules:
    """The packs of a district, each read once."""

    reads: Reads
    position: int
    scheme: Scheme
    _packs: dict[str, Pack | None] = field(default_factory=dict)

    @classmethod
    def of(cls, reads: Reads, area: str, position: int) -> Rules:
        """Give the rules of the district that an area code of six digits or more belongs to."""
        return cls(reads, position, known(reads, Scheme(scheme_stream(area)), position))

    def pack(self, on: str) -> Pack | None:
        """Give the pack that was in force on a civil date by what was known; None where none was adopted."""
        adoption = self.scheme.adopted(on)
        if adoption is None:
            return None
        if adoption.pack not in self._packs:
            published = known(self.reads, PublishedPack(adoption.pack), self.position).published
            self._packs[adoption.pack] = None if published is None else parsed(published)
        return self._packs[adoption.pack]
