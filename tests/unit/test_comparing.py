"""Two things of one ledger that cannot both be true, and the file that proves it to whoever holds the ledger's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, comparing, note
from audit.bundles import chain_file
from audit.bundleverify import verify_bundle
from audit.comparing import Offered, compare, read_offered
from audit.contradictions import Contradiction, proven
from audit.cosignatures import cosign, cosigner_vkey
from audit.errors import AuditError, BundleInvalid, ContradictionInvalid, NoteError
from audit.keys import public_bytes
from audit.logproofs import LogProof
from audit.merkle import inclusion_path, root
from audit.policy import Policy
from audit.receiptproofs import ReceiptProof
from audit.sources import Source, of_bundle
from tests.support.bundles import (
    AGENT,
    FUND,
    LIFT,
    NOTHING,
    POLICY,
    Files,
    approve_more,
    signed_anew,
    without_line,
)
from tests.support.comparing import (
    OTHER,
    Events,
    answered,
    exported,
    files,
    keys_of,
    kind,
    kind_of,
    log,
    move_visit,
    path,
    proof,
    receipt,
    register_other,
    rename_all,
    signed,
    signed_receipt,
    source,
    swap_lines,
)
from tests.support.forging import Edit


def test_two_roots_of_one_size_need_their_checkpoints_alone() -> None:
    """T3: two histories of one size, whatever the bundles are about; the proof is the one that a witness keeps."""
    one, other = files(log(), FUND), files(log(approve_more), NOTHING)
    data = proof(one, other)
    notes = [each["checkpoint"].decode() for each in (one, other)]
    assert data == Contradiction.of_notes(notes[0], notes[1]).encode()
    assert proven(data, log().policy) == "roots"


@pytest.mark.parametrize(
    "edit, sizes, expected",
    [
        (approve_more, (15, 16), "position"),
        (move_visit, (15, 16), "shorter"),
        (move_visit, (16, 15), "omitted"),
        (swap_lines, (15, 16), "chain"),
    ],
)
def test_histories_of_two_sizes_part_where_a_subject_does(edit: Edit, sizes: tuple[int, int], expected: str) -> None:
    """T2, T4, T5: another event at a place, a chain that grew shorter, a map that left an event out, another order."""
    honest, faithless = log(size=sizes[0]), log(edit, size=sizes[1])
    assert kind(files(honest, LIFT), files(faithless, LIFT)) == expected


def test_an_absence_contradicts_a_presence() -> None:
    """T5: what stands in the log cannot be absent from a later map, nor from an earlier one that covers its place."""
    for sizes, expected in (((15, 16), "shorter"), ((16, 15), "omitted")):
        gone = log(move_visit, size=sizes[0])
        honest = log(size=sizes[1])
        assert kind(files(gone, OTHER), files(honest, OTHER)) == expected


def test_single_places_contradict_too() -> None:
    """T3: an event that a bundle carries beside its chains, by its path alone, against another at its place."""
    # The bundle of the policy carries the claim's approval as the cause of what its limit consumed.
    assert kind(files(log(), POLICY), files(log(approve_more, 16), LIFT)) == "position"
    assert kind(files(log(), POLICY), files(log(approve_more, 16), POLICY)) in {"position", "chain"}


def test_one_history_contradicts_itself_nowhere() -> None:
    """Bundles of one ledger, of one size or two, for whatever subjects, are consistent as far as they overlap."""
    assert kind(files(log(), LIFT), files(log(), LIFT, FUND)) is None
    assert kind(files(log(), LIFT, NOTHING), files(log(size=16), LIFT, NOTHING)) is None
    assert kind(files(log(), AGENT), files(log(approve_more, 16), FUND)) is None


def test_nobody_is_accused_without_his_signature() -> None:
    """A log whose key the verifier does not believe signed nothing, and two logs cannot contradict each other."""
    one, other = files(log(), LIFT), files(log(approve_more), LIFT)
    stranger = note.vkey(log().stored.origin, public_bytes(Ed25519PrivateKey.generate().public_key()))
    nobody = Policy.parse(f"log {stranger}\nquorum none\n".encode())
    with pytest.raises(NoteError) as caught:
        of_bundle(one, nobody)
    assert caught.value.code == "note_unsigned"
    with pytest.raises(NoteError):
        proven(proof(one, other), nobody)
    own, elsewhere = of_bundle(one, log().policy), Source("elsewhere.example")
    with pytest.raises(BundleInvalid) as apart:
        compare(own, elsewhere, log().policy)
    assert apart.value.code == "bundles_apart"


@pytest.mark.parametrize("size", [1, 8, 10, 12, 13])
def test_an_export_shows_the_root_of_an_earlier_size(size: int, tmp_path: Path) -> None:
    """T2: an old checkpoint, of a power of two as well, against the tiles of a history that was written anew."""
    honest, faithless = log(), log(rename_all, 16)
    tree = exported(faithless, tmp_path / "export")
    assert kind_of(signed(honest, size, tmp_path), tree) == "roots"
    assert kind_of(signed(faithless, size, tmp_path), tree) is None


@pytest.mark.parametrize("size, expected", [(9, None), (11, "roots"), (13, "roots")])
def test_a_path_shows_the_root_of_an_earlier_size(size: int, expected: str | None, tmp_path: Path) -> None:
    """T2: the path that the ledger answers with is enough, unless the earlier size is a power of two."""
    faithless = log(approve_more, 16)
    old, new = signed(log(), size, tmp_path), exported(faithless, tmp_path / "export")
    bare = Source(new.origin, new.note, new.checkpoint)
    assert kind_of(old, bare, path(faithless, size, 16)) == expected


def test_what_a_path_does_not_show_is_said(tmp_path: Path) -> None:
    """Without one, between other trees, from a power of two, or made up: nothing is proven, and nobody is told so."""
    policy, faithless = log().policy, log(rename_all, 16)
    new = exported(faithless, tmp_path / "export")
    bare = Source(new.origin, new.note, new.checkpoint)
    for size, offered, code in (
        (8, None, "nothing_shared"),
        (9, path(faithless, 8, 16), "path_sizes"),
        (8, path(faithless, 8, 16), "contradiction_claimed"),
        (11, Offered(11, 16, (bytes(32),)), "contradiction_claimed"),
    ):
        with pytest.raises(AuditError) as caught:
            compare(signed(log(), size, tmp_path), bare, policy, offered=offered)
        assert caught.value.code == code
    for wrong in ({}, {"old": 2, "new": 1, "path": []}, {"old": 1, "new": 2, "path": ["x"]}):
        with pytest.raises(BundleInvalid) as malformed:
            read_offered(canonical.encode(wrong))  # type: ignore[arg-type] # every value of the table is JSON
        assert malformed.value.code == "path_malformed"


def test_a_bundle_is_held_against_an_export(tmp_path: Path) -> None:
    """T2, T3: whichever of the two is the later one; by their roots, or by the events that the bundle carries."""
    for sizes, expected in (((15, 16), "roots"), ((15, 15), "roots"), ((16, 15), "position")):
        bundle = of_bundle(files(log(approve_more, sizes[0]), LIFT), log().policy)
        assert kind_of(bundle, exported(log(size=sizes[1]), tmp_path / "export")) == expected
    elsewhere = of_bundle(files(log(approve_more, 16), FUND), log().policy)
    assert kind_of(elsewhere, exported(log(), tmp_path / "export")) is None


def test_t4_a_receipt_without_inclusion(tmp_path: Path) -> None:
    """T4: who was given a receipt proves by it that the log holds another event there: against any form of the log."""
    honest, faithless = log(), log(register_other, 16)
    kept = source(receipt(honest, 9), tmp_path)
    bundle = of_bundle(files(faithless, LIFT), log().policy)
    assert kind_of(kept, bundle) == "receipt"
    keys = keys_of(faithless, tmp_path)
    assert kind_of(kept, exported(faithless, tmp_path / "export"), keys=keys) == "receipt"
    row = faithless.stored.events[8]
    text = LogProof(8, tuple(faithless.inclusion(9, 16)), faithless.at(16).note).text()
    assert kind_of(kept, source(text, tmp_path, row.header), keys=keys) == "receipt"
    assert kind_of(source(receipt(faithless, 9), tmp_path), bundle) is None
    with pytest.raises(BundleInvalid) as nothing:  # a proof alone does not say which event it is about
        compare(kept, source(text, tmp_path, honest.stored.events[8].header), log().policy, keys=keys)
    assert nothing.value.code == "nothing_shared"


def test_t4_one_event_of_a_save_without_inclusion(tmp_path: Path) -> None:
    """T4: of a save of two events by the answer of its write, by a receipt's proof with the header, by its root."""
    honest, faithless = log(), log(approve_more, 16)
    bundle = of_bundle(files(faithless, LIFT), log().policy)
    assert kind_of(source(answered(honest, 10), tmp_path), bundle) == "receipt"
    assert kind_of(source(answered(faithless, 10), tmp_path), bundle) is None
    leaves = [row.leaf for row in honest.stored.events[9:11]]
    told: Any = ReceiptProof(0, tuple(inclusion_path(leaves, 0)), receipt(honest, 10)).to_json()
    assert kind_of(source(told, tmp_path, honest.stored.events[9].header), bundle) == "receipt"
    tree, keys = exported(faithless, tmp_path / "export"), keys_of(honest, tmp_path)
    for held in (told, receipt(honest, 10)):
        assert kind_of(source(held, tmp_path), tree, keys=keys) == "receipt"
        assert kind_of(source(held, tmp_path), bundle) == "receipts"  # which leaf it was is not known here
    assert kind_of(source(receipt(faithless, 10), tmp_path), tree, keys=keys) is None


