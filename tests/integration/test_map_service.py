"""Questions about the map of heads, over the checkpointer's socket: what is asked, what is no question, who listens."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.errors import DatabaseAway
from application.proving import SUBJECTS_MAX, NotPublished
from audit import note
from audit.mapproofs import verify_absence
from infrastructure import map_service
from infrastructure.checkpointer import Checkpointer, Signer
from infrastructure.map_service import SOCKET, MapService, ask
from tests.support.saving import ORIGIN, PARTY, TestLedger, event, lift, save

KEY = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
SIGNER = Signer(
    lambda size, root, _: note.sign_note(note.Checkpoint(ORIGIN, size, root).text(), ORIGIN, KEY), lambda *_: None
)


@dataclass
class Serving:
    """A checkpointer of a ledger with one event, and the service of its map in a folder that was not there."""

    folder: Path
    checkpointer: Checkpointer
    service: MapService
    wanted: list[int] = field(default_factory=list)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer in another thread for the block."""
        self.service.stop.clear()
        with ThreadPoolExecutor(1) as pool:
            served = pool.submit(self.service.serve, 60.0)
            try:
                yield
            finally:
                self.service.stop.set()
            served.result(10)

    def asked(self, message: bytes) -> Any:  # noqa: ANN401 - JSON
        """Send what no client of ours would; gives the answer."""
        with self.answering(), _connected(self.folder) as connection:
            connection.sendall(message)
            return json.loads(connection.makefile().readline())


@contextmanager
def _connected(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        with map_service._near(folder) as near:  # noqa: SLF001 - the folder's own path may be too long for a socket
            connection.connect(f"{near}/{SOCKET}")
        yield connection


@pytest.fixture
def serving(ledger: TestLedger, tmp_path: Path) -> Iterator[Serving]:
    """The service, which answers when it is told to."""
    ledger.recorder.submit(save(event(lift()))).result(60)
    made = Checkpointer(ledger.database, ledger.origin, PARTY, SIGNER, tmp_path / "map")
    wanted: list[int] = []
    folder = tmp_path / "var"
    service = MapService(folder, made, threading.Event(), wanted.append)
    yield Serving(folder, made, service, wanted)
    service.close()
    made.close()


def test_a_question_has_its_checkpoint_made(serving: Serving) -> None:
    """Once, however often it is asked; cosigned ahead of others only for whoever asks for that."""
    name = lift()
    with serving.answering():
        first = ask(serving.folder, [name], 1)
        assert ask(serving.folder, [], 0).size == ask(serving.folder, [], 2).size == first.size == 2
        assert serving.wanted == []
        assert ask(serving.folder, [name], 1, cosign=True) == first
    assert serving.wanted == [2]
    heads = serving.checkpointer.heads
    assert heads is not None
    verify_absence(heads.root(), name, first.proofs[name])


def test_what_is_not_there_yet_is_awaited(serving: Serving) -> None:
    """A position that no event has is under no checkpoint, and nobody is asked to cosign for it."""
    with serving.answering(), pytest.raises(NotPublished) as refused:
        ask(serving.folder, [], 10, cosign=True)
    assert (refused.value.details["position"], refused.value.details["retry_after_s"]) == (10, 1)
    assert serving.wanted == []


GOOD: dict[str, Any] = {"cosign": False, "position": 1, "subjects": []}


def test_what_is_no_question_is_told(serving: Serving) -> None:
    """Words that are no JSON, other members, more subjects than are proven at once; no checkpoint is made for it."""
    for asked in (
        b"{", b"[]", b'"x"', json.dumps(GOOD | {"position": "1"}).encode(), json.dumps(GOOD | {"cosign": 1}).encode(),
        json.dumps({"position": 1}).encode(), json.dumps(GOOD | {"subjects": ["s"] * (SUBJECTS_MAX + 1)}).encode(),
    ):  # fmt: skip
        assert serving.asked(asked + b"\n") == {"error": "question_malformed"}
    assert serving.checkpointer.size == 0


def test_as_many_as_may_be_are_proven_at_once(serving: Serving) -> None:
    """Each by its name; what is no name has no head."""
    names: list[object] = [f"s:{number}" for number in range(SUBJECTS_MAX - 1)]
    told = serving.asked(json.dumps(GOOD | {"subjects": [*names, 7]}).encode() + b"\n")
    assert (told["size"], list(told["proofs"])) == (2, names)


def test_a_message_has_an_end(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither more bytes than a question may have nor a connection that breaks off keeps the next one waiting."""
    monkeypatch.setattr(map_service, "MESSAGE_BYTES_MAX", 100)
    told = serving.asked(json.dumps(GOOD | {"subjects": ["s" * 100]}).encode() + b"\n")
    assert told == {"error": "question_malformed"}
    monkeypatch.undo()
    with serving.answering():
        with _connected(serving.folder) as connection:
            connection.sendall(b'{"cosign"')
        assert ask(serving.folder, [], 1).size == 2


def test_the_socket_is_its_owners_and_goes_with_the_service(serving: Serving) -> None:
    """Another house may begin where one was killed, and whoever asks a house that ended is told so."""
    assert serving.folder.stat().st_mode & 0o777 == 0o700
    other = MapService(serving.folder, serving.checkpointer, threading.Event())
    other.close()
    assert list(serving.folder.iterdir()) == []
    with pytest.raises(DatabaseAway) as away:
        ask(serving.folder, [], 1)
    assert away.value.code == "checkpointer_away"


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "null", "{}", '{"error": "question_malformed"}', '{"proofs": [], "size": 1}',
     '{"proofs": {"x": {}}, "size": 1}', '{"proofs": {}, "size": "x"}', '{"proofs": {}, "size": null}'],
)  # fmt: skip
def test_an_answer_that_is_none_is_no_answer(tmp_path: Path, answer: str) -> None:
    """Whatever a checkpointer of another age says, whoever asks is told that it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening, ThreadPoolExecutor(1) as pool:
        with map_service._near(tmp_path) as near:  # noqa: SLF001 - as above
            listening.bind(f"{near}/{SOCKET}")
        listening.listen()
        asked = pool.submit(ask, tmp_path, [], 1)
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer.encode() + b"\n")
        with pytest.raises(DatabaseAway) as away:
            asked.result(30)
    assert away.value.code == "checkpointer_away"
