"""Time stamps in a bundle: which state of the log they are over, and that the bundle's log grew out of it.

Who stamped, and when, is in the response of RFC 3161; checking its signature takes the authority's certificate and a
tool for it (`openssl ts -verify -in stamps/1.tsr -data stamps/1.checkpoint -CAfile ROOT.pem`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from audit.bundles import Stamp, stamp_file
from audit.checkpoints import Checkpoint
from audit.errors import AuditError
from audit.findings import Findings
from audit.merkle import verify_consistency
from audit.note import split_note

__all__ = ["check_stamps"]


def check_stamps(stamps: Mapping[int, Stamp], checkpoint: Checkpoint | None, findings: Findings) -> None:
    """Hold what was stamped against the checkpoint; say of each stamp over how many events it is.

    A response without the digest of what it should be over cannot be a stamp over it, whoever made it.
    """
    for number, stamp in stamps.items():
        file = stamp_file(number)
        if sha256(stamp.note).digest() not in stamp.token:
            findings.find("stamp", file, detail="over other bytes")
            continue
        try:
            size = _stamped(stamp, checkpoint)
        except (AuditError, UnicodeDecodeError) as error:
            findings.find("stamp", stamp_file(number, "checkpoint"), detail=getattr(error, "code", "text"))
            continue
        findings.find("stamp_unchecked", file, detail=f"over the first {size} events")


def _stamped(stamp: Stamp, checkpoint: Checkpoint | None) -> int:
    stated = Checkpoint.parse(split_note(stamp.note.decode())[0])
    if checkpoint is None or stated.origin != checkpoint.origin:
        raise AuditError("It is not of the bundle's log.", code="origin_mismatch")
    verify_consistency(stated.size, checkpoint.size, stamp.path, stated.root, checkpoint.root)
    return stated.size
