"""Base64 with exactly one spelling of each byte string: RFC 4648 §4 in notes, §5 without padding in tokens and keys."""

from __future__ import annotations

import base64
import binascii

__all__ = ["decode_standard", "decode_url", "encode_standard", "encode_url"]


def encode_standard(data: bytes) -> str:
    """Return base64 with padding (RFC 4648 §4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_standard(text: str) -> bytes | None:
    """Return the bytes of padded base64 (RFC 4648 §4), or None if the text is not what `encode_standard` writes."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return data if encode_standard(data) == text else None


def encode_url(data: bytes) -> str:
    """Return base64url without padding (RFC 4648 §5, RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_url(text: str) -> bytes | None:
    """Return the bytes of unpadded base64url (RFC 7515 §2), or None if the text is not what `encode_url` writes."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if encode_url(data) == text else None
