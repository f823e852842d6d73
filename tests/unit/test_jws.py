"""Compact JWS: one strict reading, held against an independent library."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as oracle
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey

from audit import jws
from audit.base64text import encode_url
from audit.errors import AuditError, SignatureInvalid, TokenRefused
from audit.keys import PrivateKey, public_key_of, sign

if TYPE_CHECKING:
    from audit.canonical import JsonValue

ED25519 = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
P256 = ec.derive_private_key(4, ec.SECP256R1())
KID = "key:7c1e0a52-0b6e-4d3f-9a51-5b1f6f0f7a11"
PAYLOAD: JsonValue = {"b": [1, "电梯"], "a": None}
KEYS = [(ED25519, "Ed25519"), (ED25519, "EdDSA"), (P256, "ES256")]


def _oracle_key(private: PrivateKey) -> OKPKey | ECKey:
    return OKPKey.import_key(private) if isinstance(private, Ed25519PrivateKey) else ECKey.import_key(private)


def _oracle_reads(token: bytes, private: PrivateKey) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # it discourages the older name EdDSA
        try:
            oracle.deserialize_compact(token, _oracle_key(private), algorithms=list(jws.ALGORITHMS))
        except (JoseError, ValueError):
            return False
    return True


def _compact(header: str | dict[str, Any], payload: str = "{}", private: PrivateKey = ED25519) -> str:
    text = header if isinstance(header, str) else json.dumps(header)
    signed = f"{encode_url(text.encode())}.{encode_url(payload.encode())}"
    return f"{signed}.{encode_url(sign(private, signed.encode()))}"


def _refusal(token: bytes | str) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        jws.parse(token)
    return caught.value


@pytest.mark.parametrize("private,algorithm", KEYS)
def test_what_is_made_is_read_by_us_and_by_others(private: PrivateKey, algorithm: str) -> None:
    """Header and payload come back, the signature verifies, and joserfc agrees."""
    token = jws.make(private, KID, PAYLOAD, algorithm=algorithm)
    compact = jws.parse(token)
    assert (compact.alg, compact.kid, compact.payload) == (algorithm, KID, PAYLOAD)
    assert jws.parse(token.decode()) == compact
    jws.verify_signature(compact, public_key_of(private))
    assert _oracle_reads(token, private)


@pytest.mark.parametrize("private,algorithm", KEYS)
def test_what_others_make_is_read(private: PrivateKey, algorithm: str) -> None:
    """A token by joserfc, with typ and its own order of members, verifies here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        header = {"typ": "JWT", "kid": KID, "alg": algorithm}
        token = oracle.serialize_compact(header, b'{"a": 1}', _oracle_key(private), algorithms=list(jws.ALGORITHMS))
    compact = jws.parse(token)
    assert compact.payload == {"a": 1}
    jws.verify_signature(compact, public_key_of(private))


def test_the_default_algorithm_is_the_registered_name() -> None:
    """Ed25519 keys sign as Ed25519, P-256 keys as ES256, and nothing else may be asked for."""
    assert jws.parse(jws.make(ED25519, KID, {})).alg == "Ed25519"
    assert jws.parse(jws.make(P256, KID, {})).alg == "ES256"
    with pytest.raises(TokenRefused) as caught:
        jws.make(P256, KID, {}, algorithm="EdDSA")
    assert caught.value.code == "token_algorithm"


@pytest.mark.parametrize(
    "header,code",
    [
        ({"alg": "Ed25519"}, "token_header"),
        ({"kid": KID}, "token_header"),
        ({"alg": "Ed25519", "kid": KID, "typ": "jwt"}, "token_header"),
        ({"alg": "Ed25519", "kid": KID, "typ": None}, "token_header"),
        ({"alg": "Ed25519", "kid": KID, "crit": []}, "token_header"),
        ({"alg": "Ed25519", "kid": KID, "b64": False}, "token_header"),
        ({"alg": "Ed25519", "kid": KID, "jwk": {}}, "token_header"),
        ({"alg": "Ed25519", "kid": ""}, "token_header"),
        ({"alg": "Ed25519", "kid": 1}, "token_header"),
        ({"alg": "Ed25519", "kid": "k" * 129}, "token_header"),
        ({"alg": "none", "kid": KID}, "token_algorithm"),
        ({"alg": "HS256", "kid": KID}, "token_algorithm"),
        ({"alg": "ed25519", "kid": KID}, "token_algorithm"),
        ({"alg": None, "kid": KID}, "token_algorithm"),
        ({"alg": ["Ed25519"], "kid": KID}, "token_algorithm"),
        ("[]", "token_header"),
        ('"alg"', "token_header"),
        ("{", "token_malformed"),
        (f'{{"alg":"Ed25519","alg":"Ed25519","kid":"{KID}"}}', "token_malformed"),
        (f'\ufeff{{"alg":"Ed25519","kid":"{KID}"}}', "token_malformed"),
    ],
)
def test_a_header_says_exactly_alg_and_kid(header: str | dict[str, Any], code: str) -> None:
    """Nothing in a header may steer how it is checked."""
    assert _refusal(_compact(header)).code == code


