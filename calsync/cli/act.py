"""apply: the one command that changes the world."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from calsync import __version__
from calsync.cli.group import common
from calsync.cli.look import choosing, filters_of, halt, text_of, with_error
from calsync.cli.printing import err, out, out_json, show_error, width
from calsync.cli.progress import watcher
from calsync.cli.setup import Session, session
from calsync.errors import CalsyncError, Exit, Severity, UsageProblem
from calsync.interrupts import NUMBERS, StopSign
from calsync.plan import ActionKind, Filters, Plan
from calsync.plan.outcome import OutcomeKind
from calsync.zones import tzdata_version

if TYPE_CHECKING:
    from calsync.reconcile.apply import Applied, Expected

_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_DURATION = re.compile(r"(\d{1,6})(s|m|h)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass
class Signals:
    """Ctrl-C and SIGTERM: before the first write they end the run; then they let it finish what is in flight.

    A second one stops at once; the journal knows what was begun. `last_words`: what stdout gets then; `under_way`:
    what is waited for until then.
    """

    stop: StopSign
    last_words: str
    under_way: Callable[[], str]
    writing: bool = False
    _before: dict[signal.Signals, object] = field(default_factory=dict)

    def begin(self) -> None:
        """From now on things are written."""
        self.writing = True

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Handle both signals here for as long as this lasts."""
        for each in NUMBERS:
            self._before[each] = signal.signal(each, self._handle)
        try:
            yield
        finally:
            for each, handler in self._before.items():
                signal.signal(each, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.stop.is_set():
            os.write(1, self.last_words.encode())
            os._exit(Exit.INTERRUPTED)
        self.stop.set()
        if not self.writing:
            before = self._before[signal.Signals(number)]
            if callable(before):
                before(number, frame)
            raise KeyboardInterrupt
        os.write(2, f"interrupted: finishing {self.under_way()}; once more stops at once\n".encode())


@click.command(help="Make the services agree with the calendars: plan, show, ask, carry out.")
@click.argument("planfile", required=False)
@click.option("--expect", metavar="DIGEST", help="Apply only this plan: its digest, 8 digits or more.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "--allow-cancels", metavar="N", type=click.IntRange(0), default=0, help="Let N cancels pass the brake."
)
@click.option("--allow-older", is_flag=True, help="Apply a commit older than the one last applied.")
@click.option(
    "--lock-timeout", metavar="TIME", default="0s", help="Wait so long for another apply.  [default: 0s]"
)
@choosing
@common
@click.pass_context
def apply(
    ctx: click.Context,
    planfile: str | None,
    expect: str | None,
    yes: bool,
    style: str,
    allow_cancels: int,
    allow_older: bool,
    lock_timeout: str,
    calendars: tuple[str, ...],
    accounts: tuple[str, ...],
) -> int:
    """Make the services agree with the calendars."""
    from calsync.reconcile.apply import Orders
    from calsync.reconcile.apply import apply as carry_out

    seconds = seconds_of(lock_timeout)
    expected, filters = expected_of(planfile, expect, bool(calendars or accounts))
    opened = session(ctx)
    if filters is None:
        filters = filters_of(opened, calendars, accounts)
    told = watcher(quiet=opened.common.quiet, colour=opened.colour)
    signals = Signals(opened.stop, _last_words() if style == "json" else "", told.under_way.words)

    def approve(plan: Plan, again: int) -> bool:
        return _approve(opened, plan, again, yes=yes, as_json=style == "json")

    with signals.caught(), told.shown():
        applied = carry_out(
            opened.project,
            Orders(
                filters=filters,
                approve=approve,
                begin=signals.begin,
                holder=opened.holder(),
                stop=opened.stop,
                watcher=told,
                expected=expected,
                allow_cancels=allow_cancels,
                lock_timeout=seconds,
                waiting=told.waiting,
                allow_older=allow_older,
            ),
        )
    return _tell(opened, applied, as_json=style == "json")


def _last_words() -> str:
    """The document of an apply that was stopped at once: what it did is in the journal, not here."""
    from calsync.render.jsondoc import error_document, to_text

    message, hint = "stopped at once; what was begun is in the journal", "the next apply goes on from there"
    return to_text(error_document(Exit.INTERRUPTED, "interrupted", message, hint, ()))


def seconds_of(text: str) -> float:
    """The seconds of `--lock-timeout`. Raises UsageProblem."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise UsageProblem(f"--lock-timeout {text!r} is no duration", hint="such as 30s, 10m or 1h")
    return float(int(found[1]) * _SECONDS[found[2] or "s"])


def expected_of(
    planfile: str | None, expect: str | None, chosen: bool
) -> tuple[Expected | None, Filters | None]:
    """What was reviewed, and the filters that go with it."""
    from calsync.reconcile.apply import Expected

    if planfile is not None and expect is not None:
        raise UsageProblem("PLANFILE and --expect exclude each other", hint="give one of them")
    if expect is not None:
        if not _DIGEST.fullmatch(expect.lower()):
            raise UsageProblem(
                f"--expect {expect!r} is no digest", hint="8 to 64 hex digits, as `calsync plan` shows them"
            )
        return Expected(digest=expect.lower()), None
    if planfile is None:
        return None, None
    if chosen:
        raise UsageProblem(
            "the filters are in the plan file",
            hint="leave --calendar and --account out, or plan again with them",
        )
    from calsync.planfile import MAX_BYTES, read_plan_document

    try:
        with Path(planfile).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise CalsyncError(f"{planfile} cannot be read: {reason}", code="plan-file") from error
    reviewed = read_plan_document(data)
    if reviewed.refresh == "off":
        raise UsageProblem(
            f"{planfile} was made with --refresh off: what was not read cannot be applied",
            hint="calsync plan --out FILE, without --refresh off",
        )
    expected = Expected(
        digest=reviewed.digest, lines=reviewed.lines, lineage=reviewed.lineage, serial=reviewed.serial
    )
    return expected, reviewed.filters


def _approve(opened: Session, plan: Plan, again: int, *, yes: bool, as_json: bool) -> bool:
    """Show the plan and get a yes: from the command line, or from a person at a terminal."""
    if not as_json:
        out(text_of(opened, plan, applying=True))
    if again and not as_json:
        out(f"{again} earlier {'create is' if again == 1 else 'creates are'} sent again under the same key.")
    if yes or not (plan.acts or again):
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem("nothing was changed: there is no terminal to ask on", hint="calsync apply --yes")
    if as_json:
        err(text_of(opened, plan, applying=True))
    return click.confirm("Apply this plan?", default=False, err=as_json)


def _tell(opened: Session, applied: Applied, *, as_json: bool) -> int:
    """The result, and the exit code that goes with it."""
    plan, error = applied.plan, halt(applied.plan)
    code = Exit.DONE if applied.declined else code_of(opened.stop, applied)
    if as_json:
        from calsync.render.jsondoc import apply_document

        document = apply_document(plan, applied.outcomes, version=__version__, tzdata=tzdata_version())
        out_json(with_error(document, error))
        return code
    if applied.declined:
        out("Nothing was changed.")
        return code
    from calsync.render.terminal import outcome_text

    if plan.actions:
        out("\n" + outcome_text(plan, applied.outcomes, colour=opened.colour, width=width(sys.stdout)))
    if error is not None:
        show_error(error, code, as_json=False, no_color=opened.common.no_color)
    return code


def code_of(stop: StopSign, applied: Applied) -> Exit:
    """Interrupted, then a service that decides nothing, then what was not done, then all is well."""
    if stop.is_set():
        return Exit.INTERRUPTED
    if applied.plan.halted:
        return Exit.ERROR
    short = any(
        outcome.kind in (OutcomeKind.FAILED, OutcomeKind.UNKNOWN)
        or (outcome.kind is OutcomeKind.BLOCKED and action.code != "stopped")
        or (outcome.kind is OutcomeKind.SKIPPED and action.kind is not ActionKind.DEFERRED)
        for action, outcome in zip(applied.plan.actions, applied.outcomes, strict=True)
    )
    errors = any(each.severity is Severity.ERROR for each in applied.plan.diagnostics)
    return Exit.PARTIAL if short or errors else Exit.DONE
