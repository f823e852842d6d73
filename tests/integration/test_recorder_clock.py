"""The ledger's time at the recorder: waiting, steps, acceptance, and the scripted clock (event-format §8)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from application.errors import ClockBehind
from audit import canonical
from audit.errors import InstantInvalid
from domain.errors import Conflict
from infrastructure import clock, clock_watch
from infrastructure.clock import DatabaseClock, ScriptedClock, accept_step, ledger_clock, set_scripted
from infrastructure.connection import Database
from infrastructure.stepping import machine_us, to_us
from tests.support.saving import TestLedger, event, lift, open_recorder, save
from tests.support.scenes import until

T0, T1, T2 = (f"2025-11-01T00:00:0{i}.000000Z" for i in range(3))


def shift(ledger: TestLedger, seconds: float) -> None:
    """Set the database's clock off by so many seconds."""
    with ledger.owner() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            f" $$SELECT clock_timestamp() + make_interval(secs => {seconds})$$"  # type: ignore[arg-type,unused-ignore] # a number
        )


def steps(ledger: TestLedger) -> list[Any]:
    """Give what was found of each step of the clock that the log notes."""
    found: list[Any] = [canonical.decode(stored.body) for stored in ledger.recorder.select_stream("ledger")]
    return [body["found"] for body in found]


def write(ledger: TestLedger) -> str:
    """Save one event; give the time that it was recorded at."""
    return ledger.recorder.submit(save(event(lift()))).result(30).recorded_at


def test_recorded_at_is_the_databases(ledger: TestLedger) -> None:
    """The time of recording is the database's clock, not the process's, and never decreases."""
    shift(ledger, 3600)
    first, second = write(ledger), write(ledger)
    assert abs(to_us(first) / 1e6 - time.time() - 3600) < 5
    assert second >= first
    ledger.check()


def test_little_behind_is_waited_out(ledger: TestLedger) -> None:
    """A clock a little behind the log is waited for without holding the lock; nothing is recorded before the last."""
    began = time.monotonic()
    first = write(ledger)
    shift(ledger, -1.5)
    second = write(ledger)
    assert 1.5 <= time.monotonic() - began < 30
    assert second >= first
    ledger.check()


def test_far_behind_refuses(ledger: TestLedger) -> None:
    """A clock further behind than five seconds refuses to write until it is right again."""
    write(ledger)
    shift(ledger, -60)
    with pytest.raises(ClockBehind) as refused:
        write(ledger)
    assert refused.value.code == "clock_behind"
    assert 55_000 < int(str(refused.value.details["behind_ms"])) <= 60_000
    shift(ledger, 0)
    write(ledger)
    assert ledger.check().size == 2


def test_small_step_is_noted(ledger: TestLedger) -> None:
    """A step forward is noted by an event of the operator's before the next save, once among several processes."""
    write(ledger)
    other = open_recorder(ledger.database)
    other.submit(save(event(lift()))).result(30)
    shift(ledger, 10)
    write(ledger)
    other.submit(save(event(lift()))).result(30)
    write(ledger)
    other.close()
    (noted,) = steps(ledger)
    assert 9_000 < noted["ahead_ms"] <= 10_500
    assert noted["accepted"] is None
    (stored,) = ledger.recorder.select_stream("ledger")
    header: Any = canonical.decode(stored.header)
    assert header["position"] == 3
    assert header["type"] == "ledger.ClockStepped"
    assert [piece["kind"] for piece in header["author"]["evidence"]] == ["timer"]
    assert (header["author"]["key"], header["author"]["party"]) == (None, save().act.party)
    assert ledger.check().receipts == 6


def test_great_step_stops_until_back(ledger: TestLedger) -> None:
    """A step of more than a minute stops writing; when the clock is back, writing goes on and nothing is noted."""
    write(ledger)
    shift(ledger, 120)
    for _ in range(2):
        with pytest.raises(ClockBehind) as refused:
            write(ledger)
        assert refused.value.code == "clock_stepped"
    shift(ledger, 0)
    write(ledger)
    assert steps(ledger) == []
    assert ledger.check().size == 2


