"""Fixtures that every test may ask for."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.district import district
from tests.support.postgres import database_url, database_url_16, postgres, postgres16
from tests.support.saving import ledger, migrated, parts, scripted_ledger
from tests.support.scratch import use_memory
from tests.support.written import written

__all__ = [
    "database_url",
    "database_url_16",
    "district",
    "ledger",
    "migrated",
    "parts",
    "postgres",
    "postgres16",
    "scripted_ledger",
    "written",
]

use_memory()  # before anybody asks for a temporary folder

# What a property says depends neither on how fast the machine is just now nor on luck: the same change gets the same
# answer each time. `make test ARGS="--hypothesis-profile=exploring tests/property"` looks further.
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("exploring"), derandomize=True)
settings.load_profile("steady")
