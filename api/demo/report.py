"""What came of the year: coverage against the targets, the fund, the claims, and a claim known then and known now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from api.client import Client
from api.demo import records
from api.demo.reading import pages
from api.demo.stage import Stage

QUARTERS: Final = ("2025-12-31", "2026-03-31", "2026-06-30", "2026-09-30", "2026-10-31")
CLASSES: Final = (
    ("residential", "住宅"), ("non_residential", "非住宅"), ("public_gathering", "公众聚集场所"),
    (None, "unknown · 未定"),
)  # fmt: skip
"""By the class as the ledger answers it; a register need not tell every lift's."""
CLAIMS_SHOWN: Final = 8
ENTRIES_SHOWN: Final = 8
ENTRIES_FIRST: Final = 3
"""Of a statement's entries these at the beginning, and the rest of them at the end."""
WORDS: Final = {
    "target_reached": ("reached", "达标"), "target_missed": ("missed", "未达标"), "target_open": ("open", "未到期"),
    "target_not_fixed": ("unfixed", "未定"), "target_not_counted": ("no count", "未计"),
    "target_no_lifts": ("no lifts", "无电梯"), "target_part_counted": ("a part", "仅计部分"),
}  # fmt: skip


def show(stage: Stage, out: Console) -> None:
    """Print everything, as known once the last of what anybody has written is read."""
    position = stage.cast.account.position
    _coverage(stage.cast.parties["market"].client, position, out)
    if stage.funds:
        _statement(stage, position, out)
    _claims(stage, position, out)
    records.show(stage, out)
    if "disputed" in stage.notes:
        out.print(f"on the day the insurer's approval was refused: {stage.notes.get('refused_then')}", highlight=False)
        _then_and_now(stage, out)


def _share(row: dict[str, Any], kind: str) -> str:
    counted = row[kind]
    if counted is None or counted["share_bp"] is None:
        return "–"
    return f"{counted['covered']:,} ({_percent(counted['share_bp'])})"


def _percent(share_bp: int | None) -> str:
    return "–" if share_bp is None else f"{share_bp // 100}.{share_bp % 100:02d} %"


def _coverage(market: Client, position: int, out: Console) -> None:
    table = Table(title="Coverage of lifts in use · 在用电梯覆盖率")
    for column in ("date", "class · 类别", "in use · 在用", "liability · 责任险", "insurance + service · 保险+服务"):
        table.add_column(column, justify="right" if column.startswith("in use") else "left")
    answers = {
        quarter: market.get("/coverage", by="class", effective_at=quarter, wait_for=position) for quarter in QUARTERS
    }
    for quarter, answer in answers.items():
        rows = {row["class"]: row for row in answer["rows"]}
        for code, name in CLASSES:
            if code in rows:
                row = rows[code]
                table.add_row(
                    quarter, name, f"{row['in_use']:,}", _share(row, "liability"), _share(row, "insurance_service")
                )
        total = answer["total"]
        table.add_row(
            quarter, "[bold]all · 合计", f"{total['in_use']:,}", f"[bold]{_share(total, 'liability')}",
            f"[bold]{_share(total, 'insurance_service')}", end_section=True,
        )  # fmt: skip
    out.print(table)
    out.print(targets({quarter: answer["targets"] for quarter, answer in answers.items()}))


