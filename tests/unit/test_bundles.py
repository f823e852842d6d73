"""How a bundle's files are read: within limits that are counted first, and written in one way only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit import bundles, canonical
from audit.bundlefiles import BYTES_MAX
from audit.bundles import (
    BODIES,
    EVENTS_MAX,
    EVIDENCE,
    HEADS,
    LINES_MAX,
    PLACES,
    SAVES,
    SEALED,
    SEALED_MAX,
    chain_file,
    files_of,
    overfull,
    read_files,
    request_file,
)
from tests.support.bundles import LIFT, POLICY, Files, faults, made, signed_anew, verified

LISTS = (BODIES, EVIDENCE, PLACES, SAVES)


def told(files: Files) -> dict[str, str]:
    """Read files, and give what is not of its form."""
    found: dict[str, str] = {}
    read_files(files, lambda file, why: found.update({file: why}))
    return found


class Uncut(bytes):
    """Bytes that may be counted, and neither cut into lines nor parsed."""

    def split(self, *_: Any) -> Any:  # noqa: ANN401 - as of bytes
        """Refuse."""
        raise AssertionError("it was cut")

    def decode(self, *_: Any) -> Any:  # noqa: ANN401 - as of bytes
        """Refuse."""
        raise AssertionError("it was parsed")

    removesuffix = split


@pytest.mark.parametrize(
    "file,data",
    [
        *((file, b"\n" * (LINES_MAX + 1)) for file in LISTS),
        (SEALED, b"\n" * (SEALED_MAX + 1)),
        (chain_file(LIFT), b"\n" * (EVENTS_MAX + 1)),
        (SAVES, b'"1":[],' * (bundles.PATHS_MAX + 1)),
        (HEADS, b"[]," * bundles.HEADS_VALUES_MAX),
        (SEALED, b"1," * (bundles.VALUES_MAX + 1)),
        (request_file(5, 0), b"x" * (bundles.REQUEST_BYTES_MAX + 1)),
    ],
    ids=lambda told: told if isinstance(told, str) else "long",
)
def test_what_no_bundle_holds_is_counted_and_never_cut(file: str, data: bytes) -> None:
    """T13: a few kilobytes of a zip come to millions of lines or values; they are refused before anything is made."""
    log, files = made()
    assert told({**files, file: Uncut(data)}).keys() >= {file}
    assert "file_malformed" in faults(verified(signed_anew({**files, file: Uncut(data)}, log), log))


def test_the_chains_of_a_bundle_have_one_limit() -> None:
    """Nor do many files of a few lines each come to more."""
    half = Uncut(b"\n" * (EVENTS_MAX // 2 + 1))
    assert overfull({chain_file(LIFT): half}) == {}
    assert overfull({chain_file(LIFT): half, chain_file(POLICY): half}).keys() == {chain_file(POLICY)}


def test_as_much_as_a_ledger_hands_out_is_read() -> None:
    """Limits are those of whoever collects, and beyond: no honest bundle is refused for its size."""
    full = {
        **dict.fromkeys(LISTS, b"\n" * LINES_MAX), SEALED: b"\n" * SEALED_MAX,
        chain_file(LIFT): b"\n" * (EVENTS_MAX - 1), chain_file(POLICY): b"\n",
    }  # fmt: skip
    assert overfull(full) == {}
    log, files = made()
    assert overfull(files) == {}
    listed = [data for name, data in files.items() if name.endswith("json")]
    values = sum(data.count(mark) for data in listed for mark in (b",", b"[", b"{"))
    assert sum(map(len, listed)) / values > BYTES_MAX / bundles.VALUES_MAX
    assert verified(files, log).holds


def test_a_line_is_no_longer_than_any_that_a_ledger_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it parsed."""
    monkeypatch.setattr(bundles, "LINE_BYTES_MAX", 20_000)
    _, files = made()
    assert told(files) == {}
    line = b'{"data":"%s","kind":"jwt"}\n' % (b"x" * 20_000)
    assert told({**files, EVIDENCE: line}) == {EVIDENCE: "line 1: ValueError"}


def swapped(data: bytes) -> bytes:
    """Put the first line behind the second."""
    one, two, *more = data.splitlines(keepends=True)
    return b"".join([two, one, *more])


def doubled(data: bytes) -> bytes:
    """Write the first line twice."""
    line, _, rest = data.partition(b"\n")
    return b"\n".join([line, line, rest])


@pytest.mark.parametrize("change", [swapped, doubled])
@pytest.mark.parametrize("file", LISTS)
def test_lists_have_one_order(file: str, change: Callable[[bytes], bytes]) -> None:
    """Not even a faithless ledger can hand out the same evidence as other bytes."""
    log, files = made()
    report = verified(signed_anew({**files, file: change(files[file])}, log), log)
    assert "file_malformed" in faults(report)
    assert file in {finding.file for finding in report.findings}


@pytest.mark.parametrize(
    "spelling", [b"+%d", b" %d", b"0%d", b"%d_0", b"%d.0", b"", "\u0663".encode(), b"0", b"9" * 17]
)  # fmt: skip
def test_numbers_have_one_spelling(spelling: bytes) -> None:
    """Positions and lines are digits alone, without what a lenient reader would take for the same number."""
    log, files = made()
    first, _, rest = files[SAVES].partition(b"\n")
    name = spelling % 1 if b"%" in spelling else spelling
    before, paths, after = first.partition(b'"paths":{')
    for more in (b'"%s":[],' % name, b'"%s":' % name):  # beside "1", and in its place
        changed = before + paths + (more + after if more.endswith(b",") else more + after.removeprefix(b'"1":'))
        changed_files = {**files, SAVES: changed + b"\n" + rest}
        assert SAVES in told(changed_files)
        assert "file_malformed" in faults(verified(signed_anew(changed_files, log), log))


def test_what_nothing_refers_to_is_found() -> None:
    """A path of a line that is not carried, a carried event of a save without its path, data beside a proof."""
    log, files = made()
    lines = files[SAVES].splitlines()
    saves: list[Any] = [canonical.decode(line) for line in lines]
    more = [{**save, "lines": save["lines"] | {"999": []}} for save in saves]
    for number, save in enumerate(more):
        data = b"".join(each + b"\n" for each in [*lines[:number], canonical.encode(save), *lines[number + 1 :]])
        assert faults(verified(signed_anew({**files, SAVES: data}, log), log)) == {"stray"}
    for number, save in enumerate(saves):
        for position in save["paths"]:
            paths = {at: path for at, path in save["paths"].items() if at != position}
            less = canonical.encode({**save, "paths": paths})
            data = b"".join(each + b"\n" for each in [*lines[:number], less, *lines[number + 1 :]])
            assert not verified(signed_anew({**files, SAVES: data}, log), log).holds
    proof = files["root.tlog-proof"].replace(b"\nindex", b"\nextra aGVsbG8=\nindex")
    assert told({**files, "root.tlog-proof": proof}).keys() == {"root.tlog-proof"}


def test_what_is_read_is_written_again_as_it_was() -> None:
    """Reading loses nothing of a bundle: the files come out again, byte for byte."""
    for streams in ((), (LIFT,), (POLICY,)):
        _, files = made(*streams)
        again = files_of(read_files(files, lambda file, why: pytest.fail(f"{file}: {why}")))
        assert again == {name: files[name] for name in again}
        assert files.keys() - again.keys() == {"manifest.json", "manifest.note", "README.txt"}
