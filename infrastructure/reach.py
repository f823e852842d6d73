"""What a reader stands in a relation to, as conditions of SQL: one definition for lists and for single things.

A relation to a lift is a span of time of the lift's row that names the party; one to a claim is found from the claim,
from the policies that covered the loss, or from its lift, now or on the day of the loss. Two records of one lift are
one (C11): relations to what a record went up in are relations to it, and who insures one insures all (adr/0029).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Select,
    Table,
    and_,
    any_,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)

from application.projections.base import ALWAYS
from application.reading.ports import FUND_RELATIONS, Reach
from infrastructure.projection_tables import tables
from infrastructure.schema import NAME

PAST: Final = "had_"
SUPERVISES: Final = "supervises"
INSURES: Final = "insures"
Instant = ColumnElement[str] | str
Spans = Select[tuple[str, str, str | None]]
"""Rows (key, effective_from, effective_to): when a relation to the lift `key` holds."""


def known_at(table: Any, position: int) -> ColumnElement[bool]:  # noqa: ANN401 - a table or an alias of one
    """Hold rows to what was known at a position."""
    return and_(table.c.known_from <= position, or_(table.c.known_to.is_(None), table.c.known_to > position))


def effective_at(table: Any, instant: Instant) -> ColumnElement[bool]:  # noqa: ANN401 - as above
    """Hold rows to what is effective at an instant."""
    return and_(
        table.c.effective_from <= instant, or_(table.c.effective_to.is_(None), table.c.effective_to > instant)
    )  # fmt: skip


def in_areas(area: Column[Any], stems: Sequence[str]) -> ColumnElement[bool]:
    """Hold area codes to beginnings."""
    return or_(false(), *(area.startswith(stem, autoescape=True) for stem in stems))


# ------------------------------------------------------------------------------------------- records of one lift


@lru_cache(maxsize=8)
def _mergers(known: int) -> CTE:
    """Give the records (was, now) that went up in others."""
    lifts = tables["lifts"].alias()
    merged = known_at(lifts, known), lifts.c.merged_into.is_not(None)
    return select(lifts.c.key.label("was"), lifts.c.merged_into.label("now")).where(*merged).distinct().cte()


@lru_cache(maxsize=8)
def _going_on(known: int) -> CTE:
    """Give each with all records (was, now) that it went up in, one after another."""
    step = _mergers(known)
    found = select(step.c.was, step.c.now).cte(recursive=True)
    return found.union(select(found.c.was, step.c.now).join(step, step.c.was == found.c.now))


@lru_cache(maxsize=8)
def alike(known: int) -> CTE:
    """Give each record of a lift that has several with each of them (was, now)."""
    step = _mergers(known)
    both = union_all(select(step.c.was, step.c.now), select(step.c.now.label("was"), step.c.was.label("now"))).cte()
    found = select(both.c.was, both.c.now).cte(recursive=True)
    return found.union(select(found.c.was, both.c.now).join(both, both.c.was == found.c.now))


# ------------------------------------------------------------------------------------------------ relations to lifts


def _said(lifts: Any, reach: Reach, *conditions: ColumnElement[bool]) -> Spans:  # noqa: ANN401 - an alias
    """Give the times of rows, without what a record says of days from its merger on: nobody could correct it."""
    closed, end = lifts.c.closed_from, func.least(lifts.c.effective_to, lifts.c.closed_from)
    return select(lifts.c.key, lifts.c.effective_from, end.label("effective_to")).where(
        known_at(lifts, reach.known), or_(closed.is_(None), lifts.c.effective_from < closed), *conditions
    )


def _used(reach: Reach, parties: Sequence[str]) -> Spans:
    lifts = tables["lifts"].alias()
    return _said(lifts, reach, lifts.c.use_unit.in_(parties))


def _maintained(reach: Reach, parties: Sequence[str]) -> Spans:
    """Give the times in which contracts of maintenance ran that are not the maintainer's word alone.

    Whoever's began last, and whoever's ran besides.
    """
    lifts = tables["lifts"].alias()
    ours = [
        and_(
            or_(lifts.c.maintainer == party, lifts.c.co_maintainers.overlap([party])),
            func.coalesce(lifts.c.unconfirmed.overlap([party]), false()).is_(False),
        )
        for party in parties
    ]  # fmt: skip
    return select(lifts.c.key, lifts.c.effective_from, lifts.c.effective_to).where(
        known_at(lifts, reach.known), or_(false(), *ours)
    )


def _holder(reach: Reach, parties: Sequence[str]) -> Spans:
    lifts = tables["lifts"].alias()
    return select(
        lifts.c.key, literal(ALWAYS, NAME).label("effective_from"), null().cast(NAME).label("effective_to")
    ).where(known_at(lifts, reach.known), lifts.c.holder.in_(parties))


def _supervised(reach: Reach, parties: Sequence[str]) -> Spans:
    lifts = tables["lifts"].alias()
    return _said(lifts, reach, _supervising(lifts, reach, parties))


def _supervising(lifts: Any, reach: Reach, parties: Sequence[str]) -> ColumnElement[bool]:  # noqa: ANN401 - as above
    """Hold lifts to those whose authority one is, and to one's areas, there to the venues of one's sectors (行业)."""
    sector = [lifts.c.venue.in_(reach.venues)] if reach.venues is not None else []
    return or_(lifts.c.authority.in_(parties), and_(in_areas(lifts.c.area, reach.areas), *sector))


def _insured(reach: Reach, parties: Sequence[str]) -> Spans:
    """Give the times in which certificates of policies in force insured lifts."""
    covers, policies = tables["covers"].alias(), tables["policies"].alias()
    begin = func.greatest(covers.c.effective_from, policies.c.effective_from)
    end = func.least(covers.c.effective_to, policies.c.effective_to)  # nothing is later than any time
    return select(covers.c.lift.label("key"), begin.label("effective_from"), end.label("effective_to")).where(
        _under(covers, policies, reach, parties), policies.c.in_force.is_(True), or_(end.is_(None), begin < end)
    )


def _under(covers: Any, policies: Any, reach: Reach, parties: Sequence[str]) -> ColumnElement[bool]:  # noqa: ANN401 - aliases
    return and_(
        policies.c.key == covers.c.policy, known_at(covers, reach.known), known_at(policies, reach.known),
        policies.c.insurers.overlap(list(parties)),
    )  # fmt: skip


LIFTS: Final[dict[str, Callable[[Reach, Sequence[str]], Spans]]] = {
    "holder": _holder, "manages": _used, "maintains": _maintained, INSURES: _insured, SUPERVISES: _supervised,
}  # fmt: skip
"""How each relation to a lift is found."""


def _relations(reach: Reach) -> list[str]:
    """Give the relations to lifts that count, without `had_`."""
    return sorted({name.removeprefix(PAST) for name in reach.acting} & LIFTS.keys())


def _spans(relation: str, reach: Reach) -> Iterator[Any]:
    """Give when a relation to lifts holds, as subqueries of Spans: by their own records, and by others of one lift."""
    own = LIFTS[relation](reach, reach.acting.get(relation) or reach.acting[PAST + relation]).subquery()
    same = (alike if relation == INSURES else _going_on)(reach.known)
    yield own
    yield (
        select(same.c.was.label("key"), own.c.effective_from, own.c.effective_to)
        .join(own, own.c.key == same.c.now)
        .subquery()
    )


def lift_spans(lift: str, reach: Reach) -> Select[Any] | None:
    """Give all spans of the reach's relations to one lift as (relation, effective_from, effective_to)."""
    parts = [
        select(literal(relation, NAME).label("relation"), span.c.effective_from, span.c.effective_to).where(
            span.c.key == lift
        )
        for relation in _relations(reach)
        for span in _spans(relation, reach)
    ]
    return select(union_all(*parts).subquery()) if parts else None


