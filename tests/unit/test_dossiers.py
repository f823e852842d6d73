"""A dossier over a ledger that ended and the one that goes on from it: where the two meet, and where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from application.actions import Actions
from application.saves import Act, Evidence, NewEvent, Save
from audit import bundlefiles, canonical
from audit.bundlefiles import pack, unpack
from audit.continuing import Continued
from audit.cosignatures import cosign, cosigner_vkey
from audit.dossiers import Dossier, join, parts_of, room_after, verify_dossier
from audit.errors import BundleInvalid
from audit.policy import Policy
from tests.support.bundles import LIFT, NOTHING
from tests.support.bundling import Log, rooted, worked
from tests.support.rehearsal import Rehearsal, name, private_key

WITNESS = private_key("witness")
OPERATOR = name("party", "operator")


def cosigning(text: str) -> str:
    """Cosign as the one witness of these tests."""
    return cosign(text, "w.example", WITNESS, 1_761_955_300)


def older() -> Log:
    """The worked ledger, whose checkpoints the witness cosigns."""
    log = worked()
    log.cosign = cosigning
    return log


def newer(cited: str | None, old: Log) -> Log:
    """Give a ledger that goes on from a checkpoint of the old one, with two events of its own after its first save."""
    ledger = Rehearsal()
    ledger.begin(Actions(), None if cited is None else Continued(old.stored.origin, cited))
    stored = rooted(ledger.stored(), OPERATOR, "2025-11-01T00:00:01.000000Z")
    return Log(stored, private_key("checkpoint"), private_key("receipt"), cosigning)


def believing(*logs: Log, witness: bool = True) -> Policy:
    """Believe these logs when the witness has cosigned, or any way."""
    keys = "".join(log.policy_text.partition("\n")[0] + "\n" for log in logs)
    if not witness:
        return Policy.parse(f"{keys}quorum none\n".encode())
    return Policy.parse(f"{keys}witness w {cosigner_vkey('w.example', WITNESS)}\nquorum w\n".encode())


def verified(old: bytes, new: bytes, policy: Policy) -> Dossier:
    """Join two bundles, and verify what comes of it."""
    parts = parts_of(unpack(join([old, new])))
    assert parts is not None
    return verify_dossier(parts, policy)


def seams(dossier: Dossier) -> Mapping[str, str]:
    """Give what was found at the seam."""
    return {finding.code: finding.detail for finding in dossier.seams.kept}


def test_a_history_is_followed_over_the_seam() -> None:
    """Everything of a lift up to the old ledger's end, and nothing of it in the new one: one statement, proven."""
    old = older()
    new = newer(old.at(old.size).note, old)
    found = verified(old.bundle(LIFT).data, new.bundle(LIFT).data, believing(old, new))
    assert found.holds, "\n".join(found.lines())
    assert [part.subjects for part in found.parts] == [{LIFT: 3}, {LIFT: 0}]
    assert seams(found) == {"seam_closed": f"{old.stored.origin} at {old.size} events, cosigned by w"}
    assert found.as_json()["holds"] is True


def test_what_lies_between_is_told() -> None:
    """Of an old database that lacks events only what it has is proven: completeness does not hold over the gap."""
    old = older()
    end = rooted(worked().stored, OPERATOR, "2025-11-01T00:00:06.000000Z")
    new = newer(Log(end, cosign=cosigning).latest().note, old)
    found = verified(old.bundle(LIFT).data, new.bundle(LIFT).data, believing(old, new))
    assert not found.holds
    assert seams(found) == {"seam_gap": f"{old.size + 1} to {old.size + 1} of {old.stored.origin}"}
    assert all(part.holds for part in found.parts)


def test_what_does_not_meet_is_found() -> None:
    """T3: no seam, another ledger's end, an end that was passed, two roots, an end that nobody vouches for."""
    old = older()
    stored = worked(lambda events: events[5][1].update(salt="11" * 16)).stored
    other = Log(stored, cosign=cosigning)
    short = Log(old.stored, cosign=cosigning)
    cases = {
        "seam": (old, newer(None, old)),
        "equivocation": (old, newer(other.latest().note, old)),
        "continued": (old, newer(Log(old.stored).latest().note, old)),
    }
    for code, (one, two) in cases.items():
        found = verified(one.bundle(LIFT).data, two.bundle(LIFT).data, believing(one, two))
        assert (set(seams(found)) - {"seam_closed"}, found.holds) == ({code}, False)
    passed = newer(short.at(old.size - 1).note, old)
    found = verified(old.bundle(LIFT).data, passed.bundle(LIFT).data, believing(old, passed))
    assert (set(seams(found)), found.holds) == ({"seam"}, False)
    stranger = newer(old.latest().note, old)
    found = verified(stranger.bundle(LIFT).data, stranger.bundle(LIFT).data, believing(old, stranger))
    assert (set(seams(found)), found.holds) == ({"seam"}, False)


