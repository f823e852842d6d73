"""A policy for ten thousand lifts: staged line by line through the door, put in force by one event."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.demo import insurance
from api.demo.insurance import Deal, deal_for
from api.demo.stage import Stage, day, events_of
from audit import merkle
from tests.support.pilot import lift_plans, pilot, take_over
from tests.support.service import Service

LIFTS = 10_000


def _last(service: Service) -> int:
    """Give the last position that was not the map's."""
    return int(service.rows("SELECT max(position) FROM events WHERE stream <> 'map'")[0][0])


def _insured(service: Service, stage: Stage, deal: Deal) -> dict[str, Any]:
    """Give what the market regulator is told of the lifts that are in use on the policy's first day, and insured."""
    market = stage.cast.parties["market"].client
    answer = market.get("/coverage", effective_at=day(deal.start), wait_for=_last(service))
    total: dict[str, Any] = answer["total"]
    return total


def _lines(service: Service) -> list[dict[str, Any]]:
    """Give what was said of every line, in the log's order."""
    lines = service.rows("SELECT body FROM events WHERE type = 'cover.Attached' ORDER BY position")
    return [json.loads(body)["said"] for (body,) in lines]


def _schedule_root(service: Service, policy: str) -> str:
    """Give the root over the lines as they lie in the log."""
    said = _lines(service)
    assert {line["policy"] for line in said} == {policy}
    told = (json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() for line in said)
    return merkle.root([merkle.leaf_hash(line) for line in told]).hex()


@pytest.mark.slow
def test_ten_thousand_lifts_are_insured_by_one_event(postgres: str, tmp_path: Path) -> None:
    """Staged they count for nothing; the one event of the issue makes coverage count them all, and the log verifies."""
    with pilot(postgres, tmp_path) as (service, stage):
        lifts = take_over(stage, lift_plans(LIFTS))
        deal = deal_for(lifts, "organs", "insurer-a", stage.clock.today + timedelta(days=2), "fiscal_budget")
        deal.ground = "public_budget_agreement"
        insurance.quote(stage, deal)
        insurance.propose(stage, deal)
        assert stage.refused == []
        staged = _insured(service, stage, deal)
        assert (staged["in_use"], staged["liability"]["covered"]) == (LIFTS, 0)

        before = _last(service)
        issuing = {"number": "TEN-THOUSAND"}
        answer = stage.post(stage.cast.parties["insurer-a"].client, f"/policies/{deal.policy}/issue", issuing)
        (issued,) = events_of(answer, "policy.Issued")
        assert [group["count"] for group in answer["groups"]] == [1]
        written = service.rows("SELECT type, stream FROM events WHERE position > %s AND stream <> 'map'", before)
        assert written == [("policy.Issued", deal.policy)]
        assert (issued["found"]["count"], issued["found"]["premium_fen"]) == (LIFTS, deal.premium_fen)
        assert issued["found"]["root"] == _schedule_root(service, deal.policy)

        told = _insured(service, stage, deal)
        assert (told["in_use"], told["liability"]) == (LIFTS, {"covered": LIFTS, "share_bp": 10_000})
        last = stage.cast.parties["market"].client.get(f"/lifts/{lifts[-1].name}", effective_at=day(deal.start))
        (cover,) = last["covers"]
        assert (cover["in_force"], cover["policy"]) == (True, deal.policy)
        (line,) = [line for line in _lines(service) if line["lift"] == lifts[-1].name]
        assert cover["certificate"] == line["certificate"]
        assert service.verify().size > 4 * LIFTS
