"""Holding policies against the pack: heads of quotations, lines of schedules, changes, and premium before issue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.covers import Clash, CoverEntry
from domain.errors import Conflict, Invalid, RuleBroken
from domain.filed_terms import as_filed, check_filed_limits
from domain.findings import Finding, Verdict, finding, refuse_violations
from domain.money import BASIS_POINTS
from domain.packs import Pack, rule_or_own
from domain.policies import Policy
from domain.policy_amounts import needed_to_issue_fen
from domain.policy_shapes import INSTALMENTS_MAX, INSURERS_MAX, SOURCES_MAX
from domain.premium import ceiling_fen, check_certificate, check_term, liability_premium_fen
from domain.products import Product, check_benefits, check_parts, check_services, check_sums
from domain.receipts import SUBSIDY_KINDS, split_change
from domain.time import Period, add_days, add_years, days_between

BUDGET_KINDS = frozenset({"fiscal_budget", "fiscal_subsidy"})
CONTRACT = "保险合同约定"
"""The basis of findings that rest on the contract or the filed clauses, not on a rule of the pack."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check gives back: its findings and the working of the amounts (canonical JSON)."""

    findings: list[Finding]
    working: dict[str, Any]


def by_contract(rule: str, code: str, verdict: Verdict, **facts: int | str | bool) -> Finding:
    """Write a finding that rests on the contract."""
    return {"code": code, "verdict": verdict, "rule": rule, "basis": CONTRACT, "facts": facts}


def check_draft(pack: Pack, product: Product, draft: Mapping[str, Any], today: str) -> list[Finding]:
    """Hold a PolicyDraft against itself, its product and the pack; returns findings, refuses violations.

    Raises Invalid `parts_not_premium`, `sources_not_premium`, `source_twice`, `instalments_not_premium`,
    `part_not_in_product`, `service_not_in_product`, `service_twice`, `too_many`, those of `check_parts` and Period;
    RuleBroken for the term, the validity, the order of instalments, and benefits below the floors.
    """
    period = Period(draft["from_date"], draft["to_date"])
    check_parts(draft["parts"], draft["limits"]["per_lift_year_fen"])
    strange = {part["part"] for part in draft["parts"]} - product.part_codes
    if strange:
        raise Invalid("the product has no such part", code="part_not_in_product", parts=sorted(strange))
    check_services(draft.get("services", ()), product.services)
    instalments = draft.get("instalments", [])
    if len(draft["sources"]) > SOURCES_MAX or len(instalments) > INSTALMENTS_MAX:
        raise Invalid("too many sources or instalments", code="too_many", sources=SOURCES_MAX)
    kinds = [source["kind"] for source in draft["sources"]]
    if len(set(kinds)) != len(kinds):
        raise Invalid("a source of money stands twice", code="source_twice")
    _sums_to(draft["premium_fen"], [p["premium_fen"] for p in draft["parts"]], "parts_not_premium")
    _sums_to(draft["premium_fen"], [s["amount_fen"] for s in draft["sources"]], "sources_not_premium")
    if instalments:
        _sums_to(draft["premium_fen"], [i["amount_fen"] for i in instalments], "instalments_not_premium")
    found = check_term(pack, period)
    found += _check_instalments(pack, instalments, draft["from_date"])
    found += _check_validity(pack, draft["valid_until"], today)
    found += _check_floors(pack, product, {part["part"] for part in draft["parts"]}, draft["from_date"])
    refuse_violations(found)
    found += check_filed_limits(pack, product, draft["parts"], draft["limits"]["per_lift_year_fen"], draft["from_date"])
    terms = as_filed(product, draft["parts"]).values()
    return found + check_sums(pack, terms, draft["from_date"], draft["limits"]["per_lift_year_fen"])


def _check_floors(pack: Pack, product: Product, parts: Collection[str], on: str) -> list[Finding]:
    """Hold the product's benefits against the floors in force when the policy begins: they may have risen since."""
    found = check_benefits(
        pack, parts, product.entrapment, product.missed_exam, product.missed_travel_times, on
    )  # fmt: skip
    return [each for each in found if each["verdict"] != "information"]  # what is not fixed was told at the filing


def _sums_to(total_fen: int, amounts_fen: Sequence[int], code: str) -> None:
    if sum(amounts_fen) != total_fen:
        raise Invalid(
            "the amounts do not sum to the premium", code=code, sum_fen=sum(amounts_fen), premium_fen=total_fen
        )


