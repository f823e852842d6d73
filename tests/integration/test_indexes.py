"""The tables by which records and persons are found: what differs from the log is named, and made again."""

from __future__ import annotations

import uuid
from threading import Event, Thread
from typing import LiteralString

import pytest

from api import bootstrap
from infrastructure import indexes
from infrastructure.connection import connect_plain
from infrastructure.doctor import ERASABLE
from infrastructure.indexes import Indexes
from tests.support.written import Written, agent_of, run_on

TABLES = ("sources", "sealed_places", "blind_index")


@pytest.fixture
def numbered(written: Written) -> Written:
    """The ledger with numbers of the insurer's own, and persons with phones and certificates."""
    party = written.insurer.party
    lines = [
        agent_of(
            party, name=f"王{number}", phone=f"1380000000{number}", source={"system": "hr", "id": str(number)},
        )
        for number in range(6)
    ]  # fmt: skip
    written.write(written.insurer, "agent.enrol", *lines, uri="/agents")
    return written


def differing(ledger: Written) -> list[str]:
    """Give what `verify` says of these tables, all else being as it must be."""
    report = bootstrap.verify(ledger.settings)
    found = [each.detail for each in report.verdicts if each.code == "index"]
    assert (report.integrity, report.completeness) == (True, True)
    assert (report.views is False, report.failed()) == (bool(found), bool(found))
    return found


def harm(ledger: Written, statement: LiteralString) -> None:
    """Run a statement of the owner, who first takes the triggers away."""
    with connect_plain(bootstrap.place(ledger.settings).owner, "test") as connection:
        for table in TABLES:
            run_on(connection, "ALTER TABLE {} DISABLE TRIGGER ALL", table)
        assert connection.execute(statement).rowcount == 1
        for table in TABLES:
            run_on(connection, "ALTER TABLE {} ENABLE ALWAYS TRIGGER append_only", table)
            if table in ERASABLE:
                run_on(connection, "ALTER TABLE {} ENABLE ALWAYS TRIGGER erased_by_eraser", table)


HARMS: dict[str, dict[str, LiteralString]] = {
    "sources": {
        "gone": "DELETE FROM sources WHERE id = '3'",
        "redirected": "UPDATE sources SET stream = 'agent:elsewhere' WHERE id = '3'",
        "of another kind": "UPDATE sources SET kind = 'lift' WHERE id = '3'",
        "invented": "INSERT INTO sources SELECT party, system, kind, '77', stream FROM sources LIMIT 1",
    },
    "sealed_places": {
        "gone": "DELETE FROM sealed_places WHERE ctid = (SELECT min(ctid) FROM sealed_places)",
        "of another": "UPDATE sealed_places SET person = 'person:other'"
        " WHERE ctid = (SELECT min(ctid) FROM sealed_places)",
        "elsewhere": "UPDATE sealed_places SET stream = 'ledger' WHERE ctid = (SELECT min(ctid) FROM sealed_places)",
        "invented": "INSERT INTO sealed_places (digest, person, stream, version)"
        " SELECT digest, person, 'ledger', 1 FROM sealed_places LIMIT 1",
    },
    "blind_index": {
        "gone": "DELETE FROM blind_index WHERE ctid = (SELECT min(ctid) FROM blind_index)",
        "changed": "UPDATE blind_index SET token = sha256(token) WHERE ctid = (SELECT min(ctid) FROM blind_index)",
        "of another": "UPDATE blind_index SET person = 'person:other' WHERE ctid = (SELECT max(ctid) FROM blind_index)",
        "invented": "INSERT INTO blind_index SELECT kind, sha256(token), person, digest FROM blind_index LIMIT 1",
    },
}


