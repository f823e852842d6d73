"""The word that nothing is signed, in a folder: what it keeps, and when it is taken back."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from application.errors import RolledBack
from infrastructure import halting
from infrastructure.halting import HALT, Reached, go_on, halt, halted, reached, remember, told
from infrastructure.lock import held

WHY = RolledBack("behind", size=1, seen=2)


def test_a_halt_keeps_since_when_and_all_that_was_reached(tmp_path: Path) -> None:
    """Another reason replaces the first; the time it began, and what each process saw, only grow."""
    assert told(tmp_path) is None
    remember(tmp_path, Reached(9, bytes(32)))
    go_on(tmp_path)
    assert list(tmp_path.iterdir()) == [], "nobody is halted by what is remembered"
    halt(tmp_path, WHY)
    first = told(tmp_path)
    assert first is not None
    assert (first.message, first.details) == ("behind", {"size": 1, "seen": 2})
    seen = [Reached(2, bytes(32)), Reached(2, bytes([1]) * 32), Reached(3, bytes(32))]
    for each in (*seen, seen[0]):
        remember(tmp_path, each)
    halt(tmp_path, RolledBack("still behind", size=1, seen=3))
    again = told(tmp_path)
    assert again is not None
    assert (again.since, again.message) == (first.since, "still behind")
    assert reached(tmp_path) == seen


def test_a_halt_is_not_taken_back_past_what_was_added_meanwhile(tmp_path: Path) -> None:
    """Whoever lifts it says what he compared with; what a process added since holds it."""
    halt(tmp_path, WHY)
    remember(tmp_path, Reached(2, bytes(32)))
    go_on(tmp_path)
    assert halted(tmp_path) is not None
    go_on(tmp_path, [Reached(2, bytes(32)), Reached(1, bytes(32))])
    assert halted(tmp_path) is None


def test_one_process_at_a_time_changes_the_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its reading to its writing nobody else may come between; it and its lock are for their owner alone."""
    changed: list[str] = []

    def alone(change: Callable[..., object]) -> Callable[..., object]:
        def changing(*args: object, **more: object) -> object:
            with (tmp_path / ".halt.lock").open() as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            changed.append(change.__name__)
            return change(*args, **more)

        return changing

    monkeypatch.setattr(halting, "_write", alone(halting._write))  # noqa: SLF001 - the last step of a change
    monkeypatch.setattr(Path, "unlink", alone(Path.unlink))
    halt(tmp_path, WHY)
    remember(tmp_path, Reached(2, bytes(32)))
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    go_on(tmp_path, [Reached(2, bytes(32))])
    assert (changed[0], changed[-1]) == ("_write", "unlink")


def test_a_word_that_was_taken_back_meanwhile_is_not_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever saw it and waited for his turn finds it gone: nobody is halted by what he would add, or take back."""
    turn = halting._alone  # noqa: SLF001 - where changes wait for one another

    @contextmanager
    def later(folder: Path) -> Iterator[None]:
        with turn(folder):
            (folder / HALT).unlink()
            yield

    for change in (partial(remember, new=Reached(2, bytes(32))), go_on):
        halt(tmp_path, WHY)
        with monkeypatch.context() as patch:
            patch.setattr(halting, "_alone", later)
            change(tmp_path)
        assert halted(tmp_path) is None


def test_a_folder_that_the_supervisor_holds_is_halted_all_the_same(tmp_path: Path) -> None:
    """Keys may lie in `var` itself, on which the supervisor has its lock for as long as it runs."""
    with held(tmp_path):
        halt(tmp_path, WHY)
        assert halted(tmp_path) is not None
        go_on(tmp_path)
    assert halted(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"message": 1, "details": [], "reached": 7}'])
def test_a_torn_word_halts_all_the_same(tmp_path: Path, text: str) -> None:
    """What cannot be read stops signing too, and can be replaced."""
    (tmp_path / HALT).write_text(text)
    assert isinstance(halted(tmp_path), RolledBack)
    assert reached(tmp_path) == []
    halt(tmp_path, WHY)
    found = told(tmp_path)
    assert found is not None
    assert (found.message, found.since is not None) == ("behind", True)
