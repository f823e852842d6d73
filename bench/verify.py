"""Verifying a whole log, against the bare signature checks it cannot do without, slice by slice in one run.

Two logs, both written through the door: one event a request, where signatures rule (two checks a save), and ten events
a request, as lines bring them. The bare checks are the same signatures, by as many processes as verify. The structure
alone, without a signature, is measured on the same logs.

A log of the shape of a district's year takes the demonstration to write: `--var FOLDER` names the folder of an idle
ledger, as `make demo` leaves one, and that is measured instead.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import secrets
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import bootstrap, credentials
from api.client import Credentials
from application.catalogue import ACTIONS
from application.door import Request
from application.services import Services
from audit import canonical, tokens
from audit.ndjson import lines_root
from audit.whole import Report
from infrastructure.connection import connect_reader
from infrastructure.verifying import verify

REQUESTS: Final = 60_000
LINES_A_REQUEST: Final = 10
LINE_REQUESTS: Final = 10_000
SLICES: Final = 5
ORIGIN: Final = "bench.example/verify"
IN_FLIGHT: Final = 64
SHARE_MIN: Final = 0.85
"""Asked: what the bare checks take of the time, at one event a request."""
STRUCTURE_MIN: Final = 100_000
DEMONSTRATION_MIN: Final = 12_000
"""Asked: events a second, of the structure alone and of a log of the demonstration's shape."""
COUNTS: Final = (
    "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM receipts),"
    " (SELECT count(*) FROM evidence WHERE kind = 'jwt')"
)
_PROCESSES: Final = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Log:
    """A written log: how many events and saves it holds, and what verifies it."""

    events: int
    saves: int
    checks: int
    """Signatures that cannot be left unchecked: a receipt of each save, a token of each request."""
    server: int
    """The process of the database server."""
    verify: Callable[..., Report]
    """Verifies it, with `signatures` or without."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a piece of work took: seconds on the wall, and of processors, the database server's included."""

    wall_s: float
    cpu_s: float


@contextmanager
def written(requests: int, lines: int | None, processes: int) -> Iterator[Log]:
    """Write a fresh ledger: so many signed requests, of one event, or of so many lines with an event each."""
    with tempfile.TemporaryDirectory() as folder:
        settings = bootstrap.Settings(var=Path(folder) / "var")
        with bootstrap.database_running(settings):
            made = bootstrap.make_ledger(settings, ORIGIN)
            services = bootstrap.open_services(settings)
            try:
                administrator = credentials.load(made.administrator).credentials
                asyncio.run(_write(services, administrator, requests, lines))
                events = services.recorder.head().size
            finally:
                services.close()
            database, saves = bootstrap.place(settings).writer, requests + 2
            check = partial(verify, database, ORIGIN, processes=processes)
            yield Log(events, saves, 2 * saves, _server(settings), check)


@contextmanager
def kept(var: Path) -> Iterator[Log]:
    """Give the ledger that lies in a folder, while nobody runs it; nothing of it is changed. Raises VarInUse."""
    settings = bootstrap.Settings(var=var)
    with bootstrap.database_running(settings):
        with connect_reader(bootstrap.place(settings).writer) as connection:
            row = connection.execute(COUNTS).fetchone()
        assert row is not None  # noqa: S101 - counts are always there
        events, saves, requests = row
        check = partial(bootstrap.verify, settings, log_only=True)
        yield Log(events, saves, saves + requests, _server(settings), check)


def _server(settings: bootstrap.Settings) -> int:
    return int((settings.var / "postgresql" / "postmaster.pid").read_text().split()[0])


async def _write(services: Services, administrator: Credentials, requests: int, lines: int | None) -> None:
    key, private = credentials.new_key()
    party = f"party:{uuid.uuid4()}"
    registered = credentials.registration(ORIGIN, party, key, private, int(time.time()))
    member = {"id": party, "kind": "insurer", "key": registered}
    await services.door.write(_request(administrator, "party.register", "/parties", [{"parties": [member]}], None))
    who, waiting = Credentials(party, key, private), asyncio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        async with waiting:
            bodies = [{"id": f"agent:{uuid.uuid4()}", "party": party, "role": "worker"} for _ in range(lines or 1)]
            await services.door.write(_request(who, "agent.enrol", "/agents", bodies, lines))

    await asyncio.gather(*(one() for _ in range(requests)))


def _request(who: Credentials, action: str, uri: str, bodies: Sequence[Any], lines: int | None) -> Request:
    encoded = [canonical.encode({**body, "salt": secrets.token_hex(16)}) for body in bodies]
    now = int(time.time())
    over: dict[str, Any] = (
        {"bh": sha256(encoded[0]).hexdigest()} if lines is None else {"br": lines_root(encoded), "bn": len(encoded)}
    )
    claims = tokens.Claims(
        iss=who.party, sub=who.agent, aud=ORIGIN, iat=now, exp=now + 60, jti=str(uuid.uuid4()), htm="POST", uri=uri,
        **over,
    )  # fmt: skip
    token = tokens.make_token(who.private, who.key, claims)
    return Request(ACTIONS.by_id[action], uri, {}, token, b"\n".join(encoded), lines is not None)


