"""The list of claims whose decision or money is overdue: at both times, page by page, each reader's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from application.ids import new_name
from application.reading import claims
from application.reading.asking import Asking
from application.work import Author
from domain.errors import Forbidden
from tests.support.claiming import (
    AREA,
    BY_INSURER,
    BY_OTHER,
    BY_USE_UNIT,
    OPERATOR,
    POLICY,
    approval,
    insured,
    notified,
    papers,
    payment,
)
from tests.support.kept import Kept, keeping
from tests.support.saving import TestLedger

READER = Author(OPERATOR, "operator")


@pytest.fixture
def kept(scripted_ledger: TestLedger) -> Iterator[Kept]:
    """A book with one insured lift, whose events are stored; it is the 5 March 2026."""
    with keeping(scripted_ledger, insured()) as opened:
        yield opened


def listed(kept: Kept, reader: Author = READER, **query: str) -> dict[str, list[str]]:
    """Give the codes by claim, page by page."""
    found: dict[str, list[str]] = {}
    cursor: dict[str, str] = {}
    while True:
        page: Any = claims.awaiting(Asking(kept.reads, reader, {}, {"limit": "1", **query, **cursor}))
        for each in page["claims"]:
            assert each["claim"] not in found
            found[each["claim"]] = [finding["code"] for finding in each["awaited"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def filed(kept: Kept, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - members of any type
    """Give a claim whose papers came on the 5 March."""
    path = notified(kept.book, **changes)
    kept.book.act(BY_USE_UNIT, "claim.file", papers(), **path)
    return path


def test_what_is_awaited_is_told_by_what_was_known_and_so(kept: Kept) -> None:
    """A decision that comes is awaited no longer, but was until then by what was known; so is money."""
    first, second, third = filed(kept), filed(kept), notified(kept.book)
    kept.book.now = "2026-04-20T02:00:00.000000Z"
    before = kept.keep()
    late = {first["claim"]: ["decision_awaited"], second["claim"]: ["decision_awaited"]}
    assert listed(kept) == listed(kept, effective_at="2026-04-20") == late
    assert listed(kept, effective_at="2026-04-07") == {}
    kept.book.act(BY_INSURER, "claim.approve", approval(1_000), **first)
    kept.book.act(BY_INSURER, "claim.agree", {"agreed_on": "2026-04-20"}, **first)
    kept.book.now = "2026-05-10T02:00:00.000000Z"
    agreed = kept.keep()
    after = {first["claim"]: ["payment_awaited"], second["claim"]: ["decision_awaited", "advance_awaited"]}
    assert listed(kept) == after
    assert listed(kept, known_at=before, effective_at="2026-04-20") == late
    assert third["claim"] not in listed(kept, effective_at="2026-12-01")
    paid = payment(1_000, paid_at="2026-05-09T02:00:00.000000Z")
    kept.book.act(BY_INSURER, "claim.pay", paid, **first)
    kept.keep()
    assert listed(kept) == {second["claim"]: after[second["claim"]]}
    assert listed(kept, effective_at="2026-05-08") == after, "it was awaited until it was paid"
    assert listed(kept, known_at=agreed, effective_at="2026-05-10") == after


def test_it_is_asked_by_what_the_register_is_asked_by_and_read_by_who_reads_the_claims(kept: Kept) -> None:
    """A bureau of its area, the insurer of the cover and the notifier; nobody else, and no stranger's claims."""
    claim = filed(kept)["claim"]
    kept.book.now = "2026-04-20T02:00:00.000000Z"
    kept.keep()
    own = {claim: ["decision_awaited"]}
    assert listed(kept, area=AREA) == listed(kept, insurer=BY_INSURER.party) == own
    assert listed(kept, part="third_party_injury") == own
    assert listed(kept, area="370202") == listed(kept, insurer=BY_OTHER.party) == listed(kept, part="equipment") == {}
    assert listed(kept, policy=POLICY) == {}, "no money of a policy is held yet"
    bureau = Author(new_name("party"), "financial_regulator", areas=(AREA,))
    assert listed(kept, bureau) == listed(kept, BY_INSURER) == listed(kept, BY_USE_UNIT) == own
    assert listed(kept, BY_OTHER) == listed(kept, Author(new_name("party"), "use_unit")) == {}
    with pytest.raises(Forbidden):
        listed(kept, Author(new_name("party"), "iot_platform"))
