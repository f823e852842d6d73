"""The folder audit/ as a court's expert has it: copied alone, run by its commands, without anything else of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.bundlefiles import unpack
from audit.contradictions import Contradiction
from audit.cosignatures import cosigner_vkey
from tests.support.bundles import LIFT, NOTHING, approve_more, signed_anew, without_line
from tests.support.bundling import worked
from tests.support.knocking import NDJSON, TIMEOUT_S, agent, salted, send
from tests.support.logs import Log
from tests.support.scenes import until
from tests.support.service import Service

AUDIT = Path(__file__).parents[2] / "audit"
GOLDEN = Path(__file__).parents[1] / "golden" / "contradictions"
VKEY = "scripted.ledger.example/district/receipt+136ac7cd+AYE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The expert's desk: the folder, two bundles that contradict each other, one that was cut, and his policy."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(AUDIT, folder / "audit", ignore=shutil.ignore_patterns("__pycache__"))
    log = worked()
    data = log.bundle(LIFT, NOTHING).data
    (folder / "policy").write_text(log.policy_text, encoding="utf-8")
    (folder / "good.zip").write_bytes(data)
    (folder / "other.zip").write_bytes(worked(approve_more).bundle(LIFT).data)
    files = signed_anew(without_line(unpack(data), f"chains/{LIFT.replace(':', '.')}.ndjson", -1), log)
    for name, content in files.items():
        (folder / "cut" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "cut" / name).write_bytes(content)
    return folder


def run(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in isolated mode, where neither our folder nor any setting of this machine is seen."""
    start = "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('audit', run_name='__main__', alter_sys=True)"
    return subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", start, *arguments],
        cwd=desk, capture_output=True, text=True, encoding="utf-8", check=False, timeout=180, env={"PYTHONUTF8": "1"},
    )  # fmt: skip


def test_a_bundle_is_verified_with_this_folder_alone(desk: Path) -> None:
    """Status 0, every event with its verdict, and nothing on standard error."""
    done = run(desk, "verify", "good.zip", "--policy", "policy")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"subject {LIFT}: 3, complete" in done.stdout
    assert f"subject {NOTHING}: nothing, proven" in done.stdout
    assert "claim.Approved: proven" in done.stdout
    assert done.stdout.endswith("证据成立\n")


def test_only_the_folder_and_cryptography_are_loaded(desk: Path) -> None:
    """No module of the ledger's other folders, and of installed packages none but cryptography and what it needs."""
    code = (
        "import sys; sys.path.insert(0, '.'); before = set(sys.modules);"
        "from audit.__main__ import main; main(['verify', 'good.zip', '--policy', 'policy']);"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=desk, capture_output=True, text=True, check=True, timeout=60
    )
    assert set(done.stdout.splitlines()[-1].split()) <= {"audit", "cryptography", "_cffi_backend", "_openssl", "cffi"}


def test_machines_read_the_report(desk: Path) -> None:
    """`--json` says the same; a folder that was cut does not hold, and rule and file are named."""
    done = run(desk, "verify", "cut", "--policy", "policy", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["holds"], told["completeness"]) == (1, False, False)
    found = next(finding for finding in told["findings"] if finding["code"] == "map_head")
    assert (found["file"].partition(".")[0], found["rule"]) == ("chains/lift", "event-format §5, Map")
    assert {"position": 9, "verdicts": ["missing"]}.items() <= told["events"][0].items()


def test_two_bundles_that_disagree_yield_a_proof(desk: Path) -> None:
    """T3: the equivocation drill: two histories under one key, a file that proves it, and that file verified."""
    done = run(desk, "compare", "good.zip", "other.zip", "--policy", "policy", "--out", "proof.json")
    assert done.returncode == 1
    assert "equivocation" in done.stdout
    done = run(desk, "verify", "proof.json", "--policy", "policy")
    assert (done.returncode, done.stderr) == (1, "")
    assert "equivocation: the log says two things of one place (roots)" in done.stdout
    done = run(desk, "verify", "proof.json", "--policy", "policy", "--json")
    assert json.loads(done.stdout) == {"verdict": "equivocation", "kind": "roots"}
    assert run(desk, "compare", "good.zip", "good.zip", "--policy", "policy").returncode == 0