def test_great_step_accepted(ledger: TestLedger) -> None:
    """An operator's acceptance of the stepped time lets writing go on, and the step is noted with it."""
    accept_step(ledger.database, accepted_by="too early to mean anything")
    write(ledger)
    shift(ledger, 120)
    with pytest.raises(ClockBehind):
        write(ledger)
    accepted = accept_step(ledger.database, accepted_by="agent:operator")
    assert write(ledger) >= accepted
    (noted,) = steps(ledger)
    assert noted["accepted"] == 2
    assert 119_000 < noted["ahead_ms"] <= 120_500
    assert ledger.check().size == 3


def test_restart_does_not_lift_the_refusal(ledger: TestLedger) -> None:
    """A process that starts after a great step refuses like those that saw it, and so nothing is written an hour ahead.

    Once an operator accepts the step, the first to write notes it and the others go on.
    """
    write(ledger)
    shift(ledger, 3600)
    restarted = open_recorder(ledger.database)
    for recorder in (ledger.recorder, restarted):
        with pytest.raises(ClockBehind) as refused:
            recorder.submit(save(event(lift()))).result(30)
        assert refused.value.code == "clock_stepped"
    shift(ledger, 0)
    restarted.submit(save(event(lift()))).result(30)
    write(ledger)
    assert steps(ledger) == []
    shift(ledger, 3600)
    again = open_recorder(ledger.database)
    with pytest.raises(ClockBehind):
        again.submit(save(event(lift()))).result(30)
    accept_step(ledger.database, accepted_by="agent:operator")
    others = [again, restarted, open_recorder(ledger.database)]
    for recorder in (*others, ledger.recorder):
        recorder.submit(save(event(lift()))).result(30)
    for recorder in others:
        recorder.close()
    assert len(steps(ledger)) == 1
    assert ledger.check().size == 8


def test_restart_after_a_noted_step(ledger: TestLedger) -> None:
    """A step that was noted is not noted again by a process that starts later, nor one that fell between."""
    write(ledger)
    shift(ledger, 10)
    write(ledger)
    restarted = open_recorder(ledger.database)
    restarted.submit(save(event(lift()))).result(30)
    assert len(steps(ledger)) == 1
    restarted.close()
    shift(ledger, 30)
    restarted = open_recorder(ledger.database)
    restarted.submit(save(event(lift()))).result(30)
    restarted.close()
    write(ledger)
    _, noted = steps(ledger)
    assert 19_000 < noted["ahead_ms"] <= 20_500
    ledger.check()


def test_small_noted_step_hides_no_great_one(ledger: TestLedger) -> None:
    """Of a step that another process noted in part the rest is judged: two hours after two seconds are refused."""
    write(ledger)
    idle = open_recorder(ledger.database)
    idle.submit(save(event(lift()))).result(30)
    shift(ledger, 2)
    write(ledger)
    assert len(steps(ledger)) == 1
    shift(ledger, 7200)
    with pytest.raises(ClockBehind) as refused:
        idle.submit(save(event(lift()))).result(30)
    assert refused.value.code == "clock_stepped"
    shift(ledger, 22)
    idle.submit(save(event(lift()))).result(30)
    idle.close()
    write(ledger)
    assert [round(noted["ahead_ms"], -4) for noted in steps(ledger)] == [0, 20_000]
    ledger.check()


def test_step_noted_once_whatever_follows_it(ledger: TestLedger) -> None:
    """A noted step stays noted when the ledger's own stream goes on."""
    write(ledger)
    idle = open_recorder(ledger.database)
    idle.submit(save(event(lift()))).result(30)
    shift(ledger, 10)
    write(ledger)
    ledger.recorder.submit(save(event("ledger", 2, "ledger.ActionsPublished"))).result(30)
    idle.submit(save(event(lift()))).result(30)
    idle.close()
    topics = [canonical.decode(stored.header)["type"] for stored in ledger.recorder.select_stream("ledger")]  # type: ignore[index,call-overload] # a header
    assert topics == ["ledger.ClockStepped", "ledger.ActionsPublished"]


