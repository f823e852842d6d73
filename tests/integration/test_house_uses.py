"""What a fund's money was used for: its lists as an application goes on, and what each owner is told of his share."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from application.ids import new_name
from application.reading import applications, funds, payments, subjects, uses
from application.reading.asking import Asking
from application.work import Author
from domain.errors import Forbidden
from tests.support import funding
from tests.support.funding import BANK, ESTATE, FUND, HOUSING, LIFT, PREMIUM_FEN
from tests.support.history import PARTIES, Told, history, name
from tests.support.insuring import HOLDER, INSURER
from tests.support.kept import Kept, keeping
from tests.support.projecting import store
from tests.support.reading import OPERATOR, reading
from tests.support.saving import TestLedger

DOCUMENT = "d" * 64
STRANGER = Author(new_name("party"), "housing_bureau")


@pytest.fixture
def kept(scripted_ledger: TestLedger) -> Iterator[Kept]:
    """A fund with three houses, of which one is as large as both others, whose events are stored."""
    with keeping(scripted_ledger, funding.funded((9_000, 9_000, 18_000))) as opened:
        yield opened


def asked(kept: Kept, answer: Any, *who: Author, path: Any = None, **query: str) -> Any:  # noqa: ANN401 - JSON
    """Give an answer of what the book holds by now, to the housing bureau if nobody is named."""
    kept.keep()
    return answer(Asking(kept.reads, who[0] if who else HOUSING, path or {}, query))


def used(kept: Kept, house: str, **query: str) -> list[Any]:
    """Give what a house's money was used for."""
    found: list[Any] = asked(kept, uses.listed, path={"house": house}, **query)["uses"]
    return found


def test_an_application_is_followed_from_its_filing_to_the_refund(kept: Kept) -> None:
    """The bureau finds it by its state, with what is reserved, the payment by its payer, the line as yet unused."""
    book = kept.book

    def waiting(state: str, **query: str) -> list[Any]:
        found: list[Any] = asked(kept, applications.listed, state=state, **query)["applications"]
        return found

    policy = funding.quoted(book)
    plan, vote = funding.voted(book, document=DOCUMENT)
    application = funding.filed(book, policy, plan, vote)
    (row,) = waiting("filed")
    assert row == {
        "application": application, "fund": FUND, "estate": ESTATE, "area": "370102", "state": "filed",
        "verdict": row["verdict"], "filer": HOLDER.party, "policy": policy, "insurer": INSURER.party, "plan": plan,
        "vote": vote, "emergency": None, "pays_from": "fund_principal", "premium_fen": PREMIUM_FEN,
        "amount_fen": PREMIUM_FEN, "fund_share_fen": 0, "filed_on": row["filed_on"], "approved_on": None,
        "paid_at": None, "payment": None, "reserved_fen": None, "reserved_until": None, "refund_due_fen": 0,
        "refunded_fen": 0, "position": row["position"],
    }  # fmt: skip
    before = asked(kept, applications.listed)["known_at"]["position"]
    funding.approve(book, application)
    assert waiting("filed") == []
    (row,) = waiting("approved", fund=FUND, area="370102")
    assert (row["fund_share_fen"], row["reserved_fen"], row["verdict"]) == (PREMIUM_FEN, PREMIUM_FEN, "manual_review")
    assert row["approved_on"] is not None
    assert row["reserved_until"] > book.now
    assert waiting("approved", area="370103") == waiting("approved", fund=new_name("fund")) == []
    assert [row["application"] for row in waiting("filed", known_at=str(before))] == [application]
    (held,) = asked(kept, funds.listed, estate=ESTATE)["funds"]
    assert (held["fund"], held["balance_fen"], held["reserved_fen"]) == (FUND, 300_000, PREMIUM_FEN)

    funding.stage(book, application)
    line = funding.seen(book)
    assert [row["line"] for row in asked(kept, payments.lines, BANK, state="unused")["lines"]] == [line]
    assert asked(kept, payments.lines, HOUSING)["lines"] == []
    funding.pay(book, application, line=line)
    (payment,) = asked(kept, payments.listed, INSURER, payer=FUND, state="confirmed")["payments"]
    told = ("application", "payer", "payee", "requester", "line", "amount_fen", "policy")
    assert [payment[name] for name in told] == [
        application, FUND, INSURER.party, HOUSING.party, line, PREMIUM_FEN, policy,
    ]  # fmt: skip
    assert payment["confirmed_at"] is not None
    for reader, sees in ((BANK, 1), (HOLDER, 1), (STRANGER, 0)):
        assert len(asked(kept, payments.listed, reader)["payments"]) == sees
    for reader, sees in ((BANK, True), (INSURER, True), (STRANGER, False)):
        (event, *_) = asked(kept, subjects.everything, reader, path={"subject": payment["payment"]})["events"]
        assert (event["body"] is not None) is sees
    (seen,) = asked(kept, payments.lines, BANK, state="used")["lines"]
    assert seen["payment"] == payment["payment"]
    (row,) = waiting("paid")
    assert (row["payment"], row["reserved_fen"], row["paid_at"]) == (payment["payment"], None, row["paid_at"])
    (held,) = asked(kept, funds.listed)["funds"]
    assert (held["balance_fen"], held["reserved_fen"]) == (300_000 - PREMIUM_FEN, 0)

    funding.cancelled(book, policy, 4_000)
    book.act(
        INSURER, "application.claim_refund", {"amount_fen": 4_000, "reason": "r"}, fund=FUND, application=application
    )
    assert [(row["refund_due_fen"], row["refunded_fen"]) for row in waiting("paid")] == [(4_000, 0)]


