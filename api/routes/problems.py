"""What each code of a refusal means: the page that the `type` of a problem names (RFC 9457 §3.1.1), open to anyone."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import Field
from typing_extensions import TypedDict

from api.describing import open_answer
from api.errors import problem_codes
from domain.errors import NotFound


class ProblemMeaning(TypedDict):
    """A code of a refusal, the HTTP statuses it comes with, and what it says, in English and Chinese."""

    code: str
    statuses: Annotated[list[int], Field(description="The HTTP statuses that it is answered with.")]
    en: Annotated[str, Field(description="Its sentence in English.")]
    zh: Annotated[str, Field(description="The same in Chinese (中文说明).")]


class ProblemMeanings(TypedDict):
    """Every code that a client of the ledger can meet, by its name."""

    problems: Annotated[list[ProblemMeaning], Field(description="One for each code, in the order of the codes.")]


SHAPES: Final = (ProblemMeaning, ProblemMeanings)

_CODE: Final = {
    "name": "code", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
    "description": "The code, as the `type` of a problem ends.",
}  # fmt: skip

routes = APIRouter(tags=["ledger"])


@routes.get(
    "/problems", summary="What all refusals mean · 错误代码表", operation_id="ledger.problems", response_model=None,
    openapi_extra=open_answer(ProblemMeanings),
)  # fmt: skip
def listed() -> dict[str, Any]:
    """Give every code with its statuses and its sentence in both languages; answered without a signature."""
    return {"problems": list(problem_codes().values())}


def explained(request: Request) -> dict[str, Any]:
    """Give what a code means; answered without a signature."""
    code = request.path_params["code"]
    found = problem_codes().get(code)
    if found is None:
        raise NotFound("the ledger answers no such code", code="problem_unknown", problem=code)
    return dict(found)


routes.add_api_route(
    "/problems/{code}", explained, summary="What a refusal means · 错误代码", operation_id="ledger.problem",
    response_model=None, openapi_extra=open_answer(ProblemMeaning, 404) | {"parameters": [_CODE]},
)  # fmt: skip
