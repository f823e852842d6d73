"""`liftledger verify` over what the ledger published: checkpoints, their signatures, the tree's tiles, the anchor."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from api import bootstrap
from api.client import Client
from audit.cosignatures import time_of
from audit.note import split_note
from audit.signatures import parse_line
from audit.whole import STRICT, Report
from domain.time import format_instant
from infrastructure.published import PublishedLog
from infrastructure.timestamping import Authority, Stamp, load_roots
from tests.e2e.test_commands import Commands
from tests.support.authority import OPENSSL, AuthorityFolder, answering
from tests.support.knocking import TIMEOUT_S, agent
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import Service, serve


@pytest.fixture(scope="module")
def stopped(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger of some hundred events with checkpoints and a full tile, whose processes have ended."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("published")) as service:
        insurer: Client = service.party("insurer")
        insurer.post_lines("/agents", [agent(insurer) for _ in range(300)])
        until(lambda: service.rows("SELECT count(*) FROM tiles") == [(1,)])
        insurer.post("/agents?wait=proof", agent(insurer))
        keys = httpx.get(f"{service.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()[1:]
        lines = "".join(f"log {key}\n" for key in keys)
        (service.settings.var / "policy.txt").write_text(f"{lines}quorum none\n")
        service.stop()
        yield service


Statement = str | tuple[str, tuple[object, ...]]


def policy(service: Service) -> Path:
    """The policy of somebody who believes the ledger's own keys."""
    return service.settings.var / "policy.txt"


def verified(
    service: Service, *statements: Statement, policy: Path | None = None, stamp_roots: Path | None = None
) -> Report:
    """Verify after changes that are taken back."""
    undo = []
    with service.owner() as connection:
        for table in ("checkpoints", "checkpoint_signatures", "checkpoint_stamps", "tiles"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type,unused-ignore] # names of a test
            connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")  # type: ignore[arg-type,unused-ignore] # names of a test
            undo += [f"DELETE FROM {table}", f"INSERT INTO {table} TABLE kept_{table}", f"DROP TABLE kept_{table}"]  # noqa: S608 - names of a test
        try:
            for statement in statements:
                query, parameters = (statement, None) if isinstance(statement, str) else statement
                connection.execute(query, parameters)  # type: ignore[arg-type,unused-ignore] # a literal of a test
            return bootstrap.verify(service.settings, policy=policy, stamp_roots=stamp_roots)
        finally:
            for statement in undo:
                connection.execute(statement)  # type: ignore[arg-type,unused-ignore] # names of a test


def test_what_was_published_holds(stopped: Service) -> None:
    """Sound checkpoints and tiles are no findings; a policy that believes them anchors all they cover, none nothing."""
    report = verified(stopped)
    assert set(report.counts) == {"unanchored"}
    assert report.counts["unanchored"] == report.size
    last = stopped.rows("SELECT max(size) FROM checkpoints")[0][0]
    anchored = verified(stopped, policy=policy(stopped))
    assert anchored.counts == Counter({"unanchored": report.size - last} if report.size > last else {})


@pytest.mark.parametrize(
    "statement,code",
    [("UPDATE checkpoints SET root = decode(repeat('00', 32), 'hex') WHERE size = (SELECT max(size) FROM checkpoints)",
      "checkpoint_signature"),
     # So far from its end the note is in the middle of its signature's base64.
     ("UPDATE checkpoints SET note = left(note, -40) || reverse(substr(right(note, 40), 1, 9)) || right(note, 31)",
      "checkpoint_signature"),
     ("UPDATE tiles SET hashes = overlay(hashes placing decode('00ff00ff', 'hex') from 100)", "tile"),
     ("UPDATE tiles SET root = decode(repeat('11', 32), 'hex')", "tile"),
     ("DELETE FROM tiles", "tile_missing"),
     ("INSERT INTO tiles SELECT level, 1, root, hashes FROM tiles", "tile_stray")],
)  # fmt: skip
def test_whatever_is_changed_is_named(stopped: Service, statement: str, code: str) -> None:
    """T1: an owner of the database who changes a checkpoint or a tile is found."""
    report = verified(stopped, statement)
    assert code in report.counts
    assert report.failed()