def _check_instalments(pack: Pack, instalments: Sequence[Mapping[str, Any]], on: str) -> list[Finding]:
    if not instalments or not pack.has("policy.instalments", on):
        return []
    rule = pack.rule("policy.instalments", on)
    first = instalments[0]["amount_fen"]
    dates = [instalment["due_on"] for instalment in instalments]
    if dates != sorted(dates):
        raise Invalid("instalments stand in the order of their days", code="instalments_disordered")
    if rule.fixed and any(instalment["amount_fen"] > first for instalment in instalments):
        return [finding(rule, "instalments_rise", first_fen=first)]
    return []


def _check_validity(pack: Pack, valid_until: str, today: str) -> list[Finding]:
    rule = pack.rule("policy.quote_validity_days_max", today)
    if valid_until < today:
        raise Invalid("the quotation would be past its validity", code="validity_past", valid_until=valid_until)
    if rule.fixed and valid_until > add_days(today, rule.integer()):
        return [finding(rule, "quote_validity_too_long", days=days_between(today, valid_until))]
    return []


def check_shares(insurers: Sequence[Mapping[str, Any]], leader: str) -> None:
    """Refuse co-insurance that is not whole: Invalid `shares_not_whole`, `insurer_twice`, `leader_not_first`."""
    if not 1 <= len(insurers) <= INSURERS_MAX:
        raise Invalid("too many insurers", code="too_many", maximum=INSURERS_MAX)
    if len({insurer["party"] for insurer in insurers}) != len(insurers):
        raise Invalid("an insurer stands twice", code="insurer_twice")
    if insurers[0]["party"] != leader:
        raise Invalid("the leading insurer, who quotes, stands first", code="leader_not_first")
    if (total := sum(insurer["share_bp"] for insurer in insurers)) != BASIS_POINTS:
        raise Invalid("shares must sum to 10,000 basis points", code="shares_not_whole", found=total)


def check_line(pack: Pack, policy: Policy, line: Mapping[str, Any], premises_class: str | None) -> Checked:
    """Hold a ScheduleLine against the policy and the pack of its first day; refuses violations by RuleBroken.

    Findings beside those of `check_certificate`: `certificate_not_coterminous`, as grave as too short a term, when a
    certificate shorter than the minimum term does not end with its policy. Raises Invalid `part_not_in_policy`,
    `part_twice`.
    """
    codes = [part["part"] for part in line["parts"]]
    if not codes or len(set(codes)) != len(codes):
        raise Invalid("a coverage part stands twice, or none does", code="part_twice")
    if strange := set(codes) - policy.part_codes:
        raise Invalid("the policy has no such part", code="part_not_in_policy", parts=sorted(strange))
    certificate, on = Period(line["from_date"], line["to_date"]), line["from_date"]
    parts_fen = {part["part"]: part["premium_fen"] for part in line["parts"]}
    found = check_certificate(
        pack, premises_class=premises_class, parts_fen=parts_fen, certificate=certificate, policy=policy.period
    )
    term = pack.rule("policy.term_years_min", policy.from_date)
    short = term.fixed and certificate.to_date < add_years(certificate.from_date, term.integer())
    if short and certificate.to_date != policy.to_date:
        found = [*found, finding(term, "certificate_not_coterminous", days=certificate.days)]
    refuse_violations(found)
    working: dict[str, Any] = {"liability_fen": liability_premium_fen(pack, parts_fen, on)}
    cap = pack.rule("premium.cap", on)
    if cap.fixed and premises_class is not None and premises_class in cap.table():
        working["ceiling_fen"] = ceiling_fen(cap.number(premises_class), certificate, policy.from_date)
    return Checked(found, working)


def shares_of(endorsement: Mapping[str, Any], borne: Mapping[str, int]) -> dict[str, int]:
    """Give what each source bears more (or, negative, less) by an Endorsement, of what each bears now.

    As its `sources` say, else as `split_change` divides it. What the owners' fund bears more is due of it, and paid by
    a further application with its vote and approval. Raises Invalid `source_twice`, `sources_not_premium`; Conflict
    `above_due` for less than nothing.
    """
    delta_fen = endorsement["delta_fen"]
    if "sources" not in endorsement:
        return split_change(delta_fen, borne)
    named = {source["kind"]: source["amount_fen"] for source in endorsement["sources"]}
    if len(named) != len(endorsement["sources"]):
        raise Invalid("a source of money stands twice", code="source_twice")
    _sums_to(abs(delta_fen), list(named.values()), "sources_not_premium")
    for kind, fen in named.items():
        if delta_fen < 0 and fen > borne.get(kind, 0):
            raise Conflict("this source bears less", code="above_due", due_fen=borne.get(kind, 0), source=kind)
    return {kind: fen if delta_fen > 0 else -fen for kind, fen in named.items() if fen}


