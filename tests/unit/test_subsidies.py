"""Subsidies whose money came back with the payment it was paid with: neither paid any longer nor asked back again."""

from __future__ import annotations

from typing import Any

import pytest

from application.ids import new_name
from domain.covers import Cover
from domain.errors import Conflict
from domain.policies import Policy
from domain.subsidies import Subsidy
from tests.support.book import Book
from tests.support.funding import BANK, FINANCE, LIFT, PREMIUM_FEN, funded, seen
from tests.support.insuring import AREA, HOLDER, INSURER, line, proposed
from tests.unit.test_payments import request, subsidised

GRANT = 3_000


def paid(book: Book, policy: str, subsidy: str, fen: int = GRANT, **more: Any) -> str:  # noqa: ANN401 - members of any type
    """Pay so much of a subsidy; returns the payment."""
    payment = request(book, policy, amount_fen=fen, source_kind="fiscal_subsidy", subsidy=subsidy, **more)
    book.act(BANK, "payment.confirm", {"line": seen(book, fen)}, payment=payment)
    return payment


def returned(book: Book, payment: str, fen: int) -> list[dict[str, Any]]:
    """Let so much of a payment come back; gives what its subsidy was told."""
    events = book.act(INSURER, "payment.return", {"line": seen(book, fen, "out", INSURER)}, payment=payment)
    told = [event for event in events if isinstance(event, Subsidy.Returned)]
    assert all("because" in event.found for event in told)
    return [{member: event.found[member] for member in ("payment", "amount_fen")} for event in told]


def asked(book: Book, subsidy: str, fen: int) -> str | None:
    """Ask so much of it back; gives the code of the refusal."""
    try:
        book.act(FINANCE, "subsidy.claw_back", {"amount_fen": fen, "reason": "voided"}, subsidy=subsidy)
    except Conflict as refusal:
        return refusal.code
    return None


def voided(book: Book, policy: str) -> None:
    """Let the quotation come to nothing: all that was paid is due back."""
    book.act(INSURER, "policy.void", {"reason": "withdrawn"}, policy=policy)


def amounts(book: Book, subsidy: str) -> tuple[int, int, int]:
    """Give what of it is paid, asked back and payable."""
    state = book.state(Subsidy, subsidy)
    return state.paid_fen, state.asked_fen, state.payable_fen


def test_what_came_back_is_not_asked_back() -> None:
    """In parts, in the save of each return; what is still out may be asked back, and the grant is free again."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = paid(book, policy, subsidy)
    voided(book, policy)
    assert returned(book, payment, 1_000) == [{"payment": payment, "amount_fen": 1_000}]
    assert amounts(book, subsidy) == (2_000, 0, 1_000)
    assert asked(book, subsidy, 2_001) == "above_paid"
    assert returned(book, payment, 2_000) == [{"payment": payment, "amount_fen": 2_000}]
    assert amounts(book, subsidy) == (0, 0, GRANT)
    assert asked(book, subsidy, 1) == "above_paid"


def test_what_came_back_settles_what_was_asked_back() -> None:
    """It is not granted anew, and the rest may be asked back still, once."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = paid(book, policy, subsidy)
    assert asked(book, subsidy, 1_200) is None
    voided(book, policy)
    returned(book, payment, 1_000)
    assert amounts(book, subsidy) == (2_000, 200, 0)
    assert asked(book, subsidy, 1_801) == "above_paid"
    returned(book, payment, 500)
    assert amounts(book, subsidy) == (1_500, 0, 300)
    assert asked(book, subsidy, 1_500) is None
    assert asked(book, subsidy, 1) == "above_paid"


def test_what_a_subsidy_did_not_cover_comes_back_first() -> None:
    """Of 1,500 the grant had 500 left: 1,000 were never paid of it, and their return tells it nothing."""
    book = funded()
    policy, subsidy = subsidised(book, 2_000)
    more = {"amount_fen": 1_500, "source_kind": "fiscal_subsidy", "subsidy": subsidy}
    first, second = (request(book, policy, **more) for _ in range(2))
    for payment in (first, second):
        book.act(BANK, "payment.confirm", {"line": seen(book, 1_500)}, payment=payment)
    assert returned(book, second, 1_000) == []
    assert amounts(book, subsidy) == (2_000, 0, 0)
    voided(book, policy)
    assert returned(book, second, 400) == [{"payment": second, "amount_fen": 400}]
    assert amounts(book, subsidy) == (1_600, 0, 400)


