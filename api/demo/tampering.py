"""A flipped byte in a copy of the database is found and named."""

from __future__ import annotations

from rich.console import Console

from api import bootstrap
from api.verifying import verify


def show(settings: bootstrap.Settings, out: Console) -> bool:
    """Flip one bit of an event's body in a copy of the database, verify the copy; True when it was found and named.

    A server of somebody's own may not let us copy a database, and then nothing is shown; the embedded one must.
    """
    with bootstrap.copied_database(settings) as copy:
        if copy is None:
            out.print("this server does not let us copy a database: the flipped byte is not shown", highlight=False)
            return settings.database_url is not None
        position = copy.flip_bit()
        report = verify(settings, out, database=copy.name, log_only=True)
    named = [found for found in report.verdicts if found.position == position]
    out.print(f"one bit flipped in a copy, in the body of the event at position {position:,}:", highlight=False)
    for found in named[:2]:
        out.print(f"  [red]{found.line()}[/]", highlight=False, soft_wrap=True)
    return bool(named) and report.failed()
