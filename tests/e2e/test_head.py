"""HEAD at the door (RFC 9110 §9.3.2): wherever GET answers, with its headers and without its content."""

from __future__ import annotations

import httpx
import pytest

from api.client import Client
from tests.golden.make_openapi import document
from tests.support.knocking import TIMEOUT_S, agent, code, sign
from tests.support.scenes import until
from tests.support.service import Service

PLAIN = [path for path, methods in document()["paths"].items() if "get" in methods and "{" not in path]
SIGNED = [path for path in PLAIN if document()["paths"][path]["get"]["security"]]
OF_THE_MOMENT = {"ledger-time", "ledger-position", "content-length"}


@pytest.fixture(scope="module")
def insurer(service: Service) -> Client:
    """A party, whose registration is under a checkpoint."""
    client = service.party("insurer")
    first = client.post("/agents", agent(client))["groups"][0]["first"]
    until(lambda: httpx.get(f"{service.url}/log/proof/{first}", timeout=TIMEOUT_S).status_code == 200)
    return client


def asked(
    service: Service, client: Client, path: str, method: str, *, signed: bool, named: str = "",
    http: httpx.Client | None = None,
) -> httpx.Response:  # fmt: skip
    """Ask once, signed for this method or the one that is named."""
    told = {"Authorization": sign(client, path, b"", method=named or method)} if signed else {}
    with httpx.Client(timeout=TIMEOUT_S) as own:
        return (http or own).request(method, f"{service.url}{path}", headers=told)


@pytest.mark.parametrize("path", [*PLAIN, "/log/tile/0/000.p/1", "/log/proof/1", "/log/receipt/1", "/log/tile/0/999"])
def test_the_same_answer_without_content(service: Service, insurer: Client, path: str) -> None:
    """Status and headers are those of GET, and the connection stays in step for what is asked next on it."""
    if path == "/log/consistency":
        path += "?old=1&new=1"
    signed = path in SIGNED
    given = asked(service, insurer, path, "GET", signed=signed)
    with httpx.Client(timeout=TIMEOUT_S) as http:
        head = asked(service, insurer, path, "HEAD", signed=signed, http=http)
        after = asked(service, insurer, path, "GET", signed=signed, http=http)
    assert (head.status_code, head.content) == (given.status_code, b"")
    assert {*given.headers} == {*head.headers}
    assert head.status_code not in {401, 405}, head.headers
    for name in {*given.headers} - OF_THE_MOMENT - {"etag"}:
        assert head.headers[name] == given.headers[name]
    assert after.status_code == given.status_code
    if path.startswith("/log/tile"):
        assert int(head.headers["content-length"]) == len(given.content)


def test_a_token_names_the_method_that_was_sent(service: Service, insurer: Client) -> None:
    """One made for GET does not ask by HEAD, nor the other way round."""
    assert asked(service, insurer, "/lifts", "HEAD", signed=True, named="GET").status_code == 401
    assert code(asked(service, insurer, "/lifts", "GET", signed=True, named="HEAD")) == (401, "token_method")


def test_entries_are_asked_by_a_party(service: Service, insurer: Client) -> None:
    """The headers of everyone's events: whether they are there is for those who may read them."""
    path = "/log/tile/entries/000.p/1"
    assert asked(service, insurer, path, "HEAD", signed=True).status_code == 200
    assert asked(service, insurer, path, "HEAD", signed=True, named="GET").status_code == 401
    assert asked(service, insurer, path, "HEAD", signed=False).status_code == 401


def test_what_is_only_written_has_no_head(service: Service, insurer: Client) -> None:
    """`Allow` names HEAD where it names GET, and nowhere else."""
    head = asked(service, insurer, "/agents", "HEAD", signed=True)
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")
    for path, allowed in (("/log/checkpoint", "GET, HEAD"), ("/lifts", "GET, HEAD, POST")):
        assert asked(service, insurer, path, "DELETE", signed=False).headers["allow"] == allowed
