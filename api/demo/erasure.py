"""Two persons are erased: one whose data a law has kept under seal for a while, one of whom nothing need be kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from api import bootstrap
from api.client import Client, Refused
from api.demo.actors import MANAGERS
from api.demo.reading import events_about
from api.demo.stage import Stage
from audit.whole import Report
from domain.time import civil_date

CLAIMANT, LEAVER = "claimant · 伤者", "former safety administrator · 离职安全管理员"
WAIT_S: Final = 30.0
"""Within which time erases a person, and the eraser destroys what is held of him; usually two rounds of two seconds."""
POLL_S: Final = 0.2


def erase(stage: Stage) -> None:
    """The person hurt first asks to be erased; a safety administrator who never signed leaves, and is erased too."""
    lift, claim, _ = stage.notes["disputed"]
    notified = next(
        event
        for event in events_about(stage.cast.administrator, lift)
        if event["header"]["type"] == "claim.Notified" and event["header"]["stream"].endswith(claim)
    )
    _ask(stage, CLAIMANT, notified["body"]["said"]["claimants"][0]["name"]["of"], "request")
    manager = stage.cast.parties[MANAGERS[-1][0]]
    agent = manager.agents["safety_administrator"].pop().credentials.agent or ""
    stage.post(manager.client, f"/agents/{agent}/leave", {"reason": "left"})
    (enrolled, *_) = events_about(stage.cast.administrator, agent)
    _ask(stage, LEAVER, enrolled["body"]["said"]["name"]["of"], "purpose_met")


def _ask(stage: Stage, who: str, person: str, basis: str) -> None:
    stage.post(stage.cast.administrator, f"/persons/{person}/erase", {"basis": basis})
    stage.erased[who] = person


def show(stage: Stage, settings: bootstrap.Settings, out: Console) -> None:
    """Print how each erased person stands, once the eraser has destroyed what it may; the ledger must be running."""
    if not stage.erased:
        return
    administrator = stage.cast.administrator
    _wait(administrator, stage.erased[LEAVER], settings)
    table = Table(title="Persons erased · 删除个人信息")
    for column in ("", *stage.erased):
        table.add_column(column, overflow="fold")
    persons = stage.erased.values()
    known = [events_about(administrator, person) for person in persons]
    table.add_row("person · 个人", *persons)
    table.add_row("kept by · 依据", *map(_duties, known))
    table.add_row("state · 状态", *map(_state, known))
    table.add_row("opened · 查阅", *(_opened(administrator, person) for person in persons))
    out.print(table)


def _wait(administrator: Client, person: str, settings: bootstrap.Settings) -> None:
    """Wait until time has erased the person and nothing in the log waits for the eraser any longer."""
    until = time.monotonic() + WAIT_S
    while _find(events_about(administrator, person), "person.Erased") is None or _waiting(settings):
        if time.monotonic() > until:
            message = f"{person} was not destroyed within {WAIT_S:.0f} s"
            raise RuntimeError(message)
        time.sleep(POLL_S)


def _waiting(settings: bootstrap.Settings) -> bool:
    return any(check.code == "erasures" and check.facts["waiting"] for check in bootstrap.diagnose(settings))


def _find(events: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any] | None:
    return next((event for event in events if event["header"]["type"] == kind), None)


def _duties(events: Sequence[Mapping[str, Any]]) -> str:
    restricted = _find(events, "person.Restricted")
    periods = restricted["body"]["found"]["periods"] if restricted is not None else []
    return "\n".join(f"{period['rule']} until {period['until']}" for period in periods) or "nothing · 无"


def _state(events: Sequence[Mapping[str, Any]]) -> str:
    erased, restricted = _find(events, "person.Erased"), _find(events, "person.Restricted")
    if erased is not None:
        return f"destroyed {civil_date(erased['header']['recorded_at'])} · 已销毁"
    return "–" if restricted is None else f"under seal until {civil_date(restricted['body']['found']['until'])} · 封存"


def _opened(administrator: Client, person: str) -> str:
    try:
        administrator.post(f"/persons/{person}/open", {"purpose": "demonstration"})
    except Refused as refused:
        return refused.code
    return "open"


def show_verified(stage: Stage, report: Report, out: Console) -> bool:
    """Print what a verification finds gone with the destroyed person; True when it is, and the ledger holds."""
    if not stage.erased:
        return True
    gone = report.counts["erased"]
    holds = gone > 0 and not report.failed()
    out.print(
        f"erased: {gone} values and requests of {stage.erased[LEAVER]} are gone; the ledger still "
        f"{'holds · 账本完好' if holds else 'DOES NOT HOLD'}", highlight=False, soft_wrap=True,
    )  # fmt: skip
    return holds
