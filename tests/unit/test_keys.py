"""Public keys: what is sound, what is malformed, what is weak, and what they verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.base64text import decode_standard, decode_url, encode_url
from audit.errors import KeyRefused, SignatureInvalid
from audit.keys import from_jwk, load_ed25519, public_bytes, public_key_of, sign

if TYPE_CHECKING:
    from audit.canonical import JsonValue

VECTORS = Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json"
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
P256 = ec.derive_private_key(4, ec.SECP256R1())
PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Point = tuple[int, int]


def _okp(raw: bytes) -> JsonValue:
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_url(raw)}


def _ec(x: int, y: int) -> dict[str, JsonValue]:
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": encode_url(x.to_bytes(32, "big")),
        "y": encode_url(y.to_bytes(32, "big")),
    }


def _refusal(jwk: JsonValue) -> KeyRefused:
    with pytest.raises(KeyRefused) as caught:
        from_jwk(jwk)
    return caught.value


def _add(p: Point, q: Point) -> Point:
    """Addition of RFC 8032 §5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = p, q
    t = D * x1 * x2 * y1 * y2 % PRIME
    x3 = (x1 * y2 + x2 * y1) * pow(1 + t, -1, PRIME) % PRIME
    y3 = (y1 * y2 + x1 * x2) * pow(1 - t, -1, PRIME) % PRIME
    return x3, y3


def _times(n: int, p: Point) -> Point:
    product = (0, 1)
    for bit in f"{n:b}":
        product = _add(product, product)
        if bit == "1":
            product = _add(product, p)
    return product


def _point(y: int) -> Point | None:
    """The point of that y with an even x, if there is one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if (x * x - square) % PRIME:
        return None
    return (x if x % 2 == 0 else PRIME - x), y


def _small_points() -> set[Point]:
    """The eight points of small order, found by multiplying points with the order of the large subgroup."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        point = _point(y)
        if point is not None:
            torsion = _times(order, point)
            found |= {_times(n, torsion) for n in range(8)}
        y += 1
    return found


def _spellings(point: Point) -> list[bytes]:
    """Every encoding of a point: y, or y + p where it fits; the sign of x, and for x = 0 also the wrong one."""
    x, y = point
    signs = (x & 1,) if x else (0, 1)
    return [(z | sign << 255).to_bytes(32, "little") for z in (y, y + PRIME) if z < 2**255 for sign in signs]


SMALL = sorted(encoding for point in _small_points() for encoding in _spellings(point))


def test_there_are_fourteen_spellings_of_small_points() -> None:
    """Eight points, and six more spellings of those with y of 0 or 1 or x of 0."""
    assert len(SMALL) == len(set(SMALL)) == 14


@pytest.mark.parametrize("raw", SMALL, ids=bytes.hex)
def test_points_of_small_order_are_weak(raw: bytes) -> None:
    """Each of the eight points is refused in each of its spellings."""
    assert _refusal(_okp(raw)).code == "key_weak"


@pytest.mark.parametrize("y", list(range(PRIME + 2, 2**255)), ids=hex)
@pytest.mark.parametrize("sign", [0, 1])
def test_a_second_spelling_of_y_is_malformed(y: int, sign: int) -> None:
    """A y not below p is refused, on the curve or off it."""
    assert _refusal(_okp((y | sign << 255).to_bytes(32, "little"))).code == "key_malformed"


def test_a_y_off_the_curve_is_malformed() -> None:
    """Half of all y have no x; they are no keys, and the others load."""
    for y in range(2, 60):
        raw = y.to_bytes(32, "little")
        if _point(y) is None:
            assert _refusal(_okp(raw)).code == "key_malformed"
        else:
            assert public_bytes(load_ed25519(raw)) == raw


def test_sound_keys_load_with_their_algorithms() -> None:
    """The key's type fixes what it may be used for; EdDSA is the older name of Ed25519."""
    assert public_key_of(ED25519).algorithms == {"Ed25519", "EdDSA"}
    assert public_key_of(P256).algorithms == {"ES256"}
    assert from_jwk(dict(public_key_of(P256).jwk)) == public_key_of(P256)
    assert len({public_key_of(P256), public_key_of(P256), public_key_of(ED25519)}) == 2


def test_the_golden_keys_load() -> None:
    """The registered key of the frozen example is a sound key, with the members it was written with."""
    event = json.loads(VECTORS.read_text())["saves"][0]["events"][3]
    jwk = json.loads(event["body"])["found"]["public"]
    assert from_jwk(jwk).jwk == jwk


