"""Evidence over HTTP: made, recorded, the same again, cut to its receiver, and verified by whoever distrusts us."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client import COMMAND, Client, Credentials, Refused, Signer, salted
from api.credentials import new_key, registration
from audit.bundlefiles import unpack
from audit.bundles import MANIFEST
from audit.bundleverify import verify_bundle
from audit.findings import Report
from audit.later import verify_with_later
from audit.manifests import Manifest
from audit.policy import Policy
from tests.support.authority import OPENSSL, AuthorityFolder, answering
from tests.support.knocking import TIMEOUT_S
from tests.support.loading import loading
from tests.support.postgres import fresh_database
from tests.support.scenes import until
from tests.support.service import Service, serve
from tests.support.witnesses import witnessed

ZIP = "application/zip"


def policy(service: Service) -> Policy:
    """Believe the keys that the ledger states of itself, for a test."""
    keys = httpx.get(f"{service.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()
    return Policy.parse("".join(f"log {key}\n" for key in keys[1:]).encode() + b"quorum none\n")


def asked(service: Service, client: Client, said: dict[str, Any], *, accept: str = ZIP, command: str | None = None,
          body: bytes | None = None) -> httpx.Response:  # fmt: skip
    """Ask for a bundle as any HTTP client would."""
    with httpx.Client(base_url=service.url, timeout=60) as http:
        request = http.build_request(
            "POST", "/evidence", content=body or salted(said), extensions={COMMAND: command or str(uuid.uuid4())},
            headers={"Content-Type": "application/json", "Accept": accept},
        )  # fmt: skip
        return http.send(request, auth=Signer(service.origin, client.credentials))


def verified(service: Service, response: httpx.Response) -> Report:
    """Verify what was answered."""
    assert response.headers["content-type"] == ZIP, response.text
    return verify_bundle(unpack(response.content), policy(service))


def enrol(client: Client, **more: Any) -> str:  # noqa: ANN401 - JSON
    """Enrol an agent; gives its name."""
    agent = f"agent:{uuid.uuid4()}"
    client.post("/agents", {"id": agent, "party": client.credentials.party, "role": "worker", **more})
    return agent


def test_a_bundle_is_made_recorded_and_verified(service: Service) -> None:
    """Requests and lines with personal data open for who wrote them; the export stands on the party's own subject."""
    insurer = service.party("insurer")
    me = insurer.credentials.party
    alone, nothing = enrol(insurer, name="张三"), f"agent:{uuid.uuid4()}"
    lines: list[dict[str, Any]] = [
        {"id": f"agent:{uuid.uuid4()}", "party": me, "role": "worker", "name": f"李{number}"} for number in range(130)
    ]
    insurer.post_lines("/agents", lines)
    streams = [alone, lines[127]["id"], nothing, me]
    response = asked(service, insurer, {"party": me, "streams": streams})
    assert (response.status_code, response.headers["evidence-quorum"]) == (201, "none")
    report = verified(service, response)
    assert report.holds, "\n".join(report.lines())
    assert report.subjects == {alone: 1, lines[127]["id"]: 1, nothing: 0, me: 1}
    assert set(report.verdicts) == {"proven"}
    assert report.counts["sealed"] == 0
    files = unpack(response.content)
    names = [name for name in files if name.startswith("requests/") and "李127".encode() in files[name]]
    assert [name.rsplit(".", 2)[1] for name in names] == ["128"]
    events = insurer.get(f"/subjects/{me}/events", wait_for=int(response.headers["ledger-position"]))["events"]
    exported = events[-1]
    assert exported["header"]["type"] == "access.Exported"
    manifest = hashlib.sha256(files[MANIFEST]).hexdigest()
    assert exported["body"]["found"]["manifest"] == manifest == response.headers["evidence-manifest"]
    assert exported["body"]["found"]["size"] == report.size == Manifest.parse(files[MANIFEST]).size
    service.verify()


