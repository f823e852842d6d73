"""The one strict verifier of compact JWS (RFC 7515 §7.1), at the door and offline alike.

Three parts in unpadded base64url of one spelling; a header of exactly `alg` and `kid`, and `typ` if it says JWT; an
algorithm that the key's type fixes. `crit`, `jwk`, `b64` and all other ways of a header to steer its own check are
refused by not being in the list.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit.base64text import decode_url, encode_url
from audit.canonical import JsonValue, decode, encode
from audit.errors import CanonicalError, SignatureInvalid, TokenRefused
from audit.keys import SIGNATURE_BYTES, PrivateKey, PublicKey, algorithms_of, sign

__all__ = [
    "ALGORITHMS",
    "KID_CHARS_MAX",
    "TOKEN_BYTES_MAX",
    "Compact",
    "SignatureInvalid",
    "TokenRefused",
    "make",
    "parse",
    "verify_signature",
]

TOKEN_BYTES_MAX = 4096
KID_CHARS_MAX = 128
ALGORITHMS = ("Ed25519", "EdDSA", "ES256")  # RFC 9864 §2.2, RFC 8037 §3.1, RFC 7518 §3.4

_MEMBERS = frozenset({"alg", "kid"})
_MEMBERS_WITH_TYPE = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class Compact:
    """A compact JWS in its parts; parsed, not yet verified. `signed` is the signing input of RFC 7515 §5.2."""

    alg: str
    kid: str
    payload: JsonValue
    signed: bytes
    signature: bytes


def parse(token: bytes | str) -> Compact:
    """Read a compact JWS, strictly in form; its signature is checked by `verify_signature`.

    Raises TokenRefused with code `token_too_large`, `token_malformed` (with `part`, and `reason` if the JSON is at
    fault), `token_header` for other members than the listed, or `token_algorithm` for an unknown one.
    """
    text = _text_of(token)
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004  # header, payload, signature
        raise TokenRefused("A compact JWS has three parts, none of them empty.")
    header_bytes, payload_bytes, signature = map(_decode_part, ("header", "payload", "signature"), parts)
    header = _decode_json("header", header_bytes)
    if not isinstance(header, dict) or header.keys() not in (_MEMBERS, _MEMBERS_WITH_TYPE):
        raise TokenRefused("A header has exactly alg and kid, and may have typ.", code="token_header")
    alg, kid = header["alg"], header["kid"]
    if header.get("typ", "JWT") != "JWT" or not isinstance(kid, str) or not 0 < len(kid) <= KID_CHARS_MAX:
        raise TokenRefused("The header's typ is JWT and its kid a text.", code="token_header")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise TokenRefused("The algorithm is not one of ours.", code="token_algorithm")
    if len(signature) != SIGNATURE_BYTES:
        raise TokenRefused("A signature has 64 bytes.", part="signature")
    signed = text[: text.rindex(".")].encode("ascii")
    return Compact(alg, kid, _decode_json("payload", payload_bytes), signed, signature)


def verify_signature(compact: Compact, key: PublicKey) -> None:
    """Check the signature by the key that `kid` was found to name.

    Raises TokenRefused with code `token_algorithm` if the algorithm does not fit the key, or SignatureInvalid.
    """
    if compact.alg not in key.algorithms:
        raise TokenRefused("The algorithm does not fit the key.", code="token_algorithm")
    key.verify(compact.alg, compact.signed, compact.signature)


def make(private: PrivateKey, kid: str, payload: JsonValue, *, algorithm: str | None = None) -> bytes:
    """Return a compact JWS over the canonical bytes of the payload, as ASCII.

    The algorithm is fixed by the key; only the older name `EdDSA` may be asked for. Raises TokenRefused with code
    `token_algorithm` or `token_too_large`.
    """
    fitting = algorithms_of(private)
    chosen = algorithm or next(name for name in ALGORITHMS if name in fitting)
    if chosen not in fitting:
        raise TokenRefused("The algorithm does not fit the key.", code="token_algorithm")
    header = encode({"alg": chosen, "kid": kid})
    signed = f"{encode_url(header)}.{encode_url(encode(payload))}"
    token = f"{signed}.{encode_url(sign(private, signed.encode('ascii')))}".encode("ascii")
    _check_size(len(token))
    return token


def _text_of(token: bytes | str) -> str:
    _check_size(len(token))
    try:
        return token.decode("ascii") if isinstance(token, bytes) else token.encode("ascii").decode("ascii")
    except UnicodeError:
        raise TokenRefused("A compact JWS is ASCII.") from None


def _check_size(size: int) -> None:
    if size > TOKEN_BYTES_MAX:
        raise TokenRefused("The token is too large.", code="token_too_large", bytes=size, bytes_max=TOKEN_BYTES_MAX)


def _decode_part(part: str, text: str) -> bytes:
    data = decode_url(text)
    if data is None:
        raise TokenRefused("A part is not unpadded base64url.", part=part)
    return data


def _decode_json(part: str, data: bytes) -> JsonValue:
    try:
        return decode(data)
    except CanonicalError as error:
        raise TokenRefused("A part is not JSON of the profile.", part=part, reason=error.code) from error
