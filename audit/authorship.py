"""Who wrote the saves of a bundle, by the same checks as `audit.verify` makes of a whole log (event-format §3, §4).

A bundle carries those events of a save that are its business. What the others are, only the receipt's root knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from audit import authors
from audit.anchoring import Anchored, Event, seen_of
from audit.bundles import BODIES, EVIDENCE, SAVES, SEALED, Contents, SaveProof, request_file
from audit.claims import ReadToken
from audit.errors import AuditError
from audit.events import read_evidence
from audit.findings import Findings
from audit.lens import Lens, Seen
from audit.manifests import Manifest
from audit.merkle import verify_inclusion
from audit.pages import EVENTS_PER_SAVE_MAX, PageReport, SealedRow
from audit.receiptproofs import open_receipt
from audit.requests import Carried, Group, check_carried, sealed_fields
from audit.standing import TELLING, Standing
from audit.stated import check_derived, check_request
from audit.verdicts import Verdict

__all__ = ["Authorship"]

_OF_BODIES: Final = frozenset({"said", "action", "because", "possession", "actions_digest"})
_OF_REQUESTS: Final = frozenset({"request_digest", "request_invalid", "request_missing", "withheld", "erased"})
_OF_SEALED: Final = frozenset({"sealed", "sealed_missing", "sealed_value"})
_SAVE_WIDE: Final = _OF_REQUESTS | {
    "action_unknown", "author", "author_ended", "contested", "evidence_digest", "evidence_invalid", "evidence_missing",
    "evidence_unchecked", "genesis", "key_ended", "key_unknown", "late", "on_behalf", "receipt", "signature", "timer",
}  # fmt: skip
"""Findings at the first position of a save that stand for all its events."""


@dataclass(slots=True)
class Authorship:
    """Checks saves one by one; `used` is what was referred to.

    `covered` are the positions under a receipt that holds, `spanned` those of carried events that it should cover.
    """

    lens: Lens
    contents: Contents
    manifest: Manifest
    anchored: Anchored
    findings: Findings
    covered: set[int] = field(default_factory=set)
    spanned: set[int] = field(default_factory=set)
    used_evidence: set[str] = field(default_factory=set)
    used_requests: set[tuple[int, int]] = field(default_factory=set)
    used_sealed: set[str] = field(default_factory=set)
    _closed: Mapping[int, frozenset[int]] = field(default_factory=dict)
    _lines: Mapping[int, Mapping[int, bytes]] = field(default_factory=dict)
    _standing: Standing = field(default_factory=Standing)

    def __post_init__(self) -> None:
        closed: dict[int, set[int]] = {}
        for first, line in self.manifest.closed:
            closed.setdefault(first, set()).add(line)
        self._closed = {first: frozenset(lines) for first, lines in closed.items()}
        lines: dict[int, dict[int, bytes]] = {}
        for (first, line), data in self.contents.requests.items():
            lines.setdefault(first, {})[line] = data
        self._lines = lines
        for header in (event.header for _, event in sorted(self.anchored.events.items())):
            if header.type in TELLING:
                self._standing.take({(header.type, header.party): {header.stream: [header.position]}})

    def check(self, save: SaveProof) -> None:
        """Check one save: receipt, evidence, author, request, actions."""
        events = [self.anchored.events[at] for at in sorted(save.paths) if at in self.anchored.events]
        if len(events) != len(save.paths) or not events:
            self.findings.find("stray", SAVES, detail=f"save {save.first}")
        if save.lines.keys() != self._lines.get(save.first, {}).keys() - {0}:
            self.findings.find("stray", SAVES, detail=f"lines of save {save.first}")
        if not events:
            return
        report = PageReport(save.first, events[-1].header.position)
        self._receipt(report, save, events)
        header = events[0].header
        for event in events[1:]:
            if (*event.header[:5], event.header.command, event.header.recorded_at) != (
                *header[:5], header.command, header.recorded_at,
            ):  # fmt: skip
                report.find("author", event.header.position, "differs within the save")
        for found in self._standing.faults({(header.party, header.agent): (save.first,)}):
            report.find(*found)
        self._author(report, save, events)
        self._ledgers(report, save, events)
        self._tell(report, events)

    # ------------------------------------------------------------------------------------------------ one save

    def _receipt(self, report: PageReport, save: SaveProof, events: Sequence[Event]) -> None:
        """Hold events against the receipt of their save."""
        key = self.lens.receipt(save.first)
        try:
            if key is None:
                report.find("receipt", save.first, "its key is not known")
                return
            receipt = open_receipt(save.receipt, key)
        except AuditError as error:
            report.find("receipt", save.first, error.code)
            return
        if (receipt.origin, receipt.first) != (self.lens.origin, save.first):
            report.find("receipt", save.first, "is of another save")
            return
        span = range(save.first, save.first + min(receipt.count, EVENTS_PER_SAVE_MAX))
        self.spanned.update(at for at in span if at in self.anchored.events)
        for event in events:
            position = event.header.position
            try:
                verify_inclusion(event.leaf, position - save.first, receipt.count, save.paths[position], receipt.root)
                self.covered.add(position)
            except AuditError as error:
                report.find("receipt", position, error.code)

    def _ledgers(self, report: PageReport, save: SaveProof, events: Sequence[Event]) -> None:
        """Hold what a ledger says of itself: keys are handed on by the old one, what is said once stands in save 1."""
        kinds = tuple([kind for kind, _ in read_evidence(events[0].header.evidence)])
        for event in events:
            if event.header.type == "ledger.KeyRotated" and event.body is not None and event.body["said"] is not None:
                authors.check_handover(self.lens, report, seen_of(event), by_request=kinds == ("jwt",))
            elif event.header.type in authors.FIRST_ONLY and save.first != 1:
                report.find("genesis", event.header.position, "not in the first save")

    def _author(self, report: PageReport, save: SaveProof, events: Sequence[Event]) -> None:
        first, lens = save.first, self.lens
        evidence = read_evidence(events[0].header.evidence)
        pieces = [self._piece(report, first, kind, digest) for kind, digest in evidence]
        every = [seen_of(event) for event in events]
        known = [seen for seen, event in zip(every, events, strict=True) if event.body is not None]
        data = pieces[0] if pieces else None
        match tuple([kind for kind, _ in evidence]):
            case ("jwt",) | ("jwt", "jws-offline"):
                if data is not None:
                    self._request(report, save, every, known, data)
                if len(pieces) > 1 and pieces[1] is not None:
                    authors.check_offline(lens, report, first, every[0], pieces[1])
            case ("init",) if data is not None and known:
                authors.check_opening(lens, report, known, data)
            case ("timer",) if data is not None and known and known[0] is every[0]:
                _, derived = authors.check_timer(lens, report, known, data)
                check_derived(report, None, derived, every)
            case ("timer",) if data is not None:
                check_derived(
                    report, None, known, every
                )  # the words of what was due are withheld: judged by its header
            case ("init",) | ("timer",):
                pass  # that the statement is missing, or the words withheld, is found already
            case ("webauthn",) | ("callback",):
                report.find("evidence_unchecked", first, events[0].header.evidence[:100])
            case kinds:
                report.find("evidence_invalid", first, ", ".join(kinds) or "none")

    def _piece(self, report: PageReport, first: int, kind: str, digest: str) -> bytes | None:
        self.used_evidence.add(digest)
        found = self.contents.evidence.get(digest)
        if found is None:
            report.find("evidence_missing", first, kind)
        elif found[0] != kind:
            report.find("evidence_digest", first, kind)
        else:
            return found[1]
        return None

    def _request(
        self, report: PageReport, save: SaveProof, every: Sequence[Seen], known: Sequence[Seen], data: bytes
    ) -> None:
        first, lens = save.first, self.lens
        if not known:
            authors.check_token(lens, report, first, every[0], data, verified=False)
            return
        carried = Carried(self._lines.get(first, {}), save.lines, self._closed.get(first, frozenset()))
        stated = [seen for seen in known if seen.body["said"] is not None]
        self.used_requests |= {(first, seen.body["from"]["line"] or 0) for seen in stated}

        def grouped(token: ReadToken, _row: object) -> Group:
            return check_carried(lens, report, first, known, token, carried)

        beside = [seen for seen in every if seen not in known]
        check_request(lens, report, first, known, data, grouped=grouped, sealed=self._sealed(stated), beside=beside)

    def _sealed(self, stated: Sequence[Seen]) -> dict[str, SealedRow]:
        """Give the sealed values of events: opened ones, and those that nobody opened for the receiver."""
        rows: dict[str, SealedRow] = {}
        for seen in stated:
            if b'"sealed":"' not in seen.row.body:
                continue
            for digest, person in sealed_fields(seen.body["said"]):
                plain = self.contents.sealed.get(digest)
                if plain is not None:
                    self.used_sealed.add(digest)
                    rows[digest] = SealedRow(person, plain, "plain")
                elif person not in self.lens.context.erased:
                    rows[digest] = SealedRow(person, None, "sealed")
        return rows

    # ------------------------------------------------------------------------------------------------ what it came to

    def _tell(self, report: PageReport, events: Sequence[Event]) -> None:
        """Take a save's findings over, with their files, and to every event that they are about."""
        for found in report.verdicts:
            position = found.position if found.position is not None else report.first
            self.findings.find(found.code, _file_of(found, report.first), position, found.detail)
            if position == report.first and found.code in _SAVE_WIDE:
                for event in events:
                    if not found.detail.startswith("line ") or _line(event) == found.detail.removeprefix("line "):
                        self.findings.touch(found.code, event.header.position)


def _line(event: Event) -> str | None:
    """Give the line that an event was stated in, "0" for a request of one save; None if it was not stated or known."""
    place = None if event.body is None else event.body["from"]
    return None if place is None else str(place["line"] or 0)


def _file_of(found: Verdict, first: int) -> str:
    if found.code in _OF_BODIES:
        return BODIES
    if found.code in _OF_SEALED or (found.code == "erased" and found.detail == "sealed value"):
        return SEALED
    if found.code in _OF_REQUESTS:
        line = found.detail.removeprefix("line ")
        return request_file(first, int(line) if line.isdecimal() else 0)
    return SAVES if found.code == "receipt" else EVIDENCE
