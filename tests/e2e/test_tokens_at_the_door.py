"""Forged, stale, replayed and misdirected tokens, against a real service."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import uuid
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import credentials
from api.client import Client, Refused
from audit import canonical, keys
from tests.support.knocking import TIMEOUT_S, nothing_written
from tests.support.service import Service


def _claims(client: Client, body: bytes, **other: str | int) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": client.credentials.party, "aud": client.origin, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4()),
        "htm": "POST", "uri": "/agents", "bh": hashlib.sha256(body).hexdigest(), **other,
    }  # fmt: skip


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _token(
    client: Client, claims: bytes, *, alg: str = "Ed25519", kid: str | None = None, key: keys.PrivateKey | None = None
) -> str:
    header = canonical.encode({"alg": alg, "kid": kid or client.credentials.key})
    signed = f"{_b64(header)}.{_b64(claims)}"
    return f"{signed}.{_b64(keys.sign(key or client.credentials.private, signed.encode()))}"


def _body(client: Client) -> bytes:
    agent = {"id": f"agent:{uuid.uuid4()}", "party": client.credentials.party, "role": "worker"}
    return canonical.encode({**agent, "salt": secrets.token_hex(16)})


def _send(
    service: Service, token: str, body: bytes, path: str = "/agents", *, key: str | None = None
) -> httpx.Response:  # fmt: skip
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    headers |= {} if key is None else {"Idempotency-Key": key}
    return httpx.post(f"{service.url}{path}", content=body, headers=headers, timeout=TIMEOUT_S)


def _code(response: httpx.Response) -> tuple[int, str]:
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == response.status_code
    return response.status_code, problem["code"]


@pytest.fixture
def insurer(service: Service) -> Client:
    """A registered party."""
    return service.party("insurer")


def _json(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims).encode()


@pytest.mark.parametrize(
    "change,expected",
    [
        ({"aud": "other.example/district"}, "token_audience"),
        ({"uri": "/parties"}, "token_uri"),
        ({"uri": "/agents?x=1"}, "token_uri"),
        ({"htm": "PUT"}, "token_method"),
        ({"bh": "0" * 64}, "token_body"),
        ({"iat": 1, "exp": 61}, "token_expired"),
        ({"exp": 10**10}, "token_lifetime"),
        ({"extra": 1}, "token_claims"),
        ({"jti": "not-a-uuid"}, "token_claims"),
        ({"iss": f"party:{uuid.uuid4()}"}, "token_issuer"),
        ({"sub": f"agent:{uuid.uuid4()}"}, "token_subject"),
    ],
)
def test_a_registered_party_is_told_which_claim_was_wrong(
    service: Service, insurer: Client, change: dict[str, Any], expected: str
) -> None:
    """A good signature over a wrong claim is refused with 401 and the claim's own code, and writes nothing."""
    body = _body(insurer)
    with nothing_written(service):
        response = _send(service, _token(insurer, _json(_claims(insurer, body, **change))), body)

    assert _code(response) == (401, expected)
    assert "www-authenticate" in response.headers


def test_a_token_from_the_future_says_the_ledgers_time(service: Service, insurer: Client) -> None:
    """A clock that runs ahead is told so, with the ledger's time to set it by."""
    body, later = _body(insurer), int(time.time()) + 600
    with nothing_written(service):
        response = _send(service, _token(insurer, _json(_claims(insurer, body, iat=later, exp=later + 60))), body)

    assert _code(response) == (401, "token_not_yet")
    assert response.json()["details"]["ledger_time"].startswith("20")


def test_forged_and_unknown_signatures_tell_nothing(service: Service, insurer: Client) -> None:
    """A signature by another key and a key nobody registered are refused alike, without a reason."""
    body = _body(insurer)
    stranger = Ed25519PrivateKey.generate()
    with nothing_written(service):
        forged = _send(service, _token(insurer, _json(_claims(insurer, body)), key=stranger), body)
        unknown = _send(service, _token(insurer, _json(_claims(insurer, body)), kid=f"key:{uuid.uuid4()}"), body)

    assert _code(forged) == _code(unknown) == (401, "unauthenticated")
    assert forged.json()["detail"] == unknown.json()["detail"]


def test_duplicate_claims_are_refused(service: Service, insurer: Client) -> None:
    """A token that says one claim twice is no token, whichever of both would hold."""
    body = _body(insurer)
    claims = _json(_claims(insurer, body))
    twice = claims[:-1] + b',"htm":"POST"}'

    with nothing_written(service):
        assert _code(_send(service, _token(insurer, twice), body)) == (401, "token_malformed")


@pytest.mark.parametrize("alg", ["ES256", "none", "HS256"])
def test_an_algorithm_that_does_not_fit_the_key_is_refused(service: Service, insurer: Client, alg: str) -> None:
    """The key's type decides the algorithm, never the token."""
    body = _body(insurer)
    with nothing_written(service):
        refused = _send(service, _token(insurer, _json(_claims(insurer, body)), alg=alg), body)

    assert _code(refused) == (401, "token_algorithm")


