"""Public keys: whose each is, who registered it with which key, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from application.projections.base import ALWAYS, Bitemporal, Column, Evolve, LoggedEvent, Row, State
from application.projections.folding import AGGREGATE, folds
from domain.parties import Key

COLUMNS = (
    "holder", "registrar", "registered_with", "curve", "registered_at", "ended", "ended_at", "compromised_since",
)  # fmt: skip


def _evolve() -> Mapping[str, Evolve]:
    plain = folds(Key)

    def evolve(state: State, event: LoggedEvent) -> State:
        new = plain[event.type](state, event)
        if event.type == Key.Registered.TOPIC:
            return {**new, "by": (event.party, event.key), "since": event.recorded_at}
        # A key that was ended can still be reported stolen.
        return {**new, "ended_at": state.get("ended_at", event.recorded_at)}

    return dict.fromkeys(plain, evolve)


def _rows(_stream: str, state: State) -> Iterator[Row]:
    key: Key = state[AGGREGATE]
    registrar, with_key = state["by"]
    ended = (key.ended, state.get("ended_at"), key.compromised_since)
    yield Row("", ALWAYS, None, (key.holder, registrar, with_key, key.public["crv"], state["since"], *ended))


KEYS = Bitemporal(name="keys", version=1, columns=tuple(map(Column, COLUMNS)), evolve=_evolve(), rows=_rows)
