"""One service for the tests that only knock at its door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import fresh_database
from tests.support.service import Service, serve


@pytest.fixture(scope="session")
def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger on the database's clock, shared by the tests of one process; its whole log verifies after them."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("service")) as running:
        yield running
        running.verify()
