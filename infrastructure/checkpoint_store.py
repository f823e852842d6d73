"""Checkpoints as they are stored: what was published, by whom it was signed since, and when it was stamped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from audit.heads import SIZE_MAX
from audit.note import split_note
from audit.policy import Policy
from audit.signatures import parse_line

_CHECKPOINT = "SELECT size, root, note, made_at FROM checkpoints"


class Published(NamedTuple):
    """A published checkpoint: size, root, the note it was first published with, the ledger's time then."""

    size: int
    root: bytes
    note: str
    made_at: str


class Signing(NamedTuple):
    """A signature line added later: by which key, and the seconds since 1970 that it states (0: none)."""

    name: str
    key_id: bytes
    signed_at: int
    line: str


def latest(connection: psycopg.Connection) -> Published | None:
    """Give the checkpoint of the greatest size."""
    return _one(connection, f"{_CHECKPOINT} ORDER BY size DESC LIMIT 1", ())


def at_size(connection: psycopg.Connection, size: int) -> Published | None:
    """Give the checkpoint of this very size."""
    return _one(connection, f"{_CHECKPOINT} WHERE size = %s", (size,))


def first_over(connection: psycopg.Connection, position: int) -> Published | None:
    """Give the first checkpoint that covers a position: the one that its proof is made for, whenever it is asked."""
    return _one(connection, f"{_CHECKPOINT} WHERE size >= %s ORDER BY size LIMIT 1", (position,))


def last_made_until(connection: psycopg.Connection, size: int) -> Published | None:
    """Give the greatest checkpoint of at most this size."""
    return _one(connection, f"{_CHECKPOINT} WHERE size <= %s ORDER BY size DESC LIMIT 1", (size,))


def everyone(connection: psycopg.Connection, page: int = 1_000) -> Iterator[Published]:
    """Give all checkpoints in order of size, in short statements."""
    size = 0
    while rows := connection.execute(f"{_CHECKPOINT} WHERE size > %s ORDER BY size LIMIT %s", (size, page)).fetchall():
        for row in rows:
            yield Published(row[0], bytes(row[1]), row[2], row[3])
        size = rows[-1][0]


def _one(connection: psycopg.Connection, query: str, parameters: Sequence[Any]) -> Published | None:
    found = connection.execute(query, parameters).fetchone()
    return None if found is None else Published(found[0], bytes(found[1]), found[2], found[3])


def store(connection: psycopg.Connection, made: Published) -> None:
    """Insert a checkpoint. Raises psycopg.errors.UniqueViolation where one of its size was published."""
    connection.execute(
        "INSERT INTO checkpoints (size, root, note, made_at) VALUES (%s, %s, %s, %s)", tuple(made)
    )  # fmt: skip


def store_signing(connection: psycopg.Connection, size: int, signing: Signing) -> None:
    """Insert a later signature of a checkpoint; one that is there already stays as it is."""
    connection.execute(
        "INSERT INTO checkpoint_signatures (size, name, key_id, signed_at, line) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (size, *signing),
    )


def store_stamp(connection: psycopg.Connection, size: int, authority: str, token: bytes, made_at: str) -> None:
    """Insert an RFC 3161 time stamp over a checkpoint's note; one that is there already stays as it is."""
    connection.execute(
        "INSERT INTO checkpoint_stamps (size, authority, token, made_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (size, authority, token, made_at),
    )


def stamps(connection: psycopg.Connection, size: int) -> list[tuple[str, bytes, str]]:
    """Give authority, response in DER and the authority's time of each stamp over a checkpoint."""
    rows = connection.execute(
        "SELECT authority, token, made_at FROM checkpoint_stamps WHERE size = %s ORDER BY authority", (size,)
    ).fetchall()
    return [(authority, bytes(token), made_at) for authority, token, made_at in rows]


def signings(connection: psycopg.Connection, size: int) -> list[Signing]:
    """Give the newest later signature of each key, oldest first."""
    rows = connection.execute(
        "SELECT DISTINCT ON (name, key_id) name, key_id, signed_at, line FROM checkpoint_signatures WHERE size = %s"
        " ORDER BY name, key_id, signed_at DESC",
        (size,),
    ).fetchall()
    found = [Signing(name, bytes(key_id), signed_at, line) for name, key_id, signed_at, line in rows]
    return sorted(found, key=lambda each: (each.signed_at, each.name))


