"""Time stamps from a real authority (`openssl ts`): taken, kept, verified years later, and what is refused."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from infrastructure.errors import PeerAway, TimestampInvalid
from infrastructure.timestamping import RESPONSE_BYTES_MAX, Authority, Stamp, load_roots, verify_stamp
from tests.support.authority import OPENSSL, POLICY, AuthorityFolder, answering
from tests.support.logs import Log

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="the authority of these tests is the openssl command")

NOTE = Log().note(9)
OTHER = Log().note(8)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> AuthorityFolder:
    """An authority that stamps for a month."""
    return AuthorityFolder(tmp_path_factory.mktemp("authority") / "tsa").make()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client of one's own."""
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def stamp(authority: AuthorityFolder) -> Stamp:
    """A stamp over the note."""
    with answering(authority) as url, httpx.Client(trust_env=False) as client:
        return Authority(url, load_roots(authority.root), client, policy=POLICY).stamp(NOTE)


def test_a_stamp_is_taken_and_verifies(authority: AuthorityFolder, stamp: Stamp) -> None:
    """The authority's time is now, its policy the one asked for; the kept response verifies again, and by openssl."""
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (stamp.at.tzinfo, stamp.policy) == (UTC, POLICY)
    assert verify_stamp(stamp.response, NOTE, load_roots(authority.root), policy=POLICY) == stamp
    assert authority.verifies(stamp.response, NOTE.encode())
    assert not authority.verifies(stamp.response, OTHER.encode())


def _refusal(response: bytes, note: str, roots: bytes, **more: object) -> TimestampInvalid:
    with pytest.raises(TimestampInvalid) as caught:
        verify_stamp(response, note, load_roots(roots), **more)  # type: ignore[arg-type] # policy and nonce
    return caught.value


def test_a_stamp_holds_for_one_note_alone(authority: AuthorityFolder, stamp: Stamp) -> None:
    """Over another checkpoint, by one byte or by one event, it says nothing."""
    for note in (OTHER, NOTE.replace("\n9\n", "\n8\n"), NOTE + "\n"):
        assert _refusal(stamp.response, note, authority.root).code == "timestamp_invalid"


def test_a_stamp_under_another_root_is_refused(stamp: Stamp, tmp_path: Path) -> None:
    """An authority that the caller does not trust stamps nothing; nor is anyone trusted without a root."""
    stranger = AuthorityFolder(tmp_path / "stranger").make()
    assert _refusal(stamp.response, NOTE, stranger.root).code == "timestamp_invalid"
    with pytest.raises(TimestampInvalid):
        verify_stamp(stamp.response, NOTE, [])


def test_a_chain_is_followed_to_the_root(tmp_path: Path, http: httpx.Client) -> None:
    """A certificate between root and authority may be given beside; it makes nobody trusted without the root."""
    chained = AuthorityFolder(tmp_path / "chained", between=True).make()
    roots, between = load_roots(chained.root), load_roots((chained.folder / "between.pem").read_bytes())
    with answering(chained) as url:
        stamp = Authority(url, roots, http, intermediates=between).stamp(NOTE)
    assert _refusal(stamp.response, NOTE, chained.root).code == "timestamp_invalid", "the link is missing"
    stranger = AuthorityFolder(tmp_path / "stranger").make()
    assert _refusal(stamp.response, NOTE, stranger.root, intermediates=between).code == "timestamp_invalid"


def test_another_policy_or_nonce_is_refused(authority: AuthorityFolder, stamp: Stamp) -> None:
    """A stamp under other terms, or an answer to another question, is refused."""
    assert _refusal(stamp.response, NOTE, authority.root, policy="1.2.3.4.2").code == "timestamp_invalid"
    assert _refusal(stamp.response, NOTE, authority.root, nonce=1).code == "timestamp_invalid"


def test_a_replayed_answer_is_refused(authority: AuthorityFolder, stamp: Stamp, http: httpx.Client) -> None:
    """Yesterday's stamp over the same note is no answer to today's request."""
    with answering(stamp.response) as url, pytest.raises(TimestampInvalid) as caught:
        Authority(url, load_roots(authority.root), http).stamp(NOTE)
    assert caught.value.code == "timestamp_invalid"


