"""The list of maintenance visits and their sums: what the events say of each, put together by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from application.ids import new_name
from application.reading import visits
from application.reading.asking import Asking
from application.work import Author
from domain.aggregate import Event
from domain.errors import DomainError
from domain.lifts import Lift
from domain.maintenance import MaintenanceYear
from domain.time import civil_date, format_instant, parse_instant
from tests.support.kept import BEGUN, Kept, keeping
from tests.support.saving import TestLedger
from tests.support.seeding import seed
from tests.support.visiting import (
    AREA,
    BY_MAINTAINER,
    BY_SIGNER,
    BY_STRANGER,
    CODES,
    LIFT,
    MAINTAINER,
    OPERATOR,
    STRANGER,
    USE_UNIT,
    WORKERS,
    visited,
)

READER: Final = Author(OPERATOR, "operator")
COMPANY: Final = Author(USE_UNIT, "use_unit", key=new_name("key"))
CREW: Final = [*WORKERS, new_name("agent")]
DAYS: Final = ("2025-12-30", "2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01")


@pytest.fixture
def kept(scripted_ledger: TestLedger) -> Iterator[Kept]:
    """A workshop whose events are stored."""
    with keeping(scripted_ledger) as opened:
        yield opened


def another(kept: Kept) -> str:
    """Register another lift beside the workshop's."""
    lift = new_name("lift")
    said = {"id": lift, "variety": "3110", "area": AREA, "status": "in_use", "use_unit": USE_UNIT, "identifiers": []}
    seed(
        kept.book, Lift, lift, OPERATOR, Lift.Registered, {**said, "maintainer": MAINTAINER}, {"on": BEGUN[:10]}, BEGUN
    )
    return lift


def merged(kept: Kept, lift: str, into: str) -> None:
    """Let a record go up in another."""
    found = {"on": "2026-02-01", "into": into, "moved": []}
    seed(kept.book, Lift, lift, OPERATOR, Lift.MergedInto, {"into": into}, found, BEGUN)
    seed(
        kept.book, Lift, into, OPERATOR, Lift.Absorbed, {}, {"lift": lift, "on": "2026-02-01", "identifiers": []}, BEGUN
    )


def at_hand(rng: random.Random, lifts: Sequence[str]) -> dict[str, Any]:
    """Give a visit at some lift, at some quarter of some hour, that may want something."""
    said = visited(rng.choice(DAYS), lift=rng.choice(lifts), workers=rng.sample(CREW, rng.choice((1, 2, 2, 2))))
    begun = parse_instant(said["opened"]["opened_at"]) + timedelta(minutes=15 * rng.randrange(8))
    said["opened"] |= {"opened_at": format_instant(begun), "level": rng.choice(("HM", "HM", "TM"))}
    ended = begun + timedelta(minutes=rng.choice((0, 15, 30, 45, 90)))
    said["finished"]["finished_at"] = format_instant(ended)
    for node in said["record"]["nodes"]:
        node |= {"device_time": format_instant(begun), "distance_m": rng.choice((0, 0, 0, 900))}
    if rng.random() < 0.2:
        said["items"]["results"]["normal"] = CODES[1:]
    return said


def worked(kept: Kept, rng: random.Random, lifts: Sequence[str]) -> None:
    """Do one thing of what comes of visits; what is refused is no matter here."""
    known = [e for e in kept.book.log if isinstance(e, MaintenanceYear.Opened)]
    by = BY_STRANGER if rng.random() < 0.1 else BY_MAINTAINER
    kind, said = rng.choice("ssscvdoof"), at_hand(rng, lifts)
    of = rng.choice(known) if known else None
    here: dict[str, Any] = {}
    if of is not None:
        opened: Any = of.said
        here = {"lift": opened["lift"], "year": int(opened["opened_at"][:4]), "visit": opened["id"]}
    try:
        match kind:
            case "s":
                kept.book.act(by, "visit.submit", said)
            case "c" if here:
                kept.book.act(by, "visit.correct", {"corrects": {**here, "why": "typo"}, **said})
            case "v" | "f" if here:
                year = kept.book.state(MaintenanceYear, f"{here['lift']}/maintenance:{here['year']}")
                digest = year.visit(here["visit"]).digest
                signature = {**here, "digest": digest or "0" * 64, "signed_at": kept.book.now}
                kept.book.act(BY_SIGNER if kind == "v" else COMPANY, "visit.countersign", signature)
            case "d" if here:
                kept.book.act(COMPANY, "visit.dispute", {**here, "reason": "nobody_came"})
            case "o":
                place = {"lift": said["opened"]["lift"], "year": int(said["opened"]["opened_at"][:4])}
                nodes = {**place, "visit": said["opened"]["id"], **said["record"]}
                kept.book.act(rng.choice((BY_STRANGER, by)), "visit.nodes", nodes)
                kept.book.act(by, "visit.open", said["opened"])
            case _:
                return
    except DomainError:
        return


