"""Publishing plans to use the fund, and the owners' votes on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from application.actions import Action, Writes
from application.funds import caused_by, events_of, prefetch_houses, relations, words
from application.records import last_of, records_of
from application.schemes import pack_in_force
from application.work import Work
from domain.aggregate import Event, Statement
from domain.errors import Conflict, Invalid
from domain.fund_checks import PlanLift, plan_findings
from domain.funds import Fund
from domain.houses import BallotPaper, BallotRevocation, House
from domain.lifts import Lift
from domain.plans import Plan, PlanPublishing, ResultPublishing, Vote, VoteClosing, VoteOpening
from domain.time import require_not_later
from domain.vote import count, decide, told_late, use_fund_rule

Path = Mapping[str, str]

BALLOTS_PER_SAVE = 240


def publish(work: Work, statement: Statement, path: Path) -> None:
    """Publish a plan: its scope is fixed before anyone votes (MF01)."""
    said = statement.said
    fund = work.read(Fund, path["fund"])
    work.allow("plan.publish", **relations(work, fund))
    require_not_later(said["published_on"], work.today)
    fund.scope(said.get("buildings"))
    pack, ref = pack_in_force(work, fund.area, said["published_on"])
    lifts = plan_lifts(work, sorted(set(said["lifts"])), {})
    if len(lifts) != len(said["lifts"]):
        raise Invalid("a lift stands twice in the plan", code="lift_twice", at="/lifts")
    findings = plan_findings(pack, fund.estate, lifts, said["published_on"])
    plan = work.new(Plan, f"{fund.id}/{said['id']}")
    work.source(said, "plan", plan.id)
    plan.record(Plan.Published, statement, {"findings": findings, "pack": ref.as_json()})


def plan_lifts(work: Work, names: Iterable[str], insured_from: Mapping[str, str]) -> list[PlanLift]:
    """Give what the checks need of lifts, each once, whichever of its records were named (C11).

    `insured_from` has, by the record that goes on, the first day of those that a policy covers. Where that record does
    not know estate or warranty, what another one knew of the lift stands.
    """
    wanted = list(names)
    work.prefetch(dict.fromkeys(wanted, Lift))
    lasts = dict.fromkeys(last_of(work, work.read(Lift, name)).id for name in wanted)
    return [_plan_lift(work, last, insured_from.get(last)) for last in lasts]


def _plan_lift(work: Work, last: str, insured_from: str | None) -> PlanLift:
    records = [work.read(Lift, name) for name in records_of(work, last)]
    estate = next((record.estate for record in records if record.estate is not None), None)
    warranty_until = next((each.warranty_until for each in records if each.warranty_until is not None), None)
    return PlanLift(last, estate, warranty_until, insured_from)


def open_vote(work: Work, statement: Statement, path: Path) -> None:
    """Open a vote on a plan; its scope is counted as of now."""
    said = statement.said
    fund = work.read(Fund, path["fund"])
    work.allow("vote.open", **relations(work, fund))
    plan = work.read(Plan, f"{fund.id}/{said['plan']}")
    require_not_later(said["opened_on"], work.today)
    if said["opened_on"] < plan.published_on:
        raise Conflict("a vote opens after its plan is published", code="vote_before_plan", published=plan.published_on)
    inside = fund.scope(plan.buildings)
    area = sum(house.area_m2_hundredths for house in inside.values())
    vote = work.new(Vote, f"{fund.id}/{said['id']}")
    work.source(said, "vote", vote.id)
    vote.record(Vote.Opened, statement, {"scope": {"houses": len(inside), "area_m2_hundredths": area}})


def cast(work: Work, statement: Statement, path: Path) -> None:
    """Take a house's ballot: one live ballot for each house, within the scope, while the vote is open."""
    said = statement.said
    fund = work.read(Fund, path["fund"])
    work.allow("vote.cast", **relations(work, fund))
    vote = work.read(Vote, f"{fund.id}/{path['vote']}")
    vote.require_open()
    _require_cast_in_time(said.get("on"), vote, work.today)
    plan = work.read(Plan, f"{fund.id}/{vote.plan}")
    house = work.change(House, said["house"])
    if house.fund != fund.id or (plan.buildings is not None and house.building not in plan.buildings):
        raise Invalid("the house is not in the scope of the vote", code="ballot_out_of_scope", house=house.id)
    if path["vote"] in house.ballots and "replaces" not in said:
        raise Conflict("the house has voted already", code="ballot_twice", house=house.id)
    house.record(
        House.BallotCast, statement,
        {"vote": path["vote"], "fund": fund.id, "on_behalf": not work.author.personal},
    )  # fmt: skip


def _require_cast_in_time(on: str | None, vote: Vote, today: str) -> None:
    if on is None:
        return
    require_not_later(on, today)
    if on < vote.opened_on:
        raise Conflict("a ballot is cast after the vote opened", code="vote_dates", opened_on=vote.opened_on)


