"""Conformance of `liftledger witness serve` to C2SP tlog-witness, over real HTTP: every status, races, grease."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.contradictions import standing
from audit.cosignatures import cosign
from audit.heads import open_head
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, open_note, open_signatures, signature_line
from audit.witnessing import REQUEST_BYTES_MAX
from tests.support.knocking import TIMEOUT_S
from tests.support.logs import Log
from tests.support.witnesses import NAME, ServedWitness, witness

COUNT = 40
LOGS = [Log(origin=f"log-{number}.example/lifts", fork=5) for number in range(COUNT)]
_fresh = itertools.count()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWitness]:
    """A witness of many logs."""
    with witness(tmp_path_factory.mktemp("witness") / "memory", LOGS) as running:
        yield running


@pytest.fixture
def log() -> Log:
    """A log that the witness follows and has seen nothing of."""
    return LOGS[next(_fresh)]


def _other(log: Log) -> Log:
    """Give the log's second history: the same name and key, other leaves from the sixth on."""
    return Log(origin=log.origin, history="another", fork=5)


def _cosigned(served: ServedWitness, log: Log, size: int, old: int = 0) -> None:
    answer = served.add(old, log.path(old, size) if old else (), log.note(size))
    assert answer.status_code == 200, answer.text


def _size_told(answer: httpx.Response) -> int:
    assert (answer.status_code, answer.headers["content-type"]) == (409, "text/x.tlog.size")
    assert answer.text == f"{int(answer.text)}\n"
    return int(answer.text)


def test_growth_is_cosigned_by_both_keys(served: ServedWitness, log: Log) -> None:
    """200 with a line of each kind over the text, made now; the monitoring path gives log's and witness's lines."""
    for old, size in ((0, 3), (3, 9), (9, 9), (9, 12)):
        note = log.note(size)
        answer = served.add(old, log.path(old, size) if old else (), note)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        text, signatures = open_signatures(f"{log.text(size)}\n{answer.text}", served.keys)
        assert (text, [each.verifier.type for each in signatures]) == (log.text(size), [4, 6])
        assert all(each.time is not None and abs(each.time - time.time()) < 60 for each in signatures)
        latest = served.latest(log)
        assert (latest.status_code, latest.text) == (200, note + answer.text)
        assert latest.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_log_never_cosigned_has_no_checkpoint(served: ServedWitness, log: Log) -> None:
    """404 on the monitoring path, for it and for what is no log's hash."""
    assert served.latest(log).status_code == 404
    for path in ("none", "0" * 64, "..%2F..%2Fwitness.key", "%2e%2e"):
        assert httpx.get(f"{served.url}/{path}/checkpoint", timeout=TIMEOUT_S).status_code == 404


@pytest.mark.parametrize("body", [b"", b"old 0\n\n", b"old 1", b"\xff\n\n\xff", b"old 00\n\n%b", b"old 0\nAAAA\n\n%b"])
def test_a_malformed_body_is_a_bad_request(served: ServedWitness, log: Log, body: bytes) -> None:
    """400 with a stable code, and nothing is remembered."""
    answer = served.post(body.replace(b"%b", log.note(3).encode()))
    assert (answer.status_code, answer.text) == (400, "submission_malformed\n")
    assert served.latest(log).status_code == 404


def test_an_old_size_above_the_checkpoints_is_a_bad_request(served: ServedWitness, log: Log) -> None:
    """400, with a record or without."""
    assert served.add(4, (), log.note(3)).status_code == 400
    _cosigned(served, log, 9)
    answer = served.add(9, (), log.note(3))
    assert (answer.status_code, answer.text) == (400, "old_size_above\n")


def test_without_a_trusted_signature_it_is_forbidden(served: ServedWitness, log: Log) -> None:
    """403 for a stranger's signature under the log's name, for another log's, and for a changed text."""
    text, stranger = log.text(3), Ed25519PrivateKey.generate()
    for note in (
        f"{text}\n{signature_line(text, log.origin, stranger)}",
        f"{text}\n{LOGS[-1].sign(text)}",
        log.note(3).replace("\n3\n", "\n4\n"),
        log.note(3) + log.sign(log.text(4)),
    ):
        assert served.add(0, (), note).status_code == 403
    assert served.latest(log).status_code == 404


