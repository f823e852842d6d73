"""Endorsing a policy (批改): lifts added, changed and removed, limits changed, from a day that may have passed.

A late endorsement is booked on top of what was recorded, and holds from its own day: later days are what all
endorsements come to in the order of their days, so those of later days are applied again above it (`found.reapplied`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from application import limits
from application.actions import Action, Writes
from application.covers import attach, cover_stream, filed_rate
from application.returns import RETURN_DUE, tell_returns
from application.schemes import pack_in_force
from application.work import Work
from domain.aggregate import Statement
from domain.covers import Cover, CoverEntry, changed, ended, require_changeable
from domain.earning import Charged, charged_for, charged_for_line, merged, taken_off
from domain.errors import Conflict, Invalid
from domain.filed_terms import check_filed_aggregate
from domain.findings import refuse_violations
from domain.limits import policy_year
from domain.policies import Policy
from domain.policy_checks import check_entry, classes_of, shares_of
from domain.policy_ends import check_removal
from domain.policy_shapes import ENDORSED_LIFTS_MAX, Endorsement
from domain.products import Product, check_parts
from domain.receipts import borne_after, over_by_source
from domain.time import civil_midnight

Path = Mapping[str, str]


def endorse(work: Work, statement: Statement, path: Path) -> None:
    """Endorse an issued policy in one act: its members' premiums sum to the delta, each is held against its ceiling."""
    said = statement.said
    policy = work.change(Policy, path["policy"])
    work.allow("policy.endorse", insures=policy.insurer == work.author.party)
    policy.require("issued")
    effective_on = said["effective_on"]
    if not policy.period.contains(effective_on):
        raise Conflict("the day lies outside the policy's term", code="outside_policy", effective_on=effective_on)
    _check_members(said, policy)
    number = len(policy.stack) + 1
    work.source(said, "endorsement", policy.id)
    outside = _outside_filed(work, policy, said["limits"], effective_on) if "limits" in said else {}
    shares = shares_of(said, policy.sources)
    refunds, before = over_by_source(policy.held, borne_after(policy.sources, shares)), policy.receipts
    because = policy.record(
        Policy.Endorsed, statement,
        {
            "transaction": number,
            "lifts": len(said.get("adds", ())) - len(said.get("removes", ())),
            "premium_fen": policy.premium_fen + said["delta_fen"],
            "late": effective_on < work.today,
            "reapplied": [c.number for c in policy.stack if c.effective_on > effective_on],
            "sources": shares, "refunds": refunds, "charged": [row.as_json() for row in _charged(work, policy, said)],
            **outside,
        },
    )  # fmt: skip
    found = {"transaction": number}
    for part in _parts(statement, "changes"):
        _change(work, policy, part, found)
    for part in _parts(statement, "removes"):
        _remove(work, policy, part, found)
    for part in _parts(statement, "adds"):  # after what is removed: a certificate may take another's place
        attach(work, policy, part, found, pending=False)
    for day in _days(policy, effective_on) if "limits" in said else ():
        limits.reset_whole(work, because, policy, day)
    tell_returns(work, policy, before, because, "policy_endorsed")


def _charged(work: Work, policy: Policy, said: Mapping[str, Any]) -> tuple[Charged, ...]:
    """Give what an Endorsement charges more or less, by its days: what its certificates come to, less what they did.

    Raises NotFound `cover_unknown`, `certificate_unknown`, and what `require_changeable` does.
    """
    before: dict[tuple[str, str], CoverEntry] = {}
    after: dict[tuple[str, str], CoverEntry] = {}
    for apply, items in ((changed, said.get("changes", ())), (ended, said.get("removes", ()))):
        for item in items:
            name = item["lift"], item["certificate"]
            cover = work.read(Cover, cover_stream(item["lift"]))
            if name not in before:
                before[name] = after[name] = cover.entry(item["certificate"])
            require_changeable(after[name], policy.id, item)
            after[name] = apply(after[name], item, cover.version + 1)
    rows = [charged_for_line(line) for line in said.get("adds", ())]
    rows += [row for entry in after.values() for row in charged_for(entry)]
    return merged([*rows, *taken_off(row for entry in before.values() for row in charged_for(entry))])


def _outside_filed(work: Work, policy: Policy, terms: Mapping[str, int], on: str) -> dict[str, Any]:
    """Hold new limits against the filed ones: an endorsement does not lead round the clauses (报行合一).

    Nor may they contradict the policy's own limits of a person or an accident: Invalid `aggregate_below_person`.
    """
    check_parts(policy.parts, terms["per_lift_year_fen"])
    pack, ref = pack_in_force(work, policy.area, on)
    product = work.read(Product, policy.product)
    found = check_filed_aggregate(pack, product, policy.part_codes, terms["per_lift_year_fen"], on)
    return {"findings": found, "pack": ref.as_json()} if found else {}


