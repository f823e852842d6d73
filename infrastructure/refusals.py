"""What a failure comes to for whoever gave a command: a refusal with a sentence and a stable code, or a defect."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors as pg

from application.errors import DatabaseAway
from audit.errors import AuditError
from domain.errors import DomainError
from infrastructure.connection import is_away
from infrastructure.errors import DatabaseRefuses, FileUnusable, InfrastructureError, TablesMissing

Refusal = DomainError | AuditError | InfrastructureError
REFUSALS: Final = (DomainError, AuditError, InfrastructureError)
"""What a command shows as one line: all of them have `message`, `code` and `details`."""


def refusal_of(error: BaseException) -> Refusal | None:
    """Give the refusal that a failure comes to; None for what nobody foresaw, which is a defect of the program.

    What the database or the system refuses is told in its own words, which name no value and no password.
    """
    if isinstance(error, REFUSALS):
        return error
    cause = getattr(error, "orig", None) or error  # SQLAlchemy keeps what psycopg said there
    if isinstance(cause, psycopg.Error):
        return _of_database(cause)
    if isinstance(error, OSError):
        what = "the system refuses" if error.filename is None else str(error.filename)
        return FileUnusable(f"{what}: {error.strerror or error}", file=error.filename and str(error.filename))
    return None


def _of_database(error: psycopg.Error) -> Refusal | None:
    words = " ".join(str(error).split())
    if is_away(error):
        return DatabaseAway(f"the database is away: {words}", retry_after_s=5)
    if isinstance(error, pg.InsufficientPrivilege):
        return DatabaseRefuses(f"the database does not let this role do that: {error.diag.message_primary}")
    if isinstance(error, pg.UndefinedTable):
        return TablesMissing("the database lacks tables of this version: init makes them, run renews them")
    return None
