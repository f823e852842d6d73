"""Parties (当事人), their agents (经办人员) and their keys.

A party acts through keys; a key belongs to the party or to one of its agents. An agent's identity and certificate
number (作业人员证) are sealed under a person; its own id says nothing (domain-model P6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Len
from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict, Invalid
from domain.mandates import MANDATES_HELD_MAX, MANDATES_OF_ONE_MAX, Held
from domain.shapes import (
    AgentName,
    AreaCode,
    Code,
    Instant,
    KeyName,
    Label,
    PartyName,
    Pattern,
    Personal,
    PersonName,
    Public,
    Source,
    Uscc,
    strict,
)
from domain.time import require_past

PARTIES_PER_REQUEST_MAX = 100
AREAS_MAX = 50
SECTORS_MAX = 50

PartyKind = Literal[
    "operator", "market_regulator", "financial_regulator", "housing_bureau", "finance_bureau", "transport_bureau",
    "culture_tourism_bureau", "organs_affairs", "town", "insurer", "broker", "use_unit", "institution",
    "owners_committee", "owner", "maintainer", "manufacturer", "inspection_body", "assessor", "bank", "rescue_centre",
    "hotline", "iot_platform", "auditor", "witness",
]  # fmt: skip
"""Kinds of party; what each is in Chinese law stands beside it in `application/rights.py`."""

Role = Literal["administrator", "safety_administrator", "worker", "adjuster", "officer", "representative", "member"]
"""What an agent is for: 系统管理员, 电梯安全管理人员, 维保作业人员, 查勘定损人员, 公职人员, 代表, 成员."""

Thumb = Annotated[str, Pattern("^[A-Za-z0-9_-]{43}$")]
Proof = Annotated[str, Pattern(r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]


@strict
class PublicKey(TypedDict):
    """A public key as JWK (RFC 7517): Ed25519 {crv, kty, x} or P-256 {crv, kty, x, y}; checked by `audit.keys`."""

    kty: Literal["OKP", "EC"]
    crv: Literal["Ed25519", "P-256"]
    x: Thumb
    y: NotRequired[Thumb]


@strict
class KeyRegistration(TypedDict):
    """A key with proof of possession: a JWS by it over {aud, holder, iat, public}."""

    id: KeyName
    public: PublicKey
    proof: Proof


@strict
class PartyRegistration(TypedDict):
    """A party: organisations have `name` (单位名称) and credit code, natural persons a sealed `person_name`.

    Of an owner (业主), mostly a person, `name` is taken with the credit code only.
    """

    id: PartyName
    kind: PartyKind
    name: NotRequired[Annotated[Label, Public("the name of an organisation; a person's is `person_name`")]]
    person_name: NotRequired[Annotated[Label, Personal()]]
    uscc: NotRequired[Uscc]
    areas: NotRequired[Annotated[list[AreaCode], Len(0, AREAS_MAX)]]
    sectors: NotRequired[Annotated[list[Code], Len(0, SECTORS_MAX)]]
    key: NotRequired[KeyRegistration]
    source: NotRequired[Source]


def require_sealed(said: Mapping[str, Any], at: str) -> None:
    """Refuse an owner's name in clear unless it comes with a credit code: most owners are natural persons.

    The directory repeats a clear name to everybody, and nothing erases it (个人信息保护法 art. 47). `at` is the name's
    pointer. Raises Invalid `owner_name_in_clear`.
    """
    if said["kind"] == "owner" and "name" in said and "uscc" not in said:
        raise Invalid(
            "a person's name is sealed as `person_name`; an organisation's comes with its credit code",
            code="owner_name_in_clear", at=at,
        )  # fmt: skip


@strict
class PartiesRegistration(TypedDict):
    """Several parties registered in one act."""

    parties: list[PartyRegistration]


@strict
class PartySuspension(TypedDict):
    """Why a party may write no longer (停用)."""

    reason: Code


@strict
class PartyReinstatement(TypedDict):
    """Why a party may write again (恢复)."""

    reason: Code


@strict
class AgentEnrolment(TypedDict):
    """A natural person acting for a party; identity and certificate number are sealed under one person.

    A worker (维保作业人员) has a certificate (特种设备作业人员证): enrolled without its number, that is found.
    """

    id: AgentName
    party: PartyName
    role: Role
    person: NotRequired[PersonName]
    name: NotRequired[Annotated[Label, Personal(of="person")]]
    certificate: NotRequired[Annotated[Label, Personal(of="person", index="certificate")]]
    phone: NotRequired[Annotated[Label, Personal(of="person", index="phone")]]
    key: NotRequired[KeyRegistration]
    source: NotRequired[Source]


@strict
class AgentLeaving(TypedDict):
    """The agent acts for the party no longer (离职)."""

    reason: NotRequired[Code]


KeyHolder = Annotated[str, Pattern("^(party|agent):[0-9a-f-]{36}$")]
RevocationReason = Literal["lost", "compromised", "left", "superseded"]


@strict
class KeyAddition(TypedDict):
    """A further key of a party or of one of its agents."""

    id: KeyName
    holder: KeyHolder
    public: PublicKey
    proof: Proof


@strict
class KeyRotation(TypedDict):
    """A key replaced by its holder's new one."""

    key: KeyRegistration


