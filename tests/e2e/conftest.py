"""One service for the tests that only knock at its door; whatever a client is answered is as described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.client import Client
from tests.support import described
from tests.support.postgres import fresh_database
from tests.support.service import Service, serve


@pytest.fixture(scope="session", autouse=True)
def _answers_are_as_described() -> Iterator[None]:
    """Hold every JSON answer to the Python client against the OpenAPI document."""
    answered = Client._answer  # noqa: SLF001 - the one place where answers come in

    def held(response: httpx.Response) -> dict[str, Any]:
        described.check(response)
        return answered(response)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "_answer", staticmethod(held))
        yield


@pytest.fixture(scope="session")
def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger on the database's clock, shared by the tests of one process; its whole log verifies after them."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("service")) as running:
        yield running
        running.verify()
