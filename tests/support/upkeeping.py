"""A world of lifts, contracts and visits: what its services take of each act, a naive model is told too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from application import contracts, countersigning, lift_changes, lifts, maintenance, schemes
from application.reading.asking import Reads
from application.reading.overdue import Missing
from application.work import Author
from domain.aggregate import Event
from domain.errors import DomainError
from domain.findings import Finding
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear, Visit
from domain.parties import Agent, Party
from tests.support.book import ORIGIN, Book
from tests.support.naiveupkeep import Fact, Naive, Pack, Visited, moment, ordinal, text
from tests.support.seeding import seed


def named(kind: str, number: int) -> str:
    """Give a name that is the same in every run."""
    version = 7 if kind in {"lift", "contract", "visit", "pack"} else 4
    return f"{kind}:018f3a5b-d9cb-{version}69f-a165-{number:012x}"


AREA = "370102"
UNIT = Author(named("party", 1), "use_unit", key=named("key", 1))
SIGNER = replace(
    UNIT, agent=named("agent", 1), roles=frozenset({"safety_administrator"}), key=named("key", 2), personal=True
)
OPERATOR = Author(named("party", 2), "operator", key=named("key", 3))
MAINTAINERS = [Author(named("party", 10 + n), "maintainer", key=named("key", 10 + n)) for n in range(3)]
WORKERS = [[named("agent", 100 * n + m) for m in range(1, 3)] for n in range(1, 4)]
RECORDS = [named("lift", n) for n in range(1, 3)]
BEGIN = datetime(2025, 12, 1, 2, tzinfo=UTC)
PACKS = [Pack(15, 24, 2), Pack(10, 12, 1)]
MINUTES = {"HM": 30, "TM": 40, "SM": 50, "OY": 60, "FM": 30}


def instant(at: datetime) -> str:
    """Write an instant."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _brief(found: Finding) -> tuple[str, str, int]:
    return found["code"], found["verdict"], int(found.get("facts", {}).get("days", 0))


def toml(pack: Pack, number: int) -> str:
    """Give a pack that asks for other numbers than the province's."""
    told = (
        ("interval_days_max", pack.interval_days, "days", "violates"),
        ("countersign_hours_max", pack.sign_hours, "hours", "information"),
        ("workers_min", pack.workers_min, "persons", "manual_review"),
    )
    head = f'id="own"\nversion={number}\ntitle="x"\narea="370100"\ndemonstration=false\nbased_on="shandong@1"\n'
    rules = [
        f'[[rule]]\nid="maintenance.{name}"\ntitle="t"\nvalue={value}\nunit="{unit}"\nbasis="b"\ngrade="government"\n'
        f'breach="{breach}"\nfrom="2017-08-01"\n'
        for name, value, unit, breach in told
    ]
    return f"[pack]\n{head}{''.join(rules)}"


class Stored:
    """A book's streams as the log gives them back: what has no time of its own has that of its recording."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def events(self, stream: str) -> Sequence[Event]:
        """Give a stream's events."""
        return [replace(e, effective_at=e.effective_at or e.recorded_at) for e in self._book.events(stream)]


