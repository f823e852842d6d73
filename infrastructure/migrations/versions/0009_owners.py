"""All owners of a house in its read model."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().exec_driver_sql(folder.joinpath("0009_owners.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
