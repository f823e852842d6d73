"""Giving a mandate to another party, and ending it; how it is used is `Work.allow`."""

from __future__ import annotations

from collections.abc import Mapping

from application.actions import Action, Writes
from application.parties import require_manager
from application.rights import RIGHTS
from application.work import Work
from domain.aggregate import Statement
from domain.errors import Conflict, Forbidden
from domain.mandates import Mandate, MandateEnding, MandateGiving, check_mandate
from domain.parties import Party

Path = Mapping[str, str]


def give(work: Work, statement: Statement, _path: Path) -> None:
    """Give a mandate; refused for an act that the giver's kind has no right to (`act_not_givers`)."""
    said = statement.said
    work.allow("mandate.give", self=said["giver"] == work.author.party)
    require_manager(work.author)
    check_mandate(said, work.today)
    foreign = sorted(act for act in said["acts"] if not RIGHTS[act].get(work.author.kind))
    if foreign:
        raise Forbidden("nobody gives a right he has not", code="act_not_givers", acts=foreign)
    holder = work.change(Party, said["to"])
    if holder.suspended:
        raise Conflict("the party is suspended", code="party_suspended", party=holder.id)
    holder.require_room(said["giver"], work.today)
    mandate = work.new(Mandate, f"{said['giver']}/{said['id']}")
    work.source(said, "mandate", mandate.id)
    because = mandate.record(Mandate.Given, statement)
    facts = {name: said[name] for name in ("giver", "acts", "from_date", "to_date")}
    holder.record(Party.MandateReceived, because, {"mandate": mandate.id, **facts})


def end(work: Work, statement: Statement, path: Path) -> None:
    """End a mandate at once, by its giver or by who holds it."""
    mandate = work.change(Mandate, f"{path['party']}/{path['mandate']}")
    work.allow("mandate.end", self=work.author.party in {mandate.giver, mandate.to})
    require_manager(work.author)
    mandate.require_running()
    because = mandate.record(Mandate.Ended, statement)
    work.change(Party, mandate.to).record(Party.MandateEnded, because, {"mandate": mandate.id})


ACTIONS = (
    Action(
        "mandate.give", "POST", "/mandates", MandateGiving, give,
        (
            Writes("mandate.Given", "{giver}/{id}", "", "/from_date"),
            Writes("party.MandateReceived", "party:", derived=True),
        ),
        "Let another party act for one's own", "出具委托",
    ),
    Action(
        "mandate.end", "POST", "/parties/{party}/mandates/{mandate}/end", MandateEnding, end,
        (Writes("mandate.Ended", "{party}/{mandate}"), Writes("party.MandateEnded", "party:", derived=True)),
        "End a mandate", "终止委托",
    ),
)  # fmt: skip
