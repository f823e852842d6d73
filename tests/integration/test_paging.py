"""The pages of a list: one answer, whatever is written while they are turned, by cursors of that list alone."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from application.reading import claims, lifts, maintenance, policies
from application.reading.asking import Answer, Asking, Reads
from audit import canonical
from domain.errors import Invalid
from tests.support.history import Told, history
from tests.support.projecting import store
from tests.support.reading import OPERATOR, adopted, ask, project, reading
from tests.support.saving import TestLedger


@pytest.fixture
def reads(ledger: TestLedger) -> Iterator[Reads]:
    """The reading side of a ledger that holds a history, its read models up to date."""
    store(ledger, [*history(42, lifts=12), *adopted()])
    with reading(ledger) as opened:
        yield opened


@pytest.mark.parametrize(
    "member, question", [("lifts", lifts.listed), ("policies", policies.listed), ("claims", claims.register)]
)
def test_pages_are_one_answer_while_others_write(
    ledger: TestLedger, reads: Reads, member: str, question: Callable[[Asking], Answer]
) -> None:
    """Whatever is written while they are turned, pages are of what the first knew, at its time: none lost or twice."""
    page = first = question(ask(reads, limit="1"))
    cited = {name: first[name] for name in ("known_at", "effective_at") if name in first}
    rows = list(first[member])
    for seed in range(100, 200):
        if page["next"] is None:
            break
        store(ledger, [*history(seed, lifts=2), *_cancelled(rows[-1])])
        project(ledger)
        page = question(ask(reads, limit="1", cursor=page["next"]))
        assert {name: page[name] for name in cited} == cited
        rows += page[member]
    then = {"known_at": str(first["known_at"]["position"])}
    then |= {"effective_at": first["effective_at"]} if "effective_at" in first else {}
    whole = question(Asking(reads, OPERATOR, {}, then))[member]
    assert rows == whole
    assert len(rows) > 1


def _cancelled(row: dict[str, Any]) -> list[Told]:
    """End the policy of a row from the middle of its stretch on."""
    if row.get("state") != "issued":
        return []
    said = {"effective_on": "2025-03-02", "refund_fen": 0, "reason": "sold"}
    return [Told(row["policy"], "policy.Cancelled", said, {"transaction": 99, "refunds": {}}, None)]


@pytest.mark.parametrize("times", [(), ("effective_at",), ("known_at",), ("known_at", "effective_at")])
def test_the_times_that_the_first_page_was_asked_for_are_those_of_all(reads: Reads, times: tuple[str, ...]) -> None:
    """Whoever turns the pages need not say them again: what is effective, and what is judged as missing."""
    half = str(reads.log.head().size * 2 // 3)
    asked = {name: {"effective_at": "2025-06-15", "known_at": half}[name] for name in times}
    lift = lifts.listed(Asking(reads, OPERATOR, {}, {}))["lifts"][0]["lift"]
    for question, member, path in ((lifts.timeline, "entries", {"lift": lift}), (maintenance.neglected, "lifts", {})):
        whole = question(Asking(reads, OPERATOR, path, asked))
        page = question(Asking(reads, OPERATOR, path, {**asked, "limit": "1"}))
        rows = list(page[member])
        while page["next"] is not None:
            before, page = page, question(Asking(reads, OPERATOR, path, {"limit": "1", "cursor": page["next"]}))
            assert (page["judged_at"], page["known_at"]) == (before["judged_at"], before["known_at"])
            rows += page[member]
        assert rows == whole[member]
        assert not times or page["judged_at"] == whole["judged_at"]


def test_a_cursor_of_another_list_is_refused(ledger: TestLedger, reads: Reads) -> None:
    """A cursor that is none, is of another list, filter or thing, or is of what was never written or of no time."""
    of = "lift.list"
    made = lifts.listed(Asking(reads, OPERATOR, {}, {"limit": "1"}, of))["next"]
    held: Any = canonical.decode(urlsafe_b64decode(made + "=="))
    listed, position, now, *row = held
    assert lifts.listed(Asking(reads, OPERATOR, {}, {"cursor": made, "wait_for": "1", "limit": "7"}, of))["lifts"]
    forged: tuple[Any, ...] = (
        [listed, ledger.recorder.head().size + 1, now, *row], [listed, -1, now, *row], [listed, position, "x", *row],
        [listed, position, now, row[0]], [listed, position], [position, now, *row], [], {},
    )  # fmt: skip
    wrong = ["x", "W10", "WzFd", *(urlsafe_b64encode(canonical.encode(each)).decode() for each in forged)]
    cases = [(of, {"cursor": each}) for each in wrong]
    for question, query in (*cases, ("policy.list", {"cursor": made}), (of, {"cursor": made, "status": "in_use"})):
        with pytest.raises(Invalid) as refused:
            lifts.listed(Asking(reads, OPERATOR, {}, query, question))
        assert refused.value.code == "cursor_malformed"


def test_a_page_is_of_the_times_of_the_first(reads: Reads) -> None:
    """Times may be said again; others are refused, or a list would be put together of two states of the ledger."""
    of, head = "lift.list", reads.log.head().size
    asked = {"known_at": str(head - 1), "effective_at": "2025-06-15", "limit": "1"}
    first = lifts.listed(Asking(reads, OPERATOR, {}, asked, of))
    page = {"limit": "1", "cursor": first["next"]}
    second = lifts.listed(Asking(reads, OPERATOR, {}, page, of))
    again = [{name: asked[name]} for name in ("known_at", "effective_at")]
    again += [{"effective_at": first["effective_at"]}]
    assert all(lifts.listed(Asking(reads, OPERATOR, {}, page | times, of)) == second for times in again)
    earlier = ("known_at", "2020-01-01T00:00:00.000000Z")
    for name, other in (("known_at", str(head)), earlier, ("effective_at", "2025-06-16")):
        with pytest.raises(Invalid) as refused:
            lifts.listed(Asking(reads, OPERATOR, {}, page | {name: other}, of))
        assert (refused.value.code, refused.value.details) == ("cursor_malformed", {"name": name})


def test_a_page_may_say_the_instant_that_the_first_was_known_at(reads: Reads) -> None:
    """Also where more was recorded at that very instant since: it is the same knowledge that is asked for."""
    times = [_recorded_at(reads, position) for position in range(1, reads.log.head().size + 1)]
    sooner = next(position for position, (one, two) in enumerate(pairwise(times), 1) if one == two)
    instant = times[sooner - 1]
    first = lifts.listed(ask(reads, known_at=instant, limit="1"))
    assert first["known_at"]["position"] > sooner
    held: Any = canonical.decode(urlsafe_b64decode(first["next"] + "=="))
    older = urlsafe_b64encode(canonical.encode([held[0], sooner, *held[2:]])).decode()
    for cursor, position in ((first["next"], first["known_at"]["position"]), (older, sooner)):
        page = lifts.listed(ask(reads, known_at=instant, limit="1", cursor=cursor))
        assert page["known_at"] == {"position": position, "instant": instant}


def _recorded_at(reads: Reads, position: int) -> str:
    header: Any = canonical.decode(reads.log.select_log(position, 1)[0].header)
    recorded_at: str = header["recorded_at"]
    return recorded_at
