"""Shapes of canonical JSON: a text is as canonical as another that differs from it only in what plain strings hold.

A log holds millions of bodies of a few hundred shapes. Where a text is printable ASCII without a backslash, every
quotation mark begins or ends a string; the marks part it into what stands between strings (punctuation, numbers, words)
and the strings, of which those before a colon are names. Keep all of that but the strings that are values: order and
uniqueness of names, spaces, numbers and depth are in what is kept, and a plain string has one spelling. So of two texts
of one shape both are canonical or neither is.
"""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["SHAPES_KEPT_MAX", "SHAPE_CHARS_MAX", "Shape", "is_known", "remember", "shape_of"]

SHAPES_KEPT_MAX: Final = 4096
SHAPE_CHARS_MAX: Final = 4096
Shape: TypeAlias = tuple[str, tuple[str, ...]]
"""What stands between the strings of a text, and the names among these."""

_names: dict[str, list[int]] = {}
"""Where names are among the parts, by what stands between the strings."""
_known: set[Shape] = set()


def shape_of(text: str) -> Shape | None:
    """Give the shape of a text; None if the argument does not hold for it, or it is too long to be kept."""
    if len(text) > SHAPE_CHARS_MAX or "\\" in text or not text.isascii() or not text.isprintable():
        return None
    parts = text.split('"')
    if not len(parts) & 1:  # the last string does not end
        return None
    between = '"'.join(parts[::2])
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
    """Remember that a text of this shape is canonical."""
    if len(_known) >= SHAPES_KEPT_MAX:
        _known.clear()
    _known.add(shape)
