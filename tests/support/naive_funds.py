"""A clerk of several estates: a chest for each fund, a slip for each application, a cheque for each order, a coin book.

Written from 管理办法 20-25, Civil Code 278 and 283, the bureau's order of papers (MF01-MF12) and premium before policy
(见费出单); the votes are those of `naive_votes`. It shares nothing with the ledger. One coin is one fen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.naive_votes import Minutes, dealt

PRINCIPAL = "fund_principal"


@dataclass
class Custom:
    """What a district has ruled: days of notice of a plan and of a result, days that money is set aside for."""

    plan: int
    result: int
    aside: int


@dataclass
class Chest:
    """A fund: its houses, plans and votes, the income that is nobody's, what is in the bank."""

    custom: Custom
    minutes: Minutes = field(default_factory=Minutes)
    strange: set[str] = field(default_factory=set)
    """Plans with a lift of another estate."""
    pool: int = 0
    bank: int = 0


@dataclass
class Slip:
    """An application: `aside` while money is set aside for it; `order` is the cheque that is under way or paid it."""

    fund: str
    plan: str
    poll: str | None
    policy: str
    source: str
    amount: int
    emergency: bool
    filed: int
    state: str = "filed"
    approved: int = 0
    aside: bool = False
    charged: dict[str, int] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    share: int = 0
    staged: bool = False
    order: str | None = None
    claimed: int = 0
    back: dict[str, int] = field(default_factory=dict)

    @property
    def pooled(self) -> bool:
        """Say whether no house is charged."""
        return self.source != PRINCIPAL

    @property
    def came_back(self) -> int:
        """Sum what came back."""
        return sum(self.back.values())

    def wants(self, state: str) -> set[str]:
        """Say why it is in no such state."""
        if self.state == state:
            return set()
        done = {"ordered": "paid_twice", "paid": "paid_twice", "return_due": "paid_twice", "filed": "not_approved"}
        return {done.get(self.state, f"application_{self.state}")}


@dataclass
class Cheque:
    """An order to the bank: `under_way`, `failed`, `paid`, `out` (left for nothing, due back) or `returned`."""

    slip: str
    state: str = "under_way"


@dataclass
class Coins:
    """What a cheque brought to the insurer, and what of it he keeps as premium."""

    source: str
    came: int
    held: int


@dataclass
class Deal:
    """A policy: who is to pay what; `earned` is what each source bears once it is cancelled."""

    borne: dict[str, int]
    valid: int
    state: str = "proposed"
    paid: bool = False
    coins: dict[str, Coins] = field(default_factory=dict)
    earned: dict[str, int] | None = None

    def held(self, source: str | None = None) -> int:
        """Sum what is held, of a source or of all."""
        return sum(each.held for each in self.coins.values() if source in {None, each.source})

    def due(self, source: str) -> int:
        """Give what a source still owes."""
        borne = self.borne if self.earned is None else self.earned
        return max(0, borne.get(source, 0) - self.held(source))

    def whole(self) -> bool:
        """Say whether all of the premium is there."""
        return self.held() >= sum(self.borne.values())

    def shut(self, source: str, day: int) -> set[str]:
        """Say why it takes no money of a source on a day."""
        if self.state == "issued" or (self.earned is not None and self.due(source)):
            return set()
        if self.state != "proposed":
            return {"policy_state"}
        return set() if self.paid or day <= self.valid else {"quote_expired"}

    def release(self, fen: int) -> None:
        """Let so much of what is held go back: by source, then by cheque, as each has paid."""
        sources = {source: self.held(source) for source in sorted({each.source for each in self.coins.values()})}
        for source, part in dealt(fen, {s: held for s, held in sources.items() if held}).items() if fen else ():
            own = {name: each.held for name, each in self.coins.items() if each.source == source and each.held}
            for name, share in dealt(part, own).items():
                self.coins[name].held -= share


