"""Two web workers and requests at the same moment: whoever decided on what no longer holds is never stored.

The ledger's lock is held while requests come in, so that all of them are decided on the same state and then stored
one after the other, in the order in which they began to wait.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest
import uuid_utils

from api.client import Client
from tests.support.knocking import NDJSON, agent, code, lines_of, salted, send
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import Service, serve

CONNECTIONS = 8
"""Enough that both workers take some of them."""
QUEUED_S = 0.4
"""Time for requests to be decided and wait for the lock."""

Request = Callable[[], httpx.Response]


@pytest.fixture(scope="module")
def two(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger with two web workers; whatever the tests did to it, its log verifies at the end."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("two"), workers=2) as service:
        yield service
        service.verify()


@pytest.fixture
def insurer(two: Service) -> Client:
    """A party of its own."""
    return two.party("insurer")


def at_once(service: Service, first: Sequence[Request], then: Sequence[Request] = ()) -> list[httpx.Response]:
    """Send requests that are all decided before any is stored; those of `then` wait behind those of `first`."""
    with ThreadPoolExecutor(len(first) + len(then)) as pool:
        with service.holding():
            waiting = [pool.submit(request) for request in first]
            until(lambda: service.waiting() >= 1)
            if then:
                time.sleep(QUEUED_S)
                waiting += [pool.submit(request) for request in then]
            time.sleep(QUEUED_S)
        return [each.result() for each in waiting]


def _registration(number: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of a registration
    return {
        "id": f"lift:{uuid_utils.uuid7()}", "identifiers": [{"scheme": "registration_code", "value": number}],
        "variety": "3110", "area": "370102001", "status": "in_use", **more,
    }  # fmt: skip


def _number() -> str:
    return f"{uuid.uuid4().int:040}"[-20:]


def _statuses(responses: Sequence[httpx.Response]) -> list[int]:
    return sorted(response.status_code for response in responses)


def _refused(responses: Sequence[httpx.Response]) -> set[tuple[int, str]]:
    return {code(response) for response in responses if not response.is_success}


def _types(service: Service, stream: str) -> list[str]:
    rows = service.rows("SELECT type FROM events WHERE stream = %s ORDER BY version", stream)
    return [kind for (kind,) in rows]


def test_a_key_revoked_between_decision_and_save(two: Service, insurer: Client) -> None:
    """Writes decided while their key was good, and stored behind its revocation, are refused, in both workers."""
    send(two, insurer, "/agents", salted(agent(insurer)))  # both have the key in their caches from here on
    key = insurer.credentials.key
    revoke = salted({"reason": "compromised"})
    before = two.kept()["events"]
    answers = at_once(
        two,
        [lambda: send(two, two.administrator, f"/keys/{key}/revoke", revoke)],
        [lambda: send(two, insurer, "/agents", salted(agent(insurer))) for _ in range(CONNECTIONS)]
        + [lambda: send(two, insurer, "/agents", b"\n".join(lines_of(insurer, 3)), kind=NDJSON)],
    )
    assert answers[0].status_code == 201
    assert [code(answer) for answer in answers[1:]] == [(401, "key_ended")] * (CONNECTIONS + 1)
    assert two.kept()["events"] == before + 1
    assert code(send(two, insurer, "/agents", salted(agent(insurer)))) == (401, "key_ended")


def test_a_party_suspended_between_decision_and_save(two: Service, insurer: Client) -> None:
    """Neither is anything stored for a party behind its suspension."""
    path = f"/parties/{insurer.credentials.party}/suspend"
    answers = at_once(
        two,
        [lambda: send(two, two.administrator, path, salted({"reason": "licence_lost"}))],
        [lambda: send(two, insurer, "/agents", salted(agent(insurer))) for _ in range(CONNECTIONS)],
    )
    assert answers[0].status_code == 201
    assert _refused(answers) == {(401, "party_suspended")}


def test_an_identifier_taken_just_before(two: Service, insurer: Client) -> None:
    """Of lifts that claim one identifier at once the first owns it; the others are registered, and held for review."""
    number = _number()
    lifts = [_registration(number) for _ in range(CONNECTIONS)]
    sends = [partial(send, two, insurer, "/lifts", salted(lift)) for lift in lifts]
    answers = at_once(two, sends)
    # Who was overtaken at every one of his decisions is told so, and sends it again.
    assert _refused(answers) <= {(409, "read_moved"), (409, "version_moved")}
    answers = [answer if answer.is_success else sends[index]() for index, answer in enumerate(answers)]
    assert _statuses(answers) == [201] * CONNECTIONS
    events = [event for answer in answers for group in answer.json()["groups"] for event in group["events"]]
    (identifier,) = {event["stream"] for event in events if event["stream"].startswith("identifier:")}
    assert _types(two, identifier) == ["identifier.Claimed"] + ["identifier.Contested"] * (CONNECTIONS - 1)
    held = [event for event in events if event["type"] == "lift.Registered" and event["found"].get("findings")]
    assert len(held) == CONNECTIONS - 1


def test_one_lift_registered_by_many_at_once(two: Service, insurer: Client) -> None:
    """The same lift registered by many at once exists once; the others are told so, also when they repeat."""
    lift = _registration(_number())
    bodies = [salted(lift) for _ in range(CONNECTIONS)]
    sends = [partial(send, two, insurer, "/lifts", body) for body in bodies]
    answers = at_once(two, sends)
    assert _statuses(answers) == [201] + [409] * (CONNECTIONS - 1)
    assert _refused(answers) == {(409, "exists")}
    for answer, repeat in zip(answers, sends, strict=True):
        if not answer.is_success:
            assert code(repeat()) == (409, "exists")
    assert _types(two, lift["id"]) == ["lift.Registered"]


def test_one_command_sent_by_many_at_once(two: Service, insurer: Client) -> None:
    """One command that arrives many times at once writes one set of events, and everyone is given the same answer."""
    body, command, before = salted(agent(insurer)), str(uuid.uuid4()), two.kept()
    answers = at_once(
        two, [lambda: send(two, insurer, "/agents", body, command=command) for _ in range(CONNECTIONS)]
    )  # fmt: skip
    assert _statuses(answers) == [200] * (CONNECTIONS - 1) + [201]
    assert len({repr(answer.json()["groups"]) for answer in answers}) == 1
    assert sum(answer.json()["repeated"] for answer in answers) == CONNECTIONS - 1
    after = two.kept()
    assert {table: after[table] - before[table] for table in ("events", "receipts", "commands", "request_bytes")} == {
        "events": 1, "receipts": 1, "commands": 1, "request_bytes": 1,
    }  # fmt: skip


def test_one_command_for_two_bodies_at_once(two: Service, insurer: Client) -> None:
    """One command id used for different bodies at once belongs to one of them."""
    command, bodies = str(uuid.uuid4()), [salted(agent(insurer)) for _ in range(CONNECTIONS)]
    answers = at_once(
        two, [partial(send, two, insurer, "/agents", body, command=command) for body in bodies]
    )  # fmt: skip
    assert _statuses(answers) == [201] + [409] * (CONNECTIONS - 1)
    assert _refused(answers) == {(409, "command_reused")}


def test_lines_of_one_command_sent_by_many_at_once(two: Service, insurer: Client) -> None:
    """So does a command of several groups: each is stored once, whoever of the senders got it there."""
    body, command, before = b"\n".join(lines_of(insurer, 250)), str(uuid.uuid4()), two.kept()["events"]
    answers = at_once(
        two, [lambda: send(two, insurer, "/agents", body, kind=NDJSON, command=command) for _ in range(4)]
    )  # fmt: skip
    assert _refused(answers) == set()
    assert len({repr(answer.json()["groups"]) for answer in answers}) == 1
    assert two.kept()["events"] == before + 250


def test_an_authors_number_taken_by_many_at_once(two: Service, insurer: Client) -> None:
    """One number of the author's names one record: the others are told which."""
    source = {"system": "erp", "id": str(uuid.uuid4())}
    agents = [agent(insurer, source=source) for _ in range(CONNECTIONS)]
    answers = at_once(two, [partial(send, two, insurer, "/agents", salted(body)) for body in agents])
    assert _statuses(answers) == [201] + [409] * (CONNECTIONS - 1)
    assert _refused(answers) == {(409, "source_taken")}
    (stored,) = [answer.json()["groups"][0]["events"][0]["stream"] for answer in answers if answer.is_success]
    assert {answer.json()["details"]["stream"] for answer in answers if not answer.is_success} == {stored}


