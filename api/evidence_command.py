"""`liftledger evidence`: has a bundle made by the running ledger, and writes it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from api import bootstrap
from api.connecting import administering
from audit.dossiers import join, room_after
from domain.errors import Invalid


def run(
    settings: bootstrap.Settings, streams: Sequence[str], party: str | None, more: Mapping[str, str], file: Path,
    out: Console, *, who: Path | None, url: str | None, before: Path | None = None,
) -> None:  # fmt: skip
    """Ask, write, and say how to verify it; with a bundle of the ledger `before`, both as a dossier.

    Raises Invalid `file_exists` where something is there already, BundleInvalid for what is no bundle, and as
    `api.connecting.connected`.
    """
    _check_free(file)
    older = None if before is None else before.read_bytes()
    if older is not None:
        room_after(older)
    with administering(settings, who, url) as client:
        made = client.evidence({"party": party or client.credentials.party, "streams": list(streams), **more})
    _write(file, made.data if older is None else join([older, made.data]))
    out.print(f"{file}: {file.stat().st_size:,} bytes, made at position {client.position}")
    if made.quorum == "no":
        out.print("the operator's witnesses did not cosign its checkpoint: ask again when they answer", style="yellow")
    if made.quorum == "none":
        out.print("the operator asks for no witnesses: only the ledger need have signed its checkpoint", style="yellow")
    out.print(f"verify it: python -m audit verify {file} --policy POLICY")


def run_ended(
    settings: bootstrap.Settings, streams: Sequence[str], party: str, more: Mapping[str, str], file: Path, out: Console
) -> None:
    """Make the bundle of a halted ledger from its database, and write it; nothing is recorded.

    Raises Invalid `file_exists`, and as `bootstrap.ended_bundle`.
    """
    _check_free(file)
    with bootstrap.database_reachable(settings):
        made = bootstrap.ended_bundle(settings, {"party": party, "streams": list(streams), **more})
    _write(file, made.data)
    out.print(f"{file}: {len(made.data):,} bytes, of the first {made.size:,} events")
    out.print(f"a halted ledger records nothing: note to whom it goes, manifest {made.manifest}")


def _write(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(data)
    fresh.replace(file)


def _check_free(file: Path) -> None:
    if file.exists():
        raise Invalid(f"{file} is there already", code="file_exists")
