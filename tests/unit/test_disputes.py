"""Disputes: whose hold it is, and who ends what he has to do with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from application.catalogue import ACTIONS
from application.ids import new_name
from application.work import Author
from domain.buildings import Estate
from domain.claims import Claim
from domain.disputes import Dispute
from domain.errors import DomainError
from domain.funds import Fund
from domain.houses import House
from domain.lifts import Lift
from tests.support.book import Book
from tests.support.seeding import seed

MARKET = Author(new_name("party"), "market_regulator", areas=("370100",))
ELSEWHERE = Author(new_name("party"), "housing_bureau", areas=("440300",))
BESIDE = Author(new_name("party"), "financial_regulator", areas=("370103",))
WIDER = Author(new_name("party"), "market_regulator", areas=("370000",))
OPERATOR = Author(new_name("party"), "operator")
INSURER = Author(new_name("party"), "insurer")
DISPUTE, LIFT, MOVED, AGENT = new_name("dispute"), new_name("lift"), new_name("lift"), new_name("agent")
ORDER = "a" * 64


@pytest.fixture
def book() -> Book:
    """A book with two lifts, of which one moved to the district 370103."""
    book = Book(dict(ACTIONS.by_id), now="2026-03-02T00:00:00.000000Z")
    for lift in (LIFT, MOVED):
        said = {"id": lift, "variety": "3110", "area": "370102001", "status": "in_use", "identifiers": []}
        seed(book, Lift, lift, MARKET.party, Lift.Registered, said, {"on": "2025-01-01"})
    seed(book, Lift, MOVED, MARKET.party, Lift.Moved, {"area": "370103"}, {"on": "2026-01-01"})
    return book


def opened(book: Book, *matters: str, by: Author = MARKET) -> None:
    """Open a dispute; what its author is not named in, he has to be an authority for."""
    said = {"id": DISPUTE, "ground": "accident", "matters": list(matters), "parties": [by.party]}
    book.act(by, "dispute.open", said)


def told(book: Book, author: Author, action: str, **said: Any) -> str:  # noqa: ANN401 - members of any type
    """Give the code of the refusal of an act, or `done`."""
    try:
        book.act(author, f"dispute.{action}", said, dispute=DISPUTE)
    except DomainError as refused:
        return refused.code
    return "done"


def test_a_hold_is_lifted_by_who_set_it(book: Book) -> None:
    """Neither an authority of elsewhere, nor one of the same area, nor the dispute's opener lifts another's hold."""
    opened(book, LIFT, by=INSURER)
    assert told(book, MARKET, "set_hold", reason="inquiry") == "done"
    for other in (ELSEWHERE, WIDER, INSURER, OPERATOR):
        assert told(book, other, "lift_hold", reason="closed") == "right_missing"
    assert told(book, WIDER, "lift_hold", reason="closed", document=ORDER) == "right_missing"
    assert told(book, MARKET, "lift_hold", reason="closed") == "done"
    assert book.state(Dispute, DISPUTE).keeper == ""


def test_the_operator_lifts_a_hold_on_an_order(book: Book) -> None:
    """Of a court, or of whoever took an authority's place: its document is named; its own hold needs none."""
    opened(book, LIFT)
    for setter, said in ((MARKET, {"document": ORDER}), (OPERATOR, {})):
        assert told(book, setter, "set_hold", reason="inquiry") == "done"
        assert told(book, OPERATOR, "lift_hold", reason="ordered", **said) == "done"


def test_nobody_makes_anothers_hold_his_own(book: Book) -> None:
    """Setting it again would let him lift it: he opens a dispute of his own. Once lifted, it is whose sets it next."""
    opened(book, LIFT)
    told(book, MARKET, "set_hold", reason="inquiry")
    assert told(book, ELSEWHERE, "set_hold", reason="mine") == "hold_of_another"
    assert told(book, MARKET, "set_hold", reason="again") == "held_already"
    told(book, MARKET, "lift_hold", reason="closed")
    assert told(book, ELSEWHERE, "set_hold", reason="mine") == "done"
    assert told(book, MARKET, "lift_hold", reason="closed") == "right_missing"


def test_a_hold_of_two_is_the_first_ones(book: Book) -> None:
    """In logs of before another could set it again: it was to hold until the authority that set it lifts it."""
    opened(book, LIFT)
    for setter in (MARKET, ELSEWHERE):
        seed(book, Dispute, DISPUTE, setter.party, Dispute.HoldSet, {"reason": "inquiry"}, {"persons": []})
    assert told(book, ELSEWHERE, "lift_hold", reason="closed") == "right_missing"
    assert told(book, MARKET, "lift_hold", reason="closed") == "done"


def test_a_hold_lifted_before_orders_were_named_is_lifted() -> None:
    """Schema 1 is read as it stands."""
    state: dict[str, Any] = {"said": {"reason": "closed"}, "found": {"persons": []}}
    Dispute.HoldLifted.upcast_v1_v2(state)
    assert state == {"said": {"reason": "closed"}, "found": {"persons": []}}


