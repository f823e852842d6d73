"""`python -m audit` as it is called: exit status, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit import note
from audit.__main__ import main
from audit.keys import public_bytes
from tests.support.comparing import log, receipt

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
