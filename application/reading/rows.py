"""What of a read model's row is told, and how it is named in a cursor."""

from __future__ import annotations

from typing import Any

from application.reading.ports import Found


def shown(row: Found, names: tuple[str, ...]) -> dict[str, Any]:
    """Give the named columns of a row, the item of a cover under the name of what it is."""
    return {("certificate" if name == "item" else name): row[name] for name in names}


def stood(row: Found, names: tuple[str, ...]) -> dict[str, Any]:
    """Give the named columns of a row, and the position of the event since which it stands so."""
    return {**shown(row, names), "position": row["known_from"]}


def row_name(row: Found) -> list[Any]:
    """Give the name of a row, by which the next page goes on behind it."""
    return [row["key"], row["item"], row["effective_from"]]
