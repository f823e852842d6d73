"""`liftledger verify` as a process on a ledger that somebody changed: exit status 1, and what is wrong is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.written import Written, tampering

POSITION = 20


def _verify(ledger: Written, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the ledger's settings."""
    settings = {
        "LIFTLEDGER_DATABASE_URL": str(ledger.settings.database_url),
        "LIFTLEDGER_VAR": str(ledger.settings.var),
    }
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "verify", *options],
        env={**os.environ, **settings, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--log-only",), ("--structure",)])
def test_a_flipped_byte_is_named(written: Written, options: tuple[str, ...]) -> None:
    """Sound before, BROKEN after one bit of one stored body was flipped, whatever is verified: code and position."""
    sound = _verify(written, *options)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "BROKEN" not in sound.stdout
    with tampering(written) as connection:
        connection.execute("UPDATE events SET body = flip(body, 12) WHERE position = %s", (POSITION,))
    broken = _verify(written, *options)
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert f"integrity: body_digest at {POSITION}: " in broken.stdout
    assert "BROKEN · 验证不通过: " in broken.stdout
    assert "verified · 验证通过" not in broken.stdout
    assert broken.stderr == ""


def test_a_flipped_byte_is_told_to_machines(written: Written) -> None:
    """As JSON too the code and the position are there, under the same exit status."""
    with tampering(written) as connection:
        connection.execute("UPDATE events SET body = flip(body, 12) WHERE position = %s", (POSITION,))
    broken = _verify(written, "--json")
    told = json.loads(broken.stdout)
    assert broken.returncode == 1
    assert ("body_digest", POSITION) in [(found["code"], found["position"]) for found in told["verdicts"]]
