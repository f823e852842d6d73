"""What somebody holds of a log, whatever its form: bundles, exports, checkpoints, proofs of events, receipts.

From each comes what the log signed with it, as sides of a contradiction (`audit.sides`) and as leaves by position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from audit import canonical
from audit.anchoring import Anchored, anchor
from audit.bundlefiles import read_path
from audit.bundles import MANIFEST, Contents, read_files
from audit.checkpoints import Checkpoint, Receipt
from audit.errors import BundleInvalid, NoteError, ProofError
from audit.events import read_canonical, read_header
from audit.exports import CHECKPOINT, read_tree
from audit.findings import Findings
from audit.heads import open_head, origin_of
from audit.logproofs import PROOF_CHARS_MAX, LogProof, check_place
from audit.manifests import Manifest
from audit.merkle import inclusion_path, leaf_hash, verify_inclusion
from audit.names import subject_of
from audit.note import split_note
from audit.policy import Policy
from audit.receiptproofs import ReceiptProof
from audit.sides import KEY_EVENTS, LEAVES_MAX, LEDGER, Side, read_hash
from audit.tiles import TiledTree

__all__ = ["ANSWER_BYTES_MAX", "Bundle", "Saved", "Source", "of_bundle", "read_bundle", "read_receipts", "read_source"]

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_MAGIC: Final = "c2sp.org/tlog-proof@"
_RECEIPT: Final = "/receipt"


class Saved(NamedTuple):
    """A receipt, as a note and as it reads, and leaves of its save by position, each with its path."""

    note: str
    receipt: Receipt
    leaves: Mapping[int, tuple[bytes, Sequence[bytes]]]

    def side(self, key: Side, position: int | None = None) -> Side:
        """Give what the log signed with it, of one position or of the save alone."""
        side: Side = {"key": key, "receipt": self.note}
        if position is None or self.receipt.count == 1:
            return side
        leaf, path = self.leaves[position]
        return side | {
            "index": position - self.receipt.first, "leaf": leaf.hex(), "path": [node.hex() for node in path]
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that hangs on a checkpoint which the log signed."""

    contents: Contents
    anchored: Anchored

    def side(self, subject: str, seq: int) -> Side:
        """Give what the log signed of a subject, with its events from one on."""
        contents = self.contents
        headers = [read_canonical(data) for data in contents.chains.get(subject, ())[max(seq, 1) - 1 :]]
        root: Any = {
            "body": read_canonical(contents.root_body), "header": read_canonical(contents.root_header),
            "path": [node.hex() for node in contents.root_path],
        }  # fmt: skip
        proof = contents.heads[subject].to_json()
        return {
            "checkpoint": contents.checkpoint, "headers": headers, "proof": proof, "root": root, "subject": subject,
        }  # fmt: skip

    def at(self, position: int) -> Side | None:
        """Give what the log signed of a position; None where nothing leads there."""
        root = self.anchored.root
        if root is not None and root.row.position == position:
            path = [node.hex() for node in self.contents.root_path]
            told: Any = read_canonical(self.contents.root_header)
            return {"checkpoint": self.contents.checkpoint, "header": told, "path": path}
        event = self.anchored.events[position]
        subject = subject_of(event.header.stream)
        if subject in self.anchored.lengths:
            return self.side(subject, event.header.seq)
        paths = [place.path for place in self.contents.places if place.header == event.data]
        header: Any = read_canonical(event.data)
        places = [
            {"checkpoint": self.contents.checkpoint, "header": header, "path": [node.hex() for node in path]}
            for path in paths
        ]
        return places[0] if places else None

    def key(self) -> Side | None:
        """Give what leads to the ledger's key of receipts: the whole chain of the ledger, and what names keys in it."""
        if not self.anchored.lengths.get(LEDGER):
            return None
        named = {
            read_header(data).body for data in self.contents.chains[LEDGER] if read_header(data).type in KEY_EVENTS
        }
        bodies = [
            read_canonical(self.contents.bodies[digest]) for digest in sorted(named & self.contents.bodies.keys())
        ]
        return self.side(LEDGER, 1) | {"bodies": bodies}