def test_an_owner_is_told_what_his_money_paid_for(kept: Kept) -> None:
    """The share, the plan that was published, the vote, the policy with its number, and what came back."""
    book = kept.book
    small, _, large = sorted(
        funding.fund(book).houses, key=lambda name: funding.fund(book).houses[name].area_m2_hundredths
    )
    policy = funding.quoted(book)
    plan, vote = funding.voted(book, document=DOCUMENT)
    application = funding.filed(book, policy, plan, vote)
    funding.approve(book, application)
    assert used(kept, small) == []
    funding.stage(book, application)
    (told,) = used(kept, small)
    assert (told["charged_fen"], told["paid"], told["state"]) == (2_000, False, "approved")
    staged = kept.book.now
    book.now = "2026-03-20T02:00:00.000000Z"
    funding.pay(book, application, line=funding.seen(book))
    book.act(INSURER, "policy.issue", {"number": "PZ-9"}, policy=policy)
    (told,) = used(kept, large)
    assert told == {
        "application": application, "fund": FUND, "state": "paid", "pays_from": "fund_principal", "emergency": None,
        "amount_fen": PREMIUM_FEN, "fund_share_fen": PREMIUM_FEN, "charged_fen": 4_000, "refunded_fen": 0, "paid": True,
        "owed": False, "paid_at": told["paid_at"], "payment": told["payment"],
        "plan": {
            "plan": plan, "lifts": [LIFT], "amount_fen": 1_000_000, "document": DOCUMENT, "published_on": "2026-02-01",
        },
        "vote": {"vote": vote, "closed_on": "2026-02-20", "passed": True, "published_on": "2026-02-21"},
        "policy": {
            "policy": policy, "state": "issued", "number": "PZ-9", "insurer": INSURER.party, "holder": HOLDER.party,
            "premium_fen": PREMIUM_FEN, "lifts": 1, "from_date": "2026-04-01", "to_date": "2027-04-01",
        },
    }  # fmt: skip
    (then,) = used(kept, large, effective_at=staged)
    assert (then["paid"], then["paid_at"], then["charged_fen"]) == (False, None, 4_000)
    assert used(kept, large, effective_at="2026-02-01") == []
    with pytest.raises(Forbidden):
        asked(kept, uses.listed, STRANGER, path={"house": large})


def test_a_house_that_cannot_bear_its_share_is_told_so(kept: Kept) -> None:
    """Nothing was taken of it, and the others bore no more for it."""
    book = kept.book
    poor = funding.house(book, 9_000, 1)
    policy = funding.quoted(book)
    application = funding.filed(book, policy, *funding.voted(book))
    rows = asked(kept, applications.listed)["applications"]
    assert [row["application"] for row in rows] == [application]
    share_fen = sum(row["amount_fen"] for row in rows) * 36_000 // 45_000
    funding.approve(book, application, share_fen)
    funding.stage(book, application)
    (told,) = used(kept, poor)
    assert (told["charged_fen"], told["owed"], told["paid"], told["fund_share_fen"]) == (0, True, False, share_fen)


