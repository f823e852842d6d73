"""What an operator watches: whether the ledger signs at all, and how far those outside answer for it; a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from domain.time import elapsed_seconds

__all__ = ["UNWATCHED", "Cosigned", "Halt", "Unwatched", "Watch", "Witnessed"]


@dataclass(frozen=True, slots=True)
class Halt:
    """That nothing is signed any more: since when (by the machine's clock), why, and what was seen.

    `details` are those of the refusals: the log's own `size`, the size `seen`, and `findings`, one for each source.
    """

    since: str | None
    message: str
    details: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Give what an answer says of it."""
        return {"since": self.since, "message": self.message, "details": dict(self.details)}


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The last checkpoint that a witness of the policy cosigned, and the witness's time then; None where it never did.

    `name` is the one that the policy gives it.
    """

    name: str
    size: int | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The greatest checkpoint that satisfies the policy's quorum, with its ledger time; None where none does.

    `waiting_since` is when the first event of those that it does not cover was recorded, None where it covers all.
    """

    head: int
    size: int | None
    made_at: str | None
    waiting_since: str | None
    witnesses: tuple[Cosigned, ...]

    @property
    def waiting(self) -> int:
        """The number of events for which no quorum answers yet."""
        return max(self.head - (self.size or 0), 0)

    def age_s(self, now: str) -> int | None:
        """Give how old the quorum's checkpoint is."""
        return _seconds(self.made_at, now)

    def waiting_s(self, now: str) -> int:
        """Give for how long the first event that no quorum answers for has stood in the log; 0 where all are."""
        return _seconds(self.waiting_since, now) or 0

    def as_json(self, now: str) -> dict[str, Any]:
        """Give what an answer says of it at an instant."""
        return {
            "size": self.size, "made_at": self.made_at, "age_s": self.age_s(now),
            "waiting": {"events": self.waiting, "since": self.waiting_since},
            "witnesses": [{"name": each.name, "size": each.size, "cosigned_at": each.at} for each in self.witnesses],
        }  # fmt: skip


class Watch(Protocol):
    """Tells how the ledger stands (infrastructure/watching.py); cheap enough to be asked with every scrape."""

    def halt(self) -> Halt | None:
        """Give why nothing is signed, None where all is well."""

    def witnessed(self) -> Witnessed | None:
        """Give how far the witnesses answer for the log, None where no policy names any. Raises DatabaseAway."""


class Unwatched:
    """The watch over a ledger that nobody halts or witnesses."""

    def halt(self) -> Halt | None:
        """Give None."""

    def witnessed(self) -> Witnessed | None:
        """Give None."""


UNWATCHED: Final = Unwatched()


def _seconds(since: str | None, now: str) -> int | None:
    if since is None:
        return None
    return max(elapsed_seconds(since, now), 0)