def test_each_change_of_a_table_is_named_and_put_right(numbered: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns the database takes a row away, turns it to another or invents one: `verify` names it, not the log.

    `liftledger index` makes all of them again, and switches the trigger on that refuses every change of numbers.
    """
    for name in ("PAGE_POSITIONS", "PAGE_ROWS", "PAGE_PERSONS"):
        monkeypatch.setattr(indexes, name, 3)
    assert differing(numbered) == []
    for table, name, statement in ((table, *each) for table, harms in HARMS.items() for each in harms.items()):
        harm(numbered, statement)
        found = differing(numbered)
        assert found, (table, name)
        assert {each.split(" ")[0] for each in found} == {table}, (table, name)
        assert (bootstrap.rebuild_numbers(numbered.settings) > 0) == (table == "sources"), (table, name)
        bootstrap.rebuild_index(numbered.settings)
        assert differing(numbered) == [], (table, name)
    checks = {check.code: check.state for check in bootstrap.diagnose(numbered.settings)}
    assert checks["triggers"] == "good"


def test_the_first_event_of_a_number_keeps_it(numbered: Written) -> None:
    """A row is taken away so that its number can be said again: a verdict on the log, and the row is the first's."""
    harm(numbered, "DELETE FROM sources WHERE id = '3'")
    again = agent_of(
        numbered.insurer.party, name="王七", phone="13800000007", source={"system": "hr", "id": "3"},
    )  # fmt: skip
    numbered.write(numbered.insurer, "agent.enrol", again, uri="/agents")
    assert numbered.broken() == {"source_taken"}
    tables = Indexes(bootstrap.place(numbered.settings).writer)
    stray, missing = (detail for _, detail, _ in tables.compare(lambda: False))
    assert (again["id"] in stray, stray.endswith("not of the log")) == (True, True)
    assert (again["id"] in missing, missing.endswith("of the log, missing")) == (False, True)
    assert bootstrap.rebuild_numbers(numbered.settings) == 2
    assert tables.compare(lambda: False) == []


def test_without_the_keys_a_token_is_held_against_whose_value_it_is(numbered: Written) -> None:
    """A verifier who cannot open the values sees that a row belongs to no value of that person, and no more."""
    where = bootstrap.place(numbered.settings)
    closed = Indexes(where.writer)
    assert closed.compare(lambda: False) == []
    harm(numbered, HARMS["blind_index"]["changed"])
    assert closed.compare(lambda: False) == []
    harm(numbered, HARMS["blind_index"]["of another"])
    ((code, detail, count),) = closed.compare(lambda: False)
    assert (code, detail.endswith("person:other: of no value that is his"), count) == ("index", True, 1)


def test_many_rows_are_counted(numbered: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of a table are named and the others counted."""
    monkeypatch.setattr(indexes, "NAMED_MAX", 2)
    with connect_plain(bootstrap.place(numbered.settings).owner, "test") as connection:
        connection.execute("ALTER TABLE sources DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM sources")
    found = Indexes(bootstrap.place(numbered.settings).writer).compare(lambda: False)
    assert [count for _, _, count in found] == [1, 1, 4]
    assert Indexes(bootstrap.place(numbered.settings).writer).compare(lambda: True) == []


def test_writing_and_erasing_go_on(numbered: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a writer, and while a person's data go one row after the other, nothing differs at any moment."""
    monkeypatch.setattr(indexes, "PAGE_ROWS", 3)
    party, stop = numbered.insurer.party, Event()

    def write() -> None:
        while not stop.is_set():
            number = str(uuid.uuid4())
            enrolled = agent_of(
                party, name="李", phone=f"139{uuid.uuid4().int % 10**8:08}", source={"system": "hr", "id": number}
            )
            numbered.write(numbered.insurer, "agent.enrol", enrolled, uri="/agents")

    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            assert differing(numbered) == []
    finally:
        stop.set()
        writer.join()
    with connect_plain(bootstrap.place(numbered.settings).owner, "test") as connection:
        (person,) = connection.execute("SELECT person FROM blind_index LIMIT 1").fetchone() or ("",)
    numbered.restrict(person)
    assert differing(numbered) == []
    with connect_plain(bootstrap.place(numbered.settings).eraser, "test") as connection, connection.transaction():
        connection.execute("SELECT set_config('liftledger.erasing', 'on', true)")
        connection.execute("DELETE FROM subject_keys WHERE person = %s", (person,))
        connection.execute("DELETE FROM sealed_places WHERE person = %s", (person,))
    assert Indexes(bootstrap.place(numbered.settings).writer).compare(lambda: False) == []
