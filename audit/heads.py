"""Checkpoints of any log, as a witness meets them (tlog-checkpoint v1.0.0): any origin, extension lines allowed.

`audit.note.Checkpoint` is stricter: it is what this ledger signs, and what its own verifiers take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from audit.base64text import decode_standard
from audit.errors import NoteError
from audit.merkle import HASH_BYTES
from audit.note import Verifier, open_note, split_note
from audit.signatures import parse_line

__all__ = ["SIZE_MAX", "Head", "known_lines", "open_head", "origin_of", "parse_size"]

SIZE_MAX: Final = 2**63 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Head:
    """The tree that a checkpoint states; `text` is what was signed, extension lines included."""

    origin: str
    size: int
    root: bytes
    text: str

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read a checkpoint's text. Raises NoteError with code `checkpoint_malformed`."""
        lines = text.split("\n")
        match lines:
            case [origin, size_text, root_text, *_, ""] if all(lines[:-1]):
                size, root = parse_size(size_text), decode_standard(root_text)
                if size is not None and root is not None and len(root) == HASH_BYTES:
                    return cls(origin, size, root, text)
        raise NoteError("This is no checkpoint.", code="checkpoint_malformed")


def parse_size(text: str) -> int | None:
    """Return a tree's size from its decimal spelling without leading zeroes, or None."""
    size = int(text) if _SIZE.fullmatch(text) else None
    return size if size is not None and size <= SIZE_MAX else None


def origin_of(note: str) -> str:
    """Return a note's first line, believed by nobody yet: it says whose keys to try."""
    return note.partition("\n")[0]


def open_head(note: str, log: Iterable[Verifier]) -> Head:
    """Return the tree that a note states, signed by a key of the log.

    Raises NoteError as `open_note`, or with code `checkpoint_malformed`.
    """
    text, _ = open_note(note, log)
    return Head.parse(text)


def known_lines(note: str, verifiers: Iterable[Verifier]) -> list[str]:
    """Return the signature lines by these keys, each once and with its newline, out of a note that opened with them.

    Whatever else stood there (grease, other people's cosignatures) is not vouched for and so not passed on.
    """
    known = {(each.name, each.key_id) for each in verifiers}
    _, lines = split_note(note)
    return list(dict.fromkeys(f"{line}\n" for line in lines if parse_line(line)[:2] in known))
