"""Making and opening a ledger: what an init that is cut short, or the wrong folder of keys, must not do."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import bootstrap, credentials
from api.bootstrap import making, places
from api.bootstrap.guarding import folder_guard, require_keys
from api.client import Credentials
from application.bundling import Sealing
from application.errors import RolledBack
from application.proving import HeadProofs
from application.reading.ports import PersonalRead
from application.saves import SealedValue
from audit.continuing import Continued
from domain.errors import Conflict
from infrastructure import checkpoint_store, log_reader
from infrastructure.checkpoint_store import Signing
from infrastructure.connection import connect_plain, connect_reader
from infrastructure.embedded import DATABASE
from infrastructure.errors import InfrastructureError, KeysOfAnother
from infrastructure.halting import halt, halted
from infrastructure.keys import CHECKPOINT, COSIGNER, INDEX, MASTER, RECEIPT, KeyFolder
from infrastructure.seen_elsewhere import keep_checkpoint
from infrastructure.tombstones import FILE, Tombstones
from infrastructure.vault import encrypt
from tests.support.faults import Fault, break_step
from tests.support.logs import Log
from tests.support.postgres import fresh_database
from tests.support.saving import ORIGIN, SCRIPTED, event, lift, save


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> bootstrap.Settings:
    """An empty database and a folder of its own."""
    return bootstrap.Settings(database_url=database_url, var=tmp_path / "var")


def test_the_owner_of_ones_own_database_has_an_address_of_his_own(tmp_path: Path) -> None:
    """If it is told; everybody else comes by the other, and nobody is given a role that the server may not have."""
    settings = bootstrap.Settings(database_url="postgresql://a", migration_url="postgresql://b", var=tmp_path)
    where = bootstrap.place(settings)
    assert [each.url for each in (where.owner, where.writer)] == ["postgresql://b", "postgresql://a"]
    assert (where.writer == where.projector == where.eraser == where.checkpointer, where.roles) == (True, None)


def test_an_init_that_was_cut_short_is_taken_up_again(
    settings: bootstrap.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its credentials were saved before the first save, and are those of the ledger that is made in the end."""
    path = settings.keys_folder / bootstrap.ADMINISTRATOR
    with monkeypatch.context() as patch:
        break_step(patch, making, "genesis", stored=False)
        with pytest.raises(Fault):
            bootstrap.make_ledger(settings, ORIGIN)
    before = credentials.load(path).credentials
    made = bootstrap.make_ledger(settings, ORIGIN)
    assert credentials.load(made.administrator).credentials.key == before.key
    assert bootstrap.read_ledger(bootstrap.place(settings)).operator == before.party
    assert path.stat().st_mode & 0o777 == credentials.FILE_MODE
    assert not [file for file in path.parent.iterdir() if file.name.startswith(".")]


def test_no_ledger_is_made_where_one_is(settings: bootstrap.Settings, tmp_path: Path) -> None:
    """From another folder neither: no keys are left there for a ledger that is not theirs."""
    bootstrap.make_ledger(settings, ORIGIN)
    other = settings.model_copy(update={"var": tmp_path / "other"})
    with pytest.raises(Conflict) as refused:
        bootstrap.make_ledger(other, "other.example/district")
    assert (refused.value.code, other.keys_folder.exists()) == ("ledger_exists", False)


def test_no_init_takes_a_partys_credentials_for_an_administrators(settings: bootstrap.Settings) -> None:
    """They name no agent who could administer; they stay, and no ledger is made."""
    path = settings.keys_folder / bootstrap.ADMINISTRATOR
    key, private = credentials.new_key()
    credentials.save(path, ORIGIN, Credentials(f"party:{uuid.uuid4()}", key, private))
    with pytest.raises(Conflict) as refused:
        bootstrap.make_ledger(settings, ORIGIN)
    assert refused.value.code == "credentials_exist"
    assert credentials.load(path).credentials.key == key
    assert bootstrap.stored_origin(settings) is None


