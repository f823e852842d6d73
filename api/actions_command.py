"""The command `liftledger actions publish`: after an upgrade, the ledger takes the table that the software brings."""

from __future__ import annotations

import typer

from api import bootstrap
from api.options import Actor, Address
from api.terminal import console
from domain.errors import Conflict

app = typer.Typer(help="The table of actions that events are held against · 操作表", no_args_is_help=True)
out = console()


@app.callback()
def actions() -> None:
    """Bring the published table of actions up to the software that runs."""


@app.command()
def publish(
    party: Actor = None,
    url: Address = None,
) -> None:
    """Publish this software's table of actions, which the running ledger must be of; repeating it changes nothing."""
    from api.connecting import administering  # noqa: PLC0415 - a client is loaded only when one is wanted
    from application.catalogue import ACTIONS  # noqa: PLC0415 - the same
    from application.genesis import actions_digest  # noqa: PLC0415 - the same

    digest = actions_digest(ACTIONS)
    try:
        with administering(bootstrap.load_settings(), party, url) as client:
            answer = client.post("/ledger/actions", {"digest": digest})
    except Conflict as refused:
        if refused.code != "actions_same":
            raise
        out.print(f"in force already: {digest}")
        return
    out.print(f"published at position {answer['groups'][0]['events'][0]['position']}: {digest}")
