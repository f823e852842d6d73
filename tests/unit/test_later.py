"""An old bundle beside a later one of the same log: what was erased since is said, and nothing else changes."""

from __future__ import annotations

import pytest

from audit.bundleverify import verify_bundle
from audit.errors import BundleInvalid
from audit.later import verify_with_later
from tests.support.bundles import AGENT, FUND, LIFT, approve_more, faults, signed_anew, verdicts, without_line
from tests.support.comparing import files, log

PERSON = "person:4e96f093-256e-4a44-88c0-785081511b3f"
"""For whom the agent's name is sealed."""
NOBODY = "person:00000000-256e-4a44-88c0-785081511b3f"


def test_what_holds_values_of_a_person_erased_since_is_erased() -> None:
    """T12: it stays structurally valid; events without values of that person stay proven."""
    old, policy = files(log(), AGENT, LIFT), log().policy
    report = verify_bundle(old, policy, erased=[PERSON])
    assert report.holds
    assert verdicts(report) == {9: ("proven",), 10: ("proven",), 12: ("erased",), 13: ("proven",)}
    (found,) = [finding for finding in report.findings if finding.code == "erased"]
    assert (found.position, found.file) == (12, "bodies.ndjson")
    assert found.detail.startswith(PERSON)
    assert verdicts(verify_bundle(old, policy, erased=[NOBODY]))[12] == ("proven",)


def test_a_later_bundle_that_erases_nobody_changes_nothing() -> None:
    """The report is that of the old bundle alone."""
    old, policy = files(log(), AGENT), log().policy
    for later in (files(log(size=16), FUND), old):
        assert verify_with_later(old, later, policy) == verify_bundle(old, policy)


def test_what_is_no_later_bundle_is_refused() -> None:
    """An earlier one, and one of another ledger."""
    old, policy = files(log(size=16), AGENT), log().policy
    elsewhere = log()
    elsewhere.stored.origin = "elsewhere.example/district"
    for other in (files(log(), AGENT), files(elsewhere, AGENT)):
        with pytest.raises(BundleInvalid) as caught:
            verify_with_later(old, other, policy)
        assert caught.value.code == "bundles_apart"


def test_a_later_bundle_that_does_not_hold_tells_nothing() -> None:
    """It must hold by itself, under the same policy; else whoever made it could have anything erased."""
    old, made = files(log(), AGENT), log(size=16)
    cut = signed_anew(without_line(files(made, LIFT), f"chains/{LIFT.replace(':', '.')}.ndjson", -1), made)
    report = verify_with_later(old, cut, made.policy)
    assert (report.holds, faults(report)) == (False, {"later"})
    assert verdicts(report) == {12: ("proven",)}


def test_a_later_bundle_of_another_history_is_equivocation() -> None:
    """T3: the log cannot have grown from the one into the other; `compare` makes the proof."""
    old, policy = files(log(approve_more), LIFT), log().policy
    report = verify_with_later(old, files(log(size=16), LIFT), policy)
    assert faults(report) - faults(verify_bundle(old, policy)) == {"equivocation"}