def test_t4_two_receipts_for_one_position(tmp_path: Path) -> None:
    """T4: one range with two roots, or ranges that overlap: a position belongs to one save."""
    honest, faithless = log(), log(approve_more)
    keys = keys_of(honest, tmp_path)
    kept = source(receipt(honest, 10), tmp_path)
    for other in (
        receipt(faithless, 10),
        signed_receipt(honest, 11, 2, bytes(32)),
        signed_receipt(honest, 9, 5, bytes(32)),
    ):
        assert kind_of(kept, source(other, tmp_path), keys=keys) == "receipts"
    assert kind_of(kept, source(receipt(honest, 11), tmp_path), keys=keys) is None
    with pytest.raises(BundleInvalid) as nothing:
        compare(kept, source(receipt(honest, 12), tmp_path), log().policy, keys=keys)
    assert nothing.value.code == "nothing_shared"


def test_t4_receipts_in_two_bundles(tmp_path: Path) -> None:
    """T4: two bundles may carry the same event of a save, and receipts that differ in an event that both left out."""
    one, other = files(log(), AGENT), files(log(size=16), AGENT)
    saves = [canonical.decode(line) for line in other["saves.ndjson"].splitlines()]
    leaves = [log().stored.events[11].leaf, bytes(32)]
    for save in saves:
        if isinstance(save, dict) and save["first"] == 12:
            paths: Any = {"12": [node.hex() for node in inclusion_path(leaves, 0)]}
            save |= {"receipt": signed_receipt(log(), 12, 2, root(leaves)), "paths": paths}
    changed = signed_anew(
        other | {"saves.ndjson": b"".join(canonical.encode(save) + b"\n" for save in saves)}, log(size=16)
    )
    assert verify_bundle(changed, log().policy).holds
    assert kind(one, changed) == "receipts"
    assert kind(one, other) is None


