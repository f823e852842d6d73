"""Identifier rules: one value, one key."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from domain.identifier_rules import (
    SCHEMES,
    RegistrationCode,
    clean_issuer,
    clean_value,
    identifier_key,
    parse_registration_code,
)


@pytest.mark.parametrize(
    "scheme, written, cleaned",
    [
        ("registration_code", "3130 5001 1220 1401 7242", "31305001122014017242"),
        ("registration_code", "３１３０５００１１２２０１４０１７２４２", "31305001122014017242"),
        ("equipment_code", "3110-10123-2020-00001", "311010123202000001"),
        ("equipment_code", "31101012320200001", "31101012320200001"),
        ("equipment_code", "3110101232020a0001", "3110101232020A0001"),
        ("factory_number", "sgl20131212–1", "SGL20131212-1"),
        ("use_registration_number", "梯11鲁A00001（20）", "梯11鲁A00001(20)"),
        ("rescue_code", " 130 421 ", "130421"),
        ("platform_code", "130421\u200b", "130421"),
        ("unit_internal_number", "3 号　梯", "3号梯"),
        ("nyc_device", "1p-10006", "1P10006"),
    ],
)
def test_values_written_differently_are_one(scheme: str, written: str, cleaned: str) -> None:
    """Width, case, spaces and, in fixed forms, separators do not matter; cleaning twice changes nothing."""
    assert clean_value(scheme, written) == cleaned
    assert clean_value(scheme, cleaned) == cleaned


@pytest.mark.parametrize(
    "scheme, value",
    [
        ("registration_code", "3130500112201401724"),
        ("registration_code", "3130500112201401724A"),
        ("equipment_code", "3110101232020000012"),
        ("factory_number", " "),
        ("factory_number", "x" * 41),
        ("factory_number", "a\x00b"),
        ("factory_number", "\ud800"),
        ("nyc_device", "P10006"),
    ],
)
def test_malformed_values_are_refused_without_being_told(scheme: str, value: str) -> None:
    """The refusal names the scheme and not the value."""
    with pytest.raises(Invalid) as refusal:
        clean_value(scheme, value)
    assert refusal.value.code == "identifier_malformed"
    assert refusal.value.details == {"scheme": scheme}


def test_national_numbers_have_one_issuer() -> None:
    """Whoever tells a national number, its key is the same."""
    assert identifier_key("registration_code", None, "31305001122014017242") == identifier_key(
        "registration_code", "someone", "3130 500112 201401 7242"
    )


def test_factory_numbers_are_unique_per_manufacturer_only() -> None:
    """The same number of two manufacturers is two keys."""
    assert identifier_key("factory_number", " 91350100m000100y43", "A-1") == [
        "factory_number",
        "91350100M000100Y43",
        "A-1",
    ]
    assert identifier_key("factory_number", "other", "A-1") != identifier_key("factory_number", "another", "A-1")


@pytest.mark.parametrize("issuer", [None, "  ", "x" * 101])
def test_other_numbers_need_their_issuer(issuer: str | None) -> None:
    """Without an issuer a factory number says nothing."""
    with pytest.raises(Invalid) as refusal:
        clean_issuer("factory_number", issuer)
    assert refusal.value.code == "identifier_issuer_missing"


def test_unknown_schemes_are_refused() -> None:
    """The list is closed."""
    with pytest.raises(Invalid) as refusal:
        clean_value("serial", "1")
    assert refusal.value.code == "identifier_scheme_unknown"
    assert refusal.value.details["known"] == sorted(SCHEMES)


def test_registration_codes_tell_class_area_and_month() -> None:
    """The parts of a code are read; one with an impossible month is kept and not read."""
    assert parse_registration_code("31305001122014017242") == RegistrationCode("3130", "500112", "2014-01", "7242")
    assert parse_registration_code("31305001122014137242") is None
