"""Laws of policies under endorsements, overlaps, claims and payments, against a clerk with a calendar.

After each act the ledger says what the clerk says (who insures what on which day, what each limit has left, where every
fen is) and refuses what he refuses, for one of his reasons; and what it knew at each position of each day is what he
had written down then.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.projections.base import LoggedEvent
from application.projections.batch import RowName
from application.projections.catalogue import PROJECTIONS
from application.replay import effective, state_of
from domain.accounts import trial_balance_fen
from domain.claims import Claim
from domain.covers import Cover
from domain.limits import Limit
from domain.payments import Payment
from domain.policies import Policy
from domain.time import civil_midnight
from tests.property.test_projections import Tables, project, row_of
from tests.support.book import Book
from tests.support.endorsed_money import Payer
from tests.support.endorsing import TERM
from tests.support.funding import fund
from tests.support.naive_certificates import written
from tests.support.naive_policies import Books, Deal

ACTS = {
    "endorse": 8, "quote": 2, "notify": 5, "decide": 20, "ask": 2, "arrive": 3, "give_back": 3, "fund_pays": 2,
    "fund_has_back": 2, "issue": 2, "cancel": 1, "void": 1, "lapse": 1, "wait": 2,
}  # fmt: skip
DRAWN = tuple(act for act, often in ACTS.items() for _ in range(often))


def logged(book: Book) -> list[LoggedEvent]:
    """Give the book as the log that a projection follows."""
    seqs: dict[str, int] = {}
    told: list[LoggedEvent] = []
    for position, event in enumerate(book.log, 1):
        subject = event.originator_id.partition("/")[0]
        seqs[subject] = seqs.get(subject, 0) + 1
        recorded_at = event.recorded_at or "2026-03-01T00:00:00.000000Z"
        told.append(
            LoggedEvent(
                position, event.originator_id, event.originator_version, seqs[subject], event.TOPIC, recorded_at,
                event.effective_at or recorded_at, event.author.party, None, None, event.said, event.found,
            )
        )  # fmt: skip
    return told


def known(tables: Tables, name: str, position: int) -> list[dict[str, Any]]:
    """Give the rows of a read model that were known at a position."""
    columns = [column.name for projection in PROJECTIONS if projection.name == name for column in projection.columns]
    found = []
    for key, value in tables.get(name, {}).items():
        row, known_to = row_of(value)
        assert isinstance(key, RowName)
        if key.known_from <= position < (known_to or position + 1):
            values = dict(zip(columns, row.values, strict=True))
            found.append(
                {"key": key.key, "item": key.item, "since": row.effective_from, "until": row.effective_to, **values}
            )
    return found


def at(rows: list[dict[str, Any]], day: int | None) -> dict[str, Any] | None:
    """Give the row that is effective at the beginning of a day; None: at the end of time."""
    instant = "9999" if day is None else civil_midnight(written(day))
    found = [row for row in rows if row["since"] <= instant < (row["until"] or "99999")]
    assert len(found) <= 1
    return found[0] if found else None


def edges(deal: Deal) -> list[int]:
    """Give the days on which something of a policy may change, and those before."""
    days = {deal.begins, deal.ends - 1, *(day for c in deal.certificates for day, _, _ in c.charges)}
    days |= {day for c in deal.certificates for day in (c.begins, c.last)} | ({deal.stopped} if deal.stopped else set())
    return sorted(d for day in days for d in (day, day - 1) if deal.begins <= d < deal.ends)


class World(Payer):
    """The world, and what is compared."""

    def begin(self) -> None:
        """Have a first policy issued."""
        self.quote()
        self.fund_pays()
        self.ask(whole=True)
        self.arrive()
        self.issue()
        self.book.now = f"{written(self.rng.randrange(*TERM))}T02:00:00.000000Z"

    def step(self) -> None:
        """Do one thing, and compare."""
        getattr(self, self.rng.choice(DRAWN))()
        self.compare()
        self.kept.append((len(self.book.log), self.books))

    # ------------------------------------------------------------------------------------------------------- laws

    def compare(self) -> None:
        """Hold the ledger's state against the clerk's."""
        for deal in self.books.deals:
            self.compare_policy(deal)
        self.compare_covers()
        self.compare_claims()
        self.compare_fund()

    def compare_policy(self, deal: Deal) -> None:
        """A policy's premium by source, and where each fen of each payment is."""
        policy = self.book.state(Policy, deal.name)
        assert (policy.state, policy.premium_fen, policy.held) == (deal.state, deal.premium, deal.held)
        assert {s: f for s, f in policy.sources.items() if f} == {s: f for s, f in deal.sources.items() if f}
        assert {s: policy.due_fen(s) for s in policy.sources} == {s: deal.due(s) for s in policy.sources}
        told = {name: (r.source, r.amount_fen, r.held_fen) for name, r in policy.receipts.items()}
        assert told == {name: (r.source, r.came, r.held) for name, r in deal.receipts.items()}
        for name, receipt in deal.receipts.items():
            assert 0 <= receipt.held <= receipt.held + receipt.open <= receipt.came
            if name in self.applications:
                assert self.of_fund(name).refunded_fen == receipt.back
            else:
                payment = self.book.state(Payment, name)
                assert (payment.open_fen, payment.returned_fen) == (receipt.open, receipt.back)
        held = sum(deal.held.values())
        assert held <= deal.premium
        if deal.kept is None:
            assert sum(deal.sources.values()) == deal.premium
        assert deal.premium == held + sum(deal.due(source) for source in deal.kept or deal.sources)

    def compare_covers(self) -> None:
        """Who insures what of each lift, on days at every edge."""
        for lift in sorted({c.lift for c in self.books.attached}):
            cover = self.book.state(Cover, f"{lift}/cover")
            own = [c for c in self.books.attached if c.lift == lift]
            assert [*cover.entries] == [c.name for c in own]
            for day in sorted({edge + off for c in own for edge in (c.begins, c.last, c.ends) for off in (-1, 0)}):
                on = written(day)
                assert [e.certificate for e in cover.entries.values() if e.insures(on)] == [
                    c.name for c in own if c.insures(day)
                ]
                for c in own:
                    terms = cover.entries[c.name].terms_on(on)
                    assert day < c.begins or (terms.premises_class, terms.per_lift_year_fen) == c.terms(day)

    def compare_claims(self) -> None:
        """Claims and limits: their money by claim, wherever it is kept."""
        kept: dict[tuple[str, str, str], int] = {}
        for stream in self.book.streams:
            if "/limit:" in stream:
                level, limit = "all" if "/limit:all:" in stream else "lift", self.book.state(Limit, stream)
                for which in ("reserved", "consumed"):
                    for (claim, _), fen in getattr(limit, which).items():
                        assert limit.id.startswith(f"{self.book.state(Claim, limit.claims[claim, _]).policy}/limit:")
                        kept[level, which, claim] = kept.get((level, which, claim), 0) + fen
        told: dict[tuple[str, str, str], int] = {}
        for name, loss in self.books.losses.items():
            claim = self.book.state(Claim, f"{loss.lift}/{name}")
            money = (claim.state, claim.reserved_fen, claim.approved_fen, claim.advanced_fen, claim.paid_fen)
            assert money == (loss.state, loss.reserved, loss.approved, loss.advanced, loss.paid)
            assert 0 <= loss.paid <= loss.used
            told |= {(level, "reserved", name): loss.reserved for level in ("all", "lift")}
            told |= {(level, "consumed", name): loss.used for level in ("all", "lift")}
        assert {key: fen for key, fen in kept.items() if fen} == {key: fen for key, fen in told.items() if fen}

    # ------------------------------------------------------------------------------------------------- known then

    def compare_views(self) -> None:
        """What the read models knew at each position, of days at the edges, is what the clerk had written down then."""
        events = logged(self.book)
        tables = project([events], [], forgetful=False)
        last: Books | None = None
        for position, books in self.kept:
            if books is not last:
                self.compare_known(tables, position, books)
            last = books

    def compare_known(self, tables: Tables, position: int, books: Books) -> None:
        """Hold what was known at a position against the clerk's books of then."""
        rows = {name: known(tables, name, position) for name in ("policies", "covers", "claims")}
        covers: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows["covers"]:
            covers.setdefault((row["lift"], row["item"]), []).append(row)
        for deal in books.deals:
            own = [row for row in rows["policies"] if row["key"] == deal.name]
            for day in edges(deal):
                told = at(own, day)
                assert told is not None
                assert told["in_force"] == deal.in_force(day)
                assert told["received_fen"] == sum(deal.held.values())
                if deal.issued:
                    assert (told["premium_fen"], told["lifts"]) == (deal.premium_on(day), deal.lifts_on(day)), day
            for certificate in deal.certificates:
                of_certificate = covers.get((certificate.lift, certificate.name), [])
                for day in (certificate.begins - 1, certificate.begins, certificate.last - 1, certificate.last):
                    told = at(of_certificate, day)
                    assert (told is not None) == certificate.insures(day)
                    if told is not None:
                        terms = (told["premises_class"], told["per_lift_year_fen"])
                        assert terms == certificate.terms(day)
                        assert told["premium_fen"] == certificate.cost(certificate.ends)
        for name, loss in books.losses.items():
            told = at([row for row in rows["claims"] if row["item"] == "" and row["claim"] == name], None)
            assert told is not None
            money = ("state", "reserved_fen", "approved_fen", "advanced_fen", "paid_fen")
            assert tuple(told[column] for column in money) == (
                loss.state, loss.reserved, loss.approved, loss.advanced, loss.paid
            )  # fmt: skip

    def compare_replays(self) -> None:
        """Whatever day a stream is replayed as of, it stands; a lift's covers are those that insure on that day."""
        for stream, events in self.book.streams.items():
            for instant in sorted({event.effective_at or event.recorded_at or "" for event in events}):
                state = state_of(events, effective(events, instant))
                assert state is None or "failed" not in state, (stream, instant, state)
        for lift in sorted({c.lift for c in self.books.attached}):
            of_lift = self.book.events(f"{lift}/cover")
            for own in self.books.attached:
                for day in (own.begins, own.last - 1):
                    state = state_of(of_lift, effective(of_lift, civil_midnight(written(day)))) or {"entries": {}}
                    told = {
                        name for name, entry in state["entries"].items()
                        if entry["from_date"] <= written(day) < min(entry["to_date"], (entry["ended"] or ["", "9"])[1])
                    }  # fmt: skip
                    assert told == {c.name for c in self.books.attached if c.lift == lift and c.insures(day)}

    # ------------------------------------------------------------------------------------------------------ the end

    def finish(self) -> None:
        """All that is under way arrives, all that is due back comes back: nothing is stuck, and nothing was lost."""
        for payment in sorted(self.asked):
            if payment not in self.books.deal(self.asked[payment][0]).receipts:
                self.arrive(payment)
        for deal in self.books.deals:
            for payment, receipt in deal.receipts.items():
                if receipt.open and payment in self.applications:
                    self.fund_has_back(payment)
                elif receipt.open:
                    self.give_back(payment)
        self.compare()
        assert not any(r.open for deal in self.books.deals for r in deal.receipts.values())
        self.compare_views()
        self.compare_replays()

    def compare_fund(self) -> None:
        """The fund's postings balance, and what it lacks is what the insurers have of it."""
        state = fund(self.book)
        assert trial_balance_fen(state.ledger) == 0
        out = [r.came - r.back for deal in self.books.deals for n, r in deal.receipts.items() if n in self.applications]
        assert self.opened_fen - state.bank_fen == sum(out)


@settings(max_examples=15)
@given(st.randoms(use_true_random=False), st.integers(4, 40))
def test_the_ledger_says_what_a_clerk_with_a_calendar_says(rng: random.Random, steps: int) -> None:
    """Whatever is quoted, endorsed, claimed, paid, cancelled, in whatever order and from whatever day."""
    world = World(rng)
    world.begin()
    for _ in range(steps):
        world.step()
    world.finish()
