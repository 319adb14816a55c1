"""Puts the services behind their gates: one application for the API port, one for the storage port."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from calsync.sandbox import postiz, postqued, storage, tikflow
from calsync.sandbox.control import Control
from calsync.sandbox.gate import Gate, Service
from calsync.sandbox.handles import Handles
from calsync.sandbox.postiz import Postiz
from calsync.sandbox.postiz_media import PostizMedia
from calsync.sandbox.postqued_v1 import PostquedV1
from calsync.sandbox.postqued_v2 import PostquedV2
from calsync.sandbox.tikflow import TikFlow
from calsync.sandbox.tikflow_uploads import Uploads
from calsync.sandbox.v2_contents import Contents
from calsync.sandbox.wire import Refusal
from calsync.sandbox.world import World


def api_app(world: World, handles: Handles, storage_url: str) -> ASGIApp:
    """Serve TikFlow under ``/api/``, Postiz under ``/public/``, control under ``/_sandbox/``, else Postqued."""
    tikflow_app = _gated(world, tikflow.SERVICE, [*TikFlow(world).routes(), *Uploads(world).routes()])
    postiz_routes = [*Postiz(world).routes(), *PostizMedia(world, postiz.ROOT).routes()]
    postiz_app = _gated(world, postiz.SERVICE, postiz_routes)
    versions = [
        *PostquedV1(world, storage_url).routes(),
        *PostquedV2(world).routes(),
        *Contents(world, storage_url).routes(),
    ]
    postqued_app = _gated(world, postqued.SERVICE, versions)
    control_app = _answering(postqued.SERVICE, Control(handles).routes())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        if path.startswith("/_sandbox/"):
            chosen = control_app
        elif path.startswith("/api/"):
            chosen = tikflow_app
        elif path.startswith("/public/"):
            chosen = postiz_app
        else:
            chosen = postqued_app
        await chosen(scope, receive, send)

    return app


def storage_app(world: World) -> ASGIApp:
    """Serve the object storage."""
    return _gated(world, storage.SERVICE, storage.Storage(world).routes())


def _gated(world: World, service: Service, routes: Sequence[Route]) -> ASGIApp:
    return Gate(_answering(service, routes), world, service)


def _answering(service: Service, routes: Sequence[Route]) -> ASGIApp:
    """Answer errors in the service's own envelope; an unknown method is 404 like an unknown path."""

    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return service.envelope(error)
        if isinstance(error, HTTPException) and error.status_code not in (404, 405):
            return service.envelope(Refusal(error.status_code, "VALIDATION_ERROR", error.detail))
        if isinstance(error, HTTPException):
            return service.envelope(
                Refusal(404, "NOT_FOUND", f"There is no {request.method} {request.url.path} here")
            )
        return service.envelope(Refusal(500, "INTERNAL_ERROR", f"the sandbox itself failed: {error!r}"))

    handlers = {Refusal: refused, HTTPException: refused, Exception: refused}
    return Starlette(routes=routes, exception_handlers=handlers)
