"""The memory of a witness: atomic, durable, never back, whatever dies in between."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infrastructure.errors import WitnessFolderBusy, WitnessFolderUnusable
from infrastructure.witness_store import KEPT_MAX, WitnessFolder

LOG = "ab" * 32
OTHER = "cd" * 32
ROOT = Path(__file__).parents[2]

# Counts up without end, a line for each number that is durable.
COUNTING = """
import sys
from pathlib import Path
from infrastructure.witness_store import WitnessFolder
folder = WitnessFolder.open(Path(sys.argv[1]))
while True:
    told = []
    def step(kept):
        told.append(int(kept or 0) + 1)
        return str(told[0]) + " " * 20_000 + str(told[0])
    def step_of_text(kept):
        return step(kept and kept.split()[0])
    folder.update("ab" * 32, step_of_text)
    print(told[0], flush=True)
"""


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    """Each log has a note of its own, closed to others, and it stays when nothing new is kept."""
    folder = WitnessFolder.make(tmp_path / "witness")
    assert folder.latest(LOG) is None
    seen: list[str | None] = []

    def step(kept: str | None) -> str | None:
        seen.append(kept)
        return "电梯\n" if kept is None else None

    for _ in range(3):
        WitnessFolder.open(tmp_path / "witness").update(LOG, step)
    assert seen == [None, "电梯\n", "电梯\n"]
    assert (folder.latest(LOG), folder.latest(OTHER)) == ("电梯\n", None)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "witness").rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "witness").rglob("*") if path.is_dir()} == {0o700}


def test_a_step_that_fails_leaves_the_old_note_and_the_lock_free(tmp_path: Path) -> None:
    """An error between looking and keeping keeps nothing, and the next one comes in."""
    folder = WitnessFolder.make(tmp_path)
    folder.update(LOG, lambda _: "first")

    def fail(_: str | None) -> str | None:
        raise LookupError

    with pytest.raises(LookupError):
        folder.update(LOG, fail)
    folder.update(LOG, lambda kept: f"{kept} second")
    assert folder.latest(LOG) == "first second"


def test_a_memory_that_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    """A witness whose folder is missing is refused: one that forgot would cosign a second history."""
    with pytest.raises(WitnessFolderUnusable):
        WitnessFolder.open(tmp_path / "nowhere")
    lost = WitnessFolder.make(tmp_path / "lost")
    shutil.rmtree(tmp_path / "lost" / "checkpoints")
    with pytest.raises(WitnessFolderUnusable):
        lost.update(LOG, lambda _: "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(WitnessFolderUnusable):
        WitnessFolder.make(tmp_path / "file")


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_only_hashes_name_logs(tmp_path: Path, name: str) -> None:
    """A name from a URL leads nowhere else."""
    folder = WitnessFolder.make(tmp_path)
    for use in (folder.latest, lambda log: folder.update(log, lambda _: "x")):
        with pytest.raises(WitnessFolderUnusable):
            use(name)
    with pytest.raises(WitnessFolderUnusable):
        folder.keep(name, b"")


def test_a_note_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """A damaged file is not taken for the absence of one."""
    folder = WitnessFolder.make(tmp_path)
    (tmp_path / "checkpoints" / LOG).write_bytes(b"\xff")
    with pytest.raises(WitnessFolderUnusable):
        folder.update(LOG, lambda _: "x")


def test_a_note_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """What cannot be made durable is not said to be."""
    folder = WitnessFolder.make(tmp_path)
    (tmp_path / "checkpoints" / f".{LOG}.new").mkdir()
    with pytest.raises(WitnessFolderUnusable):
        folder.update(LOG, lambda _: "x")
    assert folder.latest(LOG) is None


def test_threads_take_turns(tmp_path: Path) -> None:
    """No two of many threads ever see the same note: nothing is lost, nothing goes back."""
    folder = WitnessFolder.make(tmp_path)

    def count(_: int) -> None:
        folder.update(LOG, lambda kept: str(int(kept or 0) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(100)))
    assert folder.latest(LOG) == "100"


def test_a_holder_that_does_not_let_go_is_named_busy(tmp_path: Path) -> None:
    """Somebody who holds the lock for too long makes others give up, not wait for ever."""
    WitnessFolder.make(tmp_path)
    folder = WitnessFolder(tmp_path, lock_s_max=0.02)
    held = os.open(tmp_path / "checkpoints", os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(WitnessFolderBusy):
            folder.update(LOG, lambda _: "x")
        assert folder.latest(LOG) is None
    finally:
        os.close(held)
    folder.update(LOG, lambda _: "x")


def test_killed_processes_lose_nothing_and_go_nowhere_back(tmp_path: Path) -> None:
    """Of processes killed with -9 in the middle, every number told is kept, each once, and the note is whole."""
    folder = WitnessFolder.make(tmp_path)
    told: list[int] = []
    for _ in range(3):
        counters = [
            subprocess.Popen(
                [sys.executable, "-c", COUNTING, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        before = _number(folder)
        until = time.monotonic() + 20
        while _number(folder) < before + 20 and time.monotonic() < until:
            time.sleep(0.01)
        for counter in counters:
            counter.send_signal(signal.SIGKILL)
        for counter in counters:
            told += [int(line) for line in counter.communicate()[0].split()]
        assert max(told) <= _number(folder) <= max(told) + len(counters)
    assert len(told) == len(set(told)) >= 60 - 6


def _number(folder: WitnessFolder) -> int:
    first, last = (folder.latest(LOG) or "0 0").split()
    assert first == last, "a reader sees one note, whole"
    return int(first)


def test_evidence_is_kept_once_and_not_without_end(tmp_path: Path) -> None:
    """What is kept is never replaced, and a flood of claims leaves room for what is proven."""
    folder = WitnessFolder.make(tmp_path)
    assert folder.keep("proven-ab.json", b"first")
    assert not folder.keep("proven-ab.json", b"second")
    assert (tmp_path / "equivocations" / "proven-ab.json").read_bytes() == b"first"
    for number in range(KEPT_MAX):
        (tmp_path / "equivocations" / f"claimed-{number:x}.json").touch()
    assert not folder.keep("claimed-ffff.json", b"")
    assert folder.keep("proven-cd.json", b"")
