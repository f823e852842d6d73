"""Claiming, granting and asking back public subsidies of premiums; their payment is in `application.payments`."""

from __future__ import annotations

from collections.abc import Mapping

from application.actions import Action, Writes
from application.relations import supervises
from application.work import Work
from domain.aggregate import Statement
from domain.policies import Policy
from domain.subsidies import Subsidy, SubsidyClaim, SubsidyClawback, SubsidyGrant

Path = Mapping[str, str]


def claim(work: Work, statement: Statement, _path: Path) -> None:
    """Claim a subsidy of a policy's premium."""
    said, party = statement.said, work.author.party
    policy = work.read(Policy, said["policy"])
    work.allow("subsidy.claim", {"holder": policy.holder}, insures=policy.insurer == party)
    policy.require("quoted", "proposed", "issued")
    subsidy = work.new(Subsidy, said["id"])
    work.source(said, "subsidy", subsidy.id)
    subsidy.record(Subsidy.Claimed, statement)


def grant(work: Work, statement: Statement, path: Path) -> None:
    """Grant a subsidy, at most what was claimed."""
    subsidy = work.change(Subsidy, path["subsidy"])
    work.allow("subsidy.grant", supervises=supervises(work, subsidy.area))
    subsidy.require_grantable(statement.said["amount_fen"])
    subsidy.record(Subsidy.Granted, statement)


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
