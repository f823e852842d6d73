"""Personal fields: found by the shape, replaced by salted digests before anything else sees them (event-format §2).

The digest is SHA-256(0x00 ‖ canonical `[salt, pointer, value]`); the pointer leads from the root of the request (or of
the NDJSON line), so it is the same for every event that quotes the field. The salt lives only inside the ciphertext.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from application.ports import Blind, Vault
from application.saves import Lookup, SealedValue
from audit import canonical
from domain.errors import Conflict
from domain.shapes import Personal

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class PersonalPath:
    """Where a shape has a personal member: steps from the root (`*` for every element), who it is about, its index."""

    steps: tuple[str, ...]
    of: str | None
    index: str | None = None


@cache
def personal_paths(shape: Hashable) -> tuple[PersonalPath, ...]:
    """Find the members marked `Personal` in a TypedDict and the shapes nested in it."""
    return tuple(_walk(shape, (), None))


def _walk(kind: object, steps: tuple[str, ...], mark: Personal | None) -> list[PersonalPath]:
    origin = get_origin(kind)
    if origin in {Required, NotRequired}:
        return _walk(get_args(kind)[0], steps, mark)
    if origin is Annotated:
        base, *marks = get_args(kind)
        found = next((m for m in marks if isinstance(m, Personal)), mark)
        return _walk(base, steps, found)
    if mark is not None:
        return [PersonalPath(steps, mark.of, mark.index)]
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return [path for name, hint in hints.items() for path in _walk(hint, (*steps, name), None)]
    if origin in {list, tuple}:
        return _walk(get_args(kind)[0], (*steps, "*"), None)
    if origin is not None:
        return [path for part in get_args(kind) for path in _walk(part, steps, None)]
    return []


def indexed_members(shapes: Iterable[Hashable]) -> dict[str, str]:
    """Give the names of all members by whose value persons are found, each with its kind of value."""
    paths = (path for shape in shapes for path in personal_paths(shape))
    return {path.steps[-1]: path.index for path in paths if path.index is not None}


@dataclass(slots=True)
class Seals:
    """What sealing one request or line made: values, keys of new persons (wrapped), all persons named."""

    values: list[SealedValue] = field(default_factory=list)
    new_keys: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    persons: list[str] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


class Sealer:
    """Seals the personal members of requests; keeps nothing."""

    def __init__(
        self, vault: Vault, encrypt: Callable[[bytes, bytes, bytes], bytes], blind: Blind | None = None
    ) -> None:
        """Take the vault of persons' keys, the cipher (key, plaintext, associated data) → ciphertext, and the index."""
        self._vault = vault
        self._encrypt = encrypt
        self._blind = blind

    def seal(self, said: Mapping[str, Any], paths: tuple[PersonalPath, ...]) -> tuple[dict[str, Any], Seals]:
        """Give the request's JSON with each personal member replaced by `{"of", "sealed"}`, and what was sealed.

        Members of one object share the person: the one named by the `of` member, else a new one. Raises Conflict
        `person_erased` when the person named has no key any more.
        """
        seals = Seals()
        result: dict[str, Any] = dict(said)
        fresh: dict[tuple[str, ...], str] = {}
        for path in paths:
            result = self._at(result, path.steps, (), path, fresh, seals)
        return result, seals

    def _at(
        self, value: Any, steps: tuple[str, ...], taken: tuple[str, ...], path: PersonalPath,  # noqa: ANN401 - JSON
        fresh: dict[tuple[str, ...], str], seals: Seals,
    ) -> Any:  # fmt: skip # noqa: ANN401 - JSON of any shape
        step, rest = steps[0], steps[1:]
        if step == "*":
            if not isinstance(value, list):
                return value
            return [
                self._at(item, rest, (*taken, str(i)), path, fresh, seals)
                if rest
                else self._sealed(item, (*taken, str(i)), self._person({}, (*taken, str(i)), None, fresh, seals), seals)
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict) or value.get(step) is None:
            return value
        member = value[step]
        here = (*taken, step)
        if rest:
            return {**value, step: self._at(member, rest, here, path, fresh, seals)}
        person = self._person(value, taken, path.of, fresh, seals)
        return {**value, step: self._sealed(member, here, person, seals, path.index)}

    def _person(
        self, holder: Mapping[str, Any], place: tuple[str, ...], of: str | None, fresh: dict[tuple[str, ...], str],
        seals: Seals,
    ) -> str:  # fmt: skip
        named = holder.get(of) if of is not None else None
        person = named if isinstance(named, str) else fresh.get(place)
        if person is None:
            person = f"person:{uuid.UUID(bytes=secrets.token_bytes(16), version=4)}"
            fresh[place] = person
            seals.new_keys[person] = self._vault.new_key()
        if person not in seals.persons:
            seals.persons.append(person)
        return person

    def _sealed(
        self, value: object, place: tuple[str, ...], person: str, seals: Seals, index: str | None = None
    ) -> dict[str, str]:
        pointer = "".join(f"/{step}" for step in place)
        plain = canonical.encode([secrets.token_hex(SALT_BYTES), pointer, value])  # type: ignore[list-item] # JSON
        digest = hashlib.sha256(b"\x00" + plain).hexdigest()
        key = self.key(person, seals)
        seals.values.append(SealedValue(person, digest, self._encrypt(key, plain, digest.encode())))
        if self._blind is not None and index is not None and isinstance(value, str):
            token = self._blind.token(index, value)
            if token is not None:
                seals.lookups.append(Lookup(person, digest, index, token))
        return {"of": person, "sealed": digest}

    def key(self, person: str, seals: Seals) -> bytes:
        """Give the plain data key of a person of these seals."""
        if person in seals.new_keys:
            return seals.new_keys[person][0]
        key = self._vault.key(person)
        if key is None:
            raise Conflict(f"{person} is not known, or was erased", code="person_erased", person=person)
        return key


__all__ = ["PersonalPath", "Sealer", "Seals", "personal_paths"]
