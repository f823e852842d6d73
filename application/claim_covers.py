"""Which cover a claim is held against, and who may decide on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from application.covers import cover_stream, covers_by_record
from application.limits import release
from application.ruling import ruling
from application.work import Work
from domain.aggregate import Event, Statement
from domain.claim_checks import CERTAIN, COVERED
from domain.claims import Claim, claim_stream
from domain.covers import Cover, CoverEntry
from domain.errors import Conflict
from domain.findings import Finding, finding
from domain.lifts import Lift
from domain.packs import Pack, rule_or_own
from domain.policies import Policy
from domain.time import civil_date

Path = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Covered:
    """The certificate that insures a loss and its policy, as both stood on the day of loss.

    `lift` is the record of the lift that the certificate stands on, whose limit is taken: the claim may be on another.
    """

    policy: Policy
    entry: CoverEntry
    lift: str

    def insured_by(self, party: str | None) -> bool:
        """Say whether a party is one of the policy's insurers, whatever its share (共保)."""
        return any(insurer == party for insurer, _ in self.policy.insurers)

    def as_json(self) -> dict[str, str]:
        """Give what stands in `found.cover`."""
        return {"policy": self.policy.id, "certificate": self.entry.certificate, "insurer": self.policy.insurer}


def covers_at(work: Work, lift: str, part: str, interest: str, on: str) -> list[Covered]:
    """Find what insures a part and interest of a lift on a day, on whichever of its records."""
    found = covers_by_record(work, lift, part, interest, on)
    return [Covered(policy, entry, record) for record, entry, policy in found]


def covers_of(work: Work, claim: Claim) -> list[Covered]:
    """Find the covers of a loss; while limits of a policy are taken or held it must be that one."""
    found = covers_at(work, claim.lift, claim.part, claim.interest, claim.loss_on)
    bound = claim.policy if claim.held_fen else None
    return [covered for covered in found if bound in {None, covered.policy.id}]


def claim_of(work: Work, path: Path) -> Claim:
    """Load the claim that a path names, to record on; raises NotFound `claim_unknown`."""
    return work.change(Claim, claim_stream(path["lift"], path["claim"]))


def ruling_of(work: Work, claim: Claim, on: str) -> tuple[Pack | None, dict[str, Any]]:
    """Give the pack in force on a day where the lift stood on that of loss, and its name for `found`.

    The district of the loss rules its claim to the end: a lift that moves afterwards takes no claim with it.
    """
    return ruling(work, work.read(Lift, claim.lift).area_on(claim.loss_on), on)


def insurers_of(work: Work, claim: Claim) -> frozenset[str]:
    """Give who leads the insurers of the loss, or who was given notice; where nobody is known, the notifier.

    Notice to one of several insurers under a policy (共保) is notice to who leads them.
    """
    if claim.policy is not None:
        return frozenset({work.read(Policy, claim.policy).insurer})
    if claim.insurer is not None:
        covers = covers_of(work, claim)
        leading = frozenset(covered.policy.insurer for covered in covers if covered.insured_by(claim.insurer))
        return leading if leading and claim.insurer not in leading else frozenset({claim.insurer})
    return frozenset(covered.policy.insurer for covered in covers_of(work, claim)) or frozenset({claim.notifier})


def insures(work: Work, claim: Claim) -> bool:
    """Say whether the author leads the insurers of the loss, or is the insurer that was given notice."""
    return work.author.party in insurers_of(work, claim)


def deciding_cover(work: Work, claim: Claim, action: str, policy: str | None) -> Covered:
    """Give the cover at the loss, of the policy named or the first; refuses others' and `no_cover_in_force`.

    Of several policies that cover it the insurer says which one pays: the first may be exhausted already.
    """
    covers = covers_of(work, claim)
    own = [covered for covered in covers if covered.policy.insurer == work.author.party]
    work.allow(action, insures=bool(own) or not covers)
    own = [covered for covered in own if policy in {None, covered.policy.id}]
    if not own:
        raise Conflict(
            "no policy covered this part and interest at the time of loss", code="no_cover_in_force",
            lift=claim.lift, part=claim.part, interest=claim.interest, loss_on=claim.loss_on,
        )  # fmt: skip
    return own[0]


def check_recorded(work: Work, claim: Claim, covered: Covered, pack: Pack | None) -> list[Finding]:
    """Find `cover_recorded_after_loss` where the cover was put in force only when the loss had happened already.

    And `limits_recorded_after_loss` where its limits of that day were changed only then. A liability that was certain
    when it was insured is none to insure (责任保险业务监管办法 6), and none that had arisen is taken away; whether it
    was agreed before and only recorded late is for a person to see.
    """
    of_cover, of_policy = work.streams.events(cover_stream(covered.lift)), work.streams.events(covered.policy.id)
    put = [event for event in of_cover if event.originator_version == covered.entry.version]
    put += [event for event in of_policy if isinstance(event, Policy.Issued)]
    limits = [event for event in (*of_cover, *of_policy) if _sets_limits(event, covered.entry, claim.loss_on)]
    rule = rule_or_own(pack, COVERED, claim.loss_on)
    rule, found = replace(rule, basis=f"{rule.basis}; {CERTAIN}"), list[Finding]()
    named = {"certificate": covered.entry.certificate, "loss_on": claim.loss_on}
    if (put_at := _last_recorded(put)) > claim.loss_at:
        found.append(finding(rule, "cover_recorded_after_loss", None, **named, recorded_on=civil_date(put_at)))
    if (set_at := _last_recorded(limits)) > claim.loss_at:
        found.append(finding(rule, "limits_recorded_after_loss", None, **named, recorded_on=civil_date(set_at)))
    return found


def _last_recorded(events: Iterable[Event]) -> str:
    return max((event.recorded_at or "" for event in events), default="")


def _sets_limits(event: Event, entry: CoverEntry, loss_on: str) -> bool:
    """Say whether an endorsement changes the limits of the policy, or of the certificate, from a day up to the loss."""
    said = event.said or {}
    if isinstance(event, Cover.Amended):
        named = said["certificate"] == entry.certificate and "per_lift_year_fen" in said
    else:
        named = isinstance(event, Policy.Endorsed) and "limits" in said
    return named and said["effective_on"] <= loss_on


def end_claim(
    work: Work, claim: Claim, event: type[Claim.Refused | Claim.Withdrawn | Claim.Closed], statement: Statement,
    found: dict[str, Any],
) -> None:  # fmt: skip
    """Record an end of the claim and free what its limits still hold for it, whatever it says that it holds."""
    because = claim.record(event, statement, found)
    if claim.policy is not None:
        release(
            work, because, policy=claim.policy, lift=claim.lift, part=claim.part, loss_on=claim.loss_on,
            claim=claim.name,
        )  # fmt: skip
