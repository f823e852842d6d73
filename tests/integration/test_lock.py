"""The lock on `var/`."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.errors import VarInUse, VarUnusable
from infrastructure.lock import held
from tests.support.accounts import as_user, needs_root

ROOT = Path(__file__).parents[2]


def test_holder_is_named(tmp_path: Path) -> None:
    """Whoever comes second is told who holds the folder, and may have it afterwards."""
    var = tmp_path / "a" / "var"
    with held(var):
        assert stat.S_IMODE(var.stat().st_mode) == 0o700
        with pytest.raises(VarInUse) as refused, held(var):
            pass
        assert refused.value.details == {"pid": os.getpid(), "folder": str(var)}
    with held(var):
        pass
    assert not list(var.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1, "start": "another-boot/1"}'])
def test_holder_may_be_unknown(tmp_path: Path, text: str) -> None:
    """Where the holder did not write down who it is, or no longer lives, it is refused without a number."""
    with held(tmp_path):
        (tmp_path / "holder.json").write_text(text)
        with pytest.raises(VarInUse) as refused, held(tmp_path):
            pass
        assert refused.value.details["pid"] is None


def test_killed_holder_lets_go(tmp_path: Path) -> None:
    """A holder that is killed with -9 holds nothing any more."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom infrastructure.lock import held\n"
        "with held(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, stdout=-1
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(VarInUse) as refused, held(tmp_path):
            pass
        assert refused.value.details["pid"] == holder.pid
        holder.kill()
    with held(tmp_path):
        pass


def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """A file cannot be held."""
    (tmp_path / "var").touch()
    with pytest.raises(VarUnusable), held(tmp_path / "var"):
        pass


@needs_root
def test_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """A folder that may be read but not written to cannot be held."""

    def hold() -> str:
        try:
            with held(Path("/usr")):
                return ""
        except VarUnusable as refused:
            return refused.code

    assert as_user("nobody", hold) == "var_unusable"
