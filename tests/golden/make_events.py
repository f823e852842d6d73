"""Makes the golden files that are missing: one for each version of each event type, from what use cases wrote.

A file that exists is never written again: its bytes stand for those in ledgers. Run it as
`python -m tests.golden.make_events`. Where the present code holds an aggregate's state in another form, `--state TYPE`
writes the states of that type's files anew; the bytes stay.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from application.actions import Actions
from application.saves import Act, Evidence, NewEvent, Save
from audit import canonical
from domain.aggregate import Aggregate, Event, type_registry
from domain.ledgers import MAP_STREAM, STREAM, HeadMap, Ledger
from infrastructure.mapper import to_event
from infrastructure.stepped import clock_stepped
from infrastructure.stepping import Step, to_us
from tests.support.rehearsal import ORIGIN, Rehearsal, repeatable
from tests.support.states import shown
from tests.support.story.whole import performed

FOLDER: Final = Path(__file__).parent / "events"
Stored = tuple[bytes, bytes]
"""Header and body."""


def types() -> dict[str, type[Event]]:
    """Give the ledger's event types; other tests register some of their own."""
    return {topic: kind for topic, kind in type_registry.items() if kind.__module__.startswith("domain.")}


def pairs() -> set[tuple[str, int]]:
    """Give every event type with each schema it ever had."""
    return {(topic, schema) for topic, kind in types().items() for schema in range(1, kind.SCHEMA + 1)}


def file_of(topic: str, schema: int) -> Path:
    """Give the golden file of a type and schema."""
    return FOLDER / f"{topic}.{schema}.json"


def folded(events: Iterable[Stored]) -> Aggregate:
    """Fold a stream from its stored bytes by today's code."""
    aggregate: Aggregate | None = None
    for header, body in events:
        aggregate = to_event(header, body).mutate(aggregate)
    assert aggregate is not None
    return aggregate


def reserved() -> Rehearsal:
    """Give a ledger with the events that no request writes, as the format describes them (event-format §5, §8)."""
    ledger = Rehearsal()
    with repeatable("reserved"):
        operator, now = ledger.begin(Actions()).party, to_us(ledger.now)
        ledger.save(clock_stepped(ORIGIN, operator, 2, Step(7_000_000, now, now), accepted=None))
        checkpoint = "scripted.ledger.example/older\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
        founds: tuple[tuple[str, dict[str, Any]], ...] = (
            (Ledger.KeyRotated.TOPIC, {"receipt": f"{ORIGIN}/receipt+00000000+AQ=="}),
            (Ledger.Continued.TOPIC, {"origin": "scripted.ledger.example/older", "checkpoint": checkpoint}),
        )
        for version, (topic, found) in enumerate(founds, 3):
            body = canonical.encode({"found": found, "from": None, "said": None, "salt": "5a" * 16})
            evidence = Evidence("jwt", hashlib.sha256(b"reserved").hexdigest(), b"reserved")
            ledger.save(Save(Act(operator, None, None, (evidence,), None), (NewEvent(STREAM, version, topic, body),)))
        rooted: Any = {"count": 4, "root": hashlib.sha256(b"rooted").hexdigest(), "size": 7}
        body = canonical.encode({"found": rooted, "from": None, "said": None, "salt": "5a" * 16})
        root = NewEvent(MAP_STREAM, 1, HeadMap.Rooted.TOPIC, body)
        ledger.save(Save(Act(operator, None, None, (), None), (root,)))
    return ledger


@cache
def streams() -> tuple[tuple[Stored, ...], ...]:
    """Give every stream of the story, and the ledger's own with its reserved events."""
    return tuple(
        tuple((stored.header, stored.body) for stored in ledger.stream(stream))
        for ledger in (performed(), reserved())
        for stream in ledger.streams()
    )


def golden(topic: str, schema: int) -> dict[str, Any] | None:
    """Give what a new file says: of all events of the type the one with the shortest history."""
    best: Sequence[Stored] | None = None
    for stream in streams():
        for index, (header, _) in enumerate(stream):
            told = json.loads(header)
            if (told["type"], told["schema"]) == (topic, schema) and (best is None or index + 1 < len(best)):
                best = stream[: index + 1]
    return None if best is None else _written(topic, schema, best)


def _written(topic: str, schema: int, events: Sequence[Stored]) -> dict[str, Any]:
    *before, (header, body) = events
    return {
        "type": topic, "schema": schema, "stream": json.loads(header)["stream"], "header": header.decode(),
        "body": body.decode(), "given": [{"header": h.decode(), "body": b.decode()} for h, b in before],
        "state": shown(folded(events)),
    }  # fmt: skip


def read(path: Path) -> tuple[dict[str, Any], list[Stored]]:
    """Read a golden file: what it says, and the bytes of its events in order, the one it is about last."""
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    events = [(event["header"].encode(), event["body"].encode()) for event in [*told["given"], told]]
    return told, events


def write(path: Path, told: dict[str, Any]) -> None:
    """Write a golden file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Make what is missing; returns 1 if the story writes no event of a type."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", action="append", default=[], metavar="TYPE")
    options = parser.parse_args(arguments)
    unwritten = []
    for topic, schema in sorted(pairs()):
        path = file_of(topic, schema)
        if path.exists():
            if topic in options.state:
                told, events = read(path)
                write(path, {**told, "state": shown(folded(events))})
            continue
        told_new = golden(topic, schema)
        if told_new is None:
            unwritten.append(f"{topic} {schema}")
        else:
            write(path, told_new)
    sys.stderr.write("".join(f"no event in the story: {line}\n" for line in unwritten))
    return 1 if unwritten else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
