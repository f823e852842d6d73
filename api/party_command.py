"""The commands `liftledger party`: a key that its party makes itself, and its registration by the administrator."""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from api import bootstrap
from api.options import Actor, Address
from api.terminal import console
from audit.checkpoints import check_origin
from domain.errors import Invalid

app = typer.Typer(help="Parties and their first keys · 当事人", no_args_is_help=True)
out = console()
SERVER_ERROR: Final = 500


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="Where the credentials go, mode 0600; they never leave this machine.")],
    origin: Annotated[str, typer.Option(help="The ledger's name, as its operator published it.")],
) -> None:
    """Make a party's name and key, and print what the ledger's administrator needs of them; nothing of it is secret.

    Whoever holds the file acts as the party, so the party makes it itself. The administrator puts what is printed into
    a file and registers it: liftledger party register KIND NAME --from FILE.
    """
    sys.stdout.write(json.dumps(_made(file, origin, time.time())) + "\n")


@app.command()
def register(
    kind: Annotated[str, typer.Argument(help="Its kind, like insurer, maintainer, use_unit or market_regulator.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    *,
    area: Annotated[
        list[str], typer.Option(help="A district that it is responsible for, by code; may be repeated.")
    ] = [],  # noqa: B006 - Typer's way of a repeated option
    sector: Annotated[
        list[str], typer.Option(help="A kind of place that a sector's bureau answers for; may be repeated.")
    ] = [],  # noqa: B006 - as above
    uscc: Annotated[str | None, typer.Option(help="Its unified social credit code (统一社会信用代码).")] = None,
    natural: Annotated[bool, typer.Option("--natural", help="It is a natural person: the name is sealed.")] = False,
    public: Annotated[Path | None, typer.Option("--from", help="What the party's own `party key` printed.")] = None,
    made: Annotated[
        Path | None, typer.Option("--out", help="Make its key here and now: where its credentials go, mode 0600.")
    ] = None,
    who: Actor = None,
    url: Address = None,
) -> None:
    """Register a party with its first key through the running ledger, and print its name.

    A transport_bureau, culture_tourism_bureau or organs_affairs sees of its areas the places of its sectors alone
    (docs/codes.md#venues), and nothing where none is named.
    """
    from api.client import Refused  # noqa: PLC0415 - a client is loaded only when one is wanted
    from api.connecting import administering  # noqa: PLC0415 - the same
    from domain.parties import PartyKind  # noqa: PLC0415 - the same

    if (public is None) == (made is None):
        raise Invalid("--from what the party printed, or --out to make its key here", code="options_conflict")
    if kind not in get_args(PartyKind):
        raise Invalid(f"kinds of party: {', '.join(get_args(PartyKind))}", code="kind_unknown")
    said = {"kind": kind, ("person_name" if natural else "name"): name}
    more: dict[str, Any] = {name: told for name, told in (("areas", area), ("sectors", sector)) if told}
    if uscc is not None:
        more["uscc"] = uscc
    brought = {} if public is None else _read(public)
    with administering(bootstrap.load_settings(), who, url) as client:
        if made is not None:
            # Written before it is registered: a key that nobody knows is harmless, a party without its key is lost.
            brought = _made(made, client.origin, client.now())
        try:
            client.post("/parties", {"parties": [{**said, **more, **brought}]})
        except Refused as refused:
            if made is not None and refused.status < SERVER_ERROR:  # else it may have been registered all the same
                made.unlink()
            raise
    out.print(f"party       {brought['id']}")
    if made is not None:
        out.print(f"credentials {made}")


def _made(file: Path, origin: str, now: float) -> dict[str, Any]:
    """Make a party's name and first key, keep them in a file, and give what is public of them.

    Raises NoteError `origin_invalid`: credentials for a name that no ledger can have would be refused everywhere.
    """
    from api import credentials  # noqa: PLC0415 - keys are made only when they are wanted
    from api.client import Credentials  # noqa: PLC0415 - the same

    check_origin(origin)
    if file.exists():
        raise Invalid(f"{file} is there already", code="file_exists")
    party = f"party:{uuid.uuid4()}"
    name, private = credentials.new_key()
    credentials.save(file, origin, Credentials(party, name, private))
    return {"id": party, "key": credentials.registration(origin, party, name, private, int(now))}


def _read(file: Path) -> dict[str, Any]:
    """Read what `party key` printed; whether it holds is the ledger's to say."""
    try:
        found = json.loads(file.read_bytes())
        return {"id": found["id"], "key": found["key"]}
    except (ValueError, KeyError, TypeError) as bad:
        raise Invalid(f"{file} is not what `liftledger party key` printed", code="registration_bad") from bad
