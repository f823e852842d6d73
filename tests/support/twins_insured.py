"""Policies of one insurer or several, and losses under them, for lifts of which some are registered twice."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

from application.ids import new_name
from application.work import Author
from domain.policies import Policy
from tests.support.claiming import codes
from tests.support.funding import FUND
from tests.support.insuring import BUREAU, HOLDER, INSURER, PRODUCT, RIVAL, RIVAL_PRODUCT, head, pay
from tests.support.naive_certificates import number, written
from tests.support.naive_records import Deal, Loss, Paper
from tests.support.twinning import THIRD, Records

INSURERS = {author.party: author for author in (INSURER, RIVAL, THIRD)}
PRODUCTS = {INSURER.party: PRODUCT, RIVAL.party: RIVAL_PRODUCT}
INJURY, TRAPPED = "third_party_injury", "entrapment"
TERMS = (("2026-04-01", "2027-04-01"), ("2026-04-01", "2027-04-01"), ("2026-09-01", "2027-09-01"))
WHOLE_BP = 10_000


class World(Records):
    """The world, with who insures its lifts."""

    def deal(self, *stages: str) -> Deal | None:
        """Draw a policy at one of some stages."""
        found = [
            d for d in self.clerk.deals if d.stage in stages and (d.stage == "issued" or self.today <= d.valid_until)
        ]
        return self.rng.choice(found) if found else None

    # ------------------------------------------------------------------------------------------------ policies

    def shares(self, leader: str) -> tuple[list[dict[str, Any]], set[str]]:
        """Draw who insures a policy, and what is wrong with it."""
        rng = self.rng
        others = rng.sample([name for name in INSURERS if name != leader], rng.choice((0, 1, 1, 2)))
        parts = sorted(rng.sample(range(1, WHOLE_BP), len(others)))
        bounds = [0, *parts, WHOLE_BP]
        rows: list[dict[str, Any]] = [
            {"party": party, "share_bp": end - begin}
            for party, (begin, end) in zip([leader, *others], pairwise(bounds), strict=True)
        ]
        wrong = rng.choice((*[None] * 6, "whole", "order", "twice", "kind", "holder"))
        if wrong == "whole":
            rows[0]["share_bp"] -= 1 if rows[0]["share_bp"] > 1 else -1
            return rows, {"shares_not_whole"}
        if wrong == "order" and others:
            return rows[::-1], {"leader_not_first"}
        if wrong == "twice":
            return [*rows, rows[-1] | {"share_bp": 1}], {"insurer_twice", "shares_not_whole"}
        if wrong in {"kind", "holder"}:
            stranger = BUREAU.party if wrong == "kind" else HOLDER.party
            rows[0]["share_bp"] -= 1
            whys = {"not_insurer", "holder_insures"} | ({"range"} if rows[0]["share_bp"] == 0 else set())
            return [*rows, {"party": stranger, "share_bp": 1}], whys
        return rows, set()

    def line(self, paper: Paper) -> dict[str, Any]:
        """Give a certificate as a line of a schedule."""
        return {
            "policy": paper.deal.name, "lift": paper.record, "certificate": paper.name,
            "from_date": written(paper.begins), "to_date": written(paper.ends),
            "parts": [{"part": part, "premium_fen": 900} for part in paper.parts],
        }  # fmt: skip

    def paper(self, deal: Deal, begins: int) -> Paper:
        """Draw a certificate."""
        parts = self.rng.choice(((INJURY, TRAPPED), (INJURY, TRAPPED), (INJURY,), (TRAPPED,)))
        return Paper(deal, new_name("certificate"), self.record(), parts, begins, deal.ends)

    def quote(self) -> None:
        """Quote a policy for some lifts, by one insurer or several, and take it some way to being issued."""
        rng, trial = self.rng, deepcopy(self.clerk)
        leader = rng.choice(sorted(PRODUCTS))
        rows, why = self.shares(leader)
        begins, ends = map(number, rng.choice(TERMS))
        deal = Deal(
            new_name("policy"), tuple(row["party"] for row in rows), rng.choice(("owner", "owner", "maintainer")),
            rng.random() < 0.3, begins, ends, self.today + rng.choice((20, 80)),
        )  # fmt: skip
        drawn = [self.paper(deal, begins) for _ in range(rng.choice((1, 1, 2, 3)))]
        taken: list[Paper] = []
        trial.deals.append(deal)
        for paper in drawn:
            if not trial.line_refusals(paper):
                trial.papers.append(paper)
                taken.append(paper)
        said = head(
            deal.name, [self.line(paper) for paper in taken or drawn], product=PRODUCTS[leader], interest=deal.interest,
            insurers=rows, from_date=written(begins), to_date=written(ends), valid_until=written(deal.valid_until),
        )  # fmt: skip
        fen = {part["part"]: part["premium_fen"] for part in said["parts"]}
        said["parts"] = [{"part": part, "premium_fen": fen.get(part, 0)} for part in (INJURY, TRAPPED)]
        said["sources"][0]["kind"] = "fund_principal" if deal.of_fund else "property_fee"
        author, trial = INSURERS[leader], deepcopy(self.clerk)
        deal = replace(deal)
        trial.deals.append(deal)
        if self.tried(author, "policy.draft", said, trial, why) is None:
            return
        for paper in drawn:
            self.stage(author, replace(paper, deal=deal))
        self.go_on(deal.name, rng.choice((0, 2, 3, 3, 3, 3)) if taken else 0)

    def stage(self, author: Author, paper: Paper) -> None:
        """Stage a line."""
        trial = deepcopy(self.clerk)
        paper = replace(paper, deal=next(d for d in trial.deals if d.name == paper.deal.name))
        why, found = trial.line_refusals(paper), trial.overlaps(paper)
        trial.papers.append(paper)
        events = self.tried(author, "policy.stage", self.line(paper), trial, why)
        if events is not None:
            assert codes(events).count("cover_overlaps") == len(found)

    def go_on(self, name: str, steps: int) -> None:
        """Take a quotation some steps on: quoted, proposed, issued; only who leads the insurers does."""
        deal = next(d for d in self.clerk.deals if d.name == name)
        author, state = INSURERS[deal.leader], self.book.state(Policy, name)
        if state.state == "drafted" and steps:
            said = {"count": state.staged.count, "premium_fen": state.drafted_fen}
            self.by_leader(deal, "policy.quote", said)
            self.book.act(HOLDER, "policy.propose", {}, policy=name)
            self.clerk = deepcopy(self.clerk)
            next(d for d in self.clerk.deals if d.name == name).stage = "proposed"
        if steps == 3:
            self.money(deal)
            trial = deepcopy(self.clerk)
            next(d for d in trial.deals if d.name == name).stage = "issued"
            for other in sorted(INSURERS):
                if other != deal.leader and other in deal.insurers:
                    self.tried(
                        INSURERS[other], "policy.issue", {"number": "P"}, self.clerk, {"right_missing"}, policy=name
                    )
            self.tried(author, "policy.issue", {"number": f"P-{len(self.clerk.deals)}"}, trial, set(), policy=name)

    def by_leader(self, deal: Deal, action: str, said: dict[str, Any]) -> None:
        """Do what only who leads the insurers may."""
        for other in sorted(INSURERS):
            why = set() if other == deal.leader else {"right_missing"}
            if why:
                self.tried(INSURERS[other], action, said, self.clerk, why, policy=deal.name)
        self.book.act(INSURERS[deal.leader], action, said, policy=deal.name)

    def money(self, deal: Deal) -> None:
        """Have the whole premium arrive; it is paid to who leads the insurers, and to nobody else."""
        fen = self.book.state(Policy, deal.name).premium_fen
        source = "fund_principal" if deal.of_fund else "property_fee"
        for payee in () if deal.of_fund else sorted(INSURERS):
            said = {
                "id": new_name("payment"), "policy": deal.name, "payee": payee, "amount_fen": fen,
                "source_kind": source,
            }  # fmt: skip
            why = set() if payee == deal.leader else {"payee_not_insurer"}
            self.tried(HOLDER, "payment.request", said, self.clerk, why)
        pay(self.book, deal.name, source=source)

    def issue(self) -> None:
        """Issue a policy that was proposed."""
        deal = self.deal("proposed")
        if deal is not None:
            self.go_on(deal.name, 3)

    def endorse(self) -> None:
        """Let a lift join a policy, or end a certificate, or one after the other."""
        rng, trial, deal = self.rng, deepcopy(self.clerk), self.deal("issued")
        if deal is None or deal.stopped is not None:
            return
        deal = next(d for d in trial.deals if d.name == deal.name)
        on = rng.randrange(deal.begins, deal.ends)
        said: dict[str, Any] = {"number": "E", "effective_on": written(on), "delta_fen": 0, "reason": "changed"}
        own = [p for p in trial.papers if p.deal is deal and p.begins <= on < p.ends == deal.ends]
        kind, why = rng.choice(("add", "remove", "both")), set[str]()
        if kind != "add" and own:
            gone = rng.choice(own)
            gone.ends = on
            refunds = [{"part": part, "premium_fen": 0} for part in gone.parts]
            removal = {"lift": gone.record, "certificate": gone.name, "effective_on": written(on), "refunds": refunds}
            said["removes"] = [removal | {"reason": "sold"}]
        found = 0
        if kind != "remove":
            paper = self.paper(deal, on)
            why, found = trial.line_refusals(paper), len(trial.overlaps(paper))
            trial.papers.append(paper)
            line = self.line(paper)
            for part in line["parts"]:
                part["premium_fen"] = 1
            said |= {"adds": [line], "delta_fen": len(paper.parts)}
        if {"adds", "removes"} & said.keys():
            author = INSURERS[rng.choice((deal.leader, deal.leader, *INSURERS))]
            why |= set() if author.party == deal.leader else {"right_missing"}
            events = self.tried(author, "policy.endorse", said, trial, why, policy=deal.name)
            assert events is None or codes(events).count("cover_overlaps") == found

    def cancel(self) -> None:
        """Cancel a policy from a day on."""
        rng, trial, deal = self.rng, deepcopy(self.clerk), self.deal("issued")
        if deal is None or deal.stopped is not None:
            return
        on = rng.randrange(deal.begins, deal.ends)
        said = {"effective_on": written(on), "refund_fen": 0, "reason": "sold"}
        author = INSURERS[rng.choice((deal.leader, *INSURERS))]
        why = set() if author.party == deal.leader else {"right_missing"}
        next(d for d in trial.deals if d.name == deal.name).stopped = on
        self.tried(author, "policy.cancel", said, trial, why, policy=deal.name)

    # ------------------------------------------------------------------------------------------------ losses

    def notify(self) -> None:
        """Give notice of a loss to whoever insures it, to one of several, or to nobody in particular."""
        rng, trial = self.rng, deepcopy(self.clerk)
        day = max(number("2026-03-01"), self.today - rng.choice((1, 5, 30, 100)))
        name, told = new_name("claim"), rng.choice((None, None, *INSURERS))
        loss = Loss(
            self.record(),
            rng.choice((INJURY, TRAPPED)),
            rng.choice(("owner", "owner", "maintainer")),
            day,
            HOLDER.party,
        )
        said = {
            "id": name, "lift": loss.record, "loss_at": f"{written(day)}T01:00:00.000000Z", "part": loss.part,
            "interest": loss.interest, "kind": "injury",
        } | ({} if told is None else {"insurer": told})  # fmt: skip
        trial.losses[name] = loss
        events = self.tried(HOLDER, "claim.notify", said, trial, set())
        assert events is not None
        papers = trial.covering(loss)
        of_told = [paper for paper in papers if told in paper.deal.insurers]
        cover, found = events[0].found["cover"], codes(events)
        assert (cover is not None) == bool(papers)
        if cover is not None:
            wanted = of_told or papers
            assert cover["policy"] in {paper.deal.name for paper in wanted}
            loss.insurer = next(paper.deal.leader for paper in wanted if paper.deal.name == cover["policy"])
            assert cover["insurer"] == loss.insurer
        else:
            loss.insurer = told
        assert ("several_covers" in found, "no_cover_in_force" in found) == (len(papers) > 1, not papers)

    def loss(self) -> tuple[str, Loss] | None:
        """Draw a loss, mostly one of the latest."""
        names = [*self.clerk.losses]
        if not names:
            return None
        name = self.rng.choice(names[-3:] if self.rng.random() < 0.6 else names)
        return name, self.clerk.losses[name]

    def approve(self) -> None:
        """Approve a claim, by an insurer that may, or may not."""
        drawn, trial, rng = self.loss(), deepcopy(self.clerk), self.rng
        if drawn is None:
            return
        name, loss = drawn
        handlers = sorted({paper.deal.leader for paper in trial.covering(loss)})
        insurer = rng.choice([*handlers * 2, *INSURERS])
        policy = rng.choice([None, None, *(deal.name for deal in trial.deals)])
        said: dict[str, Any] = {"amount_fen": 10, "currency": "CNY"} | ({} if policy is None else {"policy": policy})
        why = trial.approve_refusals(loss, insurer, policy)
        path = {"lift": loss.record, "claim": name}
        events = self.tried(INSURERS[insurer], "claim.approve", said, trial, why, **path)
        if events is not None:
            taken = events[0].found["policy"]
            assert taken in {p.deal.name for p in trial.covering(loss) if p.deal.leader == insurer}
            assert policy in {None, taken}
            trial.losses[name].policy, trial.losses[name].state = taken, "approved"

    def file(self) -> None:
        """File papers with an insurer that deals with the claim, or does not."""
        drawn = self.loss()
        if drawn is None:
            return
        name, loss = drawn
        insurer = self.rng.choice([*INSURERS])
        said = {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": written(self.today)}
        why = set() if insurer in self.clerk.handlers(loss) else {"right_missing"}
        self.tried(INSURERS[insurer], "claim.file", said, self.clerk, why, lift=loss.record, claim=name)

    def apply(self) -> None:
        """Apply for a policy's premium: does the plan name the lifts that the policy insures?"""
        deals = [d for d in self.clerk.deals if d.stage == "proposed" and d.of_fund and self.today <= d.valid_until]
        if not deals or not self.plans:
            return
        deal, plan = self.rng.choice(deals), self.rng.choice([*self.plans])
        fen = self.book.state(Policy, deal.name).due_fen("fund_principal")
        said = {"id": new_name("application"), "policy": deal.name, "plan": plan, "pays_from": "fund_principal"}
        events = self.tried(HOLDER, "application.file", said | {"amount_fen": fen}, self.clerk, set(), fund=FUND)
        assert events is not None
        papers = [paper for paper in self.clerk.papers if paper.deal is deal]
        planned = {self.clerk.last(name) for name in self.plans[plan]}
        insured = {self.clerk.last(paper.record) for paper in papers}
        agree = planned <= insured and len(planned) == len(papers)
        assert ("lifts_agree" if agree else "lifts_differ") in codes(events)
