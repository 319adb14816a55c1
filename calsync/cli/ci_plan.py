"""ci plan: plan, and tell it in the log, the summary, annotations, outputs, and one comment on the pull request."""

from __future__ import annotations

from dataclasses import dataclass

import click

from calsync import __version__
from calsync.cli.group import common
from calsync.cli.look import choosing, filters_of, halt, placed, text_of, with_error
from calsync.cli.outputs import Output, outputs
from calsync.cli.printing import out, show_error
from calsync.cli.runner import HEADING, MOST_COMMENT, Desk, desk, finding, outputs_of, plain, run_of
from calsync.cli.setup import session
from calsync.errors import CalendarError, CalsyncError, Diagnostic, Exit, Interrupted, UsageProblem
from calsync.forges.base import Forge
from calsync.forges.sticky import keep_comment
from calsync.interrupts import StopSign
from calsync.model import Json
from calsync.observed import Refresh
from calsync.plan import Filters, Plan
from calsync.render.ci import Run
from calsync.zones import load_zone, tzdata_version


@click.command(
    "plan", help="Plan; tell it in the log, the run's summary, annotations, outputs, and one comment."
)
@click.option(
    "--out", "path", metavar="FILE", help="Write the plan document to a file, for `apply PLANFILE`."
)
@click.option(
    "--refresh",
    "mode",
    type=click.Choice([each.value for each in Refresh]),
    default=Refresh.AUTO.value,
    help="What to read: what is not settled, everything, or nothing.  [default: auto]",
)
@click.option("--no-comment", is_flag=True, help="Leave the pull request alone.")
@click.option("--markdown", metavar="FILE", help="Write the summary to a file, too.")
@click.option("--code-quality", metavar="FILE", help="Write the findings as GitLab's Code Quality report.")
@choosing
@common
@click.pass_context
def plan(
    ctx: click.Context,
    path: str | None,
    mode: str,
    no_comment: bool,
    markdown: str | None,
    code_quality: str | None,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> int:
    """Plan, and tell everybody."""
    at = desk(ctx)
    told = _plan(ctx, at, outputs({"--out": path}).get("--out"), mode, calendars, accounts)
    at.annotate(told.findings, touched=told.touched, elsewhere="the plan in the summary shows more")
    at.quality(told.findings, code_quality)
    at.summary(lambda limit: told.markdown(limit) + told.run.line, markdown)
    at.outputs({**told.outputs, "exitcode": str(int(told.code))})
    if not no_comment:
        _comment(at, told)
    return told.code


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a `ci plan` has to say: a plan, or the error that it ended in."""

    run: Run
    filters: Filters
    code: Exit
    planned: Plan | None = None
    error: CalsyncError | None = None

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """What was found, and an error that is about no file."""
        if isinstance(self.error, CalendarError):
            return self.error.diagnostics
        found = self.planned.diagnostics if self.planned is not None else ()
        return found if self.error is None else (*found, finding(self.error))

    @property
    def touched(self) -> frozenset[str]:
        """The addresses that the plan is about."""
        return frozenset(str(each.address) for each in self.planned.actions) if self.planned else frozenset()

    @property
    def telling(self) -> bool:
        """There is something in it that a reviewer should see."""
        from calsync.render import facts

        planned = self.planned
        return self.error is not None or (
            planned is not None and bool(planned.actions or planned.brake or facts.apart(planned))
        )

    @property
    def outputs(self) -> dict[str, str]:
        """For later steps; nothing where there is no plan."""
        return {} if self.planned is None else outputs_of(self.planned)

    def markdown(self, limit: int) -> str:
        """What to show, in about so many characters."""
        if self.planned is None:
            from calsync.render.ci import failure_markdown

            assert self.error is not None
            found = self.error.diagnostics if isinstance(self.error, CalendarError) else ()
            return failure_markdown("calsync plan: no plan", self.error, found, limit=limit - HEADING)
        from calsync.render.markdown import plan_markdown

        shown = plan_markdown(self.planned, zones=load_zone, limit=limit - HEADING)
        if self.error is None:
            return shown
        from calsync.render.safe import markdown_inline

        return f"{shown}\n**This plan lacks a service:** {markdown_inline(self.error.message)}\n"


def _plan(
    ctx: click.Context,
    at: Desk,
    file: Output | None,
    mode: str,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> _Told:
    """Plan and show it in the log, as `calsync plan` does."""
    from calsync.reconcile.look import make_plan
    from calsync.render.jsondoc import plan_document, to_text

    run = run_of(at)
    chosen = Filters(calendars=tuple(sorted(set(calendars))), accounts=tuple(sorted(set(accounts))))
    try:
        opened = session(ctx)
        filters = filters_of(opened, calendars, accounts)
        planned = placed(opened, make_plan(opened.project, filters=filters, mode=Refresh(mode)).plan)
    except (Interrupted, UsageProblem):
        raise
    except CalsyncError as error:
        show_error(error, error.exit_code, as_json=False, no_color=plain(ctx))
        return _Told(run=run, filters=chosen, code=Exit(error.exit_code), error=error)
    halted = halt(planned)
    if file is not None:
        document: dict[str, Json] = plan_document(planned, version=__version__, tzdata=tzdata_version())
        file.write(to_text(with_error(document, halted)))
    out(text_of(opened, planned))
    if halted is not None:
        show_error(halted, halted.exit_code, as_json=False, no_color=opened.common.no_color)
    return _Told(
        run=run,
        filters=chosen,
        code=Exit.DONE if halted is None else Exit.ERROR,
        planned=planned,
        error=halted,
    )


def _comment(at: Desk, told: _Told) -> None:
    """Keep the one comment on the pull request up to date."""
    if at.context is None or at.context.number is None:
        return
    number, head = at.context.number, at.context.head
    marker = at.marker("plan", told.filters)
    body = told.markdown(MOST_COMMENT - HEADING) + told.run.line

    def keep(forge: Forge) -> None:
        keep_comment(forge, number, marker=marker, head=head, body=body, telling=told.telling)

    at.ask("the plan is not in a comment", StopSign(), keep)
