"""A clerk at one till for a policy's whole premium: funds' cheques, holders' purses and the treasury's aid, by stages.

The clerk of `naive_funds`, who also has to do with instalments, endorsements and the days that are earned (保险法 54,
58; 金发〔2025〕36号), with public subsidies, and with lifts that prove to be one. Written from the design, adr/0020,
0022 and 0029; it shares nothing with the ledger. One coin is one fen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from tests.support.naive_certificates import Certificate, certificate_of
from tests.support.naive_funds import Coins, Deal, Slip, Town
from tests.support.naive_votes import dealt

OF_FUND = ("fund_principal", "fund_income", "emergency_fund")
GRANTED, FEE, TOPUP, OTHER = "fiscal_subsidy", "property_fee", "owner_topup", "other"


def certified(line: Mapping[str, Any]) -> Certificate:
    """Write down the certificate of a line; its policy, which only its ceiling asks for, is not."""
    nobody: Any = None
    return certificate_of(nobody, line, None)


@dataclass
class Purse(Coins):
    """What somebody else than a fund is asked for: coins of `aid` are `of_aid`, and go back last."""

    policy: str = ""
    payer: str = ""
    asked: int = 0
    aid: str | None = None
    state: str = "asked"
    of_aid: int = 0
    back: int = 0
    ever_due: int = 0
    """What of it was ever due back."""

    @property
    def open(self) -> int:
        """What is due back and has not come."""
        return self.came - self.held - self.back


@dataclass
class Aid:
    """A subsidy: what was asked back and did not come, and what of that came."""

    policy: str
    claimed: int
    granted: int | None = None
    asked_back: int = 0
    settled: int = 0
    ever_paid: bool = False


@dataclass
class Bond(Deal):
    """A policy whose premium comes by instalments, changes, and is earned day by day."""

    begins: int = 0
    ends: int = 0
    instalments: list[tuple[int, int]] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    drafted: dict[str, int] = field(default_factory=dict)
    least: dict[str, int] = field(default_factory=dict)
    """What each source has borne at least since the draft: that has days, what was added has none."""
    stopped: int | None = None

    def whole(self) -> bool:
        """Say whether what must come first has come: the first instalment, without the subsidy's part of it."""
        all_fen = sum(self.drafted.values())
        first = self.instalments[0][1] if self.instalments else all_fen
        return self._own() >= first * self._own_part()

    def _own(self) -> int:
        return self.held() - self.held(GRANTED)

    def _own_part(self) -> Fraction:
        return 1 - Fraction(self.drafted.get(GRANTED, 0), sum(self.drafted.values()))

    def overdue(self, today: int) -> bool | None:
        """Say whether something drafted and left is unpaid after its day; None where no day was fixed."""
        left = {source: fen for source, fen in self.least.items() if source != GRANTED}
        came = sum(min(fen, self.held(source)) for source, fen in left.items())
        if came >= sum(left.values()):
            return False
        if not self.instalments:
            return None
        asked = sum(fen for day, fen in self.instalments if day < today) * self._own_part()
        return came < sum(left.values()) and came < asked

    @property
    def cost(self) -> int:
        """Give what it costs in all."""
        return sum(self.borne.values()) if self.earned is None else sum(self.earned.values())

    @property
    def charged(self) -> int:
        """Sum what its certificates charge."""
        return sum(c.cost(c.ends) for c in self.certificates)

    def unearned(self, on: int) -> int:
        """Give what of the premium is for days from one on, rounded down once."""
        return max(0, floor(self.charged - sum((c.earned(on) for c in self.certificates), Fraction(0))))

    def spare(self, on: int) -> int:
        """Give what is held above what is earned by a day."""
        return max(0, self.held() - (self.charged - self.unearned(on)))

    def bear(self, delta: int, named: Mapping[str, int] | None) -> None:
        """Let sources bear a change: those named, else by what each bears; more of it no fund and no subsidy."""
        shares = dict(named or {})
        if named is None:
            able = {s: fen for s, fen in self.borne.items() if fen and (delta < 0 or s not in {*OF_FUND, GRANTED})}
            shares = dealt(abs(delta), able or {OTHER: 1})
        for source, fen in shares.items():
            self.borne[source] = self.borne.get(source, 0) + (fen if delta > 0 else -fen)
            self.least[source] = min(self.least.get(source, 0), self.borne[source])
        for source in [*self.borne]:
            self.let_go(source, max(0, self.held(source) - self.borne[source]))

    def let_go(self, source: str, fen: int) -> None:
        """Let so much of a source's money be due back, of each payment as much as is held of it."""
        own = {name: each.held for name, each in self.coins.items() if each.source == source and each.held}
        for name, share in dealt(fen, own).items() if fen else ():
            coins = self.coins[name]
            coins.held -= share
            if isinstance(coins, Purse):
                coins.ever_due += share

    def release(self, fen: int) -> None:
        """Let so much of all money be due back, of each source as it has paid."""
        held = {source: self.held(source) for source in {each.source for each in self.coins.values()}}
        for source, part in dealt(fen, {s: f for s, f in held.items() if f}).items() if fen else ():
            self.let_go(source, part)

    def stop(self, on: int, back: int, state: str) -> None:
        """End it on a day: so much goes back, and what was earned above what is held is still owed."""
        short = max(0, self.charged - self.unearned(on) - self.held())
        owing = {source: self.due(source) for source in self.borne if self.due(source)}
        owed = dealt(min(short, sum(owing.values())), owing) if owing else {}
        self.release(back)
        self.earned = {source: self.held(source) + owed.get(source, 0) for source in self.borne}
        self.stopped, self.state = on, state


