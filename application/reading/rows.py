"""What of a read model's row is told."""

from __future__ import annotations

from typing import Any

from application.reading.ports import Found


def shown(row: Found, names: tuple[str, ...]) -> dict[str, Any]:
    """Give the named columns of a row, the item of a cover under the name of what it is."""
    return {("certificate" if name == "item" else name): row[name] for name in names}
