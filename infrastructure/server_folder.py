"""The data folder of the embedded server: whose it is, who may log in, what always holds, where its socket is."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
from contextlib import suppress
from pathlib import Path

from infrastructure.errors import ServerAccountMissing, VarUnusable
from infrastructure.processes import Account, taken

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
# sockaddr_un.sun_path with its closing NUL (unix(7)).
_SOCKET_PATH_BYTES_MAX = 107
# Connection strings, SQLAlchemy's URLs and Alembic's ini each give a meaning to some other characters.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
_ACCOUNTS = ("liftledger", "postgres", "nobody")

# Whoever starts the service may be any role; everyone else is refused, also by name of the server's own account.
ACCESS = """\
# Written by LiftLedger at each start; changes here are lost.
local all all peer map=liftledger
local replication all peer map=liftledger
"""

# An operator may change these in postgresql.conf or with ALTER SYSTEM.
TUNED = {
    "max_connections": "60",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
}
# These are given on the command line, which nothing overrides.
FIXED = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "liftledger",
    "log_line_prefix": "%m [%p] ",
    # Statements and rows may hold personal data, which no log may.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


def operating_user() -> str:
    """Return the name of the user we are; PostgreSQL's peer authentication knows users by name alone.

    Raises:
        ServerAccountMissing: our number has no name, as in a container started with an arbitrary one.

    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ServerAccountMissing(
            f"User {os.geteuid()} has no name in /etc/passwd, which PostgreSQL needs", uid=os.geteuid()
        ) from None


def server_account(data: Path, wanted: str | None) -> Account | None:
    """Return who the server runs as: None for ourselves; as root the owner of the data, or an unprivileged account.

    Raises:
        ServerAccountMissing: we are root and there is no such account.
        VarUnusable: the data belong to someone that we cannot run the server as.

    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in {None, os.geteuid()}:
            raise VarUnusable(f"{data} belongs to another user", folder=str(data), owner=owner)
        return None
    if owner == 0:
        raise VarUnusable(f"{data} belongs to root, as whom PostgreSQL refuses to run", folder=str(data), owner=0)
    with suppress(KeyError):
        if owner is not None:
            return _account(pwd.getpwuid(owner))
    for name in (wanted,) if wanted else _ACCOUNTS:
        with suppress(KeyError):
            found = _account(pwd.getpwnam(name))
            if owner in {None, found.uid} and found.uid != 0:
                return found
    raise ServerAccountMissing(
        "Started as root, but there is no unprivileged account for the server; make one called liftledger",
        accounts=[wanted] if wanted else list(_ACCOUNTS),
    )


def _account(found: pwd.struct_passwd) -> Account:
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def write_access(data: Path, account: Account | None) -> None:
    """Let the user we are, and nobody else, log in over the socket.

    The folder belongs to the server's account, so names in it are never followed to somewhere else.
    """
    user = operating_user().replace('"', '""')
    wanted = {"pg_hba.conf": ACCESS, "pg_ident.conf": f'liftledger "{user}" all\n'}
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name, text in wanted.items():
            fresh = f"{name}.new"
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(fresh, flags, 0o600, dir_fd=folder), "w", encoding="utf-8") as file:
                file.write(text)
                if account is not None:
                    os.fchown(file.fileno(), account.uid, account.gid)
            os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def status(data: Path) -> tuple[int, str]:
    """Return the pid and the state word of `postmaster.pid`, (0, "") when there is none or it is half written.

    The eighth line is `starting`, `ready` or `stopping` (miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
    """
    with suppress(OSError, ValueError, IndexError):
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004 - the eighth line
    return 0, ""


def drop_dead_locks(data: Path) -> None:
    """Drop the lock files of a killed server whose number somebody bears; MUST be called when no server works there.

    PostgreSQL takes whoever bears it for the living server and does not start: a stranger who got the number since, or
    the zombie of the old postmaster, which whoever inherited it may reap late.
    """
    for lock in (data / "postmaster.pid", data / f"{SOCKET}.lock"):
        with suppress(FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            # A stand-alone backend writes its number negated (miscinit.c, CreateLockFile).
            pid = abs(int(lock.read_text(encoding="utf-8", errors="replace").splitlines()[0]))
            if taken(pid):
                lock.unlink()


def socket_folder(data: Path) -> Path:
    """Return the folder to name in connection strings: the data folder, or a short link to it.

    The server binds its socket by a relative path; only clients have to spell it, in 107 bytes at the most.
    """
    place = data.absolute()
    spelt = str(place / SOCKET)
    if len(os.fsencode(spelt)) <= _SOCKET_PATH_BYTES_MAX and _PLAIN_PATH.fullmatch(spelt):
        return place
    return _links() / hashlib.sha256(os.fsencode(place)).hexdigest()[:16]


def _links() -> Path:
    uid = os.geteuid()
    return Path("/run/liftledger" if uid == 0 and os.access("/run", os.W_OK) else f"/tmp/liftledger-{uid}")  # noqa: S108 - link() refuses a folder that is not ours alone


def link(data: Path) -> None:
    """Make or renew the short link to the data folder where one is needed; cheap when it is there.

    Raises:
        VarUnusable: the folder of links belongs to, or could be written to by, someone else.

    """
    short, place = socket_folder(data), data.absolute()
    if short == place:
        return
    links = short.parent
    with suppress(FileExistsError):
        links.mkdir(mode=0o700)
    found = links.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise VarUnusable(f"{links} must be a folder that only this user can write to", folder=str(links))
    with suppress(OSError):
        if short.readlink() == place:
            return
    fresh = short.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(place)
    fresh.replace(short)


def unlink(data: Path) -> None:
    """Take the short link away again."""
    short = socket_folder(data)
    if short != data.absolute():
        short.unlink(missing_ok=True)