def _in_time(
    span: Any, relation: str, reach: Reach, then: Instant, latest: Collection[str] = frozenset({SUPERVISES})  # noqa: ANN401 - as above
) -> ColumnElement[bool]:  # fmt: skip
    """Hold spans to now, and to the instant `then` where the past relation counts.

    Of the relations `latest` the last span stands also for what is not yet effective.
    """
    times: list[ColumnElement[bool]] = []
    if relation in reach.acting:
        times.append(effective_at(span, reach.now))
        if relation in latest:
            times.append(span.c.effective_to.is_(None))
    if PAST + relation in reach.acting:
        times.append(effective_at(span, then))
    return or_(*times)


def _lifts(table: Table, reach: Reach, known: int, effective: str | None) -> list[ColumnElement[bool]]:
    keys, conditions = [], []
    for relation in _relations(reach):
        past = relation == SUPERVISES and PAST + relation in reach.acting
        if past and known == reach.known and effective is not None:
            # The row that is listed says it itself; what follows is then seldom asked.
            says = or_(table.c.closed_from.is_(None), table.c.closed_from > effective)
            conditions.append(and_(says, _supervising(table, reach, reach.acting[PAST + relation])))
        for span in _spans(relation, reach):
            in_time = _in_time(span, relation, reach, effective or reach.now)
            if relation == SUPERVISES:
                # It is most of the list, so rows are looked up one by one instead of all being gathered.
                conditions.append(exists().where(span.c.key == table.c.key, in_time))
            else:
                keys.append(select(span.c.key).where(in_time))
    return [*conditions, *([table.c.key.in_(union_all(*keys))] if keys else [])]