@pytest.fixture(scope="module")
def published(desk: Path, service: Service) -> Path:
    """What a running ledger hands out, each thing as its route or command gives it, on the expert's desk."""

    def get(name: str, route: str, **params: int) -> str:
        answer = httpx.get(f"{service.url}{route}", params=params, timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        (desk / name).write_bytes(answer.content)
        return answer.text

    def checkpoint(name: str, least: int) -> int:
        until(lambda: int(get(name, "/log/checkpoint").split("\n")[1]) >= least)
        return int((desk / name).read_text(encoding="utf-8").split("\n")[1])

    insurer = service.party("insurer")
    enrolled = [agent(insurer) for _ in range(3)]
    answer = send(service, insurer, "/agents", b"\n".join(map(salted, enrolled)), kind=NDJSON)
    (desk / "answer.json").write_bytes(answer.content)
    first = answer.json()["groups"][0]["first"]
    old = checkpoint("old.checkpoint", first + 2)
    proven = insurer.post("/agents?wait=proof", agent(insurer))
    (desk / "waited.tlog-proof").write_text(proven["proofs"][0]["proof"], encoding="utf-8")
    (desk / "waited.leaf").write_text(proven["groups"][0]["events"][0]["leaf"], encoding="utf-8")
    new = checkpoint("new.checkpoint", old + 1)
    get("path.json", "/log/consistency", old=old, new=new)
    get("receipt.json", f"/log/receipt/{first + 1}")
    get("event.tlog-proof", f"/log/proof/{first + 1}")
    keys = get("keys", "/log/keys").splitlines()
    (desk / "believed").write_text("".join(f"log {key}\n" for key in keys[1:]) + "quorum none\n", encoding="utf-8")
    for number in (0, 1):
        told = insurer.get(f"/subjects/{enrolled[number]['id']}/events")["events"][0]["header"]
        (desk / f"header{number}.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    bundle = insurer.evidence({"party": insurer.credentials.party, "streams": [enrolled[1]["id"]]}).data
    (desk / "mine.zip").write_bytes(bundle)
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "log", "export", str(desk / "export")], capture_output=True, text=True,
        env={**os.environ, **service.environment}, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return desk


BY = ("--policy", "believed")
HEADER = ("--header", "header1.json")


def test_all_that_a_ledger_publishes_is_verified_alone(published: Path) -> None:
    """The whole export, proofs by header or leaf, checkpoints with their path, receipts in each form: status 0."""
    receipts = ("--vkey", (published / "keys").read_text(encoding="utf-8").split("\n")[0])
    leaf = ("--leaf", (published / "waited.leaf").read_text(encoding="utf-8"))
    for arguments in (
        ("export", "export", *BY),
        ("proof", "event.tlog-proof", *BY, *HEADER),
        ("proof", "waited.tlog-proof", *BY, *leaf),
        ("consistency", "old.checkpoint", "new.checkpoint", "path.json", *BY),
        ("receipt", "receipt.json", *receipts, *HEADER),
        ("receipt", "receipt.json", *receipts),
        ("receipt", "answer.json", *receipts, *HEADER),
        ("verify", "mine.zip", *BY),
        ("verify", "mine.zip", "--later", "mine.zip", *BY),
    ):
        done = run(published, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), (arguments, done.stdout, done.stderr)
        assert done.stdout.endswith("it holds · 证据成立\n")
    for one, other, *more in (
        ("old.checkpoint", "export"),
        ("old.checkpoint", "new.checkpoint", "--path", "path.json"),
        ("answer.json", "export", "--keys", "mine.zip"),
        ("receipt.json", "mine.zip"),
        ("event.tlog-proof", "export", *HEADER),
        ("mine.zip", "export"),
    ):
        done = run(published, "compare", one, other, *BY, *more)
        assert (done.returncode, done.stderr) == (0, ""), (one, other, done.stdout, done.stderr)
        assert done.stdout.endswith("未见矛盾\n")
    told = json.loads(run(published, "export", "export", *BY, "--json").stdout)
    assert (told["holds"], told["verdict"], told["witnesses"]) == (True, "proven", [])
    assert json.loads(run(published, "compare", "mine.zip", "mine.zip", *BY, "--json").stdout) == {
        "verdict": "consistent"
    }


def test_what_was_changed_or_is_another_does_not_hold(published: Path) -> None:
    """Status 1 with the code of what is wrong, in both languages at the end, and for machines."""
    shutil.copytree(published / "export", published / "flipped")
    tile = next((published / "flipped" / "tile" / "0").rglob("*[0-9]"))
    tile = tile if tile.is_file() else next(path for path in tile.rglob("*") if path.is_file())
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    keys = (published / "keys").read_text(encoding="utf-8").split("\n")
    (published / "stranger").write_text((published / "policy").read_text(encoding="utf-8"), encoding="utf-8")
    witness = "witness w " + cosigner_vkey("witness.example/w", Ed25519PrivateKey.generate())
    logs = "".join(f"log {key}\n" for key in keys[1:-1])
    (published / "strict").write_text(f"{logs}{witness}\nquorum w\n", encoding="utf-8")
    told = json.loads((published / "path.json").read_bytes())
    (published / "wrong.json").write_text(json.dumps({**told, "path": told["path"][:-1]}), encoding="utf-8")
    answer = json.loads((published / "answer.json").read_bytes())
    answer["groups"][0]["events"][0]["leaf"] = "ab" * 32
    (published / "changed.json").write_text(json.dumps(answer), encoding="utf-8")
    key = ("--vkey", keys[0])
    for arguments, verdict in (
        (("export", "flipped", *BY), "export_differs"),
        (("export", "export", "--policy", "stranger"), "unanchored"),
        (("export", "export", "--policy", "strict"), "unanchored"),
        (("proof", "event.tlog-proof", *BY, "--header", "header0.json"), "proof_place"),
        (("proof", "event.tlog-proof", *BY, "--leaf", "ab" * 32), "proof_root"),
        (("proof", "event.tlog-proof", "--policy", "strict", *HEADER), "unanchored"),
        (("consistency", "old.checkpoint", "new.checkpoint", "wrong.json", *BY), "proof_length"),
        (("consistency", "new.checkpoint", "old.checkpoint", "path.json", *BY), "path_sizes"),
        (("consistency", "old.checkpoint", "new.checkpoint", "path.json", "--policy", "strict"), "unanchored"),
        (("receipt", "receipt.json", *key, "--header", "header0.json"), "proof_place"),
        (("receipt", "receipt.json", *key, "--leaf", "ab" * 32), "proof_root"),
        (("receipt", "answer.json", *key, "--leaf", "ab" * 32), "proof_root"),
        (("receipt", "changed.json", *key), "proof_root"),
        (("receipt", "receipt.json", "--vkey", keys[1]), "note_unsigned"),
    ):
        done = run(published, *arguments)
        assert (done.returncode, done.stderr) == (1, ""), (arguments, done.stdout, done.stderr)
        assert f"verdict: {verdict}" in done.stdout, (arguments, done.stdout)
        assert done.stdout.endswith("IT DOES NOT HOLD · 证据不成立\n")
    told = json.loads(run(published, "export", "flipped", *BY, "--json").stdout)
    assert (told["holds"], told["verdict"], told["file"].partition("/")[0]) == (False, "export_differs", "tile")


def test_t4_a_receipt_proves_what_the_log_left_out(desk: Path) -> None:
    """T4: a receipt of one history against a bundle of the other; the file is verified alone, as all others are."""
    honest, faithless = worked(), worked(approve_more)
    (desk / "kept.note").write_text(next(row.note for row in honest.stored.receipts if row.first == 10))
    (desk / "faithless.zip").write_bytes(faithless.bundle(LIFT).data)
    done = run(desk, "compare", "kept.note", "faithless.zip", "--policy", "policy", "--out", "t4.json")
    assert (done.returncode, done.stderr) == (1, "")
    done = run(desk, "verify", "t4.json", "--policy", "policy", "--json")
    assert json.loads(done.stdout) == {"verdict": "equivocation", "kind": "receipts"}
    done = run(desk, "compare", "kept.note", "kept.note", "--policy", "policy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "receipt_key" in done.stderr


def test_what_a_witness_kept_is_verified_alone(desk: Path) -> None:
    """A file of a witness, of the form before this one too; one whose sides may both be true is no proof."""
    log, other = Log(fork=5), Log(fork=5, history="another")
    (desk / "witnessed").write_text(f"log {log.vkey}\nquorum none\n", encoding="utf-8")
    pair = Contradiction.of_notes(log.note(8), other.note(13), tuple(other.path(8, 13)))
    for name, data in (
        ("roots.json", (GOLDEN / "witness-roots.json").read_bytes()),
        ("path.json", (GOLDEN / "witness-path.json").read_bytes()),
        ("start.json", replace(pair, start=other.root(8)).encode()),
    ):
        (desk / f"witness-{name}").write_bytes(data)
        done = run(desk, "verify", f"witness-{name}", "--policy", "witnessed")
        assert (done.returncode, done.stderr) == (1, ""), done.stderr
        assert done.stdout.endswith("(roots) · 账本自相矛盾\n")
    (desk / "witness-claim.json").write_bytes(pair.encode())
    done = run(desk, "verify", "witness-claim.json", "--policy", "witnessed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "contradiction_unproven; standing: claimed" in done.stderr


def test_what_cannot_be_judged_is_status_2(desk: Path) -> None:
    """No file, no bundle, no policy: one line on standard error, no traceback."""
    (desk / "broken.zip").write_bytes(b"PK")
    (desk / "nobody").write_text("log x\n", encoding="utf-8")
    for arguments in (
        ("verify", "nowhere.zip", "--policy", "policy"),
        ("verify", "broken.zip", "--policy", "policy"),
        ("verify", "audit", "--policy", "policy"),
        ("verify", "good.zip", "--policy", "nobody"),
        ("verify", "good.zip", "--policy", "nowhere"),
        ("verify", "good.zip"),
        ("verify", "good.zip", "--policy", "policy", "--later", "nowhere.zip"),
        ("export", "nowhere", "--policy", "policy"),
        ("export", "cut", "--policy", "policy", "--header", "x"),
        ("proof", "policy", "--policy", "policy", "--leaf", "ab" * 32),
        ("proof", "good.zip", "--policy", "policy", "--leaf", "ab" * 32),
        ("proof", "policy", "--policy", "policy"),
        ("proof", "policy", "--policy", "policy", "--leaf", "AB"),
        ("consistency", "policy", "policy", "policy", "--policy", "policy"),
        ("receipt", "policy", "--vkey", "nonsense"),
        ("receipt", "policy", "--vkey", VKEY),
        ("compare", "good.zip", "policy", "--policy", "policy"),
        ("compare", "good.zip", "nowhere.zip", "--policy", "policy"),
    ):
        done = run(desk, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr
        assert done.stderr
