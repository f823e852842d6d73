"""The story's rules, products and policies, from the pack to cancellation."""

from __future__ import annotations

from typing import Any, Final

from domain.payments import Payment
from domain.policies import Policy
from domain.time import civil_date
from tests.support.rehearsal import name
from tests.support.story.cast import AREA, Story, digest
from tests.support.story.places import HOME, LIFTS, SECOND

PACK, PRODUCT, RIVALS = name("pack", "shandong"), name("product", "one"), name("product", "rival")
MAIN, FUNDED, SECOND_FUNDED, CROWDED, VOID, LAPSED = (
    name("policy", label) for label in ("main", "funded", "second", "crowded", "void", "lapsed")
)  # fmt: skip
"""Of HOME from the property fee; of SECOND from the fund; one paid by both; two that come to nothing."""
DROPPED, STALE = name("policy", "dropped"), name("policy", "stale")
"""Of HOME, paid in part by the property fee, and come to nothing."""
PREMIUM_FEN: Final = 8_000
STEPS: Final = [
    {"start_seconds": 1_800, "bound": "closed", "benefit_fen": 20_000},
    {"start_seconds": 3_600, "bound": "open", "benefit_fen": 30_000},
    {"start_seconds": 5_400, "bound": "open", "benefit_fen": 40_000},
    {"start_seconds": 7_200, "bound": "open", "benefit_fen": 50_000},
]


def rule(story: Story) -> None:
    """Publish the pack, adopt it, set two targets, of which one was a mistake."""
    story.act("market", "pack.publish", {"id": PACK, "program_pack": "shandong@1"})
    adoption = {"area": AREA, "pack": PACK, "version": 1, "from_date": "2020-01-01", "document": "Notice 1"}
    story.act("market", "scheme.adopt", {**adoption, "document_digest": digest("notice")})
    target = {"area": AREA, "group": "housing", "kind": "liability", "by": "2027-12-31", "document": "Notice 2"}
    story.act("market", "scheme.set_target", {**target, "share_bp": 8_000})
    story.act("market", "scheme.set_target", {**target, "by": "2072-12-31"})
    story.act("market", "scheme.withdraw_target", {**target, "by": "2072-12-31"})


def offer(story: Story) -> None:
    """File two products and put them on sale; the regulator withdraws one."""
    for insurer, product in (("insurer", PRODUCT), ("rival", RIVALS)):
        filing = {
            "id": product, "insurer": story.party(insurer), "area": AREA, "clause_no": "(备案)[2026]N1号",
            "code": "1505", "name": "Lift liability", "canonical": "comprehensive", "refund": "pro_rata_days",
            "entrapment": STEPS,
            "parts": [
                {"part": "third_party_injury", "per_person_fen": 1_000_000, "per_lift_year_fen": 100_000_000},
                {"part": "entrapment", "per_person_fen": 50_000},
                {"part": "parts_repair"},
            ],
            "services": ["SV01", "SV06"], "rates": [{"premises_class": "residential", "liability_fen": PREMIUM_FEN}],
            "factors": [{"code": "claims_free", "least_bp": 8_000, "most_bp": 10_000}],
        }  # fmt: skip
        story.act(insurer, "product.file", filing)
        story.act(insurer, "product.offer", {"from_date": "2020-01-01"}, product=product)
    story.act("money", "product.withdraw", {"from_date": "2025-12-31"}, product=RIVALS)


