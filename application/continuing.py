"""What a new ledger goes on from: the old one's greatest checkpoint that the operator's own policy vouches for.

The old database is not asked: it is the one that fell behind. What counts is signed by the old ledger's keys and has
been outside the house, in a witness or in a file that somebody kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from audit.continuing import Continued, open_continued, read_continued
from audit.heads import known_lines
from audit.note import NOTE_BYTES_MAX, Verifier, split_note
from audit.policy import LOGS_MAX, NO_QUORUM, Log, Opened, Policy
from domain.errors import Conflict, Forbidden, Invalid, NotFound

__all__ = ["believing", "cited", "greatest", "old_origin", "read_note"]


def believing(policy: Policy | None, log: Sequence[Verifier]) -> Policy:
    """Give the policy with these keys of the old ledger beside its own logs; without one, nobody need have cosigned.

    Raises Invalid `log_unknown` where it names no log at all.
    """
    policy = policy or Policy((), (), (), NO_QUORUM)
    held = {each.verifier.public_key for each in policy.logs}
    logs = (*policy.logs, *(Log(key) for key in log if key.public_key not in held))
    if not logs or len(logs) > LOGS_MAX:
        raise Invalid("name the old ledger's keys: --log, or a policy with them", code="log_unknown")
    return replace(policy, logs=logs)


def old_origin(policy: Policy, named: str | None) -> str:
    """Give the origin that is meant: the one named, or the only one of the policy.

    Raises Invalid `origin_ambiguous`, `origin_unknown`.
    """
    origins = sorted({log.verifier.name for log in policy.logs})
    if named is not None and named not in origins:
        raise Invalid("no key of this origin is given", code="origin_unknown", origins=origins)
    if named is None and len(origins) > 1:
        raise Invalid("the policy has several logs; say which: --from", code="origin_ambiguous", origins=origins)
    return named or origins[0]


def read_note(data: bytes) -> str:
    """Read a file that should hold a signed note. Raises Invalid `checkpoint_unreadable`."""
    try:
        if len(data) <= NOTE_BYTES_MAX:
            return data.decode()
    except UnicodeDecodeError:
        pass
    raise Invalid("this is no signed checkpoint", code="checkpoint_unreadable", bytes_max=NOTE_BYTES_MAX)


def cited(note: str, policy: Policy, old: str, origin: str) -> tuple[Continued, Opened]:
    """Give what the ledger of the new `origin` goes on from, and who vouches for it; lines of strangers are left out.

    Raises NoteError: `origin_unknown` without a key of the old ledger, `note_unsigned` and `note_signature` if these
    did not sign; as `audit.continuing.read_continued`; Forbidden `policy_unsatisfied` where the quorum is not there.
    """
    opened = open_continued(Continued(old, note), policy)
    if not opened.satisfied:
        names = sorted(opened.witnesses)
        raise Forbidden("the policy's quorum has not cosigned it", code="policy_unsatisfied", witnesses=names)
    keys = [*(log.verifier for log in policy.logs), *(witness.verifier for witness in policy.witnesses)]
    kept = f"{split_note(note)[0]}\n{''.join(dict.fromkeys(known_lines(note, keys)))}"
    return read_continued({"origin": old, "checkpoint": kept}, origin), opened


def greatest(notes: Iterable[str], policy: Policy, old: str, origin: str) -> tuple[Continued, Opened]:
    """Give the greatest checkpoint of which the witnesses' answers together satisfy the policy, as `cited` does.

    Each note bears the old ledger's line and one witness's. Raises NotFound `checkpoint_missing` where there is none;
    Forbidden `policy_unsatisfied`; Conflict `checkpoints_differ` where the old ledger signed two roots for one size:
    which of its histories goes on is not for a program to say.
    """
    lines: dict[str, dict[str, None]] = {}
    for note in notes:
        text, signed = split_note(note)
        lines.setdefault(text, {}).update(dict.fromkeys(f"{line}\n" for line in signed))
    if not lines:
        raise NotFound("no witness of the policy holds a checkpoint of it", code="checkpoint_missing", origin=old)
    sizes = [Continued(old, f"{text}\n{''.join(signed)}") for text, signed in lines.items()]
    sizes.sort(key=lambda each: each.size, reverse=True)
    for one, other in pairwise(sizes):
        if one.size == other.size:
            raise Conflict("the old ledger signed two histories of one size", code="checkpoints_differ", size=one.size)
    refused: Forbidden | None = None
    for each in sizes:
        try:
            return cited(each.checkpoint, policy, old, origin)
        except Forbidden as unsatisfied:
            refused = refused or unsatisfied
    assert refused is not None  # noqa: S101 - there is a checkpoint, and none was believed
    raise refused
