"""Backups of the settings' ledger: written while it runs, and put back where no ledger is."""

from __future__ import annotations

from pathlib import Path

from api.bootstrap.keeping import erase_pending
from api.bootstrap.places import place, prepare_tables, read_ledger
from infrastructure.backups import Backup, read_backup, restore_backup, write_backup
from infrastructure.settings import Settings


def back_up(settings: Settings, folder: Path) -> Backup:
    """Write a backup of the ledger's database into a new folder (`infrastructure.backups`), beside a running ledger."""
    where = place(settings)
    return write_backup(where.owner, read_ledger(where).origin, folder)


def put_back(settings: Settings, folder: Path, *, without_persons: bool) -> tuple[Backup, int]:
    """Put a backup back into the settings' running database, where no ledger is.

    Tables are renewed, and who was erased since is erased again before anybody reads; gives the backup, and how many
    persons' data that destroyed. Raises as `infrastructure.backups`.
    """
    from infrastructure.migrations import revisions  # noqa: PLC0415 - no worker needs it, and it is dear to load

    where = place(settings)
    backup = read_backup(folder, revisions(), without_persons=without_persons)
    restore_backup(where.owner, backup, folder, where.roles, without_persons=without_persons)
    prepare_tables(where)
    return backup, erase_pending(settings)
