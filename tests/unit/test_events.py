"""Stored headers and bodies, read strictly: what is refused, and with which code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit import canonical
from audit.errors import AuditError
from audit.events import BODY_BYTES_MAX, HEADER_BYTES_MAX, field_digest, read_body, read_evidence, read_header
from tests.support.stored import VECTORS, worked_ledger

ROW = worked_ledger().events[9]
HEADER: dict[str, Any] = json.loads(ROW.header)
BODY: dict[str, Any] = json.loads(ROW.body)


def refusal(read: Any, data: bytes) -> str:  # noqa: ANN401 - either reader
    """Give the code that bytes are refused with."""
    with pytest.raises(AuditError) as refused:
        read(data)
    return refused.value.code


def test_a_header_has_its_members() -> None:
    """Every member of the worked ledger's headers is read as it stands."""
    for row in worked_ledger().events:
        told, header = json.loads(row.header), read_header(row.header)
        author = told["author"]
        assert tuple(header) == (
            author["agent"], header.evidence, author["key"], author["party"], author["seq"], told["body"],
            told["command"], told["effective_at"], told["ledger"], told["position"], told["prev"], told["recorded_at"],
            told["schema"], told["seq"], told["stream"], told["type"], told["version"],
        )  # fmt: skip
        pieces = [{"digest": digest, "kind": kind} for kind, digest in read_evidence(header.evidence)]
        assert pieces == author["evidence"]


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"position": 0}, "header_invalid"),
        ({"position": "1"}, "header_invalid"),
        ({"position": 1.5}, "json_float"),
        ({"v": 2}, "header_version"),
        ({"body": "00"}, "header_invalid"),
        ({"body": "A" * 64}, "header_invalid"),
        ({"prev": ""}, "header_invalid"),
        ({"type": "claim approved"}, "header_invalid"),
        ({"ledger": "Ledger.example"}, "header_invalid"),
        ({"stream": "lift:ä"}, "header_invalid"),
        ({"recorded_at": "2025-11-01"}, "header_invalid"),
        ({"command": "x"}, "header_invalid"),
        ({"author": None}, "header_invalid"),
        ({"author": {**HEADER["author"], "seq": 2**53}}, "header_invalid"),
        ({"author": {**HEADER["author"], "seq": 0}}, "header_invalid"),
        ({"author": {**HEADER["author"], "name": "x"}}, "header_invalid"),
        ({"author": {**HEADER["author"], "evidence": [{"digest": "00", "kind": "jwt"}]}}, "header_invalid"),
        ({"more": 1}, "header_invalid"),
    ],
)
def test_headers_refused(changes: dict[str, Any], code: str) -> None:
    """A member of another form, too many or too few: no header."""
    data = json.dumps({**HEADER, **changes}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert refusal(read_header, data) == code


def test_headers_of_other_spelling_are_refused() -> None:
    """The same members with a space, in another order or escaped are not canonical; too many bytes are too large."""
    assert refusal(read_header, json.dumps(HEADER, sort_keys=True).encode()) == "not_canonical"
    assert refusal(read_header, ROW.header.replace(b"jwt", b"\\u006awt")) == "not_canonical"
    assert refusal(read_header, b" " * (HEADER_BYTES_MAX + 1)) == "header_too_large"
    assert refusal(read_header, b"[]") == "header_invalid"


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"salt": "00"}, "body_invalid"),
        ({"salt": "G" * 32}, "body_invalid"),
        ({"found": []}, "body_invalid"),
        ({"said": None}, "body_invalid"),
        ({"from": None}, "body_invalid"),
        ({"said": 1}, "body_invalid"),
        ({"from": {"at": "", "line": 0}}, "body_invalid"),
        ({"from": {"at": "", "line": True}}, "body_invalid"),
        ({"from": {"at": 1, "line": None}}, "body_invalid"),
        ({"from": {"at": ""}}, "body_invalid"),
        ({"more": 1}, "body_invalid"),
        ({"found": {"n": 2**53}}, "json_number_range"),
        ({"found": {"é": 1}}, "json_member_name"),
    ],
)
def test_bodies_refused(changes: dict[str, Any], code: str) -> None:
    """A body has exactly its four members, each of its shape."""
    data = json.dumps({**BODY, **changes}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert refusal(read_body, data) == code


def test_bodies_too_large_are_refused_unread() -> None:
    """The limit of a body is asked first."""
    assert refusal(read_body, b"{" * (BODY_BYTES_MAX + 1)) == "body_too_large"


def test_the_digest_of_a_sealed_field() -> None:
    """The vectors' sealed field has the digest that stands in said."""
    told = json.loads(VECTORS.read_text(encoding="utf-8"))
    sealed = next(save["sealed_field"] for save in told["saves"] if "sealed_field" in save)
    assert field_digest(sealed["salt"], sealed["pointer"], sealed["value"]) == sealed["digest"]
    assert canonical.decode(ROW.body) == read_body(ROW.body)
