"""Published checkpoints seen by others: stamped by a real authority, cosigned anew when idle, suspected when behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from audit.cosignatures import cosigner_vkey
from audit.keys import public_bytes
from audit.note import open_signatures, parse_vkey, vkey
from infrastructure import anchoring as anchoring_module
from infrastructure import checkpoint_store
from infrastructure.anchoring import Anchoring
from infrastructure.checkpoint_keys import checkpoint_signer, checkpoint_vkeys
from infrastructure.checkpointer import Checkpointer
from infrastructure.errors import (
    InfrastructureError,
    KeysOfAnother,
    PeerAway,
    WitnessAhead,
    WitnessContradicts,
    WitnessRefused,
)
from infrastructure.keys import KeyFolder
from infrastructure.timestamping import Authority, load_roots, verify_stamp
from infrastructure.witness_client import WitnessClient
from tests.integration.test_checkpointer import VKEY, checkpointer, write
from tests.support.authority import OPENSSL, AuthorityFolder, answering
from tests.support.saving import ORIGIN, PARTY, TestLedger
from tests.support.witnesses import witness


@pytest.fixture
def running(ledger: TestLedger, tmp_path: Path) -> Iterator[Checkpointer]:
    """A checkpointer whose rounds are begun by the test."""
    made = checkpointer(ledger, tmp_path / "map")
    yield made
    made.close()


def stamps(connection: psycopg.Connection) -> list[tuple[int, str, bytes]]:
    """Read what was stamped."""
    rows = connection.execute("SELECT size, authority, token FROM checkpoint_stamps ORDER BY size").fetchall()
    return [(size, authority, bytes(token)) for size, authority, token in rows]


@pytest.mark.skipif(OPENSSL is None, reason="the authority of this test is the openssl command")
def test_a_checkpoint_is_stamped_once_an_hour(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """The stamp is over the note as it was first published and verifies; the next waits for its time and for news."""
    authority = AuthorityFolder(tmp_path / "tsa").make()
    with answering(authority) as url, httpx.Client(trust_env=False) as http, ledger.owner() as connection:
        roots = load_roots(authority.root)
        anchoring = Anchoring(ledger.database, (), Authority(url, roots, http), suspect=lambda: None)
        anchoring.round(connection)
        assert stamps(connection) == []
        write(ledger, 1)
        first = running.round()
        assert first is not None
        anchoring.round(connection)
        write(ledger, 1)
        second = running.round()
        assert second is not None
        anchoring.round(connection)
        ((size, told, token),) = stamps(connection)
        assert (size, told) == (first.size, url)
        assert abs(verify_stamp(token, first.note, roots).at.timestamp() - time.time()) < 60
        anchoring.stamp_every_s = 0.0
        anchoring.round(connection)
        anchoring.round(connection)
        assert [size for size, _, _ in stamps(connection)] == [first.size, second.size]


def test_an_idle_ledgers_checkpoint_is_cosigned_anew(ledger: TestLedger, tmp_path: Path) -> None:
    """Idle for long, its ML-DSA-44 line gets a fresh time; text, Ed25519 line and first note stay as they were."""
    keys = KeyFolder(tmp_path / "keys")
    keys.make()
    known = checkpoint_vkeys(ORIGIN, keys)
    signer = checkpoint_signer(ORIGIN, keys, lambda _: known)
    running = Checkpointer(ledger.database, ORIGIN, PARTY, signer, tmp_path / "map", republish_s=1.0)
    try:
        write(ledger, 1)
        made = running.round()
        assert made is not None
        verifiers = [parse_vkey(key) for key in known]
        _, before = open_signatures(made.note, verifiers)
        time.sleep(1.1)
        assert running.round() is None
        with ledger.owner() as connection:
            again = checkpoint_store.cosigned(connection, made)
            assert checkpoint_store.at_size(connection, made.size) == made
        text, after = open_signatures(again, verifiers)
        assert made.note.startswith(text)
        assert [each.verifier.type for each in after] == [each.verifier.type for each in before] == [0x01, 0x06]
        assert (after[1].time or 0) > (before[1].time or 0)
    finally:
        running.close()


class _Told(NamedTuple):
    """A log as a witness is told of it."""

    vkey: str


def test_witnesses_cosign_an_idle_ledger_anew(ledger: TestLedger, running: Checkpointer, tmp_path: Path) -> None:
    """Idle for long, its last checkpoint gets the witness's lines with a fresh time; until then nobody is asked."""
    with witness(tmp_path / "witness", cast("Any", [_Told(VKEY)])) as served, ledger.owner() as connection:
        with httpx.Client(trust_env=False) as http:
            asked = [WitnessClient(served.url, served.keys, http)]
            anchoring = Anchoring(ledger.database, asked, None, suspect=pytest.fail)
            write(ledger, 1)
            made = running.round()
            assert made is not None
            anchoring.round(connection)
            first = checkpoint_store.signings(connection, made.size)
            time.sleep(1.1)
            anchoring.round(connection)
            assert checkpoint_store.signings(connection, made.size) == first
            anchoring.renew_every_s = 1.0
            anchoring.round(connection)
            again = checkpoint_store.signings(connection, made.size)
        assert {each.key_id for each in again} == {each.key_id for each in first}
        assert len(first) == 2
        assert min(each.signed_at for each in again) > max(each.signed_at for each in first)
        open_signatures(checkpoint_store.cosigned(connection, made), [parse_vkey(VKEY), *served.keys])


