"""The read models held against the log: changed rows are named, sound ones pass, also while writes go on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from threading import Event, Thread

import pytest
from psycopg import sql

from api import bootstrap
from application.verifying import Besides, Compared
from infrastructure import shadows
from infrastructure.connection import Database, connect_plain
from infrastructure.errors import ShadowsRefused
from infrastructure.migrations import migrate
from infrastructure.projector import Projector
from infrastructure.roles import Roles
from infrastructure.shadows import Shadows
from tests.support.history import Told, history, name
from tests.support.postgres import fresh_database
from tests.support.projecting import store, views
from tests.support.saving import TestLedger
from tests.support.scenes import until
from tests.support.written import Written, tampering


@pytest.fixture
def followed(ledger: TestLedger) -> tuple[TestLedger, int]:
    """A ledger whose read models are up to date, and its last position."""
    last = store(ledger, history(1, lifts=6))
    with closing(Projector(ledger.database)) as projector:
        assert projector.catch_up() == last
    return ledger, last


def run_on(ledger: TestLedger, statement: str) -> int:
    """Run a statement of somebody who may write to the read models; gives how many rows it changed."""
    with connect_plain(ledger.database, "test") as connection:
        return connection.execute(statement).rowcount  # type: ignore[arg-type,unused-ignore] # a test's own words


def of_projections(compared: Compared) -> list[str]:
    """Give the details of what differs."""
    return [detail for code, detail, _ in compared.findings if code == "projection"]


@pytest.mark.parametrize("rows", [3, 20_000])
def test_a_sound_ledger_has_no_finding(
    followed: tuple[TestLedger, int], monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Replayed and stored rows are the same in parts of any size, and the stored ones are left as they were."""
    monkeypatch.setattr(shadows, "ROWS_MAX", rows)
    ledger, last = followed
    before, told = views(ledger), []
    compared = Shadows(ledger.database, lambda done, size: told.append((done, size))).compare()
    assert compared == Compared(last, [])
    assert told[-1] == (last, last)
    assert views(ledger) == before


TAMPERED = (
    ("view_lifts", "UPDATE view_lifts SET status = 'scrapped' WHERE key = (SELECT min(key) FROM view_lifts)"),
    ("view_lifts", "UPDATE view_lifts SET known_to = known_from + 1 WHERE key = (SELECT min(key) FROM view_lifts)"),
    ("view_lifts", "UPDATE view_lifts SET known_to = 1000000 WHERE key = (SELECT max(key) FROM view_lifts)"),
    ("view_covers", "DELETE FROM view_covers WHERE key = (SELECT max(key) FROM view_covers)"),
    ("view_claims", "UPDATE view_claims SET key = '' WHERE key = (SELECT min(key) FROM view_claims)"),
    ("view_entries", "UPDATE view_entries SET amount_fen = amount_fen + 1 WHERE number = 1"),
    ("view_entries", "UPDATE view_entries SET position = position + 1000000 WHERE number = 1"),
    (
        "view_timeline",
        "UPDATE view_timeline SET facts = '{}' WHERE position = (SELECT min(position) FROM view_timeline)",
    ),
    ("parked_events", "INSERT INTO parked_events VALUES ('lifts', 'lift:nobody', 3, 'ValueError')"),
)  # fmt: skip
"""Changes, each of one table."""


