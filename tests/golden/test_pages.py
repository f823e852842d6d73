"""The pages for whoever runs or changes the ledger name commands, options and modules that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from api.cli import app
from audit.verdicts import RULES

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("README.md", *(f"docs/{name}.md" for name in ("operations", "architecture", "witness", "evidence")))
OPTION: Final = re.compile(r"--[a-z-]+")


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _commands(page: str) -> list[str]:
    """Give the lines of a page's examples that call `liftledger`, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", _text(page), re.DOTALL)
    lines = [line.split(" #")[0] for block in blocks for line in block.splitlines()]
    return [call for line in lines for call in re.findall(r"(?:^|\s)(?:\S*/)?liftledger ([^&|>]+)", line)]


def _options(words: list[str]) -> set[str]:
    """Walk to the command that the words call and give its options. Raises KeyError where there is none."""
    found: Any = get_command(app)
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    return {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_a_page_shows_are_there(page: str) -> None:
    """Each with the options that it is shown with."""
    for call in _commands(page):
        assert set(OPTION.findall(call)) <= _options(call.split()), call


def test_every_command_that_the_readme_lists_is_looked_at() -> None:
    """The test above reads what it is meant to read."""
    assert len(_commands("README.md")) >= 9
    assert any(call.startswith("party register") for call in _commands("docs/operations.md"))
    with pytest.raises(KeyError):
        _options(["migrate"])


def test_an_export_is_always_verified_under_a_policy() -> None:
    """`python -m audit export` refuses to go without one, and so does whoever writes of it."""
    told = [*map(_text, PAGES), (ROOT / "api" / "log_command.py").read_text(encoding="utf-8")]
    shown = [match for text in told for match in re.findall(r"python -m audit export [A-Z]+( --policy)?", text)]
    assert len(shown) >= 4
    assert all(shown)


def test_modules_that_the_architecture_names_are_there() -> None:
    """Every name in its table of `audit/` is a module, and the processes it names are commands or workers."""
    table = _text("docs/architecture.md").partition("| module of `audit/` | for |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z]+)`", row.split("|")[1])]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "audit" / f"{name}.py").is_file()] == []
    makers = re.search(r"^\| (`init`.*?) \|", _text("docs/architecture.md"), re.MULTILINE)
    assert makers is not None
    assert all(_options([name]) for name in re.findall(r"`([a-z]+)`", makers[1]) if name != "run")


def test_a_rule_that_a_verdict_cites_is_there() -> None:
    """Whoever is told that something offends against “event-format §5” finds that section beside the verifier."""
    sections = set(re.findall(r"^## (\d)\. ", _text("docs/event-format.md"), re.MULTILINE))
    cited = {rule for rules in RULES.values() for rule in re.findall(r"event-format §(\d)", rules)}
    assert len(cited) > 5
    assert cited <= sections


def test_the_changelog_says_nothing_twice() -> None:
    """No two entries begin alike for the length of a sentence."""
    entries = [entry[:80] for entry in _text("CHANGELOG.md").split("\n- ")]
    assert len(entries) == len(set(entries))
