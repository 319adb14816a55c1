"""ci plan: plan, and tell it in the log, the summary, annotations, outputs, and one comment on the pull request."""

from __future__ import annotations

import click

from calsync import __version__
from calsync.cli.group import common
from calsync.cli.look import choosing, filters_of, halt, placed, planned_of, text_of, with_error
from calsync.cli.outputs import Output, outputs
from calsync.cli.printing import document_of, out, show_error
from calsync.cli.runner import HEADING, MOST_COMMENT, Desk, desk, plain, run_of
from calsync.cli.setup import session
from calsync.cli.told import Told
from calsync.errors import CalendarError, CalsyncError, Exit, Interrupted, UsageProblem
from calsync.forges.base import Forge
from calsync.forges.sticky import keep_comment
from calsync.interrupts import StopSign
from calsync.model import Json
from calsync.observed import Refresh
from calsync.plan import Filters
from calsync.zones import tzdata_version


@click.command(
    "plan", help="Plan; tell it in the log, the run's summary, annotations, outputs, and one comment."
)
@click.option(
    "--out",
    "path",
    metavar="FILE",
    help="Write the plan document to a file, for `apply PLANFILE`; or why there is none.",
)
@click.option(
    "--refresh",
    "mode",
    type=click.Choice([each.value for each in Refresh]),
    default=Refresh.AUTO.value,
    help="What to read: what is not settled, everything, or nothing.  [default: auto]",
)
@click.option(
    "--base", metavar="REF", help="Compare with the calendars of a commit instead: offline, without any key."
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
    base: str | None,
    no_comment: bool,
    markdown: str | None,
    code_quality: str | None,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> int:
    """Plan, and tell everybody."""
    at = desk(ctx)
    told = _plan(ctx, at, outputs({"--out": path}).get("--out"), mode, base, calendars, accounts)
    at.annotate(told.findings, touched=told.touched, elsewhere="the plan in the summary shows more")
    at.quality(told.findings, code_quality)
    at.summary(lambda limit: told.markdown(limit) + told.run.line, markdown)
    at.outputs({**told.outputs, "exitcode": str(int(told.code))})
    if not no_comment:
        _comment(at, told)
    return told.code


def _plan(
    ctx: click.Context,
    at: Desk,
    file: Output | None,
    mode: str,
    base: str | None,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> Told:
    """Plan and show it in the log, as `calsync plan` does."""
    from calsync.render.jsondoc import plan_document, to_text

    run = run_of(at)
    chosen = Filters(calendars=tuple(sorted(set(calendars))), accounts=tuple(sorted(set(accounts))))
    try:
        opened = session(ctx)
        filters = filters_of(opened, calendars, accounts)
        planned = placed(opened, planned_of(opened, filters, Refresh(mode), base))
    except (Interrupted, UsageProblem):
        raise
    except CalsyncError as error:
        if file is not None:
            file.write(to_text(document_of(error, error.exit_code)))
        show_error(error, error.exit_code, as_json=False, no_color=plain(ctx))
        found = error.diagnostics if isinstance(error, CalendarError) else ()
        return Told(run=run, filters=chosen, code=Exit(error.exit_code), error=error, found=found)
    halted = halt(planned)
    if file is not None:
        document: dict[str, Json] = plan_document(planned, version=__version__, tzdata=tzdata_version())
        file.write(to_text(with_error(document, halted)))
    out(text_of(opened, planned))
    if halted is not None:
        show_error(halted, halted.exit_code, as_json=False, no_color=opened.common.no_color)
    return Told(
        run=run,
        filters=chosen,
        code=Exit.DONE if halted is None else Exit.ERROR,
        planned=planned,
        found=planned.diagnostics,
        error=halted,
    )


def _comment(at: Desk, told: Told) -> None:
    """Keep the one comment on the pull request up to date."""
    if at.context is None or at.context.number is None:
        return
    number, head = at.context.number, at.context.head
    marker = at.marker("plan", told.filters)
    body = told.markdown(MOST_COMMENT - HEADING) + told.run.line

    def keep(forge: Forge) -> None:
        keep_comment(forge, number, marker=marker, head=head, body=body, telling=told.telling)

    at.ask("the plan is not in a comment", StopSign(), keep)
