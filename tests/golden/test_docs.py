"""The pages on events, on the HTTP interface and on importing are held to the code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast, get_args
from unittest.mock import Mock
from uuid import RFC_4122, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter

from api import credentials, errors, meanings
from api.client import Client, Credentials
from api.importing_reasons import ENDINGS, REJECTS, RejectCode
from api.importing_rows import Rows, read_mapping
from api.terminal import REFUSED
from application.catalogue import ACTIONS
from application.identity import TOKEN_SKEW_MAX_S
from application.reading.asking import Asking, Reads
from application.rights import RIGHTS
from application.work import Author
from audit import merkle, note, tokens
from audit.errors import TokenRefused
from audit.keys import from_jwk, public_key_of
from audit.names import IDS, check_name
from audit.statements import check_possession
from domain.catalogue import finding_codes
from domain.lift_shapes import PlainLiftRow
from domain.shapes import RANDOM_KINDS, name_pattern
from tests.golden.make_docs import (
    API,
    CODES,
    EVENTS,
    IMPORTING,
    LISTS,
    NAMED_OTHERWISE,
    PARTS,
    answered,
    filled,
    kinds,
    registered,
    rule_title,
    run,
    sent,
)
from tests.golden.make_events import types
from tests.golden.make_openapi import document
from tests.golden.stated_codes import (
    PROBLEMS,
    ROOT,
    answered_codes,
    codes_found,
    codes_refused_for,
    problems,
    program_codes,
    put_together,
)
from tests.support.rehearsal import ORIGIN, Rehearsal
from tests.support.story.whole import performed


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.name)
def test_a_page_says_what_the_code_does(page: Path) -> None:
    """What is made from the code is as it would be made now (`python -m tests.golden.make_docs`)."""
    assert page.read_text(encoding="utf-8") == filled(page)


def test_the_ledger_says_of_each_code_what_the_page_says() -> None:
    """What `GET /problems` answers is made from the code as the page's table is, and is as it would be made now."""
    assert PROBLEMS.read_text(encoding="utf-8") == problems()
    assert all(row["en"] and row["zh"] and row["statuses"] for row in errors.problem_codes().values())


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
    assert pointed <= set(re.findall("^## ([a-z_]+)$", CODES.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_code_of_a_finding_is_in_the_page() -> None:
    """What checks may find is what the list has, no more and no less."""
    assert codes_found() == set(finding_codes())


def test_a_finding_that_refuses_is_in_the_page() -> None:
    """What a rule refuses for has its sentence in Chinese, in the list of findings."""
    refused_for = codes_refused_for()
    assert {"result_not_published", "cover_overlaps"} <= refused_for
    assert refused_for <= set(finding_codes())


def test_findings_are_found_under_the_rules_that_the_page_says() -> None:
    """Each rule is the pack's or the ledger's own; what the story found, it found under one that its code names."""
    ours = {
        "ledger.identifier_owner", "ledger.maintenance_seams", "limit.taken", "policy.inception",
        "policy.premium_received", "product.refund", "targets.area",
    }  # fmt: skip
    for code in finding_codes().values():
        assert all(rule in ours or rule_title(rule) for rule in code.rules), code.code
    found = list(findings_of_the_story())
    assert found
    for each in found:
        name = re.sub("over_[0-9]+_days", "over_<n>_days", each["code"])
        assert each["rule"] in finding_codes()[name].rules, name


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


def codes_in(part: str) -> list[str]:
    """Give the codes of a table of the page, as they stand."""
    text = API.read_text(encoding="utf-8").partition(f"<!-- made: {part} -->")[2].partition("<!-- end: ")[0]
    return [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]


def test_every_code_has_one_row() -> None:
    """Sorted, each once; what the ledger answers and what programs print are two tables."""
    answers, programs = codes_in("errors"), codes_in("programs")
    assert answers == sorted(set(answers))
    assert programs == sorted(set(programs))
    assert {"token_late", "shape_invalid", "command_reused", "salt_missing", "ndjson_line_too_large"} <= set(answers)
    assert {"trust_malformed", "bundle_zip", "options_conflict", "policy_unsatisfied", "vkey_type"} <= set(programs)
    assert not {"trust_malformed", "bundle_zip", "body_too_large", "state_damaged", "note_key_ambiguous"} & set(answers)


def test_every_code_is_described_in_both_languages() -> None:
    """No code that a client can meet lacks its sentence in Chinese or English, and no sentence is of no code."""
    told = answered_codes()
    assert set(told) == set(errors.refusals())
    for code, (statuses, english) in told.items():
        assert statuses
        assert english.replace("…", "").strip(" .()"), code
        assert re.search("[\u4e00-\u9fff]", errors.refusals()[code]["zh"]), code
    for code, (sentence, places) in program_codes().items():
        assert sentence, code
        assert places


def test_a_wrong_clock_is_refused_as_the_page_says() -> None:
    """Ahead by more than the skew is `token_not_yet`, behind by life and skew `token_expired`; between, it is taken."""

    def refused(ahead_s: int) -> str | None:
        claims = Mock(iat=1_000_000 + ahead_s, exp=1_000_000 + ahead_s + tokens.LIFETIME_SECONDS_MAX)
        try:
            tokens.check_time(claims, 1_000_000, TOKEN_SKEW_MAX_S)
        except TokenRefused as error:
            return error.code
        return None

    life = tokens.LIFETIME_SECONDS_MAX + TOKEN_SKEW_MAX_S
    assert [refused(ahead) for ahead in (TOKEN_SKEW_MAX_S, 1 - life)] == [None, None]
    assert [refused(ahead) for ahead in (TOKEN_SKEW_MAX_S + 1, -life)] == ["token_not_yet", "token_expired"]
    text = API.read_text(encoding="utf-8")
    assert all(f"`{code}`" in text for code in ("token_not_yet", "token_expired", "token_lifetime", "token_late"))


def test_a_rule_that_refuses_is_named_in_chinese() -> None:
    """What was found, and the rule's title and id; a code alone gives its sentence, an unknown one its status's."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    told = {"rule": "PB01", "finding": "issued_before_premium"}
    assert errors.detail_zh(status, "rule_broken", told) == "未收足保费即出单(规则：见费出单(PB01))"
    assert errors.detail_zh(status, "third_party_first", {"rule": "claims.third_party_first"}).endswith(
        "(规则：claims.third_party_first)"
    )
    assert errors.detail_zh(HTTPStatus.NOT_FOUND, "lift_unknown", {}) == errors.refusals()["lift_unknown"]["zh"]
    assert errors.detail_zh(HTTPStatus.NOT_FOUND, "unheard_of", {}) == "未找到"


def test_a_refusal_for_want_of_a_relation_says_so() -> None:
    """In both languages: whoever is told that his kind may not read a lift looks for another office that may."""
    author = Author("party:00000000-0000-4000-8000-000000000001", "use_unit")
    refused = Asking(cast("Reads", None), author, {}, {}).refused("lift.read")
    assert refused.message == "a party of kind use_unit may not read this, as it stands to it"
    assert "关系" in errors.detail_zh(HTTPStatus.FORBIDDEN, refused.code, refused.details)


def test_a_refused_line_speaks_chinese_too() -> None:
    """Its sentence is made when it is answered: that of its code, or what was found and the rule."""
    details = {"rule": "PB01", "finding": "issued_before_premium"}
    lines = [
        {"line": 2, "code": "salt_missing", "message": "…", "details": {}},
        {"line": 5, "code": "rule_broken", "message": "…", "details": details},
    ]
    told = errors.in_chinese(lines)
    assert [{name: line[name] for name in lines[0]} for line in told] == lines
    assert [line["message_zh"] for line in told] == [
        errors.refusals()["salt_missing"]["zh"], "未收足保费即出单(规则：见费出单(PB01))",
    ]  # fmt: skip


def test_what_is_put_together_has_sentences_of_its_own() -> None:
    """A kind of name, a parameter and a state each make a code; none is told by its status alone."""
    made = put_together()
    assert {"product_unknown", "bankline_unknown", "claim_unknown", "area_malformed", "application_voided"} <= set(made)
    assert set(made) <= set(errors.refusals())
    assert {errors.refusals()[code]["zh"] for code in made}.isdisjoint({"未找到", "请求被拒绝", "与账本现状冲突"})


def test_a_proof_of_possession_is_refused_by_422() -> None:
    """It is of the body: a token that is as wrong is refused by 401."""
    statuses = {code: told[0] for code, told in answered_codes().items()}
    assert statuses["possession_invalid"] == {422}
    assert statuses["token_malformed"] == statuses["token_algorithm"] == {401, 422}


def test_every_status_is_in_the_table() -> None:
    """What a client may meet stands there with what to do about it."""
    text = API.read_text(encoding="utf-8")
    told = {int(status) for status in re.findall(r"^\| ([45][0-9]{2}) \| ", text, re.MULTILINE)}
    assert told == set().union(*(statuses for statuses, _ in answered_codes().values()))


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


def test_the_example_of_a_key_is_a_proof_that_it_is_held() -> None:
    """What the program prints stands on the page, and a registry takes it: the example of an answer rests on it."""
    text = API.read_text(encoding="utf-8").partition("<!-- example: registration -->")[2].partition("<!-- end: ")[0]
    told = json.loads(text.strip().removeprefix("```json\n").removesuffix("```"))
    assert told == registered()
    token, _ = sent()
    signed, public = tokens.parse_token(token), from_jwk(told["public"])
    stated = check_possession(told["proof"], origin=ORIGIN, holder=signed.claims.iss, public=public, kid=told["id"])
    assert (signed.kid, signed.claims.iat) == (told["id"], stated)
    tokens.verify_signature(signed.compact, public)


def test_names_are_of_the_versions_that_the_page_says() -> None:
    """Every kind that has a UUID is in one row, as bodies and paths want it; the page's program makes version 7."""
    versions = kinds()
    assert {kind: 4 if kind in RANDOM_KINDS else 7 for kind in versions} == versions
    assert {"product", "policy", "lift", "estate", "party", "key"} <= set(versions)
    assert set(versions) <= set(IDS) | {"visit", "certificate"}  # which name no streams
    assert set(NAMED_OTHERWISE) <= set(IDS) - set(versions)
    made = run("uuid")[1]
    for kind, version in versions.items():
        assert re.fullmatch(name_pattern(kind, version), f"{kind}:{uuid4() if version == 4 else made['uuid7']()}")
    assert (made["uuid7"]().version, made["uuid7"]().variant) == (7, RFC_4122)
    assert (check_name(made["policy"]), check_name(made["party"])) == (made["policy"], made["party"])
    before = int(time.time() * 1_000)
    assert before <= made["uuid7"]().int >> 80 <= before + 60_000


def test_the_chinese_page_says_what_the_code_does() -> None:
    """Its table has every claim of a token, its limits are the code's, its program parses, and its links lead on."""
    text = CHINESE_PAGE.read_text(encoding="utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| "))
    assert {field.name for field in dataclasses.fields(tokens.Claims)} <= set(re.findall("`([a-z]+)`", table))
    assert f"相差至多 {tokens.LIFETIME_SECONDS_MAX} 秒" in text
    for program in re.findall("```python\n(.*?)```", text, re.DOTALL):
        compile(program, CHINESE_PAGE.name, "exec")
    for link, section in re.findall(r"\]\(([a-z]+[.]md)(?:#([a-z-]+))?\)", text):
        page = (CHINESE_PAGE.parent / link).read_text(encoding="utf-8")
        headings = {re.sub("[^a-z ]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in page.splitlines()}
        assert not section or section in headings, (link, section)


CHINESE_PAGE: Final = ROOT / "docs" / "zh.md"


def test_the_chinese_pages_program_opens_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, with a party's file beside it, up to the requests, which want a ledger."""
    key, private = credentials.new_key()
    credentials.save(tmp_path / "party.json", "ledger.example/district", Credentials("party:x", key, private))
    opened: list[tuple[str, str, Credentials]] = []

    def opening(*asked: Any) -> Client:  # noqa: ANN401 - whatever the page hands over
        opened.append(asked)
        raise ConnectionRefusedError

    monkeypatch.setattr(Client, "open", opening)
    monkeypatch.chdir(tmp_path)
    program = CHINESE_PAGE.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    with pytest.raises(ConnectionRefusedError):
        exec(compile(program, CHINESE_PAGE.name, "exec"), {})  # noqa: S102 - our own page
    ((_, origin, who),) = opened
    assert (origin, who.key) == ("ledger.example/district", key)


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


def test_the_page_on_importing_says_how_it_ends() -> None:
    """With 0 or 2, as the page on operations has it: 1 is for what was judged, and an import judges nothing."""
    rows = re.findall(r"^\| ([0-9]+) \| (.+) \|$", IMPORTING.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(status) for status, _ in rows] == [0, REFUSED]
    assert "ended early" in dict(rows)[str(REFUSED)]


STATED: Final = {"`group_lines` in `GET /actions`", "tests/golden/rights.csv", "api.client.Client"}


def test_the_way_to_a_paid_claim_is_one_of_acts() -> None:
    """Each address of its table is an act's, which the kinds of party that stand beside it may do."""
    table = API.read_text(encoding="utf-8").partition("## From a product to a paid claim")[2].partition("\n## ")[0]
    paths, asked = {action.path: name for name, action in ACTIONS.by_id.items()}, 0
    for row in table.splitlines()[6:]:
        addresses, kinds = row.split("|")[1:3] if row else ("", "")
        for address in re.findall("`(?:POST )?(.*?)`", addresses):
            path = address.replace("…", "/lifts/{lift}/claims/{claim}")
            assert path in paths, path
            assert set(re.findall("`([a-z_]+)`", kinds)) - {"payer"} <= set(RIGHTS[paths[path]]), path
            asked += 1
    assert asked > 20


def test_what_the_page_points_at_is_there() -> None:
    """Files, routes and members it names exist."""
    text = API.read_text(encoding="utf-8")
    assert all(named in text for named in STATED)
    assert (ROOT / "tests" / "golden" / "rights.csv").is_file()
    assert all("group_lines" in row for row in ACTIONS.as_json()["actions"])
    assert json.loads((ROOT / "tests" / "golden" / "openapi.json").read_text())["paths"]["/subjects/{subject}/replay"]
