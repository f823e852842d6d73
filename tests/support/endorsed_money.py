"""Random claims and money of the policies of `endorsing`, beside the clerk's books."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

from application.ids import new_name
from application.work import Author
from domain.applications import Application
from domain.errors import DomainError
from tests.support.claiming import codes
from tests.support.endorsing import AUTHORS, INJURY, LIFTS, REPAIR, World
from tests.support.funding import BANK, FUND, HOUSING, approve, filed, on, seen, stage
from tests.support.insuring import HOLDER
from tests.support.naive_certificates import written
from tests.support.naive_claims import Loss
from tests.support.naive_policies import FUND as OF_FUND
from tests.support.naive_policies import Books

PAYEES = {INJURY: "third_party", REPAIR: "repairer"}
AMOUNTS = (1, 100, 200, 299, 300, 301, 500, 700, 900, 1_000)
TAKES = ("reserve", "reserve", "approve", "approve", "approve", "further", "advance")
SETTLES = ("pay", "pay", "pay", "return", "reduce", "refuse", "withdraw", "close", "reopen")
BY_NAME: dict[str, Author] = {party: author for party, (author, _) in AUTHORS.items()} | {HOLDER.party: HOLDER}


class Payer(World):
    """The world with claims and payments."""

    # ------------------------------------------------------------------------------------------------------ claims

    def notify(self) -> None:
        """Give notice of a loss: at an edge of a day, as often as not of one on which something changes."""
        rng = self.rng
        edges = [day for c in self.books.attached for day in (c.begins, c.last, *(said[0] for said in c.said))]
        day, lift = self.day(*edges), rng.choice(LIFTS)
        part, interest = rng.choice((INJURY, INJURY, REPAIR)), rng.choice(("owner", "owner", "owner", "maintainer"))
        if rng.random() < 0.7 and self.books.attached:
            own = rng.choice(self.books.attached)
            lift, part, interest = own.lift, rng.choice(own.parts), own.deal.interest
            day = rng.choice((own.begins, own.last - 1, rng.randrange(own.begins, own.ends), day))
        if rng.random() < 0.7 and self.books.losses:
            last = rng.choice([*self.books.losses.values()])
            lift, part, interest, day = last.lift, last.part, last.interest, last.on + rng.choice((0, 0, 1, -1))
        day = min(day, self.today - 1)
        # A day is [00:00, 24:00) of Shanghai, which is 16:00 to 16:00 by the clock of UTC.
        at = rng.choice((written(day - 1) + "T16:00:00.000000Z", written(day) + "T15:59:59.999999Z"))
        loss, trial = Loss(lift, day, at, part, interest, HOLDER.party), deepcopy(self.books)
        name = new_name("claim")
        said = {"id": name, "lift": loss.lift, "loss_at": at, "part": part, "interest": interest, "kind": "other"}
        trial.losses[name] = loss
        covers = trial.covers(loss)
        loss.told = covers[0].deal.insurer if covers else None
        events = self.tried(HOLDER, "claim.notify", said, trial, set())
        assert events is not None
        cover = events[0].found["cover"]
        assert (cover and cover["certificate"]) == (covers[0].name if covers else None)
        assert codes(events[:1]) == (["several_covers"] * (len(covers) > 1) if covers else ["no_cover_in_force"])

    def decide(self) -> None:
        """Decide on a claim, mostly as one who may."""
        rng = self.rng
        if not self.books.losses:
            return
        trial = deepcopy(self.books)
        covered = [name for name, loss in trial.losses.items() if loss.held or trial.covers(loss)]
        name = rng.choice(covered if covered and rng.random() < 0.95 else [*trial.losses])
        loss, fen = trial.losses[name], rng.choice(AMOUNTS)
        if rng.random() < (0.3 if loss.held else 0.8):
            self.take(trial, name, rng.choice(TAKES), fen)
            return
        act = rng.choice(SETTLES)
        author = HOLDER if act == "withdraw" else BY_NAME[rng.choice(sorted(trial.deciders(loss)))]
        version = len(self.book.events(f"{loss.lift}/{name}")) + 1
        if act == "pay":
            fen = rng.choice((fen, max(1, loss.approved - loss.paid)))
        elif act == "reduce":
            fen = rng.choice((fen, loss.paid, max(0, loss.approved - 50)))
        elif act == "return":
            version = rng.choice([*loss.payouts] or [1])
        said, whys = self.words(act, loss, fen, version), loss.settle(act, fen, version)
        if author is HOLDER and act not in {"withdraw", "reopen"}:
            whys.add("right_missing")  # nothing covers it, and nobody was told: no insurer has to do with it
        self.tried(author, f"claim.{act}", said, trial, whys, lift=loss.lift, claim=name)

    def words(self, act: str, loss: Loss, fen: int, version: int) -> dict[str, Any]:
        """Give what an act says."""
        document, today = {"document": "d" * 64}, written(self.today)
        money = {"amount_fen": fen, "currency": "CNY"}
        paid = {**money, "payee": {"kind": PAYEES[loss.part]}, "paid_at": self.book.now}
        said: dict[str, dict[str, Any]] = {
            "reserve": {"amount_fen": fen}, "approve": money, "further": {**money, "further": True},
            "advance": {**paid, "kind": "quick_half"}, "pay": paid,
            "return": {"reason": "r", "paid_version": version, "returned_at": self.book.now, **document},
            "reduce": {"reason": "r", "approved_fen": fen, "currency": "CNY", "agreed_on": today, **document},
            "refuse": {"reasons": ["r"], "decided_on": today},
        }  # fmt: skip
        return said.get(act, {"reason": "r"})

    def take(self, trial: Books, name: str, act: str, fen: int) -> None:
        """Reserve, advance or approve."""
        rng, loss = self.rng, trial.losses[name]
        covers = [c.deal for c in trial.covers(loss)]
        named = rng.choice([None, *covers])
        author = rng.choice([deal.insurer for deal in covers] or sorted(AUTHORS)) if named is None else named.insurer
        deal = None if named is None else named.name
        said = self.words(act, loss, fen, 0) | ({} if deal is None else {"policy": deal})
        version = len(self.book.events(f"{loss.lift}/{name}")) + 1
        whys = trial.take(loss, act, fen, author, deal)
        if act == "advance":
            loss.payouts[version] = (fen, True)
        action = "approve" if act == "further" else act
        self.tried(BY_NAME[author], f"claim.{action}", said, trial, whys, lift=loss.lift, claim=name)

    # ------------------------------------------------------------------------------------------------------- money

    def ask(self, *, whole: bool = False) -> None:
        """Ask a source other than the fund for what it owes, or for more."""
        rng, found = self.rng, self.pick()
        if found is None:
            return
        trial, name = deepcopy(self.books), new_name("payment")
        deal = trial.deal(found.name)
        source = rng.choice(sorted({*deal.sources, "property_fee"}))
        fen = max(1, rng.choice((deal.due(source), deal.due(source), deal.due(source) // 2, rng.choice(AMOUNTS))))
        if whole:
            source, fen = "property_fee", deal.due("property_fee")
        whys = set[str]() if deal.takes(source, self.today) else {"policy_state", "quote_expired"}
        whys |= {"application_needed"} if source in OF_FUND else set()
        whys |= {"above_due"} if fen > deal.due(source) else set()
        said = {
            "id": name, "policy": deal.name, "payee": deal.insurer, "amount_fen": fen, "source_kind": source,
        }  # fmt: skip
        if self.tried(HOLDER, "payment.request", said, trial, whys) is not None:
            self.asked[name] = (deal.name, source, fen)

    def arrive(self, payment: str | None = None) -> None:
        """Let what was asked for arrive, sometimes more of it."""
        waiting = [name for name, (deal, _, _) in self.asked.items() if name not in self.books.deal(deal).receipts]
        if not waiting:
            return
        name = self.rng.choice(waiting) if payment is None else payment
        of, source, fen = self.asked[name]
        trial = deepcopy(self.books)
        deal, came = trial.deal(of), fen + self.rng.choice((0, 0, 0, 70))
        deal.receive(name, source, came, takes=deal.takes(source, self.today))
        line = seen(self.book, came, "in", BY_NAME[deal.insurer])
        self.tried(BY_NAME[deal.insurer], "payment.confirm", {"line": line}, trial, set(), payment=name)

    def give_back(self, payment: str | None = None) -> None:
        """Let something that is due back to the payer come back: of one payment, and what is left over of others."""
        rng = self.rng
        names = [name for deal in self.books.deals for name in deal.receipts if name in self.asked]
        if not names:
            return
        trial = deepcopy(self.books)
        due = [name for name in names if trial.deal(self.asked[name][0]).receipts[name].open]
        name = payment or rng.choice(due if due and rng.random() < 0.9 else names)
        deal = trial.deal(self.asked[name][0])
        mine = [name, *(other for other in deal.receipts if other in self.asked and other != name)]
        open_fen = {each: deal.receipts[each].open for each in mine}
        fen = max(1, rng.choice((open_fen[name], open_fen[name] // 2, sum(open_fen.values()), open_fen[name] + 1)))
        fen = fen if payment is None else open_fen[name]
        whys = set[str]() if open_fen[name] else {"paid_twice"}
        whys |= {"line_amount_differs"} if fen > sum(open_fen.values()) else set()
        left = fen
        for each in mine:
            part = min(left, open_fen[each])
            deal.receipts[each].back += part
            left -= part
        author = BY_NAME[deal.insurer]
        line = seen(self.book, fen, "out", author)
        self.tried(author, "payment.return", {"line": line}, trial, whys, payment=name)

    def fund_pays(self) -> None:
        """Let the fund pay what it owes: applied for, approved, shared out, ordered with the bank's line."""
        found = self.pick("proposed", "issued", "cancelled")
        if found is None or not found.due("fund_principal"):
            return
        fen, trial, payment = found.due("fund_principal"), deepcopy(self.books), new_name("payment")
        application, said = None, {"payee": found.insurer, "amount_fen": fen, "payment": payment}
        events = []
        with suppress(DomainError):
            application = filed(self.book, found.name, *self.plan, amount_fen=fen)
            approve(self.book, application, fen)
            stage(self.book, application)
            path = {"fund": FUND, "application": application}
            events = self.book.act(HOUSING, "application.pay", {**said, "line": seen(self.book, fen)}, **path)
        if application is not None and not events:
            with suppress(DomainError):
                self.book.act(HOUSING, "application.void", {"reason": "r"}, fund=FUND, application=application)
        if any(event.TOPIC == Application.Paid.TOPIC for event in events):
            deal = trial.deal(found.name)
            assert deal.takes("fund_principal", self.today)
            deal.receive(payment, "fund_principal", fen, takes=True)
            self.applications[payment] = application or ""
            self.books = trial

    def fund_has_back(self, payment: str | None = None) -> None:
        """Let premium come back to the fund: what is due back, or more than that, which is a fact as well."""
        rng = self.rng
        if not self.applications:
            return
        whole, trial = payment is not None, deepcopy(self.books)
        payment = payment or rng.choice([*self.applications])
        deal = next(deal for deal in trial.deals if payment in deal.receipts)
        receipt = deal.receipts[payment]
        fen = rng.choice((receipt.open, receipt.open, receipt.open, receipt.open + 1, receipt.came - receipt.back))
        fen = receipt.open if whole else fen
        if not 0 < fen <= receipt.came - receipt.back:
            return
        more = max(0, fen - receipt.open)
        receipt.back += fen
        deal.give_up(payment, more)
        path = {"fund": FUND, "application": self.applications[payment]}
        said = {"payment": new_name("payment"), "amount_fen": fen, "line": seen(self.book, fen, "in")}
        events = self.tried(BANK, "application.refund", said, trial, set(), **path)
        assert events is not None

    def of_fund(self, payment: str) -> Application:
        """Give the application that a payment of the fund was for."""
        return on(self.book, self.applications[payment])
