"""Erasing a person in a running ledger: the event stays, everything personal goes, and no backup brings it back."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api import bootstrap
from api.client import Client, Refused
from infrastructure import vault
from tests.support.knocking import NDJSON, agent, code, salted, send
from tests.support.postgres import fresh_database
from tests.support.scenes import children, until
from tests.support.service import Service, serve

NAME, PHONE = "赵钱孙李周吴郑王", "13800001234"
PERSONAL = ("subject_keys", "sealed_values", "request_bytes")


@pytest.fixture(scope="module")
def own(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger that may be stopped and started; its log verifies at the end."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("erasure")) as service:
        yield service
        service.verify()


@pytest.fixture
def maintainer(own: Service) -> Client:
    """A party of its own."""
    return own.party("maintainer")


def _person(service: Service, agent_name: str) -> str:
    """Give the person behind the sealed fields of an agent."""
    ((person,),) = service.rows(
        "SELECT convert_from(body, 'UTF8')::json->'said'->'name'->>'of' FROM events WHERE stream = %s", agent_name
    )
    return str(person)


def _of(service: Service, person: str) -> dict[str, list[tuple[Any, ...]]]:
    """Give the rows that hold something of a person's."""
    return {
        "subject_keys": service.rows("SELECT person, wrapped FROM subject_keys WHERE person = %s", person),
        "sealed_values": service.rows("SELECT digest, person, ciphertext FROM sealed_values WHERE person = %s", person),
        "request_bytes": service.rows(
            "SELECT party, command, line, data, persons FROM request_bytes WHERE persons @> ARRAY[%s]", person
        ),
    }


def _gone(service: Service, person: str) -> bool:
    return not any(_of(service, person).values())


def _opened(service: Service, person: str) -> set[str]:
    """Open all that is sealed for a person, as whoever has the master key can."""
    rows = _of(service, person)
    ((_, wrapped),) = rows["subject_keys"]
    key = vault.unwrap_key(bootstrap.place(service.settings).keys.master_key(), wrapped)
    return {vault.open_value(key, digest.hex(), data).decode() for digest, _, data in rows["sealed_values"]}


def _enrolled(service: Service, client: Client, **more: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - members of an enrolment
    body = agent(client, name=NAME, phone=PHONE, **more)
    client.post("/agents", body)
    return body, _person(service, body["id"])


def _erase(service: Service, person: str) -> None:
    service.administrator.post(f"/persons/{person}/erase", {"basis": "request"})


def _stored_anywhere(service: Service, text: str) -> list[str]:
    """Name the tables in which these characters stand in clear."""
    tables = service.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
    found = []
    with service.owner() as connection:
        for (table,) in tables:
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))).fetchall()
            found += [table for (row,) in rows if text in row or text.encode().hex() in row]
    return found


def test_everything_of_a_person_goes(own: Service, maintainer: Client) -> None:
    """Key, ciphertexts and request bytes are gone after the eraser's round; events, receipts and answers stay.

    T14: who guesses the value cannot try it, since the salt that its digest was made with is nowhere any more.
    """
    body, command = salted(agent(maintainer, name=NAME, phone=PHONE)), str(uuid.uuid4())
    first = send(own, maintainer, "/agents", body, command=command)
    name = first.json()["groups"][0]["events"][0]["stream"]
    person = _person(own, name)
    assert [len(rows) for rows in _of(own, person).values()] == [1, 2, 1]
    assert any(NAME in value for value in _opened(own, person))
    salts = [json.loads(value)[0] for value in _opened(own, person)]
    assert _stored_anywhere(own, NAME) == _stored_anywhere(own, PHONE) == []
    events = own.rows("SELECT header, body FROM events WHERE stream = %s", name)
    _erase(own, person)
    until(lambda: _gone(own, person))
    assert [place for salt in salts for place in _stored_anywhere(own, salt)] == []
    assert len(salts) == 2
    assert own.verify().counts["erased"] >= 1
    assert own.rows("SELECT header, body FROM events WHERE stream = %s", name) == events
    again = send(own, maintainer, "/agents", body, command=command)
    assert again.status_code == 200
    assert again.json() == {**first.json(), "repeated": True}
    assert _gone(own, person)


