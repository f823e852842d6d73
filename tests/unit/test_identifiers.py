"""Identifiers: in lines of a register, in mergers and on scrapping; claimed, released, held for review or no longer."""

from __future__ import annotations

from typing import Any

import pytest

from application import buildings, lift_changes, lifts
from application.identifiers import stream_of
from application.work import Author
from domain.aggregate import Event
from domain.errors import Conflict, Forbidden
from domain.identifiers import IDENTIFIERS_PER_LIFT_MAX, Identifier
from domain.lifts import Lift
from domain.parties import Party
from tests.support.book import Book
from tests.support.seeding import seed

LIFT, TWIN, THIRD = (f"lift:018f3a5b-d9cb-769f-a165-70867728951{digit}" for digit in "012")
MAINTAINER = "party:1f8fad5b-d9cb-469f-a165-70867728950e"
BUREAU = Author("party:0f8fad5b-d9cb-469f-a165-70867728950e", "market_regulator", areas=("370100",))


def new_book() -> Book:
    """Give an empty book that knows these nouns' actions."""
    return Book({a.id: a for a in (*lifts.ACTIONS, *lift_changes.ACTIONS, *buildings.ACTIONS)})


def claims(*values: str) -> list[dict[str, str]]:
    """Give identifiers of a platform."""
    return [{"scheme": "platform_code", "issuer": "register", "value": value} for value in values]


def line(number: str, *values: str, status: str = "in_use") -> dict[str, Any]:
    """Give a line of a register with these identifiers."""
    return {
        "source": {"system": "register", "id": number}, "identifiers": claims(*values), "variety": "3110",
        "area": "370102", "status": status, "building": {"source": {"system": "register", "id": "7"}},
    }  # fmt: skip


def topics(events: list[Event]) -> list[str]:
    """Give the types of events."""
    return [event.TOPIC for event in events]


def owner(book: Book, value: str) -> str | None:
    """Say which lift owns a platform's identifier."""
    return book.state(Identifier, stream_of(claims(value)[0])).owner


def test_an_identifier_corrected_in_a_line_frees_the_wrong_one() -> None:
    """What stood in the lift's last line and is not in the new one is released, so that its own lift gets it."""
    book = new_book()
    lift = book.act(BUREAU, "lift.import", line("1", "F-1O0", "K1"))[1].originator_id
    book.act(BUREAU, "lift.identify", {"identifiers": claims("BY-HAND")}, lift=lift)
    events = book.act(BUREAU, "lift.import", line("1", "F-100", "K1"))
    assert topics(events) == ["lift.Corrected", "identifier.Claimed", "identifier.Released"]
    assert events[0].found["withdrawn"] == [["platform_code", "register", "F-1O0"]]
    assert (events[2].found["lift"], events[2].found["why"]) == (lift, "withdrawn")
    assert [value for _, _, value in book.state(Lift, lift).identifiers] == ["K1", "BY-HAND", "F-100"]
    twin = book.act(BUREAU, "lift.import", line("2", "F-1O0"))
    assert topics(twin) == ["lift.Registered", "identifier.Claimed", "building.LiftPlaced"]
    assert [owner(book, value) for value in ("F-100", "K1", "F-1O0")] == [lift, lift, twin[0].originator_id]
    assert book.act(BUREAU, "lift.import", line("1", "F-100", "K1")) == []


