"""What the HTTP bench makes of wrk's figures."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from bench import http

FOUND = {
    "requests": 1_000, "us": 500_000, "p50": 2_000, "p90": 3_000, "p99": 4_000, "max": 5_000, "errors": 0,
    "timeouts": 0,
}  # fmt: skip


def test_only_what_was_served_counts() -> None:
    """The load generator counts every reply; those that are errors are taken off the rate, and told."""
    assert http.slice_of(FOUND) == http.Slice(2_000, 2, 4, 5, 0)
    assert http.slice_of({**FOUND, "errors": 250, "timeouts": 3}) == http.Slice(1_500, 2, 4, 5, 253)


@pytest.mark.parametrize("wrong", [{"errors": 1}, {"timeouts": 1}])
def test_a_run_with_errors_fails(wrong: dict[str, int]) -> None:
    """One error, or one request that was not answered, in one of the slices is enough."""
    http.require_served([http.slice_of(FOUND)])
    with pytest.raises(http.Failed):
        http.require_served([http.slice_of(FOUND), http.slice_of({**FOUND, **wrong})])


def test_signature_checks_are_counted() -> None:
    """The limit is a rate of real checks."""
    with patch.object(http, "CHECKS", 50), patch.object(http, "check_bare") as check:
        assert http.checks_a_second() > 0
    check.assert_called_once_with(50)
