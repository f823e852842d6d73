"""Cosignatures of checkpoints: the letters of both types, their times, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.cosignatures import (
    ED25519_COSIGNATURE,
    ML_DSA_44_COSIGNATURE,
    TIME_MAX,
    CosignerPrivateKey,
    cosign,
    cosigned_message,
    cosigner_vkey,
    ed25519_cosigner,
    ml_dsa_44_cosigner,
    time_of,
)
from audit.errors import KeyRefused, NoteError
from audit.keys import public_bytes
from audit.note import (
    ED25519,
    Checkpoint,
    open_note,
    open_signatures,
    parse_vkey,
    sign_note,
    signature_line,
    verifier,
    vkey,
)

ORIGIN = "ledger.example/district"
NAME = "witness.example/a"
ROOT = bytes(range(32))
TEXT = Checkpoint(ORIGIN, 7, ROOT).text()
LOG = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
ED = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
PQ = MLDSA44PrivateKey.from_seed_bytes(bytes([3]) * 32)
ED_PUBLIC = public_bytes(ED.public_key())
PQ_PUBLIC = PQ.public_key().public_bytes_raw()
TIME = 1_679_315_147
NOTE = sign_note(TEXT, ORIGIN, LOG)
LOG_VERIFIER = verifier(ORIGIN, public_bytes(LOG.public_key()))
BOTH = [pytest.param(ED, id="Ed25519"), pytest.param(PQ, id="ML-DSA-44")]


def signature_of(line: str) -> bytes:
    """Give what stands behind the key id."""
    return base64.b64decode(line.split(" ")[2])[4:]


def refused(work: Callable[[], object], code: str) -> None:
    """Check that a NoteError has this code."""
    with pytest.raises(NoteError) as caught:
        work()
    assert caught.value.code == code


def test_the_letters_of_an_ed25519_cosignature() -> None:
    """Name, key id of type 4, eight bytes of time, and Ed25519 over two lines and the whole text."""
    dash, name, blob = cosign(TEXT, NAME, ED, TIME).rstrip("\n").split(" ")
    data = base64.b64decode(blob)
    assert (dash, name, data[4:12]) == ("—", NAME, TIME.to_bytes(8, "big"))
    assert data[:4].hex() == cosigner_vkey(NAME, ED).split("+")[1]
    ED.public_key().verify(data[12:], b"cosignature/v1\ntime 1679315147\n" + TEXT.encode())


def test_the_letters_of_an_ml_dsa_44_cosignature() -> None:
    """The structure names the cosigner and the log, both by length, and covers size and root."""
    message = (
        b"subtree/v1\n\x00" + b"\x11" + NAME.encode() + TIME.to_bytes(8, "big")
        + b"\x17" + ORIGIN.encode() + bytes(8) + (7).to_bytes(8, "big") + ROOT
    )  # fmt: skip
    assert cosigned_message(NAME, TIME, ORIGIN, 0, 7, ROOT) == message
    data = base64.b64decode(cosign(TEXT, NAME, PQ, TIME).split(" ")[2])
    assert (data[4:12], len(data)) == (TIME.to_bytes(8, "big"), 4 + 8 + 2420)
    PQ.public_key().verify(data[12:], message)


@pytest.mark.parametrize("private,type_", [(ED, ED25519_COSIGNATURE), (PQ, ML_DSA_44_COSIGNATURE)])
def test_verifier_keys_of_cosigners(private: CosignerPrivateKey, type_: int) -> None:
    """They are read by the type that stands in them, and only if that type is asked for."""
    text = cosigner_vkey(NAME, private)
    parsed = parse_vkey(text)
    assert (parsed.name, parsed.type, parsed.timed) == (NAME, type_, True)
    assert vkey(NAME, parsed.public_key, type_) == text
    assert parse_vkey(text, types=(type_,)) == parsed
    refused(lambda: parse_vkey(text, types=(ED25519,)), "vkey_type")


def test_a_note_opens_for_verifiers_of_every_type() -> None:
    """Whatever the order of the lines and among unknown ones, each known key is found, with its time."""
    lines = [
        cosign(TEXT, NAME, PQ, TIME), cosign(TEXT, "stranger.example", ED, TIME), cosign(TEXT, ORIGIN, PQ, 0),
        signature_line(TEXT, ORIGIN, LOG), cosign(TEXT, NAME, ED, TIME + 1),
    ]  # fmt: skip
    known = [
        LOG_VERIFIER, ed25519_cosigner(NAME, ED_PUBLIC), ml_dsa_44_cosigner(NAME, PQ_PUBLIC),
        ml_dsa_44_cosigner(ORIGIN, PQ_PUBLIC),
    ]  # fmt: skip
    for order in (lines, lines[::-1]):
        text, signatures = open_signatures(f"{TEXT}\n{''.join(order)}", known)
        assert text == TEXT
        assert {(each.verifier.name, each.verifier.type): each.time for each in signatures} == {
            (NAME, 6): TIME, (ORIGIN, 6): 0, (ORIGIN, 1): None, (NAME, 4): TIME + 1,
        }  # fmt: skip
    assert open_note(f"{TEXT}\n{''.join(lines)}", known)[1] == [NAME, ORIGIN]


@pytest.mark.parametrize("private", BOTH)
def test_a_changed_cosignature_refuses_the_note(private: CosignerPrivateKey) -> None:
    """Time, signature, length and every line of the text are covered; a known key's bad line is fatal."""
    known = [LOG_VERIFIER, parse_vkey(cosigner_vkey(NAME, private))]
    line = cosign(TEXT, NAME, private, TIME)
    prefix, data = line.rpartition(" ")[0], base64.b64decode(line.rpartition(" ")[2])
    assert open_note(NOTE + line, known)[1] == [ORIGIN, NAME]
    changed = [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in (4, 11, 12, len(data) - 1)]
    for bad in (*changed, data[:-1], data + b"\x00", data[:12], data[:11], data[:5]):
        note = f"{NOTE}{prefix} {base64.b64encode(bad).decode()}\n"
        refused(partial(open_note, note, known), "note_signature")
    for text in (Checkpoint(ORIGIN, 8, ROOT).text(), Checkpoint(ORIGIN + "x", 7, ROOT).text()):
        note = sign_note(text, ORIGIN, LOG) + line
        refused(partial(open_note, note, known), "note_signature")


