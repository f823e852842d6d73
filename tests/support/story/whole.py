"""The whole story in order: every action of the table at least once, every event type that a request may write."""

from __future__ import annotations

from functools import cache

from tests.support.rehearsal import Rehearsal, repeatable
from tests.support.story import cast, claiming, funding, insuring, places, upkeep


@cache
def performed() -> Rehearsal:
    """Perform it, once in a process; the same bytes each time."""
    with repeatable("story 1"):
        return _perform()


def _perform() -> Rehearsal:
    story = cast.Story()
    cast.assemble(story)
    cast.come_and_go(story)
    places.settle(story)
    places.change(story)
    places.take_over(story)
    insuring.rule(story)
    insuring.offer(story)
    funding.begin(story)
    story.ledger.now = "2025-11-03T02:00:00.000000Z"
    places.contract(story)
    plan, ballot = funding.vote(story)
    story.ledger.now = "2025-11-10T02:00:00.000000Z"
    funding.count(story, ballot)
    insuring.quote(story)
    insuring.pay(story)
    funding.apply(story, plan, ballot)
    funding.pay(story, plan, ballot)
    story.ledger.now = "2026-02-20T04:00:00.000000Z"
    insuring.lapse(story)
    claiming.notify(story)
    story.ledger.now = "2026-03-02T08:30:00.000000Z"
    upkeep.visit(story)
    story.ledger.now = "2026-03-05T02:00:00.000000Z"
    claiming.settle(story)
    claiming.decline(story)
    claiming.at_once(story)
    insuring.endorse(story)
    story.ledger.now = "2026-07-01T02:00:00.000000Z"
    insuring.cancel(story)
    funding.refund(story)
    cast.end_mandate(story)
    cast.be_given_evidence(story)
    return story.ledger
