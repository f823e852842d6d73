"""The codes that the program's text states: of findings, of what the ledger answers, and of what programs print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from api import errors
from application import errors as writing
from audit import errors as evidence
from domain import errors as domain

ROOT: Final = Path(__file__).parents[2]

# ---------------------------------------------------------------------------------------------------------- findings


def codes_found() -> set[str]:
    """Give every code of a finding that the program's text states; a number filled in is `<n>`."""
    found: set[str] = set()
    for package in ("domain", "application"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in {"finding", "by_contract", "_seam"}:
                    found |= _finding_codes(node.args[0 if _name(node.func) == "_seam" else 1])
                elif isinstance(node, ast.Dict):
                    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                    if {"code", "verdict", "rule"} <= set(keys):
                        found |= _finding_codes(node.values[keys.index("code")])
    return found


FILLED: Final = {
    "interval_over_…_days": ("interval_over_<n>_days",),
    "…_reached": ("participation_reached", "approval_reached"),
    "…_missed": ("participation_missed", "approval_missed"),
    "…_publicity_…": tuple(f"{of}_publicity_{how}" for of in ("plan", "result") for how in ("kept", "short")),
    "overdue_…": ("overdue_k3", "overdue_k4", "overdue_k5", "overdue_k6"),
}
"""Codes that are put together, and what they come to."""


def _finding_codes(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _finding_codes(node.body) | _finding_codes(node.orelse)
    said = _said(node)
    return set(FILLED.get(said, (said,))) if said else set()


# ---------------------------------------------------------------------------------------------------------- refusals

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
    "head_stalled": {408}, "headers_too_large": {431}, "instalments_not_premium": {422}, "method_not_allowed": {405},
    "parts_not_premium": {422}, "sources_not_premium": {422},
}  # fmt: skip
"""Codes that the program's text does not state beside their refusals, with their statuses."""


PRINTED: Final = {
    "credentials_exist": "The file of the administrator's credentials is there already.",
    "mapping_malformed": "A mapping that cannot be read, or says what means nothing; the details name the place.",
    "state_unreadable": "The kept state of a verification cannot be read.",
}
"""Sentences that programs put together where they print them."""

Stated = tuple[str, int, str]
"""A code with its status and its sentence."""


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
        if isinstance(node, ast.Call) and _name(node.func) in local:
            code = next((_said(word.value) for word in node.keywords if word.arg == "code" and _text(word.value)), "")
            if code:
                first = node.args[0] if node.args else None
                yield code, _status(local[_name(node.func)]), _said(first)


def _status(kind: type[Exception]) -> int:
    made = kind("") if issubclass(kind, domain.DomainError | evidence.AuditError) else kind()
    return int(errors.status_of(made))


def _said(node: ast.expr | None) -> str:
    """Give the sentence of a refusal, with an ellipsis for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(node: ast.expr | None) -> Any:  # noqa: ANN401 - a type guard that reads well
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _constant(body: list[ast.stmt], name: str) -> str | None:
    for statement in body:
        if isinstance(statement, ast.Assign) and _name(statement.targets[0]) == name and _text(statement.value):
            value: str = statement.value.value  # type: ignore[attr-defined] # _text has looked
            return value
    return None
