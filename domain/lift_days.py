"""The days of a lift (电梯): what was so of it on which civil date, and who answered for it then."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from domain.histories import (
    History,
    Terms,
    entered,
    first_or_holders_on,
    first_or_on,
    holders_on,
    last_value,
    next_day,
    value_on,
    without,
)
from domain.time import add_days

DATED = {
    "status": "statuses", "premises_class": "classes", "use_unit": "use_units", "area": "areas",
    "authority": "authorities", "venue": "venues",
}  # fmt: skip
"""Members of which every word keeps its day, and under which name; of the others the last word holds."""

SCRAPPED = "scrapped"
"""报废: final, save correction."""


@dataclass
class LiftDays:
    """Histories by civil date; `status`, `premises_class`, `use_unit` and `maintainer` are the last that were said.

    `confirmed` are the days of contracts in `maintenance` of which whoever answers for the lift says so as well.
    """

    statuses: History = ()
    classes: History = ()
    use_units: History = ()
    areas: History = ()
    authorities: History = ()
    venues: History = ()
    maintenance: Terms = ()
    confirmed: Terms = ()

    @property
    def status(self) -> str:
        """The status that was said of the latest day."""
        return last_value(self.statuses) or ""

    @property
    def premises_class(self) -> str | None:
        """The premises class of the latest day; None while it is not known."""
        return last_value(self.classes)

    @property
    def use_unit(self) -> str | None:
        """The use unit of the latest day."""
        return last_value(self.use_units)

    @property
    def maintainer(self) -> str | None:
        """The maintainer whose term began last and was not ended without another."""
        return self.maintenance[-1].holder if self.maintenance else None

    def status_on(self, date: str) -> str | None:
        """Give the status on a civil date; None before it is known."""
        return value_on(self.statuses, date)

    def live_on(self, date: str) -> bool:
        """Say whether it is not scrapped (报废) on a civil date."""
        return self.status_on(date) != SCRAPPED

    def live_once(self, status: str, since: str, date: str, gone: Collection[str] = ()) -> bool:
        """Say whether it is not scrapped on a civil date once a status was said from a day on, and of some no more."""
        return value_on(entered(without(self.statuses, gone), since, status), date) != SCRAPPED

    def class_on(self, date: str) -> str | None:
        """Give the premises class on a civil date."""
        return value_on(self.classes, date)

    def use_unit_on(self, date: str) -> str | None:
        """Give the use unit on a civil date; None: there was none, or it is not known."""
        return value_on(self.use_units, date)

    def users_on(self, date: str) -> tuple[str, ...]:
        """Give who used it on a civil date: both on the day it was handed over, the first one also before it was said.

        For what they did; whoever was said first has no rights over the time before (`use_unit_on`).
        """
        units = (first_or_on(self.use_units, date), last_value(tuple(e for e in self.use_units if e[0] < date)))
        return tuple(dict.fromkeys(unit for unit in units if unit is not None))

    def vacant_from(self, date: str) -> bool:
        """Say whether no use unit is known on a civil date and none after it."""
        return self.use_unit_on(date) is None and all(unit is None for day, unit in self.use_units if day > date)

    def last_day(self, members: Iterable[str], on: str, today: str) -> str:
        """Give the last day, today at the latest, that a word on some members from a day on reaches to.

        It holds until another was said of a later day; of members that keep no days it holds until today.
        """
        ends = [next_day(getattr(self, DATED[m]), on) if m in DATED else None for m in members]
        known = [end for end in ends if end is not None]
        reaches = min(today, add_days(max(known), -1)) if known and len(known) == len(ends) else today
        return max(on, reaches)

    def area_on(self, date: str) -> str | None:
        """Give the area it stood in on a civil date; the first one known also before it was said."""
        return first_or_on(self.areas, date)

    def authority_on(self, date: str) -> str | None:
        """Give the authority it belonged to on a civil date; the first one known also before it was said."""
        return first_or_on(self.authorities, date)

    def venue_on(self, date: str) -> str | None:
        """Give the kind of place (场所) it served on a civil date; the first one known also before it was said."""
        return first_or_on(self.venues, date)

    def maintainers_on(self, date: str) -> tuple[str, ...]:
        """Give all maintainers on a civil date, the latest first: more than one is an overlap of contracts."""
        return holders_on(self.maintenance, date)

    def entrusted_on(self, date: str) -> tuple[str, ...]:
        """Give the maintainers on a civil date by a register's word, or by that of somebody who answers for the lift.

        These alone have rights by it: who says himself that he maintains a lift is held to it, and reads nothing by it.
        """
        stated = tuple(term for term in self.maintenance if not term.under)
        return holders_on((*stated, *self.confirmed), date)

    def unconfirmed_on(self, date: str) -> tuple[str, ...]:
        """Give the maintainers on a civil date by nobody's word but their own."""
        entrusted = self.entrusted_on(date)
        return tuple(holder for holder in self.maintainers_on(date) if holder not in entrusted)

    def maintainer_on(self, date: str) -> str | None:
        """Give the maintainer on a civil date: that of the term begun last."""
        return next(iter(self.maintainers_on(date)), None)

    def engaged_on(self, date: str) -> tuple[str, ...]:
        """Give who maintained it on a civil date; whom a register stated first also before it was said.

        For what they did; it gives no rights over the time before (`maintainers_on`).
        """
        return first_or_holders_on(self.maintenance, date)
