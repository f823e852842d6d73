"""Applications to pay a premium from the fund: filing, checks, the bureau's decision, giving up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from application.actions import Action, Writes
from application.covers import cover_stream
from application.funds import relations
from application.plans import plan_lifts
from application.policies import require_taking
from application.records import last_of, records_of
from application.schemes import PackRef, pack_in_force
from application.work import Work
from audit import canonical, merkle
from domain.aggregate import Statement
from domain.allotments import Allotment, Beside, Reservation, applied_already, insufficient, taken_by
from domain.applications import (
    CHARGES_PER_GROUP,
    Application,
    ApplicationApproval,
    ApplicationCheck,
    ApplicationFiling,
    ApplicationRefusal,
    ApplicationVoiding,
)
from domain.covers import Cover
from domain.errors import Conflict, RuleBroken
from domain.findings import Finding, gravest, refuse_violations
from domain.fund_checks import Facts, application_findings
from domain.fund_shapes import FundSource
from domain.funds import EXPIRY_RULE, Fund
from domain.houses import groups
from domain.lifts import Lift
from domain.packs import Pack
from domain.payments import Payment
from domain.plans import Plan, Vote
from domain.policies import Policy
from domain.time import add_days, civil_midnight

Path = Mapping[str, str]


def shares_root(allotment: Allotment | Reservation) -> str:
    """Give the RFC 6962 root (hex) over canonical `[house, fen, charged]`, houses in the order of their names."""
    shares = {**allotment.charged, **allotment.owed}
    leaves = [
        merkle.leaf_hash(canonical.encode([house, shares[house], house in allotment.charged]))
        for house in sorted(shares)
    ]  # fmt: skip
    return merkle.root(leaves).hex()


def _facts(work: Work, fund: Fund, named: Mapping[str, Any]) -> Facts:
    """Read what the checks rest on; `named` has the members of an ApplicationFiling, and `filed_on` once filed."""
    beside = money_beside(work, fund, fund.released)
    policy = work.read(Policy, named["policy"])
    plan = work.read(Plan, f"{fund.id}/{named['plan']}")
    vote = work.read(Vote, f"{fund.id}/{named['vote']}") if named.get("vote") else None
    if vote is not None and vote.plan != named["plan"]:
        raise Conflict("the vote was on another plan", code="vote_of_other_plan", plan=vote.plan)
    if plan.policy is not None and plan.policy != named["policy"]:
        raise Conflict("the plan is for another policy", code="plan_of_other_policy", policy=plan.policy)
    insured_from = _insured_from(work, plan, policy)
    return Facts(
        estate=fund.estate, policy=policy, plan=plan, vote=vote,
        allotment=fund.allot(named["pays_from"], named["amount_fen"], plan.buildings, beside.names),
        beside=beside, free_fen=fund.free_fen(named["pays_from"], beside),
        pays_from=named["pays_from"], amount_fen=named["amount_fen"], emergency=named.get("emergency") is not None,
        covered=len(insured_from), lifts=plan_lifts(work, plan.lifts, insured_from),
        filed_on=named.get("filed_on", work.today), on=work.today, planned_fen=_planned_fen(work, fund, named["plan"]),
    )  # fmt: skip


def _planned_fen(work: Work, fund: Fund, plan: str) -> int:
    """Sum what applications take by the same plan, for whatever policy: the owners voted on one amount (MF05)."""
    held = [*fund.reservations.values(), *_expired_under_way(work, fund), *fund.paid.values()]
    taken = {f"{fund.id}/{r.application}": r for r in held}
    work.prefetch(dict.fromkeys(taken, Application))
    return sum(
        r.amount_fen + sum(r.owed.values()) - sum(fund.refunded.get(r.application, {}).values())
        for stream, r in taken.items()
        if work.read(Application, stream).plan == plan
    )


def _expired_under_way(work: Work, fund: Fund) -> list[Reservation]:
    """Give reservations that expired though the bank had been told to pay: it may have paid in time."""
    work.prefetch({f"{fund.id}/{name}": Application for name in fund.released})
    return [
        held
        for name, held in fund.released.items()
        if work.read(Application, f"{fund.id}/{name}").state == "ordered"
    ]  # fmt: skip


def _insured_from(work: Work, plan: Plan, policy: Policy) -> dict[str, str]:
    """Give the first day on which the policy insures each of the plan's lifts that it covers, by whichever record.

    Lifts are named by the record that goes on (C11).
    """
    records = {lift: records_of(work, lift) for lift in plan.lifts}
    work.prefetch({cover_stream(record): Cover for each in records.values() for record in each})
    found: dict[str, str] = {}
    for lift, each in records.items():
        covers = [work.find(Cover, cover_stream(record)) for record in each]
        days = [entry.from_date for cover in covers if cover is not None for entry in cover.of_policy(policy.id)]
        found |= {last_of(work, work.read(Lift, lift)).id: min(days)} if days else {}
    return found


def _named(application: Application) -> dict[str, Any]:
    members = ("policy", "plan", "vote", "pays_from", "amount_fen", "emergency", "filed_on")
    return {member: getattr(application, member) for member in members}


def _checked(work: Work, fund: Fund, facts: Facts) -> tuple[Pack, PackRef, list[Finding]]:
    pack, ref = pack_in_force(work, fund.area, facts.on)
    return pack, ref, application_findings(pack, facts)


def file(work: Work, statement: Statement, path: Path) -> None:
    """File an application; what the checks find is recorded, since papers may follow.

    For a proposal, or for what its source still owes of a policy that was issued on a first instalment.
    """
    said = statement.said
    fund = work.read(Fund, path["fund"])
    work.allow("application.file", **relations(work, fund))
    facts = _facts(work, fund, said)
    require_taking(facts.policy, said["pays_from"], work.today)
    _require_open(work, fund, facts.policy, said["pays_from"])
    _, ref, findings = _checked(work, fund, facts)
    application = work.new(Application, f"{fund.id}/{said['id']}")
    work.source(said, "application", application.id)
    application.record(
        Application.Filed, statement,
        {
            "proposal": facts.policy.proposal, "insurer": facts.policy.insurer,
            "premium_fen": facts.policy.premium_fen, **_amounts(facts),
            "findings": findings, "on": facts.on, "pack": ref.as_json(),
        },
    )  # fmt: skip


def _amounts(facts: Facts) -> dict[str, int]:
    owed = facts.allotment.owed
    return {"bearable_fen": facts.bearable_fen, "owed_fen": sum(owed.values()), "owed_houses": len(owed)}


def check(work: Work, statement: Statement, path: Path) -> None:
    """Run the checks as of now and record what they find."""
    fund = work.read(Fund, path["fund"])
    work.allow("application.check", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    application.require("filed")
    facts = _facts(work, fund, _named(application))
    _, ref, findings = _checked(work, fund, facts)
    application.record(
        Application.Checked, statement,
        {
            "findings": findings, "verdict": gravest(findings), **_amounts(facts), "on": facts.on,
            "pack": ref.as_json(),
        },
    )  # fmt: skip


def approve(work: Work, statement: Statement, path: Path) -> None:
    """Approve a share and reserve it; refused without the owners' vote, over the balance, or against a rule."""
    fund = work.change(Fund, path["fund"])
    work.allow("application.approve", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    application.require("filed")
    facts = _facts(work, fund, _named(application))
    require_taking(facts.policy, application.pays_from, work.today)
    _require_open(work, fund, facts.policy, application.pays_from)
    pack, ref, findings = _checked(work, fund, facts)
    if not facts.emergency and (facts.vote is None or facts.vote.passed is not True):
        raise RuleBroken("the owners have not voted for this", code="not_voted", rule="vote.use_fund")
    refuse_violations(findings)
    held = _held(application, path["application"], facts, _expires(pack, work.today))
    if facts.policy.state != "proposed" or facts.policy.received.get(application.pays_from):
        require_due(facts.policy, application.pays_from, held.amount_fen)
    share_fen = statement.said["fund_share_fen"]
    if share_fen > held.amount_fen:
        raise insufficient(share_fen, held.amount_fen)
    if share_fen < held.amount_fen:
        raise Conflict("the sub-accounts bear another share", code="fund_share_differs", bearable_fen=held.amount_fen)
    amounts = {"owed_fen": facts.allotment.owed_fen, "owed_houses": len(held.owed)}
    count = len(held.charged) + len(held.owed)
    cause = application.record(
        Application.Approved, statement,
        {
            "findings": findings, "on": facts.on, "groups": len(groups(range_of(held), CHARGES_PER_GROUP)),
            "count": count, **amounts, "pack": ref.as_json(),
        },
    )  # fmt: skip
    fund.reserve(
        cause, held,
        {
            "apportioned_fen": application.amount_fen, "buildings": _list(facts.plan.buildings), "count": count,
            "root": shares_root(held), **amounts, "rule": EXPIRY_RULE, "pack": ref.as_json(),
        },
        facts.beside,
    )  # fmt: skip


def money_beside(work: Work, fund: Fund, applications: Iterable[str]) -> Beside:
    """Name the fund's applications whose money is out and due back, and those of these whose money may leave yet."""
    streams = {name: f"{fund.id}/{name}" for name in sorted(applications)}
    work.prefetch(dict.fromkeys(streams.values(), Application))
    work.prefetch(dict.fromkeys(fund.return_due, Payment))
    return Beside(
        out=tuple(sorted((work.read(Payment, name).application or "").partition("/")[2] for name in fund.return_due)),
        under_way=tuple(name for name, stream in streams.items() if work.read(Application, stream).under_way_fen),
    )


def voted_on(work: Work, application: Application) -> Vote | None:
    """Give the owners' vote that an application rests on; None on the emergency route, which asks for none."""
    if application.vote is None or application.emergency is not None:
        return None
    return work.read(Vote, f"{application.id.partition('/')[0]}/{application.vote}")


def require_due(policy: Policy, source: FundSource, amount_fen: int) -> None:
    """Raise Conflict `above_due` when the source owes less: another fund has paid, which this one knows nothing of."""
    due_fen = policy.due_fen(source)
    if amount_fen > due_fen:
        raise Conflict("this source owes less", code="above_due", due_fen=due_fen, source=source)


def _require_open(work: Work, fund: Fund, policy: Policy, source: FundSource) -> None:
    """Raise Conflict unless an application may be made: nothing is held, and something is due of a paid or issued one.

    Held is also what expired while its order is under way.

    `policy_applied_already` for what another application of this fund holds or has settled, `above_due` when nothing
    is due. Each source of the fund is applied for by itself.
    """
    paid = None if policy.due_fen(source) else taken_by(fund.paid.values(), policy.id, source)
    held = [*fund.reservations.values(), *_expired_under_way(work, fund)]
    other = taken_by(held, policy.id, source) or paid
    if other is not None:
        raise applied_already(other)
    if policy.state != "proposed":
        require_due(policy, source, 1)


def range_of(held: Reservation) -> list[str]:
    """Give the houses that a reservation charges or leaves owing, by name."""
    return sorted({*held.charged, *held.owed})


def _held(application: Application, name: str, facts: Facts, expires: str) -> Reservation:
    allotment = facts.allotment
    if allotment.amount_fen > facts.free_fen:
        raise insufficient(allotment.amount_fen, facts.free_fen)
    return Reservation(
        name, application.policy, application.pays_from, allotment.amount_fen, expires, allotment.charged,
        allotment.owed,
    )  # fmt: skip


def _expires(pack: Pack, today: str) -> str:
    """Whole days, that of the approval not counted (Civil Code 201)."""
    return civil_midnight(add_days(today, pack.rule("fund.reservation_days_max", today).integer() + 1))


def _list(buildings: tuple[str, ...] | None) -> list[str] | None:
    return None if buildings is None else list(buildings)


def refuse(work: Work, statement: Statement, path: Path) -> None:
    """Refuse an application, with reasons."""
    fund = work.read(Fund, path["fund"])
    work.allow("application.refuse", **relations(work, fund))
    application = work.change(Application, f"{fund.id}/{path['application']}")
    application.require("filed")
    application.record(Application.Refused, statement)


def void(work: Work, statement: Statement, path: Path) -> None:
    """Give an application up; what it holds is released. Money already under way will be due back (C3)."""
    fund = work.change(Fund, path["fund"])
    application = work.change(Application, f"{fund.id}/{path['application']}")
    work.allow("application.void", **relations(work, fund), filer=application.filer == work.author.party)
    application.require("filed", "approved", "ordered")
    cause = application.record(Application.Voided, statement)
    if path["application"] in fund.reservations:
        fund.void(cause, path["application"])


_STREAM = "{fund}/{application}"

ACTIONS = (
    Action(
        "application.file", "POST", "/funds/{fund}/applications", ApplicationFiling, file,
        (Writes("application.Filed", "{fund}/{id}"),), "Apply to pay a premium from the fund", "申请使用维修资金",
    ),
    Action(
        "application.check", "POST", "/funds/{fund}/applications/{application}/check", ApplicationCheck, check,
        (Writes("application.Checked", _STREAM),), "Check an application as of now", "核查使用申请",
    ),
    Action(
        "application.approve", "POST", "/funds/{fund}/applications/{application}/approve", ApplicationApproval, approve,
        (Writes("application.Approved", _STREAM), Writes("fund.Reserved", "fund:", derived=True)),
        "Approve an application and reserve the money", "审核同意并预留资金",
    ),
    Action(
        "application.refuse", "POST", "/funds/{fund}/applications/{application}/refuse", ApplicationRefusal, refuse,
        (Writes("application.Refused", _STREAM),), "Refuse an application", "不予同意",
    ),
    Action(
        "application.void", "POST", "/funds/{fund}/applications/{application}/void", ApplicationVoiding, void,
        (Writes("application.Voided", _STREAM), Writes("fund.ReservationVoided", "fund:", derived=True)),
        "Give an application up", "撤销使用申请",
    ),
)  # fmt: skip
