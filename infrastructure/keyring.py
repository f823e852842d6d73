"""The ledger's own keys as they follow one another: which the log says is in force, and where its secret lies.

Secrets are found by their verifier keys, never by which file is newest: a rotation that was prepared and not recorded
changes nothing, and neither does one that a restored log no longer holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.cosignatures import cosigner_vkey
from audit.histories import read_histories
from audit.keys import public_bytes
from audit.note import Verifier, parse_vkey, vkey
from audit.rotation import RECEIPT as RECEIPTS
from audit.rotation import make_rotation
from domain.aggregate import Event
from domain.ledgers import STREAM, Ledger
from infrastructure import log_reader
from infrastructure.errors import KeysOfAnother
from infrastructure.keys import CHECKPOINT, COSIGNER, RECEIPT, KeyFolder, nth
from infrastructure.receipts import ReceiptSigner

__all__ = ["CheckpointPair", "Keyring", "tenures"]

Tenures = Sequence[tuple[int, Sequence[str]]]
"""Checkpoint keys, each with the least size of the checkpoints that they sign, in that order."""


@dataclass(frozen=True, slots=True)
class CheckpointPair:
    """The two keys of checkpoints; a ledger that states no ML-DSA-44 key has no cosigner."""

    private: Ed25519PrivateKey
    cosigner: MLDSA44PrivateKey | None


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secrets of a ledger. All methods raise KeysUnsafe; KeysOfAnother where none is the one wanted."""

    origin: str
    keys: KeyFolder

    def require(self, ledger: Ledger) -> None:
        """Read the secrets that a ledger runs with: those in force as its log says, and the one that finds persons.

        The master key is read and held against what it opens by `vault.require_master`'s callers.
        """
        self.keys.index_key()
        self.receipt_key(ledger.receipt_key)
        self.checkpoints(ledger.checkpoint_keys)

    def receipt_key(self, wanted: str) -> Ed25519PrivateKey:
        """Give the secret under this verifier key of receipts."""
        held = {self._receipt(number): number for number in self.keys.numbers(RECEIPT)}
        if wanted not in held:
            found, file = ", ".join(held), str(self.keys.path / RECEIPT)
            raise KeysOfAnother("the receipt key is not this ledger's", file=file, found=found, wanted=wanted)
        return self.keys.receipt_key(held[wanted])

    def receipts(self, wanted: str) -> ReceiptSigner:
        """Give what signs receipts under this verifier key."""
        return ReceiptSigner(self.origin, self.receipt_key(wanted))

    def in_force(self, connection: psycopg.Connection) -> ReceiptSigner:
        """Give what signs receipts now, as the stored log says."""
        stored = log_reader.stream_events(connection, STREAM)
        told = read_histories(self.origin, ((each.position, each.header, each.body) for each in stored)).context
        return self.receipts(told.receipts[-1][1] if told.receipts else "")

    def checkpoints(self, wanted: Sequence[str]) -> CheckpointPair:
        """Give the keys of checkpoints under these verifier keys."""
        for number in self.keys.numbers(CHECKPOINT):
            private = self.keys.checkpoint_key(number)
            if vkey(self.origin, public_bytes(private.public_key())) != wanted[0]:
                continue
            if len(wanted) == 1:
                return CheckpointPair(private, None)
            cosigner = self.keys.cosigner_key(number)
            if cosigner_vkey(self.origin, cosigner) == wanted[1]:
                return CheckpointPair(private, cosigner)
        raise KeysOfAnother("the checkpoint key is not this ledger's", file=CHECKPOINT, wanted=list(wanted))

    def held_checkpoints(self) -> list[str]:
        """Give the verifier keys of all checkpoint keys that are here, those of before and those prepared too."""
        return [key for number in self.keys.numbers(CHECKPOINT) for key in self._checkpoint(number)]

    def believed(self, ledger: Ledger) -> list[Verifier]:
        """Give all keys under which a checkpoint is this ledger's own.

        Those in the folder too: a log that went back behind a rotation does not know the key that signed since.
        """
        stated = [key for key in ledger.retired if key.startswith(f"{ledger.origin}+")]
        return [parse_vkey(key) for key in dict.fromkeys((*ledger.checkpoint_keys, *stated, *self.held_checkpoints()))]

    def prepare(self, ledger: Ledger, use: str) -> list[str]:
        """Make the keys that a use is handed on to, unless they are prepared already; gives their verifier keys."""
        names = (RECEIPT,) if use == RECEIPTS else (CHECKPOINT, COSIGNER)
        used = {*ledger.retired, ledger.receipt_key, *ledger.checkpoint_keys}
        numbers = self.keys.numbers(names[0])
        prepared = (number for number in numbers if used.isdisjoint(self._vkeys(use, number)))
        number = next(prepared, max(numbers, default=1) + 1)
        # Those that are there stay. Whoever was killed between the two left one, and one alone is never handed on to.
        self.keys.make(*(nth(name, number) for name in names))
        return self._vkeys(use, number)

    def hand_on(self, ledger: Ledger, use: str) -> dict[str, Any]:
        """Give what an administrator is to say: the prepared keys, signed by the one in force."""
        new = self.prepare(ledger, use)
        if use == RECEIPTS:
            private = self.receipt_key(ledger.receipt_key)
        else:
            private = self.checkpoints(ledger.checkpoint_keys).private
        return make_rotation(private, origin=self.origin, use=use, keys=new)

    def _vkeys(self, use: str, number: int) -> list[str]:
        return [self._receipt(number)] if use == RECEIPTS else self._checkpoint(number)

    def _receipt(self, number: int) -> str:
        return vkey(f"{self.origin}/receipt", public_bytes(self.keys.receipt_key(number).public_key()))

    def _checkpoint(self, number: int) -> list[str]:
        # One made by a version before it cosigned has no second file.
        first = vkey(self.origin, public_bytes(self.keys.checkpoint_key(number).public_key()))
        if not (self.keys.path / nth(COSIGNER, number)).exists():
            return [first]
        return [first, cosigner_vkey(self.origin, self.keys.cosigner_key(number))]


def tenures(events: Iterable[Event]) -> Tenures:
    """Read from the ledger's stream which keys sign which checkpoints: new ones those that cover their rotation."""
    return list(_tenures(events))


def _tenures(events: Iterable[Event]) -> Iterator[tuple[int, tuple[str, ...]]]:
    ledger, last = None, ()
    for event in events:
        ledger = event.mutate(ledger)
        if ledger.checkpoint_keys != last:
            last = ledger.checkpoint_keys
            yield event.position or 0, last
