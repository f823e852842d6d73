"""Python's garbage collector in programs that hold much and make few cycles."""

from __future__ import annotations

import gc

__all__ = ["calm_collector"]


def calm_collector() -> None:
    """Let the garbage collector leave the program itself alone and come by seldom.

    A worker keeps some ten thousand aggregates, a verification some hundred bytes for each stream; walking them for
    cycles that nothing here makes stopped every request in the process for tens of milliseconds at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
