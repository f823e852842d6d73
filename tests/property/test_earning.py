"""Laws of earned premium and of the read model of policies, against a model that counts day by day."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from application.projections.folding import AGGREGATE
from application.projections.policies import POLICIES
from domain.covers import Cover
from domain.earning import charged_for, merged, unearned
from domain.errors import DomainError
from domain.policies import Policy
from domain.time import Period, add_days, add_years, civil_midnight, days_between
from tests.support.book import Book
from tests.support.insuring import BARE, HOMES, HOSPITAL, INSURER, OFFICE, line, office, pay, proposed

TERM = Period("2026-04-01", "2028-04-01")
LIFTS = (HOMES, OFFICE, HOSPITAL, BARE)
PART = "parts_repair"
days = st.sampled_from([0, 1, 364, 365, 366, 730]) | st.integers(0, TERM.days - 1)
acts = st.lists(
    st.tuples(
        st.sampled_from(("add", "change", "remove", "swap")), st.integers(0, 3), days, st.integers(-9_000, 9_000)
    ),
    max_size=7,
)  # fmt: skip


@dataclass
class Certificate:
    """A certificate as anybody would write it down: what was charged, on which day, in the order of recording."""

    name: str
    lift: str
    from_date: str
    to_date: str
    charges: list[tuple[str, int]]
    ended: str | None = None

    def premium_on(self, on: str) -> int:
        """Sum what was charged by a day; once it has ended all that is kept."""
        over = self.ended is not None and on >= self.ended
        return sum(fen for day, fen in self.charges if over or day <= on)

    def earned_on(self, on: str) -> Fraction:
        """Walk through its days: each earns its share of the charges that hold on it."""
        if on >= (self.ended or self.to_date):
            return Fraction(self.premium_on(on))
        shares = dict.fromkeys(every_day(self.from_date, self.to_date), Fraction(0))
        given_back = 0
        for since, fen in sorted(self.charges, key=lambda charge: charge[0]):
            rest = [day for day in shares if day >= since]
            spread = max(fen, -floor(sum((shares[day] for day in rest), Fraction(0))))
            for day in rest:
                shares[day] += Fraction(spread, len(rest))
            given_back += fen - spread if since <= on and since != self.ended else 0
        return given_back + sum((share for day, share in shares.items() if day < on), Fraction(0))


@cache
def every_day(from_date: str, to_date: str) -> list[str]:
    """List the days of a period."""
    return [add_days(from_date, number) for number in range(days_between(from_date, to_date))]


INSTANTS = {civil_midnight(day): day for day in [*every_day(TERM.from_date, TERM.to_date), TERM.to_date]}


@dataclass
class Case:
    """A policy in a book, beside what was agreed of it."""

    book: Book
    policy: str = ""
    certificates: list[Certificate] = field(default_factory=list)

    def attached(self, lift: str, from_date: str, to_date: str, fen: int) -> dict[str, Any]:
        """Give a line, and write it down."""
        parts = [{"part": PART, "premium_fen": fen}]
        item = line(self.policy, lift, from_date=from_date, to_date=to_date, parts=parts)
        self.certificates.append(Certificate(item["certificate"], lift, from_date, to_date, [(from_date, fen)]))
        return item

    def live(self, lift: str) -> Certificate | None:
        """Give a lift's last certificate that was not removed."""
        return next((c for c in reversed(self.certificates) if c.lift == lift and c.ended is None), None)

    def act(self, kind: str, lift: str, day: str, fen: int) -> None:
        """Endorse once; what the ledger refuses was never agreed."""
        certificates = [Certificate(**{**vars(c), "charges": [*c.charges]}) for c in self.certificates]
        held, said, delta_fen = self.live(lift), dict[str, Any](), 0
        if held is not None and kind == "change":
            delta_fen += fen
            held.charges.append((day, fen))
            parts = [{"part": PART, "delta_fen": fen}]
            said["changes"] = [{"lift": lift, "certificate": held.name, "effective_on": day, "parts": parts}]
        if held is not None and kind in {"remove", "swap"}:
            back_fen = min(abs(fen), max(0, sum(charge for _, charge in held.charges)))
            delta_fen -= back_fen
            held.charges.append((day, -back_fen))
            held.ended = day
            removal = {"lift": lift, "certificate": held.name, "effective_on": day, "reason": "r"}
            said["removes"] = [removal | {"refunds": [{"part": PART, "premium_fen": back_fen}]}]
        if kind in {"add", "swap"}:
            delta_fen += abs(fen)
            said["adds"] = [self.attached(lift, day, TERM.to_date, abs(fen))]
        said |= {"number": new_name("policy")[-12:], "effective_on": day, "delta_fen": delta_fen, "reason": "r"}
        try:
            self.book.act(INSURER, "policy.endorse", said, policy=self.policy)
        except DomainError:
            self.certificates = certificates

    def check(self, until: str) -> None:
        """Hold every day's row before a day against what was agreed."""
        for period, told in rows(self.book, self.policy):
            for day in {period.from_date, add_days(period.to_date, -1)}:
                if day < until:
                    insured = [c for c in self.certificates if c.from_date <= day < (c.ended or c.to_date)]
                    premium_fen = sum(c.premium_on(day) for c in self.certificates)
                    assert (told["lifts"], told["premium_fen"]) == (len(insured), premium_fen), day
                    assert premium_fen >= 0


