"""A housing clerk with an owners' meeting: lists of houses, deeds and ballot papers, counted one by one.

Written from Civil Code 278, 283 and 1259, art. 9 of the SPC's interpretation, and the bureau's order of papers; it
shares nothing with the ledger. Days are ordinal numbers, shares are dealt out fen by fen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

CIVIL_CODE = date(2021, 1, 1).toordinal()
PUBLIC_DAYS = 7
RESERVED_DAYS = 60
LONG_AGO = -1


@dataclass
class Deed:
    """Who owns a house from a day on; nobody is the developer."""

    on: int
    owners: frozenset[str]
    delivered: bool


@dataclass
class Home:
    """A house with its deeds in the order in which the clerk was told of them."""

    area: int
    building: str
    deeds: list[Deed]
    balance: int = 0

    def head(self, day: int) -> frozenset[str]:
        """Give the one head that the house counts under on a day: its owners together, or the developer (none)."""
        last = self.deeds[0]
        for deed in self.deeds[1:]:
            if last.on <= deed.on <= day:
                last = deed
        return last.owners if last.delivered else frozenset()


@dataclass
class Paper:
    """A ballot paper; `on` is the day it bears, if it bears one."""

    house: str
    choice: str
    on: int | None
    told: int
    """When the clerk got it."""


@dataclass
class Scheme:
    """A plan on the notice board: for whom, how much, since when."""

    buildings: frozenset[str] | None
    amount: int
    since: int


@dataclass
class Poll:
    """A vote: the papers in the urn, and what came out."""

    plan: str
    opened: int
    papers: list[Paper] = field(default_factory=list)
    closed: int | None = None
    public: int | None = None
    withdrawn: dict[str, int] = field(default_factory=dict)
    """When houses without a paper took theirs out."""
    passed: bool = False
    tally: dict[str, int] = field(default_factory=dict)

    def paper(self, house: str) -> Paper | None:
        """Give the paper of a house that lies in the urn."""
        return next((paper for paper in self.papers if paper.house == house), None)


@dataclass
class Bid:
    """An application for money of the fund."""

    plan: str
    poll: str | None
    policy: str
    amount: int
    emergency: bool
    filed: int
    state: str = "filed"
    approved: int = 0
    charged: dict[str, int] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    claimed: int = 0

    @property
    def costs(self) -> int:
        """What the owners bear by it, out of the fund or of their pockets, and did not get back."""
        taken = sum(self.charged.values()) + sum(self.owed.values()) - sum(self.back.values())
        return taken if self.state in {"approved", "paid"} else 0


@dataclass
class Insurance:
    """A proposal of which the fund is to pay `premium`, and what the insurer had and let go of."""

    premium: int
    valid: int
    state: str = "proposed"
    received: int = 0
    released: int = 0

    @property
    def due(self) -> int:
        """What the fund owes of it."""
        return self.premium - self.received + self.released


@dataclass
class Minutes:
    """All that the clerk wrote down."""

    homes: dict[str, Home] = field(default_factory=dict)
    schemes: dict[str, Scheme] = field(default_factory=dict)
    polls: dict[str, Poll] = field(default_factory=dict)
    insurances: dict[str, Insurance] = field(default_factory=dict)
    bids: dict[str, Bid] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------------ voting

    def inside(self, plan: str) -> dict[str, Home]:
        """Give the houses that a plan is for, in the order of their names."""
        of = self.schemes[plan].buildings
        return {n: home for n, home in sorted(self.homes.items()) if of is None or home.building in of}

    def publish(self, buildings: frozenset[str] | None, since: int, today: int) -> set[str]:
        """Say what is against a plan."""
        empty = buildings is not None and all(home.building not in buildings for home in self.homes.values())
        return ({"date_in_future"} if since > today else set()) | ({"scope_empty"} if empty else set())

    def open(self, plan: str, day: int, today: int) -> set[str]:
        """Say what is against opening a vote."""
        early = day < self.schemes[plan].since
        return ({"date_in_future"} if day > today else set()) | ({"vote_before_plan"} if early else set())

    def cast(self, poll: Poll, paper: Paper, today: int, *, again: bool) -> set[str]:
        """Put a paper into the urn, or say what is against it."""
        whys = {"vote_closed"} if poll.closed is not None else set()
        if paper.on is not None and paper.on > today:
            whys.add("date_in_future")
        if paper.on is not None and paper.on < poll.opened:
            whys.add("vote_dates")
        if paper.house not in self.inside(poll.plan):
            whys.add("ballot_out_of_scope")
        if poll.paper(paper.house) is not None and not again:
            whys.add("ballot_twice")
        poll.papers = [*(p for p in poll.papers if p.house != paper.house), paper]
        poll.withdrawn.pop(paper.house, None)
        return whys

    def take_back(self, poll: Poll, house: str, today: int) -> set[str]:
        """Take a paper out of the urn."""
        whys = {"vote_closed"} if poll.closed is not None else set()
        if poll.paper(house) is None:
            whys.add("ballot_missing")
        poll.papers = [p for p in poll.papers if p.house != house]
        poll.withdrawn[house] = today
        return whys

    def close(self, poll: Poll, day: int, today: int) -> set[str]:
        """Close the urn and count."""
        whys = {"vote_closed"} if poll.closed is not None else set()
        if day > today:
            whys.add("date_in_future")
        if day < poll.opened or any(p.on is not None and p.on > day for p in poll.papers):
            whys.add("vote_dates")
        if not whys:
            poll.closed = day
            poll.tally = self.count(poll, day)
            poll.passed = carried(poll.tally, day)
        return whys

    def doubts(self, poll: Poll, day: int) -> dict[str, int]:
        """Count what came to the clerk after the last day and does not say that it is of an earlier one."""
        late = {
            "ballots_told_late": len([p for p in poll.papers if p.on is None and p.told > day]),
            "ballots_withdrawn_late": len([told for told in poll.withdrawn.values() if told > day]),
            "head_divided": poll.tally["heads_divided"],
        }  # fmt: skip
        return {code: number for code, number in late.items() if number}

    def count(self, poll: Poll, day: int) -> dict[str, int]:
        """Count areas and heads, each head by all the papers of its houses."""
        inside = self.inside(poll.plan)
        tally = dict.fromkeys(("area_scope", "area_participating", "area_agreeing"), 0)
        heads: dict[frozenset[str], list[str]] = {}
        for name, home in inside.items():
            paper = poll.paper(name)
            choices = heads.setdefault(home.head(day), [])
            tally["area_scope"] += home.area
            if paper is not None:
                choices.append(paper.choice)
                tally["area_participating"] += home.area
                tally["area_agreeing"] += home.area if paper.choice == "agree" else 0
        voting = [choices for choices in heads.values() if choices]
        return tally | {
            "heads_scope": len(heads),
            "heads_participating": len(voting),
            "heads_agreeing": len([choices for choices in voting if all(c == "agree" for c in choices)]),
            "heads_divided": len([choices for choices in voting if any(c != choices[0] for c in choices)]),
        }

    # ------------------------------------------------------------------------------------------------- the bureau

    def taken(self, house: str) -> int:
        """Give what is set aside of a house's money."""
        return sum(bid.charged.get(house, 0) for bid in self.bids.values() if bid.state == "approved")

    def shares(self, bid: Bid) -> tuple[dict[str, int], dict[str, int]]:
        """Deal an amount out by area: what sub-accounts bear, and what owners pay who have too little in theirs."""
        inside = self.inside(bid.plan)
        charged: dict[str, int] = {}
        owed: dict[str, int] = {}
        for house, fen in dealt(bid.amount, {name: home.area for name, home in inside.items()}).items():
            bears = inside[house].balance - self.taken(house) >= fen
            (charged if bears else owed)[house] = fen
        return charged, owed

    def approve(self, bid: Bid, share: int, today: int) -> set[str]:
        """Set the money aside, or say what is against it."""
        whys = _filed(bid)
        deal, plan = self.insurances[bid.policy], self.schemes[bid.plan]
        poll = None if bid.poll is None else self.polls[bid.poll]
        whys |= self._due(bid.policy, today)
        if not bid.emergency:
            if poll is None or poll.closed is None or not poll.passed:
                whys |= {"not_voted", "participation_missed", "vote_failed"}
            if poll is not None and poll.closed is not None:
                whys |= {"vote_after_application"} if poll.closed > bid.filed else set()
                whys |= {"plan_publicity_short"} if poll.opened - plan.since - 1 < PUBLIC_DAYS else set()
        if bid.amount + sum(other.costs for other in self.bids.values() if other.plan == bid.plan) > plan.amount:
            whys.add("above_plan")
        bid.charged, bid.owed = self.shares(bid)
        bears = sum(bid.charged.values())
        if not bears:
            whys.add("fund_insufficient")
        if share != bears:
            whys |= {"fund_share_differs", "fund_insufficient"}
        if bears > deal.due and (deal.state != "proposed" or deal.received):
            whys.add("above_due")
        bid.state, bid.approved = "approved", today
        return whys

    def file(self, bid: Bid) -> set[str]:
        """Say what is against an application."""
        whys = self._due(bid.policy, bid.filed)
        if bid.poll is not None and self.polls[bid.poll].plan != bid.plan:
            whys.add("vote_of_other_plan")
        return whys

    def _due(self, policy: str, today: int) -> set[str]:
        deal = self.insurances[policy]
        if deal.state == "cancelled":
            return {"policy_state"}
        if deal.state == "proposed" and today > deal.valid:
            return {"quote_expired"}
        taken = any(bid.policy == policy and bid.state == "approved" for bid in self.bids.values())
        paid = deal.due <= 0
        return ({"policy_applied_already"} if taken or paid else set()) | ({"above_due"} if paid else set())

    def amiss(self, bid: Bid, day: int) -> set[str]:
        """Say what is amiss with a day on which money left: approval, and seven days of publicity, come before."""
        whys = {"paid_before_approval"} if day < bid.approved else set()
        if bid.poll is not None and not bid.emergency:
            public = self.polls[bid.poll].public
            if public is None:
                whys.add("result_not_published")
            elif day - public - 1 < PUBLIC_DAYS:
                whys.add("result_publicity_short")
        return whys

    def pay(self, bid: Bid, today: int, day: int) -> set[str]:
        """Let the money go to the insurer, as of a day that the bank says, or say what is against it."""
        whys = {
            "filed": {"not_approved"}, "refused": {"application_refused"}, "voided": {"application_voided"},
            "paid": {"paid_twice"}, "approved": set[str](),
        }[bid.state]  # fmt: skip
        deal = self.insurances[bid.policy]
        if today - bid.approved > RESERVED_DAYS:
            whys.add("reservation_expired")
        if deal.state == "proposed" and day > deal.valid:
            whys.add("quote_expired")
        share = sum(bid.charged.values())
        if share > deal.premium or (deal.state == "proposed" and bid.owed and share < deal.due):
            whys.add("share_not_declared")
        if share > deal.due:
            whys.add("above_due")
        whys |= self.amiss(bid, day)
        if not whys:
            bid.state = "paid"
            deal.received += sum(bid.charged.values())
            for house, fen in bid.charged.items():
                self.homes[house].balance -= fen
        return whys

    def refund(self, bid: Bid, fen: int) -> set[str]:
        """Give money that came back to the houses it came from, in the measure of what each still lacks."""
        whys = set[str]() if bid.state == "paid" else {
            "not_approved", "paid_twice", "application_approved", "application_voided", "application_refused",
        }  # fmt: skip
        lacks = {house: paid - bid.back.get(house, 0) for house, paid in bid.charged.items()}
        if fen > sum(lacks.values()):
            whys.add("refund_too_high")
        if not whys:
            for house, share in dealt(fen, {house: lack for house, lack in lacks.items() if lack}).items():
                bid.back[house] = bid.back.get(house, 0) + share
                self.homes[house].balance += share
        return whys


def _filed(bid: Bid) -> set[str]:
    if bid.state == "filed":
        return set()
    return {"paid_twice"} if bid.state == "paid" else {f"application_{bid.state}"}


def carried(tally: dict[str, int], day: int) -> bool:
    """Say whether enough took part and agreed, by area and by heads alike."""
    for what in ("area", "heads"):
        scope, part, yes = (tally[f"{what}_{kind}"] for kind in ("scope", "participating", "agreeing"))
        if day < CIVIL_CODE:
            if Fraction(yes, scope) < Fraction(2, 3):
                return False
        elif Fraction(part, scope) < Fraction(2, 3) or not part or Fraction(yes, part) <= Fraction(1, 2):
            return False
    return True


def dealt(fen: int, weights: dict[str, int]) -> dict[str, int]:
    """Deal out fen: to each the whole part of his share, what is left to the greatest rests, then to the first name."""
    whole = sum(weights.values())
    exact = {name: Fraction(fen * weight, whole) for name, weight in weights.items()}
    shares = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda n: (shares[n] - exact[n], n))[: fen - sum(shares.values())]:
        shares[name] += 1
    return {name: share for name, share in shares.items() if share}
