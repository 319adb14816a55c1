"""ci comment: the plan document of a run that may write nothing, into the comment of its pull request.

A stranger may have made the document, so it is shown and nothing else: which pull request it is about, and with
which commit, only the forge says. It needs neither project nor keys.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import PurePosixPath

import click

from calsync.cli.group import common
from calsync.cli.printing import show_error
from calsync.cli.runner import HEADING, MOST_COMMENT, Desk, desk, plain
from calsync.cli.told import Told
from calsync.errors import CalsyncError, Exit, UsageProblem
from calsync.forges.base import Followed, Forge, Kind
from calsync.forges.github import GitHub
from calsync.forges.sticky import keep_comment
from calsync.interrupts import StopSign
from calsync.plan import Filters
from calsync.render.ci import Run
from calsync.settings import PROJECT_FILE

_LONGEST = 500
_FAILED = frozenset({"failure", "timed_out", "startup_failure"})


@click.command(
    "comment",
    help="Bring the plan document that a pull request's run left into its comment. For `on: workflow_run`.",
)
@click.argument("file", metavar="FILE")
@click.option(
    "--project",
    metavar="PATH",
    default=PROJECT_FILE,
    help=f"The project file's path in the repository  [default: {PROJECT_FILE}]",
)
@click.option("--calendar", "calendars", metavar="NAME", multiple=True, help="As `ci plan` had it.")
@click.option("--account", "accounts", metavar="ALIAS", multiple=True, help="As `ci plan` had it.")
@common
@click.pass_context
def comment(
    ctx: click.Context, file: str, project: str, calendars: tuple[str, ...], accounts: tuple[str, ...]
) -> int:
    """Bring a plan document into the comment of its pull request."""
    filters = Filters(calendars=tuple(sorted(set(calendars))), accounts=tuple(sorted(set(accounts))))
    at = replace(desk(ctx), project=_within(project))
    before = at.followed
    if before is None or before.about != "pull_request":
        at.note("notice", _nobody(at))
        return Exit.DONE
    run = Run(commit=before.head, url=before.url)
    code, telling = Exit.DONE, None
    try:
        data = _read(file)
        if data is None:
            # A run that somebody stopped says nothing about the calendars.
            telling = before.conclusion in _FAILED
            message = "the run of this pull request ended before it wrote a plan"
            at.note("notice", f"{message}{f': {before.url}' if before.url else ''}")
            told = Told(run=run, filters=filters, error=CalsyncError(message, hint="its log says why"))
        else:
            told = _told(data, run, filters)
    except CalsyncError as error:
        show_error(error, error.exit_code, as_json=False, no_color=plain(ctx))
        # Nothing of what is in it, not even of what is wrong with it.
        unreadable = CalsyncError("the plan document that the run of this pull request left cannot be read")
        code, told = Exit.ERROR, Told(run=run, filters=filters, error=unreadable)
    _keep(at, before, told, told.telling if telling is None else telling)
    return code


def _within(project: str) -> str:
    """The project file's path below the repository's top. Raises UsageProblem for anything else."""
    path = PurePosixPath(project)
    if (
        path.is_absolute()
        or not path.name
        or ".." in path.parts
        or len(project) > _LONGEST
        or not project.isprintable()
    ):
        raise UsageProblem(
            "--project is no path in a repository",
            hint=f"the project file's path from the repository's top: {PROJECT_FILE}, social/{PROJECT_FILE}",
        )
    return path.as_posix()


def _nobody(at: Desk) -> str:
    """Why there is no pull request to tell."""
    if at.context is not None and at.context.kind is Kind.GITLAB:
        return "there is nothing to comment on: GitLab starts no job after a merge request's own, which comments itself"
    return (
        "there is nothing to comment on: this run was not started (`on: workflow_run`) after one of a pull request"
        " whose repository is still there"
    )


def _read(path: str) -> bytes | None:
    """The document, None where there is none. Raises CalsyncError (code `plan-file`) for what is no file."""
    from calsync.planfile import MAX_BYTES

    # What was unpacked from an artefact may be a link to anything on this machine, or a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CalsyncError("the plan document is no file", code="plan-file")
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = ((error.strerror if isinstance(error, OSError) else None) or "not a usable path").lower()
        raise CalsyncError(f"the plan document cannot be read: {reason}", code="plan-file") from error


def _told(data: bytes, run: Run, filters: Filters) -> Told:
    """What a document says. Raises CalsyncError (code `plan-file`) where it is none."""
    from calsync.cli.look import halt
    from calsync.planfile import NoPlan, read_answer

    answer = read_answer(data)
    if isinstance(answer, NoPlan):
        return Told(run=run, filters=filters, error=answer.error, found=answer.diagnostics)
    # The commit that it names is its own word; the one below it is the forge's.
    planned = replace(answer, commit=None)
    return Told(run=run, filters=filters, planned=planned, error=halt(planned), found=planned.diagnostics)


def _keep(at: Desk, before: Followed, told: Told, telling: bool) -> None:
    """Bring the comment up to date, on the one open pull request that the run was about."""
    marker = at.marker("plan", told.filters)
    body = _origin(at, before) + told.markdown(MOST_COMMENT - 2 * HEADING) + told.run.line

    def keep(forge: Forge) -> None:
        assert isinstance(forge, GitHub)  # Forgejo is one, too; GitLab follows no run
        pulls = list(forge.pulls_of(before))
        there = [each for each in pulls if each.head == before.head]
        if len(there) > 1:
            at.note("notice", "several open pull requests are of this commit: none of them is told")
            return
        if not there:
            at.note("notice", "no open pull request has this commit for its head")
        # On those that have another head by now an older plan is marked as such, and nothing else is said.
        for each in there or pulls:
            keep_comment(forge, each.number, marker=marker, head=before.head, body=body, telling=telling)

    at.ask("the plan is not in a comment", StopSign(), keep)


def _origin(at: Desk, before: Followed) -> str:
    """That a stranger may have made it, where the forge says that it comes from another repository."""
    if at.context is None or before.repository.casefold() == at.context.repository.casefold():
        return ""
    return (
        f"> **From another repository** (`{before.repository}`): the pull request's own run made this. It is"
        " information and no approval, for who wrote the pull request may have changed how it is made.\n\n"
    )
