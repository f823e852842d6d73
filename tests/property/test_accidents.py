"""Laws of claims' money over several lifts, records, occurrences and persons: the limits hold on every level.

The model knows what was said and what was accepted, and works out by itself what is one lift, what is of one accident,
and what can be divided among persons.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.ids import new_name
from domain.claims import Claim
from domain.covers import Cover
from domain.errors import DomainError
from domain.limits import Limit
from tests.support.book import Book
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    CERTIFICATE,
    INSURER,
    LIFT,
    LOSS_AT,
    approval,
    insured,
    merged,
    notice,
    payment,
    registered,
)
from tests.support.seeding import seed

PERSONS = tuple(new_name("person") for _ in range(2))
INSTANTS = (LOSS_AT, "2026-03-02T02:00:00.000000Z")
PAYEES = {"third_party_injury": "third_party", "entrapment": "passenger"}
AMOUNTS = (100, 200, 300, 301, 500, 700, 1_000)
ACTS = (
    "notify", "notify", "notify", "reserve", "approve", "approve", "approve", "approve", "further", "advance", "pay",
    "return", "reduce", "refuse", "withdraw", "close", "reopen", "merge", "take back",
)  # fmt: skip


@dataclass
class Known:
    """What the model knows of a claim: what its notice said, and its money as the acts accepted come to."""

    lift: str
    at: str
    occurrence: str | None
    part: str
    persons: frozenset[str]
    reserved: int = 0
    approved: int = 0
    advanced: int = 0
    paid: int = 0

    @property
    def used(self) -> int:
        """What it took of the limits."""
        return max(self.approved, self.advanced)

    @property
    def held(self) -> int:
        """What it took and holds."""
        return self.used + self.reserved


@dataclass
class World:
    """A policy of two lifts, whose records may prove to be one lift's, and claims under it."""

    rng: random.Random
    claims: dict[str, Known] = field(default_factory=dict)
    one_lift: bool = False

    def __post_init__(self) -> None:
        """Draw the limits."""
        rng = self.rng
        self.person, self.accident, self.part_year = rng.choice([300, 0]), rng.choice([700, 0]), rng.choice([900, 0, 0])
        self.lift_year, self.policy_year = rng.choice([1_000, 5_000]), rng.choice([1_600, 0, 0])
        named = {"per_person_fen": self.person, "per_accident_fen": self.accident, "per_lift_year_fen": self.part_year}
        limits = {name: fen for name, fen in named.items() if fen}
        where: dict[str, Any] = {rng.choice(["part_limits", "filed_limits"]): limits}
        self.book: Book = insured(limit_fen=self.lift_year, policy_fen=self.policy_year or None, **where)
        self.lifts = [LIFT, registered(self.book)]
        self.occurrences = [new_name("occurrence") for _ in range(2)]
        for name in self.occurrences:
            self.book.act(BY_USE_UNIT, "occurrence.open", {"id": name, "at": LOSS_AT, "kind": "injury"})

    # -------------------------------------------------------------------------------------------------------- acts

    def notify(self) -> None:
        """Give notice of a loss of nobody, one or two."""
        rng = self.rng
        part = rng.choice([*PAYEES, *["third_party_injury"] * 3])
        persons = rng.sample(PERSONS, rng.choice([0, 1, 1, 1, 2]))
        known = Known(
            rng.choice(self.lifts), rng.choice(INSTANTS), rng.choice([None, None, *self.occurrences]), part,
            frozenset(persons),
        )  # fmt: skip
        said = notice(lift=known.lift, loss_at=known.at, part=part)
        said |= {"occurrence": known.occurrence} if known.occurrence else {}
        said |= {"claimants": [{"role": "injured", "person": person} for person in persons]} if persons else {}
        self.book.act(BY_USE_UNIT, "claim.notify", said)
        known.persons = known.persons or frozenset({said["id"]})
        self.claims[said["id"]] = known

    def merge(self) -> None:
        """Let the two records be one lift's."""
        if not self.one_lift:
            merged(self.book, *self.rng.sample(self.lifts, 2))
            self.one_lift = True

    def take_back(self) -> None:
        """Take the first certificate back from its first day where the other record's insures the lift too."""
        if self.one_lift:
            said = {"lift": LIFT, "certificate": CERTIFICATE, "effective_on": "2026-01-01", "refunds": []}
            seed(self.book, Cover, f"{LIFT}/cover", INSURER, Cover.Ended, {**said, "reason": "duplicate"}, {})

    def step(self) -> None:
        """Do one thing; a refused one does nothing."""
        act = self.rng.choice(ACTS)
        if act == "notify" or not self.claims:
            self.notify()
        elif act == "merge":
            self.merge()
        elif act == "take back":
            self.take_back()
        else:
            name = self.rng.choice([*self.claims])
            before = {each: known.held for each, known in self.claims.items()}
            if self.tried(act, name, self.rng.choice(AMOUNTS)):
                self.check_taken(name, before)
        self.check_agreed()

    def tried(self, act: str, name: str, fen: int) -> bool:
        """Try one act on a claim, and note what came of it."""
        known = self.claims[name]
        said: dict[str, Any] = {"reason": "x"}
        if act in {"approve", "further"}:
            said = approval(fen, **({"further": True} if act == "further" else {}))
        elif act == "reserve":
            fen = fen if self.rng.random() < 0.8 else 0
            said = {"amount_fen": fen}
        elif act == "advance":
            said = payment(fen, PAYEES[known.part], kind="quick_half")
        elif act == "pay":
            fen = self.rng.choice([fen, max(1, known.approved - known.paid)])
            said = payment(fen, PAYEES[known.part])
        elif act == "reduce":
            fen = self.rng.choice([fen, known.paid, max(0, known.approved - 50)])
            said = {"approved_fen": fen, "currency": "CNY", "agreed_on": "2026-03-05", "document": "d" * 64, **said}
        elif act == "refuse":
            said = {"reasons": ["x"], "decided_on": "2026-03-05"}
        elif act == "return":
            payouts = self.book.state(Claim, f"{known.lift}/{name}").payouts
            version, payout = self.rng.choice([*payouts.items()] or [(1, None)])
            said = {**said, "paid_version": version, "returned_at": self.book.now, "document": "e" * 64}
            fen, act = (fen, act) if payout is None else (payout.amount_fen, f"return {payout.advance}")
        action = {"further": "approve"}.get(act, act.partition(" ")[0])
        author = BY_USE_UNIT if act == "withdraw" else BY_INSURER
        try:
            self.book.act(author, f"claim.{action}", said, lift=known.lift, claim=name)
        except DomainError:
            return False
        self.note(known, act, fen)
        return True

    @staticmethod
    def note(known: Known, act: str, fen: int) -> None:
        """Note what an accepted act does to a claim's money."""
        used = known.used
        if act == "reserve":
            known.reserved = fen
        elif act in {"approve", "further"}:
            known.approved += fen
        elif act == "advance":
            known.advanced += fen
            known.paid += fen
        elif act == "pay":
            known.paid += fen
        elif act == "reduce":
            known.approved = fen
        elif act.startswith("return"):
            known.paid -= fen
            known.advanced -= fen if act == "return True" else 0
        elif act in {"refuse", "withdraw", "close"}:
            known.reserved = 0
        known.reserved = max(0, known.reserved - max(0, known.used - used))

    # -------------------------------------------------------------------------------------------------------- laws

    def same_lift(self, one: Known, two: Known) -> bool:
        """Say whether two claims are of one lift, as is known now."""
        return self.one_lift or one.lift == two.lift

    def tied(self, one: Known, two: Known) -> bool:
        """Say whether two claims are at once of one accident."""
        same = one.occurrence is not None and one.occurrence == two.occurrence
        return same or (self.same_lift(one, two) and one.at == two.at)

    def accidents(self, own: Known) -> Iterator[list[str]]:
        """Yield, for each claim that the own one is tied to, all that are tied to it, of the own one's part."""
        for middle in self.claims.values():
            if self.tied(middle, own):
                yield [n for n, k in self.claims.items() if k.part == own.part and self.tied(middle, k)]

    def placed(self, amounts: dict[str, int]) -> int:
        """Give the most of these amounts that can be given to the claims' persons within the limit for one person.

        By its least cut: some persons' limits, and all of the claims that have another person.
        """
        persons = sorted({person for name in amounts for person in self.claims[name].persons})
        cuts = (set(cut) for size in range(len(persons) + 1) for cut in combinations(persons, size))
        return min(
            self.person * len(cut) + sum(fen for n, fen in amounts.items() if not self.claims[n].persons <= cut)
            for cut in cuts
        )

    def check_taken(self, name: str, before: dict[str, int]) -> None:
        """What a claim took or holds anew keeps to every limit; what was so before it was known stays as it is."""
        own = self.claims[name]
        more = own.held - before[name]
        if more <= 0:
            return
        held = {each: known.held for each, known in self.claims.items()}
        lift = [each for each, known in self.claims.items() if self.same_lift(known, own)]
        assert sum(held[each] for each in lift) <= self.lift_year
        if self.part_year:
            assert sum(held[each] for each in lift if self.claims[each].part == own.part) <= self.part_year
        if self.policy_year:
            assert sum(held.values()) <= self.policy_year
        for accident in self.accidents(own):
            if self.accident:
                assert sum(held[each] for each in accident if each in lift) <= self.accident
            if self.person:
                now, then = ({each: of[each] for each in accident} for of in (held, before))
                assert self.placed(now) == self.placed(then) + more

    def check_agreed(self) -> None:
        """Claims and limits say the same, whichever record keeps it."""
        levels: dict[str, list[Limit]] = {"all": [], "lift": []}
        for stream in self.book.streams:
            if "/limit:" in stream:
                levels["all" if "/limit:all:" in stream else "lift"].append(self.book.state(Limit, stream))
        for limits in levels.values():
            for which in ("reserved", "consumed"):
                kept: dict[str, int] = {}
                for limit in limits:
                    for (name, _), fen in getattr(limit, which).items():
                        kept[name] = kept.get(name, 0) + fen
                told = {n: k.reserved if which == "reserved" else k.used for n, k in self.claims.items()}
                assert {n: fen for n, fen in kept.items() if fen} == {n: fen for n, fen in told.items() if fen}
        for name, known in self.claims.items():
            claim = self.book.state(Claim, f"{known.lift}/{name}")
            money = (claim.reserved_fen, claim.approved_fen, claim.advanced_fen, claim.paid_fen)
            assert money == (known.reserved, known.approved, known.advanced, known.paid)

    def end(self) -> None:
        """Every claim can be brought to its end: lowered to what was paid, refused, closed."""
        for name, known in self.claims.items():
            at = {"lift": known.lift, "claim": name}
            if known.approved > known.paid:
                assert (
                    self.tried("reopen", name, 0) or self.book.state(Claim, f"{known.lift}/{name}").state == "approved"
                )
                said = {"approved_fen": known.paid, "currency": "CNY", "agreed_on": "2026-03-05", "document": "d" * 64}
                self.book.act(BY_INSURER, "claim.reduce", {**said, "reason": "x"}, **at)
                self.note(known, "reduce", known.paid)
            if self.book.state(Claim, f"{known.lift}/{name}").state in {"notified", "assessed"}:
                assert self.tried("refuse", name, 0)
            assert self.tried("close", name, 0) or self.book.state(Claim, f"{known.lift}/{name}").state == "closed"
            assert (known.reserved, known.used) == (0, known.paid)
        self.check_agreed()


@settings(max_examples=150)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_limits_hold_on_every_level_and_ended_claims_give_back_what_they_did_not_pay(
    rng: random.Random, steps: int
) -> None:
    """Person, accident, part, lift and policy, over merged records and both ties of an accident."""
    world = World(rng)
    for _ in range(steps):
        world.step()
    world.end()
