"""Processes: born with their end arranged, known again for sure, ended without hitting a stranger (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

_PROC = Path("/proc")
_LIBC = ctypes.CDLL(None, use_errno=True)
# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


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
        preexec_fn=_tie_to(os.getpid(), death_signal),  # noqa: PLW1509 - prctl must run between fork and exec
    )


def _tie_to(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above, so its signal never comes
            os._exit(1)

    return tie


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


def has_exited(child: subprocess.Popen[bytes]) -> bool:
    """Tell whether a child is over; what is left of its session's first group is killed before its number is free."""
    if child.returncode is not None:
        return True
    # WNOWAIT leaves the zombie, and while there is a zombie the number of its group belongs to nobody else.
    if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return False
    signal_group(child, signal.SIGKILL)
    child.wait()
    return True


def signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
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
