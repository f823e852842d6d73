"""Visits: recorded with findings, countersigned by the use unit, corrected only by new records."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from application import maintenance, parties
from application.ids import new_name
from domain.errors import Invalid, NotFound
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear
from domain.packs import load_pack
from domain.parties import Agent
from domain.visit_checks import check_duration, check_time
from tests.support.book import Book
from tests.support.seeding import seed
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    BY_STRANGER,
    CODES,
    FINISHED,
    LIFT,
    MAINTAINER,
    OPENED,
    STRANGER,
    WORKERS,
    YEAR,
    body,
    codes,
    named,
    node,
    refusal,
    signing,
    visit_of,
    visited,
    workshop,
)


@pytest.fixture
def book() -> Book:
    """A book with a pack in force, a lift with its use unit and maintainer, and two workers."""
    return workshop()


def test_whole_visit_is_four_events_and_one_for_each_worker(book: Book) -> None:
    """A visit in order has no findings, stands on the lift's year, and on each worker's own chain."""
    events = book.act(BY_MAINTAINER, "visit.submit", body())
    assert [event.TOPIC for event in events] == [
        "visit.Opened", "visit.NodesReceived", "visit.ItemsRecorded", "visit.Finished", "agent.WorkedOn",
        "agent.WorkedOn",
    ]  # fmt: skip
    assert codes(events) == []
    assert [event.originator_id for event in events] == [YEAR] * 4 + WORKERS
    assert events[0].effective_at == OPENED
    assert events[3].effective_at == FINISHED
    assert events[4].found["because"] == {"stream": YEAR, "version": 4}
    assert [event.at for event in events[:4]] == ["/opened", "/record", "/items", "/finished"]
    assert book.state(Agent, WORKERS[0]).visits == 1


def test_load_keeps_counts_only(book: Book) -> None:
    """The folded year has how many results there were of each verdict, not the results."""
    said = body()
    said["items"]["results"] = {
        "normal": CODES[3:], "abnormal": [{"item": CODES[0], "note": "x"}],
        "not_applicable": [{"item": CODES[1], "reason": "no_such_part"}],
        "not_due": [{"item": CODES[2], "next_on": "2026-04-01"}],
    }  # fmt: skip
    assert codes(book.act(BY_MAINTAINER, "visit.submit", said)) == []
    assert visit_of(book, said).counted == (len(CODES) - 3, 1, 1, 1)


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"workers": WORKERS[:1]}, "one_worker"),
        ({"workers": [WORKERS[0], WORKERS[0]]}, "worker_named_twice"),
        ({"workers": [WORKERS[0], new_name("agent")]}, "worker_unknown"),
        ({"opened_at": "2026-03-02T02:30:00.000000Z"}, "too_short"),
        ({"opened_at": "2026-03-02T02:50:00.000000Z"}, "finished_before_opened"),
        ({"opened_at": "2026-02-20T02:00:00.000000Z"}, "back_dated"),
        ({"opened_at": "2026-03-02T05:00:00.000000Z"}, "in_future"),
    ],
)
def test_facts_are_recorded_with_findings(book: Book, changes: dict[str, Any], code: str) -> None:
    """What a visit shows is flagged, never refused."""
    assert code in codes(book.act(BY_MAINTAINER, "visit.submit", body(**changes)))


def test_another_maintainer_is_flagged(book: Book) -> None:
    """Who is not the lift's maintainer that day is recorded so, and so are workers that are not his."""
    found = codes(book.act(BY_STRANGER, "visit.submit", body()))
    assert found.count("worker_not_of_maintainer") == 2
    assert "not_the_maintainer" in found


@pytest.mark.parametrize("status, flagged", [("in_use", False), ("stopped", False), ("scrapped", True)])
def test_a_visit_to_a_lift_that_is_no_more_is_flagged(book: Book, status: str, *, flagged: bool) -> None:
    """Whoever maintains a lift that stands in use or still is in order; a scrapped one has nothing to maintain."""
    seed(book, Lift, LIFT, MAINTAINER, Lift.StatusChanged, {"status": status}, {"on": "2026-02-01"})
    found = codes(book.act(BY_MAINTAINER, "visit.submit", body()))
    assert ("lift_not_in_use" in found) is flagged


