"""The bytes of a bundle are for ever: what a ledger hands out today must be verified in twenty years.

`bundle.zip` was made once from the worked ledger of the event vectors, its table of actions published; run
`python -m tests.golden.test_bundle` to write it where it is missing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64decode, urlsafe_b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit.bundlefiles import unpack
from audit.bundleverify import verify_bundle
from audit.policy import Policy
from tests.support.bundles import EVERYTHING
from tests.support.bundling import worked

BUNDLE = Path(__file__).parent / "bundle.zip"
POLICY = Policy.parse(
    b"log scripted.ledger.example/district+52302885+Ae1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR\nquorum none\n"
)
"""The checkpoint key of the vectors."""
PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"


def test_a_bundle_made_now_equals_the_one_made_then() -> None:
    """Files, order, manifest and container: byte for byte."""
    assert worked().bundle(*EVERYTHING).data == BUNDLE.read_bytes()


def test_a_bundle_made_then_is_verified_now() -> None:
    """Six events of five subjects, one of which is absent, all proven."""
    report = verify_bundle(unpack(BUNDLE.read_bytes()), POLICY)
    assert report.holds
    assert dict(report.verdicts) == {"proven": 6}
    assert report.subjects == dict(zip(EVERYTHING, (3, 1, 1, 1, 0), strict=True))


def test_a_bundle_is_verified_by_hand() -> None:
    """By docs/evidence.md and docs/event-format.md, with hashes and JSON alone: from checkpoint to requests."""
    files = unpack(BUNDLE.read_bytes())
    listed = json.loads(files["manifest.json"])["files"]
    assert {name: sha256(files[name]).hexdigest() for name in listed} == listed
    signed = b64decode(files["manifest.note"].split(b"\n")[1])
    assert signed == sha256(files["manifest.json"]).digest()
    size, root = files["checkpoint"].split(b"\n")[1:3]
    path = files["root.tlog-proof"].partition(b"\n\n")[0].split(b"\n")[2:]
    assert climbed(leaf_of(files["root.header.json"]), int(size), [b64decode(node) for node in path]) == b64decode(root)
    assert sha256(files["root.body.json"]).hexdigest() == json.loads(files["root.header.json"])["body"]
    map_root = json.loads(files["root.body.json"])["found"]["root"]
    bodies = {sha256(line).hexdigest(): json.loads(line) for line in files["bodies.ndjson"].splitlines()}
    words = 0
    for subject, proof in json.loads(files["heads.json"]).items():
        lines = files.get(f"chains/{subject.replace(':', '.')}.ndjson", b"").splitlines()
        prev = None
        for seq, line in enumerate(lines, 1):
            header = json.loads(line)
            assert (header["seq"], header["prev"], header["stream"].partition("/")[0]) == (seq, prev, subject)
            prev, words = leaf_of(line).hex(), words + (header["body"] in bodies)
        assert head_of(subject, len(lines), prev, proof).hex() == map_root
    assert words == len(bodies) - 4  # those of three parties and the administrator stand in places.ndjson
    tokens = [json.loads(line)["data"] for line in files["evidence.ndjson"].splitlines()]
    claims = [json.loads(urlsafe_b64decode(data.split(".")[1] + "==")) for data in tokens if data.count(".") == 2]
    bound = {each["bh"] for each in claims if "bh" in each}
    assert {sha256(files[f"requests/{first}.json"]).hexdigest() for first in (5, 9, 10)} == bound


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "jq", "openssl", "sha256sum"))), reason="wants these tools")
def test_the_pages_commands_run_as_they_stand(tmp_path: Path) -> None:
    """The shell block of docs/evidence.md, in the unpacked bundle: no complaint, and the claims in plain."""
    for name, data in unpack(BUNDLE.read_bytes()).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    block = PAGE.read_text(encoding="utf-8").partition("## By hand")[2].partition("```sh\n")[2].partition("```")[0]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if '"uri":' in line and '"bh":' in line]


def leaf_of(data: bytes) -> bytes:
    """Hash a leaf as RFC 6962 writes it."""
    return sha256(b"\x00" + data).digest()


def climbed(node: bytes, size: int, path: list[bytes]) -> bytes:
    """Climb from the last leaf of a tree: everything on its path stands to the left (RFC 9162 §2.1.3.2)."""
    assert len(path) == (size - 1).bit_count()
    for sibling in path:
        node = sha256(b"\x01" + sibling + node).digest()
    return node


def head_of(subject: str, seq: int, leaf: str | None, proof: dict[str, Any]) -> bytes:
    """Climb from where a subject's path ends to the root of the map (event-format §5)."""
    key = sha256(b"ledger-map-key/v1\x00" + subject.encode()).digest()
    end = proof["end"]
    node = bytes(32)
    if end == "own":
        node = sha256(b"\x02" + key + sha256(f'[{seq},"{leaf}"]'.encode()).digest()).digest()
    elif end != "empty":
        node = sha256(b"\x02" + bytes.fromhex(end["key"] + end["value"])).digest()
    bits = f"{int.from_bytes(key):0256b}"
    filled = "".join(f"{byte:08b}" for byte in bytes.fromhex(proof["filled"]))[: proof["depth"]]
    given = iter(proof["siblings"])
    siblings = [bytes.fromhex(next(given)) if bit == "1" else bytes(32) for bit in filled]
    for bit, sibling in reversed(list(zip(bits, siblings, strict=False))):
        node = sha256(b"\x03" + (sibling + node if bit == "1" else node + sibling)).digest()
    return node


if __name__ == "__main__":
    if BUNDLE.exists():
        sys.exit(f"{BUNDLE} stands for those that were handed out; it is not written again")
    BUNDLE.write_bytes(worked().bundle(*EVERYTHING).data)
