"""The log at the door: checkpoints, tiles and proofs as others' tools read them, beside a running ledger."""

from __future__ import annotations

import re
import uuid

import httpx
import pytest

from api.client import Client, Credentials, Signer
from audit import canonical, merkle, tiles
from audit.checkpoints import Checkpoint
from audit.events import read_header
from audit.headmap import verify_absence, verify_presence
from audit.logproofs import LogProof, verify_event
from audit.merkle import leaf_hash, verify_consistency
from audit.note import open_note, open_signatures, parse_vkey
from audit.policy import Policy
from audit.receiptproofs import ReceiptProof
from infrastructure import map_service
from tests.support.knocking import TIMEOUT_S, agent, salted, send
from tests.support.rehearsal import private_key
from tests.support.scenes import until
from tests.support.service import ORIGIN, Service


@pytest.fixture
def insurer(service: Service) -> Client:
    """A party of its own."""
    return service.party("insurer")


def keys(service: Service) -> list[str]:
    """Read the verifier keys that the ledger states of itself."""
    return httpx.get(f"{service.url}/log/keys", timeout=TIMEOUT_S).text.splitlines()


def policy(service: Service) -> Policy:
    """Give a policy that trusts the ledger's own keys, without witnesses."""
    logs = "".join(f"log {key}\n" for key in keys(service)[1:])
    return Policy.parse(f"{logs}quorum none\n".encode())


def checkpoint(service: Service, least: int = 1) -> Checkpoint:
    """Wait for a checkpoint of at least this size, and open it with the ledger's keys."""
    found: list[Checkpoint] = []

    def published() -> bool:
        answer = httpx.get(f"{service.url}/log/checkpoint", timeout=TIMEOUT_S)
        if answer.status_code == 404:
            return False
        text, signers = open_note(answer.text, [parse_vkey(key) for key in keys(service)[1:]])
        assert signers == [ORIGIN]
        found.append(Checkpoint.parse(text))
        return found[-1].size >= least

    until(published)
    return found[-1]


def test_a_checkpoint_is_published_within_seconds(service: Service, insurer: Client) -> None:
    """A write is covered soon, signed by Ed25519 and cosigned by ML-DSA-44 under one name."""
    written = insurer.post("/agents", agent(insurer))
    made = checkpoint(service, written["groups"][0]["first"])
    assert made.origin == ORIGIN
    _, signatures = open_signatures(
        httpx.get(f"{service.url}/log/checkpoint", timeout=TIMEOUT_S).text,
        [parse_vkey(key) for key in keys(service)[1:]],
    )
    assert sorted(each.verifier.type for each in signatures) == [0x01, 0x06]


