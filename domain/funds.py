"""The maintenance fund of an estate (住宅专项维修资金专户): its houses' balances, what is reserved, what was paid.

The fund's stream decides: every amount that counts is posted here in double entry, and a house's balance is what
the postings left it. Shares of houses are never written out whole; they follow from the state at the reservation
by largest remainder, and their root stands in the event, so that 5,000 houses fit in one save.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.accounts import BANK, DEPOSITS, INCOME, RETURN_DUE, Account, Posting, check_balanced, entry, posted
from domain.aggregate import Aggregate, Because, Due, Event, Statement
from domain.allotments import (
    Allotment,
    Beside,
    HouseAccount,
    Reservation,
    allotted,
    applied_already,
    borne_fen,
    by_house,
    insufficient,
    pooled_fen,
    taken_by,
)
from domain.errors import Conflict, Invalid, NotFound
from domain.fund_shapes import POOLED
from domain.money import apportion
from domain.time import civil_midnight
from domain.vote import Unit

HOUSES_MAX: Final = 20_000
RESERVATIONS_MAX: Final = 100
EXPIRY_RULE: Final = "fund.reservation.expiry"
"""Why a reservation is voided; how long it lasts is `fund.reservation_days_max` of the pack."""


@dataclass
class Fund(Aggregate):
    """A fund; `ledger` is debit less credit by account and sums to zero."""

    estate: str = ""
    area: str = ""
    kind: str = ""
    area_basis: str = ""
    bank: str = ""
    bureau: str = ""
    committee: str | None = None
    manager: str | None = None
    premium_account: Account = "5901"
    houses: dict[str, HouseAccount] = field(default_factory=dict)
    owned: dict[str, tuple[tuple[str, str | None, bool], ...]] = field(default_factory=dict)
    """(instant since when, head, delivered) of houses that changed hands, in the order of recording."""
    ledger: dict[str, int] = field(default_factory=dict)
    deposited_fen: int = 0
    income_fen: int = 0
    paid_fen: int = 0
    refunded: dict[str, Mapping[str, int]] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    released: dict[str, Reservation] = field(default_factory=dict)
    """Voided reservations by application: money ordered on them before that may be under way still, or out (C3)."""
    paid: dict[str, Reservation] = field(default_factory=dict)
    return_due: dict[str, int] = field(default_factory=dict)
    refunds: dict[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    """Shares of houses by application and payment; none of pooled money."""

    class Opened(Event):
        """The fund exists; `said` is a FundOpening."""

        TOPIC = "fund.Opened"

        def apply(self, aggregate: Fund) -> None:
            """Take it over."""
            said: Mapping[str, Any] = self.said or {}
            for member in ("estate", "area", "kind", "area_basis", "bank", "bureau", "committee", "manager"):
                setattr(aggregate, member, said.get(member))
            aggregate.premium_account = said.get("premium_account", "5901")

    class Changed(Event):
        """Bank, committee or manager changed; `said` is a FundChange."""

        TOPIC = "fund.Changed"

        def apply(self, aggregate: Fund) -> None:
            """Take over what was said."""
            for member, value in (self.said or {}).items():
                setattr(aggregate, member, value)

    class HousesJoined(Event):
        """Houses entered, `found.houses [{house, area_m2_hundredths, building, head, delivered}]`."""

        TOPIC = "fund.HousesJoined"

        def apply(self, aggregate: Fund) -> None:
            """Open their sub-accounts at zero."""
            for row in self.found["houses"]:
                aggregate.houses[row["house"]] = HouseAccount(
                    row["area_m2_hundredths"], row["building"], row["head"], row["delivered"], 0
                )

    class HouseTransferred(Event):
        """A house's owners changed, `found {house, head, delivered}`; its balance stays with it."""

        TOPIC = "fund.HouseTransferred"

        def apply(self, aggregate: Fund) -> None:
            """Take over the new head."""
            house = self.found["house"]
            known = aggregate.houses[house]
            before = aggregate.owned.get(house, (("", known.head, known.delivered),))
            now = (self.effective_at or "", self.found["head"], self.found["delivered"])
            aggregate.owned[house] = (*before, now)
            aggregate.houses[house] = known._replace(head=self.found["head"], delivered=self.found["delivered"])

    class Reserved(Event):
        """Money is held for an application until `found.expires`; `found.root` is over the shares it leads to.

        `found.beside` names the applications whose money is out or under way though nothing is reserved for them, once
        for each payment; before schema 2 what they had taken counted as free.
        """

        TOPIC = "fund.Reserved"
        SCHEMA = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that nothing was taken off for money out or under way."""
            state["found"]["beside"] = []

        def apply(self, aggregate: Fund) -> None:
            """Work the shares out again; they must come to the amount reserved."""
            found = self.found
            allotment = aggregate.allot(found["source"], found["apportioned_fen"], found["buildings"], found["beside"])
            if allotment.amount_fen != found["amount_fen"]:
                raise Conflict("the shares do not come to the amount reserved", code="shares_differ")
            aggregate.reservations[found["application"]] = Reservation(
                found["application"], found["policy"], found["source"], found["amount_fen"], found["expires"],
                allotment.charged, allotment.owed, allotment.area_m2_hundredths,
            )  # fmt: skip

    class ReservationVoided(Event):
        """Money is held no longer: by command `found {application}`, by a timer `found {due, rule}` exactly."""

        TOPIC = "fund.ReservationVoided"

        def apply(self, aggregate: Fund) -> None:
            """Release it: the one named, or all that were to expire at that instant."""
            found = self.found
            for name, held in list(aggregate.reservations.items()):
                if name == found.get("application") or held.expires == found.get("due"):
                    aggregate.released[name] = aggregate.reservations.pop(name)

    class Posted(Event):
        """An entry in double entry: `found {kind, amount_fen, postings, …}`.

        Kinds: `deposit` with `houses [{house, amount_fen}]`, `income`, `premium` with `application` and `payment`,
        `return_due` and `returned` with `payment`, `refund` with `application` and `payment`.
        """

        TOPIC = "fund.Posted"

        def apply(self, aggregate: Fund) -> None:
            """Post the rows and move the houses' balances with them."""
            found = self.found
            aggregate.ledger = posted(aggregate.ledger, check_balanced(found["postings"]))
            _POSTINGS[found["kind"]](aggregate, found)

    # ------------------------------------------------------------------------------------------------ reading

    @property
    def reserved_fen(self) -> int:
        """What is reserved in all."""
        return sum(reservation.amount_fen for reservation in self.reservations.values())

    @property
    def balance_fen(self) -> int:
        """What houses and undistributed income have in all, also while it is due back."""
        return self.income_fen + sum(house.balance_fen for house in self.houses.values())

    @property
    def bank_fen(self) -> int:
        """What is in the bank (1001 银行存款): the balance without what left it and is due back."""
        return self.ledger.get(BANK, 0)

    def scope(self, buildings: Collection[str] | None) -> dict[str, HouseAccount]:
        """Give the houses of the expenditure scope (列支范围): of these buildings, or all.

        Raises Invalid `scope_empty`.
        """
        inside = {n: h for n, h in self.houses.items() if buildings is None or h.building in buildings}
        if not inside:
            raise Invalid("no house of the fund lies in the scope", code="scope_empty")
        return inside

    def units(self, buildings: Collection[str] | None, on: str) -> list[Unit]:
        """Give the scope as units of a vote, with the owners of a civil day as known now (SPC art. 9)."""
        units = []
        for name, house in self.scope(buildings).items():
            head, delivered = self._owned_on(name, on) if name in self.owned else (house.head, house.delivered)
            units.append(
                Unit(name, house.area_m2_hundredths, head or "", delivered=delivered and head is not None)
            )  # fmt: skip
        return units

    def _owned_on(self, house: str, on: str) -> tuple[str | None, bool]:
        begun = [row for row in self.owned[house] if row[0] <= civil_midnight(on)]
        # of what began on one day the last recorded; the first row of all has no beginning
        _, head, delivered = max(reversed(begun), key=lambda row: row[0])
        return head, delivered

    def allot(
        self, source: str, total_fen: int, buildings: Collection[str] | None, beside: Collection[str]
    ) -> Allotment:
        """Divide an amount as `allotted` does over the scope, of what is free besides all that is taken.

        Pooled money is taken from as a whole. Raises Invalid `scope_empty`.
        """
        if source in POOLED:
            return Allotment({}, {}, total_fen)
        return allotted(total_fen, self.scope(buildings), by_house(self.taken(beside)))

    def taken(self, beside: Collection[str]) -> list[Reservation]:
        """Give the open reservations, and those on which the money of applications went out or is about to."""
        return [*self.reservations.values(), *self._shares(beside)]

    def _shares(self, applications: Collection[str]) -> list[Reservation]:
        known = {**self.paid, **self.released, **self.reservations}
        return [known[name] for name in applications]

    def free_fen(self, source: str, beside: Beside) -> int:
        """Give what is in the bank, neither reserved nor under way; of pooled money no more than is free of that."""
        free_fen = self.bank_fen - sum(held.amount_fen for held in self.taken(beside.under_way))
        if source not in POOLED:
            return free_fen
        return min(free_fen, self.income_fen - pooled_fen(self.taken(beside.names)))

    def due(self, now: str) -> list[str]:
        """Give the expiries reached at `now`, earliest first."""
        return sorted({held.expires for held in self.reservations.values() if held.expires <= now})

    # ------------------------------------------------------------------------------------------------ deciding

    def credit(self, cause: Because, rows: Iterable[Mapping[str, Any]]) -> Because:
        """Post deposits of houses (`rows` {house, amount_fen}) as one entry."""
        houses = [dict(row) for row in rows]
        amount_fen = sum(row["amount_fen"] for row in houses)
        return self._post(cause, "deposit", entry(BANK, DEPOSITS, amount_fen), amount_fen, houses=houses)

    def add_income(self, statement: Statement) -> Because:
        """Post income of the fund as a whole."""
        amount_fen = statement.said["amount_fen"]
        return self._post(statement, "income", entry(BANK, INCOME, amount_fen), amount_fen)

    def reserve(self, cause: Because, held: Reservation, found: Mapping[str, Any], beside: Beside) -> Because:
        """Hold money for an application; raises Conflict `policy_applied_already`, `fund_insufficient`, `too_many`."""
        other = taken_by(self.reservations.values(), held.policy, held.source)
        if other is not None:
            raise applied_already(other)
        if len(self.reservations) >= RESERVATIONS_MAX:
            raise Conflict("too many open reservations", code="too_many", maximum=RESERVATIONS_MAX)
        free_fen = self.free_fen(held.source, beside)
        if not 0 < held.amount_fen <= free_fen:
            raise insufficient(held.amount_fen, free_fen)
        return self.record(
            Fund.Reserved, cause,
            {
                "application": held.application, "policy": held.policy, "source": held.source,
                "amount_fen": held.amount_fen, "expires": held.expires, "beside": list(beside.names), **found,
            },
        )  # fmt: skip

    def reservation(self, application: str) -> Reservation:
        """Give the open reservation of an application; raises Conflict `paid_twice`, `not_reserved`."""
        if application in self.paid:
            raise Conflict("the fund has paid this application", code="paid_twice", application=application)
        held = self.reservations.get(application)
        if held is None:
            raise Conflict("nothing is reserved for this application", code="not_reserved", application=application)
        return held

    def require_borne(self, held: Reservation, beside: Beside) -> None:
        """Raise Conflict `fund_insufficient` unless bank, houses and income have a reservation's money besides others'.

        Reservations keep that apart by themselves; those of before they counted what is out or under way may not.
        """
        in_bank_fen = self.bank_fen - sum(each.amount_fen for each in self._shares(beside.under_way))
        free_fen = min(in_bank_fen, borne_fen(held, self.houses, self.income_fen, self._shares(beside.names)))
        if held.amount_fen > free_fen:
            raise insufficient(held.amount_fen, free_fen)

    def void(self, cause: Because, application: str) -> Because:
        """Release a reservation by command; raises Conflict as `reservation`."""
        self.reservation(application)
        return self.record(Fund.ReservationVoided, cause, {"application": application})

    def expire(self, at: str) -> bool:
        """Void at its expiry what is still reserved; False, with nothing recorded, when the state has moved on."""
        if all(held.expires != at for held in self.reservations.values()):
            return False
        self.record(Fund.ReservationVoided, Due(at, EXPIRY_RULE))
        return True

    def pay(self, cause: Because, application: str, payment: str, line: str) -> Because:
        """Post the premium of an application with a reservation, or one that expired since; raises as `reservation`."""
        held = self.released.get(application) or self.reservation(application)
        rows = entry(self.premium_account, BANK, held.amount_fen)
        return self._post(cause, "premium", rows, held.amount_fen, application=application, payment=payment, line=line)

    def suspend(self, cause: Because, payment: str, amount_fen: int, line: str) -> Because:
        """Post money that left without a reservation behind it: it is due back (domain-model C3)."""
        rows = entry(RETURN_DUE, BANK, amount_fen)
        return self._post(cause, "return_due", rows, amount_fen, payment=payment, line=line)

    def take_back(self, cause: Because, payment: str, line: str) -> Because:
        """Post money that came back; raises NotFound `nothing_due`."""
        amount_fen = self.return_due.get(payment)
        if amount_fen is None:
            raise NotFound("nothing is due back of this payment", code="nothing_due", payment=payment)
        rows = entry(BANK, RETURN_DUE, amount_fen)
        return self._post(cause, "returned", rows, amount_fen, payment=payment, line=line)

    def refund(self, cause: Because, application: str, payment: str, amount_fen: int, line: str) -> Because:
        """Post a refund of premium; houses get it in the ratio they were charged in, whoever owns them now (MF12).

        Raises Conflict `not_paid`, `paid_twice` or `refund_too_high`.
        """
        held = self.paid.get(application)
        if held is None:
            raise Conflict("the fund has not paid this application", code="not_paid", application=application)
        if any(posted_before == payment for _, posted_before in self.refunds):
            raise Conflict("this refund is posted already", code="paid_twice", payment=payment)
        left_fen = held.amount_fen - sum(self.refunded.get(application, {}).values())
        if amount_fen > left_fen:
            raise Conflict("more would come back than was paid", code="refund_too_high", left_fen=left_fen)
        rows = entry(BANK, self.premium_account, amount_fen)
        return self._post(cause, "refund", rows, amount_fen, application=application, payment=payment, line=line)

    def _post(
        self, cause: Statement | Because, kind: str, rows: list[Posting], amount_fen: int, **facts: object
    ) -> Because:
        return self.record(Fund.Posted, cause, {"kind": kind, "amount_fen": amount_fen, "postings": rows, **facts})


