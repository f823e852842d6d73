"""An old bundle read beside a later one of the same log: what it says of persons who were erased since.

A bundle is a file and cannot know what came after it. It stays what it proves; a later bundle that carries the erasure
of a person, proven to the end of that person's chain, says that what the old one holds of him was erased.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.bundles import MANIFEST
from audit.bundleverify import verify_bundle
from audit.comparing import compare
from audit.errors import AuditError, BundleInvalid
from audit.findings import Report
from audit.manifests import Manifest
from audit.policy import Policy
from audit.sources import of_bundle

__all__ = ["verify_with_later"]


def verify_with_later(old: Mapping[str, bytes], new: Mapping[str, bytes], policy: Policy) -> Report:
    """Verify the files of a bundle in the light of a later one's.

    The later one must hold by itself under the policy (else the finding `later`), and must not contradict the old one
    (else `equivocation`). Raises as `verify_bundle`, and BundleInvalid `bundles_apart` unless both are of one log and
    the later one of a greater checkpoint, or the same.
    """
    first, second = (Manifest.parse(files.get(MANIFEST, b"")) for files in (old, new))
    if first.origin != second.origin or first.size > second.size:
        raise BundleInvalid("The other bundle is no later one of this log.", code="bundles_apart")
    later = verify_bundle(new, policy)
    if not later.holds:
        return verify_bundle(old, policy, beside=("later", "it does not hold"))
    if _contradict(old, new, policy):
        return verify_bundle(old, policy, beside=("equivocation", "the later bundle contradicts this one"))
    return verify_bundle(old, policy, erased=later.erased)


def _contradict(old: Mapping[str, bytes], new: Mapping[str, bytes], policy: Policy) -> bool:
    try:
        return compare(of_bundle(old, policy), of_bundle(new, policy), policy) is not None
    except AuditError:
        return False  # the old one is not anchored: its own verification says so
