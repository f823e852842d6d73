"""Checkpoints of any log: what a witness reads that this ledger's own verifiers would not."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import NoteError
from audit.heads import SIZE_MAX, Head, known_lines, open_head, origin_of, parse_size
from audit.note import signature_line
from tests.support.logs import ORIGIN, Log

ROOT = base64.b64encode(bytes(32)).decode()
GREASE = f"— grease.example/x {base64.b64encode(b'12345678').decode()}\n"


@pytest.mark.parametrize("origin", ["a", "go.sum database tree", "EXAMPLE.com/Log+1", "电梯/日志"])
@pytest.mark.parametrize("more", ["", "extension\n", "one\ntwo three\n"])
def test_any_origin_and_extension_lines_are_read(origin: str, more: str) -> None:
    """A witness follows logs that are not ours; what they sign beyond three lines is kept with the text."""
    text = f"{origin}\n5\n{ROOT}\n{more}"
    assert Head.parse(text) == Head(origin, 5, bytes(32), text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"a\n5\n{ROOT}",
        f"\n5\n{ROOT}\n",
        f"a\n05\n{ROOT}\n",
        f"a\n-5\n{ROOT}\n",
        f"a\n٥\n{ROOT}\n",
        f"a\n{SIZE_MAX + 1}\n{ROOT}\n",
        f"a\n5\n{ROOT[:-1]}\n",
        "a\n5\nAAAA\n",
        f"a\n5\n{ROOT}\n\n",
        f"a\n5\n{ROOT}\n\nextension\n",
        "a\n5\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Three lines at least, none empty, one spelling of each number and hash."""
    with pytest.raises(NoteError) as caught:
        Head.parse(text)
    assert caught.value.code == "checkpoint_malformed"


def test_sizes_have_one_spelling() -> None:
    """Decimal without leading zeroes, up to 2^63 − 1."""
    assert [parse_size(text) for text in ("0", "7", str(SIZE_MAX))] == [0, 7, SIZE_MAX]
    assert [parse_size(text) for text in ("", "00", "07", "+7", "7 ", str(SIZE_MAX + 1), "9" * 40)] == [None] * 7


def test_a_head_is_opened_by_its_log_alone() -> None:
    """The log's signature makes a head; without it there is none, whoever else signed."""
    log, stranger = Log(), Ed25519PrivateKey.generate()
    assert open_head(log.note(3), log.keys) == log.head(3)
    assert origin_of(log.note(3)) == ORIGIN
    with pytest.raises(NoteError) as caught:
        open_head(f"{log.text(3)}\n{signature_line(log.text(3), ORIGIN, stranger)}", log.keys)
    assert caught.value.code == "note_unsigned"


def test_only_lines_by_known_keys_are_passed_on() -> None:
    """Grease and doubled lines fall away, the order stays, and a key of the same name but another id is not known."""
    log = Log()
    same_name = f"— {ORIGIN} {base64.b64encode(bytes(68)).decode()}\n"
    line = log.sign(log.text(3))
    note = f"{log.text(3)}\n{GREASE}{line}{same_name}{line}{GREASE}"
    assert known_lines(note, log.keys) == [line]
    assert known_lines(note, []) == []
