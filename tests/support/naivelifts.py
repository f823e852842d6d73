"""Who stands how to a lift, and what he may do of it, told again in the plainest way: lists of days (adr/0011, 0023).

Beside `naiveparties`, which says who may act at all: written from the design and the law, not from the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from tests.support.naiveparties import NOTIFYING, Ask, Register, day

Words = list[tuple[str, str | None]]
"""What was said, in the order in which it was said: since which day, and what."""
USERS: Final = {"use_unit"}
CHANGING: Final[Mapping[str, set[str]]] = {
    "use_unit": {"holder", "manages"}, "maintainer": {"holder"}, "insurer": {"holder"},
    "market_regulator": {"holder", "supervises"},
}  # fmt: skip
"""Who may change what is known of a lift: whoever registered it, its use unit, whoever supervises it."""


def before(date_text: str) -> str:
    """Give the day before."""
    return (date.fromisoformat(date_text) - timedelta(days=1)).isoformat()


def held_on(words: Words, when: str) -> str | None:
    """Give what holds on a day: what was said of the latest day up to it, and of one day what was said last."""
    told = [(since, number, value) for number, (since, value) in enumerate(words) if since <= when]
    return max(told, key=lambda each: each[:2])[2] if told else None


def reach(words: Words, since: str, today: str) -> str:
    """Give the last day, today at the latest, that a word from a day on reaches to."""
    later = [other for other, _ in words if other > since]
    return max(since, min(today, before(min(later))) if later else today)


@dataclass(slots=True)
class Care:
    """Days in which somebody maintains a lift, `to_date` excluded; `contract` is None where a register states it.

    `words` is what was said of a contract's days: until when, and from when on by somebody who answers for the lift.
    """

    holder: str
    from_date: str
    to_date: str | None
    contract: str | None = None
    words: list[tuple[str | None, str | None]] = field(default_factory=list)

    def say(self, until: str | None, sure: str | None) -> None:
        """Let it end on a day."""
        self.to_date = until
        self.words.append((until, sure))

    def trusted(self, when: str) -> bool:
        """Say whether a day is one of them by more than the maintainer's word; what was taken away is so no longer."""
        held = self.contract is None and self.on(when)
        for until, sure in self.words:
            told = self.from_date <= when and (until is None or when < until)
            held = told and (held or (sure is not None and sure <= when))
        return held

    def on(self, when: str) -> bool:
        """Say whether a day is one of them."""
        return self.from_date <= when and (self.to_date is None or when < self.to_date)


@dataclass(slots=True)
class Hoist:
    """A lift: who registered it, who uses it, where it stands, who maintains it."""

    holder: str
    users: Words
    areas: Words
    care: list[Care]

    def area_on(self, when: str) -> str:
        """Give its area on a day; the first one known also before it was said."""
        return held_on(self.areas, max(when, min(since for since, _ in self.areas))) or ""


@dataclass(slots=True)
class Bargain:
    """A contract of maintenance of one lift, and the parties that may end it by its terms."""

    lift: str
    parties: set[str | None]
    from_date: str
    to_date: str | None
    ended: bool = False


@dataclass(slots=True)
class Loss:
    """A claim: who told of it, to which insurer; `open` while nothing ended it."""

    notifier: str
    insurer: str | None
    open: bool = True


