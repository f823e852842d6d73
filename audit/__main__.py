"""`python -m audit`: what a court's expert runs, with this folder and the package `cryptography` alone.

    python -m audit verify BUNDLE.zip|DOSSIER.zip|FOLDER|CONTRADICTION.json --policy POLICY [--later BUNDLE.zip]
    python -m audit export FOLDER --policy POLICY
    python -m audit proof FILE.tlog-proof (--header FILE | --leaf HEX) --policy POLICY
    python -m audit consistency OLD.checkpoint NEW.checkpoint PATH.json --policy POLICY
    python -m audit receipt RECEIPT.json --vkey KEY [--header FILE | --leaf HEX]
    python -m audit compare A B --policy POLICY [--path PATH.json] [--keys BUNDLE.zip] [--header FILE…] [--out FILE]

Each takes --json. The policy says whom the verifier believes (C2SP tlog-policy); it is never taken from what is
verified. Exit status 0: it holds. 1: it does not, or the log contradicts itself. 2: nothing could be judged.
"""

# ruff: noqa: PLC0415 - each command loads what it needs: what verifies a bundle starts a quarter sooner without the rest
from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from audit import canonical
from audit.bundlefiles import read_path
from audit.bundleverify import verify_bundle
from audit.dossiers import parts_of, verify_dossier
from audit.errors import AuditError
from audit.logproofs import PROOF_CHARS_MAX, LogProof
from audit.note import ED25519, NOTE_BYTES_MAX, parse_vkey
from audit.policy import POLICY_BYTES_MAX, Policy
from audit.verdicts import CODES

if TYPE_CHECKING:
    from audit import checking, comparing

__all__ = ["main"]

HOLDS: Final = 0
BROKEN: Final = 1
REFUSED: Final = 2
HEADER_BYTES_MAX: Final = 64 * 1024
_TOLD: Final = ((True, "it holds · 证据成立"), (False, "IT DOES NOT HOLD · 证据不成立"))
_AGREED: Final = "no contradiction, as far as the two overlap · 未见矛盾"

Asked = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Chinese must not change a verdict
    asked = _parser().parse_args(arguments)
    try:
        return int(_COMMANDS[asked.command](asked))
    except AuditError as error:
        details = ", ".join(f"{name}: {value}" for name, value in error.details.items())
        _say(f"{error.message} ({error.code}{f'; {details}' if details else ''})", sys.stderr)
    except OSError as error:
        _say(f"{error.filename or ''}: {error.strerror or error}", sys.stderr)
    except UnicodeDecodeError:
        _say("a file that must be text is not UTF-8", sys.stderr)
    return REFUSED


# --------------------------------------------------------------------------------------------------------- commands


def _verify(asked: Asked) -> int:
    policy = _policy(asked)
    if asked.file.is_file() and _read(asked.file, 0) == b"{":
        from audit import contradictions

        return _equivocation(asked, contradictions.proven(_read(asked.file, contradictions.BYTES_MAX), policy))
    files = read_path(asked.file)
    if (parts := parts_of(files)) is not None and asked.later is None:
        dossier = verify_dossier(parts, policy)
        return _told(asked, dossier.holds, dossier.as_json, dossier.lines)
    if asked.later is None:
        report = verify_bundle(files, policy)
    else:
        from audit.later import verify_with_later

        report = verify_with_later(files, read_path(asked.later), policy)
    return _told(asked, report.holds, report.as_json, report.lines)


def _export(asked: Asked) -> int:
    from audit import checking

    return _answer(asked, checking.check_folder(asked.folder, _policy(asked)))


def _proof(asked: Asked) -> int:
    from audit import checking

    policy, proof = _policy(asked), LogProof.parse(_text(asked.file, PROOF_CHARS_MAX))
    leaf = _leaf(asked)
    assert leaf is not None  # noqa: S101 - the parser demands one
    return _answer(asked, checking.check_event(proof, leaf, policy))


def _consistency(asked: Asked) -> int:
    from audit import checking

    policy = _policy(asked)
    notes = [_text(file, NOTE_BYTES_MAX) for file in (asked.old, asked.new)]
    return _answer(asked, checking.check_checkpoints(notes, _offered(asked.path), policy))


def _receipt(asked: Asked) -> int:
    from audit import checking, sources
    from audit.receiptproofs import ReceiptProof

    verifier, leaf = parse_vkey(asked.vkey, (ED25519,)), _leaf(asked)
    data = _read(asked.file, sources.ANSWER_BYTES_MAX)
    value = canonical.decode(data, limit=sources.ANSWER_BYTES_MAX) if data.startswith(b"{") else None
    path = ReceiptProof.from_json(value) if isinstance(value, dict) and "groups" not in value else None
    return _answer(asked, checking.check_receipts(sources.read_receipts(data), verifier, leaf, path))


def _compare(asked: Asked) -> int:
    from audit import comparing, contradictions, sources

    policy = _policy(asked)
    headers = [_header(file) for file in asked.header]
    one, other = (sources.read_source(file, policy, headers) for file in (asked.first, asked.second))
    offered = None if asked.path is None else _offered(asked.path)
    keys = None if asked.keys is None else sources.read_bundle(asked.keys, policy)
    for file, bundle in ((asked.first, one.bundle), (asked.second, other.bundle), (asked.keys, keys)):
        for finding in () if bundle is None else bundle.broken:
            _say(f"{file}: {finding.line()}", sys.stderr)
    found = comparing.compare(one, other, policy, offered=offered, keys=keys)
    if found is None:
        if asked.json:
            _say_json({"verdict": "consistent"})
        else:
            _say(_AGREED)
        return HOLDS
    status = _equivocation(asked, contradictions.kind_of(found, policy))
    if asked.out is not None:
        try:
            asked.out.write_bytes(found.encode())
            _say(f"the proof is in {asked.out}", sys.stderr if asked.json else None)
        except (AuditError, OSError) as error:
            why = f"{error.message} ({error.code})" if isinstance(error, AuditError) else error.strerror
            _say(f"{asked.out}: the proof was not written: {why}", sys.stderr)
    return status


