"""The composition root: the only place that knows both the doors and how things are kept.

Its parts are loaded when something of them is first used, so that a command loads what it needs; a running ledger loads
all of them before it forks its workers (`preload`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from infrastructure.settings import Settings
from infrastructure.settings import load as load_settings

if TYPE_CHECKING:
    from api.bootstrap.backing import back_up, put_back
    from api.bootstrap.checking import (
        accept_clock,
        checkpoint,
        clock_setter,
        copied_database,
        diagnose,
        export_log,
        hand_on_key,
        prepare_key,
        rebuild_index,
        rebuild_numbers,
        verify,
    )
    from api.bootstrap.guarding import guard
    from api.bootstrap.keeping import certify, checkpointer, erase_pending, projector, supervise
    from api.bootstrap.making import ADMINISTRATOR, Made, forget_keys, last_witnessed, make_ledger
    from api.bootstrap.places import (
        EPOCH,
        Place,
        database_reachable,
        database_running,
        place,
        prepare_tables,
        read_ledger,
        require_idle,
        require_server,
        stored_origin,
    )
    from api.bootstrap.serving import ended_bundle, open_services
    from infrastructure.processes import limit_arenas
    from infrastructure.refusals import REFUSALS, refusal_of
    from infrastructure.supervisor import Supervisor, Worker
    from infrastructure.witnesses import make_witness, open_witness

__all__ = [
    "ADMINISTRATOR",
    "EPOCH",
    "REFUSALS",
    "Made",
    "Place",
    "Settings",
    "Supervisor",
    "Worker",
    "accept_clock",
    "back_up",
    "certify",
    "checkpoint",
    "checkpointer",
    "clock_setter",
    "copied_database",
    "database_reachable",
    "database_running",
    "diagnose",
    "ended_bundle",
    "erase_pending",
    "export_log",
    "forget_keys",
    "guard",
    "hand_on_key",
    "last_witnessed",
    "limit_arenas",
    "load_settings",
    "make_ledger",
    "make_witness",
    "open_services",
    "open_witness",
    "place",
    "preload",
    "prepare_key",
    "prepare_tables",
    "projector",
    "put_back",
    "read_ledger",
    "rebuild_index",
    "rebuild_numbers",
    "refusal_of",
    "require_idle",
    "require_server",
    "stored_origin",
    "supervise",
    "verify",
]

_PARTS: Final = ("places", "guarding", "keeping", "making", "serving", "checking", "backing")
"""The cheapest first."""
_ELSEWHERE: Final = {
    "REFUSALS": "infrastructure.refusals", "refusal_of": "infrastructure.refusals",
    "limit_arenas": "infrastructure.processes",
    "Supervisor": "infrastructure.supervisor", "Worker": "infrastructure.supervisor",
    "make_witness": "infrastructure.witnesses", "open_witness": "infrastructure.witnesses",
}  # fmt: skip


def preload() -> None:
    """Load all that a running ledger needs, for whoever forks processes that shall share it."""
    for part in ("places", "guarding", "keeping", "serving"):
        import_module(f"{__name__}.{part}")


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the part has
    if name in __all__:
        places = [_ELSEWHERE[name]] if name in _ELSEWHERE else [f"{__name__}.{part}" for part in _PARTS]
        for place in places:
            found = getattr(import_module(place), name, None)
            if found is not None:
                return found
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
