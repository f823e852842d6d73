"""Names, streams and subjects: the closed list of event-format §6 as data, and the one grammar made from it.

A name is `kind:<id>`; a stream is a subject, or a subject, a slash and one further head. The subject is what stands
before the first slash, so a stream belongs to one subject by its name and cannot be moved (event-format §1).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TypeGuard

from audit.errors import NameInvalid

__all__ = [
    "IDS",
    "NAME_CHARS_MAX",
    "SUBJECTS",
    "NameInvalid",
    "are_streams",
    "check_name",
    "check_stream",
    "check_subject",
    "kind_of",
    "subject_of",
]

NAME_CHARS_MAX = 128  # longer than any name or stream; keeps hostile texts out of the caches

_UUID = "[0-9a-f]{{8}}-[0-9a-f]{{4}}-{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}"
_UUID_4 = _UUID.format(version="4")
_UUID_7 = _UUID.format(version="7")
_UUID_4_OR_7 = _UUID.format(version="[47]")
_YEAR = "[12][0-9]{3}"

# Kind -> grammar of its id. Version 4 where the id itself must not tell when the thing was made, version 7 otherwise.
IDS: Mapping[str, str] = {
    "agent": _UUID_4,
    "application": _UUID_7,
    "bankline": _UUID_4_OR_7,  # random, never made from the line; the format leaves open how
    "building": _UUID_7,
    "claim": _UUID_4,
    "contract": _UUID_7,
    "cost": _UUID_7,
    "dispute": _UUID_4,
    "estate": _UUID_7,
    "fund": _UUID_7,
    "hazard": _UUID_7,
    "house": _UUID_4,
    "identifier": "[0-9a-f]{64}",  # SHA-256 over canonical [scheme, issuer, value]
    "incident": _UUID_4,
    "key": _UUID_4,
    "lift": _UUID_7,
    "limit": f"(?:all|{_UUID_7}):{_YEAR}",  # of a lift, or of all lifts of the policy, in one policy year
    "list": _UUID_7,
    "maintenance": _YEAR,
    "mandate": _UUID_7,
    "matter": _UUID_7,
    "occurrence": _UUID_4,
    "pack": _UUID_7,
    "party": _UUID_4,
    "payment": _UUID_7,
    "person": _UUID_4,
    "plan": _UUID_7,
    "policy": _UUID_7,
    "product": _UUID_7,
    "report": _UUID_7,
    "scheme": "[0-9]{6,12}",  # area code of GB/T 2260, or longer, of the statistical divisions
    "service": _UUID_7,
    "subsidy": _UUID_7,
    "vote": _UUID_7,
}

# Subject's kind -> heads of the further streams under it; a head ending in a colon takes an id of that kind.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "ledger": (),
    "map": (),
    "party:": ("mandate:", "access"),
    "agent:": (),
    "key:": (),
    "person:": (),
    "lift:": ("cover", "maintenance:", "claim:", "incident:", "hazard:", "inspection", "cost:", "service:"),
    "identifier:": (),
    "building:": (),
    "estate:": (),
    "contract:": (),
    "occurrence:": (),
    "product:": (),
    "pack:": (),
    "scheme:": ("report:", "matter:", "list:"),
    "policy:": ("limit:", "service-plan"),
    "fund:": ("plan:", "vote:", "application:"),
    "house:": (),
    "payment:": (),
    "bankline:": (),
    "subsidy:": (),
    "dispute:": (),
}


def check_name(text: object, kinds: Collection[str] | None = None) -> str:
    """Return the text if it is a name `kind:<id>` (event-format §1), and of one of `kinds` if those are given.

    Raises NameInvalid with code `name_invalid`, or `name_kind` for a good name of another kind.
    """
    if not _is_short(text) or (kind := _kind(text)) is None:
        raise NameInvalid("This is no name.", kinds=_sorted(kinds))
    if kinds is not None and kind not in kinds:
        raise NameInvalid("The name is of another kind.", code="name_kind", kind=kind, kinds=_sorted(kinds))
    return text


def kind_of(name: str) -> str:
    """Return the kind of a name or bare subject: what stands before the first colon."""
    return name.partition(":")[0]


def subject_of(stream: str) -> str:
    """Return the subject of a stream: what stands before the first slash. The stream is not checked."""
    return stream.partition("/")[0]


def check_stream(text: object) -> str:
    """Return the text if it is a stream of the closed list of event-format §6.

    Raises NameInvalid with code `stream_invalid`.
    """
    if not _is_short(text) or not _is_stream(text):
        raise NameInvalid("This is no stream of the format.", code="stream_invalid")
    return text


def are_streams(texts: Sequence[str]) -> bool:
    """Say whether `check_stream` takes each of these texts."""
    # No stream holds a line break, and each line is matched whole.
    text = "\n".join(texts)
    found = re.findall(_STREAMS, text, re.MULTILINE)
    return len(found) == len(texts) == text.count("\n") + 1 and max(map(len, texts)) <= NAME_CHARS_MAX


def check_subject(text: object) -> str:
    """Return the text if it is a subject of event-format §6: `ledger`, `map`, or the name of a subject's kind.

    Raises NameInvalid with code `stream_invalid`.
    """
    stream = check_stream(text)
    if "/" in stream:
        raise NameInvalid("This is a stream under a subject.", code="stream_invalid")
    return stream


def _grammar_of(head: str) -> str:
    return head + IDS[head[:-1]] if head.endswith(":") else head


def _grammar_of_streams(subject: str, heads: tuple[str, ...]) -> str:
    further = "|".join(map(_grammar_of, heads))
    return f"{_grammar_of(subject)}(?:/(?:{further}))?" if heads else _grammar_of(subject)


_NAME = re.compile("|".join(f"(?:{kind}):{grammar}" for kind, grammar in IDS.items()))
_STREAM = re.compile("|".join(_grammar_of_streams(subject, heads) for subject, heads in SUBJECTS.items()))
# Compiled when a page of a log is first read, and kept by `re`: a bundle has none, and starts the sooner.
_STREAMS = f"^(?:{_STREAM.pattern})$"


def _is_short(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and len(text) <= NAME_CHARS_MAX


@lru_cache(maxsize=16_384)
def _kind(text: str) -> str | None:
    return kind_of(text) if _NAME.fullmatch(text) else None


@lru_cache(maxsize=16_384)
def _is_stream(text: str) -> bool:
    return _STREAM.fullmatch(text) is not None


def _sorted(kinds: Collection[str] | None) -> list[str] | None:
    return None if kinds is None else sorted(kinds)
