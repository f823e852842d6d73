"""The quick proof of a usual save holds for that save alone: any piece of it missing or changed is for the long way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

import pytest

from audit import usual
from audit.lens import Lens, Seen
from audit.pages import Answers, Context, ReceiptRow
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
