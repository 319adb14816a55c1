"""The object storage behind Postqued's presigned URLs, on a port of its own, with an object store's rules.

v1's guide documents the three steps and the ``Content-Type`` header; that a bearer key must not be sent along
is v2's word. Expiry, the signed content type and the demand for a length are the customs of S3-like stores.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calsync.sandbox.gate import Service
from calsync.sandbox.limits import Verdict
from calsync.sandbox.log import RequestClass
from calsync.sandbox.store import note_transfer
from calsync.sandbox.wire import Json, Refusal
from calsync.sandbox.world import World

BUCKET = "postqued-media"


def envelope(refusal: Refusal) -> Response:
    """Answer an error as S3 does: XML with a code."""
    text = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
    return Response(text, refusal.status, refusal.headers, media_type="application/xml")


def _classify(method: str, _path: str, _body: Json) -> RequestClass:
    return "upload" if method == "PUT" else "other"


def _no_headers(_verdict: Verdict) -> dict[str, str]:
    return {}


SERVICE = Service(
    name="storage",
    key=None,
    public=frozenset(),
    classify=_classify,
    limits={},
    envelope=envelope,
    headers=_no_headers,
)


class Storage:
    """Takes the bytes of a content that Postqued has announced."""

    def __init__(self, world: World) -> None:
        """Serve one sandbox."""
        self._world = world

    def routes(self) -> list[Route]:
        """List the one way in."""
        return [Route(f"/{BUCKET}/{{key:path}}", self.put, methods=["PUT"])]

    async def put(self, request: Request) -> Response:
        """Take a body in, streamed, and note it at its content."""
        content_id = self._admit(request)
        with self._world.store.receive() as receipt:
            async for chunk in request.stream():
                receipt.write(chunk)
            sha256 = receipt.keep()
        with self._world.store.transaction() as db:
            db.execute(
                "UPDATE contents SET sha256 = ?, size = ?, status = CASE status WHEN 'waiting' THEN 'stored'"
                " ELSE status END WHERE id = ?",
                (sha256, receipt.size, content_id),
            )
            note_transfer(db, "postqued", content_id, sha256, receipt.size, self._world.clock.now_ms())
        return Response(headers={"ETag": f'"{sha256[:32]}"'})

    def _admit(self, request: Request) -> str:
        if "authorization" in request.headers:
            raise Refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        with self._world.store.transaction() as db:
            row = db.execute(
                "SELECT id, content_type, url_expires_ms FROM contents"
                " WHERE object_key = ? AND signature = ?",
                (request.path_params["key"], request.query_params.get("X-Signature")),
            ).fetchone()
        if row is None:
            raise Refusal(403, "SignatureDoesNotMatch", "The address is not one that was signed")
        if self._world.clock.now_ms() >= row["url_expires_ms"]:
            raise Refusal(403, "AccessDenied", "Request has expired")
        if request.headers.get("content-type") != row["content_type"]:
            raise Refusal(403, "SignatureDoesNotMatch", "The content type is not the one that was signed")
        if "content-length" not in request.headers:
            raise Refusal(411, "MissingContentLength", "The Content-Length header is required")
        return str(row["id"])