def test_no_init_overwrites_the_administrator_of_another_ledger(settings: bootstrap.Settings, postgres: str) -> None:
    """A second ledger from the same folder is refused: the first one's only credentials stay what they are."""
    made = bootstrap.make_ledger(settings, ORIGIN)
    held = made.administrator.read_bytes()
    with fresh_database(postgres) as url, pytest.raises(Conflict) as refused:
        bootstrap.make_ledger(bootstrap.Settings(database_url=url, var=settings.var), "other.example/district")

    assert refused.value.code == "credentials_exist"
    assert made.administrator.read_bytes() == held


def test_nothing_is_signed_with_the_receipt_key_of_another_ledger(settings: bootstrap.Settings) -> None:
    """A worker over the wrong folder of keys does not start: no verifier would believe its receipts."""
    bootstrap.make_ledger(settings, ORIGIN)
    bootstrap.open_services(settings).close()
    (settings.keys_folder / RECEIPT).unlink()
    KeyFolder(settings.keys_folder).make()

    with pytest.raises(KeysOfAnother) as refused:
        bootstrap.open_services(settings)
    assert refused.value.details["found"] != refused.value.details["wanted"]
    (settings.keys_folder / CHECKPOINT).unlink()
    KeyFolder(settings.keys_folder).make()
    with pytest.raises(KeysOfAnother):
        bootstrap.checkpointer(settings)


def test_a_scripted_clock_is_not_accepted(settings: bootstrap.Settings) -> None:
    """It has no other time than it was told."""
    bootstrap.make_ledger(settings, SCRIPTED, clock="scripted")
    with pytest.raises(Conflict) as refused:
        bootstrap.accept_clock(settings)
    assert refused.value.code == "clock_scripted"


def test_a_published_checkpoint_is_given_with_who_cosigned_it_since(settings: bootstrap.Settings) -> None:
    """Whoever asks for it wants the witnesses' lines too."""
    bootstrap.make_ledger(settings, ORIGIN)
    note = bootstrap.checkpoint(settings)
    line = f"— w.example {b64encode(b'key1' + bytes(72)).decode()}"
    with connect_plain(bootstrap.place(settings).owner, "test") as connection:
        checkpoint_store.store_signing(connection, int(note.split("\n")[1]), Signing("w.example", b"key1", 0, line))
    assert bootstrap.checkpoint(settings) == f"{note}{line}\n"


@pytest.mark.parametrize("forger", [False, True])
def test_a_verifier_with_the_old_ledgers_key_holds_the_seam_against_it(
    settings: bootstrap.Settings, tmp_path: Path, forger: bool
) -> None:
    """Who does not know the old key checks the form alone; who knows it finds what it did not sign."""
    old = Log(origin="older.example/district")
    signs = Log(origin=old.origin, private=Ed25519PrivateKey.generate()) if forger else old
    made = bootstrap.make_ledger(settings, ORIGIN, continued=Continued(old.origin, signs.note(9)))
    own = "".join(f"log {key}\n" for key in made.checkpoint_vkeys)
    policy = tmp_path / "policy.txt"
    for lines, found in ((own, 0), (f"{own}log {old.vkey}\n", int(forger))):
        policy.write_text(f"{lines}quorum none\n")
        report = bootstrap.verify(settings, policy=policy)
        assert (report.counts["continued"], report.failed()) == (found, bool(found))


def test_who_was_erased_is_not_erased_again_each_round(settings: bootstrap.Settings) -> None:
    """The eraser goes to those of whom something is left; done with, they cost it neither a connection nor the lock."""
    bootstrap.make_ledger(settings, ORIGIN)
    services = bootstrap.open_services(settings)
    person = f"person:{uuid.uuid4()}"
    try:
        sealed = SealedValue(person, "ab" * 32, b"sealed")
        services.recorder.submit(save(event(lift()), sealed=(sealed,), subject_keys=((person, b"wrapped"),))).result()
        assert bootstrap.erase_pending(settings) == 0
        assert not (settings.var / FILE).exists()
        services.recorder.submit(save(event(person, topic="person.Erased"))).result()
    finally:
        services.close()

    with connect_reader(bootstrap.place(settings).eraser) as connection:
        assert log_reader.erased_persons(connection) == [person]
        assert bootstrap.erase_pending(settings) == 1
        assert log_reader.erased_persons(connection) == []
        assert bootstrap.erase_pending(settings) == 0


