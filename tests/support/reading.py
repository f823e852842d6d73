"""The reading side over a test ledger: questions, read models brought up to date, and what such questions rest on."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from application.reading.asking import Asking, Reads
from application.work import Author
from audit import canonical
from domain.packs import Pack, load_pack, pack_as_json
from infrastructure.clock import DatabaseClock
from infrastructure.mapper import LogStreams
from infrastructure.projector import Projector
from infrastructure.views import SqlViews
from tests.support.history import PARTIES, Told, name
from tests.support.saving import ORIGIN, TestLedger

OPERATOR = Author(PARTIES[4], "operator")


@contextmanager
def reading(ledger: TestLedger) -> Iterator[Reads]:
    """Open the reading side of a ledger, its read models up to date."""
    project(ledger)
    views, clock = SqlViews(ledger.database, ORIGIN), DatabaseClock(ledger.database)
    try:
        yield Reads(ORIGIN, ledger.recorder, views, LogStreams(ledger.recorder), clock)
    finally:
        views.close()
        clock.close()


def project(ledger: TestLedger) -> None:
    """Bring the read models up to date."""
    projector = Projector(ledger.database)
    projector.catch_up()
    projector.close()


def ask(reads: Reads, author: Author = OPERATOR, path: dict[str, str] | None = None, **query: str) -> Asking:
    """Make a question."""
    return Asking(reads, author, path or {}, query)


def adopted(
    area: str = "370102", pack: Pack | None = None, number: int = 1, from_date: str = "2020-01-01"
) -> list[Told]:
    """Publish a pack, the province's if none is given, and adopt it for a district."""
    pack = pack or load_pack("shandong@1")
    stream = name(random.Random(number), "pack")
    document: Any = pack_as_json(pack)
    digest = hashlib.sha256(canonical.encode(document)).hexdigest()
    said = {"area": area, "pack": stream, "version": pack.version, "from_date": from_date, "document": "D"}
    return [
        Told(
            stream,
            "pack.Published",
            {"id": stream},
            {"version": pack.version, "digest": digest, "pack": document},
            None,
        ),
        Told(f"scheme:{area}", "scheme.PackAdopted", said, {"name": pack.name}, None),
    ]
