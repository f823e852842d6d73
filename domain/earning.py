"""What of a premium is earned (已赚保费) by a day, and what is not (未到期保费), charge by charge.

The insurer keeps premium from the day its liability begins to the day it ends (保险法 54, 58). Every charge runs from
its own day to the end of its own certificate, whatever days its policy has (C7, L3 c), and is earned evenly over them.
A policy holds its charges summed by these days: it knows no single certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Any

from domain.covers import CoverEntry
from domain.time import days_between


@dataclass(frozen=True, slots=True)
class Charged:
    """Premium charged from one day to another, and how many certificates begin with it.

    From `settled_on` on all of it counts, whatever days are left: there the certificates ended early, and what was not
    given back is kept and is what they cost; or it gives back premium that was earned.
    """

    from_date: str
    to_date: str
    premium_fen: int
    lifts: int
    settled_on: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Give it as a row of an event's `found.charged`."""
        settled = {} if self.settled_on is None else {"settled_on": self.settled_on}
        return {
            "from_date": self.from_date, "to_date": self.to_date, "premium_fen": self.premium_fen, "lifts": self.lifts,
            **settled,
        }  # fmt: skip

    @property
    def since(self) -> str:
        """The day from which it is part of the premium."""
        return self.from_date if self.settled_on is None else min(self.from_date, self.settled_on)

    @property
    def until(self) -> str:
        """The first day on which nothing is insured for it."""
        return self.to_date if self.settled_on is None else min(self.to_date, self.settled_on)

    def earned(self, on: str) -> Fraction:
        """Give what of it is earned before a day, exactly, in fen."""
        if on >= self.until:
            return Fraction(self.premium_fen)
        if on <= self.from_date:
            return Fraction(0)
        days = days_between(self.from_date, on)
        return Fraction(self.premium_fen * days, days_between(self.from_date, self.to_date))


def stated(found: Mapping[str, Any]) -> tuple[Charged, ...] | None:
    """Read the rows of an event's `found.charged`; None when nobody kept them."""
    rows = found.get("charged")
    return None if rows is None else tuple(Charged(**row) for row in rows)


def merged(rows: Iterable[Charged]) -> tuple[Charged, ...]:
    """Sum what is charged by its days, in their order; rows that come to nothing are left out."""
    sums: dict[tuple[str, str, str], Charged] = {}
    for row in rows:
        key = (row.from_date, row.to_date, row.settled_on or "")
        held = sums.get(key)
        sums[key] = row if held is None else replace(
            held, premium_fen=held.premium_fen + row.premium_fen, lifts=held.lifts + row.lifts
        )  # fmt: skip
    return tuple(row for _, row in sorted(sums.items()) if row.premium_fen or row.lifts)


def taken_off(rows: Iterable[Charged]) -> Iterator[Charged]:
    """Give what takes rows off a sum again."""
    return (replace(row, premium_fen=-row.premium_fen, lifts=-row.lifts) for row in rows)


def charged_for(entry: CoverEntry, part: str | None = None) -> tuple[Charged, ...]:
    """Give what is charged for a certificate (保险凭证), for all parts or for one.

    Less premium from a day on lowers what is unearned by then; what goes beyond it gives back what was earned, so that
    never less than nothing is unearned. What is charged of a certificate that had ended already is for its days.
    """
    ended_at, ended_on = (None, None) if entry.ended is None else entry.ended
    rows = [Charged(entry.from_date, entry.to_date, 0, 1, ended_on)]
    daily: dict[str, list[tuple[str, Fraction]]] = {}
    for charge in sorted(entry.charges, key=lambda c: c.effective_on):
        since, before = charge.effective_on, daily.setdefault(charge.part, [])
        until = entry.to_date if ended_at is None or charge.version <= ended_at else ended_on or since
        left = days_between(since, until)
        unearned_fen = floor(sum(fen * max(0, days_between(since, min(to, until))) for to, fen in before))
        spread_fen = max(charge.amount_fen, -unearned_fen) if left else 0
        before += [(until, Fraction(spread_fen, left))] if left else []
        if part in {None, charge.part}:
            rows.append(Charged(since, until, spread_fen, 0, ended_on))
            rows.append(Charged(since, until, charge.amount_fen - spread_fen, 0, min(since, ended_on or since)))
    return merged(rows)


def charged_for_line(line: Mapping[str, Any]) -> Charged:
    """Give what a ScheduleLine charges."""
    premium_fen = sum(part["premium_fen"] for part in line["parts"])
    return Charged(line["from_date"], line["to_date"], premium_fen, 1)


def charged_before(endorsement: Mapping[str, Any], to_date: str) -> tuple[Charged, ...]:
    """Give what an Endorsement charged of which nobody worked out the days.

    What it changed or gave back is taken to run to the end of the policy, as its certificates mostly do.
    """
    rows = [charged_for_line(line) for line in endorsement.get("adds", ())]
    for change in endorsement.get("changes", ()):
        delta_fen = sum(part["delta_fen"] for part in change.get("parts", ()))
        rows.append(Charged(change["effective_on"], to_date, delta_fen, 0))
    for removal in endorsement.get("removes", ()):
        back_fen = sum(part["premium_fen"] for part in removal["refunds"])
        rows.append(Charged(removal["effective_on"], to_date, -back_fen, -1))
    return merged(rows)


def unearned(rows: Iterable[Charged], on: str) -> Fraction:
    """Give what of the charges is not earned before a day, exactly, in fen.

    Not below zero, should more have been given back than is left.
    """
    return max(Fraction(0), sum((row.premium_fen - row.earned(on) for row in rows), Fraction(0)))


def unbegun_fen(rows: Iterable[Charged], on: str) -> int:
    """Give what is charged for liability that has not begun before a day (保险责任开始前), not below zero."""
    return max(0, sum(row.premium_fen for row in rows if on <= row.from_date and on < row.until))


def course(rows: Iterable[Charged]) -> list[tuple[str, int, int]]:
    """Give each day on which premium or the number of certificates changes, and what both are from then on."""
    steps: dict[str, tuple[int, int]] = {}
    for row in rows:
        changes = [(row.since, row.premium_fen, 0)]
        if row.from_date < row.until:
            changes += [(row.from_date, 0, row.lifts), (row.until, 0, -row.lifts)]
        for day, fen, lifts in changes:
            before = steps.get(day, (0, 0))
            steps[day] = (before[0] + fen, before[1] + lifts)
    told: list[tuple[str, int, int]] = []
    premium_fen = certificates = 0
    for day, (fen, lifts) in sorted(steps.items()):
        premium_fen, certificates = premium_fen + fen, certificates + lifts
        told.append((day, premium_fen, certificates))
    return told
