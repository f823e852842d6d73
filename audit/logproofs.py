"""Proofs that something stands in a log, as one text that outlives the log (C2SP tlog-proof@v1).

A proof holds an index, the audit path, and a checkpoint with its signatures, word for word. Whoever verifies makes the
leaf hash from the leaf's bytes and brings a policy of its own; what the text says of either proves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from audit.base64text import decode_standard, encode_standard
from audit.canonical import INTEGER_MAX
from audit.checkpoints import Checkpoint
from audit.errors import NoteError, ProofError
from audit.events import Header, read_header
from audit.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from audit.note import NOTE_BYTES_MAX, split_note
from audit.policy import Opened, Policy, open_checkpoint
from audit.signatures import parse_line

__all__ = [
    "EXTRA_BYTES_MAX",
    "PATH_MAX",
    "PROOF_CHARS_MAX",
    "SUFFIX",
    "LogProof",
    "ProofError",
    "check_place",
    "verify_event",
]

SUFFIX: Final = ".tlog-proof"
PATH_MAX: Final = 64
EXTRA_BYTES_MAX: Final = 64 * 1024
PROOF_CHARS_MAX: Final = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX

_MAGIC = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class LogProof:
    """The leaf at `index`, from 0, stands in the tree of the checkpoint; `extra` is not authenticated by anything."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    """The note with every signature and cosignature, as the log gave it."""
    extra: bytes | None = None

    def text(self) -> str:
        """Return the proof as text (tlog-proof, “Format”)."""
        lines = [_MAGIC]
        if self.extra is not None:
            lines.append(_EXTRA + encode_standard(self.extra))
        lines += [f"index {self.index}", *map(encode_standard, self.path), ""]
        return "\n".join(lines) + "\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> LogProof:
        """Read exactly what `text` writes. Raises ProofError with code `log_proof_too_large`, `log_proof_malformed`."""
        if len(text) > PROOF_CHARS_MAX:
            raise ProofError("The proof is too large.", code="log_proof_too_large", chars=len(text))
        head, separator, checkpoint = text.partition("\n\n")
        magic, *lines = head.split("\n")
        extra = None
        if lines and lines[0].startswith(_EXTRA):
            extra = decode_standard(lines.pop(0).removeprefix(_EXTRA))
            if extra is None or len(extra) > EXTRA_BYTES_MAX:
                raise ProofError("The extra data are no base64, or too many.", code="log_proof_malformed")
        index = _INDEX.fullmatch(lines[0]) if lines else None
        if magic != _MAGIC or not separator or index is None or int(index[1]) > INTEGER_MAX:
            raise ProofError("This is no proof of the form tlog-proof@v1.", code="log_proof_malformed")
        return cls(int(index[1]), _read_path(lines[1:]), _checked_form(checkpoint), extra)

    def verify(self, leaf: bytes, policy: Policy, origin: str) -> Opened:
        """Check that the leaf hash stands in the log of this origin, as the policy believes it; return its checkpoint.

        tlog-proof, “Verifying a tlog proof”, steps 2 to 4; the first, the leaf hash, is the caller's. Raises NoteError
        as `open_checkpoint`, ProofError with code `log_proof_quorum` or as `verify_inclusion`.
        """
        opened = open_checkpoint(self.checkpoint, policy, origin)
        if not opened.satisfied:
            raise ProofError(
                "Too few witnesses cosigned.", code="log_proof_quorum", cosigned=sorted(opened.witnesses),
                quorum=policy.quorum,
            )  # fmt: skip
        verify_inclusion(leaf, self.index, opened.checkpoint.size, self.path, opened.checkpoint.root)
        return opened


def verify_event(header: bytes, proof: LogProof, policy: Policy, origin: str) -> Opened:
    """Check that an event's header stands in the ledger of this origin at the position that it names.

    Raises as `LogProof.verify`, EventInvalid or CanonicalError for bytes that are no header, and ProofError with code
    `proof_place`.
    """
    check_place(read_header(header), origin, proof.index + 1)
    return proof.verify(leaf_hash(header), policy, origin)


def check_place(header: Header, origin: str, position: int) -> None:
    """Check that a header names this ledger and position. Raises ProofError with code `proof_place`."""
    if (header.ledger, header.position) != (origin, position):
        raise ProofError("The header names another place.", code="proof_place", position=header.position)


def _read_path(lines: list[str]) -> tuple[bytes, ...]:
    path = tuple(node for node in map(decode_standard, lines) if node is not None and len(node) == HASH_BYTES)
    if len(path) != len(lines) or len(path) > PATH_MAX:
        raise ProofError("The path is no list of hashes.", code="log_proof_malformed")
    return path


def _checked_form(note: str) -> str:
    """Return what has the form of a signed checkpoint; who signed it is asked later."""
    try:
        text, lines = split_note(note)
        Checkpoint.parse(text)
        for line in lines:
            parse_line(line)
    except NoteError as error:
        raise ProofError("The proof holds no checkpoint.", code="log_proof_malformed", reason=error.code) from error
    return note