def test_who_was_erased_before_a_dump_was_made_stays_erased(settings: bootstrap.Settings) -> None:
    """A log that no longer says so is no reason to have him back: the note beside the database destroys him again."""
    bootstrap.make_ledger(settings, ORIGIN)
    services = bootstrap.open_services(settings)
    person, other = (f"person:{uuid.uuid4()}" for _ in range(2))
    Tombstones(settings.var).add([person])
    Tombstones(settings.var).add([person])
    with (settings.var / FILE).open("a") as file:
        file.write("person:torn")
    Tombstones(settings.var).add([f"person:{uuid.uuid4()}"])
    assert len(Tombstones(settings.var).persons()) == 2
    try:
        sealed = tuple(SealedValue(name, f"{index:064x}", b"sealed") for index, name in enumerate((person, other)))
        keys = tuple((name, b"wrapped") for name in (person, other))
        services.recorder.submit(save(event(lift()), sealed=sealed, subject_keys=keys)).result()
    finally:
        services.close()
    assert bootstrap.erase_pending(settings) == 1
    with connect_reader(bootstrap.place(settings).eraser) as connection:
        assert log_reader.held_persons(connection, [person, other]) == [other]
    assert bootstrap.erase_pending(settings) == 0


def _replace(name: str) -> Callable[[bootstrap.Settings], object]:
    return lambda s: (s.keys_folder / name).write_text("ab" * 32 + "\n", encoding="ascii")


def _remove(name: str) -> Callable[[bootstrap.Settings], object]:
    return lambda s: (s.keys_folder / name).unlink()


KEYS_HARMED: dict[str, tuple[Callable[[bootstrap.Settings], object], str]] = {
    "receipt key open to others": (lambda s: (s.keys_folder / RECEIPT).chmod(0o644), "keys_unsafe"),
    "receipt key missing": (_remove(RECEIPT), "keys_of_another_ledger"),
    "receipt key replaced": (_replace(RECEIPT), "keys_of_another_ledger"),
    "checkpoint key missing": (_remove(CHECKPOINT), "keys_of_another_ledger"),
    "cosigner's key replaced": (_replace(COSIGNER), "keys_of_another_ledger"),
    "master key missing": (_remove(MASTER), "keys_unsafe"),
    "master key replaced": (_replace(MASTER), "keys_of_another_ledger"),
    "index key open to others": (lambda s: (s.keys_folder / INDEX).chmod(0o640), "keys_unsafe"),
}


@pytest.mark.parametrize("harm", KEYS_HARMED)
def test_no_worker_is_started_without_the_keys(settings: bootstrap.Settings, harm: str) -> None:
    """Each would end as often as it was started, and clients wait at the port: `run` refuses, and the doctor tells."""
    bootstrap.make_ledger(settings, ORIGIN)
    services = bootstrap.open_services(settings)
    try:
        key = encrypt(KeyFolder(settings.keys_folder).master_key(), bytes(32), b"liftledger/subject-key/v1")
        services.recorder.submit(save(event(lift()), subject_keys=((f"person:{uuid.uuid4()}", key),))).result(30)
    finally:
        services.close()
    act, code = KEYS_HARMED[harm]
    act(settings)
    begun = settings.var / "begun"
    with pytest.raises(InfrastructureError) as refused:
        bootstrap.supervise(settings, [bootstrap.Worker("worker", begun.touch)]).run()
    assert (refused.value.code, begun.exists()) == (code, False)
    (told,) = [check for check in bootstrap.diagnose(settings) if check.code == "keys"]
    assert told.state == "wrong"


