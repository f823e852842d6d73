"""Claiming, granting and asking back public subsidies of premiums; their payment is in `application.payments`."""

from __future__ import annotations

from collections.abc import Mapping

from application.actions import Action, Writes
from application.relations import supervises
from application.work import Work
from domain.aggregate import Statement
from domain.errors import Conflict
from domain.policies import Policy
from domain.receipts import SUBSIDY_KINDS
from domain.schemes import within
from domain.subsidies import Subsidy, SubsidyClaim, SubsidyClawback, SubsidyGrant

Path = Mapping[str, str]


def claim(work: Work, statement: Statement, _path: Path) -> None:
    """Claim a subsidy of a policy's premium, of the place that the policy lies in or reaches into."""
    said, party = statement.said, work.author.party
    policy = work.read(Policy, said["policy"])
    work.allow("subsidy.claim", {"holder": policy.holder}, insures=policy.insurer == party)
    policy.require("quoted", "proposed", "issued")
    if not within(policy.area, said["area"]) and not within(said["area"], policy.area):
        raise Conflict("the policy is of another area", code="subsidy_of_other_area", area=policy.area)
    _require_within_premium(policy, said["amount_fen"])
    subsidy = work.new(Subsidy, said["id"])
    work.source(said, "subsidy", subsidy.id)
    subsidy.record(Subsidy.Claimed, statement)


def grant(work: Work, statement: Statement, path: Path) -> None:
    """Grant a subsidy, at most what was claimed, of a policy that insures or for which a subsidy is owed still."""
    subsidy = work.change(Subsidy, path["subsidy"])
    work.allow("subsidy.grant", supervises=supervises(work, subsidy.area))
    amount_fen = statement.said["amount_fen"]
    subsidy.require_grantable(amount_fen)
    policy = work.read(Policy, subsidy.policy)
    if policy.earned is None or not any(policy.due_fen(kind) for kind in SUBSIDY_KINDS):
        policy.require("quoted", "proposed", "issued")
    _require_within_premium(policy, amount_fen)
    subsidy.record(Subsidy.Granted, statement)


def _require_within_premium(policy: Policy, amount_fen: int) -> None:
    """Raise Conflict `above_premium` when a subsidy of a premium would be more than the premium."""
    if amount_fen > policy.premium_fen:
        raise Conflict("a subsidy is no more than the premium", code="above_premium", premium_fen=policy.premium_fen)


def claw_back(work: Work, statement: Statement, path: Path) -> None:
    """Ask a subsidy back, at most what was paid."""
    subsidy = work.change(Subsidy, path["subsidy"])
    work.allow("subsidy.claw_back", supervises=supervises(work, subsidy.area))
    subsidy.require_returnable(statement.said["amount_fen"])
    subsidy.record(Subsidy.ClawedBack, statement)


ACTIONS = (
    Action(
        "subsidy.claim", "POST", "/subsidies", SubsidyClaim, claim, (Writes("subsidy.Claimed", "{id}"),),
        "Claim a subsidy of premium", "申请保费补贴",
    ),
    Action(
        "subsidy.grant", "POST", "/subsidies/{subsidy}/grant", SubsidyGrant, grant,
        (Writes("subsidy.Granted", "{subsidy}"),), "Grant a subsidy", "核定保费补贴",
    ),
    Action(
        "subsidy.claw_back", "POST", "/subsidies/{subsidy}/claw-back", SubsidyClawback, claw_back,
        (Writes("subsidy.ClawedBack", "{subsidy}"),), "Ask a subsidy back", "追回保费补贴",
    ),
)  # fmt: skip
