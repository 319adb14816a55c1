"""GitHub: https://docs.github.com/en/rest. Pull requests are issues there, as far as comments go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from calsync.errors import ProviderError
from calsync.forges.base import Comment, Followed, Issue, Pull, at, text, whole
from calsync.forges.line import Line
from calsync.model import Json

_PAGE = 100
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_ACTIONS = frozenset({"github-actions[bot]"})
"""Who writes with the token of a workflow."""


class GitHub:
    """A repository at GitHub. `prefix` is what REST paths begin with there."""

    def __init__(self, line: Line, repository: str, prefix: str = "") -> None:
        self.line = line
        self.prefix = prefix
        self.repository = f"{prefix}/repos/{repository}"
        self._me: frozenset[str] | None = None

    def me(self) -> frozenset[str]:
        """The login that the token writes under, asked for once."""
        if self._me is None:
            self._me = self.names()
        return self._me

    def names(self) -> frozenset[str]:
        """Ask the forge who the token is; who writes with a workflow's token where it does not say."""
        # GET /user is refused to a workflow's token and to an app's; this query is not.
        login = None
        try:
            asked: dict[str, Json] = {"query": "query { viewer { login } }"}
            said = self.line.query("/graphql", asked, accept=(400, 401, 403, 404, 405))
            login = text(said.body, "data", "viewer", "login")
        except ProviderError:
            pass  # the next question may do
        if login is None:
            said = self.line.read(f"{self.prefix}/user", accept=(401, 403, 404))
            login = text(said.body, "login") if said.status == 200 else None
        return _ACTIONS if login is None else frozenset({login})

    def default_branch(self) -> str | None:
        """The branch that is applied."""
        return text(self.line.read(self.repository).body, "default_branch")

    def head_of_branch(self, branch: str) -> str | None:
        """The newest commit of a branch."""
        return text(self.branch(branch), "commit", "sha")

    def branch(self, branch: str) -> Json:
        """What the forge says of a branch."""
        return self.line.read(f"{self.repository}/branches/{quote(branch, safe='')}").body

    def head_of_pull(self, number: int) -> str | None:
        """The newest commit of a pull request."""
        return text(self.line.read(f"{self.repository}/pulls/{number}").body, "head", "sha")

    def pulls_of(self, run: Followed) -> Iterator[Pull]:
        """The open pull requests from the branch of the repository that a run was about."""
        # Not every forge filters by `head`, and two repositories of one owner share a name there: look at each.
        query = {"state": "open", "head": f"{run.owner}:{run.branch}"}
        for each in self.pages(f"{self.repository}/pulls", query, "pull requests"):
            number, head = whole(each, "number"), text(each, "head", "sha")
            source = text(each, "head", "repo", "full_name")
            if (
                number is not None
                and head is not None
                and source is not None
                and source.casefold() == run.repository.casefold()
                and text(each, "head", "ref") == run.branch
                and text(each, "state") == "open"
            ):
                yield Pull(number, head)

    def comments(self, number: int) -> Iterator[Comment]:
        """The comments on a pull request, the oldest first."""
        path = f"{self.repository}/issues/{number}/comments"
        return comments_of(number, self.pages(path, {}, "comments"))

    def add_comment(self, number: int, body: str) -> None:
        """Comment on a pull request, or on an issue."""
        self.line.write("POST", f"{self.repository}/issues/{number}/comments", {"body": body})

    def edit_comment(self, comment: Comment, body: str) -> bool:
        """Replace a comment's text; False where the comment is gone."""
        path = f"{self.repository}/issues/comments/{comment.id}"
        return self.line.write("PATCH", path, {"body": body}, accept=(404, 410)).status < 400

    def open_issues(self) -> Iterator[Issue]:
        """The open issues that we opened."""
        for name in sorted(self.me()):
            query = {"state": "open", "creator": name}
            yield from issues_of(self.pages(f"{self.repository}/issues", query, "issues"))

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""
        self.line.write("POST", f"{self.repository}/issues", {"title": title, "body": body})

    def edit_issue(self, number: int, body: str) -> None:
        """Replace an issue's text."""
        self.line.write("PATCH", f"{self.repository}/issues/{number}", {"body": body})

    def close_issue(self, number: int, note: str) -> None:
        """Close an issue and say why."""
        self.line.write("PATCH", f"{self.repository}/issues/{number}", {"state": "closed"})
        self.add_comment(number, note)

    def pages(self, path: str, query: Mapping[str, str], what: str) -> Iterator[Json]:
        """The items of a list."""
        for page in self.line.pages(path, {**query, "per_page": str(_PAGE)}, size=_PAGE, what=what):
            yield from page


def comments_of(pull: int, found: Iterator[Json]) -> Iterator[Comment]:
    """The comments among the items of a list."""
    for each in found:
        number = whole(each, "id")
        if number is not None:
            yield Comment(pull, number, text(each, "user", "login") or "", text(each, "body") or "")


def issues_of(found: Iterator[Json]) -> Iterator[Issue]:
    """The issues among the items of a list, pull requests left out."""
    for each in found:
        number = whole(each, "number")
        # Where pull requests are issues, they have this field.
        if number is not None and at(each, "pull_request") is None:
            yield Issue(number, text(each, "user", "login") or "", text(each, "body") or "")
