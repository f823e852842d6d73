"""Checks pages of a log from stored bytes alone: events, chains, receipts, authors, requests, actions.

Nothing stored is believed but what is signed or hashed by what is signed: digests and leaves are worked out again from
the bytes. What reaches over a page's edges stands in its report; `audit.whole` joins the reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from audit import authors, merkle, usual
from audit.actions import Row
from audit.claims import ReadToken
from audit.events import Header, read_evidence
from audit.lens import Lens, Seen
from audit.pages import Answers, Ask, Context, EventRow, PageReport, Questions, ReceiptRow
from audit.reading import PageRows, mark_of
from audit.receipts import fault_of
from audit.requests import Group, check_command, check_group, sealed_fields
from audit.stated import check_derived, check_request

__all__ = ["Checker"]


class Checker:
    """Checks pages under one context; one for each process."""

    def __init__(self, context: Context) -> None:
        self.lens = Lens(context)

    def check(
        self, first: int, last: int, rows: Sequence[EventRow], receipts: Sequence[ReceiptRow], ask: Ask
    ) -> PageReport:
        """Check the events from `first` to `last`, whole saves; `receipts` are those that begin there, in order.

        `ask` is called once, for evidence, commands, requests and sealed values.
        """
        page = _Page(self.lens, first, last)
        page.read(rows)
        savings = list(page.savings(receipts))
        questions = Questions()
        for _, events in savings:
            page.question(events, questions)
        answers = ask(questions)
        for receipt, events in savings:
            if len(events) == 1 and usual.holds(self.lens, receipt, events[0], answers):
                page.proven(events)
            else:
                page.saving(receipt, events, answers)
        return page.finish()


class _Page(PageRows):
    """One page under way."""

    def __init__(self, lens: Lens, first: int, last: int) -> None:
        super().__init__(lens, first, last)
        self._verified: set[str] = set()
        self._usual = 0

    def question(self, events: Sequence[Seen], questions: Questions) -> None:
        """Say what must be read to check a save."""
        header = events[0].header
        questions.evidence.extend(digest for _, digest in read_evidence(header.evidence))
        if header.command is not None:
            questions.commands.append((events[0].row.position, header.party, header.command))
        for seen in events:
            if b'"sealed":"' in seen.row.body and seen.body["said"] is not None:
                questions.sealed.extend(digest for digest, _ in sealed_fields(seen.body["said"]))

    def saving(self, receipt: ReceiptRow | None, events: Sequence[Seen], answers: Answers) -> None:
        """Check one save: receipt, author, request, actions, chains."""
        report, header, first = self.report, events[0].header, events[0].row.position
        report.tallies["saves"] += 1
        for seen in events[1:]:
            other = seen.header
            if mark_of(other) != mark_of(header):
                report.find("author", seen.row.position, "differs within the save")
        if header.evidence:
            self._receipt(receipt, events)
        elif receipt is not None:
            report.find("receipt", first, "a map root has none")
        evidence = read_evidence(header.evidence)
        pieces = [self._piece(first, kind, digest, answers) for kind, digest in evidence]
        kinds = tuple([kind for kind, _ in evidence])
        command = answers.commands.get(first)
        if command is not None and command.group:
            report.cited.update([digest for _, digest in evidence])
        else:
            report.tallies["evidence"] += len(pieces)
        self._author(first, kinds, pieces, events, answers)
        for seen in events:
            if seen.header.type == "ledger.KeyRotated" and seen.body["said"] is not None:
                authors.check_handover(self.lens, report, seen, by_request=kinds == ("jwt",))
            elif seen.header.type in authors.FIRST_ONLY and first != 1:
                report.find("genesis", seen.row.position, "not in the first save")
        self.chains.saving(events)

    def proven(self, events: Sequence[Seen]) -> None:
        """Count a save of which `usual` says that it holds, and take its event into its chains."""
        self._usual += 1
        row, header = events[0].row, events[0].header
        self._wrote(row.position, header, 0)
        self.chains.saving(events)

    def finish(self) -> PageReport:
        """Give what the page came to."""
        for table in ("saves", "commands", "lines", "evidence"):  # a usual save has one of each
            self.report.tallies[table] += self._usual
        self.chains.finish()
        return self.report

    def _receipt(self, receipt: ReceiptRow | None, events: Sequence[Seen]) -> None:
        find, first = self.report.find, events[0].row.position
        if receipt is None:
            find("receipt_missing", first)
            return
        key = self.lens.receipt(first)
        if key is None:
            find("receipt", first, "its key is not known")
            return
        root = events[0].leaf if len(events) == 1 else merkle.root([seen.leaf for seen in events])
        wrong = fault_of(key, receipt, root)
        if wrong is not None:
            find("receipt", first, wrong)

    def _piece(self, first: int, kind: str, digest: str, answers: Answers) -> bytes | None:
        """Give a piece of evidence whose bytes are the ones the header names, else None."""
        found = answers.evidence.get(digest)
        if found is None:
            self.report.find("evidence_missing", first, kind)
            return None
        if found[0] != kind or sha256(found[1]).hexdigest() != digest:
            self.report.find("evidence_digest", first, kind)
            return None
        return found[1]

    def _author(
        self, first: int, kinds: tuple[str, ...], pieces: Sequence[bytes | None], events: Sequence[Seen],
        answers: Answers,
    ) -> None:  # fmt: skip
        report, lens = self.report, self.lens
        if events[0].header.command is not None:
            self._command(first, events, answers)
        data = pieces[0] if pieces else None
        match kinds:
            case ("jwt",) | ("jwt", "jws-offline"):
                if data is not None:
                    self._request(first, events, data, answers)
                if len(pieces) > 1 and pieces[1] is not None:
                    authors.check_offline(lens, report, first, events[0], pieces[1])
            case ("init",) if data is not None:
                authors.check_opening(lens, report, events, data)
                self._own_command(first, events, f"INIT {lens.origin} {sha256(data).hexdigest()}", answers)
            case ("timer",) if data is not None:
                stream, derived = authors.check_timer(lens, report, events, data)
                self._own_command(first, events, f"TIMER {stream} {sha256(data).hexdigest()}", answers)
                check_derived(report, None, derived, events)
            case ("init",) | ("timer",):
                pass  # that the statement is missing is found already
            case ():
                for seen in events:
                    self.chains.rooted(seen, authors.read_root(lens, report, seen))
            case ("webauthn",) | ("callback",):
                report.find("evidence_unchecked", first, kinds[0])
            case _:
                report.find("evidence_invalid", first, ", ".join(kinds))

    def _own_command(self, first: int, events: Sequence[Seen], request: str, answers: Answers) -> None:
        """Check the command of a save that the ledger itself began."""
        command = answers.commands.get(first)
        if command is None:
            return
        if command.request != request or command.events != len(events) or command.outcome != b"{}":
            self.report.find("command", first, "request or events")
        places = (command.group, command.groups, command.first_line, command.last_line)
        if command.recorded_at != events[0].header.recorded_at or places != (0, 1, None, None):
            self.report.find("command", first, "time or groups")

    def _command(self, first: int, events: Sequence[Seen], answers: Answers) -> None:
        header, command = events[0].header, answers.commands.get(first)
        if command is None:
            self.report.find("command_missing", first)
        else:
            self.report.tallies["commands"] += 1
        self._wrote(first, header, 0 if command is None else command.group)

    def _wrote(self, first: int, header: Header, group: int) -> None:
        name = sha256(f"{header.party} {header.command} {group}".encode()).digest()[:8]
        self.report.commands.append((int.from_bytes(name), first))

    # ------------------------------------------------------------------------------------------------ requests

    def _request(self, first: int, events: Sequence[Seen], data: bytes, answers: Answers) -> None:
        """Check a save that a signed request wrote."""
        report, digest = self.report, events[0].header.evidence

        def grouped(token: ReadToken, row: Row | None) -> Group:
            command = answers.commands.get(first)
            if command is not None:
                check_command(report, first, events, token, command, None if row is None else row.group_lines)
            return check_group(self.lens, report, first, events, token, answers)

        verified = digest in self._verified
        self._verified.add(digest)
        check_request(self.lens, report, first, events, data, grouped=grouped, sealed=answers.sealed, verified=verified)
