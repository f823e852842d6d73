"""Opening and settling disputes; setting and lifting the legal hold that keeps their evidence from erasure."""

from __future__ import annotations

from collections.abc import Mapping

from application.actions import Action, Writes
from application.records import names_of
from application.relations import supervises_all
from application.work import Work
from audit.errors import NameInvalid
from audit.names import check_stream
from domain.aggregate import Statement
from domain.disputes import (
    HOLD_PERSONS_MAX,
    Dispute,
    DisputeOpening,
    DisputeSettlement,
    HoldLifting,
    HoldSetting,
)
from domain.errors import Conflict, Invalid
from domain.persons import Person

Path = Mapping[str, str]


def opening(work: Work, statement: Statement, _path: Path) -> None:
    """Open a dispute about some matters; by one of its parties or by an authority. Refuses `matter_unknown`."""
    said = statement.said
    work.allow("dispute.open", party=work.author.party in said["parties"])
    for matter in said["matters"]:
        try:
            check_stream(matter)
        except NameInvalid as wrong:
            raise Invalid("a matter is a subject or a stream", code="matter_unknown", matter=matter) from wrong
    dispute = work.new(Dispute, said["id"])
    work.source(said, "dispute", dispute.id)
    dispute.record(Dispute.Opened, statement)


def set_hold(work: Work, statement: Statement, path: Path) -> None:
    """Set the hold of a dispute, or set it again over whoever was named in its matters since.

    A lift is held by all its records, those too that prove to be its own before the hold is set again.

    Refused: `dispute_settled`, `hold_of_another`, `held_already` when it covers everybody, `hold_too_wide`.
    """
    work.allow("dispute.set_hold")
    dispute = work.change(Dispute, path["dispute"])
    dispute.require_open()
    if dispute.held and dispute.keeper != work.author.party:
        raise Conflict(
            "another party set this hold and may lift it; open a dispute of your own about the matters",
            code="hold_of_another", dispute=dispute.id,
        )  # fmt: skip
    matters = [name for matter in dispute.matters for name in names_of(work, matter)]
    named = {matter for matter in matters if matter.startswith("person:")}
    found = {*work.streams.persons_in(matters, HOLD_PERSONS_MAX + 1), *named}
    persons = [work.open(Person, name) for name in sorted(found.difference(dispute.persons))]
    persons = [person for person in persons if not person.erased]
    if dispute.held and not persons:
        raise Conflict("the hold covers everybody named there", code="held_already", dispute=dispute.id)
    if len(dispute.persons) + len(persons) > HOLD_PERSONS_MAX:
        raise Conflict(
            "the matters name too many persons for one hold; open disputes on parts of them",
            code="hold_too_wide", maximum=HOLD_PERSONS_MAX,
        )  # fmt: skip
    because = dispute.record(Dispute.HoldSet, statement, {"persons": [person.id for person in persons]})
    for person in persons:
        person.record(Person.HoldSet, because, {"dispute": dispute.id})


def lift_hold(work: Work, statement: Statement, path: Path) -> None:
    """Lift the hold of a dispute; what time had made due meanwhile is erased then. Refuses `hold_not_set`.

    By its keeper; or by the operator on an order that he names, since the keeper may be no more (机构改革).
    """
    dispute = work.change(Dispute, path["dispute"])
    if not dispute.held:
        raise Conflict("no hold is on", code="hold_not_set", dispute=dispute.id)
    work.allow("dispute.lift_hold", {"keeper": dispute.keeper}, ordered="document" in statement.said)
    persons = dispute.persons
    because = dispute.record(Dispute.HoldLifted, statement, {"persons": list(persons)})
    for name in persons:
        work.change(Person, name).record(Person.HoldLifted, because, {"dispute": dispute.id})


def settle(work: Work, statement: Statement, path: Path) -> None:
    """Settle a dispute once its hold is lifted: `dispute_settled`, `hold_on`.

    By its opener, or an authority in whose areas all of it lies; by the operator on a judgment or the like that he
    names.
    """
    dispute = work.change(Dispute, path["dispute"])
    work.allow(
        "dispute.settle", {"opener": dispute.opener},
        supervises=supervises_all(work, dispute.matters), ordered="document" in statement.said,
    )  # fmt: skip
    dispute.require_open()
    if dispute.held:
        raise Conflict("the hold is still on", code="hold_on", dispute=dispute.id)
    dispute.record(Dispute.Settled, statement)


ACTIONS = (
    Action(
        "dispute.open", "POST", "/disputes", DisputeOpening, opening,
        (Writes("dispute.Opened", "{id}"),), "Open a dispute, an accident or an inquiry", "登记争议、事故或调查",
    ),
    Action(
        "dispute.set_hold", "POST", "/disputes/{dispute}/hold", HoldSetting, set_hold,
        (Writes("dispute.HoldSet", "{dispute}"), Writes("person.HoldSet", "person:", derived=True)),
        "Keep what is disputed from erasure", "设定证据保全",
    ),
    Action(
        "dispute.lift_hold", "POST", "/disputes/{dispute}/lift-hold", HoldLifting, lift_hold,
        (Writes("dispute.HoldLifted", "{dispute}"), Writes("person.HoldLifted", "person:", derived=True)),
        "Lift the hold of a dispute", "解除证据保全",
    ),
    Action(
        "dispute.settle", "POST", "/disputes/{dispute}/settle", DisputeSettlement, settle,
        (Writes("dispute.Settled", "{dispute}"),), "Settle a dispute", "争议结案",
    ),
)  # fmt: skip
