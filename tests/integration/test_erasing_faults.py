"""The eraser cut short between any two of its steps: nothing opens after the first, and the next round finishes."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from api import bootstrap
from application.errors import DatabaseAway
from audit.pages import Questions
from infrastructure import log_reader, tombstones, vault
from infrastructure.connection import Database, connect_reader
from infrastructure.page_answers import PageAnswers
from infrastructure.recorder import LedgerRecorder
from infrastructure.tombstones import FILE, Tombstones
from tests.support.disk import Disk
from tests.support.faults import Failing, Fault, break_step
from tests.support.written import Written, agent_of

TABLES = ("subject_keys", "sealed_values", "sealed_places", "blind_index")


@dataclass
class Person:
    """Somebody who is to be destroyed: his name, and where what is sealed of him lies."""

    name: str
    digests: list[str]
    request: tuple[int, str, str]


def enrolled(written: Written, *, indexed: bool = True) -> Person:
    """Enrol an agent with a name, and a certificate if he is to be in the index; time writes that he is destroyed."""
    more = {"certificate": f"T{uuid.uuid4().int:030}"[:18]} if indexed else {}
    agent = agent_of(written.insurer.party, name="王小明", **more)
    command = written.write(written.insurer, "agent.enrol", agent, uri="/agents")
    with connect_reader(bootstrap.place(written.settings).owner) as connection:
        (row,) = connection.execute("SELECT persons FROM request_bytes WHERE command = %s", (command,)).fetchall()
        (name,) = row[0]
        digests = connection.execute("SELECT encode(digest, 'hex') FROM sealed_values WHERE person = %s", (name,))
        found = connection.execute("SELECT first, party, command FROM commands WHERE command = %s", (command,))
        person = Person(name, [digest for (digest,) in digests], *found.fetchall())
    written.restrict(name)
    written.let_time_erase(name)
    return person


def left(written: Written, person: Person) -> dict[str, int]:
    """Count the rows that hold something of a person."""
    with connect_reader(bootstrap.place(written.settings).owner) as connection:
        found = {
            table: connection.execute(f"SELECT count(*) FROM {table} WHERE person = %s", (person.name,)).fetchall()  # type: ignore[arg-type,unused-ignore] # noqa: S608 - names of this page
            for table in TABLES
        }
        found["request_bytes"] = connection.execute(
            "SELECT count(*) FROM request_bytes WHERE persons @> ARRAY[%s]", (person.name,)
        ).fetchall()
    return {table: int(rows[0][0]) for table, rows in found.items()}


def opens(written: Written, person: Person) -> bool:
    """Say whether anything of a person opens for whoever has the master key and may read all."""
    recorder, where = written.services.recorder, bootstrap.place(written.settings)
    assert isinstance(recorder, LedgerRecorder)
    master = where.keys.master_key()
    with connect_reader(where.owner) as connection:
        answers = PageAnswers(connection, master).ask(Questions(commands=[person.request], sealed=person.digests))
    lines = answers.lines[person.request[0]]
    return (
        vault.KeyVault(recorder, master).key(person.name) is not None
        or any(row.data is not None for row in lines)
        or any(row.plain is not None for row in answers.sealed.values())
    )


def noted(written: Written) -> frozenset[str]:
    """Give who stands on the list beside the database."""
    return Tombstones(written.settings.var).persons()


def finish(written: Written, person: Person, *, starting: bool) -> None:
    """Have the next round, or the next start, do the rest; then nothing is left but the word of it."""
    bootstrap.erase_pending(written.settings, noted_too=starting)
    assert not any(left(written, person).values())
    assert person.name in noted(written)
    with connect_reader(bootstrap.place(written.settings).eraser) as connection:
        assert log_reader.erased_persons(connection) == []
    assert bootstrap.erase_pending(written.settings) == 0


@pytest.mark.parametrize("indexed", [False, True], ids=["name alone", "found by number"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
def test_cut_short_after_any_row_it_is_finished(
    written: Written, monkeypatch: pytest.MonkeyPatch, *, stored: bool, indexed: bool
) -> None:
    """A transaction a row: whichever is the last, the key went first, verify knows why, and nothing stays for ever."""
    monkeypatch.setattr(vault, "erase", partial(vault.erase, batch=1))
    rows = {"subject_keys": 1, "sealed_values": 1, "sealed_places": 1, "blind_index": 0, "request_bytes": 1}
    if indexed:
        rows |= {"sealed_values": 2, "sealed_places": 2, "blind_index": 1}
    whole = sum(rows.values())
    fault = Failing(stored)
    for at in count(1):
        person = enrolled(written, indexed=indexed)
        assert left(written, person) == rows
        with pytest.MonkeyPatch.context() as patch:
            fault = break_step(patch, vault, "_erase_some", stored=stored, at=at)
            with suppress(Fault):
                bootstrap.erase_pending(written.settings)
        if not fault.met:
            break
        gone = whole - sum(left(written, person).values())
        assert gone == min(at if stored else at - 1, whole)
        assert opens(written, person) == (gone == 0)
        assert person.name in noted(written)
        assert written.broken() == set()
        finish(written, person, starting=at % 2 == 0)
    assert fault.calls == whole + 1, "a row each, and one look that finds none"
    assert not written.verify().failed()
    assert written.verify().counts["erased"] >= 2


def test_a_transaction_that_breaks_takes_nothing(written: Written) -> None:
    """Its connection ends between two tables: nothing of the person is gone, and the next round takes all."""
    for after in vault._ERASING:  # noqa: SLF001 - the steps of one transaction
        person = enrolled(written)
        whole = left(written, person)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vault, "_ERASING", broken_after(after))
            with pytest.raises(DatabaseAway):
                bootstrap.erase_pending(written.settings)
        assert left(written, person) == whole
        assert written.broken() == set()
        finish(written, person, starting=False)


def broken_after(kind: str) -> dict[str, str]:
    """Give the steps of a transaction with one more, which ends the connection, behind this."""
    steps: dict[str, str] = {}
    for each, query in vault._ERASING.items():  # noqa: SLF001 - as above
        steps[each] = query
        if each == kind:
            steps["fault"] = "SELECT pg_terminate_backend(pg_backend_pid()), %s, %s"
    return steps


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored"])
def test_nobody_is_destroyed_before_he_is_noted(written: Written, *, stored: bool) -> None:
    """The list beside the database comes first, and is on the disk: an old dump would bring back who is not on it.

    A line that an earlier process wrote, and perhaps never brought to the disk, is brought there by the next.
    """
    for where, name in ((Tombstones, "add"), (os, "fsync"), (tombstones, "sync_folder")):
        person = enrolled(written)
        whole = left(written, person)
        with pytest.MonkeyPatch.context() as patch:
            fault = break_step(patch, where, name, stored=stored)
            with pytest.raises(Fault):
                bootstrap.erase_pending(written.settings)
            assert fault.met
        assert left(written, person) == whole
        with pytest.MonkeyPatch.context() as patch:
            watch(patch, written.settings.var)
            finish(written, person, starting=True)
        assert (written.settings.var / FILE).read_text().split().count(person.name) == 1


def watch(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have whoever erases find the person on the list, and the list brought to the disk before."""
    disk, erase = Disk(patch), vault.erase

    def erased(database: Database, origin: str, person: str) -> vault.Erased:
        assert disk.has(folder / FILE, folder)
        assert person in (folder / FILE).read_text().split()
        return erase(database, origin, person)

    patch.setattr(vault, "erase", erased)
