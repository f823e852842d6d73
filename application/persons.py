"""Erasing persons in two steps: an act restricts, time destroys (PIPL 47); and what either of them touches.

The records behind the decision are read as committed. Whoever names a person relies on his not being restricted, so
from the first step on nothing is added, and the second step, which decides again, counts everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from application.actions import Action, Writes
from application.parties import require_manager
from application.ports import PersonRecord, PersonRecords
from application.records import names_of
from application.work import Work
from audit.merkle import leaf_hash, root
from domain.aggregate import Due, Statement
from domain.claims import Claim
from domain.errors import Conflict
from domain.parties import Agent
from domain.persons import RETENTION_RULE, Person, PersonErasure
from domain.policies import Policy
from domain.retention import PACK, Kept, Retention, class_of, retentions
from domain.time import add_years, civil_date, civil_midnight

Path = Mapping[str, str]
DISPUTES_TOLD_MAX: Final = 20
"""Disputes that a refusal names."""


def erase(work: Work, statement: Statement, path: Path) -> None:
    """Restrict a person until the last retention has run out; at once over where none runs, so that time erases next.

    Refused: `erased_already`, `restricted_already`, `person_held`, and `retention_runs` where the basis says otherwise.
    Of whom nothing is held may be restricted too: what is gone already is explained by that.
    """
    work.allow("person.erase")
    require_manager(work.author)
    person = work.open(Person, path["person"])
    if person.erased:
        raise Conflict(f"{person.id} is erased already", code="erased_already")
    if person.restricted_until is not None:
        until = person.restricted_until
        raise Conflict(f"{person.id} is restricted already", code="restricted_already", until=until)
    person.require_unheld()
    held = work.streams.records_of(person.id)
    if disputes := _keeping(work, person, held, DISPUTES_TOLD_MAX):
        raise Conflict(
            f"a legal hold covers {person.id}", code="person_held", person=person.id, disputes=list(disputes)
        )
    periods = retained(work, held.records)
    until = ends(periods) or work.now
    if statement.said["basis"] == "retention_over" and until > work.now:
        raise Conflict("a duty to keep these data still runs", code="retention_runs", until=until)
    person.record(
        Person.Restricted, statement,
        {
            "until": until, "periods": [period.as_json() for period in periods], "pack": PACK, "scope": scope(held),
            "findings": [],
        },
    )  # fmt: skip


def destroy(work: Work, stream: str, due: str) -> bool:
    """Write a restricted person's erasure when it is due; False while a hold or a duty to keep stands against it."""
    person = work.change(Person, stream)
    if person.erased or person.restricted_until != due or person.holds:
        return False
    held = work.streams.records_of(stream)
    if _keeping(work, person, held, 1):
        return False
    if (ends(retained(work, held.records)) or due) > work.now:
        return False
    person.record(Person.Erased, Due(due, RETENTION_RULE), {"basis": person.basis, "scope": scope(held)})
    return True


def _keeping(work: Work, person: Person, held: PersonRecords, limit: int) -> Sequence[str]:
    """Give disputes about matters that name the person; read as committed: any opened later keeps the rest.

    What is disputed of a lift is disputed of all its records (C11).
    """
    streams = {record.stream for record in held.records} | {person.id}
    names = {name for stream in streams for name in names_of(work, stream.partition("/")[0])}
    return work.streams.keeping(sorted(streams | names), limit)


# ---------------------------------------------------------------------------------------------------- retention


def retained(work: Work, records: Sequence[PersonRecord]) -> list[Retention]:
    """Give the periods for which the records of a person must be kept."""
    return retentions(_kept(work, records))


def ends(periods: Sequence[Retention]) -> str | None:
    """Give the instant from which nothing need be kept any longer; None when nothing must be kept at all."""
    return max((civil_midnight(period.until) for period in periods), default=None)


def _kept(work: Work, records: Sequence[PersonRecord]) -> Iterator[Kept]:
    """Give what must be kept, one for each event that quotes the person."""
    ended: dict[str, tuple[str, bool] | None] = {}
    seen: set[tuple[str, int]] = set()
    for record in records:
        if (record.stream, record.version) in seen:
            continue
        seen.add((record.stream, record.version))
        kind, since = class_of(record.type), civil_date(record.effective_at)
        if kind is None:
            continue
        if record.type.startswith("agent."):
            acted = _last_acted(work, record.stream)
            if acted is not None:
                yield Kept(kind, acted)
        elif "/claim:" in record.stream:
            if record.stream not in ended:
                ended[record.stream] = _contract_end(work, record.stream)
            contract = ended[record.stream]
            yield Kept(kind, since) if contract is None else Kept(kind, max(since, contract[0]), contract[1])
        else:
            yield Kept(kind, since)


def _last_acted(work: Work, stream: str) -> str | None:
    """Give the civil date of the last visit that an agent took part in, or of the last that he countersigned."""
    work.read(Agent, stream)
    visits = [
        event.effective_at or work.now
        for event in work.streams.events(stream)
        if isinstance(event, Agent.WorkedOn | Agent.SignedOn)
    ]  # fmt: skip
    return civil_date(max(visits)) if visits else None


def _contract_end(work: Work, stream: str) -> tuple[str, bool] | None:
    """Give when the insurance contract of a claim ends, and whether its term is over a year; None without one."""
    name = work.read(Claim, stream).policy
    if name is None:
        cover = work.streams.events(stream)[0].found["cover"]
        name = None if cover is None else cover["policy"]
    if name is None:
        return None
    policy = work.read(Policy, name)
    return policy.cancelled_on or policy.to_date, policy.to_date > add_years(policy.from_date, 1)


# ---------------------------------------------------------------------------------------------------- scope


def scope(held: PersonRecords) -> dict[str, Any]:
    """Give how much is held of a person: counts, and RFC 6962 roots over the digests in order; no value, no place."""
    values = sorted({record.digest for record in held.records})
    requests = sorted(held.requests)
    return {
        "events": len({(record.stream, record.version) for record in held.records}),
        "streams": len({record.stream for record in held.records}),
        "values": len(values), "values_root": _root(values),
        "requests": len(requests), "requests_root": _root(requests),
    }  # fmt: skip


def _root(digests: Sequence[str]) -> str:
    return root([leaf_hash(bytes.fromhex(digest)) for digest in digests]).hex()


ACTIONS = (
    Action(
        "person.erase", "POST", "/persons/{person}/erase", PersonErasure, erase,
        (Writes("person.Restricted", "{person}"),), "Erase a person's data, once no duty to keep them runs",
        "删除个人信息(法定保存期内先行封存)",
    ),
)  # fmt: skip
