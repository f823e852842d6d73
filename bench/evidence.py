"""Evidence of 200 events on a lift with 1,000: made over HTTP, verified as a command, in ledgers of growing size.

The lift's events are signed one by one, as a claim's are; the ledger is filled with lines before and after them. The
receiver is a regulator whose rights are looked up, not the operator.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx

from api import credentials
from api.client import Client, Credentials
from bench.http import ORIGIN, ledger

SIZES: Final = (10_000, 100_000)
LARGE: Final = 1_000_000
LIFT_EVENTS: Final = 1_000
STREAM_EVENTS: Final = 200
LINES: Final = 2_000
FILLING: Final = 4
WARMING: Final = 3
MADE: Final = 15
VERIFIED: Final = 9
MADE_MS_MAX: Final = 300
VERIFIED_MS_MAX: Final = 250
YEAR: Final = 2026
_ROOT: Final = Path(__file__).parents[1]


def party(administrator: Client, url: str, kind: str) -> Client:
    """Register a party."""
    name = f"party:{uuid.uuid4()}"
    key, private = credentials.new_key()
    registered = credentials.registration(ORIGIN, name, key, private, int(time.time()))
    body = {"id": name, "kind": kind, "areas": ["370102"], "key": registered}
    administrator.post("/parties", {"parties": [body]})
    return Client.open(url, ORIGIN, Credentials(name, key, private), timeout_s=120)


def fill(url: str, who: Client, count: int) -> None:
    """Write so many events of other subjects."""

    def write(lines: int) -> None:
        client = Client.open(url, ORIGIN, who.credentials, timeout_s=120)
        holder = who.credentials.party
        bodies = [{"id": f"agent:{uuid.uuid4()}", "party": holder, "role": "worker"} for _ in range(lines)]
        client.post_lines("/agents", bodies)
        client.close()

    with ThreadPoolExecutor(FILLING) as pool:
        list(pool.map(write, [LINES] * (count // LINES) + [count % LINES] * (count % LINES > 0)))


def write_lift(regulator: Client, maintainer: Client) -> str:
    """Write a lift's events, one request each; give the stream of the maintenance of one year."""
    lift = f"lift:{_uuid7()}"
    code = f"3110370102{uuid.uuid4().int % 10**10:010d}"
    regulator.post(
        "/lifts",
        {
            "id": lift, "variety": "3110", "area": "370102", "status": "in_use",
            "identifiers": [{"scheme": "registration_code", "value": code}],
            "maintainer": maintainer.credentials.party,
        },
    )  # fmt: skip
    worker = f"agent:{uuid.uuid4()}"
    maintainer.post("/agents", {"id": worker, "party": maintainer.credentials.party, "role": "worker"})
    for number in range(LIFT_EVENTS - STREAM_EVENTS - 1):
        regulator.post(f"/lifts/{lift}/status", {"status": ("stopped", "in_use")[number % 2]})
    visit, opened = f"visit:{_uuid7()}", f"{YEAR}-03-02T02:00:00.000000Z"
    maintainer.post(
        "/visits/open", {"id": visit, "lift": lift, "level": "HM", "workers": [worker], "opened_at": opened}
    )
    for number in range(STREAM_EVENTS - 1):
        node = {"id": f"n{number}", "kind": "check_in", "device_time": opened, "distance_m": 5}
        maintainer.post("/visits/nodes", {"lift": lift, "year": YEAR, "visit": visit, "nodes": [node]})
    return f"{lift}/maintenance:{YEAR}"


def _uuid7() -> uuid.UUID:
    drawn = uuid.uuid4().int & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=drawn)


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Do a piece of work so often; give what each took in milliseconds."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1e3)
    return took


def measured(size: int, workers: int) -> dict[str, Any]:
    """Fill a ledger to a size and make bundles; verify one when the ledger is stopped."""
    with ledger(workers) as (url, administrator, *_), ExitStack() as stack:
        regulator, maintainer = (party(administrator, url, kind) for kind in ("market_regulator", "maintainer"))
        for client in (regulator, maintainer):
            stack.callback(client.close)
        spare = size - 2 * LIFT_EVENTS
        begun = time.perf_counter()
        fill(url, maintainer, spare // 2)
        stream = write_lift(regulator, maintainer)
        fill(url, maintainer, spare - spare // 2)
        filled_s = time.perf_counter() - begun
        said = {"party": regulator.credentials.party, "streams": [stream]}
        data = [regulator.evidence(said).data for _ in range(WARMING)][-1]
        made = timed(lambda: regulator.evidence(said), MADE)
        keys = httpx.get(f"{url}/log/keys").text.splitlines()[1:]
        events = regulator.position
    verified = verified_ms(data, keys)
    return {
        "events": events, "filled_s": round(filled_s, 1), "bytes": len(data),
        "made_ms": round(statistics.median(made), 1), "made_ms_max": round(max(made), 1),
        "verified_ms": round(statistics.median(verified), 1), "verified_ms_max": round(max(verified), 1),
    }  # fmt: skip


def verified_ms(data: bytes, keys: Sequence[str]) -> list[float]:
    """Run the verifier as a court's expert does, start of the interpreter included; give what it took each time."""
    with tempfile.TemporaryDirectory() as folder:
        bundle, policy = Path(folder) / "bundle.zip", Path(folder) / "policy"
        bundle.write_bytes(data)
        policy.write_text("".join(f"log {key}\n" for key in keys) + "quorum none\n", encoding="utf-8")
        command = [sys.executable, "-m", "audit", "verify", str(bundle), "--policy", str(policy)]
        return timed(lambda: subprocess.run(command, cwd=_ROOT, check=True, capture_output=True), VERIFIED)


def run(workers: int = 2, *, large: bool = True) -> dict[str, Any]:
    """Measure in ledgers of 10,000 and 100,000 events, and of 1,000,000 unless large cases are left out."""
    sizes = (*SIZES, LARGE) if large else SIZES
    return {
        "limits": {"made_ms": MADE_MS_MAX, "verified_ms": VERIFIED_MS_MAX},
        "sizes": [measured(size, workers) for size in sizes],
    }


def table(result: dict[str, Any]) -> str:
    """Give the figures as lines."""
    lines = [f"{'events':>10} {'bytes':>10} {'made ms':>9} {'(max)':>8} {'verified ms':>12} {'(max)':>8}"]
    lines += [
        f"{each['events']:>10,} {each['bytes']:>10,} {each['made_ms']:>9} {each['made_ms_max']:>8}"
        f" {each['verified_ms']:>12} {each['verified_ms_max']:>8}"
        for each in result["sizes"]
    ]
    lines.append(f"limits: made {result['limits']['made_ms']} ms, verified {result['limits']['verified_ms']} ms")
    return "\n".join(lines)
