"""Ledger keys handed on in a real database: every worker follows under the lock, and so does the checkpointer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from api import bootstrap
from application.errors import DatabaseAway, RolledBack
from audit.checkpoints import Checkpoint
from audit.errors import NoteError
from audit.note import open_note, parse_vkey, sign_note, split_note
from audit.rotation import make_rotation
from domain.errors import Conflict, Invalid
from infrastructure.connection import connect_reader
from infrastructure.doctor import Check
from infrastructure.halting import halted
from infrastructure.keyring import Keyring
from infrastructure.keys import CHECKPOINT, RECEIPT, nth
from tests.support.written import ORIGIN, Written, agent_of, tampering


@pytest.fixture
def second(written: Written) -> Iterator[Written]:
    """A second worker of the same ledger, as it was started before anything was handed on."""
    services = bootstrap.open_services(written.settings)
    yield replace(written, services=services)
    services.close()


def enrol(worker: Written) -> tuple[int, str]:
    """Write a save of one event by a worker; gives its position and receipt."""
    worker.write(worker.insurer, "agent.enrol", agent_of(worker.insurer.party), uri="/agents")
    with connect_reader(bootstrap.place(worker.settings).owner) as connection:
        row = connection.execute("SELECT first, note FROM receipts ORDER BY first DESC LIMIT 1").fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


def rotate(worker: Written, use: str) -> list[str]:
    """Hand on a key; gives the new verifier keys."""
    said = bootstrap.hand_on_key(worker.settings, use)
    worker.write(worker.administrator, "ledger.rotate_key", said, uri="/ledger/keys")
    keys: list[str] = said["keys"]
    return keys


def signs(vkey: str, note: str) -> bool:
    """Say whether a note's one line, or first, is by this key; a bad one by it raises."""
    text, lines = split_note(note)
    try:
        open_note(f"{text}\n{lines[0]}\n", [parse_vkey(vkey)])
    except NoteError as refused:
        if refused.code != "note_unsigned":
            raise
        return False
    return True


def ring(written: Written) -> Keyring:
    """Give the ledger's keys on disk."""
    return Keyring(ORIGIN, bootstrap.place(written.settings).keys)


def doctor(written: Written) -> Check:
    """Give what the doctor says of the keys."""
    return next(each for each in bootstrap.diagnose(written.settings) if each.code == "keys")


def test_every_worker_signs_with_the_new_key_at_once(written: Written, second: Written) -> None:
    """Neither is started anew: each reads under the lock that the ledger's stream has moved."""
    of_old, old = enrol(second)[0], written.services.vkeys()
    first = rotate(written, "receipt")
    assert signs(first[0], enrol(second)[1])
    for worker in (written, second):
        for size, key in ((of_old, old[0]), (of_old + 2, first[0])):
            assert signs(key, worker.services.exports.signer.sign("of a bundle\n", size)), "by the key of its time"
    assert signs(first[0], enrol(written)[1])
    after = rotate(second, "receipt")
    assert signs(after[0], enrol(written)[1])
    assert (written.broken(), doctor(written).state) == (set(), "good")
    ledger = bootstrap.read_ledger(bootstrap.place(written.settings))
    assert (ledger.receipt_key, len(ledger.retired)) == (after[0], 2)
    assert {each.name for each in ring(written).believed(ledger)} == {ORIGIN}, "no key of receipts signs checkpoints"
    assert written.services.vkeys()[0] == after[0]
    services = bootstrap.open_services(written.settings)
    third = replace(written, services=services)
    assert signs(after[0], enrol(third)[1])
    services.close()


def test_who_has_not_the_new_key_signs_nothing(written: Written, second: Written) -> None:
    """A worker whose folder lacks it refuses before it is recorded, and after; brought there, it is taken up."""
    keys = written.settings.keys_folder
    said = bootstrap.hand_on_key(written.settings, "receipt")
    new = keys / nth(RECEIPT, 2)
    new.rename(keys / "elsewhere")
    with pytest.raises(Conflict) as refused:
        written.write(written.administrator, "ledger.rotate_key", said, uri="/ledger/keys")
    assert refused.value.code == "key_missing"
    assert signs(written.services.vkeys()[0], enrol(written)[1])
    (keys / "elsewhere").rename(new)
    written.write(written.administrator, "ledger.rotate_key", said, uri="/ledger/keys")
    new.rename(keys / "elsewhere")
    with pytest.raises(DatabaseAway) as away:
        enrol(second)
    assert (away.value.code, doctor(written).state) == ("keys_of_another_ledger", "wrong")
    (keys / "elsewhere").rename(new)
    assert signs(said["keys"][0], enrol(second)[1])
    assert written.broken() == set()