def test_a_changed_row_is_named(followed: tuple[TestLedger, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is changed in a read model is found, with its table and its stream; nothing else is."""
    monkeypatch.setattr(shadows, "ROWS_MAX", 5)
    ledger, last = followed
    for table, statement in TAMPERED:
        before = views(ledger)
        assert run_on(ledger, statement) >= 1, statement
        after = views(ledger)
        compared = Shadows(ledger.database).compare()
        if table == "parked_events":
            names = {"lift:nobody"}
            run_on(ledger, "DELETE FROM parked_events")
        else:
            names = {row[0] for row in set(_plain(before[table[5:]])) ^ set(_plain(after[table[5:]]))}
        assert compared.at == last
        assert {detail.split(":", 1)[0].split(" ")[0] for detail in of_projections(compared)} == {table}, statement
        assert {detail.split(" ", 1)[1].rsplit(": ", 1)[0] for detail in of_projections(compared)} == names, statement
        with closing(Projector(ledger.database)) as projector:
            assert projector.rebuild() == last
    assert Shadows(ledger.database).compare() == Compared(last, [])


def _plain(rows: list[tuple[object, ...]]) -> Iterator[tuple[str, str]]:
    yield from ((str(row[0]), repr(row)) for row in rows)


def test_a_place_that_is_told_wrong_hides_nothing(followed: tuple[TestLedger, int]) -> None:
    """A tracking row set back leaves rows that nobody told; one set forward lacks what the log has there."""
    ledger, last = followed
    run_on(ledger, "UPDATE projection_tracking SET position = 0")
    compared = Shadows(ledger.database).compare()
    assert compared.at == 0
    assert {detail.split(" ")[0] for detail in of_projections(compared)} >= {"view_lifts", "view_timeline"}
    more = store(ledger, history(2, lifts=2))
    run_on(ledger, f"UPDATE projection_tracking SET position = {more}")  # noqa: S608 - a number
    found = Shadows(ledger.database).compare()
    assert found.at == more > last
    assert any("view_lifts" in detail for detail in of_projections(found))


@pytest.mark.parametrize(
    "change, told",
    [
        ("DROP TABLE view_claims", 'relation "liftledger.view_claims" does not exist'),
        ("ALTER TABLE view_claims DROP COLUMN lift", 'column "lift" of relation "view_claims" does not exist'),
        ("DROP TABLE projection_tracking", 'relation "liftledger.projection_tracking" does not exist'),
    ],
)
def test_what_is_missing_altogether_is_named(followed: tuple[TestLedger, int], change: str, told: str) -> None:
    """A table or a column that somebody took away is a finding, and not the end of the verification."""
    ledger, _ = followed
    run_on(ledger, change)
    assert Shadows(ledger.database).compare() == Compared(None, [("projection", told, 1)])


def test_many_findings_are_counted(followed: tuple[TestLedger, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an emptied table some streams are named and the others counted, so that no row is left out of the count."""
    monkeypatch.setattr(shadows, "NAMED_MAX", 2)
    ledger, _ = followed
    gone = run_on(ledger, "DELETE FROM view_lifts")
    compared = Shadows(ledger.database).compare()
    assert [code for code, _, _ in compared.findings] == ["projection"] * 3
    assert sum(count for _, _, count in compared.findings) == gone


def test_writes_and_the_projector_go_on(ledger: TestLedger) -> None:
    """Beside a writer and a running projector, and through a rebuild of all tables, nothing differs at any moment."""
    store(ledger, history(3, lifts=3))
    stop, running = Event(), Projector(ledger.database)
    rebuilding = Projector(ledger.database)

    def write() -> None:
        for seed in count(100):
            if stop.wait(0.01):
                return
            store(ledger, history(seed, lifts=2))

    threads = [Thread(target=running.run, args=(stop,)), Thread(target=write)]
    for thread in threads:
        thread.start()
    try:
        seen: set[int] = set()

        def look() -> int:
            compared = Shadows(ledger.database).compare()
            assert of_projections(compared) == []
            seen.update(() if compared.at is None else (compared.at,))
            return len(seen)

        for turn in range(8):
            look()
            if turn == 4:
                assert rebuilding.rebuild() is None
        until(lambda: look() > 1)  # the projector moved between two of them
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_parked_streams_are_noted(ledger: TestLedger) -> None:
    """A stream that the log itself parks is no difference: it is named in a note."""
    bad = name(random.Random(5), "lift")
    last = store(ledger, [Told(bad, "lift.Registered", {"id": bad}, {}, None), *history(21, lifts=2)])
    with closing(Projector(ledger.database)) as projector:
        projector.catch_up()
    assert Shadows(ledger.database).compare() == Compared(last, [("projection_parked", f"view_lifts {bad} at 1", 1)])


def test_rows_of_other_functions_are_not_judged(followed: tuple[TestLedger, int]) -> None:
    """Read models made by other versions, or never, are noted as not looked at."""
    ledger, _ = followed
    run_on(ledger, "UPDATE projection_tracking SET digest = 'lifts@0'")
    assert Shadows(ledger.database).compare() == Compared(None, [("projection_unread", "lifts@0", 1)])
    run_on(ledger, "DELETE FROM projection_tracking")
    assert Shadows(ledger.database).compare() == Compared(None, [("projection_unread", "never made", 1)])


def test_the_checkpointers_role_suffices(postgres: str) -> None:
    """Whoever signs checkpoints may make the read models again, but not where temporary tables are refused him."""
    roles = Roles(*(f"shadows_{each}" for each in ("writer", "checkpointer", "projector", "eraser")))
    with fresh_database(postgres) as url:
        migrate(url, roles=roles)
        with closing(Projector(Database(url, role=roles.projector))) as projector:
            projector.catch_up()
        verifier = Database(url, role=roles.checkpointer)
        assert Shadows(verifier).compare() == Compared(0, [])
        with connect_plain(Database(url), "test") as connection:
            name_of = connection.info.dbname
            connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name_of)))
        with pytest.raises(ShadowsRefused):
            Shadows(verifier).compare()


def test_a_changed_read_model_fails_the_verification_and_not_the_log(written: Written) -> None:
    """Integrity and completeness are verdicts on the log and hold; the report says beside them that a table differs."""
    owner = bootstrap.place(written.settings).owner
    with closing(Projector(owner)) as projector:
        last = projector.catch_up()
    sound = written.verify(besides=Besides(Shadows(owner)))
    assert (sound.views, sound.views_at, sound.failed()) == (True, last, False)
    assert f"read models: as the log says at {last}" in list(sound.lines())
    with connect_plain(owner, "test") as connection:
        connection.execute("INSERT INTO view_lifts VALUES ('lift:nobody', '', '2025-01-01T00:00:00.000000Z', NULL, 1)")
    report = written.verify(besides=Besides(Shadows(owner)))
    assert (report.integrity, report.completeness, report.views, report.failed()) == (True, True, False, True)
    assert report.as_json()["views"] is False
    assert any(
        line.startswith("views: projection: ") and "view_lifts lift:nobody: 1 rows not of the log" in line
        for line in report.lines()
    )
    assert written.verify().as_json()["views"] is None


@pytest.mark.parametrize("change", ["DELETE FROM events WHERE position = 20", "UPDATE events SET body = flip(body, 0)"])
def test_a_broken_log_gets_its_verdicts(written: Written, change: str) -> None:
    """A log that cannot be replayed is judged all the same, and the read models are said to be not looked at."""
    owner = bootstrap.place(written.settings).owner
    with connect_plain(owner, "test") as connection:
        (person,) = connection.execute("SELECT person FROM subject_keys").fetchone() or ("",)
    written.restrict(person)
    with closing(Projector(owner)) as projector:
        projector.catch_up()
    with tampering(written) as connection:
        connection.execute(change)
    report = written.verify(besides=Besides(Shadows(owner)))
    assert report.counts["projection_unread"] == 1
    assert report.views is None
    assert report.failed()
