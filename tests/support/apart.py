"""Forked children of a test: for what must be tried in a process of its own, with one thread."""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Answer = TypeVar("Answer")
Given = ParamSpec("Given")


def alone(test: Callable[Given, None]) -> Callable[Given, None]:
    """Run a test in a child with one thread, whatever threads tests before it left."""

    @wraps(test)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> None:
        apart(lambda: test(*args, **kwargs))

    return run


def apart(ask: Callable[[], Answer]) -> Answer:
    """Run `ask` in a forked child and return its answer; what it raises fails the test with its traceback."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads; the child starts none
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
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
    assert status == 0, f"the child ended with {status}"
    result: tuple[Answer, str | None] = pickle.loads(told)  # noqa: S301 - our own child wrote it
    answered, failed = result
    assert failed is None, failed
    return answered