def test_an_identifier_that_is_kept_in_another_writing_stays_owned() -> None:
    """Withdrawn as it was written and added as it should be, or one of two writings withdrawn: it is one (L17)."""
    book = new_book()
    registered(book, LIFT, "f 100")
    events = book.act(BUREAU, "lift.identify", {"identifiers": claims("F100"), "withdrawn": claims("f 100")}, lift=LIFT)
    assert (topics(events), owner(book, "F100")) == (["lift.Identified"], LIFT)
    book.act(BUREAU, "lift.identify", {"identifiers": claims("F 100")}, lift=LIFT)
    assert topics(book.act(BUREAU, "lift.identify", {"withdrawn": claims("F 100")}, lift=LIFT)) == ["lift.Identified"]
    assert [value for _, _, value in book.state(Lift, LIFT).identifiers] == ["F100"]
    assert [f["code"] for f in registered(book, TWIN, "F100")[0].found["findings"]] == ["identifier_conflict"]
    again = {"identifiers": claims("f100"), "withdrawn": claims("F100")}
    assert topics(book.act(BUREAU, "lift.identify", again, lift=TWIN)) == ["lift.Identified"]
    assert (owner(book, "F100"), len(book.state(Lift, TWIN).contested)) == (LIFT, 1)
    events = book.act(BUREAU, "lift.identify", {"withdrawn": claims("F100")}, lift=LIFT)
    assert (topics(events), owner(book, "F100")) == (["lift.Identified", "identifier.Released"], None)


def test_who_maintains_a_lift_takes_no_identifier_from_it() -> None:
    """It adds what stands on the lift; anybody may say that he maintains one, so withdrawing is for others."""
    book = new_book()
    maintainer = Author(MAINTAINER, "maintainer")
    seed(book, Party, MAINTAINER, BUREAU.party, Party.Registered, {"id": MAINTAINER, "kind": "maintainer"})
    registered(book, LIFT, "F-1", maintainer=MAINTAINER)
    for more in ({}, {"identifiers": claims("F-2")}):
        with pytest.raises(Forbidden):
            book.act(maintainer, "lift.identify", {"withdrawn": claims("F-1"), **more}, lift=LIFT)
    book.act(maintainer, "lift.identify", {"identifiers": claims("F-2")}, lift=LIFT)
    assert [owner(book, value) for value in ("F-1", "F-2")] == [LIFT, LIFT]


def test_an_identifier_written_otherwise_is_the_same() -> None:
    """Spaces and the case of letters make no other identifier: nothing is claimed and nothing released."""
    book = new_book()
    lift = book.act(BUREAU, "lift.import", line("1", "f 100"))[1].originator_id
    events = book.act(BUREAU, "lift.import", line("1", "F100"))
    assert (topics(events), events[0].found["withdrawn"]) == (["lift.Corrected"], [])
    events = book.act(BUREAU, "lift.import", line("1", "G7"))
    assert topics(events) == ["lift.Corrected", "identifier.Claimed", "identifier.Released"]
    assert [value for _, _, value in book.state(Lift, lift).identifiers] == ["G7"]


def test_a_held_identifier_corrected_in_a_line_is_held_no_longer() -> None:
    """The review has nothing left to decide; the owner keeps what it has."""
    book = new_book()
    first = book.act(BUREAU, "lift.import", line("1", "F-1"))[1].originator_id
    second = book.act(BUREAU, "lift.import", line("2", "F-1"))[0].originator_id
    assert book.state(Lift, second).contested
    events = book.act(BUREAU, "lift.import", line("2", "F-2"))
    assert topics(events) == ["lift.Corrected", "identifier.Claimed", "identifier.Released"]
    assert (book.state(Lift, second).contested, owner(book, "F-1")) == ((), first)


def test_a_line_that_scraps_and_corrects_releases_each_identifier_once() -> None:
    """What was wrong is withdrawn, the rest ends with the lift; coming back claims only what is right."""
    book = new_book()
    lift = book.act(BUREAU, "lift.import", line("1", "F-1", "K1"))[1].originator_id
    scrapped = line("1", "F-2", "K1", status="scrapped")
    events = book.act(BUREAU, "lift.import", scrapped)
    whys = [event.found.get("why") for event in events if event.TOPIC == "identifier.Released"]
    assert whys == ["withdrawn", "scrapped"]
    book.act(BUREAU, "lift.import", line("1", "F-2", "K1"))
    assert [owner(book, value) for value in ("F-1", "F-2", "K1")] == [None, lift, lift]


