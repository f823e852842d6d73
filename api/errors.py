"""The one table from refusals to HTTP: RFC 9457 problems with stable codes, in English and Chinese.

Domain and evidence know nothing of HTTP; this is where their codes meet it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

import orjson
from starlette.responses import Response

from application import errors as writing
from audit import errors as evidence
from domain import errors as domain
from domain.catalogue import finding_codes
from domain.packs import OWN, load_pack

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1

_STATUS: Final[tuple[tuple[type[Exception], HTTPStatus], ...]] = (
    (writing.Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (writing.TokenLate, HTTPStatus.UNAUTHORIZED),
    (writing.TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (writing.OutcomeUnknown, HTTPStatus.SERVICE_UNAVAILABLE),
    (writing.Unforeseen, HTTPStatus.INTERNAL_SERVER_ERROR),
    (domain.Busy, HTTPStatus.SERVICE_UNAVAILABLE),
    (domain.NotFound, HTTPStatus.NOT_FOUND),
    (domain.Forbidden, HTTPStatus.FORBIDDEN),
    (domain.Conflict, HTTPStatus.CONFLICT),
    (domain.RuleBroken, HTTPStatus.UNPROCESSABLE_ENTITY),
    (domain.Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (domain.DomainError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (evidence.CanonicalError, HTTPStatus.BAD_REQUEST),
    (evidence.TokenRefused, HTTPStatus.UNAUTHORIZED),
    (evidence.AuditError, HTTPStatus.UNPROCESSABLE_ENTITY),
)

_TITLES: Final[dict[HTTPStatus, tuple[str, str]]] = {
    HTTPStatus.BAD_REQUEST: ("The request cannot be read", "请求无法解析"),
    HTTPStatus.UNAUTHORIZED: ("The request is not proven to be yours", "请求未通过身份验证"),
    HTTPStatus.FORBIDDEN: ("You have no right to this", "无权进行此操作"),
    HTTPStatus.NOT_FOUND: ("There is no such thing here", "未找到"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("This cannot be done here", "不支持此方法"),
    HTTPStatus.REQUEST_TIMEOUT: ("The request did not come to its end", "请求未完整送达"),
    HTTPStatus.CONFLICT: ("The ledger's state does not allow it", "与账本现状冲突"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("The request passes a limit", "请求超出限制"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("The request is of a kind not taken here", "不支持的媒体类型"),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("The request passes a limit", "请求超出限制"),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("The request is refused", "请求被拒绝"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("The ledger failed", "账本内部错误"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("The ledger cannot take this now", "账本暂时无法受理"),
}


class MediaType(domain.Invalid):
    """The content type or coding is not taken."""

    code = "media_type"


class BodyStalled(domain.Invalid):
    """The client stopped sending its body; nothing was written."""

    code = "body_stalled"


def status_of(error: Exception) -> HTTPStatus:
    """Give the HTTP status of a refusal."""
    if isinstance(error, MediaType):
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if isinstance(error, BodyStalled):
        return HTTPStatus.REQUEST_TIMEOUT
    return next((s for kind, s in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def titles(status: HTTPStatus) -> tuple[str, str]:
    """Give what a status says, in English and Chinese."""
    return _TITLES.get(status, (status.phrase, status.phrase))


@cache
def refusals() -> Mapping[str, Mapping[str, str]]:
    """Give every code that a client can meet: `zh`, and `en` where the sentence of the refusal says only part of it."""
    rows = json.loads(files("api").joinpath("refusals.json").read_text(encoding="utf-8"))
    return {row["code"]: row for row in rows}


@cache
def problem_codes() -> Mapping[str, Mapping[str, Any]]:
    """Give what every code means: `code`, `statuses`, and its sentence `en` and `zh` (`problems.json` is generated)."""
    rows = json.loads(files("api").joinpath("problems.json").read_text(encoding="utf-8"))
    return {row["code"]: {**row, "zh": refusals()[row["code"]]["zh"]} for row in rows}


@cache
def _rules() -> Mapping[str, str]:
    return {rule.id: rule.title_zh for rule in load_pack(OWN).rules}


def detail_zh(status: HTTPStatus, code: str, details: Mapping[str, Any]) -> str:
    """Give the sentence of a refusal in Chinese: that of its code, or what was found and the rule that refuses."""
    row = refusals().get(code)
    text = titles(status)[1] if row is None else row["zh"]
    rule, found = details.get("rule"), finding_codes().get(str(details.get("finding")))
    if not isinstance(rule, str):
        return text
    named = f"{_rules()[rule]}({rule})" if rule in _rules() else rule
    return f"{text if found is None else found.zh}(规则：{named})"


def in_chinese(refused: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give refused lines, each with its sentence in Chinese; it is not stored with them."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return [{**line, "message_zh": detail_zh(status, line["code"], line["details"])} for line in refused]


def problem(error: domain.DomainError | evidence.AuditError) -> Response:
    """Give the problem document of a refusal; `details` are machine-readable and never personal."""
    return answer(status_of(error), error.code, error.message, error.details)


def answer(status: HTTPStatus, code: str, detail: str, details: dict[str, Any] | None = None) -> Response:
    """Give an RFC 9457 problem: type, title, title_zh, status, code, detail, detail_zh, details."""
    title, title_zh = titles(status)
    body = {
        "type": f"/problems/{code}",
        "title": title,
        "title_zh": title_zh,
        "status": int(status),
        "code": code,
        "detail": detail,
        "detail_zh": detail_zh(status, code, details or {}),
        "details": details or {},
    }
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{code}"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str((details or {}).get("retry_after_s", RETRY_AFTER_S))
    return Response(orjson.dumps(body, default=str), int(status), headers, MEDIA_TYPE)
