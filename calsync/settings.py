"""The project file and the environment -> Settings: the only room that hears of environment variables.

Keys and service addresses come from the environment alone, never from a file of the repository: a pull request
must not be able to send a key somewhere else.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from calsync.accounts import read_accounts
from calsync.document import Document, Map, read_document
from calsync.environment import Environment, Secret
from calsync.errors import CalendarError, Diagnostic, Severity, Source
from calsync.fields import found, suggestion
from calsync.inside import Outside, locate
from calsync.model import AccountSpec, DriftPolicy, Policy
from calsync.providers.base import ServiceSettings
from calsync.reading import read
from calsync.schema import SERVICES, PluginItem, PolicyItem, ProjectFile, StateItem
from calsync.textfile import name_of, shown

PROJECT_FILE = "calsync.yaml"
STATE_PATH = ".calsync/state.json"
STATE_BRANCH = "calsync-state"
REMOTE = "origin"
CALENDARS = ("calendars/*.yaml",)
RATE_LIMITS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "postqued": MappingProxyType({"upload": 20, "read": 30, "publish": 10, "delete": 20}),
        "tikflow": MappingProxyType({"all": 100}),
    }
)
"""Requests per minute, as the services document them."""

__all__ = [
    "PROJECT_FILE",
    "Environment",
    "InvalidProject",
    "Secret",
    "Settings",
    "find_project",
    "load_settings",
]

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_NO_BRANCH = re.compile(r"\.\.|//|/\.|\.lock(/|$)|[./]$|^HEAD$|^refs/")
_REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the project file says, defaults filled in.

    `root`: its directory, links resolved; `file`: its name there; `project`: the state's lineage; `services`:
    every service that an account names; `sources`: where things stand in it, by dotted name.
    """

    root: Path
    file: str
    project: str | None = None
    timezone: str = "UTC"
    calendars: tuple[str, ...] = CALENDARS
    accounts: Mapping[str, AccountSpec] = field(default_factory=dict)
    services: Mapping[str, ServiceSettings] = field(default_factory=dict)
    state_path: str = STATE_PATH
    state_backend: str = "file"
    state_branch: str = STATE_BRANCH
    remote: str = REMOTE
    policy: Policy = field(default_factory=Policy)
    warnings: tuple[Diagnostic, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether something of a kind is there; what cannot be looked at, or named at all, is not."""
    try:
        return kind(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _mode(path: str) -> int:
    """How a path stands in the file system; 0 where nothing is there yet. Raises OSError where it cannot be."""
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def find_project(config: str | None, directory: Path, env: Environment) -> Path:
    """The project file: `config` (--config), else CALSYNC_CONFIG, else the nearest calsync.yaml upwards.

    Relative paths start at `directory` (-C DIR, or the working directory). Raises CalendarError (`no-project`).
    """
    named = config if config is not None else env.config
    if named is not None:
        path = directory / named
        if _is(path, stat.S_ISREG):
            return path
        where = "--config" if config is not None else "CALSYNC_CONFIG"
        reason = "is a directory" if _is(path, stat.S_ISDIR) else "does not exist"
        raise _no_project(f"{where}: {shown(named, 200)} {reason}", "give the path of the project file")
    start = directory.absolute()
    if not _is(start, stat.S_ISDIR):
        raise _no_project(f"there is no directory {shown(str(directory), 200)}", None)
    for folder in (start, *start.parents):
        path = folder / PROJECT_FILE
        if _is(path, stat.S_ISREG):
            return path
    hint = "`calsync init` writes a starter project"
    if (start / "calsync.yml").is_file():
        hint = "rename calsync.yml to calsync.yaml"
    message = f"no {PROJECT_FILE} in {shown(str(start), 200)} or any directory above it"
    raise _no_project(message, hint)


def _no_project(message: str, hint: str | None) -> CalendarError:
    return CalendarError([Diagnostic(severity=Severity.ERROR, code="no-project", message=message, hint=hint)])


class InvalidProject(CalendarError):
    """The project file is invalid. `settings` is what could be read of it, to look at the calendars all the same."""

    def __init__(self, diagnostics: Iterable[Diagnostic], settings: Settings | None) -> None:
        super().__init__(diagnostics)
        self.settings = settings


def load_settings(path: Path) -> Settings:
    """Read the project file. Raises InvalidProject, a CalendarError, with every problem in it."""
    root = path.absolute().parent.resolve()
    name = name_of(root / path.name, root)
    document = read_document(root / path.name, name, root)
    reader = _ProjectReader(document, root)
    settings = reader.settings()
    errors = [each for each in reader.found if each.severity is Severity.ERROR]
    if settings is None or errors:
        raise InvalidProject(reader.found, settings)
    return settings


class _ProjectReader:
    """Turns the document of a project file into Settings, collecting what is wrong."""

    def __init__(self, document: Document, root: Path) -> None:
        self.document = document
        self.root = root
        self.found: list[Diagnostic] = list(document.problems)

    def report(self, code: str, at: int, message: str, hint: str | None = None) -> None:
        """Note an error at a place of the file."""
        self.note(Severity.ERROR, code, at, message, hint)

    def note(self, severity: Severity, code: str, at: int, message: str, hint: str | None = None) -> None:
        """Note a finding at a place of the file."""
        source = self.document.source(at)
        self.found.append(Diagnostic(severity=severity, code=code, message=message, hint=hint, source=source))

    def settings(self) -> Settings | None:
        """The settings, as far as they could be read; None where there is no mapping at all."""
        top = self.document.root
        if top is None:
            return None
        if not isinstance(top, Map):
            self.report(
                "wrong-type", 0, f"a project file is a mapping (KEY: VALUE lines), found {found(top)}"
            )
            return None
        version = top.get("version")
        if isinstance(version, str) and version.isascii() and version.isdigit() and int(version[:9]) > 1:
            hint = "update calsync"
            self.report(
                "newer-format",
                top.place("version"),
                f"version {shown(version)} is newer than this calsync",
                hint,
            )
            top.spoil("version")
        file = read(ProjectFile, top, self.report, secrets=True)
        providers = file.providers if isinstance(file.providers, Map) else Map()
        workspaces = self._workspaces(providers)
        named = top.get("accounts")
        accounts, half_known = read_accounts(
            named if isinstance(named, Map) else None,
            file.accounts or {},
            workspaces,
            self.note,
            self.document.source,
        )
        services = self._services(providers, {each.service for each in accounts.values()})
        for alias in half_known:  # what is unknown of them would be blamed on the calendars
            del accounts[alias]
        return Settings(
            root=self.root,
            file=self.document.file,
            project=file.project,
            timezone=file.timezone or "UTC",
            calendars=file.calendars or CALENDARS,
            accounts=MappingProxyType(accounts),
            services=MappingProxyType(services),
            state_path=self._state_path(top, file.state.path if file.state else None),
            **self._state_branch(top, file.state),
            policy=self._policy(file.policy),
            warnings=tuple(
                sorted((e for e in self.found if e.severity is not Severity.ERROR), key=lambda e: e.order)
            ),
            sources=MappingProxyType({"calendars": self.document.source(top.place("calendars"))}),
        )

    def _workspaces(self, providers: Map) -> dict[str, str | None]:
        """The default workspace of each service's accounts."""
        found: dict[str, str | None] = {}
        for name, node in providers.items():
            value = node.get("workspace") if isinstance(node, Map) else None
            found[name] = value.strip() if isinstance(value, str) else None
        return found

    def _services(self, providers: Map, named: set[str]) -> dict[str, ServiceSettings]:
        """What is set of each service that an account names, its documented limits filled in."""
        settings = {
            name: ServiceSettings(service=name, rate_limits=RATE_LIMITS.get(name, {})) for name in named
        }
        for name, node in providers.items():
            if name not in SERVICES and name not in named:
                hint = suggestion(name, {*SERVICES, *named})
                self.report(
                    "unknown-key", providers.key_at[name], f"no account has the provider {shown(name)}", hint
                )
                continue
            if not isinstance(node, Map):
                self.report("wrong-type", providers.place(name), f"expected a mapping, found {found(node)}")
                continue
            values = read(SERVICES.get(name, PluginItem), node, self.report, secrets=True).model_dump(
                exclude_none=True
            )
            if name in named:
                limits = {**RATE_LIMITS.get(name, {}), **values.pop("rate_limits", {})}
                settings[name] = ServiceSettings(service=name, rate_limits=MappingProxyType(limits), **values)
        return dict(sorted(settings.items()))

    def _state_path(self, top: Map, written: str | None) -> str:
        """The state's place: relative to the project and inside it."""
        if written is None:
            return STATE_PATH
        state = top["state"]
        at = state.place("path") if isinstance(state, Map) else 0
        pure = PurePosixPath(written.replace("\\", "/"))
        hint = f"a path relative to {PROJECT_FILE}, such as {STATE_PATH}"
        try:
            target = locate(self.root / written, self.root)
            mode = _mode(target.real)
        except Outside as error:
            words = str(error) if ".git" in str(error) else "leads out of the project"
            self.report("outside", at, f"{shown(written)} {words}", hint)
            return pure.as_posix()
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "not a usable path"
            self.report("bad-value", at, f"{shown(written)} cannot be the state: {reason.lower()}", hint)
            return pure.as_posix()
        if pure.is_absolute() or Path(written).is_absolute():
            self.report("outside", at, f"{shown(written)} leads out of the project", hint)
        elif not target.name or stat.S_ISDIR(mode) or written.endswith("/"):
            self.report(
                "bad-value", at, f"{shown(written)} is a directory", f"name a file, such as {STATE_PATH}"
            )
        return pure.as_posix()

    def _state_branch(self, top: Map, item: StateItem | None) -> dict[str, str]:
        """Which store, and its branch: names that git can never take for an option or a refspec."""
        said: dict[str, str] = {} if item is None else item.model_dump(exclude_none=True)
        backend = said.get("backend", "file")
        state = top.get("state")
        at = state.place if isinstance(state, Map) else lambda _: 0
        other = ("path",) if backend == "git" else ("branch", "remote")
        for key in other:
            if key in said:
                hint = "remove it, or choose the backend that it belongs to"
                self.report("bad-value", at(key), f"{key} is nothing that `backend: {backend}` has", hint)
        branch, remote = said.get("branch", STATE_BRANCH), said.get("remote", REMOTE)
        if not _BRANCH.fullmatch(branch) or _NO_BRANCH.search(branch):
            hint = f"a plain name, such as {STATE_BRANCH} or ci/{STATE_BRANCH}"
            self.report("bad-value", at("branch"), f"{shown(branch)} is no name for a branch", hint)
        if not _REMOTE.fullmatch(remote):
            hint = f"the name of a remote as `git remote` lists it, such as {REMOTE}; an address is not read from here"
            self.report("bad-value", at("remote"), f"{shown(remote)} is no remote's name", hint)
        return {"state_backend": backend, "state_branch": branch, "remote": remote}

    def _policy(self, item: PolicyItem | None) -> Policy:
        """The policy with its defaults."""
        if item is None:
            return Policy()
        standard = Policy()
        most = item.max_cancels
        return Policy(
            lead_time=standard.lead_time if item.lead_time is None else item.lead_time,
            max_cancels=standard.max_cancels if most is None else most if isinstance(most, int) else None,
            max_share=most if isinstance(most, float) else None,
            drift=standard.drift if item.drift is None else DriftPolicy(item.drift),
        )
