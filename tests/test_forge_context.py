"""Where a CI run takes place: what each runner's documented variables and a hostile event file come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calsync.environment import Environment, Secret
from calsync.errors import CalsyncError
from calsync.forges.base import Kind
from calsync.forges.context import MOST_BYTES, detect, read_event

SHA, HEAD = "a" * 40, "b" * 40
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/posts",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_BASE_REF": "main",
    "GITHUB_SHA": SHA,
    "GITHUB_RUN_ID": "9",
    "GITHUB_ACTOR": "anna",
    "GITHUB_TOKEN": "ghs_1",
}
EVENT: dict[str, Any] = {
    "pull_request": {"number": 7, "head": {"sha": HEAD, "repo": {"full_name": "acme/posts"}}},
    "repository": {"default_branch": "main"},
}


def test_a_pull_request_at_github() -> None:
    """The head is the pull request's own, not the merge that is checked out; the token does not print itself."""
    found = detect(GITHUB, EVENT)
    assert found is not None
    assert (found.kind, found.repository, found.number) == (Kind.GITHUB, "acme/posts", 7)
    assert (found.commit, found.head, found.base, found.default_branch) == (SHA, HEAD, "main", "main")
    assert (found.branch, found.fork, found.actor) == (None, False, "anna")
    assert found.run_url == "https://github.com/acme/posts/actions/runs/9"
    assert found.token == Secret("ghs_1")
    assert "ghs_1" not in repr(found)


@pytest.mark.parametrize("repo", [None, {"full_name": "mallory/posts"}])
def test_a_fork(repo: object) -> None:
    """Another repository's head is a fork's, and so is that of a fork which is gone."""
    pull = EVENT["pull_request"]
    event = {**EVENT, "pull_request": {**pull, "head": {"sha": HEAD, "repo": repo}}}
    found = detect(GITHUB, event)
    assert found is not None
    assert found.fork


def test_a_push_and_the_branch_of_a_run() -> None:
    """A push is about a branch and about no pull request, whatever numbers its event holds."""
    values = GITHUB | {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/feature/x"}
    found = detect(values, {**EVENT, "number": 3})
    assert found is not None
    assert (found.number, found.branch) == (None, "feature/x")


@pytest.mark.parametrize("name", ["FORGEJO", "GITEA"])
def test_forgejo_sets_githubs_variables_too(name: str) -> None:
    """Forgejo and Gitea are told by their own variable; what Forgejo calls by its own name goes first."""
    values = GITHUB | {f"{name}_ACTIONS": "true", "GITHUB_API_URL": "https://code.example/api/v1"}
    found = detect(values | {"FORGEJO_TOKEN": "own", "FORGEJO_REPOSITORY": "acme/other"}, EVENT)
    assert found is not None
    assert (found.kind, found.repository, found.api) == (
        Kind.FORGEJO,
        "acme/other",
        "https://code.example/api/v1",
    )
    assert found.token == Secret("own")


def test_a_merge_request_at_gitlab() -> None:
    """Notes go to the target's project; the job's own token, which may not write them, is not taken."""
    found = detect(
        {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": "https://gitlab.com/api/v4",
            "CI_PROJECT_ID": "8",
            "CI_MERGE_REQUEST_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8",
            "CI_MERGE_REQUEST_IID": "5",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_COMMIT_SHA": SHA,
            "CI_DEFAULT_BRANCH": "main",
            "CI_JOB_TOKEN": "job",
            "CI_JOB_URL": "https://gitlab.com/acme/posts/-/jobs/9",
        }
    )
    assert found is not None
    assert (found.kind, found.repository, found.number, found.fork) == (Kind.GITLAB, "7", 5, True)
    assert (found.commit, found.head, found.base, found.token) == (SHA, HEAD, "main", None)


HOSTILE: list[Any] = [
    None,
    [],
    "text",
    {"pull_request": []},
    {"pull_request": {"number": "7\n", "head": {"sha": "x", "repo": {"full_name": 3}}}},
    {
        "pull_request": {"number": True, "head": "y"},
        "number": {"a": 1},
        "repository": {"default_branch": "-\n"},
    },
    {"number": -7, "repository": {"default_branch": "a b"}},
    {"number": 10**30},
]


@pytest.mark.parametrize("event", HOSTILE)
def test_hostile_events(event: Any) -> None:
    """Whatever the event file holds, only what has its due form is taken; the number is the reference's then."""
    found = detect(GITHUB, event)
    assert found is not None
    assert found.number in (7, None)
    assert (found.head, found.default_branch) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "acme/posts/../../other"),
        ("GITHUB_REPOSITORY", "acme"),
        ("GITHUB_API_URL", "javascript:alert(1)"),
        ("GITHUB_API_URL", "https://a b"),
        ("GITHUB_SHA", "HEAD"),
        ("GITHUB_SERVER_URL", "https://x\n"),
    ],
)
def test_hostile_variables(name: str, value: str) -> None:
    """A variable of another form than its own counts as not set."""
    found = detect(GITHUB | {name: value}, EVENT)
    assert found is None or value not in (found.api, found.commit, found.run_url or "")


def test_nowhere() -> None:
    """Elsewhere there is no forge."""
    assert detect({}) is None
    assert detect({"CI": "true", "GITHUB_REPOSITORY": "acme/posts"}) is None


def test_event_files(tmp_path: Path) -> None:
    """An event file is read within its bound; what is no JSON, nested without end or missing is said in words."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT), encoding="utf-8")
    assert read_event(str(path)) == EVENT
    for text in ("{", "[" * 200_000, "\udcff"):
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        with pytest.raises(CalsyncError, match="is not JSON"):
            read_event(str(path))
    with path.open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    with pytest.raises(CalsyncError, match="is too large"):
        read_event(str(path))
    with pytest.raises(CalsyncError, match="cannot be read"):
        read_event(str(tmp_path / "nothing"))


def test_only_the_runners_variables_are_heard() -> None:
    """What detection is given holds no key of a service; every key and token is known for hiding, line by line."""
    environment = Environment.read(
        {
            "POSTQUED_API_KEY": "pq_1",
            "CI_API_KEY": "x",
            "GITHUB_TOKEN": "t\nu",
            "HOME": "/",
            "CI_JOB_TOKEN": "j",
        }
    )
    assert dict(environment.runner) == {"GITHUB_TOKEN": "t\nu", "CI_JOB_TOKEN": "j"}
    assert {each.reveal() for each in environment.secrets()} == {"pq_1", "x", "t", "u", "j"}
