"""Pages of lists: the rows of a read model that match, that the reader may read, behind the last one he was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from application.reading.asking import Asking
from application.reading.rows import row_name
from application.reading.scope import filtered, reach


def page_of(
    asking: Asking, view: str, action: str, filters: Sequence[str], *, effective: str | None = None,
    where: Mapping[str, object] | None = None, contains: Mapping[str, Sequence[str]] | None = None,
    areas: bool = True, limit: int | None = None,
) -> tuple[list[Any], str | None]:  # fmt: skip
    """Give a page of rows and the cursor of the next: those of an instant if `effective` is given.

    `filters` are the parameters that hold the column of their name, beside `area`, which is left to the caller where
    `areas` is false; `where` and `contains` hold more.
    Raises Forbidden `right_missing`, Invalid `cursor_malformed`, `limit_malformed`.
    """
    limit = asking.limit if limit is None else min(asking.limit, limit)
    asked: dict[str, object] = {name: asking.query[name] for name in filters if name in asking.query}
    rows = asking.reads.views.find(
        view, asking.known.position, effective=effective, where={**asked, **(where or {})}, contains=contains,
        areas=filtered(asking) if areas else None, reach=reach(asking, action), after=asking.cursor(str, str, str),
        limit=limit + 1,
    )  # fmt: skip
    return asking.paged(rows, row_name, limit)
