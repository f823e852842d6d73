"""What anyone may ask of the ledger itself: whether it answers, its time, its actions, its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import Field
from typing_extensions import TypedDict

from api.describing import open_answer
from application.services import Services
from domain.shapes import Instant


class Health(TypedDict):
    """Whose ledger answers, its time, and whether nothing is signed at present."""

    origin: str
    ledger_time: Instant
    halted: bool


class WritesRow(TypedDict):
    """An event type that an action may write: its streams, where its words stand in the request, and its time."""

    type: str
    stream: str
    at: str
    effective_at: Annotated[str | None, Field(description="Where its time stands in what is said (a JSON Pointer).")]
    derived: bool


class ActionRow(TypedDict):
    """An action: its route, how many lines of NDJSON make a save (null: it takes none), and what it may write."""

    id: str
    method: str
    path: str
    group_lines: int | None
    writes: list[WritesRow]


class ActionTable(TypedDict):
    """The published table of actions, and the versions of the rules by which names are made."""

    format: int
    actions: list[ActionRow]
    rules: dict[str, int]


SHAPES: Final = (Health, ActionTable)


routes = APIRouter(tags=["ledger"])


@routes.get(
    "/health", summary="Whether the ledger answers · 存活检查", operation_id="ledger.health", response_model=None,
    openapi_extra=open_answer(Health, 503),
)  # fmt: skip
def health(request: Request) -> dict[str, Any]:
    """Give origin, ledger time, and whether nothing is signed at present; answered without a signature.

    A halted ledger lives: it answers questions, and its status stays 200. Why it is halted is told by `/ledger`.
    """
    services: Services = request.app.state.services
    halted = services.reads.watch.halt() is not None
    return {"origin": services.origin, "ledger_time": services.clock.now(), "halted": halted}


@routes.get(
    "/actions", summary="The published table of actions · 操作表", operation_id="ledger.actions", response_model=None,
    openapi_extra=open_answer(ActionTable),
)  # fmt: skip
def actions(request: Request) -> dict[str, Any]:
    """Give the table that events are held against (event-format §3)."""
    services: Services = request.app.state.services
    return services.actions.as_json()


@routes.get("/openapi.json", include_in_schema=False)
def document(request: Request) -> dict[str, Any]:
    """Give the OpenAPI 3.1 document."""
    made: dict[str, Any] = request.app.state.openapi_document()
    return made
