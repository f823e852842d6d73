"""Lifts: registering, importing, contested identifiers, histories, merging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from application import buildings, lift_changes, lifts
from application.identifiers import stream_of
from application.work import AggregateCache, Author, Work
from domain.aggregate import Event, Statement
from domain.buildings import Building
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.identifiers import Identifier
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import ORIGIN, Book

LIFT = "lift:018f3a5b-d9cb-769f-a165-70867728950e"
TWIN = "lift:018f3a5b-d9cb-769f-a165-708677289510"
BUILDING = "building:018f3a5b-d9cb-769f-a165-70867728950e"
ESTATE = "estate:018f3a5b-d9cb-769f-a165-70867728950e"
BUREAU = Author("party:0f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370100",))
INSURER = Author("party:1f8fad5b-d9cb-469f-a165-70867728950e", "insurer")
UNIT = Author("party:2f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
NUMBER = {"scheme": "registration_code", "value": "2160 310101 200601 0101"}
SERIAL = {"scheme": "factory_number", "issuer": "Maker", "value": "SGL20131212-1"}


def register_party(book: Book, author: Author) -> None:
    """Let a party stand in the book."""
    cache = AggregateCache()
    work = Work(ORIGIN, BUREAU, book.now, book, cache, keep=cache)
    work.new(Party, author.party).record(Party.Registered, Statement({"id": author.party, "kind": author.kind}))
    book.given(*work.journal.events)


def new_book() -> Book:
    """Give an empty book that knows these nouns' actions and the parties of this page."""
    actions = {a.id: a for a in (*lifts.ACTIONS, *lift_changes.ACTIONS, *buildings.ACTIONS)}
    return Book(actions)


def registration(name: str = LIFT, **more: object) -> dict[str, Any]:
    """Give a registration of a lift in use."""
    return {
        "id": name, "identifiers": [NUMBER], "variety": "3110", "area": "370102", "status": "in_use",
        "premises_class": "residential", **more,
    }  # fmt: skip


def row(number: str = "1P1", **more: object) -> dict[str, Any]:
    """Give a line of a register."""
    return {
        "source": {"system": "register", "id": number},
        "identifiers": [{"scheme": "platform_code", "issuer": "register", "value": number}],
        "variety": "3110", "area": "370102", "status": "in_use",
        "building": {"source": {"system": "register", "id": "7"}, "address": "1 Spring Road"}, **more,
    }  # fmt: skip


def topics(events: list[Event]) -> list[str]:
    """Give the types of events."""
    return [event.TOPIC for event in events]


def test_a_registered_lift_owns_its_identifiers() -> None:
    """Registering writes the lift and a claim on each identifier, named by the hash of its cleaned key."""
    book = new_book()
    events = book.act(INSURER, "lift.register", registration(identifiers=[NUMBER, SERIAL]))
    assert topics(events) == ["lift.Registered", "identifier.Claimed", "identifier.Claimed"]
    lift = book.state(Lift, LIFT)
    assert (lift.holder, lift.status, lift.premises_class, lift.annex) == (INSURER.party, "in_use", "residential", "A")
    assert book.state(Identifier, stream_of(NUMBER)).owner == LIFT
    assert events[1].found["key"] == ["registration_code", "cn", "21603101012006010101"]


def test_a_contested_identifier_is_held_for_review() -> None:
    """A second lift with the same identifier is registered; its claim is held and names the owner."""
    book = new_book()
    book.act(INSURER, "lift.register", registration())
    events = book.act(UNIT, "lift.register", registration(TWIN))
    assert topics(events) == ["lift.Registered", "identifier.Contested"]
    finding = events[0].found["findings"][0]
    assert (finding["code"], finding["facts"]["lift"]) == ("identifier_conflict", LIFT)
    stream = stream_of(NUMBER)
    assert book.state(Identifier, stream).contenders == (TWIN,)
    assert book.state(Identifier, stream).owner == LIFT
    assert book.state(Lift, TWIN).contested == (stream,)


