"""Other users of the operating system: what they may do is tried as them, in a forked child."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.support.apart import apart

Answer = TypeVar("Answer")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_user(name: str, ask: Callable[[], Answer]) -> Answer:
    """Run `ask` as this user and return its answer; what it raises fails the test with its traceback.

    The child is a fork, since the interpreter may lie where that user cannot start it: what `ask` needs MUST have
    been imported.
    """
    account = pwd.getpwnam(name)

    def asked() -> Answer:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.chdir("/")
        return ask()

    return apart(asked)
