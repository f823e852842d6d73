"""The tables themselves: append-only, rights by role, plans that stay index probes, and one truth with schema.py."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import create_engine, text

from application.errors import DatabaseAway
from application.reading.ports import PersonalRead
from application.saves import Lookup, RequestLine, SealedPlace, SealedValue
from domain.errors import Invalid
from infrastructure import connection as connection_module
from infrastructure import log_reader, vault
from infrastructure.connection import Database, check_version, connect_plain, connect_reader, connect_writer
from infrastructure.errors import DatabaseTooOld, DatabaseUnsafe
from infrastructure.migrations import current_revision, head_revision, migrate
from infrastructure.people import SqlPeople
from infrastructure.roles import Roles
from infrastructure.schema import metadata
from infrastructure.vault import erase
from tests.support.saving import ORIGIN, TestLedger, event, ledger_in, lift, open_recorder, save

APPEND_ONLY = (
    "events", "receipts", "commands", "evidence", "sources", "request_lines", "clock", "clock_acceptances",
    "clock_readings", "personal_reads", "request_hashes",
)  # fmt: skip
ERASABLE = ("request_bytes", "sealed_values", "subject_keys", "sealed_places", "blind_index")


def full_save(person: str = "person:a") -> object:
    """Save something in each of the erasable tables."""
    data, stream, digest = b"request", lift(), secrets.token_hex(32)
    return save(
        event(stream),
        request=(RequestLine(None, sha256(data).hexdigest(), data, (person,)),),
        sealed=(SealedValue(person, digest, b"sealed"),),
        subject_keys=((person, b"wrapped"),),
        places=(SealedPlace(person, digest, stream, 1),),
        lookups=(Lookup(person, digest, "phone", bytes(32)),),
    )


@pytest.mark.parametrize("replica", [False, True])
@pytest.mark.parametrize("table", APPEND_ONLY + ERASABLE)
def test_tables_refuse_change(ledger: TestLedger, table: str, replica: bool) -> None:
    """Even the owner cannot update, delete or truncate, also not with triggers set to a replica's."""
    with ledger.owner() as connection:
        if replica:
            connection.execute("SET session_replication_role = replica")
        column = metadata.tables[table].columns.keys()[-1]
        for statement in (
            f"UPDATE {table} SET {column} = {column}",  # noqa: S608 - names of our own
            f"DELETE FROM {table}",  # noqa: S608 - names of our own
            f"TRUNCATE {table} CASCADE",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement)  # type: ignore[arg-type,unused-ignore] # names of our own


def test_eraser_deletes(ledger: TestLedger) -> None:
    """Erasing a person removes key, ciphertexts, requests that name him and his index, and may be repeated."""
    for person in ("person:a", "person:b"):
        ledger.recorder.submit(full_save(person)).result()  # type: ignore[arg-type] # a Save
    erased = erase(ledger.database, ledger.origin, "person:a")
    assert (erased.keys, erased.values, erased.requests, erased.lookups) == (1, 1, 1, 2)
    assert erase(ledger.database, ledger.origin, "person:a").keys == 0
    with ledger.owner() as connection:
        counts = [
            connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            for table in ERASABLE
        ]
        lines = connection.execute("SELECT count(*) FROM request_lines").fetchone()
    assert counts == [(1,)] * len(ERASABLE)
    assert lines == (2,)
    ledger.check()


def many(person: str, count: int) -> object:
    """Save so many values of a person, each quoted and indexed, and sealed lines that name him and another."""
    data, stream = b"request", lift()
    digests = [secrets.token_hex(32) for _ in range(count)]
    return save(
        event(stream),
        request=tuple(
            RequestLine(line, sha256(data).hexdigest(), data, (person, "person:z")) for line in range(1, count + 1)
        ),
        sealed=tuple(SealedValue(person, digest, b"sealed") for digest in digests),
        subject_keys=((person, b"wrapped"),),
        places=tuple(SealedPlace(person, digest, stream, 1) for digest in digests),
        lookups=tuple(Lookup(person, digest, "phone", secrets.token_bytes(32)) for digest in digests),
    )


