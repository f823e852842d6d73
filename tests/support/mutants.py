"""One small change to what is stored, anywhere: what a verification must never let pass."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from audit.merkle import leaf_hash
from audit.pages import CommandRow, EventRow
from tests.support.stored import Stored

Mutant = Callable[[Stored, random.Random], bool]
"""Changes a ledger in place; False when there was nothing to change."""


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


def _event(stored: Stored, at: int, **changes: Any) -> bool:  # noqa: ANN401 - columns of a row
    stored.events[at] = EventRow(**(stored.events[at]._asdict() | changes))
    return True


def event_bytes(stored: Stored, rnd: random.Random) -> bool:
    """Turn a bit of a header, body or leaf."""
    at, name = rnd.randrange(len(stored.events)), rnd.choice(["header", "body", "leaf"])
    return _event(stored, at, **{name: flipped(getattr(stored.events[at], name), rnd)})


def event_column(stored: Stored, rnd: random.Random) -> bool:
    """Change a copy of a header's member."""
    at, name = rnd.randrange(len(stored.events)), rnd.choice(["stream", "version", "seq", "type", "recorded_at"])
    return _event(stored, at, **{name: _other(getattr(stored.events[at], name))})


def frontier(stored: Stored, rnd: random.Random) -> bool:
    """Turn a bit of a stored edge of the tree."""
    at = rnd.choice([index for index, row in enumerate(stored.events) if row.frontier])
    return _event(stored, at, frontier=flipped(stored.events[at].frontier or b"", rnd))


def event_gone(stored: Stored, rnd: random.Random) -> bool:
    """Delete an event that is not the last: a log cut where a save ends is whole to whoever knows no checkpoint."""
    del stored.events[rnd.randrange(len(stored.events) - 1)]
    return True


def events_swapped(stored: Stored, rnd: random.Random) -> bool:
    """Swap header, body and leaf of two events; their rows keep their places."""
    one, other = rnd.sample(range(len(stored.events)), 2)
    a, b = stored.events[one], stored.events[other]
    _event(stored, one, header=b.header, body=b.body, leaf=b.leaf)
    return _event(stored, other, header=a.header, body=a.body, leaf=a.leaf)


def bodies_swapped(stored: Stored, rnd: random.Random) -> bool:
    """Swap the bodies of two events."""
    one, other = rnd.sample(range(len(stored.events)), 2)
    a, b = stored.events[one].body, stored.events[other].body
    return _event(stored, one, body=b) and _event(stored, other, body=a)


def receipt(stored: Stored, rnd: random.Random) -> bool:
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
        stored.receipts[at] = row._replace(**{name: getattr(row, name) + rnd.choice([-1, 1])})
    return True


def evidence(stored: Stored, rnd: random.Random) -> bool:
    """Turn a bit of a piece of evidence, change its kind, or take it away."""
    digest, how = rnd.choice(list(stored.evidence)), rnd.randrange(3)
    kind, data = stored.evidence[digest]
    if how == 0:
        del stored.evidence[digest]
    else:
        stored.evidence[digest] = (kind, flipped(data, rnd)) if how == 1 else (f"{kind}x", data)
    return True


def command(stored: Stored, rnd: random.Random) -> bool:
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
    return True


def line(stored: Stored, rnd: random.Random) -> bool:
    """Change a request or line, its hash, or take one of the two away."""
    rows = stored.lines[rnd.choice(list(stored.lines))]
    at, how = rnd.randrange(len(rows)), rnd.randrange(4)
    row = rows[at]
    if how == 0:
        del rows[at]
    elif how == 1:
        rows[at] = row._replace(digest=flipped(row.digest, rnd))
    elif row.data is None:
        return False
    else:
        rows[at] = row._replace(data=flipped(row.data, rnd)) if how == 2 else row._replace(data=None, state="gone")
    return True


def hashes(stored: Stored, rnd: random.Random) -> bool:
    """Turn a bit of the hashes of a request's lines, cut one off, add one, or take them away."""
    name, how = rnd.choice(list(stored.hashes)), rnd.randrange(4)
    kept = stored.hashes[name]
    if how == 0:
        del stored.hashes[name]
    else:
        stored.hashes[name] = flipped(kept, rnd) if how == 1 else kept[:-32] if how == 2 else kept + kept[-32:]
    return True


def line_rewritten(stored: Stored, rnd: random.Random) -> bool:
    """Write another line in an author's place, and all its hashes with it; only the root is signed."""
    name = rnd.choice(list(stored.hashes))
    rows, kept = stored.lines[name], stored.hashes[name]
    at = rnd.randrange(len(rows))
    data = rows[at].data
    if data is None:
        return False
    forged = data.replace(b'"salt":"', b'"salt":"00', 1)
    digest = leaf_hash(forged)
    rows[at] = rows[at]._replace(data=forged, digest=digest)
    place = 32 * (rows[at].line - 1)
    stored.hashes[name] = kept[:place] + digest + kept[place + 32 :]
    return True


def sealed(stored: Stored, rnd: random.Random) -> bool:
    """Change what a sealed value opens to, whose it is, or take it away."""
    digest, how = rnd.choice(list(stored.sealed)), rnd.randrange(3)
    row = stored.sealed[digest]
    if how == 0:
        del stored.sealed[digest]
    else:
        stored.sealed[digest] = row._replace(plain=flipped(row.plain or b"-", rnd)) if how == 1 else row._replace(
            person="person:00000000-0000-4000-8000-000000000000"
        )  # fmt: skip
    return True


MUTANTS: Final[Sequence[Mutant]] = (
    event_bytes, event_column, frontier, event_gone, events_swapped, bodies_swapped, receipt, evidence, command, line,
    hashes, line_rewritten, sealed,
)  # fmt: skip
"""All of them; what they do not change is not authenticated: the words of a refused line, sources, a caller's clock."""
