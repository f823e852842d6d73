"""What can be wrong with evidence, as one tree with stable codes."""

from __future__ import annotations


class AuditError(Exception):
    """A piece of evidence does not hold; `code` is stable, `details` are for machines."""

    code = "evidence_invalid"

    def __init__(self, message: str, /, *, code: str | None = None, **details: object) -> None:
        """Keep the sentence, the details and, where one class has several, the code."""
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.details = details


class CanonicalError(AuditError):
    """Bytes or a value outside the canonical JSON profile; `details["at"]` is a JSON Pointer where it is known."""

    code = "json_invalid"


class PointerUnresolved(AuditError):
    """A JSON Pointer that is malformed or names nothing in the value."""

    code = "pointer_unresolved"


class NameInvalid(AuditError):
    """A text that is no name, no stream, or a name of a kind that does not fit here."""

    code = "name_invalid"


class InstantInvalid(AuditError):
    """A text that is no instant or civil date of the format, or lies outside the stated range."""

    code = "instant_invalid"


class ProofError(AuditError):
    """A Merkle proof, a tree hash or a frontier that does not hold."""

    code = "proof_invalid"


class MapFileDamaged(AuditError):
    """A file of the map of heads that is another kind of file, or cut, or changed."""

    code = "map_file_damaged"


class NoteError(AuditError):
    """A signed note, a checkpoint, a receipt or a verifier key that is malformed or does not verify."""

    code = "note_malformed"


class TrustInvalid(AuditError):
    """A policy file that is not of the grammar; `details["line"]` counts from 1."""

    code = "trust_malformed"


class BundleInvalid(AuditError):
    """An evidence bundle, or a file to be compared, that is not of the format; `details["file"]` where known."""

    code = "bundle_malformed"


class KeyRefused(AuditError):
    """A public key that is malformed or weak."""

    code = "key_malformed"


class SignatureInvalid(AuditError):
    """A signature that the key did not make over these bytes."""

    code = "signature_invalid"


class TokenRefused(AuditError):
    """A token, statement or body that cannot stand as evidence; `details["claim"]` names the claim where one is."""

    code = "token_malformed"


class BodyRefused(AuditError):
    """A body of lines (NDJSON) that cannot be cut in one way only, or is too large; `line` counts from 1."""

    code = "ndjson_malformed"


class EventInvalid(AuditError):
    """A stored header or body is not of the format."""

    code = "event_invalid"


class ActionMismatch(AuditError):
    """An event is not one that its signed request may write."""

    code = "action_mismatch"


class ContradictionInvalid(AuditError):
    """A file that proves no contradiction of a log: of no such form, about two logs, or both sides may be true."""

    code = "contradiction_malformed"


class SubmissionMalformed(AuditError):
    """The body of an `add-checkpoint` request, or the answer of a witness, is not of the protocol's form."""

    code = "submission_malformed"


class StateRefused(AuditError):
    """A kept state of a verification that is damaged, or that this verification cannot rest on; the code says which."""

    code = "state_damaged"
