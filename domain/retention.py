"""How long a record that names a person must be kept: classes of record, and the rule pack that gives their years.

Which record is of which class is decided by its event type; what no class claims has no duty to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from domain.errors import NotFound
from domain.packs import Pack, Rule, load_pack
from domain.time import add_years

PACK: Final = "retention@1"
"""The program's own pack of nationwide retention; an erasure records which version decided."""

Kind = Literal["maintenance", "insurance", "fund_books"]

_CLASSES: Final[dict[str, Kind]] = {
    "visit": "maintenance", "agent": "maintenance",
    "claim": "insurance", "occurrence": "insurance", "policy": "insurance", "cover": "insurance",
    "house": "fund_books", "fund": "fund_books", "plan": "fund_books", "vote": "fund_books",
    "application": "fund_books", "payment": "fund_books", "bankline": "fund_books", "subsidy": "fund_books",
}  # fmt: skip
"""By the noun of the event type."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that must be kept: its class, and the civil date its time begins.

    `long_term` says that the insurance contract behind it ran for more than a year.
    """

    kind: Kind
    since: str
    long_term: bool = False


@dataclass(frozen=True, slots=True)
class Retention:
    """Records of one rule: how many, and the civil date on which the last of them need not be kept any longer."""

    rule: Rule
    records: int
    until: str

    def as_json(self) -> dict[str, str | int]:
        """Give what stands in `found.periods`."""
        return {
            "rule": self.rule.id, "basis": self.rule.basis, "grade": self.rule.grade,
            "years": self.rule.number("years"), "records": self.records, "until": self.until,
        }  # fmt: skip


def class_of(event_type: str) -> Kind | None:
    """Give the class of record that an event of a type belongs to; None where nothing must be kept."""
    return _CLASSES.get(event_type.partition(".")[0])


@cache
def pack() -> Pack:
    """Give the pack that decides."""
    return load_pack(PACK)


def retentions(kept: Iterable[Kept]) -> list[Retention]:
    """Give the periods of some records, by rule in order of their ids; the rule is that of the day the time begins.

    A record older than its rule is kept as by the rule's first days.
    """
    found: dict[str, Retention] = {}
    for record in kept:
        rule = _rule(record)
        until = add_years(record.since, rule.number("years"))
        before = found.get(rule.id)
        if before is None:
            found[rule.id] = Retention(rule, 1, until)
        else:
            later = before.rule if before.until >= until else rule
            found[rule.id] = Retention(later, before.records + 1, max(before.until, until))
    return [found[rule_id] for rule_id in sorted(found)]


def _rule(record: Kept) -> Rule:
    rule_id = f"retention.{record.kind}"
    if record.kind == "insurance":
        rule_id += "_long" if record.long_term else "_short"
    rows = [rule for rule in pack().rules if rule.id == rule_id]
    if not rows:
        raise NotFound(f"{PACK} has no rule {rule_id}", code="rule_unknown", rule=rule_id, pack=PACK)
    return next((rule for rule in rows if rule.in_force(record.since)), rows[0])
