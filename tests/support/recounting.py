"""Districts whose lifts, policies and schemes change at random, and their coverage counted plainly from the events.

Words come late and for any day, records of one lift go up in each other, and each district has a pack of its own, which
leaves out, open or malformed what packs may. Nothing here asks the read models, or the domain, how coverage is counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from domain.packs import load_pack
from domain.time import add_days, civil_midnight
from tests.support.history import PARTIES, Told, name
from tests.support.reading import adopted

AREAS: Final = ("370102001", "370102002", "370103001", "370104", "440305001")
VENUES: Final = ("school", "hospital", "office", "residence_other", None)
CLASSES: Final = ("residential", "non_residential", None)
DAYS: Final = tuple(add_days("2025-01-01", 9 * number) for number in range(40))
GROUPS: Final = {"school": "listed_public_place", "hospital": "listed_public_place", "office": "other"} | {
    "residence_other": "housing"
}
UNDECIDED: Final = frozenset({"residence_other", None})
PROVINCE: Final = load_pack("shandong@1")
GROUP_VENUES: Final[Mapping[str, frozenset[str]]] = {
    str(row["group"]): frozenset(
        str(other["venue"]) for other in PROVINCE.rule("premises.target_group", DAYS[0]).rows()
        if other["group"] == row["group"]
    )
    for row in PROVINCE.rule("premises.target_group", DAYS[0]).rows()
}  # fmt: skip
UNREADABLE: Final[Mapping[str, tuple[Any, ...]]] = {
    "targets.in_use": (None, "not_fixed", "in_use"),
    "targets.rows": (None, "not_fixed", ({"group": "all"},)),
    "targets.insurance_service": (None, "not_fixed", ("policy_sold",)),
    "premises.target_group": (None, "not_fixed", ({"venue": "school", "group": "x"},)),
}
"""Values of rules that say nothing of counting; None is a rule left out."""


@dataclass(frozen=True)
class Meaning:
    """What a district's pack comes to, as it was made."""

    name: str = "shandong@1"
    adopted: bool = False
    statuses: tuple[str, ...] = ("in_use",)
    grouped: bool = True
    served: bool = True
    aimed: bool = False


