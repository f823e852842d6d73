"""Strict validation of bodies by pydantic: the shapes of `domain/` are the one description of every body.

The body was parsed by `audit.canonical` (one parser, so two can never disagree); here its form is held against the
action's TypedDict, without conversions and without unknown members.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from application.actions import Action, Actions
from domain.errors import Invalid

ERRORS_SHOWN_MAX: Final = 20
_MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


class Shapes:
    """Compiled validators, one for each action."""

    def __init__(self, actions: Actions) -> None:
        self._adapters: dict[str, TypeAdapter[Any]] = {
            action.id: TypeAdapter(action.shape) for action in actions.by_id.values()
        }

    def check(self, action: Action, body: object) -> None:
        """Raise Invalid `shape_invalid` with the places and reasons; no value is repeated, it may be personal."""
        check_body(self._adapters[action.id], action.id, body)

    def schema(self, action: Action, template: str) -> dict[str, Any]:
        """Give the action's JSON Schema, definitions referred to by `template` (`#/components/schemas/{model}`)."""
        return self._adapters[action.id].json_schema(ref_template=template)


def check_body(adapter: TypeAdapter[Any], name: str, body: object) -> None:
    """Raise Invalid `shape_invalid` with the places and reasons; no value is repeated, it may be personal."""
    try:
        adapter.validate_python(body, strict=True)
    except ValidationError as error:
        problems = [
            {
                "at": "".join(f"/{_shown(step)}" for step in found["loc"]),
                "reason": found["type"],
                "message": found["msg"],
            }
            for found in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise Invalid(
            f"the body is not of the form {name} takes",
            code="shape_invalid", count=len(problems), errors=problems[:ERRORS_SHOWN_MAX],
        ) from error  # fmt: skip


def _shown(step: int | str) -> str:
    # A refusal is remembered with its command: what is no name of a member may be anything, also somebody's number.
    return str(step) if isinstance(step, int) or _MEMBER.fullmatch(step) else "…"
