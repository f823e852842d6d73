"""Whom a verifier believes: logs, witnesses and the quorum among them, as a policy file says it (C2SP tlog-policy).

The policy is the verifier's own; one that comes with the evidence proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from audit.checkpoints import Checkpoint
from audit.cosignatures import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE
from audit.errors import NoteError, TrustInvalid
from audit.note import Signature, open_signatures, parse_vkey
from audit.signatures import ED25519, Verifier

__all__ = [
    "GROUPS_MAX",
    "LOGS_MAX",
    "LOG_TYPES",
    "NO_QUORUM",
    "POLICY_BYTES_MAX",
    "WITNESSES_MAX",
    "WITNESS_TYPES",
    "Group",
    "Log",
    "Opened",
    "Policy",
    "TrustInvalid",
    "Witness",
    "has_quorum",
    "open_checkpoint",
]

POLICY_BYTES_MAX: Final = 1024 * 1024
LOGS_MAX: Final = 128  # tlog-policy asks for 32 of each at the least
WITNESSES_MAX: Final = 128
GROUPS_MAX: Final = 128
LOG_TYPES: Final = frozenset({ED25519, ML_DSA_44_COSIGNATURE})
WITNESS_TYPES: Final = frozenset({ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE})
NO_QUORUM: Final = "none"
"""The predefined name of no cosignature at all."""

_BLANK = re.compile(r"[ \t]+")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class Log:
    """A log that is believed; its key's name is its origin."""

    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness, by the name that it has in this file only."""

    name: str
    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """At least `threshold` of the members, witnesses or groups defined before, stand for the group."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as it was read. Names are octets; those outside UTF-8 stand as lone surrogates (PEP 383)."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a policy file. Raises TrustInvalid with `details["line"]` where one is at fault, and these codes.

        `trust_too_large`; `trust_malformed` for characters, words or their number; `trust_key` for a key that is
        malformed, weak or of a type that does not fit; `trust_name` for a name that is taken, not defined before, or
        a member twice; `trust_duplicate` for a key that two logs or two witnesses have; `trust_threshold`;
        `trust_quorum` unless there is exactly one.
        """
        if len(data) > POLICY_BYTES_MAX:
            raise TrustInvalid("The policy is too large.", code="trust_too_large", bytes=len(data))
        if _FORBIDDEN.search(data) or (data and not data.endswith(b"\n")):
            raise TrustInvalid("A policy has no other control characters than tabs and the newline of each line.")
        reading = _Reading()
        for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
            words = _BLANK.split(line.strip(" \t"))
            if not words[0] or words[0].startswith("#"):
                continue
            try:
                reading.take(words[0], words[1:])
            except TrustInvalid as error:
                error.details["line"] = number
                raise
        if reading.quorum is None:
            raise TrustInvalid("The policy has no quorum.", code="trust_quorum")
        return cls(tuple(reading.logs), tuple(reading.witnesses), tuple(reading.groups), reading.quorum)

    def is_satisfied(self, cosigned: Collection[str]) -> bool:
        """Say whether these witnesses, by their names in the policy, make the quorum; other names do not count."""
        met = {witness.name for witness in self.witnesses if witness.name in cosigned}
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum == NO_QUORUM or self.quorum in met


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that a believed log signed, and who cosigned it when."""

    checkpoint: Checkpoint
    witnesses: Mapping[str, int]
    """By name in the policy, the latest time of each, in POSIX seconds; 0 if it told none."""
    satisfied: bool
    """Whether they make the quorum."""


def open_checkpoint(note: str, policy: Policy, origin: str) -> Opened:
    """Open a checkpoint that is signed by a log of the policy with this origin; the quorum is told, not demanded.

    Raises NoteError with code `origin_unknown` if the policy has no such log, `origin_mismatch` if the checkpoint is
    another log's, `note_unsigned` if its log did not sign it, and as `open_signatures` and `Checkpoint.parse`.
    """
    logs = [log.verifier for log in policy.logs if log.verifier.name == origin]
    if not logs:
        raise NoteError("The policy has no log of this origin.", code="origin_unknown", origin=origin)
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in (*logs, *(witness.verifier for witness in policy.witnesses)):
        known.setdefault((verifier.name, verifier.key_id), verifier)  # a log may be a witness by the same key
    text, signatures = open_signatures(note, known.values())
    checkpoint = Checkpoint.parse(text)
    if checkpoint.origin != origin:
        raise NoteError("The checkpoint is another log's.", code="origin_mismatch", origin=checkpoint.origin)
    if not any(each.verifier in logs for each in signatures):
        raise NoteError("The log of this origin did not sign the checkpoint.", code="note_unsigned")
    witnesses = _cosigned(signatures, policy.witnesses)
    return Opened(checkpoint, witnesses, policy.is_satisfied(witnesses))


