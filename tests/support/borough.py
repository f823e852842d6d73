"""Several estates' funds, their votes and their money, through the use cases, beside a clerk's chests and slips."""

from __future__ import annotations

import random
from copy import deepcopy
from datetime import date
from typing import Any

from application.ids import new_name
from application.work import Author
from domain.aggregate import Event
from domain.funds import Fund
from domain.lifts import Lift
from tests.support.book import Book
from tests.support.funding import BANK, BUILDING, COMMITTEE, HOUSING, LIFT, OTHER_BUILDING, PREMIUM_FEN, funded
from tests.support.insuring import AREA, BUREAU, HOLDER, INSURER, OPERATOR, RIVAL
from tests.support.naive_funds import PRINCIPAL, Chest, Custom, Town
from tests.support.naive_votes import LONG_AGO, Deed, Home, Minutes, Paper, Poll, Scheme
from tests.support.seeding import seed
from tests.support.voting import AREAS, CHOICES, PEOPLE, said_of, written

BANK_2, HOUSING_2 = Author(new_name("party"), "bank"), Author(new_name("party"), "housing_bureau", areas=("370103",))
COMMITTEES = (COMMITTEE, *(Author(new_name("party"), "owners_committee") for _ in range(2)))
DISTRICT_2 = "370103"
CUSTOMS = (Custom(7, 7, 60), Custom(7, 7, 60), Custom(10, 2, 30))
OWN_PACK = """[pack]
id="own"
version=1
title="x"
area="370103"
demonstration=false
based_on="shandong@1"
[[rule]]
id="fund.publicity_days_min"
title="t"
value={plan=10, result=2}
unit="days"
basis="b"
grade="government"
breach="violates"
from="2008-02-01"
[[rule]]
id="fund.reservation_days_max"
title="t"
value=30
unit="days"
basis="b"
grade="government"
breach="information"
from="2008-02-01"
"""
BUILDINGS = (BUILDING, OTHER_BUILDING)
SOURCES = (PRINCIPAL, "fund_income", "emergency_fund")
FIRST = date(2026, 3, 15).toordinal()
"""From 1 March 2026 on no policy comes before its premium (金发〔2025〕36号)."""


