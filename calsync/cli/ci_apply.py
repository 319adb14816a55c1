"""ci apply: apply the head of the default branch without asking, tell it, and keep one issue of what failed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import click

from calsync.cli.act import Signals, code_of, expected_of, seconds_of
from calsync.cli.group import common
from calsync.cli.look import choosing, filters_of, halt, text_of
from calsync.cli.printing import out, show_error, width
from calsync.cli.progress import watcher
from calsync.cli.runner import HEADING, MOST_COMMENT, Desk, desk, finding, outputs_of, plain, run_of
from calsync.cli.setup import Session, session
from calsync.errors import CalendarError, CalsyncError, Diagnostic, Exit, Interrupted, Severity
from calsync.forges.base import Forge
from calsync.forges.sticky import close_issue, keep_issue
from calsync.interrupts import StopSign
from calsync.plan import Filters, Plan
from calsync.reconcile.apply import Applied
from calsync.reconcile.status import Report
from calsync.render.ci import Run
from calsync.render.when import Clock
from calsync.zones import load_zone

_ELSEWHERE = "not-default-branch"
ISSUE_TITLE = "calsync: the last apply was not complete"


@click.command(
    "apply",
    help="Apply the head of the default branch, without asking; tell it, and keep one issue of what failed.",
)
@click.option("--expect", metavar="DIGEST", help="Apply only this plan: its digest, 8 digits or more.")
@click.option(
    "--allow-cancels", metavar="N", type=click.IntRange(0), default=0, help="Let N cancels pass the brake."
)
@click.option("--allow-older", is_flag=True, help="Apply a head that is older than what was last applied.")
@click.option(
    "--lock-timeout", metavar="TIME", default="10m", help="Wait so long for another apply.  [default: 10m]"
)
@click.option(
    "--status", "look", is_flag=True, help="Then say how every post went, as `calsync status` does."
)
@click.option("--no-issue", is_flag=True, help="Open, edit and close no issue.")
@click.option("--markdown", metavar="FILE", help="Write the summary to a file, too.")
@choosing
@common
@click.pass_context
def apply(
    ctx: click.Context,
    expect: str | None,
    allow_cancels: int,
    allow_older: bool,
    lock_timeout: str,
    look: bool,
    no_issue: bool,
    markdown: str | None,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> int:
    """Apply the head of the default branch, and tell everybody."""
    from calsync.reconcile.apply import Orders
    from calsync.reconcile.apply import apply as carry_out

    seconds, (expected, _) = seconds_of(lock_timeout), expected_of(None, expect, chosen=False)
    at = desk(ctx)
    chosen = Filters(calendars=tuple(sorted(set(calendars))), accounts=tuple(sorted(set(accounts))))
    try:
        opened = session(ctx)
    except CalsyncError as error:
        return _end(
            at, _Done(run=run_of(at), filters=chosen, error=error), no_issue, markdown, None, plain=plain(ctx)
        )
    filters = filters_of(opened, calendars, accounts)
    done = _Done(run=run_of(at, _here(opened)), filters=filters)
    lines = watcher(quiet=opened.common.quiet, colour=opened.colour)
    signals = Signals(opened.stop, "", lines.under_way.words)
    with signals.caught():
        try:
            newer: list[str] = []

            def head() -> bool:
                newer.extend(filter(None, [_not_the_head(at, opened)]))
                return not newer

            def approve(planned: Plan, again: int) -> bool:
                out(text_of(opened, planned, applying=True))
                if again:
                    out(f"{again} earlier {'create is' if again == 1 else 'creates are'} sent again.")
                # While this waited for its turn, the run of a newer head may have had one.
                return head()

            if not head():
                return _skip(at, done, newer[0], markdown)

            with lines.shown():
                applied = carry_out(
                    opened.project,
                    Orders(
                        filters=filters,
                        approve=approve,
                        begin=signals.begin,
                        holder=opened.holder(),
                        stop=opened.stop,
                        watcher=lines,
                        expected=expected,
                        allow_cancels=allow_cancels,
                        lock_timeout=seconds,
                        waiting=lines.waiting,
                        allow_older=allow_older,
                    ),
                )
            if newer:
                return _skip(at, done, newer[0], markdown)
            done = replace(
                done, applied=applied, error=halt(applied.plan), code=code_of(opened.stop, applied)
            )
            _show(opened, applied)
        except Interrupted:
            raise
        except CalsyncError as error:
            done = replace(done, error=error)
        # From here on a signal must not make it look as if nothing had been done.
        signals.begin()
        if look and done.code is not Exit.INTERRUPTED:
            done = _look(opened, done)
        return _end(at, done, no_issue, markdown, opened, plain=opened.common.no_color)


@dataclass(frozen=True, kw_only=True)
class _Done:
    """What a `ci apply` came to: an apply, an error, or both where a service decided nothing; then how posts stand."""

    run: Run
    filters: Filters
    applied: Applied | None = None
    error: CalsyncError | None = None
    code: Exit | None = None
    status: Report | None = None
    trouble: CalsyncError | None = None
    """Why there is no status."""

    @property
    def own(self) -> Exit:
        """The apply's own exit code."""
        if self.code is not None:
            return self.code
        return Exit(self.error.exit_code) if self.error is not None else Exit.DONE

    @property
    def exit(self) -> Exit:
        """The apply's own exit code; where that is good, the status's."""
        if self.own is not Exit.DONE:
            return self.own
        if self.trouble is not None:
            return Exit(self.trouble.exit_code)
        return Exit.PARTIAL if self.status is not None and self.status.alarming else Exit.DONE

    @property
    def findings(self) -> list[Diagnostic]:
        """What to put on the lines of the calendars."""
        from calsync.render.ci import unfinished

        found: list[Diagnostic] = []
        if self.applied is not None:
            found += [*unfinished(self.applied.plan, self.applied.outcomes), *self.applied.plan.diagnostics]
        if isinstance(self.error, CalendarError):
            found += self.error.diagnostics
        elif self.error is not None:
            found.append(finding(self.error))
        if self.trouble is not None:
            found.append(finding(self.trouble))
        return found + ([] if self.status is None else _alarms(self.status, found))

    def markdown(self, limit: int) -> str:
        """What the apply came to, in about so many characters."""
        from calsync.render.ci import failure_markdown, outcome_markdown

        if self.applied is None:
            assert self.error is not None
            found = self.error.diagnostics if isinstance(self.error, CalendarError) else ()
            title = "calsync apply: nothing was applied"
            return failure_markdown(title, self.error, found, limit=limit - HEADING)
        clock = Clock(load_zone, self.applied.plan.created_at)
        return outcome_markdown(self.applied.plan, self.applied.outcomes, clock=clock, limit=limit - HEADING)

    def status_markdown(self) -> str:
        """How the posts stand, where that was asked for."""
        from calsync.render.ci import failure_markdown, status_markdown

        if self.trouble is not None:
            return "\n" + failure_markdown("calsync status", self.trouble, ())
        if self.status is None:
            return ""
        clock = Clock(load_zone, self.status.plan.created_at)
        return "\n" + status_markdown(self.status.lines, self.status.alarms, clock=clock)


