"""The quick proof of a usual save holds for that save alone: any piece of it missing or changed is for the long way."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import tokens, usual
from audit.claims import decoded
from audit.lens import SKEW_S_MAX, Lens, Seen
from audit.pages import Answers, Context, ReceiptRow
from audit.tokens import LIFETIME_SECONDS_MAX
from tests.support.stored import worked_ledger


class Given(NamedTuple):
    """What is asked of one save."""

    context: Context
    receipt: ReceiptRow | None
    seen: Seen
    answers: Answers

    def holds(self) -> bool:
        """Ask it."""
        return usual.holds(Lens(self.context), self.receipt, self.seen, self.answers)


@cache
def sound() -> Given:
    """Give the one usual save of the worked ledger: the insurer registers a lift, at 9."""
    found: list[Given] = []
    with pytest.MonkeyPatch.context() as patched:
        holds = usual.holds

        def watched(lens: Lens, receipt: ReceiptRow | None, seen: Seen, answers: Answers) -> bool:
            said = holds(lens, receipt, seen, answers)
            if said:
                found.append(Given(lens.context, receipt, seen, answers))
            return said

        patched.setattr(usual, "holds", watched)
        worked_ledger().verify()
    (only,) = found
    return only


FIRST: Final = sound().seen.row.position
KEY: Final = sound().seen.header.key or ""
RECORDED: Final = sound().seen.header.recorded_at
(DIGEST,) = (each for each in sound().answers.evidence if each in sound().seen.header.evidence)


def lines(*rows: Any) -> Callable[[Given], Given]:  # noqa: ANN401 - rows
    """Answer with these lines."""
    return lambda of: of._replace(answers=replace(of.answers, lines={FIRST: list(rows)}))


def line(**changes: Any) -> Callable[[Given], Given]:  # noqa: ANN401 - members of a row
    """Change the request's row."""
    return lines(sound().answers.lines[FIRST][0]._replace(**changes))


def evidence(found: Mapping[str, tuple[str, bytes]]) -> Callable[[Given], Given]:
    """Answer with this evidence."""
    return lambda of: of._replace(answers=replace(of.answers, evidence=found))


def key(**changes: Any) -> Callable[[Given], Given]:  # noqa: ANN401 - members of a history
    """Change what the log says of the author's key."""
    keys = {**sound().context.keys, KEY: sound().context.keys[KEY]._replace(**changes)}
    return lambda of: of._replace(context=replace(of.context, keys=keys))


def header(**changes: Any) -> Callable[[Given], Given]:  # noqa: ANN401 - members of a header
    """Change the header as it was read."""
    return lambda of: of._replace(seen=of.seen._replace(header=of.seen.header._replace(**changes)))


def body(**changes: Any) -> Callable[[Given], Given]:  # noqa: ANN401 - members of a body
    """Change the body as it was read."""
    return lambda of: of._replace(seen=of.seen._replace(body={**of.seen.body, **changes}))


def receipt(**changes: Any) -> Callable[[Given], Given]:  # noqa: ANN401 - members of a row
    """Change the receipt's row."""
    return lambda of: of._replace(receipt=None if of.receipt is None else of.receipt._replace(**changes))


def row(data: bytes) -> Callable[[Given], Given]:
    """Change the body as it is stored."""
    return lambda of: of._replace(seen=of.seen._replace(row=of.seen.row._replace(body=data)))