def test_a_conflict_and_then_the_same_aggregate_again(two: Service, insurer: Client) -> None:
    """One lift changed by many at once, again and again: a success is stored at its version, a refusal nowhere."""
    lift = _registration(_number(), effective_on="2025-11-01")
    assert send(two, insurer, "/lifts", salted(lift)).status_code == 201
    path, stored = f"/lifts/{lift['id']}/status", 1
    for day in range(2, 6):
        bodies = [
            salted({"status": "stopped" if day % 2 else "in_use", "effective_on": f"2025-11-{day:02}"})
            for _ in range(CONNECTIONS)
        ]
        answers = at_once(two, [partial(send, two, insurer, path, body) for body in bodies])
        versions = [
            event["version"]
            for answer in answers if answer.is_success
            for group in answer.json()["groups"] for event in group["events"] if event["stream"] == lift["id"]
        ]  # fmt: skip
        assert sorted(versions) == list(range(stored + 1, stored + 1 + len(versions)))
        assert len(versions) == sum(answer.is_success for answer in answers)
        stored += len(versions)
        assert len(_types(two, lift["id"])) == stored
        assert all(status == 409 for status, _ in _refused(answers))
    assert stored > 1


def test_one_save_of_a_batch_fails_unforeseen(two: Service, insurer: Client) -> None:
    """A save that the database will not take, for a reason nobody foresaw, fails alone; its neighbours are stored."""
    bad = agent(insurer)
    with two.owner() as connection:
        connection.execute(
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'nobody foresaw this' USING ERRCODE = 'data_corrupted'; END$$"
        )
        connection.execute(
            "CREATE TRIGGER odd BEFORE INSERT ON events FOR EACH ROW"
            f" WHEN (NEW.stream = '{bad['id']}') EXECUTE FUNCTION odd()"  # type: ignore[arg-type,unused-ignore] # a name
        )
        try:
            bodies = [salted(agent(insurer)) for _ in range(CONNECTIONS)]
            bodies.insert(CONNECTIONS // 2, salted(bad))
            answers = at_once(two, [partial(send, two, insurer, "/agents", body) for body in bodies])
        finally:
            connection.execute("DROP TRIGGER odd ON events")
            connection.execute("DROP FUNCTION odd")
    assert _statuses(answers) == [201] * CONNECTIONS + [500]
    assert _refused(answers) == {(500, "unforeseen")}
    assert "foresaw this" not in "".join(answer.text for answer in answers)
    assert send(two, insurer, "/agents", salted(bad)).status_code == 201


def test_no_reader_passes_a_writer_that_is_held(two: Service, insurer: Client) -> None:
    """While saves wait for the lock, no reader sees anything of them; afterwards each sees its own write."""
    body = salted(agent(insurer))
    with ThreadPoolExecutor(1) as pool:
        with two.holding():
            ((size,),) = two.rows("SELECT max(position) FROM events")
            waiting = pool.submit(lambda: send(two, insurer, "/agents", body))
            until(lambda: two.waiting() >= 1)
            assert two.rows("SELECT max(position) FROM events") == [(size,)]
            assert two.administrator.get("/lifts", limit=1)["known_at"]["position"] <= size
            assert not waiting.done()
        answer = waiting.result()
    position = int(answer.headers["Ledger-Position"])
    assert position > size
    assert two.administrator.get("/lifts", limit=1, wait_for=position)["known_at"]["position"] >= position
