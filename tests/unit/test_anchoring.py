"""Whom a bundle's verifier believes, and what of a subject cannot be left out (threats: research §4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import canonical, note
from audit.bundlefiles import unpack
from audit.bundles import BODIES, CHECKPOINT, HEADS, ROOT_BODY, chain_file
from audit.bundleverify import verify_bundle
from audit.cosignatures import cosign
from audit.keys import public_bytes
from audit.policy import Policy
from tests.support.bundles import (
    INSURER,
    LIFT,
    NOTHING,
    Files,
    faults,
    made,
    signed_anew,
    verdicts,
    verified,
    with_json,
    without_line,
)
from tests.support.bundling import Log, worked

LIFT_CHAIN = chain_file(LIFT)
INSURER_KEY = "key:3bf22168-313f-4339-b926-c9a54878edec"


# ------------------------------------------------------------------------------------------------ whom to believe


def test_a_policy_of_other_keys_anchors_nothing() -> None:
    """T2: a ledger rewritten under other keys agrees with itself in everything, and is nobody's."""
    log, files = made()
    stranger = note.vkey(log.stored.origin, public_bytes(Ed25519PrivateKey.generate().public_key()))
    for text in (f"log {stranger}\nquorum none\n", "quorum none\n"):
        report = verify_bundle(files, Policy.parse(text.encode()))
        assert (report.holds, report.anchored, faults(report)) == (False, False, set())
        assert set(verdicts(report).values()) == {("unanchored",)}


def test_witnesses_are_the_verifiers_own() -> None:
    """T3: where the policy asks for witnesses, their cosignatures decide, and a forged one spoils the checkpoint."""
    witness = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)

    def signed(text: str) -> str:
        return cosign(text, "witness.example", witness, 1_800_000_000)

    log = worked()
    log.cosign = signed
    key = note.vkey("witness.example", public_bytes(witness.public_key()), note.ED25519 + 3)
    asked = Policy.parse(log.policy_text.replace("quorum none", f"witness W {key}\nquorum W").encode())
    files = unpack(log.bundle(LIFT).data)
    report = verify_bundle(files, asked)
    assert (report.holds, report.witnesses) == (True, ("W",))
    alone, without = made(LIFT)
    report = verify_bundle(without, asked)
    assert (report.holds, report.counts["unanchored"], faults(report)) == (False, 1, set())
    assert verify_bundle(files, alone.policy).holds
    other = note.Checkpoint(log.stored.origin, 14, bytes(32)).text()
    spoiled = {
        file: data.replace(signed(text_of(files)).encode(), signed(other).encode()) for file, data in files.items()
    }
    report = verify_bundle(signed_anew(spoiled, log), asked)
    assert faults(report) == {"checkpoint"}
    assert not report.anchored


def text_of(files: Files) -> str:
    """Give the text of the checkpoint."""
    return note.split_note(files[CHECKPOINT].decode())[0]


def test_a_checkpoint_of_another_size_is_not_the_bundles() -> None:
    """The manifest, the root and the checkpoint are of one tree."""
    log, files = made()
    report = verified(signed_anew(files, log, size=14), log)
    assert {"manifest", "map_root"} <= faults(report)


# ----------------------------------------------------------------------------------------------- what is left out


def test_a_chain_cut_short_is_known() -> None:
    """T4: the ledger leaves the last event of a lift out and signs the rest; the map knows how long the chain is."""
    log, files = made()
    report = verified(signed_anew(without_line(files, LIFT_CHAIN, 2), log), log)
    assert "map_head" in faults(report)
    assert verdicts(report)[9] == ("missing",)
    assert LIFT not in report.subjects


def test_an_event_left_out_of_the_middle_is_known() -> None:
    """T4: each header names the one before it."""
    log, files = made()
    report = verified(signed_anew(without_line(files, LIFT_CHAIN, 1), log), log)
    assert "chain" in faults(report)


def test_events_in_another_order_are_known() -> None:
    """T1: swapped lines break chain and positions."""
    log, files = made()
    one, two, three = files[LIFT_CHAIN].splitlines(keepends=True)
    report = verified(signed_anew({**files, LIFT_CHAIN: two + one + three}, log), log)
    assert {"chain", "position"} <= faults(report)


