"""The files of an evidence bundle, packed into one zip or laid in a folder; read strictly: anyone may hand it over.

A bundle is packed in one way only: names in order, fixed times, nothing compressed, so that the same files are the same
bytes. Reading takes any plain zip of these files, within limits, and never writes to disk.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from audit.errors import BundleInvalid

__all__ = [
    "BYTES_MAX", "FILES_MAX", "NAME_CHARS_MAX", "BundleInvalid", "check_sizes", "pack", "read_path", "unpack",
    "unpack_all",
]  # fmt: skip

FILES_MAX: Final = 20_000
BYTES_MAX: Final = 256 * 1024 * 1024
"""Of all files together, as they are after unpacking."""
NAME_CHARS_MAX: Final = 200
FOLDERS_MAX: Final = 1_000
"""Entries for folders and the like, which tools write beside the files."""

_PART = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})?")
_MADE: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
_UNIX: Final = 3
_READABLE: Final = 0o100644 << 16
_ENTRY: Final = b"PK\x01\x02"
_ENCRYPTED: Final = 0x1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError
)  # fmt: skip


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a zip: the same bytes for the same files, on every machine."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _MADE)
            info.create_system, info.external_attr = _UNIX, _READABLE
            archive.writestr(info, files[name])
    return out.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip.

    Raises BundleInvalid with code `bundle_zip` for what is no plain zip, `bundle_too_large`, `bundle_name` for a name
    that leads elsewhere or is not of the form, `bundle_duplicate` for a name that stands twice.
    """
    return _unpack(data, ())


def unpack_all(zips: Iterable[bytes]) -> list[dict[str, bytes]]:
    """Return the files of each of several zips; what one may hold, all of them may together. Raises as `unpack`."""
    found: list[dict[str, bytes]] = []
    for data in zips:
        found.append(_unpack(data, found))
    return found


def _unpack(data: bytes, before: Sequence[Mapping[str, bytes]]) -> dict[str, bytes]:
    """Return the files of a zip, which share the limits with files that were unpacked before."""
    taken = sum(len(content) for each in before for content in each.values())
    _check_entries(data)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not _is_folder(entry)]
            check_sizes(sum(map(len, before), len(entries)), sum((entry.file_size for entry in entries), taken))
            files: dict[str, bytes] = {}
            for entry in entries:
                _check_name(entry.filename, files)
                if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
                    raise BundleInvalid("A bundle is a plain zip.", code="bundle_zip", file=entry.filename)
                files[entry.filename] = _read(archive, entry)
            return files
    except _BROKEN as error:
        raise BundleInvalid("This is no sound zip.", code="bundle_zip", reason=type(error).__name__) from error


def read_path(path: Path) -> dict[str, bytes]:
    """Return the files of a zip or of a folder. Raises BundleInvalid as `unpack`, OSError where nothing can be read."""
    if not path.is_dir():
        if path.stat().st_size > BYTES_MAX:
            raise BundleInvalid("The bundle is too large.", code="bundle_too_large", bytes_max=BYTES_MAX)
        return unpack(path.read_bytes())
    files: dict[str, bytes] = {}
    size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            found = Path(folder) / name
            entry = found.relative_to(path).as_posix()
            _check_name(entry, files)
            told = found.lstat()
            if not stat.S_ISREG(told.st_mode):
                raise BundleInvalid("A bundle holds plain files only.", code="bundle_name", file=entry)
            size += told.st_size
            check_sizes(len(files) + 1, size)
            files[entry] = found.read_bytes()
    return files


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith("/") and not entry.file_size and _NAME.fullmatch(entry.filename[:-1]) is not None


def check_sizes(count: int, size: int) -> None:
    """Check that so many files of so many bytes are a bundle. Raises BundleInvalid `bundle_too_large`."""
    if count > FILES_MAX or size > BYTES_MAX:
        raise BundleInvalid(
            "The bundle is too large.", code="bundle_too_large", files_max=FILES_MAX, bytes_max=BYTES_MAX
        )


def _check_entries(data: bytes) -> None:
    """Refuse a directory of far too many entries before it is parsed, which takes time and memory for each.

    The number that the record at the end states is not gone by: a reader goes by the directory's length. Each entry
    begins with these four bytes, which stand in no text of a bundle.
    """
    if data.count(_ENTRY) > FILES_MAX + FOLDERS_MAX:
        check_sizes(FILES_MAX + 1, 0)


def _check_name(name: str, files: Mapping[str, bytes]) -> None:
    if len(name) > NAME_CHARS_MAX or not _NAME.fullmatch(name):
        raise BundleInvalid("No file of a bundle has such a name.", code="bundle_name", file=name[:NAME_CHARS_MAX])
    if name in files:
        raise BundleInvalid("A file stands twice.", code="bundle_duplicate", file=name)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    # No more than was said is read, however much the compressed bytes would come to.
    with archive.open(entry) as opened:
        data = opened.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise BundleInvalid("A file has another size than the zip says.", code="bundle_zip", file=entry.filename)
    return data
