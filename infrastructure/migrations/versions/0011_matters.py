"""Which disputes are about a stream or subject, found without looking at all disputes."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().connection.cursor().execute(folder.joinpath("0011_matters.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
