"""What a bundle says of itself: for whom, what was asked, as of which checkpoint, and the digest of every file.

The ledger signs the manifest with the key of its receipts, so that it cannot disown what it handed out; it proves
nothing of what happened. Only what is proven against the checkpoint is believed, the withheld and the asked included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from audit import canonical
from audit.base64text import encode_standard
from audit.canonical import INTEGER_MAX
from audit.checkpoints import check_origin
from audit.errors import AuditError, BundleInvalid
from audit.events import read_canonical
from audit.instants import parse_instant
from audit.names import check_name, check_stream, subject_of

__all__ = ["FORMAT", "STREAMS_MAX", "Manifest", "Query", "note_text"]

FORMAT: Final = "evidence/v1"
STREAMS_MAX: Final = 1_000
MANIFEST_BYTES_MAX: Final = 16 * 1024 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEMBERS: Final = frozenset({"files", "format", "made_at", "origin", "party", "query", "size", "withheld"})


@dataclass(frozen=True, slots=True)
class Query:
    """Which events were asked for: those of the streams (a subject stands for all its streams), recorded in a time.

    `since` is included, `until` is not; None is without end.
    """

    streams: tuple[str, ...]
    since: str | None = None
    until: str | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of the streams, each once."""
        return tuple(dict.fromkeys(map(subject_of, self.streams)))

    def asks(self, stream: str, recorded_at: str) -> bool:
        """Say whether an event is one that was asked for."""
        if stream not in self.streams and subject_of(stream) not in self.streams:
            return False
        return (self.since is None or self.since <= recorded_at) and (self.until is None or recorded_at < self.until)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a bundle over the tree of `size` leaves, whose last one was recorded at `made_at`.

    `withheld` are positions whose bodies the receiver may not see, `closed` the requests, as (first position of the
    save, line or 0), that he may not see. `files` are the SHA-256 of all other files, in hex.
    """

    origin: str
    size: int
    made_at: str
    party: str
    query: Query
    withheld: tuple[int, ...]
    closed: tuple[tuple[int, int], ...]
    files: Mapping[str, str]

    def encode(self) -> bytes:
        """Return it as canonical JSON."""
        requests: list[Any] = [list(each) for each in self.closed]
        return canonical.encode(
            {
                "files": dict(self.files), "format": FORMAT, "made_at": self.made_at, "origin": self.origin,
                "party": self.party, "size": self.size,
                "query": {"from": self.query.since, "streams": list(self.query.streams), "until": self.query.until},
                "withheld": {"events": list(self.withheld), "requests": requests},
            }
        )  # fmt: skip

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read exactly what `encode` writes. Raises BundleInvalid `manifest_malformed`."""
        try:
            if len(data) > MANIFEST_BYTES_MAX:
                raise BundleInvalid("The manifest is too large.", code="manifest_malformed")
            return _manifest(read_canonical(data))
        except (AuditError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise BundleInvalid("This is no manifest of a bundle.", code="manifest_malformed") from error


def note_text(origin: str, manifest: bytes) -> str:
    """Return the text that the ledger signs of a manifest: two lines, which no receipt or checkpoint has."""
    return f"{origin}/evidence\n{encode_standard(sha256(manifest).digest())}\n"


def _manifest(value: Any) -> Manifest:  # noqa: ANN401 - JSON, refused by its errors
    if value.keys() != _MEMBERS or value["format"] != FORMAT:
        raise ValueError
    query, withheld, files = value["query"], value["withheld"], value["files"]
    if query.keys() != {"from", "streams", "until"} or withheld.keys() != {"events", "requests"}:
        raise ValueError
    streams = tuple(map(check_stream, query["streams"]))
    if not 1 <= len(set(streams)) == len(streams) <= STREAMS_MAX:
        raise ValueError
    for instant in (value["made_at"], query["from"], query["until"]):
        if instant is not None:
            parse_instant(instant)
    if not all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in files.values()):
        raise ValueError
    return Manifest(
        check_origin(value["origin"]), _count(value["size"]), _text(value["made_at"]),
        check_name(value["party"], {"party"}), Query(streams, query["from"], query["until"]),
        _ordered([_count(each) for each in withheld["events"]]),
        _ordered([(_count(first), _count(line, 0)) for first, line in withheld["requests"]]), files,
    )  # fmt: skip


def _ordered(values: Sequence[Any]) -> tuple[Any, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError
    return tuple(values)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: object, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= INTEGER_MAX:
        raise TypeError
    return value
