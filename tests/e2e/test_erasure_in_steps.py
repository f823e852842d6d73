"""Two steps of an erasure in a running ledger whose clock lives through the years between them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uuid_utils
from psycopg import sql

from api import bootstrap
from api.client import Client, Refused
from domain.time import parse_instant
from infrastructure import log_reader
from infrastructure.connection import connect_reader
from infrastructure.tombstones import FILE
from tests.support.knocking import TIMEOUT_S
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import SCRIPTED, Service, serve

FIRST, SECOND = "13900001111", "13900002222"
TABLES = ("subject_keys", "sealed_values", "sealed_places", "blind_index", "request_bytes")


@pytest.fixture(scope="module")
def own(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger with a clock of its own, which begins today; its log verifies at the end."""
    with fresh_database(postgres) as url, serve(url, tmp_path_factory.mktemp("steps"), origin=SCRIPTED) as service:
        _set(service, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        service.administrator = _then(service, service.administrator)  # however slow the machine, its clock stands
        yield service
        service.verify()


def _set(service: Service, now: str) -> None:
    """Move the clock, and wait until the worker has seen it."""
    bootstrap.clock_setter(service.settings, service.origin)(now)
    until(lambda: httpx.get(f"{service.url}/health", timeout=TIMEOUT_S).json()["ledger_time"] >= now)


def _then(service: Service, who: Client) -> Client:
    """Give a client that signs at the ledger's time, which stands still."""
    ((instant,),) = service.rows("SELECT now FROM clock ORDER BY number DESC LIMIT 1")
    client = Client.open(service.url, service.origin, who.credentials, lambda: parse_instant(instant).timestamp())
    service.clients.append(client)
    return client


def _refused(call: Any, *arguments: Any) -> tuple[int, str]:  # noqa: ANN401 - a client's method
    with pytest.raises(Refused) as refusal:
        call(*arguments)
    return refusal.value.status, refusal.value.code


def _of(service: Service, person: str) -> dict[str, list[Any]]:
    """Give the rows that hold something of a person's, as JSON that can be put back."""
    found: dict[str, list[Any]] = {}
    for table in TABLES:
        of = "persons @> ARRAY[%s]" if table == "request_bytes" else "person = %s"
        query = f"SELECT to_jsonb(t) FROM {table} t WHERE {of}"  # noqa: S608 - names of our own
        found[table] = [row for (row,) in service.rows(query, person)]
    return found


def _restored(service: Service, backup: dict[str, list[Any]]) -> None:
    """Put rows of a backup in, as a restore of these tables would."""
    with service.owner() as connection:
        for table, rows in backup.items():
            for row in rows:
                members = [name for name in row if (table, name) != ("sealed_places", "subject")]
                connection.execute(
                    sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM jsonb_populate_record(NULL::{0}, %s)").format(
                        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, members))
                    ),
                    (json.dumps(row),),
                )


def _notified(service: Service, unit: Client) -> list[str]:
    """Notify a loss that hurt two persons, in one request; gives their names."""
    lift, claim = f"lift:{uuid_utils.uuid7()}", f"claim:{uuid.uuid4()}"
    unit.post(
        "/lifts",
        {
            "id": lift, "identifiers": [{"scheme": "registration_code", "value": f"{uuid.uuid4().int:040}"[-20:]}],
            "variety": "3110", "area": "370102001", "venue": "school", "premises_class": "public_gathering",
            "status": "in_use", "effective_on": "2025-11-01",
        },
    )  # fmt: skip
    unit.post(
        "/claims",
        {
            "id": claim, "lift": lift, "part": "third_party_injury", "interest": "owner", "kind": "injury",
            "loss_at": "2026-01-05T02:00:00.000000Z",
            "claimants": [
                {"role": "injured", "name": "周八", "contact": f"+86 {FIRST[:3]}-{FIRST[3:]}"},
                {"role": "injured", "name": "吴九", "contact": SECOND},
            ],
        },
    )  # fmt: skip
    ((claimants,),) = service.rows(
        "SELECT convert_from(body, 'UTF8')::json->'said'->'claimants' FROM events WHERE stream = %s", f"{lift}/{claim}"
    )
    return [claimant["name"]["of"] for claimant in claimants]


def _search(client: Client, value: str) -> dict[str, Any]:
    return client.post("/persons/search", {"kind": "phone", "value": value, "purpose": "claim"})


