"""The story's maintenance fund: houses, plan, vote, applications that are paid, refused, given up and fail."""

from __future__ import annotations

from typing import Any, Final

from application.timers import Due
from domain.funds import EXPIRY_RULE, Fund
from tests.support.rehearsal import name
from tests.support.story.cast import AREA, Story, digest
from tests.support.story.insuring import (
    CROWDED,
    FUNDED,
    LAPSED,
    PREMIUM_FEN,
    SECOND_FUNDED,
    VOID,
    refund_fen,
    request,
    seen,
)
from tests.support.story.places import BUILDING, ESTATE, HOME, SECOND

FUND: Final = name("fund", "one")
HOUSES: Final = tuple(name("house", label) for label in ("101", "102", "103", "poor"))


def begin(story: Story) -> None:
    """Open the fund and its houses; one has paid in nothing, one gets a new owner."""
    opening = {
        "id": FUND, "estate": ESTATE, "area": AREA, "kind": "commodity_housing", "area_basis": "building_area",
        "bank": story.party("bank"), "bureau": story.party("housing"), "committee": story.party("committee"),
        "manager": story.party("manager"), "premium_account": "5001",
    }  # fmt: skip
    story.act("housing", "fund.open", opening)
    story.act("housing", "fund.change", {"manager": story.party("manager")}, fund=FUND)
    story.act("bank", "fund.add_income", {"amount_fen": 50_000, "kind": "interest"}, fund=FUND)
    houses = [
        {
            "id": house, "fund": FUND, "area_m2_hundredths": 9_000 + 100 * number, "building": BUILDING,
            "delivered": True, "owner_person": name("person", f"owner {number}"),
            "source": {"system": "fund", "id": str(number)},
        }
        | ({} if house == HOUSES[-1] else {"first_deposit_fen": 100_000})
        for number, house in enumerate(HOUSES)
    ]  # fmt: skip
    houses[0] = {k: v for k, v in houses[0].items() if k != "owner_person"} | {"owner_name": "李四"}
    story.lines("housing", "house.open", *houses)
    moved = {"delivered": True, "on": "2025-10-01", "owner_name": "孙七", "co_owner_persons": [name("person", "wife")]}
    story.act("housing", "house.transfer", moved, house=HOUSES[1])
    story.lines(
        "bank", "house.deposit", {"house": HOUSES[0], "amount_fen": 5_000, "on": "2025-10-30"},
        {"house": HOUSES[1], "amount_fen": 6_000},
    )  # fmt: skip


def vote(story: Story) -> tuple[str, str]:
    """Publish a plan and vote on it; returns plan and vote."""
    plan, ballot = name("plan", "one"), name("vote", "one")
    said = {
        "id": plan, "lifts": [HOME, SECOND], "amount_fen": 1_000_000, "published_on": "2025-10-20",
        "document": digest("plan"),
    }  # fmt: skip
    story.act("committee", "plan.publish", said, fund=FUND)
    story.act("committee", "vote.open", {"id": ballot, "plan": plan, "opened_on": "2025-11-02"}, fund=FUND)
    ballots = [{"house": house, "choice": "agree", "on": "2025-11-03"} for house in HOUSES]
    story.lines("committee", "vote.cast", *ballots, fund=FUND, vote=ballot)
    story.act("committee", "vote.revoke_ballot", {"vote": ballot, "fund": FUND}, house=HOUSES[2])
    story.act(
        "committee", "vote.cast", {"house": HOUSES[2], "choice": "agree", "replaces": True}, fund=FUND, vote=ballot
    )
    return plan, ballot


def count(story: Story, ballot: str) -> None:
    """Close the vote and publish what it came to."""
    story.act("committee", "vote.close", {"closed_on": "2025-11-10"}, fund=FUND, vote=ballot)
    story.act("committee", "vote.publish", {"published_on": "2025-11-10"}, fund=FUND, vote=ballot)


def file(
    story: Story, label: str, policy: str, plan: str, ballot: str, amount_fen: int = PREMIUM_FEN
) -> dict[str, str]:
    """File an application and have it checked; returns its path."""
    application = name("application", label)
    said: dict[str, Any] = {
        "id": application, "policy": policy, "plan": plan, "vote": ballot, "pays_from": "fund_principal",
        "amount_fen": amount_fen, "papers": [{"kind": "plan", "digest": digest("plan")}],
    }  # fmt: skip
    story.act("manager", "application.file", said, fund=FUND)
    path = {"fund": FUND, "application": application}
    story.act("housing", "application.check", {}, **path)
    return path


def approve(story: Story, path: dict[str, str], amount_fen: int = PREMIUM_FEN) -> None:
    """The bureau approves what the houses can bear."""
    share_fen = story.ledger.state(Fund, FUND).allot("fund_principal", amount_fen, None, ()).amount_fen
    story.act("housing", "application.approve", {"fund_share_fen": share_fen}, **path)


