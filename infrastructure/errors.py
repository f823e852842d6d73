"""What can go wrong with keeping the ledger: server, folders, settings; one tree with stable codes."""

from __future__ import annotations


class InfrastructureError(Exception):
    """Something the ledger stands on does not hold; `details` are for machines and never personal."""

    code = "infrastructure_failed"

    def __init__(self, message: str, /, **details: object) -> None:
        """Keep the sentence and the details; the code belongs to the class or comes as `code=`."""
        super().__init__(message)
        code = details.pop("code", None)
        if isinstance(code, str):
            self.code = code
        self.message = message
        self.details = details


class SettingsInvalid(InfrastructureError):
    """Settings do not make sense; `details["settings"]` are the names of the variables, never their values."""

    code = "settings_invalid"


class VarInUse(InfrastructureError):
    """Another supervisor holds this folder; `details["pid"]` is its process, None where it cannot be seen."""

    code = "var_in_use"


class VarUnusable(InfrastructureError):
    """The folder cannot be used by this user; `details["folder"]` is the one meant."""

    code = "var_unusable"


class PlatformUnsupported(InfrastructureError):
    """The embedded server needs Linux; a database of one's own works anywhere."""

    code = "platform_unsupported"


class ServerBinariesMissing(InfrastructureError):
    """No PostgreSQL of the wanted major version was found; `details["major"]` is that version."""

    code = "server_binaries_missing"


class ServerAccountMissing(InfrastructureError):
    """PostgreSQL refuses to run as root or as a user without a name, and no account for it was found."""

    code = "server_account_missing"


class DataOfOtherMajor(InfrastructureError):
    """The data were written by another major version; `details` hold `found`, `wanted` and the way to `upgrade`."""

    code = "data_of_other_major"


class ServerFailed(InfrastructureError):
    """The server ended or refused while it was being made or started; `details["log"]` is the end of its log."""

    code = "server_failed"


class DatabaseUnsafe(InfrastructureError):
    """The database could lose what it acknowledged; `details["setting"]` is the setting that is wrong."""

    code = "database_unsafe"


class DatabaseTooOld(InfrastructureError):
    """The server is older than the ledger was made for; `details` hold the version `found` and the one `needed`."""

    code = "database_too_old"


class KeysUnsafe(InfrastructureError):
    """A private key is missing, malformed or readable by others; `details["file"]` names it."""

    code = "keys_unsafe"


class KeysOfAnother(InfrastructureError):
    """A key in the folder is not the one the ledger was opened with; `details` hold `file` and both verifier keys."""

    code = "keys_of_another_ledger"


class ProjectionMoved(InfrastructureError):
    """The read models are not where this projector left them: another one moved on, or they are being rebuilt."""

    code = "projection_moved"


class ProjectorBusy(InfrastructureError):
    """Another projector keeps the read models of this ledger."""

    code = "projector_busy"


class LogDiffers(InfrastructureError):
    """What is stored is not what was hashed; nothing is signed over it. `details["position"]` is where it was seen."""

    code = "log_differs"


class CheckpointerBusy(InfrastructureError):
    """Another checkpointer signs this ledger's checkpoints."""

    code = "checkpointer_busy"


class WitnessFolderUnusable(InfrastructureError):
    """The memory of a witness is missing or cannot be read or written; `details["folder"]` is the place meant."""

    code = "witness_folder_unusable"


class WitnessFolderBusy(InfrastructureError):
    """Another process holds the memory of a witness for longer than a submission takes."""

    code = "witness_folder_busy"


class PeerAway(InfrastructureError):
    """A witness or an authority gave no answer within the limits of time and size; `details["url"]` was asked."""

    code = "peer_away"


class WitnessRefused(InfrastructureError):
    """A witness refused, or answered with what does not hold; `details` hold `url` and `status`."""

    code = "witness_refused"


class WitnessAhead(InfrastructureError):
    """A witness says that it cosigned more of this log than there is here: `details` hold `url`, `seen` and our `size`.

    Only its word: what the log itself signed stands in the witness's `latest`, and the rollback guard decides by that.
    """

    code = "witness_ahead"


class WitnessContradicts(InfrastructureError):
    """A witness says that it cosigned another history of this log (422); `details` hold `url`, `old_size` and `size`.

    Only its word, as with `witness_ahead`.
    """

    code = "witness_contradicts"


class TimestampInvalid(InfrastructureError):
    """A time stamp was not granted, is malformed or does not hold for its checkpoint; the code says which."""

    code = "timestamp_invalid"


class WitnessLogUnusable(InfrastructureError):
    """A witness cannot follow what it was given as a log; `details["origin"]` names it where one was given."""

    code = "witness_log_unusable"


class KeptCheckpointUnusable(InfrastructureError):
    """The checkpoint kept beside the keys cannot be read or written; `details["file"]` names it."""

    code = "kept_checkpoint_unusable"


class ExportOfAnother(InfrastructureError):
    """The folder holds the export of another log, or of another history of this one; nothing was written."""

    code = "export_of_another"


class ExportUnusable(InfrastructureError):
    """The folder of an export cannot be written; `details["folder"]` is the one meant."""

    code = "export_unusable"


class BackupUnusable(InfrastructureError):
    """A backup cannot be written, read or put back; the code says why, and nothing was changed."""

    code = "backup_unusable"


class ShadowsRefused(InfrastructureError):
    """The database lets us make no temporary tables, so the read models cannot be made again beside the stored ones."""

    code = "shadows_refused"


class FileUnusable(InfrastructureError):
    """A file or folder cannot be opened, read or written; `details["file"]` names it where the system did."""

    code = "file_unusable"


class DatabaseRefuses(InfrastructureError):
    """The role of the settings may not do this in the database."""

    code = "database_refuses"


class TablesMissing(InfrastructureError):
    """The database has no tables of this version of the ledger."""

    code = "tables_missing"
