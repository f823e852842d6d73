"""What an operator watches: how far the policy's quorum and each witness are, out of the database alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql

from application.watching import Cosigned, Witnessed
from audit.cosignatures import cosign, cosigner_vkey, time_of
from audit.keys import public_bytes
from audit.note import Checkpoint, vkey
from audit.policy import Opened, Policy, open_checkpoint
from audit.signatures import parse_line
from domain.time import format_instant
from infrastructure import checkpoint_store, watching
from infrastructure.checkpoint_store import Published, Signing
from infrastructure.checkpointer import Checkpointer
from infrastructure.connection import connect_reader
from infrastructure.watching import StoredWatch, witnessed
from tests.integration.test_checkpointer import VKEY, checkpointer, write
from tests.support.saving import ORIGIN, TestLedger

AT = 1_790_000_000
NAMES = ("regulator", "insurer", "auditor")
WITNESSES = {name: Ed25519PrivateKey.from_private_bytes(bytes([at]) * 32) for at, name in enumerate(NAMES, 20)}
LINES = "".join(f"witness {name} {cosigner_vkey(f'{name}.example', key)}\n" for name, key in WITNESSES.items())


def policy(quorum: str, log: str = VKEY) -> Policy:
    """A policy over the three witnesses."""
    return Policy.parse(f"log {log}\n{LINES}{quorum}\n".encode())


TWO = policy("group two 2 regulator insurer auditor\nquorum two")


@pytest.fixture
def published(ledger: TestLedger, tmp_path: Path) -> Iterator[Callable[[], Published]]:
    """Gives a next checkpoint each time it is called."""
    running: Checkpointer = checkpointer(ledger, tmp_path / "map")

    def publish() -> Published:
        write(ledger, 1)
        made = running.round()
        assert made is not None
        return made

    yield publish
    running.close()


def sign(ledger: TestLedger, made: Published, *names: str, at: int = AT, flip: bool = False) -> None:
    """Store the lines of these witnesses under a checkpoint."""
    with ledger.owner() as connection:
        for name in names:
            text = Checkpoint(ORIGIN, made.size, made.root).text()
            line = cosign(text, f"{name}.example", WITNESSES[name], at).rstrip("\n")
            key_name, key_id, signature = parse_line(line)
            if flip:
                line = line[:-8] + ("A" if line[-8] != "A" else "B") + line[-7:]
            checkpoint_store.store_signing(
                connection, made.size, Signing(key_name, key_id, time_of(signature), line)
            )  # fmt: skip


def seen(ledger: TestLedger, by: Policy = TWO) -> Witnessed:
    """Ask as a reader of a web worker does."""
    with connect_reader(ledger.database) as connection:
        return witnessed(connection, ORIGIN, by)


def test_the_greatest_checkpoint_with_the_quorum_is_found(
    ledger: TestLedger, published: Callable[[], Published]
) -> None:
    """Not the last one, nor one that enough witnesses have passed, each at another size; each one's last is told."""
    assert seen(ledger) == Witnessed(0, None, None, None, tuple(map(Cosigned, NAMES)))
    made = [published() for _ in range(5)]
    sign(ledger, made[0], "regulator", "insurer")
    sign(ledger, made[1], "regulator", "auditor", at=AT + 1)
    sign(ledger, made[2], "insurer", at=AT + 2)
    sign(ledger, made[3], "regulator", at=AT + 3)
    sign(ledger, made[3], "regulator", at=AT + 9)
    found = seen(ledger)
    assert (found.size, found.made_at, found.head) == (made[1].size, made[1].made_at, made[4].size)
    assert found.waiting == made[4].size - made[1].size
    told = {each.name: (each.size, each.at) for each in found.witnesses}
    at = [format_instant(datetime.fromtimestamp(AT + more, UTC)) for more in (9, 2, 1)]
    assert told == {
        "regulator": (made[3].size, at[0]), "insurer": (made[2].size, at[1]), "auditor": (made[1].size, at[2]),
    }  # fmt: skip


def test_since_when_the_quorum_is_awaited(ledger: TestLedger, published: Callable[[], Published]) -> None:
    """From the first event that it does not answer for, though the checkpoint before it is old and was enough then."""
    first, _ = published(), published()
    with ledger.owner() as connection:
        times: dict[int, str] = dict(connection.execute("SELECT position, recorded_at FROM events").fetchall())
    assert seen(ledger).waiting_since == times[1], "nobody answers for anything"
    sign(ledger, first, "regulator", "insurer")
    found = seen(ledger)
    assert found.waiting_since == times[first.size + 1]
    assert (found.waiting_s(times[first.size + 1]), found.age_s("2099-01-01T00:00:00.000000Z") or 0) > (0, 86_400)
    assert found.waiting_s(format_instant(datetime.fromisoformat(times[first.size + 1]).replace(year=2099))) > 86_400
    sign(ledger, published(), "regulator", "insurer")
    assert (seen(ledger).waiting, seen(ledger).waiting_since, seen(ledger).waiting_s("")) == (0, None, 0)


def test_what_does_not_verify_makes_no_quorum(ledger: TestLedger, published: Callable[[], Published]) -> None:
    """A line that was made up in the database does not count, nor a log's key that the policy does not have."""
    first, second = published(), published()
    sign(ledger, first, "regulator", "insurer")
    sign(ledger, second, "regulator")
    assert seen(ledger, policy("quorum none")).size == second.size
    sign(ledger, second, "insurer", flip=True)
    assert seen(ledger).size == first.size
    stranger = vkey(ORIGIN, public_bytes(WITNESSES["insurer"].public_key()))
    assert seen(ledger, policy("quorum regulator", stranger)).size is None