def order(story: Story, path: dict[str, str], label: str, amount_fen: int = PREMIUM_FEN, **more: str) -> str:
    """Order a payment to the insurer; returns its name."""
    payment = name("payment", label)
    said = {"payment": payment, "payee": story.party("insurer"), "amount_fen": amount_fen, **more}
    story.act("housing", "application.pay", said, **path)
    return payment


def ready(
    story: Story, label: str, policy: str, plan: str, ballot: str, amount_fen: int = PREMIUM_FEN
) -> dict[str, str]:
    """File an application, approve it and stage its shares; returns its path."""
    path = file(story, label, policy, plan, ballot, amount_fen)
    approve(story, path, amount_fen)
    story.lines("housing", "application.stage_charges", {"group": 1}, **path)
    return path


def apply(story: Story, plan: str, ballot: str) -> None:
    """Applications that come to nothing: refused; given up, with a house that owes its share; run out."""
    refused = file(story, "refused", LAPSED, plan, ballot)
    story.act("housing", "application.refuse", {"reasons": ["papers_wrong"]}, **refused)
    given_up = file(story, "given up", LAPSED, plan, ballot)
    approve(story, given_up)
    story.act("housing", "application.stage_charges", {"group": 1}, **given_up)
    story.act("manager", "application.void", {"reason": "not_wanted"}, **given_up)
    story.act("bank", "house.deposit", {"house": HOUSES[-1], "amount_fen": 100_000})
    forgotten = file(story, "forgotten", LAPSED, plan, ballot)
    approve(story, forgotten)
    expires = story.ledger.state(Fund, FUND).reservation(forgotten["application"]).expires
    now, story.ledger.now = story.ledger.now, expires
    story.ledger.fire(Due(Fund.ReservationVoided.TOPIC, FUND, expires, EXPIRY_RULE))
    assert now < expires


def pay(story: Story, plan: str, ballot: str) -> None:
    """Two applications are paid, one at the second attempt; the money of three others finds nothing to pay."""
    paid = ready(story, "paid", FUNDED, plan, ballot)
    failed = order(story, paid, "fails")
    story.act("bank", "payment.fail", {"reason": "account_blocked"}, payment=failed)
    order(story, paid, "from the fund", line=seen(story, "from the fund", direction="out"))
    story.act("insurer", "policy.issue", {"number": "PZ-2"}, policy=FUNDED)
    second = order(story, ready(story, "second", SECOND_FUNDED, plan, ballot), "second")
    story.act("bank", "payment.confirm", {"line": seen(story, "second", direction="out")}, payment=second)
    late_path = ready(story, "late", LAPSED, plan, ballot)
    late = order(story, late_path, "late")
    story.act("manager", "application.void", {"reason": "not_wanted"}, **late_path)
    story.act("bank", "payment.confirm", {"line": seen(story, "late", direction="out")}, payment=late)
    story.act("bank", "payment.return", {"line": seen(story, "late again")}, payment=late)
    vain = order(story, ready(story, "vain", VOID, plan, ballot), "vain")
    story.act("insurer", "policy.void", {"reason": "holder_declined"}, policy=VOID)
    story.act("bank", "payment.confirm", {"line": seen(story, "vain", direction="out")}, payment=vain)
    crowd(story, plan, ballot)


def crowd(story: Story, plan: str, ballot: str) -> None:
    """The holder pays his half twice, which takes nothing from what the fund's half is for."""
    half_fen = PREMIUM_FEN // 2
    path = ready(story, "crowded", CROWDED, plan, ballot, half_fen)
    payments = [request(story, f"half {turn}", half_fen, policy=CROWDED) for turn in ("one", "two")]
    for payment in payments:
        story.act("insurer", "payment.confirm", {"line": seen(story, payment, half_fen)}, payment=payment)
    order(story, path, "crowded", half_fen, line=seen(story, "crowded", half_fen, direction="out"))
    story.act("insurer", "policy.issue", {"number": "PZ-3"}, policy=CROWDED)


def refund(story: Story) -> None:
    """What the cancelled policy gives back comes to the houses that paid, and then more than it does."""
    path = {"fund": FUND, "application": name("application", "paid")}
    amount_fen = refund_fen(story)
    story.act("insurer", "application.claim_refund", {"amount_fen": amount_fen, "reason": "policy_cancelled"}, **path)
    payment = name("payment", "refund")
    said = {"payment": payment, "amount_fen": amount_fen, "line": seen(story, "refund", amount_fen)}
    story.act("bank", "application.refund", said, **path)
    story.lines("housing", "application.stage_refunds", {"payment": payment, "group": 1}, **path)
    more = {"payment": name("payment", "refund not due"), "amount_fen": 3_000}
    story.act("bank", "application.refund", {**more, "line": seen(story, "refund not due", 3_000)}, **path)
