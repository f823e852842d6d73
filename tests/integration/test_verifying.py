"""A stored log verified from its tables: in one process and in several, with and without keys, and after tampering."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from api import bootstrap
from application import verifying as verifying_log
from audit.histories import read_histories
from audit.note import Checkpoint
from audit.pages import Questions
from infrastructure import nearby, vault
from infrastructure.connection import connect_plain, connect_reader
from infrastructure.page_answers import PageAnswers
from infrastructure.processes import fork, stat
from infrastructure.verifying import StoredPages
from tests.support.apart import alone
from tests.support.scenes import until
from tests.support.written import AGENTS, ORIGIN, TABLES, Written, agent_of, run_on, tampering


def test_a_written_ledger_holds(written: Written) -> None:
    """What the door stored is verified whole, in one process as in two, and the pages come to the same root."""
    seen: list[tuple[int, int]] = []
    one = written.verify(progress=lambda done, total: seen.append((done, total)))
    assert one.counts.keys() == {"unanchored"}, list(one.lines())
    assert one.size == 4 + 2 + 1 + AGENTS - 1
    assert seen[0] == (0, one.size)
    assert seen[-1] == (one.size, one.size)
    assert one.root == written.services.recorder.head().root


def test_pages_are_cut_where_saves_end(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages smaller than a save, checked by two processes, come to the same verdicts."""
    monkeypatch.setattr("application.verifying.spans", partial(verifying_log.spans, page=7))
    report = written.verify(2)
    assert report.counts.keys() == {"unanchored"}, list(report.lines())
    assert report.root == written.verify().root


def test_without_the_master_key_sealed_requests_are_counted(written: Written) -> None:
    """The sealed request and its two fields are named as not opened; nothing is broken."""
    report = written.verify(opened=False)
    assert report.counts["sealed"] == 3
    assert not report.failed()


def test_an_erased_person_explains_what_is_gone(written: Written) -> None:
    """What is gone is erased by the event that time writes; by a restriction alone, or by nothing, it is missing."""
    where = bootstrap.place(written.settings)
    with connect_plain(where.owner, "test") as connection:
        row = connection.execute("SELECT person FROM subject_keys LIMIT 1").fetchone()
    assert row is not None
    vault.erase(where.eraser, ORIGIN, row[0])
    assert written.broken() == {"request_missing", "sealed_missing"}
    written.restrict(row[0])
    assert written.broken() == {"request_missing", "sealed_missing"}
    written.let_time_erase(row[0])
    report = written.verify()
    assert report.counts["erased"] == 3
    assert not report.failed()
    assert report.failed(strict=True)


def test_a_key_signs_until_it_is_revoked(written: Written) -> None:
    """What a key signed before its revocation stands; from the time it is said to be compromised it is contested."""
    revoked = {"reason": "compromised", "compromised_since": "2020-01-01T00:00:00.000000Z"}
    key = written.insurer.key
    written.write(written.insurer, "key.revoke", revoked, uri=f"/keys/{key}/revoke", key=key)
    report = written.verify()
    assert not report.failed(), list(report.lines())
    assert report.counts["contested"] == 5


