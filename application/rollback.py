"""The rollback guard: before anything is signed, hold what this log is against what others have seen of it.

A restored backup, a lagging standby and a cloned database all look sound from inside. Only what has left the house can
tell: published checkpoints, each witness's copy, the last checkpoint kept beside the keys. A log that is behind any of
them, or contradicts one, would sign a second history with its next receipt. Research §4, threats T3 and T10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from application.errors import RolledBack
from audit.errors import AuditError, NoteError
from audit.heads import Head, open_head
from audit.merkle import verify_consistency
from audit.note import Verifier

__all__ = ["Finding", "Guarded", "OwnLog", "Statement", "guard", "read_head", "refuse_rollback"]

Kind = Literal["ahead", "inconsistent", "unreadable", "silent"]
"""Ahead: somebody has seen more than is here. Inconsistent: somebody has seen another history. Unreadable: what was
given is not signed by this log, and says nothing. Silent: nothing was given by somebody who was asked."""

STOPS: Final[frozenset[str]] = frozenset({"ahead", "inconsistent"})


@dataclass(frozen=True, slots=True)
class OwnLog:
    """The log as it lies here: origin, committed size and root, and the path from one size to a later one.

    `consistency(old, new)` computes the path of RFC 9162 §2.1.4.1 from the stored leaves, for 0 < old < new ≤ size.
    """

    origin: str
    size: int
    root: bytes
    consistency: Callable[[int, int], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a source says of this log: a checkpoint's note, or None where it gave none, and `why`.

    `source` names it for people, anyone among them: a witness's URL, “published”, never a path of this machine.
    `head` is what a process of this ledger saw itself, kept beside the keys; it needs no signature.
    """

    source: str
    note: str | None
    why: str = ""
    head: Head | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a source says that is not simply an earlier state of this log."""

    kind: Kind
    source: str
    size: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the guard found; `confirmed` are the sources that hold an earlier or the present state of this very log.

    The log may go on when `ok`. Who wants no start while sources are silent looks at `confirmed` as well.
    """

    findings: tuple[Finding, ...]
    confirmed: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nobody has seen more, or something else, than is here."""
        return not any(each.kind in STOPS for each in self.findings)


def guard(own: OwnLog, statements: Iterable[Statement], log: Sequence[Verifier]) -> Guarded:
    """Compare the log with every statement that it signed itself; `log` are its checkpoint keys, old ones included.

    A statement that the log did not sign stops nothing, or anyone could stop the ledger; it is reported.
    """
    findings: list[Finding] = []
    confirmed: list[str] = []
    heads: list[tuple[str, Head]] = []
    for each in statements:
        read = read_head(own, each, log)
        if isinstance(read, Finding):
            findings.append(read)
            continue
        found = _among_themselves(each.source, read, heads) or _compare(own, each.source, read)
        if found is None:
            confirmed.append(each.source)
        else:
            findings.append(found)
        heads.append((each.source, read))
    return Guarded(tuple(findings), tuple(confirmed))


def refuse_rollback(own: OwnLog, guarded: Guarded) -> None:
    """Raise RolledBack with all that was seen, unless the log may go on.

    Its details: `size`, `seen` (the greatest size held by one that stops us) and `findings`, each with its members.
    """
    if guarded.ok:
        return
    stops = [each for each in guarded.findings if each.kind in STOPS]
    seen = max(each.size or 0 for each in stops)
    told = "; ".join(f"{each.source}: {each.size} events ({each.kind})" for each in stops)
    raise RolledBack(
        f"this log of {own.size} events is not what others have seen: {told}; see `liftledger recover`",
        size=own.size, seen=seen,
        findings=[
            {"kind": each.kind, "source": each.source, "size": each.size, "detail": each.detail} for each in stops
        ],
    )  # fmt: skip


def read_head(own: OwnLog, statement: Statement, log: Sequence[Verifier]) -> Head | Finding:
    """Give the head of this log that a statement holds, or why it holds none."""
    if statement.head is not None:
        return statement.head
    if statement.note is None:
        return Finding("silent", statement.source, detail=statement.why)
    try:
        head = open_head(statement.note, log)
    except NoteError as refused:
        return Finding("unreadable", statement.source, detail=refused.code)
    if head.origin != own.origin:
        return Finding("unreadable", statement.source, head.size, f"it is about {head.origin}")
    return head


def _compare(own: OwnLog, source: str, head: Head) -> Finding | None:
    """Hold a signed head against the log as it lies here."""
    if head.size > own.size:
        return Finding("ahead", source, head.size, f"{head.size - own.size} events are missing here")
    try:
        path = own.consistency(head.size, own.size) if 0 < head.size < own.size else ()
        verify_consistency(head.size, own.size, path, head.root, own.root)
    except AuditError as refused:
        return Finding("inconsistent", source, head.size, refused.code)
    return None


def _among_themselves(source: str, head: Head, others: Sequence[tuple[str, Head]]) -> Finding | None:
    """Two sources with two roots for one size: the log signed both, whatever it is now."""
    for other, seen in others:
        if seen.size == head.size and seen.root != head.root:
            return Finding("inconsistent", source, head.size, f"another root than {other} has")
    return None
