"""What anyone may ask of the ledger itself: whether it answers, its time, its actions, its OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from application.services import Services

routes = APIRouter(tags=["ledger"])


@routes.get("/health", summary="Whether the ledger answers · 存活检查")
def health(request: Request) -> dict[str, Any]:
    """Give origin, ledger time, and whether nothing is signed at present; answered without a signature.

    A halted ledger lives: it answers questions, and its status stays 200. Why it is halted is told by `/ledger`.
    """
    services: Services = request.app.state.services
    halted = services.reads.watch.halt() is not None
    return {"origin": services.origin, "ledger_time": services.clock.now(), "halted": halted}


@routes.get("/actions", summary="The published table of actions · 操作表")
def actions(request: Request) -> dict[str, Any]:
    """Give the table that events are held against (event-format §3)."""
    services: Services = request.app.state.services
    return services.actions.as_json()


@routes.get("/openapi.json", include_in_schema=False)
def document(request: Request) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    made: dict[str, Any] = request.app.state.openapi_document()
    return made
