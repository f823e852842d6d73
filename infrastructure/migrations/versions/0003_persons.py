"""Erasure in two steps: places of personal fields, the blind index, recorded reads, the read model of persons."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

from infrastructure.roles import Roles

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    cursor = op.get_bind().connection.cursor()
    for name in ("0003_persons.sql", "0003_places.sql"):
        # Through the driver itself: the SQL holds percent signs that are nobody's parameters.
        cursor.execute(folder.joinpath(name).read_text(encoding="utf-8"))
    roles: Roles | None = context.config.attributes.get("roles")
    if roles is not None:
        for statement in roles.grants_0003():
            cursor.execute(statement)


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
