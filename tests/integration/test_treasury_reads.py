"""What lists, statements and the uses of a house tell of a treasury, as of several times, against a clerk's diary."""

from __future__ import annotations

import random
from typing import Any

from application.reading import applications, funds, payments, policies, subsidies, uses
from application.reading.asking import Asking, Reads
from tests.property.test_treasury import walked
from tests.support.kept import keeping
from tests.support.naive_votes import dealt
from tests.support.reading import OPERATOR
from tests.support.saving import TestLedger
from tests.support.treasury import SHARES_BP
from tests.support.treasury_money import Treasury
from tests.support.treasury_rows import Diary

LISTS = {"payment": payments.listed, "application": applications.listed, "subsidy": subsidies.listed}
SEED = 13
"""A world in which money came back before the day of the cancellation that let it go."""
MEMBERS = {"payment": "payments", "application": "applications", "subsidy": "subsidies"}


def asked(reads: Reads, answer: Any, path: dict[str, str], **query: str) -> Any:  # noqa: ANN401 - an answer
    """Ask as the operator; all of it fits on a page."""
    told = answer(Asking(reads, OPERATOR, path, query))
    assert told.get("next") is None
    return told


def compare(reads: Reads, diary: Diary, position: int, instant: str) -> int:
    """Hold what is told of a time against the diary; gives how many rows there were."""
    times, shown = {"known_at": str(position), "effective_at": instant, "limit": "200"}, 0
    for kind, answer in LISTS.items():
        told = {row[kind]: row for row in asked(reads, answer, {}, **times)[MEMBERS[kind]]}
        assert narrowed(told, diary.at(kind, position, instant)) == diary.at(kind, position, instant)
        shown += len(told)
    balances = {row["fund"]: row["balance_fen"] for row in asked(reads, funds.listed, {}, **times)["funds"]}
    for fund, row in diary.at("fund", position, instant).items():
        assert balances[fund] == last(asked(reads, funds.fund_statement, {"fund": fund}, **times)) == row["balance_fen"]
    for house, row in diary.at("house", position, instant).items():
        assert last(asked(reads, funds.house_statement, {"house": house}, **times)) == row["balance_fen"]
        used = {use["application"]: use for use in asked(reads, uses.listed, {"house": house}, **times)["uses"]}
        of_house = diary.at(f"use of {house}", position, instant)
        assert narrowed(used, of_house) == of_house
        shown += len(used)
    return shown


def narrowed(told: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Give of each row the members that a clerk writes down; all rows, and none more."""
    assert told.keys() == wanted.keys()
    return {name: {member: told[name][member] for member in row} for name, row in wanted.items()}


def last(statement: Any) -> int:  # noqa: ANN401 - an answer
    """Give the balance that a statement ends with."""
    fen: int = statement["entries"][-1]["balance_fen"] if statement["entries"] else 0
    return fen


def compare_shares(reads: Reads, world: Treasury) -> None:
    """Each insurer bears his share of premium and receipts, by the largest remainder; all of them the whole (C14)."""
    for name in world.till.deals:
        for term in asked(reads, policies.one, {"policy": name})["terms"]:
            assert term["received_fen"] == world.till.bond(name).held()
            of = {share["party"]: SHARES_BP[share["party"]] for share in term["shares"]}
            for amount in ("premium_fen", "received_fen") if len(of) > 1 else ():
                borne = {share["party"]: share[amount] for share in term["shares"] if share[amount]}
                assert borne == (dealt(term[amount], of) if term[amount] else {})


def test_reads_of_any_time_tell_what_a_clerk_had_written_down(scripted_ledger: TestLedger) -> None:
    """Payments, applications, subsidies, funds and houses: known at any position, effective at any instant."""
    world, diary = walked(SEED, 8)
    rng, instants = random.Random(SEED), sorted(diary.instants)
    with keeping(scripted_ledger, world.book) as kept:
        assert kept.keep() == str(diary.ends[-1])
        times = [(rng.choice(diary.ends[2:]), rng.choice(instants)) for _ in range(4)]
        shown = [compare(kept.reads, diary, *time) for time in (*times, (diary.ends[-1], world.book.now))]
        assert shown[-1] > 5
        compare_shares(kept.reads, world)
