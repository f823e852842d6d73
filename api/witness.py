"""A witness's door: C2SP tlog-witness over HTTP, submission and monitoring under one prefix.

    POST /add-checkpoint
    GET  /<SHA-256 of the origin in hex>/checkpoint

Errors are one line of text with a stable code; the size of a 409 is the protocol's own.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api import bootstrap
from api.bodies import read_body
from api.connections import Connection
from application.errors import TooLarge
from application.witnessing import Seen, Witness
from audit.witnessing import (
    REQUEST_BYTES_MAX,
    SIZE_TYPE,
    Cosigned,
    Inconsistent,
    Malformed,
    OldAboveSize,
    OriginUnknown,
    Outcome,
    SizeMoved,
    Untrusted,
)

log = structlog.get_logger()

TEXT: Final = "text/plain; charset=utf-8"
CONNECTIONS_MAX: Final = 256
KEEP_ALIVE_S: Final = 75
BODY_S_MAX: Final = 10.0


def create(witness: Witness) -> Starlette:
    """Give the application of a witness."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await asyncio.wait_for(read_body(request, REQUEST_BYTES_MAX), BODY_S_MAX)
        except TooLarge as refused:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, refused.code)
        except TimeoutError:
            return _refusal(HTTPStatus.REQUEST_TIMEOUT, "body_slow")
        except ClientDisconnect:
            return _refusal(HTTPStatus.BAD_REQUEST, "body_cut")
        try:
            # To a thread: the record waits for its lock and for the disk.
            return answer(await asyncio.to_thread(witness.add_checkpoint, body))
        except bootstrap.REFUSALS as failed:
            return _failure(failed.code)

    async def checkpoint(request: Request) -> Response:
        try:
            note = await asyncio.to_thread(witness.latest, request.path_params["log"])
        except bootstrap.REFUSALS as failed:
            return _failure(failed.code)
        if note is None:
            return _refusal(HTTPStatus.NOT_FOUND, "never_cosigned")
        return _text(HTTPStatus.OK, note, {"Cache-Control": "no-cache"})

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{log}/checkpoint", checkpoint, methods=["GET"]),
        ]
    )


def answer(outcome: Outcome) -> Response:
    """Give the protocol's answer (tlog-witness, “add-checkpoint”)."""
    match outcome:
        case Cosigned(lines=lines):
            return _text(HTTPStatus.OK, "".join(lines))
        case Malformed(code=code):
            return _refusal(HTTPStatus.BAD_REQUEST, code)
        case OldAboveSize():
            return _refusal(HTTPStatus.BAD_REQUEST, "old_size_above")
        case Untrusted(code=code):
            return _refusal(HTTPStatus.FORBIDDEN, code)
        case OriginUnknown():
            return _refusal(HTTPStatus.NOT_FOUND, "origin_unknown")
        case SizeMoved(size=size):
            # Set as a header, since a media type of text would be given a charset, which clients do not expect here.
            return Response(f"{size}\n", HTTPStatus.CONFLICT, {"Content-Type": SIZE_TYPE})
        case Inconsistent(code=code):
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, code)


def alarm(seen: Seen) -> None:
    """Tell the operator that a log contradicts itself; a proven contradiction is what the witness is there for."""
    tell = log.error if seen.standing == "proven" else log.warning
    first, second = seen.sizes
    tell("the log contradicts itself", origin=seen.origin, standing=seen.standing, first=first, second=second,
         file=seen.file, new=seen.new)  # fmt: skip


def serve(witness: Witness, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; submissions at work are let finish."""
    config = uvicorn.Config(
        create(witness), host=host, port=port, http=Connection, loop="uvloop", log_config=None, access_log=False,
        lifespan="off", limit_concurrency=CONNECTIONS_MAX, timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=10, server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()


def _failure(code: str) -> Response:
    log.error("a submission failed", code=code)
    status = HTTPStatus.SERVICE_UNAVAILABLE if code == "witness_folder_busy" else HTTPStatus.INTERNAL_SERVER_ERROR
    return _refusal(status, code)


def _refusal(status: HTTPStatus, code: str) -> Response:
    return _text(status, f"{code}\n")


def _text(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, int(status), {"Content-Type": TEXT, **(headers or {})})
