"""The commands `liftledger keys`: handing on the ledger's own keys, the old one signing the new."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from api import bootstrap
from api.connecting import administering
from api.options import Actor, Address
from api.terminal import console

app = typer.Typer(help="Hand on the ledger's own keys.", no_args_is_help=True)
out = console()


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
    party: Actor = None,
    url: Address = None,
) -> None:
    """Hand on a key to the one that was prepared (or is made now): the old signs the new, and the log records it."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        said = bootstrap.hand_on_key(settings, use.value)
    with administering(settings, party, url) as client:
        answer = client.post("/ledger/keys", said)
    out.print(f"handed on at position {answer['groups'][0]['events'][0]['position']}")
    for vkey in said["keys"]:
        out.print(f"{use.value:11} {vkey}")