def targets(quarters: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """Give the table of the targets: in each quarter's column the share on its last day, and whether it is enough."""
    table = Table(title="Targets by quarter · 各季度目标", caption=_legend(quarters), show_lines=True)
    table.add_column("target · 目标")
    for quarter in quarters:
        table.add_column(f"{quarter[:4]}\n{quarter[5:]}")
    held = {quarter: {_key(target): target for target in rows} for quarter, rows in quarters.items()}
    for key in dict.fromkeys(key for rows in held.values() for key in rows):
        table.add_row("\n".join(key), *(_held(rows.get(key)) for rows in held.values()))
    return table


def _key(target: Mapping[str, Any]) -> tuple[str, str, str]:
    wanted = "not fixed · 未定" if target["target_bp"] is None else f"≥ {target['target_bp'] // 100} %"
    return f"{target['area']} {target['group']}", target["kind"], f"{wanted} by {target['by']}"


def _held(target: Mapping[str, Any] | None) -> str:
    if target is None:
        return "–"
    code = target["finding"]["code"]
    return f"{_percent(target['share_bp'])}\n{WORDS[code][0]}"


def _legend(quarters: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Give the rule and the verdicts that the words of the table stand for."""
    findings = [target["finding"] for rows in quarters.values() for target in rows]
    words = dict.fromkeys(f"{' '.join(WORDS[f['code']])}: {f['verdict']}" for f in findings)
    rules = dict.fromkeys(f"{f['rule']}, {f['basis']}" for f in findings)
    return "; ".join((*rules, *words))


def yuan(fen: int) -> str:
    """Write an amount in yuan."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def _statement(stage: Stage, position: int, out: Console) -> None:
    fund = stage.funds[0]
    housing = stage.cast.parties["housing"].client
    entries = pages(housing, f"/funds/{fund}/statement", "entries", position)
    table = Table(title="Statement of a maintenance fund · 维修资金对账单 (CNY)")
    for column in ("effective", "entry", "amount", "balance"):
        table.add_column(column, justify="right" if column in {"amount", "balance"} else "left")
    left_out = max(0, len(entries) - ENTRIES_SHOWN)
    for entry in entries[:ENTRIES_FIRST] + entries[ENTRIES_FIRST + left_out :]:
        if left_out and entry is entries[ENTRIES_FIRST + left_out]:
            table.add_row("…", f"{left_out} more · 另 {left_out} 笔", "", "")
        balance = entry["balance_fen"]
        table.add_row(
            entry["effective_at"][:10], f"{entry['kind']} ({entry['type']})", yuan(entry["amount_fen"]),
            "–" if balance is None else yuan(balance),
        )  # fmt: skip
    out.print(table)


def _claims(stage: Stage, position: int, out: Console) -> None:
    finance = stage.cast.parties["finance-office"].client
    claims = pages(finance, "/claims", "claims", position)
    states = ", ".join(f"{count} {state}" for state, count in Counter(c["state"] for c in claims).most_common())
    table = Table(title=f"Claims · 理赔台账 ({len(claims)}: {states})")
    for column in ("loss", "kind", "state", "approved", "paid"):
        table.add_column(column, justify="right" if column in {"approved", "paid"} else "left")
    for claim in sorted(claims, key=lambda c: str(c["loss_at"]))[:CLAIMS_SHOWN]:
        table.add_row(
            claim["loss_at"][:10], claim["kind"], claim["state"], yuan(claim["approved_fen"] or 0),
            yuan(claim["paid_fen"] or 0),
        )  # fmt: skip
    out.print(table)


def _then_and_now(stage: Stage, out: Console) -> None:
    """Replay the cover and the claim of a dispute: as known when the loss was notified, and as known now."""
    lift, claim, seconds = stage.notes["disputed"]
    then = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    administrator = stage.cast.administrator
    table = Table(title=f"Claim {claim[6:14]}… · replayed as effective {then[:10]} · 已知时点回放")
    for column in ("", f"known then ({then[:10]})", "known now"):
        table.add_column(column)
    known_then = administrator.get(f"/subjects/{lift}/replay", known_at=then, effective_at=then)
    known_now = administrator.get(f"/subjects/{lift}/replay", effective_at=then)
    for label, find in (("cover at the loss", _cover), ("claim", lambda r: _state(r, claim))):
        table.add_row(label, find(known_then), find(known_now))
    table.add_row("events behind it", str(len(known_then["events"])), str(len(known_now["events"])))
    verdicts = [dict(Counter(event["verdict"] for event in r["events"])) for r in (known_then, known_now)]
    table.add_row("signatures", *map(str, verdicts))
    out.print(table)
    latest = administrator.get(f"/subjects/{lift}/replay")
    out.print(f"without a day in question the claim is now: {_state(latest, claim)}", highlight=False)


def _cover(replayed: dict[str, Any]) -> str:
    for stream, state in replayed["states"].items():
        if stream.endswith("/cover") and state:
            entries = [e for e in state["entries"].values() if "third_party_injury" in e["parts"]]
            return ", ".join(f"{e['from_date']} – {e['to_date']}" for e in entries) or "none"
    return "none"


def _state(replayed: dict[str, Any], claim: str) -> str:
    for stream, state in replayed["states"].items():
        if stream.endswith(claim):
            return "not yet" if state is None else str(state.get("state"))
    return "unknown"