def test_the_same_command_gives_the_same_bytes(service: Service) -> None:
    """However far the log has gone since, and at most one event is written for it; as JSON it is any write's answer."""
    insurer = service.party("insurer")
    me = insurer.credentials.party
    agent = enrol(insurer)
    command = str(uuid.uuid4())
    body = salted({"party": me, "streams": [agent]})
    first = asked(service, insurer, {}, command=command, body=body)
    later = enrol(insurer)
    asked(service, insurer, {"party": me, "streams": [agent, later]})
    again = asked(service, insurer, {}, command=command, body=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    told = asked(service, insurer, {}, command=command, body=body, accept="application/json").json()
    assert told["repeated"] is True
    assert told["groups"][0]["events"][0]["found"]["manifest"] == first.headers["evidence-manifest"]
    exported = insurer.get(f"/subjects/{me}/events", limit=1000)["events"]
    assert [each["header"]["type"] for each in exported].count("access.Exported") == 2
    other = asked(service, insurer, {}, command=command, body=salted({"party": me, "streams": [later]}))
    assert (other.status_code, other.json()["code"]) == (409, "command_reused")


def test_a_bundle_is_witnessed_though_the_ledger_is_written(postgres: str, tmp_path: Path) -> None:
    """Whoever believes by witnesses can use every bundle, also one that is asked for right after a write."""
    with witnessed(postgres, tmp_path) as (service, believed):
        insurer = service.party("insurer")
        me = insurer.credentials.party
        with loading(service, service.party("insurer"), threads=1) as load:
            load.more()
            for _ in range(5):
                report = verify_bundle(unpack(_witnessed(service, insurer, me)), believed)
                assert report.holds, "\n".join(report.lines())
                assert len(report.witnesses) == 2
        service.verify()


def test_a_bundle_goes_out_when_witnesses_are_silent(postgres: str, tmp_path: Path) -> None:
    """It says so: to whoever believes by them it is not anchored, and it can be asked for again later."""
    with witnessed(postgres, tmp_path, serving=False) as (service, believed):
        me = service.administrator.credentials.party
        response = asked(service, service.administrator, {"party": me, "streams": [me]})
        assert (response.status_code, response.headers["evidence-quorum"]) == (201, "no")
        report = verify_bundle(unpack(response.content), believed)
        assert (report.anchored, report.integrity, report.completeness) == (False, True, True)


def _witnessed(service: Service, insurer: Client, me: str) -> bytes:
    """Ask for a bundle until the witnesses were as quick as it is asked, which a busy machine cannot promise."""
    told: list[bytes] = []

    def witnessed() -> bool:
        response = asked(service, insurer, {"party": me, "streams": [enrol(insurer)]})
        assert response.status_code in {201, 503}
        if response.headers.get("evidence-quorum") == "yes":
            told.append(response.content)
        return bool(told)

    until(witnessed)
    return told[0]


def restarted(service: Service, position: int) -> int:
    """Start a ledger anew, which has its newest checkpoint stamped; give the size of the first over a position."""
    # The first look at witnesses and authority comes right after the start, the next an hour later.
    until(lambda: service.rows("SELECT count(*) FROM checkpoints WHERE size >= %s", position) != [(0,)])
    service.stop()
    service.start()
    query = "SELECT min(size) FROM checkpoint_stamps WHERE size >= %s"
    until(lambda: service.rows(query, position) != [(None,)])
    return int(service.rows(query, position)[0][0])


@pytest.mark.skipif(OPENSSL is None, reason="the authority of this test is the openssl command")
def test_a_bundle_carries_a_stamp_that_openssl_verifies(postgres: str, tmp_path: Path) -> None:
    """Over the first stamped checkpoint that covers what was asked; the same bytes again though more were stamped."""
    authority = AuthorityFolder(tmp_path / "tsa").make()
    (roots := tmp_path / "roots.pem").write_bytes(authority.root)
    with answering(authority) as url, fresh_database(postgres) as database:
        stamping = {"LIFTLEDGER_STAMP_URL": url, "LIFTLEDGER_STAMP_ROOTS": str(roots)}
        with serve(database, tmp_path / "ledger", env=stamping) as service:
            insurer = service.party("insurer")
            me, agent = insurer.credentials.party, enrol(insurer)
            over = restarted(service, insurer.position)
            later = enrol(insurer)
            body, command = salted({"party": me, "streams": [agent]}), str(uuid.uuid4())
            first = asked(service, insurer, {}, command=command, body=body)
            report, files = verified(service, first), unpack(first.content)
            assert (report.holds, report.counts["stamp_unchecked"]) == (True, 1)
            assert files["stamps/1.checkpoint"].split(b"\n")[1] == str(over).encode()
            assert report.size > over
            assert authority.verifies(files["stamps/1.tsr"], files["stamps/1.checkpoint"])
            second = restarted(service, insurer.position)
            assert asked(service, insurer, {}, command=command, body=body).content == first.content
            other = unpack(asked(service, insurer, {"party": me, "streams": [later]}).content)
            assert other["stamps/1.checkpoint"].split(b"\n")[1] == str(second).encode()
            service.verify()


def test_one_command_sent_twice_at_once_is_one_export(service: Service) -> None:
    """Whoever loses the race is given the winner's bundle, since that is the one that was recorded."""
    insurer = service.party("insurer")
    me = insurer.credentials.party
    command, body = str(uuid.uuid4()), salted({"party": me, "streams": [enrol(insurer)]})
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: asked(service, insurer, {}, command=command, body=body), range(4)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["evidence-manifest"] for answer in answers}) == 1