TAMPERED = (
    ("UPDATE events SET leaf = flip(leaf, 0) WHERE position = 20", {"leaf"}),
    ("UPDATE events SET body = flip(body, 12) WHERE position = 20", {"body_digest"}),
    ("UPDATE events SET header = flip(header, 12) WHERE position = 20", {"header_invalid"}),
    ("UPDATE events SET type = 'agent.Left' WHERE position = 20", {"columns"}),
    ("UPDATE events SET stream = 'agent:0' WHERE position = 20", {"columns"}),
    ("UPDATE events SET stream = 'key:0' WHERE position = 20", {"columns"}),
    ("UPDATE events SET frontier = NULL WHERE position = (SELECT max(position) FROM events)", {"frontier_missing"}),
    ("DELETE FROM events WHERE position = 20", {"position_gap"}),
    ("DELETE FROM events WHERE position > 20", {"receipt", "receipt_stray", "command_stray"}),
    ("UPDATE events SET position = -position WHERE position > 200", {"position_gap", "receipt"}),
    ("DELETE FROM receipts WHERE first = 8", {"receipt_missing"}),
    ("UPDATE receipts SET count = count + 1 WHERE first = 8", {"receipt"}),
    ("UPDATE receipts SET note = replace(note, 'receipt', 'receipl')", {"receipt"}),
    ("INSERT INTO receipts SELECT 100000, count, note FROM receipts WHERE first = 8", {"receipt_stray"}),
    ("DELETE FROM commands WHERE first = 8", {"command_missing"}),
    ("UPDATE commands SET request = replace(request, 'agents', 'parties') WHERE first = 8", {"command"}),
    ("UPDATE commands SET grp = 9 WHERE first = 8", {"command"}),
    (
        """UPDATE commands SET outcome = convert_to('{"refused":[{"line":' || first_line || '}]}', 'UTF8')
        WHERE first_line IS NOT NULL AND first IS NOT NULL""",
        {"command"},
    ),
    (
        """UPDATE commands SET outcome = convert_to('{"refused":[{"line":' || last_line + 1 || '}]}', 'UTF8')
        WHERE first_line IS NOT NULL AND first IS NOT NULL""",
        {"command"},
    ),
    ("DELETE FROM evidence WHERE kind = 'init'", {"evidence_missing"}),
    ("UPDATE evidence SET data = flip(data, 99)", {"evidence_digest"}),
    ("UPDATE request_lines SET digest = flip(digest, 1) WHERE line = 3", {"request_digest"}),
    ("DELETE FROM request_lines WHERE line = 3", {"request_missing"}),
    ("UPDATE request_lines SET line = 999 WHERE line = 3", {"request_stray", "request_missing"}),
    ("DELETE FROM request_bytes WHERE line = 3", {"request_missing"}),
    ("UPDATE request_bytes SET data = flip(data, 9) WHERE line = 3", {"request_digest"}),
    ("UPDATE request_bytes SET data = flip(data, 60) WHERE persons <> '{}'", {"request_digest"}),
    (
        "INSERT INTO request_bytes SELECT party, command, 500, data, persons FROM request_bytes WHERE line = 3",
        {"request_stray"},
    ),
    ("UPDATE sealed_values SET ciphertext = flip(ciphertext, 20)", {"sealed_value"}),
    ("UPDATE sealed_values SET person = 'person:0'", {"sealed_value"}),
    ("UPDATE subject_keys SET wrapped = flip(wrapped, 20)", {"sealed_value", "request_digest"}),
)  # fmt: skip
"""What an owner of the tables may do, and how it is named; `flip` turns the lowest bit of a byte."""


def test_tampering_is_named(written: Written) -> None:
    """Each change by an owner of the database, undone before the next, is named by its code."""
    with tampering(written) as connection:
        connection.execute("CREATE SCHEMA kept")
        for table in TABLES:
            run_on(connection, "CREATE TABLE kept.{} AS TABLE {}", table, table)
        for statement, codes in TAMPERED:
            changed = connection.execute(statement).rowcount  # type: ignore[arg-type,unused-ignore] # a literal above
            assert changed > 0, statement
            found = written.broken()
            assert codes <= found, (statement, found)
            _restore(connection)
    assert written.broken() == set()


def _restore(connection: psycopg.Connection) -> None:
    """Put every table back as it was."""
    for table in TABLES:
        columns = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''",
            (table,),
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns)
        run_on(connection, "DELETE FROM {}", table)
        connection.execute(
            sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM kept.{0}").format(sql.Identifier(table), names)
        )  # fmt: skip


def test_a_checkpoint_kept_elsewhere_shows_a_restored_backup(written: Written) -> None:
    """A log behind a checkpoint that somebody keeps is truncated, and one that left it another ledger."""
    head = written.services.recorder.head()
    ahead = Checkpoint(ORIGIN, head.size + 5, secrets.token_bytes(32))
    assert written.broken(checkpoints=[ahead]) == {"truncated"}
    assert written.broken(checkpoints=[Checkpoint(ORIGIN, 20, bytes(32))]) == {"checkpoint"}
    assert written.verify(checkpoints=[Checkpoint(ORIGIN, head.size, head.root)]).counts == {}


def test_an_empty_database_is_no_ledger(written: Written) -> None:
    """Without a first save there is nothing to verify, which is a verdict, not a failure."""
    with tampering(written) as connection:
        for table in TABLES:
            run_on(connection, "DELETE FROM {}", table)
    assert written.broken() == {"empty"}


# ------------------------------------------------------------------------------------------------------ shortcuts


def test_the_structure_alone_holds(written: Written) -> None:
    """Without signatures the same root comes out, in one process and two, and the report says what was not checked."""
    one, two = written.verify(signatures=False), written.verify(2, signatures=False)
    assert one.counts.keys() == {"signatures_unchecked", "unanchored"}, list(one.lines())
    assert (one.root, one.counts) == (two.root, two.counts) == (written.verify().root, one.counts)
    assert one.failed(strict=True)


