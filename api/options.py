"""The options that commands have in common which write through the running ledger, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Actor = Annotated[
    Path | None, typer.Option("--as", help="The credentials file of who signs; the administrator's by default.")
]
Address = Annotated[str | None, typer.Option("--url", help="Where the ledger answers; as the settings say by default.")]
