"""Makes room for a demonstration: an earlier one goes, and what was left of making one; any other ledger stays."""

from __future__ import annotations

import shutil

from api import bootstrap, credentials
from domain.errors import Conflict


def clear(settings: bootstrap.Settings, origin: str) -> None:
    """Let an earlier ledger `origin` make way, or what is left of one that was cut short; never another ledger.

    Raises Conflict `ledger_exists`, VarInUse.
    """
    held = settings.keys_folder / bootstrap.ADMINISTRATOR
    named = credentials.load(held).origin if held.exists() else None
    if named not in {None, origin}:
        raise Conflict(f"{settings.keys_folder} holds the keys of {named}; set LIFTLEDGER_KEYS", code="ledger_exists")
    stored = _stored(settings, named)
    if stored not in {None, origin}:
        where = f"{settings.var}; set LIFTLEDGER_VAR" if settings.database_url is None else "the database; name another"
        raise Conflict(f"there is the ledger {stored} in {where}", code="ledger_exists")
    if settings.database_url is None:
        if (settings.var / "postgresql").exists():
            bootstrap.require_idle(settings)
            shutil.rmtree(settings.var)
    elif stored is not None:
        message = "the database holds an earlier demonstration: DROP SCHEMA liftledger CASCADE in it, or name another"
        raise Conflict(message, code="ledger_exists")
    if origin in {named, stored}:
        bootstrap.forget_keys(settings)  # or the rollback guard would miss the old log in the new one


def _stored(settings: bootstrap.Settings, named: str | None) -> str | None:
    """Give the origin of the ledger in the settings' database; the keys say it where they lie beside the data."""
    if settings.database_url is None:
        if not (settings.var / "postgresql").exists():
            return None
        if named is not None and settings.keys is None:
            return named
    with bootstrap.database_running(settings):
        return bootstrap.stored_origin(settings)
