"""What estates' funds pay on their votes: applications, orders, the bank's word, refunds, and the ends of policies."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from application.work import Work
from domain.aggregate import Event
from domain.funds import Fund
from tests.support.borough import SOURCES, Borough
from tests.support.funding import PREMIUM_FEN
from tests.support.insuring import INSURER, RIVAL, derive, line, proposed
from tests.support.naive_funds import PRINCIPAL, Deal, Slip
from tests.support.voting import written


def codes(event: Event) -> set[str]:
    """Give the codes of what was found."""
    return {str(found["code"]) for found in event.found["findings"]}


class Exchequer(Borough):
    """The borough with its money."""

    # ---------------------------------------------------------------------------------------------------- policies

    def quote(self) -> None:
        """Have a policy of a year of its own proposed, for the lift of one fund or of two, out of one source or two."""
        rng, year = self.rng, 2027 + len(self.town.deals)
        term: dict[str, Any] = {"from_date": f"{year}-04-01", "to_date": f"{year + 1}-04-01"}
        funds = rng.choice(([self.fund], rng.sample(self.funds, 2)))
        lifts = list(dict.fromkeys(self.lifts[fund] for fund in funds))
        lines = [line("", lift, PREMIUM_FEN, **term) for lift in lifts]
        parts: dict[tuple[str, str], int] = {}
        whole, source = PREMIUM_FEN * len(lifts), rng.choice((*SOURCES, PRINCIPAL, PRINCIPAL, PRINCIPAL))
        first = rng.choice((whole // 2, 5_000, whole))  # what the first of two is to pay; all, if each means to
        for number, fund in enumerate(funds):
            fen = whole if len(funds) == 1 or first == whole else (first, whole - first)[number]
            pooled = rng.choice((0, 0, 0, 1_000, 3_333)) if source == PRINCIPAL else 0
            parts |= {(fund, source): fen - pooled} | ({(fund, "fund_income"): pooled} if pooled else {})
        borne = {kind: sum(fen for (_, of), fen in parts.items() if of == kind) for kind in SOURCES}
        if sum(borne.values()) > whole:
            parts = {(fund, source): whole for fund in funds}
            borne = dict.fromkeys(SOURCES, 0) | {source: whole}
        valid = self.today + rng.choice((5, 170) if self.odd(0.3) else (170,))
        sources = [{"kind": kind, "amount_fen": fen} for kind, fen in borne.items() if fen]
        name = proposed(self.book, *lines, sources=sources, valid_until=written(valid), **term)
        self.town.deals[name] = Deal({kind: fen for kind, fen in borne.items() if fen}, valid)
        self.parts[name] = parts

    def deal(self, *states: str) -> str | None:
        """Draw a policy in such a state."""
        deals = self.town.deals
        return self.late([name for name in deals if deals[name].state in states])

    def issue(self) -> None:
        """Issue what is paid whole."""
        deals = self.town.deals
        whole = [name for name in deals if deals[name].state == "proposed" and deals[name].whole()]
        if (name := self.late(whole, list(deals))) is None:
            return
        trial = deepcopy(self.town)
        deal = trial.deals[name]
        whys = set[str]() if deal.whole() else {"issued_before_premium"}
        whys |= set() if deal.state == "proposed" else {"policy_state"}
        whys |= set() if deal.paid or self.today <= deal.valid else {"quote_expired"}
        deal.state = "issued"
        self.tried(INSURER, "policy.issue", {"number": name}, trial, whys, policy=name)

    def end(self) -> None:
        """Cancel an issued policy on its first day, or void a proposal, or let it lapse."""
        if (name := self.deal("issued") or self.deal("proposed")) is None:
            return
        trial = deepcopy(self.town)
        deal = trial.deals[name]
        if deal.state == "issued":
            held = deal.held()
            fen = self.rng.choice((held, held, held // 2, max(0, held - 999), held + 1))
            said = {
                "effective_on": str((self.book.events(name)[0].said or {})["from_date"]), "refund_fen": fen,
                "reason": "sold",
            }  # fmt: skip
            if fen <= held:
                deal.release(fen)
            deal.state, deal.earned = "cancelled", {source: deal.held(source) for source in deal.borne}
            whys = {"refund_over_received"} if fen > held else set[str]()
            self.tried(INSURER, "policy.cancel", said, trial, whys, policy=name)
            return
        act, state = self.rng.choice((("void", "voided"), ("lapse", "lapsed")))
        stands = deal.paid or self.today <= deal.valid
        if stands and self.rng.random() < 0.8:
            return
        for coins in deal.coins.values():
            coins.held = 0
        deal.state = state
        whys = {"quote_valid"} if act == "lapse" and stands else set()
        self.tried(INSURER, f"policy.{act}", {"reason": "sold"}, trial, whys, policy=name)

    # ------------------------------------------------------------------------------------------------ applications

    def slip(self, *states: str) -> str | None:
        """Draw an application to the fund at hand, mostly one in such a state."""
        own = self.town.of(self.fund)
        found = [name for name in own if own[name].state in states]
        return self.late(found, list(own))

    def file(self) -> None:
        """Apply for what a fund is meant to bear of a policy, mostly on a vote that passed."""
        rng, minutes = self.rng, self.minutes
        open_ones = [
            (policy, source, fen)
            for policy, parts in self.parts.items()
            for (fund, source), fen in parts.items()
            if fund == self.fund and self.town.deals[policy].state in {"proposed", "issued"}
        ]  # fmt: skip
        if not minutes.schemes or not self.parts:
            return
        if open_ones and not self.odd(0.5):
            open_ones = [row for row in open_ones if self.town.deals[row[0]].due(row[1])][-2:] or open_ones
        policy, source, fen = rng.choice(open_ones or [(rng.choice(list(self.parts)), PRINCIPAL, PREMIUM_FEN)])
        if self.odd(0.2):
            policy, source, fen = rng.choice(list(self.parts)), rng.choice(SOURCES), rng.choice((fen, fen // 2, 16_000))
        passed = [name for name in minutes.polls if minutes.polls[name].passed]
        poll = self.late(passed, list(minutes.polls)) if not self.odd(0.1) else None
        plan = minutes.polls[poll].plan if poll and not self.odd(0.05) else rng.choice(list(minutes.schemes))
        trial, name = deepcopy(self.town), self.name("application")
        slip = trial.slips[name] = Slip(self.fund, plan, poll, policy, source, fen, rng.random() < 0.07, self.today)
        author, whys = self.who("committee", "manager")
        whys |= trial.shut(slip, self.today)
        bears, free = trial.bears(slip), trial.free(self.fund, source)
        said = {
            "id": name, "policy": policy, "plan": plan, "pays_from": source, "amount_fen": fen,
            **({} if poll is None else {"vote": poll}), **({"emergency": "lift_stuck"} if slip.emergency else {}),
        }  # fmt: skip
        events = self.tried(author, "application.file", said, trial, whys, fund=self.fund)
        if events is not None:
            assert events[0].found["bearable_fen"] == max(0, min(bears, free))
            assert events[0].found["owed_fen"] == (0 if slip.pooled else fen - bears)

    def approve(self) -> None:
        """Let the bureau approve."""
        if (name := self.slip("filed")) is None:
            return
        trial = deepcopy(self.town)
        slip, (author, whys) = trial.slips[name], self.who("bureau")
        share = max(1, trial.bears(slip) + (self.rng.choice((1, -1)) if self.odd(0.1) else 0))
        whys |= trial.approve(slip, share, self.today)
        path = {"fund": self.fund, "application": name}
        self.tried(author, "application.approve", {"fund_share_fen": share}, trial, whys, **path)

    def give_up(self) -> None:
        """Refuse an application or give it up, also when its money is under way."""
        if (name := self.slip("filed", "approved", "ordered")) is None:
            return
        trial, path = deepcopy(self.town), {"fund": self.fund, "application": name}
        slip = trial.slips[name]
        if self.rng.random() < 0.2:
            author, whys = self.who("bureau")
            whys |= set() if slip.state == "filed" else slip.wants("filed")
            slip.state = "refused"
            self.tried(author, "application.refuse", {"reasons": ["papers"]}, trial, whys, **path)
            return
        author, whys = self.who("bureau", "committee")
        whys |= set() if slip.state in {"filed", "approved", "ordered"} else slip.wants("filed")
        slip.state, slip.aside = "voided", False
        self.tried(author, "application.void", {"reason": "papers"}, trial, whys, **path)

    def stage(self) -> None:
        """Note the shares on the houses."""
        own = self.town.of(self.fund)
        wanting = [name for name in own if own[name].aside and not own[name].staged]
        if (name := self.late(wanting) or self.slip("approved")) is None:
            return
        trial = deepcopy(self.town)
        slip, (author, whys) = trial.slips[name], self.who("bureau", "bank")
        whys |= slip.wants("approved") | (set() if slip.aside else {"not_reserved"})
        whys |= {"group_out_of_order"} if slip.staged else set()
        slip.staged = True
        path = {"fund": self.fund, "application": name}
        self.tried(author, "application.stage_charges", {"group": 1}, trial, whys, **path)

    def sweep(self) -> None:
        """Let the timer look at all funds."""
        for fund in self.funds:
            due = self.book.state(Fund, fund).due(self.book.now)
            assert len(due) == self.town.sweep(fund, self.today)
            for at in due:

                def fire(work: Work, _said: object, _path: object, fund: str = fund, at: str = at) -> None:
                    assert work.change(Fund, fund).expire(at)

                derive(self.book, fire)

    # --------------------------------------------------------------------------------------------------- the money

    def order(self) -> None:
        """Order what was approved, with the bank's line or without."""
        if (name := self.slip("approved")) is None:
            return
        rng, trial, cheque = self.rng, deepcopy(self.town), self.name("payment")
        slip, (author, whys) = trial.slips[name], self.who("bureau", "bank")
        fen = (slip.share or PREMIUM_FEN) + self.odd(0.1)
        said: dict[str, Any] = {"payment": cheque, "amount_fen": fen}
        said["payee"], bad = (RIVAL.party, {"payee_not_insurer"}) if self.odd(0.05) else (INSURER.party, set[str]())
        day, at_once = self.today - (rng.choice((0, 1, 5)) if self.odd(0.4) else 0), rng.random() < 0.3
        if at_once:
            said["line"], wrong = self.seen(fen, "out", day)
            bad |= wrong
        whys |= bad | trial.order(name, cheque, fen, self.today, day if at_once else self.today)
        if at_once and not whys:
            trial.arrive(cheque, day)
        path = {"fund": self.fund, "application": name}
        if self.tried(author, "application.pay", said, trial, whys, **path) is not None and at_once:
            self.lines.append(said["line"])

    def cheque(self, *states: str) -> str | None:
        """Draw an order of the fund at hand, mostly one in such a state."""
        cheques = self.town.cheques
        own = [name for name in cheques if self.town.slips[cheques[name].slip].fund == self.fund]
        found = [name for name in own if cheques[name].state in states]
        return self.late(found, own)

    def confirm(self) -> None:
        """Let the bank say that money left, also of what was noted as failed."""
        if (name := self.cheque(self.rng.choice(("under_way", "under_way", "failed")))) is None:
            return
        trial, day = deepcopy(self.town), self.today - self.rng.choice((0, 0, 1, 5, 40))
        slip, (author, whys) = trial.slips[trial.cheques[name].slip], self.who("bank")
        whys |= set() if trial.cheques[name].state in {"under_way", "failed"} else {"paid_twice"}
        bank_line, wrong = self.seen(slip.share, "out", day)
        whys |= wrong
        if not whys:
            trial.arrive(name, day)
        events = self.tried(author, "payment.confirm", {"line": bank_line}, trial, whys, payment=name)
        if events is not None:
            self.lines.append(bank_line)
            assert codes(events[0]) - {"premium_told_late", "arrived_before_lapse"} == trial.amiss(slip, day)

    def fail(self) -> None:
        """Let the bank say that it could not pay."""
        if (name := self.cheque("under_way")) is None:
            return
        trial, (author, whys) = deepcopy(self.town), self.who("bank")
        state = trial.cheques[name].state
        whys |= {"under_way": set[str](), "failed": {"payment_state"}}.get(state, {"paid_twice"})
        if not whys:
            trial.fail(name)
        self.tried(author, "payment.fail", {"reason": "account_unknown"}, trial, whys, payment=name)

    def come_back(self) -> None:
        """Let money come back that left for nothing."""
        if (name := self.cheque("out")) is None:
            return
        trial, (author, whys) = deepcopy(self.town), self.who("bank")
        state = trial.cheques[name].state
        whys |= {"out": set[str](), "under_way": {"payment_state"}, "failed": {"payment_state"}}.get(
            state, {"paid_twice"}
        )
        bank_line, wrong = self.seen(trial.slips[trial.cheques[name].slip].share, "in")
        whys |= wrong
        trial.come_back(name)
        if self.tried(author, "payment.return", {"line": bank_line}, trial, whys, payment=name) is not None:
            self.lines.append(bank_line)

    # -------------------------------------------------------------------------------------------------- the refunds

    def claim(self) -> None:
        """Note that premium is due back."""
        if (name := self.slip("paid")) is None:
            return
        rng, trial = self.rng, deepcopy(self.town)
        slip, (author, whys) = trial.slips[name], self.who("bureau")
        author = INSURER if not whys and rng.random() < 0.5 else author
        left = max(0, trial.let_go(slip) - slip.claimed)
        fen = rng.choice((left, left, left // 2, left + 1)) or 1
        whys |= slip.wants("paid") | ({"refund_too_high"} if fen > left else set())
        slip.claimed += fen
        path = {"fund": self.fund, "application": name}
        self.tried(author, "application.claim_refund", {"amount_fen": fen, "reason": "sold"}, trial, whys, **path)

    def refund(self) -> None:
        """Let premium come back, mostly what is due, and note the houses' parts."""
        if (name := self.slip("paid")) is None:
            return
        rng, trial = self.rng, deepcopy(self.town)
        slip, (author, whys) = trial.slips[name], self.who("bureau", "bank")
        left, due = slip.share - slip.came_back, max(0, trial.let_go(slip) - slip.came_back)
        if not due and not self.odd(0.4):
            return
        drawn = rng.choice((due, 1, 7, due // 2, due + 1, left // 3, left, left + 1))
        fen = (drawn if self.odd(0.8) else due // 2) or 1
        old, known = rng.random() < 0.05, self.refunds.setdefault(self.fund, [])
        payment = rng.choice(known) if old and known else self.name("payment")
        whys |= slip.wants("paid") | ({"refund_too_high"} if fen > left else set())
        whys |= {"paid_twice"} if payment in known else set()
        bank_line, wrong = self.seen(fen, "in")
        whys |= wrong
        odd = not whys and trial.refund(slip, fen)
        said = {"payment": payment, "amount_fen": fen, "line": bank_line}
        path = {"fund": self.fund, "application": name}
        events = self.tried(author, "application.refund", said, trial, whys, **path)
        if events is not None:
            known.append(payment)
            self.lines.append(bank_line)
            assert ("findings" in events[0].found) is odd
            if not slip.pooled:
                bureau = self.people[self.fund][0]
                self.book.act(bureau, "application.stage_refunds", {"payment": payment, "group": 1}, **path)
