"""The pages on events, on the HTTP interface and on importing are held to the code."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Final, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter

from api.importing_reasons import ENDINGS, REJECTS, RejectCode
from api.importing_rows import Rows, read_mapping
from application.catalogue import ACTIONS
from audit import merkle, note, tokens
from audit.keys import public_key_of
from domain.lift_shapes import PlainLiftRow
from tests.golden.make_docs import API, EVENTS, IMPORTING, PARTS, ROOT, answered, filled, sent
from tests.golden.make_events import types
from tests.support.rehearsal import ORIGIN, Rehearsal


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.name)
def test_a_page_says_what_the_code_does(page: Path) -> None:
    """What is made from the code is as it would be made now (`python -m tests.golden.make_docs`)."""
    assert page.read_text(encoding="utf-8") == filled(page)


def test_every_event_type_is_described() -> None:
    """Each has a row with a sentence."""
    rows = [line for line in EVENTS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == set(types())
    assert all(row.split("|")[4].strip() for row in rows)


def test_every_code_has_one_row() -> None:
    """Sorted, each once."""
    text = API.read_text(encoding="utf-8").partition("<!-- made: errors -->")[2]
    codes = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert codes == sorted(set(codes))
    assert {"token_late", "shape_invalid", "command_reused", "salt_missing", "ndjson_line_too_large"} <= set(codes)


def test_the_example_is_a_request_that_the_door_takes() -> None:
    """Its token verifies, its body is described by it, and the answer's receipt is over the event's leaf."""
    data, body = sent()
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"example").digest())
    token = tokens.parse_token(data)
    tokens.verify_signature(token.compact, public_key_of(private))
    tokens.check_request(
        token, origin=ORIGIN, method="POST", uri=ACTIONS.by_id["estate.describe"].path,
        body_hash=hashlib.sha256(body).hexdigest(),
    )  # fmt: skip
    group = answered()["groups"][0]
    leaves = [bytes.fromhex(event["leaf"]) for event in group["events"]]
    text, names = note.open_note(group["receipt"], [note.parse_vkey(Rehearsal().signer.vkey)])
    assert names == [f"{ORIGIN}/receipt"]
    receipt = note.Receipt.parse(text)
    assert (receipt.first, receipt.count, receipt.root) == (group["first"], group["count"], merkle.root(leaves))


def test_the_example_of_a_mapping_is_one() -> None:
    """The mapping that the page shows is read as it stands, and makes a row of the ledger's shape."""
    text = IMPORTING.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    mapping = read_mapping(text, "example")
    told = {
        "设备编号": "1", "注册代码": "31103701022006010001", "设备品种": "自动扶梯", "区划代码": "370102",
        "状态": "在用", "验收日期": "2006/01/31", "额定载重量(吨)": "1.05", "楼栋编号": "7",
        "街道": "泉城路", "门牌": "1号",
    }  # fmt: skip
    body = Rows(mapping, list(told)).body(list(told.values()))
    assert isinstance(body, dict)
    assert body["parameters"] == {"load_kg": 1050}
    TypeAdapter(PlainLiftRow).validate_python(body, strict=True)


@pytest.mark.parametrize("name", ["importing.py", "importing_files.py", "importing_rows.py", "importing_values.py"])
def test_every_end_of_an_import_is_described(name: str) -> None:
    """Each code of the importer's own stands in its table or on the page."""
    source = (ROOT / "api" / name).read_text(encoding="utf-8")
    codes = set(re.findall(r'(?:FileBroken\(|FAILED: Final = |code=)"([a-z_0-9]+)"', source))
    assert codes
    assert codes <= ENDINGS.keys() | {"mapping_unknown", "mapping_malformed", "rejects_path"}
    assert set(get_args(RejectCode)) == REJECTS.keys()


STATED: Final = {"`group_lines` in `GET /actions`", "tests/golden/rights.csv", "api.client.Client"}


def test_what_the_page_points_at_is_there() -> None:
    """Files, routes and members it names exist."""
    text = API.read_text(encoding="utf-8")
    assert all(named in text for named in STATED)
    assert (ROOT / "tests" / "golden" / "rights.csv").is_file()
    assert all("group_lines" in row for row in ACTIONS.as_json()["actions"])
    assert json.loads((ROOT / "tests" / "golden" / "openapi.json").read_text())["paths"]["/subjects/{subject}/replay"]