def rows(book: Book, policy: str) -> list[tuple[Period, dict[str, Any]]]:
    """Give the rows of the read model with their days."""
    names = [column.name for column in POLICIES.columns]
    told = POLICIES.rows(policy, {AGGREGATE: book.state(Policy, policy)})
    spans = [Period(INSTANTS[row.effective_from], INSTANTS[row.effective_to or ""]) for row in told]
    return [(span, dict(zip(names, row.values, strict=True))) for span, row in zip(spans, told, strict=True)]


def begun(first: list[int]) -> Case:
    """Issue a policy of two years: the first lift for all of it, the second one for a year."""
    case = Case(office())
    items = [
        case.attached(HOMES, TERM.from_date, TERM.to_date, first[0]),
        case.attached(OFFICE, TERM.from_date, add_years(TERM.from_date, 1), first[1]),
    ]
    case.policy = proposed(case.book, *items, from_date=TERM.from_date, to_date=TERM.to_date)
    pay(case.book, case.policy)
    case.book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=case.policy)
    return case


@settings(max_examples=60)
@given(st.lists(st.integers(1, 9_000), min_size=2, max_size=2), acts, days, st.integers(0, 9_000))
def test_every_day_tells_what_was_agreed(first: list[int], done: list[Any], end: int, refund_fen: int) -> None:
    """Whatever is endorsed, in whatever order, and whenever it is cancelled: rows and unearned premium, to the fen."""
    case = begun(first)
    for kind, lift, day, fen in done:
        case.act(kind, LIFTS[lift], add_days(TERM.from_date, min(day, TERM.days - 1)), fen)
    case.check(TERM.to_date)
    policy = case.book.state(Policy, case.policy)
    covers = [case.book.state(Cover, f"{lift}/cover") for lift in LIFTS if case.book.events(f"{lift}/cover")]
    charged = [row for cover in covers for entry in cover.of_policy(case.policy) for row in charged_for(entry)]
    assert policy.charged == merged(charged)
    on = add_days(TERM.from_date, min(end, TERM.days - 1))
    premium_fen = sum(c.premium_on(TERM.to_date) for c in case.certificates)
    earned = sum((c.earned_on(on) for c in case.certificates), Fraction(0))
    assert policy.premium_fen == premium_fen
    assert unearned(policy.charged, on) == max(0, premium_fen - earned)
    said = {"effective_on": on, "refund_fen": min(refund_fen, policy.held_fen), "reason": "r"}
    found = case.book.act(INSURER, "policy.cancel", said, policy=case.policy)[0].found
    assert found["unearned_fen"] == max(0, floor(premium_fen - earned))
    case.check(on)
    ended = case.book.state(Policy, case.policy)
    kept_fen = ended.held_fen + sum(found["owed"].values())
    after = [told for period, told in rows(case.book, case.policy) if period.from_date >= on]
    assert [(told["premium_fen"], told["lifts"]) for told in after] == [(kept_fen, 0)]
    assert ended.premium_fen == sum(change.premium_fen for change in ended.stack) == kept_fen >= 0
