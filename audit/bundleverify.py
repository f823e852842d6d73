"""Verifies an evidence bundle off line, under a policy that its verifier brings (docs/evidence.md).

Each event is held against its author's signed request by the very checks of `audit.verify`; what is said of the order
of events is held against the map of heads of a checkpoint that the policy believes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

from audit import authors
from audit.anchoring import Anchored, anchor
from audit.authorship import Authorship
from audit.bundles import (
    BODIES,
    EVIDENCE,
    HEADS,
    MANIFEST,
    NOTE,
    ROOT_BODY,
    SAVES,
    SEALED,
    Contents,
    read_files,
    request_file,
)
from audit.errors import AuditError, BundleInvalid
from audit.findings import Findings, Judged, Report
from audit.histories import HISTORY_SUBJECTS, read_histories
from audit.lens import Lens
from audit.manifests import Manifest, note_text
from audit.names import subject_of
from audit.note import open_note
from audit.pages import PageReport
from audit.policy import Policy
from audit.requests import sealed_fields
from audit.stamps import check_stamps

__all__ = ["judge_bundle", "verify_bundle"]

JUDGED_SUBJECTS: Final = ("ledger", "key:")
"""Histories that everything else is judged by: nothing of them may be withheld."""


def verify_bundle(
    files: Mapping[str, bytes], policy: Policy, *, erased: Collection[str] = (), beside: tuple[str, str] | None = None
) -> Report:
    """Verify the files of a bundle.

    `erased` are persons of whom it is known from elsewhere that they were erased after the bundle was made; `beside` a
    finding, as code and detail, that comes from elsewhere too (`audit.later`). Raises BundleInvalid `bundle_malformed`
    where there is no manifest, `manifest_malformed`.
    """
    return judge_bundle(files, policy, erased=erased, beside=beside)[0]


def judge_bundle(
    files: Mapping[str, bytes], policy: Policy, *, erased: Collection[str] = (), beside: tuple[str, str] | None = None
) -> tuple[Report, Anchored]:
    """Verify a bundle as `verify_bundle`; give what it carries as well."""
    data = files.get(MANIFEST)
    if data is None:
        raise BundleInvalid("There is no manifest: this is no bundle.", file=MANIFEST)
    manifest = Manifest.parse(data)
    findings = Findings()
    _check_files(files, manifest, findings)
    contents = read_files(files, lambda file, why: findings.find("file_malformed", file, detail=why))
    anchored = anchor(contents, manifest, policy, findings)
    lens = _lens(anchored, manifest)
    _check_note(files, data, manifest.size, lens, findings)
    _check_root(anchored, lens, findings)
    authorship = Authorship(lens, contents, manifest, anchored, findings)
    for save in contents.saves:
        authorship.check(save)
    _check_complete(contents, manifest, anchored, authorship, findings)
    _check_strays(contents, anchored, authorship, findings)
    check_stamps(contents.stamps, anchored.checkpoint, findings)
    _check_erased(anchored, frozenset(erased) - lens.context.erased, findings)
    if beside is not None:
        findings.find(beside[0], MANIFEST, detail=beside[1])
    return replace(_report(manifest, anchored, findings), erased=lens.context.erased), anchored


def _check_files(files: Mapping[str, bytes], manifest: Manifest, findings: Findings) -> None:
    """Hold the files against the manifest."""
    for file, digest in manifest.files.items():
        if file not in files:
            findings.find("file_missing", file)
        elif sha256(files[file]).hexdigest() != digest:
            findings.find("file_digest", file)
    for file in sorted(files.keys() - manifest.files.keys() - {MANIFEST, NOTE}):
        findings.find("file_unknown", file)


def _lens(anchored: Anchored, manifest: Manifest) -> Lens:
    """Read what the chains of the ledger, its keys and erased persons tell."""
    wanted = [
        (position, event.data, event.body_data)
        for position, event in sorted(anchored.events.items())
        if event.body_data is not None
        and subject_of(event.header.stream) in anchored.lengths
        and event.header.stream.startswith(HISTORY_SUBJECTS)
    ]
    context, _ = read_histories(manifest.origin, wanted)
    return Lens(context)


def _check_note(files: Mapping[str, bytes], data: bytes, size: int, lens: Lens, findings: Findings) -> None:
    """Hold the manifest against the ledger's signature of it, by the key in force at its checkpoint."""
    try:
        key = lens.receipt(size + 1)
        if key is None:
            raise BundleInvalid("The ledger's key is not known.", code="receipt_key")
        text, _ = open_note(files.get(NOTE, b"").decode(), [key])
        if text != note_text(lens.origin, data):
            findings.find("manifest", NOTE, detail="another manifest")
    except (AuditError, UnicodeDecodeError) as error:
        findings.find("manifest", NOTE, detail=getattr(error, "code", "text"))