def test_a_bundle_is_cut_to_its_receiver(service: Service) -> None:
    """What a rival may not see is withheld from his bundle, whoever has it made; the headers stay, proven."""
    insurer, rival = service.party("insurer"), service.party("insurer")
    agent = enrol(insurer, name="王五")
    said = {"party": rival.credentials.party, "streams": [agent]}
    for client in (rival, service.administrator):
        response = asked(service, client, said)
        report = verified(service, response)
        assert report.holds
        assert [event.verdicts for event in report.events] == [("withheld",)]
        assert "王五".encode() not in response.content
    refused = asked(service, insurer, said)
    assert (refused.status_code, refused.json()["code"]) == (403, "right_missing")
    auditor = service.party("auditor")
    report = verified(service, asked(service, auditor, {"party": auditor.credentials.party, "streams": [agent]}))
    assert report.holds
    assert report.events[0].verdicts == ("withheld",)  # its words are seen, the request with the name is not
    assert report.counts["sealed"] == 1


def test_an_agent_opens_no_colleagues_names(service: Service) -> None:
    """The party's own key opens what the party sealed; a worker's key does not, in whatever party's name he asks."""
    insurer, operator = service.party("insurer"), service.administrator
    said = {"party": insurer.credentials.party, "streams": [enrol(insurer, name="赵六")]}
    for client in (insurer, operator):
        assert "赵六".encode() in b"".join(unpack(asked(service, client, said).content).values())
        with closing(worker_of(service, client)) as worker:
            told = asked(service, worker, said)
        assert verified(service, told).holds
        assert "赵六".encode() not in b"".join(unpack(told.content).values())


def worker_of(service: Service, client: Client) -> Client:
    """Enrol a worker of a party, who has a key of his own."""
    party, worker = client.credentials.party, f"agent:{uuid.uuid4()}"
    key, private = new_key()
    registered = registration(service.origin, worker, key, private, int(time.time()))
    client.post("/agents", {"id": worker, "party": party, "role": "worker", "key": registered})
    return Client.open(service.url, service.origin, Credentials(party, key, private, worker), timeout_s=TIMEOUT_S)


def test_what_others_were_given_is_their_own_business(service: Service) -> None:
    """That somebody asked for evidence is in the log; of what, he and the operator alone can read."""
    insurer, rival = service.party("insurer"), service.party("insurer")
    me = insurer.credentials.party
    asked(service, insurer, {"party": me, "streams": [me]})
    seen = {
        who: client.get(f"/subjects/{me}/events")["events"][-1]["body"] is not None
        for who, client in (("own", insurer), ("rival", rival), ("operator", service.administrator))
    }
    assert seen == {"own": True, "rival": False, "operator": True}


