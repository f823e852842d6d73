"""A batch settles saves one after another: who loses fails alone and changes nothing; the next sees who won."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.errors import CommandReused, ReadMoved, SourceTaken, TokenLate, TooLarge, Unforeseen, VersionMoved
from application.saves import (
    BODY_BYTES_MAX,
    EVENTS_PER_SAVE_MAX,
    HEADER_BYTES_MAX,
    IAT_SKEW_MAX_S,
    READS_MAX,
    SAVE_BYTES_MAX,
    Act,
    NewEvent,
    RequestLine,
    Save,
    SealedValue,
    SourceKey,
)
from audit import merkle
from domain.time import parse_instant
from infrastructure.receipts import ReceiptSigner
from infrastructure.settling import AlreadyStored, Batch, CommandState, Heads, Questions, check_limits, request_of
from tests.support.saving import ORIGIN, PARTY, RECEIPT_SEED, act, command, event, lift, save

NOW: Final = "2025-11-01T08:00:00.000000Z"
NOW_S: Final = int(parse_instant(NOW).timestamp())
SIGNER: Final = ReceiptSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(RECEIPT_SEED))
PERSON: Final = "person:1bb1c4a2-7f9c-4a75-9d39-0d4de5a1f1a7"
SEALED: Final = SealedValue(PERSON, "ab" * 32, b"sealed")


def heads(**changes: Any) -> Heads:  # noqa: ANN401 - members by name
    """Give the heads of an empty log, with these changes."""
    nobody: tuple[int, str | None] = (0, None)
    empty = Heads(0, "", merkle.Frontier(), defaultdict(int), defaultdict(lambda: nobody), {}, {}, {})
    return replace(empty, **changes)


def batch(of: Heads | None = None, signer: ReceiptSigner | None = SIGNER) -> Batch:
    """Begin a batch on these heads."""
    return Batch(ORIGIN, of or heads(), NOW, signer)


def source(stream: str, number: str = "1") -> SourceKey:
    """Give an author's own number of a record."""
    return SourceKey(PARTY, "erp", "lift", number, stream)


def standing(of: Batch) -> tuple[object, ...]:
    """Give all that the next save is settled on; of streams that hold nothing, nothing."""
    found = of.heads
    chains, versions = ({name: at for name, at in each.items() if at not in {0, (0, None)}}
                        for each in (found.chains, found.versions))  # fmt: skip
    return found.position, found.frontier.to_bytes(), chains, versions, dict(found.sources), dict(found.keys)


