"""The state of an aggregate as JSON, and how a state of today differs from one that was written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def shown(value: object) -> Any:  # noqa: ANN401 - JSON of any shape
    """Give a state as JSON: sets sorted, keys that are no strings as pairs, members without a repr left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {member.name: shown(getattr(value, member.name)) for member in fields(value) if member.repr}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: shown(item) for key, item in sorted(value.items())}
        return sorted([shown(key), shown(item)] for key, item in value.items())
    if isinstance(value, set | frozenset):
        return sorted(shown(item) for item in value)
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    assert value is None or isinstance(value, str | int), f"{value!r} is no part of a state"
    return value


def differences(written: Any, value: object, at: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON of any shape
    """Say where a state is no longer as it was written down; members that were added since are let be."""
    if is_dataclass(value) and not isinstance(value, type):
        for member, was in written.items():
            if hasattr(value, member):
                yield from differences(was, getattr(value, member), f"{at}/{member}")
            else:
                yield f"{at}/{member} is gone"
    elif isinstance(value, Mapping) and isinstance(written, dict):
        if set(written) != set(value):
            yield f"{at} has other members: {sorted(set(written) ^ set(value))}"
        for key in set(written) & set(value):
            yield from differences(written[key], value[key], f"{at}/{key}")
    elif isinstance(value, list | tuple) and isinstance(written, list):
        if len(written) != len(value):
            yield f"{at} has {len(value)} items, not {len(written)}"
        for index, (was, item) in enumerate(zip(written, value, strict=False)):
            yield from differences(was, item, f"{at}/{index}")
    elif written != shown(value):
        yield f"{at} is {shown(value)!r}, not {written!r}"
