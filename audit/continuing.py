"""A ledger that goes on from another: `ledger.Continued`, the fifth event of its first save (event-format §5).

It cites the last checkpoint of the old ledger that somebody outside vouches for, so that everybody sees where the seam
is, and a verifier who believes keys of both can follow a history over it. The first statement covers what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from audit import canonical
from audit.checkpoints import Checkpoint, check_origin, is_scripted
from audit.errors import NoteError
from audit.note import split_note
from audit.policy import Opened, Policy, open_checkpoint
from audit.signatures import parse_line

__all__ = ["SEAM", "Continued", "open_continued", "read_continued"]

SEAM: Final = ("origin", "checkpoint")
"""The members of the event that say what is continued."""


@dataclass(frozen=True, slots=True)
class Continued:
    """What a ledger goes on from: the old one's origin, and its checkpoint as a signed note."""

    origin: str
    checkpoint: str

    def as_json(self) -> dict[str, str]:
        """Give the members as the event has them, without its cause."""
        return {"checkpoint": self.checkpoint, "origin": self.origin}

    def digest(self) -> str:
        """Give what the first statement signs of it: SHA-256 over its canonical members, in hex."""
        return sha256(canonical.encode({**self.as_json()})).hexdigest()

    @property
    def size(self) -> int:
        """How many events of the old ledger the checkpoint vouches for."""
        return Checkpoint.parse(split_note(self.checkpoint)[0]).size


def read_continued(members: Mapping[str, Any], origin: str) -> Continued:
    """Read what the ledger of this origin goes on from; whether the old one signed it is for who knows its keys.

    Raises NoteError: `origin_same`; `origin_invalid`, also where one of the two is scripted and the other is not;
    `origin_mismatch` for a checkpoint of a third; `note_unsigned` where no line bears the old one's name;
    `continued_malformed` for other members; and as `split_note` and `Checkpoint.parse`.
    """
    old, note = members.get("origin"), members.get("checkpoint")
    if members.keys() != set(SEAM) or not isinstance(note, str):
        raise NoteError("What is continued is an origin and its checkpoint.", code="continued_malformed")
    old = check_origin(old, scripted=is_scripted(origin))
    if old == origin:
        raise NoteError("A ledger does not go on under its own origin.", code="origin_same", origin=origin)
    text, lines = split_note(note)
    if (stated := Checkpoint.parse(text).origin) != old:
        raise NoteError("The checkpoint is another log's.", code="origin_mismatch", origin=stated)
    if not any(parse_line(line)[0] == old for line in lines):
        raise NoteError("No known key signed this note.", code="note_unsigned", signatures=len(lines))
    return Continued(old, note)


def open_continued(continued: Continued, policy: Policy) -> Opened:
    """Open what is cited by a policy that has a log of the old origin. Raises NoteError as `open_checkpoint`."""
    return open_checkpoint(continued.checkpoint, policy, continued.origin)
