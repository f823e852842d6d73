"""What the funds, the holders and the treasury pay by stages, and what comes back to them, beside a clerk's till."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from domain.aggregate import Event
from tests.support.borough_money import codes
from tests.support.funding import BANK, FINANCE
from tests.support.insuring import AREA, HOLDER, INSURER, RIVAL
from tests.support.naive_funds import PRINCIPAL, Slip
from tests.support.naive_till import FEE, GRANTED, OF_FUND, TOPUP, Aid, Purse
from tests.support.treasury import TOLD, Counting
from tests.support.voting import written

PAYERS = {HOLDER.party: HOLDER, RIVAL.party: RIVAL}


class Treasury(Counting):
    """The borough with all its money."""

    # --------------------------------------------------------------------------------------------------- subsidies

    def aid(self) -> None:
        """Claim a subsidy, or have one granted, or asked back."""
        rng, trial = self.rng, deepcopy(self.till)
        waiting = [name for name, known in trial.aids.items() if known.granted is None]
        paid = [name for name in trial.aids if trial.paid(name)]
        if paid and rng.random() < 0.4:
            name = rng.choice(paid)
            fen = rng.choice((1, 100, trial.paid(name), max(1, trial.paid(name) - trial.aids[name].asked_back)))
            whys = trial.claw_back(name, fen)
            self.tried(FINANCE, "subsidy.claw_back", {"amount_fen": fen, **TOLD}, trial, whys, subsidy=name)
        elif waiting and rng.random() < 0.8:
            name = rng.choice(waiting)
            fen = rng.choice((trial.aids[name].claimed, trial.aids[name].claimed, 700))
            self.tried(FINANCE, "subsidy.grant", {"amount_fen": fen}, trial, trial.grant(name, fen), subsidy=name)
        elif trial.deals:
            policy, name = rng.choice(list(trial.deals)), self.name("subsidy")
            part = trial.bond(policy).borne.get(GRANTED, 0)
            fen = rng.choice((part, part, part // 2, 900, trial.bond(policy).cost + 1)) or 1
            said = {"id": name, "programme": "p", "area": AREA, "policy": policy, "amount_fen": fen}
            self.tried(HOLDER, "subsidy.claim", said, trial, trial.claim(name, Aid(policy, fen)))

    # ------------------------------------------------------------------------------------------------------- purses

    def ask(self) -> None:
        """Ask somebody else than a fund for what its source owes, or for a stage of it."""
        rng, trial, name = self.rng, deepcopy(self.till), self.name("payment")
        owing_of = {name: self._owing(name) for name in trial.deals}
        policy = self.late([name for name, owing in owing_of.items() if owing], list(trial.deals))
        if policy is None:
            return
        bond, owing, author = trial.bond(policy), owing_of[policy], rng.choice((HOLDER, HOLDER, RIVAL))
        source = rng.choice(owing or [FEE]) if rng.random() < 0.95 else rng.choice((GRANTED, FEE, TOPUP, PRINCIPAL))
        aid, due = None, bond.due(source)
        own = [each for each, known in trial.aids.items() if known.granted and known.policy == policy]
        if (source == GRANTED or rng.random() < 0.02) and own and rng.random() < 0.9:
            aid = rng.choice(own if rng.random() < 0.95 else list(trial.aids))
            due = min(due, trial.payable(aid)) if rng.random() < 0.9 else due
        fen = max(1, rng.choice((due, due, due, due // 2, (due + 2) // 3, due + self.odd(0.3))))
        whys = trial.ask(name, Purse(source, 0, 0, policy, author.party, fen, aid), self.today)
        said = {"id": name, "policy": policy, "payee": INSURER.party, "amount_fen": fen, "source_kind": source}
        said |= {} if aid is None else {"subsidy": aid}
        self.tried(author, "payment.request", said, trial, whys)

    def _owing(self, policy: str) -> list[str]:
        """Give the sources of no fund that owe some of a policy's premium, and may pay it."""
        bond = self.till.bond(policy)
        sources = [source for source in bond.borne if source not in OF_FUND and bond.due(source)]
        return [source for source in sources if not bond.shut(source, self.today)]

    def purse(self, *states: str) -> str | None:
        """Draw what somebody was asked for, mostly in such a state."""
        purses = self.till.purses
        return self.late([name for name in purses if purses[name].state in states], list(purses))

    def tell(self) -> None:
        """Tell the bank to pay, or let it say that it could not."""
        if (name := self.purse("asked", "told")) is None:
            return
        trial = deepcopy(self.till)
        purse, (act, after) = trial.purses[name], self.rng.choice((("instruct", "told"), ("fail", "failed")))
        whys = {"payment_state"} if (act, purse.state) == ("instruct", "told") else set[str]()
        whys |= {"came": {"paid_twice"}, "failed": {"payment_state"}}.get(purse.state, set())
        purse.state = after
        author = PAYERS[purse.payer] if act == "instruct" else BANK
        said: dict[str, Any] = {"reference": "r"} if act == "instruct" else dict(TOLD)
        self.tried(author, f"payment.{act}", said, trial, whys, payment=name)

    def come(self) -> None:
        """Let money arrive that somebody was asked for, now and then more of it, or late."""
        if (name := self.purse("asked", "told", self.rng.choice(("asked", "failed")))) is None:
            return
        trial, day = deepcopy(self.till), self.today - self.rng.choice((0, 0, 1, 5, 40))
        asked = trial.purses[name].asked
        fen = max(1, asked + self.rng.choice((0, 0, 0, 0, 1, 900, -1)))
        whys, (line, wrong) = trial.come(name, fen, day), self._line_of(fen, "in", day)
        events = self.tried(INSURER, "payment.confirm", {"line": line}, trial, whys | wrong, payment=name)
        if events is not None:
            self.lines.append(line)
            assert ("paid_above_request" in codes(events[0])) is (fen > asked)

    def _line_of(self, fen: int, direction: str, day: int) -> tuple[str, set[str]]:
        """Note a line of the insurer's account; gives it and what is wrong with it."""
        if self.odd(0.02) and self.lines:
            return self.rng.choice(self.lines), {"line_used"}
        name = self.name("bankline")
        said = {"id": name, "digest": "a" * 64, "amount_fen": fen, "direction": direction, "on": written(day)}
        self.book.act(INSURER, "bankline.see", said)
        return name, set()

    def give_back(self) -> None:
        """Let money come back to who paid it, in steps or at once."""
        purses, rng = self.till.purses, self.rng
        name = self.late([name for name in purses if purses[name].state == "came" and purses[name].open], list(purses))
        if name is None:
            return
        trial, mine = deepcopy(self.till), purses[name]
        every = sum(each.open for each in purses.values() if (each.policy, each.payer) == (mine.policy, mine.payer))
        fen = max(1, rng.choice((mine.open, mine.open, 1, mine.open // 2, mine.open // 3, every, every + 1)))
        whys, (line, wrong) = trial.give_back(name, fen), self._line_of(fen, "out", self.today)
        if self.tried(INSURER, "payment.return", {"line": line}, trial, whys | wrong, payment=name) is not None:
            self.lines.append(line)

    # ------------------------------------------------------------------------------------------------- applications

    def file(self) -> None:
        """Apply for what a fund is meant to bear of a policy, or for a stage of it."""
        rng, polls, deals = self.rng, self.minutes.polls, self.town.deals
        wanted = [
            (policy, source) for policy, parts in self.parts.items() for fund, source in parts
            if fund == self.fund and deals[policy].due(source) and deals[policy].state != "voided"
        ]  # fmt: skip
        poll = self.late([name for name in polls if polls[name].passed])
        if not wanted or poll is None:
            return
        policy, source = wanted[-1] if rng.random() < 0.8 else rng.choice(wanted)
        meant, due = self.parts[policy][self.fund, source], deals[policy].due(source)
        fen = max(1, rng.choice((meant, meant, min(meant, due), (meant + 1) // 2, due, due // 3)))
        trial, name = deepcopy(self.till), self.name("application")
        slip = trial.slips[name] = Slip(
            self.fund, polls[poll].plan, poll, policy, source, fen, rng.random() < 0.07, self.today
        )  # fmt: skip
        author, whys = self.who("committee", "manager")
        whys |= trial.shut(slip, self.today)
        bears, free = trial.bears(slip), trial.free(self.fund, source)
        said = {
            "id": name, "policy": policy, "plan": slip.plan, "pays_from": source, "amount_fen": fen, "vote": poll,
            **({"emergency": "lift_stuck"} if slip.emergency else {}),
        }  # fmt: skip
        events = self.tried(author, "application.file", said, trial, whys, fund=self.fund)
        if events is not None:
            assert events[0].found["bearable_fen"] == max(0, min(bears, free))
            assert events[0].found["owed_fen"] == (0 if slip.pooled else fen - bears)
            self._check_lifts(events[0], slip)

    def _check_lifts(self, event: Event, slip: Slip) -> None:
        """The lifts of plan and policy agree or not, by whichever record each names them."""
        told = {code for code in codes(event) if code in {"lifts_agree", "lifts_differ"}}
        assert told == {"lifts_agree" if self.till.agrees(slip) else "lifts_differ"}