def test_bundles_of_different_questions_are_no_history() -> None:
    """Who puts a dossier together cannot leave out what the old ledger has by asking it for something else."""
    old = older()
    new = newer(old.latest().note, old)
    middle = "2025-11-01T00:00:02.000000Z"
    for one, two in (
        (old.bundle(NOTHING), new.bundle(LIFT)), (old.bundle(LIFT), new.bundle(LIFT, NOTHING)),
        (old.bundle(LIFT, until=middle), new.bundle(LIFT)), (old.bundle(LIFT), new.bundle(LIFT, since=middle)),
    ):  # fmt: skip
        found = verified(one.data, two.data, believing(old, new))
        assert ("seam_gap" in seams(found), found.holds) == (True, False)


@pytest.mark.parametrize("place", ["ledger", name("party", "operator")])
def test_only_the_first_save_says_what_is_continued(place: str) -> None:
    """A ledger that began by itself cannot say later, or elsewhere, that it goes on from another."""
    old = older()
    ledger = Rehearsal()
    ledger.begin(Actions())
    cited = Continued(old.stored.origin, old.latest().note)
    found: Any = {**cited.as_json(), "because": {"stream": "ledger", "version": 1}}
    body = canonical.encode({"found": found, "from": None, "said": None, "salt": "00" * 16})
    act = Act(OPERATOR, None, None, (Evidence("callback", "00" * 32, b"x"),), None)
    ledger.save(Save(act, (NewEvent(place, 2, "ledger.Continued", body),)), "INIT")
    stored = rooted(ledger.stored(), OPERATOR, "2025-11-01T00:00:01.000000Z")
    new = Log(stored, private_key("checkpoint"), private_key("receipt"), cosigning)
    streams = (LIFT, place) if place != "ledger" else (LIFT,)
    result = verified(old.bundle(*streams).data, new.bundle(*streams).data, believing(old, new))
    assert "seam_closed" not in seams(result)
    assert not result.holds


def test_what_is_unbelieved_alone_is_unbelieved_together() -> None:
    """A dossier holds when each bundle does: an old log that the policy does not name says nothing."""
    old = older()
    new = newer(old.latest().note, old)
    found = verified(old.bundle(LIFT).data, new.bundle(LIFT).data, believing(new))
    assert ([part.anchored for part in found.parts], found.holds) == ([False, True], False)
    assert seams(found) == {"continued": "origin_unknown"}


def test_a_dossier_is_bundles_in_their_order() -> None:
    """Two to nine, none missing; dossiers are joined as what they are made of."""
    old = older()
    one, two = old.bundle(LIFT).data, newer(old.latest().note, old).bundle(LIFT).data
    assert parts_of(unpack(one)) is None
    both = join([one, two])
    assert sorted(unpack(join([both, two]))) == ["1.zip", "2.zip", "3.zip"]
    for wrong in ([one], [one] * 10, [both, *[two] * 8]):
        with pytest.raises(BundleInvalid) as refused:
            join(wrong)
        assert refused.value.code == "dossier_parts"
    room_after(both)
    with pytest.raises(BundleInvalid) as full:
        room_after(join([one] * 9))
    assert full.value.code == "dossier_parts"
    with pytest.raises(BundleInvalid) as missing:
        parts_of({"1.zip": one, "3.zip": two})
    assert missing.value.code == "dossier_parts"
    with pytest.raises(BundleInvalid) as alone:  # cut to one: "one history over 1 ledgers" would hold of anything
        parts_of({"1.zip": one})
    assert alone.value.code == "dossier_parts"
    with pytest.raises(BundleInvalid) as broken:
        parts_of({"1.zip": one, "2.zip": pack({"1.zip": two})[:-9]})
    assert broken.value.code == "bundle_zip"


@pytest.mark.parametrize("limit, room", [("BYTES_MAX", 2_500), ("FILES_MAX", 5)])
def test_the_bundles_of_a_dossier_have_one_limit(limit: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine zips of little each must not come to nine times what a reader takes; none is made that nobody can read."""
    part = pack({"a": bytes(500), "b": bytes(500)})
    monkeypatch.setattr(bundlefiles, limit, room)
    assert unpack(part)
    assert join([part] * 2)
    files = {f"{number}.zip": part for number in (1, 2, 3)}
    for made in (lambda: join([part] * 3), lambda: parts_of(files)):
        with pytest.raises(BundleInvalid) as refused:
            made()
        assert refused.value.code == "bundle_too_large"
