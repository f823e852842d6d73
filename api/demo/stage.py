"""What the scenes of the demonstration share: the cast, the calendar, and what has been made so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from api.client import Client
from api.demo.actors import Cast
from api.demo.district import LiftPlan

BEGIN: Final = date(2025, 11, 1)
END: Final = date(2026, 10, 31)
HOUR: Final = 9
"""The hour of the day in UTC at which the demonstration writes: 17:00 in Shanghai."""
LINES_A_REQUEST: Final = 2_000

Scene = Callable[["Stage"], None]


@dataclass(frozen=True, slots=True)
class LiftNote:
    """A registered lift: its plan, its name in the ledger, its building's and estate's."""

    plan: LiftPlan
    name: str
    building: str | None
    estate: str | None

    @property
    def area(self) -> str:
        """The district's code of six digits."""
        return self.plan.town[:6]


@dataclass(slots=True)
class Clockwork:
    """The scripted clock: moves the ledger's time and remembers it."""

    set_ledger: Callable[[str], None]
    today: date = BEGIN
    seconds: int = 0

    def move(self, to: date, hour: int = HOUR) -> None:
        """Set the ledger's time to an hour of a day; it never goes back."""
        moment = datetime(to.year, to.month, to.day, hour, tzinfo=UTC)
        if int(moment.timestamp()) <= self.seconds:
            return
        self.today = to
        self.seconds = int(moment.timestamp())
        self.set_ledger(moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z"))

    def unix(self) -> float:
        """Give the ledger's time in Unix seconds."""
        return float(self.seconds)


@dataclass(slots=True)
class Stage:
    """The demonstration under way; `schedule` holds the scenes to come by day, `rejects` is the folder for bad rows.

    `size` is the number of the invented district's lifts, None for all of them.
    """

    cast: Cast
    clock: Clockwork
    register: Path | None = None
    rejects: Path = Path("var")
    size: int | None = None
    schedule: dict[date, list[tuple[str, Scene]]] = field(default_factory=dict)
    lifts: list[LiftNote] = field(default_factory=list)
    products: dict[str, str] = field(default_factory=dict)
    funds: list[str] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)
    """Visits made, by the level of their work."""
    late: list[tuple[str, str]] = field(default_factory=list)
    """Visits countersigned on the next morning: lift and visit."""
    erased: dict[str, str] = field(default_factory=dict)
    """Persons by what they are in the story."""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Signed requests that wrote, so far."""
        return self.cast.account.requests

    @property
    def events(self) -> int:
        """Events that they wrote."""
        return self.cast.account.events

    @property
    def refused(self) -> list[Mapping[str, Any]]:
        """Lines of theirs that the ledger refused."""
        return self.cast.account.refused

    def at(self, day: date, title: str, scene: Scene) -> None:
        """Plan a scene for a day; days past the end are left out."""
        if day <= END:
            self.schedule.setdefault(day, []).append((title, scene))

    def after(self, days: int, title: str, scene: Scene) -> None:
        """Plan a scene some days from today."""
        self.at(self.clock.today + timedelta(days=days), title, scene)

    def post(self, client: Client, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write one body and count it."""
        return self.cast.account.count(client.post(path, body))

    def lines(self, client: Client, path: str, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Write many bodies as NDJSON, some thousand lines a request; gives the answers."""
        return [
            self.cast.account.count(client.post_lines(path, bodies[start : start + LINES_A_REQUEST]))
            for start in range(0, len(bodies), LINES_A_REQUEST)
        ]


def events_of(answer: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Give an answer's events of one type."""
    return [event for group in answer["groups"] for event in group["events"] if event["type"] == kind]


def day(moment: date) -> str:
    """Write a civil date."""
    return moment.isoformat()


def instant(moment: date, hour: int, minute: int = 0, second: int = 0) -> str:
    """Write an instant given in Shanghai's hours (UTC+8)."""
    local = datetime(moment.year, moment.month, moment.day, hour, minute, second, tzinfo=UTC) - timedelta(hours=8)
    return local.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def year_from(start: date) -> str:
    """Give the first day after a year that begins on a day."""
    return day(date(start.year + 1, start.month, min(start.day, 28) if start.month == 2 else start.day))  # noqa: PLR2004 - February
