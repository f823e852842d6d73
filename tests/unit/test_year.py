"""The demonstration's calendar: who is insured when, and which lift nobody insures."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from api.client import Client
from api.demo import year
from api.demo.actors import Cast
from api.demo.district import sites
from api.demo.insurance import Deal
from api.demo.stage import BEGIN, Clockwork, LiftNote, Stage


@pytest.mark.parametrize("size", [40, 60, 1_000, None])
def test_a_lift_left_uninsured_stays_so(monkeypatch: pytest.MonkeyPatch, size: int | None) -> None:
    """The lift of the disputed loss is insured by the late endorsement alone: one insurer decides its losses."""
    monkeypatch.setattr(year, "insure", lambda _stage, _deal: None)
    stage = Stage(
        Cast("http://ledger", "scripted.test.example/pilot", cast("Client", None), lambda: 0.0),
        Clockwork(lambda _: None), size=size,
    )  # fmt: skip
    plans = [lift for site in sites(size) for lift in site.lifts]
    stage.lifts = [LiftNote(plan, f"lift:{plan.number}", None, None) for plan in plans]
    deals: list[Deal] = []
    uninsured = year.market(stage, deals, {"lift:1"})
    for day in sorted(stage.schedule):
        stage.clock.move(max(day, BEGIN + timedelta(days=1)))
        for _, scene in stage.schedule[day]:
            scene(stage)
    insured = {note.name for deal in deals for note in deal.lifts}
    assert insured
    assert uninsured
    assert not insured & uninsured
    assert "lift:1" not in insured | uninsured
