"""What a ledger signs of its tree: checkpoints (C2SP tlog-checkpoint v1.0.0) and receipts (event-format §4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audit.base64text import decode_standard, encode_standard
from audit.canonical import INTEGER_MAX
from audit.errors import NoteError
from audit.merkle import HASH_BYTES

__all__ = ["ORIGIN_CHARS_MAX", "Checkpoint", "NoteError", "Receipt", "check_origin", "is_scripted"]

ORIGIN_CHARS_MAX = 200

_RECEIPT = "/receipt"
_SCRIPTED = "scripted."
_ORIGIN = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9._-]+)*")
_COUNTER = re.compile(r"0|[1-9][0-9]{0,15}")


def is_scripted(origin: str) -> bool:
    """Say whether an origin is that of a ledger whose time is moved by hand: a sandbox, a demonstration, a test."""
    return origin.startswith(_SCRIPTED)


def check_origin(origin: object, scripted: bool | None = None) -> str:  # noqa: FBT001  # part of the settled signature
    """Return the origin of a ledger if it is one: `[a-z0-9.-]+(/[a-z0-9._-]+)*`, not ending in `/receipt`.

    event-format §4. A scripted ledger's begins with `scripted.`; with `scripted` true or false it must, or must not.
    Raises NoteError with code `origin_invalid`.
    """
    fits = isinstance(origin, str) and len(origin) <= ORIGIN_CHARS_MAX and _ORIGIN.fullmatch(origin) is not None
    if not isinstance(origin, str) or not fits or origin.endswith(_RECEIPT):
        raise NoteError("This is no origin of a ledger.", code="origin_invalid")
    if scripted is not None and is_scripted(origin) is not scripted:
        raise NoteError(
            "The origin of a scripted ledger, and no other, begins with “scripted.”.", code="origin_invalid"
        )
    return origin


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree of a size and root, as its log signs it (tlog-checkpoint): three lines, no extensions."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text to be signed by the key named as the origin."""
        return f"{self.origin}\n{self.size}\n{encode_standard(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read exactly what `text` writes. Raises NoteError with code `checkpoint_malformed` or `origin_invalid`."""
        match text.split("\n"):
            case [origin, size, root_text, ""] if _COUNTER.fullmatch(size) and int(size) <= INTEGER_MAX:
                root = decode_standard(root_text)
                if root is not None and len(root) == HASH_BYTES:
                    return cls(check_origin(origin), int(size), root)
        raise NoteError("This is no checkpoint of three lines.", code="checkpoint_malformed")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one save wrote: `count` events from position `first`, from 1, and the root over their leaves alone."""

    origin: str
    first: int
    count: int
    root: bytes

    @property
    def key_name(self) -> str:
        """The name of the key that signs it."""
        return f"{self.origin}{_RECEIPT}"

    def text(self) -> str:
        """Return the three lines to be signed (event-format §4)."""
        return f"{self.key_name}\n{self.first} {self.count}\n{encode_standard(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Read exactly what `text` writes. Raises NoteError with code `receipt_malformed` or `origin_invalid`."""
        match text.split("\n"):
            case [key_name, range_text, root_text, ""] if key_name.endswith(_RECEIPT):
                root = decode_standard(root_text)
                counters = range_text.split(" ")
                if root is not None and len(root) == HASH_BYTES and list(map(_is_count, counters)) == [True, True]:
                    first, count = map(int, counters)
                    return cls(check_origin(key_name.removesuffix(_RECEIPT)), first, count, root)
        raise NoteError("This is no receipt.", code="receipt_malformed")


def _is_count(text: str) -> bool:
    return _COUNTER.fullmatch(text) is not None and 1 <= int(text) <= INTEGER_MAX
