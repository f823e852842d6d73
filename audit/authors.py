"""Who wrote a save, by its evidence: request tokens, the first statement, timers, map roots (event-format §3, §5).

Every function holds one kind of evidence against the headers of a save and notes what does not fit.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from audit import canonical, jws, keys
from audit.actions import Table
from audit.checkpoints import is_scripted
from audit.claims import ReadToken, read_token
from audit.continuing import Continued, read_continued
from audit.errors import AuditError, CanonicalError
from audit.events import Header, read_canonical
from audit.lens import SKEW_S_MAX, Lens, Seen
from audit.pages import KeyHistory, PageReport, Root
from audit.rotation import check_rotation
from audit.statements import check_init_statement, check_possession

__all__ = [
    "FIRST_ONLY",
    "SKEW_S_MAX",
    "check_handover",
    "check_offline",
    "check_opening",
    "check_registration",
    "check_timer",
    "check_token",
    "read_root",
    "timer_command",
]

_NIL: Final = uuid.UUID(int=0)
_OPENING: Final = ("ledger.Opened", "party.Registered", "agent.Enrolled", "key.Registered")
_CONTINUED: Final = "ledger.Continued"
FIRST_ONLY: Final = frozenset({"ledger.Opened", _CONTINUED})
"""Events of the first save alone, whatever a later one's evidence."""


def check_token(
    lens: Lens, report: PageReport, first: int, seen: Seen, data: bytes, *, verified: bool
) -> ReadToken | None:  # fmt: skip
    """Hold a request token against the header and the key's history; give its claims, None if it is no token.

    `verified` says that these very bytes were verified before, for another group of lines.
    """
    try:
        token = read_token(data)
    except AuditError as error:
        report.find("evidence_invalid", first, error.code)
        return None
    header = seen.header
    if token.aud != lens.origin:
        report.find("author", first, "aud")
    elif token.jti != header.command:
        report.find("author", first, "jti")
    elif token.iss != header.party or token.kid != header.key or token.seq != header.author_seq:
        report.find("author", first, "iss, kid or seq")
    seconds = lens.seconds(header.recorded_at)
    if seconds is not None and abs(token.iat - seconds) > SKEW_S_MAX:
        report.find("late", first, f"{round(seconds - token.iat)} s")
    history = _check_key(lens, report, first, header.recorded_at, token.kid)
    if history is None:
        return token
    holder = history.holder
    personal = holder.startswith("agent:")
    agent = token.sub if token.sub is not None or not personal else holder
    if header.agent != agent or (holder != agent if personal else holder != header.party):
        report.find("author", first, "sub or holder")
    elif history.registrar not in {header.party, lens.context.operator}:
        report.find("author", first, "another party registered the key")
    if agent is not None and not personal:
        report.find("on_behalf", first)
    if not verified:
        _check_signature(lens, report, first, token)
    return token


def _check_key(lens: Lens, report: PageReport, first: int, recorded_at: str, name: str) -> KeyHistory | None:
    """Check that a key was registered before the save, and not ended before it."""
    history = lens.context.keys.get(name)
    if history is None or history.registered >= first:
        report.find("key_unknown", first, name)
        return None
    if history.ended is not None and history.ended < first:
        report.find("key_ended", first, name)
    if history.compromised_since is not None and recorded_at >= history.compromised_since:
        report.find("contested", first, name)
    return history


def _check_signature(lens: Lens, report: PageReport, first: int, token: ReadToken | jws.Compact) -> None:
    public = lens.public(token.kid)
    try:
        if public is None:
            report.find("key_unknown", first, token.kid)
        else:
            public.verify(token.alg, token.signed, token.signature)
    except AuditError as error:
        report.find("signature", first, error.code)


def check_offline(lens: Lens, report: PageReport, first: int, seen: Seen, data: bytes) -> None:
    """Check a statement signed off line by a registered key and carried by the request."""
    try:
        compact = jws.parse(data)
    except AuditError as error:
        report.find("evidence_invalid", first, error.code)
        return
    if _check_key(lens, report, first, seen.header.recorded_at, compact.kid) is not None:
        _check_signature(lens, report, first, compact)


def check_registration(lens: Lens, report: PageReport, seen: Seen) -> None:
    """Check that a key registered by a request proves that its holder has it."""
    said, holder = seen.body["said"], seen.body["found"].get("holder")
    if said is None:
        return
    try:
        public = keys.from_jwk(said["public"])
        check_possession(said["proof"], origin=lens.origin, holder=holder, public=public, kid=seen.header.stream)
    except (AuditError, KeyError, TypeError, AttributeError) as error:
        report.find("possession", seen.row.position, getattr(error, "code", "members"))


def check_handover(lens: Lens, report: PageReport, seen: Seen, *, by_request: bool) -> None:
    """Check that a ledger key was handed on by an administrator's request, and signed by the key it replaces."""
    said, position = seen.body["said"], seen.row.position
    if not by_request:
        report.find("key_rotation", position, "not by a request")
        return
    try:
        before = lens.ledger_keys(str(said["use"]), position)
        used = {key for keys_ in before for key in keys_}
        check_rotation(said, origin=lens.origin, old=before[-1] if before else (), used=used)
    except AuditError as error:
        report.find("key_rotation", position, error.code)
    except (KeyError, TypeError, AttributeError):
        report.find("key_rotation", position, "members")


# ------------------------------------------------------------------------------------------------ the first save