@dataclass(slots=True)
class Yard:
    """The lifts, contracts and claims that were accepted so far, over a register of parties."""

    known: Register
    lifts: dict[str, Hoist] = field(default_factory=dict)
    bargains: dict[str, Bargain] = field(default_factory=dict)
    losses: dict[str, Loss] = field(default_factory=dict)

    def refusals(self, ask: Ask) -> set[str]:
        """Give all reasons against a request; none: it must be taken. Who is not let in learns nothing else."""
        why = self.known.nobody(ask.signer)
        if why:
            return why
        judge = _JUDGES.get(ask.action)
        return self.known.refusals(ask) if judge is None else set(judge(self, ask))

    def stands(self, party: str, lift: Hoist, *days: str) -> set[str]:
        """Give the relations in which a party stands to a lift on each of some days."""
        areas = self.known.firms[party].areas
        held = [
            ({"holder"} if lift.holder == party else set[str]())
            | ({"manages"} if held_on(lift.users, when) == party else set())
            | ({"maintains"} if any(care.holder == party and care.trusted(when) for care in lift.care) else set())
            | ({"supervises"} if any(lift.area_on(when).startswith(area) for area in areas) else set())
            for when in days
        ]  # fmt: skip
        return set.intersection(*held)

    def take(self, ask: Ask) -> None:
        """Take over what was accepted."""
        said, today = ask.said, day(ask.now)
        match ask.action:
            case "lift.register":
                since = said.get("effective_on", today)
                care = [Care(said["maintainer"], since, None)] if "maintainer" in said else []
                users = [(since, said["use_unit"])] if "use_unit" in said else []
                self.lifts[said["id"]] = Hoist(ask.signer.party, users, [(since, said["area"])], care)
            case "lift.name_use_unit":
                self.lifts[ask.path["lift"]].users.append((said.get("effective_on", today), said["use_unit"]))
            case "lift.move":
                self.lifts[ask.path["lift"]].areas.append((said.get("effective_on", today), said["area"]))
            case "contract.begin":
                self._begin(ask)
            case "contract.confirm" | "contract.end":
                self._go_on(ask)
            case "claim.notify":
                self.losses[f"{said['lift']}/{said['id']}"] = Loss(ask.signer.party, said.get("insurer"))
            case "claim.withdraw":
                self.losses[f"{ask.path['lift']}/{ask.path['claim']}"].open = False
            case "lift.identify" | "claim.file":
                pass
            case _:
                self.known.take(ask)

    def _go_on(self, ask: Ask) -> None:
        """Confirm or end a contract."""
        said, bargain = ask.said, self.bargains[ask.path["contract"]]
        lift = self.lifts[bargain.lift]
        (term,) = (care for care in lift.care if care.contract == ask.path["contract"])
        if ask.action == "contract.end":
            bargain.ended, bargain.to_date = True, said["ended_on"]
            term.say(said["ended_on"], None)
            return
        if said["effective_on"] <= term.from_date:
            _supersede(lift, term)
        term.say(term.to_date, max(said["effective_on"], term.from_date))

    def _begin(self, ask: Ask) -> None:
        """Let a contract run, and end what the register states where whoever answers for the lift says so."""
        said, author = ask.said, ask.signer.party
        lift, since = self.lifts[said["lifts"][0]], said["from_date"]
        new = Care(said["maintainer"], since, said.get("to_date"), said["id"])
        answers = self.stands(author, lift, since, max(since, day(ask.now))) & {"holder", "manages", "supervises"}
        itself = [
            care.from_date for care in lift.care
            if care.contract is None and care.to_date is None and care.holder == author
        ]  # fmt: skip
        new.say(new.to_date, since if answers else max(since, min(itself)) if itself else None)
        if answers or itself:
            _supersede(lift, new)
        lift.care.append(new)
        parties = {author, said["maintainer"], said.get("use_unit")}
        self.bargains[said["id"]] = Bargain(said["lifts"][0], parties, since, said.get("to_date"))


def _supersede(lift: Hoist, new: Care) -> None:
    """End what the register states where a contract takes its place."""
    for care in [care for care in lift.care if care.contract is None and care.to_date is None]:
        if care.from_date <= new.from_date or (care.holder == new.holder and new.on(care.from_date)):
            care.to_date = max(care.from_date, new.from_date)


# ----------------------------------------------------------------------------------------------------------- lifts


def _register(yard: Yard, ask: Ask) -> Iterator[str]:
    if yard.known.kind(ask) not in CHANGING:
        yield "right_missing"
    if ask.said["id"] in yard.lifts:
        yield "exists"
    for member in ("use_unit", "maintainer"):
        if ask.said.get(member, ask.signer.party) not in yard.known.firms:
            yield "party_unknown"


def _unlike(yard: Yard, ask: Ask, lift: Hoist, enough: set[str], words: Words | None) -> Iterator[str]:
    """One relation must hold from the day on which it is so to the last day that the word reaches."""
    today = day(ask.now)
    since = ask.said.get("effective_on", today)
    until = max(since, today) if words is None else reach(words, since, today)
    if not enough & yard.stands(ask.signer.party, lift, since, until):
        yield "right_missing"


def _identify(yard: Yard, ask: Ask) -> Iterator[str]:
    kind, lift = yard.known.kind(ask), yard.lifts.get(ask.path["lift"])
    if lift is None:
        yield "lift_unknown"
        return
    enough = CHANGING.get(kind, set()) | ({"maintains"} if kind == "maintainer" else set())
    yield from _unlike(yard, ask, lift, enough, None)


def _move(yard: Yard, ask: Ask) -> Iterator[str]:
    lift = yard.lifts.get(ask.path["lift"])
    if lift is None:
        yield "lift_unknown"
        return
    yield from _unlike(yard, ask, lift, CHANGING.get(yard.known.kind(ask), set()), lift.areas)