def test_a_merger_settles_what_was_contested() -> None:
    """The owner going up in the contender passes the identifier; the record is closed and named by the other."""
    book = new_book()
    book.act(BUREAU, "lift.register", registration(identifiers=[NUMBER, SERIAL]))
    book.act(BUREAU, "lift.register", registration(TWIN))
    events = book.act(BUREAU, "lift.merge", {"into": TWIN}, lift=LIFT)
    assert topics(events) == ["lift.MergedInto", "lift.Absorbed", "identifier.Passed", "identifier.Passed"]
    assert book.state(Lift, LIFT).merged_into == TWIN
    twin = book.state(Lift, TWIN)
    assert (twin.absorbed, twin.contested, len(twin.identifiers)) == ((LIFT,), (), 2)
    assert book.state(Identifier, stream_of(NUMBER)).owner == TWIN
    assert book.state(Identifier, stream_of(SERIAL)).contenders == ()
    with pytest.raises(Conflict, match="went up in another") as refused:
        book.act(BUREAU, "lift.change_status", {"status": "stopped"}, lift=LIFT)
    assert refused.value.code == "lift_merged"


def test_a_contender_that_goes_up_in_the_owner_contends_no_longer() -> None:
    """The duplicate's held claim is dropped; the owner keeps the identifier."""
    book = new_book()
    book.act(BUREAU, "lift.register", registration())
    book.act(BUREAU, "lift.register", registration(TWIN))
    book.act(BUREAU, "lift.merge", {"into": LIFT}, lift=TWIN)
    identifier = book.state(Identifier, stream_of(NUMBER))
    assert (identifier.owner, identifier.contenders) == (LIFT, ())
    with pytest.raises(Conflict) as refused:
        book.act(BUREAU, "lift.merge", {"into": LIFT}, lift=LIFT)
    assert refused.value.code == "merged_with_itself"


def test_scrapping_frees_the_identifiers_for_a_new_claim() -> None:
    """Once the owner is scrapped, the contender's claim succeeds when it is made again."""
    book = new_book()
    book.act(BUREAU, "lift.register", registration())
    book.act(BUREAU, "lift.register", registration(TWIN))
    events = book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=LIFT)
    assert topics(events) == ["lift.StatusChanged", "identifier.Released"]
    events = book.act(BUREAU, "lift.identify", {"identifiers": [NUMBER]}, lift=TWIN)
    assert topics(events) == ["lift.Identified", "identifier.Claimed"]
    assert book.state(Lift, TWIN).contested == ()
    assert book.state(Identifier, stream_of(NUMBER)).former == (LIFT,)


def test_scrapping_is_final_unless_it_was_wrong() -> None:
    """A scrapped lift comes back by a correction only, and then contests what somebody else owns now."""
    book = new_book()
    book.act(BUREAU, "lift.register", registration())
    book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=LIFT)
    book.act(BUREAU, "lift.register", registration(TWIN))
    with pytest.raises(Conflict) as refused:
        book.act(BUREAU, "lift.change_status", {"status": "in_use"}, lift=LIFT)
    assert refused.value.code == "scrapped_final"
    events = book.act(BUREAU, "lift.change_status", {"status": "in_use", "correction": True}, lift=LIFT)
    assert topics(events) == ["lift.StatusChanged", "identifier.Contested"]
    assert book.state(Lift, LIFT).contested == (stream_of(NUMBER),)
    book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=LIFT)
    assert book.state(Lift, LIFT).contested == ()
    assert book.state(Identifier, stream_of(NUMBER)).contenders == ()


