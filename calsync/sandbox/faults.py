"""Scripted faults: what goes wrong, with which requests, and when; ``trouble`` is how a request suffers one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, get_args

from calsync.sandbox.log import RequestClass, ServiceName
from calsync.sandbox.wire import Json

FaultKind: TypeAlias = Literal[
    "answer",
    "answer_after",
    "delay",
    "reset_before",
    "reset_after",
    "refuse",
    "stall_before",
    "stall_after",
    "stall_body",
    "drip",
    "truncate",
    "cut",
    "unknown_status",
    "extra_fields",
    "drop_field",
    "duplicate",
    "store_short",
    "store_short_reset",
]
_KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of trouble for the requests that match every given condition.

    Instead of being carried out: ``answer``: the status, body and headers are answered. ``reset_before``: the
    connection breaks. ``stall_before``: nothing is ever answered. ``refuse``: the connection breaks, and no
    new one is accepted at this port for ``seconds``, or until the faults are cleared.

    Carried out all the same: ``delay``: ``seconds`` later. ``answer_after``: then the status, body and headers
    are answered. ``reset_after``: the connection breaks before any answer. ``stall_after``: nothing is ever
    answered; ``stall_body``: nothing after the headers and half the body. ``drip``: a byte of the body every
    ``seconds``. ``truncate``: the connection ends in the middle of the body; ``cut``: the body is half of the
    JSON and says that it is whole.

    Carried out, and the JSON answer changed: ``unknown_status``: every status is a word that nobody documents.
    ``extra_fields``: every object has more of them. ``drop_field``: none has ``field``. ``duplicate``: every
    list has its objects twice, and those of the last such answer once more, as pages that shift do.

    ``store_short``: only half the request's body arrives, and is taken for the whole; ``store_short_reset``:
    the same, and the connection breaks.
    """

    kind: FaultKind
    service: ServiceName | None = None
    request_class: RequestClass | None = None
    method: str | None = None
    path: str | None = None
    """A glob such as ``/api/v1/schedule/*``."""
    skip: int = 0
    """How many matching requests pass unharmed first."""
    times: int | None = 1
    """How many are hit then; None: all."""
    status: int = 503
    body: Json = None
    """Text is sent as it is, anything else as JSON."""
    headers: Mapping[str, str] = default(default_factory=dict)
    seconds: float = 0.0
    field: str = ""
    """The name of the field that ``drop_field`` drops."""

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist, which a type checker cannot see in a test over HTTP."""
        if self.kind not in _KINDS:
            raise ValueError(f"there is no fault {self.kind}: {', '.join(_KINDS)}")

    def matches(self, service: ServiceName, request_class: RequestClass, method: str, path: str) -> bool:
        """Tell whether a request meets the conditions, position apart."""
        return (
            self.service in (None, service)
            and self.request_class in (None, request_class)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
        )


class Faults:
    """The faults still to come, in the order in which they were added: a request meets at most one."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._script: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Add one."""
        with self._lock:
            self._script.append((fault, 0))

    def take(self, service: ServiceName, request_class: RequestClass, method: str, path: str) -> Fault | None:
        """Find the fault for a request and count the request for every fault up to that one."""
        with self._lock:
            for index, (fault, seen) in enumerate(self._script):
                if not fault.matches(service, request_class, method, path):
                    continue
                if fault.times is not None and seen >= fault.skip + fault.times:
                    continue
                self._script[index] = (fault, seen + 1)
                if seen >= fault.skip:
                    return fault
        return None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._script.clear()
