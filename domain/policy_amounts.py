"""What a policy's premium comes to by days: needed before issue, overdue by a day, and its course over the term."""

from __future__ import annotations

from itertools import pairwise

from domain.dues import overdue
from domain.earning import course
from domain.policies import Policy
from domain.time import Period


def needed_to_issue_fen(policy: Policy, subsidy_kinds: frozenset[str]) -> int:
    """Give what must be received before issue: the first instalment or all, without the part of public subsidies."""
    whole_fen = policy.instalments[0][1] if policy.instalments else policy.drafted_fen
    return _without_subsidies_fen(policy, whole_fen, subsidy_kinds)


def overdue_fen(policy: Policy, today: str, subsidy_kinds: frozenset[str]) -> int:
    """Give what is overdue of the premium on a day; a subsidy's part is the authority's to pay, and never overdue.

    Of the instalments whose day has passed, as far as endorsements left them due, source by source; without
    instalments, all that was needed to issue, unless a ground let the policy come first.
    """
    if policy.instalments:
        passed_fen = sum(fen for on, fen in policy.instalments if on < today)
        due_fen = _without_subsidies_fen(policy, passed_fen, subsidy_kinds)
    else:
        due_fen = 0 if policy.ground is not None else needed_to_issue_fen(policy, subsidy_kinds)
    borne = {kind: fen for kind, fen in policy.sources.items() if kind not in subsidy_kinds}
    return overdue(due_fen, policy.drafted_left, borne, policy.held)


def _without_subsidies_fen(policy: Policy, fen: int, subsidy_kinds: frozenset[str]) -> int:
    """Give what of instalments that come to `fen` is not a subsidy's part, which lies in each in proportion."""
    subsidised_fen = sum(policy.drafted_sources.get(kind, 0) for kind in subsidy_kinds)
    return fen - fen * subsidised_fen // policy.drafted_fen if policy.drafted_fen else 0


def course_of(policy: Policy) -> list[tuple[Period, int, int]]:
    """Give the stretches of the term, in order, with premium and number of certificates on each, as known now.

    A certificate counts on the days it insures. Once the policy ended early nothing counts that was to come later: the
    premium is from then on what was earned.
    """
    steps = [(policy.from_date, 0, 0), *course(policy.charged)]
    if not policy.stack:
        steps = [(day, policy.drafted_fen, lifts) for day, _, lifts in steps]
    elif policy.cancelled_on is not None:
        before = [step for step in steps if step[0] < policy.cancelled_on]
        so_far_fen = before[-1][1] if before else 0
        kept_fen = so_far_fen if policy.earned is None else policy.premium_fen
        steps = [*before, (policy.cancelled_on, kept_fen, 0)]
    told = {max(day, policy.from_date): (fen, lifts) for day, fen, lifts in steps if day < policy.to_date}
    days = [*told, policy.to_date]
    return [(Period(*span), *told[span[0]]) for span in pairwise(days)]
