"""The claims register (理赔台账) over both times: where each claim stood, effective then and known now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from application.projections.base import Bitemporal, Column, LoggedEvent, Row, State, merged
from application.projections.folding import fold_events, keeps
from domain.claims import Claim


def _rows(stream: str, state: State) -> Iterator[Row]:
    events: tuple[LoggedEvent, ...] = state["events"]
    first = events[0]
    # Nothing of a claim is so before its notice is.
    since = {event.version: max(event.effective_at, first.effective_at) for event in events}
    edges = sorted(set(since.values()))
    lift, _, name = stream.partition("/")
    for begin, end in zip(edges, [*edges[1:], None], strict=True):
        claim = _stood(stream, events, since, begin)
        yield Row(
            "", begin, end,
            (
                name, lift, claim.state, claim.kind, claim.part, claim.interest, claim.insurer, claim.policy,
                claim.notifier, claim.occurrence, claim.loss_at, claim.trapped_seconds, claim.assessed_fen,
                claim.reserved_fen, claim.approved_fen, claim.advanced_fen, claim.paid_fen, first.recorded_at,
            ),
        )  # fmt: skip


def _stood(stream: str, events: Sequence[LoggedEvent], since: dict[int, str], at: str) -> Claim:
    """Give a claim as it stood at an instant: nothing is paid that was not approved, whatever days were said.

    Money that went and came back are facts of their instants, and decisions recorded later yield to them: an approval
    stands from when it was first paid on (its `since` is brought forward), and it was not lower before that came back
    which its claimant then let go of.
    """
    claim = fold_events(Claim, stream, [event for event in events if since[event.version] <= at])
    if claim.paid_fen <= claim.authorised_fen:
        return claim
    paid = max((e.version for e in events if e.type == Claim.Paid.TOPIC and since[e.version] <= at), default=0)
    for event in events:
        if event.type == Claim.Approved.TOPIC and event.version < paid:
            since[event.version] = min(since[event.version], at)
    back = [e.version for e in events if e.type == Claim.PaymentReturned.TOPIC and since[e.version] > at]
    early = {e.version for e in events if e.type == Claim.ApprovalReduced.TOPIC and any(v < e.version for v in back)}
    return fold_events(Claim, stream, [e for e in events if since[e.version] <= at and e.version not in early])


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
