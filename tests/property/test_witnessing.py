"""Laws of the witness: what it cosigned is one growing history, and nobody honest is proven guilty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from audit.contradictions import Contradiction, standing
from audit.errors import AuditError
from audit.heads import Head
from audit.merkle import verify_consistency
from audit.witnessing import Decision, SizeMoved, Submission, authenticate, decide
from tests.support.logs import ORIGIN, Log

SIZE_MAX: Final = 20
KEYS: Final = Log().keys
HASHES = st.binary(min_size=32, max_size=32)


@st.composite
def _histories(draw: st.DrawFn) -> tuple[Log, Log]:
    fork = draw(st.integers(0, SIZE_MAX))
    return Log(fork=fork), Log(fork=fork, history="another")


@st.composite
def _step(draw: st.DrawFn) -> tuple[int, int, int, int, list[bytes] | None]:
    """Which history, which size; from which size (−1: the right one), by which history's path or by nonsense."""
    nonsense = draw(st.none() | st.lists(HASHES, max_size=6))
    return (
        draw(st.integers(0, 1)), draw(st.integers(0, SIZE_MAX)), draw(st.integers(-4, SIZE_MAX)),
        draw(st.integers(0, 1)), nonsense,
    )  # fmt: skip


def _submission(
    logs: Sequence[Log], step: tuple[int, int, int, int, list[bytes] | None], last: int
) -> Submission:  # fmt: skip
    which, size, told, by, nonsense = step
    old = last if told < 0 else told
    path = nonsense if nonsense is not None else logs[by].path(old, size) if 0 < old < size else ()
    return Submission(old, tuple(path), logs[which].note(size))


def _answer(submission: Submission, stored: tuple[Head, str] | None) -> tuple[Head, Decision] | None:
    head = authenticate(Submission.parse(submission.encode()), {ORIGIN: KEYS})
    return (head, decide(submission, head, stored)) if isinstance(head, Head) else None


@given(_histories(), st.lists(_step(), max_size=12))
def test_what_is_cosigned_is_one_growing_history(
    logs: tuple[Log, Log], steps: list[tuple[int, int, int, int, list[bytes] | None]]
) -> None:
    """T3: of two histories under one key, in any order and with any paths, the witness follows one."""
    stored: tuple[Head, str] | None = None
    cosigned: list[Head] = []
    for step in steps:
        submission = _submission(logs, step, stored[0].size if stored else 0)
        answered = _answer(submission, stored)
        if answered is None:
            continue
        head, decision = answered
        if isinstance(decision.refusal, SizeMoved):
            assert decision.refusal.size == (stored[0].size if stored else 0)
        if decision.refusal is None:
            cosigned.append(head)
            stored = head, submission.note
    assert [head.size for head in cosigned] == sorted(head.size for head in cosigned)
    assert any(all(head.root == log.root(head.size) for head in cosigned) for log in logs)


@given(_histories(), st.lists(_step(), max_size=12))
def test_only_a_log_with_two_histories_is_proven_guilty(
    logs: tuple[Log, Log], steps: list[tuple[int, int, int, int, list[bytes] | None]]
) -> None:
    """A proof is kept exactly where the two notes are of different histories; an honest log is at most claimed."""
    stored: tuple[Head, str] | None = None
    for step in steps:
        submission = _submission(logs, step, stored[0].size if stored else 0)
        answered = _answer(submission, stored)
        if answered is None:
            continue
        head, decision = answered
        if decision.contradiction is not None and stored is not None:
            kept = Contradiction.parse(decision.contradiction.encode())
            one_history = any(
                (log.root(stored[0].size), log.root(head.size)) == (stored[0].root, head.root) for log in logs
            )
            assert not (one_history and standing(kept, KEYS) == "proven")
            assert standing(kept, KEYS) != "consistent"
        if decision.refusal is None:
            stored = head, submission.note


@given(_histories(), st.integers(1, SIZE_MAX), st.integers(1, SIZE_MAX), st.data())
def test_a_path_of_the_second_history_proves_it(
    logs: tuple[Log, Log], one: int, other: int, data: st.DataObject
) -> None:
    """From any size that is no power of two, the path by which a clone grew convicts it; a changed path never does."""
    old, new = sorted((one, other))
    first, second = logs
    path = list(second.path(old, new))
    pair = Contradiction.of_notes(first.note(old), second.note(new), tuple(path))
    same = first.root(old) == second.root(old)
    power = old & (old - 1) == 0
    wanted = "consistent" if same else "claimed" if power and old < new else "proven"
    assert standing(pair, KEYS) == wanted
    if path and not same:
        at = data.draw(st.integers(0, len(path) - 1))
        path[at] = data.draw(HASHES.filter(lambda node: node != path[at]))
        assert standing(Contradiction.of_notes(first.note(old), second.note(new), tuple(path)), KEYS) == "claimed"


@given(st.integers(1, SIZE_MAX), st.integers(0, SIZE_MAX), st.data())
def test_a_changed_body_is_never_taken_for_another_tree(size: int, old: int, data: st.DataObject) -> None:
    """Any byte of a submission changed: it is refused, or it still says exactly this checkpoint's tree."""
    log = Log()
    old = min(old, size)
    path = log.path(old, size) if 0 < old < size else ()
    body = bytearray(Submission(old, tuple(path), log.note(size)).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    try:
        submission = Submission.parse(bytes(body))
    except AuditError:
        return
    head = authenticate(submission, {ORIGIN: KEYS})
    if isinstance(head, Head):
        assert (head.size, head.root) == (size, log.root(size))
        if decide(submission, head, (log.head(old), log.note(old))).refusal is None:
            verify_consistency(old, size, submission.path, log.root(old), head.root)
