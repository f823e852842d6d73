"""What a key signed last, found without looking at all signatures."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().connection.cursor().execute(folder.joinpath("0010_signatures_by_key.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