# ------------------------------------------------------------------------------- relations to policies and to claims


def _policies(table: Table, reach: Reach, _known: int, _effective: str | None) -> list[ColumnElement[bool]]:
    keys = []
    for relation, parties in sorted(reach.acting.items()):
        now = table.alias()
        mine = select(now.c.key).where(known_at(now, reach.known))
        if relation == "holder":
            keys.append(mine.where(now.c.holder.in_(parties)))
        elif relation == "insures":
            keys.append(mine.where(now.c.insurers.overlap(list(parties))))
        elif relation == "supervises":
            sector = [_covers_supervised(now, reach)] if reach.venues is not None else []
            keys.append(mine.where(in_areas(now.c.area, reach.areas), *sector))
    return [table.c.key.in_(union_all(*keys))] if keys else []


def _covers_supervised(policies: Any, reach: Reach) -> ColumnElement[bool]:  # noqa: ANN401 - an alias
    """Hold policies to those under which a lift has or had a certificate that one supervises: a policy has no venue."""
    covers = tables["covers"].alias()
    return or_(
        *(
            exists().where(
                covers.c.policy == policies.c.key, known_at(covers, reach.known), span.c.key == covers.c.lift,
                _in_time(span, SUPERVISES, reach, reach.now),
            )
            for span in _spans(SUPERVISES, reach)
        )
    )  # fmt: skip


def _claims(table: Table, reach: Reach, _known: int, _effective: str | None) -> list[ColumnElement[bool]]:
    keys: list[Select[Any]] = []
    conditions: list[ColumnElement[bool]] = []
    for relation, parties in sorted(reach.acting.items()):
        claims = table.alias()
        mine = select(claims.c.key).where(known_at(claims, reach.known))
        if relation == "notified":
            keys.append(mine.where(claims.c.notifier.in_(parties)))
        elif relation in {"insures", "appointed"}:
            keys += [mine.where(condition) for condition in _insurers(claims, reach, parties)]
    # Who registered, maintains or insures a lift has for that no part in its claims (`reading.scope.DEALINGS`).
    for relation in sorted({"manages", SUPERVISES} & set(_relations(reach))):
        conditions += [
            exists().where(span.c.key == table.c.lift, _in_time(span, relation, reach, table.c.loss_at))
            for span in _spans(relation, reach)
        ]
    return [*conditions, *([table.c.key.in_(union_all(*keys))] if keys else [])]


def _visits(table: Table, reach: Reach, _known: int, _effective: str | None) -> list[ColumnElement[bool]]:
    """Give whose visits one reads: one's own, and those of lifts that one has to do with, now or on their day."""
    found: list[ColumnElement[bool]] = []
    if "wrote" in reach.acting:
        found.append(table.c.party.in_(reach.acting["wrote"]))
    for relation in _relations(reach):
        for span in _spans(relation, reach):
            one: ColumnElement[bool] = exists().where(
                span.c.key == table.c.lift, _in_time(span, relation, reach, table.c.at)
            )
            if relation != SUPERVISES:
                # Those lifts are few and gathered once: whether each visit's is insured took 14 s of 50,000 visits.
                mine = select(span.c.key)
                now = mine.where(effective_at(span, reach.now) if relation in reach.acting else false())
                one = or_(table.c.lift.in_(now), and_(table.c.lift.in_(mine), one))
            found.append(one)
    return found


