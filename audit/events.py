"""Stored events as bytes: header and body, strictly in form (event-format §2).

Both are read from the very bytes that were hashed; whoever reads them checks that they are canonical, so that no two
readers can see two values. A header has one grammar, so one expression reads it and proves it canonical; a body is
parsed and written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from json import encoder, scanner
from typing import Any, Final, NamedTuple, NoReturn

from audit import canonical
from audit.canonical import INTEGER_MAX, JsonObject, JsonValue
from audit.errors import CanonicalError, EventInvalid
from audit.merkle import leaf_hash
from audit.shapes import is_known, remember, shape_of

__all__ = [
    "BODY_BYTES_MAX",
    "HEADER_BYTES_MAX",
    "Header",
    "body_digest",
    "field_digest",
    "is_one_jwt",
    "leaf_hash",
    "read_body",
    "read_canonical",
    "read_evidence",
    "read_header",
    "read_headers",
    "without_salt",
]

HEADER_BYTES_MAX: Final = 4 * 1024
BODY_BYTES_MAX: Final = 256 * 1024
SALT_HEX: Final = 32

# ---------------------------------------------------------------------------------------------------- canonical JSON


def _refuse_float(_: str) -> NoReturn:
    raise CanonicalError("Numbers are integers, without fraction or exponent.", code="json_float")


def _take_integer(digits: str) -> int:
    # Sixteen digits and a sign are as many as any integer of the profile has; the length is asked first.
    if len(digits) <= len(str(-INTEGER_MAX)) and -INTEGER_MAX <= (number := int(digits)) <= INTEGER_MAX:
        return number
    raise CanonicalError("An integer lies outside ±(2^53 - 1).", code="json_number_range")


def _refuse_object(value: object) -> NoReturn:
    raise CanonicalError("The value is no JSON.", code="json_type", type=type(value).__name__)


_SCAN: Final[Any] = scanner.make_scanner(
    json.JSONDecoder(parse_float=_refuse_float, parse_constant=_refuse_float, parse_int=_take_integer)  # type: ignore[arg-type] # typeshed takes the factory for its product
)
_SCAN_KNOWN: Final[Any] = scanner.make_scanner(json.JSONDecoder())  # type: ignore[arg-type] # as above
"""For texts of a known shape, whose numbers were looked at with the shape."""
_MAKE: Final[Any] = getattr(encoder, "c_make_encoder", None)  # None where the interpreter has no C encoder
_WRITE: Final[Any] = None if _MAKE is None else _MAKE(
    None, _refuse_object, encoder.encode_basestring, None, ":", ",", True, False, False  # noqa: FBT003 - C, by position
)  # fmt: skip


def read_canonical(data: bytes) -> Any:  # noqa: ANN401 - JSON, for whoever knows what it should be
    """Read bytes that must be canonical; raises CanonicalError, `not_canonical` when they are JSON but not that.

    Bytes of a known shape need only be parsed (`audit.shapes`). Else the standard library's reader and writer in C are
    enough where nothing odd stands in the text: duplicates, spaces, other orders and spellings do not come out again as
    the same bytes. What they would let pass (U+0000, names beyond ASCII, great depth) is looked at closely by
    `audit.canonical.decode`.
    """
    try:
        text = data.decode()
        shape = shape_of(text)
        if shape is not None and is_known(shape):
            return _SCAN_KNOWN(text, 0)[0]
        value, end = _SCAN(text, 0)
        if end == len(text) and _written(value) == text:
            plain = text.isascii() or (shape is not None and all(map(str.isascii, shape[1])))
            odd = not plain or text.count("{") + text.count("[") > canonical.DEPTH_MAX or "\\u0000" in text
            value = canonical.decode(data) if odd else value
            if shape is not None:
                remember(shape)
            return value
    except (ValueError, RecursionError, StopIteration, CanonicalError):
        pass
    canonical.decode(data)
    raise CanonicalError("These bytes are not canonical JSON.", code="not_canonical")


def _written(value: Any) -> str:  # noqa: ANN401 - JSON
    if _WRITE is None:
        return canonical.encode(value).decode()
    return "".join(_WRITE(value, 0)) if isinstance(value, dict | list) else canonical.encode(value).decode()


# ------------------------------------------------------------------------------------------------------------ header


class Header(NamedTuple):
    """A header's members; `evidence` as its canonical text without the brackets (`read_evidence`), the rest by name."""

    agent: str | None
    evidence: str
    key: str | None
    party: str
    author_seq: int | None
    body: str
    command: str | None
    effective_at: str
    ledger: str
    position: int
    prev: str | None
    recorded_at: str
    schema: int
    seq: int
    stream: str
    type: str
    version: int


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_UUID_4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
_HASH = "[0-9a-f]{64}"
_PIECE = f'{{"digest":"{_HASH}","kind":"[a-z][a-z-]{{0,31}}"}}'
_COUNTER = "[1-9][0-9]{0,15}"
_HEADER = re.compile(
    f'{{"author":{{"agent":(?:null|"(agent:{_UUID_4})"),"evidence":\\[((?:{_PIECE}(?:,{_PIECE})*)?)\\],'
    f'"key":(?:null|"(key:{_UUID_4})"),"party":"(party:{_UUID_4})","seq":(?:null|({_COUNTER}))}},'
    f'"body":"({_HASH})","command":(?:null|"({_UUID})"),"effective_at":"({_INSTANT})",'
    f'"ledger":"([a-z0-9._/-]+)","position":({_COUNTER}),"prev":(?:null|"({_HASH})"),"recorded_at":"({_INSTANT})",'
    f'"schema":([1-9][0-9]{{0,5}}),"seq":({_COUNTER}),"stream":"([a-z0-9:/-]{{1,128}})",'
    f'"type":"([a-z_]+\\.[A-Z][A-Za-z]*)","v":1,"version":({_COUNTER})}}'
)
_HEADERS = f"^(?:{_HEADER.pattern})$"  # compiled when the first page is read
_JWT: Final = '","kind":"jwt"}'
_ONE_JWT: Final = len('{"digest":"') + 64 + len(_JWT)
_EVIDENCE = re.compile('{"digest":"([0-9a-f]{64})","kind":"([a-z-]+)"}')
_MEMBERS: Final = frozenset({
    "author", "body", "command", "effective_at", "ledger", "position", "prev", "recorded_at", "schema", "seq", "stream",
    "type", "v", "version",
})  # fmt: skip


