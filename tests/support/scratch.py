"""Where tests keep their files: in memory, where the system has room for it.

Some hundred databases are made and dropped in a run, each of some hundred files. On a disk that costs as much as all
else that is tested: ext4, for one, looks long for places that were not freed just now. Whoever sets TMPDIR has his way.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder within is ours, and open as /tmp is
FREE_BYTES_MIN: Final = 4 << 30
"""What must be free there; a run of two processes takes up to one GiB."""
_OURS: Final = "liftledger."  # short: a socket's path has room for a hundred characters


def use_memory(memory: Path = MEMORY) -> Path | None:
    """Keep temporary files of this process and its children in memory; gives the folder, which is gone at the end.

    None where that is not to be: TMPDIR is set, there is no such place, or too little room in it.
    """
    if os.environ.get("TMPDIR") or not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < FREE_BYTES_MIN:
        return None
    _clear(memory)
    folder = memory / f"{_OURS}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o1777)  # as any folder for temporary files: some tests are other users for a while
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # whoever asked before is answered anew
    return folder


def _clear(memory: Path) -> None:
    """Remove what runs left that were killed."""
    for left in memory.glob(f"{_OURS}*"):
        pid = left.name.removeprefix(_OURS)
        if pid == str(os.getpid()) or not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)
