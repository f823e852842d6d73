"""Request tokens: the claims, the request they are held against, and the moment."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import jws
from audit.canonical import JsonValue, decode, encode
from audit.errors import TokenRefused
from audit.keys import from_jwk, public_key_of
from audit.merkle import leaf_hash
from audit.ndjson import lines_root, split_lines
from audit.tokens import (
    URI_CHARS_MAX,
    Claims,
    Token,
    check_request,
    check_time,
    make_token,
    parse_token,
    verify_signature,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json").read_text()
)
ORIGIN = "scripted.ledger.example/district"
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
P256 = ec.derive_private_key(4, ec.SECP256R1())
V4 = "7c1e0a52-0b6e-4d3f-9a51-5b1f6f0f7a11"
KID = f"key:{V4}"
HASH = sha256(b"body").hexdigest()
CLAIMS = Claims(
    iss=f"party:{V4}", aud=ORIGIN, iat=1_761_955_201, exp=1_761_955_261, jti=V4, htm="POST", uri="/lifts?a=b", bh=HASH
)
PLAIN: dict[str, JsonValue] = {
    "iss": f"party:{V4}",
    "aud": ORIGIN,
    "iat": 1_761_955_201,
    "exp": 1_761_955_261,
    "jti": V4,
    "htm": "POST",
    "uri": "/lifts?a=b",
    "bh": HASH,
}
SIGNED = [save for save in VECTORS["saves"] if "request" in save]


def _token(claims: Claims = CLAIMS) -> Token:
    return parse_token(make_token(ED25519, KID, claims))


def _refusal(changes: dict[str, JsonValue], *dropped: str) -> TokenRefused:
    payload = {name: value for name, value in {**PLAIN, **changes}.items() if name not in dropped}
    with pytest.raises(TokenRefused) as caught:
        parse_token(jws.make(ED25519, KID, payload))
    return caught.value


@pytest.mark.parametrize("private,algorithm", [(ED25519, "Ed25519"), (ED25519, "EdDSA"), (P256, "ES256")])
def test_a_token_carries_its_claims(private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, algorithm: str) -> None:
    """What the client states is what the door reads, under each algorithm."""
    full = replace(CLAIMS, bh=None, br=HASH, bn=3, sub=f"agent:{V4}", seq=1)
    token = parse_token(make_token(private, KID, full, algorithm=algorithm))
    assert (token.kid, token.alg, token.claims) == (KID, algorithm, full)
    verify_signature(token.compact, public_key_of(private))


@pytest.mark.parametrize(
    "changes,claim",
    [
        ({"iss": f"agent:{V4}"}, "iss"),
        ({"iss": V4}, "iss"),
        ({"iss": None}, "iss"),
        ({"sub": f"party:{V4}"}, "sub"),
        ({"sub": None}, "sub"),
        ({"aud": [ORIGIN]}, "aud"),
        ({"aud": f"https://{ORIGIN}"}, "aud"),
        ({"aud": f"{ORIGIN}/receipt"}, "aud"),
        ({"iat": "1761955201"}, "iat"),
        ({"iat": True}, "iat"),
        ({"iat": -1}, "iat"),
        ({"exp": None}, "exp"),
        ({"jti": V4.upper()}, "jti"),
        ({"jti": V4.replace("-", "")}, "jti"),
        ({"jti": "00000000-0000-0000-0000-000000000000"}, "jti"),
        ({"jti": f"{{{V4}}}"}, "jti"),
        ({"jti": 7}, "jti"),
        ({"htm": "post"}, "htm"),
        ({"htm": ""}, "htm"),
        ({"htm": "P" * 17}, "htm"),
        ({"uri": ""}, "uri"),
        ({"uri": "lifts"}, "uri"),
        ({"uri": f"https://{ORIGIN}/lifts"}, "uri"),
        ({"uri": "/lifts#top"}, "uri"),
        ({"uri": "/lifts a"}, "uri"),
        ({"uri": "/电梯"}, "uri"),
        ({"uri": "/a\n"}, "uri"),
        ({"uri": "/" + "a" * URI_CHARS_MAX}, "uri"),
        ({"bh": HASH.upper()}, "bh"),
        ({"bh": HASH[:-1]}, "bh"),
        ({"bh": None}, "bh"),
        ({"seq": 0}, "seq"),
        ({"seq": "1"}, "seq"),
        ({"seq": None}, "seq"),
    ],
)
def test_a_claim_of_another_form_is_refused(changes: dict[str, JsonValue], claim: str) -> None:
    """Each claim has one type and one spelling, and the refusal names it."""
    refusal = _refusal(changes)
    assert (refusal.code, refusal.details["claim"]) == ("token_claims", claim)


@pytest.mark.parametrize(
    "changes,claim",
    [
        ({"br": HASH.upper(), "bn": 1}, "br"),
        ({"br": HASH, "bn": 0}, "bn"),
        ({"br": HASH, "bn": "1"}, "bn"),
        ({"br": HASH, "bn": True}, "bn"),
    ],
)
def test_a_claim_over_lines_of_another_form_is_refused(changes: dict[str, JsonValue], claim: str) -> None:
    """Root and number of lines are as strict as the hash of a body."""
    refusal = _refusal(changes, "bh")
    assert (refusal.code, refusal.details["claim"]) == ("token_claims", claim)


@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp", "jti", "htm", "uri"])
def test_a_missing_claim_is_refused(claim: str) -> None:
    """None of the seven may be left out."""
    refusal = _refusal({}, claim)
    assert (refusal.code, refusal.details["claim"]) == ("token_claims", claim)


@pytest.mark.parametrize(
    "changes,dropped",
    [
        ({}, ("bh",)),
        ({"br": HASH}, ("bh",)),
        ({"bn": 1}, ("bh",)),
        ({"br": HASH, "bn": 1}, ()),
        ({"bn": 1}, ()),
    ],
)
def test_the_body_is_bound_in_one_way(changes: dict[str, JsonValue], dropped: tuple[str, ...]) -> None:
    """Either bh, or br and bn."""
    assert _refusal(changes, *dropped).code == "token_claims"


@pytest.mark.parametrize("claim", ["nbf", "scope", "x" * 1_000])
def test_a_claim_beyond_the_list_is_refused_by_its_name(claim: str) -> None:
    """Whoever adds what his library adds is told which claim that is."""
    refusal = _refusal({claim: 0})
    assert (refusal.code, refusal.details["claim"]) == ("token_claims", claim[:40])


@pytest.mark.parametrize("payload", [[], "claims", None, 7])
def test_claims_are_an_object(payload: JsonValue) -> None:
    """Another JSON value is no set of claims."""
    with pytest.raises(TokenRefused) as caught:
        parse_token(jws.make(ED25519, KID, payload))
    assert caught.value.code == "token_claims"


@pytest.mark.parametrize("seconds,passes", [(0, False), (-1, False), (1, True), (60, True), (61, False)])
def test_a_token_lives_for_a_minute_at_the_most(seconds: int, passes: bool) -> None:
    """Its end lies after its beginning, by sixty seconds at the most."""
    if passes:
        assert _token(replace(CLAIMS, exp=CLAIMS.iat + seconds)).claims.exp == CLAIMS.iat + seconds
        return
    assert _refusal({"exp": CLAIMS.iat + seconds}).code == "token_lifetime"


@pytest.mark.parametrize("kid", [V4, f"party:{V4}", "key:1"])
def test_the_kid_names_a_key(kid: str) -> None:
    """Both sides refuse a kid that is no name of a key."""
    with pytest.raises(TokenRefused) as caught:
        parse_token(jws.make(ED25519, kid, PLAIN))
    assert caught.value.code == "token_header"
    with pytest.raises(TokenRefused):
        make_token(ED25519, kid, CLAIMS)


def test_a_client_cannot_make_a_token_that_the_door_would_refuse() -> None:
    """The signing side holds its claims against the same list."""
    with pytest.raises(TokenRefused) as caught:
        make_token(ED25519, KID, replace(CLAIMS, exp=CLAIMS.iat + 61))
    assert caught.value.code == "token_lifetime"
    with pytest.raises(TokenRefused) as caught:
        make_token(ED25519, KID, replace(CLAIMS, bh=None))
    assert caught.value.code == "token_claims"


@pytest.mark.parametrize(
    "change,code,claim",
    [
        ({}, None, None),
        ({"origin": "ledger.example"}, "token_audience", "aud"),
        ({"method": "PUT"}, "token_method", "htm"),
        ({"uri": "/lifts"}, "token_uri", "uri"),
        ({"uri": "/lifts?a=b&"}, "token_uri", "uri"),
        ({"body_hash": sha256(b"other").hexdigest()}, "token_body", "bh"),
        ({"body_hash": None}, "token_body", "bh"),
        ({"body_hash": None, "lines_root": HASH, "count": 1}, "token_body", "bh"),
        ({"lines_root": HASH, "count": 1}, "token_body", "br"),
    ],
)
def test_a_token_fits_one_request(change: dict[str, Any], code: str | None, claim: str | None) -> None:
    """Ledger, method, path and query, and body must be those that were signed."""
    request = {"origin": ORIGIN, "method": "POST", "uri": "/lifts?a=b", "body_hash": HASH, **change}
    if code is None:
        return check_request(_token(), **request)
    with pytest.raises(TokenRefused) as caught:
        check_request(_token(), **request)
    assert (caught.value.code, caught.value.details["claim"]) == (code, claim)
    if code == "token_body" and request["body_hash"] is None:
        assert "lines (NDJSON) by br and bn" in caught.value.message
    return None


def test_a_token_over_lines_fits_root_and_count() -> None:
    """Where lines were signed, a hash over the whole body is no match, nor another number of lines."""
    token = _token(replace(CLAIMS, bh=None, br=HASH, bn=3))
    bound = {"origin": ORIGIN, "method": "POST", "uri": "/lifts?a=b"}
    check_request(token, **bound, lines_root=HASH, count=3)
    for wrong in ({"lines_root": HASH, "count": 2}, {"lines_root": "00" * 32, "count": 3}, {"body_hash": HASH}):
        with pytest.raises(TokenRefused) as caught:
            check_request(token, **bound, **wrong)  # type: ignore[arg-type]  # each mapping holds what its names take
        assert caught.value.code == "token_body"


@pytest.mark.parametrize(
    "now,code",
    [
        (CLAIMS.iat - 31, "token_not_yet"),
        (CLAIMS.iat - 30, None),
        (CLAIMS.iat, None),
        (CLAIMS.exp + 29, None),
        (CLAIMS.exp + 30, "token_expired"),
    ],
)
def test_a_token_is_of_this_moment(now: int, code: str | None) -> None:
    """From iat until before exp, with the allowed skew on both sides; a refusal tells the time."""
    if code is None:
        return check_time(CLAIMS, now, skew=30)
    with pytest.raises(TokenRefused) as caught:
        check_time(CLAIMS, now, skew=30)
    assert (caught.value.code, caught.value.details["now"]) == (code, now)
    return None


def _golden_keys() -> dict[str, Any]:
    """Return the registered public keys of the frozen example by their names."""
    events = [event for save in VECTORS["saves"] for event in save["events"]]
    keys = {}
    for event in events:
        header, body = json.loads(event["header"]), json.loads(event["body"])
        if header["type"] == "key.Registered":
            keys[header["stream"]] = from_jwk((body["said"] or body["found"])["public"])
    return keys


@pytest.mark.parametrize("save", SIGNED, ids=lambda save: save["kind"])
def test_the_golden_tokens(save: dict[str, Any]) -> None:
    """Each token of the frozen example verifies, fits its request and header, and is made again to the letter."""
    text = save["evidence"][0]["bytes"]
    token = parse_token(text)
    verify_signature(token.compact, _golden_keys()[token.kid])
    body = save["request"]["body"].encode()
    lines = split_lines(body) if save["kind"] == "ndjson" else None
    check_request(
        token,
        origin=ORIGIN,
        method=save["request"]["method"],
        uri=save["request"]["uri"],
        body_hash=None if lines else sha256(body).hexdigest(),
        lines_root=lines_root(lines) if lines else None,
        count=len(lines) if lines else None,
    )
    header = json.loads(save["events"][0]["header"])
    assert header["author"]["evidence"] == [{"kind": "jwt", "digest": sha256(text.encode()).hexdigest()}]
    assert (header["command"], header["author"]["party"]) == (token.claims.jti, token.claims.iss)
    signer = {"registration": "admin", "ndjson": "maintainer"}.get(save["kind"], "insurer")
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seeds"][signer]))
    assert make_token(private, token.kid, token.claims).decode() == text


def test_the_golden_bodies_and_sealed_field() -> None:
    """Body digests and the digest of the sealed name follow from their bytes."""
    for save in VECTORS["saves"]:
        for event in save["events"]:
            header = decode(event["header"].encode())
            assert isinstance(header, dict)
            assert header["body"] == sha256(event["body"].encode()).hexdigest()
        if field := save.get("sealed_field"):
            assert leaf_hash(encode([field["salt"], field["pointer"], field["value"]])).hex() == field["digest"]
