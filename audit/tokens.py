"""Request tokens: what a machine signs to act, made, read and held against the request (event-format §3).

A token is a compact JWS (`audit.jws`) whose claims bind author, ledger, moment, command, method, path and body. Reading
it is in four steps, each of which refuses alone: `parse_token`, `audit.jws.verify_signature` with the key that `kid`
names, `check_request` and `check_time`. The door takes all four; the offline check the first three.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from audit import jws
from audit.canonical import JsonValue
from audit.errors import NameInvalid, NoteError, SignatureInvalid, TokenRefused
from audit.jws import TOKEN_BYTES_MAX, Compact, verify_signature
from audit.keys import PrivateKey
from audit.names import check_name
from audit.ndjson import LINE_BYTES_MAX, LINES_MAX, NDJSON_BYTES_MAX, line_hashes, lines_root, split_lines
from audit.note import check_origin
from audit.statements import check_init_statement, check_possession, make_init_statement, make_possession

__all__ = [
    "LIFETIME_SECONDS_MAX",
    "LINES_MAX",
    "LINE_BYTES_MAX",
    "NDJSON_BYTES_MAX",
    "TOKEN_BYTES_MAX",
    "URI_CHARS_MAX",
    "Claims",
    "SignatureInvalid",
    "Token",
    "TokenRefused",
    "check_init_statement",
    "check_possession",
    "check_request",
    "check_time",
    "line_hashes",
    "lines_root",
    "make_init_statement",
    "make_possession",
    "make_token",
    "parse_token",
    "split_lines",
    "verify_signature",
]

LIFETIME_SECONDS_MAX = 60
URI_CHARS_MAX = 2048
CLAIM_CHARS_SHOWN = 40
"""How much of the name of a claim that is none of ours is told."""

_REQUIRED = frozenset({"iss", "aud", "iat", "exp", "jti", "htm", "uri"})
_OPTIONAL = frozenset({"sub", "seq"})
_BODY = frozenset({"bh"})
_BODY_LINES = frozenset({"br", "bn"})
_HASH = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_URI = re.compile(r"/[!\"$-~]*")  # printable ASCII from the path on, without a fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of a request token, as event-format §3 lists them; `iat` and `exp` in Unix seconds.

    `bh` is the SHA-256 of the body bytes; or `br` is the RFC 6962 root over the lines and `bn` their number.
    """

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    htm: str
    uri: str
    sub: str | None = None
    bh: str | None = None
    br: str | None = None
    bn: int | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A request token, sound in form; `compact` awaits its signature check."""

    kid: str
    alg: str
    claims: Claims
    compact: Compact


def parse_token(token: bytes | str) -> Token:
    """Read a request token, strictly in form: exactly the listed claims, each of its type.

    Raises TokenRefused as `audit.jws.parse` does, or with code `token_claims` or `token_lifetime` and the claim; a
    `kid` that names no key is `token_header`.
    """
    compact = jws.parse(token)
    _check_kid(compact.kid)
    return Token(compact.kid, compact.alg, _claims_of(compact.payload), compact)


def make_token(private_key: PrivateKey, kid: str, claims: Claims, *, algorithm: str | None = None) -> bytes:
    """Return the token of these claims as ASCII, for the Authorization header. Raises TokenRefused as `parse_token`."""
    _check_kid(kid)
    payload: JsonValue = {name: value for name, value in asdict(claims).items() if value is not None}
    _claims_of(payload)
    return jws.make(private_key, kid, payload, algorithm=algorithm)


def check_request(
    token: Token,
    *,
    origin: str,
    method: str,
    uri: str,
    body_hash: str | None = None,
    lines_root: str | None = None,
    count: int | None = None,
) -> None:
    """Hold a token against the request that it came with: `uri` is path and query as received, hashes in hex.

    Give `body_hash`, or `lines_root` and `count` where the route takes lines; the token must state the same and not the
    other. Raises TokenRefused with code `token_audience`, `token_method`, `token_uri` or `token_body`, and the claim.
    """
    claims = token.claims
    if claims.aud != origin:
        raise TokenRefused("The token is for another ledger.", code="token_audience", claim="aud")
    if claims.htm != method:
        raise TokenRefused("The token is for another method.", code="token_method", claim="htm")
    if claims.uri != uri:
        raise TokenRefused("The token is for another path or query.", code="token_uri", claim="uri")
    for name, stated, found in (("bh", claims.bh, body_hash), ("br", claims.br, lines_root), ("bn", claims.bn, count)):
        if (stated is None) != (found is None):
            raise TokenRefused(
                "One JSON value is bound by bh, lines (NDJSON) by br and bn.", code="token_body", claim=name
            )
        if stated != found:
            raise TokenRefused("The token is for another body.", code="token_body", claim=name)


def check_time(claims: Claims, now_unix_seconds: int, skew: int) -> None:
    """Check that a token is of this moment, give or take `skew` seconds (RFC 7519 §4.1.4, §4.1.6).

    Raises TokenRefused with code `token_not_yet` or `token_expired`, and `now` for the client to set its clock by.
    """
    if claims.iat > now_unix_seconds + skew:
        raise TokenRefused("The token is of a later time.", code="token_not_yet", claim="iat", now=now_unix_seconds)
    if claims.exp <= now_unix_seconds - skew:
        raise TokenRefused("The token has expired.", code="token_expired", claim="exp", now=now_unix_seconds)


def _check_kid(kid: str) -> None:
    try:
        check_name(kid, kinds=("key",))
    except NameInvalid:
        raise TokenRefused("The kid names no key.", code="token_header") from None


def _claims_of(payload: JsonValue) -> Claims:
    """Check the set of claims, then each alone, then what they say together."""
    if not isinstance(payload, dict):
        raise TokenRefused("The claims are an object.", code="token_claims")
    _check_claim_set(frozenset(payload))
    claims = Claims(
        iss=_name(payload, "iss", "party"),
        sub=_name(payload, "sub", "agent") if "sub" in payload else None,
        aud=_audience(payload),
        iat=_integer(payload, "iat", 0),
        exp=_integer(payload, "exp", 0),
        jti=_text(payload, "jti", _UUID),
        htm=_text(payload, "htm", _METHOD),
        uri=_text(payload, "uri", _URI),
        bh=_text(payload, "bh", _HASH) if "bh" in payload else None,
        br=_text(payload, "br", _HASH) if "br" in payload else None,
        bn=_integer(payload, "bn", 1) if "bn" in payload else None,
        seq=_integer(payload, "seq", 1) if "seq" in payload else None,
    )
    if not 0 < claims.exp - claims.iat <= LIFETIME_SECONDS_MAX:
        raise TokenRefused(
            "A token lives for a minute at the most.",
            code="token_lifetime",
            claim="exp",
            seconds_max=LIFETIME_SECONDS_MAX,
        )
    return claims


def _check_claim_set(names: frozenset[str]) -> None:
    bound = names - _REQUIRED - _OPTIONAL
    if others := bound - _BODY - _BODY_LINES:
        raise TokenRefused("There is no such claim.", code="token_claims", claim=min(others)[:CLAIM_CHARS_SHOWN])
    if missing := _REQUIRED - names:
        raise TokenRefused("A claim is missing.", code="token_claims", claim=min(missing))
    if bound not in (_BODY, _BODY_LINES):
        raise TokenRefused("The claims bind the body by bh, or by br and bn.", code="token_claims")


def _wrong(claim: str) -> TokenRefused:
    return TokenRefused("A claim is not of its form.", code="token_claims", claim=claim)


def _name(payload: Mapping[str, JsonValue], claim: str, kind: str) -> str:
    try:
        return check_name(payload[claim], kinds=(kind,))
    except NameInvalid:
        raise _wrong(claim) from None


def _audience(payload: Mapping[str, JsonValue]) -> str:
    try:
        return check_origin(payload["aud"])
    except NoteError:
        raise _wrong("aud") from None


def _integer(payload: Mapping[str, JsonValue], claim: str, least: int) -> int:
    value = payload[claim]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _wrong(claim)
    return value


def _text(payload: Mapping[str, JsonValue], claim: str, grammar: re.Pattern[str]) -> str:
    value = payload[claim]
    if not isinstance(value, str) or len(value) > URI_CHARS_MAX or not grammar.fullmatch(value):
        raise _wrong(claim)
    return value
