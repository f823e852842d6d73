"""What signs checkpoints: the ledger's own checkpoint keys as the checkpointer uses them (event-format §5, §7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit.checkpoints import Checkpoint
from audit.cosignatures import cosign, cosigner_vkey, time_of
from audit.keys import public_bytes
from audit.note import sign_note
from audit.signatures import parse_line, vkey
from infrastructure.checkpoint_store import Signing
from infrastructure.checkpointer import Signer
from infrastructure.keyring import CheckpointPair, Keyring
from infrastructure.keys import KeyFolder


def checkpoint_vkeys(origin: str, keys: KeyFolder) -> list[str]:
    """Give the verifier keys of a ledger's checkpoints: Ed25519, and ML-DSA-44 as a cosigner of the same name."""
    return [vkey(origin, public_bytes(keys.checkpoint_key().public_key())), cosigner_vkey(origin, keys.cosigner_key())]


def checkpoint_signer(origin: str, keys: KeyFolder, known: Callable[[int], Sequence[str]]) -> Signer:
    """Give the signer of a ledger's checkpoints; `known(size)` are the verifier keys that the log states for a size.

    A ledger that states no ML-DSA-44 key is not cosigned. Raises KeysUnsafe, KeysOfAnother; so does every signing.
    """
    ring = Keyring(origin, keys)
    pairs: dict[tuple[str, ...], CheckpointPair] = {}

    def pair(size: int) -> CheckpointPair:
        wanted = tuple(known(size))
        if wanted not in pairs:
            pairs[wanted] = ring.checkpoints(wanted)
        return pairs[wanted]

    def line(held: CheckpointPair, text: str, seconds: int) -> str:
        return "" if held.cosigner is None else cosign(text, origin, held.cosigner, seconds)

    def sign(size: int, root: bytes, seconds: int) -> str:
        held, text = pair(size), Checkpoint(origin, size, root).text()
        return sign_note(text, origin, held.private) + line(held, text, seconds)

    def again(size: int, root: bytes, seconds: int) -> Signing | None:
        made = line(pair(size), Checkpoint(origin, size, root).text(), seconds).rstrip("\n")
        if not made:
            return None
        name, key, signature = parse_line(made)
        return Signing(name, key, time_of(signature), made)

    return Signer(sign, again)