def test_an_address_that_only_nearly_names_an_action_writes_nothing(service: Service, insurer: Client) -> None:
    """A newline at the end is let pass by the router, not by whoever verifies: it would be no action for ever."""
    body = _body(insurer)
    token = _token(insurer, canonical.encode(_claims(insurer, body, uri="/agents%0A")))
    with nothing_written(service):
        assert _code(_send(service, token, body, "/agents%0A")) == (404, "action_unknown")


def test_no_token_at_all(service: Service) -> None:
    """An unsigned write is told to sign."""
    body, headers = _body(service.administrator), {"Content-Type": "application/json"}
    with nothing_written(service):
        response = httpx.post(f"{service.url}/agents", content=body, headers=headers, timeout=TIMEOUT_S)

    assert _code(response) == (401, "token_missing")


def test_a_replayed_request_gets_its_first_answer(service: Service, insurer: Client) -> None:
    """The same token and body again write nothing and give the same events and receipt."""
    body = _body(insurer)
    token = _token(insurer, _json(_claims(insurer, body)))
    first = _send(service, token, body)
    with nothing_written(service):
        again = _send(service, token, body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["groups"] == again.json()["groups"]
    assert again.json()["repeated"] is True


def test_a_command_id_with_another_body_is_refused(service: Service, insurer: Client) -> None:
    """A command id belongs to one request for ever."""
    command = str(uuid.uuid4())
    one, other = _body(insurer), _body(insurer)
    assert _send(service, _token(insurer, _json(_claims(insurer, one, jti=command))), one).status_code == 201
    with nothing_written(service):
        response = _send(service, _token(insurer, _json(_claims(insurer, other, jti=command))), other)

    assert _code(response) == (409, "command_reused")


def test_an_idempotency_key_is_the_commands_name(service: Service, insurer: Client) -> None:
    """`Idempotency-Key` may be left out or be the token's `jti`, quoted or not; any other is refused."""
    body, before = _body(insurer), service.kept()
    claims = _claims(insurer, body)
    token = _token(insurer, _json(claims))
    for other in (str(uuid.uuid4()), "", f"{claims['jti']}, {claims['jti']}"):
        assert _code(_send(service, token, body, key=other)) == (422, "idempotency_key")
    assert service.kept() == before
    for key in (claims["jti"], f'"{claims["jti"]}"'):
        assert _send(service, token, body, key=key).status_code in {200, 201}


def test_es256_and_eddsa_are_taken(service: Service, insurer: Client) -> None:
    """P-256 keys sign with ES256; Ed25519 keys may call their algorithm EdDSA (RFC 8037)."""
    curve = service.party("maintainer", curve=True)
    curve.post("/agents", {"id": f"agent:{uuid.uuid4()}", "party": curve.credentials.party, "role": "worker"})
    body = _body(insurer)

    assert _send(service, _token(insurer, _json(_claims(insurer, body)), alg="EdDSA"), body).status_code == 201


def test_a_revoked_key_authenticates_no_longer(service: Service, insurer: Client) -> None:
    """After its revocation a key is refused at once, also by a worker that had it cached."""
    body = {"id": f"agent:{uuid.uuid4()}", "party": insurer.credentials.party, "role": "worker"}
    insurer.post("/agents", body)
    service.administrator.post(f"/keys/{insurer.credentials.key}/revoke", {"reason": "compromised"})
    with nothing_written(service), pytest.raises(Refused) as refused:
        insurer.post("/agents", {**body, "id": f"agent:{uuid.uuid4()}"})

    assert (refused.value.status, refused.value.code) == (401, "key_ended")


def test_a_rotation_is_repeated_by_the_new_key(service: Service, insurer: Client) -> None:
    """Its answer was lost: the old key signs no longer, the new one, nobody's before, is given the first answer."""
    who, private, new = insurer.credentials, Ed25519PrivateKey.generate(), f"key:{uuid.uuid4()}"
    registered = credentials.registration(service.origin, who.party, new, private, int(time.time()))
    body = canonical.encode({"key": registered, "salt": secrets.token_hex(16)})
    path, command = f"/keys/{who.key}/rotate", str(uuid.uuid4())

    def sent(**by: Any) -> httpx.Response:  # noqa: ANN401 - who signs
        return _send(service, _token(insurer, _json(_claims(insurer, body, uri=path, jti=command)), **by), body, path)

    assert _code(sent(kid=new, key=private)) == (401, "unauthenticated")
    first = sent()
    assert first.status_code == 201
    with nothing_written(service):
        assert _code(sent()) == (401, "key_ended")
        again = sent(kid=new, key=private)
    assert (again.status_code, again.json()) == (200, {**first.json(), "repeated": True})


def test_a_proof_of_possession_by_another_key_is_refused(service: Service) -> None:
    """A party cannot register a key that it does not hold."""
    party, key = f"party:{uuid.uuid4()}", f"key:{uuid.uuid4()}"
    held, claimed = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    registered = credentials.registration(service.origin, party, key, held, int(time.time()))
    registered["public"] = dict(keys.public_key_of(claimed).jwk)
    with nothing_written(service), pytest.raises(Refused) as refused:
        service.administrator.post("/parties", {"parties": [{"id": party, "kind": "insurer", "key": registered}]})

    assert (refused.value.status, refused.value.code) == (422, "possession_invalid")
