"""The writing routes, one for each action of the published table."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.bodies import (
    JSON_TYPE,
    NDJSON_BYTES_MAX,
    NDJSON_TYPE,
    SINGLE_BYTES_MAX,
    bearer,
    idempotency_key,
    is_ndjson,
    read_body,
    uri_of,
)
from api.describing import REFERENCE, SIGNED, WRITTEN, reference, refusals, rights_of
from api.errors import in_chinese
from api.parameters import path_parameters
from api.shapes import Shapes
from api.turnstile import Turnstile
from application import door as doors
from application.access import EXPORT
from application.actions import Action, Actions
from application.answers import WriteAnswer, answer, last_position, proven
from application.errors import OutcomeUnknown
from application.identity import identify
from application.services import Services
from audit.names import check_name
from domain.errors import Invalid, NotFound

_WAIT = {
    "name": "wait", "in": "query", "required": False, "schema": {"type": "string", "enum": ["proof"]},
    "description": "Answer when a checkpoint covers the events, with the proof of each; not for NDJSON.",
}  # fmt: skip
_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "format": "uuid"},
    "description": "The token's `jti`, which is what makes a write idempotent; need not be sent.",
}  # fmt: skip
_SALT: Final = "16 to 64 random bytes in lower-case hex"
_NOT_NEW: Final = (
    "Stored before (of lines some group: `repeated`), nothing to write, or every line `refused` · "
    "此前已入账(NDJSON 为其中某组)、无需入账，或各行均被拒绝"
)
_POSITION = {
    "Ledger-Position": {
        "schema": {"type": "integer"}, "description": "The last position written; give it to reads as `wait_for`.",
    },
}  # fmt: skip
ANSWERED_ELSEWHERE: Final = frozenset({EXPORT})
"""Actions whose routes answer with something else than what was written."""
PROOFS_AT_ONCE_MAX: Final = 32
"""Writes of one worker that wait at a time for the checkpoint over them; further ones wait for one of their places."""
_PROVING: Final = ThreadPoolExecutor(PROOFS_AT_ONCE_MAX, "liftledger-proofs")  # reads do not wait for checkpoints


def router(actions: Actions, shapes: Shapes) -> APIRouter:
    """Give a router with every action's route and its description."""
    routes = APIRouter()
    for action in sorted(actions.by_id.values(), key=lambda a: (a.path, a.method)):
        if action.id in ANSWERED_ELSEWHERE:
            continue
        routes.add_api_route(
            action.path, _endpoint(action), methods=[action.method], operation_id=action.id,
            summary=f"{action.summary} · {action.summary_zh}", tags=[action.id.partition(".")[0]],
            description=description_of(action), openapi_extra=openapi_of(action, shapes), response_class=Response,
            status_code=201,
        )  # fmt: skip
    return routes


def _endpoint(action: Action) -> Any:  # noqa: ANN401 - FastAPI takes any callable
    async def write(request: Request) -> Response:
        door: doors.Door = request.app.state.door
        token = bearer(request)
        for kind, name in request.path_params.items():
            _check_path(kind, name)
        ndjson = is_ndjson(request)
        prove = _waits_for_proof(request, ndjson=ndjson)
        try:
            if ndjson:
                # Only who is known may keep others waiting.
                who = await asyncio.to_thread(identify, token, door.clock.now(), door.cache, door.streams)
                turnstile: Turnstile = request.app.state.turnstile
                async with turnstile.passed(who.author.party):
                    saves = await door.write(await _asked(request, action, token, ndjson=True))
            else:
                saves = await door.write(await _asked(request, action, token, ndjson=False))
        except asyncio.CancelledError:
            # The server ends and waits no longer; what is queued may still be stored, so a plain 500 would mislead.
            raise OutcomeUnknown("the ledger is stopping; repeat the same command") from None
        position = last_position(saves)
        headers = {} if position is None else {"Ledger-Position": str(position)}
        told = answer(saves)
        told["refused"] = in_chinese(told["refused"])
        if prove:
            services: Services = request.app.state.services
            loop = asyncio.get_running_loop()
            told["proofs"] = await loop.run_in_executor(_PROVING, proven, saves, services.proofs)
        status = 201 if position is not None and not any(s.repeated for s in saves) else 200
        return Response(orjson.dumps(told), status, headers, JSON_TYPE)

    return write


def _waits_for_proof(request: Request, *, ndjson: bool) -> bool:
    """Read the query, which may ask for proofs and nothing else. Raises Invalid `query_unknown`, `wait_with_lines`."""
    asked = request.query_params.multi_items()
    if not asked:
        return False
    if asked != [("wait", "proof")]:
        raise Invalid("a write takes wait=proof and no other parameter", code="query_unknown", known=["wait"])
    if ndjson:
        raise Invalid("ask for the proofs of lines one by one: GET /log/proof/{position}", code="wait_with_lines")
    return True


async def _asked(request: Request, action: Action, token: bytes, *, ndjson: bool) -> doors.Request:
    body = await read_body(request, NDJSON_BYTES_MAX if ndjson else SINGLE_BYTES_MAX)
    key = idempotency_key(request)
    return doors.Request(action, uri_of(request), request.path_params, token, body, ndjson=ndjson, key=key)


def _check_path(kind: str, name: str) -> None:
    try:
        check_name(name, kinds=(kind,))
    except Exception as error:
        raise NotFound(f"this path names no {kind}", code=f"{kind}_unknown") from error


def description_of(action: Action) -> str:
    """Describe what an action writes, and who may do it."""
    events = ", ".join(f"`{writes.type}`" for writes in action.writes)
    lines = f" Takes NDJSON in groups of {action.group_lines} lines." if action.group_lines else ""
    return f"Writes {events}.{lines} The body has a member `salt`: {_SALT}. {rights_of(action.id)}"


def openapi_of(action: Action, shapes: Shapes) -> dict[str, Any]:
    """Describe a writing route: body, parameters, answers."""
    schema = {"$ref": REFERENCE.format(model=_model(action, shapes))}
    content: dict[str, Any] = {JSON_TYPE: {"schema": schema}}
    if action.group_lines is not None:
        content[NDJSON_TYPE] = {"schema": schema}
    answered = {JSON_TYPE: {"schema": reference(WriteAnswer)}}
    return {
        "requestBody": {"required": True, "content": content},
        "parameters": [*path_parameters(action.path), _KEY, _WAIT],
        **SIGNED,
        "responses": {
            "201": {"description": "Stored · 已入账", "headers": _POSITION, "content": answered},
            "200": {"description": _NOT_NEW, "content": answered},
            **refusals(*WRITTEN),
        },
    }


def _model(action: Action, shapes: Shapes) -> str:
    # Not the shape's own name: within other bodies a shape stands without a salt.
    return f"{shapes.schema(action, REFERENCE)['title']}Body"


def components(actions: Actions, shapes: Shapes) -> dict[str, Any]:
    """Give the schemas of all bodies for the OpenAPI document, each with the `salt` the door takes off."""
    schemas: dict[str, Any] = {}
    for action in actions.by_id.values():
        schema = shapes.schema(action, REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[_model(action, shapes)] = with_salt(schema)
    return schemas


def with_salt(schema: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of a signed body: a shape's, and the member `salt`."""
    salt = {"type": "string", "pattern": "^([0-9a-f]{2}){16,64}$", "description": _SALT}
    return {
        **schema, "properties": {**schema.get("properties", {}), "salt": salt},
        "required": [*schema.get("required", []), "salt"],
    }  # fmt: skip
