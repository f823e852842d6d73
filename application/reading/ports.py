"""What reading needs from the outside; `infrastructure/views.py` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Found = Mapping[str, Any]
"""A row of a read model by its columns."""

Insured = Literal["none", "liability", "liability_only"]
"""Not insured against liability; insured; insured by no policy that promises services."""


FUND_RELATIONS: Final = frozenset({"bank", "bureau", "committee", "manager", "supervises"})
"""How one may stand to a maintenance fund."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """How far the read models are: last position applied, how often they were made, and how many streams are parked."""

    position: int
    generation: int
    parked: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a list is for: only what he has one of these relations to is in it (`reading.scope`).

    `acting` holds for each relation the parties that stand in it for the reader: himself, or whoever mandated him;
    `had_…` wants it at the time that the row is of, the others want it at `now`. `areas` are beginnings of the codes of
    his areas, `venues` the kinds of place that alone he supervises there, None where all. Relations are those known at
    position `known`, whatever the question asks to know.
    """

    acting: Mapping[str, tuple[str, ...]]
    areas: tuple[str, ...]
    known: int
    now: str
    venues: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """What may be seen of lifts by someone who may not see all of them.

    His own acts, what was so in his time (from, to instants), the streams that are his own whole, single positions; of
    maintenance visits his own acts and single positions alone.
    """

    party: str
    periods: tuple[tuple[str, str | None], ...]
    streams: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class VisitsAsked:
    """Which maintenance visits: known at a position, begun from an instant until before another.

    `where` holds `lift`, `maintainer`, `level`, `state` to a value; `worker` was there, `finding` was recorded of it;
    with `elsewhere` a worker of it was at another lift at that time. `areas` are beginnings of the codes of areas that
    the lift lay in then; `reach` is whom the list is for.
    """

    known: int
    where: Mapping[str, str]
    since: str | None = None
    until: str | None = None
    worker: str | None = None
    finding: str | None = None
    elsewhere: bool = False
    areas: Sequence[str] | None = None
    reach: Reach | None = None