@dataclass
class World:
    """Two records of lifts, a use unit, three maintainers with two workers each, at an instant that only goes on."""

    now: datetime = BEGIN
    facts: list[Fact] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    contracts: dict[str, int] = field(default_factory=dict)
    made: int = 0
    book: Book = field(init=False)

    def __post_init__(self) -> None:
        """Register the lifts, the first with a maintainer that the register states."""
        tables = (lifts, lift_changes, contracts, maintenance, countersigning, schemes)
        self.book = Book({action.id: action for table in tables for action in table.ACTIONS}, now=instant(BEGIN))
        for author in (UNIT, OPERATOR, *MAINTAINERS):
            party = {"id": author.party, "kind": author.kind}
            seed(self.book, Party, author.party, OPERATOR.party, Party.Registered, party)
        enrolled = [(w, MAINTAINERS[n].party, "worker") for n, crew in enumerate(WORKERS) for w in crew]
        for agent, of, role in [*enrolled, (SIGNER.agent or "", UNIT.party, "safety_administrator")]:
            enrolment = {"id": agent, "party": of, "role": role, "certificate": {"of": agent}}
            seed(self.book, Agent, agent, of, Agent.Enrolled, enrolment)
        for number, record in enumerate(RECORDS):
            holder = None if number else MAINTAINERS[0].party
            said: dict[str, Any] = {
                "id": record, "variety": "3110", "area": AREA, "status": "in_use", "use_unit": UNIT.party,
                "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": str(number)}],
                **({} if holder is None else {"maintainer": holder}),
            }  # fmt: skip
            self.book.act(UNIT, "lift.register", said)
            self.learn("registered", record=record, on=ordinal(BEGIN), holder=holder)
        for number, pack in enumerate(PACKS):
            name = named("pack", number)
            self.book.act(OPERATOR, "pack.publish", {"id": name, "toml": toml(pack, number + 1)})

    @property
    def known(self) -> int:
        """The position of the last event."""
        return len(self.book.log)

    @property
    def today(self) -> int:
        """The civil day."""
        return ordinal(self.now)

    def learn(self, kind: str, **said: Any) -> None:  # noqa: ANN401 - each fact has members of its own
        """Tell the model what was taken."""
        self.facts.append(Fact(self.known, kind, said))

    def naive(self, known: int | None = None) -> Naive:
        """Give the model as of a position."""
        return Naive.of(self.facts, self.known if known is None else known)

    def wait(self, days: int, hour: int) -> None:
        """Let time pass, to an hour of UTC."""
        self.now = max(self.now, (self.now + timedelta(days=days)).replace(hour=hour, minute=0))

    def act(self, author: Author, action: str, said: dict[str, Any], **path: str) -> list[Event] | None:
        """Do it; None where it was refused."""
        self.book.now = instant(self.now)
        try:
            return self.book.act(author, action, said, **path)
        except DomainError as error:
            self.refused.append(f"{action} {error.code}")
            return None

    # ------------------------------------------------------------------------------------------------ lifts, rules

    def status(self, record: str, days: int, status: str) -> None:
        """Change a status from a day on."""
        on = self.today + days
        if self.act(UNIT, "lift.change_status", {"status": status, "effective_on": text(on)}, lift=record):
            self.learn("status", record=record, on=on, status=status)

    def merge(self, which: int) -> None:
        """Let one record go up in the other."""
        record, into = RECORDS[which], RECORDS[1 - which]
        if self.act(UNIT, "lift.merge", {"into": into}, lift=record):
            self.learn("merged", record=record, into=into, on=self.today)

    def adopt(self, number: int, days: int) -> None:
        """Adopt a pack from a day on."""
        on = self.today + days
        said = {
            "area": AREA, "pack": named("pack", number), "version": number + 1, "from_date": text(on),
            "document": "a" * 64,
        }  # fmt: skip
        if self.act(OPERATOR, "scheme.adopt", said):
            self.learn("adopted", on=on, pack=PACKS[number])

    # ------------------------------------------------------------------------------------------------ contracts

    def begin(self, who: int, by: bool, records: Sequence[str], days: int, length: int | None, level: str) -> None:
        """Begin a contract, by the use unit's word or the maintainer's own."""
        maintainer, on = MAINTAINERS[who], self.today + days
        author = UNIT if by else maintainer
        name, until = named("contract", len(self.contracts)), None if length is None else on + length
        said = {
            "id": name, "maintainer": maintainer.party, "lifts": list(records), "from_date": text(on), "level": level,
            **({} if until is None else {"to_date": text(until)}),
        }  # fmt: skip
        if self.act(author, "contract.begin", said):
            self.contracts[name] = who
            self.learn(
                "begun", contract=name, maintainer=maintainer.party, records=records, on=on, until=until, level=level,
                by="unit" if by else maintainer.party,
            )  # fmt: skip

    def change(self, number: int, by: bool, kind: str, record: str, days: int, level: str) -> None:
        """Change a contract: who joins or leaves, until when it runs, at what level."""
        if not self.contracts:
            return
        name = sorted(self.contracts, reverse=True)[number % len(self.contracts)]
        members = [r for r, stays in self.naive().contracts[name].members.items() if stays[-1][1] is None]
        if kind in {"joined", "left"}:
            fitting = members if kind == "left" else [r for r in RECORDS if r not in members]
            record = fitting[number % len(fitting)] if fitting else record
        maintainer = MAINTAINERS[self.contracts[name]]
        author, on = UNIT if by else maintainer, self.today + days
        if kind == "end":
            if self.act(author, "contract.end", {"ended_on": text(on)}, contract=name):
                self.learn("until", contract=name, until=on)
            return
        words: Mapping[str, dict[str, Any]] = {
            "joined": {"joining": [record]}, "left": {"leaving": [record]}, "until": {"to_date": text(on)},
            "level": {"level": level},
        }  # fmt: skip
        day = self.naive().contracts[name].from_day if kind == "until" else on
        if not self.act(author, "contract.change", {"effective_on": text(day), **words[kind]}, contract=name):
            return
        facts: Mapping[str, dict[str, Any]] = {
            "joined": {"record": record, "on": on, "by": "unit" if by else maintainer.party},
            "left": {"record": record, "on": on},
            "until": {"until": on, "by": "unit" if by else maintainer.party}, "level": {"on": on, "level": level},
        }  # fmt: skip
        self.learn(kind, contract=name, **facts[kind])

    # ------------------------------------------------------------------------------------------------ visits

    def opening(self, who: int, record: str, at: datetime, level: str, workers: Sequence[str]) -> dict[str, Any]:
        """Give the opening of a visit with the next name."""
        self.made += 1
        return {
            "id": named("visit", self.made), "lift": record, "level": level, "workers": list(workers),
            "opened_at": instant(at), "offline": True,
        }  # fmt: skip

    def visit(
        self, who: int, record: str, at: datetime, minutes: int, level: str, workers: Sequence[str],
        corrects: str | None = None, *, whole: bool = True,
    ) -> list[Event] | None:  # fmt: skip
        """Record a visit whole, as a correction of another, or only its beginning."""
        author, opened = MAINTAINERS[who], self.opening(who, record, at, level, workers)
        finished = at + timedelta(minutes=minutes)
        said: dict[str, Any] = {"opened": opened, "finished": {"finished_at": instant(finished)}}
        if corrects is not None:
            said["corrects"] = {**self.place(corrects), "why": "mistaken"}
        action = "visit.open" if not whole else "visit.submit" if corrects is None else "visit.correct"
        events = self.act(author, action, said if whole else opened)
        if events is None:
            return None
        came = self.now
        (begun,) = [e for e in events if isinstance(e, MaintenanceYear.Opened)]
        flagged = tuple(found["code"] for found in begun.found["findings"])
        visit = Visited(
            record, author.party, level, tuple(workers), at, came, finished if whole else None, came if whole else None,
            corrects, flagged=flagged,
        )  # fmt: skip
        if corrects is not None:
            self.learn("corrected", name=corrects, at=came)
        self.learn("visited", name=opened["id"], visit=visit)
        return events

    def finish(self, name: str, minutes: int) -> list[Event] | None:
        """End an open visit."""
        visit = self.naive().visits[name]
        at = visit.opened + timedelta(minutes=minutes)
        author = next(m for m in MAINTAINERS if m.party == visit.party)
        events = self.act(author, "visit.finish", {**self.place(name), "finished_at": instant(at)})
        if events is not None:
            self.learn("finished", name=name, at=at, came=self.now)
        return events

    def countersign(self, name: str, hours: int, *, personal: bool) -> list[Event] | None:
        """Sign a visit some hours ago."""
        at = self.now - timedelta(hours=hours)
        digest = self.recorded(name).digest or "0" * 64
        said = {**self.place(name), "digest": digest, "signed_at": instant(at)}
        events = self.act(SIGNER if personal else UNIT, "visit.countersign", said)
        if events is not None:
            self.learn("signed", name=name, at=at, personal=personal)
        return events

    def place(self, name: str) -> dict[str, Any]:
        """Name a visit as requests do."""
        visit = self.naive().visits[name]
        return {"lift": visit.record, "year": int(text(visit.day)[:4]), "visit": name}

    def recorded(self, name: str) -> Visit:
        """Give the product's visit."""
        where = self.place(name)
        return self.book.state(MaintenanceYear, f"{where['lift']}/maintenance:{where['year']}").visit(name)

    # ------------------------------------------------------------------------------------------------ reading

    def missing(self, known: int, at: datetime) -> dict[str, list[tuple[str, str, int]]]:
        """Give what the product finds by visit: code, verdict, days where there are such."""
        reads = Reads(ORIGIN, None, None, Stored(self.book), None)  # type: ignore[arg-type] # only streams are read
        judged = Missing(reads, known, instant(at))
        streams = [s for s in self.book.streams if "/maintenance:" in s]
        return {
            visit: sorted(_brief(each) for each in found)
            for stream in streams
            for visit, found in judged.of(stream).items()
        }

    def uncared(self, known: int, at: datetime) -> dict[str, list[tuple[str, str, int]]]:
        """Give what the product finds by record of a lift: code, verdict, days where there are such."""
        reads = Reads(ORIGIN, None, None, Stored(self.book), None)  # type: ignore[arg-type] # only streams are read
        judged = Missing(reads, known, instant(at))
        return {record: sorted(_brief(found) for found in judged.of_lift(record)) for record in RECORDS}

    def lift(self, record: str) -> Lift:
        """Give the product's lift."""
        return self.book.state(Lift, record)


__all__ = ["MINUTES", "PACKS", "Naive", "Visited", "World", "moment"]
