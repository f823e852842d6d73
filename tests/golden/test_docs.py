"""The pages on events and on the HTTP interface are held to the code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api import meanings
from application.catalogue import ACTIONS
from audit import merkle, note, tokens
from audit.keys import public_key_of
from domain.catalogue import finding_codes
from tests.golden.make_docs import API, EVENTS, LISTS, PARTS, ROOT, answered, codes_found, filled, rule_title, sent
from tests.golden.make_events import types
from tests.golden.make_openapi import document
from tests.support.rehearsal import ORIGIN, Rehearsal
from tests.support.story.whole import performed


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.name)
def test_a_page_says_what_the_code_does(page: Path) -> None:
    """What is made from the code is as it would be made now (`python -m tests.golden.make_docs`)."""
    assert page.read_text(encoding="utf-8") == filled(page)


def test_every_event_type_is_described() -> None:
    """Each has a row with a sentence."""
    rows = [line for line in EVENTS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == set(types())
    assert all(row.split("|")[4].strip() for row in rows)


def test_every_list_of_codes_is_in_the_page() -> None:
    """Each file of `domain/codes` is a section, and every section that a description points at is there."""
    files = {path.stem for path in (ROOT / "domain" / "codes").glob("*.json")}
    assert set(LISTS) == files
    pointed = meanings.values_of(json.dumps(document()))
    assert pointed
    assert pointed <= files


def test_every_code_of_a_finding_is_in_the_page() -> None:
    """What checks may find is what the list has, no more and no less."""
    assert codes_found() == set(finding_codes())


def test_findings_are_found_under_the_rules_that_the_page_says() -> None:
    """Each rule is the pack's or the ledger's own; what the story found, it found under one that its code names."""
    ours = {"ledger.identifier_owner", "ledger.maintenance_seams", "limit.taken", "product.refund", "targets.area"}
    for code in finding_codes().values():
        assert all(rule in ours or rule_title(rule) for rule in code.rules), code.code
    found = list(findings_of_the_story())
    assert found
    for each in found:
        code = re.sub("over_[0-9]+_days", "over_<n>_days", each["code"])
        assert each["rule"] in finding_codes()[code].rules, code


def findings_of_the_story() -> Iterator[dict[str, Any]]:
    """Give every finding that the events of the story hold."""
    ledger = performed()
    stack: list[Any] = [json.loads(event.body)["found"] for name in ledger.streams() for event in ledger.stream(name)]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if {"code", "verdict", "rule", "basis"} <= set(value):
                yield value
            stack += value.values()
        elif isinstance(value, list):
            stack += value


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


STATED: Final = {"`group_lines` in `GET /actions`", "tests/golden/rights.csv", "api.client.Client"}


def test_what_the_page_points_at_is_there() -> None:
    """Files, routes and members it names exist."""
    text = API.read_text(encoding="utf-8")
    assert all(named in text for named in STATED)
    assert (ROOT / "tests" / "golden" / "rights.csv").is_file()
    assert all("group_lines" in row for row in ACTIONS.as_json()["actions"])
    assert json.loads((ROOT / "tests" / "golden" / "openapi.json").read_text())["paths"]["/subjects/{subject}/replay"]