@pytest.mark.parametrize(
    "matters, author, document, expected",
    [
        ((LIFT,), ELSEWHERE, False, "right_missing"),
        ((LIFT,), BESIDE, False, "right_missing"),
        ((LIFT,), WIDER, False, "done"),
        ((f"{LIFT}/{new_name('claim')}",), WIDER, False, "done"),
        ((MOVED,), BESIDE, False, "done"),
        ((LIFT, MOVED), BESIDE, False, "right_missing"),
        ((LIFT, MOVED, AGENT), WIDER, False, "done"),
        ((AGENT,), WIDER, False, "right_missing"),
        ((new_name("lift"),), WIDER, False, "right_missing"),
        ((LIFT,), INSURER, True, "right_missing"),
        ((LIFT,), WIDER, True, "done"),
        ((AGENT,), OPERATOR, False, "right_missing"),
        ((AGENT,), OPERATOR, True, "done"),
        ((AGENT,), MARKET, False, "done"),
    ],
)
def test_a_dispute_is_settled_by_who_has_to_do_with_it(
    book: Book, matters: tuple[str, ...], author: Author, document: bool, expected: str
) -> None:
    """Its opener, the authority in whose areas all of it lies today, the operator on a judgment that he names."""
    opened(book, *matters)
    said = {"outcome": "judged", "document": ORDER} if document else {"outcome": "closed"}
    assert told(book, author, "settle", **said) == expected


def test_what_is_not_a_lift_lies_somewhere_too(book: Book) -> None:
    """An estate and a fund lie in their areas, a house in its fund's; one that nobody knows lies nowhere."""
    fund, estate, house = (new_name(kind) for kind in ("fund", "estate", "house"))
    bureau = Author(new_name("party"), "housing_bureau")
    seed(book, Estate, estate, INSURER.party, Estate.Described, {"name": "E", "type": "commodity", "area": "370103"})
    seed(book, Fund, fund, INSURER.party, Fund.Opened, {"area": "370103001", "bureau": bureau.party})
    said = {"fund": fund, "area_m2_hundredths": 1, "delivered": True}
    seed(book, House, house, INSURER.party, House.Opened, said)
    opened(book, estate, house)
    assert told(book, replace(BESIDE, areas=("370102",)), "settle", outcome="closed") == "right_missing"
    assert told(book, bureau, "settle", outcome="closed") == "right_missing"
    assert told(book, BESIDE, "settle", outcome="closed") == "done"


def test_a_fund_is_its_bureaus(book: Book) -> None:
    """Whoever keeps it by its opening has to do with it, and with its houses, whatever his areas."""
    fund, house, unknown = (new_name(kind) for kind in ("fund", "house", "house"))
    bureau = Author(new_name("party"), "housing_bureau")
    seed(book, Fund, fund, INSURER.party, Fund.Opened, {"area": "370103001", "bureau": bureau.party})
    said = {"fund": fund, "area_m2_hundredths": 1, "delivered": True}
    seed(book, House, house, INSURER.party, House.Opened, said)
    opened(book, house, unknown)
    assert told(book, bureau, "settle", outcome="closed") == "right_missing"
    seed(book, House, unknown, INSURER.party, House.Opened, said)
    assert told(book, bureau, "settle", outcome="closed") == "done"


@pytest.mark.parametrize("told_of", ["closed", "goes on"])
def test_what_is_disputed_of_a_lift_is_disputed_of_all_its_records(book: Book, told_of: str) -> None:
    """Whoever is named under the closed record's name is held, and not erased, and the other way about (C11)."""
    named, asked = (LIFT, MOVED) if told_of == "closed" else (MOVED, LIFT)
    person = new_name("person")
    claimant = {"role": "injured", "name": {"of": person, "sealed": "ab" * 32}}
    claim = {
        "id": new_name("claim"), "lift": named, "loss_at": "2026-02-01T00:00:00.000000Z", "part": "third_party_injury",
        "interest": "owner", "kind": "injury", "claimants": [claimant],
    }  # fmt: skip
    found: dict[str, Any] = {"cover": None, "entrapment": None, "findings": []}
    seed(book, Claim, f"{named}/{claim['id']}", INSURER.party, Claim.Notified, claim, found)
    seed(book, Lift, LIFT, MARKET.party, Lift.MergedInto, {"into": MOVED}, {"on": "2026-03-01"})
    seed(book, Lift, MOVED, MARKET.party, Lift.Absorbed, {}, {"lift": LIFT, "identifiers": [], "settled": []})
    opened(book, asked)
    with pytest.raises(DomainError) as refused:
        book.act(OPERATOR, "person.erase", {"basis": "request"}, person=person)
    assert (refused.value.code, refused.value.details["disputes"]) == ("person_held", [DISPUTE])
    assert told(book, MARKET, "set_hold", reason="inquiry") == "done"
    assert [*book.state(Dispute, DISPUTE).persons] == [person]
