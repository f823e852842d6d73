"""The one form of a value by which a person is found, and its keyed token."""

from __future__ import annotations

import pytest

from application.catalogue import ACTIONS
from application.sealing import Sealer, indexed_members, personal_paths
from domain.errors import Invalid
from domain.lookups import normalised
from domain.parties import AgentEnrolment
from infrastructure import vault
from infrastructure.blind import BlindIndex


@pytest.mark.parametrize(
    "value,form",
    [
        ("13800001234", "13800001234"), ("+86 138-0000-1234", "13800001234"), ("0086 138 0000 1234", "13800001234"),
        ("(0531) 8888 6666", "053188886666"), ("１３８００００１２３４", "13800001234"), ("96333", "96333"),
        ("8613", None), ("86 531 88886666", "8653188886666"), ("1" * 16, None), ("call me", None), ("١٢٣٤٥٦", None),
    ],
)  # fmt: skip
def test_phones_are_digits(value: str, form: str | None) -> None:
    """Signs, spaces, wide digits and the country before a mobile number make no difference; what is short is none."""
    assert normalised("phone", value) == form


@pytest.mark.parametrize(
    "value,form",
    [
        ("t3701-0219 8001011234", "T370102198001011234"), ("ＴＳ６１１２０２４", "TS6112024"), ("T3", None),
        ("证书370102", None), ("A" * 41, None),
    ],
)  # fmt: skip
def test_certificates_are_capital_letters_and_digits(value: str, form: str | None) -> None:
    """Case, width and punctuation make no difference."""
    assert normalised("certificate", value) == form


def test_nobody_is_looked_up_by_anything_else() -> None:
    """A name is no lookup value: many share one."""
    with pytest.raises(Invalid) as refusal:
        normalised("name", "张三")
    assert refusal.value.code == "lookup_kind"


def test_a_token_tells_nothing_without_its_key() -> None:
    """One value in one kind has one token under one key; another kind or key has another, no value has none."""
    index, other = BlindIndex(bytes(32)), BlindIndex(bytes([1]) * 32)
    token = index.token("phone", "138 0000 1234")
    assert token == index.token("phone", "+8613800001234")
    assert token is not None
    assert len(token) == 32
    assert token not in {other.token("phone", "13800001234"), index.token("certificate", "13800001234")}
    assert index.token("phone", "none") is None


class _Keys:
    """A vault of one new person."""

    def new_key(self) -> tuple[bytes, bytes]:
        """Make a key."""
        return bytes(32), bytes(32)

    def key(self, _person: str) -> bytes | None:
        """Nobody is known."""
        return None


def test_what_is_sealed_is_indexed_where_the_shape_says_so() -> None:
    """Phone and certificate are, under the digest that stands in the event; the name is not, nor what is no number."""
    index = BlindIndex(bytes(32))
    sealer = Sealer(_Keys(), vault.encrypt, index)
    said = {"name": "张三", "phone": "13800001234", "certificate": "T370102198001011234"}
    sealed, seals = sealer.seal(said, personal_paths(AgentEnrolment))
    assert {(lookup.kind, lookup.digest, lookup.token) for lookup in seals.lookups} == {
        (kind, sealed[kind]["sealed"], index.token(kind, said[kind])) for kind in ("phone", "certificate")
    }
    assert {lookup.person for lookup in seals.lookups} == set(seals.new_keys)
    assert sealer.seal({"phone": "unknown"}, personal_paths(AgentEnrolment))[1].lookups == []
    assert Sealer(_Keys(), vault.encrypt).seal(said, personal_paths(AgentEnrolment))[1].lookups == []


def test_the_indexed_members_are_known_by_name() -> None:
    """The index is made again by the names of members, so one name stands for one kind of value."""
    members = indexed_members(action.shape for action in ACTIONS.by_id.values())
    assert members == {"phone": "phone", "contact": "phone", "certificate": "certificate"}
