"""Shapes of canonical JSON: a text is as canonical as one that differs from it in plain strings and integers alone.

A log holds millions of bodies of a few hundred shapes. Where a text is printable and has no backslash, every quotation
mark begins or ends a string; the marks part it into what stands between strings (punctuation, numbers, words) and the
strings, of which those before a colon are names. Keep all of that but the strings that are values, and put 1 for every
run of up to fifteen digits that no zero leads: order and uniqueness of names, spaces, fractions and depth are in what
is kept, a plain string has one spelling, and so has such an integer, which is of the profile. So a text whose shape is
that of a canonical one, with no longer number in it, is canonical.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

__all__ = ["SHAPES_KEPT_MAX", "SHAPE_CHARS_MAX", "Shape", "is_known", "remember", "shape_of"]

SHAPES_KEPT_MAX: Final = 4096
SHAPE_CHARS_MAX: Final = 4096
Shape: TypeAlias = tuple[str, tuple[str, ...]]
"""What stands between the strings of a text, and the names among these."""

_INTEGER: Final = re.compile("[1-9][0-9]{0,14}(?![0-9])")
_LONGER: Final = re.compile("[2-9]|[01][0-9]")
"""What is left of a number of more digits, of which some are beyond the profile."""

_names: dict[str, list[int]] = {}
"""Where names are among the parts, by what stands between the strings."""
_known: set[Shape] = set()


def shape_of(text: str) -> Shape | None:
    """Give the shape of a text; None if the argument does not hold for it, or it is too long to be kept."""
    if len(text) > SHAPE_CHARS_MAX or "\\" in text or not text.isprintable():
        return None
    parts = text.split('"')
    if not len(parts) & 1:  # the last string does not end
        return None
    between = _INTEGER.sub("1", '"'.join(parts[::2]))
    places = _names.get(between)
    if places is None:
        places = [at for at in range(1, len(parts) - 1, 2) if parts[at + 1].startswith(":")]
        if len(_names) >= SHAPES_KEPT_MAX:
            _names.clear()
        _names[between] = places
    return between, tuple([parts[at] for at in places])


def is_known(shape: Shape) -> bool:
    """Say whether a text of this shape was canonical."""
    return shape in _known


def remember(shape: Shape) -> None:
    """Remember that a text of this shape is canonical, unless others of this shape may not be."""
    if _LONGER.search(shape[0]):
        return
    if len(_known) >= SHAPES_KEPT_MAX:
        _known.clear()
    _known.add(shape)