def check_entry(pack: Pack, policy: Policy, entry: CoverEntry) -> Checked:
    """Hold a changed certificate against the ceiling, class by class over the days each held (L3 d).

    Working: {liability_fen, ceiling_fen, classes: [{from_date, to_date, premises_class, ceiling_fen}]}. Findings:
    `premium_over_ceiling` (a person decides when the certificate ended early), `premises_class_unknown`,
    `cap_not_fixed`. Raises Invalid `premium_negative` when on any day more was given back than was charged until then.
    """
    cap = pack.rule("premium.cap", entry.from_date)
    parts_fen = entry.parts_fen()
    days = {charge.effective_on for charge in entry.charges}
    if negative := {part for day in days for part, fen in entry.parts_fen(day).items() if fen < 0}:
        raise Invalid("more is given back than was charged", code="premium_negative", parts=sorted(negative))
    liability_fen = liability_premium_fen(pack, parts_fen, entry.from_date)
    working: dict[str, Any] = {"liability_fen": liability_fen}
    if not cap.fixed:
        return Checked([finding(cap, "cap_not_fixed", "information")], working)
    if entry.period is None:
        return Checked([], working)
    classes = classes_of(entry, entry.period)
    if any(premises_class not in cap.table() for _, premises_class in classes):
        return Checked([finding(cap, "premises_class_unknown", "needs_supplement")], working)
    rows = [
        {
            "from_date": days.from_date, "to_date": days.to_date, "premises_class": premises_class,
            "ceiling_fen": ceiling_fen(cap.number(premises_class or ""), days, policy.from_date),
        }
        for days, premises_class in classes
    ]  # fmt: skip
    ceiling = sum(row["ceiling_fen"] for row in rows if isinstance(row["ceiling_fen"], int))
    working |= {"ceiling_fen": ceiling, "classes": rows}
    if liability_fen <= ceiling:
        return Checked([], working)
    verdict: Verdict | None = None if entry.ended is None else "manual_review"
    return Checked(
        [finding(cap, "premium_over_ceiling", verdict, premium_fen=liability_fen, ceiling_fen=ceiling)], working
    )


def classes_of(entry: CoverEntry, period: Period) -> list[tuple[Period, str | None]]:
    """Give the premises class of a certificate by the days it held."""
    days = sorted({period.from_date, *(t.effective_on for t in entry.terms if period.contains(t.effective_on))})
    rows: list[tuple[Period, str | None]] = []
    for begins, ends in zip(days, [*days[1:], period.to_date], strict=True):
        premises_class = entry.terms_on(begins).premises_class
        if rows and rows[-1][1] == premises_class:
            rows[-1] = (Period(rows[-1][0].from_date, ends), premises_class)
        else:
            rows.append((Period(begins, ends), premises_class))
    return rows


def check_clashes(pack: Pack, policy: Policy, clashes: Sequence[Clash], on: str) -> list[Finding]:
    """Answer overlaps as the pack says: refused by RuleBroken for policies paid by the fund, else flagged.

    The refusal tells the other cover's days, not its insurer or premium (C1). Rule `cover.overlap`.
    """
    if not clashes:
        return []
    rule = pack.rule("cover.overlap", on)
    readings = rule.table()
    reading = readings.get("fund_paid") if policy.fund_paid else readings.get("otherwise")
    first = clashes[0].days
    if reading == "refuse":
        raise RuleBroken(
            "the same part and interest of this lift is covered already", rule=rule.id, finding="cover_overlaps",
            basis=rule.basis, facts={"from_date": first.from_date, "to_date": first.to_date},
        )  # fmt: skip
    return [
        finding(rule, "cover_overlaps", parts=",".join(c.parts), from_date=c.days.from_date, to_date=c.days.to_date)
        for c in clashes
    ]


def check_merged(pack: Pack | None, clashes: Sequence[Clash], on: str) -> list[Finding]:
    """Find `cover_overlaps` once where two records prove to be one lift (C11) and an interest in it is insured twice.

    It tells how many certificates overlap, in which parts, and from the first day to the last. Rule `cover.overlap`; it
    is for a person to look at, whatever the pack says: nothing that was done is refused by it.
    """
    if not clashes:
        return []
    rule = rule_or_own(pack, "cover.overlap", on)
    facts: dict[str, int | str] = {
        "overlaps": len(clashes), "parts": ",".join(sorted({part for clash in clashes for part in clash.parts})),
        "from_date": min(clash.days.from_date for clash in clashes),
        "to_date": max(clash.days.to_date for clash in clashes),
    }  # fmt: skip
    return [finding(rule, "cover_overlaps", "manual_review", **facts)]


