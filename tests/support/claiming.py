"""A book with one insured lift, for tests of claims."""

from __future__ import annotations

from typing import Any

import pytest

from application import claim_decisions, claims, schemes
from application.ids import new_name
from application.projections.base import LoggedEvent
from application.projections.claims import CLAIMS
from application.work import Author
from domain.aggregate import Event
from domain.claims import Claim
from domain.covers import Cover
from domain.errors import DomainError
from domain.lifts import Lift
from domain.policies import Policy
from domain.products import Product
from tests.support.book import Book
from tests.support.seeding import seed

LIFT = new_name("lift")
AREA = "370102"
POLICY = new_name("policy")
CERTIFICATE = new_name("certificate")
INSURER, OTHER_INSURER, USE_UNIT, OPERATOR = (new_name("party") for _ in range(4))
BY_INSURER = Author(INSURER, "insurer", key=new_name("key"))
BY_OTHER = Author(OTHER_INSURER, "insurer", key=new_name("key"))
BY_USE_UNIT = Author(USE_UNIT, "use_unit", key=new_name("key"))
PARTS = ("third_party_injury", "entrapment", "equipment")
LOSS_AT = "2026-03-01T02:00:00.000000Z"
LIMIT_FEN = 100_000_00


def insured(
    *,
    part_limits: dict[str, int] | None = None,
    limit_fen: int = LIMIT_FEN,
    filed_limits: dict[str, int] | None = None,
    policy_fen: int | None = None,
) -> Book:
    """Give a book in which LIFT is covered by POLICY for 2026, in all PARTS and the owner's interest.

    Each part has the limits that the policy says, `part_limits`, and those of its product, `filed_limits`; the policy's
    own in a year is `policy_fen`.
    """
    actions = (*claims.ACTIONS, *claim_decisions.ACTIONS, *schemes.ACTIONS)
    book = Book({action.id: action for action in actions}, now="2025-12-01T00:00:00.000000Z")
    operator = Author(OPERATOR, "operator", key=new_name("key"))
    pack = new_name("pack")
    book.act(operator, "pack.publish", {"id": pack, "program_pack": "shandong@1"})
    adoption = {"area": AREA, "pack": pack, "version": 1, "from_date": "2025-01-01", "document": "a" * 64}
    book.act(operator, "scheme.adopt", adoption)
    lift = {"id": LIFT, "variety": "3110", "area": AREA, "status": "in_use", "identifiers": []}
    seed(book, Lift, LIFT, OPERATOR, Lift.Registered, lift, {"on": "2025-01-01"})
    product = new_name("product")
    filed = {
        "id": product, "insurer": INSURER, "area": AREA, "canonical": "comprehensive", "refund": "none",
        "parts": [{"part": part, **(filed_limits or {})} for part in PARTS],
    }  # fmt: skip
    seed(book, Product, product, INSURER, Product.Filed, filed)
    parts = [{"part": part, "premium_fen": 2_000, **(part_limits or {})} for part in PARTS]
    limits = {"per_lift_year_fen": limit_fen} | ({} if policy_fen is None else {"policy_year_fen": policy_fen})
    draft = {
        "id": POLICY, "product": product, "area": AREA, "holder": USE_UNIT, "interest": "owner",
        "parts": parts, "limits": limits, "from_date": "2026-01-01",
        "to_date": "2027-01-01", "premium_fen": 6_000, "sources": [], "valid_until": "2026-03-01",
    }  # fmt: skip
    found = {"insurers": [{"party": INSURER, "share_bp": 10_000}], "findings": []}
    seed(book, Policy, POLICY, INSURER, Policy.Drafted, draft, found)
    seed(book, Policy, POLICY, INSURER, Policy.Issued, {"number": "P-1"}, {"findings": []})
    line = {
        "policy": POLICY, "lift": LIFT, "certificate": CERTIFICATE, "from_date": "2026-01-01", "to_date": "2027-01-01",
        "parts": [{"part": part, "premium_fen": 2_000} for part in PARTS],
    }  # fmt: skip
    terms = {"interest": "owner", "premises_class": "residential", "pending": True}
    seed(book, Cover, f"{LIFT}/cover", INSURER, Cover.Attached, line, terms)
    book.now = "2026-03-05T00:00:00.000000Z"
    return book


