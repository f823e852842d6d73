"""The read models, where the projector stands in the log, what it parked, and its heartbeat."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

from infrastructure.roles import Roles

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VIEWS = (
    "view_lifts", "view_covers", "view_policies", "view_claims", "view_funds", "view_houses", "view_reservations",
    "view_entries", "view_timeline", "projection_tracking", "parked_events", "projector_heartbeat",
)  # fmt: skip


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().exec_driver_sql(folder.joinpath("0002_views.sql").read_text(encoding="utf-8"))
    roles: Roles | None = context.config.attributes.get("roles")
    if roles is not None:
        tables = ", ".join(_VIEWS)
        for name in (roles.writer, roles.checkpointer):
            op.get_bind().exec_driver_sql(f"GRANT SELECT ON {tables} TO {name}")
        op.get_bind().exec_driver_sql(
            f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON {tables} TO {roles.projector}"
        )


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
