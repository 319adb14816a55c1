"""From options and environment to a project: the composition root."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from calsync.cli.group import Common
from calsync.cli.printing import colours, err
from calsync.errors import Unauthorized
from calsync.interrupts import StopSign
from calsync.model import stamp
from calsync.providers.base import Provider
from calsync.reconcile.project import Commit, Project
from calsync.settings import PROJECT_FILE, Environment, InvalidProject, Settings, find_project, load_settings
from calsync.stores.base import Holder, Store

if TYPE_CHECKING:
    from calsync.desired import Loaded
    from calsync.git.repository import Repository
    from calsync.model import MediaFile
    from calsync.transport import Transport


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a command: its project, its environment, and how it prints."""

    project: Project
    environment: Environment
    common: Common
    stop: StopSign

    @property
    def colour(self) -> bool:
        """Whether stdout gets colours."""
        return colours(sys.stdout, self.environment, no_color=self.common.no_color)

    def holder(self) -> Holder:
        """Who writes, for whoever has to wait and for the state's history."""
        commit = self.project.commit()
        return Holder(
            host=socket.gethostname(),
            pid=os.getpid(),
            since=stamp(self.project.now()),
            run=self.environment.run_url,
            actor=self.environment.actor,
            commit=None if commit is None else commit.name,
        )


def clock() -> datetime:
    """The present."""
    return datetime.now(UTC)


def session(ctx: click.Context) -> Session:
    """Open the project that the options mean. Raises CalendarError where it is invalid or there is none."""
    common = ctx.ensure_object(Common)
    environment = Environment.read(common.environ)
    stop = StopSign()
    directory = Path(common.directory or ".")
    try:
        settings = load_settings(find_project(common.config, directory, environment))
    except InvalidProject as invalid:
        from calsync.cli.secrecy import blotted
        from calsync.desired import all_problems

        raise blotted(all_problems(invalid), environment.secrets()) from invalid
    observe = err if common.verbose else None
    notice = None if common.quiet else err
    project = open_project(
        settings, environment, common.now or clock, stop, observe, common.transport, notice
    )
    return Session(project, environment, common, stop)


