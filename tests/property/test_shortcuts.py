"""A verifier's shortcuts say what the long way says: whatever is stored, the two come to one report."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import canonical, jws, reading, usual
from audit import events as stored_events
from audit.base64text import encode_url
from audit.pages import CommandRow
from audit.whole import Report
from tests.support.forging import forged
from tests.support.mutants import MUTANTS, Mutant, copied
from tests.support.stored import ACTIONS, VECTORS, Stored, worked_ledger
from tests.support.story.whole import performed

SEEDS = st.integers(0, 2**32)
TOLD = json.loads(VECTORS.read_text(encoding="utf-8"))
RECEIPT_KEY, INSURER_KEY = (
    Ed25519PrivateKey.from_private_bytes(bytes.fromhex(TOLD["seeds"][name])) for name in ("receipt", "insurer")
)
LIFT = 8
"""Where the insurer registers a lift by one request of one event, from 0."""


@cache
def story() -> Stored:
    """Give the rows of the whole story."""
    return performed().stored()


def long_way(stored: Stored, page: int) -> Report:
    """Verify row by row and piece by piece, without a shortcut."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(usual, "holds", lambda *_: False)
        patched.setattr(reading, "read_columns", lambda *_: None)
        patched.setattr(stored_events, "shape_of", lambda _: None)
        return stored.verify(page=page)


def proven(stored: Stored) -> int:
    """Count the saves that the shortcut proves."""
    said: list[bool] = []
    with pytest.MonkeyPatch.context() as patched:
        holds = usual.holds

        def counted(*given: Any) -> bool:  # noqa: ANN401 - as it is called
            said.append(holds(*given))
            return said[-1]

        patched.setattr(usual, "holds", counted)
        stored.verify()
    return sum(said)


def test_the_shortcut_is_taken() -> None:
    """The one usual save of the worked ledger and a quarter of the story's are proven in one go."""
    assert proven(worked_ledger()) == 1
    assert proven(story()) >= len(story().receipts) // 5


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
@settings(max_examples=30)
@given(seed=SEEDS)
def test_a_changed_ledger_is_reported_as_the_long_way(mutant: Mutant, seed: int) -> None:
    """Any one change of the worked ledger: the same findings, in the same places, and the same numbers of rows."""
    rnd = random.Random(seed)
    stored = copied(worked_ledger())
    mutant(stored, rnd)
    page = rnd.choice([1, 4, 100])
    assert stored.verify(page=page) == long_way(stored, page)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
@settings(max_examples=3)
@given(seed=SEEDS)
def test_a_changed_story_is_reported_as_the_long_way(mutant: Mutant, seed: int) -> None:
    """The same of the story of every action."""
    rnd = random.Random(seed)
    stored = copied(story())
    mutant(stored, rnd)
    assert stored.verify(page=50) == long_way(stored, 50)


# ------------------------------------------------------------------------------------------------------ the author

CLAIMS: dict[str, list[Any]] = {
    "aud": ["ledger.example/other", "Not An Origin"], "iss": ["party:00000000-0000-4000-8000-000000000000"],
    "sub": ["agent:00000000-0000-4000-8000-000000000000", None], "jti": ["00000000-0000-4000-8000-000000000000"],
    "htm": ["PUT", "post"], "uri": ["/lifts?x", "/parties", '/lifts"', "/lifts\\", "lifts", "/lifts#x"],
    "bh": ["0" * 64], "seq": [1, 0, True, "1"], "iat": [True, "1", 0, -1, 0.5], "exp": [0, None], "more": [1],
}  # fmt: skip
"""What a token might claim instead; None leaves it out, or stands for null."""


