"""The rollback guard: what others have seen of this log decides whether it may sign (threats T3 and T10)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from application.errors import RolledBack
from application.rollback import OwnLog, Statement, guard, refuse_rollback
from audit.errors import ProofError
from tests.support.logs import Log

LOG = Log(fork=5)
OTHER = Log(fork=5, history="another")


def _own(size: int, log: Log = LOG) -> OwnLog:
    return OwnLog(log.origin, size, log.root(size), log.path)


def _kinds(own: OwnLog, *notes: str | None) -> list[tuple[str, str]]:
    statements = [Statement(f"source {index}", note) for index, note in enumerate(notes)]
    return [(found.kind, found.source) for found in guard(own, statements, LOG.keys).findings]


@pytest.mark.parametrize("size", [0, 1, 4, 7, 8, 12])
def test_an_earlier_state_of_this_log_confirms_it(size: int) -> None:
    """Whatever others saw, from nothing to the present head, grew into this log."""
    guarded = guard(_own(12), [Statement("witness", LOG.note(size))], LOG.keys)
    assert (guarded.findings, guarded.confirmed, guarded.ok) == ((), ("witness",), True)
    refuse_rollback(_own(12), guarded)


def test_a_restored_backup_is_told_by_whoever_saw_more() -> None:
    """T10: a database that lacks what was published refuses before its first write, and says what it saw."""
    own = _own(9)
    guarded = guard(own, [Statement("published", LOG.note(9)), Statement("witness A", LOG.note(12))], LOG.keys)
    assert guarded.confirmed == ("published",)
    with pytest.raises(RolledBack) as caught:
        refuse_rollback(own, guarded)
    assert caught.value.code == "ledger_rolled_back"
    assert (caught.value.details["size"], caught.value.details["seen"]) == (9, 12)
    assert caught.value.details["findings"] == [
        {"kind": "ahead", "source": "witness A", "size": 12, "detail": "3 events are missing here"}
    ]


def test_an_emptied_database_is_told() -> None:
    """T10: a ledger made anew under an old name is behind everyone."""
    assert _kinds(_own(0), LOG.note(1)) == [("ahead", "source 0")]


@pytest.mark.parametrize("size", [6, 8, 12])
def test_another_history_is_told(size: int) -> None:
    """T10: a restored prefix that was written on holds other events than others saw, at one size or below."""
    assert _kinds(_own(12), OTHER.note(size)) == [("inconsistent", "source 0")]
    assert _kinds(_own(12), OTHER.note(5)) == [], "up to the fork there is nothing to tell them apart"


def test_sources_that_contradict_each_other_are_told() -> None:
    """T3: the log signed two roots for one size, even if both are ahead of what is here."""
    assert _kinds(_own(12), LOG.note(9), OTHER.note(9)) == [("inconsistent", "source 1")]
    assert _kinds(_own(3), LOG.note(9), OTHER.note(9)) == [("ahead", "source 0"), ("inconsistent", "source 1")]


def test_what_the_log_did_not_sign_stops_nothing() -> None:
    """A forged or foreign statement is reported and ignored, or anyone could stop the ledger."""
    forged = LOG.note(9).replace("\n9\n", "\n99\n")
    elsewhere = Log(origin="elsewhere.example")
    assert _kinds(_own(9), forged, elsewhere.note(20), "nonsense", None) == [
        ("unreadable", "source 0"),
        ("unreadable", "source 1"),
        ("unreadable", "source 2"),
        ("silent", "source 3"),
    ]
    about_another = guard(_own(9), [Statement("file", elsewhere.note(20))], [*LOG.keys, *elsewhere.keys])
    assert about_another.findings[0].kind == "unreadable"
    assert about_another.ok
    assert about_another.confirmed == ()
    refuse_rollback(_own(9), about_another)


def test_a_log_that_cannot_prove_itself_does_not_go_on() -> None:
    """Where the stored leaves give no path to what others saw, the log is not the one they saw."""

    def none(_old: int, _new: int) -> Sequence[bytes]:
        raise ProofError("The tree has no such leaf.", code="proof_range")

    own = OwnLog(LOG.origin, 12, LOG.root(12), none)
    assert _kinds(own, LOG.note(7)) == [("inconsistent", "source 0")]
    assert _kinds(own, LOG.note(12)) == []
