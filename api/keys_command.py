"""The commands `liftledger keys`: handing on the ledger's own keys, the old one signing the new."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console

from api import bootstrap, credentials
from api.client import Client, Refused
from domain.errors import Busy, Conflict
from domain.time import parse_instant

app = typer.Typer(help="Hand on the ledger's own keys.", no_args_is_help=True)
out = Console()
TIMEOUT_S: Final = 60.0


class Use(StrEnum):
    """What a key of the ledger is for."""

    receipt = "receipt"
    checkpoint = "checkpoint"


@app.command()
def prepare(use: Annotated[Use, typer.Argument(help="receipt or checkpoint.")]) -> None:
    """Make the next key beside the old and print it, to be published before it signs; changes nothing else."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        for vkey in bootstrap.prepare_key(settings, use.value):
            sys.stdout.write(f"{vkey}\n")


@app.command()
def rotate(
    use: Annotated[Use, typer.Argument(help="receipt or checkpoint.")],
    party: Annotated[
        Path | None, typer.Option("--as", help="The credentials file of who rotates; the administrator's by default.")
    ] = None,
    url: Annotated[str, typer.Option(help="Where the ledger answers.")] = "http://127.0.0.1:8585",
) -> None:
    """Hand on a key to the one that was prepared (or is made now): the old signs the new, and the log records it."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        said = bootstrap.hand_on_key(settings, use.value)
    event = _posted(said, party or settings.keys_folder / bootstrap.ADMINISTRATOR, url)
    out.print(f"handed on at position {event['position']}", highlight=False)
    for vkey in said["keys"]:
        out.print(f"{use.value:11} {vkey}", highlight=False, soft_wrap=True)


def _posted(said: dict[str, Any], party: Path, url: str) -> dict[str, Any]:
    held = credentials.load(party)
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT_S) as http:
            told = http.get("/health").raise_for_status().json()["ledger_time"]
            seconds = parse_instant(told).timestamp()
            answer = Client(http, held.origin, held.credentials, lambda: seconds).post("/ledger/keys", said)
    except Refused as refused:
        raise Conflict(str(refused.problem.get("detail")), code=refused.code) from refused
    except httpx.HTTPError as away:
        raise Busy(f"no ledger answers at {url}", code="unreachable") from away
    event: dict[str, Any] = answer["groups"][0]["events"][0]
    return event
