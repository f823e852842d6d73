"""A log's side of C2SP tlog-witness: hand a checkpoint to a witness, and take what it cosigned, once it is verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NoReturn

import httpx

from audit.errors import AuditError, NoteError
from audit.heads import Head, known_lines, open_head
from audit.note import Verifier, split_note
from audit.policy import Policy
from audit.witnessing import (
    ANSWER_BYTES_MAX,
    SIZE_TYPE,
    Submission,
    origin_hash,
    read_cosignatures,
    read_size,
)
from infrastructure.errors import WitnessAhead, WitnessContradicts, WitnessRefused
from infrastructure.http_answers import ANSWER_S_MAX, Answer, ask

__all__ = ["TRIES_MAX", "Consistency", "WitnessClient", "clients_of"]

TRIES_MAX: Final = 3
"""The first, one with the size the witness told, and one more where another of our processes came in between."""

Consistency = Callable[[int, int], Sequence[bytes]]
"""Gives the path from the tree of one size to that of a later one (RFC 9162 §2.1.4.1), 0 < old < new."""


def clients_of(policy: Policy, http: httpx.Client, *, seconds_max: float = ANSWER_S_MAX) -> list[WitnessClient]:
    """Give a client for each URL of a policy's witnesses, with all keys that the policy has for it.

    A witness that signs by two algorithms has two lines there, with one URL; one without a URL cannot be asked.
    """
    keys: dict[str, list[Verifier]] = {}
    for each in policy.witnesses:
        if each.url is not None:
            keys.setdefault(each.url.rstrip("/"), []).append(each.verifier)
    return [WitnessClient(url, known, http, seconds_max) for url, known in keys.items()]


@dataclass(frozen=True, slots=True)
class WitnessClient:
    """A witness as a log sees it: its URL prefix and the keys under which its cosignatures are taken.

    `http` is the caller's to close; connections to the witness stay open in it.
    """

    url: str
    keys: Sequence[Verifier]
    http: httpx.Client
    seconds_max: float = ANSWER_S_MAX

    def cosign(self, note: str, old_size: int, consistency: Consistency) -> list[str]:
        """Submit a checkpoint of ours and return the witness's new signature lines under it, each with its newline.

        `note` bears the log's own lines; `old_size` is what this witness cosigned last as far as we know, 0 where we do
        not. A witness that tells another size is asked again with it. Raises PeerAway; WitnessAhead when it has
        cosigned more than this checkpoint; WitnessContradicts when it holds another history of this log; WitnessRefused
        for every other refusal and for lines that do not verify.
        """
        head = Head.parse(split_note(note)[0])
        if old_size > head.size:
            old_size = 0  # it is to say itself that it has more
        for _ in range(TRIES_MAX):
            path = consistency(old_size, head.size) if 0 < old_size < head.size else ()
            body = Submission(old_size, tuple(path), note).encode()
            answer = self._ask("POST", "add-checkpoint", body)
            if answer.status == HTTPStatus.OK:
                return self._lines(head, answer)
            if answer.status != HTTPStatus.CONFLICT or answer.content_type != SIZE_TYPE:
                self._refuse(answer, old_size, head)
            old_size = self._told(answer, head)
        raise WitnessRefused("the witness tells a new size every time", url=self.url, status=HTTPStatus.CONFLICT)

    def latest(self, origin: str, log: Sequence[Verifier]) -> str | None:
        """Give the last checkpoint of a log that this witness cosigned, None if it never did.

        It bears a signature of the log and one of the witness; other lines are left out. Raises PeerAway,
        WitnessRefused.
        """
        answer = self._ask("GET", f"{origin_hash(origin)}/checkpoint")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise WitnessRefused("the witness gives no checkpoint", url=self.url, status=answer.status)
        try:
            note = answer.body.decode()
            head = open_head(note, self.keys)
            open_head(note, log)
        except (NoteError, UnicodeDecodeError) as wrong:
            message = "the witness gives what log and witness did not sign"
            raise WitnessRefused(message, url=self.url, status=answer.status) from wrong
        if head.origin != origin:
            raise WitnessRefused("the witness gives another log's checkpoint", url=self.url, status=answer.status)
        return f"{head.text}\n{''.join(known_lines(note, [*log, *self.keys]))}"

    def _ask(self, method: str, path: str, content: bytes | None = None) -> Answer:
        url = f"{self.url.rstrip('/')}/{path}"
        return ask(
            self.http, method, url, bytes_max=ANSWER_BYTES_MAX, content=content, seconds_max=self.seconds_max
        )  # fmt: skip

    def _lines(self, head: Head, answer: Answer) -> list[str]:
        try:
            return read_cosignatures(head.text, answer.body, self.keys)
        except NoteError as wrong:
            message = "the witness's lines do not verify"
            raise WitnessRefused(message, url=self.url, status=answer.status, reason=wrong.code) from wrong

    def _told(self, answer: Answer, head: Head) -> int:
        try:
            size = read_size(answer.body)
        except AuditError as wrong:
            raise WitnessRefused("the witness told no size", url=self.url, status=answer.status) from wrong
        if size > head.size:
            message = f"the witness has cosigned {size} events, this checkpoint covers {head.size}"
            raise WitnessAhead(message, url=self.url, seen=size, size=head.size)
        return size

    def _refuse(self, answer: Answer, old_size: int, head: Head) -> NoReturn:
        # v1.0.0 of the protocol answers one size with two roots by a 409 without a size.
        other_root = answer.status == HTTPStatus.CONFLICT and old_size == head.size
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY or other_root:
            message = f"the witness cosigned another history of {old_size} events"
            raise WitnessContradicts(message, url=self.url, old_size=old_size, size=head.size)
        reason = answer.body[:80].decode("ascii", "replace").strip()
        raise WitnessRefused(
            f"the witness refused ({answer.status})", url=self.url, status=answer.status, reason=reason
        )
