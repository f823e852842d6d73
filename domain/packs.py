"""Rule packs (规则包): what differs by place and year, as data with its legal basis and grade.

A decision records the pack's id and version; a replay uses that version. A pack never changes: a new reading
is a new version. Rule ids and the form of their values are listed in `domain/rules/shandong.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypeVar, get_args

from domain.errors import DomainError, Invalid, NotFound
from domain.findings import VERDICTS, Verdict
from domain.time import Period, add_days, parse_date

RuleValue: TypeAlias = "bool | int | str | tuple[RuleValue, ...] | Mapping[str, RuleValue]"
Grade = Literal["statute", "government", "press", "secondary", "unverified"]

NOT_FIXED: Final = "not_fixed"
"""The legal value of a rule that the authority has left open (未定): the check then answers `information`."""

BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {"shandong@1": "shandong.toml", "shandong@2": "shandong-demo-2.toml", "retention@1": "retention.toml"}
)

OWN: Final = "shandong@1"
"""The program's own pack: its rules bind where no area's pack is in force or has the rule."""

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_]{0,63}|HM|TM|SM|OY|FM")
_INT_MAX = 2**53 - 1
_T = TypeVar("_T", bound=str)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, in force on the days from `from_date` up to, not including, `to_date` (null: no end known).

    `value` is a whole number, a code, a truth value, a list or a table of such; `unit` says of what. `reading`
    states how the ledger reads a text that allows several readings. `breach` is the verdict on a breach.
    """

    id: str
    title: str
    value: RuleValue
    unit: str
    basis: str
    grade: Grade
    breach: Verdict
    from_date: str
    to_date: str | None = None
    reading: str | None = None

    @property
    def title_zh(self) -> str:
        """The Chinese half of the title, which comes first: up to the first word in Latin letters after a blank."""
        return re.split(r" (?=[A-Za-z])", self.title, maxsplit=1)[0]

    @property
    def fixed(self) -> bool:
        """Whether the authority has fixed a value."""
        return self.value != NOT_FIXED

    def integer(self) -> int:
        """Return the value as a whole number in the rule's unit; raises Invalid `rule_value` otherwise."""
        if type(self.value) is not int:
            raise self._mistyped("a whole number")
        return self.value

    def text(self) -> str:
        """Return the value as a code; raises Invalid `rule_value` otherwise."""
        if not isinstance(self.value, str):
            raise self._mistyped("a code")
        return self.value

    def flag(self) -> bool:
        """Return the value as a truth value; raises Invalid `rule_value` otherwise."""
        if not isinstance(self.value, bool):
            raise self._mistyped("a truth value")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return the value as a list of codes; raises Invalid `rule_value` otherwise."""
        if not isinstance(self.value, tuple):
            raise self._mistyped("a list of codes")
        codes = tuple(item for item in self.value if isinstance(item, str))
        if len(codes) != len(self.value):
            raise self._mistyped("a list of codes")
        return codes

    def table(self) -> Mapping[str, RuleValue]:
        """Return the value as a table; raises Invalid `rule_value` otherwise."""
        if not isinstance(self.value, Mapping):
            raise self._mistyped("a table")
        return self.value

    def rows(self) -> tuple[Mapping[str, RuleValue], ...]:
        """Return the value as a list of tables; raises Invalid `rule_value` otherwise."""
        if not isinstance(self.value, tuple):
            raise self._mistyped("a list of tables")
        tables = tuple(row for row in self.value if isinstance(row, Mapping))
        if len(tables) != len(self.value):
            raise self._mistyped("a list of tables")
        return tables

    def number(self, member: str) -> int:
        """Return a whole number of a table; raises Invalid `rule_value` if absent or of another type."""
        found = self.table().get(member)
        if type(found) is not int:
            raise self._mistyped(f"a table with the number {member}")
        return found

    def _mistyped(self, wanted: str) -> Invalid:
        return Invalid(f"rule {self.id} does not hold {wanted}", code="rule_value", rule=self.id)

    def in_force(self, on: str) -> bool:
        """Say whether the rule is in force on a civil date."""
        return self.from_date <= on and (self.to_date is None or on < self.to_date)


@dataclass(frozen=True, slots=True)
class Pack:
    """A published version of an area's rules; `name` is `<id>@<version>`."""

    id: str
    version: int
    title: str
    area: str
    demonstration: bool
    rules: tuple[Rule, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """Id and version in one."""
        return f"{self.id}@{self.version}"

    def rule(self, rule_id: str, on: str) -> Rule:
        """Return the rule in force on a civil date; raises NotFound `rule_not_in_force`."""
        parse_date(on)
        for rule in self.rules:
            if rule.id == rule_id and rule.in_force(on):
                return rule
        raise NotFound(
            f"{self.name} has no rule {rule_id} on {on}", code="rule_not_in_force", rule=rule_id, on=on, pack=self.name
        )

    def has(self, rule_id: str, on: str) -> bool:
        """Say whether a rule is in force on a civil date."""
        return any(rule.id == rule_id and rule.in_force(on) for rule in self.rules)

    def fixed(self, rule_id: str, on: str) -> Rule | None:
        """Give the rule in force on a civil date if the authority has fixed its value; None otherwise."""
        return next((rule for rule in self.rules if rule.id == rule_id and rule.in_force(on) and rule.fixed), None)


@cache
def own_rule(rule_id: str) -> Rule:
    """Return the latest row of a rule of the program's own pack, whatever its days; raises NotFound `rule_unknown`."""
    rows = [rule for rule in load_pack(OWN).rules if rule.id == rule_id]
    if not rows:
        raise NotFound(f"{OWN} has no rule {rule_id}", code="rule_unknown", rule=rule_id, pack=OWN)
    return rows[-1]


def rule_or_own(pack: Pack | None, rule_id: str, on: str) -> Rule:
    """Return the rule of the area's pack on a civil date, else the program's own: facts are held against it anyhow."""
    rows = () if pack is None else pack.rules
    return next((rule for rule in rows if rule.id == rule_id and rule.in_force(on)), None) or own_rule(rule_id)


@cache
def load_pack(name: str) -> Pack:
    """Return a pack that comes with the program, by `<id>@<version>`; the bare id means version 1.

    Raises NotFound `pack_unknown`.
    """
    resource = BUILT_IN.get(name) or BUILT_IN.get(f"{name}@1")
    if resource is None:
        raise NotFound("no such pack comes with the program", code="pack_unknown", pack=name, known=sorted(BUILT_IN))
    return parse_pack(files("domain").joinpath("rules", resource).read_bytes())


def parse_pack(toml_bytes: bytes) -> Pack:
    """Read a pack from TOML: a table `pack` and a list `rule`.

    With `pack.based_on` naming a pack that comes with the program, the rules named here replace all rows of the
    same id there. Raises Invalid `pack_malformed` with the rule's id where there is one.
    """
    try:
        document = tomllib.loads(toml_bytes.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid("the pack is not TOML", code="pack_malformed") from error
    head = _Members(document.get("pack"), "pack")
    rows = document.get("rule", [])
    if set(document) - {"pack", "rule"} or not isinstance(rows, list):
        raise Invalid("a pack has a table `pack` and a list `rule`", code="pack_malformed")
    written = tuple(_parse_rule(row) for row in rows)
    based_on = head.optional_text("based_on")
    replaced = {rule.id for rule in written}
    kept = tuple(rule for rule in load_pack(based_on).rules if rule.id not in replaced) if based_on else ()
    pack = Pack(
        id=head.text("id"),
        version=head.number("version"),
        title=head.text("title"),
        area=head.text("area"),
        demonstration=head.flag("demonstration"),
        rules=tuple(sorted(kept + written, key=lambda rule: (rule.id, rule.from_date))),
    )
    head.nothing_else()
    _refuse_overlaps(pack)
    return pack


def pack_as_json(pack: Pack) -> dict[str, object]:
    """Return the pack as data fit for canonical JSON: whole, its rules in order, no floats, ASCII members."""
    return {
        "id": pack.id,
        "version": pack.version,
        "title": pack.title,
        "area": pack.area,
        "demonstration": pack.demonstration,
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "value": _thaw(rule.value),
                "unit": rule.unit,
                "basis": rule.basis,
                "grade": rule.grade,
                "breach": rule.breach,
                "from": rule.from_date,
                "to": rule.to_date,
                "reading": rule.reading,
            }
            for rule in pack.rules
        ],
    }