@dataclass
class Region:
    """What was told so far, and what the packs adopted mean, by their stream."""

    rng: random.Random
    told: list[Told] = field(default_factory=list)
    meanings: dict[str, Meaning] = field(default_factory=dict)
    lifts: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)

    def more(self) -> list[Told]:
        """Let something happen; gives what was told of it."""
        made = list(self._happening())
        self.told += made
        return made

    def _happening(self) -> Iterator[Told]:
        rng = self.rng
        for _ in range(rng.randint(2, 5)):
            yield from self._lift()
        for lift in rng.choices(self.lifts, k=6):
            yield self._change(lift)
        if len(self.twins) > 1:
            lift, into = self.twins.pop(), rng.choice(self.twins)
            yield Told(lift, "lift.MergedInto", {"into": into}, {"on": rng.choice(DAYS)}, None)
        yield from self._policy()
        yield from self._scheme()

    def _lift(self) -> Iterator[Told]:
        rng = self.rng
        lift, twin = name(rng, "lift"), rng.random() < 0.4
        (self.twins if twin else self.lifts).append(lift)
        status = "in_use" if twin or not self.lifts[1:] else rng.choice(["in_use", "in_use", "stopped", "installing"])
        details = {"venue": rng.choice(VENUES), "premises_class": rng.choice(CLASSES)}
        said = {"id": lift, "identifiers": [], "variety": "3110", "area": rng.choice(AREAS), "status": status}
        said |= {member: value for member, value in details.items() if value is not None}
        yield Told(lift, "lift.Registered", said, {"on": rng.choice(DAYS[:25])}, None)
        if not self.lifts:
            yield from self._lift()

    def _change(self, lift: str) -> Told:
        rng, on = self.rng, {"on": self.rng.choice(DAYS)}
        kind = rng.choice(["lift.StatusChanged", "lift.Moved", "lift.Reclassified"])
        said: dict[str, Any] = {
            "lift.StatusChanged": {"status": rng.choice(["in_use", "stopped", "scrapped"])},
            "lift.Moved": {"area": rng.choice(AREAS)},
            "lift.Reclassified": rng.choice(
                [{"venue": rng.choice(VENUES[:-1])}, {"premises_class": rng.choice(CLASSES[:-1])}]
            ),
        }[kind]
        return Told(lift, kind, said, on, None)

    def _policy(self) -> Iterator[Told]:
        rng = self.rng
        policy, begins = name(rng, "policy"), rng.choice(DAYS[:12])
        ends = add_days(begins, 200)
        draft = {
            "id": policy, "product": name(rng, "product"), "area": "370102", "holder": PARTIES[1], "interest": "owner",
            "parts": [], "limits": {"per_lift_year_fen": 10**7}, "from_date": begins, "to_date": ends,
            "premium_fen": 8_500, "sources": [], "valid_until": ends, "services": rng.choice([[], ["SV01"]]),
        }  # fmt: skip
        yield Told(policy, "policy.Drafted", draft, {"insurers": [{"party": PARTIES[0], "share_bp": 10_000}]}, None)
        for lift in rng.sample([*self.lifts, *self.twins], 3):
            part = rng.choice(["third_party_injury", "third_party_injury", "entrapment"])
            line = {
                "policy": policy, "lift": lift, "certificate": name(rng, "certificate"),
                "parts": [{"part": part, "premium_fen": 8_500}], "from_date": begins, "to_date": ends,
            }  # fmt: skip
            found = {"interest": "owner", "premises_class": "residential", "premium_fen": 8_500, "pending": True}
            yield Told(f"{lift}/cover", "cover.Attached", line, found, civil_midnight(begins))
            if rng.random() < 0.3:
                ended = {"lift": lift, "certificate": line["certificate"], "refunds": [], "reason": "sold"}
                day = rng.choice([day for day in DAYS if begins <= day])
                yield Told(f"{lift}/cover", "cover.Ended", {**ended, "effective_on": day}, {}, civil_midnight(day))
        if rng.random() < 0.8:
            yield Told(policy, "policy.Issued", {"number": policy}, {"count": 3}, civil_midnight(begins))

    def _scheme(self) -> Iterator[Told]:
        rng = self.rng
        area, number = rng.choice(("370102", "370103", "370104")), len(self.meanings) + 1
        values: dict[str, Any] = {
            rule: rng.choice(bad) for rule, bad in UNREADABLE.items() if rng.random() < 0.3
        }  # fmt: skip
        stopped_too = "targets.in_use" not in values and rng.random() < 0.4
        told: dict[str, Any] = values | ({"targets.in_use": ("in_use", "stopped")} if stopped_too else {})
        kept = (rule for rule in PROVINCE.rules if told.get(rule.id, rule.value) is not None)
        rules = tuple(replace(rule, value=told.get(rule.id, rule.value)) for rule in kept)
        pack = replace(PROVINCE, id=f"own{number}", rules=rules)
        published, adoption = adopted(area, pack, number, rng.choice(DAYS[:20]))
        self.meanings[published.stream] = Meaning(
            pack.name, adopted=True, statuses=("in_use", "stopped") if stopped_too else ("in_use",),
            grouped="premises.target_group" not in values, served="targets.insurance_service" not in values,
            aimed="targets.rows" not in values,
        )  # fmt: skip
        yield from (published, adoption)
        target = {
            "area": area, "group": rng.choice(["all", "housing", "mistyped"]), "by": rng.choice(DAYS),
            "kind": rng.choice(["liability", "insurance_service"]), "share_bp": rng.choice([1_000, 5_000]),
            "document": "D",
        }  # fmt: skip
        yield Told(f"scheme:{area}", "scheme.TargetSet", target, {}, None)
        if rng.random() < 0.4:
            withdrawal = {member: value for member, value in target.items() if member != "share_bp"}
            yield Told(f"scheme:{area}", "scheme.TargetWithdrawn", withdrawal, {}, None)


# ------------------------------------------------------------------------------------------------ counting


@dataclass(frozen=True)
class Counted:
    """One lift in use, as it counts."""

    area: str
    premises_class: str | None
    venue: str | None
    group: str | None
    liability: bool
    insurance_service: bool


