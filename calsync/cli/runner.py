"""What a run tells the CI system that it runs in: masks, annotations, summary, outputs, reports; and its forge.

Nothing here makes a run fail: what cannot be told is said in the log, and the exit code stays the command's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote

import click

from calsync.cli.group import Common
from calsync.cli.look import has_changes
from calsync.cli.printing import err, out
from calsync.environment import Environment
from calsync.errors import CalsyncError, Diagnostic, Severity, Unauthorized
from calsync.forges import connect
from calsync.forges.base import Followed, Forge, ForgeContext, Kind
from calsync.forges.context import detect, followed, read_event
from calsync.interrupts import StopSign
from calsync.plan import Filters, Plan
from calsync.plan.sheet import Sheet
from calsync.render.ci import Run
from calsync.render.jsondoc import SUMMARY_KEYS
from calsync.render.safe import annotation, terminal
from calsync.settings import PROJECT_FILE, find_project
from calsync.transport import FIRST_WAIT

T = TypeVar("T")

MOST_SUMMARY = 1024 * 1024
"""Bytes: GitHub drops a step's summary that is larger, all of it."""
MOST_COMMENT = 60_000
"""Characters; GitHub takes 65,536."""
HEADING = 1_000
"""Characters kept free for what stands around a plan."""
_SPARE = 4096
QUALITY_FILE, PLAN_FILE = "gl-code-quality-report.json", "calsync-plan.md"
"""What a GitLab job gets unless it says otherwise, at the root of its checkout."""

_ALLOWED = {
    Kind.GITHUB: "it needs GITHUB_TOKEN, and `permissions: {pull-requests: write, issues: write}`",
    Kind.GITLAB: "it needs a project access token with the scope `api` in CALSYNC_FORGE_TOKEN; a job's own token may"
    " not write",
    Kind.FORGEJO: "it needs a token that may write issues",
}


@dataclass
class Desk:
    """One run's place in its CI system; `context` is None outside of those that calsync knows.

    `project`: the path of the project file in its repository; `folder`: where that is, as `folder/`;
    `followed`: the run that this one was started after, where there is one.
    """

    environment: Environment
    context: ForgeContext | None
    project: str
    folder: str
    observe: Callable[[str], None] | None
    followed: Followed | None = None
    _noted: set[str] = field(default_factory=set)

    def marker(self, kind: str, filters: Filters) -> str:
        """The hidden first line of what this project says at the forge; runs with other filters say other things."""
        name = quote(self.project, safe="/.")
        if filters.calendars or filters.accounts:
            name += f"?{quote(','.join(filters.calendars))};{quote(','.join(filters.accounts))}"
        return f"<!-- calsync:{kind}:{name} -->"

    def note(self, level: Literal["notice", "warning", "error"], message: str) -> None:
        """Say something about the run itself, once."""
        if message in self._noted:
            return
        self._noted.add(message)
        if self.context is not None and self.context.commands:
            out(annotation(level, message, title="calsync"))
        else:
            err(f"{level}: {terminal(message)}")

    def annotate(
        self, diagnostics: Iterable[Diagnostic], *, touched: Collection[str] = (), elsewhere: str
    ) -> None:
        """Put findings on the lines that they are about, where the runner shows such."""
        from calsync.render.github import annotations

        found = list(diagnostics)
        if found and self.context is not None and self.context.commands:
            out(annotations(found, folder=self.folder, touched=touched, elsewhere=elsewhere))

    def summary(self, render: Callable[[int], str], file: str | None = None) -> None:
        """Append markdown to the run's summary, and write it to `file`. `render` is told how many characters fit."""
        path = self.context.summary if self.context is not None else None
        if path is not None:
            self._append(path, render)
        file = file if file is not None else self._report(PLAN_FILE)
        if file is not None:
            self._write(file, render(MOST_SUMMARY))

    def outputs(self, values: Mapping[str, str]) -> None:
        """Hand values to later steps. No value can end its own: the delimiter is made up for each."""
        path = self.context.output if self.context is not None else None
        if path is None:
            return
        lines = []
        for name, value in values.items():
            end = f"end-{secrets.token_hex(16)}"
            lines.append(f"{name}<<{end}\n{value}\n{end}\n")
        try:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write("".join(lines))
        except (OSError, ValueError) as error:
            self.note("warning", f"the outputs of this step cannot be written: {_reason(error)}")

    def quality(self, diagnostics: Iterable[Diagnostic], file: str | None = None) -> None:
        """Write GitLab's Code Quality report, there or where `file` says."""
        from calsync.render.gitlab import code_quality

        file = file if file is not None else self._report(QUALITY_FILE)
        if file is not None:
            name = self.project.removeprefix(self.folder)
            self._write(file, code_quality(diagnostics, project=name, folder=self.folder))

    def ask(self, what: str, stop: StopSign, question: Callable[[Forge], T]) -> T | None:
        """Ask the forge something, or tell it; None where that cannot be, with one message that begins with `what`."""
        if self.context is None:
            return None
        try:
            wait = self.environment.first_wait() or FIRST_WAIT
            with connect(self.context, stop, self.observe, first_wait=wait) as forge:
                if forge is not None:
                    return question(forge)
                missing = "token" if self.context.token is None else "address of its API"
                self.note("notice", f"{what}: there is no {missing}; {_advice(self.context)}")
        except CalsyncError as error:
            # GitHub says 403 also to who asks too often.
            if isinstance(error, Unauthorized) and "rate limit" not in error.message.casefold():
                self.note("notice", f"{what}: {error.message}; {_advice(self.context)}")
                return None
            self.note("warning", f"{what}: {error.message}")
        return None

    def _append(self, path: str, render: Callable[[int], str]) -> None:
        try:
            target = Path(path)
            room = MOST_SUMMARY - _SPARE - (target.stat().st_size if target.exists() else 0)
            data = _fitting(render, room)
            if data is None:
                self.note("warning", "the summary of this step is full; the log has the plan")
                return
            with target.open("ab") as stream:
                stream.write(data)
        except (OSError, ValueError) as error:
            self.note("warning", f"the summary of this step cannot be written: {_reason(error)}")

    def _report(self, name: str) -> str | None:
        """Where a GitLab job keeps a report."""
        if self.context is None or self.context.kind is not Kind.GITLAB or self.context.workspace is None:
            return None
        return str(Path(self.context.workspace, name))

    def _write(self, path: str, text: str) -> None:
        try:
            Path(path).write_bytes(text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError) as error:
            self.note("warning", f"{path} cannot be written: {_reason(error)}")


