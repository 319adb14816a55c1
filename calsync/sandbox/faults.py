"""Scripted faults: what goes wrong, with which requests, and when."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, get_args

from calsync.sandbox.log import RequestClass, ServiceName
from calsync.sandbox.wire import Json

FaultKind: TypeAlias = Literal["answer", "answer_after", "delay", "reset_before", "reset_after"]
_KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of trouble for the requests that match every given condition.

    ``answer``: the status, body and headers are answered and nothing is done. ``answer_after``: the request
    is carried out first. ``delay``: it is carried out ``seconds`` later. ``reset_before``: the connection
    breaks and nothing is done. ``reset_after``: the request is carried out and the connection breaks before
    any answer.
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
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

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
