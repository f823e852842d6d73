"""A district's lift that changed hands, with the reading side of its ledger: who stood where is known of everybody."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import pytest

from application.reading import subjects
from application.reading.asking import Asking, Reads
from application.work import Author
from infrastructure.clock import DatabaseClock
from infrastructure.mapper import LogStreams
from infrastructure.projector import Projector
from infrastructure.views import SqlViews
from tests.support.history import Told, name
from tests.support.projecting import store
from tests.support.saving import ORIGIN, PARTY, TestLedger

THEN, LATER = "2025-03-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"
"""The losses: one in the time of the first hands, one in that of the second."""
HANDED: Final = "2025-07-01"
"""The day the lift got another use unit, maintainer, insurer; two months later it belonged to another district."""


def an_author(number: int, kind: str, *areas: str) -> Author:
    """Give a party of a kind, the same one for a number."""
    return Author(name(random.Random(number), "party", 4), kind, areas=areas)


FIRST_USER, SECOND_USER = an_author(1, "use_unit"), an_author(2, "use_unit")
FIRST_SHOP, SECOND_SHOP = an_author(3, "maintainer"), an_author(4, "maintainer")
FIRST_INSURER, SECOND_INSURER, PARTNER = (an_author(n, "insurer") for n in (5, 6, 7))
OLD_DISTRICT = an_author(8, "market_regulator", "370102")
NEW_DISTRICT = an_author(9, "market_regulator", "370103")
ELSEWHERE = an_author(10, "market_regulator", "370200")
BROKER, ASSESSOR = an_author(11, "broker"), an_author(12, "assessor")
BANK, OTHER_BANK = an_author(13, "bank"), an_author(14, "bank")
COMMITTEE, NEXT_COMMITTEE = an_author(15, "owners_committee"), an_author(16, "owners_committee")
OWNER, NEXT_OWNER, CO_OWNER = (an_author(number, "owner") for number in (17, 18, 22))
AUDITOR, WITNESS, INSPECTOR = an_author(19, "auditor"), an_author(20, "witness"), an_author(21, "inspection_body")
NOTIFIER = Author(PARTY, "rescue_centre")
"""All events of these tests are by one party, so nobody else sees them for having written them."""


class District(NamedTuple):
    """The reading side of a ledger and the names of what is in it."""

    ledger: TestLedger
    reads: Reads
    lift: str
    claims: tuple[str, str]
    policies: tuple[str, str]

    def ask(self, author: Author, path: Mapping[str, str] | None = None, **query: str) -> Asking:
        """Make a question."""
        return Asking(self.reads, author, path or {}, query)

    def store(self, *told: Told) -> None:
        """Store events and project them."""
        store(self.ledger, told)
        projector = Projector(self.ledger.database)
        projector.catch_up()
        projector.close()

    def bodies(self, author: Author, subject: str | None = None) -> dict[str, list[str]]:
        """Give the types of the events whose bodies an author sees, by further head of the stream."""
        answer = subjects.everything(self.ask(author, {"subject": subject or self.lift}))
        seen: dict[str, list[str]] = {}
        for event in answer["events"]:
            if not event["withheld"]:
                header = event["header"]
                seen.setdefault(header["stream"].partition("/")[2], []).append(header["type"])
        return seen


def policy_of(policy: str, insurers: list[Author], holder: Author, year: str) -> Iterator[Told]:
    """Tell a policy of a year; the first of the insurers leads."""
    draft = {
        "id": policy, "product": name(random.Random(1), "product"), "area": "370102", "holder": holder.party,
        "interest": "owner", "parts": [], "limits": {"per_lift_year_fen": 10**7}, "from_date": f"{year}-01-01",
        "to_date": f"{int(year) + 1}-01-01", "premium_fen": 8_500, "sources": [], "valid_until": f"{year}-12-01",
    }  # fmt: skip
    shares = [{"party": each.party, "share_bp": 10_000 // len(insurers)} for each in insurers]
    yield Told(policy, "policy.Drafted", draft, {"insurers": shares}, None)
    yield Told(
        policy, "policy.Issued", {"number": f"B-{year}"}, {"count": 1}, f"{int(year) - 1}-12-31T16:00:00.000000Z"
    )


def cover_of(lift: str, policy: str, certificate: str, year: str) -> Told:
    """Tell its certificate on a lift for that year."""
    line = {
        "policy": policy, "lift": lift, "certificate": certificate, "from_date": f"{year}-01-01",
        "to_date": f"{int(year) + 1}-01-01", "parts": [{"part": "entrapment", "premium_fen": 8_500}],
    }  # fmt: skip
    found = {"interest": "owner", "premises_class": "residential", "premium_fen": 8_500, "pending": True}
    return Told(f"{lift}/cover", "cover.Attached", line, found, f"{int(year) - 1}-12-31T16:00:00.000000Z")


def claim_of(stream: str, lift: str, loss_at: str, policy: str, insurer: Author) -> Iterator[Told]:
    """Tell a claim on a lift, told to an insurer and assessed."""
    notice = {"lift": lift, "loss_at": loss_at, "part": "entrapment", "interest": "owner", "kind": "entrapment"}
    found = {"cover": {"insurer": insurer.party, "policy": policy}, "entrapment": {"seconds": 1_800}}
    yield Told(stream, "claim.Notified", notice, found, loss_at)
    yield Told(stream, "claim.Assessed", {"heads": [], "total_fen": 20_000}, {}, None)


def _told(lift: str, policy: tuple[str, str], claim: tuple[str, str]) -> Iterator[Told]:
    rng = random.Random(7)
    said = {
        "id": lift, "identifiers": [{"scheme": "s", "value": "1"}], "variety": "3110", "area": "370102001",
        "status": "in_use", "use_unit": FIRST_USER.party, "maintainer": FIRST_SHOP.party,
    }  # fmt: skip
    yield Told(lift, "lift.Registered", said, {"on": "2024-01-01"}, "2023-12-31T16:00:00.000000Z")
    handed = f"{HANDED}T00:00:00.000000Z"
    yield Told(lift, "lift.UseUnitNamed", {"use_unit": SECOND_USER.party}, {"on": HANDED}, handed)
    contract = {
        "contract": name(rng, "contract"),
        "maintainer": SECOND_SHOP.party,
        "from_date": HANDED,
        "to_date": None,
        "ends_stated": ["2024-01-01"],
        "confirmed_from": HANDED,
    }
    yield Told(lift, "lift.MaintainerChanged", None, contract, handed)
    yield Told(lift, "lift.Moved", {"area": "370103001"}, {"on": "2025-09-01"}, "2025-08-31T16:00:00.000000Z")
    other = name(rng, "lift")
    stranger = {**said, "id": other, "area": "370104001", "use_unit": WITNESS.party, "maintainer": "party:x"}
    yield Told(other, "lift.Registered", stranger, {"on": "2024-01-01"}, "2023-12-31T16:00:00.000000Z")
    yield from policy_of(policy[0], [FIRST_INSURER, PARTNER], FIRST_USER, "2025")
    yield from policy_of(policy[1], [SECOND_INSURER], SECOND_USER, "2026")
    yield cover_of(lift, policy[0], name(rng, "certificate"), "2025")
    yield cover_of(lift, policy[1], name(rng, "certificate"), "2026")
    yield from claim_of(f"{lift}/{claim[0]}", lift, THEN, policy[0], FIRST_INSURER)
    yield from claim_of(f"{lift}/{claim[1]}", lift, LATER, policy[1], SECOND_INSURER)


@pytest.fixture
def district(ledger: TestLedger) -> Iterator[District]:
    """A lift that changed hands, insured by one company and its partner, then by another, with a claim of each time."""
    rng = random.Random(11)
    lift, policy = name(rng, "lift"), (name(rng, "policy"), name(rng, "policy"))
    claim = (name(rng, "claim", 4), name(rng, "claim", 4))
    views, clock = SqlViews(ledger.database, ORIGIN), DatabaseClock(ledger.database)
    made = District(
        ledger, Reads(ORIGIN, ledger.recorder, views, LogStreams(ledger.recorder), clock), lift, claim, policy
    )
    made.store(*_told(lift, policy, claim))
    yield made
    views.close()
    clock.close()
