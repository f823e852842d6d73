"""Save 1: the ledger, its operator, first administrator and his key (event-format §5); by `init` or `recover` only."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application import saves
from application.actions import Actions
from application.saves import Act, Command, Evidence, NewEvent, Save
from audit import canonical
from audit.continuing import Continued
from domain.aggregate import Authorship, Because, Event, Journal
from domain.ledgers import STREAM, Ledger
from domain.parties import Agent, Key, Party

FORMAT = 1
INIT_METHOD = "INIT"


@dataclass(frozen=True, slots=True)
class Founding:
    """What `init` decided: names of the operator, its first administrator and his key, the ledger's verifier keys.

    `statement` is the administrator's JWS over origin and ledger keys, `public` his JWK; `continued` is what the ledger
    goes on from, if it takes the place of one that must sign no more.
    """

    origin: str
    clock: str
    operator: str
    administrator: str
    key: str
    public: Mapping[str, str]
    receipt: str
    checkpoint: Sequence[str]
    statement: bytes
    continued: Continued | None = None


def actions_digest(actions: Actions) -> str:
    """Give the digest of the published table of actions: SHA-256 over its canonical JSON."""
    return hashlib.sha256(canonical.encode(actions.as_json())).hexdigest()


def limits() -> dict[str, int]:
    """Give the named limits of writing, as they are published with the ledger."""
    return {
        "body_bytes_max": saves.BODY_BYTES_MAX,
        "events_per_save_max": saves.EVENTS_PER_SAVE_MAX,
        "header_bytes_max": saves.HEADER_BYTES_MAX,
        "iat_skew_max_s": saves.IAT_SKEW_MAX_S,
        "reads_max": saves.READS_MAX,
        "save_bytes_max": saves.SAVE_BYTES_MAX,
    }


def events(founding: Founding, actions: Actions) -> list[Event]:
    """Give the four first events, and the one that names what the ledger goes on from, if it does."""
    journal = Journal(Authorship(founding.operator, founding.administrator, founding.key, ("init",)))

    def begin(aggregate: Any) -> Any:  # noqa: ANN401 - any aggregate, the same back
        aggregate.journal = journal
        return aggregate

    opened: dict[str, Any] = {
        "origin": founding.origin,
        "clock": founding.clock,
        "receipt": founding.receipt,
        "checkpoint": list(founding.checkpoint),
        "format": FORMAT,
        "actions": actions_digest(actions),
        "table": actions.as_json(),
        "limits": limits(),
    }
    cause = Because(STREAM, 1)
    ledger = begin(Ledger(STREAM))
    _open(ledger, opened)
    begin(Party(founding.operator)).record(Party.Registered, cause, {"kind": "operator"})
    begin(Agent(founding.administrator)).record(Agent.Enrolled, cause, {"party": founding.operator})
    begin(Key(founding.key)).record(
        Key.Registered, cause, {"holder": founding.administrator, "public": dict(founding.public)}
    )
    if founding.continued is not None:
        ledger.record(Ledger.Continued, cause, founding.continued.as_json())
    return journal.events


def _open(ledger: Ledger, found: dict[str, Any]) -> None:
    # The first event has neither a statement nor a cause in the log: its evidence is the init statement itself.
    journal = ledger.journal
    if journal is None:
        return
    opened = Ledger.Opened(
        originator_id=STREAM, originator_version=1, said=None, found=found, at=None, line=None, effective_at=None,
        author=journal.author,
    )  # fmt: skip
    opened.mutate(ledger)
    journal.events.append(opened)


def genesis(founding: Founding, actions: Actions, stored: Callable[[Event], NewEvent]) -> Save:
    """Give save 1."""
    evidence = Evidence("init", hashlib.sha256(founding.statement).hexdigest(), founding.statement)
    command = Command(str(uuid.uuid4()), INIT_METHOD, founding.origin, hashlib.sha256(founding.statement).hexdigest())
    act = Act(founding.operator, founding.administrator, founding.key, (evidence,), command)
    return Save(act=act, events=tuple(stored(event) for event in events(founding, actions)))