def test_tiles_give_the_published_root(service: Service, insurer: Client) -> None:
    """The root computed from the served tiles is the checkpoint's; a tile beyond it is not there."""
    insurer.post_lines("/agents", [agent(insurer) for _ in range(300)])
    made = checkpoint(service, 300)

    def read(level: int, index: int, width: int) -> bytes:
        answer = httpx.get(f"{service.url}/log/{tiles.Tile(level, index, width).path()}", timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]
        return answer.content

    assert tiles.TiledTree(made.size, read).root() == made.root
    beyond = tiles.Tile(0, made.size // 256 + 1, 256).path()
    assert httpx.get(f"{service.url}/log/{beyond}", timeout=TIMEOUT_S).status_code == 404
    for path in ("tile/0/1", "tile/8/000", "tile/0/000.p/0", "tile/0/x001", "tile/entries/../000"):
        assert httpx.get(f"{service.url}/log/{path}", timeout=TIMEOUT_S).json()["code"] in {"tile_unknown", "not_found"}


def test_entry_bundles_are_for_parties(service: Service, insurer: Client) -> None:
    """Each reads the headers that hash to the tile's leaves, as it reads them one by one; nobody else does."""
    checkpoint(service, 5)
    path = tiles.Tile(None, 0, 4).path()
    assert httpx.get(f"{service.url}/log/{path}", timeout=TIMEOUT_S).json()["code"] == "token_missing"
    stranger = Credentials(insurer.credentials.party, insurer.credentials.key, private_key("stranger"))
    refused = httpx.get(f"{service.url}/log/{path}", auth=Signer(ORIGIN, stranger), timeout=TIMEOUT_S)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    entries = tiles.decode_bundle(insurer.get_bytes(f"/log/{path}"), 4)
    one_by_one = [insurer.get(f"/events/{position}")["header"] for position in range(1, 5)]
    assert entries == [canonical.encode(header) for header in one_by_one]
    hashes = httpx.get(f"{service.url}/log/{tiles.Tile(0, 0, 4).path()}", timeout=TIMEOUT_S).content
    assert b"".join(map(leaf_hash, entries)) == hashes
    assert read_header(entries[0]).type == "ledger.Opened"
    answers = [
        httpx.get(
            f"{service.url}/log/{path}",
            headers={"Accept-Encoding": coding},
            auth=Signer(ORIGIN, insurer.credentials),
            timeout=TIMEOUT_S,
        )
        for coding in ("gzip, br", "identity")
    ]
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", None]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["cache-control"] == "private, max-age=31536000, immutable"


def test_an_event_is_proven_with_the_same_bytes_for_ever(service: Service, insurer: Client) -> None:
    """`wait=proof` answers with proofs that verify; asked later, by anyone, they are the same bytes."""
    answer = insurer.post("/agents?wait=proof", agent(insurer))
    events = answer["groups"][0]["events"]
    assert [each["position"] for each in answer["proofs"]] == [each["position"] for each in events]
    told = answer["proofs"][0]
    header = service.rows("SELECT header FROM events WHERE position = %s", told["position"])[0][0]
    verify_event(bytes(header), LogProof.parse(told["proof"]), policy(service), ORIGIN)
    insurer.post("/agents", agent(insurer))
    checkpoint(service, told["position"] + 2)
    place = f"{service.url}/log/proof/{told['position']}"
    assert httpx.get(place, timeout=TIMEOUT_S).text == told["proof"]
    alone = httpx.get(place, params={"witnessed": "true"}, timeout=TIMEOUT_S)
    assert (alone.status_code, alone.headers["evidence-quorum"]) == (200, "none")  # nobody was asked to witness it
    read = LogProof.parse(told["proof"])
    changed = bytes(header).replace(b"agent.Enrolled", b"agent.Enrolles")
    with pytest.raises(merkle.ProofError):
        verify_event(changed, read, policy(service), ORIGIN)


def test_one_event_of_a_large_save_is_proven_from_the_receipt(service: Service, insurer: Client) -> None:
    """The receipt of a hundred lines and one path prove one of them, without its neighbours."""
    written = insurer.post_lines("/agents", [agent(insurer) for _ in range(100)])
    position = written["groups"][0]["first"] + 41
    header = bytes(service.rows("SELECT header FROM events WHERE position = %s", position)[0][0])
    proof = ReceiptProof.from_json(httpx.get(f"{service.url}/log/receipt/{position}", timeout=TIMEOUT_S).json())
    assert proof.receipt == written["groups"][0]["receipt"]
    assert len(proof.path) <= 7
    proof.verify(header, parse_vkey(keys(service)[0]))


def test_a_map_root_has_no_receipt(service: Service, insurer: Client) -> None:
    """Nobody wrote it: what is not there is a receipt, and not a checkpoint."""
    size = checkpoint(service, insurer.post("/agents", agent(insurer))["groups"][0]["first"]).size
    answer = httpx.get(f"{service.url}/log/receipt/{size}", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["code"]) == (404, "receipt_unknown")


def test_two_checkpoints_are_consistent(service: Service, insurer: Client) -> None:
    """The earlier tree begins the later one, by a path that verifies."""
    first = checkpoint(service)
    insurer.post("/agents", agent(insurer))
    second = checkpoint(service, first.size + 1)
    told = httpx.get(
        f"{service.url}/log/consistency", params={"old": first.size, "new": second.size}, timeout=TIMEOUT_S
    ).json()
    verify_consistency(first.size, second.size, list(map(bytes.fromhex, told["path"])), first.root, second.root)
    for old, new, code in ((second.size, first.size, "sizes_malformed"), (1, 10**9, "checkpoint_unknown")):
        answer = httpx.get(f"{service.url}/log/consistency", params={"old": old, "new": new}, timeout=TIMEOUT_S)
        assert answer.json()["code"] == code


def test_heads_are_proven_under_a_checkpoint(service: Service, insurer: Client) -> None:
    """A subject's head, and another's absence, verify under the map root that is the checkpoint's last leaf."""
    written = insurer.post("/agents", agent(insurer))
    event = written["groups"][0]["events"][0]
    nobody = f"agent:{uuid.uuid4()}"
    found = map_service.ask(service.settings.var, [event["stream"], nobody], event["position"])
    kind, body = service.rows("SELECT type, body FROM events WHERE position = %s", found.size)[0]
    assert kind == "map.Rooted"
    root = bytes.fromhex(re.findall(rb'"root":"([0-9a-f]{64})"', bytes(body))[0].decode())
    verify_presence(root, event["stream"], 1, event["leaf"], found.proofs[event["stream"]])
    verify_absence(root, nobody, found.proofs[nobody])


def test_a_write_takes_no_other_parameter(service: Service, insurer: Client) -> None:
    """A parameter that means nothing is refused before anything is written, and lines are proven one by one."""
    kept = service.kept()
    body = salted(agent(insurer))
    assert send(service, insurer, "/agents?wait=long", body).json()["code"] == "query_unknown"
    with pytest.raises(Exception, match="wait_with_lines"):
        insurer.post_lines("/agents?wait=proof", [agent(insurer)])
    assert service.kept() == kept
    service.verify()
