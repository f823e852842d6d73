"""Writes the examples of the OpenAPI document: a body for each action from the story, answers to the main questions.

Run it as `python -m tests.golden.make_examples`, then `python -m tests.golden.make_openapi`; tests hold the bodies to
the actions' shapes and the answers to what is answered.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from application.catalogue import ACTIONS
from audit.ndjson import split_lines
from tests.golden.make_docs import answered
from tests.golden.stated_codes import ROOT
from tests.support.answering import EXEMPLARY, exemplary, telling
from tests.support.postgres import server_in
from tests.support.story.whole import performed

FILE: Final = ROOT / "api" / "examples.json"
BYTES_MAX: Final = 2_000
"""Above it an example says no more to whoever reads it; the shortest is taken where all are longer."""
PERSONAL: Final[dict[str, Any]] = {
    "person.search": {"kind": "phone", "value": "13800000000", "purpose": "claim", "salt": "5a" * 16},
    "person.open": {"purpose": "own_request", "salt": "5a" * 16},
}
"""Bodies of the recorded reads, which the story does not make."""


def bodies() -> dict[str, Any]:
    """Give a body for each action: of those in the story the one that says most."""
    said: dict[str, list[bytes]] = {}
    for done in performed().performed:
        if done.action in ACTIONS.by_id:
            said.setdefault(done.action, []).extend(split_lines(done.body) if done.ndjson else [done.body])
    return {action: json.loads(_best(lines)) for action, lines in sorted(said.items())} | PERSONAL


def _best(lines: list[bytes]) -> bytes:
    short = [line for line in lines if len(line) <= BYTES_MAX]
    return max(short, key=len) if short else min(lines, key=len)


def main() -> int:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder, server_in(Path(folder), 18) as server, telling(server) as reads:
        answers = {name: exemplary(reads, name) for name in EXEMPLARY}
    made = {"bodies": bodies(), "answers": {**answers, "estate.describe": answered()}}
    FILE.write_text(json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
