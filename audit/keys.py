"""Public keys as JWK, strictly: Ed25519 (RFC 8037, RFC 8032) and P-256 (RFC 7518 §6.2), and what they verify.

Weak and ambiguous keys end here, at registration: a point of small order makes one signature fit many messages, and a
second spelling of a point makes one key two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.base64text import decode_url, encode_url
from audit.canonical import JsonValue, encode
from audit.errors import KeyRefused, SignatureInvalid

__all__ = [
    "SIGNATURE_BYTES",
    "KeyRefused",
    "PrivateKey",
    "PublicKey",
    "SignatureInvalid",
    "algorithms_of",
    "from_jwk",
    "load_ed25519",
    "public_bytes",
    "public_key_of",
    "sign",
]

PrivateKey: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
SIGNATURE_BYTES = 64  # of Ed25519 (RFC 8032 §5.1.6) and of ES256 (RFC 7518 §3.4) alike

_COORDINATE_BYTES = 32
_ED25519_ALGORITHMS = frozenset({"Ed25519", "EdDSA"})  # RFC 9864 §2.2 names the first; older libraries the second
_P256_ALGORITHMS = frozenset({"ES256"})

# The curve of RFC 8032 §5.1: -x² + y² = 1 + d·x²·y² modulo p.
_ED25519_P = 2**255 - 19
_ED25519_D = -121665 * pow(121666, -1, _ED25519_P) % _ED25519_P
# The y of the eight points whose order divides 8: of order 1 and 2, of order 4, and the two of order 8.
_ED25519_Y_OF_ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_ED25519_SMALL_Y = frozenset(
    {0, 1, _ED25519_P - 1, _ED25519_Y_OF_ORDER_8, _ED25519_P - _ED25519_Y_OF_ORDER_8},
)
# Prime of the field and order of the group of P-256 (FIPS 186-5; SEC 2 §2.4.2).
_P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A sound public key: its JWK members as given, and the algorithms it may be used with."""

    jwk: Mapping[str, str]
    algorithms: frozenset[str]
    _key: Ed25519PublicKey | ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.thumbprint())

    def verify(self, algorithm: str, message: bytes, signature: bytes) -> None:
        """Check a raw signature of 64 bytes: RFC 8032 §5.1.7 without cofactor, or r ‖ s of RFC 7518 §3.4.

        Raises SignatureInvalid with code `signature_algorithm` if the algorithm does not fit the key, else
        `signature_invalid`.
        """
        if algorithm not in self.algorithms:
            raise SignatureInvalid("The algorithm does not fit the key.", code="signature_algorithm")
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureInvalid("A signature has 64 bytes.", bytes=len(signature))
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(_der_of(signature), message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise SignatureInvalid("The key did not sign these bytes.") from None

    def thumbprint(self) -> str:
        """Return the JWK thumbprint over SHA-256, as base64url (RFC 7638 §3)."""
        return encode_url(sha256(encode(dict(self.jwk))).digest())


def from_jwk(jwk: JsonValue) -> PublicKey:
    """Read a public JWK of exactly {crv, kty, x} for OKP/Ed25519 or {crv, kty, x, y} for EC/P-256, all strings.

    Any other member is refused, private ones above all. Raises KeyRefused with code `key_malformed` or `key_weak`.
    """
    if not isinstance(jwk, dict) or not all(isinstance(value, str) for value in jwk.values()):
        raise KeyRefused("A JWK is an object of strings.")
    members = {name: value for name, value in jwk.items() if isinstance(value, str)}
    match members:
        case {"kty": "OKP", "crv": "Ed25519", "x": x, **others} if not others:
            return PublicKey(members, _ED25519_ALGORITHMS, load_ed25519(_coordinate(x)))
        case {"kty": "EC", "crv": "P-256", "x": x, "y": y, **others} if not others:
            return PublicKey(members, _P256_ALGORITHMS, _load_p256(_coordinate(x), _coordinate(y)))
    raise KeyRefused("The JWK is neither Ed25519 nor P-256 with exactly its public members.", members=sorted(members))


def algorithms_of(private: PrivateKey) -> frozenset[str]:
    """Return what a private key may sign as. Raises KeyRefused for a curve other than P-256."""
    if isinstance(private, Ed25519PrivateKey):
        return _ED25519_ALGORITHMS
    if not isinstance(private.curve, ec.SECP256R1):
        raise KeyRefused("The only curve beside Ed25519 is P-256.", curve=private.curve.name)
    return _P256_ALGORITHMS


def public_key_of(private: PrivateKey) -> PublicKey:
    """Return the public key of a private one, by way of its JWK. Raises KeyRefused for a curve other than P-256."""
    algorithms_of(private)
    public = private.public_key()
    if isinstance(public, Ed25519PublicKey):
        return from_jwk({"crv": "Ed25519", "kty": "OKP", "x": encode_url(public_bytes(public))})
    numbers = public.public_numbers()
    x, y = (encode_url(number.to_bytes(_COORDINATE_BYTES, "big")) for number in (numbers.x, numbers.y))
    return from_jwk({"crv": "P-256", "kty": "EC", "x": x, "y": y})


def sign(private: PrivateKey, message: bytes) -> bytes:
    """Return the raw signature of 64 bytes: Ed25519 (RFC 8032 §5.1.6), or r ‖ s of ES256 (RFC 7518 §3.4)."""
    if isinstance(private, Ed25519PrivateKey):
        return private.sign(message)
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


def public_bytes(public: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of an Ed25519 public key (RFC 8032 §5.1.5)."""
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


@lru_cache(maxsize=1024)
def load_ed25519(raw: bytes) -> Ed25519PublicKey:
    """Load the 32 bytes of an Ed25519 public key, if they spell a point of the curve, canonically and of large order.

    RFC 8032 §5.1.3, read strictly. Raises KeyRefused with code `key_weak` for the points of small order in any
    spelling, else `key_malformed`.
    """
    if len(raw) != _COORDINATE_BYTES:
        raise KeyRefused("An Ed25519 key has 32 bytes.", bytes=len(raw))
    y = int.from_bytes(raw, "little") & (1 << 255) - 1  # the highest bit is the sign of x
    if y % _ED25519_P in _ED25519_SMALL_Y:
        raise KeyRefused("The point has small order: anyone could sign for it.", code="key_weak")
    if y >= _ED25519_P:
        raise KeyRefused("The point is not spelled canonically.")
    u, v = y * y - 1, _ED25519_D * y * y + 1  # x² = u / v, a square exactly if u·v is one (Euler's criterion)
    if pow(u * v, (_ED25519_P - 1) // 2, _ED25519_P) != 1:
        raise KeyRefused("The point does not lie on the curve.")
    return Ed25519PublicKey.from_public_bytes(raw)


def _load_p256(x: bytes, y: bytes) -> ec.EllipticCurvePublicKey:
    """Load a point of P-256; the point at infinity has no coordinates and so no JWK."""
    x_number, y_number = int.from_bytes(x, "big"), int.from_bytes(y, "big")
    if x_number >= _P256_P or y_number >= _P256_P:  # the library would take them modulo p: a second spelling
        raise KeyRefused("The point is not spelled canonically.")
    try:
        return ec.EllipticCurvePublicNumbers(x_number, y_number, ec.SECP256R1()).public_key()
    except ValueError:
        raise KeyRefused("The point does not lie on the curve.") from None


def _coordinate(text: str) -> bytes:
    data = decode_url(text)
    if data is None or len(data) != _COORDINATE_BYTES:
        raise KeyRefused("A coordinate is 32 bytes in unpadded base64url.")
    return data


def _der_of(signature: bytes) -> bytes:
    """Turn r ‖ s into the DER that the library takes, if both lie in 1 … n − 1 (FIPS 186-5 §6.4.2)."""
    r, s = (int.from_bytes(half, "big") for half in (signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]))
    if not (0 < r < _P256_N and 0 < s < _P256_N):
        raise SignatureInvalid("r and s lie between 1 and the order of the group.")
    return encode_dss_signature(r, s)
