"""Rows of a table as the JSON of lifts, and the mappings that say how."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from api.importing_rows import Rows, load_mapping, read_mapping
from domain.errors import Invalid
from domain.lift_shapes import LiftRow, PlainLiftRow
from tests.support.importing import GOOD, HEADER, SMALL


def test_a_row_becomes_the_json_of_a_lift() -> None:
    """Columns become members: values looked up, dates turned round, units by exact integer factors."""
    rows = Rows(read_mapping(SMALL, "small"), HEADER.strip().split(","))
    body = rows.body(GOOD.strip().format(n="L1", h="7").split(","))
    assert body == {
        "source": {"system": "register", "id": "L1"},
        "identifiers": [{"scheme": "platform_code", "issuer": "register", "value": "L1"}],
        "variety": "3110", "area": "370102", "status": "in_use", "accepted_on": "1925-03-05",
        "parameters": {"load_kg": 907}, "building": {"source": {"system": "register", "id": "7"}, "name": "Hall"},
    }  # fmt: skip
    TypeAdapter(PlainLiftRow).validate_python(body, strict=True)


def test_the_standard_mapping_takes_the_columns_there_are() -> None:
    """The standard mapping needs few columns, knows many, and passes over none that it does not know."""
    header = ["source_system", "source_id", "registration_code", "variety", "area", "status", "building_id"]
    rows = Rows(load_mapping("standard"), header)
    body = rows.body(["mine", "1", "21603101012006010101", "3110", "370102", "in_use", ""])
    assert isinstance(body, dict)
    assert "building" not in body
    TypeAdapter(LiftRow).validate_python(body, strict=True)
    with pytest.raises(Invalid) as refused:
        Rows(load_mapping("standard"), [*header, "warrenty_until"])
    assert refused.value.code == "columns_unknown"


def test_the_register_of_new_york_maps() -> None:
    """A row of the register becomes a lift with a building; a record without building number has one of its own."""
    mapping = load_mapping("nyc_dob")
    rows = Rows(mapping, mapping.columns())
    told = {
        "DV_DEVICE_NUMBER": "1P1", "Borough": "", "Device Type": "Passenger Elevator (P)", "BIN": "",
        "DV_DEVICE_STATUS_DESCRIPTION": "NYCHA", "DV_STATUS_DATE": "19880819", "DV_APPROVAL_DATE": "********",
        "DV_CAPACITY_LBS": "2000.0", "DV_SPEED_FPM": "350", "HOUSE_NUMBER": "1", "STREET_NAME": "EAST   68 STREET",
    }  # fmt: skip
    body = rows.body([told[name] for name in rows.header])
    assert isinstance(body, dict)
    assert body["building"] == {"source": {"system": "nyc_dob", "id": "1P1"}, "address": "1 EAST 68 STREET"}
    assert (body["area"], body["status"], body["status_since"]) == ("036061", "in_use", "1988-08-19")
    assert (body["premises_class"], body["parameters"]) == ("residential", {"load_kg": 907, "speed_mm_s": 1778})
    assert rows.omitted == {"DV_APPROVAL_DATE": 1}
    TypeAdapter(PlainLiftRow).validate_python(body, strict=True)
    assert mapping.path == "/lifts/import/plain"


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        "[fields]\n",
        'surplus = 1\n[fields]\n"source.id" = { column = "a" }\n',
        SMALL + 'venue = { column = "a", join = ["b"] }\n',
        SMALL + 'venue = { column = "a", kind = "float" }\n',
        SMALL + 'venue = { column = "a", kind = "date", format = "YY" }\n',
        SMALL + 'venue = { column = "a", kind = "integer", divide = 0 }\n',
        SMALL + "venue = []\n",
        SMALL + '"Venue!" = { column = "a" }\n',
        SMALL + 'venue = { column = "a", pattern = "(" }\n',
        SMALL + 'venue = { column = "a", pattern = 1 }\n',
        SMALL + 'venue = { column = "a", suffix = 1 }\n',
        SMALL + 'venue = { column = "a", kind = "integer", suffix = "0" }\n',
        SMALL + 'venue = { column = "a", values = "x" }\n',
        SMALL + 'venue = { column = "a", values = { x = [1] } }\n',
        SMALL + 'venue = { column = "a", values = { x = 1.5 } }\n',
        SMALL + 'venue = { column = "a", kind = "date", format = 1 }\n',
        SMALL + 'venue = { column = "a", format = "YYYYMMDD" }\n',
        SMALL + 'venue = { column = "a", kind = "integer", least = true }\n',
        SMALL + 'venue = { column = "a", kind = "integer", most = "9" }\n',
        SMALL + 'venue = { column = "a", kind = 1 }\n',
        SMALL + 'venue = { column = "a", required = "yes" }\n',
        SMALL + 'venue = { column = "a", unreadable = "ignore" }\n',
        SMALL + "venue = { column = 1 }\n",
        SMALL + 'venue = { join = "ab" }\n',
        SMALL + "venue = { join = [] }\n",
        SMALL + 'venue = "a"\n',
        SMALL + 'building = { column = "a" }\n',
        SMALL + '"building.source" = { column = "a" }\n',
        SMALL + '"estate.source" = { column = "a" }\n',
        SMALL + 'identifiers = { column = "a" }\n',
        SMALL + '"identifiers.first.value" = { column = "a" }\n',
        "constants = 1\n" + SMALL.replace("[constants]", "[surplus]"),
        'constants = "x"\n' + SMALL.partition("[fields]")[2].join(("[fields]", "")),
        "fields = 1\n",
        SMALL.replace("[fields]", "venue = [1]\n[fields]"),
        SMALL.replace("[fields]", "venue = 1.5\n[fields]"),
        'delimiter = ";;"\n' + SMALL,
        'delimiter = ""\n' + SMALL,
        "delimiter = '\"'\n" + SMALL,
        "delimiter = 1\n" + SMALL,
        "title = 1\n" + SMALL,
        'encoding = "latin-1"\n' + SMALL,
        "encoding = 1\n" + SMALL,
        'absent_columns = "yes"\n' + SMALL,
        "absent_columns = [1]\n" + SMALL,
    ],
)
def test_a_malformed_mapping_is_refused(text: str) -> None:
    """A mapping that cannot mean anything is refused before a row is read."""
    with pytest.raises(Invalid) as refused:
        read_mapping(text, "bad")
    assert refused.value.code == "mapping_malformed"


def test_a_malformed_mapping_names_the_member() -> None:
    """The sentence says where, for whoever sees nothing else."""
    with pytest.raises(Invalid) as refused:
        read_mapping(SMALL + 'venue = { column = "a", pattern = "(" }\n', "bad")
    assert refused.value.details == {"member": "venue"}
    assert refused.value.message.endswith("(member venue)")


def test_a_mapping_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """A mapping is UTF-8, with or without a byte order mark; another encoding is told, not a traceback."""
    own = tmp_path / "own.toml"
    text = 'title = "电梯台账"\n' + SMALL
    own.write_bytes(text.encode("gbk"))
    with pytest.raises(Invalid) as refused:
        load_mapping(str(own))
    assert refused.value.code == "mapping_malformed"
    own.write_bytes(text.encode("utf-8-sig"))
    assert load_mapping(str(own)).title == "电梯台账"


def test_a_group_that_matched_nothing_is_no_value() -> None:
    """A pattern whose group took no part gives no value, which a required field does not pass over."""
    text = SMALL + 'venue = { column = "house", pattern = "(?:([a-z]+)|[0-9]+)", required = true }\n'
    rows = Rows(read_mapping(text, "small"), HEADER.strip().split(","))
    assert rows.body(GOOD.strip().format(n="L1", h="7").split(",")) == [("house", "value_missing")]


def test_a_suffix_stands_behind_a_value_alone() -> None:
    """It makes no value of none."""
    text = SMALL + 'venue = { column = "house", pattern = "([a-z]?)[0-9]+", suffix = "00" }\n'
    rows = Rows(read_mapping(text, "small"), HEADER.strip().split(","))
    for house, expected in (("a7", "a00"), ("7", None)):
        body = rows.body(GOOD.strip().format(n="L1", h=house).split(","))
        assert isinstance(body, dict)
        assert body.get("venue") == expected


@pytest.mark.parametrize("area", ["370102", "370102001", "370102001002", "370100"])
def test_a_rescue_code_is_the_citys(area: str) -> None:
    """However deep a row's area goes: the centre (96333) numbers a lift once."""
    header = ["source_system", "source_id", "rescue_code", "area", "variety", "status"]
    body = Rows(load_mapping("standard"), header).body(["s", "1", "12345", area, "3110", "in_use"])
    assert isinstance(body, dict)
    assert body["identifiers"] == [{"scheme": "rescue_code", "issuer": "370100", "value": "12345"}]
    assert body["area"] == area


def test_an_unknown_mapping_is_refused(tmp_path: Path) -> None:
    """A name that is no mapping tells which there are; a path to a TOML file is read."""
    with pytest.raises(Invalid) as refused:
        load_mapping("nothing")
    assert refused.value.details["known"] == ["nyc_dob", "standard"]
    assert "nyc_dob, standard" in refused.value.message
    with pytest.raises(Invalid) as missing:
        load_mapping(str(tmp_path / "none.toml"))
    assert missing.value.code == "mapping_unknown"
    own = tmp_path / "own.toml"
    own.write_text(SMALL, encoding="utf-8")
    assert load_mapping(str(own)).name == "own"
