"""Writes the tables of the pages that are made from the code, between their markers, and `api/problems.json`.

Run it as `python -m tests.golden.make_docs`; a test holds the pages to it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Final, NotRequired, Required, get_args, get_origin, get_type_hints

from api import errors
from application.actions import Action, Writes
from application.answers import answer
from application.catalogue import ACTIONS
from application.door import Request
from application.identity import TOKEN_SKEW_MAX_S
from application.rights import RELATIONS
from application.saves import IAT_SKEW_MAX_S
from audit import tokens
from audit.actions import shape_of
from audit.names import SUBJECTS
from domain import catalogue
from domain.aggregate import Event, type_registry
from domain.identifier_rules import SCHEMES
from domain.packs import OWN, load_pack
from tests.golden.importing_tables import ending_table, grammar, mapping_tables, reject_table
from tests.golden.make_events import file_of, read, types
from tests.golden.make_openapi import document
from tests.golden.stated_codes import PROBLEMS, ROOT, answered_codes, problems, program_codes
from tests.support.rehearsal import Rehearsal, repeatable

EVENTS: Final = ROOT / "docs" / "events.md"
API: Final = ROOT / "docs" / "api.md"
CODES: Final = ROOT / "docs" / "codes.md"
IMPORTING: Final = ROOT / "docs" / "importing.md"
FORMAT: Final = ROOT / "docs" / "event-format.md"
LEDGERS_OWN: Final = {
    "ledger.Opened": "`init`", "ledger.ClockStepped": "the writer",
    "ledger.Continued": "`recover`", "map.Rooted": "the checkpointer",
    "person.Erased": "time, when no duty to keep runs any longer",
}  # fmt: skip
OMITTED: Final = {"reads", "because"}
"""Members of `found` that stand for all events, described once."""


# ------------------------------------------------------------------------------------------------------------ events


def event_tables() -> str:
    """Give the table of event types, one section for each noun."""
    nouns: dict[str, list[str]] = {}
    for topic in sorted(types()):
        nouns.setdefault(topic.partition(".")[0], []).append(topic)
    return "\n".join(line for noun, topics in nouns.items() for line in _noun(noun, topics))


def _noun(noun: str, topics: list[str]) -> Iterator[str]:
    yield f"### {noun}"
    yield ""
    abouts = dict.fromkeys(_sentence(type_registry[topic].AGGREGATE) for topic in topics)
    yield " ".join(abouts)
    yield ""
    yield "| type | v | stream | what happened | said | found | written by |"
    yield "|---|---|---|---|---|---|---|"
    for topic in topics:
        yield _row(type_registry[topic])
    yield ""


def _row(kind: type[Event]) -> str:
    told, _ = read(file_of(kind.TOPIC, kind.SCHEMA))
    body = json.loads(told["body"])
    written = [(action, w) for action in _actions() for w in action.writes if w.type == kind.TOPIC]
    by = ", ".join(dict.fromkeys(_by(action, w) for action, w in written)) or LEDGERS_OWN[kind.TOPIC]
    said = ", ".join(dict.fromkeys(f"`{_shape_at(action.shape, w.at)}`" for action, w in written if not w.derived))
    found = ", ".join(f"`{member}`" for member in body["found"] if member not in OMITTED)
    stream = shape_of(told["stream"]).replace(":", ":…")
    meaning = _sentence(kind)
    return f"| `{kind.TOPIC}` | {kind.SCHEMA} | `{stream}` | {meaning} | {said or '–'} | {found or '–'} | {by} |"


def _actions() -> list[Action]:
    return [ACTIONS.by_id[name] for name in sorted(ACTIONS.by_id)]


def _by(action: Action, writes: Writes) -> str:
    timed = f" at `{writes.effective_at.removeprefix('/')}`" if writes.effective_at else ""
    return f"`{action.id}` {action.summary_zh}{timed}" if not writes.derived else f"*`{action.id}`*"


def _sentence(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split()).replace("|", "\\|")


def _shape_at(shape: Any, at: str) -> str:  # noqa: ANN401 - a TypedDict
    """Give the name of the shape that stands at a place of a body."""
    for step in at.split("/")[1:]:
        shape = get_args(shape)[0] if step == "*" else get_type_hints(shape, include_extras=True)[step]
        while get_origin(shape) in {Required, NotRequired, Annotated}:
            shape = get_args(shape)[0]
    name: str = shape.__name__
    return name


# ------------------------------------------------------------------------------------------------------------- codes

LISTS: Final[Mapping[str, tuple[str, Callable[[], Mapping[str, Any]]]]] = {
    "venues": ("场所", catalogue.venues),
    "premises_classes": ("场所类别", catalogue.premises_classes),
    "lift_varieties": ("电梯品种", catalogue.varieties),
    "coverage_parts": ("保障项目", catalogue.coverage_parts),
    "services": ("服务项目", catalogue.services),
    "funding_sources": ("保费资金来源", catalogue.funding_sources),
    "work_types": ("作业类型", catalogue.work_types),
    "item_results": ("项目结果", catalogue.item_results),
    "hazards": ("隐患代码", catalogue.hazard_codes),
    "legal_holidays": ("法定节假日安排", catalogue.legal_holidays),
    "findings": ("检查结论", catalogue.finding_codes),
    "maintenance_items": ("维保项目", catalogue.maintenance_items),
}
"""The lists in the order of the page: the file's name is the section's, with its name in Chinese."""


def code_tables() -> str:
    """Give a section for each list: what it is, and its codes with all that is known of them."""
    return "\n".join(line for name in LISTS for line in _code_list(name))


def _code_list(name: str) -> Iterator[str]:
    chinese, read_list = LISTS[name]
    rows = list(read_list().values())
    told = (inspect.getdoc(read_list) or "").removeprefix("Return ")
    of_rows = inspect.getdoc(type(rows[0])) if type(rows[0]) is not catalogue.Code else ""
    yield f"## {name}"
    yield ""
    yield _plain(f"{chinese} · {told[:1].upper()}{told[1:]} {of_rows or ''}")
    yield ""
    members = [field.name for field in dataclasses.fields(rows[0])]
    yield f"| {' | '.join(members)} |"
    yield f"|{'---|' * len(members)}"
    for row in rows:
        yield f"| {' | '.join(_cell(member, getattr(row, member)) for member in members)} |"
    yield ""


def _cell(member: str, value: object) -> str:
    if member == "rules" and isinstance(value, tuple):
        return "; ".join(f"`{rule}` {rule_title(rule)}".strip() for rule in value)
    if isinstance(value, tuple):
        return "、".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _plain("" if value is None else str(value))
    return f"`{text}`" if member == "code" else text


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def rule_title(rule: str) -> str:
    """Give a rule's title in Chinese as the program's own packs have it; nothing for a rule of the ledger itself."""
    return next((each.title_zh for each in load_pack(OWN).rules if each.id == rule), "")


def scheme_table() -> str:
    """Give the identifier schemes: who must have made a number unique, and its form once it is cleaned."""
    rows = [
        f"| `{each.code}` | {each.zh} | {each.issuer} | `{_plain(each.form.pattern)}` |" for each in SCHEMES.values()
    ]
    return "\n".join(["| code | zh | issuer | form |", "|---|---|---|---|", *rows])


def relation_table() -> str:
    """Give the relations that rights ask for."""
    rows = [f"| `{relation}` | {zh} | {en} |" for relation, (en, zh) in RELATIONS.items()]
    return "\n".join(["| code | zh | en |", "|---|---|---|", *rows])


# ------------------------------------------------------------------------------------------------------------- names

NAMED_OTHERWISE: Final = {
    "identifier": "SHA-256 over the number of a lift, in hex", "scheme": "the area code of a district or place",
}  # fmt: skip
"""Kinds whose names are no UUIDs, and what they are."""


def kinds() -> dict[str, int]:
    """Give the version of the UUID that each kind of name asks for, as bodies and paths have it."""
    patterns = re.findall(r"\^(\w+):\[0-9a-f\]\{8\}-\[0-9a-f\]\{4\}-([0-9])", json.dumps(document()))
    return {kind: int(version) for kind, version in patterns}


def name_table() -> str:
    """Give the kinds of names by the version of their UUID."""
    rows = [
        f"| {version} | {', '.join(f'`{kind}`' for kind in sorted(kinds()) if kinds()[kind] == version)} |"
        for version in (4, 7)
    ]
    others = ", ".join(f"`{kind}` ({what})" for kind, what in NAMED_OTHERWISE.items())
    return "\n".join(["| version | kinds |", "|---|---|", *rows, f"| no UUID | {others} |"])


def subject_table() -> str:
    """Give the closed list of subjects with the streams under each."""
    rows = [
        f"| `{subject}` | {', '.join(f'`/{stream}`' for stream in streams) or '–'} |"
        for subject, streams in SUBJECTS.items()
    ]
    return "\n".join(["| subject | further streams under it |", "|---|---|", *rows])


# ------------------------------------------------------------------------------------------------------------ errors


def error_table() -> str:
    """Give the table of what the ledger answers: each code, its status, and its sentence in both languages."""
    rows = [
        f"| `{code}` | {', '.join(map(str, sorted(statuses)))} | {english} | {errors.refusals()[code]['zh']} |"
        for code, (statuses, english) in sorted(answered_codes().items())
    ]
    return "\n".join(["| code | status | | |", "|---|---|---|---|", *rows])


def program_table() -> str:
    """Give the table of codes of the programs: of the verifier, of witnesses and of the command line."""
    rows = [f"| `{code}` | {sentence} | {places} |" for code, (sentence, places) in sorted(program_codes().items())]
    return "\n".join(["| code | | of |", "|---|---|---|", *rows])


def clock_rules() -> str:
    """Say how far a client's clock may be off, by the constants that the door and the recorder go by."""
    life, skew, late = tokens.LIFETIME_SECONDS_MAX, TOKEN_SKEW_MAX_S, IAT_SKEW_MAX_S
    return f"""A token is held against the ledger's time twice. When the request comes in:

- `iat` more than {skew} s after the ledger's time: `token_not_yet`. Your clock is ahead.
- `exp` {skew} s or more before it: `token_expired`. Your clock is behind, or the token was kept too long.
- `exp` not after `iat`, or more than {life} s after it: `token_lifetime`, whatever the time.

And when it is recorded, for it may have waited: `iat` more than {late} s from `recorded_at` is `token_late`. A wrong
clock is told by the first two; `token_late` means that the request waited too long, so send it again with a new token.
All three give `details.ledger_time`, and every answer to a request has the header `Ledger-Time`: take `iat` from it."""


