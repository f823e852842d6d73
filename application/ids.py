"""Names of new things that the ledger makes; most ids are made by the author and stand in the request."""

from __future__ import annotations

import uuid

import uuid_utils

from domain.shapes import RANDOM_KINDS


def new_name(kind: str) -> str:
    """Give a new name: a UUID of version 4 where the id must tell nothing, else version 7 (event-format §1)."""
    made = str(uuid.uuid4()) if kind in RANDOM_KINDS else str(uuid_utils.uuid7())
    return f"{kind}:{made}"