def read_header(data: bytes) -> Header:
    """Read a header: all its members in canonical bytes, each of its grammar, and none besides.

    Instants may still name a day that does not exist, streams a kind that does not. Raises EventInvalid
    `header_invalid` (`details["member"]` where it is known), `header_version`, `header_too_large`, or CanonicalError.
    """
    try:
        found = _HEADER.fullmatch(data.decode("ascii"))
    except UnicodeDecodeError:
        found = None
    if found is None or len(data) > HEADER_BYTES_MAX:
        _refuse_header(data)
    (agent, evidence, key, party, author_seq, body, command, effective_at, ledger, position, prev, recorded_at, schema,
     seq, stream, type_, version) = found.groups()  # fmt: skip
    header = Header(
        agent, evidence, key, party, None if author_seq is None else int(author_seq), body, command, effective_at,
        ledger, int(position), prev, recorded_at, int(schema), int(seq), stream, type_, int(version),
    )  # fmt: skip
    if author_seq is not None and int(author_seq) > INTEGER_MAX:
        raise EventInvalid("A counter is too great.", code="header_invalid", member="author")
    return header


def read_headers(data: Sequence[bytes]) -> list[Header] | None:
    """Read the headers of a page as `read_header` does, at once; None if that would refuse any of them."""
    if not data or max(map(len, data)) > HEADER_BYTES_MAX:
        return None
    try:
        text = b"\n".join(data).decode("ascii")
    except UnicodeDecodeError:
        return None
    # No header holds a line break, and each line is matched whole: so many matches are the headers, one by one.
    found = re.findall(_HEADERS, text, re.MULTILINE)
    if len(found) != len(data) or text.count("\n") != len(data) - 1:
        return None
    (agent, evidence, key, party, author_seq, body, command, effective_at, ledger, position, prev, recorded_at, schema,
     seq, stream, type_, version) = zip(*found, strict=True)  # fmt: skip
    numbers = [int(text) if text else None for text in author_seq]
    if any(number is not None and number > INTEGER_MAX for number in numbers):
        return None
    columns = (
        _or_none(agent), evidence, _or_none(key), party, numbers, body, _or_none(command), effective_at, ledger,
        map(int, position), _or_none(prev), recorded_at, map(int, schema), map(int, seq), stream, type_,
        map(int, version),
    )  # fmt: skip
    return list(map(Header._make, zip(*columns, strict=True)))


