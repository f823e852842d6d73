"""Signed single-event requests over HTTP: durable, 32 clients, every follower running.

Requests are signed within the run, just before their slice, and sent by wrk where it is installed (a client that
signs as it goes would eat the server's cores). The physical limits stand beside the figures: bare signature checks
on one core and bare commits of one row, each by as much as was done in the same run. A reply that is an error is no
request served: a run with one fails.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from api import bootstrap, credentials, running
from api.client import Client, Credentials
from audit import canonical, tokens
from bench.verify import check_bare
from infrastructure.embedded import EmbeddedServer

CLIENTS: Final = 32
SLICES: Final = 5
SLICE_S: Final = 8
REQUESTS_A_SLICE: Final = 24_000
CHECKS: Final = 5_000
COMMITS: Final = 2_000
ORIGIN: Final = "bench.example/http"

_LUA: Final = """
local requests = {}
local thread_count = 0
function setup(thread) thread:set("number", thread_count); thread_count = thread_count + 1 end
function init(args)
  local path = args[1]
  local n = 0
  local f = io.open(path, "r")
  for line in f:lines() do
    if n % 2 == number then
      local token, body = line:match("^(%S+) (.*)$")
      requests[#requests + 1] = wrk.format("POST", "/agents",
        {["Content-Type"]="application/json", ["Authorization"]="Bearer " .. token}, body)
    end
    n = n + 1
  end
  f:close()
  at = 0