def test_lines_of_several_persons(own: Service, maintainer: Client) -> None:
    """Of a body of lines only the erased person's go; the neighbours' still open, and the signed root still holds."""
    agents = [agent(maintainer, name=f"{NAME}{number}") for number in range(3)]
    send(own, maintainer, "/agents", b"\n".join(map(salted, agents)), kind=NDJSON)
    persons = [_person(own, each["id"]) for each in agents]
    _erase(own, persons[1])
    until(lambda: _gone(own, persons[1]))
    own.verify()
    for number in (0, 2):
        assert any(f"{NAME}{number}" in value for value in _opened(own, persons[number]))
        assert len(_of(own, persons[number])["request_bytes"]) == 1


def test_a_restored_backup_brings_nobody_back(own: Service, maintainer: Client) -> None:
    """Rows that come back with an old backup are destroyed again by the start that follows."""
    _, person = _enrolled(own, maintainer)
    backup = _of(own, person)
    _erase(own, person)
    until(lambda: _gone(own, person))
    own.stop()
    with own.owner() as connection:
        for table, rows in backup.items():
            for row in rows:
                values = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(table), values), row)
    assert _of(own, person) == backup
    own.start()
    until(lambda: _gone(own, person))
    with pytest.raises(Refused) as refused:
        _enrolled(own, maintainer, person=person)
    assert (refused.value.status, refused.value.code) == (409, "person_erased")


def test_an_erased_person_cannot_be_named_again(own: Service, maintainer: Client) -> None:
    """From the event on, and not only from the eraser's round on, nothing more is sealed for an erased person."""
    _, person = _enrolled(own, maintainer)
    _enrolled(own, maintainer, person=person)
    eraser = next(pid for pid, name in children(own.pid).items() if name == "eraser")
    os.kill(eraser, signal.SIGSTOP)
    try:
        _erase(own, person)
        assert len(_of(own, person)["sealed_values"]) == 4
        more = salted(agent(maintainer, name=NAME, person=person))
        refusals = {"person_restricted", "person_erased"}  # time erases whom nothing keeps within a second
        status, why = code(send(own, maintainer, "/agents", more))
        assert status == 409
        assert why in refusals
        (line,) = send(own, maintainer, "/agents", more, kind=NDJSON).json()["refused"]
        assert line["code"] in refusals
        assert len(_of(own, person)["sealed_values"]) == 4
    finally:
        os.kill(eraser, signal.SIGCONT)
    until(lambda: _gone(own, person))
    with pytest.raises(Refused) as refused:
        _erase(own, person)
    assert (refused.value.status, refused.value.code) == (409, "erased_already")


def test_a_person_erased_between_decision_and_save(own: Service, maintainer: Client) -> None:
    """What was sealed for a person before his erasure, and is stored behind it, is refused."""
    _, person = _enrolled(own, maintainer)
    erase = partial(_erase, own, person)
    with ThreadPoolExecutor(5) as pool:
        with own.holding():
            erasing = pool.submit(erase)
            until(lambda: own.waiting() >= 1)
            bodies = [salted(agent(maintainer, name=NAME, person=person)) for _ in range(4)]
            waiting = [pool.submit(send, own, maintainer, "/agents", body) for body in bodies]
            time.sleep(0.4)  # they are decided, and queue behind the erasure
            assert not any(each.done() for each in waiting)
        erasing.result()
        answers = [each.result() for each in waiting]
    # Erased where a request was so late that time had come by: nothing keeps this person.
    assert {code(answer) for answer in answers} <= {(409, "person_restricted"), (409, "person_erased")}
    until(lambda: _gone(own, person))


def test_only_the_eraser_deletes(own: Service) -> None:
    """Personal rows cannot be deleted in passing, nor anything else at all."""
    with own.owner() as connection:
        for table in (*PERSONAL, "events", "receipts", "request_lines", "commands"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