def test_a_witness_may_state_any_time(ledger: TestLedger, published: Callable[[], Published]) -> None:
    """A clock that is out of all calendars takes nobody's answer away."""
    made = published()
    sign(ledger, made, "regulator", at=2**62)
    sign(ledger, made, "insurer")
    found = seen(ledger)
    assert found.size == made.size
    assert found.witnesses[0] == Cosigned("regulator", made.size, None)


def ten_thousand_more(ledger: TestLedger, after: Published, like: Published, signed: LiteralString) -> None:
    """Publish as many checkpoints again after one, with those signatures of another that a condition names."""
    among = after.size + 1, after.size + 10_000
    copied = (
        "INSERT INTO checkpoints SELECT n, root, note, made_at"
        " FROM checkpoints, generate_series(%s::int, %s::int) n WHERE size = %s"
    )
    signing = sql.SQL(
        "INSERT INTO checkpoint_signatures SELECT n, name, key_id, signed_at, line FROM checkpoint_signatures,"
        " generate_series(%s::int, %s::int) n WHERE size = %s AND {}"
    ).format(sql.SQL(signed))
    with ledger.owner() as connection:
        connection.execute(copied, (*among, after.size))
        connection.execute(signing, (*among, like.size))


def test_few_checkpoints_are_looked_at(
    ledger: TestLedger, published: Callable[[], Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One witness that was silent for ten thousand checkpoints costs no look at them; the search has an end."""
    first = published()
    sign(ledger, first, "regulator", "insurer")
    last = published()
    ten_thousand_more(ledger, last, first, "name = 'regulator.example'")
    opened: list[str] = []

    def opening(note: str, by: Policy, origin: str) -> Opened:
        opened.append(note)
        return open_checkpoint(note, by, origin)

    monkeypatch.setattr(watching, "open_checkpoint", opening)
    assert seen(ledger).size == first.size
    assert len(opened) == 1
    opened.clear()
    assert seen(ledger, policy("quorum regulator")).size is None, "made up by the test: none of them verifies"
    assert len(opened) == watching.TRIES_MAX
    with connect_reader(ledger.database) as connection:
        plan = connection.execute(
            "EXPLAIN SELECT size, signed_at FROM checkpoint_signatures WHERE name = 'a' AND key_id = '\\x00'"
            " AND size <= 9 ORDER BY size DESC, signed_at DESC LIMIT 1"
        ).fetchall()
    assert "checkpoint_signatures_key" in str(plan)


def test_witnesses_that_alternate_for_long_hide_no_quorum(
    ledger: TestLedger, published: Callable[[], Published]
) -> None:
    """The last checkpoint that both signed is found, however many came since that only one of them signed, by turns."""
    first, last = published(), published()
    sign(ledger, first, "regulator", "insurer")
    ten_thousand_more(ledger, last, first, "(name = 'insurer.example') = (n %% 2 = 0)")
    with connect_reader(ledger.database) as connection:
        plan = connection.execute(
            "EXPLAIN SELECT size FROM checkpoint_signatures WHERE size <= 9 GROUP BY size"
            " HAVING bool_or(name = 'a') ORDER BY size DESC LIMIT 1"
        ).fetchall()
    assert seen(ledger).size == first.size
    assert "Backward using checkpoint_signatures_pkey" in str(plan)


@pytest.mark.parametrize(
    "quorum",
    [
        "quorum insurer", "group any any regulator insurer auditor\nquorum any",
        "group all all regulator insurer auditor\nquorum all",
        "group two all regulator insurer\ngroup either any two auditor\nquorum either",
        "group either any regulator insurer\ngroup both 2 either auditor\nquorum both",
    ],
)  # fmt: skip
def test_the_lines_that_make_a_quorum_are_those_of_the_policy(
    ledger: TestLedger, published: Callable[[], Published], quorum: str
) -> None:
    """The database and the policy say the same of every set of witnesses, groups of groups too."""
    by, made = policy(quorum), {}
    for number in range(2 ** len(NAMES)):
        names = {name for at, name in enumerate(NAMES) if number >> at & 1}
        each = published()
        sign(ledger, each, *sorted(names))
        made[each.size] = names
    with connect_reader(ledger.database) as connection:
        for most in made:
            enough = [size for size, names in made.items() if size <= most and by.is_satisfied(names)]
            assert checkpoint_store.last_cosigned(connection, by, most) == max(enough, default=None)


def test_an_answer_is_given_again_for_a_second(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks all the time asks the database once a second; without a policy nobody asks it at all."""
    monkeypatch.setattr("infrastructure.watching.FRESH_S", 60.0)
    asked: list[int] = []

    @contextmanager
    def reading() -> Iterator[psycopg.Connection]:
        asked.append(1)
        with connect_reader(ledger.database) as connection:
            yield connection

    watch = StoredWatch(lambda: None, ORIGIN, reading, TWO)
    assert watch.witnessed() == watch.witnessed() == seen(ledger)
    assert len(asked) == 1
    assert StoredWatch(lambda: None, ORIGIN, reading).witnessed() is None
    assert len(asked) == 1
