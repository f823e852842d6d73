"""The worked ledger of the event format, verified whole, and what is said of those who rewrite it."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.base64text import encode_url
from audit.note import Checkpoint, open_note, parse_vkey
from audit.verdicts import CODES
from audit.whole import Report
from tests.support.forging import Edit, forged
from tests.support.stored import VECTORS, Stored, worked_ledger

Events = list[tuple[dict[str, Any], dict[str, Any]]]
TOLD = json.loads(VECTORS.read_text(encoding="utf-8"))
RECEIPT_KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(TOLD["seeds"]["receipt"]))
LIFT, APPROVED, CONSUMED, ENROLLED, TIMER, ROOTED = 8, 9, 10, 11, 13, 14
"""Where some events stand, from 0."""


def broken(report: Report) -> set[str]:
    """Give the codes of what breaks integrity or completeness."""
    return {code for code in report.counts if CODES[code][0] in {"integrity", "completeness"}}


def signed_checkpoint() -> Checkpoint:
    """Read the worked ledger's checkpoint."""
    text, _ = open_note(TOLD["checkpoint"], [parse_vkey(TOLD["vkeys"]["checkpoint"])])
    return Checkpoint.parse(text)


@pytest.mark.parametrize("page", range(1, 17))
def test_the_worked_ledger_holds_in_pages_of_any_size(page: int) -> None:
    """Genesis, two subjects, lines with a sealed field and a refused one, a timer and a map root: nothing is wrong."""
    report = worked_ledger().verify(page=page, checkpoints=[signed_checkpoint()])
    assert report.counts == {}
    assert not report.failed(strict=True)
    assert (report.size, report.root) == (15, signed_checkpoint().root)


def test_without_a_checkpoint_the_events_are_unanchored() -> None:
    """All stored bytes agree, but no one else has seen them: reported, and a fault only to a strict verifier."""
    report = worked_ledger().verify()
    assert report.counts == {"unanchored": 15}
    assert not report.failed()
    assert report.failed(strict=True)


def test_a_ledger_cut_where_a_save_ends_is_known_by_a_checkpoint_alone() -> None:
    """Nothing stored says that the last saves are missing, which is why checkpoints are kept elsewhere."""
    cut = worked_ledger()
    for row in cut.events[TIMER:]:
        for piece in json.loads(row.header)["author"]["evidence"]:
            del cut.evidence[piece["digest"]]
    del cut.events[TIMER:], cut.receipts[-1]
    cut.commands = {name: rows for name, rows in cut.commands.items() if rows[0][0] <= TIMER}
    assert broken(cut.verify()) == set()
    assert broken(cut.verify(checkpoints=[signed_checkpoint()])) == {"truncated"}


def test_a_ledger_cut_within_a_save_is_known() -> None:
    """The receipt covers more events than there are, the last event has no edge, and the command says how many."""
    cut = worked_ledger()
    del cut.events[CONSUMED:]
    assert {"receipt", "frontier_missing", "command"} <= broken(cut.verify(counted=False))


def test_an_empty_ledger_is_incomplete() -> None:
    """A ledger without its first save is none."""
    assert broken(Stored("ledger.example/none").verify()) == {"empty"}


def _approve_more(events: Events) -> None:
    events[APPROVED][1]["said"]["amount_fen"] = 9_000_000


def _approve_elsewhere(events: Events) -> None:
    events[APPROVED][0]["stream"] = events[APPROVED][0]["stream"][:-1] + "0"
    events[CONSUMED][1]["found"]["because"]["stream"] = events[APPROVED][0]["stream"]


def _approve_earlier(events: Events) -> None:
    for at in (APPROVED, CONSUMED):
        events[at][0]["effective_at"] = "2024-10-31T16:00:00.000000Z"


def _another_type(events: Events) -> None:
    events[LIFT][0]["type"] = "lift.Scrapped"


def _another_author(events: Events) -> None:
    party = events[4][0]["stream"]
    assert party.startswith("party:")
    events[ENROLLED][0]["author"]["party"] = party


def _another_cause(events: Events) -> None:
    events[CONSUMED][1]["found"]["because"] = {"stream": "ledger", "version": 1}


def _other_reads(events: Events) -> None:
    events[LIFT][1]["found"]["reads"] = dict.fromkeys(events[LIFT][1]["found"]["reads"], 0)


def _true_for_one(events: Events) -> None:
    events[APPROVED][1]["said"]["amount_fen"] = True


def _recorded_before(events: Events) -> None:
    for header, _ in events[4:]:
        header["recorded_at"] = header["effective_at"] = "2025-10-01T00:00:00.000000Z"


def _recorded_late(events: Events) -> None:
    for header, _ in events[LIFT:]:
        if header["effective_at"] == header["recorded_at"]:
            header["effective_at"] = "2025-11-02T00:00:00.000000Z"
        header["recorded_at"] = "2025-11-02T00:00:00.000000Z"


def _no_such_day(events: Events) -> None:
    events[APPROVED][0]["effective_at"] = events[CONSUMED][0]["effective_at"] = "2025-02-30T16:00:00.000000Z"


