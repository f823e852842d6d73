"""Exporting evidence: the bundle is made first, then recorded with its digest, then handed over.

A bundle can be made again at its checkpoint: from the log, and from what was kept of it, the checkpoint's note and the
proofs under its map. What was erased since, or may be seen no longer, is not made again; the digest shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from application.access import ACTIONS, EXPORT, query_of
from application.actions import Action
from application.bundling import Bundle, Sealing, Signer, make, seal
from application.door import Request
from application.evidence import collect
from application.evidence_material import Material, Receiver
from application.identity import Identity, identify, require_key
from application.parties import manages
from application.proving import Proofs
from application.reading.asking import Asking, Reads
from application.reading.bodies import Sees, sees
from application.reading.sight import Seen
from application.rights import allowed, right_missing
from application.saves import Command, Saved
from application.work import AggregateCache, Author
from audit import canonical, tokens
from audit.events import Header, read_body
from audit.names import subject_of
from domain.aggregate import fold
from domain.errors import Conflict, Invalid, NotFound
from domain.parties import Party

(ACTION,) = ACTIONS


class Sealings(Protocol):
    """Keeps what of a bundle cannot be made again from the log (infrastructure/evidence_reader.py)."""

    def find(self, manifest: str) -> Sealing | None:
        """Give it by the digest of the manifest."""

    def keep(self, manifest: str, sealing: Sealing) -> None:
        """Keep it; what is kept already stays."""


def manifest_of(saves: Sequence[Saved]) -> str:
    """Give the digest of the bundle that an export's event states."""
    (event,) = saves[0].events
    return str(read_body(event.body)["found"]["manifest"])


@dataclass(frozen=True, slots=True)
class Exports:
    """Makes bundles for those who may have them."""

    signer: Signer
    reads: Reads
    proofs: Proofs
    sealings: Sealings
    material: Material
    check_shape: Callable[[Action, object], None]

    def bundle(self, request: Request) -> Bundle:
        """Make the bundle that a signed request asks for, or the very one that it was given before.

        Raises what the door refuses of such a request, NotFound `party_unknown`, Conflict `evidence_changed`,
        NotPublished, DatabaseAway, Invalid `evidence_too_large`.
        """
        identity, digest = self._admit(request)
        said = self._said(request)
        author, party = identity.author, said["party"]
        if not allowed(EXPORT, author.kind, frozenset({"self"} if party == author.party else ())):
            raise right_missing(f"a party of kind {author.kind} may not do this", EXPORT, author.kind)
        query = query_of(said)
        head = self.reads.log.head().size
        receiver = self._receiver(party, head, opens_own=manages(author))
        command = Command(identity.claims.jti, request.action.method, request.uri, digest)
        if known := self.reads.log.saved(author.party, command):
            return self._again(manifest_of(known), receiver, said)
        made = make(self.material, self.proofs, self.signer, query, receiver, head)
        self.sealings.keep(made.manifest, made.sealing)
        return made

    def ended(self, said: Mapping[str, Any]) -> Bundle:
        """Make a bundle of a ledger that writes no more, for its operator to hand out; nothing is recorded of it.

        Raises NotFound `party_unknown`, Invalid as a request is refused and `evidence_too_large`, DatabaseAway.
        """
        self.check_shape(ACTION, said)
        query = query_of(said)
        receiver = self._receiver(said["party"], self.reads.log.head().size)
        return make(self.material, self.proofs, self.signer, query, receiver, 1)

    def _admit(self, request: Request) -> tuple[Identity, str]:
        digest = hashlib.sha256(request.body).hexdigest()
        identity = identify(request.token, self.reads.clock.now(), AggregateCache(), self.reads.streams)
        tokens.check_request(
            identity.token, origin=self.reads.origin, method=request.action.method, uri=request.uri, body_hash=digest
        )
        require_key(request.key, identity)
        return identity, digest

    def _said(self, request: Request) -> Mapping[str, Any]:
        said = canonical.decode(request.body)
        if not isinstance(said, dict):
            raise Invalid("a write is a JSON object", code="shape_invalid")
        said = {name: value for name, value in said.items() if name != "salt"}
        self.check_shape(request.action, said)
        return said

    def _receiver(self, name: str, head: int, *, opens_own: bool = True) -> Receiver:
        """Give what a party may see, by the read models once they know all that is recorded now."""
        party = fold(Party, name, self.reads.streams.events(name))
        if party is None:
            raise NotFound(f"{name} is not known", code="party_unknown", party=name)
        author = Author(party.id, party.kind, areas=party.areas, sectors=party.sectors)
        asking = Asking(self.reads, author, {}, {"wait_for": str(head)})
        held: dict[str, Sees] = {}

        def see(header: Header) -> bool:
            subject = subject_of(header.stream)
            if subject not in held:
                held[subject] = sees(asking, subject)
            return held[subject](Seen(header.stream, header.position, header.party, header.effective_at))

        # Waits for the read models: rights are judged by what is known of the receiver now.
        sees_all = asking.known.position >= 0 and asking.may("access.read")
        return Receiver(name, see, sees_all, opens_own)

    def _again(self, manifest: str, receiver: Receiver, said: Mapping[str, Any]) -> Bundle:
        sealing = self.sealings.find(manifest)
        again: Bundle | None = None
        if sealing is not None:
            query = query_of(said)
            collected = collect(self.material, query, receiver, sealing.heads.size)
            if sealing.heads.proofs.keys() >= set(collected.subjects):
                again = seal(self.material, self.signer, collected, sealing, query, receiver)
        if again is None or again.manifest != manifest:
            raise Conflict(
                "what was handed out then cannot be made again: something of it was erased, or may be seen by others",
                code="evidence_changed", manifest=manifest,
            )  # fmt: skip
        return again
