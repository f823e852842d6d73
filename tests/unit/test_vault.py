"""Sealing under persons' keys: what opens, and what nothing opens any more."""

from __future__ import annotations

from hashlib import sha256

import pytest

from application.saves import RequestLine, SealedValue
from audit.pages import Questions
from infrastructure.connection import connect_reader
from infrastructure.page_answers import PageAnswers
from infrastructure.vault import (
    KEY_BYTES,
    KeyVault,
    SealBroken,
    _erase_some,
    decrypt,
    encrypt,
    erase,
    open_request,
    open_value,
    seal_request,
    unwrap_key,
)
from tests.support.saving import PARTY, TestLedger, act, command, event, lift, save

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
    """A person's fields and requests open until his key is erased; another's stay his own, and so does the rest."""
    vault = KeyVault(ledger.recorder, MASTER)
    one, other = persons = ("person:a", "person:b")
    keys, wrapped = zip(*(vault.new_key() for _ in persons), strict=True)
    mine = command(group=1, first_line=1, last_line=4)
    digests = [sha256(person.encode()).hexdigest() for person in persons]
    ledger.recorder.submit(
        save(
            event(lift()),
            act=act(mine),
            request=(
                RequestLine(1, "00" * 32, seal_request(b"both", keys), persons[::-1]),
                RequestLine(2, "00" * 32, seal_request(b"alone", keys[1:]), persons[1:]),
                RequestLine(3, "00" * 32, b"open"),
                RequestLine(4, "00" * 32, None),
            ),
            sealed=tuple(
                SealedValue(person, digest, encrypt(key, b"name", digest.encode()))
                for person, digest, key in zip(persons, digests, keys, strict=True)
            ),
            subject_keys=tuple(zip(persons, wrapped, strict=True)),
        )
    ).result()
    questions = Questions(commands=[(1, PARTY, mine.id)], sealed=digests)

    def opened(master: bytes) -> list[bytes | None]:
        with connect_reader(ledger.database) as connection:
            found = PageAnswers(connection, master).ask(questions)
        values = (found.sealed[digest].plain if digest in found.sealed else None for digest in digests)
        return [*(row.data for row in found.lines[1]), *values]

    assert [vault.key(person) for person in (*persons, "person:c")] == [*keys, None]
    assert opened(MASTER) == [b"both", b"alone", b"open", None, b"name", b"name"]
    assert opened(bytes(KEY_BYTES)) == [None, None, b"open", None, None, None]
    _erase_some(ledger.database, ledger.origin, one, 1)
    assert vault.key(one) is None, "the key goes first, and with it all that it opened"
    assert opened(MASTER) == [None, b"alone", b"open", None, None, b"name"]
    erase(ledger.database, ledger.origin, one)
    assert [vault.key(person) for person in persons] == [None, keys[1]]
    assert opened(MASTER) == [None, b"alone", b"open", None, None, b"name"]
    with pytest.raises(SealBroken):
        KeyVault(ledger.recorder, bytes(KEY_BYTES)).key(other)
    ledger.check()
