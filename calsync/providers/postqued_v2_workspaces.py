"""Which workspace a request is for: v2 wants one in every call made with an API key."""

from __future__ import annotations

import threading
from contextlib import suppress

from calsync.errors import CalsyncError, Unauthorized
from calsync.providers.base import Scope
from calsync.providers.postqued_v2_reading import Workspace, workspaces
from calsync.transport import Transport

_CONTEXTS = ("/v2/mcp/context", "/v2/organizations/context")
"""For API keys (v2's reference), and the one in the OpenAPI document; the shape of neither is documented."""


class Workspaces:
    """The workspaces that the key sees, asked for at most once; safe to use from several threads.

    `chosen`: the one that the project names for the service.
    """

    def __init__(self, transport: Transport, service: str, chosen: str | None) -> None:
        self._transport = transport
        self._service = service
        self._chosen = chosen
        self._lock = threading.Lock()
        self._seen: tuple[Workspace, ...] | None = None
        self._homes: dict[str, str] = {}

    def of(self, scope: Scope) -> str:
        """The workspace of a scope: its own, else its account's as far as that was met, else the default."""
        return scope.workspace or self._homes.get(scope.account.id) or self.default()

    def note(self, scope: Scope) -> None:
        """Remember an account's workspace, for records from before it had one (v1's)."""
        if scope.workspace is not None:
            self._homes.setdefault(scope.account.id, scope.workspace)

    def default(self) -> str:
        """The chosen one, else the only one. Raises CalsyncError that lists them where there are several."""
        if self._chosen is not None:
            return self._chosen
        seen = self._all()
        if len(seen) == 1:
            return seen[0].id
        if seen:
            raise CalsyncError(
                f"the key of {self._service} sees {len(seen)} workspaces: {', '.join(map(str, sorted(seen)))}",
                hint="name the one you mean by its id: `workspace:` on the account, or"
                f" `providers.{self._service}.workspace` for all",
                code="workspace",
            )
        raise CalsyncError(
            f"{self._service} does not say which workspaces the key sees",
            hint=f"name yours by its id, from the dashboard: `providers.{self._service}.workspace`",
            code="workspace",
        )

    def all(self) -> tuple[str, ...]:
        """All that are known of, the chosen one first. Raises CalsyncError where none is."""
        if self._chosen is None:
            return tuple(each.id for each in self._all()) or (self.default(),)
        # A key that may not ask which there are can work in the one that it was given.
        with suppress(Unauthorized):
            return tuple(dict.fromkeys((self._chosen, *(each.id for each in self._all()))))
        return (self._chosen,)

    def _all(self) -> tuple[Workspace, ...]:
        with self._lock:
            if self._seen is None:
                self._seen = self._asked()
            return self._seen

    def _asked(self) -> tuple[Workspace, ...]:
        for path in _CONTEXTS:
            # The second is documented for a browser's session only, so that a key may be refused there.
            turned_away = (400, 401, 403, 404, 405, 410) if path == _CONTEXTS[-1] else (404, 405, 410)
            answer = self._transport.request("GET", path, klass="read", accept=turned_away)
            if answer.status == 200 and (found := workspaces(answer.body)):
                return found
        return ()
