"""Shows what the doctor found: a line for each check, or JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.text import Text

from api import bootstrap

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "good": ("good    正常", "green"),
    "warning": ("warning 注意", "yellow"),
    "wrong": ("WRONG   异常", "red"),
}


def command(settings: bootstrap.Settings, out: Console, *, as_json: bool) -> bool:
    """Examine the settings' ledger and print; True when nothing is wrong (a warning is not wrong)."""
    checks = bootstrap.diagnose(settings)
    healthy = all(check.state != "wrong" for check in checks)
    if as_json:
        document = {"healthy": healthy, "checks": [check.as_json() for check in checks]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        return healthy
    width = max(len(check.code) for check in checks)
    for check in checks:
        out.print(Text.assemble(STATES[check.state], f"  {check.code:{width}}  {check.says}"), soft_wrap=True)
    return healthy