def open_project(
    settings: Settings,
    environment: Environment,
    now: Callable[[], datetime],
    stop: StopSign,
    observe: Callable[[str], None] | None,
    transport: Callable[..., Transport] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Project:
    """A project with its real files, store and services."""
    from calsync.providers import limits, rates

    @cache
    def repository() -> Repository | None:
        from calsync.git.calls import Git
        from calsync.git.repository import Repository

        return Repository.find(settings.root, Git(environment.for_git()))

    def load() -> Loaded:
        from calsync.cli.secrecy import kept
        from calsync.desired import load as load_calendars
        from calsync.media import ProbeCache

        cache = ProbeCache(settings.root)
        loaded = load_calendars(settings, cache)
        cache.save()
        return kept(loaded, environment.secrets())

    def connect(service: str, stack: ExitStack) -> Provider:
        return _connect(settings, environment, service, now, stop, stack, observe, transport, notice)

    def fetcher() -> Callable[[Sequence[MediaFile]], None] | None:
        return _fetcher(settings, environment, repository)

    return Project(
        settings=settings,
        store=_store(settings, environment, repository),
        now=now,
        load=load,
        connect=connect,
        limits=limits,
        rates=rates,
        fetcher=cache(fetcher),
        commit=cache(lambda: _commit(settings, repository)),
        namesakes=cache(lambda: _namesakes(settings, repository)),
        ci=environment.ci,
        survives=settings.state_backend != "file",
    )


def _store(
    settings: Settings, environment: Environment, repository: Callable[[], Repository | None]
) -> Store:
    """The store that the project file names. Raises StateError where it cannot be one."""
    from calsync.stores import open_store

    branch = None
    if settings.state_backend == "git":
        from calsync.git.branch import Branch, folder_of
        from calsync.git.repository import Token

        found, token = repository(), environment.git_token()
        if found is not None:
            branch = Branch(
                found,
                settings.state_branch,
                folder_of(settings.project, found.prefix(settings.root)),
                remote=settings.remote,
                token=None if token is None else Token(token[0], token[1].reveal()),
            )
    path = settings.root / settings.state_path
    return open_store(settings.state_backend, path=path, root=settings.root, branch=branch)


def _fetcher(
    settings: Settings, environment: Environment, repository: Callable[[], Repository | None]
) -> Callable[[Sequence[MediaFile]], None] | None:
    """What fetches files from Git LFS; None outside of a repository and where there is no git-lfs."""
    from calsync.git.calls import Git, GitProblem
    from calsync.git.lfs import has_lfs, pull
    from calsync.media import pull_patterns

    git = Git(environment.for_git())
    try:
        if repository() is None or not has_lfs(git, settings.root):
            return None
    except GitProblem:
        return None

    def fetch(files: Sequence[MediaFile]) -> None:
        patterns = [f"/{each}" for each in pull_patterns(settings.root, (file.path for file in files))]
        pull(git, settings.root, patterns, sum(file.size for file in files))

    return fetch


def _commit(settings: Settings, repository: Callable[[], Repository | None]) -> Commit | None:
    """The commit that the calendars are at; None where they are in no repository that git can read."""
    from calsync.git.calls import GitProblem

    try:
        found = repository()
        head = None if found is None else found.head()
        if found is None or head is None or not found.tracks(settings.root / settings.file):
            return None
        clean = found.clean(settings.root)
    except GitProblem:
        return None  # where git is needed, for a state on a branch, the store says so
    there, here = found, head

    @cache
    def precedes(other: str) -> bool | None:
        return there.precedes(here, other, settings.remote)

    return Commit(head, clean=clean, precedes=precedes)


def _namesakes(settings: Settings, repository: Callable[[], Repository | None]) -> tuple[str, ...]:
    """Other projects' files that name this project, as far as git can tell; variants beside its own are the same one."""
    from calsync.git.calls import GitProblem

    try:
        found = repository() if settings.project is not None else None
        if found is None or settings.project is None:
            return ()
        line = re.compile(rf"project:\s*([\"']?){re.escape(settings.project)}\1\s*(#.*)?")
        return found.holding(settings.project, line, PROJECT_FILE, outside=settings.root)
    except GitProblem:
        return ()


def _connect(
    settings: Settings,
    environment: Environment,
    service: str,
    now: Callable[[], datetime],
    stop: StopSign,
    stack: ExitStack,
    observe: Callable[[str], None] | None,
    make: Callable[..., Transport] | None,
    notice: Callable[[str], None] | None,
) -> Provider:
    """Open one service. Raises Unauthorized where its key is not set."""
    from calsync.providers import authorization, base_url, connect, rates, takes_path
    from calsync.providers.base import Link, ServiceSettings
    from calsync.transport import FIRST_WAIT, Transport

    own = settings.services.get(service) or ServiceSettings(service=service)
    home = base_url(service)
    key = environment.api_key(service)
    if home is not None and key is None:
        name = f"{service.upper().replace('-', '_')}_API_KEY"
        raise Unauthorized(
            f"{service}: there is no key; {name} is not set",
            service=service,
            hint=f"export {name}=..., or {name}_FILE=PATH",
            code="no-key",
        )
    transport = stack.enter_context(
        (make or Transport)(
            environment.service_url(service, path=takes_path(service)) or home or "http://127.0.0.1",
            key,
            service=service,
            authorization=authorization(service),
            rates=rates(own),
            now=now,
            stop=stop,
            observe=observe,
            notice=notice,
            awake=stop.awake,
            first_wait=environment.first_wait() or FIRST_WAIT,
        )
    )
    return connect(Link(settings=own, transport=transport, now=now, lead_time=settings.policy.lead_time))
