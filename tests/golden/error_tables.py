"""The tables of refusals in docs/api.md: what the ledger answers with and its programs say, found in their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from api import errors
from application import errors as writing
from application.identity import TOKEN_SKEW_MAX_S
from application.saves import IAT_SKEW_MAX_S
from audit import errors as evidence
from audit import tokens
from domain import errors as domain

ROOT: Final = Path(__file__).parents[2]

_CLASSES: Final[dict[str, type[Exception]]] = {
    name: kind
    for module in (domain, writing, evidence, errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}


DOOR: Final = frozenset(
    {"canonical", "instants", "jws", "keys", "names", "ndjson", "requests", "rotation", "statements", "tokens"}
)
"""The modules of `audit/` that judge what a client sends; the others judge logs, and speak from programs."""
DOORS_OWN: Final = frozenset(
    {"instant_invalid", "json_invalid", "key_malformed", "name_invalid", "ndjson_malformed", "pointer_unresolved",
     "signature_invalid", "token_malformed"}
)  # fmt: skip
"""The codes of `audit/errors.py` that such modules raise by themselves."""
ELSEWHERE: Final = frozenset({"continuing", "rollback", "verifying", "witnessing"})
"""The modules of `application/` that programs alone use: `recover`, the start, `verify`, a witness."""
KEEPING: Final = ("clock_watch", "map_service", "people", "vault", "writer")
"""The modules of `infrastructure/` whose refusals reach a client."""
UNANSWERED: Final = {
    "init_invalid": "`init` signs it",
    "seal_broken": "500 `unforeseen`",
    "witness_record_broken": "a witness",
}
"""Codes of modules that answer clients, which are not answered, and why."""
PUT: Final = {
    "headers_too_large": {431}, "instalments_not_premium": {422}, "method_not_allowed": {405},
    "parts_not_premium": {422}, "sources_not_premium": {422},
}  # fmt: skip
"""Codes that the program's text does not state beside their refusals, with their statuses."""


def clock_rules() -> str:
    """Say how far a client's clock may be off, by the constants that the door and the recorder go by."""
    life, skew, late = tokens.LIFETIME_SECONDS_MAX, TOKEN_SKEW_MAX_S, IAT_SKEW_MAX_S
    return f"""A token is held against the ledger's time twice. When the request comes in:

- `iat` more than {skew} s after the ledger's time: `token_not_yet`. Your clock is ahead.
- `exp` {skew} s or more before it: `token_expired`. Your clock is behind, or the token was kept too long.
- `exp` not after `iat`, or more than {life} s after it: `token_lifetime`, whatever the time.

And when it is recorded, for it may have waited: `iat` more than {late} s from `recorded_at` is `token_late`. A wrong
clock is told by the first two; `token_late` means that the request waited too long, so send it again with a new token.
All three give `details.ledger_time`, and every answer has the header `Ledger-Time`: take `iat` from it."""


PRINTED: Final = {
    "credentials_exist": "The file of the administrator's credentials is there already.",
    "state_unreadable": "The kept state of a verification cannot be read.",
}
"""Sentences that programs put together where they print them."""

Stated = tuple[str, int, str]
"""A code with its status and its sentence."""


def error_table() -> str:
    """Give the table of what the ledger answers: each code, its status, and its sentence in both languages."""
    rows = [
        f"| `{code}` | {', '.join(map(str, sorted(statuses)))} | {english} | {errors.refusals()[code]['zh']} |"
        for code, (statuses, english) in sorted(answered_codes().items())
    ]
    return "\n".join(["| code | status | | |", "|---|---|---|---|", *rows])


