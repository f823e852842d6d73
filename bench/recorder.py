"""The recorder against the library's own PostgreSQL recorder in its safe default mode, on one server, in turns.

Both store the same events (body of about 330 bytes); ours adds header, hash, chain, tree, command, token and a signed
receipt for each save. Slices alternate, because machines drift: trust the ratios. Beside them stands the physical
limit, commits of one row by one connection.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from uuid_utils import uuid7

from api.collector import calm_collector
from application.saves import Act, Command, Evidence, NewEvent, Save
from audit import canonical
from infrastructure.connection import Database
from infrastructure.embedded import embedded_server
from infrastructure.migrations import migrate
from infrastructure.recorder import LedgerRecorder

SLICES: Final = 5
SLICE_S: Final = 2.0
SHAPES: Final = ((1, 1), (8, 1), (64, 1), (8, 31), (4, 250))
"""Writers × events a save."""
TARGETS: Final = {(1, 1): 0.75, (64, 1): 4.0, (8, 31): 1.2, (4, 250): 1.2}
BODY = canonical.encode({"found": {}, "from": {"at": "", "line": None}, "said": {"note": "x" * 200}, "salt": "0" * 32})
_SQL_POOL = 5  # the library's defaults
_SQL_OVERFLOW = 10


@dataclass(slots=True, eq=False)
class Slice:
    """Events and latencies of one slice."""

    seconds: float
    events: int
    latencies_ms: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    def percentile(self, part: float) -> float:
        """Latency of a save in milliseconds that this part of them did not exceed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def slice_of(write: Callable[[int], None], writers: int, events: int, seconds: float, warming: float = 0.0) -> Slice:
    """Let so many threads save as fast as they can for a while; what ended in the first `warming` is not counted."""
    latencies: list[list[tuple[float, float]]] = [[] for _ in range(writers)]
    gate = threading.Barrier(writers + 1)
    stop = time.perf_counter() + 3600

    def work(mine: list[tuple[float, float]]) -> None:
        gate.wait()
        while (began := time.perf_counter()) < stop:
            write(events)
            ended = time.perf_counter()
            mine.append((ended, (ended - began) * 1000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in latencies]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter() + warming
    stop = began + seconds
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - began
    saves = [latency for mine in latencies for ended, latency in mine if ended >= began]
    return Slice(taken, len(saves) * events, saves)


class Ours:
    """Saves through the ledger's recorder, each with a token and a command of its own."""

    def __init__(self, url: str, schema: str) -> None:
        migrate(url, schema=schema)
        origin = f"bench.example/{schema}"
        self.recorder = LedgerRecorder(Database(url, schema), origin, Ed25519PrivateKey.generate())

    def write(self, events: int) -> None:
        """Save some events of a new stream, and wait until they are durable."""
        stream = f"lift:{uuid7()}"
        token = os.urandom(300).hex().encode()
        act = Act(
            "party:691fb5e3-3c31-4ef5-ba28-8d10d1e7b4b7", None, "key:1db38fc1-623a-445c-aae5-d1ff1207d5be",
            (Evidence("jwt", sha256(token).hexdigest(), token),),
            Command(str(uuid.uuid4()), "POST", "/lifts", "0" * 64), int(time.time()),
        )  # fmt: skip
        new = tuple(NewEvent(stream, version, "lift.Registered", BODY) for version in range(1, events + 1))
        self.recorder.submit(Save(act, new)).result()


class Plain:
    """Saves through the library's own recorder, with the settings that its factory takes by default."""

    def __init__(self, url: str, schema: str) -> None:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.datastore = PostgresDatastore(
            dbname=parts.path[1:], host=parts.hostname or query.get("host", ""),
            port=parts.port or query.get("port", "5432"), user=unquote(parts.username or ""),
            password=unquote(parts.password or ""), pool_size=_SQL_POOL, max_overflow=_SQL_OVERFLOW, schema=schema,
            originator_id_type="text",
        )  # fmt: skip
        self.recorder = PostgresApplicationRecorder(self.datastore)
        self.recorder.create_table()

    def write(self, events: int) -> None:
        """Save some events of a new stream, and wait until they are durable."""
        stream = f"lift:{uuid7()}"
        self.recorder.insert_events(
            [StoredEvent(stream, version, "lift.Registered", BODY) for version in range(1, events + 1)]
        )


def commits(url: str, seconds: float) -> float:
    """Give how many rows a second one connection commits, one by one: what the disk allows one writer."""
    schema = f"one_{os.urandom(4).hex()}"
    with _schema(url, schema), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE TABLE "{schema}".one (data bytea)')
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            connection.execute(f'INSERT INTO "{schema}".one VALUES (%b)', (BODY,), prepare=True)  # noqa: S608 - hex
            count += 1
        return count / (time.perf_counter() - began)


def shape(ours: Ours, plain: Plain, writers: int, events: int, slices: int, seconds: float) -> dict[str, Any]:
    """Measure one shape in alternating slices; the ratio of each pair is what counts."""
    slice_of(ours.write, writers, events, seconds / 4)
    slice_of(plain.write, writers, events, seconds / 4)
    pairs: list[tuple[Slice, Slice]] = []
    for number in range(slices):
        if number % 2:
            second = slice_of(plain.write, writers, events, seconds)
            first = slice_of(ours.write, writers, events, seconds)
        else:
            first = slice_of(ours.write, writers, events, seconds)
            second = slice_of(plain.write, writers, events, seconds)
        pairs.append((first, second))
    ratios = [a.rate / b.rate for a, b in pairs]
    return {
        "writers": writers,
        "events_per_save": events,
        "target": TARGETS.get((writers, events)),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
        **_figures("ours", [a for a, _ in pairs]),
        **_figures("plain", [b for _, b in pairs]),
    }


def _figures(name: str, slices: list[Slice]) -> dict[str, Any]:
    rates = [s.rate for s in slices]
    return {
        f"{name}_events_per_s": round(statistics.median(rates)),
        f"{name}_events_per_s_min": round(min(rates)),
        f"{name}_events_per_s_max": round(max(rates)),
        f"{name}_latency_ms_p50": round(statistics.median(s.percentile(0.5) for s in slices), 1),
        f"{name}_latency_ms_p99": round(statistics.median(s.percentile(0.99) for s in slices), 1),
        f"{name}_latency_ms_max": round(max(s.percentile(1) for s in slices), 1),
    }


def run(url: str | None = None, slices: int = SLICES, seconds: float = SLICE_S) -> dict[str, Any]:
    """Measure every shape on this database (a superuser's or owner's URL), or on an embedded server of our own."""
    calm_collector()  # as in the workers that write; it holds for both sides
    with ExitStack() as stack:
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = stack.enter_context(embedded_server(Path(folder) / "var")).admin_url
        with psycopg.connect(url, autocommit=True) as connection:
            server = connection.info.server_version
        return {
            "server_version": server,
            "cores": os.cpu_count(),
            "slices": slices,
            "slice_s": seconds,
            "one_row_commits_per_s": round(commits(url, seconds)),
            "shapes": [_fresh(url, w, e, slices, seconds) for w, e in SHAPES],
        }


def _fresh(url: str, writers: int, events: int, slices: int, seconds: float) -> dict[str, Any]:
    """Measure one shape on tables of its own, else who writes more would have the larger ones in the next shape."""
    tag = os.urandom(4).hex()
    with _schema(url, f"bench_{tag}"), _schema(url, f"plain_{tag}"):
        ours, plain = Ours(url, f"bench_{tag}"), Plain(url, f"plain_{tag}")
        try:
            return shape(ours, plain, writers, events, slices, seconds)
        finally:
            ours.recorder.close()
            plain.datastore.close()


@contextmanager
def _schema(url: str, name: str) -> Iterator[None]:
    """Make a schema for the block, and drop it with all that is in it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")  # type: ignore[arg-type,unused-ignore]  # hex
        yield
        connection.execute(f"DROP SCHEMA {name} CASCADE")  # type: ignore[arg-type,unused-ignore]  # hex


def table(result: dict[str, Any]) -> str:
    """Give the result as a table for people."""
    lines = [
        (
            f"PostgreSQL {result['server_version']}, {result['cores']} cores, {result['slices']} slices of"
            f" {result['slice_s']} s in turns; one row a commit, one connection: {result['one_row_commits_per_s']}/s"
        ),
        (
            f"{'writers × events':>17} {'ratio (min–max)':>19} {'target':>7} {'ours/s':>8} {'plain/s':>8}"
            f" {'p50 ms':>15} {'p99 ms':>15}"
        ),
    ]
    lines += [
        f"{s['writers']:>9} × {s['events_per_save']:<5} {s['ratio']:>6} ({s['ratio_min']}–{s['ratio_max']})".ljust(38)
        + f"{s['target'] or '':>7} {s['ours_events_per_s']:>8} {s['plain_events_per_s']:>8}"
        f" {s['ours_latency_ms_p50']:>7}/{s['plain_latency_ms_p50']:<7} {s['ours_latency_ms_p99']:>7}"
        f"/{s['plain_latency_ms_p99']:<7}"
        for s in result["shapes"]
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the figures."""
    print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