def test_an_unknown_log_is_not_found(served: ServedWitness) -> None:
    """404, whoever signed."""
    unknown = Log(origin="unknown.example/lifts")
    answer = served.add(0, (), unknown.note(3))
    assert (answer.status_code, answer.text) == (404, "origin_unknown\n")
    assert served.latest(unknown).status_code == 404


def test_a_stale_old_size_is_told_the_right_one(served: ServedWitness, log: Log) -> None:
    """409 with the size in a body and content type of its own, from which the log can go on."""
    assert _size_told(served.add(3, log.path(3, 9), log.note(9))) == 0
    _cosigned(served, log, 9)
    for old, size in ((0, 12), (3, 12), (0, 9), (3, 9), (3, 6)):
        assert _size_told(served.add(old, log.path(old, size) if old else (), log.note(size))) == 9
    _cosigned(served, log, 12, old=9)
    assert served.kept(log) == {}


def test_a_path_that_does_not_hold_is_unprocessable(served: ServedWitness, log: Log) -> None:
    """422 and no cosignature; the record stays, and the same signed checkpoint with the right path is taken."""
    assert served.add(0, (bytes(32),), log.note(9)).status_code == 422
    _cosigned(served, log, 7)
    for path in ([], [bytes(32)], log.path(6, 9), [*log.path(7, 9), bytes(32)]):
        assert served.add(7, path, log.note(9)).status_code == 422
    assert open_head(served.latest(log).text, log.keys).size == 7
    (kept,) = served.kept(log).values()
    assert standing(kept, log.keys) == "claimed", "anyone may send nonsense about a log"
    _cosigned(served, log, 9, old=7)


def test_a_second_history_is_refused_and_proven(served: ServedWitness, log: Log) -> None:
    """T3: 422 for one size with another root; both notes are kept as a proof that needs the log's key alone."""
    _cosigned(served, log, 9)
    other = _other(log)
    assert served.add(9, (), other.note(9)).status_code == 422
    assert served.add(9, other.path(9, 12), other.note(12)).status_code == 422
    kept = served.kept(log)
    assert sorted(name.partition("-")[0] for name in kept) == ["proven", "proven"]
    assert {standing(each, log.keys) for each in kept.values()} == {"proven"}
    assert served.add(9, (), other.note(9)).status_code == 422
    assert served.kept(log) == kept, "the same contradiction again adds nothing"
    assert open_head(served.latest(log).text, log.keys) == log.head(9)


def test_two_services_on_cloned_databases_cannot_both_go_on(served: ServedWitness, log: Log) -> None:
    """T10: of two that write on from one prefix, the witness follows one; the other is stopped and proven."""
    clone = _other(log)
    _cosigned(served, log, 5)
    _cosigned(served, log, 8, old=5)
    told = _size_told(served.add(5, clone.path(5, 8), clone.note(8)))
    assert told == 8
    assert {standing(each, log.keys) for each in served.kept(log).values()} == {"proven"}
    assert served.add(8, clone.path(8, 11), clone.note(11)).status_code == 422
    _cosigned(served, log, 11, old=8)


def test_an_empty_tree_has_the_root_of_nothing(served: ServedWitness, log: Log) -> None:
    """A checkpoint of size 0 is cosigned with SHA-256 of nothing as its root, 422 with any other; growth follows."""
    wrong = Checkpoint(log.origin, 0, bytes(32)).text()
    assert served.add(0, (), f"{wrong}\n{log.sign(wrong)}").status_code == 422
    assert log.root(0) == EMPTY_ROOT
    _cosigned(served, log, 0)
    assert _size_told(served.add(1, log.path(1, 3), log.note(3))) == 0
    assert served.add(0, (), f"{wrong}\n{log.sign(wrong)}").status_code == 422
    _cosigned(served, log, 3)


def test_extension_lines_are_cosigned_with_the_text(served: ServedWitness, log: Log) -> None:
    """What a log adds below the three lines is covered by the Ed25519 line and kept as it came."""
    note = log.note(3, "extension", "another one")
    answer = served.add(0, (), note)
    assert answer.status_code == 200
    text = log.text(3, "extension", "another one")
    assert open_note(f"{text}\n{answer.text}", served.keys)[0] == text
    assert served.latest(log).text == note + answer.text
    _cosigned(served, log, 9, old=3)


