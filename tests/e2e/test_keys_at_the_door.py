"""Keys that are weak, malformed or not held, at the three routes that take one: refused by code, nothing written.

The proofs are as good as an attacker can make them, so that only the check in question stands in the way.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.client import Client
from audit import canonical, keys
from audit.base64text import encode_url
from tests.support.knocking import code, nothing_written, salted, send
from tests.support.service import Service

ED25519_P = 2**255 - 19
IDENTITY = (1).to_bytes(32, "little")
SIGNED_BY_ANYBODY = IDENTITY + bytes(32)
"""R is the neutral point and S zero: under the neutral point as key this is a signature of every message."""
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

Jwk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class New:
    """A key that somebody wants taken: its public words, and who signs the proof of possession as what."""

    public: Jwk
    sign: Callable[[bytes], bytes]
    alg: str

    def registration(self, origin: str, holder: str) -> dict[str, Any]:
        """Give what a registry wants of a new key; the proof says what it must, whoever signs it."""
        name = f"key:{uuid.uuid4()}"
        payload = {"aud": origin, "holder": holder, "iat": int(time.time()), "public": self.public}
        signed = f"{_part({'alg': self.alg, 'kid': name})}.{_part(payload)}"
        return {"id": name, "public": self.public, "proof": f"{signed}.{encode_url(self.sign(signed.encode()))}"}


def _part(value: Mapping[str, Any]) -> str:
    return encode_url(canonical.encode(value))


def _okp(raw: bytes, **other: Any) -> Jwk:  # noqa: ANN401 - members of a JWK
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_url(raw), **other}


def _ec(x: int, y: int, **other: Any) -> Jwk:  # noqa: ANN401 - members of a JWK
    return {
        "crv": "P-256", "kty": "EC", "x": encode_url(x.to_bytes(32, "big")), "y": encode_url(y.to_bytes(32, "big")),
        **other,
    }  # fmt: skip


def _new(public: Jwk, private: keys.PrivateKey | None = None, alg: str = "Ed25519") -> New:
    signer = private or Ed25519PrivateKey.generate()
    return New(public, lambda signed: keys.sign(signer, signed), alg)


HELD = Ed25519PrivateKey.generate()
HELD_RAW = keys.public_bytes(HELD.public_key())
CURVE = generate_private_key(SECP256R1())
POINT = CURVE.public_key().public_numbers()

REFUSED = {
    "neutral point, signed by anybody": (
        New(_okp(IDENTITY), lambda _signed: SIGNED_BY_ANYBODY, "Ed25519"), "key_weak",
    ),
    "order two": (_new(_okp((ED25519_P - 1).to_bytes(32, "little"))), "key_weak"),
    "order four": (_new(_okp(bytes(32))), "key_weak"),
    "order eight": (_new(_okp(ORDER_8)), "key_weak"),
    "neutral point, spelled otherwise": (
        New(_okp((ED25519_P + 1).to_bytes(32, "little")), lambda _signed: SIGNED_BY_ANYBODY, "Ed25519"), "key_weak",
    ),
    "Ed25519 y over the prime": (_new(_okp((ED25519_P + 3).to_bytes(32, "little"))), "key_malformed"),
    "Ed25519 off the curve": (_new(_okp((2).to_bytes(32, "little"))), "key_malformed"),
    "P-256 off the curve": (_new(_ec(POINT.x, POINT.y ^ 1), CURVE, "ES256"), "key_malformed"),
    "P-256 at zero": (_new(_ec(0, 0), CURVE, "ES256"), "key_malformed"),
    "P-256 spelled otherwise": (
        _new(_ec(P256_P, pow(P256_B, (P256_P + 1) // 4, P256_P)), CURVE, "ES256"), "key_malformed",
    ),
    "P-256 without y": (_new({**_okp(HELD_RAW), "crv": "P-256", "kty": "EC"}, HELD), "key_malformed"),
    "Ed25519 called P-256": (_new({**_okp(HELD_RAW), "crv": "P-256"}, HELD), "key_malformed"),
    "P-256 called Ed25519": (_new({**_ec(POINT.x, POINT.y), "crv": "Ed25519"}, CURVE, "ES256"), "key_malformed"),
    "too short": (_new(_okp(HELD_RAW[:31]), HELD), "shape_invalid"),
    "too long": (_new(_okp(HELD_RAW + b"\0"), HELD), "shape_invalid"),
    "stray bits": (_new({**_okp(HELD_RAW), "x": f"{encode_url(HELD_RAW)[:-1]}B"}, HELD), "key_malformed"),
    "with its private half": (_new(_okp(HELD_RAW, d=encode_url(HELD.private_bytes_raw())), HELD), "shape_invalid"),
    "another kind": (_new({"kty": "RSA", "n": encode_url(bytes(256)), "e": "AQAB"}), "shape_invalid"),
    "another curve": (_new({**_ec(POINT.x, POINT.y), "crv": "P-384"}, CURVE, "ES256"), "shape_invalid"),
    "Ed25519 proven as ES256": (_new(_okp(HELD_RAW), HELD, "ES256"), "token_algorithm"),
    "P-256 proven as Ed25519": (_new(_ec(POINT.x, POINT.y), CURVE), "token_algorithm"),
    "proven with no algorithm": (_new(_okp(HELD_RAW), HELD, "none"), "token_algorithm"),
    "proven by another": (_new(_okp(HELD_RAW)), "signature_invalid"),
}  # fmt: skip
"""What is wrong with it → the key, and the code it is refused with."""


def _registered(client: Client, key: New) -> tuple[str, dict[str, Any]]:
    party = f"party:{uuid.uuid4()}"
    body = {"id": party, "kind": "insurer", "name": "New", "key": key.registration(client.origin, party)}
    return "/parties", {"parties": [body]}


def _added(client: Client, key: New) -> tuple[str, dict[str, Any]]:
    holder = client.credentials.party
    return "/keys", {**key.registration(client.origin, holder), "holder": holder}


def _rotated(client: Client, key: New) -> tuple[str, dict[str, Any]]:
    who = client.credentials
    holder = who.agent or who.party
    return f"/keys/{who.key}/rotate", {"key": key.registration(client.origin, holder)}


ROUTES = {"register a party": _registered, "add a key": _added, "rotate a key": _rotated}


@pytest.fixture
def insurer(service: Service) -> Client:
    """Who adds and rotates his own keys."""
    return service.party("insurer")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("wrong", REFUSED)
def test_a_key_that_is_none_is_refused(service: Service, insurer: Client, route: str, wrong: str) -> None:
    """By each route with the same stable code; no party, no key and no end of an old key comes of it."""
    key, expected = REFUSED[wrong]
    client = service.administrator if route == "register a party" else insurer
    path, body = ROUTES[route](client, key)
    with nothing_written(service):
        assert code(send(service, client, path, salted(body))) == (422, expected)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("curve", [False, True])
def test_the_same_request_with_a_sound_key_is_taken(service: Service, route: str, *, curve: bool) -> None:
    """What is refused above is refused for the key alone."""
    client = service.administrator if route == "register a party" else service.party("insurer")
    sound = _new(_ec(POINT.x, POINT.y), CURVE, "ES256") if curve else _new(_okp(HELD_RAW), HELD)
    path, body = ROUTES[route](client, sound)
    assert send(service, client, path, salted(body)).status_code == 201