def pack_from_json(document: Mapping[str, object]) -> Pack:
    """Read a pack back from what `pack_as_json` wrote; raises Invalid `pack_malformed`."""
    head = _Members(dict(document), "pack")
    rows = head.take("rules")
    if not isinstance(rows, list):
        raise head.malformed("a pack has a list `rules`")
    known = [{name: value for name, value in row.items() if value is not None} for row in rows]
    pack = Pack(
        id=head.text("id"),
        version=head.number("version"),
        title=head.text("title"),
        area=head.text("area"),
        demonstration=head.flag("demonstration"),
        rules=tuple(_parse_rule(row) for row in known),
    )
    head.nothing_else()
    _refuse_overlaps(pack)
    return pack


class _Members:
    """The members of a TOML table, taken one by one so that what is left over can be refused."""

    def __init__(self, table: object, where: str) -> None:
        if not isinstance(table, dict):
            raise Invalid(f"{where} is not a table", code="pack_malformed", where=where)
        self._left: dict[str, object] = dict(table)
        self.where = where

    def take(self, member: str) -> object:
        if member not in self._left:
            raise self.malformed(f"{self.where} lacks {member}")
        return self._left.pop(member)

    def text(self, member: str) -> str:
        found = self.take(member)
        if not isinstance(found, str) or not found.strip():
            raise self.malformed(f"{self.where}: {member} is not text")
        return found

    def optional_text(self, member: str) -> str | None:
        return self.text(member) if member in self._left else None

    def number(self, member: str) -> int:
        found = self.take(member)
        if type(found) is not int or found < 1:
            raise self.malformed(f"{self.where}: {member} is not a positive number")
        return found

    def flag(self, member: str) -> bool:
        found = self.take(member)
        if not isinstance(found, bool):
            raise self.malformed(f"{self.where}: {member} is neither true nor false")
        return found

    def nothing_else(self) -> None:
        if self._left:
            raise self.malformed(f"{self.where} has unknown members: {', '.join(sorted(self._left))}")

    def malformed(self, message: str) -> Invalid:
        return Invalid(message, code="pack_malformed", where=self.where)


