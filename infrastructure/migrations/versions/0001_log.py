"""The log: events, receipts, commands, evidence, requests, sealed values, keys of persons, sources, clock.

Frozen: later changes are later revisions. Every table belongs to one ledger = one schema; nothing names the schema.
"""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    # Through the driver itself: the SQL holds percent signs that are nobody's parameters.
    cursor = op.get_bind().connection.cursor()
    for name in ("0001_tables.sql", "0001_triggers.sql", "0001_heads.sql", "0001_append.sql", "0001_position.sql"):
        cursor.execute(folder.joinpath(name).read_text(encoding="utf-8"))
    roles = context.config.attributes.get("roles")
    if roles is not None:
        for statement in roles.grants_0001():
            cursor.execute(statement)


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
