"""When a lift's visits began, indexed."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().connection.cursor().execute(folder.joinpath("0014_visits.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
