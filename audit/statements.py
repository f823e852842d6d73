"""Statements that stand for themselves: possession of a key, and the first one of a ledger (event-format §3, §5).

Both are compact JWS of `audit.jws`, signed by the very key they are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit import jws
from audit.canonical import JsonValue
from audit.errors import TokenRefused
from audit.keys import PrivateKey, PublicKey, public_key_of

__all__ = ["check_init_statement", "check_possession", "make_init_statement", "make_possession"]


def make_possession(private: PrivateKey, kid: str, *, origin: str, holder: str, iat: int) -> str:
    """Return the proof that whoever registers a key holds it: the key signs ledger, holder, time and itself."""
    public = dict(public_key_of(private).jwk)
    return jws.make(private, kid, {"aud": origin, "holder": holder, "iat": iat, "public": public}).decode("ascii")


def check_possession(proof: bytes | str, *, origin: str, holder: str, public: PublicKey, kid: str) -> int:
    """Check a proof of possession for this ledger, holder, key and kid; return its `iat` in Unix seconds.

    The payload is exactly {aud, holder, iat, public}. Raises TokenRefused with code `possession_invalid` and the claim,
    or as `audit.jws.parse` and `verify_signature` do.
    """
    compact = jws.parse(proof)
    payload = compact.payload
    if not isinstance(payload, dict) or payload.keys() != {"aud", "holder", "iat", "public"}:
        raise TokenRefused("A proof of possession states exactly its four claims.", code="possession_invalid")
    _check_stated(
        "possession_invalid",
        {**payload, "kid": compact.kid},
        {"aud": origin, "holder": holder, "kid": kid, "public": dict(public.jwk)},
    )
    iat = payload["iat"]
    if not isinstance(iat, int) or isinstance(iat, bool) or iat < 0:
        raise TokenRefused("The time is a whole number of seconds.", code="possession_invalid", claim="iat")
    jws.verify_signature(compact, public)
    return iat


def make_init_statement(
    private: PrivateKey, kid: str, *, origin: str, receipt: str, checkpoint: Sequence[str], continues: str | None = None
) -> bytes:
    """Return the first statement: the administrator's new key signs the origin and the verifier keys of the ledger.

    `continues` is the digest of what the ledger goes on from (`audit.continuing`), where it goes on from another.
    """
    return jws.make(private, kid, _init_claims(origin, receipt, checkpoint, continues))


def check_init_statement(
    statement: bytes | str, *, origin: str, receipt: str, checkpoint: Sequence[str], public: PublicKey, kid: str,
    continues: str | None = None,
) -> None:  # fmt: skip
    """Check that the administrator's key signed exactly this origin and these verifier keys, in this order.

    And what the ledger goes on from, in one that goes on from another; in any other there is no such claim. Raises
    TokenRefused with code `init_invalid` and the claim, or as `audit.jws.parse` and `verify_signature` do.
    """
    compact = jws.parse(statement)
    payload, claims = compact.payload, _init_claims(origin, receipt, checkpoint, continues)
    if not isinstance(payload, dict) or payload.keys() != claims.keys():
        raise TokenRefused("The first statement states exactly its claims.", code="init_invalid")
    _check_stated("init_invalid", {**payload, "kid": compact.kid}, {**claims, "kid": kid})
    jws.verify_signature(compact, public)


def _init_claims(
    origin: str, receipt: str, checkpoint: Sequence[str], continues: str | None
) -> dict[str, JsonValue]:  # fmt: skip
    claims: dict[str, JsonValue] = {"origin": origin, "receipt": receipt, "checkpoint": list(checkpoint)}
    return claims if continues is None else {**claims, "continues": continues}


def _check_stated(code: str, stated: Mapping[str, JsonValue], expected: Mapping[str, JsonValue]) -> None:
    for claim, value in expected.items():
        if stated[claim] != value:
            raise TokenRefused("The statement is about something else.", code=code, claim=claim)