def test_another_machine_has_its_own_reckoning(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that started meanwhile nothing can be compared; steps that others noted count there all the same."""
    write(ledger)
    monkeypatch.setattr(clock_watch, "machine", lambda: "another boot")
    elsewhere = open_recorder(ledger.database)
    elsewhere.submit(save(event(lift()))).result(30)
    monkeypatch.undo()
    shift(ledger, 10)
    write(ledger)
    elsewhere.submit(save(event(lift()))).result(30)
    assert len(steps(ledger)) == 1
    shift(ledger, 12)
    write(ledger)
    assert len(steps(ledger)) == 2
    shift(ledger, 7200)
    with pytest.raises(ClockBehind):
        elsewhere.submit(save(event(lift()))).result(30)
    elsewhere.close()
    ledger.check()


def test_acceptance_is_of_one_step(ledger: TestLedger) -> None:
    """An acceptance covers the step it was made on, not a greater one that came after it."""
    write(ledger)
    shift(ledger, 120)
    accept_step(ledger.database, accepted_by="agent:operator")
    shift(ledger, 7200)
    with pytest.raises(ClockBehind):
        write(ledger)
    shift(ledger, 120)
    write(ledger)
    (noted,) = steps(ledger)
    assert (noted["accepted"], round(noted["ahead_ms"], -4)) == (1, 120_000)
    shift(ledger, 130)
    write(ledger)
    assert [noted["accepted"] for noted in steps(ledger)] == [1, None]
    ledger.check()


@pytest.mark.parametrize("ahead_us", [-(10**12), 10**12], ids=["booted later", "booted before"])
def test_an_acceptance_from_elsewhere_is_judged_by_its_time(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, ahead_us: int
) -> None:
    """Two machines' own clocks say nothing of each other: it counts if it was given after the step, not before."""
    write(ledger)
    monkeypatch.setattr(clock, "machine", lambda: "another boot")
    monkeypatch.setattr(clock, "machine_us", lambda: machine_us() + ahead_us)
    accept_step(ledger.database, accepted_by="agent:operator")
    shift(ledger, 7200)
    with pytest.raises(ClockBehind):
        write(ledger)
    accept_step(ledger.database, accepted_by="agent:operator")
    write(ledger)
    assert [noted["accepted"] for noted in steps(ledger)] == [2]


def test_scripted_clock(scripted_ledger: TestLedger) -> None:
    """A scripted ledger's time is the last row of its table: it stands still, moves by command, never goes back."""
    ledger = scripted_ledger
    clock = ScriptedClock(ledger.database, refresh_s=0)
    with pytest.raises(ClockBehind) as unset:
        write(ledger)
    assert unset.value.code == "clock_not_set"
    with pytest.raises(ClockBehind):
        clock.now()
    set_scripted(ledger.database, ledger.origin, T1, set_by="test")
    assert [write(ledger), write(ledger), clock.now()] == [T1, T1, T1]
    with pytest.raises(Conflict) as back:
        set_scripted(ledger.database, ledger.origin, T0, set_by="test")
    assert (back.value.code, back.value.details["ledger_time"]) == ("clock_goes_back", T1)
    set_scripted(ledger.database, ledger.origin, "2027-01-01T00:00:00.000000Z", set_by="test")
    assert write(ledger) == "2027-01-01T00:00:00.000000Z"
    with pytest.raises(InstantInvalid):
        set_scripted(ledger.database, ledger.origin, "2028-01-01", set_by="test")
    clock.close()
    assert ledger.recorder.position_at(T1) == 2
    assert ledger.recorder.position_at(T0) == 0
    ledger.check()


def test_real_clock_is_not_scripted(ledger: TestLedger) -> None:
    """The time of a ledger that is not scripted cannot be set."""
    with pytest.raises(Conflict) as refused:
        set_scripted(ledger.database, ledger.origin, T2, set_by="test")
    assert refused.value.code == "clock_not_scripted"


def test_doors_estimate(ledger: TestLedger) -> None:
    """The door's estimate follows the database's clock, not this machine's."""
    shift(ledger, 3600)
    clock = DatabaseClock(ledger.database, refresh_s=0.1)
    try:
        assert abs(to_us(clock.now()) / 1e6 - time.time() - 3600) < 1
        shift(ledger, 0)
        until(lambda: abs(to_us(clock.now()) / 1e6 - time.time()) < 1)
    finally:
        clock.close()


def test_clock_by_origin(ledger: TestLedger) -> None:
    """The origin names the clock."""
    clock = ledger_clock(ledger.database, "scripted.ledger.example")
    assert isinstance(clock, ScriptedClock)
    clock.close()
    real = ledger_clock(Database(ledger.database.url), "ledger.example")
    assert isinstance(real, DatabaseClock)
    real.close()
