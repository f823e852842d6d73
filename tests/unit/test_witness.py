"""The witness as a use case, over a real folder: what it remembers, what it keeps, whom it tells."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.errors import WitnessRecordBroken
from application.witnessing import Cosigner, Seen, Witness
from audit.contradictions import Contradiction, standing
from audit.cosignatures import cosign, ed25519_cosigner
from audit.keys import public_bytes
from audit.note import Verifier, open_signatures
from audit.witnessing import (
    Cosigned,
    Inconsistent,
    Malformed,
    OriginUnknown,
    Outcome,
    SizeMoved,
    Submission,
    origin_hash,
)
from infrastructure.witness_store import WitnessFolder
from infrastructure.witnesses import witness_keys
from tests.support.logs import ORIGIN, Log

LOG = Log(fork=5)
OTHER = Log(fork=5, history="another")
NAME = "witness.example"
NOW = 1_700_000_000


class _Played:
    """A witness at a fixed time, and what it told its operator."""

    def __init__(self, folder: Path, keys: Sequence[Verifier] = (), seed: int = 9) -> None:
        private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.own = ed25519_cosigner(NAME, public_bytes(private.public_key()))
        self.told: list[Seen] = []
        cosigner = Cosigner(self.own, lambda text, now: cosign(text, NAME, private, now))
        logs = {ORIGIN: list(keys or LOG.keys)}
        self.witness = Witness(logs, [cosigner], WitnessFolder.make(folder), lambda: NOW, self.told.append)

    def add(self, old: int, path: Sequence[bytes], note: str) -> Outcome:
        return self.witness.add_checkpoint(Submission(old, tuple(path), note).encode())


def test_it_cosigns_at_its_own_time(tmp_path: Path) -> None:
    """The line's time is the clock's, and the next witness on the same folder goes on from the record."""
    played = _Played(tmp_path)
    outcome = played.add(0, (), LOG.note(7))
    assert isinstance(outcome, Cosigned)
    _, signatures = open_signatures(f"{LOG.text(7)}\n{''.join(outcome.lines)}", [played.own])
    assert [each.time for each in signatures] == [NOW]
    again = _Played(tmp_path)
    assert again.add(0, (), LOG.note(9)) == SizeMoved(7)
    assert isinstance(again.add(7, LOG.path(7, 9), LOG.note(9)), Cosigned)
    assert again.witness.latest(origin_hash(ORIGIN)) is not None
    assert again.witness.latest(origin_hash("unknown.example")) is None
    assert again.witness.add_checkpoint(b"") == Malformed("submission_malformed")
    assert again.told == []


def test_whoever_contradicts_is_told_of_once_as_new(tmp_path: Path) -> None:
    """T3: the operator hears of each contradiction with its standing and file, also of one kept already."""
    played = _Played(tmp_path)
    played.add(0, (), LOG.note(9))
    for _ in range(2):
        assert isinstance(played.add(9, (), OTHER.note(9)), Inconsistent)
    assert played.add(0, (), OTHER.note(9)) == SizeMoved(9)
    assert [(seen.standing, seen.sizes, seen.new) for seen in played.told] == [
        ("proven", (9, 9), True),
        ("proven", (9, 9), False),
        ("proven", (9, 9), False),
    ]
    kept = Contradiction.parse((tmp_path / "equivocations" / played.told[0].file).read_bytes())
    assert standing(kept, LOG.keys) == "proven"


def test_the_record_outlives_the_logs_key(tmp_path: Path) -> None:
    """With the log's key rotated the record still binds; what contradicts it is kept, to be judged with both keys."""
    _Played(tmp_path).add(0, (), LOG.note(9))
    fresh = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
    rotated, liar = Log(fork=5, private=fresh), Log(fork=5, private=fresh, history="another")
    played = _Played(tmp_path, rotated.keys)
    assert isinstance(played.add(9, (), liar.note(9)), Inconsistent)
    (seen,) = played.told
    assert seen.standing == "claimed"
    kept = Contradiction.parse((tmp_path / "equivocations" / seen.file).read_bytes())
    assert standing(kept, [*LOG.keys, *rotated.keys]) == "proven"
    assert isinstance(played.add(9, rotated.path(9, 12), rotated.note(12)), Cosigned)


def test_another_witnesss_memory_is_not_built_on(tmp_path: Path) -> None:
    """A witness with other keys on this folder cosigns nothing: it could not tell the record from a forged one."""
    _Played(tmp_path).add(0, (), LOG.note(9))
    with pytest.raises(WitnessRecordBroken):
        _Played(tmp_path, seed=10).add(9, (), LOG.note(9))


def test_another_logs_record_is_not_built_on(tmp_path: Path) -> None:
    """A record truly cosigned, but of another log, is not taken for this one's; an unknown log has none at all."""
    elsewhere = Log(origin="elsewhere.example")
    played = _Played(tmp_path)
    assert played.add(0, (), elsewhere.note(9)) == OriginUnknown()
    played.add(0, (), LOG.note(9))
    text = elsewhere.text(9)
    private = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    foreign = f"{text}\n{elsewhere.sign(text)}{cosign(text, NAME, private, NOW)}"
    WitnessFolder.open(tmp_path).update(origin_hash(ORIGIN), lambda _: foreign)
    with pytest.raises(WitnessRecordBroken):
        played.add(9, (), LOG.note(9))


def test_each_name_has_keys_of_its_own() -> None:
    """One secret under two names gives four different keys, and always the same: those of HKDF by hand (RFC 5869)."""
    secret = bytes(range(32))
    raw = [key.private_bytes_raw() for name in (NAME, "other.example") for key in witness_keys(name, secret)]
    assert len(set(raw)) == 4
    extracted = hmac.digest(bytes(32), secret, "sha256")
    infos = (f"liftledger witness {kind}/v1\n{NAME}".encode() for kind in ("ed25519", "ml-dsa-44"))
    assert raw[:2] == [hmac.digest(extracted, info + b"\x01", "sha256") for info in infos]