def test_only_ml_dsa_44_names_its_cosigner() -> None:
    """Under another name of the same key a signature holds for Ed25519, as the page warns, and not for ML-DSA."""
    for private, holds in ((ED, True), (PQ, False)):
        other = parse_vkey(cosigner_vkey("other.example", private))
        assert other.verify(TEXT.encode(), signature_of(cosign(TEXT, NAME, private, TIME))) is holds


def test_extension_lines_are_covered_by_ed25519_only() -> None:
    """ML-DSA-44 states nothing about them (tlog-cosignature), so it holds for the bare checkpoint too."""
    extended = TEXT + "extension\n"
    for private, holds in ((ED, False), (PQ, True)):
        each = parse_vkey(cosigner_vkey(NAME, private))
        signature = signature_of(cosign(extended, NAME, private, TIME))
        assert each.verify(extended.encode(), signature)
        assert each.verify(TEXT.encode(), signature) is holds


@pytest.mark.parametrize("private", BOTH)
def test_times_reach_from_the_first_second_to_2_63(private: CosignerPrivateKey) -> None:
    """The greatest time is read back; one more, or less than none, is refused on either side."""
    each = parse_vkey(cosigner_vkey(NAME, private))
    signature = signature_of(cosign(TEXT, NAME, private, TIME_MAX))
    assert each.verify(TEXT.encode(), signature)
    assert time_of(signature) == 2**63 - 1
    for time in (2**63, -1):
        refused(partial(cosign, TEXT, NAME, private, time), "cosignature_time")
    refused(lambda: time_of(b"\x80" + bytes(20)), "cosignature_time")
    refused(lambda: time_of(bytes(8)), "cosignature_time")


def test_a_time_beyond_2_63_is_refused_though_the_signature_holds() -> None:
    """The spec's MUST NOT is the verifier's to enforce."""
    late = 2**63
    signature = late.to_bytes(8, "big") + ED.sign(b"cosignature/v1\ntime %d\n" % late + TEXT.encode())
    assert not ed25519_cosigner(NAME, ED_PUBLIC).verify(TEXT.encode(), signature)


def test_no_time_is_for_ml_dsa_44_only() -> None:
    """Zero says that nothing is said of the time; Ed25519 cannot say so."""
    assert time_of(signature_of(cosign(TEXT, NAME, PQ, 0))) == 0
    refused(lambda: cosign(TEXT, NAME, ED, 0), "cosignature_time")


