"""Who reads a subject that is about parties rather than things, by what its first event says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from application.ids import new_name
from application.reading.asking import Asking, Reads
from application.reading.bodies import sees
from application.reading.sight import Seen
from application.saves import StoredHeader
from application.work import Author
from audit import canonical
from tests.support.funding import FINANCE
from tests.support.insuring import AREA, BUREAU, HOLDER, INSURER

ELSEWHERE = Author(new_name("party"), "finance_bureau", areas=("370200",))


def asked(author: Author, subject: str, said: dict[str, Any]) -> bool:
    """Ask whether an author sees a subject that the holder began with these words."""
    header = canonical.encode({"author": {"party": HOLDER.party}})
    first = StoredHeader(1, header, canonical.encode({"said": said, "found": {}}), b"")
    log = SimpleNamespace(select_subject=lambda _subject, lte: [first] * lte)
    asking = Asking(cast("Reads", SimpleNamespace(log=log)), author, {}, {})
    return sees(asking, subject)(Seen(subject, 2, HOLDER.party, "2026-03-15T00:00:00.000000Z"))


@pytest.mark.parametrize(
    "author, may", [(FINANCE, True), (HOLDER, True), (ELSEWHERE, False), (BUREAU, False), (INSURER, False)]
)  # fmt: skip
def test_a_subsidy_is_read_by_the_treasury_that_decides_on_it(author: Author, *, may: bool) -> None:
    """From its claim on, before it decided; not by another place's, nor by who has the place for other matters."""
    said = {"programme": "p", "area": AREA, "amount_fen": 1}
    assert asked(author, new_name("subsidy"), said) is may


def test_an_area_opens_nothing_else() -> None:
    """A payment that names one is the payer's and the payee's."""
    assert asked(FINANCE, new_name("payment"), {"area": AREA}) is False
    assert asked(INSURER, new_name("payment"), {"payee": INSURER.party}) is True
