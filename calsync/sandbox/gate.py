"""The gate before each service: it logs a request, lets faults hit it, settles time, checks key and limit."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calsync.sandbox.faults import Fault
from calsync.sandbox.lateness import Lateness
from calsync.sandbox.limits import Verdict
from calsync.sandbox.log import RequestClass, RequestEntry, ServiceName
from calsync.sandbox.passing import settle
from calsync.sandbox.trouble import Trouble, break_off, nowhere
from calsync.sandbox.wire import Json, Refusal, iso
from calsync.sandbox.world import World

logger = logging.getLogger(__name__)


def _turned_away(_given: str) -> Refusal:
    return Refusal(401, "UNAUTHORIZED", "The API key is missing or wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the gate has to know of the service behind it."""

    name: ServiceName
    key: str | None
    """The key; None where none is asked for."""
    public: frozenset[str]
    """Paths that need no key and are not counted."""
    classify: Callable[[str, str, Json], RequestClass]
    """From method, path and JSON body."""
    limits: Mapping[RequestClass, str]
    """The name of the rate limit of a class; a class without one is not limited."""
    envelope: Callable[[Refusal], Response]
    """The service's way to answer an error."""
    headers: Callable[[Verdict], dict[str, str]]
    """What it says about its limits in the headers of every answer."""
    scheme: str = "Bearer "
    """What stands before the key in the ``Authorization`` header."""
    turned_away: Callable[[str], Refusal] = _turned_away
    """What it says to a request with this ``Authorization`` header, which is not the right one."""


class Gate:
    """ASGI application around a service's own."""

    def __init__(self, app: ASGIApp, world: World, service: Service) -> None:
        """Stand before ``app``."""
        self._app = app
        self._world = world
        self._service = service
        self._trouble = Trouble()
        self._lateness = Lateness()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        try:
            await self._handle(scope, receive, send)
        except ClientDisconnect:
            # The client went away in the middle of its body: nothing was done and nobody is left to answer.
            return

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if headers.get("content-type", "").startswith("application/json"):
            body = await _whole_body(receive)
            receive = _replay(body, receive)
        else:
            body = b""
        entry = self._log(scope, headers, body)
        if not self._world.log.tell("before", entry):
            await break_off(scope, receive)
            return
        fault = self._world.faults.take(
            self._service.name, entry["request_class"], entry["method"], entry["path"]
        )
        if fault is None:
            await self._answer(scope, receive, send, entry)
        else:
            entry["fault"] = fault.kind
            await self._suffer(fault, scope, receive, send, entry)

    def _log(self, scope: Scope, headers: Headers, body: bytes) -> RequestEntry:
        method, path, said = str(scope["method"]), str(scope["path"]), _parsed(body)
        request_class = self._service.classify(method, path, said)
        entry = RequestEntry(
            n=0,
            at=iso(self._world.clock.now_ms()),
            elapsed=0.0,
            service=self._service.name,
            request_class=request_class,
            write=method not in ("GET", "HEAD") and request_class != "check",
            method=method,
            path=path,
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            body=said,
            key_ok=self._key_ok(headers),
            idempotency_key=headers.get("idempotency-key"),
            status=None,
            fault=None,
        )
        return self._world.log.begin(entry)

    def _key_ok(self, headers: Headers) -> bool:
        if self._service.key is None:
            return False
        given = headers.get("authorization", "").encode()
        return hmac.compare_digest(given, f"{self._service.scheme}{self._service.key}".encode())

    async def _suffer(
        self, fault: Fault, scope: Scope, receive: Receive, send: Send, entry: RequestEntry
    ) -> None:
        async def carry_out(receive: Receive, send: Send) -> None:
            await self._answer(scope, receive, send, entry)

        if fault.kind in ("answer", "answer_after"):

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    entry["status"] = fault.status
                await send(message)

            await self._trouble.suffer(fault, scope, receive, noted, carry_out)
            return
        await self._trouble.suffer(fault, scope, receive, send, carry_out)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, entry: RequestEntry) -> None:
        onward = send

        async def noted(message: Message) -> None:
            nonlocal onward
            # Before the client can know the answer, so that whoever has it finds it in the log.
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                message["headers"] = [*message["headers"], *extra]
                if not self._world.log.tell("after", entry):
                    onward = nowhere
                    await break_off(scope, receive)
            await onward(message)

        settle(self._world)
        verdict, refusal = self._judge(entry, Headers(scope=scope).get("authorization", ""))
        said = self._service.headers(verdict) if verdict else {}
        extra = [(name.encode(), value.encode()) for name, value in said.items()]
        if refusal is not None:
            await self._service.envelope(refusal)(scope, receive, noted)
            return
        try:
            with self._lateness.around(entry, self._world.store, self._world.knobs):
                await self._app(scope, receive, noted)
        except ClientDisconnect:
            raise
        except Exception:
            # Starlette has answered 500 by now; the traceback is for whoever mends the sandbox.
            logger.exception("the sandbox itself failed at %s %s", entry["method"], entry["path"])

    def _judge(self, entry: RequestEntry, given: str) -> tuple[Verdict | None, Refusal | None]:
        setting = self._world.knobs["rate_limits"]
        name = self._service.limits.get(entry["request_class"])
        counted = entry["path"] not in self._service.public
        admitted = entry["key_ok"] or not counted or self._service.key is None
        verdict = self._world.limits.judge(name, setting, count=counted and admitted) if name else None
        if not admitted:
            return verdict, self._service.turned_away(given)
        if verdict is not None and verdict.retry_after is not None:
            return verdict, Refusal(429, "RATE_LIMITED", f"More than {verdict.limit} requests a minute")
        return verdict, None


async def _whole_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, then whatever comes after it."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again


def _parsed(body: bytes) -> Json:
    try:
        value: Json = json.loads(body) if body else None
    except ValueError:
        return None
    return value
