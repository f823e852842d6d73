"""Who follows another machine's checkpoints: what it believes, keeps when something breaks, and hands on."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import psycopg
import pytest

from audit.merkle import EMPTY_ROOT
from infrastructure import checkpoint_store
from infrastructure.errors import LogDiffers
from infrastructure.standby import Standby
from tests.integration.test_checkpointer import checkpointer, write
from tests.support.saving import TestLedger

GOING = Event()


def published(ledger: TestLedger, folder: Path, times: int = 1) -> Standby:
    """Publish checkpoints, each over two events and a map root, and give a standby over the folder of whoever did."""
    for _ in range(times):
        write(ledger, 2)
        one = checkpointer(ledger, folder)
        assert one.round() is not None
        one.close()
    return Standby(ledger.database, ledger.origin, folder)


def forget(ledger: TestLedger, table: str, column: str) -> None:
    """Delete what a table holds from the fourth event on."""
    with ledger.owner() as connection:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type,unused-ignore] # a test's
        connection.execute(f"DELETE FROM {table} WHERE {column} > 3")  # type: ignore[arg-type,unused-ignore]  # noqa: S608 - the same


def knows(one: Standby) -> tuple[int, int]:
    """Give how far it followed, and the size of the checkpoint that it believes; 0 where it knows nothing."""
    return 0 if one.followed is None else one.followed.position, 0 if one.last is None else one.last.size


def test_it_follows_to_the_newest_checkpoint(ledger: TestLedger, tmp_path: Path) -> None:
    """From nothing, from what was kept, and on from there; what came after the checkpoint is not looked at."""
    one = published(ledger, tmp_path / "map")
    write(ledger, 1)
    one.follow(GOING)
    assert knows(one) == (3, 3)
    fresh = Standby(ledger.database, ledger.origin, tmp_path / "none")
    fresh.follow(GOING)
    assert knows(fresh) == (3, 3)
    assert fresh.followed is not None
    assert fresh.followed.tree.root() != EMPTY_ROOT
    published(ledger, tmp_path / "map")
    one.follow(GOING)
    one.follow(GOING)
    assert knows(one) == (7, 7)
    for each in (one, fresh):
        each.close()
        assert knows(each) == (0, 0)


def test_what_was_kept_past_the_checkpoint_is_not_believed(ledger: TestLedger, tmp_path: Path) -> None:
    """A map of more than was published is made again up to what was."""
    one = published(ledger, tmp_path / "map", 2)
    forget(ledger, "checkpoints", "size")
    one.follow(GOING)
    assert knows(one) == (3, 3)
    one.close()


def test_events_missing_under_a_checkpoint_are_found(ledger: TestLedger, tmp_path: Path) -> None:
    """T10: a log that went back behind its checkpoint is not waited for; nothing is known of it then."""
    published(ledger, tmp_path / "map", 2)
    forget(ledger, "events", "position")
    one = Standby(ledger.database, ledger.origin, tmp_path / "none")
    with pytest.raises(LogDiffers) as differs:
        one.follow(GOING)
    assert differs.value.details == {"position": 4}
    assert knows(one) == (0, 0)
    one.close()


def test_a_lost_connection_costs_nothing_that_was_followed(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the next connection it goes on; after any other refusal of the database it begins again."""
    one = published(ledger, tmp_path / "map")
    one.follow(GOING)
    with ledger.owner() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    with pytest.raises(psycopg.OperationalError):
        one.follow(GOING)
    assert knows(one) == (3, 3)
    followed = one.followed
    write(ledger, 1)
    one.follow(GOING)
    assert one.followed is followed

    def refused(_: object) -> None:
        raise psycopg.errors.UndefinedTable

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint_store, "latest", refused)
        with pytest.raises(psycopg.errors.UndefinedTable):
            one.follow(GOING)
    assert knows(one) == (0, 0)
    one.follow(GOING)
    assert knows(one) == (3, 3)
    one.close()


def test_what_was_followed_is_handed_on_once(ledger: TestLedger, tmp_path: Path) -> None:
    """To whoever takes the place, if it is to the size that he asks for; nothing is kept of it here."""
    one = published(ledger, tmp_path / "map")
    one.follow(GOING)
    followed = one.followed
    assert one.give(3) is followed
    assert one.give(3) is None
    for size in (2, 4):
        one.follow(GOING)
        assert one.give(size) is None
        assert knows(one) == (0, 0)