@dataclass
class Till(Town):
    """All that the clerk knows."""

    aids: dict[str, Aid] = field(default_factory=dict)
    purses: dict[str, Purse] = field(default_factory=dict)
    into: dict[str, str] = field(default_factory=dict)
    """Which record of a lift went up in which other."""
    estates: dict[str, str | None] = field(default_factory=dict)
    """Of each fund and each record of a lift."""
    guaranteed: set[str] = field(default_factory=set)
    """Records of lifts that are under warranty."""
    planned: dict[str, list[str]] = field(default_factory=dict)
    """The records that each plan names."""

    def bond(self, policy: str) -> Bond:
        """Find a policy."""
        deal = self.deals[policy]
        assert isinstance(deal, Bond)
        return deal

    # --------------------------------------------------------------------------------------------------------- lifts

    def last(self, lift: str) -> str:
        """Give the record that goes on."""
        return self.last(self.into[lift]) if lift in self.into else lift

    def place(self, lift: str) -> str | None:
        """Give the estate that the record that goes on names, or what another record of the lift knew."""
        records = [lift, *(name for name in self.into if self.last(name) == lift)]
        return next((self.estates[record] for record in records if self.estates[record] is not None), None)

    def agrees(self, slip: Slip) -> bool:
        """Say whether a policy insures the lifts that a plan names, each by one certificate, and no others."""
        planned, own = {*map(self.last, self.planned[slip.plan])}, self.bond(slip.policy).certificates
        covered = {self.last(c.lift) for c in own} & planned
        return len(covered) == len(planned) == sum(c.ended is None for c in own)

    def unvoted(self, slip: Slip) -> set[str]:
        """Say what is amiss with plan and vote, and with the lifts as the records that go on have them."""
        lifts, estate = [*map(self.last, self.planned[slip.plan])], self.estates[slip.fund]
        if any(self.place(lift) not in {None, estate} for lift in lifts):
            self.chests[slip.fund].strange |= {slip.plan}
        return super().unvoted(slip) | ({"lift_under_warranty"} if self.guaranteed & {*lifts} else set())

    def plan(self, fund: str, plan: str, lifts: list[str]) -> None:
        """Note the records that a plan names, and whether one is of another estate."""
        self.planned[plan] = lifts
        strange = {self.place(self.last(lift)) for lift in lifts} - {None, self.estates[fund]}
        chest = self.chests[fund]
        chest.strange = chest.strange - {plan} | ({plan} if strange else set())

    # ------------------------------------------------------------------------------------------------------ subsidies

    def paid(self, aid: str) -> int:
        """Count the coins of a subsidy that are with an insurer."""
        return sum(purse.of_aid for purse in self.purses.values() if purse.aid == aid)

    def payable(self, aid: str) -> int:
        """Count the coins that may be paid of it still."""
        return max(0, (self.aids[aid].granted or 0) - self.paid(aid) - self.aids[aid].settled)

    def ended(self, policy: str) -> bool:
        """Say whether a policy insures nothing, nor ever will, and no subsidy of it is owed."""
        bond = self.bond(policy)
        return bond.state not in {"proposed", "issued"} and not (bond.earned is not None and bond.due(GRANTED))

    def claim(self, name: str, aid: Aid) -> set[str]:
        """Take a claim in."""
        self.aids[name] = aid
        bond = self.bond(aid.policy)
        whys = {"policy_state"} if bond.state not in {"proposed", "issued"} else set[str]()
        return whys | ({"above_premium"} if aid.claimed > bond.cost else set())

    def grant(self, name: str, fen: int) -> set[str]:
        """Grant a subsidy."""
        aid = self.aids[name]
        whys = {"granted_already"} if aid.granted is not None else set[str]()
        whys |= {"above_claim"} if fen > aid.claimed else set()
        whys |= {"policy_state"} if self.ended(aid.policy) else set()
        whys |= {"above_premium"} if fen > self.bond(aid.policy).cost else set()
        aid.granted = fen
        return whys

    def claw_back(self, name: str, fen: int) -> set[str]:
        """Ask so many coins back of those that are out and were not asked back."""
        aid = self.aids[name]
        aid.asked_back += fen
        return {"above_paid"} if aid.asked_back > self.paid(name) else set()

    def behind(self, policy: str, shown: list[str]) -> bool:
        """Say whether the subsidy's part of a premium is backed: by its money, or by grants shown that stand."""
        grants = [self.aids[name] for name in shown]
        stands = sum(max(0, (aid.granted or 0) - aid.asked_back - aid.settled) for aid in grants)
        bond = self.bond(policy)
        return bond.borne.get(GRANTED, 0) <= max(stands, bond.held(GRANTED))

    # --------------------------------------------------------------------------------------------------------- purses

    def ask(self, name: str, purse: Purse, today: int) -> set[str]:
        """Ask for a payment."""
        bond = self.bond(purse.policy)
        whys = bond.shut(purse.source, today)
        whys |= {"application_needed"} if purse.source in OF_FUND else set()
        whys |= {"above_due"} if purse.asked > bond.due(purse.source) else set()
        if purse.aid is not None:
            whys |= {"subsidy_of_other_policy"} if self.aids[purse.aid].policy != purse.policy else set()
            whys |= {"subsidy_kind"} if purse.source != GRANTED else set()
            whys |= {"above_grant"} if purse.asked > self.payable(purse.aid) else set()
        self.purses[name] = purse
        return whys

    def come(self, name: str, came: int, day: int) -> set[str]:
        """Let coins arrive: what its source owes, and its grant has, is kept; the rest is due back."""
        purse = self.purses[name]
        whys = {"paid_twice"} if purse.state == "came" else set[str]()
        whys |= {"line_amount_differs"} if came < purse.asked else set()
        if whys:
            return whys
        bond, keeps = self.bond(purse.policy), 0
        if not bond.shut(purse.source, day):
            keeps = min(came, bond.due(purse.source))
            if purse.aid is not None:
                keeps = min(keeps, self.payable(purse.aid))
                purse.of_aid = keeps
                self.aids[purse.aid].ever_paid = self.aids[purse.aid].ever_paid or keeps > 0
        purse.came, purse.held, purse.state, purse.ever_due = came, keeps, "came", came - keeps
        bond.coins[name] = purse
        bond.paid = bond.paid or (keeps > 0 and bond.whole())
        return whys

    def give_back(self, name: str, coins: int) -> set[str]:
        """Let coins come back: of this purse, then of the payer's others of the policy, in the order they arrived."""
        first = self.purses[name]
        if first.state != "came" or not first.open:
            return {"paid_twice", "payment_state"}
        all_coins = self.bond(first.policy).coins
        others = [other for other, each in all_coins.items() if isinstance(each, Purse) and each.payer == first.payer]
        for each in dict.fromkeys([name, *others]):
            gone = min(coins, self.purses[each].open)
            coins -= gone
            self._gone(self.purses[each], gone)
        return {"line_amount_differs"} if coins else set()

    def _gone(self, purse: Purse, coins: int) -> None:
        for _ in range(coins):
            own = purse.of_aid == purse.came - purse.back  # nothing but the subsidy's coins is left
            purse.back += 1
            if not own or purse.aid is None:
                continue
            purse.of_aid -= 1
            aid = self.aids[purse.aid]
            if aid.asked_back:
                aid.asked_back, aid.settled = aid.asked_back - 1, aid.settled + 1
