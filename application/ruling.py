"""The pack that facts are held against: where none is in force they are recorded all the same."""

from __future__ import annotations

from typing import Any

from application.schemes import pack_in_force
from application.work import Work
from domain.errors import NotFound
from domain.packs import Pack


def ruling(work: Work, area: str | None, on: str) -> tuple[Pack | None, dict[str, Any]]:
    """Give the pack in force in an area on a civil date, and `{"pack": …}` for `found`; (None, {}) where none is."""
    if not area:
        return None, {}
    try:
        pack, ref = pack_in_force(work, area, on)
    except NotFound:
        return None, {}
    return pack, {"pack": ref.as_json()}
