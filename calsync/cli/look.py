"""validate, plan, status, accounts: the commands that only look."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from calsync import __version__
from calsync.cli.group import Common, F, common
from calsync.cli.outputs import outputs
from calsync.cli.printing import colours, document_of, out, out_json, show_error, width
from calsync.cli.setup import Session, session
from calsync.errors import CalsyncError, Diagnostic, Exit, Interrupted, Severity, UsageProblem
from calsync.model import Json
from calsync.observed import Refresh
from calsync.plan import ActionKind, Filters, Plan
from calsync.plan.sheet import Sheet
from calsync.settings import Environment
from calsync.zones import load_zone, tzdata_version


def choosing(command: F) -> F:
    """Add `--calendar` and `--account` to a command."""
    for name in ("account", "calendar"):
        metavar = "ALIAS" if name == "account" else "NAME"
        option = click.option(
            f"--{name}",
            f"{name}s",
            metavar=metavar,
            multiple=True,
            help=f"Only actions of this {name}; repeatable.",
        )
        command = option(command)
    return command


def filters_of(opened: Session, calendars: tuple[str, ...], accounts: tuple[str, ...]) -> Filters:
    """The filters, once the aliases are known to exist."""
    from calsync.fields import suggestion

    known = opened.project.settings.accounts
    for alias in accounts:
        if alias not in known:
            raise UsageProblem(
                f"there is no account {alias!r} in {opened.project.settings.file}",
                hint=suggestion(alias, known),
                code="unknown-account",
            )
    return Filters(calendars=tuple(sorted(set(calendars))), accounts=tuple(sorted(set(accounts))))


def text_of(opened: Session, plan: Plan, *, applying: bool = False) -> str:
    """The plan for people; `applying`: as apply shows it."""
    from calsync.render.terminal import plan_text

    return plan_text(
        plan,
        zones=load_zone,
        now=plan.created_at,
        colour=opened.colour,
        width=width(sys.stdout),
        verbose=opened.common.verbose,
        applying=applying,
    )


def halt(plan: Plan | Sheet) -> CalsyncError | None:
    """The error of a plan in which a service decides nothing."""
    if not plan.halted:
        return None
    words = "; ".join(why if service in why else f"{service}: {why}" for service, why in plan.halted.items())
    wrong = any(each.code == "wrong-key" for each in plan.diagnostics)
    return CalsyncError(
        words,
        hint="nothing of that service was planned or sent",
        code="wrong-key" if wrong else "unreadable",
    )


def with_error(document: dict[str, Json], error: CalsyncError | None) -> dict[str, Json]:
    """A document of a command that ends in an error says so, whatever else it holds."""
    if error is None:
        return document
    says: dict[str, Json] = {"code": error.code, "message": error.message, "hint": error.hint}
    return {**document, "exit_code": int(error.exit_code), "error": says}


def _complain(opened: Session, error: CalsyncError) -> None:
    show_error(error, error.exit_code, as_json=False, no_color=opened.common.no_color)


@click.command(help="Check calendars and media, offline.")
@click.option("--format", "style", type=click.Choice(["text", "json", "github"]), default="text")
@common
@click.pass_context
def validate(ctx: click.Context, style: str) -> int:
    """Check calendars and media, offline."""
    from calsync.errors import CalendarError
    from calsync.reconcile.look import validate as check

    try:
        opened = session(ctx)
        checked = check(opened.project)
        found, posts, colour = checked.diagnostics, len(checked.entries), opened.colour
    except CalendarError as error:
        # The project file is invalid: that is what was asked for, so it goes where other findings go.
        given = Environment.read(os.environ)
        found, posts = error.diagnostics, 0
        colour = colours(sys.stdout, given, no_color=ctx.ensure_object(Common).no_color)
    valid = not any(each.severity is Severity.ERROR for each in found)
    _show_findings(found, posts, valid=valid, style=style, colour=colour)
    return Exit.DONE if valid else Exit.INVALID


def _show_findings(
    found: tuple[Diagnostic, ...], posts: int, *, valid: bool, style: str, colour: bool
) -> None:
    if style == "json":
        from calsync.render.jsondoc import validate_document

        out_json(validate_document(valid, posts, found))
        return
    if style == "github":
        from calsync.render.github import annotations

        if found:
            out(annotations(found))
        return
    from calsync.render.terminal import diagnostics_text

    if found:
        out(diagnostics_text(found, colour=colour))
    errors = sum(each.severity is Severity.ERROR for each in found)
    counted = f"{posts} {'post' if posts == 1 else 'posts'}"
    out(f"{counted}, valid" if valid else f"{errors} {'error' if errors == 1 else 'errors'}")


@click.command(help="Show what apply would do. Reads the services; writes nothing.")
@click.option(
    "--out",
    "path",
    metavar="FILE",
    help="Write the plan document to a file, for `apply PLANFILE`; or why there is none.",
)
@click.option("--markdown", "page", metavar="FILE", help="Write the plan as Markdown to a file as well.")
@click.option("--format", "style", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are writes or blocked actions.")
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
@choosing
@common
@click.pass_context
def plan(
    ctx: click.Context,
    path: str | None,
    page: str | None,
    style: str,
    detailed_exitcode: bool,
    mode: str,
    base: str | None,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> int:
    """Show what apply would do."""
    from calsync.render.jsondoc import plan_document, to_text

    files = outputs({"--out": path, "--markdown": page})
    try:
        opened = session(ctx)
        filters = filters_of(opened, calendars, accounts)
        planned = planned_of(opened, filters, Refresh(mode), base)
    except (Interrupted, UsageProblem):
        raise
    except CalsyncError as error:
        # Whoever reads the file later shall not take an older plan for this one.
        if "--out" in files:
            files["--out"].write(to_text(document_of(error, error.exit_code)))
        raise
    if files or style != "text":
        planned = placed(opened, planned)
    halted = halt(planned)
    document = with_error(plan_document(planned, version=__version__, tzdata=tzdata_version()), halted)
    shown = _markdown(planned) if page is not None or style == "markdown" else ""
    texts = {"--out": to_text(document) if path is not None else "", "--markdown": shown}
    for option, file in files.items():
        file.write(texts[option])
    if style == "json":
        out_json(document)
    elif style == "markdown":
        out(shown)
    else:
        out(text_of(opened, planned))
    if halted is not None:
        if style != "json":
            _complain(opened, halted)
        return Exit.ERROR
    return Exit.CHANGES if detailed_exitcode and has_changes(planned) else Exit.DONE


def placed(opened: Session, planned: Plan) -> Plan:
    """The plan with the commit that it is of; with none where files were changed since, for it is of no commit."""
    commit = opened.project.commit()
    return replace(planned, commit=commit.id if commit is not None and commit.clean else None)


def _markdown(planned: Plan) -> str:
    from calsync.render.markdown import plan_markdown

    return plan_markdown(planned, zones=load_zone)


def planned_of(opened: Session, filters: Filters, mode: Refresh, base: str | None) -> Plan:
    """The plan against what is recorded and seen, or against the calendars of the commit `base`."""
    if base is None:
        from calsync.reconcile.look import make_plan

        return make_plan(opened.project, filters=filters, mode=mode).plan
    from calsync.cli.comparing import compared

    return compared(opened, base, filters)


def has_changes(planned: Plan | Sheet) -> bool:
    """There are writes or blocked actions; a post that a person stopped is neither."""
    return any(
        action.kind.writes or (action.kind is ActionKind.BLOCKED and action.code != "stopped")
        for action in planned.actions
    )


@click.command(help="Say of every managed post when, where and how it went.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@common
@click.pass_context
def status(ctx: click.Context, style: str) -> int:
    """Say of every managed post when, where and how it went; exit 4 when one needs a person."""
    from calsync.reconcile.status import status as look
    from calsync.render.jsondoc import status_document
    from calsync.render.terminal import status_text

    opened = session(ctx)
    report = look(opened.project)
    error = halt(report.plan)
    if style == "json":
        out_json(with_error(status_document(report.lines, report.plan.diagnostics), error))
    else:
        now = report.plan.created_at
        out(
            status_text(report.lines, zones=load_zone, now=now, colour=opened.colour, width=width(sys.stdout))
        )
        if error is not None:
            _complain(opened, error)
    if error is not None:
        return Exit.ERROR
    return Exit.PARTIAL if report.alarming else Exit.DONE


@click.command(help="List the accounts that each configured service has.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@common
@click.pass_context
def accounts(ctx: click.Context, style: str) -> int:
    """List the accounts that each configured service has."""
    from calsync.reconcile.status import accounts as listed
    from calsync.render.jsondoc import accounts_document
    from calsync.render.terminal import accounts_text

    opened = session(ctx)
    lines, failed = listed(opened.project)
    error = None
    if failed:
        words = "; ".join(why if service in why else f"{service}: {why}" for service, why in failed.items())
        error = CalsyncError(words, code="unreadable")
    if style == "json":
        out_json(with_error(accounts_document(lines), error))
    else:
        out(accounts_text(lines, colour=opened.colour, width=width(sys.stdout)))
        if error is not None:
            _complain(opened, error)
    return Exit.DONE if error is None else Exit.ERROR