def test_a_past_owner_is_told_of_his_time(kept: Kept, scripted_ledger: TestLedger) -> None:
    """What was charged after he had sold is the next owner's alone; what his money paid for he is told as it stands."""
    book = kept.book
    persons = [new_name("person") for _ in range(2)]
    seller, buyer = (Author(new_name("party"), "owner") for _ in persons)
    house = funding.house(book, 9_000, 100_000, owner_person=persons[0])
    kept.keep()
    for who, person in zip((seller, buyer), persons, strict=True):
        said = {"id": who.party, "kind": "owner", "person_name": {"of": person}}
        store(scripted_ledger, [Told(who.party, "party.Registered", said, {}, None)])
    policy, application = funding.paid(book)
    book.now = "2026-03-28T02:00:00.000000Z"
    sale = {"owner_person": persons[1], "on": "2026-03-28", "delivered": True}
    book.act(HOUSING, "house.transfer", sale, house=house)
    book.now = "2026-04-10T02:00:00.000000Z"
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)

    again = funding.filed(book, funding.quoted_again(book), *funding.voted(book))
    funding.approve(book, again)
    funding.stage(book, again)

    def told(reader: Author) -> tuple[bool, list[Any]]:
        answer = asked(kept, uses.listed, reader, path={"house": house})
        return answer["limited"], [(use["application"], use["policy"]["number"]) for use in answer["uses"]]

    assert told(seller) == (True, [(application, "PZ-1")])
    assert told(buyer) == (False, sorted([(application, "PZ-1"), (again, None)]))


def told_of(rng: Random, fund: str, house: str, application: str, policy: str) -> list[Told]:
    """Tell an application to a fund, whose plan stands on a stream of its own, with a house's share of it."""
    plan, vote, stream = name(rng, "plan"), name(rng, "vote"), f"{fund}/{application}"
    published = {"id": plan, "lifts": ["l"], "amount_fen": 9_000, "published_on": "2025-01-01"}
    filing = {"id": application, "policy": policy, "plan": plan, "pays_from": "fund_principal", "amount_fen": 9_000}
    scope = {"houses": 1, "area_m2_hundredths": 9_000}
    found = {"insurer": PARTIES[0], "premium_fen": 9_000, "findings": [], "on": "2025-02-01"}
    charge = {"fund": fund, "application": application, "amount_fen": 1_200}
    return [
        Told(f"{fund}/{plan}", "plan.Published", published, {"findings": []}, None),
        Told(f"{fund}/{vote}", "vote.Opened", {"plan": plan, "opened_on": "2025-01-05"}, {"scope": scope}, None),
        Told(stream, "application.Filed", {**filing, "vote": vote}, found, "2025-02-01T00:00:00.000000Z"),
        Told(house, "house.Charged", None, charge, "2025-03-01T00:00:00.000000Z"),
    ]


