"""The tables of the read models as SQLAlchemy Core, made from what each projection declares.

The migrations are what makes them in the database; a test holds the two together. Names begin with `view_`.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from application.projections.base import Bitemporal, Projection
from application.projections.catalogue import PROJECTIONS
from infrastructure.schema import NAME

metadata: Final = MetaData()

_TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "text": NAME, "integer": BigInteger(), "flag": Boolean(), "texts": ARRAY(NAME), "json": JSONB(),
}  # fmt: skip


def table_name(projection: str) -> str:
    """Give the name of a projection's table."""
    return f"view_{projection}"


def _table(projection: Projection) -> Table:
    own = [Column(column.name, _TYPES[column.type]) for column in projection.columns]
    if isinstance(projection, Bitemporal):
        return Table(
            table_name(projection.name), metadata,
            Column("key", NAME, nullable=False),
            Column("item", NAME, nullable=False),
            Column("effective_from", NAME, nullable=False),
            Column("effective_to", NAME),
            Column("known_from", BigInteger, nullable=False),
            Column("known_to", BigInteger),
            *own,
            PrimaryKeyConstraint("key", "item", "effective_from", "known_from"),
        )  # fmt: skip
    return Table(
        table_name(projection.name), metadata,
        Column("account", NAME, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("number", Integer, nullable=False),
        *own,
        PrimaryKeyConstraint("account", "position", "number"),
    )  # fmt: skip


tables: Final[dict[str, Table]] = {projection.name: _table(projection) for projection in PROJECTIONS}
"""The tables by the projections' names."""

tracking = Table(
    "projection_tracking", metadata,
    Column("name", NAME, primary_key=True),
    Column("position", BigInteger, nullable=False),
    # Which versions of the functions made the rows, and how often they were made from the beginning.
    Column("digest", Text, nullable=False),
    Column("generation", Integer, nullable=False),
)  # fmt: skip

parked = Table(
    "parked_events", metadata,
    Column("projection", NAME, nullable=False),
    Column("stream", NAME, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("error", NAME, nullable=False),
    PrimaryKeyConstraint("projection", "stream"),
)  # fmt: skip

heartbeat = Table(
    "projector_heartbeat", metadata,
    Column("name", NAME, primary_key=True),
    Column("beat_at", DateTime(timezone=True), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("parked", BigInteger, nullable=False),
    Column("error", NAME),
)  # fmt: skip
