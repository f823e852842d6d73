"""One small change to what is stored, anywhere: what a verification must never let pass."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

from audit.merkle import leaf_hash
from audit.pages import CommandRow, EventRow
from tests.support.stored import Stored

Mutant = Callable[[Stored, random.Random], str]
"""Changes a ledger in place and says what of it was changed; empty when there was nothing to change."""


def copied(stored: Stored) -> Stored:
    """Give a copy whose lists and dicts can be changed; rows are immutable."""
    return replace(
        stored, events=list(stored.events), receipts=list(stored.receipts), evidence=dict(stored.evidence),
        commands={name: list(rows) for name, rows in stored.commands.items()},
        lines={name: list(rows) for name, rows in stored.lines.items()}, hashes=dict(stored.hashes),
        sealed=dict(stored.sealed),
    )  # fmt: skip


def flipped(data: bytes, rnd: random.Random) -> bytes:
    """Give the bytes with one bit turned."""
    at = rnd.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rnd.randrange(8)]) + data[at + 1 :]


def spoiled(text: str) -> Iterator[str]:
    """Give the text with one letter changed by a bit, dropped or doubled, each of them in turn."""
    rnd = random.Random(5)
    for i, letter in enumerate(text):
        yield f"{text[:i]}{chr(ord(letter) ^ 1 << rnd.randrange(7))}{text[i + 1 :]}"
        yield f"{text[:i]}{text[i + 1 :]}"
        yield f"{text[:i]}{letter}{text[i:]}"


def _other(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return f"{value}x" if isinstance(value, str) else 1 if value is None else value + 1


def _event(stored: Stored, at: int, **changes: Any) -> None:  # noqa: ANN401 - columns of a row
    stored.events[at] = EventRow(**(stored.events[at]._asdict() | changes))


def event_bytes(stored: Stored, rnd: random.Random) -> str:
    """Turn a bit of a header, body or leaf."""
    at, name = rnd.randrange(len(stored.events)), rnd.choice(["header", "body", "leaf"])
    _event(stored, at, **{name: flipped(getattr(stored.events[at], name), rnd)})
    return name


def event_column(stored: Stored, rnd: random.Random) -> str:
    """Change a copy of a header's member."""
    at, name = rnd.randrange(len(stored.events)), rnd.choice(["stream", "version", "seq", "type", "recorded_at"])
    _event(stored, at, **{name: _other(getattr(stored.events[at], name))})
    return "column"


def frontier(stored: Stored, rnd: random.Random) -> str:
    """Turn a bit of a stored edge of the tree."""
    at = rnd.choice([index for index, row in enumerate(stored.events) if row.frontier])
    _event(stored, at, frontier=flipped(stored.events[at].frontier or b"", rnd))
    return "edge"


def event_gone(stored: Stored, rnd: random.Random) -> str:
    """Delete an event that is not the last: a log cut where a save ends is whole to whoever knows no checkpoint."""
    del stored.events[rnd.randrange(len(stored.events) - 1)]
    return "event gone"


def events_swapped(stored: Stored, rnd: random.Random) -> str:
    """Swap header, body and leaf of two events; their rows keep their places."""
    one, other = rnd.sample(range(len(stored.events)), 2)
    a, b = stored.events[one], stored.events[other]
    _event(stored, one, header=b.header, body=b.body, leaf=b.leaf)
    _event(stored, other, header=a.header, body=a.body, leaf=a.leaf)
    return "events swapped"


def bodies_swapped(stored: Stored, rnd: random.Random) -> str:
    """Swap the bodies of two events."""
    one, other = rnd.sample(range(len(stored.events)), 2)
    a, b = stored.events[one].body, stored.events[other].body
    _event(stored, one, body=b)
    _event(stored, other, body=a)
    return "bodies swapped"


def receipt(stored: Stored, rnd: random.Random) -> str:
    """Change a receipt's text, range, or take it away."""
    at = rnd.randrange(len(stored.receipts))
    row, name = stored.receipts[at], rnd.choice(["first", "events", "note", ""])
    if not name:
        del stored.receipts[at]
    elif name == "note":
        place = rnd.randrange(len(row.note))
        other = chr(ord(row.note[place]) ^ 1)
        stored.receipts[at] = row._replace(note=f"{row.note[:place]}{other}{row.note[place + 1 :]}")
    else:
        step = rnd.choice([-1, 1])
        stored.receipts[at] = row._replace(**{name: getattr(row, name) + step})
        return f"receipt: {name} {'less' if step < 0 else 'more'}"
    return f"receipt: {name or 'gone'}"


def evidence(stored: Stored, rnd: random.Random) -> str:
    """Turn a bit of a piece of evidence, change its kind, or take it away."""
    digest, how = rnd.choice(list(stored.evidence)), rnd.randrange(3)
    kind, data = stored.evidence[digest]
    if how == 0:
        del stored.evidence[digest]
    else:
        stored.evidence[digest] = (kind, flipped(data, rnd)) if how == 1 else (f"{kind}x", data)
    return f"evidence: {'changed' if how else 'gone'}"


