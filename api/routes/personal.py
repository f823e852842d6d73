"""The recorded reads of personal data: signed POSTs, one hop to a thread, answered once they are recorded."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi import Request as HttpRequest
from pydantic import TypeAdapter
from starlette.responses import Response

from api.bodies import JSON_TYPE, bearer, is_ndjson, read_body, uri_of
from api.describing import REFERENCE, SIGNED, WRITTEN, reference, refusals, rights_of
from api.parameters import path_parameters
from api.routes.writes import with_salt
from api.shapes import check_body
from application.identity import identify
from application.reading.asking import Answer
from application.reading.personal import DISCLOSURES, Disclosing, Disclosure, Request
from application.salts import take_salt
from application.services import Services
from application.work import AggregateCache
from audit import canonical, tokens
from audit.errors import AuditError
from audit.names import check_name
from domain.errors import Invalid, NotFound

BODY_BYTES_MAX: Final = 4_096
AT_ONCE_MAX: Final = 4

_threads = ThreadPoolExecutor(AT_ONCE_MAX, "liftledger-personal")
_adapters: Final[dict[str, TypeAdapter[Any]]] = {each.id: TypeAdapter(each.shape) for each in DISCLOSURES}


def router(disclosures: Sequence[Disclosure]) -> APIRouter:
    """Give a router with every recorded read's route and its description."""
    routes = APIRouter()
    for disclosure in disclosures:
        routes.add_api_route(
            disclosure.path, _endpoint(disclosure), methods=["POST"], operation_id=disclosure.id,
            summary=f"{disclosure.summary} · {disclosure.summary_zh}", tags=["person"],
            description=description_of(disclosure),
            openapi_extra=_openapi(disclosure), response_class=Response,
        )  # fmt: skip
    return routes


def _endpoint(disclosure: Disclosure) -> Any:  # noqa: ANN401 - FastAPI takes any callable
    async def read(request: HttpRequest) -> Response:
        services: Services = request.app.state.services
        token = bearer(request)
        for kind, name in request.path_params.items():
            _check_path(kind, name)
        if is_ndjson(request):
            raise Invalid("this route takes one JSON object, not lines", code="ndjson_not_taken")
        body = await read_body(request, BODY_BYTES_MAX)
        found = await asyncio.get_running_loop().run_in_executor(
            _threads, answer, services.disclosing, disclosure, token, uri_of(request), dict(request.path_params), body
        )
        return Response(orjson.dumps(found), 200, {"Cache-Control": "no-store"}, JSON_TYPE)

    return read


def answer(
    disclosing: Disclosing, disclosure: Disclosure, token: bytes, uri: str, path: dict[str, str], body: bytes
) -> Answer:
    """Authenticate a recorded read, record it and answer it.

    Raises Unauthenticated, AuditError of token and body, Invalid, and what the read refuses.
    """
    # Who reads is read from the log each time: a revoked key must not go on reading from a cache.
    identity = identify(token, disclosing.clock.now(), AggregateCache(), disclosing.streams)
    digest = hashlib.sha256(body).hexdigest()
    tokens.check_request(identity.token, origin=disclosing.origin, method="POST", uri=uri, body_hash=digest)
    said = canonical.decode(body)
    if not isinstance(said, dict):
        raise Invalid("the body is a JSON object", code="json_object_wanted")
    take_salt(said)
    check_body(_adapters[disclosure.id], disclosure.id, said)
    return disclosure.answer(disclosing, Request(identity.author, token, path, said))


def _check_path(kind: str, name: str) -> None:
    try:
        check_name(name, kinds=(kind,))
    except AuditError as error:
        raise NotFound(f"this path names no {kind}", code=f"{kind}_unknown") from error


def _model(disclosure: Disclosure) -> str:
    return f"{disclosure.shape.__name__}Body"


def description_of(disclosure: Disclosure) -> str:
    """Describe what a recorded read answers: the first sentences of its use case."""
    told = " ".join((inspect.getdoc(disclosure.answer) or "").partition("Raises ")[0].split())
    return f"{told} Writes no event; the read itself is recorded before it is answered. {rights_of(disclosure.id)}"


def _statuses(disclosure: Disclosure) -> set[int]:
    named = "{" in disclosure.path
    return set(WRITTEN) - (set() if named else {404, 409})


def _openapi(disclosure: Disclosure) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model=_model(disclosure))}
    return {
        "requestBody": {"required": True, "content": {JSON_TYPE: {"schema": schema}}},
        "parameters": path_parameters(disclosure.path),
        **SIGNED,
        "responses": {
            "200": {
                "description": "What was found · 查询结果",
                "content": {JSON_TYPE: {"schema": reference(disclosure.gives)}},
            },
            **refusals(*_statuses(disclosure)),
        },
    }  # fmt: skip


def components(disclosures: Sequence[Disclosure]) -> dict[str, Any]:
    """Give the schemas of all bodies for the OpenAPI document."""
    return {_model(each): with_salt(_adapters[each.id].json_schema(ref_template=REFERENCE)) for each in disclosures}
