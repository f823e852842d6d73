"""The event `ledger.ClockStepped`, which the recorder itself writes before the next save (event-format §5, §8)."""

from __future__ import annotations

import secrets
import uuid
from hashlib import sha256

from application.saves import Act, Command, Evidence, NewEvent, Save
from audit import canonical
from infrastructure.stepping import Step, to_instant

CLOCK_STEPPED = "ledger.ClockStepped"
LEDGER = "ledger"
_RULE = "clock.step"
_NIL = uuid.UUID(int=0)


def timer_command(origin: str, topic: str, stream: str, due: str) -> str:
    """Give the deterministic command id of a timer (event-format §3)."""
    name = canonical.encode([topic, stream, due]).decode()
    return str(uuid.uuid5(uuid.uuid5(_NIL, origin), name))


def clock_stepped(origin: str, operator: str, version: int, step: Step, *, accepted: int | None) -> Save:
    """Make the save that notes a step; `accepted` is the number of the operator's acceptance, None below the limit."""
    due = to_instant(step.observed_us)
    statement = canonical.encode({"due": due, "rule": _RULE, "stream": LEDGER, "type": CLOCK_STEPPED})
    digest = sha256(statement).hexdigest()
    found = {
        "accepted": accepted,
        "ahead_ms": step.ahead_us // 1000,
        "due": due,
        "rule": _RULE,
        "since": to_instant(step.since_us),
    }
    body = canonical.encode({"found": found, "from": None, "said": None, "salt": secrets.token_hex(16)})
    command = Command(timer_command(origin, CLOCK_STEPPED, LEDGER, due), "TIMER", LEDGER, digest)
    act = Act(operator, None, None, (Evidence("timer", digest, statement),), command)
    return Save(act, (NewEvent(LEDGER, version, CLOCK_STEPPED, body),))
