"""The reading routes, one for each question: signed like writes, one hop to a thread, cited by position."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.bodies import JSON_TYPE, bearer, uri_of
from api.describing import READ, SIGNED, reference, refusals, rights_of
from api.head import sent_method
from api.parameters import path_parameters
from api.threads import on_thread
from application.identity import identify
from application.reading.asking import Answer, Asking, Question, Reads
from application.services import Services
from application.work import AggregateCache
from audit import tokens
from audit.errors import AuditError
from audit.names import check_name
from domain.errors import Invalid, NotFound

NO_BODY: Final = hashlib.sha256(b"").hexdigest()
QUERY_CHARS_MAX: Final = 200
"""Length of one parameter's value; a cursor may be longer and has its own limit."""
NAMED: Final = frozenset({"lift", "policy", "fund", "house"})
"""Path variables that are names of their kind."""
EVERYBODY: Final = "Open to every registered party"
WHOSE: Final = {
    "event.read": f"{EVERYBODY}; a body is withheld from whoever may not read its subject.",
    "ledger.read": f"{EVERYBODY}.",
    "subject.events": f"{EVERYBODY}; bodies are withheld from whoever may not read the subject.",
    "subject.replay": "Open to whoever may read something of the subject.",
}
"""Who may ask the questions that have no row of their own in the table of rights."""


def router(questions: Sequence[Question]) -> APIRouter:
    """Give a router with every question's route and its description."""
    routes = APIRouter()
    for question in questions:
        routes.add_api_route(
            question.path, _endpoint(question), methods=["GET"], operation_id=question.id,
            summary=f"{question.summary} · {question.summary_zh}", tags=[question.id.partition(".")[0]],
            description=description_of(question),
            openapi_extra=_openapi(question), response_class=Response,
        )  # fmt: skip
    return routes


def _endpoint(question: Question) -> Any:  # noqa: ANN401 - FastAPI takes any callable
    async def read(request: Request) -> Response:
        services: Services = request.app.state.services
        token = bearer(request)
        query = _query(question, request)
        for kind in NAMED & set(request.path_params):
            _check_path(kind, request.path_params[kind])
        found = await on_thread(
            answer, services.reads, question, token, (sent_method(request), uri_of(request)), request.path_params, query
        )
        return _response(request, found)

    return read


def answer(
    reads: Reads, question: Question, token: bytes, sent: tuple[str, str], path: dict[str, str], query: dict[str, str]
) -> Answer:
    """Authenticate a signed read and answer it; a read's command id is not remembered.

    `sent` is the method, and path and query, as they came.

    Raises Unauthenticated, AuditError of the token, and what the question refuses.
    """
    # Who reads is read from the log each time: a revoked key must not go on reading from a cache.
    identity = identify(token, reads.clock.now(), AggregateCache(), reads.streams)
    method, uri = sent
    tokens.check_request(identity.token, origin=reads.origin, method=method, uri=uri, body_hash=NO_BODY)
    asking = Asking(reads, identity.author, path, query, question.id)
    found = question.answer(asking)
    asking.check_unmoved()
    return found


def _query(question: Question, request: Request) -> dict[str, str]:
    known = {parameter.name: parameter for parameter in question.parameters}
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        parameter = known.get(name)
        if parameter is None:
            raise Invalid(f"there is no parameter {name[:40]}", code="query_unknown", known=sorted(known))
        if name in query:
            raise Invalid(f"{name} is said twice", code="query_twice", name=name)
        if len(value) > QUERY_CHARS_MAX and name != "cursor":
            raise Invalid(f"{name} is too long", code="query_too_long", name=name, maximum=QUERY_CHARS_MAX)
        if not parameter.takes(value):
            raise Invalid(f"{name} is not of its form", code=f"{name}_malformed", **parameter.form)
        query[name] = value
    return query


def _check_path(kind: str, name: str) -> None:
    try:
        check_name(name, kinds=(kind,))
    except AuditError as error:
        raise NotFound(f"this path names no {kind}", code=f"{kind}_unknown") from error


def _response(request: Request, found: Answer) -> Response:
    content = orjson.dumps(found)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    known = found.get("known_at")
    if isinstance(known, dict):
        headers["Ledger-Position"] = str(known["position"])
    if tag in {each.strip() for each in request.headers.get("if-none-match", "").split(",")}:
        return Response(None, 304, headers)
    return Response(content, 200, headers, JSON_TYPE)


def description_of(question: Question) -> str:
    """Describe what a question answers: the sentences of its use case."""
    told = " ".join((inspect.getdoc(question.answer) or "").split())
    text = re.sub(r"^Answer GET [^ :;,]+[:;,] ", "", told)
    who = WHOSE.get(question.id) or rights_of(question.id)
    return f"{text[:1].upper()}{text[1:]} {who}"


def _statuses(question: Question) -> tuple[int, ...]:
    forbidden = () if WHOSE.get(question.id, "").startswith(EVERYBODY) else (403,)
    # Of one thing, which may be unknown, path or query must tell which.
    of_one = "{" in question.path or any(parameter.required for parameter in question.parameters)
    return (*READ, *forbidden, *((404,) if of_one else ()))


def _openapi(question: Question) -> dict[str, Any]:
    variables = set(re.findall(r"{(\w+)}", question.path))
    parameters = path_parameters(question.path, plain=variables - NAMED)
    for parameter in question.parameters:
        schema = {"type": "string"} | parameter.form
        parameters.append(
            {
                "name": parameter.name, "in": "query", "required": parameter.required, "schema": schema,
                "description": parameter.description,
            }
        )  # fmt: skip
    return {
        "parameters": parameters, **SIGNED,
        "responses": {
            "200": {
                "description": "The answer; `known_at` cites what it rests on · 查询结果",
                "headers": {
                    "Ledger-Position": {"schema": {"type": "integer"}, "description": "The position known."},
                    "ETag": {
                        "schema": {"type": "string"},
                        "description": "Send it as If-None-Match: what has not changed is not sent again.",
                    },
                },
                "content": {JSON_TYPE: {"schema": reference(question.gives)}},
            },
            "304": {"description": "Not modified · 未变更"},
            **refusals(*_statuses(question)),
        },
    }  # fmt: skip
