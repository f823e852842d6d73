"""What an answer says of the operator's witnesses: whether enough of them cosigned the checkpoint that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from application.proving import Proofs

QUORUM: Final = "Evidence-Quorum"
QUORUM_HEADER: Final[Mapping[str, Any]] = {
    QUORUM: {
        "schema": {"type": "string", "enum": ["yes", "no", "none"]},
        "description": "Whether the quorum of the operator's witnesses cosigned the checkpoint; "
        "`none`: the operator asks none of any witness, so nobody beside the ledger need have signed it.",
    },
}  # fmt: skip


def quorum_of(proofs: Proofs, note: str) -> str:
    """Say whether a checkpoint's note bears the quorum of the operator's policy: yes, no, or none is asked for."""
    if not proofs.asks_quorum():
        return "none"
    return "yes" if proofs.has_quorum(note) else "no"
