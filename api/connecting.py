"""Where a command finds the running ledger, and a client of it that tells what goes wrong in typed errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import httpx

from api import bootstrap, credentials
from api.client import PATIENCE_S, Client, Refused, clock_of
from api.credentials import CredentialsFile
from domain.errors import Busy, Conflict, Invalid

TIMEOUT_S: Final = 60.0
ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, and how it is reached
"""A ledger that listens on every address is asked at this machine's own."""


def address(settings: bootstrap.Settings) -> str:
    """Give the URL at which the ledger of these settings answers on this machine."""
    host = ANY_HOST.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def administering(settings: bootstrap.Settings, party: Path | None, url: str | None) -> AbstractContextManager[Client]:
    """Be `connected` as who the file `party` names, else the administrator, at `url`, else where the settings say."""
    held = credentials.load(party or settings.keys_folder / bootstrap.ADMINISTRATOR)
    return connected(held, url or address(settings))


@contextmanager
def connected(
    held: CredentialsFile, url: str, *, timeout_s: float = TIMEOUT_S, patience_s: float = PATIENCE_S
) -> Iterator[Client]:
    """Give a client of the ledger at `url` for the block, its tokens dated by the ledger's clock if that is scripted.

    Raises as `answering`; Conflict `ledger_differs` where another ledger answers than the credentials are of.
    """
    with answering(url), httpx.Client(base_url=url, timeout=timeout_s) as http:
        _require_origin(http, url, held.origin)
        yield Client(http, held.origin, held.credentials, clock_of(http, held.origin), patience_s)


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Raise Conflict with the code of a refusal, Busy `unreachable` where no ledger answers, Invalid `url_bad`."""
    try:
        yield
    except Refused as refused:
        told = str(refused.problem.get("detail") or refused)
        details = refused.problem.get("details")
        raise Conflict(f"{told} {details}" if details else told, code=refused.code) from refused
    except httpx.HTTPError as away:
        raise Busy(f"no ledger answers at {url}", code="unreachable") from away
    except httpx.InvalidURL as bad:
        raise Invalid(f"{url} is no address: {bad}", code="url_bad") from bad


def _require_origin(http: httpx.Client, url: str, origin: str) -> None:
    """Ask before anything is signed; a door that does not tell its origin leaves it to the token's audience."""
    answer = http.get("/health")
    if not answer.is_success:
        return
    try:
        found = answer.json()["origin"]
    except (ValueError, KeyError, TypeError):
        raise Busy(f"no ledger answers at {url}", code="unreachable") from None
    if found != origin:
        raise Conflict(f"at {url} answers {found}, but the credentials are of {origin}", code="ledger_differs")
