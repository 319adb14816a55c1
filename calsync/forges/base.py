"""What a forge is asked for, whichever it is, and where a run takes place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from calsync.environment import Secret
from calsync.model import Json


class Kind(StrEnum):
    """The forges that calsync knows; Gitea counts as Forgejo."""

    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeContext:
    """Where a CI run takes place, as far as the runner says.

    `repository`: owner/name, or GitLab's id of the project that the merge request is in. `commit`: what the run
    is about; `head`: the pull request's newest commit as of the event; `base`: the branch that it goes to;
    `branch`: the branch of a run that is not about a pull request. `fork`: the pull request comes from another
    repository, so that its text is a stranger's. `runs`: the page that lists runs. `workspace`, `summary`, `output`: paths on the runner.
    """

    kind: Kind
    repository: str
    api: str | None = None
    token: Secret | None = None
    event: str = ""
    number: int | None = None
    commit: str | None = None
    head: str | None = None
    base: str | None = None
    branch: str | None = None
    default_branch: str | None = None
    run_url: str | None = None
    runs: str | None = None
    actor: str | None = None
    fork: bool = False
    workspace: str | None = None
    summary: str | None = None
    output: str | None = None

    @property
    def commands(self) -> bool:
        """The runner obeys `::name::` lines in the log."""
        return self.kind is not Kind.GITLAB


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The run that this one follows, as the runner's own event says: a pull request's, maybe a stranger's.

    `repository`, `owner`, `branch` and `head`: where the pull request comes from, and its newest commit then;
    `about`: the event that the run was about; `conclusion`: how it ended; `url`: its page.
    """

    about: str
    head: str
    branch: str
    repository: str
    conclusion: str = ""
    url: str | None = None

    @property
    def owner(self) -> str:
        """Whose repository it is."""
        return self.repository.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Pull:
    """An open pull request, with its newest commit."""

    number: int
    head: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request, with its number. `author` is what `Forge.me` gives for whoever wrote it."""

    pull: int
    id: int
    author: str
    body: str


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue."""

    number: int
    author: str
    body: str


class Forge(Protocol):
    """What calsync does at a forge. Everything raises ProviderError where the forge does not do it."""

    def me(self) -> frozenset[str]:
        """The names under which the token writes."""
        ...

    def default_branch(self) -> str | None:
        """The branch that is applied."""
        ...

    def head_of_branch(self, branch: str) -> str | None:
        """The newest commit of a branch."""
        ...

    def head_of_pull(self, number: int) -> str | None:
        """The newest commit of a pull request."""
        ...

    def comments(self, number: int) -> Iterator[Comment]:
        """The comments on a pull request, the oldest first."""
        ...

    def add_comment(self, number: int, body: str) -> None:
        """Comment on a pull request."""
        ...

    def edit_comment(self, comment: Comment, body: str) -> bool:
        """Replace a comment's text; False where the comment is gone."""
        ...

    def open_issues(self) -> Iterator[Issue]:
        """The open issues, at least those that we opened."""
        ...

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""
        ...

    def edit_issue(self, number: int, body: str) -> None:
        """Replace an issue's text."""
        ...

    def close_issue(self, number: int, note: str) -> None:
        """Close an issue and say why."""
        ...


def at(data: Json, *path: str) -> Json:
    """A value inside an answer, None where there is nothing at that path."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def text(data: Json, *path: str) -> str | None:
    """A text inside an answer; None for anything else and for an empty one."""
    found = at(data, *path)
    return found if isinstance(found, str) and found else None


def whole(data: Json, *path: str) -> int | None:
    """A whole number inside an answer; None for anything else."""
    found = at(data, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