@dataclass
class Town:
    """All that the clerk knows."""

    chests: dict[str, Chest] = field(default_factory=dict)
    slips: dict[str, Slip] = field(default_factory=dict)
    cheques: dict[str, Cheque] = field(default_factory=dict)
    deals: dict[str, Deal] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------ what is free

    def of(self, fund: str) -> dict[str, Slip]:
        """Give the applications to a fund."""
        return {name: slip for name, slip in self.slips.items() if slip.fund == fund}

    def gone(self, fund: str, *states: str, but: str = "") -> list[Slip]:
        """Give whose cheques are in such a state though nothing is set aside for them; a slip once for each cheque."""
        return [
            self.slips[cheque.slip]
            for cheque in self.cheques.values()
            if cheque.state in states
            and self.slips[cheque.slip].fund == fund
            and (cheque.state == "out" or (cheque.slip != but and not self.slips[cheque.slip].aside))
        ]

    def takers(self, fund: str) -> list[Slip]:
        """Give for whom money of a fund is set aside, under way, or out."""
        aside = [slip for slip in self.of(fund).values() if slip.aside]
        return [*aside, *self.gone(fund, "under_way", "out")]

    def free(self, fund: str, source: str) -> int:
        """Give what is free of a fund's money in the bank, of the pool no more than is left in it."""
        chest = self.chests[fund]
        in_bank = chest.bank - sum(slip.share for slip in self.of(fund).values() if slip.aside)
        in_bank -= sum(slip.share for slip in self.gone(fund, "under_way"))
        if source == PRINCIPAL:
            return in_bank
        return min(in_bank, chest.pool - sum(slip.share for slip in self.takers(fund) if slip.pooled))

    def shares(self, slip: Slip) -> tuple[dict[str, int], dict[str, int]]:
        """Deal an amount out by area: what sub-accounts bear, and what owners pay who have too little in theirs."""
        charged: dict[str, int] = {}
        owed: dict[str, int] = {}
        if slip.pooled:
            return charged, owed
        inside, takers = self.chests[slip.fund].minutes.inside(slip.plan), self.takers(slip.fund)
        for name, fen in dealt(slip.amount, {name: home.area for name, home in inside.items()}).items():
            left = inside[name].balance - sum(taker.charged.get(name, 0) for taker in takers)
            (charged if left >= fen else owed)[name] = fen
        return charged, owed

    def bears(self, slip: Slip) -> int:
        """Give what the fund would bear of an application."""
        return slip.amount if slip.pooled else sum(self.shares(slip)[0].values())

    # ------------------------------------------------------------------------------------------------- the bureau

    def shut(self, slip: Slip, today: int) -> set[str]:
        """Say why nothing can be applied for."""
        deal = self.deals[slip.policy]
        whys, due = deal.shut(slip.source, today), deal.due(slip.source)
        twins = [s for s in self.of(slip.fund).values() if (s.policy, s.source) == (slip.policy, slip.source)]
        if any(twin.aside or twin.state == "ordered" or (twin.state == "paid" and not due) for twin in twins):
            whys.add("policy_applied_already")
        if deal.state != "proposed" and not due:
            whys.add("above_due")
        if slip.poll is not None and self.chests[slip.fund].minutes.polls[slip.poll].plan != slip.plan:
            whys.add("vote_of_other_plan")
        return whys

    def unvoted(self, slip: Slip) -> set[str]:
        """Say what is amiss with plan and vote."""
        chest = self.chests[slip.fund]
        plan = chest.minutes.schemes[slip.plan]
        poll = None if slip.poll is None else chest.minutes.polls[slip.poll]
        whys = {"lift_of_other_estate"} if slip.plan in chest.strange else set()
        if not slip.emergency:
            if poll is None or poll.closed is None or not poll.passed:
                whys.add("not_voted")
            if poll is not None and poll.closed is not None:
                whys |= {"vote_after_application"} if poll.closed > slip.filed else set()
                whys |= {"plan_publicity_short"} if poll.opened - plan.since - 1 < chest.custom.plan else set()
        costs = sum(
            other.share + sum(other.owed.values()) - other.came_back
            for other in self.of(slip.fund).values()
            if other.plan == slip.plan and (other.aside or other.state in {"ordered", "paid"})
        )  # fmt: skip
        return whys | ({"above_plan"} if slip.amount + costs > plan.amount else set())

    def approve(self, slip: Slip, share: int, today: int) -> set[str]:
        """Set the money aside, or say what is against it."""
        whys = set[str]() if slip.state == "filed" else slip.wants("filed")
        whys |= self.shut(slip, today) | self.unvoted(slip)
        deal, free = self.deals[slip.policy], self.free(slip.fund, slip.source)
        charged, owed = self.shares(slip)
        bears = slip.amount if slip.pooled else sum(charged.values())
        if not 0 < bears <= free:
            whys.add("fund_insufficient")
        if share != bears:
            whys |= {"fund_share_differs" if share < bears else "fund_insufficient"}
        begun = deal.state != "proposed" or any(each.source == slip.source for each in deal.coins.values())
        if begun and bears > deal.due(slip.source):
            whys.add("above_due")
        if not whys:
            slip.charged, slip.owed, slip.share, slip.aside = charged, owed, bears, True
            slip.state, slip.approved, slip.staged = "approved", today, not (charged or owed)
        return whys

    def expired(self, slip: Slip, today: int) -> bool:
        """Say whether money is set aside no longer, were the clerk to look at it."""
        return today - slip.approved > self.chests[slip.fund].custom.aside

    def sweep(self, fund: str, today: int) -> int:
        """Take back what was set aside for too long; gives of how many days of approval."""
        late = [slip for slip in self.of(fund).values() if slip.aside and self.expired(slip, today)]
        for slip in late:
            slip.aside = False
        return len({slip.approved for slip in late})

    # ---------------------------------------------------------------------------------------------------- the money

    def amiss(self, slip: Slip, day: int) -> set[str]:
        """Say what is amiss with the day on which money left: approval, and the notice of the result, come before."""
        whys = {"paid_before_approval"} if day < slip.approved else set()
        if slip.poll is not None and not slip.emergency:
            chest = self.chests[slip.fund]
            public = chest.minutes.polls[slip.poll].public
            if public is None:
                whys.add("result_not_published")
            elif day - public - 1 < chest.custom.result:
                whys.add("result_publicity_short")
        return whys

    def borne(self, name: str) -> bool:
        """Say whether bank and houses, or the pool, have a slip's money beside what others' cheques take or took."""
        slip = self.slips[name]
        chest, gone = self.chests[slip.fund], self.gone(slip.fund, "out")
        under_way = [
            self.slips[cheque.slip]
            for cheque in self.cheques.values()
            if cheque.state == "under_way" and cheque.slip != name and self.slips[cheque.slip].fund == slip.fund
        ]  # fmt: skip
        if chest.bank - sum(other.share for other in under_way) < slip.share:
            return False
        others = [*gone, *under_way]
        if slip.pooled:
            return chest.pool - sum(other.share for other in others if other.pooled) >= slip.share
        homes = chest.minutes.homes
        return all(
            homes[house].balance - sum(other.charged.get(house, 0) for other in others) >= fen
            for house, fen in slip.charged.items()
        )

    def order(self, name: str, cheque: str, fen: int, today: int, day: int) -> set[str]:
        """Write a cheque, or say what is against it; `day` is when the money left, or today."""
        slip = self.slips[name]
        whys, deal = slip.wants("approved"), self.deals[slip.policy]
        if not slip.aside:
            whys.add("not_reserved")
        if self.expired(slip, today):
            whys.add("reservation_expired")
        if not slip.staged:
            whys.add("charges_not_staged")
        if not self.borne(name):
            whys.add("fund_insufficient")
        whys |= deal.shut(slip.source, day)
        if fen != slip.share:
            whys.add("share_not_approved")
        due = deal.due(slip.source)
        # Of a proposal nobody has quoted what owners are to pay themselves; another fund's part is that fund's to pay.
        if fen > deal.borne.get(slip.source, 0) or (deal.state == "proposed" and fen < due and slip.owed):
            whys.add("share_not_declared")
        if fen > due:
            whys.add("above_due")
        whys |= self.amiss(slip, day)
        if not whys:
            self.cheques[cheque] = Cheque(name)
            slip.state, slip.order = "ordered", cheque
        return whys

    def arrive(self, cheque: str, day: int) -> None:
        """Let a cheque's money leave on a day: for what it was set aside for, or for nothing."""
        written = self.cheques[cheque]
        slip = self.slips[written.slip]
        chest, deal = self.chests[slip.fund], self.deals[slip.policy]
        own = slip.order in {None, cheque}
        chest.bank -= slip.share
        # What a cheque under way was to pay is kept for it, whenever the clerk hears that it left in time.
        kept = (slip.aside or slip.state == "ordered") and not self.expired(slip, day)
        if own and kept and not deal.shut(slip.source, day) and slip.share <= deal.due(slip.source):
            written.state, slip.state = "paid", "paid"
            deal.coins[cheque] = Coins(slip.source, slip.share, slip.share)
            deal.paid = deal.paid or deal.whole()
            chest.pool -= slip.share if slip.pooled else 0
            for house, fen in slip.charged.items():
                chest.minutes.homes[house].balance -= fen
        else:
            written.state = "out"
            slip.state = "return_due" if own else slip.state
        if own:
            slip.aside, slip.order = False, cheque

    def fail(self, cheque: str) -> None:
        """Let the bank say that it could not pay."""
        written = self.cheques[cheque]
        slip = self.slips[written.slip]
        written.state, slip.order = "failed", None
        slip.state = "approved" if slip.state == "ordered" else slip.state

    def come_back(self, cheque: str) -> None:
        """Let what left for nothing come back."""
        self.cheques[cheque].state = "returned"
        slip = self.slips[self.cheques[cheque].slip]
        self.chests[slip.fund].bank += slip.share

    def let_go(self, slip: Slip) -> int:
        """Give what the insurer does not keep of what an application paid."""
        coins = self.deals[slip.policy].coins.get(slip.order or "")
        return 0 if coins is None else coins.came - coins.held

    def refund(self, slip: Slip, fen: int) -> bool:
        """Give money that came back to whom it came from; tells whether it was not due, or not declared."""
        chest, deal = self.chests[slip.fund], self.deals[slip.policy]
        lacks = {house: paid - slip.back.get(house, 0) for house, paid in (slip.charged or {"": slip.share}).items()}
        for house, share in dealt(fen, {house: lack for house, lack in lacks.items() if lack}).items():
            slip.back[house] = slip.back.get(house, 0) + share
            if house:
                chest.minutes.homes[house].balance += share
        chest.pool += fen if slip.pooled else 0
        chest.bank += fen
        kept = slip.came_back - self.let_go(slip)
        if kept > 0:  # the insurer gave back what he was to keep: of a policy that ended he asks for it no more
            deal.coins[slip.order or ""].held -= kept
            deal.paid = deal.paid and deal.whole()
            if deal.earned is not None:
                deal.earned[slip.source] -= kept
        return kept > 0 or slip.came_back > slip.claimed
