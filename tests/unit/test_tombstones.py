"""The list of those who were destroyed: what stands in it, and who may read it."""

from __future__ import annotations

import uuid
from pathlib import Path

from infrastructure.tombstones import FILE, Tombstones


def test_the_list_is_made_where_nothing_is_yet_and_for_its_owner_alone(tmp_path: Path) -> None:
    """As after a restore beside keys that lie elsewhere; of nobody no list is made."""
    noted = Tombstones(tmp_path / "new" / "var")
    noted.add([])
    assert not noted.folder.exists()
    persons = [f"person:{uuid.UUID(int=number, version=4)}" for number in range(9, 0, -1)]
    noted.add(persons)
    assert (noted.folder / FILE).read_text().split() == persons[::-1]
    assert [path.stat().st_mode & 0o777 for path in (noted.folder, noted.folder / FILE)] == [0o700, 0o600]
    assert noted.persons() == set(persons)
