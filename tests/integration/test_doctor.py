"""What the doctor tells of a ledger that is well, and of each thing that may be wrong with it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console

from api import bootstrap
from api.doctor import command
from application.errors import RolledBack
from audit.cosignatures import cosigner_vkey
from infrastructure.connection import Database, connect_plain
from infrastructure.doctor import ERASABLE, GUARDED, Check, examine
from infrastructure.halting import halt
from infrastructure.keys import CHECKPOINT, RECEIPT
from infrastructure.migrations import migrate
from infrastructure.roles import Roles
from infrastructure.seen_elsewhere import KEPT
from tests.support.saving import ORIGIN, SCRIPTED


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> bootstrap.Settings:
    """A fresh ledger with one database URL."""
    made = bootstrap.Settings(database_url=database_url, var=tmp_path / "var")
    bootstrap.make_ledger(made, ORIGIN)
    return made


def states(settings: bootstrap.Settings) -> dict[str, str]:
    """Give how each check stands."""
    return {check.code: check.state for check in bootstrap.diagnose(settings)}


def owner(settings: bootstrap.Settings) -> psycopg.Connection:
    """Connect as the owner."""
    return connect_plain(bootstrap.place(settings).owner, "test")


def test_a_ledger_that_is_well(settings: bootstrap.Settings) -> None:
    """Nothing is wrong with a fresh ledger; with one database URL it is said that triggers alone guard the log."""
    found = states(settings)
    assert {code for code, state in found.items() if state != "good"} == {"roles", "projector"}
    assert "wrong" not in found.values()
    _project(settings)
    assert states(settings)["projector"] == "good"


def test_every_trigger_is_looked_at(settings: bootstrap.Settings) -> None:
    """The lists are those of the migrations: a new table that is guarded is looked at too."""
    with owner(settings) as connection:
        found = connection.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname IN ('append_only', 'erased_by_eraser')"
        ).fetchall()
    wanted = {(table, "append_only") for table in GUARDED} | {(table, "erased_by_eraser") for table in ERASABLE}
    assert set(found) == wanted


def test_separate_roles(database_url: str, tmp_path: Path) -> None:
    """With roles of their own for owner and writer, the doctor finds the log out of the service's reach."""
    tag = secrets.token_hex(4)
    roles = Roles(f"w_{tag}", f"c_{tag}", f"p_{tag}", f"e_{tag}")
    settings = bootstrap.Settings(database_url=database_url, var=tmp_path / "var")
    try:
        migrate(database_url, roles=roles)
        bootstrap.make_ledger(settings, ORIGIN)
        where = bootstrap.place(settings)
        checks = examine(
            Database(database_url, role=roles.writer), where.keys, lambda: bootstrap.read_ledger(where), "other"
        )
        found = {check.code: check.state for check in checks}
        assert (found["roles"], found["triggers"], found["clock"]) == ("good", "good", "good")
        assert found["actions"] == "wrong"
        assert not [check for check in checks if "error" in check.facts and check.state == "wrong"]
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for name in roles.names:
                connection.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type,unused-ignore] # hex
                connection.execute(f"DROP ROLE {name}")  # type: ignore[arg-type,unused-ignore] # hex


def _sql(statement: str) -> Callable[[bootstrap.Settings], None]:
    def harm(settings: bootstrap.Settings) -> None:
        with owner(settings) as connection:
            connection.execute(statement)  # type: ignore[arg-type,unused-ignore] # of this page

    return harm


def _project(settings: bootstrap.Settings) -> None:
    with closing(bootstrap.projector(settings)) as projector:
        projector.catch_up()


def _unsafe(settings: bootstrap.Settings) -> None:
    with owner(settings) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")  # type: ignore[arg-type,unused-ignore] # hex


def _shift(seconds: int) -> Callable[[bootstrap.Settings], None]:
    return _sql(
        "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
        f" $$SELECT clock_timestamp() + make_interval(secs => {seconds})$$"
    )


def _parked(settings: bootstrap.Settings) -> None:
    _project(settings)
    _sql("INSERT INTO parked_events VALUES ('lifts', 'lift:a', 1, 'KeyError')")(settings)


