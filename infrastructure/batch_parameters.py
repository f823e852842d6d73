"""A part of a settled batch as the parameters of the functions that append it, in PostgreSQL's binary format."""

from __future__ import annotations

from infrastructure import wire
from infrastructure.settling import Part

__all__ = ["APPEND_TYPES", "HASHES_TYPES", "PLACE_TYPES", "append_parameters", "hashes_parameters", "place_parameters"]


def _append_types() -> tuple[int, ...]:
    text, blob, small, big = wire.TEXT_ARRAY, wire.BYTEA_ARRAY, wire.INT4_ARRAY, wire.INT8_ARRAY
    return (
        wire.INT8, wire.TEXT, wire.BYTEA,
        text, small, small, text, blob, blob, blob,
        big, small, text,
        text, text, small, text, small, small, small, big, small, blob,
        blob, text, blob,
        text, text, small, blob, blob, text,
        blob, text, blob,
        text, blob,
        text, text, text, text, text,
    )  # fmt: skip


APPEND_TYPES = _append_types()
PLACE_TYPES = (
    wire.BYTEA_ARRAY, wire.TEXT_ARRAY, wire.TEXT_ARRAY, wire.INT4_ARRAY,
    wire.TEXT_ARRAY, wire.BYTEA_ARRAY, wire.TEXT_ARRAY, wire.BYTEA_ARRAY,
)  # fmt: skip
HASHES_TYPES = (wire.TEXT_ARRAY, wire.TEXT_ARRAY, wire.BYTEA_ARRAY)


def append_parameters(part: Part) -> list[bytes | None]:
    """Give the parameters of `ledger_append`."""
    return [
        wire.int8(part.first), part.recorded_at.encode(), part.frontier,
        *_events(part), *_receipts(part), *_commands(part), *_evidence(part), *_lines(part), *_sealed(part),
        *_keys(part), *_sources(part),
    ]  # fmt: skip


def _events(part: Part) -> list[bytes | None]:
    if not part.rows:
        return [None] * 7
    streams, versions, seqs, types, headers, bodies, leaves = zip(*part.rows, strict=True)
    return [
        wire.texts(streams), wire.int4s(versions), wire.int4s(seqs), wire.texts(types), wire.blobs(headers),
        wire.blobs(bodies), wire.blobs(leaves),
    ]  # fmt: skip


def _receipts(part: Part) -> list[bytes | None]:
    if not part.receipts:
        return [None] * 3
    firsts, counts, notes = zip(*part.receipts, strict=True)
    return [wire.int8s(firsts), wire.int4s(counts), wire.texts(notes)]


def _commands(part: Part) -> list[bytes | None]:
    rows = part.commands
    if not rows:
        return [None] * 10
    known = [row.command for row in rows]
    return [
        wire.texts([row.save.act.party for row in rows]),
        wire.texts([command.id for command in known]),
        wire.int4s([command.group or 0 for command in known]),
        wire.texts([f"{command.method} {command.uri} {command.digest}" for command in known]),
        wire.int4s([command.groups for command in known]),
        wire.int4s([command.first_line for command in known]),
        wire.int4s([command.last_line for command in known]),
        wire.int8s([row.first for row in rows]),
        wire.int4s([row.events for row in rows]),
        wire.blobs([row.save.outcome for row in rows]),
    ]


def _evidence(part: Part) -> list[bytes | None]:
    pieces = {piece.digest: piece for save in part.saves for piece in save.act.evidence}
    if not pieces:
        return [None] * 3
    return [
        wire.blobs([bytes.fromhex(digest) for digest in pieces]),
        wire.texts([piece.kind for piece in pieces.values()]),
        wire.blobs([piece.data for piece in pieces.values()]),
    ]


def _lines(part: Part) -> list[bytes | None]:
    lines = [
        (row.save.act.party, row.command.id, line) for row in part.commands for line in row.save.request
    ]  # fmt: skip
    if not lines:
        return [None] * 6
    return [
        wire.texts([party for party, _, _ in lines]),
        wire.texts([command for _, command, _ in lines]),
        wire.int4s([line.line or 0 for _, _, line in lines]),
        wire.blobs([bytes.fromhex(line.digest) for _, _, line in lines]),
        wire.blobs([line.data for _, _, line in lines]),
        wire.texts([" ".join(line.persons) for _, _, line in lines]),
    ]


def _sealed(part: Part) -> list[bytes | None]:
    values = [value for save in part.saves for value in save.sealed]
    if not values:
        return [None] * 3
    return [
        wire.blobs([bytes.fromhex(value.digest) for value in values]),
        wire.texts([value.person for value in values]),
        wire.blobs([value.ciphertext for value in values]),
    ]


def _keys(part: Part) -> list[bytes | None]:
    keys = dict(pair for save in part.saves for pair in save.subject_keys)
    return [wire.texts(list(keys)), wire.blobs(list(keys.values()))] if keys else [None] * 2


def place_parameters(part: Part) -> list[bytes | None]:
    """Give the parameters of `ledger_place`."""
    places = [place for save in part.saves for place in save.places]
    lookups = [lookup for save in part.saves for lookup in save.lookups]
    return [
        wire.blobs([bytes.fromhex(place.digest) for place in places]),
        wire.texts([place.person for place in places]),
        wire.texts([place.stream for place in places]),
        wire.int4s([place.version for place in places]),
        *(
            [
                wire.texts([lookup.kind for lookup in lookups]),
                wire.blobs([lookup.token for lookup in lookups]),
                wire.texts([lookup.person for lookup in lookups]),
                wire.blobs([bytes.fromhex(lookup.digest) for lookup in lookups]),
            ]
            if lookups
            else [None] * 4
        ),
    ]


def _sources(part: Part) -> list[bytes | None]:
    sources = [source for save in part.saves for source in save.sources]
    if not sources:
        return [None] * 5
    return [
        wire.texts([source.party for source in sources]),
        wire.texts([source.system for source in sources]),
        wire.texts([source.kind for source in sources]),
        wire.texts([source.id for source in sources]),
        wire.texts([source.stream for source in sources]),
    ]


def hashes_parameters(part: Part) -> list[bytes | None] | None:
    """Give the parameters of `ledger_append_hashes`; None when no request of lines begins in the part."""
    hashed = [row for row in part.commands if row.save.hashes]
    if not hashed:
        return None
    return [
        wire.texts([row.save.act.party for row in hashed]),
        wire.texts([row.command.id for row in hashed]),
        wire.blobs([row.save.hashes for row in hashed]),
    ]
