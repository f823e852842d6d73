"""Makes and renews the tables of one ledger, which is one schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from infrastructure.connection import DEFAULT_SCHEMA, check_schema, check_version
from infrastructure.roles import Roles


def migrate(url: str, *, schema: str = DEFAULT_SCHEMA, roles: Roles | None = None, revision: str = "head") -> None:
    """Bring the schema to a revision, making it and the roles first if they are not there.

    `url` is the owner's, `postgresql://…`. With roles None, whoever has the URL may do everything and immutability
    rests on the triggers alone (event-format §7). Repeating it changes nothing. Raises DatabaseTooOld.
    """
    check_schema(schema)
    engine = create_engine(_sqlalchemy_url(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            version = connection.exec_driver_sql("SELECT current_setting('server_version_num')::int").scalar_one()
            check_version(int(version))
            # Two supervisors that start at once would otherwise both make the tables.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('liftledger migrate', 0))"))
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
            connection.execute(text(f'SET LOCAL search_path = "{schema}", pg_temp'))
            if roles is not None:
                for statement in roles.creation(schema):
                    connection.exec_driver_sql(statement)
            config = _config()
            config.attributes.update(connection=connection, schema=schema, roles=roles)
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def head_revision() -> str:
    """Give the newest revision that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def revisions() -> list[str]:
    """Give all revisions that this program knows."""
    return [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()]


def current_revision(url: str, *, schema: str = DEFAULT_SCHEMA) -> str | None:
    """Give the revision that a schema is at; None if there is no ledger in it."""
    check_schema(schema)
    engine = create_engine(_sqlalchemy_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            table = f'"{schema}".alembic_version'
            if connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is None:
                return None
            # The name was checked against a grammar that has no quotes.
            return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - checked
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _sqlalchemy_url(url: str) -> str:
    return "postgresql+psycopg://" + url.split("://", 1)[1]
