"""Losses in the story: a claim from notice to closing, one refused and reopened, one withdrawn."""

from __future__ import annotations

from typing import Any, Final

from domain.aggregate import Event
from tests.support.rehearsal import name
from tests.support.story.cast import Story, digest
from tests.support.story.insuring import FUNDED
from tests.support.story.places import HOME, SECOND

LOSS: Final = "2026-02-20T02:00:00.000000Z"
LOWER: Final = {
    "effective_on": "2026-02-01", "delta_fen": 0, "reason": "limit_lowered",
    "limits": {"per_lift_year_fen": 90_000_000, "policy_year_fen": 400_000_000},
}  # fmt: skip
"""Changes the lift's limit without setting it: the next claim that needs it does."""
OCCURRENCE: Final = name("occurrence", "one")


def notice(label: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a notice of an injury."""
    return {
        "id": name("claim", label), "lift": HOME, "loss_at": LOSS, "part": "third_party_injury", "interest": "owner",
        "kind": "injury",
        "claimants": [{"role": "injured", "name": "周八", "contact": "13900000000", "injury": "右踝骨折"}],
        "description": "轿厢平层不准,乘客跌倒",
    } | more  # fmt: skip


def path(label: str, lift: str = HOME) -> dict[str, str]:
    """Give the path of a claim."""
    return {"lift": lift, "claim": name("claim", label)}


def money(amount_fen: int, at: str = "2026-03-04T02:00:00.000000Z", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a payment to the injured."""
    payee = {"kind": "third_party", "name": "周八", "account": "6222000000000000"}
    return {"amount_fen": amount_fen, "currency": "CNY", "payee": payee, "paid_at": at} | more


def notify(story: Story) -> None:
    """An occurrence, and notices of several claims from it."""
    occurred = {"id": OCCURRENCE, "at": LOSS, "kind": "injury", "lifts": [HOME]}
    story.lines("rescue", "occurrence.open", occurred)
    trapped = {
        "part": "entrapment", "kind": "entrapment", "claimants": [{"role": "trapped", "name": "吴九"}],
        "entrapment": {"alarm_at": LOSS, "released_at": "2026-02-20T03:10:00.000000Z", "persons": 1},
    }  # fmt: skip
    story.act("rescue", "claim.notify", notice("paid", occurrence=OCCURRENCE, source={"system": "rescue", "id": "1"}))
    story.lines("manager", "claim.notify", notice("refused"), notice("withdrawn", **trapped))
    other = {"lift": SECOND, "interest": "use_right"}
    story.lines("manager", "claim.notify", notice("at once", **other), notice("in advance", **other))


def settle(story: Story) -> None:
    """The first claim goes from papers to its closing, and is looked at again."""
    claim = path("paid")
    papers = [{"kind": "medical_bill", "digest": digest("bill")}]
    story.act("insurer", "claim.file", {"papers": papers, "received_on": "2026-02-21"}, **claim)
    asked = {"missing": ["identity"], "delivered_on": "2026-02-22"}
    story.act("adjuster", "claim.ask_supplement", asked, **claim)
    supplied = {"papers": papers, "received_on": "2026-02-24", "supplement": True}
    story.act("insurer", "claim.file", supplied, **claim)
    heads = [{"head": "medical", "amount_fen": 2_000_000}, {"head": "income", "amount_fen": 500_000}]
    story.act("adjuster", "claim.assess", {"heads": heads, "total_fen": 2_500_000, "report": digest("r")}, **claim)
    story.act("insurer", "claim.reserve", {"amount_fen": 2_600_000}, **claim)
    story.act("insurer", "claim.advance", money(500_000, kind="emergency_medical"), **claim)
    approved = {"amount_fen": 2_500_000, "currency": "CNY", "effective_on": "2026-03-03", "heads": heads}
    story.act("adjuster", "claim.approve", approved, **claim)
    story.act("insurer", "claim.agree", {"agreed_on": "2026-03-03", "document": digest("agreed")}, **claim)
    (paid,) = story.act("insurer", "claim.pay", money(2_000_000, source={"system": "core", "id": "pay1"}), **claim)
    story.act("insurer", "claim.close", {"reason": "paid"}, **claim)
    send_back(story, paid, "account_closed", **claim)
    story.act("insurer", "claim.pay", money(2_000_000, "2026-03-05T01:00:00.000000Z"), **claim)
    story.act("insurer", "claim.close", {"reason": "paid"}, **claim)
    story.act("insurer", "claim.reopen", {"reason": "new_papers"}, **claim)


def send_back(story: Story, paid: Event, reason: str, **claim: str) -> None:
    """The bank sends a payment back."""
    said = {"paid_version": paid.originator_version, "returned_at": "2026-03-04T09:00:00.000000Z", "reason": reason}
    story.act("insurer", "claim.return", {**said, "document": digest(reason)}, **claim)


def decline(story: Story) -> None:
    """One claim is refused though something was held, another withdrawn."""
    refused, withdrawn = path("refused"), path("withdrawn")
    story.act("insurer", "claim.reserve", {"amount_fen": 100_000}, **refused)
    refusal = {
        "reasons": ["intentional_act"], "decided_on": "2026-03-04", "notice_on": "2026-03-05", "statement": "故意行为",
    }  # fmt: skip
    story.act("insurer", "claim.refuse", refusal, **refused)
    story.act("insurer", "claim.reserve", {"amount_fen": 30_000}, **withdrawn)
    story.act("manager", "claim.withdraw", {"reason": "settled_otherwise"}, **withdrawn)
    story.act("insurer", "claim.close", {"reason": "withdrawn"}, **withdrawn)


def at_once(story: Story) -> None:
    """Under another policy an advance is paid before anything was held, and comes back; an approval is lowered."""
    advanced, approved = path("in advance", SECOND), path("at once", SECOND)
    paid, *_ = story.act("insurer", "claim.advance", money(50_000, kind="quick_half"), **advanced)
    send_back(story, paid, "name_differs", **advanced)
    story.act("insurer", "policy.endorse", {**LOWER, "number": "E9"}, policy=FUNDED)
    story.act("insurer", "claim.approve", {"amount_fen": 40_000, "currency": "CNY"}, **approved)
    less = {"approved_fen": 30_000, "currency": "CNY", "reason": "hospital_bill_lower", "agreed_on": "2026-03-05"}
    story.act("insurer", "claim.reduce", {**less, "document": digest("less")}, **approved)