# ---------------------------------------------------------------------------------------------------- by hand


def record(name: str, of: Sequence[Event]) -> dict[str, Any]:
    """Put a visit together from its events."""
    (opening,) = (e for e in of if isinstance(e, MaintenanceYear.Opened))
    said: Any = opening.said
    own = [e for e in of if e.author.party == opening.author.party or not isinstance(e, MaintenanceYear.NodesReceived)]
    codes = sorted({found["code"] for e in own for found in e.found.get("findings", [])})
    ends = [e.said["finished_at"] for e in of if isinstance(e, MaintenanceYear.Finished) and e.said]
    signed = [e for e in of if isinstance(e, MaintenanceYear.Countersigned)]
    behalf = [e for e in signed if "on_behalf" in [found["code"] for found in e.found["findings"]]]
    person = [e for e in signed if e not in behalf]
    corrected = [e.found["corrected_by"] for e in of if isinstance(e, MaintenanceYear.Corrected)]
    known = (("corrected", corrected), ("signed", person), ("signed_on_behalf", behalf), ("ended", ends), ("open", [1]))
    return {
        "visit": name, "lift": said["lift"], "year": int(civil_date(said["opened_at"])[:4]),
        "maintainer": opening.author.party, "level": said["level"], "opened_at": said["opened_at"],
        "ended_at": next(iter(ends), None), "state": next(state for state, found in known if found),
        "signed_at": next((e.effective_at for e in person), None),
        "signer": next((e.author.agent for e in person), None),
        "signed_on_behalf_at": next((e.effective_at for e in behalf), None),
        "corrects": opening.found.get("corrects"), "corrected_by": next(iter(corrected), None),
        "disputes": sum(isinstance(e, MaintenanceYear.Disputed) for e in of), "findings": codes,
        "workers": said["workers"], "position": max(e.position or 0 for e in own if _tells(e)),
    }  # fmt: skip


def _tells(event: Event) -> bool:
    bulk = isinstance(event, MaintenanceYear.NodesReceived | MaintenanceYear.ItemsRecorded)
    return not bulk or bool(event.found["findings"])


