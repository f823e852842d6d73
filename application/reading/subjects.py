"""The log itself: everything about a subject, and single events.

The chain of headers is shown whole to every party, so that anyone can see that nothing is missing; a body is shown to
whoever has a right to it, and is `withheld` from the others.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from annotated_types import Ge
from typing_extensions import TypedDict

from application.reading.asking import (
    HISTORY,
    KNOWN_AT,
    PAGES,
    WAIT_FOR,
    Answer,
    Asking,
    Parameter,
    Question,
)
from application.reading.bodies import Sees, sees
from application.reading.shapes import KnownAt, Position
from application.reading.sight import Seen
from application.replay import replay
from application.saves import StoredHeader
from audit import canonical
from audit.errors import AuditError
from audit.names import check_subject, kind_of
from domain.aggregate import fold
from domain.errors import NotFound
from domain.findings import Verdict
from domain.ledgers import STREAM, Ledger
from domain.shapes import AgentName, Count, Digest, Instant, KeyName, PartyName

# ------------------------------------------------------------------------------------------------------------ shapes


class Signed(TypedDict):
    """Evidence of an author's will: the SHA-256 of a token (`jwt`), of a timer's or the ledger's own statement."""

    kind: str
    digest: Digest


class HeaderAuthor(TypedDict):
    """Who wrote an event: party, the agent who acted for it, the key, its own counter, and the evidence."""

    party: PartyName
    agent: AgentName | None
    key: KeyName | None
    seq: int | None
    evidence: list[Signed]


class Header(TypedDict):
    """An event's header, of which the leaf is the hash; it holds nothing personal (docs/events.md).

    `body` is the SHA-256 of the body's bytes, `prev` the leaf of the subject's event before, `seq` the number in it.
    """

    v: int
    ledger: str
    position: Annotated[int, Ge(1)]
    stream: str
    version: Annotated[int, Ge(1)]
    seq: Annotated[int, Ge(1)]
    prev: Digest | None
    type: str
    schema: Annotated[int, Ge(1)]
    recorded_at: Instant
    effective_at: Instant
    author: HeaderAuthor
    command: str | None
    body: Digest


class SaidAt(TypedDict):
    """Where in its request an event's words stood: a JSON Pointer, and the line of NDJSON."""

    at: str
    line: int | None


_From = TypedDict("_From", {"from": SaidAt | None})


class EventBody(_From):
    """An event's body: the author's words as signed, and what the ledger worked out; personal values are digests."""

    said: dict[str, Any] | None
    found: dict[str, Any]
    salt: str


class LoggedEvent(TypedDict):
    """An event of the log; its body is null to whoever may not see it (`withheld`)."""

    position: Annotated[int, Ge(1)]
    leaf: Digest
    header: Header
    body: EventBody | None
    withheld: bool


class SubjectEvents(TypedDict):
    """A page of everything about a subject, in the order it was recorded; the chain of `prev` shows nothing missing."""

    known_at: KnownAt
    subject: str
    events: list[LoggedEvent]
    next: str | None


class EventAnswer(LoggedEvent):
    """One event."""

    known_at: KnownAt


class EventBehind(TypedDict):
    """An event behind a replay; `counted` is false for what was known but not yet effective.

    `verdict` on the signature: `signed`, `timer`, `init`, `none`, or the code of why it does not hold.
    """

    position: Annotated[int, Ge(1)]
    stream: str
    version: Annotated[int, Ge(1)]
    type: str
    recorded_at: Instant
    effective_at: Instant
    author: HeaderAuthor
    counted: bool
    verdict: str


class MissingOfVisit(TypedDict):
    """A finding that time alone brought of a visit, computed when it is read."""

    stream: str
    visit: str
    code: str
    verdict: Verdict
    rule: str
    basis: str
    facts: NotRequired[dict[str, int | str | bool]]


class ReplayAnswer(TypedDict):
    """A subject as it was effective then by what was known then: each stream's state, and every event behind it.

    A state is the folded aggregate (docs/events.md), null where nothing of the stream was effective.
    """

    of: str
    known_at: KnownAt
    effective_at: Instant | None
    judged_at: Instant
    missing: list[MissingOfVisit]
    states: dict[str, dict[str, Any] | None]
    withheld: list[str]
    events: list[EventBehind]


class ViewsStanding(TypedDict):
    """How far the read models are, how many events behind, and how many streams they could not go on with."""

    position: Position
    behind: int
    parked_streams: Count


class HaltTold(TypedDict):
    """That nothing is signed: since when by the machine's clock, why, and what was seen."""

    since: str | None
    message: str
    details: dict[str, Any]


class Waiting(TypedDict):
    """Events for which no quorum answers yet, and when the first of them was recorded."""

    events: Count
    since: Instant | None


class WitnessTold(TypedDict):
    """The last checkpoint that a witness cosigned, and its time then; null where it never did."""

    name: str
    size: int | None
    cosigned_at: str | None


class WitnessedTold(TypedDict):
    """The greatest checkpoint with the quorum of the operator's witnesses; null where none has it."""

    size: int | None
    made_at: Instant | None
    age_s: int | None
    waiting: Waiting
    witnesses: list[WitnessTold]


