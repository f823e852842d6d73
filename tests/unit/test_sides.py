"""What one side of a contradiction proves: nothing made up, no rotation left out, no key but the ledger's own."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, note
from audit.comparing import compare
from audit.contradictions import FORMAT, proven
from audit.errors import AuditError, NoteError
from audit.keys import public_bytes
from audit.sources import of_bundle
from tests.support.bundles import LIFT, approve_more
from tests.support.comparing import (
    Events,
    answered,
    files,
    keys_of,
    log,
    proof,
    receipt,
    register_other,
    signed_receipt,
    source,
)


def test_every_changed_byte_of_a_proof_is_rejected() -> None:
    """A proof proves what it did or nothing: whoever made it up cannot make a log guilty."""
    policy = log().policy
    data = proof(files(log(), LIFT), files(log(approve_more, 16), LIFT))
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(AuditError):
            proven(changed, policy)


def test_two_sides_that_may_both_be_true_prove_nothing() -> None:
    """The same side twice, sides of no common place, and sides that are none."""
    policy = log().policy
    told: Any = canonical.decode(proof(files(log(), LIFT), files(log(approve_more, 16), LIFT)))
    side = told["sides"][0]
    bare = {"checkpoint": side["checkpoint"]}
    unproven: list[Any] = [[side, side], [bare, bare]]
    malformed: list[Any] = [
        [side, {**side, "more": 1}],
        [side, {**side, "headers": [side["headers"][0]] * 2}],
        [side, {**side, "root": {}}],
        [side, {}],
        [side, {**bare, "first": 1, "leaves": [], "paths": []}],
        [side, {**bare, "first": True, "leaves": ["ab" * 32], "paths": [[]]}],
        [side, {**bare, "first": 1, "leaves": ["ab" * 32], "paths": []}],
        [side, {"receipt": side["checkpoint"]}],
    ]
    for pairs, code in ((unproven, "contradiction_unproven"), (malformed, "contradiction_malformed")):
        for sides in pairs:
            with pytest.raises(AuditError) as caught:
                proven(canonical.encode({"format": FORMAT, "sides": sides}), policy)
            if "receipt" not in sides[1]:
                assert caught.value.code == code, sides


def test_a_receipt_accuses_only_by_the_ledgers_own_key(tmp_path: Path) -> None:
    """The key is the one that the ledger's chain names for the position, under a checkpoint that is believed."""
    honest, policy = log(), log().policy
    bundle = of_bundle(files(log(register_other, 16), LIFT), policy)
    forged = signed_receipt(honest, 9, 1, bytes(32), Ed25519PrivateKey.generate())
    with pytest.raises(NoteError) as unsigned:
        compare(source(forged, tmp_path), bundle, policy)
    assert unsigned.value.code == "note_unsigned"
    with pytest.raises(NoteError) as nowhere:
        compare(source(receipt(honest, 9), tmp_path), source(receipt(honest, 9), tmp_path), policy)
    assert nowhere.value.code == "receipt_key"
    late = signed_receipt(honest, 99, 1, bytes(32))
    with pytest.raises(NoteError) as beyond:
        compare(source(late, tmp_path), bundle, policy)
    assert beyond.value.code == "receipt_key"


def test_a_receipt_is_judged_by_the_key_of_its_position(tmp_path: Path) -> None:
    """After a rotation the old key signs for what stood before it, and for nothing behind it."""
    new = Ed25519PrivateKey.generate()
    vkey = note.vkey(f"{log().stored.origin}/receipt", public_bytes(new.public_key()))

    def rotate(events: Events) -> None:
        header, body = events[11]
        header |= {"stream": "ledger", "type": "ledger.KeyRotated"}
        body["said"] = {"keys": [vkey], "signed": "", "use": "receipt"}

    rotated = log(rotate)
    keys = keys_of(rotated, tmp_path)
    for first, old_signs in ((10, True), (12, True), (13, False), (14, False)):
        for key, signs in ((rotated.receipt_key, old_signs), (new, not old_signs)):
            kept = source(signed_receipt(rotated, first, 1, bytes(32), key), tmp_path)
            if signs:
                assert compare(kept, kept, rotated.policy, keys=keys) is None
            else:
                with pytest.raises(NoteError):
                    compare(kept, kept, rotated.policy, keys=keys)


def test_no_rotation_can_be_left_out_of_a_side(tmp_path: Path) -> None:
    """The chain of a side is whole, each event that names keys comes with its body, and nothing stands beside."""
    policy = log().policy
    bundle = of_bundle(files(log(register_other, 16), LIFT), policy)
    found = compare(source(receipt(log(), 9), tmp_path), bundle, policy)
    assert found is not None
    told: Any = canonical.decode(found.encode())
    changes: list[dict[str, Any]] = [
        {"headers": []},
        {"bodies": []},
        {"bodies": told["sides"][0]["key"]["bodies"] * 2},
        {"bodies": [*told["sides"][0]["key"]["bodies"], {}]},
        {"subject": LIFT},
        {"more": 1},
    ]
    for change in changes:
        changed = deepcopy(told)
        changed["sides"][0]["key"] |= change
        with pytest.raises(AuditError):
            proven(canonical.encode(changed), policy)
    changes = [{"index": True, "leaf": "ab" * 32, "path": []}, {"index": 0}, {"key": {}}, {"receipt": "x"}]
    for change in changes:
        changed = deepcopy(told)
        changed["sides"][0] |= change
        with pytest.raises(AuditError):
            proven(canonical.encode(changed), policy)


def test_every_changed_byte_of_a_receipts_proof_is_rejected(tmp_path: Path) -> None:
    """T4: neither the receipt, nor what leads to its key, nor the log's side can be made up."""
    policy = log().policy
    bundle = of_bundle(files(log(approve_more, 16), LIFT), policy)
    found = compare(source(answered(log(), 10), tmp_path), bundle, policy)
    assert found is not None
    data = found.encode()
    for at in range(0, len(data), 97):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(AuditError):
            proven(changed, policy)