HARMS: dict[str, tuple[Callable[[bootstrap.Settings], object], str, str]] = {
    "durability off": (_unsafe, "durability", "wrong"),
    "trigger off": (_sql("ALTER TABLE receipts DISABLE TRIGGER append_only"), "triggers", "wrong"),
    "trigger of checkpoints off": (_sql("ALTER TABLE checkpoints DISABLE TRIGGER append_only"), "triggers", "wrong"),
    "anybody erases": (_sql("ALTER TABLE sealed_values DISABLE TRIGGER erased_by_eraser"), "triggers", "wrong"),
    "trigger for origins only": (_sql("ALTER TABLE events ENABLE TRIGGER append_only"), "triggers", "wrong"),
    "older tables": (_sql("UPDATE alembic_version SET version_num = '0001'"), "tables", "wrong"),
    "key open to others": (lambda s: (s.keys_folder / RECEIPT).chmod(0o640), "keys", "wrong"),
    "key missing": (lambda s: (s.keys_folder / CHECKPOINT).unlink(), "keys", "wrong"),
    "folder open to others": (lambda s: s.keys_folder.chmod(0o755), "keys", "wrong"),
    "receipt key of another": (
        lambda s: (s.keys_folder / RECEIPT).write_text("ab" * 32 + "\n", encoding="ascii"), "keys", "wrong",
    ),
    "small step": (_shift(10), "clock", "warning"),
    "great step": (_shift(3_600), "clock", "wrong"),
    "behind": (_shift(-60), "clock", "wrong"),
    "halted": (
        lambda s: halt(s.keys_folder, RolledBack("behind what the witness holds", size=3, seen=9)), "halt", "wrong",
    ),
    "parked": (_parked, "projector", "warning"),
    "erasure waits": (
        _sql(
            "INSERT INTO events (position, stream, version, seq, type, recorded_at, header, body, leaf, frontier)"
            " VALUES (5, 'person:a', 1, 1, 'person.Erased', '2025-11-01T00:00:00.000000Z', '', '', sha256(''), '');"
            " INSERT INTO sealed_values VALUES (sha256(''), 'person:a', '')"
        ),
        "erasures", "warning",
    ),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_wrong_is_told(settings: bootstrap.Settings, harm: str) -> None:
    """Each harm turns its own check, and no other."""
    before = states(settings)
    act, code, state = HARMS[harm]
    act(settings)
    after = states(settings)
    assert after[code] == state
    assert {c for c in before if before[c] != after[c]} - {"projector"} <= {code}


def _checkpointed(settings: bootstrap.Settings) -> None:
    """Make a checkpoint and begin to write on: one more event, of ten minutes ago."""
    bootstrap.checkpoint(settings)
    _sql(
        "INSERT INTO events (position, stream, version, seq, type, recorded_at, header, body, leaf, frontier)"
        " SELECT max(position) + 1, 'lift:a', 1, 1, 'lift.Registered',"
        " ledger_instant(clock_timestamp() - interval '10 minutes'), '', '', sha256(''), '' FROM events"
    )(settings)


def test_events_that_no_checkpoint_covers_are_told(settings: bootstrap.Settings) -> None:
    """Wrong while the ledger runs, as with a checkpointer that fails in each round; expected while it stands still."""
    _project(settings)
    assert states(settings)["checkpoints"] == "good", "none covers the first events yet, which are of just now"
    _checkpointed(settings)
    (told,) = [check for check in bootstrap.diagnose(settings) if check.code == "checkpoints"]
    assert (told.state, told.facts["waiting"]) == ("wrong", 1)
    _sql("UPDATE projector_heartbeat SET beat_at = beat_at - interval '5 minutes'")(settings)
    assert states(settings)["checkpoints"] == "warning"


def test_the_checkpoint_beside_the_keys_is_looked_at(settings: bootstrap.Settings) -> None:
    """Without its word a restored database goes unnoticed; one that cannot be read keeps the ledger from signing."""
    file = settings.keys_folder / KEPT
    assert states(settings)["last_checkpoint"] == "good"
    bootstrap.checkpoint(settings)
    assert states(settings)["last_checkpoint"] == "good"
    file.write_text("x\n")
    assert states(settings)["last_checkpoint"] == "warning"
    file.write_bytes(b"\xff")
    assert states(settings)["last_checkpoint"] == "wrong"


def test_a_checkpoint_that_was_kept_and_is_not_stored(settings: bootstrap.Settings) -> None:
    """T1: it is kept before it is stored, so one taken out of the database is missed, as one that never came there."""
    bootstrap.checkpoint(settings)
    _sql("ALTER TABLE checkpoints DISABLE TRIGGER append_only")(settings)
    _sql("DELETE FROM checkpoints")(settings)
    _sql("ALTER TABLE checkpoints ENABLE ALWAYS TRIGGER append_only")(settings)
    (told,) = [check for check in bootstrap.diagnose(settings) if check.code == "last_checkpoint"]
    assert (told.state, told.facts["published"]) == ("warning", 0)
    assert told.facts["size"] > 0


def test_a_halt_is_told_with_the_way_out(settings: bootstrap.Settings) -> None:
    """Since when, why, what was seen, and what to do about it."""
    halt(settings.keys_folder, RolledBack("behind what the witness holds", size=3, seen=9))
    (told,) = [check for check in bootstrap.diagnose(settings) if check.code == "halt"]
    assert "behind what the witness holds" in told.says
    assert "liftledger recover" in told.says
    assert (told.facts["details"], told.facts["since"] in told.says) == ({"size": 3, "seen": 9}, True)


def test_a_quorum_that_is_missing_for_long_is_told(settings: bootstrap.Settings, tmp_path: Path) -> None:
    """Within the hour it is awaited; then, and while the log has moved, it is a warning that names each witness."""
    key = cosigner_vkey("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32))
    log = bootstrap.read_ledger(bootstrap.place(settings)).checkpoint_keys[0]
    file = tmp_path / "policy.txt"
    policed = settings.model_copy(update={"witness_policy": file})
    assert states(policed)["witnesses"] == "wrong", "there is no such file"
    file.write_text("nonsense\n")
    assert states(policed)["witnesses"] == "wrong"
    file.write_text(f"log {log}\nwitness regulator {key}\nquorum regulator\n")
    assert states(policed)["witnesses"] == "good"
    _shift(3_000)(settings)
    assert states(policed)["witnesses"] == "good"
    _shift(3_700)(settings)
    (told,) = [check for check in bootstrap.diagnose(policed) if check.code == "witnesses"]
    assert (told.state, "regulator never" in told.says) == ("warning", True)
    assert told.facts["waiting"]["events"] > 0
    _shift(0)(settings)
    bootstrap.checkpoint(settings)
    _shift(3_700)(settings)
    file.write_text(f"log {log}\nquorum none\n")
    assert states(policed)["witnesses"] == "good", "whoever asks for nobody waits for nobody"


def test_accepted_step(settings: bootstrap.Settings) -> None:
    """A great step that an operator accepted only waits to be noted."""
    _shift(3_600)(settings)
    bootstrap.accept_clock(settings)
    assert states(settings)["clock"] == "warning"


def test_no_ledger(database_url: str, tmp_path: Path) -> None:
    """Where there is no ledger, or no database, that is what is told."""
    nothing = bootstrap.Settings(database_url=database_url, var=tmp_path)
    assert set(states(nothing).values()) == {"wrong"}
    bootstrap.prepare_tables(bootstrap.place(nothing))
    assert states(nothing) == {"ledger_missing": "wrong"}
    away = bootstrap.Settings(database_url="postgresql://nobody@127.0.0.1:1/none", var=tmp_path)
    assert states(away) == {"database_away": "wrong"}


def test_scripted(database_url: str, tmp_path: Path) -> None:
    """A scripted ledger's clock stands where it was set."""
    made = bootstrap.Settings(database_url=database_url, var=tmp_path / "var")
    bootstrap.make_ledger(made, SCRIPTED, clock="scripted")
    (clock,) = [check for check in bootstrap.diagnose(made) if check.code == "clock"]
    assert (clock.state, clock.facts["now"]) == ("good", bootstrap.EPOCH)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """What the doctor finds, as a test says it."""
    checks: list[Check] = []
    monkeypatch.setattr(bootstrap, "diagnose", lambda _: checks)
    return checks


def test_shown_to_people_and_machines(
    told: list[Check], capsys: pytest.CaptureFixture[str], settings: bootstrap.Settings
) -> None:
    """A warning is no failure; something wrong is. Machines get the same as JSON."""
    told.append(Check("roles", "warning", "rests on [triggers]", {"separate": False}))
    out = StringIO()
    assert command(settings, Console(file=out, width=200), as_json=False)
    assert "rests on [triggers]" in out.getvalue()
    told.append(Check("keys", "wrong", "open"))
    assert not command(settings, Console(file=out, width=200), as_json=False)
    assert not command(settings, Console(file=out), as_json=True)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert document["checks"][0] == {
        "code": "roles", "state": "warning", "says": "rests on [triggers]", "facts": {"separate": False},
    }  # fmt: skip
