"""Shows what the doctor found: a line for each check, or JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.markup import escape

from api import bootstrap

STATES: Final[Mapping[str, str]] = {
    "good": "[green]good    正常[/]",
    "warning": "[yellow]warning 注意[/]",
    "wrong": "[red]WRONG   异常[/]",
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
        out.print(f"{STATES[check.state]}  {check.code:{width}}  {escape(check.says)}", highlight=False, soft_wrap=True)
    return healthy
