"""Bodies, types and paths that are wrong in every way: each a problem with a stable code, and nothing written."""

from __future__ import annotations

import gzip
import random
import select
import time
import uuid
from contextlib import suppress
from typing import Any

import httpx
import orjson
import pytest
import uuid_utils

from api.bodies import SINGLE_BYTES_MAX
from api.client import Client
from api.connections import HEADER_BYTES_MAX
from tests.support.knocking import (
    JSON,
    NDJSON,
    TIMEOUT_S,
    agent,
    answered,
    code,
    head,
    nothing_written,
    raw,
    salted,
    send,
    sign,
)
from tests.support.service import Service

MEGABYTE = 1024 * 1024
SALT = f'"salt":"{"0" * 32}"'.encode()


@pytest.fixture(scope="module")
def insurer(service: Service) -> Client:
    """A registered party that may register lifts."""
    return service.party("insurer")


def _lift(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of a registration
    value = f"{uuid.uuid4().int:040}"[-20:]
    return {
        "id": f"lift:{uuid_utils.uuid7()}", "identifiers": [{"scheme": "registration_code", "value": value}],
        "variety": "3110", "area": "370102001", "status": "in_use", **more,
    }  # fmt: skip


def _broken(client: Client, change: bytes) -> bytes:
    """Give an enrolment whose last member is these bytes."""
    return orjson.dumps(agent(client))[:-1] + b"," + change + b"}"


def test_the_body_that_is_broken_below_is_sound(service: Service, insurer: Client) -> None:
    """What the other tests of this file break is stored when it is not broken."""
    assert send(service, insurer, "/agents", _broken(insurer, SALT)).status_code == 201
    assert send(service, insurer, "/lifts", salted(_lift())).status_code == 201


@pytest.mark.parametrize(
    "change,expected",
    [
        pytest.param(b'"person":"x' + SALT, "json_invalid", id="unclosed"),
        pytest.param(SALT + b",", "json_invalid", id="comma-too-many"),
        pytest.param(SALT + b",'role':1", "json_invalid", id="single-quotes"),
        pytest.param(SALT + b',"role":"worker"', "json_duplicate_member", id="member-twice"),
        pytest.param(SALT + b"," + SALT, "json_duplicate_member", id="salt-twice"),
        pytest.param(SALT + b',"source":{"id":"1","system":"a","id":"2"}', "json_duplicate_member", id="twice-inside"),
        pytest.param(SALT + b',"premium_fen":1.0', "json_float", id="float"),
        pytest.param(SALT + b',"premium_fen":1e2', "json_float", id="exponent"),
        pytest.param(SALT + b',"premium_fen":NaN', "json_float", id="nan"),
        pytest.param(SALT + b',"premium_fen":Infinity', "json_float", id="infinity"),
        pytest.param(SALT + b',"premium_fen":-Infinity', "json_float", id="minus-infinity"),
        pytest.param(SALT + b',"premium_fen":' + b"9" * 30, "json_number_range", id="thirty-digits"),
        pytest.param(SALT + b',"premium_fen":9007199254740992', "json_number_range", id="two-to-the-53"),
        pytest.param(SALT + b',"premium_fen":' + b"9" * 900_000, "json_number_range", id="a-million-digits"),
        pytest.param(SALT + b',"premium_fen":007', "json_invalid", id="leading-zeros"),
        pytest.param(SALT + b',"name":"a\\u0000b"', "json_string", id="nul-escaped"),
        pytest.param(SALT + b',"name":"a\x00b"', "json_invalid", id="nul"),
        pytest.param(SALT + b',"name":"\\ud800"', "json_string", id="lone-surrogate"),
        pytest.param(SALT + b',"name":"\xed\xa0\x80"', "json_encoding", id="surrogate-in-utf8"),
        pytest.param(SALT + ',"name":"张伟"'.encode("gbk"), "json_encoding", id="gbk"),
        pytest.param(SALT + ',"姓名":"x"'.encode(), "json_member_name", id="member-not-ascii"),
        pytest.param(SALT + b',"x":' + b"[" * 100 + b"]" * 100, "json_depth", id="a-hundred-deep"),
        pytest.param(SALT + b',"x":' + b"[" * 400_000 + b"]" * 400_000, "json_depth", id="four-hundred-thousand-deep"),
    ],
)
def test_what_is_no_json_of_ours(service: Service, insurer: Client, change: bytes, expected: str) -> None:
    """Text that two readers could read differently, or not at all, is refused before anything looks at its meaning."""
    with nothing_written(service):
        response = send(service, insurer, "/agents", _broken(insurer, change))
    assert code(response) == (400, expected)


@pytest.mark.parametrize(
    "body,expected",
    [
        pytest.param(b"", (400, "json_invalid"), id="empty"),
        pytest.param(b" \n", (400, "json_invalid"), id="blank"),
        pytest.param(b"\xef\xbb\xbf{" + SALT + b"}", (400, "json_bom"), id="bom"),
        pytest.param('{"salt":1}'.encode("utf-16"), (400, "json_encoding"), id="utf-16"),
        pytest.param(b"{" + SALT + b"}{}", (400, "json_invalid"), id="two-values"),
        pytest.param(b"[{" + SALT + b"}]", (422, "json_object_wanted"), id="array"),
        pytest.param(b'"text"', (422, "json_object_wanted"), id="text"),
        pytest.param(b"null", (422, "json_object_wanted"), id="null"),
        pytest.param(b"{}", (422, "salt_missing"), id="no-salt"),
        pytest.param(b'{"salt":"00"}', (422, "salt_missing"), id="short-salt"),
        pytest.param(b'{"salt":"' + b"0" * 31 + b'G"}', (422, "salt_missing"), id="salt-not-hex"),
        pytest.param(b'{"salt":"' + b"0" * 33 + b'"}', (422, "salt_missing"), id="half-a-byte"),
        pytest.param(b'{"salt":' + b"1" * 15 + b"}", (422, "salt_missing"), id="salt-a-number"),
        pytest.param(b"{" + SALT + b"}", (422, "shape_invalid"), id="nothing-but-salt"),
    ],
)
def test_what_is_no_write(service: Service, insurer: Client, body: bytes, expected: tuple[int, str]) -> None:
    """A body that is no salted object is refused, also when it is not even there."""
    with nothing_written(service):
        response = send(service, insurer, "/agents", body)
    assert code(response) == expected


@pytest.mark.parametrize(
    "change,at",
    [
        pytest.param({"colour": "red"}, "/colour", id="unknown-member"),
        pytest.param({"role": "king"}, "/role", id="unknown-choice"),
        pytest.param({"role": 1}, "/role", id="number-for-text"),
        pytest.param({"role": None}, "/role", id="null"),
        pytest.param({"id": "agent:1"}, "/id", id="malformed-name"),
        pytest.param({"id": f"agent:{uuid.UUID(int=0)}"}, "/id", id="uuid-of-no-version"),
        pytest.param({"id": f"agent:{uuid.uuid4()}".upper()}, "/id", id="name-in-capitals"),
        pytest.param({"party": f"policy:{uuid.uuid4()}"}, "/party", id="name-of-another-kind"),
        pytest.param({"name": ""}, "/name", id="empty-text"),
        pytest.param({"name": " \t"}, "/name", id="blank-text"),
        pytest.param({"name": "a\u202eb"}, "/name", id="text-that-turns-its-order"),
        pytest.param({"name": "a\x1bb"}, "/name", id="control-character"),
        pytest.param({"name": "x" * 100_000}, "/name", id="long-text"),
        pytest.param({"source": {"system": "Bad System", "id": "1"}}, "/source/system", id="malformed-source"),
        pytest.param({"source": {"system": "erp", "id": "1", "more": 1}}, "/source/more", id="unknown-member-inside"),
    ],
)
def test_what_is_not_of_its_form(service: Service, insurer: Client, change: dict[str, Any], at: str) -> None:
    """A member of the wrong form is named by its place; its value is not repeated."""
    with nothing_written(service):
        response = send(service, insurer, "/agents", salted(agent(insurer, **change)))
    assert code(response) == (422, "shape_invalid")
    errors = response.json()["details"]["errors"]
    assert at in [error["at"] for error in errors]
    for value in change.values():
        assert not (isinstance(value, str) and len(value) > 8 and value in response.text)


@pytest.mark.parametrize(
    "change",
    [
        {"effective_on": "2025-02-30"}, {"effective_on": "2025-13-01"}, {"effective_on": "1799-01-01"},
        {"effective_on": "9999-12-31"}, {"effective_on": "2025-1-1"}, {"effective_on": "20250101"},
        {"effective_on": "2025-01-01T00:00:00Z"}, {"effective_on": "２０２５-01-01"}, {"effective_on": 20250101},
        {"effective_on": "2025-01-01\n"}, {"made_on": "1849-12-31"}, {"made_on": "2200-01-01"},
        {"made_on": "2023-02-29"}, {"parameters": {"stops": 0}}, {"parameters": {"load_kg": 10**9}},
        {"parameters": {"load_kg": True}}, {"parameters": {"load_kg": "800"}},
    ],
    ids=str,
)  # fmt: skip
def test_dates_and_numbers_out_of_range(service: Service, insurer: Client, change: dict[str, Any]) -> None:
    """Days that do not exist, years nobody can mean and numbers beyond their bounds are refused by name."""
    with nothing_written(service):
        response = send(service, insurer, "/lifts", salted(_lift(**change)))
    assert code(response) == (422, "shape_invalid")
    (error,) = response.json()["details"]["errors"]
    assert error["at"].startswith(f"/{next(iter(change))}")


# ---------------------------------------------------------------------------------------------------- too large


def test_a_single_write_of_a_mebibyte_and_one_byte_more(service: Service, insurer: Client) -> None:
    """A body of exactly the limit is read; one byte more is too large, with the limit's name."""
    body = salted(agent(insurer))
    assert send(service, insurer, "/agents", body.ljust(SINGLE_BYTES_MAX)).status_code == 201
    with nothing_written(service):
        response = send(service, insurer, "/agents", salted(agent(insurer)).ljust(SINGLE_BYTES_MAX + 1))
    assert code(response) == (413, "too_large")
    assert response.json()["details"] == {"limit": "body_bytes", "maximum": SINGLE_BYTES_MAX}


def test_ten_megabytes(service: Service, insurer: Client) -> None:
    """A body of 10 MB that is sent all the same is refused, and the same connection serves the next request."""
    body = b" " * (10 * MEGABYTE)
    with nothing_written(service), httpx.Client(base_url=service.url, timeout=60) as http:
        headers = {"Content-Type": JSON, "Authorization": sign(insurer, "/agents", body)}
        assert code(http.post("/agents", content=body, headers=headers)) == (413, "too_large")
        assert http.get("/health").status_code == 200


def test_ten_megabytes_are_refused_by_what_is_declared(service: Service, insurer: Client) -> None:
    """The declared length alone is refused: the answer comes before a single byte of the body was sent."""
    headers = {"Content-Type": JSON, "Authorization": sign(insurer, "/agents", b"")}
    with nothing_written(service), raw(service) as connection:
        connection.sendall(head("/agents", {**headers, "Content-Length": str(10 * MEGABYTE)}))
        assert code(answered(connection)) == (413, "too_large")


def test_a_stream_without_end_is_refused_at_its_limit(service: Service, insurer: Client) -> None:
    """A body in chunks that declares no length is refused as soon as it passes the limit, before it has ended."""
    headers = {"Content-Type": JSON, "Authorization": sign(insurer, "/agents", b"")}
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with nothing_written(service), raw(service) as connection:
        connection.sendall(head("/agents", {**headers, "Transfer-Encoding": "chunked"}))
        for _ in range(SINGLE_BYTES_MAX // 0x10000 + 1):
            connection.sendall(chunk)
        assert code(answered(connection)) == (413, "too_large")


def test_chunks_are_one_body(service: Service, insurer: Client) -> None:
    """A body sent in small chunks is the same body: its signature holds and it is stored."""
    body = salted(agent(insurer))
    headers = {"Content-Type": JSON, "Authorization": sign(insurer, "/agents", body), "Transfer-Encoding": "chunked"}
    with raw(service) as connection:
        connection.sendall(head("/agents", headers))
        for byte in body:
            connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert answered(connection).status_code == 201


def test_a_body_cut_in_the_middle(service: Service, insurer: Client) -> None:
    """A connection that ends before the declared length leaves nothing behind, and the service goes on."""
    body = salted(agent(insurer))
    headers = {"Content-Type": JSON, "Authorization": sign(insurer, "/agents", body), "Content-Length": str(len(body))}
    with nothing_written(service):
        with raw(service) as connection:
            connection.sendall(head("/agents", headers) + body[: len(body) // 2])
        assert httpx.get(f"{service.url}/health", timeout=TIMEOUT_S).status_code == 200


@pytest.mark.parametrize("piece", [b"X-Long: " + b"x" * 8000 + b"\r\n", b"x" * 8000], ids=["many", "one"])
@pytest.mark.parametrize("begun", [b"POST /agents HTTP/1.1\r\nHost: test\r\nX-Begun: ", b"POST /agents?"])
def test_headers_without_end(service: Service, begun: bytes, piece: bytes) -> None:
    """A request's line or headers that pass their limit are refused instead of being gathered."""
    with nothing_written(service), raw(service) as connection:
        connection.sendall(begun)
        time.sleep(0.05)
        with suppress(ConnectionError):
            for _ in range(1024):
                connection.sendall(piece)
        with suppress(ConnectionError):
            assert code(answered(connection))[0] in {400, 431}
    assert httpx.get(f"{service.url}/health", timeout=TIMEOUT_S).status_code == 200


def test_headers_at_their_limit(service: Service, insurer: Client) -> None:
    """Headers that come slowly and in pieces are read up to their limit."""
    body = salted(agent(insurer))
    headers = {"Content-Type": JSON, "Authorization": sign(insurer, "/agents", body), "Content-Length": str(len(body))}
    told = head("/agents", {**headers, "X-More": "x" * (HEADER_BYTES_MAX // 2)}) + body
    with raw(service) as connection:
        for start in range(0, len(told), 1024):
            connection.sendall(told[start : start + 1024])
            time.sleep(0.002)
        assert answered(connection).status_code == 201


def test_headers_beyond_their_limit(service: Service) -> None:
    """Headers beyond their limit are told what is wrong with them."""
    with nothing_written(service), raw(service) as connection:
        connection.sendall(b"POST /agents HTTP/1.1\r\nHost: test\r\nX-Long: ")
        # What comes together with the request's first byte is not counted, so a busy worker may miss a piece of it.
        while not select.select([connection], [], [], 0.1)[0]:
            connection.sendall(b"x" * (HEADER_BYTES_MAX // 4))
        assert code(answered(connection)) == (431, "headers_too_large")
        assert connection.recv(1) == b""


def test_what_is_no_http(service: Service) -> None:
    """Bytes that are no request are answered by a problem too, and the connection ends."""
    with nothing_written(service), raw(service) as connection:
        connection.sendall(b"\x16\x03\x01 not HTTP\r\n\r\n")
        assert code(answered(connection)) == (400, "http_invalid")
        assert connection.recv(1) == b""


# ---------------------------------------------------------------------------------------------------- types and paths


@pytest.mark.parametrize(
    "headers,expected",
    [
        ({"Content-Type": "text/plain"}, "media_type"), ({"Content-Type": ""}, "media_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "media_type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "media_type"),
        ({"Content-Type": "application/jsonp"}, "media_type"), ({"Content-Encoding": "gzip"}, "content_encoding"),
        ({"Content-Encoding": "br"}, "content_encoding"), ({"Content-Encoding": "identity, gzip"}, "content_encoding"),
    ],
    ids=str,
)  # fmt: skip
def test_other_types_and_codings(service: Service, insurer: Client, headers: dict[str, str], expected: str) -> None:
    """Only JSON and NDJSON are taken, uncoded: what is signed is what is sent."""
    body = salted(agent(insurer))
    if "gzip" in headers.get("Content-Encoding", ""):
        body = gzip.compress(body)
    with nothing_written(service):
        response = send(service, insurer, "/agents", body, headers=headers)
    assert code(response) == (415, expected)


def test_lines_where_none_are_taken(service: Service, insurer: Client) -> None:
    """A route for one act does not take lines."""
    with nothing_written(service):
        response = send(service, insurer, "/parties", salted({"parties": []}), kind=NDJSON)
    assert code(response) == (422, "ndjson_not_taken")


@pytest.mark.parametrize(
    "method,path,expected",
    [
        ("POST", "/lifts/policy:018f0000-0000-7000-8000-000000000000/status", (404, "lift_unknown")),
        ("POST", "/lifts/lift:1/status", (404, "lift_unknown")),
        ("POST", "/lifts/lift:018f0000-0000-4000-8000-000000000000/status", (404, "lift_unknown")),
        ("POST", "/lifts/LIFT:018f0000-0000-7000-8000-000000000000/status", (404, "lift_unknown")),
        ("POST", "/lifts/..%2F..%2Fetc%2Fpasswd/status", (404, "not_found")),
        ("POST", "/lifts/%00/status", (404, "lift_unknown")),
        ("POST", "/lifts/%ff%fe/status", (404, "lift_unknown")),
        ("POST", "/agents/", (404, "not_found")),
        ("POST", "/agent", (404, "not_found")),
        ("POST", "/", (404, "not_found")),
        ("POST", "//agents", (404, "not_found")),
        ("PUT", "/agents", (405, "method_not_allowed")),
        ("DELETE", "/agents", (405, "method_not_allowed")),
        ("PATCH", "/lifts", (405, "method_not_allowed")),
    ],
)
def test_paths_that_lead_nowhere(
    service: Service, insurer: Client, method: str, path: str, expected: tuple[int, str]
) -> None:
    """A path that names nothing, or a thing of another kind, is answered by a problem like everything else."""
    with nothing_written(service):
        response = send(service, insurer, path, salted(agent(insurer)), method=method)
    assert code(response) == expected
    if expected[0] == 405:
        assert "POST" in response.json()["details"]["taken"]
        assert response.headers["allow"] == ", ".join(response.json()["details"]["taken"])
    elif expected[1] == "not_found":
        assert "/openapi.json" in response.json()["detail"]


def test_a_thing_that_is_not_there(service: Service, insurer: Client) -> None:
    """A well-formed name of nothing is not found, with its kind in the code."""
    lift = f"lift:{uuid_utils.uuid7()}"
    body = salted({"status": "stopped", "reason": "repair", "effective_on": "2025-11-02"})
    with nothing_written(service):
        response = send(service, insurer, f"/lifts/{lift}/status", body)
    assert code(response) == (404, "lift_unknown")


def test_every_refusal_is_told_apart_from_a_failure(service: Service, insurer: Client) -> None:
    """Random bytes of any kind are refused and never make the service fail; few of them are JSON (a digit is)."""
    rng = random.Random(7)
    with nothing_written(service):
        for size in (1, 2, 3, 16, 64, 1000, 10_000):
            for body in (rng.randbytes(size), b'{"id":' + rng.randbytes(size) + b"}", b'{"id":6}'):
                assert send(service, insurer, "/agents", body).status_code in {400, 422}
    service.verify()