def sizes_signed_over(connection: psycopg.Connection, position: int, names: Sequence[str], limit: int) -> list[int]:
    """Give the least sizes over a position, at most `limit`, to which a signature by one of these names was added."""
    query = (
        "SELECT DISTINCT size FROM checkpoint_signatures WHERE size >= %s AND name = ANY (%s) ORDER BY size LIMIT %s"
    )
    return [size for (size,) in connection.execute(query, (position, list(names), limit))]


def last_sizes_signed(connection: psycopg.Connection, position: int, names: Sequence[str], limit: int) -> list[int]:
    """Give the greatest sizes over a position with such signatures, the greatest first."""
    query = (
        "SELECT DISTINCT size FROM checkpoint_signatures WHERE size >= %s AND name = ANY (%s)"
        " ORDER BY size DESC LIMIT %s"
    )
    return [size for (size,) in connection.execute(query, (position, list(names), limit))]


def is_signed_beyond(connection: psycopg.Connection, size: int, names: Sequence[str]) -> bool:
    """Say whether a signature by one of these names was added to a checkpoint above a size."""
    query = "SELECT EXISTS (SELECT FROM checkpoint_signatures WHERE size > %s AND name = ANY (%s))"
    row = connection.execute(query, (size, list(names))).fetchone()
    return row is not None and bool(row[0])


def every_signing(connection: psycopg.Connection, size: int) -> list[Signing]:
    """Give all later signatures of a checkpoint, those that newer ones replaced too."""
    rows = connection.execute(
        "SELECT name, key_id, signed_at, line FROM checkpoint_signatures WHERE size = %s ORDER BY signed_at, name",
        (size,),
    ).fetchall()
    return [Signing(name, bytes(key_id), signed_at, line) for name, key_id, signed_at, line in rows]


def last_signing(
    connection: psycopg.Connection, name: str, key_id: bytes, most: int = SIZE_MAX
) -> tuple[int, int] | None:  # fmt: skip
    """Give the greatest size, up to `most`, that a key signed later, and the time it last stated for it."""
    return connection.execute(
        "SELECT size, signed_at FROM checkpoint_signatures WHERE name = %s AND key_id = %s AND size <= %s"
        " ORDER BY size DESC, signed_at DESC LIMIT 1",
        (name, key_id, most),
    ).fetchone()


def last_cosigned(connection: psycopg.Connection, policy: Policy, most: int) -> int | None:
    """Give the greatest size, up to `most`, that enough witnesses of a policy signed later, as the lines' names say.

    One pass down the index from `most`, however witnesses alternate. The policy MUST have a quorum.
    """
    query = sql.SQL(
        "SELECT size FROM checkpoint_signatures WHERE size <= {} GROUP BY size HAVING {} ORDER BY size DESC LIMIT 1"
    )
    found = connection.execute(query.format(sql.Literal(most), _quorum(policy))).fetchone()
    return None if found is None else int(found[0])


def _quorum(policy: Policy) -> sql.Composable:
    """Say of the signatures of one size whether they make the quorum, as `Policy.is_satisfied` does of names."""
    met: dict[str, sql.Composable] = {
        witness.name: sql.SQL("bool_or(name = {} AND key_id = {})").format(
            sql.Literal(witness.verifier.name), sql.Literal(witness.verifier.key_id)
        )
        for witness in policy.witnesses
    }
    for group in policy.groups:
        members = sql.SQL(" + ").join(sql.SQL("({})::int").format(met[member]) for member in group.members)
        met[group.name] = sql.SQL("{} >= {}").format(members, sql.Literal(group.threshold))
    return met[policy.quorum]


def cosigned(connection: psycopg.Connection, published: Published) -> str:
    """Give the note with the newest signature of each key: later ones replace those it was first published with."""
    later = signings(connection, published.size)
    again = {(each.name, each.key_id) for each in later}
    text, lines = split_note(published.note)
    kept = [line for line in lines if parse_line(line)[:2] not in again]
    return "\n".join([text, *kept, *(each.line for each in later), ""])
