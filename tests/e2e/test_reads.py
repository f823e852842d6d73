"""Reading over HTTP: signed, cited, cut to the reader, repeatable; problems with stable codes."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
import uuid_utils

from api.client import Client, Refused
from tests.support.knocking import TIMEOUT_S
from tests.support.service import Service


def _lift() -> str:
    return f"lift:{uuid_utils.uuid7()}"


def _registered(client: Client, lift: str, **more: Any) -> int:  # noqa: ANN401 - members of a registration
    value = f"{uuid.uuid4().int:040}"[-20:]
    client.post(
        "/lifts",
        {
            "id": lift, "identifiers": [{"scheme": "registration_code", "value": value}], "variety": "3110",
            "area": "370102001", "venue": "school", "premises_class": "public_gathering", "status": "in_use",
            "effective_on": "2025-11-01", **more,
        },
    )  # fmt: skip
    return client.position


def _code(refused: pytest.ExceptionInfo[Refused]) -> tuple[int, str]:
    return refused.value.status, refused.value.code


@pytest.fixture(scope="module")
def use_unit(service: Service) -> Client:
    """A use unit of the service."""
    return service.party("use_unit")


@pytest.fixture(scope="module")
def regulator(service: Service) -> Client:
    """A market regulator of the district."""
    return service.party("market_regulator", more={"areas": ["370102"]})


def test_read_own_write(use_unit: Client, regulator: Client) -> None:
    """A write is read back once its position is waited for; the answer cites what it knows."""
    lift = _lift()
    position = _registered(use_unit, lift, use_unit=use_unit.credentials.party)
    told = use_unit.get(f"/lifts/{lift}", wait_for=position)
    assert told["state"]["status"] == "in_use"
    assert told["state"]["use_unit"] == use_unit.credentials.party
    assert told["known_at"]["position"] >= position
    before = use_unit.get(f"/lifts/{lift}", known_at=1)
    assert before["state"] is None
    assert lift in [row["lift"] for row in use_unit.get("/lifts", limit=1000)["lifts"]]
    line = regulator.get(f"/lifts/{lift}/timeline")
    assert [entry["type"] for entry in line["entries"]] == ["lift.Registered"]


def test_a_lift_tells_what_was_registered_of_it(use_unit: Client, service: Service) -> None:
    """Identifiers, dates, warranty, label, parameters and safety officer, as they were effective and known then."""
    lift, party = _lift(), use_unit.credentials.party
    dates = {"made_on": "2019-05-01", "installed_on": "2019-08-01", "accepted_on": "2019-09-01"}
    said = {**dates, "warranty_until": "2024-09-01", "unit_label": "1-2", "parameters": {"stops": 18}}
    known = _registered(use_unit, lift, use_unit=party, **said)
    officer = f"agent:{uuid.uuid4()}"
    use_unit.post("/agents", {"id": officer, "party": party, "role": "safety_administrator"})
    use_unit.post(f"/lifts/{lift}/safety-officer", {"officer": officer})
    use_unit.post(f"/lifts/{lift}/place", {"unit_label": "2-9", "effective_on": "2025-11-03"})
    serial = {"scheme": "factory_number", "issuer": "Maker", "value": "SGL-1"}
    use_unit.post(f"/lifts/{lift}/identifiers", {"identifiers": [serial]})

    def told(**query: Any) -> dict[str, Any]:  # noqa: ANN401 - parameters of the query
        state: dict[str, Any] = use_unit.get(f"/lifts/{lift}", wait_for=use_unit.position, **query)["state"]
        return state

    now = told(effective_at="2190-01-01")
    assert {name: now[name] for name in said} == {**said, "unit_label": "2-9"}
    assert now["safety_officer"] == officer
    assert [(each["scheme"], each["issuer"], each["held"]) for each in now["identifiers"]] == [
        ("registration_code", None, False), ("factory_number", "Maker", False),
    ]  # fmt: skip
    stream = now["identifiers"][1]["stream"]
    assert service.party("bank").get(f"/subjects/{stream}/replay")["states"][stream]["owner"] == lift
    assert told(effective_at="2025-11-02")["unit_label"] == "1-2"
    before = told(effective_at="2190-01-01", known_at=known)
    assert (before["safety_officer"], len(before["identifiers"]), before["unit_label"]) == (None, 1, "1-2")


def test_identifiers_held_for_review_are_listed(use_unit: Client, regulator: Client) -> None:
    """A number that another lift has is held: its lift is in the list until the claim is withdrawn."""
    owner, other = _lift(), _lift()
    number = {"scheme": "registration_code", "value": f"{uuid.uuid4().int:040}"[-20:]}
    _registered(use_unit, owner, identifiers=[number])
    _registered(use_unit, other, identifiers=[number], use_unit=use_unit.credentials.party)

    def held(client: Client) -> dict[str, list[str]]:
        rows = client.get("/lifts", held="true", limit=1000, wait_for=use_unit.position)["lifts"]
        return {row["lift"]: row["held"] for row in rows}

    assert owner not in held(regulator)
    (stream,) = held(regulator)[other]
    assert held(use_unit)[other] == [stream]
    (told,) = use_unit.get(f"/lifts/{other}")["state"]["identifiers"]
    assert (told["stream"], told["held"], told["value"]) == (stream, True, number["value"])
    use_unit.post(f"/lifts/{other}/identifiers", {"withdrawn": [number]})
    assert other not in held(regulator)
    with pytest.raises(Refused) as refused:
        use_unit.get("/lifts", held="yes")
    assert _code(refused) == (422, "held_malformed")


def test_coverage_for_the_regulator(use_unit: Client, regulator: Client, service: Service) -> None:
    """The regulator sees the shares of its areas, again the same at the same position; others see none."""
    position = _registered(use_unit, _lift())
    answer = regulator.get("/coverage", by="class,group", wait_for=position)
    assert answer["total"]["in_use"] >= 1
    assert answer["total"]["liability"] == answer["total"]["insurance_service"] == {"covered": 0, "share_bp": 0}
    assert (answer["pack"], answer["targets"]) == ({"name": "shandong@1", "adopted": False}, [])
    _registered(use_unit, _lift())
    known = answer["known_at"]["position"]
    effective = answer["effective_at"]["instant"]
    again = regulator.get("/coverage", by="class,group", known_at=known, effective_at=effective)
    assert again == answer
    with pytest.raises(Refused) as refused:
        regulator.get("/coverage", area="370103")
    assert _code(refused) == (403, "right_missing")
    with pytest.raises(Refused) as refused:
        use_unit.get("/coverage")
    assert _code(refused) == (403, "right_missing")
    everything = service.administrator.get("/coverage", area="370102", wait_for=use_unit.position)
    assert everything["total"]["in_use"] >= 2


def test_complete_subject(use_unit: Client, service: Service) -> None:
    """The chain of a subject is shown whole to everyone, its bodies to whom they concern; a replay folds it."""
    lift = _lift()
    position = _registered(use_unit, lift)
    stranger = service.party("maintainer")
    chain = stranger.get(f"/subjects/{lift}/events", wait_for=position)["events"]
    assert [(event["withheld"], event["body"]) for event in chain] == [(True, None)]
    use_unit.get(f"/lifts/{lift}", wait_for=position)
    (own,) = use_unit.get(f"/subjects/{lift}/events")["events"]
    assert own["body"]["said"]["id"] == lift
    assert own["leaf"] == chain[0]["leaf"]
    assert use_unit.get(f"/events/{own['position']}")["header"] == own["header"]
    replayed = use_unit.get(f"/subjects/{lift}/replay")
    assert replayed["states"][lift]["area"] == "370102001"
    assert [event["verdict"] for event in replayed["events"]] == ["signed"]
    key = use_unit.get(f"/subjects/{use_unit.credentials.key}/replay")
    assert {event["type"] for event in key["events"]} == {"key.Registered"}
    with pytest.raises(Refused) as refused:
        stranger.get(f"/subjects/{lift}/replay")
    assert _code(refused) == (403, "right_missing")
    with pytest.raises(Refused) as refused:
        use_unit.get(f"/subjects/{_lift()}/events")
    assert _code(refused) == (404, "subject_unknown")


def test_one_stream_of_a_subject_is_replayed(use_unit: Client, service: Service) -> None:
    """The route takes a stream of its subject; another's, or one that nothing is known of, is not there."""
    lift = _lift()
    _registered(use_unit, lift)
    claim = f"claim:{uuid.uuid4()}"
    notice = {
        "id": claim, "lift": lift, "loss_at": "2025-10-20T02:00:00.000000Z", "part": "entrapment", "interest": "owner",
        "kind": "entrapment",
    }  # fmt: skip
    use_unit.post("/claims", notice)
    stream = f"{lift}/{claim}"
    replayed = service.administrator.get(f"/subjects/{lift}/replay", stream=stream, wait_for=use_unit.position)
    assert (replayed["of"], list(replayed["states"]), replayed["withheld"]) == (stream, [stream], [])
    assert [(event["type"], event["verdict"]) for event in replayed["events"]] == [("claim.Notified", "signed")]
    assert set(service.administrator.get(f"/subjects/{lift}/replay")["states"]) == {lift, stream}
    for other, code in ((_lift(), "stream_unknown"), (f"{lift}/claim:{uuid.uuid4()}", "subject_unknown")):
        with pytest.raises(Refused) as refused:
            service.administrator.get(f"/subjects/{lift}/replay", stream=other)
        assert _code(refused) == (404, code)


