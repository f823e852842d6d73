"""One fault at one step: before the step is done, or after it though it is told to have failed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


class Fault(Exception):
    """What the step that was told to fail raises."""


@dataclass
class Failing:
    """How often a step was called, and that its call of number `at` fails."""

    stored: bool
    at: int = 1
    calls: int = 0

    @property
    def met(self) -> bool:
        """Whether the fault happened."""
        return self.calls >= self.at

    def due(self) -> bool:
        """Count a call; say whether it is the one that fails."""
        self.calls += 1
        return self.calls == self.at


def failing(step: Callable[..., Any], fault: Failing) -> Callable[..., Any]:
    """Give the step with its one fault."""

    @functools.wraps(step)
    def work(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the step takes and gives
        if not fault.due():
            return step(*args, **named)
        if fault.stored:
            step(*args, **named)
        raise Fault(step.__name__)

    return work


def failing_async(step: Callable[..., Any], fault: Failing) -> Callable[..., Any]:
    """Give a step that is awaited with its one fault."""

    @functools.wraps(step)
    async def work(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the step takes and gives
        if not fault.due():
            return await step(*args, **named)
        if fault.stored:
            await step(*args, **named)
        raise Fault(step.__name__)

    return work


def break_step(patch: pytest.MonkeyPatch, where: Any, name: str, *, stored: bool, at: int = 1) -> Failing:  # noqa: ANN401 - a class or module
    """Have a step of a class or module fail at a call of it; gives the fault."""
    fault = Failing(stored, at)
    patch.setattr(where, name, failing(getattr(where, name), fault))
    return fault