@dataclass(frozen=True, slots=True)
class Source:
    """What a log signed, out of one file or folder; `places` gives the side of a position that stands in `leaves`."""

    origin: str
    note: str = ""
    checkpoint: Checkpoint | None = None
    tree: TiledTree | None = None
    bundle: Bundle | None = None
    saved: tuple[Saved, ...] = ()
    leaves: Mapping[int, bytes] = field(default_factory=dict)
    places: Callable[[int], Side | None] = lambda _: None

    def side(self, first: int, count: int = 1) -> Side:
        """Give what the log signed of leaves that follow one another, out of the tree."""
        assert self.tree is not None  # noqa: S101 - whoever asks has looked
        span = range(first - 1, first - 1 + count)
        paths = [[node.hex() for node in self.tree.inclusion_path(index)] for index in span]
        leaves = [self.tree.leaf(index).hex() for index in span]
        return {"checkpoint": self.note, "first": first, "leaves": leaves, "paths": paths}


def read_source(path: Path, policy: Policy, headers: Sequence[bytes] = ()) -> Source:
    """Read what a file or folder holds; `headers` are of the events that a proof or receipt in it may be about.

    Raises BundleInvalid `source_unknown` for what is none of all this, NoteError `note_unsigned` for a checkpoint that
    no log of the policy signed, whatever reading the form raises, and OSError.
    """
    if path.is_dir() and not (path / MANIFEST).is_file():
        note = _text((path / CHECKPOINT).read_bytes())
        checkpoint = _believed(note, policy)
        tree = read_tree(path, checkpoint.size)
        if tree.root() != checkpoint.root:
            raise BundleInvalid("The export's tiles are not those of its checkpoint.", code="export_root")
        return Source(checkpoint.origin, note, checkpoint, tree)
    if path.is_dir() or _begins(path) == b"PK":
        return of_bundle(read_path(path), policy)
    with path.open("rb") as opened:
        data = opened.read(ANSWER_BYTES_MAX + 1)
    text = _text(data)
    if text.startswith(_MAGIC):
        return _of_proof(LogProof.parse(text[: PROOF_CHARS_MAX + 1]), policy, headers)
    if not data.startswith(b"{") and not origin_of(text).endswith(_RECEIPT):
        checkpoint = _believed(text, policy)
        return Source(checkpoint.origin, text, checkpoint)
    saved = tuple(read_receipts(data, headers))
    return Source(saved[0].receipt.origin, saved=saved)


def read_bundle(path: Path, policy: Policy) -> Bundle:
    """Read a bundle. Raises as `read_source`."""
    bundle = of_bundle(read_path(path), policy).bundle
    assert bundle is not None  # noqa: S101 - it was made there
    return bundle