def answered_codes() -> dict[str, tuple[set[int], str]]:
    """Give every code that a client of the ledger can meet, with its statuses and its sentence."""
    statuses: dict[str, set[int]] = {code: set(told) for code, told in PUT.items()}
    sentences: dict[str, str] = {}
    own = [told for told in _stated([ROOT / "audit" / "errors.py"]) if told[0] in DOORS_OWN]
    for code, status, sentence in (*own, *_stated(_answering())):
        if code not in UNANSWERED:
            statuses.setdefault(code, set()).add(status)
            sentences[code] = sentences.get(code) or sentence
    said = {code: errors.refusals().get(code, {}).get("en") or sentences.get(code, "") for code in statuses}
    return {code: (statuses[code], said[code]) for code in statuses}


def program_table() -> str:
    """Give the table of codes of the programs: of the verifier, of witnesses and of the command line."""
    rows = [f"| `{code}` | {sentence} | {places} |" for code, (sentence, places) in sorted(program_codes().items())]
    return "\n".join(["| code | | of |", "|---|---|---|", *rows])


def program_codes() -> dict[str, tuple[str, str]]:
    """Give every code that programs state beside the ledger's answers, with its sentence and whose it is."""
    sentences: dict[str, str] = {}
    places: dict[str, set[str]] = {}
    for path in _speaking():
        for code, _, sentence in _stated([path]):
            if code not in DOORS_OWN:
                sentences[code] = sentences.get(code) or sentence or PRINTED.get(code, "")
                places.setdefault(code, set()).add("verifier" if path.parent.name == "audit" else "`liftledger`")
    return {code: (sentences[code], ", ".join(sorted(places[code]))) for code in sentences}


def _modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def _answering() -> list[Path]:
    """Give the modules whose refusals are answered to clients."""
    audit = [path for path in _modules("audit") if path.stem in DOOR]
    application = [
        path for path in _modules("application") if path.parent.name != "application" or path.stem not in ELSEWHERE
    ]
    keeping = [ROOT / "infrastructure" / f"{name}.py" for name in KEEPING]
    doors = [ROOT / "api" / f"{name}.py" for name in ("bodies", "errors", "shapes")]
    return [*audit, *application, *keeping, *doors, *_modules("domain"), *_modules("api/routes")]


def _speaking() -> list[Path]:
    """Give the modules whose refusals programs print."""
    audit = [path for path in _modules("audit") if path.stem not in DOOR]
    application = [ROOT / "application" / f"{name}.py" for name in sorted(ELSEWHERE)]
    doors = [path for path in _modules("api") if path.parent.name != "routes" and path not in _answering()]
    return [*audit, *application, *doors]


def _stated(paths: list[Path]) -> Iterator[Stated]:
    for path in paths:
        yield from _codes(ast.parse(path.read_text(encoding="utf-8")))


def _codes(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    local = dict(_CLASSES)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            base = next((b.attr if isinstance(b, ast.Attribute) else getattr(b, "id", "") for b in node.bases), "")
            if base in local:
                local.setdefault(node.name, local[base])
                code = _constant(node.body, "code")
                if code is not None:
                    yield code, _status(local[node.name]), " ".join((ast.get_docstring(node) or "").split())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in local:
            code = next((said_by(word.value) for word in node.keywords if word.arg == "code" and _text(word.value)), "")
            if code:
                first = node.args[0] if node.args else None
                yield code, _status(local[name_of(node.func)]), said_by(first)


def _status(kind: type[Exception]) -> int:
    made = kind("") if issubclass(kind, domain.DomainError | evidence.AuditError) else kind()
    return int(errors.status_of(made))


def said_by(node: ast.expr | None) -> str:
    """Give the sentence of a refusal, with an ellipsis for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(said_by(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else ""


def name_of(node: ast.expr) -> str:
    """Give the name that a call or assignment names."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(node: ast.expr | None) -> Any:  # noqa: ANN401 - a type guard that reads well
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _constant(body: list[ast.stmt], name: str) -> str | None:
    for statement in body:
        if isinstance(statement, ast.Assign) and name_of(statement.targets[0]) == name and _text(statement.value):
            value: str = statement.value.value  # type: ignore[attr-defined] # _text has looked
            return value
    return None
