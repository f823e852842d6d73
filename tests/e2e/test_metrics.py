"""The figures that a monitor scrapes, from a running ledger."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.knocking import TIMEOUT_S, agent
from tests.support.service import Service


def figures(service: Service) -> dict[str, float]:
    """Scrape the ledger as Prometheus does."""
    text = httpx.get(f"{service.url}/metrics", timeout=TIMEOUT_S).raise_for_status().text
    return {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}


def test_a_monitor_sees_how_far_everything_is(service: Service) -> None:
    """Log, read models and checkpoint move with a write; nothing waits and nothing is parked in a ledger at rest."""
    insurer = service.party("insurer")
    answer = insurer.post("/agents?wait=proof", agent(insurer))
    position = answer["groups"][0]["first"]
    insurer.get("/lifts", wait_for=position)
    told = figures(service)
    assert told["liftledger_log_events"] >= position
    assert told["liftledger_views_position"] >= position
    assert told["liftledger_checkpoint_events"] > position
    assert told["liftledger_views_behind_events"] == max(
        told["liftledger_log_events"] - told["liftledger_views_position"], 0
    )  # fmt: skip
    assert (told["liftledger_saves_waiting"], told["liftledger_views_parked_streams"]) == (0, 0)
