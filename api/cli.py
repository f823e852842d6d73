"""The command `liftledger`: making, serving and checking a ledger."""

from __future__ import annotations

import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from api import (
    actions_command,
    bootstrap,
    keys_command,
    log_command,
    party_command,
    recover_command,
    running,
    witness_command,
)
from api.options import Actor, Address
from api.terminal import FAILED, FOUND_WRONG, REFUSED, FoundWrong, console
from audit.checkpoints import is_scripted
from domain.errors import Invalid

app = typer.Typer(
    help="LiftLedger · 电梯“保险+服务”账本: the ledger of a district's lift insurance and service.",
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
)  # fmt: skip
out = console()
err = console(stderr=True)


def main() -> None:
    """Run the command and say how it ended (docs/operations.md).

    Status 1 is kept for what was judged and found wrong. A refusal is one line with a stable code and status 2; a
    defect of the program, which alone shows a traceback, is status 70, whatever was being judged.
    """
    try:
        app()
    except FoundWrong:
        sys.exit(FOUND_WRONG)
    except SystemExit as ended:
        # Typer and rich end with 1 where input ends, or nobody reads what is printed.
        sys.exit(REFUSED if ended.code == FOUND_WRONG else ended.code)
    except Exception as error:  # noqa: BLE001 - told here, with a status that never means a broken log
        refused = bootstrap.refusal_of(error)
        if refused is None:
            traceback.print_exc()
            sys.exit(FAILED)
        err.print(Text.assemble((" ".join(refused.message.split()), "red"), f" ({refused.code})"))
        sys.exit(REFUSED)


class ClockKind(StrEnum):
    """Whose time a ledger keeps."""

    database = "database"
    scripted = "scripted"


@app.command()
def init(
    origin: Annotated[str, typer.Option(help="The ledger's name for ever, like ledger.example/district.")],
    clock: Annotated[
        ClockKind, typer.Option(help="database, or scripted (sandbox, demo, tests).")
    ] = ClockKind.database,
    now: Annotated[str, typer.Option(help="Where a scripted clock begins.")] = bootstrap.EPOCH,
) -> None:
    """Make the ledger, its keys and the first administrator."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings, new=True):
        made = bootstrap.make_ledger(settings, origin, clock=clock.value, now=now)
    recover_command.show(made, out)


@app.command()
def recover(
    origin: Annotated[str, typer.Option(help="The new ledger's name; the old one's is used up.")],
    log: Annotated[list[str], typer.Option(help="A checkpoint key of the old ledger, as it was published.")] = [],  # noqa: B006 - Typer's way of a repeated option
    policy: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your tlog-policy file: whose word counts.")
    ] = None,
    old: Annotated[
        str | None, typer.Option("--from", help="The old ledger's origin, where the policy has several logs.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Its last witnessed checkpoint; else the witnesses are asked."),
    ] = None,
    now: Annotated[str, typer.Option(help="Where the clock begins if the ledgers are scripted.")] = bootstrap.EPOCH,
) -> None:
    """Make the ledger that goes on after one that is behind itself, in a database and folder of its own.

    Its first save cites the old one's last witnessed checkpoint, which is verified before anything is written; the old
    one stays as it is, and signs nothing. See docs/witness.md.
    """
    settings = bootstrap.load_settings()
    clock = "scripted" if is_scripted(origin) else "database"
    continued, opened = bootstrap.last_witnessed(origin, log=log, policy=policy, old=old, checkpoint=checkpoint)
    with bootstrap.database_reachable(settings, new=True):
        made = bootstrap.make_ledger(settings, origin, clock=clock, now=now, continued=continued)
    recover_command.show(made, out)
    recover_command.show_seam(continued, opened, out)


@app.command()
def run() -> None:
    """Serve the ledger until it is told to end."""
    running.serve(bootstrap.load_settings())


@app.command()
def verify(
    *,
    strict: Annotated[
        bool, typer.Option(help="Fail also for what is late, on behalf, erased, unanchored or unchecked.")
    ] = False,
    structure: Annotated[bool, typer.Option("--structure", help="Only leaves, chains, tree; no signature.")] = False,
    policy: Annotated[Path | None, typer.Option(help="Your tlog-policy file: whose word anchors the log.")] = None,
    stamp_roots: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="PEM of the roots of RFC 3161 authorities; default: as set."),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on from what an earlier verification kept.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Where a sound verification leaves what to go on from.")] = None,
    log_only: Annotated[bool, typer.Option("--log-only", help="Leave out the read models.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report for machines.")] = False,
) -> None:
    """Recompute everything from the stored bytes; exit status 1 when log or read models are not as they must be.

    Status 2 says that it could not be judged, in one line with a code; 70 is a defect of this program.
    """
    from api.verifying import command  # noqa: PLC0415 - the verifier is loaded only when it verifies

    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        good = command(
            settings, out, strict=strict, signatures=not structure, policy=policy, stamp_roots=stamp_roots,
            log_only=log_only, resume=resume, keep=keep, as_json=as_json,
        )  # fmt: skip
    if not good:
        raise FoundWrong


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Look whether what the ledger stands on holds: server, keys, clock …; exit status 1 when something is wrong."""
    from api.doctor import command  # noqa: PLC0415 - loaded only when something is examined

    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        healthy = command(settings, out, as_json=as_json)
    if not healthy:
        raise FoundWrong