@pytest.mark.parametrize(
    "change",
    [
        {"d": "AA"},
        {"kid": "1"},
        {"use": "sig"},
        {"alg": "Ed25519"},
        {"y": "AA"},
        {"kty": "EC"},
        {"kty": "oct"},
        {"crv": "X25519"},
        {"crv": "Ed448"},
        {"x": 7},
        {"x": None},
        {"x": ""},
        {"x": "ypOsFwUYcHHWe4PH_w7-gQjo7EUwV113JoeTM9vavnw="},
        {"x": "ypOsFwUYcHHWe4PH/w7+gQjo7EUwV113JoeTM9vavnw"},
        {"x": "ypOsFwUYcHHWe4PH_w7-gQjo7EUwV113JoeTM9vavnx"},
        {"x": "ypOsFwUYcHHWe4PH_w7-gQjo7EUwV113JoeTM9vavn"},
        {"x": "ypOsFwUYcHHWe4PH_w7-gQjo7EUwV113JoeTM9vavnw "},
        {"x": "电" * 43},
        {"x": "A" * 42},
        {"x": "A" * 44},
    ],
)
def test_other_members_and_spellings_are_malformed(change: dict[str, JsonValue]) -> None:
    """Private, further or missing members and other base64 than the one are refused."""
    jwk: dict[str, JsonValue] = dict(public_key_of(ED25519).jwk)
    assert from_jwk(jwk).algorithms
    assert _refusal({**jwk, **change}).code == "key_malformed"


@pytest.mark.parametrize("jwk", [None, [], "key", {}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": "EC", "crv": "P-256"}])
def test_what_is_no_jwk_is_malformed(jwk: JsonValue) -> None:
    """A missing member or another type is the same typed error."""
    assert _refusal(jwk).code == "key_malformed"


def test_points_off_p256_are_malformed() -> None:
    """A point must lie on the curve; (0, 0), which some use for infinity, does not."""
    numbers = P256.public_key().public_numbers()
    assert from_jwk(_ec(numbers.x, numbers.y)).algorithms
    for x, y in ((numbers.x, numbers.y ^ 1), (numbers.y, numbers.x), (0, 0)):
        assert _refusal(_ec(x, y)).code == "key_malformed"
    assert _refusal({**_ec(numbers.x, numbers.y), "d": "AA"}).code == "key_malformed"
    assert _refusal({**_ec(numbers.x, numbers.y), "crv": "P-384"}).code == "key_malformed"


def test_a_second_spelling_of_a_p256_coordinate_is_malformed() -> None:
    """A coordinate is below the prime, though the library would take it modulo the prime."""
    y = pow(P256_B, (P256_PRIME + 1) // 4, P256_PRIME)
    assert from_jwk(_ec(0, y)).algorithms
    assert _refusal(_ec(P256_PRIME, y)).code == "key_malformed"


def test_only_p256_among_the_other_curves() -> None:
    """A private key of another curve has no public key here."""
    with pytest.raises(KeyRefused):
        public_key_of(ec.derive_private_key(4, ec.SECP384R1()))


@pytest.mark.parametrize("private,algorithm", [(ED25519, "Ed25519"), (ED25519, "EdDSA"), (P256, "ES256")])
def test_a_signature_holds_for_its_message_only(
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, algorithm: str
) -> None:
    """Another message, a flipped bit, another length or algorithm do not verify."""
    key, signature = public_key_of(private), sign(private, b"message")
    key.verify(algorithm, b"message", signature)
    flipped = signature[:40] + bytes([signature[40] ^ 1]) + signature[41:]
    for message, other in ((b"massage", signature), (b"message", flipped), (b"message", signature[:-1])):
        with pytest.raises(SignatureInvalid) as caught:
            key.verify(algorithm, message, other)
        assert caught.value.code == "signature_invalid"
    for wrong in ("none", "HS256", "ES256" if private is ED25519 else "Ed25519"):
        with pytest.raises(SignatureInvalid) as caught:
            key.verify(wrong, b"message", signature)
        assert caught.value.code == "signature_algorithm"


@pytest.mark.parametrize("more", [b"", b"\x00", bytes(32)])
def test_es256_has_one_spelling(more: bytes) -> None:
    """Zeros before s, or one of its own left out, make no second signature of a sound one."""
    key, message = public_key_of(P256), 0
    signature = sign(P256, b"0")
    while signature[32]:  # until s begins with a zero
        message += 1
        signature = sign(P256, b"%d" % message)
    key.verify("ES256", b"%d" % message, signature)
    other = signature[:32] + more + signature[33 if not more else 32 :]
    with pytest.raises(SignatureInvalid):
        key.verify("ES256", b"%d" % message, other)


@pytest.mark.parametrize("r,s", [(0, 1), (1, 0), (P256_ORDER, 1), (1, P256_ORDER), (2**256 - 1, 2**256 - 1), (0, 0)])
def test_es256_numbers_lie_in_their_range(r: int, s: int) -> None:
    """Numbers r and s of zero, or not below the order, are refused before any arithmetic."""
    with pytest.raises(SignatureInvalid):
        public_key_of(P256).verify("ES256", b"", r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_thumbprint_of_rfc_8037() -> None:
    """The Ed25519 example of RFC 8037 appendix A.3 has the thumbprint printed there."""
    key = from_jwk({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("text", ["=", "AA", "AA=", "AAA", "AB==", "AA==\n", "A A=", "AA==AA==", "__8=", "电"])
def test_padded_base64_has_one_spelling(text: str) -> None:
    """Missing padding, stray bits, blanks and the other alphabet are no base64."""
    assert decode_standard(text) is None


def test_base64_decodes_what_it_encodes() -> None:
    """Both alphabets give the bytes back."""
    assert decode_standard("AP8+") == b"\x00\xff\x3e"
    assert decode_url("AP8-") == b"\x00\xff\x3e"
    assert decode_standard("") == decode_url("") == b""