def test_one_line_for_several_payments_tells_each_subsidy() -> None:
    """The payer gets all of it back at once."""
    book = funded()
    policy, subsidy = subsidised(book)
    first, second = (paid(book, policy, subsidy, fen) for fen in (1_000, 2_000))
    voided(book, policy)
    told = returned(book, first, GRANT)
    assert told == [{"payment": first, "amount_fen": 1_000}, {"payment": second, "amount_fen": 2_000}]
    assert amounts(book, subsidy) == (0, 0, GRANT)


@pytest.mark.parametrize("kind", ["property_fee", "fiscal_subsidy"])
def test_a_payment_of_no_subsidy_tells_none(kind: str) -> None:
    """Nor does money of a subsidy that arrived when the policy took none any more."""
    book = funded()
    policy, subsidy = subsidised(book)
    more = {"subsidy": subsidy} if kind == "fiscal_subsidy" else {}
    payment = request(book, policy, amount_fen=GRANT, source_kind=kind, **more)
    voided(book, policy)
    book.act(BANK, "payment.confirm", {"line": seen(book, GRANT)}, payment=payment)
    assert returned(book, payment, GRANT) == []
    assert amounts(book, subsidy) == (0, 0, GRANT)


def test_what_came_above_the_request_is_none_of_the_subsidys() -> None:
    """3,200 arrived where 3,000 were asked for and granted: the 200 that go back tell it nothing, then 3,000 do."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = request(book, policy, amount_fen=GRANT, source_kind="fiscal_subsidy", subsidy=subsidy)
    book.act(BANK, "payment.confirm", {"line": seen(book, GRANT + 200)}, payment=payment)
    assert returned(book, payment, 200) == []
    assert amounts(book, subsidy) == (GRANT, 0, 0)
    voided(book, policy)
    assert returned(book, payment, GRANT) == [{"payment": payment, "amount_fen": GRANT}]
    assert amounts(book, subsidy) == (0, 0, GRANT)


def test_money_that_no_policy_took_comes_back_whole_though_more_came_than_was_asked_for() -> None:
    """The subsidy never paid it, and is told nothing."""
    book = funded()
    policy, subsidy = subsidised(book)
    payment = request(book, policy, amount_fen=GRANT, source_kind="fiscal_subsidy", subsidy=subsidy)
    voided(book, policy)
    book.act(BANK, "payment.confirm", {"line": seen(book, GRANT + 200)}, payment=payment)
    assert returned(book, payment, GRANT + 200) == []
    assert amounts(book, subsidy) == (0, 0, GRANT)


def claimed(book: Book, policy: str, fen: int = GRANT, area: str = AREA) -> str:
    """Claim a subsidy; returns its name."""
    name = new_name("subsidy")
    said = {"id": name, "programme": "district-2026", "area": area, "policy": policy, "amount_fen": fen}
    book.act(HOLDER, "subsidy.claim", said)
    return name


def granted(book: Book, subsidy: str, fen: int = GRANT) -> str | None:
    """Grant it; gives the code of the refusal."""
    try:
        book.act(FINANCE, "subsidy.grant", {"amount_fen": fen}, subsidy=subsidy)
    except Conflict as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    "area, code",
    [
        (AREA, None), ("370100", None), ("370000", None), (f"{AREA}001", None),
        ("370103", "subsidy_of_other_area"), ("370200", "subsidy_of_other_area"), ("110000", "subsidy_of_other_area"),
    ],
)  # fmt: skip
def test_a_place_subsidises_policies_of_its_own(area: str, code: str | None) -> None:
    """A district its own, city and province those within, and a town what reaches into it: no other place's."""
    book = funded()
    policy = proposed(book, line("", LIFT, PREMIUM_FEN))
    if code is None:
        assert granted(book, claimed(book, policy, area=area)) is None
        return
    with pytest.raises(Conflict) as refusal:
        claimed(book, policy, area=area)
    assert refusal.value.code == code


def test_a_subsidy_is_no_more_than_the_premium() -> None:
    """Neither claimed above it, nor granted once the policy costs less."""
    book = funded()
    policy, _ = subsidised(book)
    with pytest.raises(Conflict) as refusal:
        claimed(book, policy, PREMIUM_FEN + 1)
    assert (refusal.value.code, refusal.value.details["premium_fen"]) == ("above_premium", PREMIUM_FEN)
    subsidy = claimed(book, policy, PREMIUM_FEN)
    fee = request(book, policy, amount_fen=PREMIUM_FEN - GRANT)
    book.act(BANK, "payment.confirm", {"line": seen(book, PREMIUM_FEN - GRANT)}, payment=fee)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    cheapened(book, policy, 500)
    assert granted(book, subsidy, PREMIUM_FEN - 499) == "above_premium"
    assert granted(book, subsidy, PREMIUM_FEN - 500) is None