def registered(book: Book, *, certified: bool = True) -> str:
    """Register another lift, insured under POLICY as LIFT is unless it is not `certified`; gives its name."""
    lift = new_name("lift")
    said = {"id": lift, "variety": "3110", "area": AREA, "status": "in_use", "identifiers": []}
    seed(book, Lift, lift, OPERATOR, Lift.Registered, said, {"on": "2025-01-01"})
    if certified:
        line = {
            "policy": POLICY, "lift": lift, "certificate": new_name("certificate"), "from_date": "2026-01-01",
            "to_date": "2027-01-01", "parts": [{"part": part, "premium_fen": 2_000} for part in PARTS],
        }  # fmt: skip
        terms = {"interest": "owner", "premises_class": "residential", "pending": True}
        seed(book, Cover, f"{lift}/cover", INSURER, Cover.Attached, line, terms)
    return lift


def merged(book: Book, lift: str, into: str) -> None:
    """Let a lift's record go up in another's."""
    seed(book, Lift, lift, OPERATOR, Lift.MergedInto, {"into": into, "reason": "duplicate"})
    seed(book, Lift, into, OPERATOR, Lift.Absorbed, {}, {"lift": lift, "identifiers": [], "settled": []})


def notice(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a notice of loss."""
    said = {
        "id": new_name("claim"), "lift": LIFT, "loss_at": LOSS_AT, "part": "third_party_injury", "interest": "owner",
        "kind": "injury",
    }  # fmt: skip
    return said | changes


def notified(book: Book, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - members of any type
    """Have the use unit give notice; returns the path of the claim."""
    said = notice(**changes)
    book.act(BY_USE_UNIT, "claim.notify", said)
    return {"lift": said["lift"], "claim": said["id"]}


def insured_twice(book: Book, policy: str, limit_fen: int = LIMIT_FEN) -> None:
    """Let a second policy of the same insurer cover LIFT as POLICY does."""
    (drafted, issued), line = book.events(POLICY), book.events(f"{LIFT}/cover")[0]
    draft = {**(drafted.said or {}), "id": policy, "limits": {"per_lift_year_fen": limit_fen}}
    seed(book, Policy, policy, INSURER, Policy.Drafted, draft, drafted.found)
    seed(book, Policy, policy, INSURER, Policy.Issued, {"number": "P-2"}, issued.found)
    said = {**(line.said or {}), "policy": policy, "certificate": new_name("certificate")}
    seed(book, Cover, f"{LIFT}/cover", INSURER, Cover.Attached, said, line.found)


def approval(amount_fen: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give an approval."""
    return {"amount_fen": amount_fen, "currency": "CNY", **more}


def payment(amount_fen: int, payee: str = "third_party", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Give a payment."""
    return {
        "amount_fen": amount_fen, "currency": "CNY", "payee": {"kind": payee}, "paid_at": "2026-03-05T00:00:00.000000Z",
    } | more  # fmt: skip


def codes(events: list[Event]) -> list[str]:
    """Give the codes of all findings."""
    return [found["code"] for event in events for found in event.found.get("findings", [])]


def topics(events: list[Event]) -> list[str]:
    """Give the events' types."""
    return [event.TOPIC for event in events]


def claim_at(book: Book, path: dict[str, str]) -> Claim:
    """Fold a claim."""
    return book.state(Claim, f"{path['lift']}/{path['claim']}")


def register(book: Book, path: dict[str, str]) -> list[dict[str, Any]]:
    """Give the rows of the claims register for a claim, each with `since` and `until`."""
    stream, state = f"{path['lift']}/{path['claim']}", dict[str, Any]()
    for event in book.events(stream):
        at = event.recorded_at or ""
        logged = LoggedEvent(
            event.position or 0, stream, event.originator_version, event.originator_version, event.TOPIC, at,
            event.effective_at or at, event.author.party, None, None, event.said, event.found,
        )  # fmt: skip
        state = dict(CLAIMS.evolve[event.TOPIC](state, logged))
    names = [column.name for column in CLAIMS.columns]
    return [
        {"since": row.effective_from, "until": row.effective_to, **dict(zip(names, row.values, strict=True))}
        for row in CLAIMS.rows(stream, state)
    ]


def refusal(book: Book, author: Author, action: str, said: dict[str, Any], **path: str) -> DomainError:
    """Give what a request is refused with; nothing is recorded then."""
    before = len(book.log)
    with pytest.raises(DomainError) as refused:
        book.act(author, action, said, **path)
    assert len(book.log) == before
    return refused.value


def papers() -> dict[str, Any]:
    """Give a filing of papers."""
    return {"papers": [{"kind": "claim_form", "digest": "a" * 64}], "received_on": "2026-03-05"}


def less(approved_fen: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a reduction of an approval."""
    said = {"approved_fen": approved_fen, "currency": "CNY", "reason": "settled", "agreed_on": "2026-03-05"}
    return said | {"document": "d" * 64} | more