def _name(yard: Yard, ask: Ask) -> Iterator[str]:
    kind, lift, named = yard.known.kind(ask), yard.lifts.get(ask.path["lift"]), ask.said["use_unit"]
    if lift is None:
        yield "lift_unknown"
        return
    since = ask.said.get("effective_on", day(ask.now))
    free = held_on(lift.users, since) is None and not any(
        held_on(lift.users, later) is not None for later, _ in lift.users if later > since
    )
    itself = kind in USERS and named == ask.signer.party and since >= day(ask.now) and free
    if not itself:
        enough = CHANGING.get(kind, set()) | ({"supervises"} if kind == "town" else set())
        yield from _unlike(yard, ask, lift, enough, lift.users)
    if named is not None and named not in yard.known.firms:
        yield "party_unknown"


def _begin(yard: Yard, ask: Ask) -> Iterator[str]:
    kind, said, lift = yard.known.kind(ask), ask.said, yard.lifts.get(ask.said["lifts"][0])
    if lift is None:
        yield "lift_unknown"
        return
    days = (said["from_date"], max(said["from_date"], day(ask.now)))
    enough = {"use_unit": {"holder", "manages"}, "market_regulator": {"supervises"}}.get(kind, set())
    binds = kind == "maintainer" and said["maintainer"] == ask.signer.party
    if not binds and not enough & yard.stands(ask.signer.party, lift, *days):
        yield "right_missing"
    if said["maintainer"] not in yard.known.firms:
        yield "party_unknown"
    if said["id"] in yard.bargains:
        yield "exists"
    if "to_date" in said and said["from_date"] >= said["to_date"]:
        yield "period_empty"


def _confirm(yard: Yard, ask: Ask) -> Iterator[str]:
    kind, bargain, on = yard.known.kind(ask), yard.bargains.get(ask.path["contract"]), ask.said["effective_on"]
    lift = yard.lifts.get(ask.said["lifts"][0])
    if bargain is None or lift is None:
        yield "contract_unknown" if bargain is None else "lift_unknown"
        return
    enough = {"use_unit": {"holder", "manages"}, "market_regulator": {"supervises"}}.get(kind, set())
    if not enough & yard.stands(ask.signer.party, lift, on, max(on, day(ask.now))):
        yield "right_missing"
    if ask.said["lifts"] != [bargain.lift]:
        yield "lift_not_in_contract"
    if on < bargain.from_date:
        yield "before_contract"
    if bargain.to_date is not None and on >= bargain.to_date:
        yield "outside_contract"


def _end(yard: Yard, ask: Ask) -> Iterator[str]:
    kind, bargain, ended_on = yard.known.kind(ask), yard.bargains.get(ask.path["contract"]), ask.said["ended_on"]
    if bargain is None:
        yield "contract_unknown"
        return
    stands = yard.stands(ask.signer.party, yard.lifts[bargain.lift], ended_on, max(ended_on, day(ask.now)))
    if ask.signer.party in bargain.parties:
        stands |= {"self"}
    enough = {"use_unit": {"self", "manages"}, "maintainer": {"self"}, "market_regulator": {"supervises"}}
    if not enough.get(kind, set()) & stands:
        yield "right_missing"
    if bargain.ended:
        yield "contract_ended"
    if ended_on < bargain.from_date or (bargain.to_date is not None and ended_on > bargain.to_date):
        yield "outside_contract"


# ---------------------------------------------------------------------------------------------------------- claims


def _notify(yard: Yard, ask: Ask) -> Iterator[str]:
    if yard.known.kind(ask) not in NOTIFYING:
        yield "right_missing"
    if ask.said["lift"] not in yard.lifts:
        yield "lift_unknown"


def _withdraw(yard: Yard, ask: Ask) -> Iterator[str]:
    loss = yard.losses.get(f"{ask.path['lift']}/{ask.path['claim']}")
    yield from _dealt(yard, ask, loss)
    if loss is not None and not loss.open:
        yield "claim_state"


def _file(yard: Yard, ask: Ask) -> Iterator[str]:
    loss = yard.losses.get(f"{ask.path['lift']}/{ask.path['claim']}")
    if loss is None or ask.signer.party != loss.insurer or yard.known.kind(ask) not in NOTIFYING:
        yield from _dealt(yard, ask, loss)


def _dealt(yard: Yard, ask: Ask, loss: Loss | None) -> Iterator[str]:
    """What the notifier does, or whom he lets do it."""
    if loss is None:
        yield "claim_unknown"
    elif ask.signer.party != loss.notifier and not yard.known.lets(
        ask.signer.party, loss.notifier, ask.action, ask.now
    ):
        yield "right_missing"


_JUDGES: Final[Mapping[str, Callable[[Yard, Ask], Iterator[str]]]] = {
    "lift.register": _register, "lift.identify": _identify, "lift.move": _move, "lift.name_use_unit": _name,
    "contract.begin": _begin, "contract.confirm": _confirm, "contract.end": _end, "claim.notify": _notify,
    "claim.withdraw": _withdraw, "claim.file": _file,
}  # fmt: skip
