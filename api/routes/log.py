"""The log as others' tools read it (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles; proofs under checkpoints.

Checkpoints, tiles and proofs hold hashes alone and are anyone's; entry bundles hold headers, which every party reads,
in the chain of a subject and one by one.
"""

from __future__ import annotations

import gzip
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

import orjson
from annotated_types import Ge
from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from api.bodies import JSON_TYPE, bearer, uri_of
from api.describing import SIGNED, reference, refusals
from api.head import sent_method
from api.quorum import QUORUM, QUORUM_HEADER, quorum_of
from api.routes.reads import NO_BODY
from api.threads import on_thread
from application.identity import identify
from application.proving import ProofUnknown, event_proof, receipt_proof, witnessed_proof
from application.services import Services
from application.work import AggregateCache
from audit import tokens
from audit.errors import AuditError
from audit.tiles import TILE_WIDTH, Tile, encode_bundle, parse_path
from domain.errors import Invalid, NotFound
from domain.shapes import Digest

TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
FRESH: Final = {"Cache-Control": "no-cache"}
PRIVATE: Final = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Authorization, Accept-Encoding"}
"""Headers never change either, but no cache between us and a party may hand them on."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}")


class ReceiptProofAnswer(TypedDict):
    """The receipt of a save and the path of one event's leaf under its root: hashes in hex, lowest first."""

    index: Annotated[int, Ge(0)]
    path: list[Digest]
    receipt: str


class ConsistencyAnswer(TypedDict):
    """The proof of RFC 9162 §2.1.4 that the tree of size `old` begins the one of size `new`: hashes in hex."""

    old: Annotated[int, Ge(1)]
    new: Annotated[int, Ge(1)]
    path: list[Digest]


Work = Callable[[Services, Request], Response]


def checkpoint(services: Services, _: Request) -> Response:
    """Give the newest checkpoint with the newest signature of each key (C2SP tlog-checkpoint, tlog-cosignature)."""
    found = services.proofs.latest()
    if found is None:
        raise ProofUnknown("no checkpoint was published yet")
    return Response(services.proofs.cosigned(found.size), 200, FRESH, TEXT)


def keys(services: Services, _: Request) -> Response:
    """Give the verifier keys that the ledger states of itself: receipts first, then checkpoints (C2SP signed-note)."""
    return Response("".join(f"{key}\n" for key in services.vkeys()), 200, FRESH, TEXT)


def tile(services: Services, request: Request) -> Response:
    """Give a tile of hashes, none beyond the published checkpoint (C2SP tlog-tiles)."""
    asked = _asked(services, request, request.path_params["level"])
    return Response(services.proofs.tile(asked.level or 0, asked.index, asked.width), 200, FOR_EVER, BYTES)


def entries(services: Services, request: Request) -> Response:
    """Give a bundle of headers to a party, none beyond the published checkpoint (C2SP tlog-tiles).

    They are those that `/events/{position}` shows to each party, so that whoever wants to can verify that nothing is
    missing, or look for keys that were registered in his name.
    """
    token = bearer(request)
    identity = identify(token, services.clock.now(), AggregateCache(), services.streams)
    tokens.check_request(
        identity.token, origin=services.origin, method=sent_method(request), uri=uri_of(request), body_hash=NO_BODY
    )
    asked = _asked(services, request, "entries")
    stored = services.recorder.select_log(asked.index * TILE_WIDTH + 1, asked.width)
    data = encode_bundle([each.header for each in stored])
    if "gzip" in request.headers.get("accept-encoding", "").replace(" ", "").split(","):
        return Response(gzip.compress(data, mtime=0), 200, PRIVATE | {"Content-Encoding": "gzip"}, BYTES)
    return Response(data, 200, PRIVATE, BYTES)


def _asked(services: Services, request: Request, level: str) -> Tile:
    """Read the path of a tile that the published tree has. Raises NotFound `tile_unknown`."""
    try:
        asked = parse_path(f"tile/{level}/{request.path_params['rest']}")
    except AuditError as error:
        raise NotFound("there is no such tile", code="tile_unknown") from error
    latest = services.proofs.latest()
    last = (asked.index * TILE_WIDTH + asked.width) * TILE_WIDTH ** (asked.level or 0)
    if latest is None or last > latest.size:
        raise NotFound("the published tree has no such tile", code="tile_unknown")
    return asked


def proof(services: Services, request: Request) -> Response:
    """Prove an event under the first checkpoint that covers it (C2SP tlog-proof@v1): the same bytes at any time.

    With `witnessed=true` under the first one that the quorum of the operator's witnesses cosigned, with their newest
    lines; the header `Evidence-Quorum` says so, or `none`: the operator asks for no quorum, and it is the first of all.
    """
    asked, position = request.query_params.multi_items(), _position(services, request)
    if not asked:
        return Response(event_proof(services.proofs, position, wait=False).text(), 200, FOR_EVER, TEXT)
    if asked != [("witnessed", "true")]:
        raise Invalid("a proof takes witnessed=true and no other parameter", code="query_unknown", known=["witnessed"])
    proven = witnessed_proof(services.proofs, position)
    headers = FRESH | {QUORUM: quorum_of(services.proofs, proven.checkpoint)}
    return Response(proven.text(), 200, headers, TEXT)


def receipt(services: Services, request: Request) -> Response:
    """Give the receipt of the save that an event stands in, and the event's path under the receipt's root."""
    found = receipt_proof(services.recorder, _position(services, request))
    return Response(orjson.dumps(found.to_json()), 200, FOR_EVER, JSON_TYPE)