@pytest.mark.parametrize("which", ["max", "min"])
def test_a_checkpoint_that_was_taken_away_leaves_its_map_root(stopped: Service, which: str) -> None:
    """T1: each map root is the last leaf under one. A stop in between leaves that too: it is told, and no fault."""
    ((size,),) = stopped.rows(f"SELECT {which}(size) FROM checkpoints")  # noqa: S608 - min or max
    report = verified(stopped, ("DELETE FROM checkpoints WHERE size = %s", (size,)))
    told = [each.position for each in report.verdicts if each.code == "root_unpublished"]
    assert (told, report.counts["root_unpublished"], report.failed()) == ([size], 1, False)


def test_a_checkpoint_on_its_way_is_waited_for(stopped: Service) -> None:
    """Beside a ledger that runs, the newest map root is met before its checkpoint is stored."""
    with stopped.owner() as connection:
        sizes = [size for (size,) in connection.execute("SELECT size FROM checkpoints ORDER BY size")]
        beyond = sizes[-1] + 1
        published = PublishedLog(connection, stopped.origin, [])
        with connection.transaction(force_rollback=True):
            copied = "INSERT INTO checkpoints SELECT %s, root, note, made_at FROM checkpoints WHERE size = %s"
            looked: list[int] = []

            def stored(_seconds: float) -> None:
                looked.append(beyond)
                connection.execute(copied, (beyond, sizes[-1]))

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("infrastructure.published.time", SimpleNamespace(monotonic=time.monotonic, sleep=stored))
                assert list(published.unpublished([sizes[0], beyond])) == []
            assert looked == [beyond]


def test_tiles_that_are_stored_meanwhile_are_no_strays(stopped: Service) -> None:
    """A verification beside a ledger that runs meets tiles that were not there when it looked for them."""
    leaves = b"".join(leaf for (leaf,) in stopped.rows("SELECT leaf FROM events ORDER BY position"))
    with stopped.owner() as connection, connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE tiles DISABLE TRIGGER ALL")
        held = connection.execute("DELETE FROM tiles RETURNING level, index, root, hashes").fetchall()
        published = PublishedLog(connection, stopped.origin, [])
        published.add(leaves)
        connection.cursor().executemany("INSERT INTO tiles VALUES (%s, %s, %s, %s)", held)
        assert held
        assert list(published.finish()) == []