def _insurers(claims: Any, reach: Reach, parties: Sequence[str]) -> list[ColumnElement[bool]]:  # noqa: ANN401 - an alias
    """Give when a party insures a loss: it was told so, it stands on the claim's policy, or on one that covered it.

    What covered it counts only while nothing was settled on a policy, and where the claim was told to no other insurer:
    whoever has a certificate made out for himself afterwards is not to read what others settle.
    """
    taken, covers, policies = (tables[name].alias() for name in ("policies", "covers", "policies"))
    same = alike(reach.known)
    under = _under(covers, policies, reach, parties)
    insured = select(covers.c.lift).where(under)
    beside = select(same.c.was).where(same.c.now == covers.c.lift, under)
    covering = (
        or_(claims.c.insurer.is_(None), claims.c.insurer == any_(policies.c.insurers)), claims.c.policy.is_(None),
        under, policies.c.in_force.is_(True), claims.c.part == any_(covers.c.parts),
        covers.c.interest == claims.c.interest, effective_at(covers, claims.c.loss_at),
        effective_at(policies, claims.c.loss_at),
    )  # fmt: skip
    covered = exists().where(covers.c.lift == claims.c.lift, *covering)
    by_other = exists().where(same.c.was == claims.c.lift, same.c.now == covers.c.lift, *covering)
    on_policy = select(taken.c.key).where(known_at(taken, reach.known), taken.c.insurers.overlap(list(parties)))
    return [
        claims.c.insurer.in_(parties), claims.c.policy.in_(on_policy), and_(claims.c.lift.in_(insured), covered),
        and_(claims.c.lift.in_(beside), by_other),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------- relations to funds and money


def _fund_keys(reach: Reach, then: Instant) -> list[Select[Any]]:
    """Give the funds that one keeps, manages, represents or supervises (`reading.ports.FUND_RELATIONS`)."""
    keys = []
    for relation in sorted({name.removeprefix(PAST) for name in reach.acting} & FUND_RELATIONS):
        funds = tables["funds"].alias()
        parties = reach.acting.get(relation) or reach.acting[PAST + relation]
        held = in_areas(funds.c.area, reach.areas) if relation == SUPERVISES else funds.c[relation].in_(parties)
        in_time = _in_time(funds, relation, reach, then, FUND_RELATIONS)
        keys.append(select(funds.c.key).where(known_at(funds, reach.known), held, in_time))
    return keys


def _by_fund(column: str) -> Callable[[Table, Reach, int, str | None], list[ColumnElement[bool]]]:
    def conditions(table: Table, reach: Reach, _known: int, effective: str | None) -> list[ColumnElement[bool]]:
        keys = _fund_keys(reach, effective or reach.now)
        return [table.c[column].in_(union_all(*keys))] if keys else []

    return conditions


def _payments(table: Table, reach: Reach, known: int, effective: str | None) -> list[ColumnElement[bool]]:
    named = [
        table.c[column].in_(reach.acting[relation])
        for relation, columns in (("wrote", ("requester",)), ("named", ("payer", "payee")))
        if relation in reach.acting
        for column in columns
    ]
    return [*named, *_by_fund("payer")(table, reach, known, effective)]


def _bank_lines(table: Table, reach: Reach, _known: int, _effective: str | None) -> list[ColumnElement[bool]]:
    return [table.c.seen_by.in_(reach.acting["wrote"])] if "wrote" in reach.acting else []


def _subsidies(table: Table, reach: Reach, _known: int, _effective: str | None) -> list[ColumnElement[bool]]:
    claimed = [table.c.claimant.in_(reach.acting["wrote"])] if "wrote" in reach.acting else []
    return [*claimed, *([in_areas(table.c.area, reach.areas)] if SUPERVISES in reach.acting else [])]


_VIEWS: Final = {
    "lifts": _lifts, "policies": _policies, "claims": _claims, "funds": _by_fund("key"),
    "applications": _by_fund("fund"), "payments": _payments, "banklines": _bank_lines,
    "subsidies": _subsidies, "visits": _visits,
}  # fmt: skip


def within(view: str, reach: Reach, known: int, effective: str | None = None) -> ColumnElement[bool]:
    """Hold a view's rows, those known at a position and effective then, to what the reader has a relation to."""
    return or_(false(), *_VIEWS[view](tables[view], reach, known, effective))


def placed_in(table: Table, areas: Sequence[str], known: int, effective: Instant | None) -> ColumnElement[bool]:
    """Hold rows to areas: by their own area, that of the lift they are of then, or of their fund, which never moves.

    Of a time before all that is told of a lift it lay where it first did, as its own record says (`Lift.area_on`).
    """
    if "area" in table.c:
        return in_areas(table.c.area, areas)
    of = tables["lifts" if "lift" in table.c else "funds"]
    there = of.c.key == (table.c.lift if "lift" in table.c else table.c.fund)
    then = [] if effective is None else [or_(effective_at(of, effective), _first_after(of, known, effective))]
    return exists().where(there, known_at(of, known), *then, in_areas(of.c.area, areas))


def _first_after(of: Table, known: int, effective: Instant) -> ColumnElement[bool]:
    """Hold rows to those that come after an instant and have none before them."""
    before = of.alias()
    sooner = exists().where(
        before.c.key == of.c.key, known_at(before, known), before.c.effective_from < of.c.effective_from
    )
    return and_(of.c.effective_from > effective, not_(sooner))