@strict
class KeyRevocation(TypedDict):
    """A key that counts no longer; what it signed since `compromised_since` is contested."""

    reason: RevocationReason
    compromised_since: NotRequired[Instant]


@dataclass
class Party(Aggregate):
    """A party: its kind, areas and sectors, whether it may write, and the mandates it holds by their streams."""

    kind: str = ""
    name: str | None = None
    areas: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    suspended: bool = False
    mandates: dict[str, Held] = field(default_factory=dict)

    class Registered(Event):
        """The party exists; `said` is a PartyRegistration, or for the operator `found.kind`."""

        TOPIC = "party.Registered"

        def apply(self, aggregate: Party) -> None:
            """Take over kind, areas and sectors."""
            facts: Mapping[str, Any] = self.said or self.found
            aggregate.kind = facts["kind"]
            aggregate.name = facts.get("name")
            aggregate.areas = tuple(facts.get("areas", ()))
            aggregate.sectors = tuple(facts.get("sectors", ()))

    class Suspended(Event):
        """The party's keys authenticate no longer, for writing or reading, until it is reinstated."""

        TOPIC = "party.Suspended"

        def apply(self, aggregate: Party) -> None:
            """Remember it."""
            aggregate.suspended = True

    class Reinstated(Event):
        """The party's keys authenticate again, those that were not ended meanwhile; what it was stays what it is."""

        TOPIC = "party.Reinstated"

        def apply(self, aggregate: Party) -> None:
            """Forget the suspension."""
            aggregate.suspended = False

    class MandateReceived(Event):
        """Another party lets this one act for it; `found` {mandate, giver, acts, from_date, to_date}."""

        TOPIC = "party.MandateReceived"

        def apply(self, aggregate: Party) -> None:
            """Hold it."""
            found = self.found
            held = Held(found["giver"], frozenset(found["acts"]), found["from_date"], found["to_date"])
            aggregate.mandates[found["mandate"]] = held

    class MandateEnded(Event):
        """A mandate it held was ended; `found` {mandate}."""

        TOPIC = "party.MandateEnded"

        def apply(self, aggregate: Party) -> None:
            """Hold it no longer."""
            aggregate.mandates.pop(self.found["mandate"], None)

    def require_room(self, giver: str, today: str) -> None:
        """Raise Invalid `too_many` where it holds as many mandates as it may, of all or of one giver."""
        givers = [held.giver for held in self.mandates.values() if held.to_date > today]
        for held, maximum in ((len(givers), MANDATES_HELD_MAX), (givers.count(giver), MANDATES_OF_ONE_MAX)):
            if held >= maximum:
                raise Invalid("the party holds too many mandates", code="too_many", maximum=maximum)

    def mandates_for(self, giver: str, act: str, on: str) -> list[str]:
        """Give the streams of the mandates by which it may do an act for a giver on a civil date."""
        return [stream for stream, held in self.mandates.items() if held.lets(giver, act, on)]


