"""Fires what time alone brings about: a thread in each web worker, of which one has the duty (event-format §7).

Should two have it for a moment, as after a stop of one of them, what both fire is written once.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog

from api.logs import place_of
from application.errors import ReadMoved, VersionMoved
from application.services import Services
from application.timers import DUE_PER_ROUND_MAX, Due, fire_due
from domain.errors import Busy, DomainError
from domain.persons import Person

ROUND_S: Final = 1.0
KEPT_S: Final = 60.0
"""How long what could not be fired is left alone, as a person whom an open dispute keeps."""

log = structlog.get_logger()


class Timekeeper:
    """A thread that looks for what is due each round and writes it."""

    def __init__(self, services: Services, round_s: float = ROUND_S) -> None:
        self._services = services
        self._round_s = round_s
        self._after: Due | None = None
        """The last person of the page that was looked at; None where that was the last page."""
        self._kept: dict[Due, float] = {}
        """What could not be fired, and until when it is left alone: of the rounds of `KEPT_S`, so it stays small."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liftledger-timers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the round under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._round_s):
            try:
                if self._services.fires_timers():
                    self.fire()
            except DomainError as waits:
                log.warning("timers wait", code=waits.code)
            except Exception as error:  # noqa: BLE001 - a dead thread would leave every later timer unfired, unheard
                told = {"error": type(error).__name__, "at": place_of(error)}  # its text may hold what was to be sealed
                log.warning("timers wait", code="unforeseen", **told)

    def fire(self) -> int:
        """Write what is due now; returns how many saves. What moved meanwhile is decided again next round.

        What cannot be fired is told and holds up nothing that comes after it; a database that is away ends the round.
        """
        services, began = self._services, time.monotonic()
        now = services.clock.now()
        self._kept = {due: until for due, until in self._kept.items() if until > began}
        found = services.timers.due(now, DUE_PER_ROUND_MAX, self._after)
        written = 0
        for due in found:
            if due in self._kept:
                continue
            fired = False
            try:
                fired = self._fire_one(due, now)
            except (VersionMoved, ReadMoved):
                continue
            except Busy:
                raise
            except DomainError as refused:
                log.warning("timer not fired", type=due.type, stream=due.stream, due=due.due, code=refused.code)
            written += fired
            if not fired:
                self._kept[due] = began + KEPT_S
        persons = [due for due in found if due.type == Person.Erased.TOPIC]
        self._after = persons[-1] if len(persons) == DUE_PER_ROUND_MAX else None
        return written

    def _fire_one(self, due: Due, now: str) -> bool:
        services = self._services
        save = fire_due(
            services.origin, services.operator, due, now=now, streams=services.streams, stored=services.stored
        )
        return save is not None and not services.recorder.submit(save).result().repeated
