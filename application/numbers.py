"""Authors' own numbers of their records, as events say them: what the table `sources` holds is made of nothing else.

A use case notes a number by `Work.source` and the event keeps it as `said.source`; a stored log is read back here, for
whoever holds that table against it or makes it again (infrastructure/indexes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from application.saves import SourceKey
from audit.names import kind_of

__all__ = ["KINDS", "number_of"]

KINDS: Final[Mapping[str, str]] = {
    "claim.AdvancePaid": "claim-payment", "claim.Paid": "claim-payment", "cover.Attached": "certificate",
    "house.Deposited": "house_deposit", "occurrence.Opened": "occurrence", "policy.Endorsed": "endorsement",
    "policy.Issued": "policy_number", "policy.Proposed": "proposal", "visit.Opened": "visit",
}  # fmt: skip
"""Events that name a record of another kind than their stream's, at whatever version: topic → kind of the record.

Every other event names its stream's own record, with its first version alone: what describes it anew repeats a number.
"""


def number_of(topic: str, stream: str, version: int, party: str, said: Mapping[str, Any] | None) -> SourceKey | None:
    """Give the author's number that an event takes, None where it takes none."""
    source = None if said is None else said.get("source")
    kind = KINDS.get(topic) or (kind_of(stream.rpartition("/")[2]) if version == 1 else None)
    if kind is None or not isinstance(source, dict):
        return None
    system, number = source.get("system"), source.get("id")
    if not isinstance(system, str) or not isinstance(number, str):
        return None
    return SourceKey(party, system, kind, number, stream)
