"""The usual save, proven in one go: one event, stated by one request token in one request that is not sealed.

Nearly every save of a log is of this kind, and nearly every one of them is as it should be. Where the full check of
`audit.verify` reads each piece and compares what it holds, this one knows from header and command what the pieces must
be, and asks whether they are those very bytes. It finds nothing itself: `holds` is true only where the full check would
find nothing either, and whatever does not fit is left to that.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from audit.claims import PLAIN_URI, decoded, header_of
from audit.errors import ActionMismatch, AuditError
from audit.events import Header, is_one_jwt
from audit.jws import TOKEN_BYTES_MAX
from audit.lens import SKEW_S_MAX, Lens, Seen
from audit.pages import Answers, ReceiptRow
from audit.receipts import fault_of
from audit.requests import is_salted
from audit.tokens import LIFETIME_SECONDS_MAX, URI_CHARS_MAX

__all__ = ["holds"]

_UNUSUAL: Final = frozenset({
    "key.Registered", "ledger.ActionsPublished", "ledger.Continued", "ledger.KeyRotated", "ledger.Opened",
})  # fmt: skip
"""Events whose words are held against more than their request."""
_SECONDS: Final = 10
"""Digits of a time in Unix seconds, from 2001 to 2286."""
_REQUEST: Final = re.compile(f"([A-Z]{{1,16}}) ({PLAIN_URI}) ([0-9a-f]{{64}})")
"""Method, target and hash, each of the grammar of its claim."""
_NOTHING: Final = ("", b"")


def holds(lens: Lens, receipt: ReceiptRow | None, seen: Seen, answers: Answers) -> bool:
    """Say whether receipt, author, command, request and words of a save of this one event are as they must be."""
    row, header, _, leaf = seen
    first, evidence = row.position, header.evidence
    command, lines = answers.commands.get(first), answers.lines.get(first)
    if receipt is None or command is None or not lines or len(lines) != 1 or not is_one_jwt(evidence):
        return False
    digest = evidence[11:75]
    kind, token = answers.evidence.get(digest, _NOTHING)
    number, bound, data, state, _ = lines[0]
    if kind != "jwt" or sha256(token).hexdigest() != digest or number or state != "plain" or data is None:
        return False
    if sha256(data).digest() != bound or (receipt.first, receipt.events) != (first, 1):
        return False
    group, request, groups, first_line, last_line, events, recorded_at, _, opening = command
    places = (group, groups, first_line, last_line, events, recorded_at)
    if not opening or places != (0, 1, None, None, 1, header.recorded_at):
        return False
    asked = _REQUEST.fullmatch(request)
    if asked is None:
        return False
    method, uri, stated = asked.groups()
    if stated != bound.hex() or len(uri) > URI_CHARS_MAX:
        return False
    return (
        _words(lens, seen, method, uri, data)
        and (key := lens.receipt(first)) is not None
        and fault_of(key, receipt, leaf) is None
        and _author(lens, first, header, token, (method, uri, stated))
    )


def _words(lens: Lens, seen: Seen, method: str, uri: str, request: bytes) -> bool:
    """Say whether the event is one that the action writes, in the words of its request."""
    row, header, body, _ = seen
    if body["said"] is None or header.type in _UNUSUAL or b'"sealed":"' in row.body:
        return False
    table = lens.table(row.position)
    found = None if table is None else table.find(method, uri)
    if found is None or body["from"] != {"at": "", "line": None} or not is_salted(row.body, None, request):
        return False
    action, path = found
    try:
        action.check_stated(path, header, body)
    except ActionMismatch:
        return False
    return True


def _author(lens: Lens, first: int, header: Header, token: bytes, request: tuple[str, str, str]) -> bool:
    """Say whether the token is the one that the header's author signed over this request, in time and with his key.

    `request` is method, target and hash of the body.
    """
    parts = token.split(b".")
    if len(parts) != 3 or len(token) > TOKEN_BYTES_MAX or header.key is None:  # noqa: PLR2004 - header, payload, signature
        return False
    payload, signature = decoded(parts[1]), decoded(parts[2])
    history, public = lens.context.keys.get(header.key), lens.public(header.key)
    if payload is None or signature is None or history is None or public is None:
        return False
    holder, registrar, _, registered, ended, compromised_since = history
    if registered >= first or (ended is not None and ended < first):
        return False
    if compromised_since is not None and header.recorded_at >= compromised_since:
        return False
    own = holder.startswith("agent:")  # else it is the party's, and speaks for no agent here
    if header.agent != (holder if own else None) or not (own or holder == header.party):
        return False
    if registrar not in {header.party, lens.context.operator}:
        return False
    if not _is_stated(lens, header, request, payload.decode("latin-1")):
        return False
    try:
        kid, algorithm = header_of(parts[0], token)
        public.verify(algorithm, token[: -len(parts[2]) - 1], signature)
    except AuditError:
        return False
    return kid == header.key


def _is_stated(lens: Lens, header: Header, request: tuple[str, str, str], claims: str) -> bool:
    """Say whether a token claims what it must.

    All claims but the two times follow from header and request. They are written down with the token's own times, which
    must be good ones, and so must come out as the token has them.
    """
    method, uri, bound = request
    start = f'{{"aud":"{lens.origin}","bh":"{bound}","exp":'
    between = f',"htm":"{method}","iat":'
    exp_at = len(start)
    iat_at = exp_at + _SECONDS + len(between)
    exp, iat = claims[exp_at : exp_at + _SECONDS], claims[iat_at : iat_at + _SECONDS]
    seq = "" if header.author_seq is None else f',"seq":{header.author_seq}'
    sub = f',"sub":"{header.agent}"' if header.agent is not None and '"sub":"' in claims else ""
    if claims != (
        f'{start}{exp}{between}{iat},"iss":"{header.party}","jti":"{header.command}"{seq}{sub},"uri":"{uri}"}}'
    ):
        return False
    if not (exp + iat).isdecimal() or iat[0] == "0":  # of Latin-1 only 0 to 9 are; an `exp` led by a zero is over
        return False
    seconds = lens.seconds(header.recorded_at)
    if seconds is None or abs(int(iat) - seconds) > SKEW_S_MAX or not lens.sound_origin:
        return False
    return 0 < int(exp) - int(iat) <= LIFETIME_SECONDS_MAX
