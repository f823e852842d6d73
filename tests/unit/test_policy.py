"""Trust policies: the grammar line by line, the quorum, and checkpoints opened under them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from audit.cosignatures import cosign, cosigner_vkey
from audit.errors import NoteError
from audit.keys import public_bytes
from audit.note import Checkpoint, sign_note, signature_line, vkey
from audit.policy import (
    GROUPS_MAX,
    LOGS_MAX,
    POLICY_BYTES_MAX,
    WITNESSES_MAX,
    Group,
    Policy,
    TrustInvalid,
    open_checkpoint,
)

ORIGIN = "ledger.example/district"
LOG = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
LOG_PQ = MLDSA44PrivateKey.from_seed_bytes(bytes([1]) * 32)
LOG_VKEY = vkey(ORIGIN, public_bytes(LOG.public_key()))
TEXT = Checkpoint(ORIGIN, 7, bytes(32)).text()


def ed(number: int) -> Ed25519PrivateKey:
    """Make the key of a witness."""
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


def witness_vkey(number: int) -> str:
    """Give the verifier key of a witness."""
    return cosigner_vkey(f"w{number}.example", ed(number))


def witnesses(*numbers: int) -> str:
    """Give the lines of witnesses `w…`."""
    return "".join(f"witness w{number} {witness_vkey(number)}\n" for number in numbers)


def parsed(text: str) -> Policy:
    """Read a policy."""
    return Policy.parse(text.encode())


def refused(text: str | bytes, code: str, line: int | None = None) -> None:
    """Check that a policy is refused by this code at this line."""
    with pytest.raises(TrustInvalid) as caught:
        Policy.parse(text.encode() if isinstance(text, str) else text)
    assert (caught.value.code, caught.value.details.get("line")) == (code, line)


EXAMPLE = (
    f"log {LOG_VKEY}\n\n{witnesses(1, 2, 3)}group X-witnesses 2 w1 w2 w3\n\n{witnesses(4, 5, 6)}"
    "group Y-witnesses any w4 w5 w6\n\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)


@pytest.mark.parametrize(
    "cosigned,satisfied",
    [
        ((), False), (("w1", "w2"), False), (("w4", "w5", "w6"), False), (("w1", "w4"), False),
        (("w1", "w2", "w4"), True), (("w2", "w3", "w6"), True), (("w1", "w2", "w3", "w4", "w5", "w6"), True),
        (("X-witnesses", "Y-witnesses"), False), (("X-and-Y",), False), (("w1", "w2", "stranger"), False),
    ],
)  # fmt: skip
def test_the_example_of_the_page(cosigned: tuple[str, ...], satisfied: bool) -> None:
    """Two of the X and one of the Y make the quorum; names of groups or strangers are no cosignatures."""
    policy = parsed(EXAMPLE)
    assert (len(policy.logs), len(policy.witnesses), policy.quorum) == (1, 6, "X-and-Y")
    assert policy.groups[0] == Group("X-witnesses", 2, ("w1", "w2", "w3"))
    assert [group.threshold for group in policy.groups] == [2, 1, 2]
    assert policy.is_satisfied(cosigned) is satisfied


def test_a_quorum_of_one_witness_or_none() -> None:
    """The quorum may be a witness, or the predefined name of nobody; logs and witnesses may then be missing."""
    one = parsed(f"{witnesses(1, 2)}quorum w2\n")
    assert [one.is_satisfied(names) for names in ([], ["w1"], ["w2"])] == [False, False, True]
    assert parsed("quorum none\n").is_satisfied([])
    assert parsed(f"quorum none\n{witnesses(1)}").is_satisfied([])


def test_blanks_comments_and_urls() -> None:
    """Tabs and spaces part words, lines of comment and empty ones are skipped, and a URL may follow a key."""
    policy = parsed(
        f"\n \t\n# a comment \xe9\n \t# another\n\t log\t {LOG_VKEY}  https://ledger.example/ \t\n"
        f" witness  w1 {witness_vkey(1)}\thttps://w1.example/\nquorum\tw1\n"
    )
    assert (policy.logs[0].url, policy.witnesses[0].url) == ("https://ledger.example/", "https://w1.example/")
    assert parsed(f"log {LOG_VKEY}\nquorum none\n").logs[0].url is None


def test_names_are_octets() -> None:
    """The Kelvin sign is no K, a letter outside ASCII is no blank, and octets that are no UTF-8 are names too."""
    data = (
        f"witness K {witness_vkey(1)}\nwitness \u212a {witness_vkey(2)}\nwitness a\u3000b {witness_vkey(3)}\n".encode()
    )
    data += b"witness \xff " + witness_vkey(4).encode() + b"\nwitness \xfe " + witness_vkey(5).encode()
    policy = Policy.parse(data + b"\ngroup g 2 K \xff\nquorum g\n")
    names = [witness.name for witness in policy.witnesses]
    assert len(set(names)) == 5
    assert policy.is_satisfied([names[0], names[3]])
    assert not policy.is_satisfied([names[1], names[4]])


@pytest.mark.parametrize("name", ["any", "all", "2", "log", "quorum", "group"])
def test_only_none_is_a_predefined_name(name: str) -> None:
    """Words of the grammar may be names."""
    assert parsed(f"witness {name} {witness_vkey(1)}\ngroup g any {name}\nquorum g\n").is_satisfied([name])


TWO = witnesses(1, 2)
FIVE = f"log {LOG_VKEY}\n{witnesses(1, 2, 3)}"


@pytest.mark.parametrize(
    "text,code,line",
    [
        ("", "trust_quorum", None),
        (TWO, "trust_quorum", None),
        ("quorum none\nquorum none\n", "trust_quorum", 2),
        ("quorum none", "trust_malformed", None),
        ("quorum none\r\n", "trust_malformed", None),
        ("quorum none\x00\n", "trust_malformed", None),
        ("# \x7f\nquorum none\n", "trust_malformed", None),
        ("quorum\n", "trust_malformed", 1),
        ("quorum none none\n", "trust_malformed", 1),
        ("quorum none # why\n", "trust_malformed", 1),
        ("Quorum none\n", "trust_malformed", 1),
        ("policy none\n", "trust_malformed", 1),
        ("quorum\u00a0none\n", "trust_malformed", 1),
        ("quorum w1\n" + TWO, "trust_name", 1),
        ("quorum None\n", "trust_name", 1),
        ("log\n", "trust_malformed", 1),
        (f"log {LOG_VKEY} https://a https://b\n", "trust_malformed", 1),
        (f"log {LOG_VKEY[:-2]}\n", "trust_key", 1),
        (f"log {LOG_VKEY}\u00a0\n", "trust_key", 1),
        (f"log {witness_vkey(1)}\n", "trust_key", 1),
        (f"log {vkey(ORIGIN, bytes(32))}\n", "trust_key", 1),
        (f"log {LOG_VKEY}\n\nlog {LOG_VKEY}\n", "trust_duplicate", 3),
        (f"log {LOG_VKEY}\nlog {vkey('b', public_bytes(LOG.public_key()))}\n", "trust_duplicate", 2),
        ("witness w1\n", "trust_malformed", 1),
        (f"witness w1 {witness_vkey(1)} https://a https://b\n", "trust_malformed", 1),
        (f"witness w1 {LOG_VKEY}\n", "trust_key", 1),
        (f"witness {witness_vkey(1)} w1\n", "trust_key", 1),
        (f"witness none {witness_vkey(1)}\n", "trust_name", 1),
        (f"{TWO}witness w1 {witness_vkey(3)}\n", "trust_name", 3),
        (f"{TWO}witness w3 {witness_vkey(1)}\n", "trust_duplicate", 3),
        (f"{TWO}witness w3 {cosigner_vkey('b', ed(1))}\n", "trust_duplicate", 3),
        (f"{TWO}group\n", "trust_malformed", 3),
        (f"{TWO}group g\n", "trust_malformed", 3),
        (f"{TWO}group g any\n", "trust_malformed", 3),
        (f"{TWO}group none any w1\n", "trust_name", 3),
        (f"{TWO}group w1 any w2\n", "trust_name", 3),
        (f"{TWO}group g any g\n", "trust_name", 3),
        (f"{TWO}group g any none\n", "trust_name", 3),
        (f"{TWO}group g any w3\n{witnesses(3)}", "trust_name", 3),
        (f"{TWO}group g any w1 w1\n", "trust_name", 3),
        (f"{TWO}group g any w1 w2\ngroup h any w1\n", "trust_name", 4),
        (f"{TWO}group g 0 w1 w2\n", "trust_threshold", 3),
        (f"{TWO}group g 3 w1 w2\n", "trust_threshold", 3),
        (f"{TWO}group g 02 w1 w2\n", "trust_threshold", 3),
        (f"{TWO}group g +1 w1 w2\n", "trust_threshold", 3),
        (f"{TWO}group g ١ w1 w2\n", "trust_threshold", 3),
        (f"{TWO}group g ANY w1 w2\n", "trust_threshold", 3),
        (f"{TWO}group g 1000000000000 w1 w2\n", "trust_threshold", 3),
    ],
)
def test_what_is_no_policy_is_refused(text: str, code: str, line: int | None) -> None:
    """Every departure from the grammar has its code and its line."""
    refused(text, code, line)


def test_policies_have_limits() -> None:
    """As many logs, witnesses and groups as named, at least the 32 that the page asks for, and no more."""

    def log(number: int) -> str:
        return f"log {vkey(ORIGIN, public_bytes(ed(number).public_key()))}\n"

    def group(number: int) -> str:
        return f"group g{number} any {f'g{number - 1}' if number else 'w1'}\n"

    lines = (
        (log, LOGS_MAX, ""), (witnesses, WITNESSES_MAX, ""), (group, GROUPS_MAX, witnesses(1)),
    )  # fmt: skip
    for make, most, before in lines:
        assert most >= 32
        text = before + "".join(make(number) for number in range(most))
        assert parsed(f"{text}quorum none\n").quorum == "none"
        refused(f"{text}{make(most)}quorum none\n", "trust_malformed", most + 1 + len(before.splitlines()))
    refused(b"#" * POLICY_BYTES_MAX + b"\n", "trust_too_large")


POLICY = parsed(
    f"log {LOG_VKEY}\nlog {cosigner_vkey(ORIGIN, LOG_PQ)}\n"
    f"log {vkey('other.example', public_bytes(ed(9).public_key()))}\n"
    f"{witnesses(1, 2)}witness pq {cosigner_vkey('w1.example', MLDSA44PrivateKey.from_seed_bytes(bytes([5]) * 32))}\n"
    "group g 2 w1 w2 pq\nquorum g\n"
)
NOTE = sign_note(TEXT, ORIGIN, LOG)
COSIGNED = [cosign(TEXT, f"w{number}.example", ed(number), 1000 + number) for number in (1, 2)]


def unopened(note: str, origin: str, code: str, policy: Policy = POLICY) -> None:
    """Check that a checkpoint is refused by this code."""
    with pytest.raises(NoteError) as caught:
        open_checkpoint(note, policy, origin)
    assert caught.value.code == code


def test_a_checkpoint_tells_who_cosigned_it_when() -> None:
    """Witnesses by their names in the policy, their times, and whether they make the quorum."""
    opened = open_checkpoint(NOTE, POLICY, ORIGIN)
    assert (opened.checkpoint, opened.witnesses, opened.satisfied) == (Checkpoint.parse(TEXT), {}, False)
    opened = open_checkpoint(NOTE + COSIGNED[1], POLICY, ORIGIN)
    assert (opened.witnesses, opened.satisfied) == ({"w2": 1002}, False)
    opened = open_checkpoint(NOTE + "".join(COSIGNED), POLICY, ORIGIN)
    assert (opened.witnesses, opened.satisfied) == ({"w1": 1001, "w2": 1002}, True)


def test_a_witness_counts_once_with_its_latest_time() -> None:
    """Two lines by one key are one witness; one name with two keys is two witnesses of the policy."""
    again = cosign(TEXT, "w1.example", ed(1), 2000)
    opened = open_checkpoint(NOTE + again + COSIGNED[0], POLICY, ORIGIN)
    assert (opened.witnesses, opened.satisfied) == ({"w1": 2000}, False)
    by_pq = cosign(TEXT, "w1.example", MLDSA44PrivateKey.from_seed_bytes(bytes([5]) * 32), 0)
    opened = open_checkpoint(NOTE + by_pq + COSIGNED[0], POLICY, ORIGIN)
    assert (opened.witnesses, opened.satisfied) == ({"w1": 1001, "pq": 0}, True)


def test_either_key_of_a_log_is_enough() -> None:
    """A log may be known by several keys, of which any one signs."""
    by_pq = f"{TEXT}\n{cosign(TEXT, ORIGIN, LOG_PQ, 0)}"
    assert open_checkpoint(by_pq, POLICY, ORIGIN).checkpoint.size == 7
    assert open_checkpoint(NOTE + cosign(TEXT, ORIGIN, LOG_PQ, 0), POLICY, ORIGIN).witnesses == {}


def test_a_log_may_be_its_own_witness() -> None:
    """Where the same key stands under both words, its line counts as both."""
    key = cosigner_vkey(ORIGIN, LOG_PQ)
    policy = parsed(f"log {key}\nwitness self {key}\nquorum self\n")
    assert open_checkpoint(f"{TEXT}\n{cosign(TEXT, ORIGIN, LOG_PQ, 5)}", policy, ORIGIN).satisfied


def test_checkpoints_that_no_believed_log_signed_are_refused() -> None:
    """Unknown origins, other logs' checkpoints, unsigned and forged ones; witnesses alone are not the log."""
    unopened(NOTE, "unknown.example", "origin_unknown")
    unopened(NOTE, "w1.example", "origin_unknown")
    unopened(f"{TEXT}\n{''.join(COSIGNED)}", ORIGIN, "note_unsigned")
    unopened(sign_note(TEXT, ORIGIN, ed(7)), ORIGIN, "note_unsigned")
    unopened(NOTE.replace("\n7\n", "\n8\n"), ORIGIN, "note_signature")
    elsewhere = Checkpoint("elsewhere.example", 7, bytes(32)).text()
    unopened(sign_note(elsewhere, ORIGIN, LOG), ORIGIN, "origin_mismatch")
    other = Checkpoint("other.example", 7, bytes(32)).text()
    unopened(f"{other}\n{signature_line(other, 'other.example', ed(9))}", ORIGIN, "note_unsigned")
    unopened(sign_note("no\ncheckpoint\n", ORIGIN, LOG), ORIGIN, "checkpoint_malformed")


def test_a_forged_cosignature_refuses_the_checkpoint() -> None:
    """A bad line by a known witness is fatal, one by a stranger is not there."""
    forged = COSIGNED[0].replace("w1.example", "w2.example")
    assert open_checkpoint(NOTE + forged, POLICY, ORIGIN).witnesses == {}
    changed = cosign(Checkpoint(ORIGIN, 8, bytes(32)).text(), "w1.example", ed(1), 1001)
    unopened(NOTE + changed, ORIGIN, "note_signature")
