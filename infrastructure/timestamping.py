"""RFC 3161 time stamps: a public authority's word that a checkpoint existed at a time.

A witness's cosignature tells a time as well, but the witness is chosen by those who distrust each other; an authority
stands outside. The whole response is kept, as `openssl ts -verify` takes it (`.tsr`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Final

import httpx
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from infrastructure.errors import TimestampInvalid
from infrastructure.http_answers import ANSWER_S_MAX, ask

__all__ = ["RESPONSE_BYTES_MAX", "Authority", "Stamp", "check_imprint", "load_roots", "verify_stamp"]

RESPONSE_BYTES_MAX: Final = 64 * 1024
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A verified time stamp: the response in DER, the authority's time (UTC), its policy and serial number."""

    response: bytes
    at: datetime
    policy: str
    serial: int


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority: where it answers (RFC 3161 §3.4), and the roots its certificate must lead to.

    `intermediates` may stand between, for authorities that do not send them. `policy` is the OID that its stamps must
    bear, None for any. `http` is the caller's to close.
    """

    url: str
    roots: Sequence[x509.Certificate]
    http: httpx.Client
    intermediates: Sequence[x509.Certificate] = ()
    policy: str | None = None
    seconds_max: float = ANSWER_S_MAX

    def stamp(self, note: str) -> Stamp:
        """Have SHA-256 over a note's bytes stamped, and verify what comes back, nonce included.

        Raises PeerAway, TimestampInvalid.
        """
        query = (
            TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256)
            .cert_request(cert_request=True).nonce(nonce=True).build()
        )  # fmt: skip
        answer = ask(
            self.http, "POST", self.url, bytes_max=RESPONSE_BYTES_MAX, content=query.as_bytes(),
            headers={"Content-Type": _QUERY, "Accept": _REPLY}, seconds_max=self.seconds_max,
        )  # fmt: skip
        if answer.status != HTTPStatus.OK or answer.content_type != _REPLY:
            raise TimestampInvalid(
                "the authority gave no time stamp", code="timestamp_refused", url=self.url, status=answer.status
            )
        return verify_stamp(
            answer.body, note, self.roots, intermediates=self.intermediates, policy=self.policy, nonce=query.nonce
        )


def verify_stamp(
    response: bytes, note: str, roots: Sequence[x509.Certificate], *,
    intermediates: Sequence[x509.Certificate] = (), policy: str | None = None, nonce: int | None = None,
) -> Stamp:  # fmt: skip
    """Verify a kept response over a note's bytes (RFC 3161 §2.4.2; RFC 5816), and give its time.

    The authority's certificate stands in the response, is for time stamping alone, and was valid at that time. Raises
    TimestampInvalid with code `timestamp_malformed`, `timestamp_refused` (the authority granted none), or
    `timestamp_invalid`.
    """
    if not roots:
        raise TimestampInvalid("no root certificate is trusted")
    decoded = _decode(response)
    if decoded.status != PKIStatus.GRANTED:
        raise TimestampInvalid("the authority granted no time stamp", code="timestamp_refused", status=decoded.status)
    wanted = None if policy is None else x509.ObjectIdentifier(policy)
    try:
        info = decoded.tst_info
        if info.message_imprint.hash_algorithm != _SHA256:
            raise TimestampInvalid("the stamp is not over SHA-256")
        verifier = VerifierBuilder(
            policy_id=wanted, roots=list(roots), intermediates=list(intermediates), nonce=nonce
        ).build()
        verifier.verify_message(decoded, note.encode())
        at = info.gen_time
    except (VerificationError, ValueError) as wrong:
        raise TimestampInvalid("the time stamp does not hold", reason=str(wrong)) from wrong
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return Stamp(response, at, info.policy.dotted_string, info.serial_number)


def check_imprint(response: bytes, note: str) -> None:
    """Check that a kept response is a stamp over these bytes, whoever made it: its signature is not looked at.

    Raises TimestampInvalid as `verify_stamp`.
    """
    decoded = _decode(response)
    if decoded.status != PKIStatus.GRANTED:
        raise TimestampInvalid("the authority granted no time stamp", code="timestamp_refused", status=decoded.status)
    imprint = decoded.tst_info.message_imprint
    if imprint.hash_algorithm != _SHA256 or imprint.message != sha256(note.encode()).digest():
        raise TimestampInvalid("the stamp is over other bytes")


def load_roots(pem: bytes) -> list[x509.Certificate]:
    """Read root certificates from PEM. Raises TimestampInvalid with code `roots_malformed`."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as malformed:
        raise TimestampInvalid("these are no certificates in PEM", code="roots_malformed") from malformed


def _decode(response: bytes) -> TimeStampResponse:
    if len(response) > RESPONSE_BYTES_MAX:
        raise TimestampInvalid("the time stamp is too large", code="timestamp_malformed", bytes=len(response))
    try:
        return decode_timestamp_response(response)
    except ValueError as malformed:
        raise TimestampInvalid("this is no time stamp", code="timestamp_malformed") from malformed
