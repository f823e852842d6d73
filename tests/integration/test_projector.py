"""The projector over a real log: exactly once through kills, the same rows by rebuild, parking, one at a time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event, Thread

import psycopg
import pytest

from application.projections.catalogue import PROJECTIONS
from infrastructure.connection import connect_plain
from infrastructure.errors import ProjectionMoved, ProjectorBusy
from infrastructure.projection_tables import metadata
from infrastructure.projector import Projector
from tests.support.history import Told, history, name
from tests.support.projecting import store, views
from tests.support.saving import TestLedger
from tests.support.scenes import until

FOLLOW = """
import sys, threading
from infrastructure import projector
from infrastructure.connection import Database
projector.PAGE_MAX = projector.BULK_PAGE_MAX = int(sys.argv[2])
projector.Projector(Database(sys.argv[1])).run(threading.Event())
"""


def test_tables_are_those_of_the_migrations(ledger: TestLedger) -> None:
    """Each read model's table in the database has the columns that the projection declares, in their order."""
    with connect_plain(ledger.database, "test") as connection:
        for table in metadata.sorted_tables:
            found = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
                " AND table_name = %s ORDER BY ordinal_position",
                (table.name,),
            ).fetchall()
            assert [row[0] for row in found] == [column.name for column in table.columns], table.name


def test_rebuild_equals_incremental(ledger: TestLedger, projector: Projector) -> None:
    """Following a growing log and making everything again give the same rows in every table."""
    last = 0
    for seed in (1, 2, 3):
        last = store(ledger, history(seed, lifts=5))
        assert projector.catch_up() == last
    followed = views(ledger)
    assert all(followed[projection.name] for projection in PROJECTIONS)
    assert projector.rebuild() == last
    assert views(ledger) == followed
    ledger.check()


@pytest.fixture
def projector(ledger: TestLedger) -> Iterator[Projector]:
    """A projector of the ledger, closed at the end."""
    made = Projector(ledger.database)
    yield made
    made.close()


def _position(ledger: TestLedger) -> int:
    with connect_plain(ledger.database, "test") as connection:
        row = connection.execute("SELECT max(position) FROM projection_tracking").fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


@pytest.mark.parametrize("page", [1, 7])
def test_kills_leave_every_event_applied_once(ledger: TestLedger, projector: Projector, page: int) -> None:
    """A projector killed again and again in its work ends with the rows of one that was never killed."""
    last = store(ledger, history(11, lifts=30))
    for _ in range(6):
        before = _position(ledger)
        child = subprocess.Popen([sys.executable, "-c", FOLLOW, ledger.database.url, str(page)])
        until(lambda before=before: _position(ledger) in {last, *range(before + 1, last)})  # type: ignore[misc] # lambda's default
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    deadline = time.monotonic() + 60
    while True:
        try:
            assert projector.catch_up() == last
            break
        except ProjectorBusy:  # the server has not noticed the last kill yet
            assert time.monotonic() < deadline
            time.sleep(0.05)
    survived = views(ledger)
    projector.rebuild()
    assert views(ledger) == survived


def test_poison_parks_its_stream_alone(ledger: TestLedger, projector: Projector) -> None:
    """An event that a fold cannot take stops its stream in that projection, is noted, and stops nothing else."""
    good, bad = history(21, lifts=2), name(random.Random(5), "lift")
    told = [Told(bad, "lift.Registered", {"id": bad}, {}, None), *good]
    told.append(Told(bad, "lift.StatusChanged", {"status": "stopped"}, {}, None))
    last = store(ledger, told)
    assert projector.catch_up() == last
    found = views(ledger)
    assert {row[0] for row in found["lifts"]} == {t.stream for t in good if t.type == "lift.Registered"}
    assert [row[3] for row in found["timeline"] if row[0] == bad] == [bad, bad]
    with connect_plain(ledger.database, "test") as connection:
        parked = connection.execute("SELECT projection, stream, position, error FROM parked_events").fetchall()
    assert parked == [("lifts", bad, 1, "ValueError")]


def test_impossible_row_parks_its_stream(ledger: TestLedger, projector: Projector) -> None:
    """A row the database refuses is found by going one by one; the stream parks, the rest is applied."""
    house, other = (name(random.Random(i), "house", 4) for i in (1, 2))
    told = [
        Told(house, "house.Opened", {"fund": "f", "area_m2_hundredths": 1, "first_deposit_fen": "much"}, {}, None),
        Told(other, "house.Opened", {"fund": "f", "area_m2_hundredths": 1, "first_deposit_fen": 5}, {}, None),
    ]
    last = store(ledger, told)
    assert projector.catch_up() == last
    assert [row[0] for row in views(ledger)["entries"]] == [other]


def test_the_next_begins_where_the_last_has_closed(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector that is closed has given its place up, before the server has ended its session."""
    last = store(ledger, history(3, lifts=1))
    left: list[psycopg.Connection] = []
    with monkeypatch.context() as slowly:
        projector = Projector(ledger.database)
        assert projector.catch_up() == last
        slowly.setattr(psycopg.Connection, "close", lambda self: left.append(self))  # noqa: PLW0108 - else not bound
        projector.close()
    with closing(Projector(ledger.database)) as following:
        assert following.catch_up() == last
    assert len(left) == 1
    left[0].close()


def test_one_at_a_time(ledger: TestLedger) -> None:
    """A second projector is refused while the first lives, and rebuild makes the first one do the work."""
    last = store(ledger, history(3, lifts=2))
    first, second = Projector(ledger.database), Projector(ledger.database)
    assert first.catch_up() == last
    with pytest.raises(ProjectorBusy):
        second.catch_up()
    before = views(ledger)
    assert second.rebuild() is None
    more = history(4, lifts=1)
    store(ledger, more)
    try:
        with pytest.raises(ProjectionMoved):
            first.catch_up()
        first.catch_up()
        after = views(ledger)
        assert all(row in after["timeline"] for row in before["timeline"])
        assert len(after["lifts"]) > len(before["lifts"])
    finally:
        first.close()


def test_run_follows_and_beats(ledger: TestLedger) -> None:
    """A running projector applies what is stored within moments and says where it is."""
    stop, projector = Event(), Projector(ledger.database)
    thread = Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        last = store(ledger, history(7, lifts=3))
        deadline = time.monotonic() + 10
        row = None
        with connect_plain(ledger.database, "test") as connection:
            while time.monotonic() < deadline:
                row = connection.execute("SELECT position, parked, error FROM projector_heartbeat").fetchone()
                if row is not None and row[0] == last:
                    break
                time.sleep(0.05)
        assert row == (last, 0, None)
    finally:
        stop.set()
        thread.join()


def test_emptied_tables_are_made_again_though_nothing_comes(ledger: TestLedger) -> None:
    """A projector that idles at the end of the log finds what a rebuild beside it emptied, without a further event."""
    last = store(ledger, history(7, lifts=3))
    stop, running = Event(), Projector(ledger.database)
    thread = Thread(target=running.run, args=(stop,))
    thread.start()
    at = "SELECT 1 FROM projection_tracking WHERE position = %s AND generation >= %s"
    try:
        with connect_plain(ledger.database, "test") as connection:

            def reached(generation: int) -> bool:
                deadline = time.monotonic() + 10
                while time.monotonic() < deadline:
                    if connection.execute(at, (last, generation)).fetchone() is not None:
                        return True
                    time.sleep(0.05)
                return False

            assert reached(0)
            assert Projector(ledger.database).rebuild() is None
            assert reached(1)
    finally:
        stop.set()
        thread.join()