def test_a_wrong_identifier_is_withdrawn() -> None:
    """Withdrawing frees the identifier; one that the lift never had cannot be withdrawn."""
    book = new_book()
    book.act(INSURER, "lift.register", registration(identifiers=[NUMBER, SERIAL]))
    events = book.act(INSURER, "lift.identify", {"withdrawn": [SERIAL]}, lift=LIFT)
    assert topics(events) == ["lift.Identified", "identifier.Released"]
    assert book.state(Lift, LIFT).identifiers == (("registration_code", "", "2160 310101 200601 0101"),)
    with pytest.raises(Conflict) as refused:
        book.act(INSURER, "lift.identify", {"withdrawn": [SERIAL]}, lift=LIFT)
    assert refused.value.code == "identifier_not_its_own"
    with pytest.raises(Invalid) as empty:
        book.act(INSURER, "lift.identify", {}, lift=LIFT)
    assert empty.value.code == "nothing_said"


def test_histories_answer_for_each_day() -> None:
    """A back-dated change enters the history at its day and leaves later days as they were."""
    book = new_book()
    register_party(book, UNIT)
    book.act(BUREAU, "lift.register", registration(effective_on="2025-01-01", use_unit=UNIT.party))
    book.act(UNIT, "lift.change_status", {"status": "stopped", "effective_on": "2025-06-01"}, lift=LIFT)
    book.act(UNIT, "lift.change_status", {"status": "in_use", "effective_on": "2025-07-01"}, lift=LIFT)
    book.act(UNIT, "lift.change_status", {"status": "installing", "effective_on": "2025-03-01"}, lift=LIFT)
    lift = book.state(Lift, LIFT)
    days = ("2024-12-31", "2025-01-01", "2025-03-15", "2025-06-30", "2025-07-01")
    assert [lift.status_on(day) for day in days] == [None, "in_use", "installing", "stopped", "in_use"]
    assert lift.use_unit_on("2025-02-01") == UNIT.party
    assert lift.status == "in_use"


def test_the_use_unit_may_end_or_be_vacant() -> None:
    """A unit names itself where there is none; it cannot take another unit's lift."""
    book = new_book()
    register_party(book, UNIT)
    book.act(INSURER, "lift.register", registration())
    other = Author("party:3f8fad5b-d9cb-469f-a165-70867728950e", "use_unit")
    register_party(book, other)
    book.act(UNIT, "lift.name_use_unit", {"use_unit": UNIT.party}, lift=LIFT)
    with pytest.raises(Forbidden):
        book.act(other, "lift.name_use_unit", {"use_unit": other.party}, lift=LIFT)
    book.act(UNIT, "lift.name_use_unit", {"use_unit": None, "effective_on": "2025-12-01"}, lift=LIFT)
    assert book.state(Lift, LIFT).use_unit_on("2025-12-01") is None
    assert book.state(Lift, LIFT).use_unit_on("2025-11-15") == UNIT.party


def test_a_class_change_keeps_what_was() -> None:
    """Reclassifying from a day on leaves the class of earlier days."""
    book = new_book()
    book.act(BUREAU, "lift.register", registration(effective_on="2025-01-01"))
    said = {"premises_class": "public_gathering", "venue": "hospital", "effective_on": "2025-08-01"}
    book.act(BUREAU, "lift.reclassify", said, lift=LIFT)
    lift = book.state(Lift, LIFT)
    assert (lift.class_on("2025-07-31"), lift.class_on("2025-08-01")) == ("residential", "public_gathering")
    with pytest.raises(Invalid) as refused:
        book.act(BUREAU, "lift.reclassify", {"venue": "moon"}, lift=LIFT)
    assert refused.value.code == "venue_unknown"


# ---------------------------------------------------------------------------------------------------- imported lines


def test_a_new_line_writes_lift_identifier_building_and_place() -> None:
    """A line never seen registers the lift, claims its number, describes its building and places it there."""
    book = new_book()
    events = book.act(BUREAU, "lift.import_plain", row())
    assert topics(events) == ["building.Described", "lift.Registered", "identifier.Claimed", "building.LiftPlaced"]
    lift = book.state(Lift, events[1].originator_id)
    assert book.state(Building, str(lift.building)).lifts == {lift.id}
    second = book.act(BUREAU, "lift.import_plain", row("1P2"))
    assert topics(second) == ["lift.Registered", "identifier.Claimed", "building.LiftPlaced"]


