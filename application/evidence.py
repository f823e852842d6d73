"""Collecting an evidence bundle: what was asked for, what judging it takes, cut to what its receiver may see.

Everything is read at one checkpoint and through one port; what comes out is the same whenever it is collected again,
but for what was erased meanwhile. The format is `audit.bundles`, the judge `audit.bundleverify`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from application.evidence_material import Material, Receiver, SaveRow
from application.saves import StoredHeader
from audit import merkle
from audit.bundles import EVENTS_MAX, Contents, Place, SaveProof, Stamp
from audit.claims import read_token
from audit.events import Header, read_evidence, read_header
from audit.manifests import Query
from audit.mapproofs import MapProof
from audit.names import subject_of
from audit.pages import Answers, LineRow, Questions
from audit.requests import sealed_fields
from domain.errors import Invalid

GENESIS: Final = (1, 2, 3, 4)
LEDGER: Final = "ledger"
HISTORIES: Final = ("key:", "person:")


@dataclass(slots=True)
class Collected:
    """Everything but checkpoint and proofs of the map; `subjects` are those whose heads are to be proven."""

    size: int
    contents: Contents
    subjects: tuple[str, ...]
    withheld: tuple[int, ...]
    closed: tuple[tuple[int, int], ...]
    last: int
    """The position of the last event that was asked for, 1 where there is none."""

    def proven(self, checkpoint: str, heads: Mapping[str, MapProof], stamps: Sequence[Stamp]) -> Contents:
        """Give the contents with the checkpoint, the heads under it, and its stamps."""
        self.contents.checkpoint = checkpoint
        self.contents.stamps = dict(enumerate(stamps, 1))
        self.contents.heads = {subject: heads[subject] for subject in self.subjects}
        return self.contents


def collect(material: Material, query: Query, receiver: Receiver, size: int) -> Collected:
    """Collect what belongs into a bundle at the checkpoint of a size. Raises Invalid `evidence_too_large`."""
    work = _Collecting(material, receiver, size)
    asked = work.follow(query.subjects)
    wanted = [position for position in asked if query.asks(*_placed(work.headers[position]))]
    work.take(wanted)
    work.take(work.follow((LEDGER,)))
    while True:
        while histories := work.histories_wanted():
            work.take(work.follow(histories))
        if not work.accompany():
            break
    return work.collected(query, max(wanted, default=1))


def _placed(header: Header) -> tuple[str, str]:
    return header.stream, header.recorded_at


@dataclass(slots=True)
class _Collecting:
    material: Material
    receiver: Receiver
    size: int
    headers: dict[int, Header] = field(default_factory=dict)
    """Of everything carried, by position."""
    gone: set[str] = field(default_factory=set)
    """Persons of whom something is not there any more."""
    _data: dict[int, bytes] = field(default_factory=dict)
    _chains: dict[str, Sequence[bytes]] = field(default_factory=dict)
    """An empty one for a subject that is absent."""
    _positions: dict[str, list[int]] = field(default_factory=dict)
    _bodies: dict[int, bytes] = field(default_factory=dict)
    _told: dict[int, Any] = field(default_factory=dict)
    """Parsed bodies."""
    _taken: set[int] = field(default_factory=set)
    """Positions whose saves are to be proven."""
    _beside: set[int] = field(default_factory=set)
    """Positions of events that are carried without their chains."""
    _saves: dict[int, SaveRow] = field(default_factory=dict)
    _proven: set[int] = field(default_factory=set)
    """Positions of saves' events for which evidence and request were looked for."""
    _evidence: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _requests: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _lines: dict[int, dict[int, tuple[bytes, ...]]] = field(default_factory=dict)
    _hashes: dict[tuple[str, str], Sequence[bytes]] = field(default_factory=dict)
    """Of all lines of a request, by party and command."""
    _sealed: dict[str, bytes] = field(default_factory=dict)
    _neighbours: dict[int, StoredHeader] = field(default_factory=dict)
    """Events of the same saves that are not carried."""
    _withheld: set[int] = field(default_factory=set)
    _closed: set[tuple[int, int]] = field(default_factory=set)

    # ------------------------------------------------------------------------------------------------ chains

    def follow(self, subjects: Iterable[str]) -> list[int]:
        """Carry the chains of subjects; give the positions of their events."""
        subjects = list(subjects)
        new = [subject for subject in dict.fromkeys(subjects) if subject not in self._chains]
        found = self.material.chains(new, self.size) if new else {}
        for subject in new:
            self._chains[subject] = chain = found.get(subject, ())
            headers = list(map(read_header, chain))
            for header, data in zip(headers, chain, strict=True):
                self._note(header, data)
            self._positions[subject] = [header.position for header in headers]
        if len(self.headers) > EVENTS_MAX:
            raise Invalid("so many events are no bundle", code="evidence_too_large", maximum=EVENTS_MAX)
        return [position for subject in dict.fromkeys(subjects) for position in self._positions[subject]]

    def _note(self, header: Header, data: bytes) -> None:
        self.headers[header.position] = header
        self._data[header.position] = data

    def histories_wanted(self) -> list[str]:
        """Give what is not taken whole of the keys and persons by whose histories the rest is judged.

        These are the keys that signed what is taken, the persons whose erasure explains a gap, and those asked for.
        """
        self._take_anew()
        keys = {key for position in self._taken if (key := self.headers[position].key) is not None}
        asked = {subject for subject, chain in self._chains.items() if chain and subject.startswith(HISTORIES)}
        wanted = keys | self.gone | asked
        return sorted(each for each in wanted if not self._taken.issuperset(self._positions.get(each, (0,))))

    def _take_anew(self) -> None:
        """Forget what was withheld of persons of whom only now is known that something is gone: it is shown."""
        shown = {at for person in self.gone for at in self._positions.get(person, ())} & self._withheld
        for known in (self._taken, self._withheld, self._proven):
            known.difference_update(shown)

    # ------------------------------------------------------------------------------------------------ events

    def take(self, positions: Iterable[int]) -> None:
        """Take the words of events, as far as they may be seen, and what proves who said them."""
        new = [position for position in positions if position not in self._taken]
        if not new:
            return
        self._taken.update(new)
        seen = [position for position in new if self._visible(self.headers[position])]
        self._withheld.update(set(new) - set(seen))
        self._read(seen)
        self._cause(seen)
        self._saves |= {save.first: save for save in self.material.saves(new)}
        self._prove()

    def _visible(self, header: Header) -> bool:
        subject = subject_of(header.stream)
        # What opened the ledger, tells keys' histories and explains what is gone is shown to whoever judges by it.
        judged = header.position in GENESIS or subject == LEDGER or subject.startswith("key:") or subject in self.gone
        return judged or self.receiver.sees(header)

    def _read(self, positions: Iterable[int]) -> None:
        for position, stored in self.material.events(positions).items():
            if position not in self.headers:
                self._note(read_header(stored.header), stored.header)
            self._bodies[position] = stored.body
            self._told[position] = json.loads(stored.body)

    def _cause(self, positions: Iterable[int]) -> None:
        """Carry the causes of derived events, and theirs, since an event is judged by what caused it."""
        known = {(header.stream, header.version) for header in self.headers.values()}
        new = set(positions)
        while new:
            causes = {_because(self._told[position]) for position in new} - {None}
            missing = [cause for cause in causes if cause is not None and cause not in known]
            new = set(self.material.positions(missing).values()) if missing else set()
            known.update(missing)
            self._carry(new)
            new &= self._told.keys()

    def _carry(self, positions: Iterable[int]) -> None:
        """Carry single events, and their words where they may be seen: of those too whose chains are carried."""
        new = [at for at in positions if at not in self._told and at not in self._withheld]
        for position, stored in self.material.events(new).items():
            header = read_header(stored.header)
            self._note(header, stored.header)
            self._beside.add(position)
            if self._visible(header):
                self._bodies[position] = stored.body
                self._told[position] = json.loads(stored.body)

    def accompany(self) -> bool:
        """Carry the first events of the parties and agents that wrote or hold a key that did, and save 1.

        Gives whether that led to persons whose erasure explains a gap, which nobody has looked for.
        """
        taken = [self.headers[position] for position in self._taken]
        names = {name for header in taken for name in (header.party, header.agent) if name is not None}
        names |= {told["found"]["holder"] for told in self._told.values() if "holder" in told["found"]}
        firsts = self.material.positions((name, 1) for name in sorted(names))
        self._carry(sorted({*firsts.values(), *(at for at in GENESIS if at < self.size)}))
        self._prove()
        return bool(self.histories_wanted())

    # ------------------------------------------------------------------------------------------------ authors

    def _prove(self) -> None:
        """Take evidence, requests and sealed values of the saves, for every event of them whose words are carried.

        A save that is carried for one event may hold others that cause it, or are carried for what they say of a party:
        they are judged like it.
        """
        questions = Questions()
        of: dict[int, list[int]] = {}
        for save in self._saves.values():
            span = range(save.first, save.first + len(save.leaves))
            new = [at for at in span if at not in self._proven and (at in self._told or at in self._taken)]
            if not new:
                continue
            of[save.first] = new
            header = self.headers[new[0]]
            questions.evidence.extend(digest for _, digest in read_evidence(header.evidence))
            stated = [position for position in new if _stated(self._told.get(position))]
            if stated and header.command is not None:
                questions.commands.append((save.first, header.party, header.command))
            for position in stated:
                questions.sealed.extend(digest for digest, _ in sealed_fields(self._told[position]["said"]))
        saves = [self._saves[first] for first in of]
        self._proven.update(*of.values())
        answers = self.material.ask(questions)
        self._evidence |= answers.evidence
        self._meet([save for save in saves if answers.lines.get(save.first)])
        for save in saves:
            self._request(save, of[save.first], answers)
            for position in of[save.first]:
                if _stated(self._told.get(position)):
                    self._open(position, answers)

    def _meet(self, saves: Sequence[SaveRow]) -> None:
        """Read the other events of saves whose requests are at hand: they may say what the receiver may not see."""
        others = {at for save in saves for at in _others(save) if at not in self._told and at not in self._neighbours}
        if others and not self.receiver.sees_all:
            self._neighbours |= self.material.events(sorted(others))

    def _request(self, save: SaveRow, positions: Sequence[int], answers: Answers) -> None:
        """Take the request of a save, or of lines those that state the events, with their audit paths."""
        rows = {row.line: row for row in answers.lines.get(save.first, ())}
        wanted: dict[int, Header] = {}
        for position in positions:
            if _stated(self._told.get(position)):
                wanted.setdefault(self._told[position]["from"]["line"] or 0, self.headers[position])
        for line, header in wanted.items():
            row = rows.get(line)
            if row is None:
                continue
            if row.state == "gone":
                self._gone(line, save)
            elif row.data is None:
                pass
            elif self._may_see(row, line, save, header) and (not line or self._path(save, line, header)):
                self._requests[save.first, line] = row.data
            if (save.first, line) not in self._requests and (row.data is not None or row.state == "sealed"):
                self._closed.add((save.first, line))

    def _gone(self, line: int, save: SaveRow) -> None:
        """Carry every event that a request stated which is not there any more: one of its persons explains why."""
        span = range(save.first, save.first + len(save.leaves))
        stated: dict[int, Any] = {at: self._told[at] for at in span if _states(self._told.get(at), line)}
        hidden = False
        for position, stored in self.material.events(at for at in span if at not in self._told).items():
            told = json.loads(stored.body)
            if not _states(told, line) or not sealed_fields(told["said"]):
                continue
            if self._visible(header := read_header(stored.header)):
                if position not in self.headers:
                    self._beside.add(position)
                self._note(header, stored.header)
                self._bodies[position], self._told[position] = stored.body, told
                stated[position] = told
            else:
                hidden = True
        persons = {person for told in stated.values() for _, person in sealed_fields(told["said"])}
        self.gone.update(persons)
        if hidden and not persons:
            self._closed.add((save.first, line))

    def _may_see(self, row: LineRow, line: int, save: SaveRow, header: Header) -> bool:
        """Say whether the receiver may see a request: every event that it states, and no other's personal values."""
        if row.persons and not self.receiver.opens(header):
            return False
        for position in _others(save):
            if (stored := self._neighbours.get(position)) is not None:
                body = json.loads(stored.body)
                if _states(body, line) and not self._visible(read_header(stored.header)):
                    return False
        return True

    def _path(self, save: SaveRow, line: int, header: Header) -> bool:
        """Take a line's path to the signed root; False while other lines of its request are still to come."""
        command = (header.party, str(header.command))
        if command not in self._hashes:
            self._hashes[command] = self.material.line_hashes(*command)
        hashes = self._hashes[command]
        digest = read_evidence(header.evidence)[0][1]
        if digest not in self._evidence or read_token(self._evidence[digest][1]).bn != len(hashes):
            return False
        self._lines.setdefault(save.first, {})[line] = tuple(merkle.inclusion_path(hashes, line - 1))
        return True

    def _open(self, position: int, answers: Answers) -> None:
        """Take the sealed values of an event that are opened for the receiver; note those that are gone."""
        opens = self.receiver.opens(self.headers[position])
        for digest, person in sealed_fields(self._told[position]["said"]):
            row = answers.sealed.get(digest)
            if row is None or row.state == "gone":
                self.gone.add(person)
            elif opens and row.plain is not None:
                self._sealed[digest] = row.plain

    # ------------------------------------------------------------------------------------------------ the result

    def collected(self, query: Query, last: int) -> Collected:
        """Give what was collected, in an order that is always the same."""
        (root,) = self.material.events((self.size,)).values()
        heads = {self._positions[subject][-1] for subject, chain in self._chains.items() if chain}
        beside = {at for at in self._beside if not self._chains.get(subject_of(self.headers[at].stream))}
        placed = sorted(heads | beside)
        paths = self.material.paths((self.size, *placed), self.size)
        carried = sorted(self._bodies)
        contents = Contents(
            checkpoint="", root_header=root.header, root_body=root.body, root_index=self.size - 1,
            root_path=tuple(paths[self.size]),
            chains={subject: self._chains[subject] for subject in sorted(self._chains) if self._chains[subject]},
            places=[Place(self._data[position], tuple(paths[position])) for position in placed],
            bodies={self.headers[position].body: self._bodies[position] for position in carried},
            saves=[self._save(self._saves[first]) for first in sorted(self._saves)],
            evidence=self._evidence, requests=dict(sorted(self._requests.items())), sealed=self._sealed,
        )  # fmt: skip
        subjects = {*contents.chains, *query.subjects}
        return Collected(
            self.size, contents, tuple(sorted(subjects)), tuple(sorted(self._withheld)), tuple(sorted(self._closed)),
            last,
        )  # fmt: skip

    def _save(self, save: SaveRow) -> SaveProof:
        span = range(save.first, save.first + len(save.leaves))
        leaves = save.leaves
        paths = {at: tuple(merkle.inclusion_path(leaves, at - save.first)) for at in span if at in self.headers}
        return SaveProof(save.first, save.receipt, paths, self._lines.get(save.first, {}))


def _others(save: SaveRow) -> Sequence[int]:
    count = len(save.leaves)
    return range(save.first, save.first + count) if count > 1 else ()


def _stated(told: Any) -> bool:  # noqa: ANN401 - a body, or None
    return told is not None and told["said"] is not None


def _states(told: Any, line: int) -> bool:  # noqa: ANN401 - a body, or None
    return _stated(told) and (told["from"]["line"] or 0) == line


def _because(told: Any) -> tuple[str, int] | None:  # noqa: ANN401 - a body
    cause = told["found"].get("because")
    return None if told["said"] is not None or cause is None else (cause["stream"], cause["version"])
