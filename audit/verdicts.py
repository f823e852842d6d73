"""What a verification may find, as one closed list of codes, and what each of them means for the ledger."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["CODES", "RULES", "Kind", "Verdict", "verdict"]

Kind = Literal["integrity", "completeness", "authorship", "views", "note"]
"""Integrity: stored bytes contradict each other. Completeness: something that must be there is not. Authorship: who
said it, or when, may be contested. Views: the log may hold, but the tables made from it, which answer questions, are
not what it says. Note: as it should be, and worth knowing."""

CODES: Final[dict[str, tuple[Kind, str]]] = {
    # one event
    "header_invalid": ("integrity", "the header is not of the format"),
    "body_invalid": ("integrity", "the body is not of the format"),
    "body_digest": ("integrity", "the body is not the one the header names"),
    "leaf": ("integrity", "the stored leaf is not the header's hash"),
    "position": ("integrity", "the event stands at another position than it says"),
    "columns": ("integrity", "the row's columns differ from its header"),
    "origin": ("integrity", "the event belongs to another ledger"),
    "stream_invalid": ("integrity", "the stream is not one of the format's"),
    "instant_invalid": ("integrity", "a time in the header does not exist"),
    "time_back": ("integrity", "the event is recorded before the one ahead of it"),
    "type_unknown": ("note", "this program does not know the event type or its schema"),
    # chains and tree
    "position_gap": ("completeness", "positions are missing or stand twice"),
    "chain": ("completeness", "the subject's chain is broken"),
    "version_gap": ("completeness", "the stream's versions have a gap"),
    "reads": ("integrity", "the decision did not read the versions it states"),
    "frontier": ("integrity", "the stored edge of the tree is not the one over these leaves"),
    "frontier_missing": ("completeness", "the last event carries no edge of the tree: events after it are missing"),
    "checkpoint": ("integrity", "the tree is not the one of a signed checkpoint"),
    "checkpoint_signature": (
        "integrity",
        "a published checkpoint is not signed by the ledger, or badly by a known key",
    ),
    "checkpoint_unrooted": ("integrity", "the last leaf under a published checkpoint is not the map root"),
    "root_unpublished": (
        "note",
        "no checkpoint of this map root is stored: the checkpointer was stopped before it, or it was taken away",
    ),
    "continued": ("integrity", "the ledger goes on from a checkpoint that the policy does not vouch for"),
    "tile": ("integrity", "a stored tile is not the one over these leaves"),
    "tile_missing": ("completeness", "a full tile under a published checkpoint is not stored"),
    "checkpoint_stamp": ("integrity", "a stored time stamp does not hold for the checkpoint it is kept with"),
    "tile_stray": ("integrity", "a tile is stored that the tree does not have"),
    "truncated": ("completeness", "a signed checkpoint covers more events than are stored"),
    "map_root": ("integrity", "the recorded map root is not the one over the subjects' heads"),
    "empty": ("completeness", "the ledger holds no event"),
    # receipts
    "receipt": ("integrity", "the receipt does not hold for the events it covers"),
    "receipt_missing": ("completeness", "no receipt covers the event"),
    "receipt_stray": ("completeness", "receipts stand for events that are not there"),
    # author
    "evidence_missing": ("completeness", "a piece of evidence is not stored"),
    "evidence_digest": ("integrity", "a piece of evidence is not the one the header names"),
    "evidence_invalid": ("integrity", "the evidence is not what may stand for such an event"),
    "evidence_unchecked": ("note", "evidence of a kind that only its issuer can check"),
    "author": ("integrity", "the header names another author than the evidence"),
    "author_ended": ("integrity", "the party had been suspended before, or the agent had left it"),
    "key_unknown": ("integrity", "no key of that name was registered before"),
    "key_ended": ("integrity", "the key had been ended before"),
    "key_history": ("integrity", "the keys' events are not those that the log holds"),
    "signature": ("integrity", "the key did not sign the evidence"),
    "key_rotation": ("integrity", "the ledger's old key did not sign the new one"),
    "possession": ("integrity", "the registered key does not prove that its holder has it"),
    "genesis": ("integrity", "the first events are not those of a ledger's opening"),
    "timer": ("integrity", "the timer's statement does not lead to the event"),
    "author_gap": ("authorship", "an author's own numbers of his requests have gaps: refused ones, or withheld"),
    "contested": ("authorship", "signed by a key after the time since which it is reported compromised"),
    "late": ("authorship", "recorded more than two minutes from when the author signed"),
    "on_behalf": ("authorship", "a natural person's act signed by the party's key"),
    # request
    "command_missing": ("completeness", "the command of the save is not stored"),
    "command": ("integrity", "the stored command differs from the save"),
    "command_twice": ("integrity", "one command wrote twice"),
    "command_stray": ("completeness", "stored commands stand for events that are not there"),
    "request_digest": ("integrity", "the stored request is not the one that was signed"),
    "request_invalid": ("integrity", "the stored request is not JSON of the profile"),
    "request_missing": ("completeness", "the request is not stored, and no erasure explains it"),
    "request_stray": ("completeness", "stored requests or lines belong to no command"),
    "request_unfinished": ("note", "groups of a request's lines are not stored: nobody repeated it, or they are gone"),
    "said": ("integrity", "the event's words are not those of the request"),
    "sealed_missing": ("completeness", "a sealed value is not stored, and no erasure explains it"),
    "sealed_value": ("integrity", "a sealed value does not open to what was signed"),
    "action": ("integrity", "the signed request may not write this event"),
    "action_unknown": ("integrity", "the signed request is none of the published actions"),
    "actions_digest": ("integrity", "the published table of actions has another digest than stated"),
    "because": ("integrity", "the event's cause does not stand in its save"),
    "source_taken": ("integrity", "an author's own number stands for two records"),
    "evidence_stray": ("note", "evidence that no event cites, of commands that wrote nothing"),
    "erased": ("note", "the request was erased with its person"),
    "sealed": ("note", "sealed for persons; not opened in this verification"),
    "signatures_unchecked": ("note", "only the structure was checked: no signature, author, request or body"),
    "unanchored": ("note", "events not yet under a known checkpoint"),
    # read models
    "projection": ("views", "a read model is not what the log says"),
    "index": ("views", "a table by which records or persons are found is not what log and sealed values say"),
    "projection_parked": ("note", "a stream is parked: a read model says of it what was so before"),
    "projection_unread": (
        "note",
        "the read models cannot be compared: made by other functions, or never, or of a broken log",
    ),
    # evidence bundles
    "file_missing": ("completeness", "a file of the bundle is not there"),
    "file_unknown": ("integrity", "the manifest lists no such file"),
    "file_digest": ("integrity", "the file is not the one that the manifest lists"),
    "file_malformed": ("integrity", "the file is not of its form"),
    "manifest": ("integrity", "the ledger did not sign this manifest of this bundle"),
    "map_head": ("completeness", "the map of heads does not hold this chain to its end, or does not prove its absence"),
    "subject_missing": ("completeness", "nothing is proven of a subject that was asked for"),
    "place": ("integrity", "the event does not stand there in the log of the checkpoint"),
    "body_missing": ("completeness", "the body is not there, and is not said to be withheld"),
    "stray": ("integrity", "the bundle holds what belongs to none of its events"),
    "equivocation": ("integrity", "the log says two things of one place"),
    "later": ("integrity", "what is to tell what came later does not hold"),
    "absent": ("note", "the ledger holds nothing of this subject or stream"),
    "withheld": ("note", "the receiver of this bundle may not see it"),
    "seam": ("integrity", "the newer ledger does not go on from the older one of the dossier"),
    "seam_gap": ("completeness", "the older ledger's bundle ends before the newer ledger goes on"),
    "seam_closed": ("note", "the newer ledger goes on where the older ledger's bundle ends"),
    "stamp": ("integrity", "the time stamp is not over an earlier state of this log"),
    "stamp_unchecked": (
        "note",
        "a time stamp (RFC 3161) whose maker was not looked at: its root was not given",
    ),
}


RULES: Final[dict[str, str]] = {
    "header_invalid": "event-format §2", "body_invalid": "event-format §2", "body_digest": "event-format §2",
    "position": "event-format §2", "origin": "event-format §2", "stream_invalid": "event-format §6",
    "instant_invalid": "event-format §1", "time_back": "event-format §8", "position_gap": "event-format §2",
    "chain": "event-format §1", "version_gap": "event-format §1", "checkpoint": "C2SP tlog-checkpoint",
    "map_root": "event-format §5", "receipt": "event-format §4", "receipt_missing": "event-format §4",
    "evidence_missing": "event-format §3", "evidence_digest": "event-format §3", "evidence_invalid": "event-format §3",
    "evidence_unchecked": "event-format §3", "author": "event-format §3", "author_ended": "event-format §3",
    "key_unknown": "event-format §3",
    "key_ended": "event-format §3", "signature": "event-format §3", "possession": "event-format §3",
    "genesis": "event-format §5", "timer": "event-format §3", "contested": "event-format §3",
    "late": "event-format §4", "on_behalf": "event-format §3", "request_digest": "event-format §3",
    "request_invalid": "event-format §1", "request_missing": "event-format §3", "said": "event-format §2",
    "sealed_missing": "event-format §2", "sealed_value": "event-format §2", "action": "event-format §3, Actions",
    "action_unknown": "event-format §3, Actions", "actions_digest": "event-format §3, Actions",
    "because": "event-format §2", "erased": "event-format §3", "sealed": "event-format §2",
    "unanchored": "C2SP tlog-policy", "file_missing": "evidence/v1, manifest", "file_unknown": "evidence/v1, manifest",
    "file_digest": "evidence/v1, manifest", "file_malformed": "evidence/v1", "manifest": "evidence/v1, manifest",
    "map_head": "event-format §5, Map", "subject_missing": "event-format §5, Map", "place": "RFC 9162 §2.1.3.2",
    "body_missing": "evidence/v1, bodies", "stray": "evidence/v1", "equivocation": "C2SP tlog-witness",
    "absent": "event-format §5, Map", "withheld": "evidence/v1, withheld", "stamp_unchecked": "RFC 3161",
    "seam": "event-format §5, Continued", "seam_gap": "event-format §5, Continued",
    "seam_closed": "event-format §5, Continued", "continued": "event-format §5, Continued",
    "later": "evidence/v1",
    "key_rotation": "event-format §5, KeyRotated",
    "stamp": "RFC 3161 §2.4.2, RFC 9162 §2.1.4",
}  # fmt: skip
"""Where it is written what a finding in a bundle offends against."""


class Verdict(NamedTuple):
    """One finding: its code, what it touches, the event's position if it has one, and machine's detail."""

    code: str
    kind: Kind
    position: int | None
    detail: str

    def line(self) -> str:
        """Give the finding as one line for people."""
        where = "" if self.position is None else f" at {self.position}"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind}: {self.code}{where}: {CODES[self.code][1]}{detail}"


def verdict(code: str, position: int | None = None, detail: str = "") -> Verdict:
    """Make a finding of a listed code."""
    return Verdict(code, CODES[code][0], position, detail)
