"""A web worker: one process, one event loop, one door, on a socket that all workers share."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn

from api import bootstrap
from api.app import create
from api.collector import calm_collector
from api.connections import Connection
from api.running import BACKLOG

KEEP_ALIVE_S: Final = 75


def serve(descriptor: int) -> None:
    """Serve on an inherited listening socket until SIGTERM; connections at work are let finish."""
    calm_collector()
    app = create(bootstrap.open_services)
    config = uvicorn.Config(
        app, http=Connection, loop="uvloop", log_config=None, access_log=False, lifespan="on", backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=10, server_header=False, date_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
