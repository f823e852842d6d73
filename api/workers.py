"""The processes that a supervisor keeps running: `python -m api.workers web FD | projector | checkpointer | eraser`."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Final

import structlog

from api import bootstrap, logs

log = structlog.get_logger()
ERASER_ROUND_S: Final = 2.0


def main() -> None:
    """Run the worker named on the command line until SIGTERM."""
    name, *rest = sys.argv[1:]
    logs.configure(bootstrap.load_settings().log_level)
    if name == "web":
        from api import web  # noqa: PLC0415 - the others have no use for a web server

        web.serve(int(rest[0]))
    else:
        {"checkpointer": certify, "eraser": erase, "projector": project}[name](_until_told())


def _until_told() -> threading.Event:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told


def project(told: threading.Event) -> None:
    """Keep the read models, following the log."""
    bootstrap.projector(bootstrap.load_settings()).run(told)


def certify(told: threading.Event) -> None:
    """Root the head map and sign checkpoints, following the log."""
    bootstrap.certify(bootstrap.load_settings(), told)


def erase(told: threading.Event) -> None:
    """Destroy what erased persons left, at start and whenever the log says so."""
    starting = True
    while True:
        try:
            bootstrap.erase_pending(bootstrap.load_settings(), noted_too=starting)
            starting = False
        except bootstrap.REFUSALS as refused:
            log.warning("erasures wait", code=refused.code)
        if told.wait(ERASER_ROUND_S):
            return


if __name__ == "__main__":
    main()