def with_token(change: Any, *, spaces: bool = False, author_seq: int | None = None) -> Stored:  # noqa: ANN401 - a function
    """Give the worked ledger with another token of the insurer over his lift, and all that follows from it anew."""
    stored = worked_ledger()
    was = json.loads(stored.events[LIFT].header)["author"]["evidence"][0]["digest"]
    compact = jws.parse(stored.evidence.pop(was)[1])
    assert isinstance(compact.payload, dict)
    claims = dict(compact.payload)
    change(claims)
    head = encode_url(canonical.encode({"alg": compact.alg, "kid": compact.kid}))
    text = json.dumps(claims, separators=(", ", ": ") if spaces else (",", ":"), sort_keys=True)
    signed = f"{head}.{encode_url(text.encode())}"
    token = f"{signed}.{encode_url(INSURER_KEY.sign(signed.encode()))}".encode()
    digest = stored_events.body_digest(token)
    stored.evidence[digest] = ("jwt", token)

    def edit(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        author = told[LIFT][0]["author"]
        author["evidence"][0]["digest"], author["seq"] = digest, author_seq

    return forged(stored, edit, RECEIPT_KEY)


def found(report: Report) -> set[str]:
    """Give what is found, but for the map root, which stands over other heads now, and the want of a checkpoint."""
    return set(report.counts) - {"map_root", "unanchored"}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_a_signed_token_claims_is_held_as_the_long_way(claim: str) -> None:
    """Another claim, though truly signed by the key, is found by both ways alike."""
    for value in CLAIMS[claim]:

        def change(claims: dict[str, Any], value: Any = value) -> None:  # noqa: ANN401 - JSON
            claims[claim] = value

        stored = with_token(change)
        report = stored.verify()
        assert report == long_way(stored, 1_000_000)
        assert proven(stored) == 0
        assert found(report), (claim, value)


@pytest.mark.parametrize(
    "later,lives,late,refused",
    [(0, 60, 0, False), (0, 61, 0, True), (0, 0, 0, True), (0, -1, 0, True), (125, 60, 1, False), (-125, 60, 1, False)],
)
def test_times_of_a_token_are_held_as_the_long_way(later: int, lives: int, late: int, *, refused: bool) -> None:
    """A token lives for a minute at most, and is recorded within two of when it was signed."""

    def change(claims: dict[str, Any]) -> None:
        claims["iat"] += later
        claims["exp"] = claims["iat"] + lives

    stored = with_token(change)
    report = stored.verify()
    assert report == long_way(stored, 1_000_000)
    assert found(report) == ({"late"} if late else {"evidence_invalid"} if refused else set())
    assert proven(stored) == (0 if late or refused else 1)


def test_other_spellings_of_claims_are_read_the_long_way() -> None:
    """Claims with spaces are as good, and only take longer; a number for the key is among them."""
    stored = with_token(lambda _: None, spaces=True)
    assert found(stored.verify()) == set()
    assert proven(stored) == 0
    numbered = with_token(lambda claims: claims.update(seq=7), author_seq=7)
    assert found(numbered.verify()) == {"author_gap"}, "1 to 6 never came"
    assert proven(numbered) == 1
    assert found(with_token(lambda claims: claims.update(seq=7), author_seq=8).verify()) == {"author", "author_gap"}


def with_request(data: bytes) -> Stored:
    """Give the worked ledger with another request of the insurer over his lift, which he truly signed."""
    digest = sha256(data)
    stored = with_token(lambda claims: claims.update(bh=digest.hexdigest()))
    for rows in stored.commands.values():
        if rows[0][0] == LIFT + 1:
            row = rows[0][1]
            rows[0] = (LIFT + 1, row._replace(request=f"{row.request.rpartition(' ')[0]} {digest.hexdigest()}"))
    for name, lines in stored.lines.items():
        if b'"premises_class"' in (lines[0].data or b""):
            stored.lines[name] = [lines[0]._replace(digest=digest.digest(), data=data)]
    return stored


def test_a_signed_request_that_nobody_can_compare_proves_no_words() -> None:
    """Without a salt, with one too short, or no JSON of the profile, it says nothing of what the event says."""
    (lines,) = (each for each in worked_ledger().lines.values() if b'"premises_class"' in (each[0].data or b""))
    sound = lines[0].data
    assert sound is not None
    said = json.loads(sound)
    assert found(with_request(sound).verify()) == set()
    short, unsalted = said | {"salt": said["salt"][:31]}, {name: said[name] for name in said if name != "salt"}
    for data in (
        canonical.encode(short),
        canonical.encode(unsalted),
        b"[]",
        b"{",
        b"\xff",
        sound[:-1] + b',"salt":"x"}',
    ):
        stored = with_request(data)
        report = stored.verify()
        assert found(report) == {"request_invalid"}, data
        assert report == long_way(stored, 1_000_000)
        assert proven(stored) == 0


@pytest.mark.parametrize("token", [b"", b"x", b"x.y", b"x.y.z.z", b"..", b"x." * 8_000])
def test_evidence_that_is_no_token_is_no_failure(token: bytes) -> None:
    """Whatever bytes stand under the digest that a header names, both ways say the same of them."""
    stored = worked_ledger()
    was = json.loads(stored.events[LIFT].header)["author"]["evidence"][0]["digest"]
    digest = stored_events.body_digest(token)
    del stored.evidence[was]
    stored.evidence[digest] = ("jwt", token)

    def edit(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        told[LIFT][0]["author"]["evidence"][0]["digest"] = digest

    stored = forged(stored, edit, RECEIPT_KEY)
    report = stored.verify()
    assert "evidence_invalid" in found(report)
    assert report == long_way(stored, 1_000_000)


COMMANDS = {
    "group": 1, "groups": 2, "first_line": 1, "last_line": 1, "events": 2, "recorded_at": "2025-11-01T00:00:09.000000Z",
    "opening": False, "request": "POST /lifts  0",
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_changed_command_is_not_usual(name: str) -> None:
    """Every member of the usual save's stored command counts."""
    stored = worked_ledger()
    for key, rows in stored.commands.items():
        if rows[0][0] == LIFT + 1:
            row = CommandRow(**(rows[0][1]._asdict() | {name: COMMANDS[name]}))
            stored.commands[key] = [(LIFT + 1, row)]
    assert proven(stored) == 0
    assert stored.verify() == long_way(stored, 1_000_000)


def test_a_table_of_odd_methods_opens_no_door() -> None:
    """A method that no token may name is refused, though table, command and token agree on it."""
    stored = with_token(lambda claims: claims.update(htm="post"))
    table = deepcopy(ACTIONS)
    for action in table["actions"]:
        action["method"] = action["method"].lower() if action["id"] == "lift.register" else action["method"]
    stored.tables = ((1, table),)
    for rows in stored.commands.values():
        if rows[0][0] == LIFT + 1:
            row = rows[0][1]
            rows[0] = (LIFT + 1, row._replace(request=row.request.replace("POST", "post")))
    assert proven(stored) == 0
    assert stored.verify() == long_way(stored, 1_000_000)
    assert found(stored.verify()) == {"evidence_invalid"}


@pytest.mark.parametrize("how", ["request", "request and its digest", "request, digest and command"])
def test_words_that_nobody_signed_are_not_usual(how: str) -> None:
    """The ledger writes other words in an author's place, signs the receipt, and stores the request that says them."""
    stored = worked_ledger()
    ((name, (line,)),) = (each for each in stored.lines.items() if b'"premises_class"' in (each[1][0].data or b""))
    assert line.data is not None
    data = line.data.replace(b'"premises_class":"', b'"premises_class":"x')

    def edit(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        body = told[LIFT][1]
        body["said"] = {name: value for name, value in json.loads(data).items() if name != "salt"}

    stored = forged(stored, edit, RECEIPT_KEY)
    digest = sha256(data)
    stored.lines[name] = [line._replace(data=data, digest=line.digest if how == "request" else digest.digest())]
    if "command" in how:
        first, row = stored.commands[name][0]
        request = f"{row.request.rpartition(' ')[0]} {digest.hexdigest()}"
        stored.commands[name] = [(first, row._replace(request=request))]
    report = stored.verify()
    assert found(report) == ({"command", "request_digest"} if "command" in how else {"request_digest"})
    assert report == long_way(stored, 1_000_000)
    assert proven(stored) == 0


def test_a_second_piece_of_evidence_is_not_usual() -> None:
    """Whatever else a header names as its author's evidence is looked at."""

    def edit(told: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        told[LIFT][0]["author"]["evidence"].append({"digest": "0" * 64, "kind": "jws-offline"})

    stored = forged(worked_ledger(), edit, RECEIPT_KEY)
    report = stored.verify()
    assert found(report) == {"evidence_missing"}
    assert report == long_way(stored, 1_000_000)
    assert proven(stored) == 0


def test_another_token_of_the_author_is_not_usual() -> None:
    """One that he truly signed over the same request, a second later, is not the one that the header names."""
    stored = worked_ledger()
    was = json.loads(stored.events[LIFT].header)["author"]["evidence"][0]["digest"]
    other = with_token(lambda claims: claims.update(iat=claims["iat"] + 1, exp=claims["exp"] + 1))
    now = json.loads(other.events[LIFT].header)["author"]["evidence"][0]["digest"]
    stored.evidence[was] = other.evidence[now]
    report = stored.verify()
    assert found(report) == {"evidence_digest"}
    assert report == long_way(stored, 1_000_000)
    assert proven(stored) == 0
