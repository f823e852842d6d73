"""Asking other people's servers: within a time and a size, whatever they answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from infrastructure.errors import PeerAway

__all__ = ["ANSWER_S_MAX", "Answer", "ask"]

ANSWER_S_MAX: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, content type without its parameters, and the whole body."""

    status: int
    content_type: str
    body: bytes


def ask(
    http: httpx.Client, method: str, url: str, *, bytes_max: int, content: bytes | None = None,
    headers: Mapping[str, str] | None = None, seconds_max: float = ANSWER_S_MAX,
) -> Answer:  # fmt: skip
    """Send one request and read the answer, which may take `seconds_max` in all; redirections are not followed.

    Raises PeerAway when it does not come within the time, or is larger than `bytes_max`.
    """
    until = time.monotonic() + seconds_max
    body = bytearray()
    try:
        with http.stream(method, url, content=content, headers=headers, timeout=seconds_max) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > bytes_max:
                    raise PeerAway("the answer is too large", url=url, bytes_max=bytes_max)
                if time.monotonic() > until:  # httpx limits each read, so that a drip could go on for ever
                    raise PeerAway("the answer did not come in time", url=url, seconds=seconds_max)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(response.status_code, kind, bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL) as lost:
        raise PeerAway(f"no answer from {url}", url=url, reason=type(lost).__name__) from lost
