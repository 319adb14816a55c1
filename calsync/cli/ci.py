"""ci plan, ci comment, ci apply: the same verbs for a run that nobody watches, told where calendars are reviewed."""

from __future__ import annotations

import click

from calsync.cli.ci_apply import apply
from calsync.cli.ci_comment import comment
from calsync.cli.ci_plan import plan
from calsync.cli.group import common


@click.group(
    help="Plan and apply in CI, told to the forge where calendars are reviewed.", no_args_is_help=False
)
@common
def ci() -> None:
    """Plan and apply in CI."""


ci.add_command(plan)
ci.add_command(comment)
ci.add_command(apply)