def test_a_visit_of_an_earlier_term_of_the_contract_is_its_maintainers(book: Book) -> None:
    """Uploaded after the lift left the contract and came back, it is held against the term of its own day."""
    for begin, end in (("2026-02-01", "2026-02-20"), ("2026-03-02", None)):
        term = {
            "contract": "contract:a", "maintainer": STRANGER, "from_date": begin, "to_date": end, "ends_stated": None,
            "confirmed_from": None,
        }  # fmt: skip
        seed(book, Lift, LIFT, STRANGER, Lift.MaintainerChanged, {}, term)
    early, between = (f"2026-02-{day}T02:00:00.000000Z" for day in (10, 25))
    assert "not_the_maintainer" not in codes(book.act(BY_STRANGER, "visit.submit", body(opened_at=early)))
    assert "not_the_maintainer" in codes(book.act(BY_STRANGER, "visit.submit", body(opened_at=between)))


def test_who_maintains_by_another_record_of_the_lift_is_its_maintainer(book: Book) -> None:
    """Two records of one lift are one lift: the contract was written for the one that went up in the other."""
    gone = new_name("lift")
    row = {"id": gone, "variety": "3110", "area": AREA, "status": "in_use", "maintainer": STRANGER, "identifiers": []}
    seed(book, Lift, gone, STRANGER, Lift.Registered, row, {"on": "2025-01-01"})
    own, others = body(), body(lift=gone)
    for author, said in ((BY_STRANGER, own), (BY_MAINTAINER, others)):
        assert "not_the_maintainer" in codes(book.act(author, "visit.submit", said))
    seed(book, Lift, gone, STRANGER, Lift.MergedInto, {"into": LIFT})
    seed(book, Lift, LIFT, STRANGER, Lift.Absorbed, {}, {"lift": gone, "identifiers": []})
    for author, lift in ((BY_STRANGER, LIFT), (BY_MAINTAINER, gone)):
        events = book.act(author, "visit.submit", body(lift=lift))
        assert "not_the_maintainer" not in codes(events)
        assert {LIFT, gone} <= events[0].found["reads"].keys()


def test_a_worker_whose_certificate_nobody_stated_is_flagged(book: Book) -> None:
    """T5002 asks for licensed workers; what is missing is to be supplied, the visit happened all the same."""
    worker = new_name("agent")
    seed(book, Agent, worker, MAINTAINER, Agent.Enrolled, {"id": worker, "party": MAINTAINER, "role": "worker"})
    events = book.act(BY_MAINTAINER, "visit.submit", body(workers=[WORKERS[0], worker]))
    (found,) = events[0].found["findings"]
    assert (found["code"], found["verdict"]) == ("worker_without_certificate", "needs_supplement")
    assert (found["rule"], found["facts"]) == ("maintenance.workers", {"worker": worker})


def test_a_worker_who_left_after_the_visit_was_one_of_it(book: Book) -> None:
    """A record that comes in late is held against who was there on its day; after the day of leaving he is unknown."""
    book.actions = {**book.actions, **{action.id: action for action in parties.ACTIONS}}
    book.now = "2026-03-03T04:00:00.000000Z"
    book.act(BY_MAINTAINER, "agent.leave", {}, agent=WORKERS[0])
    book.now = "2026-03-05T04:00:00.000000Z"
    assert "worker_unknown" not in codes(book.act(BY_MAINTAINER, "visit.submit", body()))
    for day, expected in (("03", 0), ("04", 1)):
        said = body(opened_at=f"2026-03-{day}T02:00:00.000000Z")
        assert codes(book.act(BY_MAINTAINER, "visit.submit", said)).count("worker_unknown") == expected
    parts = body(opened_at="2026-03-02T06:00:00.000000Z")["opened"]
    assert "worker_unknown" not in codes(book.act(BY_MAINTAINER, "visit.open", parts))


def test_worker_of_another_role_is_flagged(book: Book) -> None:
    """Only an agent enrolled as worker counts as one."""
    adjuster = new_name("agent")
    enrolment = {"id": adjuster, "party": MAINTAINER, "role": "adjuster"}
    seed(book, Agent, adjuster, MAINTAINER, Agent.Enrolled, enrolment)
    said = body(workers=[WORKERS[0], adjuster])
    assert codes(book.act(BY_MAINTAINER, "visit.submit", said)) == ["worker_of_other_role"]


def test_nothing_is_said_of_days_without_a_visit_when_one_is_recorded(book: Book) -> None:
    """What lay between may still come in: whoever reads is told (`domain.visit_gaps`), and no event is."""
    for day in ("2026-01-05", "2026-03-02"):
        book.now = f"{day}T04:00:00.000000Z"
        assert codes(book.act(BY_MAINTAINER, "visit.submit", visited(day))) == []


