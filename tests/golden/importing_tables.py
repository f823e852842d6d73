"""The parts of the importer's page that are made from its code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from api import importing_rows
from api.importing_reasons import ENDINGS, REJECTS


def grammar() -> str:
    """Give what the importer's own docstring says of a mapping."""
    return (inspect.getdoc(importing_rows) or "").partition("\n\n")[2]


def mapping_tables() -> str:
    """Give the columns of each mapping that comes with the program."""
    return "\n".join(line for name in importing_rows.known_mappings() for line in _mapping(name))


def _mapping(name: str) -> Iterator[str]:
    mapping = importing_rows.load_mapping(name)
    yield f"### `{name}`"
    yield ""
    absent = "Columns that no row needs may be absent; others are refused." if mapping.absent_allowed else ""
    yield f"{mapping.title}. {absent}".strip()
    yield ""
    yield "| column | becomes | |"
    yield "|---|---|---|"
    required = mapping.columns(required=True)
    for column in mapping.columns():
        members = (".".join(path) for path, ways in mapping.fields if any(column in way.columns for way in ways))
        told = ", ".join(f"`{member}`" for member in members)
        yield f"| `{column}` | {told} | {'required' if column in required else ''} |"
    yield ""


def reject_table() -> str:
    """Give the importer's own reasons to reject a row."""
    return _sentences("reason", REJECTS)


def ending_table() -> str:
    """Give the importer's own reasons to end early."""
    return _sentences("code", ENDINGS)


def _sentences(head: str, table: Mapping[Any, str]) -> str:
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| `{code}` | {said} |" for code, said in table.items())])