# ----------------------------------------------------------------------------------------------------------- example


def example(name: str) -> str:
    """Give a program of the page on the HTTP interface."""
    found = re.search(f"<!-- example: {name} -->\n```python\n(.*?)```", API.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def run(name: str) -> tuple[str, dict[str, Any]]:
    """Run a program and give what it prints, and the names it leaves."""
    out, names = io.StringIO(), {"__name__": "example"}
    with redirect_stdout(out):
        exec(compile(example(name), "docs/api.md", "exec"), names)  # noqa: S102 - the page's own program
    return out.getvalue(), names


def printed() -> str:
    """Give what the program prints that signs: a request, its head and its body parted by an empty line."""
    return run("request")[0]


def registered() -> dict[str, Any]:
    """Give what the program prints that proves a key: what a registry wants of it."""
    found: dict[str, Any] = json.loads(run("key")[0])
    return found


def sent() -> tuple[bytes, bytes]:
    """Give the token and the body of the request that the program prints."""
    head, _, body = printed().rstrip("\n").partition("\n\n")
    token = next(line for line in head.split("\n") if line.startswith("Authorization: Bearer "))
    return token.rpartition(" ")[2].encode(), body.encode()


def answered() -> dict[str, Any]:
    """Give what a ledger answers to it, where its party and key are registered."""
    token, body = sent()
    ledger = Rehearsal()
    with repeatable("docs/api.md"):
        claims = tokens.parse_token(token).claims
        party = {"id": claims.iss, "kind": "market_regulator", "areas": ["370102"], "key": registered()}
        ledger.act(ledger.begin(), "party.register", {"parties": [party]})
        action = ACTIONS.by_id["estate.describe"]
        return answer(asyncio.run(ledger.door.write(Request(action, action.path, {}, token, body))))


def sent_block() -> str:
    """Give the printed request as the page shows it."""
    return f"```http\n{printed()}```"


def registration_block() -> str:
    """Give the printed registration as the page shows it."""
    return f"```json\n{run('key')[0]}```"


def answered_block() -> str:
    """Give the answer as the page shows it."""
    return f"```json\n{json.dumps(answered(), ensure_ascii=False, indent=1)}\n```"


# ------------------------------------------------------------------------------------------------------------- pages


PARTS: Final = {
    EVENTS: {"made: events": event_tables},
    CODES: {"made: codes": code_tables, "made: schemes": scheme_table, "made: relations": relation_table},
    FORMAT: {"made: subjects": subject_table},
    API: {
        "made: names": name_table,
        "example: registration": registration_block,
        "example: sent": sent_block,
        "example: answered": answered_block,
        "made: errors": error_table,
        "made: programs": program_table,
        "made: clock": clock_rules,
    },
    IMPORTING: {
        "made: grammar": grammar,
        "made: mappings": mapping_tables,
        "made: rejects": reject_table,
        "made: endings": ending_table,
    },
}


def filled(page: Path) -> str:
    """Give a page with what is made put between its markers."""
    text = page.read_text(encoding="utf-8")
    for part, make in PARTS[page].items():
        end = f"<!-- end: {part.partition(': ')[2]} -->"
        begin = f"<!-- {part} -->\n"
        assert text.count(begin) == text.count(end) == 1, f"{page.name} has no place for {part}"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{make().strip()}\n\n{end}{rest.partition(end)[2]}"
    return text


def main() -> int:
    """Write the pages."""
    PROBLEMS.write_text(problems(), encoding="utf-8")
    for page in PARTS:
        page.write_text(filled(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
