"""The benches run: each whole, on the smallest logs and for a moment, so that none breaks unnoticed."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from bench.__main__ import BENCHES, measure

SMALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "recorder": ({"SHAPES": ((2, 3),), "calm_collector": lambda: None}, {"slices": 1, "seconds": 0.05}),
    "proofs": ({"SHAPES": {(2, 3): 0.15}, "SLICES": 2, "WARMING_S": 0.05}, {"slices": 2, "seconds": 0.1}),
    "verify": ({"LINE_REQUESTS": 2}, {"requests": 4, "slices": 1, "processes": 1}),
    "headmap": ({"SUBJECTS": 2_000}, {"large": False, "slices": 1}),
    "import": ({}, {"workers": 1, "slices": 1, "rows": 30}),
    "evidence": (
        {"SIZES": (100,), "LIFT_EVENTS": 40, "STREAM_EVENTS": 20, "LINES": 20, "MADE": 1, "VERIFIED": 1},
        {"workers": 1, "large": False},
    ),
}
"""Bench → constants of its module, and what it is run with. That of HTTP wants a load generator."""
ON_A_DATABASE = {"recorder", "proofs"}


def test_each_bench_is_here() -> None:
    """A new bench is tried too."""
    assert BENCHES.keys() - SMALL.keys() == {"http"}


@pytest.mark.parametrize("name", SMALL)
def test_bench_runs(
    name: str, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It measures something, and prints it as a table."""
    constants, options = SMALL[name]
    monkeypatch.delenv("LIFTLEDGER_BENCH_REGISTER", raising=False)
    module = importlib.import_module(BENCHES[name])
    for constant, value in constants.items():
        monkeypatch.setattr(module, constant, value)
    assert measure(name, options | ({"url": database_url} if name in ON_A_DATABASE else {}))
    assert capsys.readouterr().out.startswith(f"# {name}\n")
