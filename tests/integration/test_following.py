"""Following the log: each change of what is stored is found where it stands; what was kept is taken up if it fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, merkle, note
from audit.headmap import HeadMap
from infrastructure.checkpointer import Checkpointer, Signer
from infrastructure.connection import connect_reader
from infrastructure.errors import LogDiffers
from infrastructure.following import MAP_FILE, PLACE_FILE, Followed, Row
from tests.support.saving import ORIGIN, PARTY, TestLedger, event, lift, save
from tests.support.stored import worked_ledger

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
SIGNER: Final = Signer(
    lambda size, root, _: note.sign_note(note.Checkpoint(ORIGIN, size, root).text(), ORIGIN, KEY), lambda *_: None
)


def rows() -> list[Row]:
    """Give the worked ledger as it is followed; its last event is a map root."""
    return [
        Row(each.position, each.header, each.leaf, each.frontier, each.body if each.stream == "map" else None)
        for each in worked_ledger().events
    ]


def told(row: Row, **changes: int | str) -> Row:
    """Give a map root that tells something else; its header, leaf and edge stay."""
    body: Any = canonical.decode(row.body or b"")
    return row._replace(body=canonical.encode(body | {"found": body["found"] | changes}))


@pytest.mark.parametrize("page", [1, 2, 4, 7, 100])
def test_pages_of_any_size_come_to_the_same(page: int) -> None:
    """Tree, map and place are those of the whole log, however it is cut; after a map root nothing has moved."""
    whole, followed = rows(), Followed()
    for at in range(0, len(whole), page):
        followed.take(whole[at : at + page])
        assert followed.position == min(at + page, len(whole))
        assert followed.tree.root() == merkle.root([row.leaf for row in whole[: followed.position]])
        assert followed.moved is (followed.position < len(whole))
    assert followed.rooted == len(whole)
    body: Any = canonical.decode(whole[-1].body or b"")
    assert followed.heads.root().hex() == body["found"]["root"]
    followed.take([])
    assert not followed.moved


ENDS: Final = [at for at, row in enumerate(rows()) if row.frontier is not None]
CHANGES: Final[dict[str, Callable[[list[Row], int], object]]] = {
    "leaf": lambda log, at: log.__setitem__(at, log[at]._replace(leaf=bytes(32), frontier=None)),
    "position": lambda log, at: log.__setitem__(at, log[at]._replace(position=log[at].position + 1)),
    "header of elsewhere": lambda log, at: log.__setitem__(at, log[at - 1]._replace(position=log[at].position)),
    "header cut": lambda log, at: log.__setitem__(at, log[at]._replace(header=log[at].header[:-1])),
    "event gone": lambda log, at: log.pop(at),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("page", [1, 100])
def test_a_changed_event_is_found_where_it_stands(change: str, page: int) -> None:
    """Leaf, place and form of every event are looked at by themselves, also where no edge of the tree would tell."""
    for at in range(1, len(rows()) - 1):
        log = [row._replace(frontier=None) for row in rows()]
        CHANGES[change](log, at)
        with pytest.raises(LogDiffers) as differs:
            take(log, page)
        assert differs.value.details["position"] == (at + 2 if change == "position" else at + 1)


@pytest.mark.parametrize("page", [1, 3, 100])
def test_a_changed_edge_is_found_where_it_stands(page: int) -> None:
    """Every stored edge is held against the tree over the leaves up to it, those of the same page among them."""
    for at in ENDS:
        log = rows()
        edge = log[at].frontier or b""
        log[at] = log[at]._replace(frontier=edge[:-1] + bytes([edge[-1] ^ 1]))
        with pytest.raises(LogDiffers) as differs:
            take(log, page)
        assert differs.value.details["position"] == at + 1


@pytest.mark.parametrize("changes", [{"size": 13}, {"size": 15}, {"root": "0" * 64}, {"count": 1}], ids=str)
def test_a_map_root_of_something_else_is_found(changes: dict[str, Any]) -> None:
    """Size, root and number of subjects are those of all that stands before it."""
    log = rows()
    for spoilt in (told(log[-1], **changes), log[-1]._replace(body=None)):
        with pytest.raises(LogDiffers) as differs:
            take([*log[:-1], spoilt], 100)
        assert differs.value.details["position"] == len(log)


def take(log: list[Row], page: int) -> None:
    """Take a log in, page by page."""
    followed = Followed()
    for at in range(0, len(log), page):
        followed.take(log[at : at + page])


# ------------------------------------------------------------------------------------------------ kept on disk


def kept_twice(ledger: TestLedger, folder: Path) -> list[tuple[bytes, str]]:
    """Publish two checkpoints and give map and place as they were kept at each; the second ones are left there."""
    found = []
    for _ in range(2):
        ledger.recorder.submit(save(event(lift()), event(lift()))).result()
        one = Checkpointer(ledger.database, ledger.origin, PARTY, SIGNER, folder)
        assert one.round() is not None
        one.close()
        found.append(((folder / MAP_FILE).read_bytes(), (folder / PLACE_FILE).read_text()))
    return found


def test_what_is_kept_is_taken_up_only_where_it_fits(ledger: TestLedger, tmp_path: Path) -> None:
    """Map and place are of one moment, of this ledger and under its log; whatever does not fit is made again."""
    old, new = kept_twice(ledger, tmp_path)
    place = json.loads(new[1])
    other = HeadMap()
    other.update([(lift(), 1, "00" * 32)])
    other.covered = place["position"]
    with (tmp_path / "other").open("wb") as file:
        other.dump(file)
    spoilt = bytearray(bytes.fromhex(place["tree"]))
    spoilt[-1] ^= 1
    cases = {
        "sound": (new, 6), "the older ones": (old, 3),
        "an older map": ((old[0], new[1]), 0), "an older place": ((new[0], old[1]), 0),
        "another map of that size": (((tmp_path / "other").read_bytes(), new[1]), 0),
        "another ledger": ((new[0], json.dumps(place | {"origin": "ledger.example/other"})), 0),
        "another tree": ((new[0], json.dumps(place | {"tree": spoilt.hex()})), 0),
        "no place": ((new[0], "[]"), 0), "no number": ((new[0], json.dumps(place | {"position": None})), 0),
    }  # fmt: skip
    with connect_reader(ledger.database) as connection:
        for name, ((heads, text), position) in cases.items():
            (tmp_path / MAP_FILE).write_bytes(heads)
            (tmp_path / PLACE_FILE).write_text(text)
            followed = Followed.kept(tmp_path, ledger.origin, connection)
            assert (followed.position, followed.rooted) == (position, position), name
            assert followed.heads.count == (0 if position == 0 else position // 3 * 2), name
            while followed.follow(connection):
                pass
            assert (followed.position, followed.tree.root()) == (6, ledger.check().root), name


def test_what_is_kept_of_a_log_that_went_back_is_given_up(ledger: TestLedger, tmp_path: Path) -> None:
    """A place beyond the log's end is that of another log."""
    kept_twice(ledger, tmp_path)
    with ledger.owner() as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM events WHERE position > 3")
    with connect_reader(ledger.database) as connection:
        assert Followed.kept(tmp_path, ledger.origin, connection).position == 0