def command(stored: Stored, rnd: random.Random) -> str:
    """Change a stored command, or take it away."""
    rows = stored.commands[rnd.choice(list(stored.commands))]
    at = rnd.randrange(len(rows))
    first, row = rows[at]
    names = ["group", "request", "groups", "first_line", "last_line", "events", "recorded_at", ""]
    name = rnd.choice(names)
    if name:
        rows[at] = (first, CommandRow(**(row._asdict() | {name: _other(getattr(row, name))})))
    else:
        del rows[at]
    return f"command: {name or 'gone'}"


def line(stored: Stored, rnd: random.Random) -> str:
    """Change a request or line, its hash, or take one of the two away."""
    rows = stored.lines[rnd.choice(list(stored.lines))]
    at, how = rnd.randrange(len(rows)), rnd.randrange(4)
    row = rows[at]
    if how == 0:
        del rows[at]
    elif how == 1:
        rows[at] = row._replace(digest=flipped(row.digest, rnd))
    elif row.data is None:
        return ""
    else:
        rows[at] = row._replace(data=flipped(row.data, rnd)) if how == 2 else row._replace(data=None, state="gone")
    return f"line: {('row gone', 'hash', 'bytes', 'bytes gone')[how]}"


def hashes(stored: Stored, rnd: random.Random) -> str:
    """Turn a bit of the hashes of a request's lines, cut one off, add one, or take them away."""
    name, how = rnd.choice(list(stored.hashes)), rnd.randrange(4)
    kept = stored.hashes[name]
    if how == 0:
        del stored.hashes[name]
    else:
        stored.hashes[name] = flipped(kept, rnd) if how == 1 else kept[:-32] if how == 2 else kept + kept[-32:]
    return f"hashes: {('gone', 'bit', 'number', 'number')[how]}"


def line_rewritten(stored: Stored, rnd: random.Random) -> str:
    """Write another line in an author's place, and all its hashes with it; only the root is signed."""
    name = rnd.choice(list(stored.hashes))
    rows, kept = stored.lines[name], stored.hashes[name]
    at = rnd.randrange(len(rows))
    data = rows[at].data
    if data is None:
        return ""
    forged = data.replace(b'"salt":"', b'"salt":"00', 1)
    digest = leaf_hash(forged)
    rows[at] = rows[at]._replace(data=forged, digest=digest)
    place = 32 * (rows[at].line - 1)
    stored.hashes[name] = kept[:place] + digest + kept[place + 32 :]
    return "line rewritten"


def sealed(stored: Stored, rnd: random.Random) -> str:
    """Change what a sealed value opens to, whose it is, or take it away."""
    digest, how = rnd.choice(list(stored.sealed)), rnd.randrange(3)
    row = stored.sealed[digest]
    if how == 0:
        del stored.sealed[digest]
    else:
        stored.sealed[digest] = row._replace(plain=flipped(row.plain or b"-", rnd)) if how == 1 else row._replace(
            person="person:00000000-0000-4000-8000-000000000000"
        )  # fmt: skip
    return f"sealed: {('gone', 'value', 'person')[how]}"


MUTANTS: Final[Sequence[Mutant]] = (
    event_bytes, event_column, frontier, event_gone, events_swapped, bodies_swapped, receipt, evidence, command, line,
    hashes, line_rewritten, sealed,
)  # fmt: skip
"""All of them; what they do not change is not authenticated: the words of a refused line, sources, a caller's clock."""

ALONE: Final = {
    "leaf": {"leaf"}, "column": {"columns"}, "edge": {"frontier"}, "receipt: gone": {"receipt_missing"},
    "receipt: note": {"receipt"}, "evidence: changed": {"evidence_digest"}, "evidence: gone": {"evidence_missing"},
    "command: group": {"command"}, "command: request": {"command"}, "command: groups": {"command"},
    "command: events": {"command"}, "command: recorded_at": {"command"}, "line: hash": {"request_digest"},
    "line: bytes": {"request_digest"}, "line: bytes gone": {"request_missing"}, "hashes: gone": {"request_missing"},
    "hashes: bit": {"request_digest"}, "hashes: number": {"request_missing"}, "line rewritten": {"request_digest"},
    "sealed: gone": {"sealed_missing"}, "sealed: value": {"sealed_value"}, "sealed: person": {"sealed_value"},
}  # fmt: skip
"""What a verification finds of a change, and nothing else."""
AMONG: Final = {
    "header": {"frontier", "leaf"}, "body": {"body_digest"}, "event gone": {"frontier", "position_gap", "receipt"},
    "events swapped": {"columns", "frontier", "position", "receipt"}, "bodies swapped": {"body_digest"},
    "receipt: first less": {"receipt_missing"}, "receipt: first more": {"receipt_missing"},
    "receipt: events less": {"receipt_missing"}, "receipt: events more": {"receipt"},
    "command: first_line": {"command"}, "command: last_line": {"command"}, "command: gone": {"command_missing"},
    "line: row gone": {"request_missing"},
}  # fmt: skip
"""What it finds of a change that others follow from, which depend on what stood there."""


def is_told(what: str, codes: AbstractSet[str], unseen: AbstractSet[str] = frozenset()) -> bool:
    """Say whether the codes that were found are those of a change; `unseen` are not looked for."""
    if what in ALONE:
        return codes == ALONE[what] - unseen
    return AMONG[what] - unseen <= codes
