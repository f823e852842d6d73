"""Importing a register of lifts: a client like any other, that posts signed NDJSON and keeps account of every row.

Rows of one estate, or of one building that stands in none, always go the same way ("lane"), one request at a time, so
that requests in flight hardly ever meet on a stream; one that does is sent again. Bad rows go to the reject file with
line, column and reason and stop nothing; the same file again writes nothing, since the ledger compares each row with
what it had of it.
"""

from __future__ import annotations

import csv
import secrets
import time
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import httpx
import orjson

from api.client import Refused
from api.importing_files import FileBroken, Row, open_text, read_rows
from api.importing_rows import Reason, RowMapping, Rows
from audit.errors import AuditError
from audit.ndjson import LINE_BYTES_MAX
from domain.errors import Invalid

LINES_PER_REQUEST: Final = 2_000
BYTES_PER_REQUEST: Final = 12 * 1024 * 1024
SALT_BYTES: Final = 16
GROUP_FULL: Final = "group_full"
AGAIN_MAX: Final = 20
"""How often a line that found no room in its save is sent again."""

POST_FAILED: Final = "post_failed"
FAULTS: Final = (Refused, AuditError, httpx.HTTPError)
"""What may come of posting; anything else is a defect of the program, and is not told as trouble with the ledger."""
MOVED: Final = frozenset({"version_moved", "read_moved", "source_taken"})
"""Refusals of a request that met another one on a stream: decided again, it is stored."""
MOVED_REPEATS_MAX: Final = 10
MOVED_PAUSE_MS: Final = 50
"""The longest pause before such a request is sent again for the first time; it doubles."""


class Post(Protocol):
    """Posts NDJSON lines to a path under a command id, and gives the ledger's answer (`application.answers.answer`).

    Raises Refused, AuditError or httpx.HTTPError, as `api.client.Client.post_lines` does.
    """

    def __call__(self, path: str, lines: Sequence[bytes], *, command: str) -> Mapping[str, Any]:
        """Post."""


@dataclass(slots=True)
class Failure:
    """Why the import ended before the file did: a stable code, a sentence, details for machines.

    `line` is where in the file, if the file is to blame; None at its very start, and for whatever else went wrong.
    """

    code: str
    message: str
    line: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ImportReport:
    """What became of a file: rows read, rejected before sending, refused by the ledger, sent; what they wrote.

    `held` counts rows with an identifier that another lift owns (their other lift stands in the reject file),
    `omitted` what was unreadable and left out as the mapping says, by column. `events` are those written, `written`
    counts them by type where the ledger's answer lists them.
    """

    rows: int = 0
    sent: int = 0
    rejected: int = 0
    refused: int = 0
    held: int = 0
    events: int = 0
    written: dict[str, int] = field(default_factory=dict)
    omitted: dict[str, int] = field(default_factory=dict)
    failure: Failure | None = None


Progress = Callable[[ImportReport], None]


