"""Making bundles while the ledger goes on, and within limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType

import pytest

from application import bundling, evidence
from application.proving import HeadProofs, NotPublished
from audit import bundlefiles, bundles
from audit.bundlefiles import unpack
from audit.bundleverify import verify_bundle
from domain.errors import Invalid
from tests.support.bundles import LIFT, NOTHING
from tests.support.bundling import Log, rooted, worked

OPERATOR = "party:691fb5e3-3c31-4ef5-ba28-8d10d1e7b4b7"


@dataclass
class Growing(Log):
    """A ledger that publishes another checkpoint after each of the first questions about its map."""

    grows: int = 0

    def heads(self, subjects: Sequence[str], position: int, *, cosign: bool = False) -> HeadProofs:
        """Answer, and go on."""
        found = super().heads(subjects, position, cosign=cosign)
        if self.grows:
            self.grows -= 1
            rooted(self.stored, OPERATOR, "2025-11-01T00:00:06.000000Z")
        return found


@pytest.mark.parametrize("grows", [0, 1, 2, 5])
def test_a_bundle_is_of_one_checkpoint(grows: int) -> None:
    """Where the map moves on between collecting and proving, it is collected again at the newer one."""
    log = Growing(worked().stored, grows=grows)
    made = log.bundle(LIFT, NOTHING)
    report = verify_bundle(unpack(made.data), log.policy)
    assert report.holds
    assert 15 <= report.size <= 15 + grows


@dataclass
class Watched(Log):
    """A ledger whose witnesses pass over its checkpoints for later ones, or do not answer."""

    passed: int = 0
    silent: bool = False
    waited: list[int] = field(default_factory=list)

    def witnessed(self, size: int) -> str | None:
        """Give the note, if they cosigned it."""
        self.waited.append(size)
        if self.passed:
            self.passed -= 1
            rooted(self.stored, OPERATOR, "2025-11-01T00:00:06.000000Z")
            return None
        return None if self.silent else super().witnessed(size)


@pytest.mark.parametrize(
    "passed,silent,waited", [(0, False, 1), (1, False, 2), (2, False, 3), (9, False, 3), (0, True, 1)]
)
def test_a_bundle_waits_for_its_witnesses(passed: int, waited: int, *, silent: bool) -> None:
    """One whose checkpoint they passed over is made at a later one; if they never cosign one, it goes out as it is."""
    log = Watched(worked().stored, passed=passed, silent=silent)
    first = log.size
    report = verify_bundle(unpack(log.bundle(LIFT, NOTHING).data), log.policy)
    assert report.holds
    assert len(log.waited) == waited
    assert report.size == log.waited[-1] == first + (0 if silent else waited - 1)


def test_whom_checkpoints_outrun_is_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever: the caller repeats the same command."""
    monkeypatch.setattr(bundling, "ATTEMPTS_MAX", 1)
    log = Growing(worked().stored, grows=1)
    with pytest.raises(NotPublished):
        log.bundle(LIFT)


def test_a_bundle_has_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither more events than a court can read, nor more subjects than are proven in one question."""
    for module, limit in ((evidence, "EVENTS_MAX"), (bundling, "SUBJECTS_MAX")):
        with monkeypatch.context() as patched:
            patched.setattr(module, limit, 3)
            with pytest.raises(Invalid) as caught:
                worked().bundle(LIFT)
            assert caught.value.code == "evidence_too_large"


@pytest.mark.parametrize(
    "module,limit",
    [(bundles, "LINES_MAX"), (bundles, "VALUES_MAX"), (bundlefiles, "FILES_MAX"), (bundlefiles, "BYTES_MAX")],
)
def test_what_nobody_could_read_is_not_handed_out(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str
) -> None:
    """Whoever makes a bundle holds it against the reader's own limits."""
    monkeypatch.setattr(module, limit, 3)
    with pytest.raises(Invalid) as caught:
        worked().bundle(LIFT)
    assert caught.value.code == "evidence_too_large"
