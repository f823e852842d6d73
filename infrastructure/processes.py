"""Processes: born with their end arranged, known again for sure, ended without hitting a stranger (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import IO, Final, NoReturn, TypeAlias

from infrastructure.errors import InfrastructureError

_PROC = Path("/proc")
_LIBC = ctypes.CDLL(None, use_errno=True)
# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
# <malloc.h>
_M_ARENA_MAX = -8
_OURS_SET: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
"""Signals that whoever forks may have handlers for, which are none of the child's."""


@dataclass(frozen=True)
class Account:
    """A user of the operating system that a child runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Stat:
    """One line of /proc/PID/stat, cut to what tells processes apart (proc_pid_stat(5))."""

    state: str
    parent: int
    session: int
    start_ticks: int


@dataclass(frozen=True)
class Birth:
    """A process for ever: its number may be given away again, its start cannot."""

    pid: int
    start: str


def stat(pid: int) -> Stat | None:
    """Return what the kernel says of a process, or None when there is none or only its zombie is left."""
    try:
        line = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in brackets may hold spaces and brackets itself; what follows the last one is ours.
    fields = line.rpartition(")")[2].split()
    found = Stat(state=fields[0], parent=int(fields[1]), session=int(fields[3]), start_ticks=int(fields[19]))
    return None if found.state in "ZX" else found


def taken(pid: int) -> bool:
    """Tell whether a number belongs to anyone, be it a zombie that nobody has reaped yet: kill(2) finds them too."""
    return (_PROC / str(pid)).exists()


@cache
def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def birth(pid: int) -> Birth | None:
    """Return the process's identity, or None when it does not live."""
    found = stat(pid)
    return None if found is None else Birth(pid, f"{_boot()}/{found.start_ticks}")


def lives(known: Birth) -> bool:
    """Tell whether the very process lives, and not a later one with its number."""
    return birth(known.pid) == known


def everyone() -> list[int]:
    """Return the numbers of all processes that this one can see, itself left out."""
    own = os.getpid()
    return [pid for pid in (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()) if pid != own]


