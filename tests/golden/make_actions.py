"""Writes the published table of actions down, with its digest, for changes to be read before an operator signs them.

Run it as `python -m tests.golden.make_actions` and look at the difference: verifiers hold events against this table,
and every ledger that runs on must publish the new one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from application.catalogue import ACTIONS
from application.genesis import actions_digest

FILE: Final = Path(__file__).parent / "actions.json"


def document() -> dict[str, Any]:
    """Give the table as it is published, and the digest that stands in the `ledger` stream."""
    made: dict[str, Any] = json.loads(json.dumps({"digest": actions_digest(ACTIONS), "table": ACTIONS.as_json()}))
    return made


def main() -> int:
    """Write the file."""
    FILE.write_text(json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