def _check_root(anchored: Anchored, lens: Lens, findings: Findings) -> None:
    """Hold the map root against what it must be: the operator's, of the position before it."""
    if anchored.root is not None:
        report = PageReport(anchored.root.row.position, anchored.root.row.position)
        authors.read_root(lens, report, anchored.root)
        for found in report.verdicts:
            findings.find(found.code, ROOT_BODY, detail=found.detail)


def _check_complete(
    contents: Contents, manifest: Manifest, anchored: Anchored, authorship: Authorship, findings: Findings
) -> None:
    """Check that everything that was asked for, and what judging it takes, is there or is said not to be."""
    withheld = set(manifest.withheld)
    for position, event in anchored.events.items():
        stream = event.header.stream
        history = stream.startswith(HISTORY_SUBJECTS) and subject_of(stream) in contents.chains
        asked = history or manifest.query.asks(stream, event.header.recorded_at)
        if position not in authorship.covered and (asked or position in authorship.spanned):
            findings.find("receipt_missing", SAVES, position)
        if not asked:
            continue
        if event.body_data is None:
            own = position in withheld and not stream.startswith(JUDGED_SUBJECTS)
            findings.find("withheld" if own else "body_missing", BODIES, position)
    for subject in manifest.query.subjects:
        if subject not in contents.heads:
            findings.find("subject_missing", HEADS, detail=subject)
    streams = {event.header.stream for event in anchored.events.values()}
    for stream in manifest.query.streams:
        subject = subject_of(stream)
        known = streams if stream != subject else {subject_of(each) for each in streams}
        if subject in anchored.lengths and stream not in known:
            findings.find("absent", HEADS, detail=stream)


def _check_strays(contents: Contents, anchored: Anchored, authorship: Authorship, findings: Findings) -> None:
    """Find what no carried event refers to."""
    digests = {event.header.body for event in anchored.events.values()}
    strays = [
        *((BODIES, digest) for digest in contents.bodies if digest not in digests),
        *((EVIDENCE, digest) for digest in contents.evidence if digest not in authorship.used_evidence),
        *((SEALED, digest) for digest in contents.sealed if digest not in authorship.used_sealed),
        *((request_file(*each), "") for each in contents.requests if each not in authorship.used_requests),
    ]
    for file, detail in strays:
        findings.find("stray", file, detail=detail)
    # Bodies stand in the order of their events, as everything in a bundle has one order (`audit.bundles`).
    ordered = dict.fromkeys(event.header.body for _, event in sorted(anchored.events.items()))
    if [digest for digest in ordered if digest in contents.bodies] != [
        digest for digest in contents.bodies if digest in digests
    ]:
        findings.find("file_malformed", BODIES, detail="not in the order of their events")


def _check_erased(anchored: Anchored, erased: Collection[str], findings: Findings) -> None:
    """Say of events that hold sealed values of persons who were erased since that they did."""
    for position, event in anchored.events.items():
        if event.body is None or b'"sealed":"' not in (event.body_data or b""):
            continue
        for person in sorted({person for _, person in sealed_fields(event.body["said"])} & set(erased)):
            findings.find("erased", BODIES, position, f"{person}, since this bundle was made")


def _report(manifest: Manifest, anchored: Anchored, findings: Findings) -> Report:
    good = anchored.satisfied and not findings.counts["checkpoint"]
    judged = [
        Judged(
            position, header.stream, header.type, header.recorded_at, findings.verdicts(position, anchored=good)
        )
        for position, (_, header, *_rest) in sorted(anchored.events.items())
        if manifest.query.asks(header.stream, header.recorded_at)
    ]  # fmt: skip
    subjects = {
        subject: anchored.lengths[subject] for subject in manifest.query.subjects if subject in anchored.lengths
    }
    return Report(
        manifest.origin, manifest.size, manifest.made_at, manifest.party, manifest.query.streams,
        manifest.query.since, manifest.query.until, good, anchored.witnesses, subjects, tuple(judged),
        tuple(findings.kept), findings.counts,
    )  # fmt: skip
