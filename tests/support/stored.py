"""Saves of the worked ledger as a verifier reads them, to be changed and checked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit import canonical
from audit.histories import HISTORY_SUBJECTS, read_histories
from audit.merkle import Frontier, leaf_hash
from audit.ndjson import split_lines
from audit.note import Checkpoint
from audit.pages import Answers, CommandRow, Context, EventRow, LineRow, Questions, ReceiptRow, SealedRow
from audit.states import Retraced, State
from audit.structure import StructureChecker
from audit.verify import Checker
from audit.whole import Report, Totals, Whole

VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"


def _writes(type_: str, stream: str, at: str = "", effective_at: str | None = None, *, derived: bool = False) -> Any:  # noqa: ANN401 - JSON
    return {"type": type_, "stream": stream, "at": at, "effective_at": effective_at, "derived": derived}


def _action(id_: str, path: str, *writes: Any, group_lines: int | None = None) -> Any:  # noqa: ANN401 - JSON
    return {"id": id_, "method": "POST", "path": path, "group_lines": group_lines, "writes": list(writes)}


ACTIONS: Any = {
    "format": 1,
    "actions": [
        _action(
            "party.register", "/parties", _writes("party.Registered", "{id}", "/parties/*"),
            _writes("key.Registered", "{id}", "/parties/*/key"),
        ),
        _action("lift.register", "/lifts", _writes("lift.Registered", "{id}")),
        _action(
            "claim.approve", "/lifts/{lift}/claims/{claim}/approve",
            _writes("claim.Approved", "{lift}/{claim}", effective_at="/effective_on"),
            _writes("limit.Consumed", "policy:/limit:", derived=True),
        ),
        _action(
            "bulk", "/bulk", _writes("agent.Enrolled", "{id}"),
            _writes("visit.ItemRecorded", "{lift}/maintenance:2025"), group_lines=250,
        ),
    ],
}  # fmt: skip
"""The actions of the worked ledger, whose first event publishes none."""


@dataclass
class Stored:
    """All rows of a ledger; change what you like, then `verify`."""

    origin: str
    events: list[EventRow] = field(default_factory=list)
    receipts: list[ReceiptRow] = field(default_factory=list)
    evidence: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[tuple[int, CommandRow]]] = field(default_factory=dict)
    """By party and command: first position and row of each group."""
    lines: dict[tuple[str, str], list[LineRow]] = field(default_factory=dict)
    hashes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """By party and command: the hashes of all lines of an NDJSON request."""
    sealed: dict[str, SealedRow] = field(default_factory=dict)
    tables: tuple[tuple[int, Any], ...] | None = ((1, ACTIONS),)

    def ask(self, questions: Questions) -> Answers:
        """Answer a page's questions from the rows."""
        commands, lines, hashes = {}, {}, {}
        for first, party, command in questions.commands:
            stored = self.lines.get((party, command), [])
            for at, row in self.commands.get((party, command), []):
                if at != first:
                    continue
                commands[first] = row
                span = range(row.first_line or 0, (row.last_line or 0) + 1)
                lines[first] = [line for line in stored if line.line in span]
                signed = self.hashes.get((party, command))
                if row.group and signed is not None:
                    low, high = (row.first_line or 1) - 1, row.last_line or 0
                    hashes[first] = signed if row.opening else signed[low * 32 : high * 32]
        evidence = {digest: self.evidence[digest] for digest in questions.evidence if digest in self.evidence}
        sealed = {digest: self.sealed[digest] for digest in questions.sealed if digest in self.sealed}
        return Answers(evidence, commands, lines, hashes, sealed)

    def verify_resumed(self, cut: int, *, page: int = 1_000_000, signatures: bool = True) -> Report:
        """Verify the saves up to a position, keep what was learnt in a file, and go on from that with the others."""
        wanted = [row for row in self.events if row.stream.startswith(HISTORY_SUBJECTS)]
        told = [(row.position, row.header, row.body) for row in wanted]
        context, keys = read_histories(self.origin, told)
        before, _ = read_histories(self.origin, [each for each in told if each[0] <= cut])
        # What was erased since was there when the first part was verified.
        contexts = [
            replace(each, tables=self.tables or each.tables, erased=context.erased) for each in (before, context)
        ]
        whole = Whole(self.origin)
        self._add(whole, contexts[0], self.events[:cut], page, signatures=signatures)
        file = io.BytesIO()
        whole.to_state(contexts[0], signatures=signatures).dump(file)
        file.seek(0)
        state = State.load(file)
        state.check_fits(contexts[1], len(self.events), signatures=signatures)
        retraced = Retraced(state)
        retraced.add(self.events[:cut])
        retraced.finish()
        whole = Whole.from_state(state)
        self._add(whole, contexts[1], self.events[cut:], page, signatures=signatures)
        return whole.finish(self._totals(signatures=signatures), keys, signatures=signatures)

    def ends(self) -> list[int]:
        """Give the positions where a save ends."""
        return [
            row.position for row, after in zip(self.events, [*self.events[1:], None], strict=True)
            if after is None or row.frontier is not None
        ]  # fmt: skip

    def _totals(self, *, signatures: bool) -> Totals:
        if not signatures:
            return Totals(len(self.receipts))
        return Totals(len(self.receipts), sum(map(len, self.commands.values())), 0, len(self.evidence))

    def verify(
        self, *, page: int = 1_000_000, checkpoints: Sequence[Checkpoint] = (), counted: bool = True,
        signatures: bool = True, **changes: Callable[[Any], Any],
    ) -> Report:  # fmt: skip
        """Verify in pages of at least so many events, cut where saves end; `changes` are made to the context.

        Without `signatures` the structure alone.
        """
        wanted = [row for row in self.events if row.stream.startswith(HISTORY_SUBJECTS)]
        context, keys = read_histories(self.origin, ((row.position, row.header, row.body) for row in wanted))
        if self.tables is not None:
            context = replace(context, tables=self.tables)
        for name, change in changes.items():
            context = replace(context, **{name: change(getattr(context, name))})
        whole = Whole(self.origin, checkpoints)
        self._add(whole, context, self.events, page, signatures=signatures)
        return whole.finish(self._totals(signatures=signatures) if counted else Totals(), keys, signatures=signatures)

    def _add(self, whole: Whole, context: Context, events: Sequence[EventRow], page: int, *, signatures: bool) -> None:
        """Check events in pages of at least so many, cut where saves end, and add them."""
        checker, structure = Checker(context), StructureChecker(context)
        ends = {row.first + row.events - 1 for row in self.receipts} | {
            row.position for row in self.events if row.type == "map.Rooted"
        }
        rows: list[EventRow] = []
        first = events[0].position if events else 1
        for index, row in enumerate(events):
            rows.append(row)
            if (len(rows) >= page and row.position in ends) or index == len(events) - 1:
                last = row.position
                receipts = [each for each in self.receipts if first <= each.first <= last]
                whole.add(
                    checker.check(first, last, rows, receipts, self.ask)
                    if signatures
                    else structure.check(first, last, rows, receipts)
                )
                rows, first = [], last + 1


