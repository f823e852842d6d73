"""Free text is personal unless the shape says why not (event-format §2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints

import pytest
from typing_extensions import TypedDict, is_typeddict

from application.catalogue import ACTIONS
from domain.shapes import Label, Pattern, Personal, Public, strict


def unexplained(kind: object, at: str, marks: Sequence[object] = ()) -> Iterator[str]:
    """Find the texts in a shape that are of no fixed form, not personal, and without a reason for that."""
    origin = get_origin(kind)
    if origin in {Required, NotRequired}:
        yield from unexplained(get_args(kind)[0], at, marks)
    elif origin is Annotated:
        base, *more = get_args(kind)
        yield from unexplained(base, at, [*marks, *more])
    elif any(isinstance(mark, Personal) or (isinstance(mark, Public) and mark.why) for mark in marks):
        return
    elif is_typeddict(kind):
        for name, hint in get_type_hints(kind, include_extras=True).items():
            yield from unexplained(hint, f"{getattr(kind, '__name__', at)}.{name}")
    elif origin is not None:
        for part in get_args(kind):
            yield from unexplained(part, at)
    elif kind in {str, Any, object} and not any(isinstance(mark, Pattern) for mark in marks):
        yield at


@pytest.mark.parametrize("action", sorted(ACTIONS.by_id))
def test_free_text_is_personal_or_says_why_not(action: str) -> None:
    """Every member of free text of every body is sealed, or its shape gives a reason why it stands in clear."""
    assert list(unexplained(ACTIONS.by_id[action].shape, action)) == []


@strict
class _Careless(TypedDict):
    good: Annotated[Label, Personal()]
    bad: list[Label]
    worse: NotRequired[dict[str, Any]]
    explained: NotRequired[Annotated[Label, Public("a test's")]]


def test_a_careless_shape_is_found() -> None:
    """The search sees into lists and mappings, and takes reasons for what they are."""
    assert list(unexplained(_Careless, "")) == ["_Careless.bad", "_Careless.worse", "_Careless.worse"]
