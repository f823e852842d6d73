"""A witness: it remembers the last checkpoint it cosigned of each log, and cosigns only what grew out of it.

It sees hashes and no event. What it decides is `audit.witnessing`; this is the order of the steps around its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Protocol

from application.errors import WitnessRecordBroken
from audit.contradictions import Contradiction, Standing, standing
from audit.errors import NoteError, SubmissionMalformed
from audit.heads import Head, known_lines, open_head
from audit.note import Verifier, split_note
from audit.witnessing import (
    Cosigned,
    Decision,
    Malformed,
    Outcome,
    Submission,
    authenticate,
    decide,
    origin_hash,
)

__all__ = ["Cosigner", "Seen", "Witness", "WitnessStore"]

_NAME_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A key of a witness: how it signs a checkpoint's text at a time in Unix seconds, and how that is verified."""

    verifier: Verifier
    sign: Callable[[str, int], str]
    """Gives the signature line, with its newline."""


class WitnessStore(Protocol):
    """The memory of a witness (infrastructure/witness_store.py)."""

    def update(self, log: str, step: Callable[[str | None], str | None]) -> None:
        """Give the note kept of a log (None before the first) to `step`, and keep the one it returns, None for none.

        Nobody else, in this process or another, reads or writes a record meanwhile. When this returns, the new note is
        durable; when it does not, the old one stands.
        """

    def latest(self, log: str) -> str | None:
        """Give the note kept of a log, whole, the one before or after an update that is under way."""

    def keep(self, name: str, evidence: bytes) -> bool:
        """Keep a piece of evidence under its name for good, unless it is kept already; says whether it is new."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A contradiction that a witness met and keeps."""

    origin: str
    standing: Standing
    file: str
    sizes: tuple[int, int]
    new: bool


class Witness:
    """A witness of the given logs, by origin; `cosigners` sign in their order, `clock` tells Unix seconds.

    `alarm` is told of every contradiction that was kept, whether the submission was refused for it or not.
    """

    def __init__(
        self, logs: Mapping[str, Sequence[Verifier]], cosigners: Sequence[Cosigner], store: WitnessStore,
        clock: Callable[[], int], alarm: Callable[[Seen], None],
    ) -> None:  # fmt: skip
        self._logs = logs
        self._cosigners = cosigners
        self._own = [each.verifier for each in cosigners]
        self._store = store
        self._clock = clock
        self._alarm = alarm

    def add_checkpoint(self, body: bytes) -> Outcome:
        """Answer a submission; a cosigned checkpoint is durable before this returns.

        Raises WitnessRecordBroken, and what the store raises; nothing was cosigned then.
        """
        try:
            submission = Submission.parse(body)
        except SubmissionMalformed as refused:
            return Malformed(refused.code)
        head = authenticate(submission, self._logs)
        if not isinstance(head, Head):
            return head
        keys = self._logs[head.origin]
        submission = replace(submission, note=f"{head.text}\n{''.join(known_lines(submission.note, keys))}")
        decision, lines = self._under_lock(submission, head)
        if decision.contradiction is not None:
            self._keep(head.origin, decision.contradiction)
        return Cosigned(head, lines) if decision.refusal is None else decision.refusal

    def latest(self, log: str) -> str | None:
        """Give the last checkpoint cosigned of the log of that `origin_hash`: its text, the log's lines and ours."""
        return self._store.latest(log) if log in map(origin_hash, self._logs) else None

    def _under_lock(self, submission: Submission, head: Head) -> tuple[Decision, tuple[str, ...]]:
        decided: list[Decision] = []
        lines: list[str] = []

        def step(kept: str | None) -> str | None:
            decision = decide(submission, head, None if kept is None else (self._recall(kept, head.origin), kept))
            decided.append(decision)
            if decision.refusal is not None:
                return None
            now = self._clock()
            lines.extend(each.sign(head.text, now) for each in self._cosigners)
            return submission.note + "".join(lines)

        self._store.update(origin_hash(head.origin), step)
        return decided[0], tuple(lines)

    def _recall(self, kept: str, origin: str) -> Head:
        """Read our own record. Whoever could write there could make us forget, so it must bear our own cosignature."""
        try:
            head = open_head(kept, self._own)
        except NoteError as broken:
            message = "The record does not bear this witness's cosignature."
            raise WitnessRecordBroken(message, origin=origin, reason=broken.code) from broken
        if head.origin != origin:
            raise WitnessRecordBroken("The record is another log's.", origin=origin, found=head.origin)
        return head

    def _keep(self, origin: str, contradiction: Contradiction) -> None:
        first, second = (Head.parse(split_note(side["checkpoint"])[0]) for side in contradiction.sides)
        try:
            how: Standing = standing(contradiction, self._logs[origin])
        except NoteError:
            how = "claimed"  # the earlier one bears a key of the log that is no longer among those we were given
        # The texts alone name it: who repeats a submission, with other paths or other cosignatures, adds nothing.
        digest = sha256(f"{first.text}\n{second.text}".encode()).hexdigest()[:_NAME_CHARS]
        name = f"{how}-{origin_hash(origin)[:_NAME_CHARS]}-{digest}.json"
        new = self._store.keep(name, contradiction.encode())
        self._alarm(Seen(origin, how, name, (first.size, second.size), new))
