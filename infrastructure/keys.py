"""The ledger's own secrets on disk: receipt, checkpoint, master and index keys; a file each, for their owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from infrastructure.durable import make_folder, sync_folder
from infrastructure.errors import KeysUnsafe

RECEIPT, CHECKPOINT, MASTER, INDEX = "receipt.key", "checkpoint.key", "master.key", "index.key"
COSIGNER = "checkpoint-ml-dsa-44.key"
KEYS_MAX = 1000
"""Of one use, handed on one to the next."""
_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def nth(name: str, number: int) -> str:
    """Give the file of the key that a use has after so many rotations, from 1."""
    return name if number == 1 else f"{name.removesuffix('.key')}-{number}.key"


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder (`var/keys`, mode 0700) of 32-byte keys in hex, each a file of mode 0600.

    Every process reads only the key that it uses (event-format §7). All methods raise KeysUnsafe.
    """

    path: Path

    def make(self, *names: str) -> None:
        """Make the keys that are missing, from the system's random source; those that exist stay as they are."""
        try:
            make_folder(self.path)
            for name in names or (RECEIPT, CHECKPOINT, COSIGNER, MASTER, INDEX):
                self._make_one(name)
            sync_folder(self.path)
        except OSError as refused:
            raise KeysUnsafe(f"keys cannot be made: {refused.strerror}", file=str(self.path)) from refused

    def receipt_key(self, number: int = 1) -> Ed25519PrivateKey:
        """Read the key that signs receipts; those that were handed on to are numbered from 2."""
        return Ed25519PrivateKey.from_private_bytes(self._read(nth(RECEIPT, number)))

    def checkpoint_key(self, number: int = 1) -> Ed25519PrivateKey:
        """Read the key that signs checkpoints."""
        return Ed25519PrivateKey.from_private_bytes(self._read(nth(CHECKPOINT, number)))

    def cosigner_key(self, number: int = 1) -> MLDSA44PrivateKey:
        """Read the key that cosigns checkpoints against the quantum computer (FIPS 204); the file holds its seed."""
        return MLDSA44PrivateKey.from_seed_bytes(self._read(nth(COSIGNER, number)))

    def numbers(self, name: str) -> list[int]:
        """Give the numbers of the keys of a use that are there."""
        return [number for number in range(1, KEYS_MAX + 1) if (self.path / nth(name, number)).exists()]

    def master_key(self) -> bytes:
        """Read the key that wraps the keys of persons: 32 bytes."""
        return self._read(MASTER)

    def secret(self, name: str) -> bytes:
        """Read the 32 bytes of another secret that `make` made."""
        return self._read(name)

    def index_key(self) -> bytes:
        """Read the key of the blind index: 32 bytes."""
        return self._read(INDEX)

    def renew(self) -> None:
        """Make the keys that this version needs and an earlier one did not make, where a ledger's keys lie."""
        if (self.path / MASTER).exists():
            self.make(INDEX)

    def _make_one(self, name: str) -> None:
        path = self.path / name
        if path.exists():
            self._read(name)
            return
        # Written aside and linked: a power cut leaves a whole key or none, and two makers agree on one.
        fresh = self.path / f".{name}.{secrets.token_hex(4)}"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            self._read(name)
        finally:
            fresh.unlink()

    def _read(self, name: str) -> bytes:
        path = self.path / name
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as refused:
            raise KeysUnsafe(f"{name} cannot be read: {refused.strerror}", file=str(path)) from refused
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_mode & _OTHERS:
                raise KeysUnsafe(f"{name} is open to others; its mode must be 0600", file=str(path))
            text = file.read(2 * _BYTES + 2)
        try:
            key = bytes.fromhex(text.decode("ascii").strip())
        except ValueError as malformed:
            raise KeysUnsafe(f"{name} is no key", file=str(path)) from malformed
        if len(key) != _BYTES:
            raise KeysUnsafe(f"{name} is no key", file=str(path))
        return key
