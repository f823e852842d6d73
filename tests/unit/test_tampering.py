"""The demonstration's last proof: a flipped bit, where a copy of the database can be made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from rich.console import Console

from api import bootstrap
from api.demo import tampering


@pytest.mark.parametrize("url", [None, "postgresql://elsewhere/ledger"])
def test_a_copy_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, url: str | None) -> None:
    """On somebody's own server it is left out; on the embedded one the demonstration has failed."""

    @contextmanager
    def none(_: bootstrap.Settings) -> Iterator[None]:
        yield None

    monkeypatch.setattr(bootstrap, "copied_database", none)
    settings = bootstrap.load_settings().model_copy(update={"database_url": url})
    out = Console(file=StringIO(), width=200)
    assert tampering.show(settings, out) is (url is not None)
    assert isinstance(out.file, StringIO)
    assert "the flipped byte is not shown" in out.file.getvalue()
