"""What a monitor scrapes: how far log, read models, checkpoints and witnesses are, what waits, and a halt.

In the text format of Prometheus.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.responses import Response

from api.describing import refusals
from api.threads import on_thread
from application.services import Services
from application.watching import Witnessed
from domain.time import parse_instant

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"

routes = APIRouter(tags=["ledger"])


def exposition(services: Services) -> bytes:
    """Give the figures of this moment; all but the queue are the ledger's, whichever worker is asked."""
    registry = CollectorRegistry()
    tell = partial(_tell, registry)
    head, tracked, published = services.recorder.head().size, services.reads.views.tracked(), services.proofs.latest()
    tell("log_events", "Events in the log.", head)
    tell("views_position", "Position that the read models have reached.", tracked.position)
    tell("views_behind_events", "Events that the read models are behind the log.", max(head - tracked.position, 0))
    tell("views_parked_streams", "Streams that a projection could not go on with.", tracked.parked)
    tell("checkpoint_events", "Events under the last published checkpoint.", 0 if published is None else published.size)
    tell("saves_waiting", "Saves that wait for this worker's writer.", services.recorder.queued)
    halted = services.reads.watch.halt() is not None
    tell("halted", "1 while nothing is signed: the log is behind what was seen of it.", halted)
    if (witnessed := services.reads.watch.witnessed()) is not None:
        _tell_witnessed(registry, witnessed, services.clock.now())
    return generate_latest(registry)


def _tell(registry: CollectorRegistry, name: str, description: str, value: float) -> None:
    Gauge(f"liftledger_{name}", description, registry=registry).set(value)


def _tell_witnessed(registry: CollectorRegistry, witnessed: Witnessed, now: str) -> None:
    tell = partial(_tell, registry)
    tell("quorum_checkpoint_events", "Events under the last checkpoint with the policy's quorum.", witnessed.size or 0)
    if (age_s := witnessed.age_s(now)) is not None:
        tell("quorum_checkpoint_age_seconds", "Since the last checkpoint with the policy's quorum was made.", age_s)
    waiting = "For how long the first event has waited that no quorum answers for."
    tell("quorum_waiting_seconds", waiting, witnessed.waiting_s(now))
    size, time = "Events that a witness cosigned last.", "When it did, by its own clock; 0 for never."
    sizes = Gauge("liftledger_witness_checkpoint_events", size, ["witness"], registry=registry)
    times = Gauge("liftledger_witness_cosigned_timestamp_seconds", time, ["witness"], registry=registry)
    for each in witnessed.witnesses:
        sizes.labels(each.name).set(each.size or 0)
        times.labels(each.name).set(0 if each.at is None else parse_instant(each.at).timestamp())


@routes.get(
    "/metrics", summary="Figures for a monitor · 监控指标", operation_id="ledger.metrics", response_class=Response,
    openapi_extra={
        "responses": {
            "200": {"description": "Figures", "content": {"text/plain": {"schema": {"type": "string"}}}},
            **refusals(503),
        },
    },
)  # fmt: skip
async def metrics(request: Request) -> Response:
    """Give how far log, read models, checkpoints and witnesses are, and a halt; answered without a signature."""
    services: Services = request.app.state.services
    content = await on_thread(exposition, services)
    return Response(content, 200, {"Cache-Control": "no-cache"}, TEXT)