def _parse_rule(row: object) -> Rule:
    members = _Members(row, "rule")
    members.where = rule_id = members.text("id")
    if not _ID.fullmatch(rule_id):
        raise members.malformed("a rule's id is letters, digits, dots and underscores")
    grade, breach = members.text("grade"), members.text("breach")
    grades: tuple[Grade, ...] = get_args(Grade)
    rule = Rule(
        id=rule_id,
        title=members.text("title"),
        value=_freeze(members.take("value"), members),
        unit=members.text("unit"),
        basis=members.text("basis"),
        grade=_one_of(grade, grades, members),
        breach=_one_of(breach, VERDICTS, members),
        from_date=members.text("from"),
        to_date=members.optional_text("to"),
        reading=members.optional_text("reading"),
    )
    members.nothing_else()
    try:
        Period(rule.from_date, rule.to_date or add_days(rule.from_date, 1))
    except DomainError as error:
        raise members.malformed(f"{rule_id}: {error.message}") from error
    return rule


def _one_of(text: str, allowed: tuple[_T, ...], members: _Members) -> _T:
    for candidate in allowed:
        if candidate == text:
            return candidate
    raise members.malformed(f"{members.where}: {text} is not one of {', '.join(map(str, allowed))}")


def _freeze(value: object, members: _Members) -> RuleValue:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and abs(value) <= _INT_MAX:
        return value
    if isinstance(value, list):
        return tuple(_freeze(item, members) for item in value)
    if isinstance(value, dict):
        if not all(_MEMBER.fullmatch(member) for member in value):
            raise members.malformed(f"{members.where}: members of a value are lower-case ASCII codes")
        return MappingProxyType({member: _freeze(item, members) for member, item in value.items()})
    # TOML's floats and dates have no place near money or in canonical JSON
    raise members.malformed(f"{members.where}: a value is made of whole numbers, text and truth values")


def _thaw(value: RuleValue) -> object:
    if isinstance(value, tuple):
        return [_thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {member: _thaw(item) for member, item in value.items()}
    return value


def _refuse_overlaps(pack: Pack) -> None:
    for earlier, later in zip(pack.rules, pack.rules[1:], strict=False):
        if earlier.id == later.id and (earlier.to_date is None or earlier.to_date > later.from_date):
            raise Invalid(
                f"rule {later.id} is in force twice on {later.from_date}", code="pack_malformed", where=later.id
            )
