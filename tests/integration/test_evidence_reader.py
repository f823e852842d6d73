"""What evidence is made of, as it is read from the tables, and what of a bundle is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from api import bootstrap
from application.bundling import Sealing
from application.evidence_material import Material, SaveRow, Stamped
from application.proving import HeadProofs
from audit import merkle
from audit.pages import Questions
from audit.requests import sealed_fields
from infrastructure import checkpoint_store
from infrastructure.checkpoint_store import Published
from infrastructure.connection import connect_reader
from infrastructure.evidence_reader import StoredMaterial, StoredSealings
from infrastructure.page_answers import PageAnswers
from tests.support.postgres import fresh_database
from tests.support.saving import TestLedger, event, ledger_in, lift, save
from tests.support.written import Written, agent_of

ONE, OTHER = lift(), lift()
CARE = f"{ONE}/maintenance:2025"
SAVES = ((event(ONE), event(OTHER), event(CARE)), (event(ONE, 2),), (event(OTHER, 2), event(CARE, 2)))
"""The events at 1 to 3, 4, 5 to 6."""
SIZE = 7
"""The last event is in no save that has a receipt, as map roots are."""
NOW = "2025-11-01T00:00:00.000000Z"
BARE = (
    "INSERT INTO events (position, stream, version, seq, type, recorded_at, header, body, leaf)"
    " VALUES (%s, 'map', 1, 1, 'map.Rooted', '', 'bare', '', %s)"
)


class Log(NamedTuple):
    """A ledger of three saves and a bare event, and its material."""

    ledger: TestLedger
    material: StoredMaterial
    leaves: list[bytes]


@pytest.fixture(scope="module")
def log(postgres: str) -> Iterator[Log]:
    """Three saves, checkpoints of every size and stamps over some of them; nothing of it changes."""
    with fresh_database(postgres) as url, ledger_in(url) as ledger:
        leaves = _fill(ledger)
        yield Log(ledger, StoredMaterial(lambda: connect_reader(ledger.database), None), leaves)


def _fill(ledger: TestLedger) -> list[bytes]:
    """Write all of it; gives the leaves."""
    for events in SAVES:
        ledger.recorder.submit(save(*events)).result(60)
    with ledger.owner() as connection:
        connection.execute(BARE, (SIZE, bytes(32)))
        leaves = [leaf for (leaf,) in connection.execute("SELECT leaf FROM events ORDER BY position")]
        for size in range(SIZE, 0, -1):
            checkpoint_store.store(connection, Published(size, bytes(32), f"note {size}", NOW))
        for size, authority in ((6, "b"), (6, "a"), (2, "b"), (2, "a"), (4, "a")):
            checkpoint_store.store_stamp(connection, size, authority, f"{size} {authority}".encode(), NOW)
        connection.execute(
            "INSERT INTO request_hashes VALUES ('a', 'x', %s), ('a', 'y', %s), ('b', 'x', %s)",
            (bytes([1]) * 32 + bytes([2]) * 32, bytes([3]) * 32, bytes([4]) * 32),
        )
    return leaves


def test_a_chain_is_read_in_its_order_up_to_a_position(log: Log) -> None:
    """Of each subject its own events, those of all its streams, and none at the position or after it."""
    told = {
        subject: [(header["stream"], header["version"], header["position"]) for header in map(json.loads, headers)]
        for subject, headers in log.material.chains([OTHER, ONE], 6).items()
    }
    assert told == {ONE: [(ONE, 1, 1), (CARE, 1, 3), (ONE, 2, 4)], OTHER: [(OTHER, 1, 2), (OTHER, 2, 5)]}
    assert len(log.material.chains([ONE], 7)[ONE]) == 4
    assert log.material.chains([ONE], 1) == {}


def test_events_are_found_by_position_and_by_version(log: Log) -> None:
    """Those that were asked for and no others; nobody need ask for any."""
    found = log.material.events([5, 1])
    assert {at: (each.position, each.leaf) for at, each in found.items()} == {
        at: (at, log.leaves[at - 1]) for at in (1, 5)
    }
    assert log.material.events([]) == {}
    asked = [(CARE, 2), (ONE, 1), (OTHER, 3)]
    assert log.material.positions(asked) == {(CARE, 2): 6, (ONE, 1): 1}
    assert log.material.positions([]) == {}


def test_a_save_is_given_once_with_all_its_leaves(log: Log) -> None:
    """Whichever of its events was asked for, in the order of the log; an event without a receipt is in none."""
    saves = log.material.saves([6, 3, 7, 5, 2])
    assert [(each.first, each.leaves) for each in saves] == [(1, log.leaves[:3]), (5, log.leaves[4:6])]
    assert [each.receipt.split("\n")[1] for each in saves] == ["1 3", "5 2"]
    (one,) = log.material.saves([4])
    assert one == SaveRow(4, one.receipt, log.leaves[3:4])
    assert log.material.saves([1])[0].leaves == log.leaves[:3]
    assert log.material.saves([7]) == log.material.saves([]) == []


def test_hashes_of_lines_are_one_requests(log: Log) -> None:
    """Another command of the party, and another party's of that name, have their own."""
    hashes = {name: log.material.line_hashes(*name) for name in (("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"))}
    assert hashes == {
        ("a", "x"): [bytes([1]) * 32, bytes([2]) * 32], ("a", "y"): [bytes([3]) * 32], ("b", "x"): [bytes([4]) * 32],
        ("b", "y"): [],
    }  # fmt: skip


