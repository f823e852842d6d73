"""The HTTP application, built from services that somebody else wired (`api/bootstrap/`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from api import errors, ledger_time
from api.catalogue import SHAPES
from api.describing import illustrate, responses, schemas
from api.head import HeadAsGet
from api.ledger_time import LedgerTime
from api.logs import place_of
from api.meanings import explain
from api.routes import evidence, ledger, metrics, personal, problems, reads, writes
from api.routes import log as log_routes
from api.timing import Timekeeper
from api.turnstile import Turnstile
from application.answers import WriteAnswer
from application.catalogue import ACTIONS
from application.reading.catalogue import QUESTIONS
from application.reading.personal import DISCLOSURES
from application.services import Services
from audit.errors import AuditError
from domain.errors import DomainError

TITLE = "LiftLedger"
VERSION = "0.1.0"
DESCRIPTION = (
    "The event-sourced ledger of a district's lift “insurance + service” · 电梯“保险+服务”账本. "
    "Every write is a signed request and becomes signed, immutable events. "
    "Every answer to a request that could be read carries the ledger's time in the header `Ledger-Time`. "
    "HEAD is answered wherever GET is, with the same headers and no content. "
    "Signing, names, errors and the order of acts are in docs/api.md; “Open to” names kinds of party, in brackets the "
    "relations of which one is needed (docs/codes.md#relations)."
)

_UNROUTED = {HTTPStatus.NOT_FOUND: "nothing has this address: GET /openapi.json gives those that there are"}

log = structlog.get_logger()


def create(start: Callable[[], Services]) -> FastAPI:
    """Give the application; `start` opens the services when the server's loop runs, and they are closed with it."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        services = start()
        app.state.services = services
        app.state.door = services.door
        app.state.turnstile = Turnstile()
        timekeeper = Timekeeper(services)
        timekeeper.start()
        try:
            yield
        finally:
            await asyncio.to_thread(timekeeper.close)
            await asyncio.to_thread(services.close)

    app = FastAPI(
        title=TITLE, version=VERSION, description=DESCRIPTION, lifespan=life, docs_url=None, redoc_url=None,
        openapi_url=None, redirect_slashes=False,
    )  # fmt: skip
    app.add_middleware(LedgerTime)
    app.add_middleware(HeadAsGet)
    routers = (
        writes.router(ACTIONS, SHAPES), evidence.router(ACTIONS, SHAPES), ledger.routes, problems.routes,
        metrics.routes,
        log_routes.router(),
        reads.router(QUESTIONS), personal.router(DISCLOSURES),
    )  # fmt: skip
    for router in routers:
        app.include_router(router)
    _handle_errors(app, [route for router in routers for route in router.routes])
    app.state.openapi_document = cache(lambda: openapi(app))
    return app


def _handle_errors(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, DomainError | AuditError):
            if errors.status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:  # its details name no person
                log.error("request failed", path=request.url.path, code=error.code, details=error.details)
            return errors.problem(error)
        raise error

    async def unrouted(request: Request, error: Exception) -> Response:
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        if status != HTTPStatus.METHOD_NOT_ALLOWED:
            return errors.answer(status, status.name.lower(), _UNROUTED.get(status, status.phrase))
        taken = _allowed(routes, request)
        answer = errors.answer(status, "method_not_allowed", "the address does not take this method", {"taken": taken})
        answer.headers["Allow"] = ", ".join(taken)
        return answer

    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("request failed", path=request.url.path, error=type(error).__name__, at=place_of(error))
        answer = errors.answer(HTTPStatus.INTERNAL_SERVER_ERROR, "unforeseen", "The ledger failed on this request.")
        answer.headers.update(
            ledger_time.headers(request.app.state.services.clock)
        )  # it comes from outside of LedgerTime
        return answer

    app.add_exception_handler(DomainError, refused)
    app.add_exception_handler(AuditError, refused)
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(Exception, unforeseen)


def _allowed(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """Give the methods of every route that has this path; Starlette names those of the first one only."""
    found = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
    methods = {method for route in found for method in getattr(route, "methods", None) or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def openapi(app: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    document = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes)
    components = document.setdefault("components", {})
    answers = (*ledger.SHAPES, *problems.SHAPES, *log_routes.JSON_SHAPES.values(), WriteAnswer)
    asked = [*(each.gives for each in QUESTIONS), *(each.gives for each in DISCLOSURES)]
    components["schemas"] = {
        **components.get("schemas", {}), **schemas([*answers, *asked]), **writes.components(ACTIONS, SHAPES),
        **personal.components(DISCLOSURES), "Problem": _PROBLEM,
    }  # fmt: skip
    explain(components["schemas"])
    components["responses"] = responses()
    illustrate(document)
    document["servers"] = [{"url": "/"}]
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        operation.setdefault("security", [])  # said outright, since generators ask for it
    components["securitySchemes"] = {
        "signed": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A JWT made afresh for this request by a registered key (docs/api.md).",
        }
    }  # fmt: skip
    return document


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem; `code` is stable.",
    "required": ["type", "title", "title_zh", "status", "code", "detail", "detail_zh", "details"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/` and the code: a GET of it says what the code means."},
        "title": {"type": "string", "description": "What the status says."},
        "title_zh": {"type": "string", "description": "The same in Chinese."},
        "status": {"type": "integer"}, "code": {"type": "string"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "detail_zh": {
            "type": "string",
            "description": "A sentence in Chinese; where a rule refuses, what was found and the rule's title.",
        },
        "details": {"type": "object", "description": "For machines; never personal. `rule` is the rule that refuses."},
    },
}  # fmt: skip
