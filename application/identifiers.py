"""Claiming identifiers for lifts: who owns one is decided on the identifier's own stream.

The decided rule: an identifier that another live lift owns is held for review (finding `identifier_conflict` with the
other lift's name, `identifier.Contested`), in registration and import alike; the lift itself is registered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from application.work import Work
from audit import canonical
from domain.aggregate import Because
from domain.errors import Conflict
from domain.findings import Finding
from domain.identifier_rules import identifier_key
from domain.identifiers import IDENTIFIERS_PER_LIFT_MAX, Identifier, conflict
from domain.lifts import Key, Lift

CACHED_MAX = 4_096


@lru_cache(maxsize=CACHED_MAX)
def named(key: Key) -> tuple[str, tuple[str, ...]]:
    """Give the stream `identifier:<SHA-256 of canonical [scheme, issuer, value]>` and the cleaned key it hashes.

    Raises Invalid `identifier_scheme_unknown`, `identifier_malformed` or `identifier_issuer_missing`.
    """
    scheme, issuer, value = key
    cleaned = identifier_key(scheme, issuer, value)
    return f"identifier:{hashlib.sha256(canonical.encode(cleaned)).hexdigest()}", tuple(cleaned)


def stream_of(claim: Mapping[str, Any]) -> str:
    """Give the stream of an IdentifierClaim."""
    return named((claim["scheme"], claim.get("issuer", ""), claim["value"]))[0]


@dataclass(slots=True)
class Weighed:
    """Claims before they are recorded: those that are free, and those that another live lift owns."""

    free: list[tuple[Identifier, tuple[str, ...]]] = field(default_factory=list)
    held: list[tuple[Identifier, str]] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """The findings for the lift's event."""
        return [conflict(identifier.id, owner) for identifier, owner in self.held]

    @property
    def settled(self) -> list[str]:
        """The identifiers that the lift owns by this."""
        return [identifier.id for identifier, _ in self.free]


def weigh(work: Work, lift: str, keys: Iterable[Key], *, live: bool = True) -> Weighed:
    """Look who owns each identifier; one the lift owns already asks for nothing, a scrapped lift contests nothing."""
    weighed = Weighed()
    for stream, key in dict.fromkeys(named(key) for key in keys):
        identifier = work.open(Identifier, stream)
        if identifier.owner == lift or (not live and lift in identifier.former):
            continue
        owner = live_owner(work, identifier)
        if owner is None or not live:
            weighed.free.append((identifier, key))
        elif lift not in identifier.contenders:
            weighed.held.append((identifier, owner))
    return weighed


def live_owner(work: Work, identifier: Identifier) -> str | None:
    """Give the lift that owns an identifier; None where nobody does, or where the day of its scrapping has come."""
    owner = None if identifier.owner is None else work.find(Lift, identifier.owner)
    return identifier.owner if owner is None or owner.live_on(work.today) else None


def claim(weighed: Weighed, lift: str, because: Because, *, live: bool = True) -> None:
    """Record the claims on the identifiers, caused by the lift's event."""
    for identifier, key in weighed.free:
        found: dict[str, Any] = {"lift": lift, "key": list(key)}
        identifier.record(Identifier.Claimed, because, found if live else {**found, "ended": "scrapped"})
    for identifier, owner in weighed.held:
        identifier.record(Identifier.Contested, because, {"lift": lift, "owner": owner})


def release(work: Work, lift: str, keys: Iterable[Key], because: Because, why: str) -> None:
    """Record that the lift owns, or claims, these identifiers no longer."""
    for identifier in opened(work, keys):
        if identifier.owner == lift or lift in identifier.contenders:
            identifier.record(Identifier.Released, because, {"lift": lift, "why": why})


def lost(gone: Iterable[Key], kept: Iterable[Key]) -> list[Key]:
    """Give the keys that a lift has no longer: one that is kept in another writing is the same identifier (L17)."""
    still = {named(key)[0] for key in kept}
    return [key for key in gone if named(key)[0] not in still]


def opened(work: Work, keys: Iterable[Key]) -> list[Identifier]:
    """Give the identifiers' aggregates, to be recorded on."""
    return [work.open(Identifier, stream) for stream in dict.fromkeys(named(key)[0] for key in keys)]


def require_room(lift: Lift, more: Iterable[Key], less: Iterable[Key] = ()) -> None:
    """Raise Conflict `too_many_identifiers` when a lift would have more than anybody ever saw on one."""
    if len({*lift.identifiers, *more}.difference(less)) > IDENTIFIERS_PER_LIFT_MAX:
        raise Conflict("a lift has too many identifiers", code="too_many_identifiers", maximum=IDENTIFIERS_PER_LIFT_MAX)
