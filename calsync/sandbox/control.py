"""The handles over HTTP, under ``/_sandbox/``, for tests that run ``calsync sandbox`` as its own process.

They are neither logged nor counted nor hit by faults. Times in bodies are ISO 8601 with an offset or ``Z``.

====================  =====================================================================================
GET  requests         ``{"requests": [RequestEntry]}``
GET  posts            ``{"posts": [PostEntry]}``
GET  uploads          ``{"uploads": [UploadEntry]}``
GET  clock            ``{"now": time}``
POST clock            ``{"now": time}`` or ``{"advance_seconds": number}``; answers the new time
GET  publications     ``{"publications": [PublicationEntry]}``: Postiz's
POST accounts         ``{"service", "username"}``, optional ``account_id, display_name, platform,
                      workspace_id, v2_only``; ``{"id"}``
POST workspaces       ``{"name"}``, optional ``workspace_id, organization``: one more at Postqued; ``{"id"}``
POST creator          ``{"account_id"}``, optional ``privacy_levels, longest_seconds, disabled``
POST channel          ``{"account_id"}``, optional ``disabled, refresh_needed``: a channel of Postiz
POST remove-channel   ``{"account_id"}``: a channel of Postiz, with its posts
POST tags             ``{"label"}``: a tag at Postiz; ``{"id"}``
POST media            optional ``kind, media_id``: in Postiz's library; ``{"id"}``
POST contents         optional ``kind, content_id, workspace_id``: in Postqued's library; ``{"id"}``
POST tikflow-uploads  optional ``account_id, upload_id, title, description``; ``{"id"}``
POST posts            ``{"service", "account_id", "at"}``, optional ``caption, media, intent, options, thread``
POST edit             ``{"id"}`` with any of ``at``, ``caption`` and, at Postiz, ``media``, ``thread``
POST stop             ``{"id"}``
POST delete           ``{"id"}``
POST fail             ``{"id"}``, optional ``error``
POST faults           the arguments of ``Sandbox.fault``; the kinds are those of ``faults.Fault``
DELETE faults         forget all faults and accept connections again; not to be reached while this port refuses them
GET  knobs            ``{"knobs": {...}}``
POST knobs            the knobs to change
POST reset            everything as at the start
====================  =====================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calsync.sandbox.handles import Handles
from calsync.sandbox.people import NoSuchPost
from calsync.sandbox.wire import (
    Json,
    JsonObject,
    Refusal,
    invalid,
    iso,
    json_object,
    parse_instant,
    to_datetime,
    to_ms,
)


class Control:
    """The control endpoints of one sandbox."""

    def __init__(self, handles: Handles) -> None:
        """Serve these handles."""
        self._handles = handles

    def routes(self) -> list[Route]:
        """List the endpoints."""
        handles = self._handles
        looks: dict[str, Callable[[], object]] = {
            "requests": handles.requests,
            "posts": handles.posts,
            "publications": handles.publications,
            "uploads": handles.uploads,
            "knobs": handles.knobs,
        }
        actions: dict[str, Callable[..., object]] = {
            "accounts": handles.seed_account,
            "workspaces": handles.seed_workspace,
            "creator": handles.set_creator,
            "channel": handles.set_channel,
            "remove-channel": handles.remove_channel,
            "tags": handles.seed_tag,
            "media": handles.seed_medium,
            "contents": handles.seed_content,
            "tikflow-uploads": handles.seed_upload,
            "posts": handles.add_post,
            "edit": handles.edit_post,
            "stop": handles.stop_post,
            "delete": handles.delete_post,
            "fail": handles.fail_post,
            "faults": handles.fault,
            "knobs": handles.set_knobs,
            "reset": handles.reset,
            "clock": self._set_clock,
        }
        return [
            Route("/_sandbox/clock", self._clock, methods=["GET"]),
            Route("/_sandbox/faults", self._clear_faults, methods=["DELETE"]),
            *(
                Route(f"/_sandbox/{name}", partial(_look, name, look), methods=["GET"])
                for name, look in looks.items()
            ),
            *(
                Route(f"/_sandbox/{name}", partial(_act, action), methods=["POST"])
                for name, action in actions.items()
            ),
        ]

    async def _clock(self, _request: Request) -> Response:
        return JSONResponse({"now": iso(to_ms(self._handles.now()))})

    async def _clear_faults(self, _request: Request) -> Response:
        self._handles.clear_faults()
        return JSONResponse({"ok": True})

    def _set_clock(self, *, now: datetime | None = None, advance_seconds: float = 0.0) -> None:
        if now is not None:
            self._handles.set_now(now)
        self._handles.advance(timedelta(seconds=advance_seconds))


async def _look(name: str, look: Callable[[], object], _request: Request) -> Response:
    # In ASCII, since a client may have sent half a character and the log has it.
    return Response(json.dumps({name: look()}), media_type="application/json")


async def _act(action: Callable[..., object], request: Request) -> Response:
    body: JsonObject = await json_object(request) if await request.body() else {}
    arguments: dict[str, Json | datetime] = {
        "post_id" if name == "id" else name: _value(name, value) for name, value in body.items()
    }
    try:
        made = action(**arguments)
    except NoSuchPost as error:
        raise Refusal(404, "NOT_FOUND", str(error)) from error
    except (TypeError, ValueError) as error:
        raise Refusal(400, "VALIDATION_ERROR", str(error)) from error
    return JSONResponse({"ok": True} if made is None else {"ok": True, "id": made})


def _value(name: str, value: Json) -> Json | datetime:
    if name not in ("at", "now") or value is None:
        return value
    ms = parse_instant(value)
    if ms is None:
        raise invalid(name, "an ISO 8601 time with Z or an offset")
    return to_datetime(ms)