def sum_ballots(work: Work) -> None:
    """Let the vote take over the ballots of this save."""
    by_vote: dict[str, list[Event]] = {}
    for event in events_of(work, House.BallotCast):
        by_vote.setdefault(f"{event.found['fund']}/{event.found['vote']}", []).append(event)
    for name, events in by_vote.items():
        ballots = [
            {
                "house": event.originator_id, "choice": words(event)["choice"], "on": words(event).get("on"),
                "told_on": work.today,
            }
            for event in events
        ]  # fmt: skip
        work.change(Vote, name).record(Vote.BallotsCast, caused_by(events[-1]), {"ballots": ballots})


def revoke(work: Work, statement: Statement, path: Path) -> None:
    """Take a house's ballot back while the vote is open."""
    said = statement.said
    fund = work.read(Fund, said["fund"])
    work.allow("vote.revoke_ballot", **relations(work, fund))
    vote = work.change(Vote, f"{fund.id}/{said['vote']}")
    vote.require_open()
    house = work.change(House, path["house"])
    if house.id not in vote.ballots:
        raise Conflict("the house has not voted", code="ballot_missing", house=house.id)
    cause = house.record(House.BallotRevoked, statement)
    vote.record(Vote.BallotRevoked, cause, {"house": house.id, "told_on": work.today})


def close(work: Work, statement: Statement, path: Path) -> None:
    """Close a vote and count it by the rule, and the owners, of its last day (Civil Code 278; before 2021 办法 22)."""
    closed_on = statement.said["closed_on"]
    fund = work.read(Fund, path["fund"])
    work.allow("vote.close", **relations(work, fund))
    vote = work.change(Vote, f"{fund.id}/{path['vote']}")
    vote.require_open()
    require_not_later(closed_on, work.today)
    if closed_on < vote.opened_on:
        raise Conflict("a vote closes after it opens", code="vote_dates", opened_on=vote.opened_on)
    vote.require_cast_by(closed_on)
    plan = work.read(Plan, f"{fund.id}/{vote.plan}")
    pack, ref = pack_in_force(work, fund.area, closed_on)
    tally = count(fund.units(plan.buildings, closed_on), vote.ballots)
    rule = use_fund_rule(pack, closed_on)
    passed, findings = decide(tally, rule)
    findings += told_late(rule, *vote.told_after(closed_on))
    vote.record(
        Vote.Closed, statement,
        {
            "tally": asdict(tally), "passed": passed, "findings": findings, "pack": ref.as_json(),
            "houses_at_opening": vote.houses,
        },
    )  # fmt: skip


def publish_result(work: Work, statement: Statement, path: Path) -> None:
    """Note that a vote's result was made public."""
    fund = work.read(Fund, path["fund"])
    work.allow("vote.publish", **relations(work, fund))
    vote = work.change(Vote, f"{fund.id}/{path['vote']}")
    on = statement.said["published_on"]
    require_not_later(on, work.today)
    if vote.closed_on is None or on < vote.closed_on:
        raise Conflict("a result is published after the vote closed", code="vote_dates", closed_on=vote.closed_on)
    vote.record(Vote.ResultPublished, statement)


_VOTE = "{fund}/{vote}"

ACTIONS = (
    Action(
        "plan.publish", "POST", "/funds/{fund}/plans", PlanPublishing, publish,
        (Writes("plan.Published", "{fund}/{id}", "", "/published_on"),),
        "Publish a plan to use the fund", "公示维修资金使用方案",
    ),
    Action(
        "vote.open", "POST", "/funds/{fund}/votes", VoteOpening, open_vote,
        (Writes("vote.Opened", "{fund}/{id}", "", "/opened_on"),), "Open a vote on a plan", "发起业主表决",
    ),
    Action(
        "vote.cast", "POST", "/funds/{fund}/votes/{vote}/ballots", BallotPaper, cast,
        (Writes("house.BallotCast", "{house}"), Writes("vote.BallotsCast", "fund:/vote:", derived=True)),
        "Take houses' ballots", "登记表决票",
        group_lines=BALLOTS_PER_SAVE, prefetch=prefetch_houses, appends=True, finish=sum_ballots,
    ),
    Action(
        "vote.revoke_ballot", "POST", "/houses/{house}/revoke-ballot", BallotRevocation, revoke,
        (Writes("house.BallotRevoked", "{house}"), Writes("vote.BallotRevoked", "fund:/vote:", derived=True)),
        "Take a ballot back", "撤回表决票",
    ),
    Action(
        "vote.close", "POST", "/funds/{fund}/votes/{vote}/close", VoteClosing, close,
        (Writes("vote.Closed", _VOTE, "", "/closed_on"),), "Close and count a vote", "表决截止并计票",
    ),
    Action(
        "vote.publish", "POST", "/funds/{fund}/votes/{vote}/publish", ResultPublishing, publish_result,
        (Writes("vote.ResultPublished", _VOTE, "", "/published_on"),), "Publish a vote's result", "公示表决结果",
    ),
)  # fmt: skip