def worked_ledger() -> Stored:
    """Read the ledger of the event vectors, as the recorder would have stored it, in one batch for each save."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    stored = Stored(vectors["origin"])
    tree = Frontier()
    for save in vectors["saves"]:
        _take(stored, tree, save)
    return stored


def _take(stored: Stored, tree: Frontier, save: Mapping[str, Any]) -> None:
    first = len(stored.events) + 1
    headers = [json.loads(event["header"]) for event in save["events"]]
    tree.extend(bytes.fromhex(event["leaf"]) for event in save["events"])
    for index, (header, event) in enumerate(zip(headers, save["events"], strict=True)):
        stored.events.append(
            EventRow(
                header["position"], header["stream"], header["version"], header["seq"], header["type"],
                header["recorded_at"], event["header"].encode(), event["body"].encode(), bytes.fromhex(event["leaf"]),
                tree.to_bytes() if index == len(headers) - 1 else None,
            )
        )  # fmt: skip
    if save["receipt"] is not None:
        stored.receipts.append(ReceiptRow(first, len(headers), save["receipt"]))
    for piece in save["evidence"]:
        stored.evidence[sha256(piece["bytes"].encode()).hexdigest()] = (piece["kind"], piece["bytes"].encode())
    if headers[0]["command"] is not None:
        _take_command(stored, first, headers, save)


def _take_command(stored: Stored, first: int, headers: Sequence[Any], save: Mapping[str, Any]) -> None:
    name = (headers[0]["author"]["party"], headers[0]["command"])
    request, group = save.get("request"), save.get("group")
    numbers = () if group is None else group["refused"]
    refused = [{"code": "lift_unknown", "details": {}, "line": line, "message": ""} for line in numbers]
    outcome = canonical.encode({"refused": refused}) if refused else b"{}"
    if request is None:
        kind, what = ("INIT", stored.origin) if save["kind"] == "genesis" else ("TIMER", headers[0]["stream"])
        text = f"{kind} {what} {headers[0]['author']['evidence'][0]['digest']}"
    else:
        body = request["body"].encode()
        digest = sha256(body).hexdigest() if group is None else _root(split_lines(body))
        text = f"{request['method']} {request['uri']} {digest}"
        stored.lines[name] = list(_lines(body, group))
        if group is not None:
            stored.hashes[name] = b"".join(map(leaf_hash, split_lines(body)))
    first_line, last_line = (None, None) if group is None else group["lines"]
    row = CommandRow(
        0 if group is None else group["number"], text, 1, first_line, last_line, len(headers),
        headers[0]["recorded_at"], outcome, opening=True,
    )  # fmt: skip
    stored.commands[name] = [(first, row)]
    if (field_ := save.get("sealed_field")) is not None:
        plain = canonical.encode([field_["salt"], field_["pointer"], field_["value"]])
        person = next(event for event in save["events"] if field_["digest"] in event["body"])
        of = json.loads(person["body"])["said"]["name"]["of"]
        stored.sealed[field_["digest"]] = SealedRow(of, plain, "plain")


def _root(lines: Sequence[bytes]) -> str:
    tree = Frontier(map(leaf_hash, lines))
    return tree.root().hex()


def _lines(body: bytes, group: Mapping[str, Any] | None) -> Iterable[LineRow]:
    if group is None:
        yield LineRow(0, sha256(body).digest(), body, "plain")
        return
    for number, line in enumerate(split_lines(body), 1):
        gone = number in group["refused"]
        yield LineRow(number, leaf_hash(line), None if gone else line, "gone" if gone else "plain")
