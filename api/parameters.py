"""Variables of path templates, as the OpenAPI document describes them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from domain.shapes import RANDOM_KINDS, name_pattern

_VARIABLE: Final = re.compile(r"{(\w+)}")


def path_parameters(template: str, *, plain: Collection[str] = ()) -> list[dict[str, Any]]:
    """Give the parameters of a path template: each variable is a name of its own kind, but for the `plain` ones."""
    return [
        {
            "name": variable, "in": "path", "required": True,
            "schema": {"type": "string"} if variable in plain else {"type": "string", "pattern": _pattern(variable)},
        }
        for variable in _VARIABLE.findall(template)
    ]  # fmt: skip


def _pattern(kind: str) -> str:
    return name_pattern(kind, 4 if kind in RANDOM_KINDS else 7)
