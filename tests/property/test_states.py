"""What a verification keeps: going on from it comes to the verdicts of one over all, and it is refused when it lies."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import StateRefused
from audit.headmap import HeadMap
from audit.histories import HISTORY_SUBJECTS, read_histories
from audit.merkle import Frontier
from audit.note import Checkpoint
from audit.pages import EventRow, KeyHistory
from audit.states import Retraced, State
from audit.whole import Report, Totals, Whole
from tests.support.stored import Stored, worked_ledger
from tests.support.story.whole import performed


@cache
def story() -> Stored:
    """Give the rows of the whole story."""
    return performed().stored()


def without_rest(report: Report) -> Report:
    """Give a report that does not say what it rests on."""
    return replace(report, rests_on=None)


@pytest.mark.parametrize("signatures", [True, False])
def test_resumed_is_whole_at_every_end_of_the_worked_ledger(*, signatures: bool) -> None:
    """Wherever a save ends, going on from there finds what a verification of all finds, and says what it rests on."""
    stored = worked_ledger()
    whole = stored.verify(signatures=signatures)
    for cut in stored.ends():
        resumed = stored.verify_resumed(cut, page=2, signatures=signatures)
        assert resumed.rests_on == cut
        assert without_rest(resumed) == whole, cut


@settings(max_examples=25)
@given(place=st.floats(0, 1), page=st.sampled_from([20, 1000]))
def test_resumed_is_whole_in_the_story(place: float, page: int) -> None:
    """The same holds for the story of every action, unless a key was reported compromised since from a time before."""
    stored = story()
    ends = stored.ends()
    cut = ends[int(place * (len(ends) - 1))]
    if compromised_behind(stored, cut):
        with pytest.raises(StateRefused, match="compromised"):
            stored.verify_resumed(cut, page=page)
    else:
        assert without_rest(stored.verify_resumed(cut, page=page)) == whole_story()


@cache
def whole_story() -> Report:
    """Verify the whole story."""
    return story().verify()


def compromised_behind(stored: Stored, cut: int) -> bool:
    """Say whether an event after the cut says of a key registered before it that it was compromised by then."""
    rows = [row for row in stored.events if row.stream.startswith(HISTORY_SUBJECTS)]
    contexts = [
        read_histories(stored.origin, ((row.position, row.header, row.body) for row in rows if row.position <= last))[0]
        for last in (cut, len(stored.events))
    ]
    recorded = stored.events[cut - 1].recorded_at
    return any(
        (since := contexts[1].keys[name].compromised_since) is not None and since <= recorded
        and key.compromised_since is None
        for name, key in contexts[0].keys.items()
    )  # fmt: skip


@cache
def kept() -> tuple[State, bytes]:
    """Keep a verification of the worked ledger's structure; give it and its file."""
    stored = worked_ledger()
    context, _ = read_histories(stored.origin, ((row.position, row.header, row.body) for row in stored.events[:1]))
    tree, heads = Frontier(row.leaf for row in stored.events), HeadMap([("ledger", 1, stored.events[0].leaf.hex())])
    state = State(
        origin=context.origin, size=len(stored.events), tree=tree.to_bytes(), signatures=True, compromised={},
        recorded=stored.events[-1].recorded_at, versions={"ledger": 1}, heads={"ledger": (1, "00")}, moved=["ledger"],
        roots=[3], map=heads, sources=[(1, 2)], commands=[2**63], cited=["ab"], numbers={},
        agents={"agent": ("party", 3)}, ended={"agent": [5]}, keys=[2],
        tallies={"events": 7}, counts={"late": 1}, kept={"late": 1}, verdicts=[],
    )  # fmt: skip
    file = io.BytesIO()
    state.dump(file)
    return state, file.getvalue()


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_file_is_refused(data: st.DataObject) -> None:
    """Whichever byte is changed, cut off or added, the file is refused with one of two codes."""
    _, whole = kept()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    damaged = data.draw(st.sampled_from([whole[:at], whole[:at] + flipped + whole[at + 1 :], whole + flipped]))
    with pytest.raises(StateRefused) as refused:
        State.load(io.BytesIO(damaged))
    assert refused.value.code in {"state_format", "state_damaged"}


def test_a_file_is_read_as_it_was_written() -> None:
    """Every member comes back, also what JSON has no words for."""
    state, data = kept()
    read = State.load(io.BytesIO(data))
    assert replace(read, map=state.map) == state
    assert read.map.root() == state.map.root()