def check_opening(lens: Lens, report: PageReport, events: Sequence[Seen], data: bytes) -> None:
    """Check save 1: its four events, and the administrator's statement over origin and ledger keys.

    A ledger that goes on from another has a fifth, which the statement covers too (`audit.continuing`).
    """
    first = events[0].row.position
    wrong = _opening(lens, events, data)
    if first != 1 or wrong is not None:
        report.find("genesis", first, wrong or "position")


def _opening(lens: Lens, events: Sequence[Seen], data: bytes) -> str | None:
    """Give what is wrong with the first save, None if nothing is."""
    types = tuple(seen.header.type for seen in events)
    if types not in {_OPENING, (*_OPENING, _CONTINUED)}:
        return "types"
    header, founds = events[0].header, [seen.body["found"] for seen in events]
    streams = ("ledger", header.party, header.agent, header.key, "ledger")
    if tuple(seen.header.stream for seen in events) != streams[: len(events)]:
        return "streams"
    versions = [2 if seen.header.type == _CONTINUED else 1 for seen in events]
    if [seen.header.version for seen in events] != versions:
        return "versions or times"
    if any(seen.header.effective_at != header.recorded_at for seen in events):
        return "versions or times"
    if any(seen.body["said"] is not None for seen in events):
        return "said"
    if any(found.get("because") != {"stream": "ledger", "version": 1} for found in founds[1:]):
        return "because"
    try:
        return _opened(lens, header, founds, data)
    except AuditError as error:
        return error.code
    except (KeyError, TypeError, AttributeError):
        return "members"


def _opened(lens: Lens, header: Header, founds: Sequence[Mapping[str, Any]], data: bytes) -> str | None:
    opened, party, agent, key, *more = founds
    continued: Continued | None = None
    if more:
        continued = read_continued({name: value for name, value in more[0].items() if name != "because"}, lens.origin)
    scripted = is_scripted(lens.origin)
    if opened["origin"] != lens.origin or (opened["clock"] == "scripted") is not scripted:
        return "origin or clock"
    if "table" in opened and opened["actions"] != Table.from_json(opened["table"]).digest:
        return "actions"
    if party["kind"] != "operator" or agent["party"] != header.party or key["holder"] != header.agent:
        return "operator"
    check_init_statement(
        data, origin=lens.origin, receipt=opened["receipt"], checkpoint=opened["checkpoint"],
        public=keys.from_jwk(key["public"]), kid=str(header.key),
        continues=None if continued is None else continued.digest(),
    )  # fmt: skip
    return None


# ------------------------------------------------------------------------------------------- timers and map roots


def timer_command(origin: str, topic: str, stream: str, due: str) -> str:
    """Give the command id of a timer: UUIDv5 of canonical [type, stream, due] in UUIDv5(nil, origin)."""
    name = canonical.encode([topic, stream, due]).decode()
    return str(uuid.uuid5(uuid.uuid5(_NIL, origin), name))


def check_timer(
    lens: Lens, report: PageReport, events: Sequence[Seen], data: bytes
) -> tuple[str | None, Sequence[Seen]]:  # fmt: skip
    """Check that a timer's statement is the one for this save: type, stream, due, rule, command, author.

    Give the statement's stream, and the events that it does not state: another event of the save caused them.
    """
    first, header = events[0].row.position, events[0].header
    try:
        statement: Any = read_canonical(data)
    except CanonicalError as error:
        report.find("timer", first, error.code)
        return None, ()
    if not isinstance(statement, dict) or statement.keys() != {"due", "rule", "stream", "type"}:
        report.find("timer", first, "members")
        return None, ()
    if not all(isinstance(value, str) for value in statement.values()) or lens.seconds(statement["due"]) is None:
        report.find("timer", first, "members")
        return None, ()
    due, stream = statement["due"], statement["stream"]
    if (header.party, header.agent, header.key, header.author_seq) != (lens.context.operator, None, None, None):
        report.find("author", first, "timer")
    if header.command != timer_command(lens.origin, statement["type"], stream, due):
        report.find("timer", first, "command")
    if due > header.recorded_at:
        report.find("timer", first, "recorded before it was due")
    others = [seen for seen in events if not _is_stated(seen, statement)]
    if others and others[0] is events[0]:
        report.find("timer", first, "another event")
    return stream, others


def _is_stated(seen: Seen, statement: Mapping[str, str]) -> bool:
    header, body, due = seen.header, seen.body, statement["due"]
    found = body["found"]
    return (
        (header.type, header.stream) == (statement["type"], statement["stream"])
        and (found.get("due"), found.get("rule")) == (due, statement["rule"])
        and header.effective_at in {due, header.recorded_at}
        and body["said"] is None
    )


def read_root(lens: Lens, report: PageReport, seen: Seen) -> Root | None:
    """Check a map root's header; give what it states, None if it states nothing."""
    header, found = seen.header, seen.body["found"]
    position = seen.row.position
    author = (header.party, header.agent, header.key, header.author_seq, header.command)
    if (header.type, header.stream) != ("map.Rooted", "map"):
        report.find("evidence_missing", position, "none is named")
        return None
    if author != (lens.context.operator, None, None, None, None) or header.effective_at != header.recorded_at:
        report.find("author", position, "map root")
    size, root, count = (found.get(name) for name in ("size", "root", "count"))
    if type(size) is not int or type(count) is not int or not isinstance(root, str) or size != position - 1:
        report.find("map_root", position, "members")
        return None
    return Root(position, size, root, count)


def digest_of(found: Mapping[str, Any]) -> str | None:
    """Give the digest of a published table in `found`; None when it holds none."""
    try:
        return sha256(canonical.encode(found["table"])).hexdigest()
    except (KeyError, CanonicalError):
        return None
