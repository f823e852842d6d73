"""Instants as UTC text, and the instant at which a civil date begins in Asia/Shanghai (event-format §1).

The offset is kept here, not asked of the machine: a verifier in twenty years must find the same instant without the
right time-zone files. China is at +08:00 all year, but for the summers of 1986 to 1991 at +09:00.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from audit.errors import InstantInvalid

__all__ = [
    "DATE_MIN",
    "InstantInvalid",
    "check_date",
    "check_instant",
    "civil_midnight",
    "format_instant",
    "parse_instant",
]

DATE_MIN = "1950-01-01"  # before it the offset changed often; no lift of the ledger is older

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# First and last civil date that begin in summer time (tz database, rule PRC): the clocks moved at 02:00 of a Sunday.
_SUMMERS = (
    ("1986-05-05", "1986-09-14"),
    ("1987-04-13", "1987-09-13"),
    ("1988-04-18", "1988-09-11"),
    ("1989-04-17", "1989-09-17"),
    ("1990-04-16", "1990-09-16"),
    ("1991-04-15", "1991-09-15"),
)


def parse_instant(text: object) -> datetime:
    """Read an instant, exactly `YYYY-MM-DDTHH:MM:SS.ffffffZ`, as an aware datetime in UTC; no leap second.

    Raises InstantInvalid with code `instant_invalid`.
    """
    if isinstance(text, str) and _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # the form is right, but there is no such day
    raise InstantInvalid("An instant is written YYYY-MM-DDTHH:MM:SS.ffffffZ and exists.")


def check_instant(text: object) -> str:
    """Return the text if it is an instant. Raises InstantInvalid as `parse_instant`.

    Instants have one width and one zone: comparing their texts compares the times.
    """
    return format_instant(parse_instant(text))


def format_instant(instant: datetime) -> str:
    """Write an aware datetime as an instant, in UTC. Raises InstantInvalid without a zone or outside the calendar."""
    if instant.utcoffset() is None:
        raise InstantInvalid("A time without a zone is no instant.")
    try:
        utc = instant.astimezone(UTC)
    except OverflowError:
        raise InstantInvalid("The instant lies outside the calendar.", code="instant_range") from None
    return f"{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def check_date(text: object) -> str:
    """Return the text if it is a civil date `YYYY-MM-DD` from 1950-01-01 on.

    Raises InstantInvalid with code `date_invalid`, or `date_range` for an earlier day.
    """
    _parse_date(text)
    return str(text)


def civil_midnight(date_text: object) -> str:
    """Return the instant at which a civil date from 1950-01-01 on begins in Asia/Shanghai.

    That is 16:00 UTC of the day before, and 15:00 in the summers of 1986 to 1991.
    Raises InstantInvalid as `check_date`.
    """
    day = _parse_date(date_text)
    summer = any(first <= day.isoformat() <= last for first, last in _SUMMERS)
    before = date.fromordinal(day.toordinal() - 1)
    return f"{before.isoformat()}T{15 if summer else 16}:00:00.000000Z"


def _parse_date(text: object) -> date:
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        raise InstantInvalid("A civil date is written YYYY-MM-DD.", code="date_invalid")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InstantInvalid("There is no such day.", code="date_invalid") from None
    if text < DATE_MIN:
        raise InstantInvalid("The civil date is too early.", code="date_range", date_min=DATE_MIN)
    return day