def test_nobody_uses_up_the_year_of_a_lift(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lift's year has room for so many visits of each party, whatever others record."""
    monkeypatch.setattr("domain.maintenance.VISITS_PER_YEAR_MAX", 2)
    for _ in range(2):
        book.act(BY_STRANGER, "visit.open", body()["opened"])
    assert refusal(book, BY_STRANGER, "visit.open", body()["opened"]) == "too_many"
    assert codes(book.act(BY_MAINTAINER, "visit.submit", body())) == []


def test_year_is_that_of_the_civil_day(book: Book) -> None:
    """A visit at 16:00 UTC on 31 December belongs to the next year in Shanghai."""
    book.now = "2025-12-31T18:00:00.000000Z"
    said = body(opened_at="2025-12-31T16:00:00.000000Z")
    said["finished"]["finished_at"] = "2025-12-31T16:40:00.000000Z"
    assert book.act(BY_MAINTAINER, "visit.submit", said)[0].originator_id == YEAR


def test_items_are_held_against_the_catalogue(book: Book) -> None:
    """Items that are missing, unknown, of another annex, or given twice are flagged."""
    said = body()
    said["items"]["results"] = {"normal": [*CODES[2:], CODES[2], "D-1-01", "A-4-99"]}
    events = book.act(BY_MAINTAINER, "visit.submit", said)
    assert codes(events) == ["items_missing", "item_unknown", "item_of_other_annex", "item_twice"]
    assert events[2].found["findings"][0]["facts"] == {"count": 2, "items": ",".join(sorted(CODES[:2]))}


def test_visit_without_items_lacks_them(book: Book) -> None:
    """A visit that ends without results lacks all items that were due."""
    said = body()
    del said["items"]
    assert codes(book.act(BY_MAINTAINER, "visit.submit", said)) == ["items_missing"]


def test_far_check_in_is_flagged(book: Book) -> None:
    """A check-in farther from the lift than the pack's distance is flagged."""
    said = body()
    said["record"]["nodes"][0]["distance_m"] = 201
    assert codes(book.act(BY_MAINTAINER, "visit.submit", said)) == ["far_from_lift"]


def test_no_pack_no_pack_findings(book: Book) -> None:
    """Where no pack was adopted facts are recorded all the same, without what only a pack can say."""
    book.streams.pop(f"scheme:{AREA}")
    assert codes(book.act(BY_MAINTAINER, "visit.submit", body(workers=WORKERS[:1]))) == []


def test_visit_by_parts_signs_the_same_digest_as_its_events(book: Book) -> None:
    """A visit written node by node ends with a digest over its events; later nodes are recorded, not covered."""
    said = body()
    book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[node("early")]))
    book.act(BY_MAINTAINER, "visit.open", said["opened"])
    book.act(BY_MAINTAINER, "visit.items", named(said, results=said["items"]["results"]))
    events = book.act(BY_MAINTAINER, "visit.finish", named(said, finished_at=FINISHED))
    assert [e.TOPIC for e in events] == ["visit.Finished", "agent.WorkedOn", "agent.WorkedOn"]
    stream = book.events(YEAR)
    expected = maintenance.visit_digest(said["opened"]["id"], MAINTAINER, stream[:3], stream[3].said or {})
    assert events[0].found["digest"] == expected
    late = book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[node("late")]))
    assert codes(late) == ["after_the_end"]
    assert visit_of(book, said).digest == expected


def test_nodes_are_a_set(book: Book) -> None:
    """Nodes come in any order, before the visit is opened; what came before is flagged; always one event."""
    said = body()
    first = book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[node("b"), node("a")]))
    again = book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[node("a"), node("c"), node("c")]))
    assert [len(first), len(again)] == [1, 1]
    assert codes(first) == []
    assert codes(again) == ["node_duplicate"]
    assert again[0].found["duplicates"] == ["a", "c"]
    assert book.state(MaintenanceYear, YEAR).nodes[said["opened"]["id"], MAINTAINER] == {"a", "b", "c"}


@pytest.mark.parametrize(
    "ids, repeated", [(["b"], []), (["a"], ["a"]), (["b", "b"], ["b"]), (["b", "a"], ["a"]), (["a", "b", "a"], ["a"])]
)
def test_a_node_that_came_before_or_twice_is_told(book: Book, ids: list[str], repeated: list[str]) -> None:
    """Each for itself: one of an earlier upload, and one that stands twice in this."""
    said = body()
    book.act(BY_MAINTAINER, "visit.open", said["opened"])
    book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[{"id": "a", "kind": "photo", "device_time": OPENED}]))
    year = book.state(MaintenanceYear, YEAR)
    assert year.duplicates(said["opened"]["id"], MAINTAINER, ids) == repeated