class Rejects:
    """The reject file: CSV of line, column, reason; never a value, which may be personal."""

    def __init__(self, path: Path) -> None:
        """Begin the file anew, so that it never tells of an earlier import."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(("line", "column", "reason"))

    def add(self, line: int, column: str, reason: str) -> None:
        """Write one reason."""
        self._writer.writerow((line, column, reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


@dataclass(slots=True)
class _Lane:
    """Rows that wait, and the one request of theirs that is under way."""

    post: Post
    limit: int
    lines: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    size: int = 0
    sent: tuple[list[bytes], list[int]] = ((), ())  # type: ignore[assignment] # nothing is under way
    answer: Future[Mapping[str, Any]] | None = None
    tries: dict[int, int] = field(default_factory=dict)

    def add(self, number: int, line: bytes) -> None:
        """Let a row wait."""
        self.lines.append(line)
        self.numbers.append(number)
        self.size += len(line) + 1


class _Import:
    """One import under way; everything but the posting happens in the caller's thread."""

    def __init__(self, mapping: RowMapping, posts: Sequence[Post], rejects: Rejects, progress: Progress) -> None:
        # The first requests differ in size, so that the lanes do not all wait for their answers at once.
        steps = len(posts)
        self.lanes = [_Lane(post, LINES_PER_REQUEST * (n + 1) // steps) for n, post in enumerate(posts)]
        self.pool = ThreadPoolExecutor(steps, thread_name_prefix="import")
        self.mapping = mapping
        self.rejects = rejects
        self.progress = progress
        self.report = ImportReport()
        self.seen: set[str] = set()
        self.columns = {_pointer(path): "+".join(ways[0].columns) for path, ways in mapping.fields}

    def row(self, row: Row, rows: Rows) -> None:
        """Take one row: to its lane, or to the reject file."""
        self.report.rows += 1
        if row.wrong is not None:
            self._reject(row.line, [("" if row.column is None else _at(rows.header, row.column), row.wrong)])
            return
        body = rows.body(row.values)
        if isinstance(body, list):
            self._reject(row.line, body)
            return
        source = f"{body['source']['system']}\n{body['source']['id']}"
        if source in self.seen:
            self._reject(row.line, [(self.columns.get("/source/id", ""), "source_repeated")])
            return
        lane = self.lanes[zlib.crc32(_key(body).encode()) % len(self.lanes)]
        body["salt"] = secrets.token_hex(SALT_BYTES)
        line = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        if len(line) > LINE_BYTES_MAX:
            self._reject(row.line, [(rows.header[_longest(row.values)], "row_too_large")])
            return
        self.seen.add(source)
        lane.add(row.line, line)
        if len(lane.lines) >= lane.limit or lane.size >= BYTES_PER_REQUEST:
            self.send(lane)

    def _reject(self, line: int, reasons: Sequence[Reason]) -> None:
        self.report.rejected += 1
        for column, reason in reasons:
            self.rejects.add(line, column, reason)

    def send(self, lane: _Lane) -> None:
        """Send what waits in a lane, once its request under way is answered."""
        self.settle(lane)
        if not lane.lines:
            return
        lane.sent, lane.lines, lane.numbers, lane.size = (lane.lines, lane.numbers), [], [], 0
        lane.limit = LINES_PER_REQUEST
        lane.answer = self.pool.submit(_posted, lane.post, self.mapping.path, lane.sent[0])

    def settle(self, lane: _Lane) -> None:
        """Wait for a lane's answer and account for it; raises what posting raised."""
        if lane.answer is None:
            return
        answer, lane.answer = lane.answer.result(), None
        self._account(lane, answer)
        self.progress(self.report)

    def _account(self, lane: _Lane, answer: Mapping[str, Any]) -> None:
        report, (lines, numbers) = self.report, lane.sent
        again = 0
        for refusal in answer["refused"]:
            index = refusal["line"] - 1
            number = numbers[index]
            if refusal["code"] == GROUP_FULL and lane.tries.get(number, 0) < AGAIN_MAX:
                lane.tries[number] = lane.tries.get(number, 0) + 1
                lane.add(number, lines[index])
                again += 1
                continue
            report.refused += 1
            for column in self._columns(refusal.get("details", {})):
                self.rejects.add(number, column, refusal["code"])
        report.sent += len(lines) - again
        for group in answer["groups"]:
            report.events += group["count"]
            for event in group.get("events", ()):
                report.written[event["type"]] = report.written.get(event["type"], 0) + 1
                self._hold(event, numbers)

    def _hold(self, event: Mapping[str, Any], numbers: Sequence[int]) -> None:
        """Tell of identifiers held for review, with the lift that owns them (C10)."""
        findings = event["found"].get("findings", ()) if event["line"] is not None else ()
        conflicts = [f for f in findings if f["code"] == "identifier_conflict"]
        for conflict in conflicts:
            self.rejects.add(numbers[event["line"] - 1], "", f"identifier_conflict {conflict['facts']['lift']}")
        self.report.held += bool(conflicts)

    def _columns(self, details: Mapping[str, Any]) -> list[str]:
        """Give the columns that a refusal is about, at least one: of each error of the shape, or of what it names."""
        errors = details.get("errors", [details])
        places = [each["at"] for each in errors if isinstance(each.get("at"), str)]
        places = places or [place for place in (f"/{name}" for name in details) if place in self.columns]
        return list(dict.fromkeys(map(self._column, places))) or [""]

    def _column(self, at: str) -> str:
        """Give the column that a member is taken from, or the one it is part of; the member itself where none is."""
        place = at
        while place and place not in self.columns:
            place = place.rpartition("/")[0]
        return self.columns.get(place, at)

    def finish(self) -> None:
        """Send what still waits, and wait for every answer."""
        while any(lane.lines or lane.answer is not None for lane in self.lanes):
            for lane in self.lanes:
                self.send(lane)

    def abandon(self) -> None:
        """Account for what is still under way and leave the rest: what was accepted is reported all the same."""
        for lane in self.lanes:
            if lane.answer is not None and not isinstance(lane.answer.exception(), FAULTS):
                self.settle(lane)


def import_lifts(
    file: Path, mapping: RowMapping, posts: Sequence[Post], rejects: Path, progress: Progress = lambda _: None
) -> ImportReport:
    """Import a file of lifts; one post for each request in flight (best each with a connection of its own).

    Never raises for what is in the file or what the ledger answers: `report.failure` says why it ended early, and
    the rest of the report what was accepted before. Raises Invalid `rejects_path` if both files are one.
    """
    if rejects.resolve() == file.resolve():
        raise Invalid("the reject file would overwrite the file", code="rejects_path")
    with Rejects(rejects) as out:
        work = _Import(mapping, posts, out, progress)
        with work.pool:
            try:
                _read(file, work)
                work.finish()
            except FileBroken as broken:
                work.report.failure = Failure(broken.code, broken.message, broken.line, broken.details)
                _flush(work)
            except FAULTS as fault:
                work.report.failure = _failure(fault)
                work.abandon()
        progress(work.report)
        return work.report


def _read(file: Path, work: _Import) -> None:
    with open_text(file, work.mapping.encoding) as text:
        rows: Rows | None = None
        for row in read_rows(text, work.mapping.delimiter):
            if rows is not None:
                work.row(row, rows)
                continue
            try:
                rows = Rows(work.mapping, row.values, work.report.omitted)
            except Invalid as wrong:
                raise FileBroken(wrong.code, wrong.message, row.line, wrong.details) from wrong


def _flush(work: _Import) -> None:
    """Send the rows before the break: they are as good as any. The file's own failure was first and is told."""
    try:
        work.finish()
    except FAULTS:
        work.abandon()


def _failure(fault: Refused | AuditError | httpx.HTTPError) -> Failure:
    if isinstance(fault, Refused):
        details = fault.problem.get("details")
        said = str(fault.problem.get("detail") or "the ledger refused")
        return Failure(fault.code, said, details={"status": fault.status, **(details or {})})
    if isinstance(fault, AuditError):
        return Failure(fault.code, fault.message, details=fault.details)
    return Failure(POST_FAILED, f"the ledger could not be reached: {fault}")


def _posted(post: Post, path: str, lines: Sequence[bytes]) -> Mapping[str, Any]:
    """Post lines, again under the same command id while others move what they touch; groups stored stay stored."""
    command = str(uuid.uuid4())
    for repeat in range(MOVED_REPEATS_MAX):
        try:
            return post(path, lines, command=command)
        except Refused as refused:
            if refused.code not in MOVED:
                raise
        time.sleep(secrets.randbelow(MOVED_PAUSE_MS << min(repeat, 5)) / 1_000)
    return post(path, lines, command=command)


def _key(body: Mapping[str, Any]) -> str:
    """Give what rows that must not be sent side by side have in common: the estate's number, the building's, or none.

    Every lift placed in an estate, whatever its building, is written on the estate's stream.
    """
    place = next((place for place in ("estate", "building") if place in body), None)
    source = body["source"] if place is None else body[place]["source"]
    return f"{place}\n{source.get('system')}\n{source['id']}"


def _pointer(path: Sequence[str]) -> str:
    return "".join(f"/{step}" for step in path)


def _longest(values: Sequence[str]) -> int:
    return max(range(len(values)), key=lambda index: len(values[index].encode()))


def _at(header: Sequence[str], index: int) -> str:
    return header[index] if index < len(header) else str(index + 1)
