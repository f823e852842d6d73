"""What a party was given out of the ledger (数据出具): exports of evidence, each an event on that party's subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from annotated_types import Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.shapes import Code, Instant, PartyName, Pattern, strict

EXPORT_STREAMS_MAX = 200
"""Streams and subjects of one bundle."""

StreamName = Annotated[str, Pattern("^[a-z]+(:[0-9a-z:-]{1,100})?(/[a-z-]+(:[0-9a-z:-]{1,100})?)?$")]


@strict
class EvidenceExport(TypedDict):
    """A bundle of evidence for `party` (证据包): of streams, or subjects with all theirs, recorded in a time.

    `recorded_from` is included, `recorded_until` is not; without them, everything up to the checkpoint.
    """

    party: PartyName
    streams: Annotated[list[StreamName], Len(1, EXPORT_STREAMS_MAX)]
    recorded_from: NotRequired[Instant]
    recorded_until: NotRequired[Instant]
    purpose: NotRequired[Code]


@dataclass
class Access(Aggregate):
    """What a party was given, on a stream of its own."""

    exports: int = 0

    class Exported(Event):
        """A bundle was made for it at the checkpoint of `found.size`; `found.manifest` is the digest it is known by."""

        TOPIC = "access.Exported"

        def apply(self, aggregate: Access) -> None:
            """Count it."""
            aggregate.exports += 1


def stream_of(party: str) -> str:
    """Give the stream of what a party was given."""
    return f"{party}/access"


def found_of(size: int, manifest: str) -> dict[str, Any]:
    """Give what the ledger states of an export."""
    return {"manifest": manifest, "size": size}
