"""Making a bundle: collecting it at a checkpoint, proving heads there, signing the manifest, packing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from application.evidence import Collected, collect
from application.evidence_material import Material, Receiver, Stamped
from application.proving import SUBJECTS_MAX, HeadProofs, NotPublished, Proofs
from application.readme import README_TEXT
from audit.bundlefiles import BundleInvalid, check_sizes, pack
from audit.bundles import MANIFEST, NOTE, README, files_of, overfull
from audit.events import read_header
from audit.manifests import Manifest, Query, note_text
from domain.errors import Invalid

ATTEMPTS_MAX: Final = 6
"""How often a bundle is collected again because a new checkpoint was published meanwhile."""
UNWITNESSED_MAX: Final = 2
"""How many checkpoints without the witnesses' quorum are given up for a later one; then a bundle goes out as it is."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The ledger that hands bundles out; `sign` gives a text signed with the key of receipts in force at a size."""

    origin: str
    sign: Callable[[str, int], str]


@dataclass(frozen=True, slots=True)
class Sealing:
    """What of a bundle cannot be made again from the log: note and stamp as they were, the proofs under the map."""

    checkpoint: str
    heads: HeadProofs
    stamped: Stamped | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle, the SHA-256 of its manifest, which stands for all of it, and what it was sealed with."""

    data: bytes
    manifest: str
    size: int
    sealing: Sealing


def make(
    material: Material, proofs: Proofs, signer: Signer, query: Query, receiver: Receiver, position: int
) -> Bundle:  # fmt: skip
    """Make a bundle at a checkpoint over the position.

    The checkpoint bears the quorum of the operator's witnesses, unless they do not answer: to whoever believes by them,
    nothing else is evidence. Raises NotPublished, DatabaseAway `checkpointer_away`, Invalid `evidence_too_large`.
    """
    heads = proofs.heads(query.subjects, position, cosign=True)
    waited: list[int] = []
    for _ in range(ATTEMPTS_MAX):
        collected = collect(material, query, receiver, heads.size)
        if len(collected.subjects) > SUBJECTS_MAX:
            raise Invalid("so many subjects are no bundle", code="evidence_too_large", subjects_max=SUBJECTS_MAX)
        if not heads.proofs.keys() >= set(collected.subjects):
            heads = proofs.heads(collected.subjects, heads.size, cosign=True)
        if heads.size != collected.size:
            continue
        in_vain = heads.size in waited  # nothing newer came: whoever did not answer then does not now
        note = None if in_vain else proofs.witnessed(heads.size)
        if note is None and not in_vain and len(waited) < UNWITNESSED_MAX:
            waited.append(heads.size)
            heads = proofs.heads(collected.subjects, heads.size, cosign=True)
            continue
        sealing = Sealing(note or proofs.cosigned(heads.size), heads, material.stamped(collected.last, heads.size))
        return seal(material, signer, collected, sealing, query, receiver)
    raise NotPublished("checkpoints come faster than the bundle is made", position=position, retry_after_s=1)


def seal(
    material: Material, signer: Signer, collected: Collected, sealing: Sealing, query: Query, receiver: Receiver
) -> Bundle:  # fmt: skip
    """Put a bundle together: the same bytes for the same things, whenever it is done.

    Raises Invalid `evidence_too_large` for what is more than a reader takes.
    """
    stamps = [] if sealing.stamped is None else [material.stamp(sealing.stamped, collected.size)]
    contents = collected.proven(sealing.checkpoint, sealing.heads.proofs, stamps)
    files = files_of(contents) | {README: README_TEXT.encode()}
    manifest = Manifest(
        origin=signer.origin, size=collected.size, made_at=read_header(contents.root_header).recorded_at,
        party=receiver.party, query=query, withheld=collected.withheld, closed=collected.closed,
        files={name: sha256(data).hexdigest() for name, data in files.items()},
    ).encode()  # fmt: skip
    files |= {MANIFEST: manifest, NOTE: signer.sign(note_text(signer.origin, manifest), collected.size).encode()}
    _check_readable(files)
    return Bundle(pack(files), sha256(manifest).hexdigest(), collected.size, sealing)


def _check_readable(files: Mapping[str, bytes]) -> None:
    """Refuse to hand out what no verifier would read."""
    if over := overfull(files):
        raise Invalid("so many lines are no bundle", code="evidence_too_large", files=over)
    try:
        check_sizes(len(files), sum(map(len, files.values())))
    except BundleInvalid as error:
        raise Invalid("so much is no bundle", code="evidence_too_large", **error.details) from error
