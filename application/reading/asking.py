"""One question: who asks, as known when, effective when, and which page of the answer.

`known_at` is a position or an instant up to the ledger's now. An instant is resolved to the last position recorded by
then, after one pass of the ledger's lock where something could still be on its way (event-format §8): the position is
what an answer cites, and with it the same question has the same answer for ever.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from application.errors import ProjectionBehind
from application.ports import Clock, Recorder, Streams
from application.reading.ports import Tracked, Views
from application.rights import allowed, right_missing
from application.watching import UNWATCHED, Watch
from application.work import Author
from audit import canonical
from audit.errors import AuditError
from domain.errors import Forbidden, Invalid
from domain.time import civil_date, civil_midnight, parse_instant

WAIT_S_MAX: Final = 10.0
WAIT_POLL_S: Final = 0.02
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000
JUDGED_MAX: Final = 200
"""Things that are judged for a page where each is folded from its events."""
CURSOR_CHARS_MAX: Final = 600
LIST_CHARS: Final = 8
"""How much of a list's digest its cursors bear: lists are held apart for those who mix them up, not against forgers."""
PAGING: Final = frozenset({"known_at", "effective_at", "wait_for", "cursor", "limit"})
"""Parameters that need not be said again: the times are the first page's, and whoever says others is refused."""

_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Known:
    """Up to which position the answer knows, and the instant that stands for."""

    position: int
    instant: str

    def as_json(self) -> dict[str, Any]:
        """Give what an answer cites."""
        return {"position": self.position, "instant": self.instant}


@dataclass(frozen=True, slots=True)
class Reads:
    """What questions are answered from; `log` is the recorder, of which only the reading half is used."""

    origin: str
    log: Recorder
    views: Views
    streams: Streams
    clock: Clock
    watch: Watch = UNWATCHED


class First(NamedTuple):
    """What a later page holds of the first: its position and times, and the name of the last row that was shown.

    `asked` says that `effective` was asked for; else it is the ledger's now of then.
    """

    position: int
    effective: str
    judged_at: str
    asked: bool
    after: list[Any]


Answer = dict[str, Any]