@pytest.mark.parametrize(
    "message,code",
    [
        ((NAME, TIME, ORIGIN, 4, 8, ROOT), "cosignature_time"),
        ((NAME, 0, ORIGIN, 8, 4, ROOT), "cosignature_range"),
        ((NAME, 0, ORIGIN, -1, 4, ROOT), "cosignature_range"),
        ((NAME, 0, ORIGIN, 0, 2**64, ROOT), "cosignature_range"),
        ((NAME, 0, ORIGIN, 0, 4, ROOT[1:]), "cosignature_range"),
        (("n" * 256, 0, ORIGIN, 0, 4, ROOT), "cosignature_range"),
        ((NAME, 0, "电" * 86, 0, 4, ROOT), "cosignature_range"),
        ((NAME, 0, "", 0, 4, ROOT), "cosignature_range"),
        (("", 0, ORIGIN, 0, 4, ROOT), "cosignature_range"),
    ],
)
def test_messages_that_cannot_be_written_are_refused(message: tuple[str, int, str, int, int, bytes], code: str) -> None:
    """Lengths have one byte, counters eight, and a subtree not from the start has no time."""
    refused(lambda: cosigned_message(*message), code)


def test_a_subtree_without_time_is_written() -> None:
    """A mirror signs subtrees by the same structure."""
    message = cosigned_message(NAME, 0, ORIGIN, 4, 8, ROOT)
    assert message.endswith((4).to_bytes(8, "big") + (8).to_bytes(8, "big") + ROOT)


@pytest.mark.parametrize("private", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", "a\n1\n", "a\n1\nAAAA\n", f"a\n01\n{'A' * 43}=\n", f"\n1\n{'A' * 43}=\n",
        f"a\n{2**64}\n{'A' * 43}=\n",
        f"a\n1\n{'A' * 43}=\n\n", f"a\n1\n{'A' * 43}=\n\next\n", f"a\n1\n{'A' * 43}=", f"a\t\n1\n{'A' * 43}=\n",
    ],
)  # fmt: skip
def test_only_checkpoints_are_cosigned(private: CosignerPrivateKey, text: str) -> None:
    """A text of another form, such as a receipt, is not signed, and no signature over it holds."""
    with pytest.raises(NoteError):
        cosign(text, NAME, private, TIME)
    if text.endswith("\n") and "\t" not in text:
        raw = ED.sign(b"cosignature/v1\ntime 1\n" + text.encode())
        assert not ed25519_cosigner(NAME, ED_PUBLIC).verify(text.encode(), (1).to_bytes(8, "big") + raw)


def test_checkpoints_of_any_log_are_cosigned() -> None:
    """A witness holds origins of other logs too, which need not follow the grammar of ours."""
    text = TEXT.replace(ORIGIN, "Log of Example, Inc.")
    for private in (ED, PQ):
        line = cosign(text, NAME, private, TIME)
        assert parse_vkey(cosigner_vkey(NAME, private)).verify(text.encode(), signature_of(line))


def test_weak_and_malformed_keys_are_refused() -> None:
    """By bytes, and by text with the reason."""
    for make, key, code in (
        (ed25519_cosigner, bytes(32), "key_weak"), (ed25519_cosigner, ED_PUBLIC[:31], "key_malformed"),
        (ml_dsa_44_cosigner, PQ_PUBLIC[:32] + bytes(1280), "key_weak"),
        (ml_dsa_44_cosigner, PQ_PUBLIC[:-1], "key_malformed"), (ml_dsa_44_cosigner, ED_PUBLIC, "key_malformed"),
    ):  # fmt: skip
        with pytest.raises(KeyRefused) as caught:
            make(NAME, key)
        assert caught.value.code == code
    refused(lambda: parse_vkey(vkey(NAME, bytes(1312), 6)), "vkey_key")


@pytest.mark.parametrize("private", BOTH)
def test_names_that_break_a_line_are_refused(private: CosignerPrivateKey) -> None:
    """Cosigners keep to the names of notes."""
    for name in ("", "a b", "a+b"):
        refused(partial(cosign, TEXT, name, private, TIME), "note_key_name")
        refused(partial(cosigner_vkey, name, private), "note_key_name")
    for make, public in ((ed25519_cosigner, ED_PUBLIC), (ml_dsa_44_cosigner, PQ_PUBLIC)):
        refused(partial(make, "a b", public), "note_key_name")
