"""The OpenAPI document: valid, whole, in both languages, and as it was written down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from pydantic import TypeAdapter
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from api import meanings
from api.catalogue import SHAPES
from api.describing import examples
from api.routes import ledger, log
from application.answers import WriteAnswer
from application.catalogue import ACTIONS
from application.reading.catalogue import QUESTIONS
from application.reading.personal import DISCLOSURES
from application.rights import KINDS, RIGHTS, SHARED
from application.salts import take_salt
from tests.golden.make_docs import answered
from tests.golden.make_openapi import FILE, document
from tests.support import described
from tests.support.answering import EXEMPLARY

DOCUMENT: Final = document()
SCHEMAS: Final[dict[str, Any]] = DOCUMENT["components"]["schemas"]
RESPONSES: Final[dict[str, Any]] = DOCUMENT["components"]["responses"]
OPERATIONS: Final = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
UNSIGNED: Final = {"/health", "/actions", "/metrics", "/problems", "/problems/{code}"} | {
    path.replace(":path}", "}") for _, name, path, *_ in log.ROUTES if name != "log.entries"
}
CHINESE: Final = re.compile("[\u4e00-\u9fff]")


def references(value: object) -> Iterator[str]:
    """Find every reference in the document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_document_is_the_one_written_down() -> None:
    """Clients are made from it: a change is read first (`python -m tests.golden.make_openapi`, then the difference)."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == DOCUMENT


def test_the_document_is_valid() -> None:
    """By the published schema of OpenAPI 3.1."""
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


def test_every_reference_resolves() -> None:
    """Within the document, and no schema or response stands in it for nothing."""
    components = DOCUMENT["components"]
    wanted = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert set(references(DOCUMENT)) == wanted


def test_every_action_and_question_is_described() -> None:
    """The document, the table of actions and the catalogue of questions name the same routes."""
    wanted = {action.id: (action.path, action.method) for action in ACTIONS.by_id.values()}
    wanted |= {question.id: (question.path, "GET") for question in QUESTIONS}
    wanted |= {name: (path.replace(":path}", "}"), "GET") for _, name, path, *_ in log.ROUTES}
    wanted |= {disclosure.id: (disclosure.path, "POST") for disclosure in DISCLOSURES}
    described = {
        name: (path, method)
        for name, (path, method, _) in OPERATIONS.items()
        if path not in UNSIGNED or name.startswith("log.")
    }
    assert described == wanted


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_is_described_in_both_languages(name: str) -> None:
    """Its summary is English, then Chinese; what is signed says so, and how it is refused."""
    path, _, operation = OPERATIONS[name]
    english, _, chinese = operation["summary"].partition(" · ")
    assert english
    assert not CHINESE.search(english)
    assert CHINESE.search(chinese)
    assert operation["description"]
    assert "Answer GET" not in operation["description"]
    assert "\n  " not in operation["description"]  # what is indented is shown as a program
    if path in UNSIGNED:
        assert operation["security"] == []
        return
    assert operation["security"] == [{"signed": []}]
    assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize("action", sorted(ACTIONS.by_id))
def test_an_action_says_who_may_do_it(action: str) -> None:
    """By the row of the table of rights that its use case asks for, never by that of reading."""
    _, _, operation = OPERATIONS[action]
    told = operation["description"].partition("Open to: ")[2].partition(".")[0]
    row, said = RIGHTS[SHARED.get(action, action)], dict[str, frozenset[str]]()
    for group in told.split("; "):
        kinds, _, needed = group.rstrip(")").partition(" (")
        relations = frozenset(needed.split(", ") if needed else ["any"])
        for kind in set(KINDS) - set(said) if kinds.startswith("every ") else kinds.split(", "):
            said[kind] = relations
    assert said == {kind: frozenset({"any"}) if "any" in needed else needed for kind, needed in row.items()}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_names_its_refusals(name: str) -> None:
    """By status, each a problem; 503 says when to come again, and a write says all that a door may refuse it by."""
    path, method, operation = OPERATIONS[name]
    refused = {status: answer for status, answer in operation["responses"].items() if status[0] not in "23"}
    assert {answer["$ref"] for answer in refused.values()} <= {f"#/components/responses/{n}" for n in RESPONSES}
    signed = {"401"} if operation["security"] else set()
    assert signed <= set(refused)
    assert ("503" in refused) == (name not in {"ledger.actions", "ledger.problem", "ledger.problems"})
    if method == "POST":
        assert {"400", "401", "403", "408", "413", "415", "422", "503"} <= set(refused)
    if "{" in path:
        assert "404" in refused or name == "event.read"


def test_a_refusal_is_a_problem() -> None:
    """Of RFC 9457's media type, in both languages; with the headers that HTTP asks for."""
    for name, answer in RESPONSES.items():
        english, _, chinese = answer["description"].partition(" · ")
        assert english
        assert CHINESE.search(chinese)
        assert answer["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        wanted = {"Problem401": ["WWW-Authenticate"], "Problem503": ["Retry-After"]}.get(name, [])
        assert list(answer.get("headers", {})) == wanted


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_answer_has_a_shape(name: str) -> None:
    """Whatever JSON is answered is of a schema with named members, and says what it is."""
    _, _, operation = OPERATIONS[name]
    for status, answer in operation["responses"].items():
        if status[0] == "2" and (media := answer["content"].get("application/json")):
            schema = SCHEMAS[media["schema"]["$ref"].rpartition("/")[2]]
            assert schema["properties"]
            assert schema["description"]


def members() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give every member of every schema: the schema's name, its own, and what is said of it."""
    for name, schema in SCHEMAS.items():
        for member, said in schema.get("properties", {}).items():
            yield name, member, said


def test_units_and_codes_are_said() -> None:
    """Every member says what it is: money, areas and shares in which unit, codes where their list stands."""
    for name, member, said in members():
        told = said.get("description", "")
        assert told or "$ref" in said, (name, member)
        if member.endswith(("_fen", "_m2_hundredths", "_bp")):
            assert any(unit in told for unit in ("fen", "m²", "10,000")), (name, member)
    coded = {name: list_ for list_, names in meanings.LISTS.items() for name in names}
    for name, member, said in members():
        if member in coded and member not in {"item", "findings"}:
            assert f"{meanings.CODES}#" in said["description"], (name, member)


def test_every_meaning_is_of_a_member() -> None:
    """No name is explained that nothing bears, or that every schema explains itself."""
    borne = {member for schema, member, _ in members() if meanings.meaning_in(schema, member) is None}
    assert set(meanings._named()) <= borne  # noqa: SLF001 - the table itself


def told(schema: str, member: str) -> str:
    """Give what the document says of a member."""
    said: str = SCHEMAS[schema]["properties"][member]["description"]
    return said


def test_a_meaning_is_of_the_place_where_it_stands() -> None:
    """Where one name means several things, what is said is what it means in that schema."""
    assert "policy" not in told("KeyAdditionBody", "holder")
    assert "投保人" in told("PolicyDraftBody", "holder")
    assert "certificates" in told("ScheduleClosingBody", "count")
    assert "events" in told("WrittenGroup", "count")
    assert "author" in told("ClaimNoticeBody", "known_at")
    assert told("LiftList", "known_at") == "What the answer rests on."
    assert told("KeyRotationBody", "key").startswith("The new key")
    assert told("HeaderAuthor", "key").startswith("The signing key")


def kind_of(said: dict[str, Any]) -> object:
    """Give what kind of thing a member holds: a name, a digest, an instant, one of some words, a list, an object."""
    parts = [part for part in said.get("anyOf", [said]) if part.get("type") != "null"]
    part = parts[0]
    if "$ref" in part:
        return "object"
    if "enum" in part:
        return frozenset(part["enum"])
    if part.get("type") == "array":
        return ("array", kind_of(part.get("items", {})))
    pattern = part.get("pattern", "")
    for kind, grammar in STRINGS.items():
        if re.match(grammar, pattern):
            return kind
    return part.get("type")


STRINGS: Final = {
    "name": r"\^\w+:", "digest": r"\^\[0-9a-f\]\{64\}\$$", "instant": r"\^\[0-9\]\{4\}.*T", "date": r"\^\[0-9\]\{4\}-",
}  # fmt: skip
"""Kinds of text by the beginning of their patterns."""


def test_a_name_of_several_kinds_of_thing_is_explained_in_place() -> None:
    """Members of one name that hold different kinds of things go by one meaning only where they are of one kind."""
    kinds: dict[str, dict[object, list[str]]] = {}
    for schema, member, said in members():
        by_name = said.get("description") == meanings.meaning_of(member)
        if by_name and meanings.meaning_in(schema, member) is None:
            kinds.setdefault(member, {}).setdefault(kind_of(said), []).append(schema)
    assert {name: list(found.values()) for name, found in kinds.items() if len(found) > 1} == {}


def test_every_meaning_in_place_is_of_a_member() -> None:
    """No member is explained that no schema has, and none is explained as it would be anyway."""
    borne = {f"{schema.removesuffix(meanings.BODY)}.{member}" for schema, member, _ in members()}
    in_place = meanings._in_place()  # noqa: SLF001 - the table itself
    assert set(in_place) <= borne
    assert [place for place, said in in_place.items() if said == meanings.meaning_of(place.partition(".")[2])] == []


@pytest.mark.parametrize("action", sorted(ACTIONS.by_id))
def test_a_body_has_a_salt_at_its_root_only(action: str) -> None:
    """Every body schema asks for `salt`; where its shape stands within another body, it has none."""
    _, _, operation = OPERATIONS[action]
    content = operation["requestBody"]["content"]
    assert set(content) == {"application/json"} | (
        set() if ACTIONS.by_id[action].group_lines is None else {"application/x-ndjson"}
    )
    for media in content.values():
        body = SCHEMAS[media["schema"]["$ref"].rpartition("/")[2]]
        assert "salt" in body["required"]
        assert body["additionalProperties"] is False
    for definition in SHAPES.schema(ACTIONS.by_id[action], "{model}").get("$defs", {}):
        assert "salt" not in SCHEMAS[definition].get("properties", {})


@pytest.mark.parametrize("name", sorted({*ACTIONS.by_id, *(each.id for each in DISCLOSURES)}))
def test_a_body_has_an_example(name: str) -> None:
    """Each write shows one body; the action's own check takes it, and so does the published schema."""
    _, _, operation = OPERATIONS[name]
    media = operation["requestBody"]["content"]["application/json"]
    example = dict(media["example"])
    assert described.faults(media["schema"]["$ref"], example) == []
    take_salt(example)
    if name in ACTIONS.by_id:
        SHAPES.check(ACTIONS.by_id[name], example)


def test_the_main_questions_show_an_answer() -> None:
    """Which is of the published schema; an integration test holds it to what is answered."""
    for name in {*EXEMPLARY, "estate.describe"}:
        _, _, operation = OPERATIONS[name]
        media = operation["responses"]["200" if name in EXEMPLARY else "201"]["content"]["application/json"]
        assert described.faults(media["schema"]["$ref"], media["example"]) == []
    assert examples()["answers"]["estate.describe"] == answered()


def test_shapes_of_one_name_are_one_shape() -> None:
    """No two shapes share a name in the document, where the later would hide the earlier."""
    seen: dict[str, object] = {}
    for action in ACTIONS.by_id.values():
        schema = SHAPES.schema(action, "{model}")
        for name, definition in schema.get("$defs", {}).items():
            assert seen.setdefault(name, definition) == definition, name
    asked = [*(question.gives for question in QUESTIONS), *(disclosure.gives for disclosure in DISCLOSURES)]
    for shape in (*ledger.SHAPES, *log.JSON_SHAPES.values(), WriteAnswer, *asked):
        schema = TypeAdapter(shape).json_schema(ref_template="{model}")
        for name, definition in (*schema.pop("$defs", {}).items(), (shape.__name__, schema)):
            assert seen.setdefault(name, definition) == definition, name


def test_personal_members_are_marked() -> None:
    """Whoever makes a client sees which members are sealed."""
    claimant = SCHEMAS["Claimant"]["properties"]
    assert claimant["name"]["x-personal"] is True
    assert "x-personal" not in claimant["role"]