class Borough:
    """A book beside the clerk's town: fund 1 and 2 in one district, 1 and 3 in two."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.book: Book = funded(())
        self.town = Town()
        self.count = 0
        self.smooth = True
        """Whether nobody errs."""
        self.wealth = rng.choice((6_500, 14_000, 60_000))
        self.today = FIRST
        self.wait(0)
        self.lines: list[str] = []
        """Bank lines that proved something."""
        self.refunds: dict[str, list[str]] = {}
        """Names of refunds that came to a fund."""
        self.parts: dict[str, dict[tuple[str, str], int]] = {}
        """What each fund is meant to bear of a policy, by source."""
        self._adopt()
        self.lifts = self._found()
        for fund in self.funds:
            self.fund = fund
            for _ in range(rng.randrange(1, 4)):
                self.join()
            self.income()

    @property
    def funds(self) -> list[str]:
        """Name the funds."""
        return list(self.town.chests)

    @property
    def minutes(self) -> Minutes:
        """Give the minutes of the fund at hand."""
        return self.town.chests[self.fund].minutes

    def _adopt(self) -> None:
        said: dict[str, Any] = {"area": DISTRICT_2, "pack": self.name("pack"), "version": 1, "document": "Notice 2"}
        self.book.act(OPERATOR, "pack.publish", {"id": said["pack"], "toml": OWN_PACK})
        self.book.act(BUREAU, "scheme.adopt", said | {"from_date": "2020-01-01"})

    def _found(self) -> dict[str, str]:
        """Open the funds, each of an estate with a lift; the second may be of the first's estate (公有住房)."""
        same, lifts = self.rng.random() < 0.3, dict[str, str]()
        self.people: dict[str, tuple[Author, Author, Author]] = {}
        for number, custom in enumerate(CUSTOMS):
            third = number == 2
            fund, area = self.name("fund"), DISTRICT_2 if third else AREA
            bank, bureau = (BANK_2, HOUSING_2) if third else (BANK, HOUSING)
            twin = number == 1 and same
            estate = self.book.state(Fund, self.funds[0]).estate if twin else self.name("estate")
            lifts[fund] = lifts[self.funds[0]] if twin else self.name("lift")
            if not twin:
                lift = {
                    "id": lifts[fund], "variety": "3110", "area": f"{area}001", "status": "in_use", "identifiers": [],
                    "premises_class": "residential", "estate": estate, "warranty_until": "2020-01-01",
                }  # fmt: skip
                seed(self.book, Lift, lifts[fund], OPERATOR.party, Lift.Registered, lift, {"on": "2018-01-01"})
            opening = {
                "id": fund, "estate": estate, "area": area, "kind": "public_housing" if twin else "commodity_housing",
                "area_basis": "building_area", "bank": bank.party, "bureau": bureau.party,
                "committee": COMMITTEES[number].party, "manager": HOLDER.party,
            }  # fmt: skip
            self.book.act(bureau, "fund.open", opening)
            self.town.chests[fund] = Chest(custom)
            self.people[fund] = (bureau, bank, COMMITTEES[number])
        return lifts

    # ------------------------------------------------------------------------------------------------------- tools

    def name(self, kind: str) -> str:
        """Give the next name of a kind: they tell which house has a share's last fen."""
        self.count += 1
        version = new_name(kind)[len(kind) + 15]
        return f"{kind}:{self.count:08x}-0000-{version}000-8000-000000000000"

    def tried(
        self, author: Author, action: str, said: dict[str, Any], trial: Town, whys: set[str], **path: str
    ) -> list[Event] | None:
        """Try an act: the ledger refuses it for one of the clerk's reasons, or it is as the clerk's trial has it."""
        events = self.book.tried(author, action, said, whys, **path)
        if events is not None:
            self.town = trial
        return events

    def wait(self, days: int | None = None) -> None:
        """Let some days pass."""
        self.today += self.rng.choice((1, 1, 3, 8, 31)) if days is None else days
        self.book.now = f"{written(self.today)}T02:00:00.000000Z"

    def odd(self, share: float) -> bool:
        """Draw whether something odd is done, which it never is while all goes smoothly."""
        return not self.smooth and self.rng.random() < share

    def rough(self) -> None:
        """Let people err from now on."""
        self.smooth = False

    def ease(self) -> None:
        """Let nobody err from now on, nor anything be late."""
        self.smooth = True

    def term(self) -> None:
        """Let as many days pass as money of the fund at hand is set aside for, or nearly."""
        self.wait(self.town.chests[self.fund].custom.aside + self.rng.choice((-1, 0, 1, 2)))

    def who(self, *of: str) -> tuple[Author, set[str]]:
        """Draw who acts of bureau, bank and committee (or manager) of the fund at hand: mostly one who may."""
        bureau, bank, committee = self.people[self.fund]
        known = {"bureau": bureau, "bank": bank, "committee": committee, "manager": HOLDER}
        if self.odd(0.03):
            others = [author for pair in self.people.values() for author in (*pair, RIVAL)]
            others = [author for author in others if author not in known.values()] + [RIVAL]
            return self.rng.choice(others), {"right_missing"}
        return self.rng.choice([known[kind] for kind in of]), set()

    def near(self, *days: int) -> int:
        """Draw a day at, before or after one of these, or of the last weeks."""
        if self.smooth:
            return days[0]
        day = self.rng.choice((*days, *days, *days, self.today - self.rng.randrange(20)))
        return day + self.rng.choice((-1, 0, 0, 0, 0, 1))

    def late(self, wanted: list[str], others: list[str] | None = None) -> str | None:
        """Draw one of the wanted names, mostly the last; seldom one of others, and not often where none is wanted."""
        names = wanted
        if others and self.odd(0.05 if wanted else 0.25):
            names = others
        if not names:
            return None
        return names[-1] if not self.odd(0.4) else self.rng.choice(names)

    def seen(self, fen: int, direction: str, day: int | None = None) -> tuple[str, set[str]]:
        """Note a bank's line of the fund at hand, mostly the right one; gives it and what is wrong with it."""
        rng, (_, bank, _) = self.rng, self.people[self.fund]
        draw, whys = rng.uniform(0.08, 1) if self.smooth else rng.random(), set[str]()
        wrong = {"in": "out", "out": "in"}[direction]
        if draw < 0.02 and self.lines:
            return rng.choice(self.lines), {"line_used"}
        if draw < 0.04:
            fen, whys = fen + 1, {"line_amount_differs"}
        elif draw < 0.06:
            direction, whys = wrong, {"line_direction"}
        elif draw < 0.08:
            bank, whys = BANK if bank is BANK_2 else BANK_2, {"line_of_other_account"}
        elif draw < 0.15 and direction == "out":
            bank, direction = INSURER, "in"
        name = self.name("bankline")
        said = {
            "id": name, "digest": "a" * 64, "amount_fen": fen, "direction": direction,
            "on": written(self.today if day is None else day),
        }  # fmt: skip
        self.book.act(bank, "bankline.see", said)
        return name, whys

    # ------------------------------------------------------------------------------------------------------ houses

    def owners(self) -> tuple[frozenset[str], bool]:
        """Draw who owns a house: a buyer, several, the developer, or a buyer who has not got it yet."""
        owners = frozenset(self.rng.sample(PEOPLE, self.rng.choice((0, 1, 1, 1, 2))))
        return owners, bool(owners) and self.rng.random() < 0.8

    def join(self) -> None:
        """Let a house enter the fund at hand."""
        rng, (owners, delivered), name = self.rng, self.owners(), self.name("house")
        area, building = rng.choice(AREAS), rng.choice((*BUILDINGS, BUILDINGS[0]))
        fen = rng.choice((0, 3_000, *(self.wealth,) * 15))
        said = {
            "id": name, "fund": self.fund, "area_m2_hundredths": area, "building": building, "delivered": delivered,
            "first_deposit_fen": fen, **said_of(owners),
        }  # fmt: skip
        said = {member: value for member, value in said.items() if value is not None}
        assert self.book.group(self.people[self.fund][0], "house.open", [said]) == [None]
        self.minutes.homes[name] = Home(area, building, [Deed(LONG_AGO, owners, delivered)], fen)
        self.town.chests[self.fund].bank += fen

    def transfer(self) -> None:
        """Sell a house on some day, told now."""
        (owners, delivered), trial = self.owners(), deepcopy(self.town)
        name = self.rng.choice(list(self.minutes.homes))
        on = self.near(self.today, *(poll.closed or poll.opened for poll in self.minutes.polls.values()))
        author, whys = self.who("bureau", "bank")
        trial.chests[self.fund].minutes.homes[name].deeds.append(Deed(on, owners, delivered))
        said = {"delivered": delivered, "on": written(on)}
        said |= {member: value for member, value in said_of(owners).items() if value is not None}
        self.tried(author, "house.transfer", said, trial, whys, house=name)

    def deposit(self) -> None:
        """Pay in for houses of any fund in one group: lines of another's are refused, the others count."""
        rng, (bureau, bank, _) = self.rng, self.people[self.fund]
        author, lines, wanted = rng.choice((bureau, bank)), list[dict[str, Any]](), list[str | None]()
        for _ in range(rng.randrange(1, 6)):
            fund = self.fund if rng.random() < 0.8 else rng.choice(self.funds)
            chest, day = self.town.chests[fund], self.today + rng.choice((0, 0, -1, 1))
            house, fen = rng.choice(list(chest.minutes.homes)), rng.choice((1, 500, 8_000))
            why = "date_in_future" if day > self.today else None
            wanted.append(why if author in self.people[fund] else "right_missing")
            lines.append({"house": house, "amount_fen": fen, "on": written(day)})
            if wanted[-1] is None:
                chest.minutes.homes[house].balance += fen
                chest.bank += fen
        assert self.book.group(author, "house.deposit", lines) == wanted

    def income(self) -> None:
        """Add interest to the fund at hand."""
        author, whys = self.who("bureau", "bank")
        fen, trial = self.rng.choice((900, 20_000, 20_000)), deepcopy(self.town)
        trial.chests[self.fund].pool += fen
        trial.chests[self.fund].bank += fen
        self.tried(author, "fund.add_income", {"amount_fen": fen, "kind": "interest"}, trial, whys, fund=self.fund)

    # ------------------------------------------------------------------------------------------------------ voting

    def publish(self) -> None:
        """Put a plan on the notice board, mostly of the estate's own lift."""
        rng, trial, name = self.rng, deepcopy(self.town), self.name("plan")
        buildings = rng.choice((None, None, list(BUILDINGS), [BUILDINGS[0]]))
        custom = self.town.chests[self.fund].custom
        since = self.near(self.today - custom.plan - custom.result - rng.choice((4, 4, 20)))
        amount = rng.choice((PREMIUM_FEN, PREMIUM_FEN + 3_000, *[3 * PREMIUM_FEN] * 4, 90_000))
        lift = self.lifts[self.fund] if not self.odd(0.1) else rng.choice([*self.lifts.values(), LIFT])
        of, chest = None if buildings is None else frozenset(buildings), trial.chests[self.fund]
        author, whys = self.who("committee", "manager")
        whys |= chest.minutes.publish(of, since, self.today)
        chest.minutes.schemes[name] = Scheme(of, amount, since)
        chest.strange |= {name} if lift != self.lifts[self.fund] else set()
        said = {"id": name, "lifts": [lift], "amount_fen": amount, "published_on": written(since)}
        said |= {} if buildings is None else {"buildings": buildings}
        self.tried(author, "plan.publish", said, trial, whys, fund=self.fund)

    def open(self) -> None:
        """Open a vote on a plan, maybe one that was voted on already."""
        plan = self.late(list(self.minutes.schemes))
        if plan is None:
            return
        trial, name, since = deepcopy(self.town), self.name("vote"), self.minutes.schemes[plan].since
        day = self.near(since + self.town.chests[self.fund].custom.plan + 1, self.today)
        minutes, (author, whys) = trial.chests[self.fund].minutes, self.who("committee", "manager")
        whys |= minutes.open(plan, day, self.today)
        minutes.polls[name] = Poll(plan, day)
        said = {"id": name, "plan": plan, "opened_on": written(day)}
        self.tried(author, "vote.open", said, trial, whys, fund=self.fund)

    def poll(self) -> str | None:
        """Draw a vote, mostly an open one."""
        polls = self.minutes.polls
        open_ones = [name for name in polls if polls[name].closed is None]
        return self.late(open_ones, list(polls))

    def ballot(self, poll: Poll) -> tuple[Paper, bool, dict[str, Any]]:
        """Draw a ballot, mostly of a house of the fund at hand; gives paper, whether it replaces another, and words."""
        rng, fund = self.rng, self.rng.choice(self.funds) if self.odd(0.1) else self.fund
        on = rng.choice((None, self.near(min(poll.opened + 1, self.today))))
        house, again = rng.choice(list(self.town.chests[fund].minutes.homes)), rng.random() < 0.3
        paper = Paper(house, rng.choice(CHOICES) if self.odd(0.6) else CHOICES[0], on, self.today)
        said: dict[str, Any] = {"house": paper.house, "choice": paper.choice}
        return paper, again, said | ({} if on is None else {"on": written(on)}) | ({"replaces": True} if again else {})

    def cast(self) -> None:
        """Let a house vote, or several in one group: of them each line is taken or refused by itself."""
        if (name := self.poll()) is None:
            return
        author, whys = self.who("committee", "manager")
        path, trial = {"fund": self.fund, "vote": name}, deepcopy(self.town)
        if self.odd(0.3):
            paper, again, said = self.ballot(self.minutes.polls[name])
            minutes = trial.chests[self.fund].minutes
            whys |= minutes.cast(minutes.polls[name], paper, self.today, again=again)
            self.tried(author, "vote.cast", said, trial, whys, **path)
            return
        lines, wanted = list[dict[str, Any]](), list[set[str]]()
        homes = len(self.minutes.homes)
        for number in range(homes + self.rng.randrange(3)):
            paper, again, said = self.ballot(self.minutes.polls[name])
            if number < homes:
                paper.house = said["house"] = list(self.minutes.homes)[number]
            after = deepcopy(trial)
            minutes = after.chests[self.fund].minutes
            wanted.append(whys | minutes.cast(minutes.polls[name], paper, self.today, again=again))
            lines.append(said)
            trial = trial if wanted[-1] else after
        codes = self.book.group(author, "vote.cast", lines, **path)
        for said, code, expected in zip(lines, codes, wanted, strict=True):
            assert code in expected if expected else code is None, (said, code, expected)
        self.town = trial

    def take_back(self) -> None:
        """Take a ballot back."""
        if (name := self.poll()) is None:
            return
        homes = [paper.house for paper in self.minutes.polls[name].papers] or list(self.minutes.homes)
        house, trial = self.rng.choice(homes), deepcopy(self.town)
        minutes, (author, whys) = trial.chests[self.fund].minutes, self.who("committee", "manager")
        whys |= minutes.take_back(minutes.polls[name], house, self.today)
        self.tried(author, "vote.revoke_ballot", {"vote": name, "fund": self.fund}, trial, whys, house=house)

    def close(self) -> None:
        """Close a vote and count it."""
        if (name := self.poll()) is None:
            return
        trial = deepcopy(self.town)
        minutes, (author, whys) = trial.chests[self.fund].minutes, self.who("committee", "manager")
        poll = minutes.polls[name]
        last = max((paper.on for paper in poll.papers if paper.on is not None), default=poll.opened)
        day = self.near(last, last, self.today)
        whys |= minutes.close(poll, day, self.today)
        said = {"closed_on": written(day)}
        events = self.tried(author, "vote.close", said, trial, whys, fund=self.fund, vote=name)
        if events is not None:
            found = events[0].found
            assert (found["tally"], found["passed"]) == (poll.tally, poll.passed)
            told = {each["code"]: [*each["facts"].values()] for each in found["findings"]}
            for code in ("participation_reached", "participation_missed", "approval_reached", "approval_missed"):
                told.pop(code, None)
            assert told == {code: [number] for code, number in minutes.doubts(poll, day).items()}

    def announce(self) -> None:
        """Make a result public."""
        polls = self.minutes.polls
        name = self.late([name for name in polls if polls[name].closed is not None], list(polls))
        if name is None:
            return
        trial = deepcopy(self.town)
        poll, (author, whys) = trial.chests[self.fund].minutes.polls[name], self.who("committee", "manager")
        closed = poll.closed if poll.closed is not None else self.today
        day = self.near(closed, closed, self.today)
        whys |= {"date_in_future"} if day > self.today else set()
        whys |= {"vote_dates"} if poll.closed is None or day < poll.closed else set()
        poll.public = day
        self.tried(author, "vote.publish", {"published_on": written(day)}, trial, whys, fund=self.fund, vote=name)
