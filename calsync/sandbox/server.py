"""Starts and stops the sandbox: two loopback ports, each served by a thread of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType
from typing import Self, Unpack

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from calsync.sandbox import postiz, postqued, seeds, tikflow
from calsync.sandbox.apps import api_app, storage_app
from calsync.sandbox.clock import Clock
from calsync.sandbox.doors import Door, bound
from calsync.sandbox.faults import Faults
from calsync.sandbox.handles import Handles
from calsync.sandbox.limits import Limits
from calsync.sandbox.log import RequestLog
from calsync.sandbox.store import MAIN_WORKSPACE, Store
from calsync.sandbox.world import DEFAULTS, Knobs, World

HOST = "127.0.0.1"
"""The sandbox is never reachable from outside."""


class Sandbox(Handles):
    """Postqued, TikFlow and Postiz on loopback, in threads of this process, from construction until ``close``.

    ``data`` is a folder that keeps their records from run to run; without it they live in a temporary one. A
    port of 0 is any free one. The other arguments are knobs, see ``world.DEFAULTS``. ``url`` is where the
    services answer, ``storage_url`` where the storage behind presigned URLs does.
    """

    def __init__(
        self, data: Path | None = None, port: int = 0, storage_port: int = 0, **knobs: Unpack[Knobs]
    ) -> None:
        """Start serving; when this returns, both ports answer."""
        with ExitStack() as undo:
            # Ports first: one that is in use already is the likeliest thing to go wrong.
            api, stored = (undo.enter_context(bound(HOST, each)) for each in (port, storage_port))
            self.url, self.storage_url = _address(api), _address(stored)
            folder = data or Path(undo.enter_context(TemporaryDirectory(prefix="calsync-sandbox-")))
            store = undo.enter_context(closing(Store(folder)))
            world = World(
                store=store,
                clock=Clock(),
                faults=Faults(),
                limits=Limits(),
                log=RequestLog(),
                knobs=DEFAULTS.copy(),
                doors=[],
            )
            super().__init__(world, knobs)
            for app, listening in (
                (api_app(world, self, self.storage_url), api),
                (storage_app(world), stored),
            ):
                listener = _Listener(app, listening)
                undo.callback(listener.stop)
                world.doors.append(listener.door)
            self._undo = undo.pop_all()

    @property
    def environment(self) -> Mapping[str, str]:
        """Give the variables that point calsync at this sandbox."""
        return {
            "POSTQUED_API_KEY": postqued.KEY,
            "TIKFLOW_API_KEY": tikflow.KEY,
            "POSTIZ_API_KEY": postiz.KEY,
            "CALSYNC_POSTQUED_URL": self.url,
            "CALSYNC_TIKFLOW_URL": self.url,
            "CALSYNC_POSTIZ_URL": self.url,
        }

    def close(self) -> None:
        """Stop serving, break off what is under way, remove temporary data; a second time does nothing."""
        self._undo.close()

    def __enter__(self) -> Self:
        """Serve for the length of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self.close()


def serve(port: int, data: Path | None, announce: Callable[[str], None], **knobs: Unpack[Knobs]) -> None:
    """Serve from the main thread until SIGINT or SIGTERM; ``announce`` gets the start-up lines."""
    done = threading.Event()

    def finish(_number: int, _frame: FrameType | None) -> None:
        done.set()

    with Sandbox(data, port, **knobs) as box:
        before = {number: signal.signal(number, finish) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for line in _welcome(box):
                announce(line)
            done.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _welcome(box: Sandbox) -> list[str]:
    knobs = box.knobs()
    served = ([] if knobs["v1_retired"] else ["Postqued v1"]) + (
        ["Postqued v2"] if knobs["ping"] == 200 else []
    )
    names = ", ".join([*served, "TikFlow"])
    lines = [
        f"calsync sandbox: {names} and Postiz {knobs['postiz']} at {box.url} (storage at {box.storage_url})",
        "",
    ]
    lines += [f"export {name}={value}" for name, value in box.environment.items()]
    lines += ["", "accounts:"]
    for service, accounts in (("postqued", seeds.POSTQUED_ACCOUNTS), ("tikflow", seeds.TIKFLOW_ACCOUNTS)):
        lines += [f"  {service:8}  {account_id}  {username}" for account_id, username, _ in accounts]
    if knobs["ping"] == 200:
        lines += [
            f"  postqued  {account_id}  {username} ({platform}, v2 only)"
            for account_id, username, _, platform in seeds.POSTQUED_V2_ACCOUNTS
        ]
        lines += ["workspace of Postqued v2:", f"  {MAIN_WORKSPACE}  {seeds.MAIN_NAME}"]
    lines += [
        f"  postiz    {each.id}  {each.name} ({each.network}{', disabled' if each.disabled else ''})"
        for each in seeds.POSTIZ_CHANNELS
    ]
    lines += [
        "uploads that TikFlow has ready to be scheduled:",
        *(f"  {upload_id}" for upload_id in seeds.TIKFLOW_UPLOADS),
    ]
    return [*lines, "", "Stop with Ctrl-C."]


def _address(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


class _Protocol(H11Protocol):
    """HTTP/1.1 that shows its transport to the application, which faults need to break the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """uvicorn that stops at once, at another thread's word, without waiting for connections to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        assert sockets
        self.door = Door(sockets[0].getsockname(), self._throw_out, self._listen)
        self.lifespan.state["door"] = self.door
        await super().startup(sockets)
        self.up.set()

    async def _listen(self, bound: socket.socket) -> None:
        await super().startup([bound])

    async def main_loop(self) -> None:
        await self._stopping.wait()

    def _throw_out(self) -> None:
        for listening in self.servers:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._throw_out()
        self.door.leave()
        for listening in sockets or ():
            listening.close()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(0)


class _Listener:
    """One application on one bound socket, in a thread."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=60,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._run, args=(listening,), name="calsync-sandbox", daemon=True
        )
        self._thread.start()
        self._server.up.wait()

    @property
    def door(self) -> Door:
        return self._server.door

    def _run(self, listening: socket.socket) -> None:
        try:
            asyncio.run(self._server.serve([listening]))
        finally:
            # A server that could not start must not leave its starter waiting.
            self._server.up.set()

    def stop(self) -> None:
        self._server.stop()
        self._thread.join()