@pytest.mark.parametrize("payload", ["", "{", '{"a":1,"a":2}', '{"a":1.5}', "\ufeff{}", '{"a":"\\u0000"}'])
def test_a_payload_is_json_of_the_profile(payload: str) -> None:
    """Duplicate claims and whatever two readers might see differently are refused."""
    assert _refusal(_compact({"alg": "Ed25519", "kid": KID}, payload)).code == "token_malformed"


GOOD = jws.make(ED25519, KID, PAYLOAD).decode()
HEADER, BODY, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        f"{HEADER}.{BODY}",
        f"{HEADER}.{BODY}.",
        f"{HEADER}..{SIGNATURE}",
        f".{BODY}.{SIGNATURE}",
        f"{GOOD}.",
        f"{GOOD}.{SIGNATURE}",
        f"{GOOD}\n",
        f" {GOOD}",
        f"{GOOD}==",
        f"{HEADER}=.{BODY}.{SIGNATURE}",
        f"{HEADER}.{BODY}.{SIGNATURE[:-1]}",
        f"{HEADER}.{BODY}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}",
        f"{HEADER}.{BODY}.{SIGNATURE}AA",
        f"{HEADER}.{BODY}.AA",
        f"{HEADER}.{BODY}.电",
        f"{HEADER}.{BODY}.\ud800",
        f"{HEADER}.{BODY}.{SIGNATURE}".encode("utf-16"),
    ],
)
def test_what_is_no_compact_jws_is_refused(token: bytes | str) -> None:
    """Three non-empty parts, each spelled in the one way."""
    assert _refusal(token).code == "token_malformed"


def test_a_token_too_large_is_refused() -> None:
    """The limit counts bytes, both for reading and for making."""
    assert _refusal("a" * (jws.TOKEN_BYTES_MAX + 1)).code == "token_too_large"
    with pytest.raises(TokenRefused) as caught:
        jws.make(ED25519, KID, {"a": "a" * jws.TOKEN_BYTES_MAX})
    assert caught.value.code == "token_too_large"


def test_the_algorithm_fits_the_key() -> None:
    """A key of one type never verifies by the other's algorithm."""
    compact = jws.parse(GOOD)
    with pytest.raises(TokenRefused) as caught:
        jws.verify_signature(compact, public_key_of(P256))
    assert caught.value.code == "token_algorithm"


def test_another_key_does_not_verify() -> None:
    """The signature belongs to one key and these bytes."""
    other = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
    with pytest.raises(SignatureInvalid):
        jws.verify_signature(jws.parse(GOOD), public_key_of(other))
    forged = f"{HEADER}.{encode_url(b'{}')}.{SIGNATURE}"
    with pytest.raises(SignatureInvalid):
        jws.verify_signature(jws.parse(forged), public_key_of(ED25519))


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("ABab01-_.=~ "), st.sampled_from(["replace", "insert", "drop"]))
def test_no_mutation_verifies(index: int, letter: str, how: str) -> None:
    """Any one letter changed, added or dropped refuses the token, and never with an untyped error."""
    kept = GOOD[index:] if how == "insert" else GOOD[index + 1 :]
    mutant = GOOD[:index] + ("" if how == "drop" else letter) + kept
    if mutant == GOOD:
        return
    with pytest.raises(AuditError):
        jws.verify_signature(jws.parse(mutant), public_key_of(ED25519))


@given(st.integers(0, 511), st.sampled_from(KEYS))
def test_what_we_accept_the_oracle_accepts(bit: int, kind: tuple[PrivateKey, str]) -> None:
    """With a bit of the signature flipped, we and joserfc refuse alike."""
    private, algorithm = kind
    token = jws.make(private, KID, PAYLOAD, algorithm=algorithm)
    compact = jws.parse(token)
    flipped = bytearray(compact.signature)
    flipped[bit // 8] ^= 1 << bit % 8
    mutant = compact.signed + b"." + encode_url(bytes(flipped)).encode()
    with pytest.raises(SignatureInvalid):
        jws.verify_signature(jws.parse(mutant), public_key_of(private))
    assert not _oracle_reads(mutant, private)