def _move(fund: Fund, amounts: Iterable[tuple[str, int]]) -> None:
    for house, fen in amounts:
        account = fund.houses[house]
        fund.houses[house] = account._replace(balance_fen=account.balance_fen + fen)


def _deposit(fund: Fund, found: Mapping[str, Any]) -> None:
    _move(fund, [(row["house"], row["amount_fen"]) for row in found["houses"]])
    fund.deposited_fen += found["amount_fen"]


def _income(fund: Fund, found: Mapping[str, Any]) -> None:
    fund.income_fen += found["amount_fen"]


def _premium(fund: Fund, found: Mapping[str, Any]) -> None:
    held = fund.reservations.pop(found["application"], None) or fund.released.pop(found["application"])
    fund.paid[held.application] = held
    fund.paid_fen += held.amount_fen
    if held.source in POOLED:
        fund.income_fen -= held.amount_fen
    _move(fund, [(house, -fen) for house, fen in held.charged.items()])


def _return_due(fund: Fund, found: Mapping[str, Any]) -> None:
    fund.return_due[found["payment"]] = found["amount_fen"]


def _returned(fund: Fund, found: Mapping[str, Any]) -> None:
    del fund.return_due[found["payment"]]


def _refund(fund: Fund, found: Mapping[str, Any]) -> None:
    held = fund.paid[found["application"]]
    before = fund.refunded.get(held.application, {})
    # by what is still out, so that several refunds never give a house more than it was charged
    out = {name: fen - before.get(name, 0) for name, fen in (held.charged or {INCOME: held.amount_fen}).items()}
    shares = apportion(found["amount_fen"], {name: fen for name, fen in out.items() if fen})
    shares = {name: fen for name, fen in shares.items() if fen}
    fund.refunded[held.application] = {n: before.get(n, 0) + shares.get(n, 0) for n in {*before, *shares}}
    # by both: refunds of two applications may once have had the same payment's name
    fund.refunds[held.application, found["payment"]] = shares if held.charged else {}
    if held.charged:
        _move(fund, shares.items())
    else:
        fund.income_fen += found["amount_fen"]


_POSTINGS: Final = {
    "deposit": _deposit, "income": _income, "premium": _premium, "return_due": _return_due, "returned": _returned,
    "refund": _refund,
}  # fmt: skip