def _alarms(report: Report, found: list[Diagnostic]) -> list[Diagnostic]:
    """The posts that need a person, at their lines, save those of which the same was found."""
    said = {(each.address, each.code) for each in found}
    return [
        Diagnostic(
            severity=Severity.ERROR,
            code=each.status.value,
            message=f"{each.status.value}{f': {each.error}' if each.error else ''}",
            source=report.sources.get(each.address),
            address=str(each.address),
        )
        for each in report.alarms
        if (str(each.address), each.status.value) not in said
    ]


def _not_the_head(at: Desk, opened: Session) -> str | None:
    """Why this checkout is not to be applied: the default branch has a newer head. None where it is to be.

    Raises CalsyncError on another branch or a pull request. Where neither the forge nor git can tell, the branch
    of the run decides, with a warning.
    """
    context = at.context
    if context is None:
        return None
    here, default, head = _here(opened) or context.commit, context.default_branch, None
    if default is None and context.event == "schedule":
        default = context.branch  # that is where schedules run
    if context.token is not None:

        def branch(forge: Forge) -> tuple[str | None, str | None]:
            name = default or forge.default_branch()
            return name, forge.head_of_branch(name) if name is not None else None

        what = "the head of the default branch is asked for by git"
        default, head = at.ask(what, opened.stop, branch) or (default, None)
    if head is None and default is not None:
        head = _newest(opened, default)
    if here is not None and here == head:
        return None
    if default is None or context.number is not None or context.branch != default:
        raise CalsyncError(
            f"only the default branch is applied, and this run is not about {default or 'it'}; nothing was sent",
            hint="run `ci apply` on pushes to the default branch, on its schedule or by hand there",
            code=_ELSEWHERE,
        )
    if here is not None and head is not None:
        return (
            f"nothing was applied: {here[:10]} is checked out, but the head of {default} is {head[:10]}; the run of the"
            " head applies it"
        )
    at.note(
        "warning", f"neither the forge nor git says what the head of {default} is; applying this checkout"
    )
    return None