def test_shares_and_refunds_count_once_the_fund_posted_them(ledger: TestLedger) -> None:
    """Page by page, each application by itself; what was charged after an owner had sold is not his."""
    rng = Random(5)
    fund, house = name(rng, "fund"), name(rng, "house", 4)
    persons = [name(rng, "person", 4) for _ in range(3)]
    opening = {"id": house, "fund": fund, "area_m2_hundredths": 9_000, "delivered": True, "owner_person": persons[0]}
    told = [
        Told(
            fund, "fund.Opened", {"id": fund, "area": "370102", "bank": PARTIES[3]}, {}, "2025-01-01T00:00:00.000000Z"
        ),
        Told(house, "house.Opened", opening, {}, "2025-01-01T00:00:00.000000Z"),
        *history(2, lifts=1),
    ]
    policy = next(event.stream for event in told if event.type == "policy.Drafted")
    first, second = sorted(name(rng, "application") for _ in range(2))
    told += told_of(rng, fund, house, first, policy) + told_of(rng, fund, house, second, policy)
    back = name(rng, "payment")
    for kind, payment in (("premium", name(rng, "payment")), ("refund", back)):
        held = {"application": first, "policy": policy, "source": "s", "amount_fen": 9_000, "expires": "2026"}
        told += [Told(fund, "fund.Reserved", None, held, None)] if kind == "premium" else []
        posting = {"kind": kind, "amount_fen": 9_000, "application": first, "payment": payment}
        told.append(Told(fund, "fund.Posted", None, posting, "2025-04-01T00:00:00.000000Z"))
    for application, payment, amount_fen in ((first, back, 300), (second, name(rng, "payment"), 70)):
        refund = {"fund": fund, "application": application, "payment": payment, "amount_fen": amount_fen}
        told.append(Told(house, "house.Refunded", None, refund, "2025-05-01T00:00:00.000000Z"))
    for on, buyer in zip(("2025-04-15", "2025-06-01"), persons[1:], strict=True):
        sale = {"delivered": True, "on": on, "owner_person": buyer}
        told.append(Told(house, "house.Transferred", sale, {}, f"{on}T00:00:00.000000Z"))
    owners = [name(rng, "party", 4) for _ in persons]
    for owner, person in zip(owners, persons, strict=True):
        said = {"id": owner, "kind": "owner", "person_name": {"of": person}}
        told.append(Told(owner, "party.Registered", said, {}, None))
    before = store(ledger, told)
    vote = next(event.stream for event in told if event.type == "vote.Opened")
    store(ledger, [Told(vote, "vote.ResultPublished", {"published_on": "2025-01-20"}, {}, None)])
    with reading(ledger) as reads:
        told_then = uses.listed(Asking(reads, OPERATOR, {"house": house}, {"known_at": str(before)}))["uses"]
        told_now = uses.listed(Asking(reads, OPERATOR, {"house": house}, {}))["uses"]
        assert [use["vote"]["published_on"] for use in told_then] == [None, None]
        assert [use["vote"]["published_on"] for use in told_now] == ["2025-01-20", None]

        def sums(reader: Author) -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = []
            cursor: dict[str, str] = {}
            while True:
                page: Any = uses.listed(Asking(reads, reader, {"house": house}, {"limit": "1", **cursor}))
                found += [(u["application"], u["charged_fen"], u["refunded_fen"], u["paid"]) for u in page["uses"]]
                if page["next"] is None:
                    return found
                cursor = {"cursor": page["next"]}

        assert sums(OPERATOR) == [(first, 1_200, 300, True), (second, 1_200, 0, False)]
        assert sums(Author(owners[2], "owner")) == sums(OPERATOR)
        assert sums(Author(owners[1], "owner")) == [(first, 0, 300, False), (second, 0, 0, False)]
        assert sums(Author(owners[0], "owner")) == [(first, 1_200, 0, True), (second, 1_200, 0, False)]


def test_a_past_bank_is_told_what_was_known_in_its_time(kept: Kept) -> None:
    """Not that the money it staged was paid since, which the list and the application's own events withhold from it."""
    book = kept.book
    house = funding.house(book, 9_000, 100_000)
    policy = funding.quoted(book)
    application = funding.filed(book, policy, *funding.voted(book))
    funding.approve(book, application)
    funding.stage(book, application)
    kept.keep()
    book.now = "2026-03-20T02:00:00.000000Z"
    book.act(HOUSING, "fund.change", {"bank": new_name("party")}, fund=FUND)
    kept.keep()
    book.now = "2026-03-21T02:00:00.000000Z"
    funding.pay(book, application, line=funding.seen(book, direction="in", by=INSURER))
    book.act(INSURER, "policy.issue", {"number": "PZ-1"}, policy=policy)

    def told(reader: Author) -> list[Any]:
        uses_of = asked(kept, uses.listed, reader, path={"house": house})["uses"]
        return [(use["charged_fen"], use["state"], use["paid_at"], use["policy"]["number"]) for use in uses_of]

    ((charged_fen, state, paid_at, number),) = told(HOUSING)
    assert (state, paid_at is None, number) == ("paid", False, "PZ-1")
    assert told(BANK) == [(charged_fen, "approved", None, None)]
