"""Days, shares and certificates as a clerk with a calendar keeps them: day by day, in whole fen.

It is written from the design and the law alone and uses nothing of the product: days are numbers, everything is
looked up by walking through all that was agreed, in the order it was agreed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.naive_policies import Deal

LIABILITY = ("third_party_injury", "entrapment")
CAPS = {"residential": 8_500, "non_residential": 10_500, "public_gathering": 13_500}


def number(day: str) -> int:
    """Give a civil date as the number of its day."""
    return date.fromisoformat(day).toordinal()


def written(day: int) -> str:
    """Give the civil date of a day."""
    return date.fromordinal(day).isoformat()


def anniversary(day: int, years: int) -> int:
    """Give the day so many years on; 29 February is the 28th where there is none."""
    begun = date.fromordinal(day)
    last = 28 if (begun.month, begun.day) == (2, 29) and not _leap(begun.year + years) else begun.day
    return begun.replace(year=begun.year + years, day=last).toordinal()


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def divided(fen: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide by the largest remainder, among equals to the lower name."""
    whole = sum(weights.values())
    shares = {name: fen * weight // whole for name, weight in weights.items()}
    by_rest = sorted(weights, key=lambda name: (shares[name] - Fraction(fen * weights[name], whole), name))
    for name in by_rest[: fen - sum(shares.values())]:
        shares[name] += 1
    return {name: share for name, share in shares.items() if share}


@dataclass
class Certificate:
    """One lift's certificate: what was charged and said of it, each with its day, in the order of recording."""

    deal: Deal
    lift: str
    name: str
    parts: tuple[str, ...]
    begins: int
    ends: int
    charges: list[tuple[int, str, int]]
    said: list[tuple[int, str | None, int | None]]
    """Premises class and own limit for the lift's year, each None where it was not said."""
    ended: int | None = None
    charged_by_then: int = 0
    """How many charges were recorded when it was ended."""

    @property
    def last(self) -> int:
        """The first day it does not insure, whatever its policy is."""
        return self.ends if self.ended is None else min(self.ends, self.ended)

    def insures(self, on: int) -> bool:
        """Say whether it insures on a day, its policy being in force."""
        return self.begins <= on < self.last

    def terms(self, on: int) -> tuple[str | None, int | None]:
        """Give class and own limit on a day: the last word of the latest day up to it, for each of them."""
        premises, limit = None, None
        for _, said_class, said_limit in sorted((each for each in self.said if each[0] <= on), key=lambda s: s[0]):
            premises = premises if said_class is None else said_class
            limit = limit if said_limit is None else said_limit
        return premises, limit

    def cost(self, on: int, part: str | None = None) -> int:
        """Give what is charged by a day; from the day it ended early on all that is kept."""
        over = self.ended is not None and on >= self.last
        return sum(fen for day, of, fen in self.charges if (over or day <= on) and part in {None, of})

    def earned(self, on: int, only: str | None = None) -> Fraction:
        """Walk through its days, part by part: each earns its share of the charges that hold on it."""
        total = Fraction(0)
        for part in self.parts if only is None else (only,):
            if on >= self.last:
                total += self.cost(self.ends, part)
                continue
            shares = [Fraction(0)] * (self.ends - self.begins)
            back = 0
            of_part = [(*charge, order) for order, charge in enumerate(self.charges) if charge[1] == part]
            for since, _, fen, order in sorted(of_part, key=lambda c: c[0]):
                over = self.ended is not None and order >= self.charged_by_then
                rest = range(since - self.begins, (self.last if over else self.ends) - self.begins)
                spread = max(fen, -floor(sum(shares[day] for day in rest))) if rest else 0
                for day in rest:
                    shares[day] += Fraction(spread, len(rest))
                back += fen - spread if since <= on else 0
            total += back + sum(shares[: max(0, on - self.begins)])
        return total

    def ceiling(self) -> int | None:
        """Give the highest liability premium: its days by class and policy year, each part of a year rounded down."""
        runs: list[tuple[str | None, dict[int, int]]] = []
        for day in range(self.begins, self.last):
            premises = self.terms(day)[0]
            if not runs or runs[-1][0] != premises:
                runs.append((premises, {}))
            year = self.deal.year(day)
            runs[-1][1][year] = runs[-1][1].get(year, 0) + 1
        if any(premises is None for premises, _ in runs):
            return None
        return sum(
            CAPS[premises or ""] * days // self.deal.days_of(year)
            for premises, years in runs
            for year, days in years.items()
        )

    def liability(self) -> int:
        """Give what it costs for the parts that the ceiling binds."""
        return sum(fen for _, part, fen in self.charges if part in LIABILITY)

    def over_ceiling(self) -> set[str]:
        """Say whether it costs more than it may."""
        ceiling = self.ceiling()
        return {"premium_over_ceiling"} if ceiling is not None and self.liability() > ceiling else set()

    def below_nothing(self) -> set[str]:
        """Say whether on any day more is given back than was charged."""
        days = range(self.begins, self.ends)
        steps = {day for day, _, _ in self.charges} | ({self.last} if self.ended is not None else set())
        low = any(self.cost(day, part) < 0 for part in self.parts for day in days if day in steps)
        return {"premium_negative"} if low else set()

    def changeable(self, on: int, until: int | None) -> set[str]:
        """Say why it cannot be changed from a day on, having ended on another."""
        whys = {"cover_ended_already"} if until is not None and on >= until else set[str]()
        return whys if self.begins <= on < self.ends else whys | {"outside_certificate"}

    def change(self, on: int, said: Mapping[str, Any]) -> set[str]:
        """Let it be otherwise from a day on; gives why it cannot be."""
        ended, limit = self.ended, said.get("per_lift_year_fen")
        if ended is not None and said.keys() <= {"lift", "certificate", "effective_on", "parts"} and "parts" in said:
            ended += 1  # what it costs may be put right on the day it ended
        whys = self.changeable(on, ended)
        self.charges += [(on, p["part"], p["delta_fen"]) for p in said.get("parts", ())]
        self.said.append((on, said.get("premises_class"), limit))
        if any(p["part"] not in self.parts for p in said.get("parts", ())):
            whys.add("part_not_in_certificate")
        if limit is not None:
            whys |= below_person(limit, [terms for part, terms in self.deal.parts.items() if part in self.parts])
        return whys | self.below_nothing() | self.over_ceiling()

    def remove(self, on: int, said: Mapping[str, Any]) -> set[str]:
        """End it on a day; gives why it cannot be."""
        whys = self.changeable(on, None if self.ended is None else 0)
        self.charges += [(on, p["part"], -p["premium_fen"]) for p in said["refunds"]]
        self.ended, self.charged_by_then = on, len(self.charges)
        return whys | self.below_nothing()


def below_person(limit: int, parts: Iterable[Mapping[str, int]]) -> set[str]:
    """Say whether a lift's limit is below what one person or accident may get."""
    single = max((max(t.get("per_person_fen", 0), t.get("per_accident_fen", 0)) for t in parts), default=0)
    return {"aggregate_below_person"} if limit < single else set()


def certificate_of(deal: Deal, line: Mapping[str, Any], premises: str | None) -> Certificate:
    """Write down the certificate of a line."""
    begins = number(line["from_date"])
    return Certificate(
        deal, line["lift"], line["certificate"], tuple(p["part"] for p in line["parts"]), begins,
        number(line["to_date"]), [(begins, p["part"], p["premium_fen"]) for p in line["parts"]],
        [(begins, premises, None)],
    )  # fmt: skip
