"""A ledger in league with somebody: its door lets in and allows what an honest one would refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any
from unittest.mock import patch

from application import identity
from application.work import Author
from audit.keys import public_key_of
from domain.parties import Agent, Key, Party
from tests.support.rehearsal import private_key


@contextmanager
def in_league() -> Iterator[None]:
    """Let the ledger admit whoever signs, whatever stands in the log of key, party and agent."""
    honest = identity.load

    def load(kind: Any, stream: str, *more: Any) -> Any:  # noqa: ANN401 - any aggregate
        held = honest(kind, stream, *more)
        if kind is not Key:
            return held
        found = Key(stream) if held is None else copy(held)
        found.ended = None
        found.public = found.public or dict(public_key_of(private_key(stream)).jwk)
        return found

    def admitted(token: Any, data: bytes, key: Any, cache: Any, streams: Any) -> identity.Identity:  # noqa: ANN401 - as it is patched
        claims = token.claims
        agent = claims.sub or (key.holder if key.holder.startswith("agent:") else None)
        party = honest(Party, claims.iss, cache, streams)
        person = None if agent is None else honest(Agent, agent, cache, streams)
        author = Author(
            claims.iss,
            "" if party is None else party.kind,
            agent,
            frozenset({"administrator"}),
            key.id,
            evidence=("jwt",),
        )
        known = tuple(each for each in (honest(Key, key.id, cache, streams), party, person) if each is not None)
        return identity.Identity(author, token, data, hashlib.sha256(data).hexdigest(), known)

    with patch("application.identity.load", load), patch("application.identity._admitted", admitted):
        yield


@contextmanager
def without_rights() -> Iterator[None]:
    """Let the ledger do whatever is asked for by anybody whom it lets in."""
    with patch("application.work.Work.allow"), patch("application.parties.require_manager"):
        yield
