"""What a plan in CI came to, and how that is told: a plan, its document, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from calsync.cli.runner import HEADING, finding, outputs_of
from calsync.errors import CalendarError, CalsyncError, Diagnostic, Exit
from calsync.plan import Filters, Plan
from calsync.plan.sheet import Sheet, excerpt
from calsync.render.ci import Run
from calsync.zones import load_zone

_MOST = 600


@dataclass(frozen=True, kw_only=True)
class Told:
    """A plan, or the error that it ended in, with what was `found`; both where a service decided nothing."""

    run: Run
    filters: Filters
    code: Exit = Exit.DONE
    planned: Plan | Sheet | None = None
    error: CalsyncError | None = None
    found: tuple[Diagnostic, ...] = ()

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """What was found, and an error that is about no file."""
        if self.error is None or isinstance(self.error, CalendarError):
            return self.found
        return (*self.found, finding(self.error))

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
            return failure_markdown("calsync plan: no plan", self.error, self.found, limit=limit - HEADING)
        from calsync.render.markdown import plan_markdown

        shown = plan_markdown(self.planned, zones=load_zone, limit=limit - HEADING)
        if self.error is None:
            return shown
        from calsync.render.safe import markdown_inline

        why = markdown_inline(excerpt(self.error.message, _MOST))
        return f"{shown}\n**This plan lacks a service:** {why}\n"