def test_grease_is_ignored_and_not_passed_on(served: ServedWitness, log: Log) -> None:
    """Sixteen signatures of all kinds in any order do not disturb; what nobody here can vouch for is not kept."""
    text = log.text(3)
    strangers = [f"— grease.example/{n} {base64.b64encode(bytes([n]) * (5 + n)).decode()}\n" for n in range(6)]
    strangers += [cosign(text, f"stranger.example/{n}", Ed25519PrivateKey.generate(), 1) for n in range(4)]
    strangers += [cosign(text, f"stranger.example/{n}", MLDSA44PrivateKey.generate(), 1) for n in range(4)]
    strangers += [f"— {log.origin} {base64.b64encode(bytes(68)).decode()}\n"]
    note = f"{text}\n{''.join(strangers[:9])}{log.sign(text)}{''.join(strangers[9:])}"
    assert note.count("\n— ") == 16
    answer = served.add(0, (), note)
    assert answer.status_code == 200
    assert served.latest(log).text == f"{text}\n{log.sign(text)}{answer.text}"


def test_what_is_too_large_is_not_read(served: ServedWitness, log: Log) -> None:
    """413 above the limit, declared or streamed; 405 for another method; the next request is served as ever."""
    assert served.post(bytes(REQUEST_BYTES_MAX + 1)).status_code == 413
    parts = (bytes(1024) for _ in range(REQUEST_BYTES_MAX // 1024 + 1))
    assert httpx.post(f"{served.url}/add-checkpoint", content=parts, timeout=TIMEOUT_S).status_code == 413
    assert httpx.get(f"{served.url}/add-checkpoint", timeout=TIMEOUT_S).status_code == 405
    assert httpx.post(f"{served.url}/{'0' * 64}/checkpoint", timeout=TIMEOUT_S).status_code == 405
    _cosigned(served, log, 3)


def test_a_connection_serves_many_submissions(served: ServedWitness, log: Log) -> None:
    """Keep-alive: refusals and cosignatures alike leave the connection open."""
    with httpx.Client(base_url=served.url, timeout=TIMEOUT_S) as client:
        for size, status in ((3, 200), (3, 409), (2, 409)):
            body = f"old 0\n\n{log.note(size)}".encode()
            answer = client.post("/add-checkpoint", content=body)
            assert answer.status_code == status
            assert answer.headers.get("connection", "keep-alive") == "keep-alive"


def test_of_two_at_once_one_is_cosigned(served: ServedWitness, log: Log) -> None:
    """The race of the specification: from one old size only one of several goes through, and nothing rolls back."""
    last = 0
    with ThreadPoolExecutor(4) as pool:
        for turn in range(1, 11):
            sizes = [last + step for step in (1, 2, 3, 4)]
            start = threading.Barrier(len(sizes))

            def add(size: int, last: int = last, start: threading.Barrier = start) -> httpx.Response:
                path = log.path(last, size) if last else ()
                start.wait()
                return served.add(last, path, log.note(size))

            answers = dict(zip(sizes, pool.map(add, sizes), strict=True))
            won = [size for size, answer in answers.items() if answer.status_code == 200]
            assert len(won) == 1, f"turn {turn}"
            assert {_size_told(answer) for size, answer in answers.items() if size not in won} == set(won)
            assert open_head(served.latest(log).text, log.keys).size == won[0]
            last = won[0]
    assert served.kept(log) == {}


def test_a_doctored_record_is_not_built_on(served: ServedWitness, log: Log) -> None:
    """500 and no cosignature where the memory does not bear the witness's own signature; it is not begun anew."""
    _cosigned(served, log, 9)
    file = served.record(log)
    held = file.read_text()
    for doctored in (log.note(3), "", LOGS[-1].note(9), held.replace("\n9\n", "\n8\n")):
        file.write_text(doctored)
        answer = served.add(9, log.path(9, 12), log.note(12))
        assert (answer.status_code, answer.text) == (500, "witness_record_broken\n")
    file.write_text(held)
    _cosigned(served, log, 12, old=9)


def test_a_record_of_another_log_is_not_built_on(served: ServedWitness, log: Log) -> None:
    """500 where somebody put one log's record, truly signed, in another's place."""
    _cosigned(served, log, 9)
    second = LOGS[next(_fresh)]
    _cosigned(served, second, 3)
    served.record(second).write_text(served.record(log).read_text())
    assert served.add(3, second.path(3, 5), second.note(5)).status_code == 500


def test_a_name_stands_for_its_witness(served: ServedWitness) -> None:
    """Both verifier keys bear the witness's name, one of each kind."""
    assert [(key.name, key.type) for key in served.keys] == [(NAME, 4), (NAME, 6)]