class ContinuedTold(TypedDict):
    """The ledger that this one goes on from, by its origin and last checkpoint."""

    origin: str
    checkpoint: str


class LedgerAnswer(TypedDict):
    """Head of the log, and how its read models and witnesses stand; `halted` while nothing is signed."""

    origin: str
    ledger_time: Instant
    known_at: KnownAt
    root: Digest
    views: ViewsStanding
    halted: HaltTold | None
    witnessed: WitnessedTold | None
    continues: ContinuedTold | None


# ---------------------------------------------------------------------------------------------------------- questions


def shown(stored: StoredHeader, see: Sees) -> Answer:
    """Give an event: its header and leaf, and its body or that it is withheld."""
    header: Any = canonical.decode(stored.header)
    open_to = see(Seen(header["stream"], stored.position, header["author"]["party"], header["effective_at"]))
    return {
        "position": stored.position, "leaf": stored.leaf.hex(), "header": header,
        "body": canonical.decode(stored.body) if open_to else None, "withheld": not open_to,
    }  # fmt: skip


def everything(asking: Asking) -> Answer:
    """Answer GET /subjects/{subject}/events: the complete chain, in the order it was recorded."""
    subject = asking.path["subject"]
    try:
        check_subject(subject)
    except AuditError as error:
        raise NotFound("this names no subject", code="subject_unknown") from error
    known = asking.known_log
    cursor = asking.cursor(int)
    after = 0 if cursor is None else cursor[0]
    stored = asking.reads.log.select_subject(subject, gt=after, lte=after + asking.limit + 1)
    kept = [event for event in stored if event.position <= known.position]
    if not kept and not after:
        raise NotFound("nothing is known of this subject", code="subject_unknown", subject=subject)
    see = sees(asking, subject)
    page, following = asking.paged(
        [shown(event, see) for event in kept], lambda event: [event["header"]["seq"]]
    )  # fmt: skip
    return {"known_at": known.as_json(), "subject": subject, "events": page, "next": following}


def one(asking: Asking) -> Answer:
    """Answer GET /events/{position}: its header and leaf, and its body to whoever may see it."""
    known, asked = asking.known_log, asking.path["position"]
    position = int(asked) if asked.isdecimal() and len(asked) <= len(str(known.position)) else 0
    stored = asking.reads.log.select_log(position, 1) if 0 < position <= known.position else ()
    if not stored:
        raise NotFound("the log has no such position", code="event_unknown", head=known.position)
    header: Any = canonical.decode(stored[0].header)
    return {"known_at": known.as_json(), **shown(stored[0], sees(asking, header["stream"].partition("/")[0]))}


def replayed(asking: Asking) -> Answer:
    """Answer GET /subjects/{subject}/replay: states of the streams that the reader sees whole, the others' names.

    Every event behind them is told, with the verdict on its signature.
    """
    subject, stream = asking.path["subject"], asking.query.get("stream")
    if stream is not None and stream.partition("/")[0] != subject:
        raise NotFound("the subject has no such stream", code="stream_unknown", subject=subject)
    found = replay(asking.reads, stream or subject, asking.known_log, asking.effective_given, asking.judged_at)
    see = sees(asking, subject)
    hidden = {e.stream for e in found.events if not see(Seen(e.stream, e.position, e.author["party"], e.effective_at))}
    if hidden >= found.states.keys():
        raise asking.refused(f"{kind_of(subject)}.read")
    return found.without(hidden).as_json()


def head(asking: Asking) -> Answer:
    """Answer GET /ledger: head of the log, how far read models and witnesses are, whether and why nothing is signed.

    And what the ledger goes on from.
    """
    log = asking.reads.log.head()
    tracked = asking.reads.views.tracked()
    ledger = fold(Ledger, STREAM, asking.reads.streams.events(STREAM))
    continues = None if ledger is None else ledger.continues
    now, halt, witnessed = asking.reads.clock.now(), asking.reads.watch.halt(), asking.reads.watch.witnessed()
    return {
        "origin": asking.reads.origin, "ledger_time": now,
        "known_at": {"position": log.size, "instant": log.recorded_at}, "root": log.root.hex(),
        "views": {
            "position": tracked.position, "behind": log.size - tracked.position, "parked_streams": tracked.parked,
        },
        "halted": None if halt is None else halt.as_json(),
        "witnessed": None if witnessed is None else witnessed.as_json(now),
        "continues": continues,
    }  # fmt: skip


QUESTIONS = (
    Question(
        "subject.events", "/subjects/{subject}/events", everything, SubjectEvents, (KNOWN_AT, WAIT_FOR, *PAGES),
        "Everything about a subject", "主体全部记录",
    ),
    Question(
        "subject.replay", "/subjects/{subject}/replay", replayed, ReplayAnswer,
        (Parameter("stream", "Only this stream of the subject, `<subject>/<further head>`."), *HISTORY),
        "A subject as it was effective then, by what was known then", "主体回放",
    ),
    Question("event.read", "/events/{position}", one, EventAnswer, (WAIT_FOR,), "One event of the log", "单条记录"),
    Question(
        "ledger.read", "/ledger", head, LedgerAnswer, (), "Head of the log, state of read models and witnesses, halt",
        "账本状态（视图、见证、停写）",
    ),
)  # fmt: skip
