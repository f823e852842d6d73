"""The embedded PostgreSQL under `var/`: our own child, started, watched, waited for and stopped by us (Linux).

Only the binaries of the wheel are used. The server stands in its data folder (`-D /proc/self/cwd`) and binds its
socket there by a relative name, so that as root it may run under an unprivileged account inside a folder that only
root can enter, and no folder's mode is changed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from infrastructure import server_binaries, server_folder
from infrastructure.durable import make_folder, sync_folder
from infrastructure.errors import DataOfOtherMajor, PlatformUnsupported, ServerFailed, VarUnusable
from infrastructure.lock import held
from infrastructure.processes import (
    Account,
    await_end,
    birth,
    has_exited,
    signal_group,
    signal_one,
    spawn,
    working_in,
)
from infrastructure.server_binaries import Binaries

SUPERUSER = "postgres"
OWNER = "liftledger_owner"
DATABASE = "liftledger"

_LOG_BYTES_MAX = 16 * 1024 * 1024
_LOG_TAIL_BYTES = 4000
# A fast shutdown writes a checkpoint; after that long something is stuck and recovery at the next start is better.
_FAST_STOP_S_MAX = 60.0
_IMMEDIATE_STOP_S_MAX = 5.0
# A server that was never ready has nobody's transactions; told to stop while it starts, one was seen that did not.
_GIVEN_UP_S_MAX = 5.0
_CONNECT_S_MAX = 5


def _never() -> bool:
    return False


class EmbeddedServer:
    """One PostgreSQL over `var/postgresql`; whoever uses it MUST hold the lock on `var` (`infrastructure.lock`).

    `var` need not exist. `major` is 18 or 16. `account` names the user to run as when we are root; without it
    `liftledger`, `postgres` or `nobody`, whichever there is. `copies` is where root keeps binaries for that account.
    """

    def __init__(
        self,
        var: Path,
        *,
        major: int = 18,
        account: str | None = None,
        binaries: Binaries | None = None,
        copies: Path = server_binaries.COPIES,
    ) -> None:
        self._var = var.absolute()
        self._data = self._var / "postgresql"
        self._fresh = self._var / "postgresql.new"
        self._log = self._var / "postgresql.log"
        self._log_start = 0
        self._major = major
        self._wanted_account = account
        self._found_binaries = binaries
        self._copies = copies
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------------------------------------------ addresses

    def address(self, role: str, database: str) -> str:
        """Return a `postgresql://` URL over the socket, good for libpq, psycopg and, with its driver, SQLAlchemy.

        It is known before the server runs and stays the same for this `var`.
        """
        host = quote(str(server_folder.socket_folder(self._data)), safe="")
        return f"postgresql://{role}@/{database}?host={host}&port={server_folder.PORT}"

    @property
    def migration_url(self) -> str:
        """The ledger's database as its owner, who makes the tables and the roles of the processes that use them."""
        return self.address(OWNER, DATABASE)

    @property
    def admin_url(self) -> str:
        """The server's `postgres` database as superuser."""
        return self.address(SUPERUSER, "postgres")

    @property
    def pid(self) -> int | None:
        """The postmaster's process number while it is our living child."""
        return self._process.pid if self._process and self.alive() else None

    # ----------------------------------------------------------------------------------------------------------- life

    def prepare(self) -> None:
        """Make the data folder if there is none, clear what a killed predecessor left, set who may log in.

        Raises:
            PlatformUnsupported: not Linux.
            DataOfOtherMajor: the data need another PostgreSQL.
            VarUnusable, ServerAccountMissing, ServerBinariesMissing, ServerFailed: as their classes say.

        """
        if sys.platform != "linux":
            raise PlatformUnsupported("The embedded server needs Linux; set LIFTLEDGER_DATABASE_URL", os=sys.platform)
        if self.alive():
            raise ServerFailed("The server runs already", folder=str(self._data))
        try:
            make_folder(self._var)
            self._account = server_folder.server_account(self._data, self._wanted_account)
            self._clear()
            self._check_major()
            found = self._found_binaries or server_binaries.find(self._major)
            self._binaries = server_binaries.runnable_by(self._account, found, self._copies)
            if not self._data.exists():
                self._initialise(self._binaries)
            server_folder.write_access(self._data, self._account)
        except OSError as refused:
            raise VarUnusable(f"{self._var} cannot be used: {refused}", folder=str(self._var)) from refused

    def launch(self) -> None:
        """Start the postmaster without waiting for it; `prepare` MUST have been called, and none may be running.

        The server is stopped by the kernel (SIGINT: fast shutdown) when the calling thread ends.

        Raises:
            ServerFailed: it could not be started at all.

        """
        if self._binaries is None or self.alive():
            raise ServerFailed("The server is not prepared, or runs already", folder=str(self._data))
        self._clear()
        server_folder.link(self._data)
        try:
            with self._open_log() as log:
                self._process = spawn(
                    [self._binaries.program("postgres"), "-D", "/proc/self/cwd", *_flags(server_folder.FIXED)],
                    env=_ENVIRONMENT,
                    death_signal=signal.SIGINT,
                    folder=self._data,
                    output=log,
                    account=self._account,
                    umask=0o077,
                )
        except (OSError, subprocess.SubprocessError) as refused:
            raise ServerFailed(f"PostgreSQL could not be started: {refused}", log="") from refused

    def alive(self) -> bool:
        """Tell whether the postmaster is our child and lives; it need not be ready."""
        return self._process is not None and not has_exited(self._process)

    def ready(self) -> bool:
        """Tell whether the server says that it takes connections; until then it starts or recovers."""
        return self.alive() and server_folder.status(self._data) == (self.pid, "ready")

    def start(self, cancelled: Callable[[], bool] = _never) -> bool:
        """Prepare, launch and wait, without a limit, until recovery is over and the ledger's database is there.

        Returns False, with the server stopped, if `cancelled` came true meanwhile.

        Raises:
            InfrastructureError: whatever `prepare` and `launch` raise; ServerFailed also when the server ends.

        """
        self.prepare()
        self.launch()
        pause_s = 0.005
        while not (self.ready() and self._furnish()):
            if not self.alive():
                raise ServerFailed("PostgreSQL ended while it was starting", log=self.log_tail())
            if cancelled():
                self.stop(_GIVEN_UP_S_MAX)
                return False
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.25)
        return True

    def stop(self, fast_s_max: float | None = None) -> None:
        """Stop the server for good: fast, then at once, then by force; harmless when it does not run."""
        process, self._process = self._process, None
        if process is not None and not has_exited(process):
            fast_s = _FAST_STOP_S_MAX if fast_s_max is None else fast_s_max
            for number, seconds in ((signal.SIGINT, fast_s), (signal.SIGQUIT, _IMMEDIATE_STOP_S_MAX)):
                process.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
                    break
            else:
                signal_group(process, signal.SIGKILL)
                process.wait()
        self._clear()
        server_folder.unlink(self._data)

    def keep_reachable(self) -> None:
        """Renew the short link to the socket, which may lie where old files are swept away."""
        server_folder.link(self._data)

    def log_tail(self) -> str:
        """Return the end of what the server wrote since it was last launched."""
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(self._log_start, self._log.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
        return ""

    # --------------------------------------------------------------------------------------------------------- inside

    def _clear(self) -> None:
        """End every server process on our data that is not our living child, and drop half-made data."""
        _end_servers_in(self._data, self._account)
        if self._fresh.exists():
            _end_servers_in(self._fresh, self._account)
            shutil.rmtree(self._fresh)
        server_folder.drop_dead_locks(self._data)

    def _check_major(self) -> None:
        if not self._data.exists():
            return
        try:
            found = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise VarUnusable(f"{self._data} holds no PostgreSQL data", folder=str(self._data)) from None
        if found != str(self._major):
            raise DataOfOtherMajor(
                f"The data in {self._data} are PostgreSQL {found}'s, not {self._major}'s",
                found=found,
                wanted=str(self._major),
                upgrade=f"With LIFTLEDGER_POSTGRES_MAJOR={found}: liftledger backup FOLDER. "
                f"Move {self._data.name} aside. With {self._major}: liftledger restore FOLDER.",
            )

    def _initialise(self, binaries: Binaries) -> None:
        """Run initdb beside the place and move the result there, so that half a folder is never taken for data."""
        self._fresh.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(self._fresh, self._account.uid, self._account.gid)
        options = ["--locale=C", "--encoding=UTF8", "--data-checksums", f"--username={SUPERUSER}"]
        access = ["--auth-local=peer", "--auth-host=reject"]
        initdb = [binaries.program("initdb"), "-D", "/proc/self/cwd", *options, *access]
        with self._open_log() as log:
            child = spawn(
                [*initdb, *_flags(server_folder.TUNED)],
                env=_ENVIRONMENT,
                death_signal=signal.SIGKILL,
                folder=self._fresh,
                output=log,
                account=self._account,
                umask=0o077,
            )
            if child.wait() != 0:
                raise ServerFailed("initdb failed", log=self.log_tail())
        self._fresh.rename(self._data)
        sync_folder(self._var)

    @contextmanager
    def _open_log(self) -> Iterator[int]:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.1"))
        handle = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            self._log_start = os.fstat(handle).st_size
            yield handle
        finally:
            os.close(handle)

    def _furnish(self) -> bool:
        """Make the owner and the database if they are missing; False while the server does not take us."""
        try:
            with psycopg.connect(self.admin_url, autocommit=True, connect_timeout=_CONNECT_S_MAX) as connection:
                if connection.execute("select 1 from pg_roles where rolname = %s", [OWNER]).fetchone() is None:
                    # The owner makes the roles of the ledger's processes when it makes the tables.
                    connection.execute(sql.SQL("create role {} login createrole").format(sql.Identifier(OWNER)))
                if connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
                    names = sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    connection.execute(sql.SQL("create database {} owner {}").format(*names))
        except psycopg.OperationalError as refused:
            # libpq tells no SQLSTATE of a refused connection. While the server starts, recovers from a crash of one of
            # its children or stops, it says "the database system is …"; before its socket is there it says nothing.
            if "FATAL" not in str(refused) or "the database system is" in str(refused):
                return False
            raise ServerFailed(f"PostgreSQL refuses its own administrator: {refused}", log=self.log_tail()) from refused
        return True


def _flags(settings: dict[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


# Nothing of the caller's: PG* variables, locale and library paths would all change what the server does.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _end_servers_in(folder: Path, account: Account | None) -> None:
    """End whatever servers work in this folder: a postmaster fast or at once, children that lost theirs by force."""
    chief = birth(server_folder.status(folder)[0])
    if chief in working_in(folder, "postgres", account):
        for number, seconds in ((signal.SIGINT, _FAST_STOP_S_MAX), (signal.SIGQUIT, _IMMEDIATE_STOP_S_MAX)):
            signal_one(chief, number)
            if not await_end([chief], seconds):
                break
    # Without their postmaster the rest can only end; the log makes good what they leave undone. One killed a moment
    # ago may have had a child meanwhile, so look again until nobody is left.
    while left := working_in(folder, "postgres", account):
        for known in left:
            signal_one(known, signal.SIGKILL)
        await_end(left, _IMMEDIATE_STOP_S_MAX)


@contextmanager
def embedded_server(var: Path, *, major: int = 18, account: str | None = None) -> Iterator[EmbeddedServer]:
    """Hold `var`, run its server for as long as the block lasts, and stop it.

    Raises:
        InfrastructureError: the folder is in use, or the server cannot be started.

    """
    with held(var):
        server = EmbeddedServer(var, major=major, account=account)
        try:
            server.start()
            yield server
        finally:
            server.stop()
