"""Which of the stored checkpoints is found, and whose later signature of one stands."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import psycopg
import pytest

from audit.note import Verifier
from audit.policy import Policy, Witness
from infrastructure import checkpoint_store
from infrastructure.checkpoint_store import Published, Signing
from tests.support.saving import TestLedger

ONE, OTHER = b"key1", b"key2"


def line(name: str, key_id: bytes, signature: str) -> str:
    """Give a signature's line; nobody verifies it here."""
    return f"— {name} {b64encode(key_id + signature.encode()).decode()}"


def made(size: int) -> Published:
    """Give a checkpoint that two keys of one name signed when it was published."""
    note = "\n".join([f"checkpoint of {size}", "", line("a", ONE, "first"), line("a", OTHER, "first"), ""])
    return Published(size, bytes([size]) * 32, note, f"2025-11-01T00:00:{size}.000000Z")


def later(name: str, key_id: bytes, signed_at: int) -> Signing:
    """Give a later signature."""
    return Signing(name, key_id, signed_at, line(name, key_id, f"at {signed_at}"))


@pytest.fixture
def stored(ledger: TestLedger) -> Iterator[psycopg.Connection]:
    """Three published checkpoints and their later signatures, none of which came in the order that is asked for."""
    with ledger.owner() as connection:
        for size in (20, 30, 10):
            checkpoint_store.store(connection, made(size))
        for size, name, key_id, signed_at in (
            (30, "a", ONE, 3), (30, "b", ONE, 2), (20, "b", ONE, 9), (20, "a", ONE, 9), (20, "a", OTHER, 7),
            (20, "a", ONE, 5), (10, "c", ONE, 1), (10, "a", ONE, 1),
        ):  # fmt: skip
            checkpoint_store.store_signing(connection, size, later(name, key_id, signed_at))
        yield connection


def test_a_checkpoint_is_found_by_its_size(stored: psycopg.Connection) -> None:
    """The greatest, the very one, the first that covers a position, the last until a size, and all of them in order."""
    assert checkpoint_store.latest(stored) == made(30)
    assert [checkpoint_store.at_size(stored, size) for size in (10, 20, 21)] == [made(10), made(20), None]
    first = [checkpoint_store.first_over(stored, position) for position in (1, 10, 11, 30, 31)]
    assert first == [made(10), made(10), made(20), made(30), None]
    last = [checkpoint_store.last_made_until(stored, size) for size in (9, 10, 29, 99)]
    assert last == [None, made(10), made(20), made(30)]
    for size in (2, 1):
        checkpoint_store.store(stored, made(size))
    for page in (1, 2, 5, 1_000):
        assert list(checkpoint_store.everyone(stored, page)) == [made(size) for size in (1, 2, 10, 20, 30)]


def test_one_checkpoint_is_published_of_a_size(stored: psycopg.Connection) -> None:
    """Two of them would be two histories: whoever comes second is told."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        checkpoint_store.store(stored, made(20)._replace(root=bytes(32)))
    assert checkpoint_store.at_size(stored, 20) == made(20)


def test_a_later_signature_stands_as_it_came_first(stored: psycopg.Connection) -> None:
    """Another line for the same second is not taken; those that newer ones replaced are kept."""
    checkpoint_store.store_signing(stored, 20, later("b", ONE, 9)._replace(line="another"))
    assert checkpoint_store.every_signing(stored, 20) == [
        later("a", ONE, 5), later("a", OTHER, 7), later("a", ONE, 9), later("b", ONE, 9)
    ]  # fmt: skip
    assert checkpoint_store.signings(stored, 20) == [later("a", OTHER, 7), later("a", ONE, 9), later("b", ONE, 9)]
    checkpoint_store.store_signing(stored, 20, later("a", OTHER, 8))
    assert checkpoint_store.signings(stored, 20)[0] == later("a", OTHER, 8), "in whatever order they came"


def test_a_note_is_given_with_the_newest_signature_of_each_key(stored: psycopg.Connection) -> None:
    """A key's later one replaces what it signed at first; another key of the same name keeps its own."""
    text, own, other = "checkpoint of 10\n", line("a", ONE, "first"), line("a", OTHER, "first")
    new = [later(name, key_id, at).line for name, key_id, at in (("a", OTHER, 7), ("a", ONE, 9), ("b", ONE, 9))]
    assert checkpoint_store.cosigned(stored, made(20)) == "\n".join(["checkpoint of 20\n", *new, ""])
    newest = [later("a", ONE, 1).line, later("c", ONE, 1).line]
    assert checkpoint_store.cosigned(stored, made(10)) == "\n".join([text, other, *newest, ""])
    unsigned = made(40)._replace(note=f"{text}\n{own}\n{other}\n")
    assert checkpoint_store.cosigned(stored, unsigned) == unsigned.note


def test_whose_signature_was_added_over_a_position_is_found_from_both_ends(stored: psycopg.Connection) -> None:
    """Each size once, however often a name signed it, and none that other names signed."""
    over, last = checkpoint_store.sizes_signed_over, checkpoint_store.last_sizes_signed
    for names, position, sizes in ((["a"], 10, [10, 20, 30]), (["a", "b"], 11, [20, 30]), (["c"], 1, [10]),
                                   (["b"], 30, [30]), (["d"], 1, [])):  # fmt: skip
        assert over(stored, position, names, 9) == sizes
        assert over(stored, position, names, 1) == sizes[:1]
        assert last(stored, position, names, 9) == sizes[::-1]
        assert last(stored, position, names, 1) == sizes[-1:]
    for names, size, beyond in ((["c"], 9, True), (["c"], 10, False), (["a", "c"], 29, True), (["a"], 30, False)):
        assert checkpoint_store.is_signed_beyond(stored, size, names) == beyond


def test_how_far_a_key_signed_is_its_own(stored: psycopg.Connection) -> None:
    """The greatest size up to a bound, with the newest time of that one; not another key's of the same name."""
    last = checkpoint_store.last_signing
    assert [last(stored, "a", ONE, *most) for most in ((), (29,), (20,), (19,), (9,))] == [
        (30, 3), (20, 9), (20, 9), (10, 1), None
    ]  # fmt: skip
    assert (last(stored, "a", OTHER), last(stored, "b", OTHER), last(stored, "c", ONE)) == ((20, 7), None, (10, 1))


def test_a_witness_signs_with_the_policys_key_alone(stored: psycopg.Connection) -> None:
    """A line of another key of its name, as of one that it had before, is none of the quorum."""
    witness = Witness("w", Verifier("b", OTHER, lambda *_: True))
    policy = Policy((), (witness,), (), witness.name)
    assert checkpoint_store.last_cosigned(stored, policy, 30) is None
    checkpoint_store.store_signing(stored, 10, later("b", OTHER, 9))
    assert [checkpoint_store.last_cosigned(stored, policy, most) for most in (9, 10, 30)] == [None, 10, 10]


def test_each_authority_stamps_a_checkpoint_once(stored: psycopg.Connection) -> None:
    """In the order of their names; a second stamp of one authority, or one of another checkpoint, is not given."""
    for size, authority, token in ((20, "b", b"2"), (20, "a", b"1"), (20, "a", b"3"), (10, "c", b"4")):
        checkpoint_store.store_stamp(stored, size, authority, token, "2025-11-01T00:00:00.000000Z")
    told = [(authority, token) for authority, token, _ in checkpoint_store.stamps(stored, 20)]
    assert told == [("a", b"1"), ("b", b"2")]
