"""What an operator who owns keys and database may rewrite, with all that he signs or hashes, and how it is known."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Awaitable
from dataclasses import replace

import psycopg
import pytest

from api import bootstrap
from api.client import salted
from application.errors import QueueFull
from application.saves import Save, Saved
from audit import canonical, merkle
from infrastructure.connection import connect_plain
from infrastructure.receipts import ReceiptSigner
from tests.support.written import AGENTS, ORIGIN, Written, agent_of, tampering


def _rewritten(connection: psycopg.Connection, written: Written, position: int, role: str) -> bytes:
    """Rewrite the role an author stated, and all that the operator signs or hashes; gives the forged request."""
    rows = connection.execute("SELECT header, body, leaf FROM events ORDER BY position").fetchall()
    header, body = (json.loads(bytes(part)) for part in rows[position - 1][:2])
    body["said"]["role"] = role
    header["body"] = hashlib.sha256(canonical.encode(body)).hexdigest()
    encoded = canonical.encode(header)
    leaves = [bytes(row[2]) for row in rows]
    leaves[position - 1] = merkle.leaf_hash(encoded)
    connection.execute(
        "UPDATE events SET header = %s, body = %s, leaf = %s WHERE position = %s",
        (encoded, canonical.encode(body), leaves[position - 1], position),
    )
    edges = "SELECT position FROM events WHERE frontier IS NOT NULL AND position >= %s"
    for (at,) in connection.execute(edges, (position,)).fetchall():
        edge = merkle.Frontier(leaves[:at]).to_bytes()
        connection.execute("UPDATE events SET frontier = %s WHERE position = %s", (edge, at))
    signer = ReceiptSigner(ORIGIN, bootstrap.place(written.settings).keys.receipt_key())
    covering = "SELECT first, count FROM receipts WHERE first <= %s AND first + count > %s"
    for first, count in connection.execute(covering, (position, position)).fetchall():
        note = signer.sign(first, leaves[first - 1 : first - 1 + count])
        connection.execute("UPDATE receipts SET note = %s WHERE first = %s", (note, first))
    return canonical.encode({**body["said"], "salt": "00" * 16})


def test_no_line_is_rewritten_where_a_group_is_gone(written: Written) -> None:
    """A group that wrote nothing may vanish, and is missed; the lines of the others stay the author's all the same."""
    party = written.insurer.party
    lines = [agent_of(party) for _ in range(100)] + [agent_of(f"party:{uuid.uuid4()}") for _ in range(20)]
    command = written.write(written.insurer, "agent.enrol", *lines, uri="/agents")
    with tampering(written) as connection:
        (first,) = connection.execute("SELECT first FROM commands WHERE command = %s", (command,)).fetchall()[0]
        for statement in (
            "DELETE FROM request_bytes WHERE command = %s AND line > 100",
            "DELETE FROM request_lines WHERE command = %s AND line > 100",
            "DELETE FROM commands WHERE command = %s AND grp = 2",
        ):
            connection.execute(statement, (command,))
        report = written.verify()
        assert report.counts["request_unfinished"] == 1
        assert not report.failed()
        assert report.failed(strict=True)
        forged = _rewritten(connection, written, first + 6, "safety_administrator")
        digest = merkle.leaf_hash(forged)
        connection.execute("UPDATE request_bytes SET data = %s WHERE command = %s AND line = 7", (forged, command))
        connection.execute("UPDATE request_lines SET digest = %s WHERE command = %s AND line = 7", (digest, command))
        assert written.broken() == {"request_digest"}
        connection.execute(
            "UPDATE request_hashes SET digests = overlay(digests PLACING %s FROM 193) WHERE command = %s",
            (digest, command),
        )
        assert written.broken() == {"request_digest"}
        connection.execute("UPDATE request_hashes SET digests = substring(digests FOR 3200)")
        assert written.broken() == {"request_missing"}
        connection.execute("DELETE FROM request_hashes")
        assert written.broken() == {"request_missing"}


def test_lines_resumed_with_a_fresh_token(written: Written) -> None:
    """Groups that were stored under another token than the first cite that one; no evidence is left over."""
    encoded = [salted(agent_of(written.insurer.party)) for _ in range(AGENTS)]
    command, door = str(uuid.uuid4()), written.services.door
    submitted: list[object] = []

    def submit(save: Save) -> Awaitable[Saved]:
        submitted.append(save)
        if len(submitted) == 2:
            raise QueueFull("not now", retry_after_s=1)
        return door.submit(save)

    cut = replace(written, services=replace(written.services, door=replace(door, submit=submit)))
    with pytest.raises(QueueFull):
        asyncio.run(cut.send(written.insurer, "agent.enrol", encoded, command, uri="/agents", age_s=1))
    assert written.verify().counts.keys() == {"unanchored", "request_unfinished"}
    asyncio.run(written.send(written.insurer, "agent.enrol", encoded, command, uri="/agents"))
    report = written.verify()
    assert report.counts.keys() == {"unanchored"}, list(report.lines())


def test_an_erasure_explains_its_own_requests_only(written: Written) -> None:
    """After one person's erasure nobody's other words can be passed off as erased with him."""
    command = written.write(written.insurer, "agent.enrol", agent_of(written.insurer.party), uri="/agents")
    where = bootstrap.place(written.settings)
    with connect_plain(where.owner, "test") as connection:
        (person,) = connection.execute("SELECT person FROM subject_keys LIMIT 1").fetchall()[0]
    written.restrict(person)
    written.let_time_erase(person)
    bootstrap.erase_pending(written.settings)
    assert written.broken() == set()
    with tampering(written) as connection:
        (first,) = connection.execute("SELECT first FROM commands WHERE command = %s", (command,)).fetchall()[0]
        _rewritten(connection, written, first, "safety_administrator")
        connection.execute(
            "UPDATE request_bytes SET persons = ARRAY[%s], data = '\\x00' WHERE command = %s", (person, command)
        )
        assert written.broken() == {"request_missing"}
        connection.execute("DELETE FROM request_bytes WHERE command = %s", (command,))
        assert written.broken() == {"request_missing"}


def test_a_request_that_was_withheld_is_missed_by_its_authors_numbers(written: Written) -> None:
    """T6: who numbers his requests sees which of them never came; a refused one leaves its number out as well."""

    def send(seq: int) -> None:
        encoded = [salted(agent_of(written.insurer.party))]
        asyncio.run(written.send(written.insurer, "agent.enrol", encoded, str(uuid.uuid4()), uri="/agents", seq=seq))

    for seq in (1, 2, 5, 4, 7):
        send(seq)
    report = written.verify()
    assert report.counts["author_gap"] == 2
    assert not report.failed()
    told = [found for found in report.verdicts if found.code == "author_gap"]
    assert [found.detail for found in told] == [f"{written.insurer.key}: 2, the first is 3"]
    for seq in (3, 6):
        send(seq)
    assert "author_gap" not in written.verify().counts
