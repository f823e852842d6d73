"""Who signs: from the token to party, agent and key as they stand in the log.

An unknown key or a wrong signature is refused without a word of why; to a registered party the refusal says which
claim was wrong. One thing anybody is told who knows the name of a key: that an algorithm does not fit it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from application.errors import Unauthenticated
from application.ports import Streams
from application.work import AggregateCache, Author
from audit import keys, tokens
from audit.errors import AuditError
from domain.aggregate import Aggregate
from domain.errors import Invalid
from domain.parties import Agent, Key, Party
from domain.time import SKEW_S_MAX, parse_instant

A = TypeVar("A", bound=Aggregate)

TOKEN_SKEW_MAX_S = SKEW_S_MAX
"""How far a token's `iat` may lie in the ledger's future."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated author, the token it was proven with, and the aggregates that says so."""

    author: Author
    token: tokens.Token
    data: bytes
    digest: str
    aggregates: tuple[Aggregate, ...]

    @property
    def claims(self) -> tokens.Claims:
        """The claims of the token."""
        return self.token.claims


@lru_cache(maxsize=10_000)
def _public(kty: str, crv: str, x: str, y: str | None) -> keys.PublicKey:
    jwk = {"kty": kty, "crv": crv, "x": x}
    return keys.from_jwk(jwk if y is None else {**jwk, "y": y})


def public_key(key: Key) -> keys.PublicKey:
    """Give the parsed public key of a Key aggregate."""
    return _public(key.public["kty"], key.public["crv"], key.public["x"], key.public.get("y"))


def load(kind: type[A], stream: str, cache: AggregateCache, streams: Streams) -> A | None:
    """Give an aggregate for reading from the cache, else from the log; None when it does not exist."""
    held = cache.peek(stream)
    if held is None:
        held = kind(stream)
        for event in streams.events(stream):
            event.mutate(held)
        if held.version == 0:
            return None
        cache.put(held)
    return held if isinstance(held, kind) else None


def require_key(key: str | None, identity: Identity) -> None:
    """Refuse an `Idempotency-Key` that is not the token's `jti`: Invalid `idempotency_key`; None was not sent."""
    if key not in {None, identity.claims.jti}:
        raise Invalid("Idempotency-Key is the token's jti, or is left out", code="idempotency_key")


def identify(data: bytes, now: str, cache: AggregateCache, streams: Streams) -> Identity:
    """Authenticate a request token: key known and live, signature good, time right, party and agent in force.

    Raises Unauthenticated; its code is `unauthenticated`, or for a registered party the code of what was wrong.
    """
    try:
        token = tokens.parse_token(data)
    except AuditError as error:
        raise Unauthenticated(error.message, code=error.code, **error.details) from error
    key = load(Key, token.kid, cache, streams)
    if key is None:
        raise Unauthenticated("no registered key has signed this request")
    try:
        tokens.verify_signature(token.compact, public_key(key))
    except AuditError as error:
        if error.code == "token_algorithm":
            raise Unauthenticated(error.message, code=error.code) from error
        raise Unauthenticated("no registered key has signed this request") from error
    if key.ended is not None:
        raise Unauthenticated(f"{key.id} was ended ({key.ended})", code="key_ended", key=key.id)
    seconds = int(parse_instant(now).timestamp())
    try:
        tokens.check_time(token.claims, seconds, TOKEN_SKEW_MAX_S)
    except AuditError as error:
        raise Unauthenticated(error.message, code=error.code, ledger_time=now, **error.details) from error
    return _admitted(token, data, key, cache, streams)


def renew(identity: Identity, cache: AggregateCache, streams: Streams) -> Identity:
    """Give the same identity by what stands in the log now; raises Unauthenticated when it ended meanwhile."""
    key = load(Key, identity.token.kid, cache, streams)
    if key is None or key.ended is not None:
        raise Unauthenticated(f"{identity.token.kid} was ended", code="key_ended", key=identity.token.kid)
    return _admitted(identity.token, identity.data, key, cache, streams)


def _admitted(token: tokens.Token, data: bytes, key: Key, cache: AggregateCache, streams: Streams) -> Identity:
    claims = token.claims
    party = load(Party, claims.iss, cache, streams)
    if party is not None and party.suspended:
        # Another worker may have reinstated it since; no save of this one would bring the news into the cache.
        cache.forget(party.id)
        party = load(Party, claims.iss, cache, streams)
    if party is None:
        raise Unauthenticated("iss is no registered party", code="token_issuer", claim="iss")
    if party.suspended:
        raise Unauthenticated("the party is suspended", code="party_suspended", party=party.id)
    agent: Agent | None = None
    named = claims.sub if claims.sub is not None else (key.holder if key.holder.startswith("agent:") else None)
    if named is not None:
        agent = load(Agent, named, cache, streams)
        if agent is None or agent.party != party.id:
            raise Unauthenticated("sub is no agent of iss", code="token_subject", claim="sub")
        if agent.left:
            raise Unauthenticated("the agent has left", code="agent_left", claim="sub")
    if key.holder not in {party.id, None if agent is None else agent.id}:
        raise Unauthenticated("the key belongs to somebody else", code="token_issuer", claim="iss")
    personal = agent is not None and key.holder == agent.id
    author = Author(
        party=party.id, kind=party.kind, agent=None if agent is None else agent.id,
        roles=frozenset() if agent is None else frozenset({agent.role}), key=key.id, personal=personal,
        areas=party.areas, sectors=party.sectors, evidence=("jwt",),
    )  # fmt: skip
    aggregates: tuple[Aggregate, ...] = (key, party) if agent is None else (key, party, agent)
    return Identity(author, token, data, hashlib.sha256(data).hexdigest(), aggregates)