def test_lines_of_before_the_second_schema_withdrew_nothing() -> None:
    """An event of schema 1 left the old identifiers with the lift, and so it is read."""
    state: dict[str, Any] = {"said": {}, "found": {"changed": ["identifiers"]}}
    Lift.Corrected.upcast_v1_v2(state)
    assert state["found"]["withdrawn"] == []


def test_a_lift_has_no_more_identifiers_than_anybody_saw_on_one() -> None:
    """Twenty, however they come: one more is refused, one in place of another is not."""
    book = new_book()
    lift = book.act(BUREAU, "lift.import", line("1", *(f"A{n}" for n in range(8))))[1].originator_id
    book.act(BUREAU, "lift.identify", {"identifiers": claims(*(f"B{n}" for n in range(8)))}, lift=lift)
    book.act(BUREAU, "lift.identify", {"identifiers": claims(*(f"C{n}" for n in range(4)))}, lift=lift)
    assert len(book.state(Lift, lift).identifiers) == IDENTIFIERS_PER_LIFT_MAX
    with pytest.raises(Conflict) as refused:
        book.act(BUREAU, "lift.identify", {"identifiers": claims("C4")}, lift=lift)
    assert refused.value.code == "too_many_identifiers"
    book.act(BUREAU, "lift.import", line("1", *(f"A{n}" for n in range(1, 9))))
    assert len(book.state(Lift, lift).identifiers) == IDENTIFIERS_PER_LIFT_MAX


# ------------------------------------------------------------------------------------------------ mergers, scrapping


def registered(book: Book, lift: str, *values: str, **more: str) -> list[Event]:
    """Register a lift with these identifiers."""
    said = {
        "id": lift, "identifiers": claims(*values), "variety": "3110", "area": "370102", "status": "in_use",
        "effective_on": "2025-01-01", **more,
    }  # fmt: skip
    return book.act(BUREAU, "lift.register", said)


def three(*first: str) -> Book:
    """Give a book in which LIFT owns F-1 and TWIN claims it too; THIRD has T-1, and first of all these."""
    book = new_book()
    for lift, values in ((LIFT, ["F-1"]), (TWIN, ["F-1"]), (THIRD, [*first, "T-1"])):
        registered(book, lift, *values)
    return book


def held(book: Book, value: str, lift: str) -> tuple[str | None, tuple[str, ...], int]:
    """Give an identifier's owner and contenders, and how many identifiers a lift is held for review for."""
    identifier = book.state(Identifier, stream_of(claims(value)[0]))
    return identifier.owner, identifier.contenders, len(book.state(Lift, lift).contested)


def test_a_held_claim_outlives_a_merger_with_a_third_lift() -> None:
    """What TWIN claimed of LIFT, THIRD claims once TWIN went up in it: the duplicate is reviewed all the same (L17)."""
    book = three()
    events = book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=TWIN)
    assert topics(events) == ["lift.MergedInto", "lift.Absorbed", "identifier.Released", "identifier.Contested"]
    (found,) = events[1].found["findings"]
    assert (found["code"], found["facts"]["lift"]) == ("identifier_conflict", LIFT)
    assert held(book, "F-1", THIRD) == (LIFT, (THIRD,), 1)
    book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=LIFT)
    book.act(BUREAU, "lift.identify", {"identifiers": claims("F-1")}, lift=THIRD)
    assert held(book, "F-1", THIRD) == (THIRD, (), 0)


def test_two_held_claims_of_merged_lifts_are_one() -> None:
    """Whoever claims it already claims it once, and the owner that takes up a claimant claims nothing."""
    book = three("F-1")
    book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=TWIN)
    assert held(book, "F-1", THIRD) == (LIFT, (THIRD,), 1)
    book.act(BUREAU, "lift.merge", {"into": LIFT}, lift=THIRD)
    assert held(book, "F-1", LIFT) == (LIFT, (), 0)


def test_a_claim_that_nobody_stands_against_passes_with_the_lift() -> None:
    """Once the owner is scrapped the identifier is free, and goes where the claimant goes."""
    book = three()
    book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=LIFT)
    book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=TWIN)
    assert held(book, "F-1", THIRD) == (THIRD, (), 0)


