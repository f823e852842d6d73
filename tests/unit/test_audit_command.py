"""`python -m audit` as it is called: exit status, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit import canonical, contradictions, note
from audit.__main__ import main
from audit.bundlefiles import pack
from audit.bundles import HEADS, chain_file
from audit.keys import public_bytes
from tests.support.bundles import LIFT, approve_more, signed_anew
from tests.support.comparing import files, log, receipt

Told = pytest.CaptureFixture[str]


def test_a_receipt_that_does_not_show_its_events_judges_none(tmp_path: Path, capsys: Told) -> None:
    """Of a save of two events the receipt alone says neither yes nor no; of a save of one its root is the leaf."""
    made = log()
    vkey = note.vkey(f"{made.stored.origin}/receipt", public_bytes(made.receipt_key.public_key()))
    forged = receipt(made, 10).replace("/receipt\n10 2\n", "/receipt\n10 3\n")
    one, two = receipt(made, 9), receipt(made, 10)
    file = tmp_path / "receipt"
    for text, position, status in ((two, 10, 2), (two, 9, 2), (one, 9, 0), (one, 10, 1), (forged, 10, 1)):
        file.write_text(text, encoding="utf-8")
        leaf = made.stored.events[position - 1].leaf.hex()
        assert main(["receipt", str(file), "--vkey", vkey, "--leaf", leaf]) == status
        told = capsys.readouterr()
        assert ("receipt_leaves" in told.err) is (status == 2)


EVIL = "lift:\x1b[2J\r\nintegrity: holds\x7f"


def forged_subject() -> bytes:
    """Give a bundle whose ledger signed a subject that would write a line of the report."""
    made, bundle = log(), files(log(), LIFT)
    heads: Any = canonical.decode(bundle[HEADS])
    return pack(signed_anew(bundle | {HEADS: canonical.encode({**heads, EVIL: heads[LIFT]})}, made))


@pytest.mark.parametrize(
    "data, status, shown",
    [
        (forged_subject(), 1, r"lift:\x1b[2J\r\nintegrity: holds\x7f"),
        (pack({f"{EVIL}\x9b\u202e\u2066\U000e0001": b""}), 2, r"holds\x7f\x9b\u202e\u2066\U000e0001"),
    ],
)
def test_what_is_read_draws_nothing(data: bytes, status: int, shown: str, tmp_path: Path, capsys: Told) -> None:
    """No control character, turned or added line out of what a bundle holds: it stands there in escapes."""
    (tmp_path / "policy").write_text(log().policy_text, encoding="utf-8")
    (tmp_path / "bundle.zip").write_bytes(data)
    for more in ([], ["--json"]):
        asked = ["verify", str(tmp_path / "bundle.zip"), "--policy", str(tmp_path / "policy"), *more]
        assert main(asked) == status
        told = capsys.readouterr()
        lines = (told.out + told.err).split("\n")
        assert all(line.isprintable() for line in lines)
        assert more or any(shown in line for line in lines)


def test_a_proof_too_large_for_a_file_is_told_all_the_same(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 and the kind, whatever its size; what is not written is said, and what to keep instead."""
    monkeypatch.setattr(contradictions, "BYTES_MAX", 100)
    (tmp_path / "policy").write_text(log().policy_text, encoding="utf-8")
    for name, made in (("a.zip", log()), ("b.zip", log(approve_more))):
        (tmp_path / name).write_bytes(pack(files(made, LIFT)))
    asked = ["compare", *(str(tmp_path / name) for name in ("a.zip", "b.zip")), "--policy", str(tmp_path / "policy")]
    assert main([*asked, "--out", str(tmp_path / "proof.json")]) == 1
    told = capsys.readouterr()
    assert "(roots)" in told.out
    assert "keep the two that were compared, which show it again. (contradiction_too_large)" in told.err
    assert not (tmp_path / "proof.json").exists()


def test_what_of_a_bundle_is_broken_is_told_beside_a_comparison(tmp_path: Path, capsys: Told) -> None:
    """The contradiction counts all the same; the broken line is named on standard error, with the file it stands in."""
    honest, name = files(log(), LIFT), chain_file(LIFT)
    (tmp_path / "policy").write_text(log().policy_text, encoding="utf-8")
    (tmp_path / "a.zip").write_bytes(pack(honest | {name: b"no JSON\n" + honest[name].partition(b"\n")[2]}))
    (tmp_path / "b.zip").write_bytes(pack(files(log(approve_more, 16), LIFT)))
    asked = ["compare", *(str(tmp_path / each) for each in ("a.zip", "b.zip")), "--policy", str(tmp_path / "policy")]
    assert main(asked) == 1
    told = capsys.readouterr()
    assert "(position)" in told.out
    assert f"{tmp_path / 'a.zip'}: integrity: header_invalid" in told.err
    assert "b.zip" not in told.err
