"""Who sees the bodies of a subject's events: his own everybody, others' by the subject's row of rights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from application.reading import policies
from application.reading.asking import Asking
from application.reading.ports import Cut
from application.reading.scope import lies_in, named_in, supervised, to_fund, to_house
from application.reading.sight import Seen, sight
from audit import canonical
from audit.names import kind_of
from domain.errors import Forbidden, NotFound

ACCESS: Final = "/access"
"""The streams of what parties were given, which is nobody else's to know."""

Sees = Callable[[Seen], bool]
"""Whether the reader may see an event's body; his own he always may."""


def sees(asking: Asking, subject: str) -> Sees:
    """Give what the reader may see of a subject's bodies; relations are those the read models know now."""
    party = asking.author.party
    kind = kind_of(subject)
    if all(asking.may(action) for action in _WHOLE.get(kind, (f"{kind}.read",))):
        if kind != "party" or subject == party or asking.may("access.read"):
            return lambda _event: True
        return lambda event: event.party == party or not event.stream.endswith(ACCESS)
    views = Asking(asking.reads, asking.author, asking.path, {})
    try:
        may = _READERS.get(kind, _named)(views, subject)
    except (NotFound, Forbidden):
        return lambda event: event.party == party
    return lambda event: event.party == party or may(event)


def _lift(asking: Asking, lift: str) -> Sees:
    return sight(asking, [lift]).sees


def _policy(asking: Asking, policy: str) -> Sees:
    policies.require_readable(asking, policy)
    return lambda _event: True


def _fund(asking: Asking, fund: str) -> Sees:
    return _within(to_fund(asking, fund).cut(asking, "fund.read"))


def _house(asking: Asking, house: str) -> Sees:
    return _within(to_house(asking, house).cut(asking, "house.read"))


def _within(cut: Cut | None) -> Sees:
    return lambda event: cut is None or lies_in(event.effective_at, cut.periods)


def _payment(asking: Asking, payment: str) -> Sees:
    """Find whether the reader began a payment, is named in it, or has to do with the fund that pays it."""
    first = list(_first(asking, payment))
    payer = first[0][1]["found"].get("payer", "") if first else ""
    named = asking.may("payment.read", _relations(asking, first) - {"supervises"})
    if named or kind_of(payer) != "fund":
        return lambda _event: named
    return _within(to_fund(asking, payer).cut(asking, "payment.read"))


def _named(asking: Asking, subject: str) -> Sees:
    may = asking.may(f"{kind_of(subject)}.read", _relations(asking, _first(asking, subject)))
    return lambda _event: may


def _first(asking: Asking, subject: str) -> Iterator[tuple[Any, Any]]:
    """Give header and body of a subject's first event."""
    for stored in asking.reads.log.select_subject(subject, lte=1):
        yield canonical.decode(stored.header), canonical.decode(stored.body)


def _relations(asking: Asking, first: Iterable[tuple[Any, Any]]) -> set[str]:
    """Find whether the reader began a subject, is named in its first event, or has the area that this names."""
    held: set[str] = set()
    for header, body in first:
        if header["author"]["party"] == asking.author.party:
            held.add("wrote")
        if named_in(asking.author.party, [body["said"], body["found"]]):
            held.add("named")
        if supervised(asking, (body["said"] or {}).get("area")):
            held.add("supervises")
    return held


_WHOLE: Final = {"lift": ("lift.read", "cover.read", "claim.read")}
"""What somebody may read of everybody's who reads a subject whole, where that is more than one thing."""

_READERS: dict[str, Callable[[Asking, str], Sees]] = {
    "lift": _lift, "policy": _policy, "fund": _fund, "house": _house, "payment": _payment,
}  # fmt: skip