def test_the_same_line_again_writes_nothing() -> None:
    """An unchanged line writes no event, even after another act changed the lift, or another line its building."""
    book = new_book()
    lift = book.act(BUREAU, "lift.import_plain", row())[1].originator_id
    other = {"source": {"system": "register", "id": "7"}, "address": "One Spring Rd"}
    book.act(BUREAU, "lift.import_plain", row("1P2", building=other))
    book.act(BUREAU, "lift.change_status", {"status": "stopped"}, lift=lift)
    assert book.act(BUREAU, "lift.import_plain", row()) == []
    assert book.act(BUREAU, "lift.import_plain", row("1P2", building=other)) == []
    assert book.state(Lift, lift).status == "stopped"


def test_a_changed_line_writes_what_changed() -> None:
    """A changed line corrects the lift and names what differs; what other acts said stays."""
    book = new_book()
    lift = book.act(BUREAU, "lift.import_plain", row(unit_label="A"))[1].originator_id
    book.act(BUREAU, "lift.reclassify", {"premises_class": "residential"}, lift=lift)
    events = book.act(BUREAU, "lift.import_plain", row(status="stopped", status_since="1988-08-19"))
    assert topics(events) == ["lift.Corrected"]
    assert events[0].found["changed"] == ["status", "status_since", "unit_label"]
    state = book.state(Lift, lift)
    assert (state.status_on("1999-01-01"), state.premises_class, state.unit_label) == ("stopped", "residential", None)
    moved = row(status="stopped", building={"source": {"system": "register", "id": "8"}})
    events = book.act(BUREAU, "lift.import_plain", moved)
    assert topics(events) == ["building.Described", "lift.Corrected", "building.LiftLeft", "building.LiftPlaced"]
    renamed = row(status="stopped", building={"source": {"system": "register", "id": "8"}, "name": "Hall"})
    events = book.act(BUREAU, "lift.import_plain", renamed)
    assert topics(events) == ["building.Described", "lift.Corrected"]
    assert book.state(Building, str(book.state(Lift, lift).building)).name == "Hall"


def test_a_scrapped_line_only_had_its_identifier() -> None:
    """A lift registered as scrapped owns nothing; scrapping by a line releases, and coming back claims again."""
    book = new_book()
    events = book.act(BUREAU, "lift.import_plain", row(status="scrapped"))
    identifier = events[2].originator_id
    assert (events[2].found["ended"], book.state(Identifier, identifier).owner) == ("scrapped", None)
    assert topics(book.act(BUREAU, "lift.import_plain", row())) == ["lift.Corrected", "identifier.Claimed"]
    assert topics(book.act(BUREAU, "lift.import_plain", row(status="scrapped"))) == [
        "lift.Corrected", "identifier.Released",
    ]  # fmt: skip


def test_a_full_line_finds_its_estate_too() -> None:
    """A line may name an estate by its own number; the building belongs to it from first sight."""
    book = new_book()
    estate = {"source": {"system": "register", "id": "e1"}, "name": "Garden", "type": "resettlement"}
    claims = [{"scheme": "platform_code", "issuer": "r", "value": str(n)} for n in range(8)]
    events = book.act(BUREAU, "lift.import", row(estate=estate, identifiers=claims))
    assert topics(events)[:4] == [
        "estate.Described", "building.Described", "estate.BuildingAdded", "lift.Registered",
    ]  # fmt: skip
    assert len(events) == 13
    lift = book.state(Lift, events[3].originator_id)
    assert lift.estate == events[0].originator_id
    again = book.act(BUREAU, "lift.import", row("1P2", identifiers=claims))
    assert len(again[0].found["findings"]) == 8
    assert book.state(Lift, again[0].originator_id).estate == lift.estate


