"""The commands `liftledger witness`: a witness of one's own, as a regulator runs it (docs/witness.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from api import bootstrap
from api.terminal import FoundWrong, console
from audit.contradictions import BYTES_MAX, Contradiction, Standing, judge
from audit.note import Verifier, parse_vkey
from audit.policy import LOG_TYPES, POLICY_BYTES_MAX, Policy
from domain.errors import Invalid

app = typer.Typer(help="Run a witness of ledgers (C2SP tlog-witness).", no_args_is_help=True)
out = console()
PORT_MAX: Final = 65_535
MEANING: Final[dict[Standing, str]] = {
    "proven": "the log signed both, and they cannot both be true",
    "claimed": "signed by the log, but this path shows nothing against it",
    "consistent": "no contradiction",
}

Name = Annotated[str, typer.Option(help="The witness's name for ever, like witness.regulator.example/lifts.")]
Key = Annotated[Path, typer.Option(help="The file of its secret, mode 0600; keep a copy elsewhere.")]
Folder = Annotated[Path, typer.Option("--dir", help="The folder of its memory; never restore an old copy of it.")]


@app.command()
def init(name: Name, key: Key = Path("witness/witness.key"), folder: Folder = Path("witness")) -> None:
    """Make a witness's secret and memory where they are missing, and print its verifier keys."""
    for vkey in bootstrap.make_witness(name, key, folder):
        sys.stdout.write(f"{vkey}\n")


@app.command()
def serve(
    name: Name,
    log: Annotated[
        list[str], typer.Option(help="A verifier key of a log to follow; its name is the log's origin.")
    ] = [],  # noqa: B006 - Typer's way of a repeated option
    policy: Annotated[Path | None, typer.Option(help="A tlog-policy file whose logs to follow.")] = None,
    key: Key = Path("witness/witness.key"),
    listen: Annotated[str, typer.Option(help="HOST:PORT; TLS is for the proxy in front of it.")] = "127.0.0.1:8586",
    folder: Folder = Path("witness"),
) -> None:
    """Serve until it is told to end: cosign what grows consistently, remember it, and keep what contradicts it."""
    from api import witness  # noqa: PLC0415 - the server is loaded only when it serves

    host, port = _address(listen)
    serving = bootstrap.open_witness(name, key, folder, _followed(log or [], policy), witness.alarm)
    out.print(f"witness {name} on {listen}")
    witness.serve(serving, host, port)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A file of evidence, as a witness keeps it under equivocations/.")],
    log: Annotated[list[str], typer.Option(help="The verifier keys of the log it is about.")],
) -> None:
    """Say whether a file proves that a log told two stories; exit status 1 when it does not."""
    judged = judge(Contradiction.parse(_read(file, BYTES_MAX)), _followed(log, None))
    for side in judged.sides:
        out.print(side.line())
    out.print(f"{judged.sides[0].origin}: {MEANING[judged.standing]}")
    if judged.standing != "proven":
        raise FoundWrong


def _followed(log: list[str], policy: Path | None) -> list[Verifier]:
    keys = [parse_vkey(text, LOG_TYPES) for text in log]
    if policy is not None:
        keys += [each.verifier for each in Policy.parse(_read(policy, POLICY_BYTES_MAX)).logs]
    return keys


def _read(file: Path, bytes_max: int) -> bytes:
    """Read a file, or one byte more than is taken of it."""
    try:
        with file.open("rb") as held:
            return held.read(bytes_max + 1)
    except OSError as refused:
        raise Invalid(f"{file} cannot be read: {refused.strerror}", code="file_unreadable") from refused


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= PORT_MAX:
        raise Invalid("--listen is HOST:PORT, like 127.0.0.1:8586", code="address_invalid")
    return host.removeprefix("[").removesuffix("]"), int(port)
