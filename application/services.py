"""What the doors are given: everything wired, nothing known of how it is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from application.actions import Actions
from application.door import Door
from application.exporting import Exports
from application.ports import Clock, Recorder, Streams
from application.proving import Proofs
from application.reading.asking import Reads
from application.reading.personal import Disclosing
from application.saves import NewEvent
from application.timers import DueTimers
from domain.aggregate import Event


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process; `close` ends what was opened and may be called twice."""

    origin: str
    operator: str
    actions: Actions
    recorder: Recorder
    streams: Streams
    clock: Clock
    reads: Reads
    disclosing: Disclosing
    timers: DueTimers
    proofs: Proofs
    vkeys: Callable[[], Sequence[str]]
    """The ledger's verifier keys as its stream states them: receipts, checkpoints, then those that were handed on."""
    fires_timers: Callable[[], bool]
    """Says whether it is this process that fires timers now: one of all that serve the ledger does."""
    exports: Exports
    stored: Callable[[Event], NewEvent]
    door: Door
    close: Callable[[], None] = field(repr=False)
