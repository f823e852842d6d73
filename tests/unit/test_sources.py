"""What somebody holds of a log is read whatever its form, and what comes from no log is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.bundlefiles import pack
from audit.errors import AuditError, BundleInvalid, CanonicalError, NoteError, ProofError
from audit.sources import of_bundle, read_receipts, read_source
from tests.property.test_exports import POLICY, exported
from tests.support.bundles import LIFT, signed_anew
from tests.support.comparing import (
    answered,
    files,
    log,
    receipt,
    source,
)


@pytest.mark.parametrize(
    "data, error, code",
    [
        (b"\xff", BundleInvalid, "source_unknown"),
        (b"nothing\n", NoteError, "note_malformed"),
        (b"{", CanonicalError, "json_invalid"),
        (b"{}", ProofError, "receipt_proof_malformed"),
        (b'{"groups":[]}', BundleInvalid, "receipt_unknown"),
        (b'{"groups":[1]}', BundleInvalid, "receipt_unknown"),
        (b"c2sp.org/tlog-proof@v2\n", ProofError, "log_proof_malformed"),
        (b"PK", BundleInvalid, "bundle_zip"),
    ],
)
def test_what_comes_from_no_log_is_refused(data: bytes, error: type[AuditError], code: str, tmp_path: Path) -> None:
    """Whatever its form: with a code, before anything is compared."""
    with pytest.raises(error) as caught:
        source(data, tmp_path)
    assert caught.value.code == code


def test_an_answer_of_another_number_of_events_is_none(tmp_path: Path) -> None:
    """Leaves beside a receipt are those of its save; a bundle may be a zip or a folder."""
    told = answered(log(), 10)
    told["groups"][0]["events"].pop()
    with pytest.raises(BundleInvalid):
        source(told, tmp_path)
    made = files(log(), LIFT)
    (tmp_path / "b.zip").write_bytes(pack(made))
    for name, content in made.items():
        (tmp_path / "b" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / name).write_bytes(content)
    one, other = (read_source(tmp_path / name, log().policy) for name in ("b", "b.zip"))
    assert one.leaves == other.leaves
    assert len(read_receipts(receipt(log(), 9).encode())) == 1


@pytest.mark.parametrize("changed", [None, "tile/0/001.p/1", "tile/1/000.p/1"])
def test_tiles_of_another_log_stand_under_no_checkpoint(changed: str | None, tmp_path: Path) -> None:
    """A folder whose tiles lead to another root than its checkpoint's accuses nobody: it is no log at all."""
    for name, content in exported(257).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(32) + content[32:] if name == changed else content)
    if changed is None:
        assert read_source(tmp_path, POLICY).checkpoint is not None
        return
    with pytest.raises(BundleInvalid) as caught:
        read_source(tmp_path, POLICY)
    assert caught.value.code == "export_root"


def test_a_bundle_is_of_the_log_of_its_checkpoint() -> None:
    """A manifest that names another log than signed the checkpoint speaks for neither."""
    with pytest.raises(BundleInvalid) as caught:
        of_bundle(signed_anew(files(log(), LIFT), log(), origin="elsewhere.example/district"), log().policy)
    assert caught.value.code == "manifest_malformed"


def test_a_chain_that_is_not_whole_leads_to_no_key() -> None:
    """Neither one whose beginning is broken, nor one whose words are no JSON: whoever needs the key looks elsewhere."""
    bundle = of_bundle(files(log(), LIFT), log().policy).bundle
    assert bundle is not None
    assert bundle.key() is not None
    assert replace(bundle, chains={**bundle.chains, "ledger": {}}).key() is None
    bodies = dict.fromkeys(bundle.contents.bodies, b"no JSON")
    assert replace(bundle, contents=replace(bundle.contents, bodies=bodies)).key() is None
