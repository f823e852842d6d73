"""A dossier over a ledger that ended and the one that goes on from it: their bundles, and the seam between them.

A zip or folder of the bundles `1.zip`, `2.zip`, …, the oldest first. Each is proven by itself under one policy, which
names the logs of all; what joins two is `ledger.Continued`, which the newer ledger's first statement covers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from audit.anchoring import Anchored
from audit.bundlefiles import pack, unpack, unpack_all
from audit.bundleverify import judge_bundle
from audit.checkpoints import Checkpoint
from audit.continuing import SEAM, Continued, open_continued, read_continued
from audit.errors import AuditError, BundleInvalid
from audit.events import read_evidence
from audit.findings import Findings, Report
from audit.policy import Policy
from audit.verdicts import CODES

__all__ = ["PARTS_MAX", "Dossier", "join", "parts_of", "room_after", "verify_dossier"]

PARTS_MIN: Final = 2
"""A seam has two sides: what was cut to one bundle is no history over ledgers."""
PARTS_MAX: Final = 9
LEDGER: Final = "ledger"
_FIFTH: Final = 5
_PART = re.compile(r"[1-9]\.zip")


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the bundles prove, the oldest first, and what was found where one ledger goes on from another."""

    parts: tuple[Report, ...]
    seams: Findings

    @property
    def holds(self) -> bool:
        """Say whether each bundle proves what it shows and nothing lies between them: exit status 0, else 1."""
        return all(part.holds for part in self.parts) and not any(
            CODES[code][0] in {"integrity", "completeness"} for code in self.seams.counts
        )

    def as_json(self) -> dict[str, Any]:
        """Give the report for machines."""
        return {
            "holds": self.holds, "parts": [part.as_json() for part in self.parts],
            "seams": [finding._asdict() for finding in self.seams.kept],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Give the report for people."""
        for number, part in enumerate(self.parts, 1):
            yield f"-- {number}.zip"
            yield from part.lines()
        yield "-- seams"
        for finding in self.seams.kept:
            yield finding.line()
        yield f"one history over {len(self.parts)} ledgers: {'holds' if self.holds else 'BROKEN'}"


def room_after(data: bytes) -> None:
    """Check that a dossier with this bundle, or with those in this one, has room for another. Raises as `join`."""
    files = unpack(data)
    if (parts := len(files) if _is_dossier(files) else 1) >= PARTS_MAX:
        raise BundleInvalid("A dossier is of two to nine bundles.", code="dossier_parts", parts=parts)


def join(bundles: Sequence[bytes]) -> bytes:
    """Pack bundles, or dossiers of some, into one dossier, in their order.

    Raises BundleInvalid `dossier_parts`, and as `unpack_all`: what nobody could read is not made.
    """
    parts: list[bytes] = []
    for data in bundles:
        files = unpack(data)
        parts += [data] if not _is_dossier(files) else [files[name] for name in sorted(files)]
    if not PARTS_MIN <= len(parts) <= PARTS_MAX:
        raise BundleInvalid("A dossier is of two to nine bundles.", code="dossier_parts", parts=len(parts))
    unpack_all(parts)
    return pack({f"{number}.zip": data for number, data in enumerate(parts, 1)})


def parts_of(files: Mapping[str, bytes]) -> list[dict[str, bytes]] | None:
    """Give the files of each bundle of a dossier, the oldest first; None if these are the files of no dossier.

    Raises BundleInvalid `dossier_parts` where one is missing or stands alone, and as `unpack_all`.
    """
    if not _is_dossier(files):
        return None
    if len(files) < PARTS_MIN:
        raise BundleInvalid("A dossier is of two to nine bundles.", code="dossier_parts", parts=len(files))
    if sorted(files) != [f"{number}.zip" for number in range(1, len(files) + 1)]:
        raise BundleInvalid("A bundle of the dossier is missing.", code="dossier_parts", parts=len(files))
    return unpack_all(files[name] for name in sorted(files))


def verify_dossier(parts: Sequence[Mapping[str, bytes]], policy: Policy) -> Dossier:
    """Verify each bundle, and that each ledger goes on from the one before it. Raises as `verify_bundle`."""
    judged = [judge_bundle(files, policy) for files in parts]
    seams = Findings()
    for number in range(1, len(judged)):
        (_, old), (report, new) = judged[number - 1], judged[number]
        file = f"{number + 1}.zip"
        _check_seam(old, new, report.origin, policy, seams, file)
        before = judged[number - 1][0]
        asked = (set(before.streams), before.until, report.since)
        if asked != (set(report.streams), None, None):
            seams.find("seam_gap", file, detail="the two were not asked for the same streams and all times")
    return Dossier(tuple(report for report, _ in judged), seams)


def _check_seam(old: Anchored, new: Anchored, origin: str, policy: Policy, seams: Findings, file: str) -> None:
    """Hold the end of an older ledger's bundle against what the newer ledger says it goes on from."""
    cited = _cited(new, origin)
    if cited is None:
        seams.find("seam", file, detail="it goes on from none")
        return
    try:
        opened = open_continued(cited, policy)
    except AuditError as error:
        seams.find("continued", file, detail=error.code)
        return
    if not opened.satisfied:
        seams.find("continued", file, detail="policy_unsatisfied")
    end, last = opened.checkpoint, old.checkpoint
    if last is None or last.origin != end.origin:
        seams.find("seam", file, detail=f"it goes on from {end.origin}")
    elif last.size > end.size:
        seams.find("seam", file, detail=f"the older one ended at {end.size} events, its bundle is of {last.size}")
    elif last.size < end.size:
        seams.find("seam_gap", file, detail=f"{last.size + 1} to {end.size} of {end.origin}")
    elif last.root != end.root:
        seams.find("equivocation", file, detail=f"two roots of {end.size} events of {end.origin}")
    else:
        seams.find("seam_closed", file, detail=_told(end, opened.witnesses))


def _told(end: Checkpoint, witnesses: Mapping[str, int]) -> str:
    return f"{end.origin} at {end.size} events, cosigned by {', '.join(sorted(witnesses)) or 'none'}"


def _cited(new: Anchored, origin: str) -> Continued | None:
    """Read what the newer ledger goes on from: the fifth event of its first save, which its first statement covers."""
    event = new.events.get(_FIFTH) if LEDGER in new.lengths else None
    if event is not None and event.body is not None:
        place = (event.header.type, event.header.stream, event.header.seq)
        if place == ("ledger.Continued", LEDGER, 2) and read_evidence(event.header.evidence)[0][0] == "init":
            try:
                return read_continued({name: event.body["found"].get(name) for name in SEAM}, origin)
            except AuditError:
                return None
    return None


def _is_dossier(files: Mapping[str, bytes]) -> bool:
    return bool(files) and all(_PART.fullmatch(name) for name in files)
