"""Requests made from the OpenAPI document, signed, at the real service: nothing fails, every refusal is a problem.

Each operation is tried by a party of a kind that has a right to it, so that bodies come as far as shapes and use cases.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from api.client import Client, Signer
from api.errors import problem_codes
from application.rights import KINDS, RIGHTS
from tests.golden.make_openapi import document
from tests.support import described
from tests.support.service import Service

pytestmark = pytest.mark.slow

CASES_EACH: Final = 4
"""Good and bad cases each for an operation, of which there are a hundred."""
PROBLEM: Final = "application/problem+json"
MEMBERS: Final = {"type", "title", "title_zh", "status", "code", "detail", "detail_zh", "details"}
SERVER_ERRORS: Final = 500

SCHEMA: Final = schemathesis.openapi.from_dict(document())
OPERATIONS: Final[dict[str, APIOperation[Any, Any, Any, Any]]] = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok))
}


@pytest.fixture(scope="module")
def clients(service: Service) -> Mapping[str, Client]:
    """A party of every kind, whose areas are the whole province."""
    everybody = {kind: service.party(kind, more={"areas": ["370000"]}) for kind in KINDS if kind != "operator"}
    return everybody | {"operator": service.administrator}


def whole(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Write 1.0 as 1: to a JSON Schema both are integers, to the ledger floats are none (event-format §1)."""
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sent(case: Case[Any], http: httpx.Client, client: Client, service: Service) -> httpx.Response:
    """Sign and send a case as its body's bytes are."""
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    known = case.body is None or isinstance(case.body, dict | list | str | int | float | bool)
    body = json.dumps(whole(case.body)).encode() if known else b""
    content = body if case.method.upper() != "GET" else None
    headers |= {} if case.media_type is None else {"Content-Type": case.media_type}
    query = dict(case.query or {})
    if str(query.get("wait_for", "")).isdigit():
        query["wait_for"] = "1"  # a read waits for a position that is not there yet
    request = http.build_request(
        case.method, case.formatted_path, params=query or None, headers=headers, content=content
    )
    return http.send(request, auth=Signer(service.origin, client.credentials))


def check(response: httpx.Response, kinds: Collection[str]) -> None:
    """Hold a response to what the document says: its media type when it succeeds, and what all refusals are."""
    assert response.status_code < SERVER_ERRORS, response.text
    described.check(response)
    if response.is_success:
        assert response.headers["content-type"].partition(";")[0] in kinds
        return
    assert response.headers["content-type"] == PROBLEM, response.text
    problem = response.json()
    assert set(problem) == MEMBERS
    assert problem["status"] == response.status_code
    assert problem["code"] == problem["code"].lower()
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["status"] in problem_codes()[problem["code"]]["statuses"]


TRIALS: Final = [
    pytest.param(name, mode, id=f"{name} {mode.value}")
    for name, operation in sorted(OPERATIONS.items())
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # Nothing can be wrong with a request that has neither parameters nor a body.
    if mode == GenerationMode.POSITIVE or {"parameters", "requestBody"} & set(operation.definition.raw)
]


@pytest.mark.parametrize("name,mode", TRIALS)
def test_whatever_comes_is_answered(
    name: str, mode: GenerationMode, service: Service, clients: Mapping[str, Client]
) -> None:
    """No request made from the document, or against it, makes the service fail."""
    operation = OPERATIONS[name]
    action = operation.definition.raw.get("operationId", "")
    kind = next(iter(RIGHTS.get(action, {})), "operator")
    answers = operation.definition.raw["responses"]
    kinds = {kind for code, answer in answers.items() if code[0] == "2" for kind in answer.get("content", {})}
    tried: list[int] = []

    @settings(
        max_examples=CASES_EACH, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Case[Any]) -> None:
        response = sent(case, http, clients[kind], service)
        tried.append(response.status_code)
        check(response, kinds)

    with httpx.Client(base_url=service.url, timeout=30) as http:
        each()
    assert tried