def line(policy: str, lift: str, label: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of any type
    """Give a line of a schedule for the year 2026."""
    return {
        "policy": policy, "lift": lift, "certificate": name("certificate", label), "from_date": "2026-01-01",
        "to_date": "2027-01-01",
        "parts": [
            {"part": "third_party_injury", "premium_fen": PREMIUM_FEN * 9 // 10},
            {"part": "entrapment", "premium_fen": PREMIUM_FEN // 10},
        ],
    } | more  # fmt: skip


def draft(story: Story, policy: str, pays: str, **more: Any) -> None:  # noqa: ANN401 - members of any type
    """Begin a quotation of one lift."""
    said = {
        "id": policy, "product": PRODUCT, "area": AREA, "holder": story.party("manager"), "interest": "owner",
        "parts": [
            {
                "part": "third_party_injury", "premium_fen": PREMIUM_FEN * 9 // 10, "per_person_fen": 30_000_000,
                "per_accident_fen": 60_000_000, "per_lift_year_fen": 80_000_000,
            },
            {"part": "entrapment", "premium_fen": PREMIUM_FEN // 10},
        ],
        "limits": {"per_lift_year_fen": 100_000_000, "policy_year_fen": 500_000_000}, "from_date": "2026-01-01",
        "to_date": "2027-01-01", "premium_fen": PREMIUM_FEN,
        "sources": [{"kind": pays, "amount_fen": PREMIUM_FEN}], "valid_until": "2026-01-20", "services": ["SV01"],
    }  # fmt: skip
    story.act("insurer", "policy.draft", said | more)


def propose(story: Story, policy: str) -> None:
    """Close the schedule of one line, quote, propose."""
    story.act("insurer", "policy.quote", {"count": 1, "premium_fen": PREMIUM_FEN}, policy=policy)
    story.act("manager", "policy.propose", {"number": "T-1", "document": digest(policy)}, policy=policy)


def quote(story: Story) -> None:
    """Draft and propose policies, for one lift each; the others of the same lift are of other interests."""
    parts = [{"kind": "property_fee", "amount_fen": 6_000}, {"kind": "fiscal_subsidy", "amount_fen": 2_000}]
    draft(story, MAIN, "property_fee", sources=parts, source={"system": "core", "id": "Q1"})
    story.act("insurer", "policy.stage", line(MAIN, HOME, "home", number="00001"))
    propose(story, MAIN)
    others = (FUNDED, SECOND_FUNDED, CROWDED, VOID, LAPSED)
    interests = ("use_right", "maintainer", "installer", "inspection_body", "other")
    halves = [{"kind": kind, "amount_fen": PREMIUM_FEN // 2} for kind in ("fund_principal", "property_fee")]
    for policy, interest in zip(others, interests, strict=True):
        more = {"sources": halves} if policy == CROWDED else {}
        draft(story, policy, "fund_principal", interest=interest, **more)
    story.lines("insurer", "policy.stage", *(line(policy, SECOND, policy) for policy in others))
    for policy, interest in ((DROPPED, "use_right"), (STALE, "maintainer")):
        draft(story, policy, "property_fee", interest=interest)
        story.act("insurer", "policy.stage", line(policy, HOME, policy))
    for policy in (*others, DROPPED, STALE):
        propose(story, policy)


def seen(story: Story, label: str, amount_fen: int = PREMIUM_FEN, direction: str = "in") -> str:
    """Let the bank show a line."""
    bankline = name("bankline", label)
    said = {
        "id": bankline, "digest": digest(label), "amount_fen": amount_fen, "direction": direction,
        "on": civil_date(story.ledger.now), "counterparty": "某物业公司", "text": "电梯保险费",
    }  # fmt: skip
    story.lines("bank", "bankline.see", said)
    return bankline


def request(story: Story, label: str, amount_fen: int, **more: str) -> str:
    """Let the holder ask for a payment of the main policy; returns its name."""
    payment = name("payment", label)
    said = {
        "id": payment, "policy": MAIN, "payee": story.party("insurer"), "amount_fen": amount_fen,
        "source_kind": "property_fee", **more,
    }  # fmt: skip
    story.act("manager", "payment.request", said)
    return payment


def pay(story: Story) -> None:
    """The premium is paid: a failure, a subsidy, an instruction, a confirmation, one too much that goes back."""
    subsidy = name("subsidy", "one")
    claimed = {"id": subsidy, "programme": "pilot", "area": AREA, "policy": MAIN, "amount_fen": 3_000}
    story.act("manager", "subsidy.claim", claimed)
    story.act("treasury", "subsidy.grant", {"amount_fen": 2_000, "document": digest("grant")}, subsidy=subsidy)
    failed = request(story, "failed", 6_000, reference="a1")
    story.act("bank", "payment.fail", {"reason": "account_closed"}, payment=failed)
    whole = request(story, "whole", 6_000)
    twice = request(story, "twice", 6_000)
    paid = request(story, "subsidised", 2_000, source_kind="fiscal_subsidy", subsidy=subsidy)
    story.act("insurer", "payment.confirm", {"line": seen(story, "subsidy", 2_000)}, payment=paid)
    story.act("treasury", "subsidy.claw_back", {"amount_fen": 500, "reason": "overclaimed"}, subsidy=subsidy)
    story.act("manager", "payment.instruct", {"reference": "a2"}, payment=twice)
    story.act("insurer", "payment.confirm", {"line": seen(story, "rest", 6_000)}, payment=twice)
    story.act("insurer", "policy.issue", {"number": "PZ-1"}, policy=MAIN)
    story.act("insurer", "payment.confirm", {"line": seen(story, "whole", 6_000)}, payment=whole)
    story.act("insurer", "payment.return", {"line": seen(story, "back", 6_000, direction="out")}, payment=whole)
    for policy in (DROPPED, STALE):
        part = request(story, policy, 3_000, policy=policy)
        story.act("insurer", "payment.confirm", {"line": seen(story, policy, 3_000)}, payment=part)
    story.act("insurer", "policy.void", {"reason": "holder_declined"}, policy=DROPPED)


def lapse(story: Story) -> None:
    """The quotations that nobody paid, or not the whole of, lapse."""
    for policy in (LAPSED, STALE):
        story.act("insurer", "policy.lapse", {"reason": "not_paid"}, policy=policy)


def endorse(story: Story) -> None:
    """A lift is added late, a certificate changed with its limit, the policy's limits change, the lift is removed.

    Of that, the subsidy's part goes back.
    """
    added = line(MAIN, LIFTS["office"], "office", from_date="2026-02-01")
    adds = {"number": "E1", "effective_on": "2026-02-01", "delta_fen": PREMIUM_FEN, "reason": "lift_added"}
    story.act("insurer", "policy.endorse", {**adds, "adds": [added]}, policy=MAIN)
    changes = {
        "number": "E2", "effective_on": "2026-03-01", "delta_fen": 100, "reason": "limit_raised",
        "limits": {"per_lift_year_fen": 110_000_000, "policy_year_fen": 600_000_000},
        "changes": [
            {
                "lift": HOME, "certificate": name("certificate", "home"), "effective_on": "2026-03-01",
                "per_lift_year_fen": 120_000_000, "parts": [{"part": "entrapment", "delta_fen": 100}],
            }
        ],
    }  # fmt: skip
    story.act("insurer", "policy.endorse", changes, policy=MAIN)
    removes = {
        "number": "E3", "effective_on": "2026-03-10", "delta_fen": -1_000, "reason": "lift_removed",
        "removes": [
            {
                "lift": LIFTS["office"], "certificate": name("certificate", "office"), "effective_on": "2026-03-10",
                "refunds": [{"part": "third_party_injury", "premium_fen": 1_000}], "reason": "scrapped",
            }
        ],
    }  # fmt: skip
    story.act("insurer", "policy.endorse", removes, policy=MAIN)
    subsidised = name("payment", "subsidised")
    back = seen(story, "subsidy back", story.ledger.state(Payment, subsidised).open_fen, direction="out")
    story.act("insurer", "payment.return", {"line": back}, payment=subsidised)


def cancel(story: Story) -> None:
    """The funded policy is cancelled, with a refund, and so is the one that was paid from two sources."""
    said = {"effective_on": "2026-07-01", "refund_fen": refund_fen(story), "reason": "holder_asks"}
    for policy in (FUNDED, CROWDED):
        story.act("insurer", "policy.cancel", said, policy=policy)


def refund_fen(story: Story) -> int:
    """Give what the funded policy refunds by days from 1 July 2026."""
    premium_fen = story.ledger.state(Policy, FUNDED).premium_fen
    return premium_fen * 184 // 365
