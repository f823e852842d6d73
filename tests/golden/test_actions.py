"""The published table of actions, as it was written down: a change of it is an act of every ledger's operator."""

from __future__ import annotations

import hashlib
import json

from audit import canonical
from domain.identifier_rules import CLEANING_VERSION
from tests.golden.make_actions import FILE, document


def test_the_table_is_the_one_written_down() -> None:
    """A change is read first (`python -m tests.golden.make_actions`, then the difference)."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == document()


def test_the_digest_is_the_written_tables() -> None:
    """The digest is SHA-256 over the canonical JSON of the table in the file, by which a ledger names it."""
    written = json.loads(FILE.read_text(encoding="utf-8"))
    assert hashlib.sha256(canonical.encode(written["table"])).hexdigest() == written["digest"]


def test_the_table_states_the_version_of_the_cleaning_rule() -> None:
    """What an identifier's name was made by is published with its version (event-format §1)."""
    assert document()["table"]["rules"] == {"identifier_cleaning": CLEANING_VERSION}
