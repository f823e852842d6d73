"""The codes that the program's text states: of findings, of what the ledger answers, and of what programs print."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

from api import errors
from api.routes.reads import NAMED
from application import errors as writing
from application.catalogue import ACTIONS
from application.reading.catalogue import QUESTIONS
from application.reading.personal import DISCLOSURES
from audit import errors as evidence
from audit.names import kind_of
from domain import errors as domain
from domain.aggregate import type_registry
from domain.applications import State
from infrastructure import errors as keeping
from tests.golden.make_events import file_of, read, types

ROOT: Final = Path(__file__).parents[2]
PROBLEMS: Final = ROOT / "api" / "problems.json"

# ---------------------------------------------------------------------------------------------------------- findings


def codes_found() -> set[str]:
    """Give every code of a finding that the program's text states, or did; a number filled in is `<n>`."""
    found: set[str] = {*FOUND_BEFORE}
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


def codes_refused_for() -> set[str]:
    """Give every code of a finding that a refusal states as `finding=`, by which its sentence in Chinese is found."""
    return {
        word.value.value
        for package in ("domain", "application", "api")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "finding" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str)
    }


FILLED: Final = {
    "interval_over_…_days": ("interval_over_<n>_days",),
    "unvisited_over_…_days": ("unvisited_over_<n>_days",),
    "visit_awaited_over_…_days": ("visit_awaited_over_<n>_days",),
    "…_visit_overdue": tuple(f"{of}_visit_overdue" for of in ("quarterly", "half_yearly", "yearly")),
    "…_reached": ("participation_reached", "approval_reached"),
    "…_missed": ("participation_missed", "approval_missed"),
    "…_publicity_…": tuple(f"{of}_publicity_{how}" for of in ("plan", "result") for how in ("kept", "short")),
    "overdue_…": ("overdue_k3", "overdue_k4", "overdue_k5", "overdue_k6"),
}
"""Codes that are put together, and what they come to."""


FOUND_BEFORE: Final = frozenset({"not_the_visits_maintainer"})
"""Codes that stand in events of earlier programs, and are found no more."""


