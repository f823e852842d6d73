"""From when on a lift's record that went up in another says nothing, and an index of what went up in what."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = files("infrastructure.migrations").joinpath("sql")
    op.get_bind().connection.cursor().execute(folder.joinpath("0019_merged.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    message = "a ledger is not taken back; make a new schema"
    raise NotImplementedError(message)