STRUCTURE = {"leaf", "body_digest", "header_invalid", "columns", "frontier_missing", "position_gap", "receipt_missing"}


def test_tampering_with_the_structure_is_named(written: Written) -> None:
    """What an owner does to events and to which receipts there are is named without a signature."""
    with tampering(written) as connection:
        connection.execute("CREATE SCHEMA kept")
        for table in TABLES:
            run_on(connection, "CREATE TABLE kept.{} AS TABLE {}", table, table)
        for statement, codes in TAMPERED:
            if codes & STRUCTURE:
                connection.execute(statement)  # type: ignore[arg-type,unused-ignore] # a literal above
                assert codes - {"command_stray"} <= written.broken(signatures=False), statement
                _restore(connection)


def test_rows_nearby_are_those_looked_up(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the rows of a page lie, and however they were moved, the same is found as by looking up each."""
    monkeypatch.setattr(nearby, "QUESTIONS_MIN", 1)
    for _ in range(40):
        written.write(written.insurer, "agent.enrol", agent_of(written.insurer.party), uri="/agents")
    where = bootstrap.place(written.settings)
    moves = (
        "SELECT 1",
        "UPDATE evidence SET kind = kind WHERE digest < '\\x80'",
        "UPDATE commands SET outcome = outcome WHERE command < '8'",
        "UPDATE request_bytes SET line = line WHERE command > '8'",
        "DELETE FROM request_lines WHERE command < '3'",
        "DELETE FROM request_bytes WHERE command < '6'",
        "DELETE FROM evidence WHERE digest > '\\xC0'",
        "UPDATE commands SET first = first + 1 WHERE command > 'e'",
        "DELETE FROM commands WHERE command > 'c'",
    )
    with tampering(written) as connection:
        asked = Questions([], [], [])
        for party, command, first in connection.execute("SELECT party, command, first FROM commands ORDER BY first"):
            asked.commands.append((first, party, command))
        asked.evidence += [row[0] for row in connection.execute("SELECT encode(digest, 'hex') FROM evidence")]
        for move in moves:
            connection.execute(move)  # type: ignore[arg-type,unused-ignore] # a literal above
            with connect_reader(where.owner) as reader:
                answers = PageAnswers(reader, where.keys.master_key())
                found = answers.ask(asked)
                with monkeypatch.context() as patched:
                    patched.setattr(nearby, "QUESTIONS_MIN", 1_000_000)
                    looked_up = answers.ask(asked)
                assert found == looked_up, move
                with monkeypatch.context() as patched:
                    patched.setattr(nearby, "BLOCKS_MAX", -1)
                    assert answers.ask(asked) == looked_up, move


def test_most_rows_lie_nearby(written: Written) -> None:
    """Of forty requests written one after the other nearly all are read by their blocks."""
    for _ in range(40):
        written.write(written.insurer, "agent.enrol", agent_of(written.insurer.party), uri="/agents")
    with connect_reader(bootstrap.place(written.settings).owner) as reader:
        rows = reader.execute(
            "SELECT first, party, command, encode(digest, 'hex') FROM commands JOIN events ON position = first"
            " JOIN evidence ON position(encode(digest, 'hex') IN convert_from(header, 'UTF8')) > 0"
            " WHERE grp = 0 ORDER BY first"
        ).fetchall()
        digests = [row[3] for row in rows]
        found = nearby.read_nearby(reader, Questions(digests, [row[:3] for row in rows], []), digests)
    assert len(found.evidence) == len(digests)
    assert len(found.commands) == len(rows) - 1 == len(found.requests)  # the first save has no request


@alone
def test_helpers_die_with_the_verification(written: Written, tmp_path: Path) -> None:
    """Killed with -9, a verification leaves no process that waits for work, and none that holds the ledger's folder."""
    pages, told = StoredPages(bootstrap.place(written.settings).owner, 2), tmp_path / "helpers"

    def verify() -> None:
        context, _ = read_histories(ORIGIN, pages.history())
        reports = pages.check(context, [(position, position) for position in range(1, 9)])
        next(reports)
        told.with_suffix(".new").write_text(" ".join(str(child.pid) for child in multiprocessing.active_children()))
        told.with_suffix(".new").rename(told)
        signal.pause()

    parent = fork("verify", verify, env={}, death_signal=signal.SIGKILL)
    parent.begin()
    until(told.exists)
    helpers = [int(pid) for pid in told.read_text().split()]
    assert len(helpers) == 2
    assert all(stat(pid) for pid in helpers)
    os.kill(parent.pid, signal.SIGKILL)
    assert parent.wait() == -9
    until(lambda: not any(stat(pid) for pid in helpers))
