"""The claims register (理赔台账) over both times: where each claim stood, effective then and known now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from application.projections.base import Bitemporal, Column, LoggedEvent, Row, State, merged
from application.projections.folding import domain_event, fold_events, keeps
from domain.aggregate import Event
from domain.claims import Claim


def stretches(stream: str, events: Sequence[Event]) -> Iterator[tuple[str, str | None, Claim]]:
    """Give how a claim stood from each instant until the next, None without end, by the events that are known of it."""
    began = events[0].effective_at or ""
    # Nothing of a claim is so before its notice is.
    since = {event.originator_version: max(event.effective_at or "", began) for event in events}
    edges = sorted(set(since.values()))
    for begin, end in zip(edges, [*edges[1:], None], strict=True):
        yield begin, end, _stood(stream, events, since, begin)


def _rows(stream: str, state: State) -> Iterator[Row]:
    events: tuple[LoggedEvent, ...] = state["events"]
    lift, _, name = stream.partition("/")
    for begin, end, claim in stretches(stream, [domain_event(event) for event in events]):
        yield Row(
            "", begin, end,
            (
                name, lift, claim.state, claim.kind, claim.part, claim.interest, claim.insurer, claim.policy,
                claim.notifier, claim.occurrence, claim.loss_at, claim.trapped_seconds, claim.assessed_fen,
                claim.reserved_fen, claim.approved_fen, claim.advanced_fen, claim.paid_fen, events[0].recorded_at,
            ),
        )  # fmt: skip


def _stood(stream: str, events: Sequence[Event], since: dict[int, str], at: str) -> Claim:
    """Give a claim as it stood at an instant: nothing is paid that was not approved, whatever days were said.

    Money that went and came back are facts of their instants, and decisions recorded later yield to them: an approval
    stands from when it was first paid on (its `since` is brought forward), and it was not lower before that came back
    which its claimant then let go of.
    """

    def by_then(event: Event) -> bool:
        return since[event.originator_version] <= at

    claim = fold_events(Claim, stream, filter(by_then, events))
    if claim.paid_fen <= claim.authorised_fen:
        return claim
    paid = max((e.originator_version for e in events if isinstance(e, Claim.Paid) and by_then(e)), default=0)
    for event in events:
        if isinstance(event, Claim.Approved) and event.originator_version < paid:
            since[event.originator_version] = min(since[event.originator_version], at)
    back = [e.originator_version for e in events if isinstance(e, Claim.PaymentReturned) and not by_then(e)]
    early = [e for e in events if isinstance(e, Claim.ApprovalReduced) and any(v < e.originator_version for v in back)]
    return fold_events(Claim, stream, [event for event in events if by_then(event) and event not in early])


CLAIMS = Bitemporal(
    name="claims",
    version=3,
    columns=(
        Column("claim"), Column("lift"), Column("state"), Column("kind"), Column("part"), Column("interest"),
        Column("insurer"), Column("policy"), Column("notifier"), Column("occurrence"), Column("loss_at"),
        Column("trapped_seconds", "integer"), Column("assessed_fen", "integer"), Column("reserved_fen", "integer"),
        Column("approved_fen", "integer"), Column("advanced_fen", "integer"), Column("paid_fen", "integer"),
        Column("notified_at"),
    ),
    evolve=keeps(Claim),
    rows=lambda stream, state: merged(_rows(stream, state)),
)  # fmt: skip
