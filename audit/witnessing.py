"""The witness protocol, C2SP tlog-witness: the body of `add-checkpoint`, what a witness decides, and what it answers.

Nothing here reads a clock, a disk or a socket. Where the released v1.0.0 and the editor's copy of July 2026 differ,
the later one holds: a checkpoint of the stored size with another root is 422 as any other failed proof, and the
checkpoint of size 0 has the root of the empty tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from audit.base64text import decode_standard, encode_standard
from audit.contradictions import PATH_HASHES_MAX, Contradiction, between
from audit.errors import NoteError, ProofError, SubmissionMalformed
from audit.heads import Head, known_lines, open_head, origin_of, parse_size
from audit.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from audit.note import Verifier, open_note

__all__ = [
    "ANSWER_BYTES_MAX",
    "REQUEST_BYTES_MAX",
    "SIZE_TYPE",
    "Cosigned",
    "Decision",
    "Inconsistent",
    "Malformed",
    "OldAboveSize",
    "OriginUnknown",
    "Outcome",
    "SizeMoved",
    "Submission",
    "Untrusted",
    "authenticate",
    "decide",
    "origin_hash",
    "read_cosignatures",
    "read_size",
]

REQUEST_BYTES_MAX: Final = 128 * 1024
"""Room for 63 hashes and a checkpoint with 16 signatures of the largest algorithm in use (signed-note, “Format”)."""
ANSWER_BYTES_MAX: Final = 128 * 1024
SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of a 409 that tells the size to start from."""

_OLD: Final = "old "


@dataclass(frozen=True, slots=True)
class Submission:
    """An `add-checkpoint` request: the checkpoint, and the path from the tree that the witness cosigned last."""

    old_size: int
    path: tuple[bytes, ...]
    note: str

    def encode(self) -> bytes:
        """Return the body to be posted. Raises SubmissionMalformed for a path longer than the protocol's 63 hashes."""
        if len(self.path) > PATH_HASHES_MAX:
            raise SubmissionMalformed("The path is too long.", hashes=len(self.path), hashes_max=PATH_HASHES_MAX)
        lines = [f"{_OLD}{self.old_size}", *map(encode_standard, self.path), "", self.note]
        return "\n".join(lines).encode()

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a body to the letter; the note in it is not looked at. Raises SubmissionMalformed."""
        if len(body) > REQUEST_BYTES_MAX:
            raise SubmissionMalformed("The body is too large.", bytes_max=REQUEST_BYTES_MAX)
        try:
            before, _, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise SubmissionMalformed("The body is not UTF-8.") from None
        first, *hashes = before.split("\n")
        size = parse_size(first.removeprefix(_OLD))
        if not note or not first.startswith(_OLD) or size is None:
            raise SubmissionMalformed("The body is the old size, the path, an empty line and a checkpoint.")
        if len(hashes) > PATH_HASHES_MAX:
            raise SubmissionMalformed("The path is too long.", hashes=len(hashes), hashes_max=PATH_HASHES_MAX)
        path = tuple(node for node in map(decode_standard, hashes) if node is not None and len(node) == HASH_BYTES)
        if len(path) != len(hashes):
            raise SubmissionMalformed("A line of the path is not the base64 of a hash.")
        return cls(size, path, note)


# ---------------------------------------------------------------------------------------------------- what comes of it


@dataclass(frozen=True, slots=True)
class Cosigned:
    """200: the record has moved to this head, and these are the witness's signature lines."""

    head: Head
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Malformed:
    """400: the body is not of the form."""

    code: str


@dataclass(frozen=True, slots=True)
class OldAboveSize:
    """400: the old size is above the checkpoint's."""

    old_size: int
    size: int


@dataclass(frozen=True, slots=True)
class Untrusted:
    """403: no key trusted for this origin signed the checkpoint, or a line by such a key does not verify."""

    code: str


@dataclass(frozen=True, slots=True)
class OriginUnknown:
    """404: this witness does not follow that log."""


@dataclass(frozen=True, slots=True)
class SizeMoved:
    """409: the old size is not that of the last checkpoint cosigned for the log, which is `size`."""

    size: int


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """422: the path does not lead from the tree cosigned last to this one, or one size has two roots."""

    code: str


Outcome: TypeAlias = Cosigned | Malformed | OldAboveSize | Untrusted | OriginUnknown | SizeMoved | Inconsistent
Early: TypeAlias = Malformed | OldAboveSize | Untrusted | OriginUnknown


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about an authentic submission: refuse it, or (`refusal` None) cosign and remember it.

    `contradiction` is there when the log signed what does not agree with what it signed before, whatever the answer.
    """

    refusal: SizeMoved | Inconsistent | None
    contradiction: Contradiction | None = None


def authenticate(submission: Submission, logs: Mapping[str, Sequence[Verifier]]) -> Head | Early:
    """Check all of a submission that needs no memory; gives its head, signed by a key trusted for its origin."""
    keys = logs.get(origin_of(submission.note))
    if not keys:
        return OriginUnknown()
    try:
        head = open_head(submission.note, keys)
    except NoteError as refused:
        kind = Untrusted if refused.code in {"note_signature", "note_unsigned"} else Malformed
        return kind(refused.code)
    if submission.old_size > head.size:
        return OldAboveSize(submission.old_size, head.size)
    return head


def decide(submission: Submission, head: Head, stored: tuple[Head, str] | None) -> Decision:
    """Decide about an authentic submission, given the head cosigned last and its note, None if there is none.

    To be called while nobody else can move the record.
    """
    last = stored[0] if stored else Head(head.origin, 0, EMPTY_ROOT, "")
    contradiction = _contradiction(submission, head, stored)
    if submission.old_size != last.size:
        return Decision(SizeMoved(last.size), contradiction)
    try:
        verify_consistency(last.size, head.size, submission.path, last.root, head.root)
    except ProofError as refused:
        return Decision(Inconsistent(refused.code), contradiction)
    return Decision(None)


def _contradiction(submission: Submission, head: Head, stored: tuple[Head, str] | None) -> Contradiction | None:
    """Keep two signed heads that cannot both be true, or that a path offered for just these two does not join."""
    if stored is None:
        return None
    last, note = stored
    if last.size == head.size:
        pair = Contradiction.of_notes(note, submission.note)
    elif 0 < last.size == submission.old_size:
        pair = Contradiction.of_notes(note, submission.note, submission.path)
    else:
        return None
    return None if between(last, head, pair.path) == "consistent" else pair


# ---------------------------------------------------------------------------------------------------- the client's side


def origin_hash(origin: str) -> str:
    """Return how a log is named in the monitoring path: SHA-256 of its origin in lowercase hex."""
    return sha256(origin.encode()).hexdigest()


def read_size(body: bytes) -> int:
    """Read the size that a 409 tells: decimal, and a newline. Raises SubmissionMalformed."""
    text = body.decode("ascii", "replace")
    size = parse_size(text[:-1]) if text.endswith("\n") else None
    if size is None:
        raise SubmissionMalformed("The witness told no size.")
    return size


def read_cosignatures(text: str, body: bytes, witness: Sequence[Verifier]) -> list[str]:
    """Return the lines of a 200 that the witness's known keys signed over a checkpoint's text; others are ignored.

    Raises NoteError as `open_note`: a bad line by a known key, or none by any.
    """
    try:
        note = f"{text}\n{body.decode()}"
    except UnicodeDecodeError:
        raise NoteError("The cosignatures are not UTF-8.") from None
    if open_note(note, witness)[0] != text:
        raise NoteError("The cosignatures hold an empty line.")
    return known_lines(note, witness)