def working_in(folder: Path, program: str, account: Account | None) -> set[Birth]:
    """Return the living processes of `program` (a file name) whose working directory is `folder`.

    A PostgreSQL server and all its children work in their data folder for life, so this finds whoever holds the
    data, also under a path that was renamed, and nobody else. Other users' processes are seen if we are root and
    `account` is that user.
    """
    try:
        wanted = folder.stat()
    except FileNotFoundError:
        return set()
    found: set[Birth] = set()
    with _looking_as(account):
        for pid in everyone():
            try:
                executable = (_PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
                place = (_PROC / str(pid) / "cwd").stat()
            except OSError:
                continue
            known = birth(pid)
            if known and executable == program and (place.st_dev, place.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.add(known)
    return found


@contextlib.contextmanager
def _looking_as(account: Account | None) -> Iterator[None]:
    # In a container root has no CAP_SYS_PTRACE and does not see where others' processes work; they themselves do.
    # setfsuid(2) changes this thread alone, and only what it may look at.
    if account is None:
        yield
        return
    uid, gid = os.geteuid(), os.getegid()
    _LIBC.setfsgid(account.gid)
    _LIBC.setfsuid(account.uid)
    try:
        yield
    finally:
        _LIBC.setfsuid(uid)
        _LIBC.setfsgid(gid)


def carrying(name: str, value: str) -> set[Birth]:
    """Return the living processes that were born with the variable `name=value` in their environment."""
    wanted = f"{name}={value}".encode()
    found: set[Birth] = set()
    for pid in everyone():
        with contextlib.suppress(OSError):
            if wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0") and (known := birth(pid)):
                found.add(known)
    return found


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    death_signal: signal.Signals,
    folder: Path | None = None,
    output: int | IO[bytes] | None = None,
    account: Account | None = None,
    umask: int = -1,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `death_signal` when we die, however we die.

    The kernel ties the signal to the calling *thread*: call it from one that lives as long as the child shall.
    The child changes to `folder` before it changes to `account`, so it may stand in a folder it could not enter.

    Raises:
        OSError: the program, the folder or the account cannot be used.

    """
    return subprocess.Popen(
        argv,
        env=dict(env),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=pass_fds,
        umask=umask,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        # After the change of user, which would clear the death signal again (PR_SET_PDEATHSIG(2const)).
        preexec_fn=partial(die_with, os.getpid(), death_signal),  # noqa: PLW1509 - prctl must run between fork and exec
    )


@dataclass
class Fork:
    """A child that is a copy of this process; like `subprocess.Popen` in what it offers.

    It does nothing before `begin`, so that it can be written down first; if we die before that it ends.
    """

    pid: int
    gate: int
    returncode: int | None = None

    def begin(self) -> None:
        """Let it do its work."""
        with contextlib.suppress(BrokenPipeError):  # it was killed while it waited
            os.write(self.gate, b"!")
        os.close(self.gate)

    def wait(self) -> int:
        """Reap it; gives its status, or the number of the signal that ended it, negative."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


Process: TypeAlias = "subprocess.Popen[bytes] | Fork"


def fork(
    name: str,
    work: Callable[[], object],
    *,
    env: Mapping[str, str],
    death_signal: signal.Signals,
    pass_fds: Sequence[int] = (),
) -> Fork:
    """Start a child in a session of its own that does `work` and ends; it gets `death_signal` when we die.

    It shares what we have loaded and shows itself by `name` (its first 15 characters, proc_pid_comm(5)), keeps the
    standard streams and `pass_fds` of all that is open, and no handler of ours. The kernel ties the signal to the
    calling *thread*, which must be the only one: a lock that another holds would stay taken in the child for ever.

    Raises:
        InfrastructureError: there are other threads.
        OSError: there is no room for another process.

    """
    if threading.active_count() > 1:
        raise InfrastructureError("a process with threads cannot be forked", threads=threading.active_count())
    _flush()  # or the child would write again what we have not written yet
    opened, gate = os.pipe()
    tie, kept = partial(die_with, os.getpid(), death_signal), {0, 1, 2, opened, *pass_fds}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS_SET)
    try:
        # What is loaded stays: a collector that walked it would give each child a copy of its own.
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            _live(name, work, tie, before, env, opened, kept)
    except OSError:
        os.close(gate)
        raise
    finally:
        os.close(opened)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Fork(pid, gate)


def _live(  # noqa: PLR0917 - all that the child is told, once
    name: str, work: Callable[[], object], tie: Callable[[], None], mask: Iterable[int], env: Mapping[str, str],
    opened: int, kept: set[int],
) -> NoReturn:  # fmt: skip
    """Be the child: never return to what the parent was doing, whatever happens."""
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in _OURS_SET:
            signal.signal(number, signal.SIG_DFL)
        tie()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for descriptor in {int(entry) for entry in os.listdir("/proc/self/fd")} - kept:  # noqa: PTH208 - numbers
            with contextlib.suppress(OSError):
                os.close(descriptor)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a name, not a path
            os.dup2(nothing.fileno(), 0)
        _LIBC.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
        os.environ.update(env)
        if os.read(opened, 1):
            os.close(opened)
            work()
            status = 0
    except SystemExit as ended:
        status = 0 if ended.code is None else ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - nobody is above
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def limit_arenas(number: int) -> None:
    """Let the C library keep so many heaps for threads, in this process and in those forked from it (mallopt(3)).

    It gives each thread one of its own otherwise, and workers have many threads.
    """
    with contextlib.suppress(AttributeError):  # another library than glibc's
        _LIBC.mallopt(_M_ARENA_MAX, number)


def die_with(parent: int, death_signal: signal.Signals) -> None:
    """Have the kernel send us `death_signal` when `parent`, who started us, dies; end at once if it is dead already.

    Where the kernel is not Linux nothing is done (PR_SET_PDEATHSIG(2const)).
    """
    if sys.platform != "linux":
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above, so its signal never comes
        os._exit(1)


def adopt_orphans() -> None:
    """Make descendants whose parent dies ours, so that they can be reaped (PR_SET_CHILD_SUBREAPER(2const))."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own: Iterable[int]) -> None:
    """Reap dead adopted children; those in `own` are left to whoever waits for them."""
    kept = set(own)
    with contextlib.suppress(ChildProcessError):
        while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if dead.si_pid in kept:
                return
            os.waitpid(dead.si_pid, os.WNOHANG)


def has_exited(child: Process) -> bool:
    """Tell whether a child is over; what is left of its session's first group is killed before its number is free."""
    if child.returncode is not None:
        return True
    # WNOWAIT leaves the zombie, and while there is a zombie the number of its group belongs to nobody else.
    if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return False
    signal_group(child, signal.SIGKILL)
    child.wait()
    return True


def signal_group(child: Process, number: signal.Signals) -> None:
    """Signal an unreaped child and everyone in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def signal_one(known: Birth, number: signal.Signals) -> None:
    """Signal this very process; one that took over its number meanwhile is not hit."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(known.pid)
        try:
            if lives(known):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def await_end(those: Iterable[Birth], seconds: float) -> set[Birth]:
    """Wait until all have ended, at most so long; return who still lives."""
    deadline = time.monotonic() + seconds
    left = {known for known in those if lives(known)}
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = {known for known in left if lives(known)}
    return left
