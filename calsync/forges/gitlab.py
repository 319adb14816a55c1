"""GitLab: https://docs.gitlab.com/api/rest/. Comments are notes, pull requests are merge requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from calsync.forges.base import Comment, Issue, at, text, whole
from calsync.forges.line import Line
from calsync.model import Json

_PAGE = 100


class GitLab:
    """A project at a GitLab, by its number. Authors are compared by their numbers."""

    def __init__(self, line: Line, project: str) -> None:
        self._line = line
        self._project = f"/projects/{project}"
        self._me: frozenset[str] | None = None

    def me(self) -> frozenset[str]:
        """The number of the token's user, asked for once; a project access token has one of its own."""
        if self._me is None:
            number = whole(self._line.read("/user").body, "id")
            self._me = frozenset() if number is None else frozenset({str(number)})
        return self._me

    def default_branch(self) -> str | None:
        """The branch that is applied."""
        return text(self._line.read(self._project).body, "default_branch")

    def head_of_branch(self, branch: str) -> str | None:
        """The newest commit of a branch."""
        said = self._line.read(f"{self._project}/repository/branches/{quote(branch, safe='')}").body
        return text(said, "commit", "id")

    def head_of_pull(self, number: int) -> str | None:
        """The newest commit of a merge request."""
        return text(self._line.read(f"{self._project}/merge_requests/{number}").body, "sha")

    def comments(self, number: int) -> Iterator[Comment]:
        """The notes on a merge request, the oldest first."""
        order = {"sort": "asc", "order_by": "created_at"}
        for each in self._pages(f"{self._project}/merge_requests/{number}/notes", order, "notes"):
            note = whole(each, "id")
            if note is not None and at(each, "system") is not True:
                yield Comment(number, note, str(whole(each, "author", "id")), text(each, "body") or "")

    def add_comment(self, number: int, body: str) -> None:
        """Write a note on a merge request."""
        self._line.write("POST", f"{self._project}/merge_requests/{number}/notes", {"body": body})

    def edit_comment(self, comment: Comment, body: str) -> bool:
        """Replace a note's text; False where the note is gone."""
        path = f"{self._project}/merge_requests/{comment.pull}/notes/{comment.id}"
        return self._line.write("PUT", path, {"body": body}, accept=(404,)).status < 400

    def open_issues(self) -> Iterator[Issue]:
        """The open issues that we opened."""
        for user in sorted(self.me()):
            query = {"state": "opened", "author_id": user, "scope": "all"}
            for each in self._pages(f"{self._project}/issues", query, "issues"):
                number = whole(each, "iid")
                if number is not None:
                    author, body = str(whole(each, "author", "id")), text(each, "description") or ""
                    yield Issue(number, author, body)

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""
        self._line.write("POST", f"{self._project}/issues", {"title": title, "description": body})

    def edit_issue(self, number: int, body: str) -> None:
        """Replace an issue's text."""
        self._line.write("PUT", f"{self._project}/issues/{number}", {"description": body})

    def close_issue(self, number: int, note: str) -> None:
        """Close an issue and say why."""
        self._line.write("PUT", f"{self._project}/issues/{number}", {"state_event": "close"})
        self._line.write("POST", f"{self._project}/issues/{number}/notes", {"body": note})

    def _pages(self, path: str, query: Mapping[str, str], what: str) -> Iterator[Json]:
        for page in self._line.pages(path, {**query, "per_page": str(_PAGE)}, size=_PAGE, what=what):
            yield from page