@settings(max_examples=200)
@given(data=st.data())
def test_a_log_changed_behind_the_cut_is_refused(data: st.DataObject) -> None:
    """Any flipped bit of an event's row, and any event left out, repeated or moved, is not what was verified."""
    state, _ = kept()
    rows = list(worked_ledger().events)
    at = data.draw(st.integers(0, len(rows) - 1))
    match name := data.draw(st.sampled_from([*EventRow._fields, "dropped", "twice", "end"])):
        case "dropped":
            del rows[at]
        case "twice":
            rows.insert(at, rows[at])
        case "end":
            del rows[at:]
        case _:
            cells = rows[at]._asdict()
            cells[name] = _changed(cells[name] or b"\0", data.draw(st.integers(0, 2**20)))
            rows[at] = EventRow(**cells)
    with pytest.raises(StateRefused) as refused:
        retrace(state, rows)
    assert refused.value.code == "state_log_differs"


def retrace(state: State, rows: list[EventRow]) -> None:
    """Follow rows again."""
    retraced = Retraced(state)
    retraced.add(rows)
    retraced.finish()


def _changed(value: int | str | bytes, at: int) -> int | str | bytes:
    """Flip a bit of a cell."""
    if isinstance(value, int):
        return value ^ 1
    data = value if isinstance(value, bytes) else value.encode()
    at %= len(data)
    flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    return flipped if isinstance(value, bytes) else flipped.decode()


def test_a_body_is_held_by_its_own_digest() -> None:
    """Bytes whose digest the header names elsewhere, as its evidence, do not stand for its body."""
    stored = worked_ledger()
    row = stored.events[0]
    evidence = next(data for digest, (_, data) in stored.evidence.items() if digest.encode() in row.header)
    with pytest.raises(StateRefused):
        Retraced(kept()[0]).add([row._replace(body=evidence)])


def test_checkpoints_behind_the_cut_are_held_against_the_tree() -> None:
    """One that the tree does not pass through is named by its size; one that it does is not."""
    state, _ = kept()
    rows = worked_ledger().events
    leaves = [row.leaf for row in rows]
    known = [Checkpoint(state.origin, size, Frontier(leaves[:size]).root()) for size in range(1, len(rows) + 1)]
    known[2] = replace(known[2], root=bytes(32))
    retraced = Retraced(state, known)
    assert retraced.add(rows) == b"".join(leaves)
    retraced.finish()
    assert retraced.differing == [3]


def test_a_state_must_fit() -> None:
    """Another ledger, another scope, a shorter log and a key reported compromised since are refused by their codes."""
    state, _ = kept()
    stored = worked_ledger()
    context, _ = read_histories(stored.origin, ((row.position, row.header, row.body) for row in stored.events))
    state.check_fits(context, state.size, signatures=True)
    key = KeyHistory("party:a", "party:o", {}, 1, state.size + 1, state.recorded)
    for code, other, size, signatures in (
        ("state_of_another", replace(context, origin="other.example/x"), state.size, True),
        ("state_scope", context, state.size, False),
        ("state_log_differs", context, state.size - 1, True),
        ("state_contested", replace(context, keys={"key:a": key}), state.size, True),
    ):
        with pytest.raises(StateRefused) as refused:
            state.check_fits(other, size, signatures=signatures)
        assert refused.value.code == code
    structure = replace(state, signatures=False)
    structure.check_fits(replace(context, keys={"key:a": key}), state.size, signatures=False)
    late = replace(context, keys={"key:a": key._replace(compromised_since="9999-01-01T00:00:00.000000Z")})
    state.check_fits(late, state.size, signatures=True)
    replace(state, compromised={"key:a": state.recorded}).check_fits(
        replace(context, keys={"key:a": key}), state.size, signatures=True
    )


def test_rows_that_went_behind_the_cut_are_missed() -> None:
    """Fewer receipts, commands or pieces of evidence than were met before are missing, though nobody looks there."""
    state, _ = kept()
    met = replace(state, tallies=Counter(receipts=3, commands=2, evidence=4))
    report = Whole.from_state(met).finish(Totals(1, 1, 0, 2), state.keys)
    assert {code: report.counts[code] for code in report.counts if code.endswith("_missing")} == {
        "receipt_missing": 2, "command_missing": 1, "evidence_missing": 3,
    }  # fmt: skip
