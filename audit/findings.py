"""What checking a bundle comes to: findings with rule and file, a verdict on each event that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from audit.verdicts import CODES, RULES, Kind

__all__ = ["FINDINGS_KEPT_MAX", "Finding", "Findings", "Judged", "Report"]

FINDINGS_KEPT_MAX: Final = 1_000
"""Findings that are kept with their places; the others are counted."""

_WORDS: Final = {
    "on_behalf": "on_behalf", "late": "late", "contested": "contested", "withheld": "withheld", "erased": "erased",
    "evidence_unchecked": "unchecked", "equivocation": "equivocation",
}  # fmt: skip
_BY_KIND: Final = {"integrity": "broken", "completeness": "missing"}


class Finding(NamedTuple):
    """One finding: its code, what it touches, the file and the rule, the event's position, and machine's detail."""

    code: str
    kind: Kind
    file: str
    rule: str
    position: int | None
    detail: str

    def line(self) -> str:
        """Give the finding as one line for people."""
        where = "" if self.position is None else f" at {self.position}"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind}: {self.code}{where}: {CODES[self.code][1]}{detail} [{self.file}; {self.rule}]"


class Judged(NamedTuple):
    """The verdicts on an event: `proven` alone, or what else is to be said of it."""

    position: int
    stream: str
    type: str
    recorded_at: str
    verdicts: tuple[str, ...]


@dataclass(slots=True)
class Findings:
    """Findings as they come, and by event."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _words: dict[int, set[str]] = field(default_factory=dict)

    def find(self, code: str, file: str, position: int | None = None, detail: str = "") -> None:
        """Note a finding, and what it means for the event at its position."""
        kind = CODES[code][0]
        self.counts[code] += 1
        if len(self.kept) < FINDINGS_KEPT_MAX:
            self.kept.append(Finding(code, kind, file, RULES[code], position, detail))
        if position is not None:
            self.touch(code, position)

    def touch(self, code: str, position: int) -> None:
        """Say that a finding, which stands elsewhere, means something for an event."""
        word = _WORDS.get(code) or _BY_KIND.get(CODES[code][0])
        if word is not None:
            self._words.setdefault(position, set()).add(word)

    def verdicts(self, position: int, *, anchored: bool) -> tuple[str, ...]:
        """Give the verdicts on an event."""
        words = self._words.get(position, set()) | (set() if anchored else {"unanchored"})
        return tuple(sorted(words)) or ("proven",)


@dataclass(frozen=True, slots=True)
class Report:
    """What a bundle proves, and to whom it was given; `anchored` under the verifier's own policy."""

    origin: str
    size: int
    made_at: str
    party: str
    streams: tuple[str, ...]
    since: str | None
    until: str | None
    anchored: bool
    witnesses: tuple[str, ...]
    subjects: dict[str, int]
    """Asked subjects, with the number of their events up to the checkpoint; 0 for none."""
    events: tuple[Judged, ...]
    findings: tuple[Finding, ...]
    counts: Counter[str]
    erased: frozenset[str] = frozenset()
    """Persons whose erasure the bundle proves."""

    @property
    def integrity(self) -> bool:
        """Say whether nothing contradicts what was signed."""
        return not any(CODES[code][0] == "integrity" for code in self.counts)

    @property
    def completeness(self) -> bool:
        """Say whether nothing is missing that must be there."""
        return not any(CODES[code][0] == "completeness" for code in self.counts)

    @property
    def holds(self) -> bool:
        """Say whether the bundle proves what it shows: exit status 0, else 1."""
        return self.anchored and self.integrity and self.completeness

    @property
    def verdicts(self) -> Counter[str]:
        """Count the verdicts on the events."""
        return Counter(word for event in self.events for word in event.verdicts)

    def as_json(self) -> dict[str, Any]:
        """Give the report for machines."""
        return {
            "origin": self.origin, "size": self.size, "made_at": self.made_at, "party": self.party,
            "query": {"streams": list(self.streams), "from": self.since, "until": self.until},
            "holds": self.holds, "anchored": self.anchored, "integrity": self.integrity,
            "completeness": self.completeness, "witnesses": list(self.witnesses), "subjects": self.subjects,
            "verdicts": dict(sorted(self.verdicts.items())),
            "events": [event._asdict() | {"verdicts": list(event.verdicts)} for event in self.events],
            "findings": [finding._asdict() for finding in self.findings], "counts": dict(sorted(self.counts.items())),
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Give the report for people, the overall verdict last."""
        yield f"ledger {self.origin}, {self.size} events to {self.made_at}, for {self.party}"
        times = f" from {self.since or 'the beginning'} until {self.until or 'the checkpoint'}"
        yield f"asked: {', '.join(self.streams)}{times if self.since or self.until else ''}"
        for subject, count in self.subjects.items():
            yield f"subject {subject}: {f'{count}, complete' if count else 'nothing, proven'}"
        for event in self.events:
            yield f"{event.position} {event.recorded_at} {event.stream} {event.type}: {', '.join(event.verdicts)}"
        for finding in self.findings:
            yield finding.line()
        yield from _summary(self.verdicts, self.counts, len(self.findings))
        yield f"witnesses: {', '.join(self.witnesses) or 'none'}"
        yield f"anchored: {'yes' if self.anchored else 'NO'}"
        yield f"completeness: {'holds' if self.completeness else 'BROKEN'}"
        yield f"integrity: {'holds' if self.integrity else 'BROKEN'}"


def _summary(verdicts: Counter[str], counts: Counter[str], shown: int) -> Sequence[str]:
    lines = [f"events: {', '.join(f'{count} {word}' for word, count in sorted(verdicts.items())) or 'none'}"]
    if counts.total() > shown:
        lines.append(f"more findings: {counts.total() - shown}")
    return lines