def test_every_bundle_that_is_there_may_lead_to_the_key(tmp_path: Path) -> None:
    """T4: a ledger that names another key after its receipt hides nothing: the bundle named by `--keys` counts too."""
    vkey = note.vkey(f"{log().stored.origin}/receipt", public_bytes(Ed25519PrivateKey.generate().public_key()))

    def rotate(events: Events) -> None:
        events[11][0].update(stream="ledger", type="ledger.KeyRotated")
        events[11][1]["said"] = {"keys": [vkey], "signed": "", "use": "receipt"}
        events[12][1]["salt"] = "11" * 16

    kept = source(signed_receipt(log(), 13, 1, log().stored.events[12].leaf), tmp_path)
    bundle = of_bundle(files(log(rotate, 16), LIFT), log().policy)
    with pytest.raises(NoteError) as unsigned:
        compare(kept, bundle, log().policy)
    assert unsigned.value.code == "note_unsigned"
    assert kind_of(kept, bundle, keys=keys_of(log(), tmp_path)) == "receipt"


def with_line(made: Files, subject: str, number: int, line: bytes) -> Files:
    """Put another line, from 0, into a chain."""
    lines = made[chain_file(subject)].splitlines()
    lines[number] = line
    return made | {chain_file(subject): b"".join(each + b"\n" for each in lines)}


