"""What all routes say alike in the OpenAPI document: signed, how they refuse, and the schemas that they name.

Nothing here touches a request: an answer's shape is for the document, and tests hold answers to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

from pydantic import TypeAdapter

from api.bodies import JSON_TYPE
from api.errors import MEDIA_TYPE, titles
from application.catalogue import ACTIONS
from application.rights import KINDS, RIGHTS, SHARED

REFERENCE: Final = "#/components/schemas/{model}"
SIGNED: Final[Mapping[str, Any]] = {"security": [{"signed": []}]}

READ: Final = (401, 422, 503)
"""Statuses by which any signed read may be refused: who asks, what is asked, and that now is no time for it."""
WRITTEN: Final = (400, 401, 403, 404, 408, 409, 413, 415, 422, 503)
"""Statuses by which any signed write may be refused."""
_HEADERS: Final[Mapping[int, Mapping[str, Any]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer, with the code of what is wrong."}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait; then send the same again."}},
}


def refusals(*statuses: int) -> dict[str, Any]:
    """Give the responses of an operation that may be refused by these statuses; `default` is a failure (500)."""
    told = {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(set(statuses))}
    return {**told, "default": {"$ref": f"#/components/responses/{_name(500)}"}}


def responses() -> dict[str, Any]:
    """Give the problem responses of the document, each once."""
    return {_name(status): _problem(status) for status in (*WRITTEN, 500)}


def _name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> dict[str, Any]:
    title, title_zh = titles(HTTPStatus(status))
    told: dict[str, Any] = {
        "description": f"{title} · {title_zh}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}},
    }
    return told | ({"headers": dict(_HEADERS[status])} if status in _HEADERS else {})


def rights_of(action: str) -> str:
    """Say who may do an act or ask a question: kinds of party, and the relations of which they need one, if they do.

    A question without a row is one about its noun; an act has the row that its use case asks for, and no other.
    """
    if action in ACTIONS.by_id:
        row = RIGHTS[SHARED.get(action, action)]
    else:
        row = RIGHTS.get(action) or RIGHTS[f"{action.partition('.')[0]}.read"]
    groups: dict[str, list[str]] = {}
    for kind, relations in row.items():
        needed = "" if "any" in relations else f" ({', '.join(sorted(relations))})"
        groups.setdefault(needed, []).append(kind)
    told = sorted(groups.items(), key=lambda group: len(group[1])) if len(row) == len(KINDS) else list(groups.items())
    named = [f"{', '.join(kinds)}{needed}" for needed, kinds in told]
    if len(row) == len(KINDS):
        named[-1] = f"every {'other ' if named[1:] else ''}kind{told[-1][0]}"
    return f"Open to: {'; '.join(named)}."


def reference(shape: Any) -> dict[str, str]:  # noqa: ANN401 - a TypedDict
    """Give the reference to the schema of a shape."""
    return {"$ref": REFERENCE.format(model=shape.__name__)}


def open_answer(shape: Any, *statuses: int) -> dict[str, Any]:  # noqa: ANN401 - a TypedDict
    """Describe the answer of a route that anyone may ask, and the statuses by which it may refuse."""
    content = {JSON_TYPE: {"schema": reference(shape)}}
    return {"responses": {"200": {"content": content}, **refusals(*statuses)}}


def schemas(shapes: Iterable[Any]) -> dict[str, Any]:
    """Give the schemas of shapes of answers, and of what they are made of."""
    found: dict[str, Any] = {}
    for shape in shapes:
        schema = TypeAdapter(shape).json_schema(ref_template=REFERENCE)
        found.update(schema.pop("$defs", {}))
        found[shape.__name__] = schema
    return found


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """Give the examples of the document: `bodies` by action, `answers` by question or action."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(files("api").joinpath("examples.json").read_text("utf-8"))
    return found


def illustrate(document: Mapping[str, Any]) -> None:
    """Put the examples where the document describes what they are of."""
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        name, told = operation.get("operationId", ""), examples()
        if name in told["bodies"]:
            operation["requestBody"]["content"][JSON_TYPE]["example"] = told["bodies"][name]
        if name in told["answers"]:
            status = "201" if "requestBody" in operation else "200"
            operation["responses"][status]["content"][JSON_TYPE]["example"] = told["answers"][name]
