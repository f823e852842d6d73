"""Signed notes, verifier keys, checkpoints, receipts and origins: the letters, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import KeyRefused, NoteError
from audit.keys import public_bytes
from audit.merkle import leaf_hash, root
from audit.note import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    Checkpoint,
    Receipt,
    check_origin,
    key_id,
    open_note,
    parse_vkey,
    sign_note,
    signature_line,
    verifier,
    vkey,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "event_vectors" / "vectors.json").read_text()
)
ORIGIN = "scripted.ledger.example/district"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
PUBLIC = public_bytes(PRIVATE.public_key())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
OTHER_PUBLIC = public_bytes(OTHER.public_key())
TEXT = "first line\n\n中文 after an empty line\n"
NAME = "witness.example/a"
ROOT_TEXT = base64.b64encode(bytes(32)).decode()


def _key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seeds"][name]))


def _refusal(note: str, code: str) -> None:
    with pytest.raises(NoteError) as caught:
        open_note(note, [verifier(NAME, PUBLIC)])
    assert caught.value.code == code


def _line(name: str, blob: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(blob).decode()}\n"


def _grease(count: int) -> str:
    return "".join(_line(f"grease.example/{i}", bytes([i]) * (5 + i)) for i in range(count))


def test_the_vkey_of_the_specification() -> None:
    """The example key of Go's note package, printed in its documentation, reads and writes back."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    parsed = parse_vkey(text)
    assert (parsed.name, parsed.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    assert vkey("PeterNeumann", base64.b64decode(text.split("+", 2)[2])[1:]) == text
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert open_note(note, [parsed])[1] == ["PeterNeumann"]


def test_a_note_opens_to_its_text_and_signers() -> None:
    """Text may hold empty lines and any letters; the names come in the order of the lines."""
    note = sign_note(TEXT, NAME, PRIVATE) + signature_line(TEXT, "b", OTHER)
    assert open_note(note, [verifier("b", OTHER_PUBLIC), verifier(NAME, PUBLIC)]) == (TEXT, [NAME, "b"])


def test_unknown_keys_are_ignored_up_to_a_limit() -> None:
    """Lines by keys of another name, id or type do not disturb, in any order, and there may be many."""
    good = signature_line(TEXT, NAME, PRIVATE)
    same_name = _line(NAME, b"\x00\x00\x00\x00" + bytes(64))
    for count in (16, SIGNATURES_MAX - 2):
        note = f"{TEXT}\n{_grease(count // 2)}{good}{same_name}{_grease(count - count // 2)}"
        assert open_note(note, [verifier(NAME, PUBLIC)]) == (TEXT, [NAME])
    _refusal(f"{TEXT}\n{good}{_grease(SIGNATURES_MAX)}", "note_malformed")


def test_a_doubled_line_counts_once() -> None:
    """The same key twice is one signer."""
    note = sign_note(TEXT, NAME, PRIVATE) + signature_line(TEXT, NAME, PRIVATE)
    assert open_note(note, [verifier(NAME, PUBLIC)]) == (TEXT, [NAME])


def test_a_bad_signature_of_a_known_key_refuses_the_note() -> None:
    """Even beside a good one, a forged or cut line of a known key is fatal; so is a changed text."""
    good = sign_note(TEXT, NAME, PRIVATE)
    for signature in (bytes(64), bytes(63), b"\x00"):
        _refusal(good + _line(NAME, key_id(NAME, PUBLIC) + signature), "note_signature")
    _refusal(good.replace("first", "First"), "note_signature")


def test_a_note_needs_a_known_signer() -> None:
    """Without one line by a known key the note says nothing."""
    _refusal(sign_note(TEXT, "b", OTHER), "note_unsigned")
    with pytest.raises(NoteError):
        open_note(sign_note(TEXT, NAME, PRIVATE), [])


def test_two_verifiers_of_one_id_are_refused() -> None:
    """Nobody is to guess which of two keys is meant."""
    each = verifier(NAME, PUBLIC)
    assert open_note(sign_note(TEXT, NAME, PRIVATE), [each, each])[1] == [NAME]
    with pytest.raises(NoteError) as caught:
        open_note(sign_note(TEXT, NAME, PRIVATE), [each, verifier(NAME, PUBLIC)])
    assert caught.value.code == "note_key_ambiguous"


GOOD_LINE = signature_line(TEXT, NAME, PRIVATE)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}{GOOD_LINE}",
        f"{TEXT}\n{GOOD_LINE[:-1]}",
        f"{TEXT}\n{GOOD_LINE}\n",
        f"{TEXT}\n{GOOD_LINE} ",
        f"{TEXT}\n{GOOD_LINE[2:]}",
        f"{TEXT}\n-{GOOD_LINE[1:]}",
        f"{TEXT}\n{GOOD_LINE.replace(NAME, NAME + ' x')}",
        f"{TEXT}\n{GOOD_LINE.replace(NAME, NAME + '+')}",
        f"{TEXT}\n{GOOD_LINE.replace(NAME, '')}",
        f"{TEXT}\n{GOOD_LINE[:-2]}\n",
        f"{TEXT}\n{GOOD_LINE[:-1]}\r\n",
        f"{TEXT}\n{GOOD_LINE}{_line('x', b'1234')}",
        f"{TEXT}\n{GOOD_LINE}junk\n",
        f"tab\t\n\n{GOOD_LINE}",
        f"carriage return\r\n\n{GOOD_LINE}",
        f"null\x00\n\n{GOOD_LINE}",
        f"surrogate\ud800\n\n{GOOD_LINE}",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    """Each departure from the form is one typed error."""
    _refusal(note, "note_malformed")


