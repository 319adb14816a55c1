"""How a request suffers a fault, on its way in and on its way out."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from calsync.sandbox.changed import changed, entries
from calsync.sandbox.doors import Door
from calsync.sandbox.faults import Fault
from calsync.sandbox.wire import Json

CarryOut = Callable[[Receive, Send], Awaitable[None]]
"""Does what the request asks for, and answers."""

_CHANGES = ("unknown_status", "extra_fields", "drop_field", "duplicate")


class Trouble:
    """Lets faults hit requests; one for each service."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._shown: dict[str, list[Json]] = {}

    async def suffer(
        self, fault: Fault, scope: Scope, receive: Receive, send: Send, carry_out: CarryOut
    ) -> None:
        """Do to a request what its fault says."""
        kind = fault.kind
        if kind == "delay":
            await asyncio.sleep(fault.seconds)
            await carry_out(receive, send)
        elif kind in ("answer", "answer_after"):
            if kind == "answer_after":
                await carry_out(receive, nowhere)
            await _scripted(fault)(scope, receive, send)
        elif kind.startswith("store_short"):
            await self._short(fault, scope, receive, send, carry_out)
        elif kind in ("reset_before", "stall_before", "refuse"):
            await _leave(fault, scope, receive)
        else:
            given = _Given()
            await carry_out(receive, given.take)
            if kind in ("reset_after", "stall_after"):
                await _leave(fault, scope, receive)
            else:
                await self._spoil(fault, given, scope, receive, send)

    async def _spoil(self, fault: Fault, given: _Given, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the service's own answer, but not as it was."""
        if fault.kind in _CHANGES:
            given.replace(self._changed(fault, given.body, str(scope["path"])))
        elif fault.kind == "cut":
            given.replace(given.body[: len(given.body) // 2])
        await send(given.start)
        if fault.kind == "drip":
            await _drip(given.body, fault.seconds, receive, send)
            return
        if fault.kind not in ("stall_body", "truncate"):
            await send({"type": "http.response.body", "body": given.body})
            return
        half = given.body[: len(given.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        if fault.kind == "truncate":
            transport: asyncio.Transport = scope["state"]["transport"]
            transport.close()
        await _gone(receive)

    def _changed(self, fault: Fault, body: bytes, path: str) -> bytes:
        try:
            said: Json = json.loads(body)
        except ValueError:
            return body
        before, self._shown[path] = self._shown.get(path, []), entries(said)
        return json.dumps(changed(fault.kind, said, fault.field, before)).encode()

    async def _short(
        self, fault: Fault, scope: Scope, receive: Receive, send: Send, carry_out: CarryOut
    ) -> None:
        left = int(Headers(scope=scope).get("content-length", "0")) // 2

        async def half() -> Message:
            nonlocal left
            message = await receive()
            if message["type"] != "http.request" or left < 0:
                return message
            body = message.get("body", b"")[:left]
            left -= len(body)
            if left > 0:
                return {**message, "body": body}
            left = -1
            return {"type": "http.request", "body": body, "more_body": False}

        reset = fault.kind == "store_short_reset"
        await carry_out(half, nowhere if reset else send)
        if reset:
            await break_off(scope, receive)


@dataclass
class _Given:
    """An answer that was given and has not gone out."""

    start: Message = field(default_factory=dict)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    def replace(self, body: bytes) -> None:
        kept = [(name, value) for name, value in self.start["headers"] if name.lower() != b"content-length"]
        self.start = {**self.start, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
        self.body = body


def _scripted(fault: Fault) -> Response:
    headers = dict(fault.headers)
    if isinstance(fault.body, str):
        return Response(fault.body, fault.status, headers, media_type="text/plain")
    return JSONResponse(fault.body, fault.status, headers)


async def nowhere(message: Message) -> None:
    """Lose an answer."""


async def _leave(fault: Fault, scope: Scope, receive: Receive) -> None:
    """Leave a client without any answer."""
    if fault.kind == "refuse":
        door: Door = scope["state"]["door"]
        door.shut(fault.seconds)
    if fault.kind.startswith("stall"):
        await _gone(receive)
    else:
        await break_off(scope, receive)


async def _drip(body: bytes, seconds: float, receive: Receive, send: Send) -> None:
    async def drops() -> None:
        for index in range(len(body)):
            await send({"type": "http.response.body", "body": body[index : index + 1], "more_body": True})
            await asyncio.sleep(seconds)
        await send({"type": "http.response.body", "body": b""})

    ends = [asyncio.ensure_future(drops()), asyncio.ensure_future(_gone(receive))]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ends:
            each.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*ends)


async def _gone(receive: Receive) -> None:
    """Wait until the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def break_off(scope: Scope, receive: Receive) -> None:
    """Break the connection so that the client meets a reset and never a tidy end."""
    transport: asyncio.Transport = scope["state"]["transport"]
    connection = transport.get_extra_info("socket")
    # Zero linger turns the close into a TCP reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(receive)