def check_bare(count: int) -> None:
    """Check so many signatures of texts as long as a token's, and nothing else."""
    private = Ed25519PrivateKey.generate()
    public, text = private.public_key(), secrets.token_bytes(500)
    signature = private.sign(text)
    for _ in range(count):
        public.verify(signature, text)


def _cpu_s(server: int) -> float:
    """Give the processor seconds of this process, its ended children, and the server's ended sessions."""
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return ended + sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def spent(log: Log, work: Callable[[], object]) -> Spent:
    """Do a piece of work and give what it took."""
    cpu_s, start = _cpu_s(log.server), time.perf_counter()
    work()
    wall_s = time.perf_counter() - start
    time.sleep(0.1)  # sessions end a moment after their connections
    return Spent(wall_s, _cpu_s(log.server) - cpu_s)


def _bare(checks: int, processes: int) -> None:
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        pool.map(check_bare, [checks // processes] * processes, 1)
        pool.close()
        pool.join()


def measured(log: Log, slices: int, processes: int) -> dict[str, Any]:
    """Verify and check bare signatures in turn; give medians of time and of the share that bare checks have in it.

    `share` is of time on the wall, which says something on a quiet machine only; `cpu_share` of processor time.
    A log of fewer than some 100,000 events tells of the start of processes rather than of checking the structure.
    """
    reports: list[Report] = []
    verifying, bare, structure = [], [], []
    for _ in range(slices):
        bare.append(spent(log, lambda: _bare(log.checks, processes)))
        verifying.append(spent(log, lambda: reports.append(log.verify())))
        structure.append(spent(log, lambda: reports.append(log.verify(signatures=False))))
    sound = all(report.integrity and report.completeness for report in reports)
    assert sound, list(reports[-1].lines())  # noqa: S101 - else nothing was measured
    pairs = list(zip(bare, verifying, strict=True))
    verify_s = statistics.median(each.wall_s for each in verifying)
    beside = statistics.median(other.cpu_s - one.cpu_s for one, other in pairs)
    return {
        "events": log.events, "saves": log.saves, "checks": log.checks, "processes": processes, "slices": slices,
        "verify_s": round(verify_s, 3), "bare_s": round(statistics.median(each.wall_s for each in bare), 3),
        "events_per_s": round(log.events / verify_s),
        "share": round(statistics.median(one.wall_s / other.wall_s for one, other in pairs), 3),
        "shares": [round(one.wall_s / other.wall_s, 3) for one, other in pairs],
        "cpu_share": round(statistics.median(one.cpu_s / other.cpu_s for one, other in pairs), 3),
        "cpu_us_an_event_beside_checks": round(beside / log.events * 1e6, 1),
        "structure_events_per_s": round(log.events / statistics.median(each.wall_s for each in structure)),
        "structure_cpu_us_an_event": round(statistics.median(each.cpu_s for each in structure) / log.events * 1e6, 1),
    }  # fmt: skip


def run(
    requests: int = REQUESTS, slices: int = SLICES, processes: int = _PROCESSES, var: Path | None = None
) -> dict[str, Any]:  # fmt: skip
    """Measure both logs, or only the ledger in the folder `var`, which is verified by as many processes as always."""
    if var is not None:
        with kept(var) as log:
            return {"kept": measured(log, slices, _PROCESSES)}
    result = {}
    for name, count, lines in (("one_event", requests, None), ("ten_events", LINE_REQUESTS, LINES_A_REQUEST)):
        with written(count, lines, processes) as log:
            result[name] = measured(log, slices, processes)
    return result


def table(result: dict[str, Any]) -> str:
    """Give the figures as lines, with what is asked beside them; the bare checks are the physical limit."""
    lines = [f"{'':>12} {'events/s':>10} {'bare checks':>12} {'asked':>6} {'structure/s':>12} {'asked':>8}"]
    for name, each in result.items():
        asked = f"{SHARE_MIN:.0%}" if name == "one_event" else "-"
        lines.append(
            f"{name:>12} {each['events_per_s']:>10,} {each['share']:>12.1%} {asked:>6}"
            f" {each['structure_events_per_s']:>12,} {STRUCTURE_MIN:>8,}"
        )
    lines.append(f"on a log of the demonstration's shape (--var FOLDER) {DEMONSTRATION_MIN:,} events/s are asked")
    return "\n".join([*lines, json.dumps(result)])


def main() -> None:
    """Measure and print."""
    print(table(run()))


if __name__ == "__main__":
    main()
