"""The save that notes a step of the clock: what it says, and by what it is known."""

from __future__ import annotations

from hashlib import sha256

import pytest

from audit import authors, canonical
from infrastructure.stepped import clock_stepped, timer_command
from infrastructure.stepping import Step

ORIGIN, OPERATOR = "ledger.example/district", "party:691fb5e3-3c31-4ef5-ba28-8d10d1e7b4b7"
SINCE, SEEN = "2025-11-01T00:00:01.000002Z", "2025-11-01T01:00:00.000003Z"
STEP = Step(61_234_567, 1_761_955_201_000_002, 1_761_958_800_000_003)
"""A minute and more, between the two instants."""


@pytest.mark.parametrize("accepted", [None, 2])
def test_a_step_is_noted_as_it_was_seen(accepted: int | None) -> None:
    """By how much, since when and until when, and by which acceptance; the operator's, whom no key speaks for."""
    noted = clock_stepped(ORIGIN, OPERATOR, 3, STEP, accepted=accepted)
    (event,), act = noted.events, noted.act
    body = canonical.decode(event.state)
    assert isinstance(body, dict)
    assert len(str(body.pop("salt"))) == 32
    found = {"accepted": accepted, "ahead_ms": 61_234, "due": SEEN, "rule": "clock.step", "since": SINCE}
    assert body == {"found": found, "from": None, "said": None}
    assert (event.originator_id, event.originator_version, event.topic) == ("ledger", 3, "ledger.ClockStepped")
    assert (act.party, act.agent, act.key) == (OPERATOR, None, None)


def test_a_step_is_one_act_however_often_it_is_noted() -> None:
    """Its command follows from when it was seen, and names the very statement; salts do not."""
    one, other = (clock_stepped(ORIGIN, OPERATOR, 3, STEP, accepted=None) for _ in range(2))
    (piece,), command = one.act.evidence, one.act.command
    assert command is not None
    assert canonical.decode(piece.data) == {
        "due": SEEN, "rule": "clock.step", "stream": "ledger", "type": "ledger.ClockStepped"
    }  # fmt: skip
    assert piece.digest == command.digest == sha256(piece.data).hexdigest()
    assert (piece.kind, command.method, command.uri) == ("timer", "TIMER", "ledger")
    assert command == other.act.command
    assert command.id == timer_command(ORIGIN, "ledger.ClockStepped", "ledger", SEEN)
    assert one.events[0].state != other.events[0].state


def test_a_timers_command_is_the_one_that_a_verifier_reckons() -> None:
    """Another ledger, type, stream or instant has another."""
    told = [
        (origin, topic, stream, due)
        for origin in (ORIGIN, "x") for topic in ("a", "b") for stream in ("a", "b") for due in (SINCE, SEEN)
    ]  # fmt: skip
    assert [timer_command(*each) for each in told] == [authors.timer_command(*each) for each in told]
    assert len({timer_command(*each) for each in told}) == len(told)
