"""What the verbs work on: a project's files, services, store and clock, all handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from calsync.desired import Loaded
from calsync.errors import Unauthorized
from calsync.model import Limits, MediaFile, Rate
from calsync.providers.base import Provider, ServiceSettings
from calsync.settings import Settings
from calsync.stores.base import Store


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit that the calendars are at. `clean`: nothing of the project was changed since.

    `precedes`: whether it is an ancestor of another commit; None where that cannot be told.
    """

    id: str
    clean: bool
    precedes: Callable[[str], bool | None]

    @property
    def name(self) -> str:
        """For people."""
        return self.id if self.clean else f"{self.id}, with changes that are not committed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project, open for the verbs.

    `load` reads the calendars; `connect` opens a service until the stack is closed (raises Unauthorized where its
    key is not set); `limits` tells what a service takes, offline.
    """

    settings: Settings
    store: Store
    now: Callable[[], datetime]
    load: Callable[[], Loaded]
    connect: Callable[[str, ExitStack], Provider]
    limits: Callable[[ServiceSettings], Sequence[Limits]]
    fetcher: Callable[[], Callable[[Sequence[MediaFile]], None] | None] = lambda: None
    """How the files behind Git LFS pointers are fetched (raises CalsyncError); None where they cannot be."""
    commit: Callable[[], Commit | None] = lambda: None
    """Where the calendars are in git, if they are."""
    namesakes: Callable[[], tuple[str, ...]] = tuple
    """The other project files of the repository that name the same project."""
    rates: Callable[[ServiceSettings], Mapping[str, Rate]] = lambda _: {}
    """How many requests a service takes, by class, offline."""
    survives: bool = False
    """Its state outlives the machine."""
    ci: bool = False
    """It runs in CI, where a local file does not survive the job."""

    def limits_of(self, service: str, api: str | None = None) -> Sequence[Limits]:
        """The limits of a service: of one version, or of all that the settings allow."""
        settings = self.settings.services[service]
        return self.limits(settings if api is None else replace(settings, api=api))

    def writes(self, service: str) -> Rate | None:
        """How many posts a service lets us write; None where nobody says."""
        settings = self.settings.services.get(service)
        rates = {} if settings is None else self.rates(settings)
        return rates.get("publish", rates.get("all"))

    def services(self) -> Services:
        """The services of one run; a context manager that closes them."""
        return Services(self.connect)


@dataclass
class Services:
    """The services that a run has reached so far."""

    _connect: Callable[[str, ExitStack], Provider]
    providers: dict[str, Provider] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def reach(self, names: Iterable[str]) -> dict[str, Unauthorized]:
        """Connect to these services; returns those that there is no key for.

        Raises CalsyncError where a service cannot be talked to at all, so that no version is guessed.
        """
        closed: dict[str, Unauthorized] = {}
        for name in sorted(set(names) - self.providers.keys()):
            try:
                self.providers[name] = self._connect(name, self._stack)
            except Unauthorized as error:
                closed[name] = error
        return closed