def _check_members(said: Mapping[str, Any], policy: Policy) -> None:
    members = [*said.get("adds", ()), *said.get("changes", ()), *said.get("removes", ())]
    if len(members) > ENDORSED_LIFTS_MAX or not (members or "limits" in said):
        raise Invalid("an endorsement changes 1 to 100 lifts, or limits", code="too_many", maximum=ENDORSED_LIFTS_MAX)
    days = [line["from_date"] for line in said.get("adds", ())]
    days += [item["effective_on"] for key in ("changes", "removes") for item in said.get(key, ())]
    on = said["effective_on"]
    if others := sorted({day for day in days if day != on}):
        raise Invalid("all members hold from the endorsement's day", code="effective_on_differs", on=on, others=others)
    if any(line["policy"] != policy.id for line in said.get("adds", ())):
        raise Invalid("a line names another policy", code="policy_differs")
    sum_fen = sum(part["premium_fen"] for line in said.get("adds", ()) for part in line["parts"])
    sum_fen += sum(part["delta_fen"] for change in said.get("changes", ()) for part in change.get("parts", ()))
    sum_fen -= sum(part["premium_fen"] for removal in said.get("removes", ()) for part in removal["refunds"])
    if sum_fen != said["delta_fen"]:
        raise Invalid(
            "the members do not sum to the delta",
            code="endorsement_delta",
            sum_fen=sum_fen,
            delta_fen=said["delta_fen"],
        )


def _parts(statement: Statement, key: str) -> Iterator[Statement]:
    for index, item in enumerate(statement.said.get(key, ())):
        day = item["from_date"] if key == "adds" else item["effective_on"]
        yield statement.part(f"/{key}/{index}", item, civil_midnight(day))


def _change(work: Work, policy: Policy, part: Statement, found: Mapping[str, Any]) -> None:
    """Amend a certificate; its premium is held against the ceilings of its classes, day by day."""
    change = part.said
    cover = work.change(Cover, cover_stream(change["lift"]))
    entry = cover.entry(change["certificate"])
    if strange := {p["part"] for p in change.get("parts", ())} - set(entry.parts):
        raise Invalid("the certificate has no such part", code="part_not_in_certificate", parts=sorted(strange))
    after = changed(entry, change, cover.version + 1)
    pack, ref = pack_in_force(work, policy.area, entry.from_date)
    checked = check_entry(pack, policy, after)
    refuse_violations(checked.findings)
    days = [] if after.period is None else classes_of(after, after.period)
    parts = [{"part": name, "premium_fen": fen} for name, fen in after.parts_fen().items()]
    findings = [*checked.findings, *filed_rate(work, pack, policy, days, parts)]
    if "per_lift_year_fen" in change:
        check_parts([p for p in policy.parts if p["part"] in entry.parts], change["per_lift_year_fen"])
        product, on = work.read(Product, policy.product), change["effective_on"]
        findings += check_filed_aggregate(pack, product, after.parts, change["per_lift_year_fen"], on)
    because = cover.record(
        Cover.Amended, part,
        {
            **found, "policy": policy.id, "premium_fen": after.premium_fen, "working": checked.working,
            "findings": findings, "pack": ref.as_json(),
        },
    )  # fmt: skip
    if "per_lift_year_fen" in change:
        for day in _days(policy, change["effective_on"]):
            limits.reset_lift(work, because, policy, change["lift"], day, entry.parts[0])


def _remove(work: Work, policy: Policy, part: Statement, found: Mapping[str, Any]) -> None:
    """End a certificate and book what is given back."""
    removal = part.said
    cover = work.change(Cover, cover_stream(removal["lift"]))
    entry = cover.entry(removal["certificate"])
    after = ended(entry, removal, cover.version + 1)
    pack, ref = pack_in_force(work, policy.area, entry.from_date)
    checked = check_entry(pack, policy, after)
    findings = [*checked.findings, *check_removal(work.read(Product, policy.product), entry, removal)]
    cover.record(
        Cover.Ended, part,
        {
            **found, "policy": policy.id, "premium_fen": after.premium_fen, "working": checked.working,
            "findings": findings, "pack": ref.as_json(),
        },
    )  # fmt: skip


def _days(policy: Policy, effective_on: str) -> Iterator[str]:
    """Yield, for each policy year from a day on, the first day in it that a change holds."""
    day = effective_on
    while day < policy.to_date:
        yield day
        day = policy_year(policy.period, day).to_date


ACTIONS = (
    Action(
        "policy.endorse", "POST", "/policies/{policy}/endorse", Endorsement, endorse,
        (
            Writes("policy.Endorsed", "{policy}", "", "/effective_on"),
            Writes("cover.Attached", "{lift}/cover", "/adds/*", "/from_date"),
            Writes("cover.Amended", "{lift}/cover", "/changes/*", "/effective_on"),
            Writes("cover.Ended", "{lift}/cover", "/removes/*", "/effective_on"),
            Writes("limit.Set", "policy:/limit:", derived=True), RETURN_DUE,
        ),
        "Endorse the policy", "批改保单",
    ),
)  # fmt: skip
