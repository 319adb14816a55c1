"""Runs of calsync in CI: the variables and files that a runner gives, and what a run left in them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from forge_fakes import NEW, TOKEN, Fake
from outside import Project, Result


@dataclass
class Runner:
    """One job on a runner, about pull request 7 of `acme/posts` or a push to its branch `main`."""

    project: Project
    fake: Fake
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = self.project.root.parent / "runner"
        self.files.mkdir(exist_ok=True)
        self.about_pull(NEW)

    def about_pull(self, head: str, **event: Any) -> None:
        """The job is about the pull request, with this head."""
        place = {"full_name": "acme/posts"}
        pull = {"number": 7, "head": {"sha": head, "repo": place}, "base": {"ref": "main", "repo": place}}
        self._begin("pull_request", {"pull_request": pull, **event}, "refs/pull/7/merge", head)

    def about_fork(self, head: str) -> None:
        """The job is about the pull request, which comes from a fork: no key, and a token that only reads."""
        self.about_pull(head)
        event = json.loads((self.files / "event.json").read_text(encoding="utf-8"))
        event["pull_request"]["head"]["repo"] = {"full_name": "mallory/posts"}
        (self.files / "event.json").write_text(json.dumps(event), encoding="utf-8")
        self.env |= {name: "" for name in self.project.env if name.endswith(("_API_KEY", "_URL"))}

    def after(
        self, head: str, *, source: str | None = "mallory/posts", branch: str = "spring", **run: Any
    ) -> None:
        """The job was started after a pull request's run, of this commit of a branch of a repository."""
        place = None if source is None else {"full_name": source, "owner": {"login": source.split("/")[0]}}
        before = {
            "id": 8,
            "event": "pull_request",
            "conclusion": "success",
            "head_sha": head,
            "head_branch": branch,
            "head_repository": place,
            "html_url": "https://evil.example/",
            "pull_requests": [],
        }
        self._begin("workflow_run", {"workflow_run": before | run}, "refs/heads/main", "d" * 40)

    def about_push(self, commit: str = NEW, branch: str = "main", event: str = "push") -> None:
        """The job is about a commit of a branch."""
        self._begin(event, {"ref": f"refs/heads/{branch}"}, f"refs/heads/{branch}", commit)

    def _begin(self, name: str, event: dict[str, Any], ref: str, commit: str) -> None:
        if self.fake.kind == "gitlab":
            self.env = {
                "CI": "true",
                "GITLAB_CI": "true",
                "CI_API_V4_URL": self.fake.url,
                "CI_PROJECT_ID": "7",
                "CI_PROJECT_DIR": str(self.project.root),
                "CI_DEFAULT_BRANCH": "main",
                "CI_COMMIT_SHA": commit,
                "CI_JOB_URL": "https://gitlab.example/acme/posts/-/jobs/9",
                "CI_PIPELINE_SOURCE": "merge_request_event" if name == "pull_request" else name,
                "CALSYNC_FORGE_TOKEN": TOKEN,
            }
            if name == "pull_request":
                self.env |= {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "7"}
            else:
                self.env["CI_COMMIT_BRANCH"] = ref.removeprefix("refs/heads/")
            return
        event = {**event, "repository": {"full_name": "acme/posts", "default_branch": "main"}}
        (self.files / "event.json").write_text(json.dumps(event), encoding="utf-8")
        self.env = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.fake.url,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "acme/posts",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(self.files / "event.json"),
            "GITHUB_REF": ref,
            "GITHUB_SHA": commit if name != "pull_request" else "c" * 40,
            "GITHUB_RUN_ID": "9",
            "GITHUB_ACTOR": "anna",
            "GITHUB_WORKSPACE": str(self.project.root),
            "GITHUB_STEP_SUMMARY": str(self.files / "summary.md"),
            "GITHUB_OUTPUT": str(self.files / "output"),
            "GITHUB_TOKEN": TOKEN,
        }
        if self.fake.kind == "forgejo":
            self.env |= {"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true"}

    def run(self, *argv: str, code: int = 0, before: bytes = b"", env_without: str = "") -> Result:
        """Run `calsync ci ...` as a step: with outputs of its own, and the summary that was written `before`."""
        (self.files / "summary.md").write_bytes(before)
        (self.files / "output").unlink(missing_ok=True)
        result = self.project.run(
            "ci", *argv, env={**self.env, **({env_without: ""} if env_without else {})}, code=code
        )
        assert TOKEN not in hidden(result.out + result.err), str(result)
        return result

    @property
    def summary(self) -> str:
        """What the run's page shows."""
        return (self.files / "summary.md").read_text(encoding="utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs as the runner reads them: a delimiter ends a value, nothing else does."""
        text = (self.files / "output").read_text(encoding="utf-8")
        values: dict[str, str] = {}
        while text:
            head = re.match(r"([a-z_]+)<<(\S+)\n", text)
            assert head is not None, text
            value, _, text = text[head.end() :].partition(f"\n{head[2]}\n")
            values[head[1]] = value
        return values


def commands(text: str, name: str) -> list[str]:
    """The workflow commands of a name that a runner would obey in a log."""
    return [line for line in text.splitlines() if line.lstrip().startswith(f"::{name}")]


def hidden(text: str) -> str:
    """A log without the lines by which the runner learns what to hide."""
    return "".join(line for line in text.splitlines(True) if not line.startswith("::add-mask::"))