@dataclass(slots=True)
class Asking:
    """A question under way. Everything read of the read models is read at `known.position`."""

    reads: Reads
    author: Author
    path: Mapping[str, str]
    query: Mapping[str, str]
    of: str = ""
    """Which question it is, by its id: a cursor is of its own list alone."""
    tracked: Tracked | None = None
    _known: Known | None = field(default=None, repr=False)
    _now: str | None = field(default=None, repr=False)

    # ------------------------------------------------------------------------------------------------ both times

    @property
    def known(self) -> Known:
        """What the read models are read at: `known_at`, else how far they are once `wait_for` is reached.

        Raises Invalid `known_at_future`, `wait_for_future`, `instant_malformed`, `cursor_malformed`; ProjectionBehind.
        """
        if self._known is None:
            wanted = self._resolved()
            least = max(0 if wanted is None else wanted.position, self._wait_for())
            self.tracked = self._waited(least)
            self._known = wanted or self._at(self.tracked.position)
        return self._known

    @property
    def present(self) -> int:
        """How far the read models are: rights are judged by what is known now, whatever the question asks to know."""
        position = self.known.position
        return position if self.tracked is None else self.tracked.position

    @property
    def known_log(self) -> Known:
        """What the log itself is read at: `known_at`, else its head. Raises Invalid as `known`."""
        if self._known is None:
            wanted = self._resolved()
            if wanted is None:
                self._wait_for()
                head = self.reads.log.head()
                wanted = Known(head.size, head.recorded_at)
            self._known = wanted
        return self._known

    @property
    def now(self) -> str:
        """The ledger's now, one for all of an answer; of a later page the instant of which the first one was."""
        if self._now is None:
            first = self._first
            self._now = self.reads.clock.now() if first is None else first.effective
        return self._now

    @property
    def effective(self) -> str:
        """The instant `effective_at` means: itself, or when a civil date begins in Shanghai; else the ledger's now.

        Raises Invalid `instant_malformed`, `date_malformed`, `date_out_of_range`.
        """
        asked = self.query.get("effective_at")
        if asked is None:
            return self.now
        with _naming("effective_at"):
            if "T" not in asked:
                return civil_midnight(asked)
            parse_instant(asked)
        return asked

    @property
    def effective_given(self) -> str | None:
        """The instant `effective_at` means, None when it was not asked, nor of the first page."""
        asked = "effective_at" in self.query if self._first is None else self._first.asked
        return self.effective if asked else None

    @property
    def judged_at(self) -> str:
        """The instant at which is judged what time alone changes: `effective_at`, else what `known_at` stands for.

        Whoever asks for an earlier knowledge is not told what is missing since. Else the ledger's now. Of a later page
        it is the first one's.
        """
        if self._first is not None:
            return self._first.judged_at
        if "effective_at" not in self.query and (known := self._known or self._resolved()) and "known_at" in self.query:
            return known.instant
        return self.effective

    @property
    def on(self) -> str:
        """The civil date of `effective`."""
        return civil_date(self.effective)

    def _wait_for(self) -> int:
        """Give the position to wait for, 0 if none is.

        What was acknowledged is in the log, so nobody waits for what is not: he would hold up others' reads for it.
        """
        wanted = self._number("wait_for") or 0
        if wanted and wanted > (size := self.reads.log.head().size):
            raise Invalid("the log is not that long: nothing was written there", code="wait_for_future", head=size)
        return wanted

    def _resolved(self) -> Known | None:
        asked, first = self._asked(), self._first
        if first is None:
            return asked
        if not 0 <= first.position <= self.reads.log.head().size:
            raise _no_cursor()
        known = self._at(first.position)
        if asked is None:
            return known
        if asked.position != known.position and self.query["known_at"] != known.instant:
            raise _no_cursor("known_at")
        return Known(known.position, asked.instant)

    def _asked(self) -> Known | None:
        asked = self.query.get("known_at")
        if asked is None:
            return None
        head = self.reads.log.head()
        if _NUMBER.fullmatch(asked):
            position = int(asked)
            if position > head.size:
                raise Invalid("the log is not that long", code="known_at_future", head=head.size)
            return self._at(position)
        with _naming("known_at"):
            parse_instant(asked)
        now = self.reads.clock.now()
        if asked > now:
            raise Invalid("the ledger cannot know the future", code="known_at_future", ledger_time=now)
        if head.recorded_at <= asked:
            self.reads.views.pass_lock()
        return Known(self.reads.log.position_at(asked), asked)

    def _at(self, position: int) -> Known:
        stored = self.reads.log.select_log(position, 1) if position else ()
        header: Any = canonical.decode(stored[0].header) if stored else {}
        return Known(position, header.get("recorded_at", "1970-01-01T00:00:00.000000Z"))

    def _waited(self, position: int) -> Tracked:
        deadline = time.monotonic() + WAIT_S_MAX
        while (tracked := self.reads.views.tracked()).position < position:
            if time.monotonic() > deadline:
                raise ProjectionBehind(
                    "the read models are not there yet", position=tracked.position, wanted=position, retry_after_s=1
                )
            time.sleep(WAIT_POLL_S)
        return tracked

    def check_unmoved(self) -> None:
        """Raise ProjectionBehind when the read models were begun anew while they were read."""
        if self.tracked is not None and self.reads.views.tracked().generation != self.tracked.generation:
            raise ProjectionBehind("the read models are being made again", retry_after_s=5)

    # ------------------------------------------------------------------------------------------------ rights

    def may(self, action: str, relations: frozenset[str] | set[str] = frozenset()) -> bool:
        """Say whether the table of rights lets the author read this in these relations."""
        return allowed(action, self.author.kind, frozenset(relations))

    def refused(self, action: str) -> Forbidden:
        """Make the refusal of a read."""
        sentence = f"a party of kind {self.author.kind} may not read this, as it stands to it"
        return right_missing(sentence, action, self.author.kind)

    # ------------------------------------------------------------------------------------------------ pages

    @property
    def limit(self) -> int:
        """How many rows a page has. Raises Invalid `limit_malformed`."""
        asked = self._number("limit")
        if asked is None:
            return PAGE_DEFAULT
        if not 1 <= asked <= PAGE_MAX:
            raise Invalid("a page has 1 to 1,000 rows", code="limit_malformed", maximum=PAGE_MAX)
        return asked

    def cursor(self, *kinds: type) -> list[Any] | None:
        """Give after which row the page begins, as `paged` named it. Raises Invalid `cursor_malformed`."""
        first = self._first
        if first is None:
            return None
        if [type(part) for part in first.after] != list(kinds):
            raise _no_cursor()
        if self.effective != first.effective:
            raise _no_cursor("effective_at")
        return first.after

    @property
    def _list(self) -> str:
        """What tells one list from another: the question, what it is about, and the filters."""
        filters = {name: value for name, value in self.query.items() if name not in PAGING}
        told: Any = [self.of, dict(self.path), filters]
        return hashlib.sha256(canonical.encode(told)).hexdigest()[:LIST_CHARS]

    @property
    def _first(self) -> First | None:
        """What `cursor` holds of the first page; None on the first page itself. Raises Invalid `cursor_malformed`."""
        asked = self.query.get("cursor")
        if asked is None:
            return None
        try:
            if len(asked) > CURSOR_CHARS_MAX:
                raise ValueError
            value: Any = canonical.decode(base64.urlsafe_b64decode(asked.encode() + b"=" * (-len(asked) % 4)))
            if not isinstance(value, list) or [type(part) for part in value[:5]] != [str, int, str, str, int]:
                raise ValueError
            of, position, effective, judged_at, asked_for, *after = value
            parse_instant(effective)
            parse_instant(judged_at)
        except (ValueError, AuditError, Invalid) as error:
            raise _no_cursor() from error
        if of != self._list:
            raise _no_cursor()
        return First(position, effective, judged_at, bool(asked_for), after)

    def paged(
        self, rows: list[Any], name: Callable[[Any], list[Any]], limit: int | None = None
    ) -> tuple[list[Any], str | None]:
        """Give the page of rows that were asked for with one more than its limit, and the cursor of the next."""
        limit = self.limit if limit is None else limit
        if len(rows) <= limit:
            return rows, None
        page = rows[:limit]
        times = (self.effective, self.judged_at, int(self.effective_given is not None))
        held = [self._list, self.known.position, *times, *name(page[-1])]
        return page, base64.urlsafe_b64encode(canonical.encode(held)).decode().rstrip("=")

    def _number(self, name: str) -> int | None:
        asked = self.query.get(name)
        if asked is None:
            return None
        if not _NUMBER.fullmatch(asked):
            raise Invalid(f"{name} is a whole number", code=f"{name}_malformed")
        return int(asked)

    def cited(self, **members: object) -> Answer:
        """Give an answer with what it cites: `known_at`, and how many streams are parked if there are any."""
        cites: Answer = {"known_at": self.known.as_json()}
        if self.tracked is not None and self.tracked.parked:
            cites["parked_streams"] = self.tracked.parked
        return {**cites, **members}


