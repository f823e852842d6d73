"""Random policies of several certificates, quoted, endorsed and ended through the use cases beside a clerk's books."""

from __future__ import annotations

import random
from copy import deepcopy
from math import floor
from typing import Any

from application import claim_decisions, claims
from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from tests.support.book import Book
from tests.support.claiming import codes
from tests.support.funding import LIFT, fund, funded, voted
from tests.support.insuring import HOLDER, HOMES, HOSPITAL, INSURER, OFFICE, PRODUCT, RIVAL, RIVAL_PRODUCT, head
from tests.support.naive_certificates import Certificate, anniversary, certificate_of, divided, number, written
from tests.support.naive_policies import Books, Deal

CLASSES = {LIFT: "residential", HOMES: "residential", OFFICE: "non_residential", HOSPITAL: "public_gathering"}
LIFTS = tuple(CLASSES)
INJURY, REPAIR = "third_party_injury", "parts_repair"
TERM = (number("2026-04-01"), number("2028-04-01"))
AUTHORS = {INSURER.party: (INSURER, PRODUCT), RIVAL.party: (RIVAL, RIVAL_PRODUCT)}


class World:
    """A book beside the clerk's own."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.book: Book = funded((9_000, 7_000, 5_000), 50_000)
        tables = (*claims.ACTIONS, *claim_decisions.ACTIONS)
        self.book.actions = dict(self.book.actions) | {action.id: action for action in tables}
        self.books = Books()
        self.kept: list[tuple[int, Books]] = []
        self.applications: dict[str, str] = {}
        """By payment."""
        self.asked: dict[str, tuple[str, str, int]] = {}
        """Payments that were asked for: policy, source and fen of each."""
        self.plan = voted(self.book)
        self.opened_fen = fund(self.book).bank_fen

    # ------------------------------------------------------------------------------------------------------- tools

    @property
    def today(self) -> int:
        """The day it is."""
        return number(self.book.now[:10])  # instants of the test are of the morning in Shanghai

    def tried(
        self, author: Author, action: str, said: dict[str, Any], trial: Books, whys: set[str], **path: str
    ) -> list[Event] | None:
        """Try an act: the ledger refuses it for one of the clerk's reasons, or it is as the clerk's trial has it."""
        events = self.book.tried(author, action, said, whys, **path)
        if events is not None:
            self.books = trial
        return events

    def wait(self) -> None:
        """Let some days pass."""
        later = min(self.today + self.rng.choice((1, 20, 100, 300)), number("2028-06-30"))
        self.book.now = f"{written(later)}T02:00:00.000000Z"

    def pick(self, *states: str) -> Deal | None:
        """Draw one of the policies in a state."""
        found = [deal for deal in self.books.deals if not states or deal.state in states]
        return self.rng.choice(found) if found else None

    def day(self, *near: int) -> int:
        """Draw a day of the first policy's term, often one at an edge."""
        rng = self.rng
        if near and rng.random() < 0.5:
            return rng.choice(near) + rng.choice((-1, 0, 0, 0, 1))
        return rng.choice((rng.randrange(*TERM), TERM[0], TERM[1] - 1, anniversary(TERM[0], 1)))

    # ---------------------------------------------------------------------------------------------------- policies

    def line(self, deal: str, lift: str, begins: int, ends: int, parts: tuple[str, ...] = ()) -> dict[str, Any]:
        """Draw a line of a schedule."""
        parts = parts or self.rng.choice(((INJURY, REPAIR), (INJURY, REPAIR), (INJURY,), (REPAIR,)))
        most = 7_000 * max(1, (ends - begins)) // 365
        charged = [{"part": part, "premium_fen": self.rng.randrange(most) + 1} for part in parts]
        return {
            "policy": deal, "lift": lift, "certificate": new_name("certificate"), "from_date": written(begins),
            "to_date": written(ends), "parts": charged,
        }  # fmt: skip

    def quote(self) -> None:
        """Quote a policy for some lifts: whatever overlaps is refused to the fund, and told to others."""
        rng = self.rng
        author, product = AUTHORS[rng.choice(sorted(AUTHORS))] if self.books.deals else AUTHORS[INSURER.party]
        begins, ends = TERM
        if self.books.deals:
            begins = rng.choice((TERM[0], number("2026-10-01"), number("2027-04-01"), number("2028-02-29")))
            ends = anniversary(begins, rng.choice((1, 2)))
        name = new_name("policy")
        lifts = rng.sample(LIFTS, rng.choice((1, 2, 3)))
        lines = [
            self.line(name, lift, *rng.choice(((begins, ends), (begins, ends), (begins + 40, ends)))) for lift in lifts
        ]
        if rng.random() < 0.4:  # two certificates of one lift, each for a part
            lines.append(self.line(name, lifts[0], begins, ends, (INJURY,)))
            lines[0] = self.line(name, lifts[0], begins, ends, (REPAIR,))
        lines += [self.line(name, LIFT, begins, ends)] if not self.books.deals and LIFT not in lifts else []
        premium = sum(part["premium_fen"] for line in lines for part in line["parts"])
        sources = {"property_fee": premium}
        if rng.random() < 0.5:
            of_fund = rng.randrange(1, premium)
            sources = {"fund_principal": of_fund, "property_fee": premium - of_fund}
        terms: dict[str, dict[str, int]] = {
            INJURY: {
                "per_person_fen": rng.choice((300, 700)), "per_accident_fen": 700,
                "per_lift_year_fen": rng.choice((800, 5_000)),
            },
            REPAIR: {"per_accident_fen": 600},
        }  # fmt: skip
        insured = {part["part"] for line in lines for part in line["parts"]}
        limits = {"per_lift_year_fen": rng.choice((900, 1_500))}
        limits |= rng.choice(({}, {"policy_year_fen": 1_600}))
        said = head(
            name, lines, product=product, interest=rng.choice(("owner", "owner", "owner", "maintainer")),
            from_date=written(begins), to_date=written(ends), limits=limits,
            sources=[{"kind": kind, "amount_fen": fen} for kind, fen in sources.items()],
            valid_until=written(self.today + rng.choice((10, 90))),
        )  # fmt: skip
        said["parts"] = [{**part, **terms[part["part"]]} for part in said["parts"]]
        trial = deepcopy(self.books)
        deal = Deal(
            name, author.party, said["interest"], begins, ends, number(said["valid_until"]),
            {part: terms[part] for part in sorted(insured)}, dict(sources), [(begins, limits)], premium,
        )  # fmt: skip
        trial.deals.append(deal)
        self.tried(author, "policy.draft", said, trial, set())
        whole = all(self.staged(author, line) for line in lines)
        if whole and (rng.random() < 0.9 or len(self.books.deals) == 1):
            trial = deepcopy(self.books)
            trial.deal(name).state = "proposed"
            self.book.act(author, "policy.quote", {"count": len(lines), "premium_fen": premium}, policy=name)
            self.tried(HOLDER, "policy.propose", {}, trial, set(), policy=name)

    def staged(self, author: Author, line: dict[str, Any]) -> bool:
        """Stage a line, or have it refused."""
        trial = deepcopy(self.books)
        deal = trial.deal(line["policy"])
        certificate = certificate_of(deal, line, CLASSES[line["lift"]])
        overlaps = [days for old, days in trial.overlaps(certificate, self.today) if old.deal is not deal]
        whys = trial.attach(certificate, self.today)
        events = self.tried(author, "policy.stage", line, trial, whys)
        if events is not None:
            self.check_overlaps(events[0], overlaps)
        return events is not None

    @staticmethod
    def check_overlaps(event: Event, overlaps: list[list[int]]) -> None:
        """What is told of overlaps are the days of each, in whatever order."""
        told = [f["facts"] for f in event.found["findings"] if f["code"] == "cover_overlaps"]
        days = [(written(found[0]), written(found[-1] + 1)) for found in overlaps]
        assert sorted((facts["from_date"], facts["to_date"]) for facts in told) == sorted(days)

    def issue(self) -> None:
        """Issue what was proposed: it must be paid, and within its validity."""
        if (name := self.pick("proposed")) is not None:
            trial = deepcopy(self.books)
            deal = trial.deal(name.name)
            whys = set[str]() if deal.valid(self.today) else {"quote_expired"}
            if sum(deal.held.values()) < deal.drafted:
                whys.add("issued_before_premium")
            deal.state, deal.issued = "issued", True
            self.tried(AUTHORS[deal.insurer][0], "policy.issue", {"number": "PZ"}, trial, whys, policy=deal.name)

    def void(self) -> None:
        """Void a quotation: all its money is due back."""
        if (name := self.pick("drafted", "proposed")) is not None:
            trial = deepcopy(self.books)
            deal = trial.deal(name.name)
            deal.release(deal.held)
            deal.state = "voided"
            self.tried(AUTHORS[deal.insurer][0], "policy.void", {"reason": "r"}, trial, set(), policy=deal.name)

    def lapse(self) -> None:
        """Let a quotation lapse that is past its validity."""
        if (name := self.pick("proposed")) is not None:
            trial = deepcopy(self.books)
            deal = trial.deal(name.name)
            whys = {"quote_valid"} if deal.valid(self.today) else set[str]()
            deal.release(deal.held)
            deal.state = "lapsed"
            self.tried(AUTHORS[deal.insurer][0], "policy.lapse", {"reason": "r"}, trial, whys, policy=deal.name)

    def cancel(self) -> None:
        """Cancel a policy, mostly with the right refund; or again from its own day, so that more goes back."""
        rng = self.rng
        if (found := self.pick("issued") if rng.random() < 0.4 else self.pick("cancelled")) is None:
            return
        trial = deepcopy(self.books)
        deal = trial.deal(found.name)
        day = self.day(deal.begins, deal.ends - 1, self.today)
        if deal.stopped is not None and rng.random() < 0.8:
            day = deal.stopped
        held, whole = sum(deal.held.values()), sum(c.cost(c.ends) for c in deal.certificates)
        unearned = deal.unearned(day)
        earned = whole - floor(unearned)
        right = max(0, held - earned)
        fen = rng.choice((right, right, right // 2, rng.randrange(min(held, whole) + 2)))
        whys = set[str]() if deal.begins <= day < deal.ends else {"outside_policy"}
        whys |= {"refund_over_received"} if fen > min(held, whole) else set()
        if deal.stopped is not None and (day != deal.stopped or not fen):
            whys.add("policy_state")
        deal.stop(day, divided(fen, deal.held) if deal.held else {}, earned, "cancelled")
        said = {"effective_on": written(day), "refund_fen": fen, "reason": "r"}
        events = self.tried(AUTHORS[deal.insurer][0], "policy.cancel", said, trial, whys, policy=deal.name)
        if events is not None:
            assert events[0].found["unearned_fen"] == floor(unearned)
            assert codes(events[:1]) == ([] if fen == right else ["refund_differs"])

    # ------------------------------------------------------------------------------------------------ endorsements

    def endorse(self) -> None:
        """Endorse several certificates at once, from whatever day."""
        rng = self.rng
        deal = self.pick("issued") if rng.random() < 0.95 else self.pick("issued", "cancelled", "proposed")
        if deal is None:
            return
        edges = [day for c in deal.certificates for day in (c.begins, c.last)]
        day = self.day(deal.begins, deal.ends - 1, self.today, *edges)
        if rng.random() < 0.95:
            day = min(max(day, deal.begins), deal.ends - 1)
        said: dict[str, Any] = {"number": new_name("policy")[-12:], "effective_on": written(day), "reason": "r"}
        delta, adds = 0, list[dict[str, Any]]()
        for lift in rng.sample(LIFTS, rng.choice((0, 1, 1, 2, 3))):
            own = [c for c in deal.certificates if c.lift == lift]
            live = [c for c in own if c.begins <= day <= c.last] or own
            free = not any(c.last > day for c in own)
            kind = "add" if free and rng.random() < 0.7 else rng.choice(("change", "change", "remove", "swap", "add"))
            if live and kind == "change":
                delta += self.draw_change(said, rng.choice(live), day)
            if live and kind in {"remove", "swap"}:
                delta -= self.draw_removal(said, rng.choice(live), day)
            if kind in {"add", "swap"} and day < deal.ends:
                ends = deal.ends
                if rng.random() < 0.1:
                    ends = rng.choice((anniversary(day, 1), day + 30, deal.ends + 1))
                adds.append(self.line(deal.name, lift, day, ends))
                adds[-1]["parts"] = [p for p in adds[-1]["parts"] if p["part"] in deal.parts]
                if not adds[-1]["parts"]:
                    adds.pop()
        delta += sum(part["premium_fen"] for line in adds for part in line["parts"])
        said |= {"adds": adds} if adds else {}
        said["delta_fen"] = delta
        if rng.random() < 0.3 or not {"adds", "changes", "removes"} & said.keys():
            said["limits"] = {"per_lift_year_fen": rng.choice((500, 700, 800, 900, 1_500, 3_000))}
            said["limits"] |= rng.choice(({}, {"policy_year_fen": rng.choice((800, 1_600, 2_500))}))
        if rng.random() < 0.3 and delta:
            kinds = rng.sample(("fund_principal", "property_fee", "owner_topup"), 2)
            first = rng.randrange(abs(delta) + 1)
            shares = {kinds[0]: first, kinds[1]: abs(delta) - first}
            said["sources"] = [{"kind": kind, "amount_fen": fen} for kind, fen in shares.items()]
        self.endorsed(deal.name, said)

    def draw_change(self, said: dict[str, Any], certificate: Certificate, day: int) -> int:
        """Draw a change of a certificate; gives what it costs more."""
        rng = self.rng
        change: dict[str, Any] = {
            "lift": certificate.lift, "certificate": certificate.name, "effective_on": written(day),
        }  # fmt: skip
        if rng.random() < 0.4:
            change["premises_class"] = rng.choice(sorted(set(CLASSES.values())))
        if rng.random() < 0.4:
            change["per_lift_year_fen"] = rng.choice((600, 700, 700, 1_000, 2_000))
        if rng.random() < 0.6:
            part = rng.choice((*certificate.parts, rng.choice((INJURY, REPAIR))))
            change["parts"] = [{"part": part, "delta_fen": rng.choice((1, -1, 700, -700, 3_000, -3_000))}]
        said.setdefault("changes", []).append(change)
        return sum(part["delta_fen"] for part in change.get("parts", ()))

    def draw_removal(self, said: dict[str, Any], certificate: Certificate, day: int) -> int:
        """Draw a removal of a certificate, mostly with the right refund; gives what goes back."""
        refunds = {
            part: max(0, floor(certificate.cost(certificate.ends, part) - certificate.earned(day, part)))
            for part in certificate.parts
        }  # fmt: skip
        if self.rng.random() < 0.2:
            part = self.rng.choice(certificate.parts)
            refunds[part] = max(0, refunds[part] + self.rng.choice((-1, 1, 5_000)))
        said.setdefault("removes", []).append(
            {
                "lift": certificate.lift, "certificate": certificate.name, "effective_on": written(day),
                "refunds": [{"part": part, "premium_fen": fen} for part, fen in refunds.items()], "reason": "r",
            }
        )  # fmt: skip
        return sum(refunds.values())

    def endorsed(self, name: str, said: dict[str, Any]) -> None:
        """Endorse: what is found of refunds and overlaps is what the clerk finds."""
        trial = deepcopy(self.books)
        deal = trial.deal(name)
        differs = {
            removal["certificate"]: not self.right_refund(deal, removal, said) for removal in said.get("removes", ())
        }
        before = len(trial.attached)
        whys = trial.endorse(deal, said, CLASSES, self.today)
        events = self.tried(AUTHORS[deal.insurer][0], "policy.endorse", said, trial, whys, policy=name)
        for event in events or ():
            if event.TOPIC == "cover.Ended":
                found = "refund_differs" in codes([event])
                assert found == differs[(event.said or {})["certificate"]]
            elif event.TOPIC == "cover.Attached":
                new = trial.certificate((event.said or {})["certificate"])
                beside = Books(attached=trial.attached[:before])
                overlaps = [days for old, days in beside.overlaps(new, self.today) if old.deal is not deal]
                self.check_overlaps(event, overlaps)

    @staticmethod
    def right_refund(deal: Deal, removal: dict[str, Any], said: dict[str, Any]) -> bool:
        """Say whether a removal gives back what is unearned, rounded down for each part or once."""
        own = next(c for c in deal.certificates if c.name == removal["certificate"])
        own = deepcopy(own)
        for change in said.get("changes", ()):
            if change["certificate"] == own.name:
                own.change(number(change["effective_on"]), change)
        day, fen = number(removal["effective_on"]), sum(part["premium_fen"] for part in removal["refunds"])
        parts = [own.cost(own.ends, part) - own.earned(day, part) for part in own.parts]
        least, most = sum(max(0, floor(part)) for part in parts), max(0, floor(sum(parts)))
        return least <= int(fen) <= most