def left_of(ledger: TestLedger, person: str) -> list[int]:
    """Count what is left of a person in each of the erasable tables."""
    found = []
    with ledger.owner() as connection:
        for table in ERASABLE:
            of = "persons[1]" if table == "request_bytes" else "person"
            query = f"SELECT count(*) FROM {table} WHERE {of} = %s"  # noqa: S608 - names of our own
            row = connection.execute(query, (person,)).fetchone()  # type: ignore[arg-type,unused-ignore] # the same
            found.append(0 if row is None else row[0])
    return found


def test_a_person_with_very_many_values_goes_in_small_steps(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction deletes more than the batch; writers come in between; all of him is gone, and nobody else's."""
    ledger.recorder.submit(many("person:a", 40)).result()  # type: ignore[arg-type] # a Save
    ledger.recorder.submit(full_save("person:b")).result()  # type: ignore[arg-type] # a Save
    sizes: list[int] = []
    real = vault._erase_some  # noqa: SLF001 - what one transaction does

    def counted(*of: Any) -> Counter[str]:  # noqa: ANN401 - as it takes
        gone = real(*of)
        sizes.append(gone.total())
        ledger.recorder.submit(save(event(lift()))).result(30)
        return gone

    monkeypatch.setattr(vault, "_erase_some", counted)
    erased = erase(ledger.database, ledger.origin, "person:a", batch=7)
    assert (erased.keys, erased.values, erased.requests, erased.lookups) == (1, 40, 40, 80)
    assert (sum(sizes), max(sizes), len(sizes)) == (161, 7, 24)
    assert left_of(ledger, "person:a") == [0] * len(ERASABLE)
    assert left_of(ledger, "person:b") == [1] * len(ERASABLE)
    ledger.check()


@pytest.mark.parametrize("steps", [1, 2, 9, 17, 20])
def test_an_erasing_that_was_cut_short_is_found_again(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Wherever it ended, the key is gone already, and the person is among those who wait for the eraser."""
    ledger.recorder.submit(many("person:a", 40)).result()  # type: ignore[arg-type] # a Save
    ledger.recorder.submit(save(event("person:a", topic="person.Erased"))).result()
    done: list[int] = []
    real = vault._erase_some  # noqa: SLF001 - what one transaction does

    def cut(*of: Any) -> Counter[str]:  # noqa: ANN401 - as it takes
        if len(done) == steps:
            raise DatabaseAway("killed")
        done.append(1)
        return real(*of)

    monkeypatch.setattr(vault, "_erase_some", cut)
    with pytest.raises(DatabaseAway):
        erase(ledger.database, ledger.origin, "person:a", batch=8)
    monkeypatch.undo()
    with connect_reader(ledger.database) as connection:
        assert connection.execute("SELECT count(*) FROM subject_keys").fetchone() == (0,)
        assert log_reader.erased_persons(connection) == ["person:a"]
        assert log_reader.held_persons(connection, ["person:a"]) == ["person:a"]
    assert erase(ledger.database, ledger.origin, "person:a").keys == 0
    assert left_of(ledger, "person:a") == [0] * len(ERASABLE)
    with connect_reader(ledger.database) as connection:
        assert log_reader.erased_persons(connection) == []


@pytest.fixture
def roles(postgres: str) -> Iterator[Roles]:
    """Roles of this test alone; they belong to the server, so they are dropped at the end."""
    tag = secrets.token_hex(4)
    made = Roles(f"w_{tag}", f"c_{tag}", f"p_{tag}", f"e_{tag}")
    yield made
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in made.names:
            connection.execute(f"DROP ROLE IF EXISTS {name}")  # type: ignore[arg-type,unused-ignore] # hex


def test_roles(database_url: str, roles: Roles) -> None:
    """The writer inserts and reads, the eraser deletes what may be erased, the projector only reads the log."""
    try:
        migrate(database_url, roles=roles)
        migrate(database_url, roles=roles)
        recorder = open_recorder(Database(database_url, role=roles.writer))
        recorder.submit(full_save()).result()  # type: ignore[arg-type] # a Save
        assert recorder.head().size == 1
        recorder.close()
        with connect_plain(Database(database_url, role=roles.writer), "test") as writer:
            writer.execute("SELECT set_config('liftledger.erasing', 'on', false)")
            for statement in ("DELETE FROM subject_keys", "DELETE FROM events", "UPDATE events SET seq = 1"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    writer.execute(statement)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        people = SqlPeople(Database(database_url, role=roles.writer), bytes(32))
        people.record(PersonalRead("2026", "party:a", None, "key:a", "person.search", "claim", ("person:a",), b"jwt"))
        assert people.found("phone", bytes(32), 9) == ["person:a"]
        assert len(people.streams("person:a", 9)) == 1
        for role in (roles.projector, roles.eraser):
            with connect_plain(Database(database_url, role=role), "test") as other:
                assert other.execute("SELECT count(*) FROM events").fetchone() == (1,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    other.execute("INSERT INTO clock_acceptances (accepted_at, accepted_by) VALUES ('', '')")
        assert erase(Database(database_url, role=roles.eraser), ORIGIN, "person:a").keys == 1
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for name in roles.names:
                connection.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type,unused-ignore] # hex


@pytest.mark.parametrize("revision", ["0001", "0004", "0006", head_revision()])
def test_grants_come_again(database_url: str, roles: Roles, revision: str) -> None:
    """For tables that came without them, of whatever revision, the grants are those that the migrations give."""
    told = (
        "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = ANY(%s) ORDER BY 1, 2, 3"
    )
    try:
        migrate(database_url, roles=roles, revision=revision)
        with connect_plain(Database(database_url), "test") as owner:
            given = owner.execute(told, (list(roles.names),)).fetchall()
            for name in roles.names:
                owner.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA liftledger FROM {name}")  # type: ignore[arg-type,unused-ignore] # hex
            assert owner.execute(told, (list(roles.names),)).fetchall() == []
            for statement in roles.grants(revision):
                owner.execute(statement)  # type: ignore[arg-type,unused-ignore] # the house's own
            assert owner.execute(told, (list(roles.names),)).fetchall() == given
            assert len(given) > len(roles.names)
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for name in roles.names:
                connection.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type,unused-ignore] # hex


def test_schema_is_what_migrations_make(database_url: str) -> None:
    """schema.py and the migrations describe the same tables."""
    migrate(database_url)
    engine = create_engine("postgresql+psycopg://" + database_url.split("://", 1)[1])
    with engine.connect() as connection:
        connection.execute(text("SET search_path = liftledger"))
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
                "compare_type": True,
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_several_ledgers_in_one_database(database_url: str) -> None:
    """One ledger is one schema: two in one database know nothing of each other."""
    databases = [Database(database_url, name) for name in ("north", "south")]
    recorders = []
    for database in databases:
        assert current_revision(database_url, schema=database.schema) is None
        migrate(database_url, schema=database.schema)
        assert current_revision(database_url, schema=database.schema) == head_revision()
        recorders.append(open_recorder(database, f"ledger.example/{database.schema}"))
    stream = lift()
    for recorder in recorders:
        assert recorder.submit(save(event(stream))).result().first == 1
        recorder.close()


@pytest.mark.parametrize("name", ["", "Ledger", 'a"b', "a b", "x" * 64])
def test_malformed_names(name: str) -> None:
    """Names of schemas and roles that would need quoting are refused."""
    with pytest.raises(Invalid):
        Database("postgresql://", name)
    with pytest.raises(Invalid):
        Roles(writer=name)


def test_unsafe_server_is_refused(ledger: TestLedger) -> None:
    """A database that could lose what it acknowledged is refused when the writer connects."""
    with ledger.owner() as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # type: ignore[arg-type,unused-ignore] # hex
    with pytest.raises(DatabaseUnsafe):
        connect_writer(ledger.database)
    with pytest.raises(DatabaseAway) as refused:
        ledger.recorder.submit(save(event(lift()))).result(30)
    assert refused.value.code == "database_unsafe"


def test_old_server_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server older than needed is refused before anything is made in it, and by the service before it answers."""
    with pytest.raises(DatabaseTooOld) as old:
        check_version(140_012)
    assert old.value.details == {"found": 140_012, "needed": 150_000}
    check_version(150_000)
    monkeypatch.setattr(connection_module, "SERVER_VERSION_MIN", 990_000)
    with pytest.raises(DatabaseTooOld):
        migrate(database_url)
    assert current_revision(database_url) is None
    for connect in (connect_writer, connect_reader):
        with pytest.raises(DatabaseTooOld):
            connect(Database(database_url))
    recorder = open_recorder(Database(database_url))
    assert getattr(recorder.submit(save(event(lift()))).exception(30), "code", None) == "database_too_old"
    recorder.close()


PROBES = (
    "SELECT e.position, e.recorded_at, e.frontier FROM events e ORDER BY e.position DESC LIMIT 1",
    (
        "SELECT (SELECT e.version FROM events e WHERE e.stream = q.stream ORDER BY e.version DESC LIMIT 1)"
        " FROM unnest($1::text[]) WITH ORDINALITY q (stream, ord)"
    ),
    (
        "SELECT h.seq FROM unnest($1::text[]) WITH ORDINALITY q (subject, ord) LEFT JOIN LATERAL"
        " (SELECT e.seq, e.leaf FROM events e WHERE e.subject = q.subject ORDER BY e.seq DESC LIMIT 1) h ON true"
    ),
    (
        "SELECT (SELECT CASE WHEN c.request <> q.id THEN 2 WHEN c.grp = 1 OR EXISTS (SELECT FROM commands x"
        " WHERE x.party = q.id AND x.command = q.id AND x.grp = 1) THEN 1 ELSE 0 END FROM commands c"
        " WHERE c.party = q.id AND c.command = q.id ORDER BY c.grp LIMIT 1) FROM unnest($1::text[]) q (id)"
    ),
    (
        "SELECT (SELECT s.stream FROM sources s WHERE s.party = q.id AND s.system = q.id AND s.kind = q.id"
        " AND s.id = q.id LIMIT 1) FROM unnest($1::text[]) q (id)"
    ),
    "SELECT (SELECT k.wrapped FROM subject_keys k WHERE k.person = q.id LIMIT 1) FROM unnest($1::text[]) q (id)",
    "SELECT position FROM events WHERE stream = ($1::text[])[1] AND version > 0 ORDER BY version",
    "SELECT position FROM events WHERE subject = ($1::text[])[1] AND seq > 0 ORDER BY seq",
    "SELECT position FROM events WHERE position >= 1 ORDER BY position LIMIT 10",
)


@pytest.mark.parametrize("probe", PROBES)
def test_plans_on_an_empty_ledger(ledger: TestLedger, probe: str) -> None:
    """Plans made while the ledger is empty, and kept, are index probes: no scan of a table, no hash, no sort of one."""
    with connect_writer(ledger.database) as connection:
        parameters = "(text[])" if "$1" in probe else ""
        connection.execute(f"PREPARE probe{parameters} AS {probe}")  # type: ignore[arg-type,unused-ignore] # as above
        arguments = "('{a}')" if "$1" in probe else ""
        rows = connection.execute(f"EXPLAIN EXECUTE probe{arguments}").fetchall()  # type: ignore[arg-type,unused-ignore] # as above
        plan = "\n".join(row[0] for row in rows)
    assert "Index" in plan, plan
    for bad in ("Seq Scan", "Hash", "Bitmap", "Merge", "JIT", "Materialize"):
        assert bad not in plan, plan
    if "ORDER BY e." in probe or "ORDER BY version" in probe:
        assert "Sort" not in plan, plan


def test_older_server_has_the_same_tables(database_url_16: str) -> None:
    """PostgreSQL 16 refuses change as 18 does."""
    with ledger_in(database_url_16) as old:
        old.recorder.submit(save(event(lift()))).result()
        with old.owner() as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("DELETE FROM events")