def test_a_version_left_out_is_known() -> None:
    """Each stream of a chain counts its own events, one by one."""
    log, files = made()
    report = verified(signed_anew(with_json(files, LIFT_CHAIN, 0, version=2), log), log)
    assert "version_gap" in faults(report)


@dataclass
class Beside(Log):
    """A ledger whose map holds chains that its log does not: the tree is over another history's events."""

    leaves: Sequence[bytes] = ()

    def _leaves(self, size: int) -> list[bytes]:
        return [*self.leaves[: size - 1], self.stored.events[size - 1].leaf]


def test_a_chain_beside_the_log_is_known() -> None:
    """T5: a map over another history than the log's; the heads it holds stand nowhere in the tree."""
    faithless = worked(lambda events: events[9][1].update(salt="00" * 16))
    log = Beside(faithless.stored, leaves=[row.leaf for row in worked().stored.events])
    report = verified(unpack(log.bundle(LIFT).data), log)
    assert report.anchored
    assert faults(report) == {"place"}
    assert ("broken",) in verdicts(report).values()


def test_a_subject_is_not_passed_over_in_silence() -> None:
    """T4: who was asked for a lift must prove that he gave it whole, or that there is nothing."""
    log, files = made()
    heads: Any = canonical.decode(files[HEADS])
    gone = {**files, HEADS: canonical.encode({key: value for key, value in heads.items() if key != LIFT})}
    del gone[LIFT_CHAIN]
    report = verified(signed_anew(gone, log), log)
    assert {"subject_missing", "stray"} <= faults(report)


def test_presence_is_no_absence() -> None:
    """T4: the proof of one subject's absence does not serve for another, nor a proof of presence for absence."""
    log, files = made()
    heads: Any = canonical.decode(files[HEADS])
    for proof in (heads[NOTHING], heads[LIFT]):
        told = {**files, HEADS: canonical.encode({**heads, LIFT: proof})}
        del told[LIFT_CHAIN]
        assert "map_head" in faults(verified(signed_anew(told, log), log))


def test_nothing_is_absent_without_a_map() -> None:
    """T4: without the map's root no absence is proven, whatever the ledger signs."""
    log, files = made(NOTHING)
    assert verified(files, log).holds
    report = verified(signed_anew({**files, ROOT_BODY: b"{}"}, log), log)
    assert "map_head" in faults(report)


def test_words_may_be_withheld_and_never_missing() -> None:
    """What the receiver may not see is withheld by name; words left out without saying so are missing."""
    log = worked()
    files = unpack(log.bundle(LIFT, sees=lambda header: "claim:" not in header.stream).data)
    report = verified(files, log)
    assert report.holds
    assert verdicts(report) == {9: ("proven",), 10: ("withheld",), 13: ("proven",)}
    assert not [file for file in files if file.startswith("requests/10")]
    assert b"amount_fen" not in b"".join(files.values())
    report = verified(signed_anew(files, log, withheld=()), log)
    assert verdicts(report)[10] == ("missing",)
    assert "body_missing" in faults(report)


def test_a_request_that_says_more_than_may_be_seen_is_withheld() -> None:
    """A line goes to whoever may see its event; a request that states another's event too does not."""
    log = worked()
    second = "party:00596422-02d5-4dbb-8cd8-3e6ce5ba03fb"
    files = unpack(log.bundle(INSURER, sees=lambda header: header.stream != second).data)
    report = verified(files, log)
    assert report.holds
    assert verdicts(report) == {5: ("withheld",)}
    assert report.counts["withheld"] == 1  # one request stated all four events


def test_withheld_keys_prove_nothing() -> None:
    """T9: the history of a key that signed cannot be withheld: who may judge must see whether it was revoked."""
    log, files = made()
    events = [json.loads(line) for line in files[chain_file(INSURER_KEY)].splitlines()]
    bodies = [line for line in files[BODIES].splitlines() if b'"holder"' not in line]
    told = {**files, BODIES: b"".join(line + b"\n" for line in bodies)}
    report = verified(signed_anew(told, log, withheld=tuple(event["position"] for event in events)), log)
    assert {"body_missing", "key_unknown"} <= faults(report)