def consistency(services: Services, request: Request) -> Response:
    """Prove that the tree of size `old` begins the one of size `new` (RFC 9162 §2.1.4); hashes in hex, lowest first."""
    sizes = [request.query_params.get(name, "") for name in ("old", "new")]
    if not all(map(_NUMBER.fullmatch, sizes)) or int(sizes[0]) > int(sizes[1]):
        raise Invalid("old and new are sizes, old at most new", code="sizes_malformed")
    old, new = map(int, sizes)
    latest = services.proofs.latest()
    if latest is None or new > latest.size:
        raise ProofUnknown("the published tree is smaller", size=0 if latest is None else latest.size)
    path = [node.hex() for node in services.proofs.consistency(old, new)]
    return Response(orjson.dumps({"old": old, "new": new, "path": path}), 200, FOR_EVER, JSON_TYPE)


def _position(services: Services, request: Request) -> int:
    text = request.path_params["position"]
    if not _NUMBER.fullmatch(text) or int(text) > services.recorder.head().size:
        raise NotFound("the log has no such position", code="event_unknown")
    return int(text)


# ------------------------------------------------------------------------------------------------------------- routes

_TILE: Final = "(?:x[0-9]{3}/){0,5}[0-9]{3}(?:[.]p/[1-9][0-9]{0,2})?$"


def _text(name: str, place: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string", "pattern": pattern}}


_SIZES: Final = [_text(name, "query", f"^{_NUMBER.pattern}$") for name in ("old", "new")]
_PLACE: Final = [_text("position", "path", f"^{_NUMBER.pattern}$")]
_PROOF: Final = [
    *_PLACE,
    {"name": "witnessed", "in": "query", "required": False, "schema": {"type": "string", "enum": ["true"]},
     "description": "Under the first checkpoint with the quorum of the operator's witnesses, and their lines; "
     "under the first of all where the operator asks for no quorum (`Evidence-Quorum: none`)."},
]  # fmt: skip
_PLACES: Final = [_text("level", "path", "^[0-7]$"), _text("rest", "path", f"^{_TILE}")]
_BUNDLES: Final = [_text("rest", "path", f"^{_TILE}")]
JSON_SHAPES: Final = {"log.receipt": ReceiptProofAnswer, "log.consistency": ConsistencyAnswer}
# Work, id, path, summary, media type, what is given, parameters, statuses of refusals.
# Entries stand before the tiles that they look like.
ROUTES: Final[tuple[tuple[Work, str, str, str, str, str, list[Any], tuple[int, ...]], ...]] = (
    (checkpoint, "log.checkpoint", "/log/checkpoint", "The published checkpoint · 最新检查点", TEXT,
     "A signed note", [], (404, 503)),
    (keys, "log.keys", "/log/keys", "The ledger's verifier keys · 账本验证公钥", TEXT, "One vkey a line", [], (503,)),
    (entries, "log.entries", "/log/tile/entries/{rest:path}", "Headers in bundles · 事件头数据包", BYTES,
     "Each header after its length in two bytes", _BUNDLES, (401, 404, 503)),
    (tile, "log.tile", "/log/tile/{level}/{rest:path}", "A tile of the tree · 哈希瓦片", BYTES,
     "Hashes of 32 bytes", _PLACES, (404, 503)),
    (proof, "log.proof", "/log/proof/{position}", "Proof of an event · 事件存在证明", TEXT, "A tlog-proof@v1", _PROOF,
     (404, 422, 503)),
    (receipt, "log.receipt", "/log/receipt/{position}", "Receipt over an event · 事件回执", JSON_TYPE,
     "The receipt, and the event's path under it", _PLACE, (404, 503)),
    (consistency, "log.consistency", "/log/consistency", "Proof between two sizes · 一致性证明", JSON_TYPE,
     "The path from the old tree to the new", _SIZES, (404, 422, 503)),
)  # fmt: skip


def _endpoint(work: Work) -> Any:  # noqa: ANN401 - FastAPI takes any callable
    async def read(request: Request) -> Response:
        services: Services = request.app.state.services
        return await on_thread(work, services, request)

    return read


def _openapi(
    name: str, kind: str, given: str, parameters: list[Any], statuses: tuple[int, ...], *, signed: bool
) -> dict[str, Any]:
    schema = reference(JSON_SHAPES[name]) if name in JSON_SHAPES else {"type": "string"}
    described: dict[str, Any] = {
        "responses": {
            "200": {"description": given, "content": {kind.partition(";")[0]: {"schema": schema}}},
            **refusals(*statuses),
        },
    }
    if parameters:
        described["parameters"] = parameters
    if parameters is _PROOF:
        described["responses"]["200"]["headers"] = {QUORUM: {**QUORUM_HEADER[QUORUM], "required": False}}
    return described | (dict(SIGNED) if signed else {})


def router() -> APIRouter:
    """Give a router with the log's routes."""
    routes = APIRouter(tags=["log"])
    for work, name, path, summary, kind, given, parameters, statuses in ROUTES:
        described = _openapi(name, kind, given, parameters, statuses, signed=work is entries)
        routes.add_api_route(
            path, _endpoint(work), methods=["GET"], operation_id=name, summary=summary,
            description=inspect.getdoc(work), openapi_extra=described, response_class=Response,
        )  # fmt: skip
    return routes