def _open(client: Client, person: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.post(f"/persons/{person}/open", {"purpose": "own_request"})["fields"]
    return found


def _made_again(service: Service) -> None:
    """Assert that places and index, emptied and found again in log and sealed values, are what writes had noted."""
    queries = (
        "SELECT kind, token, person, digest FROM blind_index ORDER BY token, digest",
        "SELECT digest, person, stream, version FROM sealed_places ORDER BY digest, stream, version",
    )
    before = [service.rows(query) for query in queries]
    with service.owner() as connection, connection.transaction():
        connection.execute("SELECT set_config('liftledger.erasing', 'on', true)")
        connection.execute("DELETE FROM blind_index")
        connection.execute("DELETE FROM sealed_places")
    assert bootstrap.rebuild_index(service.settings) == len(before[0]) == 2
    assert [service.rows(query) for query in queries] == before


def _looked_up(own: Service, operator: Client, unit: Client, first: str) -> None:
    """Assert that a person is found and opened by whoever may, and that each such read is recorded."""
    assert [each["person"] for each in _search(operator, f"0086{FIRST}")["persons"]] == [first]
    assert {field["value"] for field in _open(operator, first)} == {"周八", f"+86 {FIRST[:3]}-{FIRST[3:]}"}
    assert _refused(_search, unit, FIRST) == _refused(_open, unit, first) == (403, "right_missing")
    regulator = _then(own, own.party("market_regulator"))
    assert _refused(_search, regulator, FIRST) == (403, "right_missing")
    certificate = {"kind": "certificate", "value": "T370102198001011234", "purpose": "inspection"}
    assert regulator.post("/persons/search", certificate)["persons"] == []
    assert _refused(_search, operator, "12") == (422, "lookup_value")
    told = operator.post(f"/persons/{first}/open", {"purpose": "own_request", "after": 10**9})
    assert told["fields"] == []
    assert [read["action"] for read in told["reads"]] == ["person.open", "person.open", "person.search"]
    reads = own.rows("SELECT party, action, purpose, persons FROM personal_reads ORDER BY number")
    assert reads == [
        (operator.credentials.party, "person.search", "claim", [first]),
        (operator.credentials.party, "person.open", "own_request", [first]),
        (regulator.credentials.party, "person.search", "inspection", []),
        (operator.credentials.party, "person.open", "own_request", [first]),
    ]


def test_a_persons_data_from_notice_to_destruction(own: Service) -> None:
    """Found by number, restricted for the law's five years, destroyed by time; who shared the line stays readable."""
    operator, unit = (_then(own, client) for client in (own.administrator, own.party("use_unit")))
    first, second = _notified(own, unit)

    _looked_up(own, operator, unit, first)
    _made_again(own)

    # restricted: kept whole, used no longer, and a restart changes nothing
    answer = operator.post(f"/persons/{first}/erase", {"basis": "request"})
    found = answer["groups"][0]["events"][0]["found"]
    due = found["until"]
    assert (found["scope"]["values"], found["scope"]["requests"]) == (2, 1)
    assert [period["rule"] for period in found["periods"]] == ["retention.insurance_short"]
    backup = _of(own, first)
    assert [len(rows) for rows in backup.values()] == [1, 2, 2, 1, 1]
    assert _refused(_open, operator, first) == (409, "person_restricted")
    told = _search(operator, FIRST)
    assert (told["persons"], told["restricted"]) == ([], 1)
    named = {
        "id": f"agent:{uuid.uuid4()}", "party": unit.credentials.party, "role": "member", "person": first, "name": "周",
    }  # fmt: skip
    assert _refused(unit.post, "/agents", named) == (409, "person_restricted")
    own.stop()
    own.start()
    assert _of(own, first) == backup
    assert _refused(_open, operator, first) == (409, "person_restricted")
    assert "erased" not in own.verify().counts

    # destroyed, when the duty is over
    _set(own, due)
    until(lambda: not any(_of(own, first).values()))
    ((erased,),) = own.rows("SELECT header FROM events WHERE stream = %s AND type = 'person.Erased'", first)
    assert json.loads(erased)["author"]["evidence"][0]["kind"] == "timer"
    operator = _then(own, operator)
    assert _refused(_open, operator, first) == (409, "person_erased")
    told = _search(operator, FIRST)
    assert (told["persons"], told["restricted"]) == ([], 0)
    assert own.verify().counts["erased"] >= 2

    # who stood in the same line: the bytes went, his own digests still open, and the view says so
    fields = _open(operator, second)
    assert {field["value"] for field in fields} == {"吴九", SECOND}
    assert {field["request"]["bytes"] for field in fields} == {"erased"}
    assert [each["person"] for each in _search(operator, SECOND)["persons"]] == [second]

    # the rows of an old dump go again at start, also where the dump is older than the word that they went
    own.stop()
    assert (own.settings.var / FILE).read_text().split() == [first]
    _restored(own, backup)
    assert _of(own, first) == backup
    with connect_reader(own.database) as connection:
        assert log_reader.held_persons(connection, [first, second]) == sorted([first, second])
    own.start()
    until(lambda: not any(_of(own, first).values()))
