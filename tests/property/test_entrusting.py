"""Who has rights as a lift's maintainer on which day, by whose word: random contracts against a naive telling."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from application.relations import to_lift
from application.work import AggregateCache, Author, Work
from domain.errors import DomainError
from domain.lifts import Lift
from domain.parties import Party
from domain.time import add_days, civil_date
from tests.support.book import ORIGIN
from tests.support.contracting import ELSEWHERE, FIRST, NEXT_UNIT, REGULATOR, SECOND, UNIT, contracting
from tests.support.naivelifts import Care, Words, held_on
from tests.support.seeding import seed

LIFT: Final = "lift:018f3a5b-d9cb-769f-a165-7086772895fe"
AUTHORS: Final = (UNIT, NEXT_UNIT, REGULATOR, ELSEWHERE, FIRST, FIRST, SECOND)
STEPS: Final = 14


class Told:
    """A lift whose use unit changes, and contracts over it, as they were accepted."""

    def __init__(self, rnd: Random) -> None:
        self.rnd, self.book = rnd, contracting()
        self.today = civil_date(self.book.now)
        self.days = [add_days(self.today, 40 * number) for number in range(-6, 4)]
        self.users: Words = []
        self.care: dict[str, Care] = {}
        for author in (NEXT_UNIT, REGULATOR, ELSEWHERE):
            seed(
                self.book, Party, author.party, UNIT.party, Party.Registered, {"id": author.party, "kind": author.kind}
            )
        said = {
            "id": LIFT, "identifiers": [{"scheme": "platform_code", "issuer": "p", "value": "8"}], "variety": "3110",
            "area": "370102", "status": "in_use", "effective_on": self.days[0],
        }  # fmt: skip
        self.book.act(REGULATOR, "lift.register", said)
        self.name(UNIT)

    def taken(self, author: Author, action: str, said: dict[str, Any], **path: str) -> bool:
        """Do it; say whether it was accepted."""
        try:
            return bool(self.book.act(author, action, said, **path))
        except DomainError:
            return False

    def sure(self, author: Author, on: str, care: Care) -> str | None:
        """Give the day of a contract from which who speaks of a day answers for the lift; None where he does not."""
        uses = all(held_on(self.users, day) == author.party for day in (on, max(on, self.today)))
        return max(on, care.from_date) if uses or author == REGULATOR else None

    def name(self, unit: Author) -> None:
        """Let the regulator name the use unit."""
        on = self.rnd.choice(self.days)
        if self.taken(REGULATOR, "lift.name_use_unit", {"use_unit": unit.party, "effective_on": on}, lift=LIFT):
            self.users.append((on, unit.party))

    def begin(self, author: Author, on: str, until: str) -> None:
        """Begin a contract, which may name a use unit that is none."""
        shop = author if author in {FIRST, SECOND} else self.rnd.choice([FIRST, SECOND])
        care = Care(shop.party, on, None, f"contract:018f3a5b-d9cb-769f-a165-{len(self.care):012x}")
        said: dict[str, Any] = {"id": care.contract, "maintainer": shop.party, "lifts": [LIFT], "from_date": on}
        ends = {"to_date": until} if self.rnd.random() < 0.6 else {}
        named = {"use_unit": NEXT_UNIT.party} if self.rnd.random() < 0.5 else {}
        if self.taken(author, "contract.begin", {**said, **ends, **named, "level": "full"}):
            care.say(ends.get("to_date"), self.sure(author, on, care))
            self.care[care.contract or ""] = care

    def go_on(self, author: Author, action: str, on: str, until: str) -> None:
        """Change, confirm or end a contract."""
        contract = self.rnd.choice([*self.care])
        care = self.care[contract]
        said: dict[str, dict[str, Any]] = {
            "contract.change": {"effective_on": on, "to_date": until},
            "contract.confirm": {"effective_on": on, "lifts": [LIFT]},
            "contract.end": {"ended_on": on},
        }  # fmt: skip
        if not self.taken(author, action, said[action], contract=contract):
            return
        if action == "contract.end":
            care.say(on, None)
        elif action == "contract.confirm":
            care.say(care.to_date, self.sure(author, on, care))
        elif until != care.to_date:
            care.say(until, self.sure(author, on, care))

    def step(self) -> None:
        """Do something."""
        author, on, until = self.rnd.choice(AUTHORS), self.rnd.choice(self.days), self.rnd.choice(self.days)
        action = self.rnd.choice(["name", "begin", *["contract.change", "contract.confirm"] * 3, "contract.end"])
        if action == "name":
            self.name(self.rnd.choice([UNIT, NEXT_UNIT]))
        elif action == "begin" or not self.care:
            self.begin(author, on, until)
        else:
            self.go_on(author, action, on, until)

    def check(self) -> None:
        """Hold who has rights, and who is held to what he said, on each day against what was told."""
        lift, cache = self.book.state(Lift, LIFT), AggregateCache()
        for shop in (FIRST, SECOND):
            own = [care for care in self.care.values() if care.holder == shop.party]
            work = Work(ORIGIN, shop, self.book.now, self.book, cache, keep=cache)
            for day in self.days:
                assert (shop.party in lift.maintainers_on(day)) == any(care.on(day) for care in own)
                assert to_lift(work, lift, day, day)["maintains"] == any(care.trusted(day) for care in own), own


@settings(max_examples=60)
@given(rnd=st.randoms(use_true_random=False))
def test_a_lift_is_entrusted_by_whoever_answers_for_it(rnd: Random) -> None:
    """By his words on the days of which he speaks, never by its maintainer's own, however these follow each other."""
    told = Told(rnd)
    for _ in range(STEPS):
        told.step()
        told.check()