end
function request()
  at = at + 1
  if at > #requests then wrk.thread:stop() end
  return requests[(at - 1) % #requests + 1]
end
codes = {}
function response(status) codes[status] = (codes[status] or 0) + 1 end
function done(summary, latency, _)
  io.write(string.format('{"requests":%d,"us":%d,"p50":%d,"p90":%d,"p99":%d,"max":%d,"errors":%d,"timeouts":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency.max, summary.errors.status, summary.errors.timeout + summary.errors.connect + summary.errors.read))
end
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice's figures: requests a second that were served, and latencies in milliseconds of all."""

    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Failed(Exception):
    """Requests were answered by errors, or not at all: what was measured is not what was meant."""


def _server(settings: bootstrap.Settings) -> str:
    """Give the URL of the superuser of a ledger's embedded server."""
    return EmbeddedServer(settings.var, major=settings.postgres_major, account=settings.server_account).admin_url


@contextmanager
def ledger(workers: int, kind: str = "insurer") -> Iterator[tuple[str, Client, Credentials, str]]:
    """Run a fresh ledger with so many web workers; gives its URL, the administrator's client, a party, its database."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        env = {"LIFTLEDGER_VAR": f"{folder}/var", "LIFTLEDGER_PORT": str(port), "LIFTLEDGER_WORKERS": str(workers)}
        settings = bootstrap.Settings(var=Path(f"{folder}/var"), port=port, workers=workers)
        with bootstrap.database_running(settings):
            made = bootstrap.make_ledger(settings, ORIGIN)
        url = f"http://127.0.0.1:{port}"
        with ExitStack() as stack:
            stack.enter_context(running.running(env, url, ORIGIN))
            administrator = Client.open(url, ORIGIN, credentials.load(made.administrator).credentials)
            stack.callback(administrator.close)
            key, private = credentials.new_key()
            party = f"party:{uuid.uuid4()}"
            registered = credentials.registration(ORIGIN, party, key, private, int(time.time()))
            administrator.post("/parties", {"parties": [{"id": party, "kind": kind, "key": registered}]})
            yield url, administrator, Credentials(party, key, private), _server(settings)


def signed(who: Credentials, count: int) -> list[bytes]:
    """Make signed requests: a token and a body a line, each enrolling one agent (one event)."""
    made = []
    for _ in range(count):
        body = canonical.encode(
            {"id": f"agent:{uuid.uuid4()}", "party": who.party, "role": "worker", "salt": secrets.token_hex(16)}
        )
        now = int(time.time())
        claims = tokens.Claims(
            iss=who.party, aud=ORIGIN, iat=now, exp=now + 60, jti=str(uuid.uuid4()), htm="POST", uri="/agents",
            bh=hashlib.sha256(body).hexdigest(),
        )  # fmt: skip
        made.append(tokens.make_token(who.private, who.key, claims) + b" " + body)
    return made


def one_slice(url: str, who: Credentials, folder: Path) -> Slice:
    """Sign, send, measure."""
    requests = folder / "requests"
    requests.write_bytes(b"\n".join(signed(who, REQUESTS_A_SLICE)) + b"\n")
    script = folder / "load.lua"
    script.write_text(_LUA)
    wrk = str(shutil.which("wrk"))
    load = [
        wrk,
        "-t2",
        f"-c{CLIENTS}",
        f"-d{SLICE_S}s",
        "--timeout",
        "10s",
        "-s",
        str(script),
        url,
        "--",
        str(requests),
    ]
    done = subprocess.run(load, capture_output=True, text=True, check=True, timeout=SLICE_S + 60)
    return slice_of(json.loads(re.findall(r"^{.*}$", done.stdout, re.MULTILINE)[-1]))


def slice_of(found: dict[str, Any]) -> Slice:
    """Give a slice's figures from wrk's: it counts replies, whatever they say, so errors are taken off."""
    return Slice(
        (found["requests"] - found["errors"]) / found["us"] * 1e6, found["p50"] / 1e3, found["p99"] / 1e3,
        found["max"] / 1e3, found["errors"] + found["timeouts"],
    )  # fmt: skip


def checks_a_second() -> float:
    """Check signatures of texts as long as a token's, on one core and nothing else."""
    start = time.perf_counter()
    check_bare(CHECKS)
    return CHECKS / (time.perf_counter() - start)


def commits_a_second(url: str) -> float:
    """Commit rows one by one over one connection to the ledger's own server, while nobody else writes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare_commits (a integer)")
        start = time.perf_counter()
        for number in range(COMMITS):
            connection.execute("INSERT INTO bare_commits VALUES (%s)", (number,))
        took_s = time.perf_counter() - start
        connection.execute("DROP TABLE bare_commits")
    return COMMITS / took_s


def run(workers: int = 2, slices: int = SLICES) -> dict[str, Any]:
    """Measure; returns medians and spread over the slices, the limits beside them. Raises Failed if there were errors.

    The limits are measured after each slice, while the ledger has nothing to do.
    """
    if shutil.which("wrk") is None:
        return {"skipped": "wrk is not installed"}
    measured, checks, commits = [], [], []
    with ledger(workers) as (url, _, insurer, database), tempfile.TemporaryDirectory() as folder:
        for _ in range(slices):
            measured.append(one_slice(url, insurer, Path(folder)))
            checks.append(checks_a_second())
            commits.append(commits_a_second(database))
    require_served(measured)
    rates = [s.rate for s in measured]
    return {
        "clients": CLIENTS, "workers": workers, "slices": slices,
        "rate_median": statistics.median(rates), "rate_min": min(rates), "rate_max": max(rates),
        "p50_ms": statistics.median(s.p50_ms for s in measured),
        "p99_ms": statistics.median(s.p99_ms for s in measured), "p99_ms_max": max(s.p99_ms for s in measured),
        "errors": sum(s.errors for s in measured),
        "bare_checks_a_second_one_core": round(statistics.median(checks)),
        "bare_commits_a_second_one_connection": round(statistics.median(commits)),
    }  # fmt: skip


def require_served(measured: Sequence[Slice]) -> None:
    """Refuse figures in which a request was answered by an error, or not at all. Raises Failed."""
    if errors := [each.errors for each in measured if each.errors]:
        message = f"{sum(errors)} requests in {len(errors)} slices were refused or not answered"
        raise Failed(message)


def main() -> None:
    """Print the figures."""
    print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
