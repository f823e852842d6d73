"""What the proof layer costs the write path: the same ledger written with and without a checkpointer, in turns.

The checkpointer is a process of its own, as under the supervisor: it follows what is written, keeps the map of heads,
writes its root under the writers' lock, signs (Ed25519 and ML-DSA-44) and stores a checkpoint and its tiles each
second. Every save is of a new subject, the dearest case for the map. Before a slice with it, it has caught up; each
slice is warmed for longer than a round takes, so that what is followed while one measures is what was written a second
before. Both kinds of slices write to one table, so both meet the same one.

Beside the clock stands processor time an event, of the writer, the server and the checkpointer together: others on the
machine move it less.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.recorder import Ours, Slice, slice_of
from infrastructure.checkpoint_keys import checkpoint_signer, checkpoint_vkeys
from infrastructure.checkpointer import Checkpointer
from infrastructure.connection import Database
from infrastructure.embedded import embedded_server
from infrastructure.keys import KeyFolder

SLICES: Final = 10
SLICE_S: Final = 2.0
WARMING_S: Final = 1.2
SHAPES: Final = {(64, 1): 0.10, (8, 31): 0.15, (4, 250): 0.15}
"""Writers × events a save, and how much of the rate the proof layer may cost."""
P99_MS_MAX: Final = 15.0
"""By how much it may raise the 99th percentile."""
_OPERATOR: Final = "party:691fb5e3-3c31-4ef5-ba28-8d10d1e7b4b7"


def certify(told: Connection, url: str, schema: str, origin: str, folder: str) -> None:
    """Make checkpoints in a process of its own, from each `on` that is told to the next `off`, until `end`."""
    keys = KeyFolder(Path(folder) / "keys")
    keys.make()
    known = checkpoint_vkeys(origin, keys)
    signer = checkpoint_signer(origin, keys, lambda _: known)
    made: list[int] = []
    checkpointer = Checkpointer(
        Database(url, schema), origin, _OPERATOR, signer, Path(folder) / "map", lambda one: made.append(one.size)
    )
    while told.recv() == "on":
        checkpointer.round()  # all there is, before anything is measured
        made.clear()
        spent, stop = _processor_s(), threading.Event()
        running = threading.Thread(target=checkpointer.run, args=(stop,))
        running.start()
        told.send("on")
        told.recv()
        told.send((len(made), _processor_s() - spent))
        stop.set()
        running.join()
        told.send("off")


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Certifier:
    """The checkpointer's process, which works when it is told to."""

    def __init__(self, told: Connection, number: int) -> None:
        self._told = told
        self.number = number
        self.checkpoints = 0
        self.processor_s = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let it work for a block."""
        self._told.send("on")
        self._told.recv()
        yield
        self._told.send("off")
        made, spent = self._told.recv()
        self._told.recv()
        self.checkpoints += made
        self.processor_s += spent


@contextmanager
def certifier(url: str, schema: str, origin: str) -> Iterator[Certifier]:
    """Start the checkpointer's process for a block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=certify, args=(theirs, url, schema, origin, folder))
        process.start()
        theirs.close()
        try:
            yield Certifier(ours, process.pid or 0)
            ours.send("end")
        finally:
            process.join(10)
            process.kill()
            ours.close()


