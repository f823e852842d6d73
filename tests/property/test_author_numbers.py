"""Authors' own numbers: whatever order they come in, those that never came are named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audit.author_numbers import AuthorNumbers


@given(st.lists(st.integers(1, 40), max_size=60), st.data())
def test_what_is_missing_is_what_never_came(numbers: list[int], data: st.DataObject) -> None:
    """Up to the greatest number seen, also when the count is put aside in between and read again."""
    taken, cut = AuthorNumbers(), data.draw(st.integers(0, len(numbers)))
    for number in numbers[:cut]:
        taken.take("key:a", number)
    taken = AuthorNumbers.from_json(taken.as_json())
    for number in numbers[cut:]:
        taken.take("key:a", number)
    lacking = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    assert list(taken.missing()) == ([("key:a", len(lacking), lacking[0])] if lacking else [])