@app.command()
def replay(
    of: Annotated[str, typer.Argument(help="A subject (lift:…) or one stream (lift:…/claim:…).")],
    known_at: Annotated[str | None, typer.Option(help="An instant or a position: what was known then.")] = None,
    effective_at: Annotated[str | None, typer.Option(help="An instant or a civil date: what was so then.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Print a state and every event behind it with author, position and signature verdict."""
    from api.replaying import show  # noqa: PLC0415 - loaded only when something is replayed

    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        show(settings, of, known_at, effective_at, out, as_json=as_json)


@app.command()
def evidence(
    streams: Annotated[list[str], typer.Argument(help="Subjects (lift:…) or streams (lift:…/claim:…).")],
    out_file: Annotated[Path, typer.Option("--out", help="Where the bundle goes, a .zip.")],
    *,
    party: Annotated[str | None, typer.Option("--for", help="Whom it is for, and cut to; default: who asks.")] = None,
    recorded_from: Annotated[str | None, typer.Option("--from", help="Words recorded from this instant on.")] = None,
    recorded_until: Annotated[str | None, typer.Option("--until", help="Words recorded before this instant.")] = None,
    purpose: Annotated[str | None, typer.Option(help="A code for what it is made for.")] = None,
    who: Actor = None,
    url: Address = None,
    before: Annotated[
        Path | None, typer.Option(help="The bundle of the ledger that this one goes on from: both as one dossier.")
    ] = None,
    ended: Annotated[
        bool, typer.Option("--ended", help="Of a halted ledger, from its database; not recorded.")
    ] = False,
) -> None:
    """Have a bundle of evidence made and recorded by the running ledger: a client like any other."""
    from api.evidence_command import run as export  # noqa: PLC0415 - loaded only when evidence is made
    from api.evidence_command import run_ended  # noqa: PLC0415 - the same

    asked = {"recorded_from": recorded_from, "recorded_until": recorded_until, "purpose": purpose}
    said = {name: value for name, value in asked.items() if value is not None}
    settings = bootstrap.load_settings()
    if before is not None and recorded_from is not None:
        raise Invalid("a dossier's newer bundle is asked for from its beginning: no --from", code="options_conflict")
    if ended:
        if party is None or before or who or url:
            raise Invalid("of a halted ledger: --for, and neither --as, --url nor --before", code="options_conflict")
        run_ended(settings, streams, party, said, out_file, out)
    else:
        export(settings, streams, party, said, out_file, out, who=who, url=url, before=before)


@app.command()
def checkpoint() -> None:
    """Print the published checkpoint with all its signatures (C2SP); one over all there is, unless the ledger runs."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        sys.stdout.write(bootstrap.checkpoint(settings))


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder: ledger.dump, persons.dump and backup.json go there.")],
) -> None:
    """Write a backup of the database, beside the running ledger; the keys are not in it. See docs/operations.md."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        made = bootstrap.back_up(settings, folder)
    out.print(f"{made.origin}: {made.events:,} events, the newest of {made.recorded_at}, in {folder}")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `liftledger backup` wrote.")],
    *,
    without_persons: Annotated[
        bool, typer.Option("--without-persons", help="Without what opens sealed data, where that archive is gone.")
    ] = False,
) -> None:
    """Put a backup back where no ledger is, beside the keys as they are; docs/witness.md says what to do first."""
    settings = bootstrap.load_settings()
    bootstrap.require_idle(settings)
    with bootstrap.database_running(settings):
        held, erased = bootstrap.put_back(settings, folder, without_persons=without_persons)
    out.print(f"{held.origin}: {held.events:,} events, the newest of {held.recorded_at}")
    out.print(f"persons whose data were destroyed again: {erased}")
    out.print("start it with `liftledger run`: the rollback guard says whether anything is missing")


@app.command()
def rebuild() -> None:
    """Empty all read models and make them again from the log."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        reached = bootstrap.projector(settings).rebuild()
    out.print("emptied; the running projector makes them again" if reached is None else f"rebuilt to {reached}")


@app.command()
def erase(
    subject: Annotated[
        str | None, typer.Argument(help="A person, or the agent he is; left out: destroy what is due, again.")
    ] = None,
    basis: Annotated[
        str | None, typer.Option(help="purpose_met, withdrawn, retention_over or request (PIPL 47).")
    ] = None,
    party: Actor = None,
    url: Address = None,
) -> None:
    """Erase a person: at once restricted, destroyed when no duty to keep the data runs any longer.

    Without a person, destroy what the erasures in the log leave to be destroyed, as after restoring a backup.
    """
    settings = bootstrap.load_settings()
    if subject is not None:
        from api.erasing import erase as ask  # noqa: PLC0415 - a client is loaded only when one is wanted

        ask(settings, subject, basis, out, party=party, url=url)
        return
    if basis is not None or party is not None or url is not None:
        raise Invalid("--basis, --as and --url are for erasing a person: name one", code="options_conflict")
    with bootstrap.database_reachable(settings):
        out.print(f"persons whose data were destroyed now: {bootstrap.erase_pending(settings)}")


@app.command()
def index() -> None:
    """Make what things are found by again from log and sealed values: authors' numbers, persons' places and index."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        out.print(f"authors' numbers put right: {bootstrap.rebuild_numbers(settings):,}")
        out.print(f"entries of the index: {bootstrap.rebuild_index(settings):,}")


app.add_typer(log_command.app, name="log")
app.add_typer(witness_command.app, name="witness")
app.add_typer(keys_command.app, name="keys")
app.add_typer(party_command.app, name="party")
app.add_typer(actions_command.app, name="actions")

clock = typer.Typer(help="The ledger's time.", no_args_is_help=True)
app.add_typer(clock, name="clock")


@clock.command("accept")
def accept() -> None:
    """Accept the database's present time after a step of over a minute, so that writing goes on."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        out.print(bootstrap.accept_clock(settings))


@clock.command("set")
def set_clock(now: Annotated[str, typer.Argument(help="An instant, YYYY-MM-DDTHH:MM:SS.ffffffZ.")]) -> None:
    """Move a scripted ledger's time forward."""
    settings = bootstrap.load_settings()
    with bootstrap.database_reachable(settings):
        bootstrap.clock_setter(settings, bootstrap.read_ledger(bootstrap.place(settings)).origin)(now)


importing = typer.Typer(help="Take over registers.", no_args_is_help=True)
app.add_typer(importing, name="import")


@importing.command("lifts")
def import_lifts(
    file: Annotated[Path, typer.Argument(help="A register, .csv or .csv.gz.")],
    mapping: Annotated[str, typer.Option(help="How its columns are read: a name like standard, or a .toml file.")],
    party: Annotated[Path, typer.Option("--as", help="The credentials file of the party that imports.")],
    url: Address = None,
    rejects: Annotated[Path | None, typer.Option(help="Where bad rows go; beside the file by default.")] = None,
) -> None:
    """Import lifts: a client like any other, posting signed lines."""
    from api.connecting import address  # noqa: PLC0415 - loaded only when something is imported
    from api.import_command import run as import_file  # noqa: PLC0415 - the same

    bad_rows = rejects or file.with_name(f"{file.name}.rejects.csv")
    if not import_file(file, mapping, party, url or address(bootstrap.load_settings()), bad_rows, out):
        sys.exit(REFUSED)


@app.command()
def demo(
    register: Annotated[Path | None, typer.Option(help="A real register to take over, .csv or .csv.gz.")] = None,
    lifts: Annotated[
        int | None,
        typer.Option(help="How many lifts the invented district has; all of about 3,000 by default.", min=40),
    ] = None,
) -> None:
    """Let a pilot district live through a year on a scripted clock, and show what came of it."""
    from api.demo.command import demo as show  # noqa: PLC0415 - the demonstration is loaded only when it is shown

    if register is not None and lifts is not None:
        raise typer.BadParameter("a register has its own lifts")
    if not show(bootstrap.load_settings(), register, lifts):
        raise FoundWrong


if __name__ == "__main__":
    main()
