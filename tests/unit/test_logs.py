"""What is logged: lines from a level on, failures by kind and place, and nobody's data."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from api import logs

SECRET = "13800000000"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def _failed(number: str) -> Exception:
    try:
        message = "no such line"
        if number:
            raise ValueError(message)
    except ValueError as error:
        return error
    raise AssertionError


def test_lines_below_the_level_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """At `warning`, information stays away and warnings come."""
    logs.configure("warning")
    structlog.get_logger().info("started")
    structlog.get_logger().warning("waits", code="away")
    told = capsys.readouterr().out
    assert "started" not in told
    assert "waits" in told
    assert "away" in told


def test_a_failure_is_told_without_anybodys_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Even a logged traceback shows no variable: there the sealed fields of a request would stand in the clear."""
    logs.configure("info")
    error = _failed(SECRET)
    structlog.get_logger().error("failed", at=logs.place_of(error))
    structlog.get_logger().error("failed", exc_info=error)
    told = capsys.readouterr().out
    assert f"{__name__}:" in told
    assert "ValueError" in told
    assert SECRET not in told


def test_the_server_quotes_no_exception(capsys: pytest.CaptureFixture[str]) -> None:
    """What a web server logs of an exception that it fell to names the fall, and quotes nothing of it."""
    logs.configure("info")
    logging.getLogger("uvicorn.error").error("Exception in application", exc_info=_failed(SECRET))
    told = capsys.readouterr()
    assert SECRET not in told.err + told.out
    assert "Traceback" not in told.err + told.out