def _key_of_a_stranger(events: Events) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([99]) * 32).public_key().public_bytes_raw()
    events[5][1]["said"]["public"]["x"] = encode_url(stranger)


def _other_map_root(events: Events) -> None:
    events[ROOTED][1]["found"]["root"] = "0" * 64


def _early_timer(events: Events) -> None:
    events[TIMER][0]["recorded_at"] = events[TIMER][0]["effective_at"] = "2025-11-01T00:00:03.500000Z"


def _no_such_stream(events: Events) -> None:
    events[LIFT][0]["stream"] = "elevator:019a3cb6-bc00-72ff-a887-329ced4925be"


FORGERIES = (
    (_approve_more, {"said"}),
    (_approve_elsewhere, {"action"}),
    (_approve_earlier, {"action"}),
    (_another_type, {"action"}),
    (_another_author, {"author"}),
    (_another_cause, {"because"}),
    (_other_reads, {"reads"}),
    (_true_for_one, {"said"}),
    (_recorded_before, {"time_back"}),
    (_no_such_day, {"instant_invalid", "action"}),
    (_key_of_a_stranger, {"signature", "possession", "said"}),
    (_other_map_root, {"map_root"}),
    (_early_timer, {"timer"}),
    (_no_such_stream, {"stream_invalid"}),
)


@pytest.mark.parametrize("edit,codes", FORGERIES, ids=[edit.__name__.strip("_") for edit, _ in FORGERIES])
def test_whoever_owns_the_ledger_cannot_rewrite_an_author(edit: Edit, codes: set[str]) -> None:
    """With every hash, chain, edge and receipt worked out anew, the signed requests still say what was said."""
    report = forged(worked_ledger(), edit, RECEIPT_KEY).verify()
    assert codes <= broken(report), list(report.lines())
    assert "receipt" not in broken(report) or "stream_invalid" in codes
    assert "frontier" not in broken(report)


@pytest.mark.parametrize("edit,codes", FORGERIES, ids=[edit.__name__.strip("_") for edit, _ in FORGERIES])
def test_whoever_has_no_receipt_key_is_known_by_the_receipts_too(edit: Edit, codes: set[str]) -> None:
    """A database's administrator cannot sign receipts; a map root alone has none, but a checkpoint."""
    report = forged(worked_ledger(), edit).verify(checkpoints=[signed_checkpoint()])
    assert codes | {"checkpoint"} <= broken(report)
    assert edit is _other_map_root or "receipt" in broken(report)


def test_what_is_recorded_long_after_it_was_signed_is_late() -> None:
    """Late is the operator's doing and reported; the stored bytes are sound."""
    report = forged(worked_ledger(), _recorded_late, RECEIPT_KEY).verify()
    assert report.counts["late"] == 3
    assert report.failed(strict=True)


def test_a_refused_line_needs_no_bytes_and_a_written_one_does() -> None:
    """Without its bytes a line that wrote an event is missing, unless its person was erased."""
    stored = worked_ledger()
    name = next(name for name, rows in stored.lines.items() if len(rows) == 3)
    stored.lines[name][1] = stored.lines[name][1]._replace(data=None, state="gone")
    assert broken(stored.verify()) == {"request_missing"}


def test_sealed_requests_are_counted_where_they_cannot_be_opened() -> None:
    """Without the master key a sealed request is not compared, and nothing more is said of it."""
    stored = worked_ledger()
    name = next(name for name, rows in stored.lines.items() if len(rows) == 3)
    stored.lines[name][0] = stored.lines[name][0]._replace(data=None, state="sealed")
    for digest, row in stored.sealed.items():
        stored.sealed[digest] = row._replace(plain=None, state="sealed")
    report = stored.verify(checkpoints=[signed_checkpoint()])
    assert report.counts == {"sealed": 2}
    assert not report.failed(strict=True)


def test_a_sealed_field_must_open_to_the_signed_value() -> None:
    """A value sealed with another text than the request's is found, though its own digest is right."""
    stored = worked_ledger()
    digest, row = next(iter(stored.sealed.items()))
    assert row.plain is not None
    stored.sealed[digest] = row._replace(plain=row.plain.replace("王小明".encode(), "王大明".encode()))
    assert broken(stored.verify()) == {"sealed_value"}


def test_lines_give_one_verdict_each_and_the_two_overall() -> None:
    """The report is text for people: what was verified, each finding, and the two verdicts last."""
    stored = worked_ledger()
    stored.events[LIFT] = stored.events[LIFT]._replace(leaf=bytes(32))
    lines = list(stored.verify().lines())
    assert lines[0].startswith("ledger scripted.ledger.example/district, 15 events to 2025-11-01T00:00:05.000000Z")
    assert lines[1] == "integrity: leaf at 9: the stored leaf is not the header's hash"
    assert lines[-2:] == ["completeness: holds", "integrity: BROKEN"]


def test_the_checkpoint_of_the_vectors_is_the_tree_of_their_events() -> None:
    """The independent script's root is the one worked out here."""
    root = b64decode(TOLD["checkpoint"].split("\n")[2])
    assert worked_ledger().verify().root == root
