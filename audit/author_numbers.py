"""Authors' own numbers of their requests (claim `seq`, event-format §3): a missing one stands for a missing request.

It may have been refused, which the ledger does not remember, or withheld by whoever keeps it: its author knows which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["AuthorNumbers"]

_Key = tuple[int, list[tuple[int, int]]]
"""The number that follows the greatest one seen, and the ranges below it that are missing, both ends included."""


@dataclass(slots=True)
class AuthorNumbers:
    """The numbers of each key, from 1, as they are met; they may come out of order, and lines' groups repeat theirs."""

    _keys: dict[str, _Key] = field(default_factory=dict)

    def take(self, key: str, number: int) -> None:
        """Note a number of a key."""
        following, missing = self._keys.get(key, (1, []))
        if number >= following:
            if number > following:
                missing = [*missing, (following, number - 1)]
            self._keys[key] = (number + 1, missing)
            return
        left: list[tuple[int, int]] = []
        for low, high in missing:
            if low <= number <= high:
                left += [(a, b) for a, b in ((low, number - 1), (number + 1, high)) if a <= b]
            else:
                left.append((low, high))
        self._keys[key] = (following, left)

    def missing(self) -> Iterator[tuple[str, int, int]]:
        """Give each key that lacks numbers, how many, and the first of them."""
        for key, (_, ranges) in sorted(self._keys.items()):
            if ranges:
                yield key, sum(high - low + 1 for low, high in ranges), min(ranges)[0]

    def as_json(self) -> dict[str, list[object]]:
        """Give it in JSON: key → [following, [[low, high], …]]."""
        return {key: [following, [list(each) for each in ranges]] for key, (following, ranges) in self._keys.items()}

    @classmethod
    def from_json(cls, told: Mapping[str, Sequence[object]]) -> AuthorNumbers:
        """Read what `as_json` wrote. Raises TypeError or ValueError for anything else."""
        read = cls()
        for key, (following, ranges) in told.items():
            if not isinstance(following, int) or not isinstance(ranges, list):
                raise TypeError(key)
            read._keys[key] = (following, [(int(low), int(high)) for low, high in ranges])
        return read
