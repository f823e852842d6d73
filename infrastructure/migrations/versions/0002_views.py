"""The read models, where the projector stands in the log, what it parked, and its heartbeat."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

from infrastructure.roles import Roles

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().exec_driver_sql(folder.joinpath("0002_views.sql").read_text(encoding="utf-8"))
    roles: Roles | None = context.config.attributes.get("roles")
    if roles is not None:
        for statement in roles.grants_0002():
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
