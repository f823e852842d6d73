"""Fixtures that every test may ask for."""

from __future__ import annotations

from tests.support.postgres import database_url, database_url_16, postgres, postgres16
from tests.support.saving import ledger, scripted_ledger
from tests.support.written import written

__all__ = ["database_url", "database_url_16", "ledger", "postgres", "postgres16", "scripted_ledger", "written"]
