"""The natural persons behind sealed data, and how what is held of them ends (个人信息保护法 47).

Erasing has two steps. From `person.Restricted` on nothing is done with a person's data but keeping them safe; when
every duty to keep them has run out, time itself writes `person.Erased`, and the eraser destroys them. A legal hold
stops both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from typing_extensions import TypedDict

from domain.aggregate import Aggregate, Event
from domain.errors import Conflict
from domain.shapes import strict

RETENTION_RULE: Final = "person.retention.expiry"
"""The rule by which time erases a restricted person."""

Basis = Literal["purpose_met", "withdrawn", "retention_over", "request"]


@strict
class PersonErasure(TypedDict):
    """Why a person's data are erased (个人信息删除, PIPL art. 47)."""

    basis: Basis


@dataclass
class Person(Aggregate):
    """The natural person behind sealed fields; the stream exists only once something about the person happened.

    `restricted_until` is the instant from which the data may be destroyed; `holds` are the disputes that forbid it.
    """

    basis: str = ""
    restricted_until: str | None = None
    erased: bool = False
    holds: dict[str, bool] = field(default_factory=dict)

    class Restricted(Event):
        """The data are kept under seal and used no longer, until `found.until`; `found.scope` says how much it is."""

        TOPIC = "person.Restricted"

        def apply(self, aggregate: Person) -> None:
            """Remember until when."""
            aggregate.basis = (self.said or self.found)["basis"]
            aggregate.restricted_until = self.found["until"]

    class Erased(Event):
        """Key, salts and ciphertexts of the person were destroyed; `found` {basis, due, rule, scope}.

        Schema 1 was said by the operator, who erased at once.
        """

        TOPIC = "person.Erased"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Find the basis where it now stands; when, by which rule and how much nobody wrote down then."""
            state["found"] = {**state["found"], "basis": state["said"]["basis"]}

        def apply(self, aggregate: Person) -> None:
            """Remember it."""
            aggregate.basis = self.found["basis"]
            aggregate.erased = True

    class HoldSet(Event):
        """A dispute's legal hold covers the person; `found` {dispute}."""

        TOPIC = "person.HoldSet"

        def apply(self, aggregate: Person) -> None:
            """Hold."""
            aggregate.holds[self.found["dispute"]] = True

    class HoldLifted(Event):
        """A dispute's legal hold covers the person no longer; `found` {dispute}."""

        TOPIC = "person.HoldLifted"

        def apply(self, aggregate: Person) -> None:
            """Let go."""
            aggregate.holds.pop(self.found["dispute"], None)

    def require_usable(self) -> None:
        """Raise Conflict `person_erased`, `person_restricted` when nothing more may be done with the person's data."""
        if self.erased:
            raise Conflict(f"{self.id} was erased", code="person_erased", person=self.id)
        if self.restricted_until is not None:
            raise Conflict(
                f"the data of {self.id} are kept under seal until they are destroyed",
                code="person_restricted", person=self.id, until=self.restricted_until,
            )  # fmt: skip

    def require_unheld(self) -> None:
        """Raise Conflict `person_held` while a legal hold covers the person (特种设备安全法 70: evidence is kept)."""
        if self.holds:
            raise Conflict(
                f"a legal hold covers {self.id}", code="person_held", person=self.id, disputes=sorted(self.holds)
            )