def cheapened(book: Book, policy: str, fen: int) -> None:
    """Endorse the premium down."""
    entry = book.state(Cover, f"{LIFT}/cover").of_policy(policy)[0]
    part = {"part": "third_party_injury", "delta_fen": -fen}
    change = {"lift": LIFT, "certificate": entry.certificate, "effective_on": "2026-04-01", "parts": [part]}
    said = {"number": "E", "effective_on": "2026-04-01", "delta_fen": -fen, "reason": "rate", "changes": [change]}
    book.act(INSURER, "policy.endorse", said, policy=policy)


@pytest.mark.parametrize("on, code", [("2026-04-01", "policy_state"), ("2027-03-01", None)])
def test_what_insures_nothing_is_not_granted_a_subsidy(on: str, code: str | None) -> None:
    """A claim outlives its policy: only where a subsidy is owed still of what was earned is it granted."""
    book = funded()
    policy, _ = subsidised(book)
    subsidy = claimed(book, policy)
    fee = request(book, policy, amount_fen=PREMIUM_FEN - GRANT)
    book.act(BANK, "payment.confirm", {"line": seen(book, PREMIUM_FEN - GRANT)}, payment=fee)
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)
    refund_fen = PREMIUM_FEN - GRANT if on == "2026-04-01" else 0
    book.act(INSURER, "policy.cancel", {"effective_on": on, "refund_fen": refund_fen, "reason": "sold"}, policy=policy)
    assert (book.state(Policy, policy).due_fen("fiscal_subsidy") > 0) is (code is None)
    assert granted(book, subsidy) == code


def test_a_voided_quotation_is_not_granted_a_subsidy() -> None:
    """Its sources bore the premium of nothing."""
    book = funded()
    policy, _ = subsidised(book)
    subsidy = claimed(book, policy)
    voided(book, policy)
    assert granted(book, subsidy) == "policy_state"


def issued(book: Book, policy: str, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - members of any type
    """Have the fee's part paid and the policy issued; gives what was found."""
    fee = request(book, policy, amount_fen=PREMIUM_FEN - GRANT)
    book.act(BANK, "payment.confirm", {"line": seen(book, PREMIUM_FEN - GRANT)}, payment=fee)
    (event,) = book.act(INSURER, "policy.issue", {"number": "PZ-1", **more}, policy=policy)
    return [found for found in event.found["findings"] if found["code"] == "subsidy_not_granted"]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("grant", [GRANT, GRANT - 1])
def test_a_part_that_is_not_counted_as_premium_was_granted(grant: int, *, named: bool) -> None:
    """Else it is asked for: what nobody granted is no subsidy, and the rest of the premium came first (PB01)."""
    book = funded()
    policy, subsidy = subsidised(book, grant)
    found = issued(book, policy, **({"subsidies": [subsidy, subsidy]} if named else {}))
    facts = {"subsidy_fen": GRANT, "granted_fen": grant if named else 0}
    assert [(f["verdict"], f["facts"]) for f in found] == (
        [] if named and grant == GRANT else [("needs_supplement", facts)]
    )


def test_a_subsidy_that_came_was_granted() -> None:
    """Whoever has the money need not show the grant; what is asked back stands behind nothing."""
    book = funded()
    policy, subsidy = subsidised(book)
    paid(book, policy, subsidy)
    assert issued(book, policy) == []
    book = funded()
    policy, subsidy = subsidised(book)
    paid(book, policy, subsidy, 1_000)
    assert asked(book, subsidy, 1_000) is None
    (found,) = issued(book, policy, subsidies=[subsidy])
    assert found["facts"] == {"subsidy_fen": GRANT, "granted_fen": GRANT - 1_000}


def test_the_grant_of_another_policy_stands_behind_nothing() -> None:
    """It is refused."""
    book = funded()
    _, subsidy = subsidised(book)
    later: dict[str, Any] = {"from_date": "2027-04-01", "to_date": "2028-04-01"}
    other = proposed(book, line("", LIFT, PREMIUM_FEN, **later), **later)
    book.act(BANK, "payment.confirm", {"line": seen(book)}, payment=request(book, other, amount_fen=PREMIUM_FEN))
    with pytest.raises(Conflict) as refusal:
        book.act(INSURER, "policy.issue", {"number": "PZ-1", "subsidies": [subsidy]}, policy=other)
    assert refusal.value.code == "subsidy_of_other_policy"
