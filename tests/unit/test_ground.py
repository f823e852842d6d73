"""The ground itself: where packages come from, what the locks hold, what the rooms may import, how long a module is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "application", "infrastructure", "api", "audit")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
LINES_MAX = 400
TEXTS = {".py", ".md", ".toml", ".json", ".txt", ".sql"}
PIN = r"[a-z0-9-]+(?:\[[a-z0-9, -]+\])?"
NOT_HASH_NOR_NOTE = re.compile(r"^(?!\s*(?:--hash=sha256:[0-9a-f]{64}(?: \\)?|#.*)?$)")


def modules(*folders: str) -> list[Path]:
    """Return every Python file below the folders, those not there skipped."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the full names that a module imports anywhere in it, `from a import b` as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def foreign(path: Path, *allowed: str) -> set[str]:
    """Return what a module imports from outside the standard library and the allowed names."""
    return {
        name
        for name in imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_come_from_this_tree(package: str, tmp_path: Path) -> None:
    """An interpreter started elsewhere finds our packages, not another distribution's of the same name."""
    found = subprocess.run(
        [sys.executable, "-I", "-c", f"import {package}; print({package}.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).resolve() == (ROOT / package / "__init__.py").resolve()


def test_locks_are_there() -> None:
    """The four lock files that the Makefile installs from exist."""
    assert [path.name for path in LOCKS] == ["base.txt", "build.txt", "dev.txt", "lock.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_locks_pin_every_file_by_hash(lock: Path) -> None:
    """Each requirement is pinned to one version and followed by at least one SHA-256."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if NOT_HASH_NOR_NOTE.match(line)]
    assert requirements
    assert [line for line in requirements if not re.match(rf"{PIN}==[0-9][0-9a-z.]*(?: ; .+)? \\$", line)] == []
    assert [line for line, following in pairwise(lines) if line in requirements and "--hash=" not in following] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_locks_name_no_index_and_no_machine(lock: Path) -> None:
    """A lock holds no address, no option for an index and no absolute path, so any mirror and any folder serves."""
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted|(?:^|[\s=@(])/|file:", text, re.MULTILINE) == []


def test_dev_lock_pins_the_extras_that_its_packages_ask_for() -> None:
    """A package asked for with extras is pinned with them; else pip looks for its newest version, unhashed."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pinned = {
        (name, extra)
        for name, extras in re.findall(r"^([a-z0-9-]+)\[([^]]+)\]==", lock, re.MULTILINE)
        for extra in extras.split(", ")
    }
    asked = {
        (canonicalize_name(requirement.name), extra)
        for name in re.findall(r"^([a-z0-9-]+)(?:\[|==)", lock, re.MULTILINE)
        for requirement in _requirements(name)
        for extra in requirement.extras
    }
    assert asked
    assert asked - pinned == set()


def _requirements(distribution: str) -> list[Requirement]:
    """Give what an installed distribution, taken without extras, requires here; nothing where it is not installed."""
    try:
        listed = [Requirement(line) for line in metadata.requires(distribution) or []]
    except metadata.PackageNotFoundError:
        return []
    return [one for one in listed if one.marker is None or one.marker.evaluate({"extra": ""})]


def test_base_lock_is_part_of_dev_lock() -> None:
    """What runs is what is tested: each pin of the base lock stands unchanged in the dev lock."""
    base, dev = (
        set(re.findall(rf"^{PIN}==\S+", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("base.txt", "dev.txt")
    )
    assert base - dev == set()


def test_no_merge_was_left_half_done() -> None:
    """No page and no module holds both sides of a conflict."""
    files = [
        path for folder in (*PACKAGES, "tests", "bench", "docs", "requirements") for path in (ROOT / folder).rglob("*")
    ]
    texts = [path for path in (*files, *ROOT.glob("*")) if path.suffix in TEXTS and path.is_file()]
    assert len(texts) > len(PACKAGES)
    marks = re.compile(rb"^(?:<{7}|={7}|>{7})(?: |$)", re.MULTILINE)
    assert [str(path.relative_to(ROOT)) for path in texts if marks.search(path.read_bytes())] == []


def test_every_exception_to_a_rule_says_why() -> None:
    """On its own line, behind the rule: a check that is silenced without a reason is one that is missing."""
    marks = "noqa|type: ignore|no cover|TODO|FIXME"
    silenced = re.compile(rf"#.*?\b(?:{marks})\b")
    explained = re.compile(r"(?:noqa: [A-Z0-9, ]*[A-Z0-9]|type: ignore\[[a-z, -]+\]|no cover)\s*[-#:]\s*\S")
    lines = [
        (f"{path.relative_to(ROOT)}:{number}", line)
        for path in modules(*PACKAGES, "tests", "bench")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if silenced.search(line)
    ]
    assert len(lines) > len(PACKAGES)
    assert [place for place, line in lines if explained.search(line) is None] == []


def test_no_module_is_too_long() -> None:
    """A module that outgrows 400 lines has become two."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules(*PACKAGES, "tests", "bench")
    }
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_audit_needs_python_and_cryptography_alone() -> None:
    """A regulator can run `audit/` as a folder by itself: nothing else of ours, nothing else installed."""
    strays = {str(path.relative_to(ROOT)): foreign(path, "audit", "cryptography") for path in modules("audit")}
    assert {name: names for name, names in strays.items() if names} == {}


def test_domain_needs_python_and_eventsourcing_domain_alone() -> None:
    """The domain is pure: of all libraries it knows the aggregate base and no other."""
    strays = {
        str(path.relative_to(ROOT)): foreign(
            path, "domain", "eventsourcing.domain", "annotated_types", "typing_extensions"
        )
        for path in modules("domain")
    }
    assert {name: names for name, names in strays.items() if names} == {}


def test_core_never_reads_the_clock() -> None:
    """Time is a port: nothing in the core asks the machine what time it is."""
    clock = re.compile(r"\b(?:datetime\.now|utcnow|date\.today|datetime\.today|time\.time|time_ns)\(")
    core = modules("domain", "audit", "application")
    readers = {str(path.relative_to(ROOT)): clock.findall(path.read_text(encoding="utf-8")) for path in core}
    assert {name: calls for name, calls in readers.items() if calls} == {}


def test_help_lists_every_target() -> None:
    """`make help` shows each target that the Makefile declares for people."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE) for name in line.split()}
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\S+)", shown, re.MULTILINE)) == targets
    assert {"demo", "run", "test", "lint", "bench", "lock", "format", "clean", "help"} <= targets


def test_ci_runs_what_people_run() -> None:
    """The CI entry point is executable and does exactly `make lint test`."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").rstrip().endswith("exec make lint test")
