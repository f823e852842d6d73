"""Maintenance funds and their houses: opening, money in, transfers, who may do what."""

from __future__ import annotations

import pytest

from application.funds import prefetch_houses
from application.ids import new_name
from application.work import Author
from domain.accounts import Posting, check_balanced, entry, trial_balance_fen
from domain.aggregate import Because, Journal
from domain.allotments import Beside, Reservation
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.funds import Fund
from domain.houses import House, head_tag
from tests.support.funding import (
    BANK,
    BUILDING,
    COMMITTEE,
    FUND,
    HOUSING,
    OTHER_BUILDING,
    balances,
    fund,
    funded,
    house,
)
from tests.support.insuring import AREA, HOLDER, reading
from tests.support.seeding import seed


def test_first_deposits_are_posted_in_double_entry() -> None:
    """Bank is debited, deposits are credited, and each house has what it paid in."""
    book = funded((9_000, 6_000), 50_000)
    state = fund(book)
    assert state.ledger == {"1001": 100_000, "4001": -100_000}
    assert trial_balance_fen(state.ledger) == 0
    assert (state.deposited_fen, state.free_fen("fund_principal", Beside())) == (100_000, 100_000)
    assert sorted(balances(book, []).values()) == [50_000, 50_000]


def test_a_house_without_a_deposit_joins_with_nothing() -> None:
    """No entry of nothing is posted."""
    book = funded(())
    name = new_name("house")
    said = {"id": name, "fund": FUND, "area_m2_hundredths": 1, "delivered": False}
    events = book.act(HOUSING, "house.open", said)
    assert [event.TOPIC for event in events] == ["house.Opened", "fund.HousesJoined"]
    assert fund(book).houses[name].head is None


def test_deposits_raise_house_and_fund_alike() -> None:
    """The bank pays in for a house, with the day of value as its effective date."""
    book = funded((9_000,), 10_000)
    (name,) = fund(book).houses
    events = book.act(BANK, "house.deposit", {"house": name, "amount_fen": 5_000, "on": "2026-03-10"})
    assert [event.TOPIC for event in events] == ["house.Deposited", "fund.Posted"]
    assert {event.effective_at for event in events} == {"2026-03-09T16:00:00.000000Z"}
    assert fund(book).houses[name].balance_fen == balances(book, [])[name] == 15_000


def test_income_belongs_to_the_fund_as_a_whole() -> None:
    """Interest is posted and raises no house."""
    book = funded((9_000,), 10_000)
    book.act(BANK, "fund.add_income", {"amount_fen": 700, "kind": "interest"}, fund=FUND)
    state = fund(book)
    assert (state.income_fen, state.balance_fen, state.free_fen("fund_income", Beside())) == (700, 10_700, 700)
    assert state.ledger["4101"] == -700


def test_a_transfer_changes_the_head_and_not_the_balance() -> None:
    """The account follows the house (分户账随房屋所有权转移)."""
    book = funded((9_000,), 10_000)
    ((name, before),) = fund(book).houses.items()
    said = {"delivered": True, "on": "2026-03-01", "owner_person": new_name("person")}
    book.act(HOUSING, "house.transfer", said, house=name)
    after = fund(book).houses[name]
    assert after.balance_fen == before.balance_fen
    assert after.head not in {before.head, None}
    assert book.state(House, name).delivered


def test_only_houses_of_the_scope_bear_and_vote() -> None:
    """What one building spends is its owners' (列支范围): no other's is charged, nor asked; of nobody it is refused."""
    book = funded((9_000,))
    here, there = *fund(book).houses, house(book, building=OTHER_BUILDING)
    nowhere = house(book, building=None)
    state = fund(book)
    for buildings, inside in (
        (None, {here, there, nowhere}), ([BUILDING], {here}), ([OTHER_BUILDING], {there}),
        ([BUILDING, OTHER_BUILDING], {here, there}),
    ):  # fmt: skip
        assert set(state.scope(buildings)) == inside
        assert set(state.allot("fund_principal", 900, buildings, ()).charged) == inside
        assert {unit.house for unit in state.units(buildings, "2026-03-15")} == inside
    with pytest.raises(Invalid) as refusal:
        state.scope([new_name("building")])
    assert refusal.value.code == "scope_empty"


