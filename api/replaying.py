"""Prints a replay: the state by stream, and every event behind it with author, position and signature verdict."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from typing import Final

import orjson
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from api import bootstrap
from application.reading.asking import Asking
from application.replay import Replay, replay
from application.work import Author

COLUMNS: Final = ("position", "event", "stream", "effective", "recorded", "author", "signature")
SIGNERS: Final = ("party", "agent", "key")
MINUTE: Final = len("2026-03-05T09:00")


def show(
    settings: bootstrap.Settings, of: str, known_at: str | None, effective_at: str | None, out: Console, *,
    as_json: bool = False,
) -> Replay:  # fmt: skip
    """Replay as the operator's own command, and print it, with `as_json` in the shape of the route's answer.

    Raises NotFound, Invalid as the route does.
    """
    services = bootstrap.open_services(settings)
    with closing(services):
        query = {name: at for name, at in (("known_at", known_at), ("effective_at", effective_at)) if at is not None}
        asking = Asking(services.reads, Author(services.operator, "operator"), {}, query)
        found = replay(services.reads, of, asking.known_log, asking.effective_given, asking.judged_at)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), ensure_ascii=False, indent=1) + "\n")
    else:
        print_replay(found, out)
    return found


def print_replay(found: Replay, out: Console) -> None:
    """Print the states, the table of events, and what time alone has made amiss; every name is whole."""
    out.print(
        f"{found.of} · known at position {found.known.position:,} ({found.known.instant}), "
        f"effective {found.effective_at or 'at any time'}"
    )
    for stream, state in found.states.items():
        out.print(Text(stream, "bold"))
        out.print_json(orjson.dumps(state).decode())
    table = Table(*(Column(name, overflow="fold") for name in COLUMNS))
    for event in found.events:
        kind = Text(event.type) if event.counted else Text(f"{event.type} (not yet effective)", "dim")
        author = " ".join(event.author[who] for who in SIGNERS if event.author[who])
        table.add_row(
            f"{event.position:,}", kind, f"{event.stream} v{event.version}", event.effective_at[:MINUTE],
            event.recorded_at[:MINUTE], author, event.verdict,
        )  # fmt: skip
    out.print(table)
    for missing in found.missing:
        told = f" {missing['visit']} by {found.judged_at} ({missing['rule']})"
        out.print(Text.assemble((str(missing["code"]), "yellow"), told))
