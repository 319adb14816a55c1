"""Services by name. Nothing is imported before it is asked for, so that a registry costs nobody's start."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import TYPE_CHECKING

from calsync.errors import CalsyncError

if TYPE_CHECKING:
    from calsync.model import Capabilities, Limits, Rate, Rates
    from calsync.providers.base import Link, Provider, ServiceSettings

BUILT_IN = {
    "memory": "calsync.providers.memory",
    "postiz": "calsync.providers.postiz",
    "postqued": "calsync.providers.postqued",
    "tikflow": "calsync.providers.tikflow",
}
"""Name -> module. A plug-in (entry point group `calsync.providers`) cannot take one of these names."""

_GROUP = "calsync.providers"


def known() -> tuple[str, ...]:
    """The names of all services, sorted: built in and from plug-ins."""
    return tuple(sorted({*BUILT_IN, *entry_points(group=_GROUP).names}))


def limits(settings: ServiceSettings) -> Sequence[Limits]:
    """What the service accepts, one per version that could be meant; offline. Raises CalsyncError."""
    found: Sequence[Limits] = _module(settings.service).limits(settings)
    return found


def abilities(settings: ServiceSettings) -> Capabilities:
    """What the service is expected to be able to do, offline (its module's `abilities`).

    Where a plug-in does not say, everything. Raises CalsyncError.
    """
    module = _module(settings.service)
    if not hasattr(module, "abilities"):
        module = _module("memory")
    found: Capabilities = module.abilities(settings)
    return found


def connect(link: Link) -> Provider:
    """The provider of a service; it may ask the service for its version. Raises CalsyncError."""
    provider: Provider = _module(link.settings.service).connect(link)
    return provider


def base_url(service: str) -> str | None:
    """The service's own address (its module's `BASE_URL`); None where it needs neither address nor key."""
    address: str | None = getattr(_module(service), "BASE_URL", None)
    return address


def takes_path(service: str) -> bool:
    """Whether the service's address may have a path (its module's `URL_PATH`), as where people host it themselves."""
    return bool(getattr(_module(service), "URL_PATH", False))


def authorization(service: str) -> str:
    """What the service's `Authorization` header holds, with `{key}` in place of the key (its module's `AUTHORIZATION`)."""
    return str(getattr(_module(service), "AUTHORIZATION", "Bearer {key}"))


def rates(settings: ServiceSettings) -> Mapping[str, Rate]:
    """Requests by class: the documented ones (its module's `RATE_LIMITS`) under the project's."""
    from calsync.model import Rate

    documented: Rates = getattr(_module(settings.service), "RATE_LIMITS", {})
    found = {name: Rate.of(each) for name, each in {**documented, **settings.rate_limits}.items()}
    if settings.creates_per_hour is not None:
        found["publish"] = Rate(settings.creates_per_hour, 3600)
    return found


def _module(service: str) -> ModuleType:
    name = BUILT_IN.get(service)
    if name is None:
        name = next((each.value for each in entry_points(group=_GROUP, name=service)), None)
    if name is None:
        near = difflib.get_close_matches(service, known(), 1)
        raise CalsyncError(
            f"there is no service {service!r}; known are {', '.join(known())}",
            hint=f"did you mean {near[0]}?" if near else None,
            code="unknown-service",
        )
    try:
        return import_module(name)
    except ImportError as error:
        raise CalsyncError(
            f"the plug-in for {service} cannot be loaded from {name}: {error}", code="plug-in"
        ) from error
