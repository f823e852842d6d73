"""Who may do what, and what verifiers find of who did: random lives of parties against a naive telling of the rules."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.bundlefiles import unpack
from audit.bundleverify import verify_bundle
from audit.errors import StateRefused
from audit.names import subject_of
from audit.verdicts import CODES
from audit.whole import Report
from tests.support.acting import EARLY, OPERATOR, Play
from tests.support.bundling import Log, rooted
from tests.support.naivelifts import CHANGING
from tests.support.naiveparties import Signer
from tests.support.rehearsal import name, private_key
from tests.support.stored import Stored

STEPS = 45
ANYBODY = 0.1
SMUGGLED = 0.1
BROKEN = {"integrity", "completeness"}
OF_AUTHORS = {"author", "author_ended", "contested", "key_ended", "key_unknown", "on_behalf"}
"""Findings about who wrote."""


Codes = dict[int, set[str]]
"""Codes by position."""


def by_position(told: Iterable[tuple[int | None, str]]) -> Codes:
    """Give what is said of who wrote, and all that is broken, by position."""
    codes: Codes = {}
    for position, code in told:
        if code in OF_AUTHORS or CODES[code][0] in BROKEN:
            codes.setdefault(position or 0, set()).add(code)
    return codes


def found(report: Report) -> Codes:
    """Give it of a report on a whole log."""
    return by_position((each.position, each.code) for each in report.verdicts)


def wanted(play: Play) -> Codes:
    """Give what a verifier must say: by what was so when each save was written, and who had its key as is known now."""
    told: Codes = {}
    for first, at, key, found_then in play.saves:
        contested = {"contested"} if "key_unknown" not in found_then and play.known.stolen(key, at) else set[str]()
        if found_then | contested:
            told[first] = found_then | contested
    return told


def log_of(play: Play) -> tuple[Stored, Log]:
    """Give all rows under a map root, and the ledger as bundles are made of it."""
    stored = rooted(play.ledger.stored(), OPERATOR, play.ledger.now)
    return stored, Log(stored, checkpoint_key=private_key("checkpoint"), receipt_key=private_key("receipt"))


def check(play: Play) -> None:
    """Hold every kind of verification against what it must find."""
    stored, log = log_of(play)
    told, headers = wanted(play), {first: codes for first, codes in play.headers.items() if codes}
    page, cut = play.rnd.choice([1, 7, 40]), play.rnd.choice(stored.ends()[1:])
    assert found(stored.verify()) == told
    assert found(stored.verify(page=page)) == told
    assert found(stored.verify(page=page, signatures=False)) == headers
    assert found(stored.verify_resumed(cut, signatures=False)) == headers
    resumed = resume(stored, cut, page)
    assert resumed == told or (resumed is None and any(hand.stolen_since for hand in play.known.hands.values()))
    check_bundle(log, sorted({subject_of(row.stream) for row in stored.events} - {"map"}), told)


def resume(stored: Stored, cut: int, page: int) -> Codes | None:
    """Go on from a verification of the first part; None where keys were reported stolen since."""
    try:
        return found(stored.verify_resumed(cut, page=page))
    except StateRefused:
        return None


def check_bundle(log: Log, subjects: list[str], told: Codes) -> None:
    """Hold a bundle of all subjects against what is wrong in them."""
    report = verify_bundle(unpack(log.bundle(*subjects).data), log.policy)
    assert by_position((each.position, each.code) for each in report.findings) == told
    assert report.holds is all(CODES[code][0] not in BROKEN for codes in told.values() for code in codes)


@settings(max_examples=5)
@given(rnd=st.randoms(use_true_random=False))
def test_the_door_decides_as_the_rules_say(rnd: Random) -> None:
    """What is taken has no reason against it, what is refused has one; all that was taken verifies, everywhere."""
    play = Play(rnd)
    for _ in range(STEPS):
        play.step()
    check(play)


def signers(play: Play) -> list[Signer]:
    """Give everybody who signs with a key of his own party, that counts or not, for it or for one of its agents."""
    known = play.known
    able = {party for party, firm in known.firms.items() if firm.kind in CHANGING}
    own = [(known.party_of(hand.holder) or "", key, hand.holder) for key, hand in known.hands.items()]
    return [
        Signer(party, key, agent)
        for party, key, holder in own
        if party in able
        for agent in (None, *(each for each, person in known.people.items() if person.party == party))
        if agent is None or holder in {party, agent}
    ]


def anybody(play: Play) -> Signer:
    """Draw any key for anybody: mostly one that is another's, or not registered yet."""
    known, rnd = play.known, play.rnd
    parties = [party for party, firm in known.firms.items() if firm.kind in CHANGING]
    agents = [None, name("agent", "none"), *known.people]
    return Signer(rnd.choice(parties), rnd.choice([*known.hands, EARLY, EARLY]), rnd.choice(agents))


@settings(max_examples=5)
@given(rnd=st.randoms(use_true_random=False))
def test_what_nobody_could_write_is_found(rnd: Random) -> None:
    """A ledger that takes what its author could not write then is found out, by exactly the findings that name it.

    As soon as somebody may write no longer he does, and now and then anybody does with any key.
    """
    play = Play(rnd)
    for _ in range(STEPS):
        could = [signer for signer in signers(play) if not play.known.nobody(signer)]
        play.step()
        if rnd.random() < SMUGGLED:
            play.smuggle()
        now_unfit = [signer for signer in could if play.known.nobody(signer)]
        if rnd.random() < ANYBODY:
            now_unfit.append(anybody(play))
        for signer in rnd.sample(now_unfit, min(2, len(now_unfit))):
            if play.known.nobody(signer):
                play.forge(signer)
    play.register_early()
    check(play)