def test_owners_of_a_day_are_those_it_had_by_what_is_known_now() -> None:
    """Of several transfers the last that has begun, of one day the one recorded last; an undelivered house has none."""
    book = funded((9_000,))
    ((name, before),) = fund(book).houses.items()
    heads = [before.head]
    for on in ("2026-03-10", "2026-03-05", "2026-03-10"):
        said = {"delivered": True, "on": on, "owner_person": new_name("person")}
        book.act(HOUSING, "house.transfer", said, house=name)
        heads.append(fund(book).houses[name].head)
    assert len(set(heads)) == 4
    days = {"2026-03-04": 0, "2026-03-05": 2, "2026-03-09": 2, "2026-03-10": 3, "2026-03-15": 3}
    for day, number in days.items():
        (unit,) = fund(book).units(None, day)
        assert (unit.owner, unit.delivered) == (heads[number], True), day


def test_a_house_that_is_not_handed_over_is_voted_for_as_such() -> None:
    """Sold or not: until it is handed over its unit is not delivered, also when it was so on the day alone."""
    book = funded(())
    sold, unsold = house(book, delivered=False), house(book, delivered=False, owner_person=None)
    units = {unit.house: (unit.owner == "", unit.delivered) for unit in fund(book).units(None, "2026-03-15")}
    assert units == {sold: (False, False), unsold: (True, False)}
    said = {"delivered": True, "on": "2026-03-10", "owner_person": new_name("person")}
    book.act(HOUSING, "house.transfer", said, house=unsold)
    for day, whose in (("2026-03-09", (True, False)), ("2026-03-10", (False, True))):
        units = {unit.house: (unit.owner == "", unit.delivered) for unit in fund(book).units(None, day)}
        assert units[unsold] == whose, day


def test_a_premium_is_posted_to_the_account_that_the_fund_names() -> None:
    """The ministry has none for it, so the bureau says which; 5901 where it says nothing."""
    assert fund(funded(())).premium_account == "5901"
    assert fund(funded((), premium_account="5001")).premium_account == "5001"


def test_changes_leave_the_rest_as_it_was() -> None:
    """A new manager may act, the old one no longer."""
    book = funded(())
    book.act(HOUSING, "fund.change", {"manager": HOUSING.party}, fund=FUND)
    assert (fund(book).manager, fund(book).bank) == (HOUSING.party, BANK.party)


@pytest.mark.parametrize("author", [BANK, COMMITTEE, HOLDER])
def test_only_the_bureau_changes_a_fund(author: Author) -> None:
    """Bank, committee and manager may not."""
    book = funded(())
    with pytest.raises(Forbidden) as refusal:
        book.act(author, "fund.change", {"bank": HOLDER.party}, fund=FUND)
    assert refusal.value.code == "right_missing"


def test_a_fund_outside_the_bureaus_area_is_refused() -> None:
    """The area must lie in one of the bureau's."""
    book = funded(())
    said = {
        "id": new_name("fund"), "estate": new_name("estate"), "area": "370202", "kind": "public_housing",
        "area_basis": "exclusive_area", "bank": BANK.party, "bureau": HOUSING.party,
    }  # fmt: skip
    with pytest.raises(Forbidden):
        book.act(HOUSING, "fund.open", said)
    book.act(HOUSING, "fund.open", said | {"area": AREA})
    with pytest.raises(Forbidden):
        book.act(COMMITTEE, "fund.open", said | {"id": new_name("fund")})
    book.act(COMMITTEE, "fund.open", said | {"id": new_name("fund"), "committee": COMMITTEE.party})


def test_money_that_is_yet_to_come_in_is_no_deposit() -> None:
    """A day of value after today would be reserved before it is there; today's is taken."""
    book = funded((9_000,), 0)
    (name,) = fund(book).houses
    with pytest.raises(Invalid) as refusal:
        book.act(BANK, "house.deposit", {"house": name, "amount_fen": 1, "on": "2026-03-16"})
    assert refusal.value.code == "date_in_future"
    book.act(BANK, "house.deposit", {"house": name, "amount_fen": 1, "on": "2026-03-15"})
    assert fund(book).free_fen("fund_principal", Beside()) == 1


def test_unknown_houses_and_funds_are_not_found() -> None:
    """A deposit for nobody is refused."""
    book = funded(())
    with pytest.raises(NotFound) as refusal:
        book.act(BANK, "house.deposit", {"house": new_name("house"), "amount_fen": 1})
    assert refusal.value.code == "house_unknown"