_COMMANDS: Final[Mapping[str, Callable[[Asked], int]]] = {
    "verify": _verify, "export": _export, "proof": _proof, "consistency": _consistency, "receipt": _receipt,
    "compare": _compare,
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- asking


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    made = {
        name: commands.add_parser(name, help=about)
        for name, about in (
            ("verify", "verify an evidence bundle, or a proof that a log contradicts itself"),
            ("export", "verify a whole log, as `liftledger log export` wrote it"),
            ("proof", "verify that an event stands in the log (C2SP tlog-proof@v1)"),
            ("consistency", "verify that the tree of one checkpoint begins that of another"),
            ("receipt", "verify a receipt, a receipt's proof, or the answer of a write"),
            ("compare", "look whether two bundles, exports, checkpoints, proofs or receipts contradict each other"),
        )
    }
    verify, both = made["verify"], made["compare"]
    verify.add_argument(
        "file", type=Path, metavar="BUNDLE", help="a bundle (.zip or folder) or a contradiction (.json)"
    )
    verify.add_argument("--later", type=Path, help="a later bundle of the same log, which tells who was erased since")
    made["export"].add_argument("folder", type=Path)
    made["proof"].add_argument("file", type=Path)
    made["receipt"].add_argument("file", type=Path)
    made["receipt"].add_argument("--vkey", required=True, help="the ledger's key of receipts, as it was published")
    for name in ("old", "new"):
        made["consistency"].add_argument(name, type=Path, metavar=f"{name.upper()}.checkpoint")
    made["consistency"].add_argument("path", type=Path, metavar="PATH.json", help="{new, old, path}, hashes in hex")
    for name in ("first", "second"):
        both.add_argument(name, type=Path)
    both.add_argument("--path", type=Path, help="a consistency path between two checkpoints ({new, old, path})")
    both.add_argument("--keys", type=Path, help="a bundle of the ledger, which leads to its key of receipts")
    both.add_argument("--header", type=Path, action="append", default=[], help="of the event of a proof or receipt")
    both.add_argument("--out", type=Path, help="where to write the proof, if they do")
    for name in ("proof", "receipt"):
        event = made[name].add_mutually_exclusive_group(required=name == "proof")
        event.add_argument("--header", type=Path, help="a file with the header of the event, as JSON")
        event.add_argument("--leaf", help="the leaf hash of the event in hex, as the answer of its write told it")
    for name, command in made.items():
        command.add_argument("--json", action="store_true", help="report for machines")
        if name != "receipt":
            command.add_argument("--policy", type=Path, required=True, help="whom you believe (C2SP tlog-policy)")
    return parser


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as opened:
        return opened.read(limit + 1)


def _text(path: Path, limit: int) -> str:
    return _read(path, limit).decode()


def _policy(asked: Asked) -> Policy:
    return Policy.parse(_read(asked.policy, POLICY_BYTES_MAX))


def _offered(path: Path) -> comparing.Offered:
    from audit import comparing

    return comparing.read_offered(_read(path, NOTE_BYTES_MAX))


def _header(path: Path) -> bytes:
    """Read a header, however its JSON is laid out: what was hashed are its canonical bytes."""
    return canonical.encode(canonical.decode(_read(path, HEADER_BYTES_MAX)))


def _leaf(asked: Asked) -> checking.Leaf | None:
    from audit import checking
    from audit.sides import read_hash

    if asked.header is not None:
        return checking.Leaf.of(_header(asked.header))
    try:
        return None if asked.leaf is None else checking.Leaf(read_hash(asked.leaf))
    except ValueError:
        raise AuditError("A leaf hash is 64 hex digits.", code="leaf_malformed") from None


# ---------------------------------------------------------------------------------------------------------- telling


def _say(text: str, to: object = None) -> None:
    """Print one line; what was read may hold any character, and none may move the cursor, turn the line or end it."""
    told = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    print(told, file=to or sys.stdout)  # type: ignore[arg-type] # a stream


def _say_json(value: object) -> None:
    """Print JSON, in ASCII alone: what is not printable stands in its escapes."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def _answer(asked: Asked, answer: checking.Answer) -> int:
    return _told(asked, answer.holds, answer.as_json, answer.lines)


def _told(
    asked: Asked, holds: bool, as_json: Callable[[], dict[str, Any]], lines: Callable[[], Iterator[str]]  # noqa: FBT001 - a verdict
) -> int:  # fmt: skip
    if asked.json:
        _say_json(as_json())
    else:
        for line in lines():
            _say(line)
        _say(dict(_TOLD)[holds])
    return HOLDS if holds else BROKEN


def _equivocation(asked: Asked, kind: str) -> int:
    if asked.json:
        _say_json({"verdict": "equivocation", "kind": kind})
    else:
        _say(f"equivocation: {CODES['equivocation'][1]} ({kind}) · 账本自相矛盾")
    return BROKEN


if __name__ == "__main__":
    sys.exit(main())