def desk(ctx: click.Context) -> Desk:
    """Take a place in the CI system. Its log is told what to hide before it is told anything else."""
    common = ctx.ensure_object(Common)
    environment = Environment.read(common.environ)
    values = environment.runner
    context = detect(values)
    if context is not None and context.commands:
        # On stderr: whoever keeps our stdout in a file shall not find keys there.
        for secret in environment.secrets():
            err(f"::add-mask::{_masked(secret.reveal())}")
    problem = before = None
    path = values.get("GITHUB_EVENT_PATH") or values.get("FORGEJO_EVENT_PATH")
    if context is not None and context.kind is not Kind.GITLAB and path is not None:
        try:
            event = read_event(path)
            context = detect(values, event) or context
            before = followed(context, event)
        except CalsyncError as error:
            problem = error.message
    project, folder = _place(common, environment, context)
    taken = Desk(environment, context, project, folder, err if common.verbose else None, before)
    if problem is not None:
        taken.note("warning", problem)
    if context is None:
        taken.note("notice", "this is no CI that calsync knows; nothing is written but the log")
    return taken


def _advice(context: ForgeContext) -> str:
    if context.fork:
        return "this pull request comes from a fork, and its token only reads"
    return _ALLOWED[context.kind]


def _masked(secret: str) -> str:
    # The runner undoes this, and only this, to learn what to hide.
    return secret.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _place(common: Common, environment: Environment, context: ForgeContext | None) -> tuple[str, str]:
    """The project file's path in the repository, and its folder there; the bare name where that is not known."""
    directory = Path(common.directory or ".")
    try:
        path = find_project(common.config, directory, environment).resolve()
        if context is not None and context.workspace is not None:
            inside = path.relative_to(Path(context.workspace).resolve())
            folder = "" if inside.parent == Path() else f"{inside.parent.as_posix()}/"
            return inside.as_posix(), folder
    except (CalsyncError, OSError, ValueError):
        return PROJECT_FILE, ""
    return path.name, ""


def _fitting(render: Callable[[int], str], room: int) -> bytes | None:
    """The most that fits into so many bytes; None where not even a short text does."""
    limit = room
    while limit > 1000:
        data = render(limit).encode("utf-8", "backslashreplace")
        if len(data) <= room:
            return data
        limit = min(limit * room // len(data), limit - 1000) - 1000
    return None


def _reason(error: OSError | ValueError) -> str:
    return ((error.strerror if isinstance(error, OSError) else None) or "not a usable path").lower()


def run_of(at: Desk, here: str | None = None) -> Run:
    """Which run this is; `here`: the commit that is checked out, where that is what it is about."""
    if at.context is None:
        return Run(commit=here)
    return Run(commit=here or at.context.head or at.context.commit, url=at.context.run_url)


def outputs_of(planned: Plan | Sheet) -> dict[str, str]:
    """What later steps may want to know of a plan."""
    counts = {key: str(planned.summary.get(key, 0)) for key in SUMMARY_KEYS}
    return {"has_changes": str(has_changes(planned)).lower(), "digest": planned.digest, **counts}


def finding(error: CalsyncError) -> Diagnostic:
    """An error that is about no place in a file, for where findings go."""
    return Diagnostic(severity=Severity.ERROR, code=error.code, message=error.message, hint=error.hint)


def plain(ctx: click.Context) -> bool:
    """Whether `--no-color` was given."""
    return ctx.ensure_object(Common).no_color