class Views(Protocol):
    """Reads the read models; every method but `tracked` gives what was known at a position, for ever the same."""

    def tracked(self) -> Tracked:
        """Give how far the read models are."""

    def pass_lock(self) -> None:
        """Wait until whatever is being written is decided (one pass of the ledger's lock)."""

    def find(
        self, view: str, known: int, *, effective: str | None = None, where: Mapping[str, object] | None = None,
        contains: Mapping[str, Sequence[str]] | None = None, areas: Sequence[str] | None = None,
        reach: Reach | None = None, after: Sequence[str] | None = None, limit: int | None = None,
    ) -> list[Found]:  # fmt: skip
        """Give rows of a view in the order of (key, item, effective_from), of an instant if `effective` is given.

        `where` holds columns to a value, to one of a list, or texts by True to being there; `contains` holds lists to
        one of some members, `areas` the column `area`, or that of the fund or lift a row is of, to beginnings of area
        codes, `reach` to what somebody may read (of lifts, policies, claims and money); `after` is (key, item,
        effective_from) of the last row seen.
        """

    def sums(
        self, view: Literal["policies", "claims"], known: int, effective: str, *, by: Sequence[str],
        sums: Sequence[str], where: Mapping[str, object], areas: Sequence[str] | None, reach: Reach | None, limit: int,
    ) -> list[Found]:  # fmt: skip
        """Give groups {by…, rows, sums…} of claims as they stood, or of issued policies as each last stood by then.

        `by` are columns, the `quarter` of the first day or the day of loss, and the `district` of a policy's area.
        """

    def spans(self, lift: str, reach: Reach) -> list[Found]:
        """Give the times {relation, effective_from, effective_to} in which a reader stands in relations to a lift."""

    def coverage(
        self, known: int, effective: str, *, statuses: Sequence[str], part: str, areas: Sequence[str] | None,
        venues: Sequence[str] | None, merged: Mapping[str, str],
    ) -> list[Found]:  # fmt: skip
        """Count lifts: rows {area, premises_class, venue, in_use, liability, insurance_service}.

        `merged` says which lift a lift is.
        """

    def insured(
        self, known: int, effective: str, wanted: Insured, *, part: str, merged: Mapping[str, str],
        where: Mapping[str, object], areas: Sequence[str] | None, reach: Reach | None, after: Sequence[str] | None,
        limit: int,
    ) -> list[Found]:  # fmt: skip
        """Give rows of the lifts that `coverage` counts so, in the order of `find`; records in others are left out."""

    def districts(self, known: int, effective: str, areas: Sequence[str] | None) -> list[str]:
        """Give the districts (six digits) that lifts lie in, in order; `areas` are beginnings of area codes."""

    def unvisited(
        self, known: int, at: str, *, since: str, levels: Sequence[str], where: Mapping[str, object],
        areas: Sequence[str] | None, reach: Reach | None, after: str | None, limit: int,
    ) -> list[Found]:  # fmt: skip
        """Give rows of lifts in use that nobody maintains at an instant, or without a visit since another, by lift.

        A visit is one of these levels that was ended, not corrected and not told ahead, by who maintained the lift on
        its day. Records that went up in others are left out, and what was written of them is not looked at.
        """

    def visits(self, asked: VisitsAsked, *, after: tuple[str, int] | None, limit: int) -> list[Found]:
        """Give visits in the order in which they began, behind (`opened_at`, `position`) of the last one seen.

        Rows {visit, lift, year, position, maintainer, level, workers, opened_at, ended_at, state, signed_at, signer,
        signed_on_behalf_at, corrects, corrected_by, disputes, findings, elsewhere, last}; `position` is the opening's,
        `last` that of the last event that tells any of it.
        """

    def visit_sums(self, asked: VisitsAsked, *, by: Sequence[str], limit: int) -> list[Found]:
        """Give groups {by…, visits, ended, countersigned, signed_on_behalf, disputed, with_findings, corrected}.

        Of what was corrected it is only counted that it was. `by` are columns of `visits`, the `quarter` in which a
        visit began, and each `finding` by itself (null of those without); without any, there is one group.
        """

    def timeline(
        self, lifts: Sequence[str], known: int, *, effective: str | None, after: tuple[int, int] | None, limit: int,
        cut: Cut | None,
    ) -> list[Found]:  # fmt: skip
        """Give entries of lifts' timelines in the order of recording, those effective by an instant if one is given."""

    def statement(
        self, account: str, known: int, *, effective: str | None, after: tuple[int, int] | None, limit: int,
        cut: Cut | None = None,
    ) -> list[Found]:  # fmt: skip
        """Give entries of an account in the order of recording, each with `counted` and the running `balance_fen`.

        A staged charge counts once the fund has posted what it awaits. Of a `cut` the periods count, and nothing that
        is effective after the last of them is summed up.
        """

    def uses(
        self, house: str, known: int, *, effective: str | None, after: str | None, limit: int, cut: Cut | None
    ) -> list[Found]:  # fmt: skip
        """Give what applications took of a house's account and gave back, in the order of their streams.

        Rows {application, charged_fen, refunded_fen, paid, owed}; `application` is the stream, `paid` that the fund has
        posted it, `owed` that the account could not bear its share. Of a `cut` the periods count.
        """

    def evidence(self, digest: str) -> bytes | None:
        """Give the bytes of a piece of evidence by its SHA-256 (hex); None when it is not kept."""

    def balances_fen(self, accounts: Sequence[str], known: int, effective: str | None) -> dict[str, int]:
        """Give the balances of accounts: the sum of what counts, zero of one without entries."""


@dataclass(frozen=True, slots=True)
class PersonalRead:
    """A read of personal data as it is recorded: when, by whom, what and why, of whom, and the token that signed it."""

    read_at: str
    party: str
    agent: str | None
    key: str
    action: str
    purpose: str
    persons: tuple[str, ...]
    token: bytes


@dataclass(frozen=True, slots=True)
class OpenedField:
    """A personal field, opened: the event that quotes it, its pointer and value, and whether its request is kept."""

    position: int
    stream: str
    version: int
    type: str
    digest: str
    pointer: str
    value: Any
    command: str | None
    line: int | None
    kept: bool

    def as_json(self) -> dict[str, Any]:
        """Give what an answer says of it."""
        request = {"command": self.command, "line": self.line, "bytes": "kept" if self.kept else "erased"}
        return {
            "position": self.position, "stream": self.stream, "version": self.version, "type": self.type,
            "digest": self.digest, "pointer": self.pointer, "value": self.value, "request": request,
        }  # fmt: skip


class People(Protocol):
    """Reads what is held of persons, and records that it was read; `infrastructure/people.py` implements it."""

    def found(self, kind: str, token: bytes, limit: int) -> Sequence[str]:
        """Give the persons with a value under a token of the blind index."""

    def streams(self, person: str, limit: int) -> Sequence[str]:
        """Give the streams that quote a person."""

    def opened(self, person: str, after: int, limit: int) -> Sequence[OpenedField]:
        """Give a person's fields opened, in the order of the log after a position; none of one who was destroyed."""

    def reads(self, person: str, limit: int) -> Sequence[Found]:
        """Give the last reads recorded of a person, the newest first: {read_at, party, agent, action, purpose}."""

    def record(self, read: PersonalRead) -> None:
        """Record a read, durably. Raises DatabaseAway: then nothing may be answered."""