@pytest.mark.parametrize(
    "change, code",
    [
        ({"variety": "3999"}, "variety_unknown"),
        ({"venue": "moon"}, "venue_unknown"),
        ({"identifiers": [{"scheme": "nothing", "value": "1"}]}, "identifier_scheme_unknown"),
    ],
)
def test_a_line_with_an_unknown_code_is_refused(change: Mapping[str, Any], code: str) -> None:
    """Codes outside the lists are refused by name."""
    with pytest.raises(Invalid) as refused:
        new_book().act(BUREAU, "lift.import_plain", row(**change))
    assert refused.value.code == code


def test_an_unknown_party_is_refused() -> None:
    """A use unit that is not registered cannot be named."""
    with pytest.raises(NotFound) as refused:
        new_book().act(BUREAU, "lift.import_plain", row(use_unit=UNIT.party))
    assert refused.value.code == "party_unknown"


def test_a_full_save_takes_no_more_lines() -> None:
    """A line that no longer fits is refused with `group_full`, and leaves nothing behind."""
    book = new_book()
    cache = AggregateCache()
    work = Work(ORIGIN, BUREAU, book.now, book, cache, keep=cache)
    refused: list[str] = []
    for number in range(90):
        said = row(f"1P{number}")
        work.begin_line()
        try:
            lifts.take_row(work, Statement(said, "", number), {})
        except Conflict as error:
            work.undo_line()
            refused.append(error.code)
        work.end_line()
    assert (refused, len(work.journal.events)) == (["group_full"] * 7, 250)
    assert [e.originator_version for e in work.journal.events if e.TOPIC == "building.LiftPlaced"] == list(range(2, 85))


def test_prefetch_asks_for_everything_at_once() -> None:
    """A group of lines asks twice for streams and once for numbers, whatever its size; malformed lines are passed."""
    book = new_book()
    register_party(book, UNIT)
    book.act(BUREAU, "lift.import_plain", row("1P1"))

    class Counting(Book):
        """Counts the questions."""

        asked: int = 0

        def many(self, streams: Any) -> Any:  # noqa: ANN401 - as the book's
            """Count."""
            Counting.asked += 1
            return super().many(streams)

        def events(self, stream: str) -> Any:  # noqa: ANN401 - as the book's
            """Nothing is asked for alone, but by the book's own `many`."""
            return self.streams.get(stream, [])

        def sources(self, keys: Any) -> Any:  # noqa: ANN401 - as the book's
            """Count."""
            Counting.asked += 1
            return super().sources(keys)

    counting = Counting(book.actions, book.now, book.streams, book.log, book._sources)  # noqa: SLF001 - a copy of it
    cache = AggregateCache()
    work = Work(ORIGIN, BUREAU, book.now, counting, cache, keep=cache)
    bad: list[dict[str, Any]] = [{}, {"source": 1}, {"source": {"system": "r", "id": "9"}, "identifiers": [None]}]
    rows = [row("1P1", salt="00"), *(row(f"1P{n}", use_unit=UNIT.party) for n in range(2, 20)), *bad]
    lifts.prefetch(work, rows)
    assert Counting.asked == 3
    for said in rows[1:19]:
        lifts.take_row(work, Statement(said), {})
    assert Counting.asked == 3


def test_what_was_found_absent_is_not_asked_for_again() -> None:
    """A stream that was looked up and does not exist is opened without asking the reader a second time."""
    book = new_book()
    cache = AggregateCache()
    work = Work(ORIGIN, BUREAU, book.now, book, cache, keep=cache)
    work.prefetch({LIFT: Lift})
    book.streams[LIFT] = book.act(BUREAU, "lift.register", registration())
    assert work.open(Lift, LIFT).version == 0
    assert work.reads[LIFT] == 0
