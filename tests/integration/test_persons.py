"""What the log holds of persons: which disputes keep what names them, however many other disputes there are."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from api import bootstrap, timing
from api.timing import Timekeeper
from application.saves import Save
from application.timers import Due, fire_due
from infrastructure import persons
from infrastructure.connection import connect_reader, lock_key
from infrastructure.projector import Projector
from tests.support.history import Told, name
from tests.support.postgres import LOCKS
from tests.support.projecting import store
from tests.support.saving import TestLedger
from tests.support.scenes import until
from tests.support.written import Written, agent_of

OTHERS = 2_000


def opened(dispute: str, *matters: str) -> Told:
    """Open a dispute about these matters."""
    said = {"id": dispute, "ground": "dispute", "matters": list(matters), "parties": []}
    return Told(dispute, "dispute.Opened", said, {}, None)


def keeping(ledger: TestLedger, *streams: str, limit: int = 9) -> list[str]:
    """Ask as a use case does."""
    with connect_reader(ledger.database) as connection:
        return persons.keeping(connection, streams, limit)


def test_disputes_keep_until_they_are_settled_or_their_hold_is_lifted(ledger: TestLedger) -> None:
    """By a stream itself or by its subject; a hold that is set again keeps again; what lies beside is not kept."""
    rng = random.Random(14)
    lift, other = name(rng, "lift"), name(rng, "lift")
    claim, visit = f"{lift}/{name(rng, 'claim', 4)}", f"{lift}/visit:1"
    about_claim, about_lift = sorted(name(rng, "dispute", 4) for _ in range(2))
    store(ledger, [opened(about_claim, other, claim), opened(about_lift, lift)])
    assert keeping(ledger, claim) == [about_claim, about_lift]
    assert keeping(ledger, claim, limit=1) == [about_claim]
    assert keeping(ledger, visit) == keeping(ledger, lift) == [about_lift]
    assert keeping(ledger, f"{other}/visit:1", claim) == [about_claim, about_lift]
    assert keeping(ledger, name(rng, "lift")) == []
    for type_, keeps in (("HoldSet", True), ("HoldSet", True), ("HoldLifted", False), ("HoldSet", True),
                         ("HoldLifted", False), ("Settled", False)):  # fmt: skip
        store(ledger, [Told(about_lift, f"dispute.{type_}", None, {"persons": []}, None)])
        assert keeping(ledger, visit) == ([about_lift] if keeps else []), type_
    store(ledger, [Told(about_claim, "dispute.Settled", None, {}, None)])
    assert keeping(ledger, claim) == []


def test_other_disputes_are_not_looked_at(ledger: TestLedger) -> None:
    """What keeps a person is found by an index, and its stream looked up: nothing is read of thousands of others."""
    rng = random.Random(15)
    mine, lift = name(rng, "dispute", 4), name(rng, "lift")
    store(ledger, [opened(name(rng, "dispute", 4), name(rng, "lift")) for _ in range(OTHERS)])
    store(ledger, [opened(mine, lift)])
    assert keeping(ledger, lift) == [mine]
    with connect_reader(ledger.database) as connection:
        connection.execute("SET enable_bitmapscan = on")
        query = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + persons._KEEPING  # noqa: SLF001 - the statement itself
        ((plan,),) = connection.execute(query, ([lift], 9)).fetchall()  # type: ignore[arg-type,unused-ignore] # our own
    read = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    assert "events_matters" in str(plan)
    assert read < OTHERS / 50


def test_a_step_that_fails_leaves_no_setting(ledger: TestLedger) -> None:
    """The reader is given back as it was lent."""
    with connect_reader(ledger.database) as connection:
        persons.keeping(connection, ["lift:x"], 1)
        with pytest.raises(psycopg.Error):
            persons.keeping(connection, ["lift:x"], -1)
        assert connection.execute("SHOW enable_bitmapscan").fetchone() == ("off",)


def test_whom_disputes_keep_stands_in_nobodys_way(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """More kept persons than a round looks at: who is due behind them is erased next, and they are asked for seldom."""
    monkeypatch.setattr(timing, "DUE_PER_ROUND_MAX", 2)
    found = []
    for number in range(3):
        agent = agent_of(written.insurer.party, name="王小明")
        written.write(written.insurer, "agent.enrol", agent, uri="/agents")
        (event,) = written.services.streams.events(agent["id"])
        person = str((event.said or {})["name"]["of"])
        written.restrict(person)
        found.append((agent["id"], person))
        if number < 2:
            party = written.insurer.party
            said = {"id": f"dispute:{uuid.uuid4()}", "ground": "dispute", "matters": [agent["id"]], "parties": [party]}
            written.write(written.insurer, "dispute.open", said, uri="/disputes")
    projector = Projector(bootstrap.place(written.settings).projector)
    projector.catch_up()
    projector.close()
    asked: list[str] = []

    def counting(origin: str, operator: str, due: Due, **more: Any) -> Save | None:  # noqa: ANN401 - passed on
        asked.append(due.stream)
        return fire_due(origin, operator, due, **more)

    monkeypatch.setattr(timing, "fire_due", counting)
    keeper = Timekeeper(written.services)
    kept, last = [person for _, person in found[:2]], found[2][1]
    assert [keeper.fire() for _ in range(2)] == [0, 1]
    assert asked == [*kept, last]
    assert written.services.streams.events(last)[-1].TOPIC == "person.Erased"
    assert [keeper.fire() for _ in range(4)] == [0] * 4
    assert not set(asked[3:]) & set(kept), "they are left alone for a while"
    monkeypatch.setattr(timing, "KEPT_S", 0.0)
    again = Timekeeper(written.services)
    asked.clear()
    assert [again.fire() for _ in range(4)] == [0] * 4
    assert asked.count(kept[0]) == 2, "and come up again with each time through"


def test_places_are_found_again_while_nobody_writes(ledger: TestLedger) -> None:
    """Whoever looks through the log waits for the writer, so that no event is stored between that and its end."""
    with ledger.owner() as writer, ThreadPoolExecutor(1) as pool:
        with writer.transaction():
            writer.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(ledger.origin),))
            rebuilt = pool.submit(persons.rebuild_places, ledger.database, ledger.origin)
            until(lambda: rebuilt.done() or ("liftledger places", False) in waiting(ledger))
            assert not rebuilt.done()
        rebuilt.result(30)


def waiting(ledger: TestLedger) -> list[tuple[str, bool]]:
    """Give by name who holds the writers' lock (True) and who waits for it (False)."""
    with ledger.owner() as connection:
        rows = connection.execute(LOCKS, (lock_key(ledger.origin),)).fetchall()  # type: ignore[arg-type,unused-ignore] # a literal of the tests
    return [(name, granted) for _, _, granted, name in rows]