def _or_none(texts: Sequence[str]) -> list[str | None]:
    return [text or None for text in texts]


def is_one_jwt(text: str) -> bool:
    """Say whether a header's `evidence` is one request token; its digest then stands at 11 to 75."""
    return len(text) == _ONE_JWT and text.endswith(_JWT)


def read_evidence(text: str) -> list[tuple[str, str]]:
    """Give (kind, digest) of each piece of a header's `evidence`, outermost first."""
    if is_one_jwt(text):
        return [("jwt", text[11:75])]
    return [(kind, digest) for digest, kind in _EVIDENCE.findall(text)]


def _refuse_header(data: bytes) -> NoReturn:
    """Say why bytes are no header."""
    if len(data) > HEADER_BYTES_MAX:
        raise EventInvalid("The header is too large.", code="header_too_large", bytes=len(data))
    header = read_canonical(data)
    if not isinstance(header, dict) or header.keys() != _MEMBERS:
        raise EventInvalid("The header has other members than the format's.", code="header_invalid")
    if header["v"] != 1:
        raise EventInvalid("The format's version is 1.", code="header_version", v=header["v"])
    raise EventInvalid("A member of the header is not of its grammar.", code="header_invalid")


# -------------------------------------------------------------------------------------------------------------- body

_BODY_MEMBERS: Final = {"found", "from", "said", "salt"}
_FROM_MEMBERS: Final = {"at", "line"}
_SALT = re.compile(f"[0-9a-f]{{{SALT_HEX}}}")


def read_body(data: bytes) -> dict[str, Any]:
    """Read a body {found, from, said, salt}, canonical and each member of its shape.

    Raises EventInvalid `body_invalid`, `body_too_large`, or CanonicalError.
    """
    if len(data) > BODY_BYTES_MAX:
        raise EventInvalid("The body is too large.", code="body_too_large", bytes=len(data))
    body: Any = read_canonical(data)
    if type(body) is not dict or body.keys() != _BODY_MEMBERS or type(body["found"]) is not dict:
        raise EventInvalid("The body has other members than the format's.", code="body_invalid")
    place, said, salt = body["from"], body["said"], body["salt"]
    if type(salt) is not str or not _SALT.fullmatch(salt):
        raise EventInvalid("The body's salt is 16 bytes in hex.", code="body_invalid", member="salt")
    if place is None or said is None:
        if place is not said:
            raise EventInvalid("`from` and `said` stand together or not at all.", code="body_invalid", member="from")
        return body
    if type(place) is not dict or place.keys() != _FROM_MEMBERS or type(said) is not dict:
        raise EventInvalid("`from` is {at, line} and `said` an object.", code="body_invalid", member="from")
    line = place["line"]
    if type(place["at"]) is not str or not (line is None or (type(line) is int and line > 0)):
        raise EventInvalid("`at` is a JSON Pointer and `line` counts from 1.", code="body_invalid", member="from")
    return body


def body_digest(data: bytes) -> str:
    """Return the digest of body bytes as the header states it."""
    return hashlib.sha256(data).hexdigest()


def field_digest(salt: str, pointer: str, value: JsonValue) -> str:
    """Return the digest of a personal field: SHA-256(0x00 ‖ canonical [salt, pointer, value]), in hex.

    The pointer leads from the root of the request, or of the NDJSON line.
    """
    return leaf_hash(canonical.encode([salt, pointer, value])).hex()


def without_salt(request: JsonObject) -> JsonObject:
    """Return a request's JSON without the member `salt` at its root, which never enters a body."""
    return {name: value for name, value in request.items() if name != "salt"}