def test_what_is_no_digest_is_not_stored(log: Log) -> None:
    """Whatever stands in a header, or in somebody's words: it is not found, and nothing else goes wrong."""
    none = ["", "zz" * 32, "00" * 31, f"{'00' * 32} {'00' * 32}", "\\x" + "00" * 31]
    answers = log.material.ask(Questions(evidence=none, sealed=none))
    assert (answers.evidence, answers.sealed) == ({}, {})


def test_a_path_leads_from_an_event_to_the_tree(log: Log) -> None:
    """Of the size that is asked for, whatever came after it."""
    for size in (5, SIZE):
        for at, path in log.material.paths([1, 4, 5], size).items():
            merkle.verify_inclusion(log.leaves[at - 1], at - 1, size, path, merkle.root(log.leaves[:size]))


def test_the_first_stamp_over_enough_is_chosen_else_the_last(log: Log) -> None:
    """Of checkpoints up to a size, and of two authorities the first by name: the choice is made again the same."""
    for least, size, wanted in ((1, 7, (2, "a")), (2, 7, (2, "a")), (3, 7, (4, "a")), (5, 6, (6, "a")),
                                (7, 7, (6, "a")), (5, 5, (4, "a")), (3, 3, (2, "a"))):  # fmt: skip
        assert log.material.stamped(least, size) == Stamped(*wanted), (least, size)
    assert log.material.stamped(1, 1) is None


def test_a_stamp_is_given_with_what_it_is_over(log: Log) -> None:
    """Its own note and token, and the path from its tree to the bundle's."""
    for chosen in (Stamped(2, "b"), Stamped(6, "a")):
        stamp = log.material.stamp(chosen, SIZE)
        assert (stamp.note, stamp.token) == (f"note {chosen.size}".encode(), " ".join(map(str, chosen)).encode())
        roots = (merkle.root(log.leaves[:size]) for size in (chosen.size, SIZE))
        merkle.verify_consistency(chosen.size, SIZE, stamp.path, *roots)


def test_what_a_bundle_was_sealed_with_is_kept_as_it_was_first(log: Log) -> None:
    """By the digest of its manifest; whoever makes it again gets the same, with a stamp or without."""
    sealings = StoredSealings(log.material.reading, log.ledger.database)
    stamped, bare = Sealing("note 6", HeadProofs(6, {}), Stamped(4, "a")), Sealing("note 5", HeadProofs(5, {}))
    sealings.keep("22" * 32, bare)
    sealings.keep("11" * 32, stamped)
    sealings.keep("22" * 32, stamped)
    assert [sealings.find(each * 32) for each in ("11", "22", "33")] == [stamped, bare, None]
    assert sealings.find("00" * 32) is None


def test_what_a_restricted_person_is_named_in_stays_sealed(written: Written) -> None:
    """His data are kept and nothing else (PIPL 47): no bundle has them; whoever verifies the log opens them still."""
    insurer = written.insurer
    agents = [agent_of(insurer.party, name="王小明"), agent_of(insurer.party, name="李小红")]
    requests = (agents[:1], [agents[1], agent_of(insurer.party, name="张三")])
    commands = [written.write(insurer, "agent.enrol", *each, uri="/agents") for each in requests]
    ((one, person),), ((other, neighbour),) = (
        sealed_fields(written.services.streams.events(agent["id"])[0].said) for agent in agents
    )
    where, bundles = bootstrap.place(written.settings), written.services.exports.material
    with connect_reader(where.owner) as connection:
        found = connection.execute("SELECT first, party, command FROM commands WHERE command = ANY (%s)", (commands,))
        questions = Questions(commands=found.fetchall(), sealed=[one, other])
        whole = PageAnswers(connection, where.keys.master_key())
        told = [_told(whole, questions)]
        for each in (person, neighbour):
            told.append(_told(bundles, questions))
            written.restrict(each)
        told += [_told(bundles, questions), _told(whole, questions)]
        assert _told(bundles, Questions(sealed=[one])) == [("sealed", False)]
    opened = [("plain", True)] * 5
    kept = ("sealed", False)
    assert told == [opened, opened, [kept, *opened[:2], kept, opened[0]], [kept, kept, opened[0], kept, kept], opened]


def _told(asked: Material | PageAnswers, questions: Questions) -> list[tuple[str, bool]]:
    """Give of each request and line, and then of each value, how it is and whether its bytes are there."""
    answers = asked.ask(questions)
    lines = [(row.state, row.data is not None) for first in sorted(answers.lines) for row in answers.lines[first]]
    values = ((row.state, row.plain is not None) for row in map(answers.sealed.__getitem__, questions.sealed))
    return [*lines, *values]