def test_a_timeline_ends_where_it_is_asked_to(use_unit: Client) -> None:
    """`effective_at` leaves out what was not effective by then; what is no time is refused."""
    lift = _lift()
    position = _registered(use_unit, lift, effective_on="2025-10-01", use_unit=use_unit.credentials.party)
    use_unit.post(f"/lifts/{lift}/status", {"status": "stopped", "effective_on": "2025-10-15"})

    def types(**query: Any) -> list[str]:  # noqa: ANN401 - parameters of the query
        line = use_unit.get(f"/lifts/{lift}/timeline", wait_for=use_unit.position, **query)
        return [entry["type"] for entry in line["entries"]]

    assert types() == ["lift.Registered", "lift.StatusChanged"]
    assert types(effective_at="2025-10-14") == ["lift.Registered"]
    assert types(effective_at="2025-10-15", known_at=position) == ["lift.Registered"]
    assert types(effective_at="2025-09-30") == []
    for wrong, code in (("garbage", "date_malformed"), ("2025-10-15T00:00:00Z", "instant_malformed")):
        with pytest.raises(Refused) as refused:
            types(effective_at=wrong)
        assert _code(refused) == (422, code)


def test_mandates_stand_on_both_sides(use_unit: Client, service: Service) -> None:
    """A mandate is given and ended by signed requests, and each side's chain shows it verified."""
    broker = service.party("broker")
    giver, to = use_unit.credentials.party, broker.credentials.party
    mandate = f"mandate:{uuid_utils.uuid7()}"
    body = {"id": mandate, "giver": giver, "to": to, "acts": ["policy.propose"], "from_date": "2020-01-01"}
    use_unit.post("/mandates", {**body, "to_date": "2199-01-01"})
    broker.post(f"/parties/{giver}/mandates/{mandate}/end", {"reason": "resigned"})
    for subject, types in (
        (giver, {"mandate.Given", "mandate.Ended"}), (to, {"party.MandateReceived", "party.MandateEnded"}),
    ):  # fmt: skip
        replayed = service.administrator.get(f"/subjects/{subject}/replay", wait_for=broker.position)
        told = {event["type"]: event["verdict"] for event in replayed["events"]}
        assert {told[kind] for kind in types} == {"signed"}