def _finding_codes(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _finding_codes(node.body) | _finding_codes(node.orelse)
    said = _said(node)
    return set(FILLED.get(said, (said,))) if said else set()


# ---------------------------------------------------------------------------------------------------------- refusals

_CLASSES: Final[dict[str, type[Exception]]] = {
    name: kind
    for module in (domain, writing, evidence, errors, keeping)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}


DOOR: Final = frozenset({"canonical", "instants", "jws", "keys", "names", "ndjson", "rotation", "tokens"})
"""The modules of `audit/` that judge what a client sends; the others judge logs, and speak from programs."""
DOORS_OWN: Final = frozenset(
    {"instant_invalid", "json_invalid", "key_malformed", "name_invalid", "ndjson_malformed", "pointer_unresolved",
     "signature_invalid", "token_malformed"}
)  # fmt: skip
"""The codes of `audit/errors.py` that such modules raise by themselves."""
ELSEWHERE: Final = frozenset({"continuing", "rollback", "verifying", "witnessing"})
"""The modules of `application/` that programs alone use: `recover`, the start, `verify`, a witness."""
POSSESSION: Final = ("jws", "statements")
"""The modules of `audit/` that judge the proof of possession of a new key: it is of the body, so they answer by 422."""
ROTATING: Final = frozenset({"note_signature", "note_unsigned", "vkey_key", "vkey_malformed", "vkey_type"})
"""The codes of `audit/{note,signatures}.py` by which a ledger key handed on is refused: the keys are of the body."""
KEEPING: Final = ("clock", "clock_watch", "map_service", "people", "vault", "writer")
"""The modules of `infrastructure/` whose refusals reach a client."""
INWARD: Final = frozenset({"log_reader", "mapper", "recorder", "tile_store", "vault"})
"""The modules of `infrastructure/` that refuse what only a defect, or a changed database, can bring."""
UNANSWERED: Final = {
    "clock_goes_back": "`liftledger clock set`",
    "clock_not_scripted": "`liftledger clock set`",
    "init_invalid": "`init` signs it",
    "seal_broken": "500 `unforeseen`",
    "witness_record_broken": "a witness",
}
"""Codes of modules that answer clients, which are not answered, and why."""
PUT: Final = {
    "head_stalled": {408}, "headers_too_large": {431}, "http_invalid": {400}, "instalments_not_premium": {422},
    "method_not_allowed": {405},
    "parts_not_premium": {422}, "sources_not_premium": {422},
}  # fmt: skip
"""Codes that the program's text does not state beside their refusals, with their statuses."""
OTHERWISE_NAMED: Final = frozenset({"filed", "ordered", "paid", "return_due"})
"""States of an application by which it refuses under another code than `application_<state>`."""


def put_together() -> dict[str, set[int]]:
    """Give the codes that are made of a kind of name, a parameter or a state, with their statuses."""
    states = set(get_args(State)) - OTHERWISE_NAMED
    parameters = {each.name for question in QUESTIONS for each in question.parameters}
    return {
        **{f"{kind}_unknown": {404} for kind in _kinds_read() | _kinds_in_paths()},
        **{f"{name}_malformed": {422} for name in parameters},
        **{f"application_{state}": {409} for state in states},
    }


def _kinds_in_paths() -> set[str]:
    paths = [action.path for action in ACTIONS.by_id.values()] + [disclosure.path for disclosure in DISCLOSURES]
    return {kind for path in paths for kind in re.findall(r"{(\w+)}", path)} | NAMED


def _kinds_read() -> set[str]:
    """Give the kinds of streams that a use case asks for and may not find (`Work.read`, `Work.change`)."""
    kinds: dict[str, str] = {}
    for topic in types():
        event, told = type_registry[topic], read(file_of(topic, type_registry[topic].SCHEMA))[0]
        kinds[event.AGGREGATE.__name__] = kind_of(told["stream"].rpartition("/")[2])
    found = {
        kinds[_name(node.args[0])]
        for path in _modules("application")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _name(node.func) in {"read", "change"} and node.args
        if _name(node.args[0]) in kinds
    }
    return found - {"ledger"}  # which is always there


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
    statuses: dict[str, set[int]] = {code: set(told) for code, told in (PUT | put_together()).items()}
    sentences: dict[str, str] = {}
    own = [told for told in _stated([ROOT / "audit" / "errors.py"]) if told[0] in DOORS_OWN]
    for code, status, sentence in (*own, *_of_possession(), *_of_rotation(), *_stated(_answering())):
        if code not in UNANSWERED:
            statuses.setdefault(code, set()).add(status)
            sentences[code] = sentences.get(code) or sentence
    said = {code: errors.refusals().get(code, {}).get("en") or sentences.get(code, "") for code in statuses}
    return {code: (statuses[code], said[code]) for code in statuses}


def problems() -> str:
    """Give the file by which the ledger itself says what each code means; the Chinese sentences are read beside it."""
    rows = [
        json.dumps({"code": code, "statuses": sorted(statuses), "en": english}, ensure_ascii=False)
        for code, (statuses, english) in sorted(answered_codes().items())
    ]
    return "[\n" + ",\n".join(rows) + "\n]\n"


def _of_possession() -> Iterator[Stated]:
    stated = _stated([ROOT / "audit" / f"{name}.py" for name in POSSESSION])
    yield from ((code, 422, sentence) for code, _, sentence in stated)
    yield from ((kind.code, 422, "") for kind in (evidence.TokenRefused, evidence.SignatureInvalid))


def _of_rotation() -> Iterator[Stated]:
    stated = _stated([ROOT / "audit" / f"{name}.py" for name in ("note", "signatures")])
    yield from ((code, 422, sentence) for code, _, sentence in stated if code in ROTATING)


def program_codes() -> dict[str, tuple[str, str]]:
    """Give every code that programs state beside the ledger's answers, with its sentence and whose it is."""
    sentences: dict[str, str] = {}
    places: dict[str, set[str]] = {}
    answered = answered_codes()
    for path in _speaking():
        for code, _, sentence in _stated([path]):
            if code not in DOORS_OWN and not (path.parent.name == "infrastructure" and code in answered):
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
    audit = [path for path in _modules("audit") if path.stem not in {*DOOR, *POSSESSION}]
    kept = [path for path in _modules("infrastructure") if path.stem not in INWARD]
    application = [ROOT / "application" / f"{name}.py" for name in sorted(ELSEWHERE)]
    doors = [path for path in _modules("api") if path.parent.name != "routes" and path not in _answering()]
    return [*audit, *application, *doors, *kept]


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
    spoken = domain.DomainError | evidence.AuditError | keeping.InfrastructureError
    made = kind("") if issubclass(kind, spoken) else kind()
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
