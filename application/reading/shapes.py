"""What the shapes of answers are written in; they describe answers (OpenAPI) and are held true by tests, never at work.

A shape stands beside its question. It is a TypedDict in the words of `domain.shapes`, and open: an answer may come to
have more members, and whoever reads it passes over those he does not know.
"""

from __future__ import annotations

from typing import Annotated, NotRequired

from annotated_types import Ge
from typing_extensions import TypedDict

from domain.shapes import Instant

Position = Annotated[int, Ge(0)]
"""A place in the log, from 1; 0 is the empty log."""


class KnownAt(TypedDict):
    """What an answer rests on: nothing recorded after this position, which is what was known at this instant."""

    position: Position
    instant: Instant


class Cited(TypedDict):
    """An answer that cites what it rests on."""

    known_at: KnownAt
    parked_streams: NotRequired[Annotated[int, Ge(1)]]


class Row(TypedDict):
    """A row of a list; `position` is of the last event that moved it: what it says, its time, or what goes with it.

    What is worked out when it is read (balances, what is reserved) rests on others besides.
    """

    position: Annotated[int, Ge(1)]


class Page(Cited):
    """A page of an answer."""

    next: str | None