def test_a_house_handed_over_has_an_owner() -> None:
    """Without one its head could not be counted."""
    with pytest.raises(Invalid) as refusal:
        house(funded(()), owner_person=None)
    assert refusal.value.code == "owner_missing"


def test_head_tags_are_equal_for_the_same_owners_of_one_fund_only() -> None:
    """Co-owners are one head whatever their order; another fund's tag cannot be compared; a sealed name counts too."""
    one, two = new_name("person"), new_name("person")
    joint = {"delivered": True, "owner_person": one, "co_owner_persons": [two]}
    turned = {"delivered": True, "owner_name": {"of": two, "sealed": "0" * 64}, "co_owner_persons": [one]}
    assert head_tag(FUND, joint) == head_tag(FUND, turned)
    assert head_tag(FUND, joint) != head_tag(new_name("fund"), joint)
    assert head_tag(FUND, joint) != head_tag(FUND, {"delivered": True, "owner_person": one})
    assert head_tag(FUND, {"delivered": False}) is None


def test_entries_balance_or_are_refused() -> None:
    """One-sided, empty and unequal entries are no entries."""
    with pytest.raises(Invalid) as refusal:
        entry("1001", "4001", 0)
    assert refusal.value.code == "amount_zero"
    row = entry("1001", "4001", 5)
    less: Posting = {"account": "4001", "debit_fen": 0, "credit_fen": 4}
    both: Posting = {"account": "1001", "debit_fen": 5, "credit_fen": 5}
    for wrong in ([], row[:1], [row[0], less], [both]):
        with pytest.raises(Invalid) as refusal:
            check_balanced(wrong)
        assert refusal.value.code == "postings_unbalanced"


def test_houses_of_a_fund_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named one."""
    monkeypatch.setattr("application.funds.HOUSES_MAX", 1)
    with pytest.raises(Conflict) as refusal:
        funded((1, 1))
    assert refusal.value.code == "too_many"


def test_a_reservation_whose_shares_do_not_follow_is_not_folded() -> None:
    """Shares that no event writes out must come to the amount that it does."""
    book = funded((9_000,), 10_000)
    found = {
        "application": new_name("application"), "policy": new_name("policy"), "source": "fund_principal",
        "amount_fen": 99, "apportioned_fen": 100, "buildings": None, "expires": "2026-04-01T00:00:00.000000Z",
        "beside": [],
    }  # fmt: skip
    with pytest.raises(Conflict) as refusal:
        seed(book, Fund, FUND, HOUSING.party, Fund.Reserved, {}, found)
    assert refusal.value.code == "shares_differ"


def test_nothing_is_taken_back_that_is_not_due() -> None:
    """Of a payment that the fund does not wait for."""
    state = fund(funded(()))
    with pytest.raises(NotFound) as refusal:
        state.take_back(Because("payment:p", 1), "payment:p", "bankline:b")
    assert refusal.value.code == "nothing_due"


def test_the_houses_that_lines_name_are_loaded_at_once() -> None:
    """A line that names none is left to its own refusal."""
    book = funded((9_000,))
    (name,) = fund(book).houses
    work = reading(book)
    prefetch_houses(work, [{"house": name}, {"house": 7}, {}])
    assert work.reads == {name: 1}


def test_a_voided_reservation_leaves_the_others() -> None:
    """By name, or by the instant at which it expires; what was paid is not voided."""
    book = funded((9_000,), 10_000)
    state = fund(book)
    state.journal = Journal(HOUSING.authorship())
    cause = Because("fund:f", 1)
    for number in (1, 2, 3):
        held = Reservation(f"a:{number}", f"p:{number}", "fund_principal", 100, f"2026-04-0{number}", {}, {})
        state.reserve(cause, held, {"apportioned_fen": 100, "buildings": None}, Beside())
    state.void(cause, "a:2")
    assert sorted(state.reservations) == ["a:1", "a:3"]
    assert state.expire("2026-04-03")
    state.pay(cause, "a:1", "payment:p", "bankline:b")
    with pytest.raises(Conflict) as refusal:
        state.void(cause, "a:1")
    assert refusal.value.code == "paid_twice"
