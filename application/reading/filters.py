"""Filters of lists, each of which takes what the member of that name in a row can be, and groups of sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from application.reading.asking import Asking, Parameter
from domain.errors import Invalid
from domain.shapes import Pattern

__all__ = ["grouping", "only"]


def only(row: type, *names: str) -> tuple[Parameter, ...]:
    """Give a filter for each of these members of a row: of its form, or one of its values."""
    kinds = get_type_hints(row, include_extras=True)
    return tuple(_filter(name, list(_forms(kinds[name]))) for name in names)


def _filter(name: str, forms: list[str | tuple[str, ...]]) -> Parameter:
    (form,) = forms
    told = f"Only those of this {name}."
    return Parameter(name, told, form) if isinstance(form, str) else Parameter(name, told, values=form)


def _forms(kind: Any) -> Iterator[str | tuple[str, ...]]:  # noqa: ANN401 - a type
    """Give the patterns and values of a kind of text, whether there may be none or not."""
    match get_origin(kind):
        case origin if origin is Union or origin is UnionType:
            for option in get_args(kind):
                yield from _forms(option)
        case origin if origin is Literal:
            yield get_args(kind)
        case origin if origin is Annotated:
            yield from (each.pattern for each in get_args(kind) if isinstance(each, Pattern))


def grouping(asking: Asking, known: Sequence[str], default: str) -> tuple[str, ...]:
    """Give by what an answer's rows are grouped. Raises Invalid `by_malformed`."""
    by = tuple(asking.query.get("by", default).split(","))
    if not set(by) <= set(known) or len(set(by)) != len(by):
        raise Invalid("rows are grouped by some of `known`, each once", code="by_malformed", known=list(known))
    return by
