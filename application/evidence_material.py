"""What evidence bundles are made of, and for whom: the port through which everything of them is read at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from application.saves import StoredHeader
from audit.bundles import Stamp
from audit.events import Header
from audit.pages import Answers, Questions


class SaveRow(NamedTuple):
    """A save as it is stored: first position, receipt, and the leaves of its events."""

    first: int
    receipt: str
    leaves: Sequence[bytes]


class Stamped(NamedTuple):
    """Names a time stamp: the size of the checkpoint that it is over, and who gave it."""

    size: int
    authority: str


class Material(Protocol):
    """What bundles are made of, read at one moment (infrastructure/evidence_reader.py)."""

    def chains(self, subjects: Sequence[str], before: int) -> Mapping[str, Sequence[bytes]]:
        """Give the headers of subjects by seq, of events ahead of a position; subjects without any are absent."""

    def events(self, positions: Iterable[int]) -> Mapping[int, StoredHeader]:
        """Give events by position."""

    def positions(self, versions: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Give the positions of events by stream and version."""

    def saves(self, positions: Iterable[int]) -> Sequence[SaveRow]:
        """Give the saves of events, each once, in order."""

    def ask(self, questions: Questions) -> Answers:
        """Give evidence, requests and sealed values."""

    def line_hashes(self, party: str, command: str) -> Sequence[bytes]:
        """Give the hashes of all lines of a request."""

    def paths(self, positions: Iterable[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """Give the audit paths of events in the tree of a size."""

    def stamped(self, least: int, size: int) -> Stamped | None:
        """Find the first stamp of a checkpoint over `least` events, of those up to `size`, else the last there is."""

    def stamp(self, stamped: Stamped, size: int) -> Stamp:
        """Give a stamp, and the path from what it is over to the tree of a size."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """For whom a bundle is: what he may see of an event's words, and whether sealed values are opened for him."""

    party: str
    sees: Callable[[Header], bool]
    sees_all: bool = False
    opens_own: bool = True
    """Whether personal values are opened that the party wrote: not where an agent asks who is no administrator."""

    def opens(self, header: Header) -> bool:
        """Say whether personal values are opened for him: those that he wrote himself."""
        return self.opens_own and header.party == self.party