def _here(opened: Session) -> str | None:
    """The commit that is checked out, where git can tell."""
    commit = opened.project.commit()
    return None if commit is None else commit.id


def _newest(opened: Session, branch: str) -> str | None:
    """The newest commit of a branch, as the remote that the checkout came from says."""
    from calsync.git.calls import Git, GitProblem
    from calsync.git.repository import Repository

    settings = opened.project.settings
    try:
        found = Repository.find(settings.root, Git(opened.environment.for_git()))
        return None if found is None else found.newest(branch, settings.remote)
    except GitProblem:
        return None


def _skip(at: Desk, done: _Done, why: str, markdown: str | None) -> int:
    """Say that a newer run will do it."""
    from calsync.render.safe import markdown_inline

    at.note("warning", why)
    at.summary(lambda _: f"### calsync apply\n\n{markdown_inline(why)}\n{done.run.line}", markdown)
    at.outputs({"applied": "false", "exitcode": "0"})
    return Exit.DONE


def _show(opened: Session, applied: Applied) -> None:
    """The result in the log, as `calsync apply` shows it."""
    from calsync.render.terminal import outcome_text

    if applied.plan.actions:
        columns = width(sys.stdout)
        out("\n" + outcome_text(applied.plan, applied.outcomes, colour=opened.colour, width=columns))


def _look(opened: Session, done: _Done) -> _Done:
    """How every post stands, in the log as `calsync status` shows it."""
    from calsync.reconcile.status import status
    from calsync.render.terminal import status_text

    try:
        report = status(opened.project)
    except CalsyncError as error:
        return replace(done, trouble=error)
    now = report.plan.created_at
    columns = width(sys.stdout)
    out("\n" + status_text(report.lines, zones=load_zone, now=now, colour=opened.colour, width=columns))
    return replace(done, status=report, trouble=halt(report.plan))


def _end(
    at: Desk, done: _Done, no_issue: bool, markdown: str | None, opened: Session | None, *, plain: bool
) -> int:
    """Tell what it came to, and return its exit code."""
    for each in (done.error, done.trouble):
        if each is not None:
            show_error(each, each.exit_code, as_json=False, no_color=plain)
    at.annotate(done.findings, elsewhere="the log shows them all")
    at.summary(lambda limit: done.markdown(limit) + done.status_markdown() + done.run.line, markdown)
    at.outputs(_outcomes(done))
    elsewhere = done.error is not None and done.error.code == _ELSEWHERE
    if not (no_issue or elsewhere or done.own is Exit.INTERRUPTED or at.context is None):
        _issue(at, done, opened)
    return done.exit


def _issue(at: Desk, done: _Done, opened: Session | None) -> None:
    """Keep the one issue about applies that were not complete."""
    marker = at.marker("apply", done.filters)
    good = done.own is Exit.DONE
    what = "an issue about the last apply may still be open" if good else "what failed is not in an issue"
    note = f"The last apply was complete.\n{done.run.line}"
    again = "\nThe next apply does what is left; it closes this issue when nothing is.\n"
    body = "" if good else done.markdown(MOST_COMMENT - HEADING) + again + done.run.line

    def keep(forge: Forge) -> None:
        if good:
            close_issue(forge, marker=marker, note=note)
        else:
            keep_issue(forge, marker=marker, title=ISSUE_TITLE, body=body)

    at.ask(what, opened.stop if opened is not None else StopSign(), keep)


def _outcomes(done: _Done) -> dict[str, str]:
    from calsync.plan.outcome import outcome_of_each, result

    values = {"applied": str(done.applied is not None).lower(), "exitcode": str(int(done.exit))}
    if done.applied is None:
        return values
    counts = result(outcome_of_each(done.applied.plan, done.applied.outcomes))
    # "blocked" counts in both: what was planned so, and what came out so; the outcome is what counts here.
    return {**outputs_of(done.applied.plan), **{name: str(count) for name, count in counts.items()}, **values}