def needed_fen(pack: Pack, policy: Policy, on: str) -> tuple[int, frozenset[str]]:
    """Return what must be received before issue, and the kinds of money that do not count (rule `PB01.receipts`)."""
    uncounted: frozenset[str] = frozenset()
    if pack.has("PB01.receipts", on) and pack.rule("PB01.receipts", on).table().get("subsidy_part") == "not_counted":
        uncounted = SUBSIDY_KINDS
    return needed_to_issue_fen(policy, uncounted), uncounted


def enough_received(pack: Pack, policy: Policy, held: Mapping[str, int], on: str) -> bool:
    """Say whether the money held of each source suffices to issue the policy."""
    needed, uncounted = needed_fen(pack, policy, on)
    return sum(fen for kind, fen in held.items() if kind not in uncounted) >= needed


def check_premium_first(pack: Pack, policy: Policy, on: str) -> list[Finding]:
    """Hold the issue against 见费出单, rule `PB01`: premium first, or a ground of `PB01.exceptions`.

    Finding `issued_before_premium`, refused by RuleBroken where the pack says that it violates; before the rule's day,
    and on a good ground, an information finding.
    """
    if enough_received(pack, policy, policy.held, on):
        return []
    rule = pack.rule("PB01", on)
    needed, _ = needed_fen(pack, policy, on)
    if not rule.fixed:
        return [finding(rule, "issued_before_premium", "information", needed_fen=needed)]
    if policy.ground is not None and pack.has("PB01.exceptions", on):
        exceptions = pack.rule("PB01.exceptions", on)
        documented = (
            policy.sealed_proposal if policy.ground.endswith("sealed_proposal") else policy.agreement is not None
        )
        if policy.ground in exceptions.texts() and documented and BUDGET_KINDS.issuperset(policy.sources):
            return [finding(exceptions, "issued_on_budget_ground", "information", ground=policy.ground)]
    found = [finding(rule, "issued_before_premium", needed_fen=needed, received_fen=policy.held_fen)]
    refuse_violations(found)
    return found


def check_subsidised(pack: Pack, policy: Policy, granted_fen: int, on: str) -> list[Finding]:
    """Hold the subsidy's part, which is not counted as premium to be received (PB01), against what was granted of it.

    What a draft calls a subsidy is its author's word until an authority granted it, or its money came. Finding
    `subsidy_not_granted`, which asks for the grants.
    """
    _, uncounted = needed_fen(pack, policy, on)
    part_fen = sum(policy.drafted_sources.get(kind, 0) for kind in uncounted)
    received_fen = sum(policy.held.get(kind, 0) for kind in uncounted)
    if part_fen <= max(granted_fen, received_fen):
        return []
    rule, amounts = pack.rule("PB01.receipts", on), {"subsidy_fen": part_fen, "granted_fen": granted_fen}
    return [finding(rule, "subsidy_not_granted", "needs_supplement", **amounts)]


def check_inception(policy: Policy, today: str, *, on_ground: bool) -> list[Finding]:
    """Tell that a policy is issued after its first day: what happened since is no longer uncertain.

    Liability insurance bears no loss that is certain already (责任保险业务监管办法 art. 6), so a person looks at it;
    bulk cover on a ground of public budget, whose papers came first, is told only. Finding `issued_after_inception`.
    """
    if policy.from_date >= today:
        return []
    days = days_between(policy.from_date, today)
    return [
        {
            "code": "issued_after_inception", "verdict": "information" if on_ground else "manual_review",
            "rule": "policy.inception", "basis": "责任保险业务监管办法 第六条", "facts": {"days": days},
        }
    ]  # fmt: skip


def check_arrival(policy: Policy, on: str, today: str, *, asked_fen: int, came_fen: int) -> list[Finding]:
    """Hold money that arrived on a day, and is recorded today, against what was asked for and the days it counts by.

    Where all hangs on the day of value that the line states, or a policy lapsed though its money was there, a person
    looks at the bank's record. Findings `premium_told_late`, `arrived_before_lapse`, `paid_above_request`.
    """
    found: list[Finding] = []
    ended = add_days(policy.valid_until, 1) if policy.cancelled_on is None else policy.cancelled_on
    if policy.state == "proposed" and policy.valid(on) and not policy.valid(today):
        late = {"arrived_on": on, "recorded_on": today, "valid_until": policy.valid_until}
        found.append(by_contract("policy.premium_received", "premium_told_late", "manual_review", **late))
    elif policy.state == "lapsed" and on < ended:
        lost = {"arrived_on": on, "recorded_on": today, "ended_on": ended}
        found.append(by_contract("policy.premium_received", "arrived_before_lapse", "manual_review", **lost))
    if came_fen > asked_fen:
        more = {"asked_fen": asked_fen, "came_fen": came_fen}
        found.append(by_contract("policy.premium_received", "paid_above_request", "manual_review", **more))
    return found