def by_hand(events: Sequence[Event], alike: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Put all visits together; of the lifts `alike` each is the other."""
    of: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        if isinstance(event, MaintenanceYear.EVENTS):
            said: Any = event.said
            name = (
                said["id"] if isinstance(event, MaintenanceYear.Opened) else said.get("visit", event.found.get("visit"))
            )
            of.setdefault((event.originator_id, name), []).append(event)
    opened = {place: each for place, each in of.items() if any(isinstance(e, MaintenanceYear.Opened) for e in each)}
    rows = [record(name, each) for (_, name), each in opened.items()]
    for row in rows:
        row["elsewhere"] = sorted({w for other in rows for w in row["workers"] if _at_once(row, other, w, alike)})
    return sorted(rows, key=lambda row: row["opened_at"])


def _at_once(one: dict[str, Any], other: dict[str, Any], worker: str, alike: Sequence[str]) -> bool:
    same = one["lift"] == other["lift"] or {one["lift"], other["lift"]} <= set(alike)
    if same or worker not in other["workers"] or one["corrected_by"] or other["corrected_by"]:
        return False
    if one["ended_at"] is None or other["ended_at"] is None:
        return False
    return bool(one["opened_at"] < other["ended_at"] and other["opened_at"] < one["ended_at"])


def listed(kept: Kept, before: int, **query: str) -> list[dict[str, Any]]:
    """Give the list, page by page, with positions as the book counts them."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page: Any = visits.listed(Asking(kept.reads, READER, {}, {**query, **cursor}))
        found += [{**row, "position": row["position"] - before} for row in page["visits"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def added(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Add visits up."""
    stands = [row for row in rows if row["corrected_by"] is None]
    return {
        "visits": len(stands), "ended": sum(row["ended_at"] is not None for row in stands),
        "countersigned": sum(row["signed_at"] is not None for row in stands),
        "signed_on_behalf": sum(row["state"] == "signed_on_behalf" for row in stands),
        "disputed": sum(row["disputes"] > 0 for row in stands),
        "with_findings": sum(bool(row["findings"]) for row in stands),
        "corrected": len(rows) - len(stands),
    }  # fmt: skip


def grouped(rows: Sequence[dict[str, Any]], by: Sequence[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Add visits up by groups, under each finding by itself."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        day = civil_date(row["opened_at"])
        for code in (row["findings"] or [None]) if "finding" in by else [None]:
            told = {**row, "quarter": f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}", "finding": code}
            groups.setdefault(tuple(told[name] for name in by), []).append(row)
    return {group: added(of) for group, of in groups.items()}


@pytest.mark.parametrize("number", range(2))
def test_the_list_is_what_the_events_say(kept: Kept, number: int) -> None:
    """Of random visits of four lifts, two of which are one, at several knowledges, narrowed each way and added up."""
    rng = random.Random(number)
    lifts = [LIFT, another(kept), another(kept), another(kept)]
    alike = (lifts[2], lifts[3])
    merged(kept, *alike)
    stand = [len(kept.book.log)]
    kept.book.now = "2026-04-02T09:00:00.000000Z"
    for _ in range(3):
        for _ in range(30):
            worked(kept, rng, lifts)
        stand.append(len(kept.book.log))
    before = int(kept.keep()) - len(kept.book.log)
    whole = by_hand(kept.book.log, alike)
    assert {row["state"] for row in whole} == {"open", "ended", "signed", "signed_on_behalf", "corrected"}
    assert {"far_from_lift", "items_missing", "too_short"} <= {code for row in whole for code in row["findings"]}
    assert any(row["elsewhere"] for row in whole), "or the comparison would be one of nothing"
    key = lambda row: (row["opened_at"], row["visit"])  # noqa: E731 - both orders of what began at once are right
    for known in stand:
        rows = by_hand(kept.book.log[:known], alike)
        at = {"known_at": str(before + known)}
        found = listed(kept, before, limit="7", **at)
        assert [row["opened_at"] for row in found] == [row["opened_at"] for row in rows]
        assert sorted(found, key=key) == sorted(rows, key=key)
        narrowed: list[tuple[dict[str, str], Any]] = [
            ({"lift": lifts[1]}, lambda row: row["lift"] == lifts[1]),
            ({"maintainer": STRANGER}, lambda row: row["maintainer"] == STRANGER),
            ({"level": "TM", "state": "ended"}, lambda row: (row["level"], row["state"]) == ("TM", "ended")),
            ({"worker": CREW[0]}, lambda row: CREW[0] in row["workers"]),
            ({"finding": "far_from_lift"}, lambda row: "far_from_lift" in row["findings"]),
            ({"elsewhere": "true"}, lambda row: row["elsewhere"]),
            ({"since": "2026-01-01", "until": "2026-04-01"},
             lambda row: "2026-01-01" <= civil_date(row["opened_at"]) < "2026-04-01"),
            ({"area": AREA}, lambda row: row["lift"] in lifts),
            ({"area": "370103"}, lambda row: row["lift"] not in lifts),
        ]  # fmt: skip
        for query, holds in narrowed:
            assert sorted(listed(kept, before, **query, **at), key=key) == sorted(filter(holds, rows), key=key), query
            total = visits.summed(Asking(kept.reads, READER, {}, {**query, **at}))["total"]
            assert total == added([row for row in rows if holds(row)]), query
        for by in (*zip(visits.BY), ("maintainer", "quarter"), ("state", "finding")):
            answer: Any = visits.summed(Asking(kept.reads, READER, {}, {"by": ",".join(by), **at}))
            groups = {tuple(row.pop(name) for name in by): row for row in answer["rows"]}
            assert groups == grouped(rows, by), by
            assert answer["total"] == added(rows)


def test_groups_that_are_none_and_readers_of_nothing_are_refused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that visits have not, too many of them, a day that is none; and whoever reads no lift lists no visits."""
    kept.book.act(BY_MAINTAINER, "visit.submit", visited("2026-03-01"))
    kept.book.act(BY_MAINTAINER, "visit.submit", visited("2026-03-01", level="TM"))
    kept.keep()

    def refused(answer: Any, reader: Author = READER, **query: str) -> str:  # noqa: ANN401 - a use case
        with pytest.raises(DomainError) as error:
            answer(Asking(kept.reads, reader, {}, query))
        return error.value.code

    assert refused(visits.summed, by="insurer") == "by_malformed"
    assert refused(visits.listed, since="2026-02-30") == "date_malformed"
    for answer in (visits.listed, visits.summed):
        assert refused(answer, Author(new_name("party"), "broker")) == "right_missing"
    monkeypatch.setattr(visits, "GROUPS_MAX", 1)
    assert refused(visits.summed, by="level") == "groups_too_many"
