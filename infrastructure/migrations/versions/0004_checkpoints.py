"""Published checkpoints, their later signatures and time stamps, and the hash tiles of the tree."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

from infrastructure.roles import Roles

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    # Through the driver itself: the SQL holds percent signs that are nobody's parameters.
    op.get_bind().connection.cursor().execute(folder.joinpath("0004_checkpoints.sql").read_text(encoding="utf-8"))
    roles: Roles | None = context.config.attributes.get("roles")
    if roles is not None:
        for statement in roles.grants_0004():
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
