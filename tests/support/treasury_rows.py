"""What lists and replays are to tell of a treasury, as of what was known and of when: a clerk's diary of each change.

Rows are made from the clerk's till alone. What a cancellation or endorsement lets go of is due back from its own day
on, but not before the money had come, nor later than it was told; all else is so from when it was recorded (adr/0030).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.policies import Policy
from domain.time import civil_midnight
from tests.support.naive_funds import Cheque
from tests.support.naive_till import Purse, Till
from tests.support.treasury_money import Treasury
from tests.support.voting import written

CHEQUES = {"under_way": "instructed", "paid": "confirmed", "out": "return_due"}
PURSES = {"asked": "requested", "told": "instructed"}

Row = Mapping[str, Any]
Key = tuple[str, str]


def _cheque(till: Till, cheque: Cheque) -> Row:
    slip, gone = till.slips[cheque.slip], cheque.state in {"out", "returned"}
    return {
        "state": CHEQUES.get(cheque.state, cheque.state), "policy": slip.policy, "payer": slip.fund,
        "source_kind": slip.source, "application": cheque.slip, "subsidy": None, "amount_fen": slip.share,
        "return_due_fen": slip.share * gone, "returned_fen": slip.share * (cheque.state == "returned"),
    }  # fmt: skip


def _purse(purse: Purse) -> Row:
    came = "return_due" if purse.open else "returned" if purse.ever_due else "confirmed"
    return {
        "state": came if purse.state == "came" else PURSES.get(purse.state, purse.state), "policy": purse.policy,
        "payer": purse.payer, "source_kind": purse.source, "application": None, "subsidy": purse.aid,
        "amount_fen": purse.came or purse.asked, "return_due_fen": purse.ever_due, "returned_fen": purse.back,
    }  # fmt: skip


def rows(till: Till) -> Iterator[tuple[Key, Row]]:
    """Yield what is to be told of each thing now."""
    for name, cheque in till.cheques.items():
        yield ("payment", name), _cheque(till, cheque)
    for name, purse in till.purses.items():
        yield ("payment", name), _purse(purse)
    for name, aid in till.aids.items():
        state = "paid" if aid.ever_paid else "claimed" if aid.granted is None else "granted"
        yield ("subsidy", name), {
            "state": state, "policy": aid.policy, "claimed_fen": aid.claimed, "granted_fen": aid.granted or 0,
            "paid_fen": till.paid(name), "clawed_back_fen": aid.asked_back + aid.settled, "settled_fen": aid.settled,
        }  # fmt: skip
    for name, slip in till.slips.items():
        ends = civil_midnight(written(slip.approved + till.chests[slip.fund].custom.aside + 1)) if slip.aside else ""
        yield ("application", name), {
            "state": slip.state, "fund": slip.fund, "policy": slip.policy, "plan": slip.plan, "vote": slip.poll,
            "pays_from": slip.source, "amount_fen": slip.amount, "fund_share_fen": slip.share,
            "refund_due_fen": slip.claimed, "refunded_fen": slip.came_back, "payment": slip.order,
            "reserved_fen": slip.share, "reserved_until": ends,
        }  # fmt: skip
        for house in {*slip.charged, *slip.owed} if slip.staged else ():
            yield (f"use of {house}", name), {
                "charged_fen": slip.charged.get(house, 0), "owed": house in slip.owed, "paid": slip.state == "paid",
                "refunded_fen": slip.back.get(house, 0), "state": slip.state, "fund_share_fen": slip.share,
            }  # fmt: skip
    for name, chest in till.chests.items():
        yield ("fund", name), {"balance_fen": chest.bank}
        for house, home in chest.minutes.homes.items():
            yield ("house", house), {"balance_fen": home.balance}


@dataclass
class Diary:
    """All that changed: at which position, since when, to what."""

    entries: dict[Key, list[tuple[int, str, Row]]] = field(default_factory=dict)
    ends: list[int] = field(default_factory=lambda: [0])
    """The positions that acts ended at."""
    instants: set[str] = field(default_factory=set)
    """Of the acts, and of what they said."""

    def note(self, world: Treasury) -> None:
        """Write down what an act changed."""
        log, now = world.book.log, world.book.now
        changes = [e for e in log[self.ends[-1] :] if isinstance(e, Policy.Cancelled | Policy.Endorsed)]
        told = min((event.effective_at or now for event in changes), default=now)
        self.ends.append(len(log))
        self.instants |= {now, told}
        for key, row in rows(world.till):
            kept = self.entries.setdefault(key, [])
            if not kept or kept[-1][2] != row:
                kept.append((len(log), min(told, now) if key[0] == "payment" else now, row))

    def at(self, kind: str, position: int, instant: str) -> dict[str, Row]:
        """Give how the things of a kind stood at an instant by what was known at a position, by name."""
        found: dict[str, Row] = {}
        for (of, name), entries in self.entries.items():
            since = ""
            for known, begins, row in entries if of == kind else ():
                since = max(since, begins)
                if known <= position and since <= instant:
                    found[name] = {**row, **({} if instant < row.get("reserved_until", "9") else NOTHING_RESERVED)}
        return found


NOTHING_RESERVED = {"reserved_fen": None, "reserved_until": None}
