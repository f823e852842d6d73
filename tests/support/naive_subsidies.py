"""A clerk of the finance bureau: a purse of coins for each payment, and beside each coin whose it is.

Written from the order of a subsidy (claimed, granted, paid within the grant, returned, asked back) and of premium that
is due back to whoever paid it (MF12); it shares nothing with the ledger. One coin is one fen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.naive_votes import dealt

GRANTED, FEE = "fiscal_subsidy", "property_fee"


@dataclass
class Purse:
    """What was paid at once: of which source, for which subsidy, and where its coins are."""

    policy: str
    source: str
    asked: int
    subsidy: str | None
    came: int = 0
    """What arrived; nothing yet while it is 0."""
    of_subsidy: int = 0
    """Coins of the subsidy that are not back; they go back last."""
    held: int = 0
    """Coins that the insurer keeps as premium."""
    back: int = 0

    @property
    def open(self) -> int:
        """What is due back and has not come."""
        return self.came - self.held - self.back


@dataclass
class Deal:
    """A policy, and what each source bears of its premium."""

    borne: dict[str, int]
    valid: int
    state: str = "proposed"
    purses: list[str] = field(default_factory=list)
    """Payments that arrived, in their order."""


@dataclass
class Aid:
    """A subsidy."""

    policy: str
    claimed: int
    granted: int | None = None
    asked_back: int = 0
    """What was asked back and did not come."""
    settled: int = 0


@dataclass
class Desk:
    """All that the clerk has."""

    deals: dict[str, Deal] = field(default_factory=dict)
    aids: dict[str, Aid] = field(default_factory=dict)
    purses: dict[str, Purse] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------------- looks

    def paid(self, aid: str) -> int:
        """Count the coins of a subsidy that are with an insurer."""
        return sum(purse.of_subsidy for purse in self.purses.values() if purse.subsidy == aid)

    def payable(self, aid: str) -> int:
        """Count the coins that may be paid of it still."""
        known = self.aids[aid]
        return max(0, (known.granted or 0) - self.paid(aid) - known.settled)

    def held(self, policy: str, source: str) -> int:
        """Count what an insurer keeps of a source's coins."""
        return sum(p.held for p in self.purses.values() if p.policy == policy and p.source == source)

    def due(self, policy: str, source: str) -> int:
        """Count what a source owes."""
        deal = self.deals[policy]
        return max(0, deal.borne.get(source, 0) - self.held(policy, source)) if deal.state != "ended" else 0

    def takes(self, policy: str, day: int) -> bool:
        """Say whether a policy takes premium that arrives on a day."""
        deal = self.deals[policy]
        return deal.state == "issued" or (deal.state == "proposed" and day <= deal.valid)

    # -------------------------------------------------------------------------------------------------------- acts

    def claim(self, name: str, aid: Aid, area: str, place: str) -> set[str]:
        """Take a claim in, for a policy of a place, of a programme of an area (one lies in the other)."""
        whys, deal = set[str](), self.deals[aid.policy]
        if deal.state == "ended":
            whys.add("policy_state")
        if aid.claimed > sum(deal.borne.values()):
            whys.add("above_premium")
        narrow, wide = sorted((area.rstrip("0"), place.rstrip("0")), key=len, reverse=True)
        if not narrow.startswith(wide):
            whys.add("subsidy_of_other_area")
        self.aids[name] = aid
        return whys

    def grant(self, aid: str, fen: int) -> set[str]:
        """Grant a subsidy of a policy that stands."""
        known, whys = self.aids[aid], set[str]()
        if known.granted is not None:
            whys.add("granted_already")
        if fen > known.claimed:
            whys.add("above_claim")
        deal = self.deals[known.policy]
        if deal.state == "ended":
            whys.add("policy_state")
        if fen > sum(deal.borne.values()):
            whys.add("above_premium")
        known.granted = fen
        return whys

    def claw_back(self, aid: str, fen: int) -> set[str]:
        """Ask so many coins back, of those that are out and were not asked back."""
        known = self.aids[aid]
        whys = {"above_paid"} if known.asked_back + fen > self.paid(aid) else set()
        known.asked_back += fen
        return whys

    def ask(self, name: str, purse: Purse, today: int) -> set[str]:
        """Ask for a payment."""
        whys = set[str]()
        if not self.takes(purse.policy, today):
            whys |= {"policy_state", "quote_expired"}
        if purse.asked > self.due(purse.policy, purse.source):
            whys.add("above_due")
        if purse.subsidy is not None:
            if self.aids[purse.subsidy].policy != purse.policy:
                whys.add("subsidy_of_other_policy")
            if purse.source != GRANTED:
                whys.add("subsidy_kind")
            if purse.asked > self.payable(purse.subsidy):
                whys.add("above_grant")
        self.purses[name] = purse
        return whys

    def arrive(self, name: str, came: int, day: int) -> set[str]:
        """Let coins arrive: what its source owes, and its grant has, is kept, the rest goes back."""
        purse = self.purses[name]
        whys = {"paid_twice"} if purse.came else set()
        if came < purse.asked:
            whys.add("line_amount_differs")
        if whys:
            return whys
        keeps = 0
        if self.takes(purse.policy, day):
            keeps = min(came, self.due(purse.policy, purse.source))
            if purse.subsidy is not None:
                keeps = min(keeps, self.payable(purse.subsidy))
                purse.of_subsidy = keeps
        purse.came, purse.held = came, keeps
        self.deals[purse.policy].purses.append(name)
        return whys

    def give_back(self, name: str, coins: int) -> set[str]:
        """Let coins come back: of this purse, then of the payer's others of the policy, in the order they arrived."""
        first = self.purses[name]
        if not first.open:
            return {"paid_twice", "payment_state"}
        order = [name, *(other for other in self.deals[first.policy].purses if other != name)]
        for each in order:
            purse = self.purses[each]
            gone = min(coins, purse.open)
            coins -= gone
            self._gone(purse, gone)
        return {"line_amount_differs"} if coins else set()

    def _gone(self, purse: Purse, coins: int) -> None:
        for _ in range(coins):
            own = purse.of_subsidy == purse.came - purse.back  # nothing but the subsidy's coins is left
            purse.back += 1
            if not own or purse.subsidy is None:
                continue
            purse.of_subsidy -= 1
            aid = self.aids[purse.subsidy]
            if aid.asked_back:
                aid.asked_back, aid.settled = aid.asked_back - 1, aid.settled + 1

    def behind(self, policy: str, shown: list[str]) -> bool:
        """Say whether the subsidy's part of a premium is backed: by its money, or by grants shown that stand."""
        part = self.deals[policy].borne.get(GRANTED, 0)
        grants = [self.aids[name] for name in shown]
        stands = sum(max(0, (aid.granted or 0) - aid.asked_back - aid.settled) for aid in grants)
        return part <= max(stands, self.held(policy, GRANTED))

    def end(self, policy: str, refund: int | None = None) -> None:
        """Void a proposal, or cancel a policy with so much to be given back to those who paid."""
        deal = self.deals[policy]
        keeps = {source: self.held(policy, source) for source in deal.borne}
        if refund is None:
            refund = sum(keeps.values())
        deal.state = "ended"
        self._release(policy, dealt(refund, {s: fen for s, fen in keeps.items() if fen}) if refund else {})

    def cheapen(self, policy: str, fen: int) -> None:
        """Let a premium fall by so much, for all who bear it: what is kept above it goes back to who paid too much."""
        deal = self.deals[policy]
        for source, share in dealt(fen, {s: borne for s, borne in deal.borne.items() if borne}).items():
            deal.borne[source] -= share
        keeps = {source: self.held(policy, source) for source in deal.borne}
        self._release(policy, {s: fen - deal.borne[s] for s, fen in keeps.items() if fen > deal.borne[s]})

    def _release(self, policy: str, amounts: dict[str, int]) -> None:
        for source, fen in amounts.items():
            keeping = {n: p.held for n, p in self.purses.items() if (p.policy, p.source) == (policy, source) and p.held}
            for name, share in dealt(fen, keeping).items():
                self.purses[name].held -= share
