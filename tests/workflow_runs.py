"""Workflows played as a forge plays them: a fresh checkout per job, scripts in bash, and nothing kept afterwards.

What a forge's own actions do is done here in their place (checkout, artifacts, Python); whatever is a script of ours
is run as it is written, with `calsync` on the PATH being the command line under test.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Self

import yaml
from ci_runs import hidden
from forge_fakes import TOKEN, Fake
from gits import PLAIN, Smart, bare, git
from outside import CODES, until
from warm import Warm

from calsync.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
READING = "ghs_a-token-that-only-reads"
KEYS = ("POSTQUED_API_KEY", "TIKFLOW_API_KEY", "POSTIZ_API_KEY")
WHO = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
        (("NAME", "anna"), ("EMAIL", "anna@example.org"))}  # fmt: skip
_PYTHON = """\
#!/bin/sh
echo "$0 $*" >> "$TMPDIR/python.log"
case "${{0##*/}} $1 $2 $3" in
    apt-get*|pip*|*" -I -m pip") ;;
    *" -I -m venv") mkdir -p "$4/bin"; for name in python pip calsync; do ln -s "{tools}/$name" "$4/bin/$name"; done ;;
    *) exit 1 ;;
esac
"""


@dataclass
class Job:
    """One job, played or being played."""

    folder: Path
    code: int | None = None
    started: bool = True
    thread: Thread | None = None

    @property
    def workspace(self) -> Path:
        """The checkout."""
        return self.folder / "workspace"

    @property
    def log(self) -> str:
        """Everything that its scripts said, on both streams."""
        return (self.folder / "log").read_text(encoding="utf-8")

    @property
    def summary(self) -> str:
        """What the run's page shows."""
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    @property
    def installed(self) -> str:
        """What was asked of Python."""
        return (self.folder / "tmp" / "python.log").read_text(encoding="utf-8")

    @property
    def going(self) -> bool:
        """It is not at its end yet."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def checked_out(self) -> bool:
        """It is past its checkout, and calsync runs."""
        return (self.folder / "tmp" / "calsync.pid").exists()

    def end(self) -> Self:
        """Wait for it."""
        assert self.thread is not None
        self.thread.join(120)
        assert not self.thread.is_alive(), self.log
        return self

    def kill(self) -> None:
        """The runner is gone, in the middle of it."""
        pid = self.folder / "tmp" / "calsync.pid"
        until(lambda: pid.exists() and pid.read_text())
        os.kill(int(pid.read_text()), signal.SIGKILL)
        self.end()


@dataclass
class Hub:
    """A forge with one repository, its runners, and the services that the runs speak to."""

    folder: Path
    fake: Fake
    box: Sandbox
    warm: Warm
    smart: Smart | None = None
    artifacts: dict[int, Path] = field(default_factory=dict)
    jobs: int = 0

    def __post_init__(self) -> None:
        self.remote = bare(self.folder / "remote.git")
        git(self.remote, "config", "http.receivepack", "true")
        self.url = self.smart.url if self.smart is not None else self.remote.as_uri()
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self.warm.install(self.tools / "calsync")
        for name in ("python", "python3", "pip", "apt-get"):
            stand_in = _PYTHON.format(tools=self.tools)
            (self.tools / name).write_text(stand_in, encoding="utf-8")
            (self.tools / name).chmod(0o755)
        services = dict(self.box.environment)
        self.secrets = {name: services.pop(name) for name in KEYS}
        self.env = PLAIN | services | {"PATH": f"{self.tools}:/usr/bin:/bin", "CALSYNC_RETRY_WAIT": "0.02"}

    # What people do

    def head(self, branch: str = "main") -> str:
        """The newest commit of a branch."""
        return git(self.remote, "rev-parse", branch)

    def person(self, name: str = "anna") -> Path:
        """A person's clone."""
        path = self.folder / name
        git(self.folder, "clone", "-q", self.remote.as_uri(), str(path))
        return path

    def push(self, clone: Path, message: str, branch: str = "main") -> str:
        """A person commits everything, to this branch, and pushes it; the commit."""
        if git(clone, "branch", "--show-current") != branch:
            git(clone, "checkout", "-q", "-B", branch)
        git(clone, "add", ".")
        git(clone, "commit", "-q", "--allow-empty", "-m", message, env=PLAIN | WHO)
        git(clone, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return self.head(branch)

    def merge(self, branch: str) -> str:
        """Somebody presses the button."""
        commit = self._merge(branch)
        git(self.remote, "update-ref", "refs/heads/main", commit)
        return commit

    def _merge(self, branch: str) -> str:
        scratch = self.folder / "forge"
        if not scratch.exists():
            git(self.folder, "clone", "-q", self.remote.as_uri(), str(scratch))
        git(scratch, "fetch", "-q", "origin")
        git(scratch, "checkout", "-q", "--detach", "origin/main")
        git(scratch, "merge", "-q", "--no-ff", "-m", f"Merge {branch}", f"origin/{branch}")
        git(scratch, "push", "-q", "origin", "+HEAD:refs/pull/7/merge")
        return git(scratch, "rev-parse", "HEAD")

    def calsync(self, clone: Path, *argv: str) -> str:
        """A maintainer runs calsync in a clone, with the keys; what it said."""
        done = subprocess.run(
            [self.tools / "calsync", *argv],
            cwd=clone, env=self.env | self.secrets, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    # What the forge does

    def pull(self, branch: str, *, fork: bool = False) -> tuple[Job, Job | None]:
        """A pull request is opened or pushed to: its plan, and on GitHub the job that follows it."""
        merge, head = self._merge(branch), self.head(branch)
        source = {"full_name": "mallory/posts" if fork else "acme/posts"}
        place = {"full_name": "acme/posts"}
        self.fake.pulls.clear()
        self.fake.pull(head, source=source["full_name"], branch=branch)
        event = {
            "action": "synchronize",
            "number": 7,
            "pull_request": {
                "number": 7,
                "head": {"sha": head, "ref": branch, "repo": source},
                "base": {"ref": "main", "repo": place},
            },
        }
        secrets = {} if fork else self.secrets
        folder = ".github" if self.fake.kind == "github" else ".forgejo"
        plan = self.play(
            f"{folder}/workflows/calsync-plan.yml",
            "pull_request", event, ref="refs/pull/7/merge", sha=merge, secrets=secrets,
        )  # fmt: skip
        if self.fake.kind != "github":
            return plan, None
        run = {
            "id": self.jobs,
            "name": "calsync plan",
            "event": "pull_request",
            "status": "completed",
            "conclusion": "success" if plan.code == 0 else "failure",
            "head_sha": head,
            "head_branch": branch,
            "head_repository": source,
            "pull_requests": [] if fork else [{"number": 7}],
        }
        after = {"action": "completed", "workflow_run": run, "workflow": {"name": "calsync plan"}}
        comment = self.play(".github/workflows/calsync-comment.yml", "workflow_run", after, secrets=secrets)
        return plan, comment

    def pushed(self, **more: Any) -> Job:
        """What a push to main starts."""
        folder = ".github" if self.fake.kind == "github" else ".forgejo"
        return self.play(f"{folder}/workflows/calsync-apply.yml", "push", {"ref": "refs/heads/main"}, **more)

    def night(self, **more: Any) -> Job:
        """What the nightly schedule starts."""
        folder = ".github" if self.fake.kind == "github" else ".forgejo"
        return self.play(f"{folder}/workflows/calsync-apply.yml", "schedule", {}, **more)

    def play(
        self,
        path: str,
        name: str,
        event: Mapping[str, Any],
        *,
        ref: str = "refs/heads/main",
        sha: str | None = None,
        secrets: Mapping[str, str] | None = None,
        text: str | None = None,
        wait: bool = True,
    ) -> Job:
        """Play the one job of a workflow as it stands on the branch that the event has it from."""
        self.fake.main = self.head()
        sha = sha or self.head()
        workflow = yaml.load(text or git(self.remote, "show", f"{sha}:{path}"), yaml.BaseLoader)
        on = workflow["on"]
        assert name in on
        if name == "push":
            assert ref.removeprefix("refs/heads/") in on["push"]["branches"]
        if name == "workflow_run":
            assert event["workflow"]["name"] in on[name]["workflows"]
        [job] = workflow["jobs"].values()
        self.jobs += 1
        played = Job(self.folder / f"job-{self.jobs}")
        played.folder.mkdir()
        event = {**event, "repository": {"full_name": "acme/posts", "default_branch": "main"}}
        event_file = played.folder / "event.json"
        event_file.write_text(json.dumps(event), encoding="utf-8")
        for each in ("log", "summary.md", "output"):
            (played.folder / each).touch()
        (played.folder / "tmp").mkdir()
        github = {"token": TOKEN, "event": event, "event_name": name, "sha": sha, "ref": ref}
        env = self.env | {
            "HOME": str(played.folder),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.fake.url,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "acme/posts",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(event_file),
            "GITHUB_REF": ref,
            "GITHUB_SHA": sha,
            "GITHUB_RUN_ID": str(self.jobs),
            "GITHUB_ACTOR": "anna",
            "GITHUB_WORKSPACE": str(played.workspace),
            "GITHUB_STEP_SUMMARY": str(played.folder / "summary.md"),
            "GITHUB_OUTPUT": str(played.folder / "output"),
            "RUNNER_TEMP": str(played.folder / "tmp"),
            "TMPDIR": str(played.folder / "tmp"),
        }
        if self.fake.kind == "forgejo":
            env |= {"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true"}
        allowed = job.get("permissions", workflow.get("permissions"))
        told = {
            "github": github,
            "secrets": dict(self.secrets if secrets is None else secrets),
            "steps": {},
            # Without a word about it a job may write, but for a fork's.
            "writes": secrets != {} if allowed is None else allowed.get("contents") == "write",
        }
        if "if" in job and not _true(job["if"], told):
            played.started, played.code = False, 0
            return played
        played.workspace.mkdir()

        def steps() -> None:
            played.code = self._steps(played, job["steps"], told, env)

        work = Thread(target=steps)
        played.thread = work
        work.start()
        if wait:
            played.end()
            self.laws(played)
        return played

    def _steps(
        self, job: Job, steps: list[dict[str, Any]], told: dict[str, Any], env: Mapping[str, str]
    ) -> int:
        code = 0
        for step in steps:
            if code and not ("if" in step and _true(step["if"], told)):
                continue
            values = {name: filled(text, told) for name, text in step.get("env", {}).items()}
            given = {name: filled(text, told) for name, text in step.get("with", {}).items()}
            if "run" in step:
                done = self.bash(job, step["run"], {**env, **values}, pipefail=step.get("shell") == "bash")
            else:
                done = self._use(
                    job, step["uses"].partition("@")[0], given, {**told, "env": {**env, **values}}
                )
            if not code and step.get("continue-on-error") != "true":
                code = done
        return code

    def bash(
        self, job: Job, script: str, env: Mapping[str, str], *, pipefail: bool = True, cwd: Path | None = None
    ) -> int:
        """Run a script as a runner does; its exit code."""
        # The container's own folder.
        script = script.replace("/opt/calsync", str(job.folder / "opt"))
        (job.folder / "script").write_text(script, encoding="utf-8")
        options = ["--noprofile", "--norc", "-eo", "pipefail"] if pipefail else ["-e"]
        with (job.folder / "log").open("ab") as log:
            return subprocess.run(
                ["bash", *options, str(job.folder / "script")],
                cwd=cwd or job.workspace, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                check=False,
            ).returncode  # fmt: skip

    def _use(self, job: Job, action: str, given: Mapping[str, str], told: dict[str, Any]) -> int:
        """What an action of the forge does."""
        github = told["github"]
        match action:
            case "actions/checkout":
                self.checkout(
                    job.workspace,
                    given.get("ref") or github["ref"].removeprefix("refs/heads/"),
                    None if "ref" in given else github["sha"],
                    int(given["fetch-depth"]),
                    told["github"]["token"] if told["writes"] else READING,
                )
            case "actions/setup-python":
                told["steps"]["python"] = {"outputs": {"python-path": str(self.tools / "python")}}
            case "actions/upload-artifact":
                found = job.workspace / given["path"]
                if found.exists():
                    self.artifacts[int(job.folder.name.removeprefix("job-"))] = found
            case "actions/download-artifact":
                kept = self.artifacts.get(int(given["run-id"]))
                if kept is None:
                    return 1
                target = job.workspace / given["path"]
                target.mkdir(parents=True)
                shutil.copy(kept, target)
            case "acme/calsync":
                return self._composite(job, given, told)
            case _:
                raise AssertionError(f"what does {action} do?")
        return 0

    def _composite(self, job: Job, given: Mapping[str, str], told: dict[str, Any]) -> int:
        """This repository's own action."""
        action = yaml.load((ROOT / "action.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
        inputs = {name: each.get("default", "") for name, each in action["inputs"].items()} | dict(given)
        github = {**told["github"], "action_path": str(ROOT)}
        inner = {**told, "inputs": inputs, "github": github, "secrets": {}}
        return self._steps(job, action["runs"]["steps"], inner, told["env"])

    def checkout(self, path: Path, ref: str, sha: str | None, depth: int, token: str) -> None:
        """A fresh and shallow clone, as actions/checkout makes it, with the job's token in its configuration."""
        git(path, "init", "-q", "-b", "main")
        git(path, "remote", "add", "origin", self.url)
        if self.smart is not None:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            origin = self.url.rpartition("/")[0]
            git(path, "config", f"http.{origin}/.extraheader", f"AUTHORIZATION: basic {basic}")
        limit = [f"--depth={depth}"] if depth else []
        if ref.startswith("refs/pull/"):
            git(
                path,
                "fetch",
                "-q",
                "--no-tags",
                *limit,
                "origin",
                f"+{sha}:{ref.replace('refs/', 'refs/remotes/', 1)}",
            )
            git(path, "checkout", "-q", "--force", "--detach", str(sha))
            return
        git(
            path,
            "fetch",
            "-q",
            "--no-tags",
            *limit,
            "origin",
            f"+{sha or f'refs/heads/{ref}'}:refs/remotes/origin/{ref}",
        )
        git(path, "checkout", "-q", "--force", "-B", ref, f"refs/remotes/origin/{ref}")

    def laws(self, job: Job) -> None:
        """What holds for every job: an exit code of the contract, no traceback, and no secret in what it says."""
        assert job.code in CODES, job.log
        assert "Traceback" not in job.log, job.log
        said = hidden(job.log) + job.summary
        for secret in (*self.secrets.values(), TOKEN):
            assert secret not in said, said


def filled(text: str, told: Mapping[str, Any]) -> str:
    """A text with its expressions; a secret or variable that is not there is empty, as on a forge."""

    def value(found: re.Match[str]) -> str:
        kind, _, rest = found[1].partition(".")
        if kind in ("secrets", "vars"):
            return str(told.get(kind, {}).get(rest, ""))
        here: Any = told
        for name in found[1].split("."):
            here = here[name]
        return str(here)

    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", value, text)


def _true(condition: str, told: Mapping[str, Any]) -> bool:
    bare_words = condition.removeprefix("${{").removesuffix("}}").strip()
    if bare_words == "!cancelled()":
        return True
    found = re.fullmatch(r"([\w.]+) == '(\w+)'", bare_words)
    assert found is not None, condition
    return filled("${{ " + found[1] + " }}", told) == found[2]


# GitLab


def gitlab(hub: Hub, name: str, source: str, *, branch: str = "main", forked: bool = False) -> Job | None:
    """Play a job of .gitlab-ci.yml as a pipeline of this source; None where its rules leave it out.

    For a merge request `branch` is the one to be merged, from a fork where it is `forked`.
    """
    hub.fake.main = hub.head()
    sha = hub.head(branch)
    document = yaml.load(git(hub.remote, "show", f"{sha}:.gitlab-ci.yml"), yaml.BaseLoader)
    job = document[name]
    shared = document[job["extends"]]
    hub.jobs += 1
    played = Job(hub.folder / f"job-{hub.jobs}")
    (played.folder / "tmp").mkdir(parents=True)
    played.workspace.mkdir()
    (played.folder / "summary.md").touch()
    env = hub.env | {
        "HOME": str(played.folder),
        "TMPDIR": str(played.folder / "tmp"),
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_API_V4_URL": hub.fake.url,
        "CI_PROJECT_ID": "7",
        "CI_PROJECT_DIR": str(played.workspace),
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_SHA": sha,
        "CI_JOB_URL": f"https://gitlab.example/acme/posts/-/jobs/{hub.jobs}",
        "CI_PIPELINE_SOURCE": source,
        "GITLAB_USER_LOGIN": "anna",
    }
    if source == "merge_request_event":
        hub.fake.pull_head = sha
        env |= {
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": sha,
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8" if forked else "7",
        }
    else:
        env["CI_COMMIT_BRANCH"] = branch
    if not forked:
        env |= {**hub.secrets, "CALSYNC_FORGE_TOKEN": TOKEN}
    rule = next((each for each in job["rules"] if _holds(each["if"], env)), None)
    if rule is None:
        return None
    for variables in (shared["variables"], job.get("variables", {}), rule.get("variables", {})):
        for key, value in variables.items():
            env[key] = re.sub(r"\$(\w+)", lambda found: env.get(found[1], ""), value)
    hub.checkout(played.workspace, branch, sha, int(env["GIT_DEPTH"]), READING)
    git(played.workspace, "checkout", "-q", "--detach")
    script = "\n".join([*shared["before_script"], *job["script"]])
    played.code = hub.bash(played, script, env)
    hub.laws(played)
    return played


def _holds(rule: str, env: Mapping[str, str]) -> bool:
    def side(text: str) -> str:
        return env.get(text[1:], "") if text.startswith("$") else text.strip('"')

    return all(
        side(left) == side(right) for left, right in (each.split(" == ") for each in rule.split(" && "))
    )
