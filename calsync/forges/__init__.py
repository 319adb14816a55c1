"""Where the calendars are reviewed: the forge of a CI run, its comments, issues and branches.

base       what a forge is asked for, and where a run takes place
context    the runner's variables and event file -> where this run takes place
line       questions and orders to a forge, within a time that a job can spare
github     GitHub, and GitHub Enterprise
forgejo    Forgejo and Gitea, whose API is much like GitHub's
gitlab     GitLab
sticky     one comment and one issue, found again and kept up to date
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from calsync.forges.base import Forge, ForgeContext, Kind
from calsync.forges.line import Line
from calsync.transport import FIRST_WAIT, Stop, Timeouts, Transport

__all__ = ["Forge", "ForgeContext", "Kind", "connect"]

_TIMEOUTS = Timeouts(connect=5.0, read=15.0, deadline=30.0)
_TRIES = 3
"""A forge is told things on the side: nobody should wait minutes for one that is down."""


@contextmanager
def connect(
    context: ForgeContext,
    stop: Stop,
    observe: Callable[[str], None] | None = None,
    *,
    first_wait: float = FIRST_WAIT,
) -> Iterator[Forge | None]:
    """The forge of a run, closed in the end; None where there is no address or no token for it.

    Raises CalsyncError for an address or a token that cannot be used.
    """
    if context.api is None or context.token is None:
        yield None
        return
    base, prefix = context.api.rstrip("/"), ""
    if context.kind is Kind.GITHUB and base.endswith("/v3"):
        # On GitHub Enterprise REST is at /api/v3 and GraphQL at /api/graphql.
        base, prefix = base.removesuffix("/v3"), "/v3"
    with Transport(
        base,
        context.token,
        service=context.kind.value,
        authorization="token {key}" if context.kind is Kind.FORGEJO else "Bearer {key}",
        stop=stop,
        observe=observe,
        timeouts=_TIMEOUTS,
        tries=_TRIES,
        first_wait=first_wait,
    ) as transport:
        yield _speaking(context, transport, prefix)


def _speaking(context: ForgeContext, transport: Transport, prefix: str) -> Forge:
    if context.kind is Kind.GITLAB:
        from calsync.forges.gitlab import GitLab

        return GitLab(Line(transport), context.repository)
    if context.kind is Kind.FORGEJO:
        from calsync.forges.forgejo import Forgejo

        return Forgejo(Line(transport), context.repository)
    from calsync.forges.github import HEADERS, GitHub

    return GitHub(Line(transport, HEADERS), context.repository, prefix)
