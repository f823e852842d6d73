"""Holding decided events against the published table before they are queued: what `verify` refuses is never stored.

The matcher is the verifier's own (`audit.actions`), so there is one rule of what a request may write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.errors import TableBroken
from audit.actions import Draft, Row, Table
from audit.canonical import pointer_get
from audit.errors import ActionMismatch, PointerUnresolved
from domain.aggregate import Event
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class Held:
    """A request's row of the published table, and the variables of its path."""

    row: Row
    path: Mapping[str, str]

    @classmethod
    def of(cls, table: Table, action: str, method: str, uri: str, path: Mapping[str, str]) -> Held:
        """Find the row by what was signed, as the verifier will.

        Raises NotFound `action_unknown` when the signed address is not this action's as the table reads it, though it
        was routed here (a router lets a newline at the end pass, for one).
        """
        found = table.find(method, uri)
        if found is None or found[0].id != action or found[1] != path:
            raise NotFound("the signed address is no action's", code="action_unknown", action=action)
        return cls(*found)

    def require(self, said: Mapping[str, Any], events: Sequence[Event], first: int = 0) -> None:
        """Hold the events from index `first` on against the row: type, words and their place, stream, effective time.

        `said` is what the request, or its line, says. The cause of a derived event is one of `events` before it.
        Raises TableBroken.
        """
        times: dict[tuple[str, int], str] = {}
        for index, event in enumerate(events):
            if index >= first:
                self._hold(said, event, times)
            times[event.originator_id, event.originator_version] = event.effective_at or ""

    def _hold(self, said: Mapping[str, Any], event: Event, times: Mapping[tuple[str, int], str]) -> None:
        place = Draft(event.TOPIC, event.originator_id, event.effective_at or "")
        body = {"said": event.said, "found": event.found, "from": {"at": event.at}}
        try:
            if event.said is not None:
                self.row.check_stated(self.path, place, body)
                words = pointer_get(said, event.at or "")
                if words is not event.said and words != event.said:
                    raise _broken(self.row.id, "said")
                return
            because = event.found["because"]
            cause = times.get((because["stream"], because["version"]))
            if cause is None:
                raise _broken(self.row.id, "because")
            self.row.check_derived(place, body, (cause,))
        except ActionMismatch as error:
            raise _broken(self.row.id, str(error.details["member"])) from error
        except PointerUnresolved as error:
            raise _broken(self.row.id, "from") from error


def _broken(action: str, member: str) -> TableBroken:
    return TableBroken("the ledger decided what this request may not write", action=action, member=member)
