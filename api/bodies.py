"""Reading a request's bytes within named limits, exactly as they were signed."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from api.errors import BodyStalled, MediaType
from application.errors import TooLarge, Unauthenticated

SINGLE_BYTES_MAX: Final = 1024 * 1024
NDJSON_BYTES_MAX: Final = 16 * 1024 * 1024
JSON_TYPE: Final = "application/json"
SILENCE_S_MAX: Final = 30
"""A client that sends nothing of its body for so long is given up."""
BODY_S_MAX: Final = 60
"""A body that takes longer is given up, however steadily it drips: no token lives longer either."""
NDJSON_TYPE: Final = "application/x-ndjson"


def is_ndjson(request: Request) -> bool:
    """Tell NDJSON from JSON by the content type; raises MediaType `media_type` for any other, or a coding."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaType("send the body without a content coding", code="content_encoding")
    if kind == NDJSON_TYPE:
        return True
    if kind == JSON_TYPE:
        return False
    raise MediaType(f"send {JSON_TYPE} or {NDJSON_TYPE}", taken=[JSON_TYPE, NDJSON_TYPE])


async def read_body(request: Request, limit: int) -> bytes:
    """Give the body's bytes; raises TooLarge before more than `limit` bytes are held, BodyStalled.

    A client that hangs up in the middle has stalled for ever: nobody reads the answer.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge("the body is too large", limit="body_bytes", maximum=limit)
    parts: list[bytes] = []
    size = 0
    stream = request.stream()
    ends_at = asyncio.get_running_loop().time() + BODY_S_MAX
    try:
        while True:
            left_s = ends_at - asyncio.get_running_loop().time()
            async with asyncio.timeout(min(SILENCE_S_MAX, left_s)):
                part = await anext(stream, None)
            if part is None:
                break
            size += len(part)
            if size > limit:
                raise TooLarge("the body is too large", limit="body_bytes", maximum=limit)
            parts.append(part)
    except TimeoutError:
        if asyncio.get_running_loop().time() >= ends_at:
            raise BodyStalled("the body takes too long", seconds=BODY_S_MAX) from None
        raise BodyStalled("the rest of the body does not come", seconds=SILENCE_S_MAX) from None
    except ClientDisconnect:
        raise BodyStalled("the client hung up in the middle of the body") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def uri_of(request: Request) -> str:
    """Give path and query exactly as received (the token's `uri`)."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("ascii", "backslashreplace")


def idempotency_key(request: Request) -> str | None:
    """Give the header `Idempotency-Key`, with or without the quotation marks of RFC 8941; None where there is none."""
    given = request.headers.getlist("idempotency-key")
    return ",".join(given).strip().removeprefix('"').removesuffix('"') if given else None


def bearer(request: Request) -> bytes:
    """Give the bearer token. Raises Unauthenticated `token_missing` when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("sign the request: Authorization: Bearer <JWT>", code="token_missing")
    return token.strip().encode()
