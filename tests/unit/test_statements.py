"""Proofs of possession and the first statement: exact claims, by the very key they are about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import jws
from audit.errors import SignatureInvalid, TokenRefused
from audit.keys import from_jwk, public_key_of
from audit.tokens import check_init_statement, check_possession, make_init_statement, make_possession

if TYPE_CHECKING:
    from audit.canonical import JsonValue

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json").read_text()
)
ORIGIN = "scripted.ledger.example/district"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
V4 = "7c1e0a52-0b6e-4d3f-9a51-5b1f6f0f7a11"
KID, HOLDER = f"key:{V4}", f"party:{V4}"
PUBLIC = public_key_of(PRIVATE)
CLAIMS: dict[str, JsonValue] = {"aud": ORIGIN, "holder": HOLDER, "iat": 1, "public": dict(PUBLIC.jwk)}
INIT: dict[str, JsonValue] = {"origin": ORIGIN, "receipt": "r", "checkpoint": ["a", "b"]}


def _check_possession(proof: bytes | str) -> int:
    return check_possession(proof, origin=ORIGIN, holder=HOLDER, public=PUBLIC, kid=KID)


def _check_init(statement: bytes | str) -> None:
    check_init_statement(statement, origin=ORIGIN, receipt="r", checkpoint=["a", "b"], public=PUBLIC, kid=KID)


@pytest.mark.parametrize("private", [PRIVATE, ec.derive_private_key(4, ec.SECP256R1())])
def test_a_proof_of_possession_holds_and_tells_its_time(
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    """A key of either type proves itself."""
    proof = make_possession(private, KID, origin=ORIGIN, holder=HOLDER, iat=17)
    assert check_possession(proof, origin=ORIGIN, holder=HOLDER, public=public_key_of(private), kid=KID) == 17


@pytest.mark.parametrize(
    "change,claim",
    [
        ({"aud": "ledger.example"}, "aud"),
        ({"holder": KID}, "holder"),
        ({"public": dict(public_key_of(OTHER).jwk)}, "public"),
        ({"public": {**PUBLIC.jwk, "kid": "1"}}, "public"),
        ({"public": None}, "public"),
        ({"iat": "1"}, "iat"),
        ({"iat": True}, "iat"),
        ({"iat": -1}, "iat"),
    ],
)
def test_a_proof_about_something_else_is_refused(change: dict[str, JsonValue], claim: str) -> None:
    """Ledger, holder and key are those of this registration."""
    with pytest.raises(TokenRefused) as caught:
        _check_possession(jws.make(PRIVATE, KID, {**CLAIMS, **change}))
    assert (caught.value.code, caught.value.details["claim"]) == ("possession_invalid", claim)


@pytest.mark.parametrize("payload", [[], {}, {**CLAIMS, "exp": 1}, {k: v for k, v in CLAIMS.items() if k != "aud"}])
def test_a_proof_states_exactly_four_claims(payload: JsonValue) -> None:
    """Fewer, more or other claims are no proof."""
    with pytest.raises(TokenRefused) as caught:
        _check_possession(jws.make(PRIVATE, KID, payload))
    assert caught.value.code == "possession_invalid"


def test_a_proof_is_signed_by_the_key_itself_under_its_name() -> None:
    """Another signer or another kid proves nothing."""
    with pytest.raises(SignatureInvalid):
        _check_possession(jws.make(OTHER, KID, CLAIMS))
    with pytest.raises(TokenRefused) as caught:
        _check_possession(jws.make(PRIVATE, f"key:{V4[:-1]}2", CLAIMS))
    assert caught.value.details["claim"] == "kid"


def test_the_first_statement_holds_for_its_keys_only() -> None:
    """Origin, receipt key and every checkpoint key, in order, are those that were signed."""
    _check_init(make_init_statement(PRIVATE, KID, origin=ORIGIN, receipt="r", checkpoint=["a", "b"]))
    for change in ({"origin": "x"}, {"receipt": "x"}, {"checkpoint": ["b", "a"]}, {"checkpoint": "ab"}):
        with pytest.raises(TokenRefused) as caught:
            _check_init(jws.make(PRIVATE, KID, {**INIT, **change}))
        assert (caught.value.code, caught.value.details["claim"]) == ("init_invalid", *change)
    with pytest.raises(TokenRefused) as caught:
        _check_init(jws.make(PRIVATE, KID, {**INIT, "more": 1}))
    assert caught.value.code == "init_invalid"
    with pytest.raises(SignatureInvalid):
        _check_init(jws.make(OTHER, KID, INIT))
    with pytest.raises(TokenRefused):
        _check_init(jws.make(PRIVATE, "another", INIT))


def test_the_golden_first_statement() -> None:
    """The init statement of the frozen example verifies and is made again to the letter."""
    save = VECTORS["saves"][0]
    registered = json.loads(save["events"][3]["body"])["found"]
    kid = json.loads(save["events"][3]["header"])["stream"]
    keys = {"receipt": VECTORS["vkeys"]["receipt"], "checkpoint": [VECTORS["vkeys"]["checkpoint"]]}
    statement = save["evidence"][0]["bytes"]
    check_init_statement(statement, origin=ORIGIN, **keys, public=from_jwk(registered["public"]), kid=kid)
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seeds"]["admin"]))
    assert make_init_statement(private, kid, origin=ORIGIN, **keys).decode() == statement


@pytest.mark.parametrize("index", [0, 1])
def test_the_golden_proofs_of_possession(index: int) -> None:
    """The proofs of the frozen example verify and are made again to the letter."""
    party = json.loads(VECTORS["saves"][1]["request"]["body"])["parties"][index]
    key = party["key"]
    iat = check_possession(
        key["proof"], origin=ORIGIN, holder=party["id"], public=from_jwk(key["public"]), kid=key["id"]
    )
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seeds"][party["kind"]]))
    assert make_possession(private, key["id"], origin=ORIGIN, holder=party["id"], iat=iat) == key["proof"]
