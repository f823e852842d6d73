"""Reads of personal data: a person found by phone or certificate, and what is held of a person, opened.

They are signed POSTs, so that no personal value stands in a path; a salt in the body keeps its hash, which the token
holds for ever, from being guessed. Each is recorded before it is answered: who, when, why, of whom (architecture §6).
Of restricted data nothing is opened and nobody is found; what was erased is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NotRequired

from annotated_types import Ge
from typing_extensions import TypedDict

from application.identity import load
from application.parties import require_manager
from application.ports import Blind, Clock, Streams
from application.reading.asking import Answer
from application.reading.ports import People, PersonalRead
from application.rights import allowed, right_missing
from application.work import AggregateCache, Author
from domain.errors import Invalid
from domain.lookups import RULE, LookupKind
from domain.persons import Person
from domain.shapes import AgentName, Code, Digest, DisputeName, Instant, Label, PartyName, PersonName, strict

FOUND_MAX: Final = 100
OPENED_MAX: Final = 1_000
"""Fields of a person in one answer; the rest is asked for after the last position."""


@strict
class PersonSearch(TypedDict):
    """Whom a phone or certificate number belongs to, and why that is asked."""

    kind: LookupKind
    value: Label
    purpose: Code


@strict
class PersonOpening(TypedDict):
    """Why the data of a person are opened: his own request (PIPL 45), a claim, an inquiry."""

    purpose: Code
    after: NotRequired[Annotated[int, Ge(0)]]


class FoundPerson(TypedDict):
    """A person found, and the streams that quote him."""

    person: PersonName
    streams: list[str]


class PersonsFound(TypedDict):
    """Who was found, by which rule the value was brought into one form; those under seal are only counted."""

    kind: LookupKind
    rule: int
    persons: list[FoundPerson]
    restricted: int


class FieldRequest(TypedDict):
    """The request that a field came in, and whether its bytes are still kept."""

    command: str | None
    line: int | None
    bytes: Literal["kept", "erased"]


class Field(TypedDict):
    """A personal field, opened: the event that quotes it, where in it (JSON Pointer), and its value."""

    position: Annotated[int, Ge(1)]
    stream: str
    version: Annotated[int, Ge(1)]
    type: str
    digest: Digest
    pointer: str
    value: Any
    request: FieldRequest


class ReadBefore(TypedDict):
    """Who looked at the person's data before, and why."""

    read_at: Instant
    party: PartyName
    agent: AgentName | None
    action: str
    purpose: str


class PersonOpened(TypedDict):
    """What is held of a person; `after` is to be sent again for more, null at the end."""

    person: PersonName
    holds: list[DisputeName]
    fields: list[Field]
    reads: list[ReadBefore]
    after: Annotated[int, Ge(1)] | None


@dataclass(frozen=True, slots=True)
class Disclosing:
    """What such reads are answered from."""

    origin: str
    streams: Streams
    people: People
    blind: Blind
    clock: Clock


@dataclass(frozen=True, slots=True)
class Request:
    """A recorded read as it was asked: by whom, with which token, and its body without the salt."""

    author: Author
    token: bytes
    path: Mapping[str, str]
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One kind of recorded read: `id` is its row in the table of rights and its name in the record."""

    id: str
    path: str
    shape: Any
    answer: Callable[[Disclosing, Request], Answer]
    gives: Any
    summary: str
    summary_zh: str


def search(disclosing: Disclosing, request: Request) -> Answer:
    """Find the persons whose phone or certificate has a value; the restricted among them are only counted.

    The market regulator looks for certificates alone: those of workers are his to license.

    Raises Invalid `lookup_value` where the value is none of its kind.
    """
    kind, value = request.said["kind"], request.said["value"]
    _allow("person.search", request.author, kind)
    token = disclosing.blind.token(kind, value)
    if token is None:
        raise Invalid("the value is none of its kind", code="lookup_value", kind=kind, rule=RULE)
    found = disclosing.people.found(kind, token, FOUND_MAX)
    usable, restricted = [], 0
    for name in found:
        person = load(Person, name, AggregateCache(), disclosing.streams)
        if person is None or (not person.erased and person.restricted_until is None):
            usable.append(name)
        elif not person.erased:
            restricted += 1
    _record(disclosing, request, "person.search", usable)
    persons = [{"person": name, "streams": disclosing.people.streams(name, FOUND_MAX)} for name in usable]
    return {"kind": kind, "rule": RULE, "persons": persons, "restricted": restricted}


def opening(disclosing: Disclosing, request: Request) -> Answer:
    """Open what is held of a person, field by field in the order of the log, and tell who looked at it before.

    A field opens by its own digest though the bytes of the request it came in went with another person of the same
    line: `request` then says `erased`. Raises Conflict `person_erased`, `person_restricted`.
    """
    _allow("person.open", request.author)
    name = request.path["person"]
    person = load(Person, name, AggregateCache(), disclosing.streams)
    if person is not None:
        person.require_usable()
    _record(disclosing, request, "person.open", [name])
    fields = disclosing.people.opened(name, request.said.get("after", 0), OPENED_MAX + 1)
    page = fields[:OPENED_MAX]
    return {
        "person": name, "holds": [] if person is None else sorted(person.holds),
        "fields": [field.as_json() for field in page], "reads": disclosing.people.reads(name, FOUND_MAX),
        "after": page[-1].position if len(fields) > OPENED_MAX else None,
    }  # fmt: skip


def _allow(action: str, author: Author, *held: str) -> None:
    """Allow a read; of the operator's people his administrator alone, since every party's persons are open to him."""
    if not allowed(action, author.kind, frozenset(held)):
        raise right_missing(f"a party of kind {author.kind} may not read this", action, author.kind)
    if author.kind == "operator":
        require_manager(author)


def _record(disclosing: Disclosing, request: Request, action: str, persons: list[str]) -> None:
    author = request.author
    disclosing.people.record(
        PersonalRead(
            disclosing.clock.now(), author.party, author.agent, author.key or "", action, request.said["purpose"],
            tuple(persons), request.token,
        )
    )  # fmt: skip


DISCLOSURES: Final = (
    Disclosure(
        "person.search", "/persons/search", PersonSearch, search, PersonsFound,
        "Find persons by phone or certificate number; recorded", "按电话或证书编号查找人员(留痕)",
    ),
    Disclosure(
        "person.open", "/persons/{person}/open", PersonOpening, opening, PersonOpened,
        "Open what is held of a person; recorded", "查阅个人信息(留痕)",
    ),
)  # fmt: skip