def test_no_lift_goes_up_in_a_scrapped_record() -> None:
    """It would be in use and counted no longer; a scrapped record goes up in another, and frees what it claimed."""
    book = three()
    assert status(book, "scrapped", "2026-06-01") == ["lift.StatusChanged"]
    book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=THIRD)
    for lift in (LIFT, TWIN):
        with pytest.raises(Conflict) as refused:
            book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=lift)
        assert refused.value.code == "merged_into_scrapped"
    book.now = "2026-06-01T00:00:00.000000Z"
    book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=LIFT)
    assert (book.state(Lift, LIFT).merged_into, held(book, "F-1", THIRD)) == (THIRD, (None, (TWIN,), 0))


def test_what_a_scrapped_duplicate_set_free_is_the_survivors() -> None:
    """Its number is the lift's that goes on: owned if nobody has it, held for review if another took it meanwhile."""
    for claimant, expected, said in ((None, THIRD, "Claimed"), (TWIN, TWIN, "Contested")):
        book = new_book()
        registered(book, LIFT, "F-1")
        registered(book, THIRD, "T-1")
        book.act(BUREAU, "lift.change_status", {"status": "scrapped"}, lift=LIFT)
        if claimant is not None:
            registered(book, claimant, "F-1")
        events = book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=LIFT)
        assert topics(events) == ["lift.MergedInto", "lift.Absorbed", f"identifier.{said}"]
        assert held(book, "F-1", THIRD) == (expected, (THIRD,) if claimant else (), bool(claimant))


def test_a_scrapped_twin_that_is_merged_settles_what_was_held() -> None:
    """The survivor claimed the twin's number when it was free already: by the merger it has it, and review ends."""
    book = three()
    status(book, "scrapped")
    assert held(book, "F-1", TWIN) == (None, (TWIN,), 1)
    book.act(BUREAU, "lift.merge", {"into": TWIN}, lift=LIFT)
    assert held(book, "F-1", TWIN) == (TWIN, (), 0)


def test_what_comes_back_and_owns_a_number_is_held_no_longer() -> None:
    """Its scrapping was told of a day to come, so its claim stood; when that proves wrong nobody has the number."""
    book = three()
    book.act(BUREAU, "lift.change_status", {"status": "scrapped", "effective_on": "2025-11-05"}, lift=TWIN)
    status(book, "scrapped")
    book.now = "2025-11-06T00:00:00.000000Z"
    back = {"status": "in_use", "effective_on": "2025-11-05", "correction": True}
    assert topics(book.act(BUREAU, "lift.change_status", back, lift=TWIN)) == [
        "lift.StatusChanged", "identifier.Claimed"
    ]  # fmt: skip
    assert held(book, "F-1", TWIN) == (TWIN, (), 0)


def test_no_scrapped_lift_comes_back_on_a_day_to_come() -> None:
    """A correction says that it was not scrapped, so it holds today; a scrapping to come may be taken back whole."""
    book = three()
    status(book, "scrapped")
    for on in ("2025-11-02", "2030-01-01"):
        assert status(book, "in_use", on, correction=True) == ["scrapped_returns"]
    assert status(book, "in_use", correction=True)[0] == "lift.StatusChanged"
    status(book, "stopped", "2026-03-01")
    assert status(book, "scrapped", "2026-02-01") == ["scrapped_returns"]
    status(book, "scrapped", "2026-06-01")
    assert status(book, "in_use", "2026-06-02", correction=True) == ["scrapped_returns"]
    assert status(book, "in_use", "2026-06-01", correction=True) == ["lift.StatusChanged"]
    book.now = "2026-07-01T00:00:00.000000Z"
    assert (book.state(Lift, LIFT).live_on("2026-07-01"), held(book, "F-1", TWIN)[0]) == (True, LIFT)


