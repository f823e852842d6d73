"""Writes the OpenAPI document down, for its changes to be read before they are published.

Run it as `python -m tests.golden.make_openapi` and look at the difference: clients are made from this document.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

from api.app import create, openapi
from application.services import Services

FILE: Final = Path(__file__).parent / "openapi.json"


def document() -> dict[str, Any]:
    """Give the document as it is served, through JSON; nothing is started for it."""
    served: dict[str, Any] = json.loads(_served())
    return served


@cache
def _served() -> str:
    return json.dumps(openapi(create(_never)))


def _never() -> Services:
    message = "the document is made without a ledger"
    raise RuntimeError(message)


def main() -> int:
    """Write the file."""
    FILE.write_text(json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
