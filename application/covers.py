"""Certificates of lifts: staging the lines of a quotation, attaching them, and finding who covers a lift on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from application.actions import Action, Writes
from application.records import records_of
from application.schemes import PackRef, pack_in_force
from application.work import Work
from audit import canonical, merkle
from domain.aggregate import Aggregate, Because, Event, Statement
from domain.covers import Clash, Cover, CoverEntry
from domain.earning import Charged, charged_for_line, merged
from domain.errors import Conflict
from domain.filed_terms import check_filed_rate
from domain.findings import Finding, finding
from domain.lifts import Lift
from domain.money import check_fen
from domain.packs import Pack
from domain.policies import Policy
from domain.policy_checks import Checked, check_clashes, check_line
from domain.policy_shapes import ScheduleLine
from domain.products import Product
from domain.targets import class_of
from domain.time import Period

Path = Mapping[str, str]

LINES_PER_SAVE = 100
GONE = frozenset({"scrapped"})


def cover_stream(lift: str) -> str:
    """Name the stream of a lift's covers."""
    return f"{lift}/cover"


def cover_in_force(
    work: Work, lift: str, part: str | None, interest: str | None, on: str
) -> tuple[CoverEntry, Policy] | None:
    """Give the certificate that insures a part and interest (None: any) of a lift on a civil date, and its policy.

    None when there is none. Of several (overlaps are flagged when they arise) the one attached first.
    """
    return next(iter(covers_in_force(work, lift, part, interest, on)), None)


def covers_in_force(
    work: Work, lift: str, part: str | None, interest: str | None, on: str
) -> list[tuple[CoverEntry, Policy]]:
    """Give all certificates that insure a part and interest (None: any) of a lift on a civil date.

    Those on other records of the same lift insure it as well (C11); its own come first.
    """
    return [(entry, policy) for _, entry, policy in covers_by_record(work, lift, part, interest, on)]


def covers_by_record(
    work: Work, lift: str, part: str | None, interest: str | None, on: str
) -> list[tuple[str, CoverEntry, Policy]]:
    """Give what `covers_in_force` gives, each with the record of the lift that its certificate stands on."""

    def in_force(name: str, day: str) -> bool:
        return work.read(Policy, name).in_force_on(day)

    covers = [(record, work.find(Cover, cover_stream(record))) for record in records_of(work, lift)]
    return [
        (record, entry, work.read(Policy, entry.policy))
        for record, cover in covers
        if cover is not None
        for entry in cover.in_force(on, part, interest, in_force)
    ]


def attach(
    work: Work, policy: Policy, statement: Statement, found: Mapping[str, Any], *, pending: bool
) -> tuple[Because, int]:
    """Check a ScheduleLine and attach its cover; gives the event and its premium in fen.

    Refuses: NotFound `lift_unknown`; Conflict `lift_merged`, `lift_scrapped`, `certificate_taken`,
    `lift_covered_already`; RuleBroken by ceiling, term and overlap; those of `check_line`.
    """
    line = statement.said
    lift = work.read(Lift, line["lift"])
    lift.require_open()
    on = line["from_date"]
    if (lift.status_on(on) or lift.status) in GONE:
        raise Conflict("the lift is scrapped", code="lift_scrapped", lift=lift.id, on=on)
    pack, ref = pack_in_force(work, lift.area_on(on) or policy.area, on)
    premises_class, findings = _class(pack, lift, on)
    checked = check_line(pack, policy, line, premises_class)
    cover = work.open(Cover, cover_stream(lift.id))
    if line["certificate"] in cover.entries:
        raise Conflict("the certificate is attached already", code="certificate_taken", certificate=line["certificate"])
    rates = filed_rate(work, pack, policy, [(Period(on, line["to_date"]), premises_class)], line["parts"])
    findings = [*findings, *checked.findings, *rates, *_overlaps(work, policy, line, pack)]
    work.source(line, "certificate", cover.id)
    premium_fen = sum(part["premium_fen"] for part in line["parts"])
    facts = _facts(policy, premises_class, premium_fen, Checked(findings, checked.working), ref)
    return cover.record(Cover.Attached, statement, {**facts, **found, "pending": pending}), premium_fen


def filed_rate(
    work: Work,
    pack: Pack,
    policy: Policy,
    days: Sequence[tuple[Period, str | None]],
    parts: Iterable[Mapping[str, Any]],
) -> list[Finding]:
    """Hold a certificate's premium against its product's filed rate; of an unknown class nothing can be said."""
    known = [(period, premises_class) for period, premises_class in days if premises_class is not None]
    if len(known) < len(days) or not days:
        return []
    product = work.read(Product, policy.product)
    parts_fen = {part["part"]: part["premium_fen"] for part in parts}
    return check_filed_rate(pack, product, known, parts_fen, policy.from_date)


def _facts(
    policy: Policy, premises_class: str | None, premium_fen: int, checked: Checked, ref: PackRef
) -> dict[str, Any]:
    return {
        "interest": policy.interest,
        "premises_class": premises_class,
        "premium_fen": premium_fen,
        "working": checked.working,
        "findings": checked.findings,
        "pack": ref.as_json(),
    }