@pytest.mark.parametrize(
    "now, code, seconds",
    [
        ("2026-03-02T01:59:54.000000Z", "in_future", 6), ("2026-03-02T01:59:55.000000Z", None, 0),
        ("2026-03-05T02:00:00.000000Z", None, 0), ("2026-03-05T02:00:01.000000Z", "back_dated", 259_201),
    ],
)  # fmt: skip
def test_the_time_of_a_device_is_held_to_the_second(now: str, code: str | None, seconds: int) -> None:
    """Seventy-two hours late is in time, a second more is not; clocks may differ by five seconds, not by six."""
    found = check_time(OPENED, now, load_pack("shandong@1"))
    assert [(each["code"], each["facts"]["seconds"]) for each in found] == ([] if code is None else [(code, seconds)])


@pytest.mark.parametrize("minutes, found", [(29, ["too_short"]), (30, []), (0, ["finished_before_opened"])])
def test_a_visit_of_the_shortest_time_is_long_enough(book: Book, minutes: int, found: list[str]) -> None:
    """Half an hour for the half-monthly one (HM)."""
    said = body()
    book.act(BY_MAINTAINER, "visit.open", said["opened"])
    finished = f"2026-03-02T02:{minutes:02}:00.000000Z"
    codes_ = [each["code"] for each in check_duration(visit_of(book, said), finished, load_pack("shandong@1"))]
    assert codes_ == found


def test_nobody_sends_nodes_of_anothers_visit(book: Book) -> None:
    """They are refused; what came under its name before it began is no part of what is signed, nor in its way."""
    digests = []
    for rounds in (0, 10):
        told = Book(book.actions, book.now, {name: list(events) for name, events in book.streams.items()})
        said = body(id="visit:018f3a5b-d9cb-769f-a165-708677289599")
        for start in range(rounds):
            early = [node(f"a{start * 100 + place}") for place in range(100)]
            told.act(BY_STRANGER, "visit.nodes", named(said, nodes=early))
        told.act(BY_MAINTAINER, "visit.open", said["opened"])
        strange = named(said, nodes=[node("b")])
        assert refusal(told, BY_STRANGER, "visit.nodes", strange) == "right_missing"
        assert codes(told.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[node("a1")]))) == []
        told.act(BY_MAINTAINER, "visit.items", named(said, results=said["items"]["results"]))
        told.act(BY_MAINTAINER, "visit.finish", named(said, finished_at=FINISHED))
        digests.append(visit_of(told, said).digest)
    assert digests[0] == digests[1]


def test_nodes_of_an_unknown_lift_are_refused(book: Book) -> None:
    """A record needs a lift."""
    lost = named(body(), nodes=[node("a")]) | {"lift": new_name("lift")}
    with pytest.raises(NotFound) as refused:
        book.act(BY_MAINTAINER, "visit.nodes", lost)
    assert refused.value.code == "lift_unknown"


def test_what_no_visit_has_is_refused(book: Book) -> None:
    """Who signs, disputes, or goes on with a visit that the lift's year does not know is told so."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    sound = signing(book, said)
    for author, action, words in (
        (BY_SIGNER, "visit.countersign", sound),
        (BY_SIGNER, "visit.dispute", named(said, reason="x")),
        (BY_MAINTAINER, "visit.finish", named(said, finished_at=FINISHED)),
    ):
        assert refusal(book, author, action, words | {"visit": new_name("visit")}) == "visit_unknown", action


def test_nodes_of_a_visit_are_limited(book: Book) -> None:
    """Past a thousand nodes a visit takes no more."""
    said = body()
    for start in range(0, 1000, 100):
        nodes = [node(f"n{start + place}") for place in range(100)]
        book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=nodes))
    with pytest.raises(Invalid) as refused:
        book.act(BY_MAINTAINER, "visit.nodes", named(said, nodes=[node("one")]))
    assert refused.value.code == "too_many"


def test_dispute_stays_beside_the_record(book: Book) -> None:
    """The use unit may say that a record is not true; the record is as it was."""
    said = body()
    book.act(BY_MAINTAINER, "visit.submit", said)
    book.act(BY_SIGNER, "visit.dispute", named(said, reason="not_on_site"))
    assert visit_of(book, said).disputes == 1
    assert refusal(book, BY_STRANGER, "visit.dispute", named(said, reason="x")) == "right_missing"


def test_only_maintainers_record_visits(book: Book) -> None:
    """A use unit records no visits."""
    assert refusal(book, BY_SIGNER, "visit.submit", body()) == "right_missing"


def test_malformed_codes_are_refused_by_the_shape(book: Book) -> None:
    """An item code that is none is no fact to be recorded."""
    said = copy.deepcopy(body())
    said["items"]["results"]["normal"] = ["E-9-1"]
    with pytest.raises(ValueError, match="string_pattern_mismatch"):
        book.act(BY_MAINTAINER, "visit.submit", said)