def header(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read a header."""
    return json.loads(data)


def test_each_save_stands_on_the_one_before() -> None:
    """Positions, versions, chains and the tree go on from save to save, and from a save's event to its next."""
    one, other = lift(), lift()
    settled = batch()
    first = settled.settle(save(event(one), event(f"{one}/claim:1"), event(other)))
    second = settled.settle(save(event(one, 2), event(other, 2), event(one, 3)))
    events = [*first.events, *second.events]
    leaves = [each.leaf for each in events]
    told = [header(each.header) for each in events]
    assert [(h["position"], h["version"], h["seq"]) for h in told] == [
        (1, 1, 1), (2, 1, 2), (3, 1, 1), (4, 2, 3), (5, 2, 2), (6, 3, 4),
    ]  # fmt: skip
    assert [h["prev"] for h in told] == [None, leaves[0].hex(), None, leaves[1].hex(), leaves[2].hex(), leaves[3].hex()]
    assert (first.first, second.first, settled.heads.position, settled.waiting) == (1, 4, 6, 6)
    assert settled.heads.frontier.root() == merkle.root(leaves)
    assert second.receipt == SIGNER.sign(4, leaves[3:])
    part = settled.take()
    assert part is not None
    assert (part.first, [each[:2] for each in part.receipts]) == (1, [(1, 3), (4, 3)])
    assert part.frontier == settled.heads.frontier.to_bytes()
    assert [row.first for row in part.commands] == [1, 4]
    assert (settled.take(), settled.waiting, settled.writes) == (None, 0, True)
    settled.settle(save(event(lift())))
    part = settled.take()
    assert part is not None
    assert (part.first, len(part.rows), len(part.saves), len(part.commands)) == (7, 1, 1, 1)


def test_what_is_stored_is_what_is_answered() -> None:
    """The rows of a part and the answer are of the same events; times that an event does not state are the ledger's."""
    settled = batch()
    of = command(group=2, groups=3)
    known = replace(event(lift()), effective_at="2025-10-01T00:00:00.000000Z")
    events = (event(lift()), known)
    settled.settle(save(event(lift())))
    saved = settled.settle(given := save(*events, act=act(of), outcome=b'{"refused":[]}'))
    assert (saved.command, saved.group, saved.groups, saved.outcome) == (of.id, 2, 3, given.outcome)
    assert [each.position for each in saved.events] == [2, 3]
    told = [header(each.header) for each in saved.events]
    assert [each["effective_at"] for each in told] == [NOW, known.effective_at]
    assert {each["recorded_at"] for each in told} == {saved.recorded_at} == {NOW}
    part = settled.take()
    assert part is not None
    assert part.rows[1:] == [
        (str(new.originator_id), 1, 1, new.topic, stored.header, new.state, merkle.leaf_hash(stored.header))
        for new, stored in zip(events, saved.events, strict=True)
    ]
    assert [stored.leaf for stored in saved.events] == [row.leaf for row in part.rows[1:]]
    assert part.commands[1] == (given, of, 2, 2)
    timer = batch().settle(Save(Act(PARTY, None, None, act().evidence, None), (event(lift()),)))
    assert (timer.command, timer.group, timer.groups) == (None, None, 1)


LATE: Final = NOW_S + IAT_SKEW_MAX_S
TAKEN: Final = lift()
REFUSED: Final[dict[str, tuple[Callable[[str], Save], type[Exception]]]] = {
    "version behind": (lambda new: save(event(new), event(TAKEN, 1)), VersionMoved),
    "version ahead": (lambda new: save(event(new), event(TAKEN, 3)), VersionMoved),
    "version twice": (lambda new: save(event(new), event(new)), VersionMoved),
    "read behind": (lambda new: save(event(new), reads={TAKEN: 0}), ReadMoved),
    "read ahead": (lambda new: save(event(new), reads={TAKEN: 2}), ReadMoved),
    "read not there": (lambda new: save(event(new), reads={new: 1}), ReadMoved),
    "number of another": (lambda new: save(event(new), sources=(source(new),)), SourceTaken),
    "number twice": (lambda new: save(event(new), sources=(source(new, "2"), source(TAKEN, "2"))), SourceTaken),
    "key of another": (lambda new: save(event(new), subject_keys=((PERSON, b"other"),)), ReadMoved),
    "key of another, sealed": (
        lambda new: save(event(new), subject_keys=((PERSON, b"other"),), sealed=(SEALED,)), ReadMoved
    ),
    "person erased": (lambda new: save(event(new), sealed=(SEALED, replace(SEALED, person=f"{PERSON}0"))), ReadMoved),
    "token old": (lambda new: save(event(new), act=act(issued_at=NOW_S - IAT_SKEW_MAX_S - 1)), TokenLate),
    "token early": (lambda new: save(event(new), act=act(issued_at=LATE + 1)), TokenLate),
    "header too large": (
        lambda new: save(event(new), NewEvent(f"{TAKEN}/{'x' * HEADER_BYTES_MAX}", 1, "t", b"{}")), TooLarge
    ),
    "too large together": (lambda new: save(event(new), sealed=(replace(SEALED, ciphertext=bytes(SAVE_BYTES_MAX)),)),
                           TooLarge),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_who_loses_changes_nothing(name: str) -> None:
    """A refused save leaves heads, parts and commands as they were: the same command may come again and be stored."""
    made, kind = REFUSED[name]
    settled = batch(heads(keys={PERSON: b"wrapped"}))
    settled.settle(save(event(TAKEN), sources=(source(TAKEN),)))
    before = standing(settled)
    refused = made(new := lift())
    with pytest.raises(kind) as wrong:
        settled.settle(refused)
    if isinstance(wrong.value, VersionMoved):
        last = refused.events[-1]
        assert wrong.value.details["expected"] == last.originator_version - 1
    assert standing(settled) == before
    assert settled.waiting == 1
    again = settled.settle(save(event(new), act=refused.act if "token" not in name else act()))
    assert (again.first, again.repeated) == (2, False)


def test_what_is_just_right_is_taken() -> None:
    """The next version, the versions that stand, one's own number again, the key that stands, a token just in time."""
    settled = batch(heads(keys={PERSON: b"wrapped"}))
    settled.settle(save(event(TAKEN), sources=(source(TAKEN), source(TAKEN))))
    reads = {TAKEN: 1, lift(): 0}
    keys = {"subject_keys": ((PERSON, b"wrapped"),), "sealed": (SEALED,)}
    settled.settle(save(event(TAKEN, 2), reads=reads, sources=(source(TAKEN),), act=act(issued_at=LATE), **keys))
    settled.settle(save(event(TAKEN, 3), sealed=(SEALED,), act=act(issued_at=NOW_S - IAT_SKEW_MAX_S)))
    other = f"{PERSON}0"
    new = {"subject_keys": ((other, b"new"),), "sealed": (replace(SEALED, person=other),)}
    settled.settle(save(event(TAKEN, 4), **new))
    settled.settle(save(event(TAKEN, 5), sealed=(replace(SEALED, person=other),)))
    with pytest.raises(ReadMoved):
        settled.settle(save(event(TAKEN, 6), subject_keys=((other, b"newer"),)))
    with pytest.raises(ReadMoved):
        settled.settle(save(event(TAKEN, 6), reads={TAKEN: 4}))


def test_a_repetition_in_a_batch_gets_the_first_answer() -> None:
    """The same request again writes nothing; another under its id is refused, whichever group it names."""
    settled = batch()
    of = command()
    first = settled.settle(save(event(lift()), act=act(of)))
    again = settled.settle(save(event(lift()), act=act(of)))
    assert again == replace(first, repeated=True)
    assert settled.heads.position == 1
    for changes in ({"digest": "1" * 64}, {"uri": "/parties"}, {"method": "PUT"}, {"digest": "1" * 64, "group": 2}):
        with pytest.raises(CommandReused):
            settled.settle(save(event(lift()), act=act(replace(of, **changes))))
    second = save(event(lift()), act=act(replace(of, group=2)))
    assert [settled.settle(second).repeated, settled.settle(second).repeated] == [False, True]
    assert not settled.settle(save(event(lift()), act=act(of, party=f"{PARTY[:-1]}0"))).repeated
    assert settled.heads.position == 3


def test_what_the_log_holds_of_a_command_is_not_written_again() -> None:
    """Stored is to be read; stored with another request is refused; both before anything else is looked at."""
    of = command()
    stale = save(event(TAKEN, 9), act=act(of, issued_at=0))
    for state, kind in ((CommandState.STORED, AlreadyStored), (CommandState.STORED_OTHERWISE, CommandReused)):
        settled = batch(heads(commands={(PARTY, of.id, 0): state}))
        with pytest.raises(kind):
            settled.settle(stale)
        assert (settled.writes, settled.take()) == (False, None)
    with pytest.raises(TokenLate):
        batch(heads(commands={(PARTY, of.id, 0): CommandState.UNKNOWN})).settle(stale)


def test_a_command_without_events_is_stored() -> None:
    """It has no receipt and no place, and its repetition is known."""
    settled = batch()
    of = command()
    saved = settled.settle(save(act=act(of), outcome=b'{"refused":[]}'))
    assert (saved.first, saved.receipt, saved.events, settled.writes) == (None, None, (), True)
    part = settled.take()
    assert part is not None
    assert [(row.first, row.events) for row in part.commands] == [(None, 0)]
    assert (part.rows, part.receipts) == ([], [])
    assert settled.settle(save(act=act(of))).outcome == saved.outcome


def test_a_save_of_nothing_at_all_is_not_written() -> None:
    """Without events and command there is nothing to store."""
    settled = batch()
    settled.settle(Save(Act(PARTY, None, None, (), None), ()))
    assert (settled.writes, settled.take()) == (False, None)


def test_who_has_no_receipt_key_writes_map_roots_alone() -> None:
    """Without evidence there is no receipt; with it there must be one."""
    settled = batch(signer=None)
    root = Save(Act(PARTY, None, None, (), None), (event("map", topic="map.Rooted"),))
    assert settled.settle(root).receipt is None
    part = settled.take()
    assert part is not None
    assert (len(part.rows), part.receipts, part.commands) == (1, [], [])
    with pytest.raises(Unforeseen):
        settled.settle(save(event(lift())))


def test_each_thing_is_asked_once() -> None:
    """What saves write and rely on is read under the lock, each once: streams, their subjects, commands, numbers."""
    one, read, of = lift(), lift(), command()
    first = save(event(f"{one}/claim:1"), event(one), reads={read: 1, one: 0}, sources=(source(one),), act=act(of))
    second = save(event(one, 2), subject_keys=((PERSON, b"k"),), sealed=(SEALED,), sources=(source(one),), act=act(of))
    asked = Questions.of([first, second]).watching("ledger").watching(one)
    assert sorted(asked.streams) == sorted([f"{one}/claim:1", one, read, "ledger"])
    assert asked.subjects == [one]
    assert asked.commands == {(PARTY, of.id, 0): request_of(of)}
    assert asked.sources == [(PARTY, "erp", "lift", "1", one)[:4]]
    assert asked.persons == [PERSON]
    grouped = replace(of, group=2)
    others = [save(sealed=(SEALED,)), save(subject_keys=((f"{PERSON}0", b"k"),)), save(act=act(grouped))]
    asked = Questions.of(others)
    assert asked.persons == [PERSON, f"{PERSON}0"]
    assert (PARTY, of.id, 2) in asked.commands


def test_what_is_built_holds_to_the_byte() -> None:
    """A header, and headers, bodies and sealed values of a save together, may be as large as their limits."""

    def named(size: int) -> NewEvent:
        return NewEvent(f"{TAKEN}/{'x' * size}", 1, "lift.Registered", b"{}")

    by = act()
    spare = HEADER_BYTES_MAX - len(batch().settle(save(named(1), act=by)).events[0].header)
    (built,) = batch().settle(save(named(1 + spare), act=by)).events
    assert len(built.header) == HEADER_BYTES_MAX
    with pytest.raises(TooLarge):
        batch().settle(save(named(2 + spare), act=by))
    room = SAVE_BYTES_MAX - len(built.header) - len(built.body)
    for size, fits in ((room, True), (room + 1, False)):
        sealed = (replace(SEALED, ciphertext=bytes(size)),)
        large = save(named(1 + spare), act=by, sealed=sealed, subject_keys=((PERSON, b"k"),))
        if fits:
            batch().settle(large)
            continue
        with pytest.raises(TooLarge):
            batch().settle(large)


def test_limits_hold_to_the_byte() -> None:
    """What is as large as may be is taken, with the bytes that it brings; one more is refused by the limit's name."""
    new = lift()
    most = NewEvent(new, 1, "lift.Registered", bytes(BODY_BYTES_MAX))
    parts = SAVE_BYTES_MAX // BODY_BYTES_MAX
    request = (RequestLine(None, "00" * 32, b"12345"), RequestLine(1, "00" * 32, None))
    assert check_limits(save(*[most] * parts, request=request, hashes=b"123")) == SAVE_BYTES_MAX + 8
    assert check_limits(save(most, sealed=(SEALED, SEALED))) == BODY_BYTES_MAX + 2 * len(SEALED.ciphertext)
    assert check_limits(save(*[event(new)] * EVENTS_PER_SAVE_MAX, reads=dict.fromkeys(map(str, range(READS_MAX)), 0)))
    for name, refused in {
        "events_per_save_max": save(*[event(new)] * (EVENTS_PER_SAVE_MAX + 1)),
        "reads_max": save(event(new), reads=dict.fromkeys(map(str, range(READS_MAX + 1)), 0)),
        "body_bytes_max": save(replace(most, state=bytes(BODY_BYTES_MAX + 1))),
        "save_bytes_max": save(*[most] * parts, event(new)),
    }.items():
        with pytest.raises(TooLarge) as wrong:
            check_limits(refused)
        assert wrong.value.details["limit"] == name
    with pytest.raises(TooLarge):
        check_limits(save(*[most] * (parts - 1), sealed=(replace(SEALED, ciphertext=bytes(BODY_BYTES_MAX + 1)),)))
