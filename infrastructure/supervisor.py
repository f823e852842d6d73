"""The process above all others: it starts the server and the workers, restarts what dies, stops all in order.

Killed with -9 it takes them with it: the kernel sends each child its death signal, and what even that leaves is
ended by the next start, which knows its predecessor's children for sure (`Brood`).
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import structlog

from infrastructure.brood import TOKEN, Brood
from infrastructure.embedded import EmbeddedServer
from infrastructure.errors import InfrastructureError
from infrastructure.lock import held
from infrastructure.processes import Fork, adopt_orphans, birth, fork, has_exited, reap_orphans, signal_group

_log = structlog.get_logger(__name__)

_NAME = re.compile(r"[a-z][a-z0-9-]*")
# The loop wakes at least this often, to see to the link to the socket.
_ROUND_S_MAX = 30.0
# The server's readiness is looked at this often while it starts or recovers.
_RECOVERY_ROUND_S = 0.05


@dataclass(frozen=True)
class Worker:
    """Work to keep going, in a process forked from ours; `pass_fds` are left open for it.

    It is asked to end with SIGTERM, also when the supervisor is killed, and MUST bear being killed at any moment.
    """

    name: str
    work: Callable[[], object]
    pass_fds: Sequence[int] = ()


@dataclass(frozen=True)
class Patience:
    """How long to wait: between restarts (doubling), before a restart counts as a first one, for a worker's end."""

    restart_s_min: float = 0.2
    restart_s_max: float = 30.0
    steady_s: float = 30.0
    stop_s_max: float = 10.0

    def pause_s(self, failures: int) -> float:
        """Return the pause before the next try after so many failures in a row (1 or more)."""
        return min(self.restart_s_max, self.restart_s_min * 2.0 ** min(failures - 1, 30))


@dataclass
class _Trial:
    """When something was started and how often in a row it died young."""

    patience: Patience
    started_at: float = 0.0
    due_at: float = 0.0
    failures: int = 0

    def started(self, now: float) -> None:
        self.started_at = now

    def died(self, now: float) -> float:
        if now - self.started_at >= self.patience.steady_s:
            self.failures = 0
        self.failures += 1
        pause_s = self.patience.pause_s(self.failures)
        self.due_at = now + pause_s
        return pause_s


@dataclass
class _Child:
    worker: Worker
    trial: _Trial
    process: Fork | None = None