@dataclass
class Agent(Aggregate):
    """A natural person acting for one party; `visits` counts those it took part in.

    `certified` says that the number of a certificate (作业人员证) was stated, which is sealed.
    """

    party: str = ""
    role: str = ""
    person: str | None = None
    certified: bool = False
    left: bool = False
    visits: int = 0

    class Enrolled(Event):
        """The agent acts for the party; `said` is an AgentEnrolment, or for the first administrator `found.party`.

        `found.findings`, if there are any.
        """

        TOPIC = "agent.Enrolled"

        def apply(self, aggregate: Agent) -> None:
            """Take over party, role and the person behind the sealed fields."""
            facts: Mapping[str, Any] = self.said or self.found
            aggregate.party = facts["party"]
            aggregate.role = facts.get("role", "administrator")
            sealed = facts.get("name") or facts.get("certificate") or {}
            aggregate.person = facts.get("person") or sealed.get("of")
            aggregate.certified = "certificate" in facts

    class Left(Event):
        """The agent acts for the party no longer."""

        TOPIC = "agent.Left"

        def apply(self, aggregate: Agent) -> None:
            """Remember it."""
            aggregate.left = True

    class WorkedOn(Event):
        """The agent took part in a visit; `found` {lift, visit}, and `corrects` where it was told of it before."""

        TOPIC = "agent.WorkedOn"

        def apply(self, aggregate: Agent) -> None:
            """Count the visit, once for all records of it."""
            if "corrects" not in self.found:
                aggregate.visits += 1

    class SignedOn(Event):
        """The agent countersigned a visit, with his own key or on the use unit's behalf; `found` {lift, visit}.

        Whose signature a record bears must be known as long as it is kept (TSG T5002-2017 art. 5(6), 7, 10).
        """

        TOPIC = "agent.SignedOn"


@dataclass
class Key(Aggregate):
    """A public key: whose it is, whether it may still sign, and since when somebody else is said to have had it."""

    holder: str = ""
    public: Mapping[str, str] = field(default_factory=dict)
    ended: str | None = None
    compromised_since: str | None = None

    class Registered(Event):
        """The key belongs to `found.holder`; `said` is a KeyRegistration, or `found.public` for the first key."""

        TOPIC = "key.Registered"

        def apply(self, aggregate: Key) -> None:
            """Take over holder and public key."""
            aggregate.holder = self.found["holder"]
            aggregate.public = (self.said or self.found)["public"]

    class Rotated(Event):
        """The holder replaced this key by `said.key`."""

        TOPIC = "key.Rotated"

        def apply(self, aggregate: Key) -> None:
            """It signs no longer."""
            aggregate.ended = "rotated"

    class Revoked(Event):
        """The key signs no longer, or of one that had ended: it was in other hands since `said.compromised_since`."""

        TOPIC = "key.Revoked"

        def apply(self, aggregate: Key) -> None:
            """Remember why, and the earliest time that was reported."""
            said = self.said or self.found
            aggregate.ended = said["reason"]
            reported = [each for each in (aggregate.compromised_since, said.get("compromised_since")) if each]
            aggregate.compromised_since = min(reported, default=None)

    def require_revocable(self, since: str | None, now: str) -> None:
        """Refuse a revocation that would say nothing, or of a time to come.

        A theft is often found after the key was replaced: of an ended key a time since which it was compromised may
        still be reported, and an earlier one later. Raises Conflict `key_ended`, Invalid `date_in_future`.
        """
        if since is not None:
            require_past(since, now)
        if since is None or (self.compromised_since is not None and self.compromised_since <= since):
            self.require_live()

    def require_live(self) -> None:
        """Raise Conflict `key_ended` when the key was rotated or revoked."""
        if self.ended is not None:
            raise Conflict(f"{self.id} was ended ({self.ended})", code="key_ended", key=self.id, why=self.ended)