def test_a_prepared_key_is_kept_and_changes_nothing(written: Written) -> None:
    """Asked twice it is the same, receipts go on under the old one, and the rotation takes it."""
    prepared = bootstrap.prepare_key(written.settings, "receipt")
    assert bootstrap.prepare_key(written.settings, "receipt") == prepared
    assert not signs(prepared[0], enrol(written)[1])
    assert rotate(written, "receipt") == prepared
    assert bootstrap.prepare_key(written.settings, "receipt") != prepared


def test_a_receipt_by_the_retired_key_is_found(written: Written) -> None:
    """What a worker signs that did not follow does not hold."""
    old = ring(written).receipts(written.services.vkeys()[0])
    rotate(written, "receipt")
    position, _ = enrol(written)
    with tampering(written) as connection:
        (leaf,) = connection.execute("SELECT leaf FROM events WHERE position = %s", (position,)).fetchone() or (b"",)
        note = old.sign(position, [bytes(leaf)])
        connection.execute("UPDATE receipts SET note = %s WHERE first = %s", (note, position))
        assert written.broken() == {"receipt"}


def test_checkpoints_are_signed_by_the_keys_of_their_time(written: Written) -> None:
    """Those that cover the rotation by the new ones, the earlier by the old; one under a retired key is found."""
    old = written.services.vkeys()[1:]
    before = bootstrap.checkpoint(written.settings)
    new = rotate(written, "checkpoint")
    after = bootstrap.checkpoint(written.settings)
    assert written.services.vkeys()[1:] == [*new, *old], "the keys in force, then those of earlier checkpoints"
    for note, keys, others in ((before, old, new), (after, new, old)):
        assert len(open_note(note, list(map(parse_vkey, keys)))[1]) == 1
        assert signs(keys[0], note)
        assert not any(line in note for line in others)
    assert not bootstrap.verify(written.settings).failed()

    private = ring(written).checkpoints(old).private
    checkpoint = Checkpoint.parse(split_note(after)[0])
    with tampering(written) as connection:
        connection.execute("ALTER TABLE checkpoints DISABLE TRIGGER ALL")
        connection.execute("ALTER TABLE checkpoint_signatures DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM checkpoint_signatures WHERE size = %s", (checkpoint.size,))
        retired = sign_note(checkpoint.text(), ORIGIN, private)
        connection.execute("UPDATE checkpoints SET note = %s WHERE size = %s", (retired, checkpoint.size))
        report = bootstrap.verify(written.settings)
        assert (report.counts["checkpoint_signature"], report.failed()) == (1, True)


def test_a_log_that_went_back_behind_a_rotation_is_halted_all_the_same(written: Written) -> None:
    """The kept checkpoint is signed by a key that the log no longer states; it lies in the folder, and is believed."""
    bootstrap.checkpoint(written.settings)
    with connect_reader(bootstrap.place(written.settings).owner) as connection:
        (size,) = connection.execute("SELECT max(size) FROM checkpoints").fetchone() or (0,)
    rotate(written, "checkpoint")
    bootstrap.checkpoint(written.settings)
    assert bootstrap.guard(written.settings).ok
    with tampering(written) as connection:
        for table in ("checkpoints", "checkpoint_signatures", "tiles"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type,unused-ignore] # names of a test
        connection.execute("DELETE FROM checkpoint_signatures WHERE size > %s", (size,))
        connection.execute("DELETE FROM checkpoints WHERE size > %s", (size,))
        connection.execute("DELETE FROM events WHERE position > %s", (size,))
    found = bootstrap.guard(written.settings)
    assert ([each.kind for each in found.findings], found.ok) == (["ahead"], False)
    assert isinstance(halted(written.settings.keys_folder), RolledBack)


def test_what_another_key_signed_is_not_recorded(written: Written) -> None:
    """The door holds the line against the key in force, whatever the administrator says."""
    said = bootstrap.hand_on_key(written.settings, "checkpoint")
    stranger = ring(written).keys.checkpoint_key(2)
    forged = make_rotation(stranger, origin=ORIGIN, use="checkpoint", keys=said["keys"])
    with pytest.raises(Invalid, match="No known key signed this note"):
        written.write(written.administrator, "ledger.rotate_key", forged, uri="/ledger/keys")
    assert ring(written).keys.numbers(CHECKPOINT) == [1, 2]