def has_quorum(note: str, policy: Policy) -> bool:
    """Say whether the witnesses of a policy that cosigned a note make its quorum; its log is not looked at.

    Raises NoteError as `open_signatures`.
    """
    if policy.quorum == NO_QUORUM:
        return True
    _, signatures = open_signatures(note, [witness.verifier for witness in policy.witnesses])
    return policy.is_satisfied(_cosigned(signatures, policy.witnesses))


def _cosigned(signatures: Collection[Signature], witnesses: Collection[Witness]) -> dict[str, int]:
    times: dict[str, int] = {}
    for witness in witnesses:
        told = [each.time for each in signatures if each.verifier == witness.verifier and each.time is not None]
        if told:
            times[witness.name] = max(told)
    return times


@dataclass(slots=True)
class _Reading:
    """A policy file while its lines are read, one after the other."""

    logs: list[Log] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    _defined: set[str] = field(default_factory=set)
    _members: set[str] = field(default_factory=set)

    def take(self, keyword: str, words: list[str]) -> None:
        lines: dict[str, Callable[[list[str]], None]] = {
            "log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum,
        }  # fmt: skip
        if keyword not in lines:
            raise TrustInvalid("A line of a policy begins with log, witness, group or quorum.")
        lines[keyword](words)

    def _log(self, words: list[str]) -> None:
        match words:
            case [vkey, *url] if len(url) <= 1 and len(self.logs) < LOGS_MAX:
                verifier = _verifier(vkey, LOG_TYPES, [log.verifier for log in self.logs])
                self.logs.append(Log(verifier, *url))
            case _:
                raise TrustInvalid("A log is a key and perhaps a URL.", logs_max=LOGS_MAX)

    def _witness(self, words: list[str]) -> None:
        match words:
            case [name, vkey, *url] if len(url) <= 1 and len(self.witnesses) < WITNESSES_MAX:
                self._define(name)
                verifier = _verifier(vkey, WITNESS_TYPES, [witness.verifier for witness in self.witnesses])
                self.witnesses.append(Witness(name, verifier, *url))
            case _:
                raise TrustInvalid("A witness is a name, a key and perhaps a URL.", witnesses_max=WITNESSES_MAX)

    def _group(self, words: list[str]) -> None:
        match words:
            case [name, threshold, *members] if members and len(self.groups) < GROUPS_MAX:
                for member in members:
                    if member not in self._defined or member in self._members:
                        raise TrustInvalid("A member is defined before, and a member once.", code="trust_name")
                    self._members.add(member)
                self._define(name)
                self.groups.append(Group(name, _threshold(threshold, len(members)), tuple(members)))
            case _:
                raise TrustInvalid("A group is a name, a threshold and members.", groups_max=GROUPS_MAX)

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise TrustInvalid("A quorum is one name.")
        if self.quorum is not None:
            raise TrustInvalid("The policy has two quorums.", code="trust_quorum")
        if words[0] != NO_QUORUM and words[0] not in self._defined:
            raise TrustInvalid("The quorum is a witness or group defined before.", code="trust_name")
        self.quorum = words[0]

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._defined:
            raise TrustInvalid("The name is taken.", code="trust_name")
        self._defined.add(name)


def _verifier(vkey: str, types: Collection[int], others: Collection[Verifier]) -> Verifier:
    try:
        verifier = parse_vkey(vkey, types)
    except NoteError as error:
        raise TrustInvalid("The key is not one for its purpose.", code="trust_key", reason=error.code) from error
    if any(verifier.public_key == other.public_key for other in others):
        raise TrustInvalid("Two lines have the same key.", code="trust_duplicate", name=verifier.name)
    return verifier


def _threshold(text: str, members: int) -> int:
    threshold = {"any": "1", "all": str(members)}.get(text, text)
    if not _THRESHOLD.fullmatch(threshold) or int(threshold) > members:
        raise TrustInvalid("A threshold is any, all, or a number up to that of the members.", code="trust_threshold")
    return int(threshold)