@dataclass(frozen=True)
class Recount:
    """Coverage on a day by what was told until then, for a reader cut to areas (beginnings of codes) and venues."""

    told: Sequence[Told]
    meanings: Mapping[str, Meaning]
    on: str
    areas: Sequence[str] = ("",)
    venues: Sequence[str] | None = None

    def meaning(self, district: str) -> Meaning:
        """Give what the pack means that the district has adopted: of those that hold, the latest, said last."""
        adoptions = [
            (each.said["from_date"], number, each.said["pack"]) for number, each in enumerate(self.told)
            if each.stream == f"scheme:{district}" and each.type == "scheme.PackAdopted" and each.said
            and each.said["from_date"] <= self.on
        ]  # fmt: skip
        return self.meanings[max(adoptions)[2]] if adoptions else Meaning()

    def _words(self, lift: str, member: str) -> list[tuple[str, int, Any]]:
        return [
            (each.found["on"], number, each.said[member]) for number, each in enumerate(self.told)
            if each.stream == lift and each.said and member in each.said
        ]  # fmt: skip

    def _exists(self, lift: str) -> bool:
        return self.on >= min(day for member in ("status", "premises_class") for day, _, _ in self._words(lift, member))

    def _value(self, lift: str, member: str) -> Any:  # noqa: ANN401 - members of any type
        """Give the word of the latest day, of one day the one said last; places hold also before they were said."""
        words = self._words(lift, member)
        first = min((day for day, _, _ in words), default=self.on)
        until = max(self.on, first) if member in {"area", "venue"} else self.on
        return max(((day, number, value) for day, number, value in words if day <= until), default=("", 0, None))[2]

    def _insured(self, lifts: Sequence[str]) -> tuple[bool, bool]:
        """Say whether a certificate with third-party injury is in force, and whether one with services is."""
        policies = {e.stream: e.said for e in self.told if e.type == "policy.Drafted" and e.said}
        issued = {e.stream for e in self.told if e.type == "policy.Issued"}
        ended = {
            e.said["certificate"]: e.said["effective_on"] for e in self.told if e.type == "cover.Ended" and e.said
        }  # fmt: skip
        live = [
            policies[e.said["policy"]] for e in self.told
            if e.type == "cover.Attached" and e.said and e.said["lift"] in lifts and e.said["policy"] in issued
            and e.said["from_date"] <= self.on < min(e.said["to_date"], ended.get(e.said["certificate"], "9"))
            and any(part["part"] == "third_party_injury" for part in e.said["parts"])
        ]  # fmt: skip
        return bool(live), any(policy["services"] for policy in live)

    def _records(self) -> Iterator[tuple[str, list[str]]]:
        """Give each lift by the record that stands for it on the day, with all its records."""
        into = {e.stream: e.said["into"] for e in self.told if e.type == "lift.MergedInto" and e.said}
        same: dict[str, list[str]] = {}
        for lift in (e.stream for e in self.told if e.type == "lift.Registered"):
            final = lift
            while final in into:
                final = into[final]
            same.setdefault(final, []).append(lift)
        for final, records in same.items():
            standing = [record for record in records if self._exists(record)]
            if standing:
                yield (final if final in standing else min(standing)), records

    def _seen(self, area: str) -> bool:
        return any(area.startswith(wider) for wider in self.areas)

    def lifts(self) -> list[Counted]:
        """Give all lifts in use that the reader sees."""
        found = []
        for lift, records in self._records():
            area, venue = self._value(lift, "area"), self._value(lift, "venue")
            meaning = self.meaning(area[:6])
            seen = self._seen(area) and (self.venues is None or venue in self.venues)
            if seen and self._value(lift, "status") in meaning.statuses:
                group = GROUPS.get(venue) if meaning.grouped else None
                found.append(
                    Counted(area, self._value(lift, "premises_class"), venue, group, *self._insured(records))
                )  # fmt: skip
        return found

    def districts(self) -> list[str]:
        """Give the districts that are told of: those asked for, of wider areas those that have a lift on the day."""
        if all(len(area) >= len("370102") for area in self.areas):
            return sorted({area[:6] for area in self.areas})
        lifts = [e.stream for e in self.told if e.type == "lift.Registered"]
        areas = [self._value(lift, "area") for lift in lifts if self._exists(lift)]
        return sorted({area[:6] for area in areas if self._seen(area)})

    def targets(self, district: str) -> list[tuple[Any, ...]]:
        """Give a district's targets: (group, kind, by, source, share, in use, covered, code)."""
        meaning = self.meaning(district)
        rows = [
            (
                row["group"],
                row["kind"],
                row["by"],
                "pack",
                row.get("share_bp", 10_000 if row.get("share") == "all" else 0),
            )
            for row in (PROVINCE.rule("targets.rows", self.on).rows() if meaning.aimed else ())
        ]
        own: dict[tuple[Any, ...], int] = {}
        for each in self.told:
            if each.stream == f"scheme:{district}" and each.said and each.type.startswith("scheme.Target"):
                key = (each.said["by"], each.said["group"], each.said["kind"])
                own.pop(key, None)
                if each.type == "scheme.TargetSet":
                    own[key] = each.said["share_bp"]
        rows += [(group, kind, by, "area", own[by, group, kind]) for by, group, kind in sorted(own)]
        return [self._target(district, meaning, *row) for row in rows]

    def _target(
        self, district: str, meaning: Meaning, group: Any, kind: Any, by: Any, source: str, share: Any  # noqa: ANN401 - of a pack's row
    ) -> tuple[Any, ...]:  # fmt: skip
        counted = (kind == "liability" or meaning.served) and (
            group == "all" or (meaning.grouped and group in GROUP_VENUES)
        )
        lifts = [lift for lift in self.lifts() if lift.area.startswith(district) and group in {"all", lift.group}]
        in_use, covered = len(lifts), sum(getattr(lift, kind) for lift in lifts)
        whole = any(district.startswith(area) for area in self.areas) and (
            self.venues is None or (group != "all" and GROUP_VENUES.get(group, frozenset()) <= set(self.venues))
        )
        if not counted:
            in_use = covered = 0
        code = (
            "target_not_fixed" if not share
            else "target_not_counted" if not counted
            else "target_part_counted" if not whole
            else "target_no_lifts" if not in_use
            else "target_reached" if covered * 10_000 >= share * in_use
            else "target_open" if self.on <= by
            else "target_missed"
        )  # fmt: skip
        return group, kind, by, source, share or None, in_use, covered, code