def status(book: Book, said: str, on: str | None = None, **more: object) -> list[str]:
    """State LIFT's status from a day on; gives what was recorded, or the code of the refusal."""
    words: dict[str, object] = {"status": said, **more} if on is None else {"status": said, "effective_on": on, **more}
    try:
        return topics(book.act(BUREAU, "lift.change_status", words, lift=LIFT))
    except Conflict as refused:
        return [refused.code]


def test_a_lift_that_was_scrapped_before_it_was_stopped_is_live() -> None:
    """Said for a day before a later word, scrapping frees nothing: the lift is what it is today."""
    book = three()
    assert status(book, "stopped", "2025-10-01") == ["lift.StatusChanged"]
    assert status(book, "scrapped", "2025-09-01") == ["lift.StatusChanged"]
    assert (book.state(Lift, LIFT).status, held(book, "F-1", TWIN)) == ("stopped", (LIFT, (TWIN,), 1))
    assert registered(book, "lift:018f3a5b-d9cb-769f-a165-708677289513", "F-1")[0].found["findings"]
    assert status(book, "scrapped", "2025-10-01") == ["lift.StatusChanged", "identifier.Released"]
    assert held(book, "F-1", TWIN)[0] is None


def test_a_scrapping_to_come_frees_the_identifiers_on_its_day() -> None:
    """Until then they are the lift's, and it may change; from then on whoever claims them has them."""
    book = three()
    assert status(book, "scrapped", "2026-06-01") == ["lift.StatusChanged"]
    claimed = {"identifiers": claims("F-1")}
    assert topics(book.act(BUREAU, "lift.identify", claimed, lift=THIRD)) == ["lift.Identified", "identifier.Contested"]
    assert status(book, "stopped") == ["lift.StatusChanged"]
    book.now = "2026-05-31T16:00:00.000000Z"
    assert topics(book.act(BUREAU, "lift.identify", claimed, lift=TWIN)) == ["lift.Identified", "identifier.Claimed"]
    assert held(book, "F-1", TWIN) == (TWIN, (THIRD,), 0)
    assert book.state(Identifier, stream_of(claims("F-1")[0])).former == (LIFT,)
    assert status(book, "in_use") == ["scrapped_final"]
    assert status(book, "in_use", correction=True) == ["lift.StatusChanged", "identifier.Contested"]


def test_a_scrapping_that_has_come_stands_against_no_claim_in_a_merger() -> None:
    """What is said again then is released; a claim on what is scrapped by now passes, and is held no longer."""
    for again in (False, True):
        book = three()
        status(book, "scrapped", "2026-06-01")
        book.now = "2026-06-01T00:00:00.000000Z"
        if again:
            assert status(book, "scrapped") == ["lift.StatusChanged", "identifier.Released"]
        book.act(BUREAU, "lift.merge", {"into": THIRD}, lift=TWIN)
        assert held(book, "F-1", THIRD) == (THIRD, (), 0)


def test_what_was_so_before_the_scrapping_is_no_coming_back() -> None:
    """A word on earlier days needs no correction and claims nothing: the lift stays scrapped. One on later does."""
    book = three()
    status(book, "scrapped", "2025-10-01")
    for correction in (False, True):
        assert status(book, "stopped", "2025-09-01", correction=correction) == ["lift.StatusChanged"]
    assert status(book, "in_use", "2025-10-15") == status(book, "in_use", "2030-01-01") == ["scrapped_final"]
    assert (book.state(Lift, LIFT).live_on("2025-11-01"), held(book, "F-1", TWIN)[0]) == (False, None)


def test_a_line_that_scraps_from_a_day_to_come_owns_its_identifiers_until_then() -> None:
    """Registered or corrected by a line, the lift is held against what it is today."""
    book = new_book()
    first = book.act(BUREAU, "lift.import", {**line("1", "F-1", status="scrapped"), "status_since": "2026-06-01"})
    lift = next(event.originator_id for event in first if event.TOPIC == "lift.Registered")
    assert owner(book, "F-1") == lift
    book.act(BUREAU, "lift.import", {**line("1", "F-1", status="scrapped"), "status_since": "2025-06-01"})
    assert owner(book, "F-1") is None
