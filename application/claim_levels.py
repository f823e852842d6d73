"""What a claim may take under its part's limits for one person and for one accident (每人、每次事故责任限额).

Both bind over all claims of the accident (domain §11.4 no. 11): what other claims took and hold counts, so that no
person is paid for twice because he is named twice. What the policy leaves unsaid of the limits is as filed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.accidents import claims_of_accident
from application.claim_covers import Covered
from application.records import records_of
from application.work import Work
from domain.claims import Claim
from domain.errors import Conflict
from domain.filed_terms import as_filed
from domain.person_limits import left_for_persons
from domain.products import Product


def terms_of(work: Work, claim: Claim, covered: Covered) -> Mapping[str, Any]:
    """Give the terms of the claim's part as they bind."""
    policy = covered.policy
    return as_filed(work.read(Product, policy.product), policy.parts).get(claim.part, {})


def require_levels(work: Work, claim: Claim, covered: Covered, asked_fen: int) -> None:
    """Refuse `limit_exceeded` above the part's limits for a person and for an accident; details say what is left."""
    terms = terms_of(work, claim, covered)
    per_person_fen, per_accident_fen = terms.get("per_person_fen"), terms.get("per_accident_fen")
    if per_person_fen is None and per_accident_fen is None:
        return
    records = records_of(work, claim.lift)
    others = claims_of_accident(work, claim, covered.policy)
    if per_person_fen is not None:
        taken = [(other.sufferers, other.held_fen) for other in others]
        own = (claim.sufferers, claim.authorised_fen)
        left_fen = left_for_persons(per_person_fen, claim.sufferers, [*taken, own])
        _require("person", claim, per_person_fen * len(claim.sufferers), left_fen, asked_fen)
    if per_accident_fen is not None:
        used_fen = claim.authorised_fen + sum(other.held_fen for other in others if other.lift in records)
        _require("accident", claim, per_accident_fen, max(0, per_accident_fen - used_fen), asked_fen)


def _require(level: str, claim: Claim, limit_fen: int, left_fen: int, asked_fen: int) -> None:
    if asked_fen > left_fen:
        raise Conflict(
            f"above the limit for one {level}", code="limit_exceeded",
            level=level, part=claim.part, limit_fen=limit_fen, remaining_fen=left_fen, asked_fen=asked_fen,
        )  # fmt: skip