class _Signals:
    """SIGTERM and SIGINT become a count, and they and SIGCHLD end a wait; main thread only."""

    def __init__(self) -> None:
        self.stops = 0
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            self._before[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.stops += 1

    def asked(self) -> bool:
        """Tell whether anyone has asked us to stop."""
        return self.stops > 0

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most so long; signals that came before count."""
        if select.select([self._read], [], [], max(0.0, seconds))[0]:
            os.read(self._read, 4096)


class Supervisor:
    """Keeps `server` (None for a database of one's own) and `workers` running over `var`.

    Workers start in the given order once the server takes connections and `before_workers` (migrations) has
    returned; they stop in the reverse order, before the server. They reconnect by themselves when the server has
    been restarted: its address stays.
    """

    def __init__(
        self,
        var: Path,
        server: EmbeddedServer | None,
        workers: Sequence[Worker],
        *,
        before_workers: Callable[[], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        names = [worker.name for worker in workers]
        if len(set(names)) != len(names) or not all(_NAME.fullmatch(name) for name in names):
            raise InfrastructureError("Workers need names of their own: a-z, 0-9 and -", workers=names)
        self._var = var.absolute()
        self._server = server
        self._before_workers = before_workers
        self._patience = patience or Patience()
        self._children = [_Child(worker, _Trial(self._patience)) for worker in workers]
        self._server_trial = _Trial(self._patience)
        self._recovering = False
        self._brood = Brood(self._var)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then stop all and return; a second signal stops the workers at once.

        MUST be called in the main thread, which owns signals and to which the children's lives are tied.

        Raises:
            VarInUse: another supervisor runs on this folder.
            InfrastructureError: the first start of the server failed; later failures are tried again for ever.

        """
        with _Signals() as signals, held(self._var):
            adopt_orphans()
            self._brood.end_predecessors()
            self._brood.begin()
            try:
                if self._server is None or self._start_server(self._server, signals):
                    if self._before_workers is not None:
                        self._before_workers()
                    self._watch(signals)
            finally:
                self._stop(signals)

    def _start_server(self, server: EmbeddedServer, signals: _Signals) -> bool:
        began = time.monotonic()
        self._server_trial.started(began)
        if not server.start(cancelled=signals.asked):
            return False
        _log.info("server_started", pid=server.pid, seconds=round(time.monotonic() - began, 3))
        return True

    def _watch(self, signals: _Signals) -> None:
        while not signals.asked():
            now = time.monotonic()
            if self._server is not None:
                self._tend_server(self._server, now)
            for child in self._children:
                self._tend(child, now)
            own = [child.process.pid for child in self._children if child.process is not None]
            if self._server is not None and (pid := self._server.pid) is not None:
                own.append(pid)
            reap_orphans(own)
            signals.wait(self._next_due() - time.monotonic())

    def _next_due(self) -> float:
        now = time.monotonic()
        due = [now + _ROUND_S_MAX]
        due += [child.trial.due_at for child in self._children if child.process is None]
        if self._server is not None and not self._server.alive():
            due.append(self._server_trial.due_at)
        elif self._recovering:
            due.append(now + _RECOVERY_ROUND_S)
        return min(due)

    def _tend_server(self, server: EmbeddedServer, now: float) -> None:
        trial = self._server_trial
        try:
            if server.alive():
                server.keep_reachable()
                if self._recovering and server.ready():
                    self._recovering = False
                    _log.info("server_recovered", pid=server.pid, seconds=round(now - trial.started_at, 3))
                return
            if trial.due_at <= trial.started_at:  # seen dead for the first time
                pause_s = trial.died(now)
                _log.error("server_died", restart_in_s=pause_s, failures=trial.failures, log=server.log_tail())
            if now >= trial.due_at:
                trial.started(now)
                self._recovering = True
                server.launch()
        except InfrastructureError as failed:
            _log.error("server_not_started", code=failed.code, message=failed.message)

    def _tend(self, child: _Child, now: float) -> None:
        name = child.worker.name
        if child.process is not None and has_exited(child.process):
            pause_s = child.trial.died(now)
            code, pid = child.process.returncode, child.process.pid
            child.process = None
            _log.error("worker_died", worker=name, pid=pid, status=code, restart_in_s=pause_s)
        if child.process is None and now >= child.trial.due_at:
            child.trial.started(now)
            try:
                forked = fork(
                    name, child.worker.work, env={TOKEN: self._brood.token}, death_signal=signal.SIGTERM,
                    pass_fds=child.worker.pass_fds,
                )  # fmt: skip
            except OSError as refused:
                pause_s = child.trial.died(now)
                _log.error("worker_not_started", worker=name, error=str(refused), restart_in_s=pause_s)
                return
            child.process = forked
            self._brood.remember(name, birth(forked.pid))
            forked.begin()
            _log.info("worker_started", worker=name, pid=forked.pid)

    def _stop(self, signals: _Signals) -> None:
        """Ask one worker after the other, last first; what has not ended when patience has is killed."""
        deadline = time.monotonic() + self._patience.stop_s_max
        for child in reversed(self._children):
            if child.process is not None:
                self._end(child.worker.name, child.process, deadline, signals)
                child.process = None
        if self._server is not None:
            self._server.stop()
        self._brood.end_predecessors()
        _log.info("stopped")

    def _end(self, name: str, process: Fork, deadline: float, signals: _Signals) -> None:
        if not has_exited(process):
            signal_group(process, signal.SIGTERM)
        while not has_exited(process):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or signals.stops > 1:
                _log.error("worker_killed", worker=name, pid=process.pid)
                signal_group(process, signal.SIGKILL)
                process.wait()
                return
            signals.wait(min(left_s, 0.2))