def _no_cursor(other: str | None = None) -> Invalid:
    if other is None:
        return Invalid("this is no cursor of this list", code="cursor_malformed")
    return Invalid(f"the cursor is of pages at another {other}", code="cursor_malformed", name=other)


@contextmanager
def _naming(parameter: str) -> Iterator[None]:
    """Say in the details of a refusal which parameter it is about, since both times are written alike."""
    try:
        yield
    except Invalid as refused:
        refused.details["name"] = parameter
        raise


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query: what it may be, at the door and in the OpenAPI document; `required` is for that alone."""

    name: str
    description: str
    pattern: str | None = None
    values: tuple[str, ...] = ()
    """All it may be, where that can be counted."""
    required: bool = False

    def takes(self, value: str) -> bool:
        """Say whether a value is of its form; control characters never are."""
        if not value.isprintable() or (self.values and value not in self.values):
            return False
        return self.pattern is None or re.fullmatch(self.pattern, value) is not None

    @property
    def form(self) -> dict[str, Any]:
        """What it may be, as members of a JSON schema that are also told to whoever said something else."""
        return ({} if self.pattern is None else {"pattern": self.pattern}) | (
            {"enum": list(self.values)} if self.values else {}
        )


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of read: `id` is its row in the OpenAPI document, `path` a template, `answer` the use case.

    `gives` is the shape of what it answers, for the OpenAPI document: no answer is held against it at work.
    """

    id: str
    path: str
    answer: Callable[[Asking], Answer]
    gives: Any
    parameters: tuple[Parameter, ...]
    summary: str
    summary_zh: str


KNOWN_AT: Final = Parameter("known_at", "What the ledger knew then: an instant up to its now, or a position.")
_EFFECTIVE: Final = "When it is so: an instant, or a civil date of Asia/Shanghai; left out,"
EFFECTIVE_AT: Final = Parameter("effective_at", f"{_EFFECTIVE} now.")
HISTORY_AT: Final = Parameter("effective_at", f"{_EFFECTIVE} all of its time.")
WAIT_FOR: Final = Parameter("wait_for", "A position (`Ledger-Position` of a write) to wait for.", "^[0-9]{1,15}$")
CURSOR: Final = Parameter("cursor", "`next` of the page before; it is of the same `known_at` and time.")
LIMIT: Final = Parameter("limit", "Rows of a page, 1 to 1,000; 100 if not said.", "^[0-9]{1,4}$")
AREA: Final = Parameter("area", "Only in this area and its parts.", "^[0-9]{6}([0-9]{3}){0,2}$")
TIMES: Final = (KNOWN_AT, EFFECTIVE_AT, WAIT_FOR)
HISTORY: Final = (KNOWN_AT, HISTORY_AT, WAIT_FOR)
"""Times of a question that is answered from `effective_given`."""
PAGES: Final = (CURSOR, LIMIT)