def processors_s(server: int | None, others: Sequence[int]) -> float:
    """Give the processor seconds of this process, of others, and of a server with its sessions, ended ones included."""
    ticks = sum(sum(_ticks(each)[:2]) for each in others)
    if server is not None:
        sessions = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
        ticks += sum(_ticks(server)) + sum(sum(_ticks(int(each))[:2]) for each in sessions)
    return _processor_s() + ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: int) -> list[int]:
    """Give user and system time of a process and of its ended children; nothing of one that has ended."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return [0, 0, 0, 0]
    return list(map(int, text.rpartition(")")[2].split()[11:15]))


def shape(
    ours: Ours, proving: Certifier, server: int | None, writers: int, events: int, *, slices: int, seconds: float
) -> dict[str, Any]:
    """Measure one shape in alternating slices; the ratio of each pair is what counts."""
    processors_us: dict[Slice, float] = {}

    def plain() -> Slice:
        before, spent = ours.recorder.head().size, processors_s(server, [proving.number])
        found = slice_of(ours.write, writers, events, seconds, WARMING_S)
        took = processors_s(server, [proving.number]) - spent
        processors_us[found] = took / (ours.recorder.head().size - before) * 1e6
        return found

    def proven() -> Slice:
        with proving.working():
            return plain()

    plain()
    made, spent = proving.checkpoints, proving.processor_s
    pairs: list[tuple[Slice, Slice]] = []
    for number in range(slices):
        if number % 2:
            second = plain()
            pairs.append((proven(), second))
        else:
            first = proven()
            pairs.append((first, plain()))
    costs = [1 - proven.rate / plain.rate for proven, plain in pairs]
    added = [proven.percentile(0.99) - plain.percentile(0.99) for proven, plain in pairs]
    return {
        "writers": writers,
        "events_per_save": events,
        "cost_limit": SHAPES[writers, events],
        "cost": round(statistics.median(costs), 3),
        "cost_min": round(min(costs), 3),
        "cost_max": round(max(costs), 3),
        "processors_cost": round(
            statistics.median(processors_us[proven] / processors_us[plain] - 1 for proven, plain in pairs), 3
        ),
        "processors_us_an_event": [
            round(statistics.median(processors_us[pair[which]] for pair in pairs), 1) for which in (0, 1)
        ],
        "p99_added_ms_limit": P99_MS_MAX,
        "p99_added_ms": round(statistics.median(added), 1),
        "p99_added_ms_min": round(min(added), 1),
        "p99_added_ms_max": round(max(added), 1),
        "checkpoints": proving.checkpoints - made,
        "checkpointer_processor_share": round(
            (proving.processor_s - spent) / sum(WARMING_S + proven.seconds for proven, _ in pairs), 2
        ),
        **_figures("proven", [proven for proven, _ in pairs]),
        **_figures("plain", [plain for _, plain in pairs]),
    }


def _figures(name: str, slices: list[Slice]) -> dict[str, Any]:
    return {
        f"{name}_events_per_s": round(statistics.median(s.rate for s in slices)),
        f"{name}_latency_ms_p50": round(statistics.median(s.percentile(0.5) for s in slices), 1),
        f"{name}_latency_ms_p99": round(statistics.median(s.percentile(0.99) for s in slices), 1),
        f"{name}_latency_ms_max": round(max(s.percentile(1) for s in slices), 1),
    }


def run(url: str | None = None, slices: int = SLICES, seconds: float = SLICE_S) -> dict[str, Any]:
    """Measure every shape on this database (an owner's URL), or on an embedded server of our own."""
    slices = max(slices, SLICES)
    with ExitStack() as stack:
        server: int | None = None
        if url is None:
            var = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "var"
            url = stack.enter_context(embedded_server(var)).admin_url
            server = int((var / "postgresql" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        schema = f"bench_{os.urandom(4).hex()}"
        ours = Ours(url, schema)
        try:
            with certifier(url, schema, f"bench.example/{schema}") as proving:
                return {
                    "cores": os.cpu_count(),
                    "load_before": os.getloadavg()[0],
                    "slices": slices,
                    "slice_s": seconds,
                    "shapes": [shape(ours, proving, server, w, e, slices=slices, seconds=seconds) for w, e in SHAPES],
                }
        finally:
            ours.recorder.close()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA {schema} CASCADE")


def table(result: dict[str, Any]) -> str:
    """Give the result as a table for people."""
    lines = [
        (
            f"{result['cores']} cores, load {result['load_before']:.1f} before; {result['slices']} slices of"
            f" {result['slice_s']} s with the checkpointer and as many without, in turns"
        ),
        (
            f"{'writers × events':>17} {'cost (min–max)':>24} {'limit':>6} {'with/s':>8} {'without/s':>9}"
            f" {'p50 ms':>13} {'p99 ms':>13} {'p99 added (min–max)':>26} {'its cpu':>8} {'cpu µs/event':>15}"
        ),
    ]
    lines += [
        f"{s['writers']:>9} × {s['events_per_save']:<5}"
        f" {s['cost']:>9.1%} ({s['cost_min']:.1%}–{s['cost_max']:.1%})".ljust(43)
        + f"{s['cost_limit']:>6.0%} {s['proven_events_per_s']:>8} {s['plain_events_per_s']:>9}"
        f" {s['proven_latency_ms_p50']:>6}/{s['plain_latency_ms_p50']:<6}"
        f" {s['proven_latency_ms_p99']:>6}/{s['plain_latency_ms_p99']:<6}"
        f" {s['p99_added_ms']:>8} ({s['p99_added_ms_min']}–{s['p99_added_ms_max']})"
        f" {s['checkpointer_processor_share']:>6.0%}"
        f" {s['processors_us_an_event'][0]:>7}/{s['processors_us_an_event'][1]} ({s['processors_cost']:+.1%})"
        for s in result["shapes"]
    ]
    return "\n".join(lines)
