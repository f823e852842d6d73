"""What single records of visits show: the same delay before and after the rules change, and a correction."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from api.demo.reading import events_about
from api.demo.stage import Stage
from domain.catalogue import CYCLES
from domain.packs import load_pack
from domain.time import civil_date, elapsed_seconds

RULE: Final = "maintenance.countersign_hours_max"
HOUR_S: Final = 3_600


def show(stage: Stage, out: Console) -> None:
    """Print how many visits there were and what was found of them; then both, as the events of the lifts have them."""
    levels = ", ".join(f"{stage.visits[level]:,} {level}" for level in CYCLES)
    findings = ", ".join(f"{count:,} {code}" for code, count in stage.cast.account.findings.most_common()) or "none"
    out.print(
        f"maintenance visits · 维保: {stage.visits.total():,} ({levels}); findings · 结论: {findings}", highlight=False,
        soft_wrap=True,
    )  # fmt: skip
    if stage.late:
        out.print(_countersigned_late(stage))
    if "correction" in stage.notes:
        _show_correction(stage, out)


def _countersigned_late(stage: Stage) -> Table:
    table = Table(title=f"One rule changes · 规则变更前后: {RULE}")
    for column in ("visit · 维保", "signed · 确认", "allowed · 时限"):
        table.add_column(column)
    table.add_column("finding · 结论", overflow="fold")
    lifts = dict.fromkeys(lift for lift, _ in stage.late)
    known = {lift: events_about(stage.cast.administrator, lift) for lift in lifts}
    for lift, visit in stage.late:
        table.add_row(*_judged(_about(known[lift], visit)))
    return table


def _about(events: list[dict[str, Any]], visit: str) -> dict[str, dict[str, Any]]:
    """Give the events of a visit by type."""
    said = ((event, event["body"]["said"] or {}) for event in events)
    return {
        event["header"]["type"]: event
        for event, words in said
        if event["header"]["type"].startswith("visit.")
        and visit in {words.get("visit"), words.get("id"), _found(event)}
    }


def _found(event: dict[str, Any]) -> str | None:
    visit: str | None = event["body"]["found"].get("visit")
    return visit


def _judged(visit: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Give the row of a visit: when, how long its signature took, under which pack, and what was found."""
    opened, finished, signed = (visit[f"visit.{kind}"] for kind in ("Opened", "Finished", "Countersigned"))
    on = civil_date(opened["header"]["effective_at"])
    waited = elapsed_seconds(finished["header"]["effective_at"], signed["header"]["effective_at"])
    found = signed["body"]["found"]
    late = [f"{each['code']}\n{each['rule']}" for each in found["findings"]]
    pack = found["pack"]["name"]
    allowed = load_pack(pack).rule(RULE, on).integer()
    return on, f"after {waited / HOUR_S:.1f} h", f"{pack}: {allowed} h", "\n".join(late) or "none · 无"


def _show_correction(stage: Stage, out: Console) -> None:
    """Print which record was corrected, why, and by which; each as it stands in the log."""
    lift, name = stage.notes["correction"]
    events = events_about(stage.cast.administrator, lift)
    old = _about(events, name)
    new = old["visit.Corrected"]["body"]["found"]["corrected_by"]
    opened = _about(events, new)["visit.Opened"]
    out.print(
        f"a record corrected · 更正: {name} at position {old['visit.Opened']['position']:,} "
        f"({old['visit.Corrected']['body']['said']['why']}) by {new} at position {opened['position']:,}, "
        f"which names {opened['body']['found']['corrects']}; both stay", highlight=False, soft_wrap=True,
    )  # fmt: skip