@pytest.mark.parametrize("days", [(-30, -10), (10, 30)])
def test_a_certificate_out_of_its_time_is_refused(tmp_path: Path, http: httpx.Client, days: tuple[int, int]) -> None:
    """A certificate that had expired when it stamped, or was not valid yet, stamps nothing."""
    expired = AuthorityFolder(tmp_path / "expired", days=days).make()
    with answering(expired) as url, pytest.raises(TimestampInvalid) as caught:
        Authority(url, load_roots(expired.root), http).stamp(NOTE)
    assert caught.value.code == "timestamp_invalid"


def test_a_stamp_outlives_its_authoritys_certificate(tmp_path: Path, http: httpx.Client) -> None:
    """What was stamped while the certificate was valid verifies after it has expired."""
    lasting_s = 6.0
    authority = AuthorityFolder(tmp_path / "brief", days=(-1, lasting_s / 86_400)).make()
    until = time.monotonic() + lasting_s + 1
    with answering(authority) as url:
        stamp = Authority(url, load_roots(authority.root), http).stamp(NOTE)
    time.sleep(max(0.0, until - time.monotonic()))
    assert verify_stamp(stamp.response, NOTE, load_roots(authority.root)) == stamp


def test_every_changed_byte_is_refused(authority: AuthorityFolder, stamp: Stamp) -> None:
    """No byte of a kept response can be another, nor can anything be cut off or added, and still tell another time."""
    roots = load_roots(authority.root)
    for index in range(len(stamp.response)):
        changed = bytearray(stamp.response)
        changed[index] ^= 1
        try:
            told = verify_stamp(bytes(changed), NOTE, roots)
        except TimestampInvalid:
            continue
        assert (told.at, told.serial, told.policy) == (stamp.at, stamp.serial, stamp.policy), index
    for response in (b"", stamp.response[:-1], stamp.response + b"\x00", bytes(RESPONSE_BYTES_MAX + 1)):
        assert _refusal(response, NOTE, authority.root).code == "timestamp_malformed"


def test_what_is_no_answer_is_refused(authority: AuthorityFolder, stamp: Stamp, http: httpx.Client) -> None:
    """Another status, another content type, a page of HTML: each one typed error, nothing is taken."""
    roots = load_roots(authority.root)
    cases = (
        (stamp.response, 500, "application/timestamp-reply", "timestamp_refused"),
        (stamp.response, 200, "text/html", "timestamp_refused"),
        (b"<html>", 200, "application/timestamp-reply", "timestamp_malformed"),
    )
    for body, status, kind, code in cases:
        with answering(body, status=status, kind=kind) as url, pytest.raises(TimestampInvalid) as caught:
            Authority(url, roots, http).stamp(NOTE)
        assert caught.value.code == code


def test_a_refusing_authority_is_told_from_a_lying_one(authority: AuthorityFolder, http: httpx.Client) -> None:
    """A response without a token is a refusal."""
    rejection = bytes.fromhex("3005300302010 2".replace(" ", ""))  # TimeStampResp {status {status rejection(2)}}
    with answering(rejection) as url, pytest.raises(TimestampInvalid) as caught:
        Authority(url, load_roots(authority.root), http).stamp(NOTE)
    assert caught.value.code == "timestamp_refused"


def test_an_authority_that_does_not_answer_is_away(authority: AuthorityFolder, http: httpx.Client) -> None:
    """Nobody there, silence, or an answer without end: within the time, one typed error."""
    roots = load_roots(authority.root)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PeerAway):
            Authority(url, roots, http, seconds_max=0.2).stamp(NOTE)
    with pytest.raises(PeerAway):
        Authority(url, roots, http, seconds_max=0.2).stamp(NOTE)
    with answering(bytes(RESPONSE_BYTES_MAX + 1)) as url, pytest.raises(PeerAway):
        Authority(url, roots, http).stamp(NOTE)
    with pytest.raises(PeerAway):
        Authority("no url", roots, http).stamp(NOTE)


def test_a_certificate_for_other_uses_stamps_nothing(tmp_path: Path) -> None:
    """A server's certificate under the same root is not an authority's; openssl itself refuses to stamp with it."""
    wrong = AuthorityFolder(tmp_path / "wrong", usage=ExtendedKeyUsageOID.SERVER_AUTH).make()
    with answering(wrong) as url, httpx.Client(trust_env=False) as client, pytest.raises((TimestampInvalid, PeerAway)):
        Authority(url, load_roots(wrong.root), client).stamp(NOTE)


def test_roots_are_read_from_pem() -> None:
    """What is no certificate is refused."""
    with pytest.raises(TimestampInvalid) as caught:
        load_roots(b"nonsense")
    assert caught.value.code == "roots_malformed"