def later(service: Service, *, seconds: int = 0, flip: bool = False, told: int = 0) -> Statement:
    """Give a line of the ledger's cosigner as one that came later: of another time, broken, or its row not its own."""
    ((size, note),) = service.rows("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    name, key_id, signature = parse_line(split_note(note)[1][1])
    at = time_of(signature) + seconds
    changed = at.to_bytes(8, "big") + signature[8:-1] + bytes([signature[-1] ^ flip])
    line = f"\u2014 {name} {base64.b64encode(key_id + changed).decode()}"
    return "INSERT INTO checkpoint_signatures VALUES (%s, %s, %s, %s, %s)", (size, name, key_id, at + told, line)


def test_every_line_that_was_added_is_looked_at(stopped: Service) -> None:
    """T1: a broken line is found though a sound one came after it, and so is a row that tells of another line."""
    assert not verified(stopped, later(stopped)).failed()
    assert verified(stopped, later(stopped), later(stopped, seconds=-5)).counts["checkpoint_signature"] == 1
    assert "checkpoint_signature" in verified(stopped, later(stopped, flip=True)).counts
    assert verified(stopped, later(stopped, told=9)).counts["checkpoint_signature"] == 1


@pytest.mark.skipif(OPENSSL is None, reason="the authority of this test is the openssl command")
def test_time_stamps_are_held_to_their_checkpoints(stopped: Service, tmp_path: Path) -> None:
    """A real stamp over the checkpoint's note is no fault; with another checkpoint, or as any bytes, it is.

    Without a root it is noted that nobody looked at who made it, which fails a strict verification alone.
    """
    authority = AuthorityFolder(tmp_path / "tsa").make()
    notes = stopped.rows("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 2")
    with answering(authority) as url, httpx.Client(trust_env=False, timeout=TIMEOUT_S) as http:
        token = Authority(url, load_roots(authority.root), http).stamp(notes[0][1]).response

    def stamped(size: int, data: bytes) -> Report:
        row = (size, "authority.example", data, "2026-03-02T02:00:00.000000Z")
        return verified(stopped, ("INSERT INTO checkpoint_stamps VALUES (%s, %s, %s, %s)", row))

    sound = stamped(notes[0][0], token)
    assert (sound.failed(), sound.counts["stamp_unchecked"], sound.counts["checkpoint_stamp"]) == (False, 1, 0)
    strictly = {code for code in sound.counts if code in STRICT}
    assert (strictly, sound.failed(strict=True)) == ({"stamp_unchecked", "unanchored"}, True)
    for size, data in ((notes[1][0], token), (notes[0][0], token[:-9]), (notes[0][0], b"")):
        report = stamped(size, data)
        assert (report.counts["checkpoint_stamp"], report.failed()) == (1, True)


@pytest.mark.skipif(OPENSSL is None, reason="the authority of this test is the openssl command")
def test_time_stamps_are_held_to_their_authority(stopped: Service, tmp_path: Path) -> None:
    """Under roots, given or set, a stamp of theirs holds at its own time; a stranger's, or of another time, not."""
    authority, stranger = (AuthorityFolder(tmp_path / name).make() for name in ("tsa", "stranger"))
    ((size, note),) = stopped.rows("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    stamps = []
    for each in (authority, stranger):
        with answering(each) as url, httpx.Client(trust_env=False, timeout=TIMEOUT_S) as http:
            stamps.append(Authority(url, load_roots(each.root), http).stamp(note))
    root, other = (each.folder / "root.pem" for each in (authority, stranger))

    def kept(stamp: Stamp, at: str = "") -> Statement:
        row = (size, "authority.example", stamp.response, at or format_instant(stamp.at))
        return "INSERT INTO checkpoint_stamps VALUES (%s, %s, %s, %s)", row

    def found(statement: Statement, roots: Path) -> tuple[int, int]:
        counts = verified(stopped, statement, stamp_roots=roots).counts
        return counts["checkpoint_stamp"], counts["stamp_unchecked"]

    assert found(kept(stamps[0]), root) == (0, 0)
    assert found(kept(stamps[1]), root) == (1, 0), "over these very bytes, by nobody who is believed"
    assert found(kept(stamps[1]), other) == (0, 0)
    assert found(kept(stamps[0], "2020-01-01T00:00:00.000000Z"), root) == (1, 0)
    stopped.settings = stopped.settings.model_copy(update={"stamp_roots": other})
    try:
        assert verified(stopped, kept(stamps[0])).counts["checkpoint_stamp"] == 1, "the settings name another root"
        assert verified(stopped, kept(stamps[0]), stamp_roots=root).counts["checkpoint_stamp"] == 0
    finally:
        stopped.settings = stopped.settings.model_copy(update={"stamp_roots": None})
    command, key = Commands(stopped), authority.folder / "tsa.key"
    assert "integrity: holds" in command("verify", "--log-only", "--stamp-roots", str(root))
    assert "(roots_malformed)" in command("verify", "--log-only", "--stamp-roots", str(key), status=2)


def test_the_report_is_given_to_machines(stopped: Service) -> None:
    """`--json` prints one object with both verdicts, and nothing else on standard output."""
    plain = Commands(stopped)("verify", "--json")
    report = json.loads(plain[plain.index("{") :])
    assert (report["integrity"], report["completeness"], report["signatures"]) == (True, True, True)
    assert report["size"] == stopped.rows("SELECT max(position) FROM events")[0][0]
