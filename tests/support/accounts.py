"""Other users of the operating system: what they may do is tried as them, in a forked child."""

from __future__ import annotations

import os
import pickle
import pwd
import traceback
import warnings
from collections.abc import Callable
from typing import TypeVar

import pytest

Answer = TypeVar("Answer")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_user(name: str, ask: Callable[[], Answer]) -> Answer:
    """Run `ask` as this user and return its answer; what it raises fails the test with its traceback.

    The child is a fork, since the interpreter may lie where that user cannot start it: what `ask` needs MUST have
    been imported.
    """
    account = pwd.getpwnam(name)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads; the child starts none
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            os.chdir("/")
            try:
                answer = pickle.dumps((ask(), None))
            except BaseException:  # noqa: BLE001 - the parent shall hear of everything
                answer = pickle.dumps((None, traceback.format_exc()))
            with os.fdopen(write, "wb") as pipe:
                pipe.write(answer)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child running as {name} ended with {status}"
    result: tuple[Answer, str | None] = pickle.loads(told)  # noqa: S301 - our own child wrote it
    answered, failed = result
    assert failed is None, f"as {name}: {failed}"
    return answered