def test_a_note_too_large_is_refused() -> None:
    """The limit counts bytes and comes first."""
    _refusal("电" * (NOTE_BYTES_MAX // 3 + 1), "note_too_large")


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\x7f\ud800\n"])
def test_only_texts_of_notes_are_signed(text: str) -> None:
    """The signing side keeps to the same form."""
    with pytest.raises(NoteError) as caught:
        sign_note(text, NAME, PRIVATE)
    assert caught.value.code == "note_malformed"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\n", "\ud800"])
def test_key_names_hold_neither_blank_nor_plus(name: str) -> None:
    """A name that would break the line is refused wherever it comes in."""
    for make in (lambda: vkey(name, PUBLIC), lambda: verifier(name, PUBLIC), lambda: sign_note(TEXT, name, PRIVATE)):
        with pytest.raises(NoteError) as caught:
            make()
        assert caught.value.code == "note_key_name"


def test_weak_keys_verify_nothing() -> None:
    """A point of small order is no verifier, by bytes or by text."""
    with pytest.raises(KeyRefused):
        verifier(NAME, bytes(32))
    with pytest.raises(NoteError) as caught:
        parse_vkey(vkey(NAME, bytes(32)))
    assert (caught.value.code, caught.value.details["reason"]) == ("vkey_key", "key_weak")


@pytest.mark.parametrize(
    "text,code",
    [
        ("", "vkey_malformed"),
        ("name", "vkey_malformed"),
        ("name+00000000", "vkey_malformed"),
        ("name+00000000+", "vkey_malformed"),
        (vkey(NAME, PUBLIC) + "=", "vkey_malformed"),
        (vkey(NAME, PUBLIC).replace(NAME, "other"), "vkey_malformed"),
        (vkey(NAME, PUBLIC).replace(NAME, "o ther"), "vkey_malformed"),
        (vkey(NAME, PUBLIC).upper(), "vkey_malformed"),
        (vkey(NAME, PUBLIC, 2), "vkey_type"),
        (vkey(NAME, PUBLIC, 255), "vkey_type"),
        (vkey(NAME, PUBLIC[:31]), "vkey_key"),
    ],
)
def test_what_is_no_vkey_is_refused(text: str, code: str) -> None:
    """Form, id, type and key each have their code."""
    with pytest.raises(NoteError) as caught:
        parse_vkey(text)
    assert caught.value.code == code


@pytest.mark.parametrize("origin", ["a", "ledger.example", ORIGIN, "a/b_c/d-e.f", "receipt", "a/receipts", "a" * 200])
def test_origins_pass(origin: str) -> None:
    """Lower-case host, path of plain segments."""
    assert check_origin(origin) == origin


@pytest.mark.parametrize(
    "origin",
    [
        None,
        7,
        "",
        "A",
        "a_b",
        "a/",
        "/a",
        "a//b",
        "a b",
        "a\n",
        "a+b",
        "电",
        "a:1",
        "a/receipt",
        "a/b/receipt",
        "a" * 201,
    ],
)
def test_what_is_no_origin_is_refused(origin: object) -> None:
    """Above all no origin ends like the name of a receipt's key."""
    with pytest.raises(NoteError) as caught:
        check_origin(origin)
    assert caught.value.code == "origin_invalid"


def test_a_scripted_ledger_is_told_by_its_origin() -> None:
    """Its origin begins with the word, and no other's does."""
    assert check_origin(ORIGIN, scripted=True) == ORIGIN
    assert check_origin("ledger.example", scripted=False) == "ledger.example"
    for origin, scripted in ((ORIGIN, False), ("ledger.example", True), ("scriptedledger", True)):
        with pytest.raises(NoteError):
            check_origin(origin, scripted=scripted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"a\n1\n{ROOT_TEXT}",
        f"a\n1\n{ROOT_TEXT}\nextension\n",
        f"a\n1\n{ROOT_TEXT}\n\n",
        f"a\n01\n{ROOT_TEXT}\n",
        f"a\n-1\n{ROOT_TEXT}\n",
        f"a\n+1\n{ROOT_TEXT}\n",
        f"a\n١\n{ROOT_TEXT}\n",
        f"a\n\n{ROOT_TEXT}\n",
        f"a\n9007199254740992\n{ROOT_TEXT}\n",
        "a\n1\nAAAA\n",
        f"a\n1\n{ROOT_TEXT[:-1]}\n",
        "a\n1\n" + ROOT_TEXT.replace("A=", "B=") + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Three lines, no extension, one spelling of each."""
    with pytest.raises(NoteError) as caught:
        Checkpoint.parse(text)
    assert caught.value.code == "checkpoint_malformed"


@pytest.mark.parametrize(
    "text",
    [
        f"a\n1 1\n{ROOT_TEXT}\n",
        f"a/receipt\n1\n{ROOT_TEXT}\n",
        f"a/receipt\n1 1 1\n{ROOT_TEXT}\n",
        f"a/receipt\n0 1\n{ROOT_TEXT}\n",
        f"a/receipt\n1 0\n{ROOT_TEXT}\n",
        f"a/receipt\n1  1\n{ROOT_TEXT}\n",
        f"a/receipt\n01 1\n{ROOT_TEXT}\n",
        "a/receipt\n1 1\nAAAA\n",
        f"a/receipt\n1 1\n{ROOT_TEXT}\n\n",
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    """Three lines, two counters from one, one spelling of each."""
    with pytest.raises(NoteError) as caught:
        Receipt.parse(text)
    assert caught.value.code == "receipt_malformed"


@pytest.mark.parametrize("text", [f"A/receipt\n1 1\n{ROOT_TEXT}\n", f"a/receipt/receipt\n1 1\n{ROOT_TEXT}\n"])
def test_a_receipt_and_a_checkpoint_name_an_origin(text: str) -> None:
    """The first line is held against the grammar of origins."""
    for parse, given in ((Receipt.parse, text), (Checkpoint.parse, text.replace("1 1", "1"))):
        with pytest.raises(NoteError) as caught:
            parse(given)
        assert caught.value.code == "origin_invalid"


def test_the_golden_vkeys_and_checkpoint() -> None:
    """The keys and the checkpoint of the frozen example are reproduced to the letter."""
    receipt_key, checkpoint_key = (public_bytes(_key(name).public_key()) for name in ("receipt", "checkpoint"))
    assert vkey(f"{ORIGIN}/receipt", receipt_key) == VECTORS["vkeys"]["receipt"]
    assert vkey(ORIGIN, checkpoint_key) == VECTORS["vkeys"]["checkpoint"]
    text, names = open_note(VECTORS["checkpoint"], [parse_vkey(VECTORS["vkeys"]["checkpoint"])])
    checkpoint = Checkpoint.parse(text)
    assert (names, checkpoint.origin, checkpoint.size) == ([ORIGIN], ORIGIN, 15)
    assert sign_note(checkpoint.text(), ORIGIN, _key("checkpoint")) == VECTORS["checkpoint"]


@pytest.mark.parametrize("save", [save for save in VECTORS["saves"] if save["receipt"]], ids=lambda save: save["kind"])
def test_the_golden_receipts(save: dict[str, Any]) -> None:
    """Each receipt of the frozen example follows from the headers of its save."""
    headers = [event["header"].encode() for event in save["events"]]
    tree = root([leaf_hash(header) for header in headers])
    receipt = Receipt(ORIGIN, json.loads(headers[0])["position"], len(headers), tree)
    assert sign_note(receipt.text(), receipt.key_name, _key("receipt")) == save["receipt"]
    text, _ = open_note(save["receipt"], [parse_vkey(VECTORS["vkeys"]["receipt"])])
    assert Receipt.parse(text) == receipt
