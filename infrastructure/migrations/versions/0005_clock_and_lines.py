"""Readings of the clock that outlive the process which took them as right; the hashes of all lines of a request."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

from infrastructure.roles import Roles

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    # Through the driver itself: the SQL holds percent signs that are nobody's parameters.
    cursor = op.get_bind().connection.cursor()
    for name in ("0005_clock.sql", "0005_lines.sql"):
        cursor.execute(folder.joinpath(name).read_text(encoding="utf-8"))
    roles: Roles | None = context.config.attributes.get("roles")
    if roles is not None:
        for statement in roles.grants_0005():
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
