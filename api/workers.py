"""What a supervisor keeps going, each in a process forked from it: web workers, projector, checkpointer, eraser."""

from __future__ import annotations

import signal
import threading
from functools import partial
from typing import Final

import structlog

from api import bootstrap, web

log = structlog.get_logger()
ERASER_ROUND_S: Final = 2.0


def workers(descriptor: int, webs: int) -> list[bootstrap.Worker]:
    """Give all workers of a ledger; so many `webs` share the listening socket of this descriptor.

    All that they need is loaded here, once for all of them.
    """
    bootstrap.preload()
    return [
        *(
            bootstrap.Worker(f"web-{number}", partial(web.serve, descriptor), (descriptor,))
            for number in range(1, webs + 1)
        ),
        bootstrap.Worker("projector", project),
        bootstrap.Worker("checkpointer", certify),
        bootstrap.Worker("eraser", erase),
    ]


def _until_told() -> threading.Event:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told


def project() -> None:
    """Keep the read models, following the log."""
    bootstrap.projector(bootstrap.load_settings()).run(_until_told())


def certify() -> None:
    """Root the head map and sign checkpoints, following the log."""
    bootstrap.certify(bootstrap.load_settings(), _until_told())


def erase() -> None:
    """Destroy what erased persons left, at start and whenever the log says so."""
    told, starting = _until_told(), True
    while True:
        try:
            bootstrap.erase_pending(bootstrap.load_settings(), noted_too=starting)
            starting = False
        except bootstrap.REFUSALS as refused:
            log.warning("erasures wait", code=refused.code)
        if told.wait(ERASER_ROUND_S):
            return