def test_checkpoints_are_signed_with_the_ledgers_own_keys_only(tmp_path: Path) -> None:
    """Another folder's keys sign nothing: no verifier would believe them."""
    keys = KeyFolder(tmp_path / "keys")
    keys.make()
    other = vkey(ORIGIN, bytes(range(1, 33)))
    own = vkey(ORIGIN, public_bytes(keys.checkpoint_key().public_key()))
    for known in ([other], [own, cosigner_vkey(f"{ORIGIN}x", keys.cosigner_key())]):
        signer = checkpoint_signer(ORIGIN, keys, partial(_always, known))
        with pytest.raises(KeysOfAnother):
            signer.sign(1, bytes(32), 0)
    assert "\n\u2014" in checkpoint_signer(ORIGIN, keys, partial(_always, [own])).sign(1, bytes(32), 0)


def _always(known: list[str], _size: int) -> list[str]:
    return known


def test_a_witness_that_has_seen_more_brings_in_the_guard(ledger: TestLedger, running: Checkpointer) -> None:
    """T10: what a witness says of this log being behind itself is looked into at once."""
    write(ledger, 1)
    running.round()
    suspected: list[bool] = []
    witness = cast("WitnessClient", _Ahead())
    anchoring = Anchoring(ledger.database, (witness,), None, suspect=lambda: suspected.append(True))
    with ledger.owner() as connection, capture_logs() as logs:
        anchoring.round(connection)
    assert suspected == [True]
    assert [each["log_level"] for each in logs if each["event"].startswith("a witness holds more")] == ["error"]


class _Ahead:
    """Stands for a witness of a longer history, whose real answers `test_witness_client` has."""

    url = "http://127.0.0.1:1/"

    def cosign(self, *_: Any) -> list[str]:  # noqa: ANN401 - what a client takes
        raise WitnessAhead("it has more", url=self.url, seen=99, size=2)


class _Refusing:
    """Stands for a witness that answers, and refuses until it is told otherwise."""

    url = "http://127.0.0.1:1/"

    def __init__(self, refusal: InfrastructureError | None) -> None:
        self.refusal = refusal
        self.asked = 0

    def cosign(self, *_: Any) -> list[str]:  # noqa: ANN401 - what a client takes
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return []


@pytest.mark.parametrize(
    "refusal",
    [WitnessRefused("it follows no such log"), PeerAway("nobody answers"), WitnessContradicts("it has another")],
    ids=lambda refusal: refusal.code,
)
def test_a_witness_that_refuses_is_asked_less_and_less_often(
    ledger: TestLedger, running: Checkpointer, monkeypatch: pytest.MonkeyPatch, refusal: InfrastructureError
) -> None:
    """A minute apart in the end, not each second for ever; once it cosigns, whatever it refused is forgotten."""
    write(ledger, 1)
    running.round()
    now = [1_000.0]
    monkeypatch.setattr(anchoring_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    refusing = _Refusing(refusal)
    anchoring = Anchoring(ledger.database, (cast("WitnessClient", refusing),), None, suspect=lambda: None)
    waits: list[float] = []
    with ledger.owner() as connection:
        for _ in range(9):
            before, began = refusing.asked, now[0]
            while refusing.asked == before:
                anchoring.round(connection)
                now[0] += 1.0
            waits.append(now[0] - began)
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
        refusing.refusal = None
        now[0] += 60.0
        anchoring.round(connection)
        refusing.refusal = refusal
        asked = refusing.asked
        for again in (1, 1, 2):
            now[0] += 1.0
            write(ledger, 1)
            running.round()
            anchoring.round(connection)
            assert refusing.asked == asked + again


def test_a_witness_that_went_on_to_a_later_checkpoint_refuses_nothing(
    ledger: TestLedger, running: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wanted for an earlier one, it says that it has more: the next newest is asked for at once."""
    write(ledger, 1)
    first = running.round()
    write(ledger, 1)
    last = running.round()
    assert first is not None
    assert last is not None
    monkeypatch.setattr(anchoring_module, "time", SimpleNamespace(monotonic=lambda: 1_000.0))
    gone_on = _Refusing(WitnessAhead("it has more", url=_Refusing.url, seen=last.size, size=first.size))
    anchoring = Anchoring(ledger.database, (cast("WitnessClient", gone_on),), None, suspect=pytest.fail)
    with ledger.owner() as connection:
        anchoring.round(connection, [first.size])
        anchoring.round(connection)
    assert gone_on.asked == 2
