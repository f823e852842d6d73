"""Shows a ledger that was just made, and what it goes on from."""

from __future__ import annotations

from rich.console import Console

from api import bootstrap
from audit.continuing import Continued
from audit.policy import Opened

__all__ = ["show", "show_seam"]


def show(made: bootstrap.Made, out: Console) -> None:
    """Print what to publish of a new ledger, and where its administrator's credentials lie."""
    out.print(f"ledger      {made.origin}")
    out.print(f"receipts    {made.receipt_vkey}")
    for vkey in made.checkpoint_vkeys:
        out.print(f"checkpoints {vkey}")
    out.print(f"credentials {made.administrator}")


def show_seam(continued: Continued, opened: Opened, out: Console) -> None:
    """Print where the old ledger ended for everybody, and on whose word."""
    words = ", ".join(sorted(opened.witnesses))
    out.print(f"continues   {continued.origin}, {continued.size:,} events")
    if words:
        out.print(f"cosigned by {words}")
    else:
        out.print("cosigned by nobody whom you named", style="yellow")
