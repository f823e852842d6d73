"""Answers held against the OpenAPI document: the status stands in it, the body is of its schema, with no member more.

The published schemas are open, so that answers may come to have more members; here they are closed, so that none comes
without being described.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import httpx
import jsonschema_rs

from tests.golden.make_openapi import document

PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"


_document: Final = cache(document)


@cache
def operations() -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    """Give every operation: its method, what its paths match, and its description; plain paths go first."""
    found = [
        (method.upper(), re.compile(re.sub(r"\\{(rest|\w+)\\}", _variable, re.escape(path))), operation)
        for path, methods in _document()["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda each: each[1].pattern.count("(?:"))


def _variable(found: re.Match[str]) -> str:
    return "(?:.+)" if found[1] == "rest" else "(?:[^/]+)"


def operation_of(method: str, path: str) -> dict[str, Any]:
    """Give the operation that a request is."""
    return next(operation for verb, like, operation in operations() if verb == method and like.fullmatch(path))


@cache
def _closed() -> dict[str, Any]:
    components = document()["components"]  # its own copy
    _close(components)
    return {"components": components}


def _close(value: Any) -> None:  # noqa: ANN401 - any part of the document
    if isinstance(value, dict):
        if "properties" in value and value.get("type") == "object":
            value.setdefault("additionalProperties", False)
        for part in value.values():
            _close(part)
    elif isinstance(value, list):
        for part in value:
            _close(part)


@cache
def validator(reference: str) -> jsonschema_rs.Draft202012Validator:
    """Give the validator of a schema of the document, closed."""
    return jsonschema_rs.Draft202012Validator({"$ref": reference, **_closed()})


def faults(reference: str, value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """Give what of a value is not as a schema says; no value is repeated."""
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.masked()}" if hasattr(error, "masked") else str(error)
        for error in validator(reference).iter_errors(value)
    ]


def check(response: httpx.Response) -> None:
    """Assert that an answer is as the document says of its operation."""
    path = response.request.url.path
    described = operation_of(response.request.method, path)["responses"]
    status = str(response.status_code)
    assert status in described, f"{status} of {response.request.method} {path} is not described: {response.text[:200]}"
    told = described[status]
    if "$ref" in told:
        told = _document()["components"]["responses"][told["$ref"].rpartition("/")[2]]
    kind = response.headers.get("content-type", "").partition(";")[0]
    if "content" not in told:
        assert response.content == b""
        return
    assert kind in told["content"], f"{kind} of {path} is not described"
    stated = {name.lower() for name, each in told.get("headers", {}).items() if each.get("required", True)}
    assert stated - {"ledger-position"} <= set(response.headers)
    if kind in {JSON, PROBLEM}:
        found = faults(told["content"][kind]["schema"]["$ref"], response.json())
        assert found == [], f"{response.request.method} {path}: {found[:5]}"
