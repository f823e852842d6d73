"""The ledger's own acts: publishing the table of actions that newer software brings, handing on its own keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from application.actions import Action, Writes
from application.parties import require_manager
from application.work import Work
from audit.errors import NoteError
from audit.rotation import RECEIPT, check_rotation
from domain.aggregate import Statement
from domain.errors import Conflict, Invalid
from domain.ledgers import STREAM, ActionsPublication, KeyChange, Ledger


def actions_action(table: Callable[[], tuple[str, Mapping[str, Any]]]) -> Action:
    """Give the action by which the operator publishes the running software's table; `table` gives (digest, table)."""

    def publish(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
        work.allow("ledger.publish_actions")
        require_manager(work.author)
        digest, rows = table()
        ledger = work.change(Ledger, STREAM)
        if statement.said["digest"] != digest:
            raise Conflict("this is not the running software's table", code="actions_differ", digest=digest)
        if ledger.actions == digest:
            raise Conflict("this table is in force already", code="actions_same", digest=digest)
        ledger.record(Ledger.ActionsPublished, statement, {"table": rows})

    return Action(
        "ledger.publish_actions", "POST", "/ledger/actions", ActionsPublication, publish,
        (Writes("ledger.ActionsPublished", STREAM),),
        "Publish the table of actions of the software now running", "发布现行操作表",
    )  # fmt: skip


def _rotate(work: Work, statement: Statement, _path: Mapping[str, str]) -> None:
    work.allow("ledger.rotate_key")
    require_manager(work.author)
    ledger = work.change(Ledger, STREAM)
    said = statement.said
    old = (ledger.receipt_key,) if said["use"] == RECEIPT else ledger.checkpoint_keys
    used = {*ledger.retired, ledger.receipt_key, *ledger.checkpoint_keys}
    try:
        check_rotation(said, origin=ledger.origin, old=old, used=used)
    except NoteError as refused:
        raise Invalid(refused.message, code=refused.code) from refused
    ledger.record(Ledger.KeyRotated, statement)


ROTATE = Action(
    "ledger.rotate_key", "POST", "/ledger/keys", KeyChange, _rotate, (Writes("ledger.KeyRotated", STREAM),),
    "Hand on the key of receipts or checkpoints: the old key signs the new", "更换账本密钥（旧钥签新钥）",
)  # fmt: skip
