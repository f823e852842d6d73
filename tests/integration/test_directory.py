"""What whoever deals here looks up: parties, products on sale, the rules in force, and what is left of limits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from application.reading import limits, parties, products, schemes
from application.reading.asking import Asking
from application.work import Author
from domain.errors import Forbidden, Invalid
from domain.packs import load_pack
from domain.schemes import around, within
from domain.time import civil_midnight
from tests.support.claiming import (
    BY_INSURER,
    BY_USE_UNIT,
    LIFT,
    LIMIT_FEN,
    POLICY,
    approval,
    insured,
    merged,
    notified,
    papers,
    registered,
)
from tests.support.history import PARTIES, Told, history, name
from tests.support.kept import Kept, keeping
from tests.support.projecting import store
from tests.support.reading import OPERATOR, adopted, ask, reading
from tests.support.saving import TestLedger

STRANGER = Author(PARTIES[0], "owner")
RNG = random.Random(3)


@pytest.fixture
def kept(scripted_ledger: TestLedger) -> Iterator[Kept]:
    """A book with one insured lift, whose events are stored."""
    with keeping(scripted_ledger, insured()) as opened:
        yield opened


@pytest.mark.parametrize("area", ["370000", "370100", "370102", "370102001", "370102000", "370102001002", "441900"])
def test_an_area_lies_in_all_that_are_around_it(area: str) -> None:
    """Codes of every length that name a wider area, and none that names another."""
    found = around(area)
    assert area in found
    assert all(within(area, code) for code in found)
    others = ("370000", "370100", "370102", "370103", "370102001", "370102002", "360000", "370200", "370000000")
    assert {code for code in others if within(area, code)} == set(others) & set(found)


def enrolled(kind: str, *areas: str, **more: Any) -> Told:  # noqa: ANN401 - members of a registration
    """Tell that a party was registered."""
    party = name(RNG, "party", 4)
    return Told(party, "party.Registered", {"id": party, "kind": kind, "areas": list(areas), **more}, {}, None)


def test_parties_are_found_by_kind_area_and_credit_code(ledger: TestLedger) -> None:
    """Also by who has a wider area; one that was suspended is told so by what is known since; a person has no name."""
    uscc = "91370000163058624M"
    city, town, other = (
        enrolled("housing_bureau", "370100"),
        enrolled("town", "370102001"),
        enrolled("town", "370103002"),
    )
    firm = enrolled("insurer", name="Dong Feng", uscc=uscc)
    person = enrolled("owner", person_name={"of": name(RNG, "person", 4)})
    before = store(ledger, [city, town, other, firm, person])
    store(ledger, [Told(firm.stream, "party.Suspended", {"reason": "r"}, {}, None)])
    with reading(ledger) as reads:

        def found(**query: str) -> set[str]:
            return {row["party"] for row in parties.listed(ask(reads, STRANGER, {}, **query))["parties"]}

        assert found() == {each.stream for each in (city, town, other, firm, person)}
        assert found(area="370102001") == {city.stream, town.stream}
        assert found(area="370102") == found(area="370102000") == {city.stream}
        assert found(kind="town") == {town.stream, other.stream}
        assert found(kind="town", area="370103002") == {other.stream}
        assert found(area="380000") == set()
        (row,) = parties.listed(ask(reads, STRANGER, {}, uscc=uscc))["parties"]
        assert (row["party"], row["name"], row["suspended"]) == (firm.stream, "Dong Feng", True)
        (then,) = parties.listed(ask(reads, STRANGER, {}, uscc=uscc, known_at=str(before)))["parties"]
        assert then == {**row, "suspended": False, "position": then["position"]}
        (nobody,) = parties.listed(ask(reads, STRANGER, {}, kind="owner"))["parties"]
        assert (nobody["name"], nobody["uscc"], nobody["areas"]) == (None, None, [])


def test_products_are_on_sale_on_their_days(ledger: TestLedger) -> None:
    """From the day that the insurer said until the one of the withdrawal, also of a day to come."""
    product = name(RNG, "product")
    filing = {
        "id": product, "insurer": PARTIES[1], "area": "370100", "clause_no": "N", "code": "c", "name": "n",
        "canonical": "liability", "refund": "none", "services": ["SV01"],
        "parts": [{"part": "third_party_property"}, {"part": "third_party_injury"}],
    }  # fmt: skip
    store(
        ledger,
        [
            Told(product, "product.Filed", filing, {"findings": []}, "2025-01-05T02:00:00.000000Z"),
            Told(product, "product.OnSale", {"from_date": "2025-02-01"}, {}, "2025-01-31T16:00:00.000000Z"),
            Told(product, "product.Withdrawn", {"from_date": "2025-09-01"}, {}, "2025-08-31T16:00:00.000000Z"),
        ],
    )
    with reading(ledger) as reads:

        def states(**query: str) -> list[str]:
            return [row["state"] for row in products.listed(ask(reads, STRANGER, {}, **query))["products"]]

        days = ("2025-01-01", "2025-01-31", "2025-02-01", "2025-08-31", "2025-09-01")
        told = [states(effective_at=day) for day in days]
        assert told == [[], ["filed"], ["on_sale"], ["on_sale"], ["withdrawn"]]
        assert states(state="on_sale") == states(insurer=PARTIES[0]) == states(area="360000") == []
        assert states(insurer=PARTIES[1], area="370000", canonical="liability") == ["withdrawn"]
        (row,) = products.listed(ask(reads, STRANGER, {}))["products"]
        assert (row["parts"], row["services"]) == (["third_party_injury", "third_party_property"], ["SV01"])
        assert (row["on_sale_from"], row["withdrawn_from"]) == ("2025-02-01", "2025-09-01")


def test_rules_are_those_in_force_on_the_day(ledger: TestLedger) -> None:
    """Of the pack that the district had adopted, and of its rules those of the day; a town's are its district's."""
    pack = load_pack("shandong@1")
    store(ledger, adopted(from_date="2025-06-01"))
    with reading(ledger) as reads:

        def told(area: str, **query: str) -> Any:  # noqa: ANN401 - JSON
            return schemes.in_force(ask(reads, STRANGER, {"area": area}, **query))

        answer = told("370102001", effective_at="2026-03-01")
        assert (answer["area"], answer["on"]) == ("370102", "2026-03-01")
        assert (answer["pack"]["name"], answer["pack"]["adopted_from"]) == (pack.name, "2025-06-01")
        assert [rule["id"] for rule in answer["rules"]] == [
            rule.id for rule in pack.rules if rule.in_force("2026-03-01")
        ]
        caps = next(rule for rule in answer["rules"] if rule["id"] == "premium.cap")
        assert caps["value"] == {"residential": 8_500, "non_residential": 10_500, "public_gathering": 13_500}
        assert caps["basis"]
        for none in (told("370102", effective_at="2025-05-31"), told("370103"), told("370102", known_at="1")):
            assert (none["pack"], none["rules"], none["targets"]) == (None, [], [])
        with pytest.raises(Invalid) as refused:
            told("3701")
        assert refused.value.code == "area_malformed"


def test_what_is_left_of_a_limit_follows_its_claims(kept: Kept) -> None:
    """What claims hold, have used and gave back; told to whoever reads the policy, by what was known then."""
    book = kept.book

    def told(reader: Author, **query: str) -> dict[str | None, Any]:
        answer = limits.listed(Asking(kept.reads, reader, {"policy": POLICY}, query))
        return {row["lift"]: row for row in answer["limits"]}

    kept.keep()
    operator = OPERATOR
    assert told(operator) == {}
    path = notified(book)
    book.act(BY_USE_UNIT, "claim.file", papers(), **path)
    book.act(BY_INSURER, "claim.reserve", {"amount_fen": 50_000}, **path)
    before = kept.keep()
    (lift,) = [row for level, row in told(operator).items() if level is not None]
    assert (lift["reserved_fen"], lift["consumed_fen"]) == (50_000, 0)
    book.act(BY_INSURER, "claim.approve", approval(20_000), **path)
    kept.keep()
    after = next(row for level, row in told(operator).items() if level == lift["lift"])
    assert after["consumed_fen"] == 20_000
    taken_fen = after["consumed_fen"] + after["reserved_fen"]
    assert after["free_fen"] == after["limit_fen"] - taken_fen
    (part,) = after["parts"]
    assert part["taken_fen"] == taken_fen
    assert part["free_fen"] == min(after["free_fen"], (part["limit_fen"] or after["limit_fen"]) - taken_fen)
    assert told(operator, known_at=before)[lift["lift"]] == lift
    assert told(operator).keys() == {None, lift["lift"]}
    with pytest.raises(Forbidden):
        told(STRANGER)


def test_what_was_taken_under_each_record_of_a_lift_leaves_less_of_its_limit(kept: Kept) -> None:
    """Two records of one lift have one limit (C11), of which a claim finds no more free than is told."""
    book = kept.book
    twin, other = registered(book), registered(book)
    for lift, amount_fen in ((LIFT, 40_000), (twin, 30_000), (other, 7_000)):
        path = notified(book, lift=lift)
        book.act(BY_USE_UNIT, "claim.file", papers(), **path)
        book.act(BY_INSURER, "claim.reserve", {"amount_fen": amount_fen}, **path)
    before = kept.keep()
    merged(book, LIFT, twin)
    kept.keep()

    def free(**query: str) -> dict[str | None, tuple[int, list[int]]]:
        told = limits.listed(Asking(kept.reads, OPERATOR, {"policy": POLICY}, query))["limits"]
        return {
            row["lift"]: (LIMIT_FEN - row["free_fen"], [LIMIT_FEN - part["free_fen"] for part in row["parts"]])
            for row in told
            if row["lift"] is not None
        }

    assert free() == {LIFT: (70_000, [70_000]), twin: (70_000, [70_000]), other: (7_000, [7_000])}
    assert free(known_at=before) == {LIFT: (40_000, [40_000]), twin: (30_000, [30_000]), other: (7_000, [7_000])}


def test_nothing_is_left_of_a_limit_that_was_lowered_below_what_was_used(ledger: TestLedger) -> None:
    """It is never less than nothing; a part without a limit of its own is bound by the whole one."""
    told = history(2, lifts=1)
    policy = next(event.stream for event in told if event.type == "policy.Drafted")
    limit, claim = f"{policy}/limit:all:2026", name(RNG, "claim", 4)
    for limit_fen, parts in ((1_000, {"entrapment": 600}), (500, {"entrapment": 600})):
        told.append(Told(limit, "limit.Set", None, {"limit_fen": limit_fen, "parts": parts}, None))
        taken = {"claim": claim, "part": "equipment", "amount_fen": 700, "from_reserve_fen": 0}
        told += [Told(limit, "limit.Consumed", None, taken, None)] if limit_fen == 1_000 else []
    before = store(ledger, told) - 1
    with reading(ledger) as reads:

        def free(**query: str) -> tuple[Any, ...]:
            rows = limits.listed(ask(reads, OPERATOR, {"policy": policy}, **query))["limits"]
            (row,) = [row for row in rows if row["year"] == "2026"]
            return row["free_fen"], {part["part"]: part["free_fen"] for part in row["parts"]}

        assert free(known_at=str(before)) == (300, {"entrapment": 300, "equipment": 300})
        assert free() == (0, {"entrapment": 0, "equipment": 0})


def test_a_later_word_on_a_product_takes_the_place_of_what_was_said_of_later_days(ledger: TestLedger) -> None:
    """Put on sale from a wrong year, withdrawn and offered again it is on sale, as whoever drafts a policy finds."""
    product = name(RNG, "product")
    filing = {
        "id": product, "insurer": PARTIES[1], "area": "370100", "clause_no": "N", "code": "c", "name": "n",
        "canonical": "liability", "refund": "none", "parts": [],
    }  # fmt: skip
    told = [Told(product, "product.Filed", filing, {"findings": []}, civil_midnight("2025-01-05"))]
    days = [
        ("OnSale", "2099-02-01"),
        ("Withdrawn", "2025-03-01"),
        ("OnSale", "2025-04-01"),
        ("Withdrawn", "2025-01-01"),
    ]
    for topic, day in days:
        told.append(Told(product, f"product.{topic}", {"from_date": day}, {}, civil_midnight(day)))
    last = store(ledger, told)
    with reading(ledger) as reads:

        def states(known_at: int) -> list[str]:
            asked = {"known_at": str(known_at)}
            answers = [
                products.listed(ask(reads, STRANGER, {}, effective_at=day, **asked))["products"]
                for day in ("2025-01-02", "2025-02-01", "2025-03-01", "2025-04-01", "2099-02-01")
            ]
            return [row["state"] for answer in answers for row in answer]

        assert states(last - 3) == ["filed", "filed", "filed", "on_sale"]
        assert states(last - 2) == ["filed", "withdrawn", "withdrawn", "withdrawn"]
        assert states(last - 1) == ["filed", "withdrawn", "on_sale", "on_sale"]
        assert states(last) == ["withdrawn"] * 4
