"""The tree of refusals: every one has a stable code, a sentence for people and details for machines."""

from __future__ import annotations


class DomainError(Exception):
    """A refusal with a stable `code`; `details` are machine-readable and never personal."""

    code = "refused"

    def __init__(self, message: str, /, **details: object) -> None:
        """Keep the sentence and the details; the code belongs to the class or comes as `code=`."""
        super().__init__(message)
        code = details.pop("code", None)
        if isinstance(code, str):
            self.code = code
        self.message = message
        self.details = details


class Invalid(DomainError):
    """The input is malformed or out of range."""

    code = "invalid"


class NotFound(DomainError):
    """The thing named does not exist, or not for this reader."""

    code = "not_found"


class Forbidden(DomainError):
    """The author has no right to this act."""

    code = "forbidden"


class Conflict(DomainError):
    """The state of the ledger does not allow it, or moved meanwhile."""

    code = "conflict"


class RuleBroken(DomainError):
    """A rule of the pack in force refuses the act; `details["rule"]` is its id."""

    code = "rule_broken"


class Busy(DomainError):
    """The ledger cannot take this now; trying again later is safe."""

    code = "busy"
