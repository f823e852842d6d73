"""Who reads what of lifts whose records were merged at random, against a naive telling; and how often they count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest

from application.reading import claims, coverage, lifts, maintenance, policies, subjects
from application.reading.asking import Reads
from application.work import Author
from domain.errors import Forbidden
from domain.time import civil_midnight
from tests.integration.test_scope_lives import BEGUN, DAYS, READERS, SHOPS, UNITS, lived
from tests.support.history import Told, name
from tests.support.naive_merged import AREA, AUTHORITIES, USE_UNITS, Card, File, Loss, Paper
from tests.support.naiveparties import day
from tests.support.projecting import store
from tests.support.reading import OPERATOR, ask, reading
from tests.support.saving import TestLedger

INSURERS: Final = tuple(name(Random(n), "party", 4) for n in (61, 62))
REGISTRANTS: Final = (UNITS[1], SHOPS[1], INSURERS[1], name(Random(63), "party", 4))
HOTLINE: Final = name(Random(64), "party", 4)
VENUES: Final = ("school", "hospital")
WHO: Final = [
    *(each for each in READERS if each.kind != "insurer"),
    *(Author(party, "insurer", areas=("370102",)) for party in INSURERS),
    *(Author(name(Random(65 + n), "party", 4), "transport_bureau", areas=("3701",), sectors=VENUES[:n])
      for n in (0, 1)),
    Author(HOTLINE, "rescue_centre"), Author(HOTLINE, "inspection_body"), OPERATOR,
]  # fmt: skip
SEED: Final = 3
ON: Final = (BEGUN, *DAYS[:5])


@dataclass(slots=True)
class Made:
    """An event as it was told: on which record, of what it is, and the day from which it is so."""

    told: Told
    on: str
    of: Paper | Loss | str | None = None
    """The certificate or claim that it is of, or who maintained at a visit; None of the lift's own."""


def lift_of(rnd: Random) -> tuple[str, Card, list[Made]]:
    """Tell a record's life, with certificates on it, claims under its name and visits."""
    begun = rnd.choice((BEGUN, BEGUN, DAYS[1]))
    lift, known, told = lived(rnd, begun)
    known.holder = rnd.choice(REGISTRANTS)
    first, _ = told[0]
    said = {**(first.said or {}), "venue": VENUES[0]}
    made = [Made(first._replace(said=said, party=known.holder), begun), *(Made(*each) for each in told[1:])]
    card = Card(known, begun, [(begun, VENUES[0])])
    for on in rnd.sample([each for each in ON if each > begun], 1):
        card.venues.append((on, venue := rnd.choice(VENUES)))
        made.append(Made(Told(lift, "lift.Reclassified", {"venue": venue}, {}, civil_midnight(on)), on))
    for _ in range(rnd.choice((0, 1, 1, 2))):
        made += insured(rnd, lift, card)
    for _ in range(rnd.choice((0, 1, 2))):
        loss = Loss(name(rnd, "claim", 4), rnd.choice(ON), rnd.choice((HOTLINE, *UNITS)), rnd.choice((None, *INSURERS)))
        card.losses.append(loss)
        notice = {
            "lift": lift, "loss_at": civil_midnight(loss.on), "part": "third_party_injury", "interest": "owner",
            "kind": "injury",
        } | ({} if loss.insurer is None else {"insurer": loss.insurer})  # fmt: skip
        found = {"cover": None, "entrapment": None}
        event = Told(f"{lift}/{loss.name}", "claim.Notified", notice, found, civil_midnight(loss.on), loss.notifier)
        made.append(Made(event, loss.on, loss))
    for shop in rnd.sample(SHOPS, rnd.choice((0, 1, 2))):
        on = rnd.choice(ON)
        said = {"id": name(rnd, "visit"), "level": "half_month", "workers": ["agent:a", "agent:b"],
                "opened_at": civil_midnight(on)}  # fmt: skip
        year = {"year": int(on[:4]), "findings": []}
        stream = f"{lift}/maintenance:{on[:4]}"
        made.append(Made(Told(stream, "visit.Opened", said, year, civil_midnight(on), shop), on, shop))
    return lift, card, made


