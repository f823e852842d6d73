"""Identifiers held for review among the lifts, and indexes for those who list what they registered or notified."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().exec_driver_sql(folder.joinpath("0006_lifts.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
