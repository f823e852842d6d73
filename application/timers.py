"""Acts that time brings about, written once by the ledger's own party (event-format §3, domain-model P4).

Each has a deterministic command id, so that two workers that fire the same one write it once.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from application import persons
from application.ports import Streams
from application.saves import Act, Command, Evidence, NewEvent, Save
from application.work import AggregateCache, Author, Work
from audit import canonical
from domain.aggregate import Event
from domain.errors import NotFound
from domain.funds import EXPIRY_RULE, Fund
from domain.persons import RETENTION_RULE, Person

DUE_PER_ROUND_MAX: Final = 100
_NIL: Final = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Due:
    """What is due: an event of `type` on `stream`, at the instant `due`, by a rule."""

    type: str
    stream: str
    due: str
    rule: str

    def statement(self) -> bytes:
        """Give the canonical statement that is kept as the act's evidence."""
        return canonical.encode({"type": self.type, "stream": self.stream, "due": self.due, "rule": self.rule})


class DueTimers(Protocol):
    """Tells what is due; read from a projection, so it may be late or name what has been done meanwhile."""

    def due(self, now: str, limit: int = DUE_PER_ROUND_MAX, after: Due | None = None) -> Sequence[Due]:
        """Give what is due at `now`, the earliest first, at most `limit` of a kind; persons behind `after` alone.

        Persons may stay due for years, as what a dispute keeps does: whoever asks goes through them by pages.
        """


def timer_command(origin: str, due: Due) -> str:
    """Give the command id: UUIDv5 of canonical `[type, stream, due]` in the name space UUIDv5(nil, origin)."""
    name = canonical.encode([due.type, due.stream, due.due]).decode()
    return str(uuid.uuid5(uuid.uuid5(_NIL, origin), name))


def timer_act(origin: str, operator: str, due: Due) -> Act:
    """Make the act of a timer: the operator's party, no agent, no key, evidence `timer`."""
    statement = due.statement()
    digest = hashlib.sha256(statement).hexdigest()
    command = Command(timer_command(origin, due), "TIMER", due.stream, digest)
    return Act(operator, None, None, (Evidence("timer", digest, statement),), command)


def _void_reservations(work: Work, due: Due) -> bool:
    return work.change(Fund, due.stream).expire(due.due)


def _erase_person(work: Work, due: Due) -> bool:
    return persons.destroy(work, due.stream, due.due)


_FIRES: Final[dict[tuple[str, str], Callable[[Work, Due], bool]]] = {
    (Fund.ReservationVoided.TOPIC, EXPIRY_RULE): _void_reservations,
    (Person.Erased.TOPIC, RETENTION_RULE): _erase_person,
}
"""Event type and rule → use case; it gives False, with nothing recorded, when the state has moved on."""


def fire_due(
    origin: str, operator: str, due: Due, *, now: str, streams: Streams, stored: Callable[[Event], NewEvent]
) -> Save | None:
    """Decide one due timer on what is stored; None when it is early or the state has moved on.

    A save refused with VersionMoved or ReadMoved is decided again in the next round. Raises NotFound
    `timer_unknown`.
    """
    fire = _FIRES.get((due.type, due.rule))
    if fire is None:
        raise NotFound("no timer of this type and rule", code="timer_unknown", type=due.type, rule=due.rule)
    if now < due.due:
        return None
    author = Author(operator, "operator", evidence=("timer",))
    fresh = AggregateCache()
    work = Work(origin, author, now, streams, fresh, keep=fresh)
    if not fire(work, due):
        return None
    events = tuple(stored(event) for event in work.journal.events)
    return Save(timer_act(origin, operator, due), events, reads=work.reads)
