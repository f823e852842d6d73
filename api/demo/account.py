"""What the demonstration has written so far, counted from the ledger's answers, and up to which position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(slots=True)
class Account:
    """Signed requests that wrote, the events they wrote, the last of their positions, and the lines refused.

    Several threads write at once, so everything is counted under a lock. `findings` are what the ledger found of
    visits, by code.
    """

    requests: int = 0
    events: int = 0
    position: int = 0
    refused: list[Mapping[str, Any]] = field(default_factory=list)
    findings: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def count(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Count an answer to a write, and give it back."""
        events = sum(group["count"] for group in answer["groups"])
        last = max((group["first"] + group["count"] - 1 for group in answer["groups"] if group["count"]), default=0)
        visits = [e for group in answer["groups"] for e in group["events"] if e["type"].startswith("visit.")]
        found = Counter(finding["code"] for visit in visits for finding in visit["found"].get("findings", ()))
        with self._lock:
            self.requests += 1
            self.events += events
            self.position = max(self.position, last)
            self.refused.extend(answer["refused"])
            self.findings.update(found)
        return answer