def insured(rnd: Random, lift: str, card: Card) -> Iterator[Made]:
    """Tell a policy of one year with a certificate on a record."""
    insurers = tuple(rnd.sample(INSURERS, rnd.choice((1, 1, 2))))
    paper = Paper(name(rnd, "policy"), insurers, rnd.choice(UNITS), begin := rnd.choice(ON), "", rnd.random() < 0.5)
    paper.to_date = f"{int(begin[:4]) + 1}{begin[4:]}"
    card.papers.append(paper)
    days = {"from_date": paper.from_date, "to_date": paper.to_date}
    draft = {
        "id": paper.policy, "product": name(rnd, "product"), "area": AREA, "holder": paper.holder,
        "interest": "owner", "parts": [], "limits": {"per_lift_year_fen": 10**7}, **days, "premium_fen": 8_500,
        "sources": [], "valid_until": paper.to_date, "services": ["SV01"] if paper.served else [],
    }  # fmt: skip
    shares = {"insurers": [{"party": each, "share_bp": 10_000 // len(insurers)} for each in insurers]}
    line = {
        "policy": paper.policy, "lift": lift, "certificate": name(rnd, "certificate"), **days,
        "parts": [{"part": "third_party_injury", "premium_fen": 8_500}],
    }  # fmt: skip
    found = {"interest": "owner", "premises_class": "residential", "premium_fen": 8_500, "pending": True}
    at = civil_midnight(begin)
    yield Made(Told(paper.policy, "policy.Drafted", draft, shares, None), begin, paper)
    yield Made(Told(paper.policy, "policy.Issued", {"number": paper.policy[-8:]}, {"count": 1}, at), begin, paper)
    yield Made(Told(f"{lift}/cover", "cover.Attached", line, found, at), begin, paper)


def merged(rnd: Random, names: list[str], file: File) -> Iterator[Made]:
    """Let records go up in one another, on one day after the other: two, or three as a chain or a tree."""
    open_ = rnd.sample(names, len(names))
    for on in sorted(rnd.sample(ON[1:], len(names) - rnd.choice((0, 1, 1, 1)) if len(names) > 1 else 0)):
        if len(open_) < 2:
            return
        lift, into = rnd.sample(open_, 2)
        open_.remove(lift)
        file.cards[lift].into, file.cards[lift].merged_on = into, on
        at = civil_midnight(on)
        yield Made(Told(lift, "lift.MergedInto", {"into": into}, {"on": on}, at), on)
        yield Made(Told(into, "lift.Absorbed", None, {"lift": lift, "identifiers": [], "settled": []}, at), on)


@dataclass(slots=True)
class World:
    """What is stored, beside the naive file."""

    reads: Reads
    file: File
    made: list[Made]
    before: int
    """The position before anything was merged."""

    def of(self, lift: str) -> list[Made]:
        """Give a record's events, in the order in which they were stored."""
        return [each for each in self.made if each.told.stream.partition("/")[0] == lift]

    def sees(self, reader: Author, lift: str, each: Made) -> bool:
        """Say whether somebody sees an event, asking for a lift by one of its records."""
        if each.told.party == reader.party or reader == OPERATOR:
            return True
        whole = self.file.reads(reader, lift)
        match each.of:
            case Paper() as paper:
                return self.file.sees_paper(reader, lift, paper, each.on)
            case Loss() as loss:
                return self.file.reads_loss(reader, each.told.stream.partition("/")[0], loss)
            case _:
                return whole or self.file.stands(reader, lift, each.on)


@pytest.fixture
def world(ledger: TestLedger) -> Iterator[World]:
    """Store some lifts, most by several records."""
    rnd = Random(SEED)
    file, made, mergers = File(""), list[Made](), list[Made]()
    for count in (1, 2, 3):
        group = [lift_of(rnd) for _ in range(count)]
        file.cards |= {lift: card for lift, card, _ in group}
        made += [each for _, _, told in group for each in told]
        mergers += merged(rnd, [lift for lift, _, _ in group], file)
    before = store(ledger, [each.told for each in made])
    store(ledger, [each.told for each in mergers])
    with reading(ledger) as reads:
        file.today = day(reads.clock.now())
        yield World(reads, file, [*made, *mergers], before)


def test_everybody_reads_of_each_record_what_is_his(world: World) -> None:
    """In the chain, in the timeline, and the lift itself with the premium of its certificates."""
    reads, file, rnd = world.reads, world.file, Random(SEED)
    for reader in WHO:
        for lift in rnd.sample([*file.cards], 3):
            path = {"lift": lift}
            events = subjects.everything(ask(reads, reader, {"subject": lift}))["events"]
            told = [not each["withheld"] for each in events]
            assert told == [world.sees(reader, lift, each) for each in world.of(lift)], (reader, lift)
            assert timeline(world, reader, lift) == expected(world, reader, lift), (reader, lift)
            for on in rnd.sample(ON, 1):
                asking = ask(reads, reader, path, effective_at=on)
                if not file.reads_on(reader, lift, on):
                    with pytest.raises(Forbidden):
                        lifts.one(asking)
                    continue
                shown = {each["policy"]: each["premium_fen"] is not None for each in lifts.one(asking)["covers"]}
                assert shown == {
                    paper.policy: file.sees_paper(reader, lift, paper, on)
                    for each in file.below(lift)
                    for paper in file.cards[each].papers
                    if paper.on(on)
                }, (reader, lift, on)


def timeline(world: World, reader: Author, lift: str) -> list[tuple[str, str, bool]] | None:
    """Give what somebody is told of a lift: which events, and whether with their facts; None: he is refused."""
    try:
        answer = lifts.timeline(ask(world.reads, reader, {"lift": lift}, limit="1000"))
    except Forbidden:
        return None
    return sorted((each["stream"], each["type"], each["facts"] is not None) for each in answer["entries"])


def expected(world: World, reader: Author, lift: str) -> list[tuple[str, str, bool]] | None:
    """Give what somebody must be told: all if he has to do with the lift, else his time, his acts and dealings."""
    file = world.file
    whole = file.reads(reader, lift)
    if not whole and not any(file.stands(reader, lift, on) for on in (BEGUN, *DAYS)):
        return None
    entries = [each for record in file.below(lift) for each in world.of(record)]
    found = []
    for each in entries:
        seen = world.sees(reader, lift, each)
        if whole or seen or (file.stands(reader, lift, each.on) and not isinstance(each.of, str)):
            found.append((each.told.stream, each.told.type, seen))
    return sorted(found)


def test_lists_hold_what_is_read_one_by_one(world: World) -> None:
    """Lifts of each day, also by how they are insured, those that nobody maintains, claims and policies."""
    reads, file, rnd = world.reads, world.file, Random(SEED)
    for reader in WHO:
        if reader.kind != "broker":
            for on in rnd.sample(ON, 2):
                rows = lifts.listed(ask(reads, reader, effective_at=on, limit="100"))["lifts"]
                known = [each for each, card in file.cards.items() if card.begun <= on]
                his = {each for each in known if file.reads_on(reader, each, on)}
                assert {row["lift"] for row in rows} == his, (reader, on)
            missing = maintenance.neglected(ask(reads, reader, limit="100"))["lifts"]
            assert {row["lift"] for row in missing} == {
                name for name, card in file.cards.items()
                if card.into is None and file.reads(reader, name) and file.neglected(name)
            }, reader  # fmt: skip
        if reader.kind != "inspection_body":
            rows = policies.listed(ask(reads, reader, limit="100"))["policies"]
            assert {row["policy"] for row in rows} == {
                paper.policy for card in file.cards.values() for paper in card.papers
                if file.reads_policy(reader, paper)
            }, reader  # fmt: skip
        if reader.kind not in {"manufacturer", "inspection_body"}:
            told = claims.register(ask(reads, reader, limit="100"))["claims"]
            assert {row["claim"] for row in told} == {
                loss.name for name, card in file.cards.items() for loss in card.losses
                if file.reads_loss(reader, name, loss)
            }, reader  # fmt: skip


def test_a_lift_counts_once(world: World) -> None:
    """On each day, as known now and before the mergers were; in lists by how lifts are insured for whoever may ask."""
    reads, file, rnd = world.reads, world.file, Random(SEED)
    for on in ON:
        for merged_ in (True, False):
            query = {"effective_at": on} | ({} if merged_ else {"known_at": str(world.before)})
            counts = coverage.coverage(ask(reads, OPERATOR, {}, **query))["total"]
            how = [file.insured(each, on, merged=merged_) for each in file.standing(on, merged=merged_)]
            assert counts["in_use"] == len(how), (on, merged_)
            assert counts["liability"]["covered"] == len(how) - how.count("none"), (on, merged_)
            assert counts["insurance_service"]["covered"] == how.count("served"), (on, merged_)
        for reader in WHO:
            if reader.kind not in USE_UNITS | AUTHORITIES | {"operator"} or rnd.random() < 0.6:
                continue
            for kind in ("none", "liability_only"):
                rows = lifts.listed(ask(reads, reader, effective_at=on, insured=kind, limit="100"))["lifts"]
                wanted = {"none": "none", "liability_only": "alone"}[kind]
                assert {row["lift"] for row in rows} == {
                    each for each in file.standing(on) if file.insured(each, on) == wanted
                    and (reader == OPERATOR or file.deals_now(reader, each) or file.deals(reader, each, on))
                }, (reader, on, kind)  # fmt: skip
