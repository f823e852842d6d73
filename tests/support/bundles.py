"""Changes to a finished bundle, as its receiver, a stranger or a faithless ledger could make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any, Final

from audit import canonical
from audit.bundlefiles import unpack
from audit.bundles import MANIFEST, NOTE
from audit.bundleverify import verify_bundle
from audit.errors import AuditError
from audit.findings import Report
from audit.manifests import Manifest, note_text
from audit.verdicts import CODES
from tests.support.bundling import Log, worked

LIFT = "lift:019a3cb6-bc00-72ff-a887-329ced4925be"
CLAIM = f"{LIFT}/claim:9f40fbca-d5e6-427b-aef6-edf363ad1c59"
POLICY = "policy:019a3cb6-bc00-7b47-a352-7131a6b3545b"
FUND = "fund:019a3cb6-bc00-72f8-8d03-0d2e2c66d42d"
AGENT = "agent:89388495-5b8d-44b6-aec2-0803167e4969"
NOTHING = "house:9f40fbca-d5e6-427b-aef6-edf363ad1c59"
INSURER = "party:7434a07c-5940-465b-b33b-7ad098b8612a"
MAINTAINER = "party:00596422-02d5-4dbb-8cd8-3e6ce5ba03fb"
EVERYTHING = (LIFT, POLICY, FUND, AGENT, NOTHING)

Files = dict[str, bytes]


@cache
def made(*streams: str) -> tuple[Log, Files]:
    """Make a bundle of the worked ledger once, of everything that tests ask about unless streams are named."""
    log = worked()
    return log, unpack(log.bundle(*streams or EVERYTHING).data)


def verified(files: Mapping[str, bytes], log: Log) -> Report:
    """Verify under a policy that believes the log."""
    return verify_bundle(files, log.policy)


def signed_anew(files: Mapping[str, bytes], log: Log, **changes: Any) -> Files:  # noqa: ANN401 - members of a manifest
    """Let a faithless ledger list the files as they are now, and sign that."""
    others = {name: data for name, data in files.items() if name not in {MANIFEST, NOTE}}
    digests = {name: sha256(data).hexdigest() for name, data in others.items()}
    manifest = replace(Manifest.parse(files[MANIFEST]), files=digests, **changes).encode()
    note = log.sign(note_text(log.stored.origin, manifest), log.size).encode()
    return {**others, MANIFEST: manifest, NOTE: note}


def without_line(files: Mapping[str, bytes], name: str, number: int) -> Files:
    """Take a line, from 0, out of a file."""
    lines = files[name].splitlines(keepends=True)
    del lines[number]
    return {**files, name: b"".join(lines)}


def with_json(files: Mapping[str, bytes], name: str, number: int, **members: Any) -> Files:  # noqa: ANN401 - JSON
    """Change members of the JSON in a line, from 0."""
    lines = files[name].splitlines()
    value: Any = canonical.decode(lines[number])
    lines[number] = canonical.encode(value | members)
    return {**files, name: b"".join(line + b"\n" for line in lines)}


def approve_more(events: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Book another amount than was approved."""
    events[9][1]["said"]["amount_fen"] = 9_000_000


ODD: Final[Sequence[Any]] = (
    None, 0, -1, True, "", "x", [], {}, [1], {"a": 1}, "2025-11-01T00:00:00.000000Z", {"stream": 1, "version": "x"},
    {"of": 1, "sealed": 2}, 2**53 - 1,
)  # fmt: skip
"""Values that nobody expects in their places."""


def odd(events: list[tuple[dict[str, Any], dict[str, Any]]], rnd: Random) -> None:
    """Change a member of some body, however deep, to something odd, take it away, or add one."""
    target: Any = events[rnd.randrange(len(events) - 1)][1]
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = rnd.choice(keys)
        if not isinstance(target[key], dict | list) or not target[key] or rnd.random() < 0.3:
            break
        target = target[key]
    how = rnd.choice(["change", "change", "drop", "add"])
    if how == "change" or isinstance(target, list):
        target[key] = deepcopy(rnd.choice(ODD))
    elif how == "drop":
        del target[key]
    else:
        target["more"] = 1


def faults(report: Report) -> set[str]:
    """Give the codes of what breaks integrity or completeness."""
    return {code for code in report.counts if CODES[code][0] in {"integrity", "completeness"}}


def verdicts(report: Report) -> dict[int, tuple[str, ...]]:
    """Give the verdicts by position."""
    return {event.position: event.verdicts for event in report.events}


def holds(files: Mapping[str, bytes], log: Log) -> bool:
    """Say whether a bundle is believed."""
    try:
        return verify_bundle(files, log.policy).holds
    except AuditError:
        return False