def test_refusals(use_unit: Client, service: Service) -> None:
    """An unsigned read, an unknown parameter, a future time and a wrong cursor are problems with stable codes."""
    assert httpx.get(f"{service.url}/lifts", timeout=TIMEOUT_S).json()["code"] == "token_missing"
    for query, code in (
        ({"colour": "red"}, "query_unknown"), ({"known_at": "2190-01-01T00:00:00.000000Z"}, "known_at_future"),
        ({"cursor": "zzz"}, "cursor_malformed"), ({"limit": "5000"}, "limit_malformed"),
        ({"effective_at": "2025-13-01"}, "date_malformed"), ({"wait_for": "soon"}, "wait_for_malformed"),
        ({"wait_for": "999999999"}, "wait_for_future"), ({"status": "flying"}, "status_malformed"),
        ({"use_unit": "somebody"}, "use_unit_malformed"), ({"premises_class": "\x00"}, "premises_class_malformed"),
        ({"known_at": "1\x00"}, "known_at_malformed"), ({"venue": "a\x00"}, "venue_malformed"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            use_unit.get("/lifts", **query)
        assert _code(refused) == (422, code)
    with pytest.raises(Refused) as refused:
        use_unit.get("/lifts/lift:nobody")
    assert _code(refused) == (404, "lift_unknown")


def test_unchanged_answers_are_not_sent_again(use_unit: Client) -> None:
    """With the ETag of an answer at a fixed position, the same question is answered by 304."""
    lift = _lift()
    position = _registered(use_unit, lift)
    query = {"known_at": str(position), "effective_at": "2025-12-01"}
    http = use_unit._http  # noqa: SLF001 - headers are what is asked here
    request = http.build_request("GET", f"/lifts/{lift}", params=query)
    first = http.send(request, auth=use_unit._signer)  # noqa: SLF001 - as above
    assert first.headers["Ledger-Position"] == str(position)
    headers = {"If-None-Match": first.headers["ETag"]}
    request = http.build_request("GET", f"/lifts/{lift}", params=query, headers=headers)
    second = http.send(request, auth=use_unit._signer)  # noqa: SLF001 - as above
    assert (second.status_code, second.content) == (304, b"")


def test_every_question_is_described(service: Service) -> None:
    """The OpenAPI document holds every reading route with its parameters and the signature it needs."""
    document = httpx.get(f"{service.url}/openapi.json", timeout=TIMEOUT_S).json()
    assert document["openapi"].startswith("3.1")
    for path in ("/coverage", "/lifts/{lift}/timeline", "/claims", "/funds/{fund}/statement", "/events/{position}"):
        described = document["paths"][path]["get"]
        assert described["security"] == [{"signed": []}]
        assert {"401", "422", "503", "default"} <= set(described["responses"])
    sought = document["paths"]["/identifiers"]["get"]
    assert "404" in sought["responses"]
    assert {each["name"] for each in sought["parameters"] if each["required"]} == {"scheme", "value"}
    ledger = service.administrator.get("/ledger")
    assert ledger["views"]["parked_streams"] == 0