def _class(pack: Pack, lift: Lift, on: str) -> tuple[str | None, list[Finding]]:
    """Give the class at the certificate's start: the lift's own, else what the pack makes of its venue (L4)."""
    known, venue = lift.class_on(on) or lift.premises_class, lift.venue_on(on)
    if venue is None:
        return known, []
    rule = pack.rule("premises.venue_class", on)
    of_venue, review = class_of(pack, venue, on)
    if known is None:
        findings = [finding(rule, "class_by_open_list", "manual_review", venue=venue)] if review else []
        return of_venue, findings
    if known != of_venue:
        return known, [finding(rule, "class_differs_from_venue", "manual_review", venue=venue, by_venue=of_venue)]
    return known, []


def _overlaps(work: Work, policy: Policy, line: Mapping[str, Any], pack: Pack) -> list[Finding]:
    """Find what insures the same already, on whichever record of the lift (C11)."""
    days = Period(line["from_date"], line["to_date"])
    parts = [part["part"] for part in line["parts"]]

    def holds(entry: CoverEntry, shared: Period) -> Period | None:
        return shared if entry.policy == policy.id else _held(work, entry, shared)

    clashes = [
        clash for cover in _covers(work, line["lift"]) for clash in cover.clashes(days, parts, policy.interest, holds)
    ]
    if any(clash.entry.policy == policy.id for clash in clashes):
        raise Conflict("the policy covers this lift already", code="lift_covered_already", lift=line["lift"])
    return check_clashes(pack, policy, clashes, line["from_date"])


def _covers(work: Work, lift: str) -> list[Cover]:
    found = (work.find(Cover, cover_stream(record)) for record in records_of(work, lift))
    return [cover for cover in found if cover is not None]


def _held(work: Work, entry: CoverEntry, days: Period) -> Period | None:
    """Give on which of some days a certificate's policy insures, or may yet."""
    return work.read(Policy, entry.policy).holds(days, work.today)


def clashes_between(work: Work, lift: str, other: str) -> list[Clash]:
    """Give what is insured twice if two lifts are one: parts and days in which certificates on them overlap.

    It is asked before it is recorded that they are one.
    """
    found: list[Clash] = []
    others = _covers(work, other)
    for entry in (entry for cover in _covers(work, lift) for entry in cover.entries.values()):
        days = None if entry.period is None else _held(work, entry, entry.period)
        if days is not None:
            for cover in others:
                found += cover.clashes(days, entry.parts, entry.interest, partial(_held, work))
    return found


# ------------------------------------------------------------------------------------------------ staging


def stage(work: Work, statement: Statement, _path: Path) -> None:
    """Stage one line of a quotation's schedule: its cover waits for the policy to be issued."""
    policy = work.read(Policy, statement.said["policy"])
    work.allow("policy.stage", insures=policy.insurer == work.author.party)
    policy.require("drafted")
    policy.require_valid(work.today)
    attach(work, policy, statement, {}, pending=True)


def sum_up(work: Work) -> None:
    """Record on each policy what the lines of this save come to: count, premium, and the root over all lines so far.

    Raises Invalid `amount_out_of_range`.
    """
    lines: dict[str, list[Event]] = {}
    for event in work.journal.events:
        if isinstance(event, Cover.Attached) and event.said is not None:
            lines.setdefault(event.said["policy"], []).append(event)
    for name, events in lines.items():
        policy = work.change(Policy, name)
        tree = merkle.Frontier.from_bytes(policy.staged.count, bytes.fromhex(policy.staged.edge))
        parts = dict(policy.staged.parts)
        premium_fen = policy.staged.premium_fen
        charged: list[Charged] = []
        for event in events:
            said: Any = event.said
            charged.append(charged_for_line(said))
            tree.append(schedule_leaf(said))
            premium_fen += event.found["premium_fen"]
            for part in said["parts"]:
                parts[part["part"]] = parts.get(part["part"], 0) + part["premium_fen"]
        check_fen(premium_fen)
        last = events[-1]
        policy.record(
            Policy.LinesStaged,
            Because(last.originator_id, last.originator_version, last.effective_at),
            {
                "lines": len(events), "count": tree.size, "premium_fen": premium_fen, "parts": parts,
                "root": tree.root().hex(), "edge": tree.to_bytes().hex(),
                "charged": [row.as_json() for row in merged(charged)],
            },
        )  # fmt: skip


def schedule_leaf(line: Any) -> bytes:  # noqa: ANN401 - canonical JSON
    """Give the leaf of a line in the schedule's tree: RFC 6962 leaf hash over the canonical `said` of its cover."""
    return merkle.leaf_hash(canonical.encode(line))


def schedule_root(policy: Policy) -> str:
    """Give the RFC 6962 root over the lines staged so far, in hex."""
    return merkle.Frontier.from_bytes(policy.staged.count, bytes.fromhex(policy.staged.edge)).root().hex()


def _prefetch(work: Work, lines: Sequence[Mapping[str, Any]]) -> None:
    """Load at once the policies, lifts and covers of a group."""
    kinds: dict[str, type[Aggregate]] = {}
    for line in lines:
        for member, kind in (("policy", Policy), ("lift", Lift)):
            if isinstance(line.get(member), str):
                kinds[line[member]] = kind
        if isinstance(line.get("lift"), str):
            kinds[cover_stream(line["lift"])] = Cover
    work.prefetch(kinds)


ACTIONS = (
    Action(
        "policy.stage", "POST", "/policies/lines", ScheduleLine, stage,
        (
            Writes("cover.Attached", "{lift}/cover", "", "/from_date"),
            Writes("policy.LinesStaged", "policy:", derived=True),
        ),
        "Stage a line of a quotation's schedule", "提交投保清单行", group_lines=LINES_PER_SAVE, prefetch=_prefetch,
        finish=sum_up,
    ),
)  # fmt: skip
