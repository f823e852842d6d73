"""Prints a replay: the state by stream, and every event behind it with author, position and signature verdict."""

from __future__ import annotations

from contextlib import closing

import orjson
from rich.console import Console
from rich.table import Table

from api import bootstrap
from application.reading.asking import Asking
from application.replay import Replay, replay
from application.work import Author


def show(settings: bootstrap.Settings, of: str, known_at: str | None, effective_at: str | None, out: Console) -> Replay:
    """Replay as the operator's own command, and print it. Raises NotFound, Invalid as the route does."""
    services = bootstrap.open_services(settings)
    with closing(services):
        query = {name: at for name, at in (("known_at", known_at), ("effective_at", effective_at)) if at is not None}
        asking = Asking(services.reads, Author(services.operator, "operator"), {}, query)
        found = replay(services.reads, of, asking.known_log, asking.effective_given, asking.judged_at)
    print_replay(found, out)
    return found


def print_replay(found: Replay, out: Console) -> None:
    """Print the states, the table of events, and what time alone has made amiss."""
    out.print(
        f"{found.of} · known at position {found.known.position:,} ({found.known.instant}), "
        f"effective {found.effective_at or 'at any time'}", highlight=False, soft_wrap=True,
    )  # fmt: skip
    for stream, state in found.states.items():
        out.print(f"[bold]{stream}[/]", highlight=False, soft_wrap=True)
        out.print_json(orjson.dumps(state).decode())
    table = Table("position", "event", "stream", "effective", "recorded", "author", "signature")
    for event in found.events:
        author = event.author["agent"] or event.author["party"]
        table.add_row(
            f"{event.position:,}", event.type if event.counted else f"[dim]{event.type} (not yet effective)",
            f"{event.stream.rpartition('/')[2][:24]} v{event.version}", event.effective_at[:16],
            event.recorded_at[:16], author[:14], event.verdict,
        )  # fmt: skip
    out.print(table)
    for missing in found.missing:
        out.print(
            f"[yellow]{missing['code']}[/] {missing['visit']} by {found.judged_at} ({missing['rule']})",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
