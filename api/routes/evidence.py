"""The route of evidence: makes a bundle, records it as any signed write, and answers with the bundle itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.bodies import JSON_TYPE, SINGLE_BYTES_MAX, bearer, idempotency_key, is_ndjson, read_body, uri_of
from api.quorum import QUORUM, QUORUM_HEADER, quorum_of
from api.routes.writes import description_of, openapi_of
from api.shapes import Shapes
from application import door as doors
from application.access import EXPORT
from application.actions import Actions
from application.answers import answer, last_position
from application.errors import OutcomeUnknown
from application.exporting import manifest_of
from application.services import Services
from domain.access import found_of
from domain.errors import Busy, Invalid

ZIP_TYPE: Final = "application/zip"
EVIDENCE_AT_ONCE_MAX: Final = 4
"""Bundles that one worker makes at a time, each of which may wait for witnesses and is held whole until it is sent."""
RETRY_AFTER_S: Final = 5

_HEADERS: Final = {
    "Evidence-Manifest": {"schema": {"type": "string"}, "description": "SHA-256 of `manifest.json` in hex."},
    "Evidence-Size": {"schema": {"type": "integer"}, "description": "The size of the checkpoint that it is made at."},
    **QUORUM_HEADER,
}  # fmt: skip

# A pool of its own: a bundle waits for seconds while witnesses are silent, and reads must go on meanwhile.
_threads: Final = ThreadPoolExecutor(EVIDENCE_AT_ONCE_MAX, "liftledger-evidence")
_places: Final = asyncio.Semaphore(EVIDENCE_AT_ONCE_MAX)


@asynccontextmanager
async def _place() -> AsyncIterator[None]:
    """Hold one of the places for the block. Raises Busy `evidence_busy` when all are taken; nobody waits for one."""
    if _places.locked():
        raise Busy(
            "as many bundles as this worker makes at a time are being made",
            code="evidence_busy", retry_after_s=RETRY_AFTER_S, limit="evidence_at_once_max",
        )  # fmt: skip
    async with _places:
        yield


def router(actions: Actions, shapes: Shapes) -> APIRouter:
    """Give a router with the one route."""
    action = actions.by_id[EXPORT]

    async def export(request: Request) -> Response:
        token = bearer(request)
        if is_ndjson(request):
            raise Invalid("this route takes one JSON object, not lines", code="ndjson_not_taken")
        if request.query_params:
            raise Invalid("an export takes no parameter", code="query_unknown", known=[])
        services: Services = request.app.state.services
        body = await read_body(request, SINGLE_BYTES_MAX)
        asked = doors.Request(action, uri_of(request), {}, token, body, key=idempotency_key(request))
        loop = asyncio.get_running_loop()
        try:
            async with _place():
                made = await loop.run_in_executor(_threads, services.exports.bundle, asked)
                asked = replace(asked, facts=found_of(made.size, made.manifest))
                saves = await services.door.write(asked)
                if manifest_of(saves) != made.manifest:  # the same command came twice at once, and the other was first
                    made = await loop.run_in_executor(_threads, services.exports.bundle, asked)
        except asyncio.CancelledError:
            raise OutcomeUnknown("the ledger is stopping; repeat the same command") from None
        headers = {
            "Ledger-Position": str(last_position(saves)), "Evidence-Manifest": made.manifest,
            "Evidence-Size": str(made.size),
            QUORUM: quorum_of(services.proofs, made.sealing.checkpoint), "Cache-Control": "no-store", "Vary": "Accept",
        }  # fmt: skip
        status = 200 if any(saved.repeated for saved in saves) else 201
        if request.headers.get("accept", "").partition(";")[0].strip().lower() == JSON_TYPE:
            return Response(orjson.dumps(answer(saves)), status, headers, JSON_TYPE)
        headers["Content-Disposition"] = f'attachment; filename="evidence-{made.manifest[:16]}.zip"'
        return Response(made.data, status, headers, ZIP_TYPE)

    routes = APIRouter()
    described = openapi_of(action, shapes)
    described["parameters"] = [each for each in described["parameters"] if each["in"] == "header"]
    for status in ("200", "201"):
        binary: Any = {"schema": {"type": "string", "contentMediaType": ZIP_TYPE}}
        described["responses"][status]["content"][ZIP_TYPE] = binary
        described["responses"][status]["headers"] = {**described["responses"][status].get("headers", {}), **_HEADERS}
    routes.add_api_route(
        action.path, export, methods=[action.method], operation_id=action.id,
        summary=f"{action.summary} · {action.summary_zh}", tags=[action.id.partition(".")[0]],
        description=f"{description_of(action)} Answers with the bundle, or as a write does if JSON is accepted.",
        openapi_extra=described, response_class=Response, status_code=201,
    )  # fmt: skip
    return routes