@pytest.mark.parametrize("subject, number", [(LIFT, 0), ("ledger", 0)])
@pytest.mark.parametrize("line", [b"no JSON", b"{}", None])
def test_a_broken_line_hides_no_contradiction(subject: str, number: int, line: bytes | None) -> None:
    """T2, T5: what is no header, or not the one that the next names, spoils nothing that leads to the map."""
    honest, faithless = files(log(), LIFT), files(log(approve_more, 16), LIFT)
    if line is None:
        line = honest[chain_file(subject)].splitlines()[number].replace(b'"schema":1', b'"schema":2')
    for one, other in (
        (with_line(honest, subject, number, line), faithless),
        (honest, with_line(faithless, subject, number, line)),
    ):
        assert kind(one, other) == "position"


def test_what_is_broken_accuses_nobody(tmp_path: Path) -> None:
    """What differs in a line that nothing sound leads to, in a chain or behind it, is neither proven nor agreed."""
    honest, later = files(log(), LIFT), files(log(size=16), LIFT)
    first = honest[chain_file(LIFT)].splitlines()[0]
    changed = with_line(honest, LIFT, 0, first.replace(b'"schema":1', b'"schema":2'))
    for broken in (
        changed,
        without_line(changed, chain_file(LIFT), -1),
        honest | {chain_file(LIFT): honest[chain_file(LIFT)] + b"no JSON\n"},
    ):
        for pair in ((broken, later), (later, broken)):
            with pytest.raises(ContradictionInvalid) as caught:
                kind(*pair)
            assert caught.value.code == "contradiction_claimed"
    with pytest.raises(ContradictionInvalid) as claimed:
        kind_of(of_bundle(changed, log().policy), exported(log(size=16), tmp_path))
    assert claimed.value.code == "contradiction_claimed"
    assert kind(changed, changed) is None


def test_a_bad_cosignature_accuses_the_log_all_the_same() -> None:
    """T3: whoever spoils a witness's line does not save the log from what it signed itself."""
    witness = Ed25519PrivateKey.generate()
    policy = Policy.parse(f"{log().policy_text}witness w {cosigner_vkey('w.example', witness)}\n".encode())
    spoilt = log()
    spoilt.cosign = lambda text: cosign(text.replace("\n15\n", "\n14\n"), "w.example", witness, 1)
    one, other = (of_bundle(each, policy) for each in (files(spoilt, LIFT), files(log(approve_more), LIFT)))
    found = compare(one, other, policy)
    assert found is not None
    assert proven(found.encode(), policy) == "roots"


def test_a_part_that_cannot_be_compared_stops_no_other(tmp_path: Path) -> None:
    """A path of other sizes, or a receipt that nobody signed, is told where nothing else shows a contradiction."""
    one, other = (of_bundle(files(made, LIFT), log().policy) for made in (log(), log(approve_more, 16)))
    assert kind_of(one, other, path(log(), 8, 15)) == "position"
    with pytest.raises(BundleInvalid) as sizes:
        kind_of(one, of_bundle(files(log(size=16), LIFT), log().policy), path(log(), 8, 15))
    assert sizes.value.code == "path_sizes"
    answer = answered(log(), 10)
    forged = signed_receipt(log(), 9, 1, bytes(32), Ed25519PrivateKey.generate())
    answer["groups"].append({"receipt": forged, "events": [{"leaf": "00" * 32}]})
    assert kind_of(source(answer, tmp_path), other) == "receipt"
    with pytest.raises(NoteError) as unsigned:
        kind_of(source(answer, tmp_path), one)
    assert unsigned.value.code == "note_unsigned"


def test_a_receipt_too_large_to_be_held_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T4: a receipt over more events than a proof may show is never passed over as if the log agreed with it."""
    monkeypatch.setattr(comparing, "LEAVES_MAX", 1)
    tree, keys = exported(log(register_other), tmp_path / "export"), keys_of(log(), tmp_path)
    with pytest.raises(BundleInvalid) as large:
        kind_of(source(receipt(log(), 10), tmp_path), tree, keys=keys)
    assert (large.value.code, large.value.details) == ("receipt_too_large", {"first": 10, "count": 2, "count_max": 1})
    assert kind_of(source(receipt(log(), 9), tmp_path), tree, keys=keys) == "receipt"
    answer = answered(log(), 10)
    answer["groups"] += answered(log(), 9)["groups"]
    assert kind_of(source(answer, tmp_path), tree, keys=keys) == "receipt"
