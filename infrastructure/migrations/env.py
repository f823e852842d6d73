"""Alembic's environment: it runs on the connection it is handed and knows no address of its own."""

from __future__ import annotations

from alembic import context

from infrastructure.schema import metadata

connection = context.config.attributes["connection"]
schema: str = context.config.attributes["schema"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=schema,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
