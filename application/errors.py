"""Refusals that belong to writing itself, not to a noun of the business."""

from __future__ import annotations

from domain.errors import Busy, Conflict, DomainError, Forbidden, Invalid


class VersionMoved(Conflict):
    """A stream of the save is no longer at the version the save was made for; nothing was written."""

    code = "version_moved"


class ReadMoved(Conflict):
    """A stream that the decision read has moved meanwhile; nothing was written."""

    code = "read_moved"


class CommandReused(Conflict):
    """The command id was used before with another method, uri or body."""

    code = "command_reused"


class SourceTaken(Conflict):
    """The author's own number names another record already; `details["stream"]` says which."""

    code = "source_taken"


class TokenLate(Forbidden):
    """The token was made too far from the ledger's time; `details["ledger_time"]` is that time."""

    code = "token_late"


class TooLarge(Invalid):
    """A named limit was passed; `details` name the limit and the size."""

    code = "too_large"


class QueueFull(Busy):
    """What waits to be written is at a limit (`details["limit"]`); try again after `details["retry_after_s"]`."""

    code = "queue_full"


class ClockBehind(Busy):
    """The database's clock is too far behind the log, or stepped ahead; the ledger does not write."""

    code = "clock_behind"


class OutcomeUnknown(DomainError):
    """The connection was lost while committing and could not be asked again; repeat with the same command id."""

    code = "outcome_unknown"


class Unauthenticated(DomainError):
    """The request is not proven to come from a registered party; `details` may say which claim was wrong."""

    code = "unauthenticated"


class Unforeseen(DomainError):
    """The recorder failed on this save in a way nobody foresaw; nothing of it was written."""

    code = "unforeseen"


class TableBroken(Unforeseen):
    """What was decided is not what the published table lets the request write: a defect of the ledger, not stored.

    `details` name the action and the member that differs: type, said, from, stream, effective_at or because.
    """

    code = "action_mismatch"


class DatabaseAway(Busy):
    """The database cannot be reached; nothing was written. Try again after `details["retry_after_s"]`."""

    code = "database_away"


class AnswerTooSlow(Invalid):
    """The answer would take longer than `details["seconds_max"]`; ask for a shorter time or a smaller area."""

    code = "answer_too_slow"


class LockHeld(Busy):
    """Another session holds the ledger's lock and does not let it go; nothing was written. It is for the operator."""

    code = "lock_held"


class NotSupported(DomainError):
    """The ledger does not do this, on purpose; the sentence says what it does instead."""

    code = "not_supported"


class ProjectionBehind(Busy):
    """The read models, or the log, have not reached the position asked for; `details["position"]` is where they are."""

    code = "projection_behind"


class RolledBack(Busy):
    """The database is behind what was acknowledged (a restored backup, a lagging standby); nothing is signed on it.

    `details` hold its `size` and the size `seen` before; the way out is the operator's.
    """

    code = "ledger_rolled_back"


class WitnessRecordBroken(DomainError):
    """What a witness kept of a log does not bear its own cosignature, or is another log's: it cosigns nothing on it."""

    code = "witness_record_broken"
