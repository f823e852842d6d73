"""One service for the tests that only knock at its door; whatever a client is answered is as described."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from api import client
from api.client import Client
from tests.support import described
from tests.support.postgres import fresh_database
from tests.support.service import Service, serve


@pytest.fixture(scope="module", autouse=True)
def _answers_are_as_described() -> Iterator[None]:
    """Hold every answer and refusal to the Python client against the OpenAPI document, in these tests alone."""
    repeated, problem = Client._repeated, client._problem  # noqa: SLF001 - the two places where answers come in

    def answered(self: Client, made: Callable[[], httpx.Request]) -> httpx.Response:
        response = repeated(self, made)
        described.check(response)
        return response

    def refused(response: httpx.Response) -> Mapping[str, Any]:
        described.check(response)
        return problem(response)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "_repeated", answered)
        patch.setattr(client, "_problem", refused)
        yield


@pytest.fixture(scope="session")
def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger on the database's clock, shared by the tests of one process; its whole log verifies after them."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("service")) as running:
        yield running
        running.verify()