SEEN: Final = sound().seen.row
ADMIN: Final = next(name for name, each in sound().context.keys.items() if each.registered == 4)
ROW: Final = sound().answers.lines[FIRST][0]
TOKEN: Final = sound().answers.evidence[DIGEST][1]
STRANGER: Final = "00000000-0000-4000-8000-000000000000"
OTHERS: Final = {
    "no receipt": lambda of: of._replace(receipt=None), "another receipt": receipt(first=FIRST + 1),
    "a receipt of more": receipt(events=2), "another note": receipt(note="x"),
    "no receipt key": lambda of: of._replace(context=replace(of.context, receipts=())),
    "another leaf": lambda of: of._replace(seen=of.seen._replace(leaf=bytes(32))),
    "no command": lambda of: of._replace(answers=replace(of.answers, commands={})),
    "no answer": lambda of: of._replace(answers=replace(of.answers, lines={})), "no line": lines(),
    "two lines": lines(ROW, ROW), "a numbered line": line(line=1), "sealed": line(state="sealed"),
    "no bytes": line(data=None), "other bytes": line(data=(ROW.data or b"") + b" "),
    "another digest": line(digest=bytes(32)),
    "no evidence": evidence({}), "evidence of another kind": evidence({DIGEST: ("jws", TOKEN)}),
    "other evidence": evidence({DIGEST: ("jwt", TOKEN[:-4] + b"AAAA")}),
    "nothing said": body(said=None), "said elsewhere": body(**{"from": {"at": "/x", "line": None}}),
    "said in a line": body(**{"from": {"at": "", "line": 1}}),
    "an unusual type": header(type="key.Registered"), "another type": header(type="lift.Scrapped"),
    "no table": lambda of: of._replace(context=replace(of.context, tables=())),
    "a table without it": lambda of: of._replace(
        context=replace(of.context, tables=((1, {"format": 1, "actions": []}),))
    ),
    "no key": header(key=None), "an unknown key": lambda of: of._replace(context=replace(of.context, keys={})),
    "a key registered by it": key(registered=FIRST), "a key ended": key(ended=FIRST - 1),
    "a key compromised": key(compromised_since=RECORDED), "another's key": key(holder=f"party:{STRANGER}"),
    "an agent's key": key(holder=f"agent:{STRANGER}"), "a key that is none": key(public={"kty": "RSA"}),
    "a key that a stranger registered": key(registrar=f"party:{STRANGER}"),
    "another's signature": key(public=sound().context.keys[ADMIN].public),
    "a key by another name": lambda of: header(key=f"key:{STRANGER}")(
        of._replace(context=replace(of.context, keys={f"key:{STRANGER}": of.context.keys[KEY]}))
    ),
    "another salt": row(SEEN.body[:-2] + b'0"}'), "other words": row(SEEN.body.replace(b'"said":{', b'"said":{"a":1,')),
    "for an agent": header(agent=f"agent:{STRANGER}"), "another party": header(party=f"party:{STRANGER}"),
    "another command": header(command=STRANGER), "a number": header(author_seq=1),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_is_not_as_it_must_be_is_left_to_the_long_way(name: str) -> None:
    """It holds as it stands, and not with any one piece missing or changed."""
    assert sound().holds()
    assert not OTHERS[name](sound()).holds()


def test_a_key_signs_up_to_its_end() -> None:
    """The save that ends it, and whatever came before the time since which it is not to be trusted."""
    for good in (key(ended=FIRST), key(ended=FIRST + 1), key(compromised_since=f"{RECORDED[:-2]}1Z")):
        assert good(sound()).holds()


def test_a_key_is_registered_by_the_operator_or_by_its_own_party() -> None:
    """Either of them answers for whose it is."""
    for registrar in (sound().context.operator, sound().seen.header.party):
        assert key(registrar=registrar)(sound()).holds()


INSURER: Final = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
IAT, EXP = 1_761_955_201, 1_761_955_261
"""The times of the token as they are; the save was recorded as it was made."""


def at(iat: int | str, exp: int | str, recorded_at: str = RECORDED) -> Given:
    """Give the save with other times in its token, signed by its author all the same, and recorded then."""
    head, payload, _ = TOKEN.split(b".")
    claims = (decoded(payload) or b"").replace(b"%d" % IAT, str(iat).encode("latin-1"))
    claims = claims.replace(b"%d" % EXP, str(exp).encode("latin-1"))
    signed = head + b"." + urlsafe_b64encode(claims).rstrip(b"=")
    given = carrying(signed + b"." + urlsafe_b64encode(INSURER.sign(signed)).rstrip(b"="))
    command = given.answers.commands[FIRST]._replace(recorded_at=recorded_at)
    given = given._replace(answers=replace(given.answers, commands={FIRST: command}))
    return header(recorded_at=recorded_at, effective_at=recorded_at)(given)


def carrying(token: bytes) -> Given:
    """Give the save with another token, whose digest the header names."""
    digest = sha256(token).hexdigest()
    text = sound().seen.header.evidence.replace(DIGEST, digest)
    return header(evidence=text)(evidence({digest: ("jwt", token)})(sound()))


def test_a_token_of_another_form_is_left_to_the_long_way() -> None:
    """Parts that are missing, too many or not base64url are neither read nor stumbled over."""
    head, payload, signature = TOKEN.split(b".")
    assert carrying(TOKEN).holds()
    for parts in ((head, payload), (head, payload, signature, signature), (head, b"!", signature), (b"!", payload),
                  (head, payload, b"!"), (head, payload, b""), (b"!", payload, signature)):  # fmt: skip
        assert not carrying(b".".join(parts)).holds()


def test_the_table_in_force_is_the_last_one_published_before() -> None:
    """Neither one of the save itself, or later, nor an older one."""
    ((published, table),), none = sound().context.tables, {"format": 1, "actions": []}
    assert published < FIRST
    for tables, holds in (
        (((FIRST - 1, table),), True), (((FIRST, table),), False), (((1, none), (FIRST - 1, table)), True),
        (((1, table), (FIRST - 1, none)), False), (((1, table), (FIRST, none)), True),
    ):  # fmt: skip
        given = sound()._replace(context=replace(sound().context, tables=tables))
        assert given.holds() == holds


def test_a_token_is_in_time_by_its_own_times() -> None:
    """Made up to two minutes before or after it was recorded, for a minute at the most, for a second at the least."""
    for iat, exp in ((IAT, EXP), (IAT - SKEW_S_MAX, EXP - SKEW_S_MAX), (IAT + SKEW_S_MAX, EXP + SKEW_S_MAX),
                     (IAT, IAT + 1), (IAT, IAT + LIFETIME_SECONDS_MAX)):  # fmt: skip
        assert at(iat, exp).holds(), (iat, exp)
    for iat, exp in ((IAT - SKEW_S_MAX - 1, EXP - SKEW_S_MAX - 1), (IAT + SKEW_S_MAX + 1, EXP + SKEW_S_MAX + 1),
                     (IAT, IAT), (IAT, IAT - 1), (IAT, IAT + LIFETIME_SECONDS_MAX + 1)):  # fmt: skip
        assert not at(iat, exp).holds(), (iat, exp)


@pytest.mark.parametrize("strange", ["176195520x", "176195520\xb2", "17619552 1", "x", "01761955201", "1761955201.0"])
def test_a_time_is_ten_digits_or_for_the_long_way(strange: str) -> None:
    """Whatever else an author signs in the place of a time is neither read as a number nor stumbled over."""
    assert sound().holds()  # and so the token's header is known by now
    assert not at(strange, EXP).holds()
    assert not at(IAT, strange).holds()


def test_no_zero_leads_a_time() -> None:
    """Before 2001 a time has nine digits: ten, of which the first is a zero, are no number in JSON."""
    assert sound().holds()
    assert not at("0631152000", "0631152060", "1990-01-01T00:00:00.000000Z").holds()


@pytest.mark.parametrize("limit, size", [("URI_CHARS_MAX", len("/lifts")), ("TOKEN_BYTES_MAX", len(TOKEN))])
def test_what_is_longer_than_may_be_is_left_to_the_long_way(
    monkeypatch: pytest.MonkeyPatch, limit: str, size: int
) -> None:
    """The limits are those of the long way, to the letter."""
    assert getattr(usual, limit) == getattr(tokens, limit)
    monkeypatch.setattr(usual, limit, size)
    assert sound().holds()
    monkeypatch.setattr(usual, limit, size - 1)
    assert not sound().holds()


def test_events_that_more_is_asked_of_are_left_to_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else of them is as it must be."""
    asked = {"key.Registered", "ledger.ActionsPublished", "ledger.Continued", "ledger.KeyRotated", "ledger.Opened"}
    assert asked == usual._UNUSUAL  # noqa: SLF001 - nothing else says which they are
    monkeypatch.setattr(usual, "_UNUSUAL", {sound().seen.header.type})
    assert not sound().holds()