def test_only_a_guard_that_asks_everyone_takes_a_halt_back(settings: bootstrap.Settings) -> None:
    """Not a process that looks beside the keys after a new connection, nor one that a witness made suspicious.

    Until then nothing is signed: no receipt, no checkpoint.
    """
    bootstrap.make_ledger(settings, ORIGIN)
    halt(settings.keys_folder, RolledBack("behind", size=1, seen=2))
    services = bootstrap.open_services(settings)
    with pytest.raises(RolledBack):
        services.recorder.submit(save(event(lift()))).result(30)
    services.close()
    with closing(bootstrap.checkpointer(settings)) as checkpointer, pytest.raises(RolledBack):
        checkpointer.round()
    folder_guard(settings, bootstrap.place(settings)).look()
    assert bootstrap.guard(settings, lift=False).ok
    assert halted(settings.keys_folder) is not None
    assert bootstrap.guard(settings).ok
    assert halted(settings.keys_folder) is None


def test_the_checkpoint_beside_the_keys_holds_whoever_signs(settings: bootstrap.Settings) -> None:
    """After a new connection it is looked at; also one by a key that the log knows not, as one behind a rotation."""
    bootstrap.make_ledger(settings, ORIGIN)
    bootstrap.prepare_key(settings, "checkpoint")
    where = bootstrap.place(settings)
    keep_checkpoint(where.keys.path, Log(origin=ORIGIN, private=where.keys.checkpoint_key(2)).note(99))
    guard = folder_guard(settings, where)
    assert guard.seen() == 99
    assert guard.halted() is None
    guard.look()
    refusal = guard.halted()
    assert refusal is not None
    assert refusal.details["seen"] == 99


@dataclass
class Server:
    """Stands for the embedded one: whoever comes to it acts in the role that he asks for; its owner may be away."""

    url: str
    migration_url: str
    admin_url: str = ""

    def address(self, role: str, database: str) -> str:
        """Give the address of a test's database for a role."""
        assert database == DATABASE
        return f"{self.url}options=-c%20role%3D{role}"


def test_no_process_of_a_running_ledger_needs_more_than_its_role(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each does its work in the role that it has (event-format §7), and nobody comes as the owner any more."""
    server = Server(f"{database_url}{'&' if '?' in database_url else '?'}", database_url)
    monkeypatch.setattr(places, "embedded", lambda _: server)
    settings = bootstrap.Settings(var=tmp_path / "var")
    bootstrap.make_ledger(settings, ORIGIN)
    server.migration_url = "postgresql://nobody@/none?host=%2Fnowhere"
    services, person = bootstrap.open_services(settings), f"person:{uuid.uuid4()}"
    try:
        note = bootstrap.checkpoint(settings)
        with closing(bootstrap.projector(settings)) as projector:
            projector.catch_up()
        assert not bootstrap.verify(settings).failed()
        assert bootstrap.guard(settings).ok
        require_keys(bootstrap.place(settings))
        assert services.reads.views.tracked().position > 3
        assert services.fires_timers()
        assert services.clock.now() > bootstrap.EPOCH
        services.exports.sealings.keep("11" * 32, Sealing(note, HeadProofs(int(note.split("\n")[1]), {}), None))
        services.disclosing.people.record(PersonalRead("2026", "party:a", None, "key:a", "x", "y", (person,), b"jwt"))
        sealed, keys = (SealedValue(person, "ab" * 32, b"sealed"),), ((person, b"wrapped"),)
        erased = save(event(person, topic="person.Erased"), sealed=sealed, subject_keys=keys)
        services.recorder.submit(erased).result(30)
        assert bootstrap.erase_pending(settings) == 1
    finally:
        services.close()
    assert bootstrap.export_log(settings, tmp_path / "log", lambda *_: None).size > 3
    assert bootstrap.accept_clock(settings)
    told = {check.code: check.state for check in bootstrap.diagnose(settings)}
    assert (told["roles"], told["triggers"], told["keys"]) == ("good", "good", "good")
