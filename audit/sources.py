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
from audit.bundles import MANIFEST, Contents, Place, read_files
from audit.checkpoints import Checkpoint, Receipt
from audit.errors import AuditError, BundleInvalid, CanonicalError, NoteError, ProofError
from audit.events import Header, read_canonical, read_header
from audit.exports import CHECKPOINT, read_tree
from audit.findings import Finding, Findings
from audit.heads import open_head, origin_of
from audit.logproofs import PROOF_CHARS_MAX, LogProof, check_place
from audit.manifests import Manifest
from audit.merkle import inclusion_path, leaf_hash, verify_inclusion
from audit.names import check_stream
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
    """A bundle that hangs on a checkpoint which the log signed; what of it does not is in no side."""

    contents: Contents
    anchored: Anchored
    chains: Mapping[str, Mapping[int, bytes]]
    """Subject → headers by number, back from its head as far as each is the one that the next names; none if absent."""
    numbers: Mapping[int, tuple[str, int]]
    """Position → subject and number of an event in `chains`."""
    broken: tuple[Finding, ...]
    """What of the bundle contradicts or lacks something."""

    def side(self, subject: str, seq: int) -> Side:
        """Give what the log signed of a subject, with its events from one on."""
        contents = self.contents
        headers = [read_canonical(data) for number, data in self.chains[subject].items() if number >= seq]
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
            return self._placed(Place(self.contents.root_header, self.contents.root_path))
        if position in self.numbers:
            return self.side(*self.numbers[position])
        place = self.anchored.placed.get(position)
        return None if place is None else self._placed(place)

    def _placed(self, place: Place) -> Side:
        header: Any = read_canonical(place.header)
        path = [node.hex() for node in place.path]
        return {"checkpoint": self.contents.checkpoint, "header": header, "path": path}

    def key(self) -> Side | None:
        """Give what leads to the ledger's key of receipts: the whole chain of the ledger, and what names keys in it."""
        chain = self.chains.get(LEDGER, {})
        if 1 not in chain:
            return None
        named = {header.body for header in map(read_header, chain.values()) if header.type in KEY_EVENTS}
        bodies = self.contents.bodies
        try:
            told = [read_canonical(bodies[digest]) for digest in sorted(named & bodies.keys())]
        except CanonicalError:
            return None
        return self.side(LEDGER, 1) | {"bodies": told}


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
    loose: Mapping[int, bytes] = field(default_factory=dict)
    """Leaves by position that the log may have signed: nothing sound leads to them."""

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
    """Read the files of a bundle, which the log signed whoever did besides. Raises as `read_source`."""
    manifest = Manifest.parse(files.get(MANIFEST, b""))
    findings = Findings()
    contents = read_files(files, lambda file, why: findings.find("file_malformed", file, detail=why))
    if _believed(contents.checkpoint, policy).origin != manifest.origin:
        raise BundleInvalid("The manifest is of another log than the checkpoint.", code="manifest_malformed")
    anchored = anchor(contents, manifest, policy, findings)
    chains = {subject: _linked(contents.chains.get(subject, ())) for subject in anchored.lengths}
    numbers = {
        read_header(data).position: (subject, seq) for subject, chain in chains.items() for seq, data in chain.items()
    }
    broken = tuple(each for each in findings.kept if each.kind in {"integrity", "completeness"})
    bundle = Bundle(contents, anchored, chains, numbers, broken)
    leaves = {position: anchored.events[position].leaf for position in anchored.placed}
    leaves |= {position: leaf_hash(chains[subject][seq]) for position, (subject, seq) in numbers.items()}
    if anchored.root is not None:
        leaves[anchored.root.row.position] = anchored.root.leaf
    loose = {position: event.leaf for position, event in anchored.events.items() if position not in leaves}
    saved = []
    for save in contents.saves:
        try:
            told = {at: (leaves[at], path) for at, path in save.paths.items() if at in leaves}
            saved.append(_saved(save.receipt)._replace(leaves=told))
        except NoteError:
            continue  # what is no receipt contradicts nothing
    return Source(
        manifest.origin, contents.checkpoint, anchored.checkpoint, None, bundle, tuple(saved), leaves, bundle.at, loose
    )  # fmt: skip


def _linked(headers: Sequence[bytes]) -> dict[int, bytes]:
    """Give a chain's headers by number, back from its last one as far as each is the one that the next names."""
    found: dict[int, bytes] = {}
    after: Header | None = None
    for data in reversed(headers):
        try:
            header = read_header(data)
            check_stream(header.stream)
        except AuditError:
            if after is None:
                continue
            break
        if after is not None and (header.seq + 1, leaf_hash(data).hex()) != (after.seq, after.prev):
            break
        found[header.seq] = data
        after = header
    return dict(reversed(found.items()))


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
