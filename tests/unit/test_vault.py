"""Sealing under persons' keys: what opens, and what nothing opens any more."""

from __future__ import annotations

from hashlib import sha256

import pytest

from application.saves import RequestLine, SealedValue
from domain.errors import Conflict
from infrastructure.vault import (
    KEY_BYTES,
    KeyVault,
    SealBroken,
    decrypt,
    encrypt,
    erase,
    open_request,
    open_value,
    seal_request,
    unwrap_key,
)
from tests.support.saving import TestLedger, act, command, event, lift, save

MASTER = bytes([9]) * KEY_BYTES


def test_seal_and_open() -> None:
    """What was sealed opens under the same key and associated data, and under nothing else."""
    sealed = encrypt(MASTER, b"plain", b"here")
    assert decrypt(MASTER, sealed, b"here") == b"plain"
    assert encrypt(MASTER, b"plain", b"here") != sealed
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for key, data, place in (
        (bytes(KEY_BYTES), sealed, b"here"),
        (MASTER, sealed, b"there"),
        (MASTER, flipped, b"here"),
        (MASTER, sealed[:20], b"here"),
        (MASTER, sealed[:7], b"here"),
        (MASTER, b"", b"here"),
    ):
        with pytest.raises(SealBroken):
            decrypt(key, data, place)


def test_request_needs_every_key() -> None:
    """Request bytes that name two persons open with both keys in order, not with one."""
    one, two = bytes([1]) * KEY_BYTES, bytes([2]) * KEY_BYTES
    sealed = seal_request(b"line", [one, two])
    assert open_request(sealed, [one, two]) == b"line"
    for keys in ([one], [two], [two, one], []):
        with pytest.raises(SealBroken):
            open_request(sealed, keys)


def test_what_was_sealed_before_opens() -> None:
    """Whatever was once wrapped or sealed is kept as it is: these bytes are for ever, as events' are."""
    one, two = bytes([1]) * KEY_BYTES, bytes([2]) * KEY_BYTES
    wrapped = (
        "a0a0a0a0a0a0a0a0a0a0a0a01484e629ed13a457517fb030b079f2ed831a6b8813689aa661cce4c2a389307c"
        "d94e38b4700c06ced1c7ca2fe95ce0a1"
    )
    assert unwrap_key(MASTER, bytes.fromhex(wrapped)) == one
    value = "a1a1a1a1a1a1a1a1a1a1a1a12f88b306997e4bbd987a01eb9569a9387fc25070c669e653c6aade3ddcdc38cc8aaa1a75"
    assert open_value(one, "ab" * 32, bytes.fromhex(value)) == b'["salt","/name","x"]'
    request = f"{'a2' * 32}{'a3' * 12}c3602179663e3c8149b66b295e734fea68ace4b9"
    assert open_request(bytes.fromhex(request), [one, two]) == b"line"


def test_vault_and_erasure(ledger: TestLedger) -> None:
    """A person's fields and requests are read until he is restricted, and gone once erased; another's stay his own."""
    vault = KeyVault(ledger.recorder, MASTER)
    persons = ["person:a", "person:b"]
    made = {person: vault.new_key() for person in persons}
    mine = command()
    lines = {"person:a": persons, "person:b": ["person:b"]}
    sealed = seal_request(b"both", [made[p][0] for p in persons])
    alone = seal_request(b"alone", [made["person:b"][0]])
    digests = {p: sha256(p.encode()).hexdigest() for p in persons}
    ledger.recorder.submit(
        save(
            event(lift()),
            act=act(mine),
            request=(
                RequestLine(1, "00" * 32, sealed, tuple(lines["person:a"])),
                RequestLine(2, "00" * 32, alone, ("person:b",)),
                RequestLine(3, "00" * 32, b"open"),
                RequestLine(4, "00" * 32, None),
            ),
            sealed=tuple(
                SealedValue(p, digests[p], encrypt(made[p][0], b"name", digests[p].encode())) for p in persons
            ),
            subject_keys=tuple((p, made[p][1]) for p in persons),
        )
    ).result()
    party = save().act.party
    assert vault.key("person:a") == made["person:a"][0]
    assert vault.key("person:c") is None
    assert [vault.open_line(party, mine.id, line) for line in (1, 2, 3, 4, 5)] == [
        b"both",
        b"alone",
        b"open",
        None,
        None,
    ]
    assert [vault.open_value(digests[p]) for p in persons] == [b"name", b"name"]
    ledger.recorder.submit(save(event("person:a", topic="person.Restricted"))).result()
    with pytest.raises(Conflict) as refusal:
        vault.open_value(digests["person:a"])
    assert refusal.value.code == "person_restricted"
    with pytest.raises(Conflict) as refusal:
        vault.open_line(party, mine.id, 1)
    assert refusal.value.code == "person_restricted"
    assert vault.open_line(party, mine.id, 2) == b"alone"
    erase(ledger.database, ledger.origin, "person:a")
    assert vault.keys(persons) == {"person:b": made["person:b"][0]}
    assert [vault.open_value(digests[p]) for p in persons] == [None, b"name"]
    assert [vault.open_line(party, mine.id, line) for line in (1, 2, 3)] == [None, b"alone", b"open"]
    with pytest.raises(SealBroken):
        KeyVault(ledger.recorder, bytes(KEY_BYTES)).key("person:b")
    ledger.check()