def test_a_revoked_key_is_carried_with_its_end(service: Service) -> None:
    """T9: what it signed before is proven or contested; its history is in the bundle."""
    insurer = service.party("insurer")
    agent = enrol(insurer)
    service.administrator.post(
        f"/keys/{insurer.credentials.key}/revoke",
        {"reason": "compromised", "compromised_since": "2020-01-01T00:00:00.000000Z"},
    )
    response = asked(service, service.administrator, {"party": insurer.credentials.party, "streams": [agent]})
    report = verified(service, response)
    assert report.holds
    assert report.events[0].verdicts == ("contested",)


def test_what_was_erased_is_not_made_again(service: Service) -> None:
    """T12: a bundle made before verifies as it did, and beside a new one says what was erased; asked again, refused."""
    insurer = service.party("insurer")
    me = insurer.credentials.party
    agent = enrol(insurer, name="赵六")
    command, body = str(uuid.uuid4()), salted({"party": me, "streams": [agent]})
    first = asked(service, insurer, {}, command=command, body=body)
    event = insurer.get(f"/subjects/{agent}/events")["events"][0]
    person = event["body"]["said"]["name"]["of"]
    service.administrator.post(f"/persons/{person}/erase", {"basis": "request"})
    while service.rows("SELECT 1 FROM subject_keys WHERE person = %s", person):
        time.sleep(0.05)  # until the eraser, which comes by every two seconds, was there
    assert verified(service, first).holds
    again = asked(service, insurer, {}, command=command, body=body)
    assert (again.status_code, again.json()["code"]) == (409, "evidence_changed")
    report = verified(service, asked(service, insurer, {"party": me, "streams": [agent]}))
    assert report.holds, "\n".join(report.lines())
    assert report.events[0].verdicts == ("erased",)
    assert report.erased == {person}
    assert verified(service, first).events[0].verdicts == ("proven",)
    old, later = unpack(first.content), unpack(asked(service, insurer, {"party": me, "streams": [agent]}).content)
    report = verify_with_later(old, later, policy(service))
    assert report.holds, "\n".join(report.lines())
    assert report.events[0].verdicts == ("erased",)


@pytest.mark.parametrize(
    "change, status, code",
    [
        ({"streams": []}, 422, "shape_invalid"),
        ({"streams": ["map"]}, 422, "stream_invalid"),
        ({"streams": ["lift:nothing"]}, 422, "stream_invalid"),
        ({"party": f"party:{uuid.UUID(int=0, version=4)}"}, 403, "right_missing"),
        ({"recorded_from": "2026-01-01"}, 422, "shape_invalid"),
    ],
)
def test_what_is_no_question_is_refused(service: Service, change: dict[str, Any], status: int, code: str) -> None:
    """Before anything is made, and nothing is written."""
    insurer = service.party("insurer")
    me = insurer.credentials.party
    before = service.kept()
    response = asked(service, insurer, {"party": me, "streams": [me], **change})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert service.kept() == before


def test_the_door_stays_the_door(service: Service) -> None:
    """No token, lines, a parameter, a body that was not signed: refused as everywhere."""
    insurer = service.party("insurer")
    body = salted({"party": insurer.credentials.party, "streams": [insurer.credentials.party]})
    kind = {"Content-Type": "application/json"}
    assert (
        httpx.post(f"{service.url}/evidence", content=body, headers=kind, timeout=TIMEOUT_S).json()["code"]
        == "token_missing"
    )
    with pytest.raises(Refused) as caught:
        insurer.post_lines("/evidence", [body])
    assert caught.value.code == "ndjson_not_taken"
    with pytest.raises(Refused) as caught:
        insurer.post("/evidence?wait=proof", {"party": insurer.credentials.party, "streams": ["ledger"]})
    assert caught.value.code == "query_unknown"
    token = Signer(service.origin, insurer.credentials).token(
        httpx.Request("POST", f"{service.url}/evidence", content=body), str(uuid.uuid4())
    ).decode()  # fmt: skip
    changed = body.replace(b'"salt":"', b'"salt":"' + secrets.token_hex(1).encode())
    signed = {**kind, "Authorization": f"Bearer {token}"}
    assert httpx.post(f"{service.url}/evidence", content=changed, headers=signed, timeout=TIMEOUT_S).status_code == 401