def read_receipts(data: bytes, headers: Iterable[bytes] = ()) -> list[Saved]:
    """Read receipts, at least one, as notes or JSON: a note, `{index, path, receipt}`, or a write's whole answer.

    Nobody has checked a signature yet. Raises BundleInvalid `receipt_unknown`, NoteError, ProofError, CanonicalError.
    """
    if not data.startswith(b"{"):
        return [_saved(_text(data))]
    value: Any = canonical.decode(data, limit=ANSWER_BYTES_MAX)
    if "groups" not in value:
        return [_of_receipt(ReceiptProof.from_json(value), headers)]
    try:
        found = [_of_group(group) for group in value["groups"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleInvalid("This is no answer of a write.", code="receipt_unknown") from error
    if not found:
        raise BundleInvalid("Nothing was written, so there is no receipt.", code="receipt_unknown")
    return found


# ------------------------------------------------------------------------------------------------------------ forms


def _begins(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(2)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BundleInvalid("This is no file of a log.", code="source_unknown") from error


def _believed(note: str, policy: Policy) -> Checkpoint:
    """Read a checkpoint that a log of the policy signed, however many witnesses did."""
    checkpoint = Checkpoint.parse(split_note(note)[0])
    open_head(note, [log.verifier for log in policy.logs if log.verifier.name == checkpoint.origin])
    return checkpoint


def of_bundle(files: Mapping[str, bytes], policy: Policy) -> Source:
    """Read the files of a bundle. Raises as `read_source`."""
    manifest = Manifest.parse(files.get(MANIFEST, b""))
    findings = Findings()
    contents = read_files(files, lambda file, why: findings.find("file_malformed", file, detail=why))
    anchored = anchor(contents, manifest, policy, findings)
    if not anchored.signed:
        raise NoteError("A log that the policy believes did not sign the checkpoint.", code="note_unsigned")
    bundle = Bundle(contents, anchored)
    leaves = {position: event.leaf for position, event in anchored.events.items()}
    if anchored.root is not None:
        leaves[anchored.root.row.position] = anchored.root.leaf
    saved = []
    for save in contents.saves:
        try:
            told = {at: (leaves[at], path) for at, path in save.paths.items() if at in leaves}
            saved.append(_saved(save.receipt)._replace(leaves=told))
        except NoteError:
            continue  # what is no receipt contradicts nothing
    return Source(
        manifest.origin, contents.checkpoint, anchored.checkpoint, None, bundle, tuple(saved), leaves, bundle.at
    )  # fmt: skip


def _of_proof(proof: LogProof, policy: Policy, headers: Iterable[bytes]) -> Source:
    checkpoint = _believed(proof.checkpoint, policy)
    origin, position = checkpoint.origin, proof.index + 1

    def fits(header: bytes) -> None:
        check_place(read_header(header), origin, position)
        verify_inclusion(leaf_hash(header), proof.index, checkpoint.size, proof.path, checkpoint.root)

    header = _fitting(headers, fits)
    if header is None:
        return Source(origin, proof.checkpoint, checkpoint)
    path: Any = [node.hex() for node in proof.path]
    side: Side = {"checkpoint": proof.checkpoint, "header": read_canonical(header), "path": path}
    leaves = {position: leaf_hash(header)}
    return Source(origin, proof.checkpoint, checkpoint, leaves=leaves, places=lambda _: side)


def _fitting(headers: Iterable[bytes], fits: Callable[[bytes], None]) -> bytes | None:
    """Give the first header that a proof is about; None if it is about none of them."""
    for header in headers:
        try:
            fits(header)
        except ProofError:
            continue
        return header
    return None


def _saved(note: str) -> Saved:
    """Read a receipt's note; of a save of one event the root is the leaf."""
    receipt = Receipt.parse(split_note(note)[0])
    one: dict[int, tuple[bytes, Sequence[bytes]]] = {receipt.first: (receipt.root, ())}
    return Saved(note, receipt, one if receipt.count == 1 else {})


def _of_receipt(proof: ReceiptProof, headers: Iterable[bytes]) -> Saved:
    saved = _saved(proof.receipt)
    receipt, position = saved.receipt, saved.receipt.first + proof.index

    def fits(header: bytes) -> None:
        check_place(read_header(header), receipt.origin, position)
        verify_inclusion(leaf_hash(header), proof.index, receipt.count, proof.path, receipt.root)

    header = _fitting(headers, fits)
    return saved if header is None else saved._replace(leaves={position: (leaf_hash(header), proof.path)})


def _of_group(group: Any) -> Saved:  # noqa: ANN401 - JSON, refused by its errors
    saved = _saved(group["receipt"])
    leaves = [read_hash(event["leaf"]) for event in group["events"]]
    if len(leaves) != saved.receipt.count or len(leaves) > LEAVES_MAX:
        raise ValueError
    return saved._replace(
        leaves={saved.receipt.first + at: (leaf, inclusion_path(leaves, at)) for at, leaf in enumerate(leaves)}
    )
