"""The container of a bundle: one way to pack, and what is refused of zips and folders that strangers hand over."""

from __future__ import annotations

import os
import struct
import warnings
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from audit import bundlefiles
from audit.bundlefiles import pack, read_path, unpack
from audit.errors import BundleInvalid

FILES = {"manifest.json": b"{}", "chains/ledger.ndjson": b"{}\n", "README.txt": b"", "requests/12.3.json": b"\x00\xff"}


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Make a zip as another tool would."""
    out = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a name stands twice is what a test is about
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, data in entries:
                archive.writestr(name, data)
    return out.getvalue()


def refused(data: bytes) -> str:
    """Give the code by which a zip is refused."""
    with pytest.raises(BundleInvalid) as caught:
        unpack(data)
    return caught.value.code


def test_the_same_files_are_the_same_bytes() -> None:
    """Neither the order in which they were made nor the time is in the zip; what comes out is what went in."""
    data = pack(FILES)
    assert data == pack(dict(reversed(FILES.items())))
    assert unpack(data) == FILES
    assert zipfile.ZipFile(BytesIO(data)).testzip() is None


def test_a_zip_of_another_tool_is_read() -> None:
    """Whoever unpacked a bundle and packed it again, compressed and with folders, has the same files."""
    entries = [("chains/", b""), *FILES.items()]
    assert unpack(zipped(*entries, method=zipfile.ZIP_DEFLATED)) == FILES


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "a/../b", "a\\b", "a//b", "a/b/c", ".hidden", "a/.b", "x:y", "é", "a" * 201, "a/b/"],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    """Paths upward, absolute, deep, hidden, or of characters that no bundle has."""
    assert refused(zipped((name, b"x"))) == "bundle_name"


def test_a_name_that_stands_twice_is_refused() -> None:
    """Two readers could see two files."""
    assert refused(zipped(("a", b"1"), ("a", b"2"))) == "bundle_duplicate"


def test_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many files nor much that was compressed to little is unpacked."""
    monkeypatch.setattr(bundlefiles, "BYTES_MAX", 10_000)
    monkeypatch.setattr(bundlefiles, "FILES_MAX", 5)
    assert refused(zipped(("a", bytes(10_001)), method=zipfile.ZIP_DEFLATED)) == "bundle_too_large"
    assert refused(zipped(*((str(number), b"") for number in range(6)))) == "bundle_too_large"
    # The directory says 10 bytes, the compressed bytes come to more.
    data = zipped(("a", bytes(5_000)), method=zipfile.ZIP_DEFLATED)
    small = data.replace((5_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert refused(small) == "bundle_zip"


def test_a_directory_is_counted_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """T13: its entries are few bytes each; what the record at the end says of their number is not believed."""
    count = bundlefiles.FILES_MAX + bundlefiles.FOLDERS_MAX + 1
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 4, 33, *[0] * 3, 1, *[0] * 6) + b"a"
    directory = entry * count
    monkeypatch.setattr(zipfile, "ZipFile", pytest.fail)
    for stated in (count, 1):
        large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, stated, stated, len(directory), 0)
        large += struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        small = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, stated, stated, len(directory), 0, 0)
        assert refused(directory + large + end) == "bundle_too_large"
        assert refused(directory + small) == "bundle_too_large"


def test_a_zip_of_as_many_files_as_may_be_is_read() -> None:
    """Folders beside them are no files."""
    files = {f"requests/{number}.json": b"" for number in range(1, bundlefiles.FILES_MAX + 1)}
    assert unpack(zipped(("requests/", b""), *files.items())) == files


def test_what_is_no_plain_zip_is_refused() -> None:
    """Cut, broken, encrypted, compressed in ways that other tools do not know, or no zip."""
    data = zipped(("a", b"hello world"))
    assert {refused(b""), refused(b"PK"), refused(data[:-5]), refused(data.replace(b"hello", b"hellO"))} == {
        "bundle_zip"
    }
    assert refused(zipped(("a", b"x" * 50), method=zipfile.ZIP_BZIP2)) == "bundle_zip"
    encrypted = bytearray(data)
    encrypted[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(encrypted)) == "bundle_zip"


def test_a_folder_is_read_as_a_zip_is(tmp_path: Path) -> None:
    """The unpacked bundle verifies like the zip, in whatever order the system lists it."""
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert read_path(tmp_path) == FILES
    (tmp_path.parent / "bundle.zip").write_bytes(pack(FILES))
    assert read_path(tmp_path.parent / "bundle.zip") == FILES


def test_a_folder_leads_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links and strange names are refused, and so is more than a bundle may hold, as a zip too."""
    (tmp_path / "link").symlink_to(tmp_path.parent)
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(BundleInvalid) as caught:
            read_path(tmp_path)
        assert caught.value.code == "bundle_name"
        if name == "pipe":
            (tmp_path / "pipe").unlink()
            (tmp_path / "link").unlink()
            (tmp_path / "link").symlink_to(tmp_path.parent / "nowhere")
    (tmp_path / "link").unlink()
    (tmp_path / "large").write_bytes(bytes(20))
    monkeypatch.setattr(bundlefiles, "BYTES_MAX", 10)
    for path in (tmp_path, tmp_path / "large"):
        with pytest.raises(BundleInvalid) as caught:
            read_path(path)
        assert caught.value.code == "bundle_too_large"
