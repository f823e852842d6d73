"""A log of one's own for tests of witnesses and guards: leaves, roots, paths, and checkpoints signed by its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.heads import Head
from audit.keys import public_bytes
from audit.merkle import consistency_path, leaf_hash, root
from audit.note import Checkpoint, Verifier, signature_line, verifier, vkey

ORIGIN = "log.example/lifts"


@dataclass
class Log:
    """A log whose first `fork` leaves are every log's of this kind, and whose later ones are its own by `history`."""

    origin: str = ORIGIN
    history: str = "one"
    fork: int = 0
    private: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))

    @property
    def keys(self) -> list[Verifier]:
        """The verifiers of its checkpoints."""
        return [verifier(self.origin, public_bytes(self.private.public_key()))]

    @property
    def vkey(self) -> str:
        """Its verifier key as text."""
        return vkey(self.origin, public_bytes(self.private.public_key()))

    def leaves(self, size: int) -> list[bytes]:
        """Give its first leaves."""
        names = ("shared" if index < self.fork else self.history for index in range(size))
        return [leaf_hash(f"{name} {index}".encode()) for index, name in enumerate(names)]

    def root(self, size: int) -> bytes:
        """Give the root of its first leaves."""
        return root(self.leaves(size))

    def path(self, old: int, new: int) -> Sequence[bytes]:
        """Give the consistency path between two of its sizes."""
        return consistency_path(self.leaves(new), old, new)

    def text(self, size: int, *extensions: str) -> str:
        """Give a checkpoint's text."""
        lines = "".join(f"{line}\n" for line in extensions)
        return Checkpoint(self.origin, size, self.root(size)).text() + lines

    def head(self, size: int) -> Head:
        """Give a checkpoint's head."""
        return Head.parse(self.text(size))

    def sign(self, text: str) -> str:
        """Give its signature line under a text."""
        return signature_line(text, self.origin, self.private)

    def note(self, size: int, *extensions: str) -> str:
        """Give a signed checkpoint."""
        text = self.text(size, *extensions)
        return f"{text}\n{self.sign(text)}"
