"""Forgejo and Gitea: https://forgejo.org/docs/latest/user/api-usage/. Much like GitHub, with exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calsync.forges.base import MOST_PAGES, Comment, Issue, items, text
from calsync.forges.github import GitHub, comments_of, issues_of
from calsync.model import Json
from calsync.transport import Transport

_PAGE = 50
_ACTIONS = frozenset({"forgejo-actions", "gitea-actions"})
"""Who writes with the token of a workflow; it has no account that could be asked for."""


class Forgejo(GitHub):
    """A repository at a Forgejo or Gitea."""

    headers: Mapping[str, str] = {"Accept": "application/json"}

    def __init__(self, transport: Transport, repository: str) -> None:
        super().__init__(transport, repository)

    def names(self) -> frozenset[str]:
        """The login that the token writes under."""
        said = self.read("/user", accept=(401, 403, 404))
        login = text(said.body, "login") if said.status == 200 else None
        return _ACTIONS if login is None else frozenset({login})

    def head_of_branch(self, branch: str) -> str | None:
        """The newest commit of a branch."""
        return text(self.branch(branch), "commit", "id")

    def comments(self, number: int) -> Iterator[Comment]:
        """The comments on a pull request, which come all at once here."""
        said = self.read(f"{self.repository}/issues/{number}/comments").body
        return comments_of(number, iter(items(said)))

    def open_issues(self) -> Iterator[Issue]:
        """The open issues; the author of a workflow's token cannot be searched for."""
        return issues_of(self.pages(f"{self.repository}/issues", {"state": "open", "type": "issues"}))

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[Json]:
        """The items of a list, page by page; an instance may give less than was asked for."""
        for page in range(1, MOST_PAGES + 1):
            found = items(self.read(path, {**query, "limit": str(_PAGE), "page": str(page)}).body)
            yield from found
            if not found:
                return
