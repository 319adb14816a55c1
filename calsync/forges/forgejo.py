"""Forgejo and Gitea: https://forgejo.org/docs/latest/user/api-usage/. Much like GitHub, with exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calsync.forges.base import Issue, text, whole
from calsync.forges.github import GitHub, issues_of
from calsync.forges.line import Line
from calsync.model import Json

_PAGE = 50
_ACTIONS = frozenset({"forgejo-actions", "gitea-actions"})
"""Who writes with the token of a workflow; it has no account that could be asked for."""


class Forgejo(GitHub):
    """A repository at a Forgejo or Gitea."""

    def __init__(self, line: Line, repository: str) -> None:
        super().__init__(line, repository)

    def names(self) -> frozenset[str]:
        """The login that the token writes under."""
        said = self.line.read("/user", accept=(401, 403, 404))
        login = text(said.body, "login") if said.status == 200 else None
        return _ACTIONS if login is None else frozenset({login})

    def head_of_branch(self, branch: str) -> str | None:
        """The newest commit of a branch."""
        return text(self.branch(branch), "commit", "id")

    def open_issues(self) -> Iterator[Issue]:
        """The open issues; the author of a workflow's token cannot be searched for."""
        query = {"state": "open", "type": "issues"}
        return issues_of(self.pages(f"{self.repository}/issues", query, "issues"))

    def pages(self, path: str, query: Mapping[str, str], what: str) -> Iterator[Json]:
        """The items of a list. Some lists come all at once whatever page is asked for, others in smaller pages."""
        known: set[int | None] = set()
        for page in self.line.pages(path, {**query, "limit": str(_PAGE)}, size=1, what=what):
            new = [each for each in page if whole(each, "id") not in known]
            if not new:
                return
            yield from new
            known.update(whole(each, "id") for each in new)
