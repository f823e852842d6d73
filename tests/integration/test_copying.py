"""A copy of a ledger's database: what is done to it is done to no other, and it goes with the block."""

from __future__ import annotations

import psycopg

from infrastructure.connection import Database, connect_reader
from infrastructure.copying import copied
from tests.support.postgres import fresh_database
from tests.support.saving import event, lift, open_recorder, save


def bodies(database: Database) -> list[tuple[int, bytes]]:
    """Give the stored bodies of events."""
    with connect_reader(database) as connection:
        return connection.execute("SELECT position, body FROM events ORDER BY position").fetchall()


def test_one_bit_is_flipped_and_in_the_copy_alone(postgres: str, migrated: str) -> None:
    """In the middle of the log; the ledger stays as it is, and of the copy nothing."""
    with fresh_database(postgres, migrated) as url:
        ledger = Database(url)
        recorder = open_recorder(ledger)
        for _ in range(3):
            recorder.submit(save(event(lift()))).result(30)
        recorder.close()
        before = bodies(ledger)
        with copied(postgres, ledger) as copy:
            assert copy is not None
            assert bodies(copy.owner) == before
            position, after = copy.flip_bit(), bodies(copy.owner)
        (changed,) = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert [at for at, _ in changed] == [position, position] == [2, 2]
        assert sum((a ^ b).bit_count() for a, b in zip(changed[0][1], changed[1][1], strict=True)) == 1
        assert bodies(ledger) == before
        with psycopg.connect(postgres) as connection:
            assert connection.execute("SELECT FROM pg_database WHERE datname = %s", (copy.name,)).fetchall() == []
