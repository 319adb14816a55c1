"""A fork's pull request: planned where nothing may be written, told by `calsync ci comment`, which believes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ci_runs import Runner, commands
from forge_fakes import NEW, OLD, STRANGER, TOKEN, Fake
from outside import Project, ahead, video

from calsync.plan.digest import digest
from calsync.planfile import MAX_BYTES

MARKER = "<!-- calsync:plan:calsync.yaml -->"
FORK = "mallory/posts"
HOSTILE = f"""@everyone closes #1 https://evil.example/ <img src=x> --> ##[error]x
::error::all is lost
{MARKER}
<!-- calsync:outdated -->
```
</details> **bold** | cell
/close
"""
SAID: dict[str, Any] = {
    "format_version": "1",
    "created_at": "2026-03-01T09:00:00Z",
    "digest": digest([]),
    "filters": {"calendars": [], "accounts": []},
    "summary": {},
    "actions": [],
    "diagnostics": [{"severity": "error", "code": "odd", "message": "this is odd"}],
}
FAILED: dict[str, Any] = {
    "format_version": "1",
    "exit_code": 3,
    "error": {"code": "invalid", "message": "1 error in the calendars", "hint": None},
    "diagnostics": SAID["diagnostics"],
}


@pytest.fixture
def fake() -> Iterator[Fake]:
    """GitHub."""
    with Fake("github") as forge:
        yield forge


@pytest.fixture
def job(project: Project, fake: Fake) -> Runner:
    """The trusted job: no project, no keys, started after the run of pull request 7's head."""
    root = project.root.parent / "trusted"
    root.mkdir()
    bare = Project(root, project.box, project.warm)
    (root / "calsync.yaml").unlink()
    bare.env = {name: value for name, value in bare.env.items() if not name.endswith(("_API_KEY", "_URL"))}
    runner = Runner(bare, fake)
    runner.after(NEW)
    return runner


def left(job: Runner, document: object = SAID) -> str:
    """What the run left, unpacked; its name."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    job.project.write("calsync-plan/calsync-plan.json", data)
    return "calsync-plan/calsync-plan.json"


def outside_of_blocks(text: str) -> str:
    """What a forge reads as markdown."""
    fence = text.find("````")
    return text if fence < 0 else text[:fence] + text[text.index("````", fence + 4) :]


def test_the_story_of_a_fork(project: Project, fake: Fake, job: Runner) -> None:
    """Planned without keys by a token that only reads, told by another job; then pushed again, and overtaken."""
    project.calendar(video("stays", ahead(days=9)))
    for words in (
        ("init", "-qb", "main"),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "x"),
    ):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    project.calendar(video("stays", ahead(days=9)), video("teaser", ahead(days=3), caption=HOSTILE))
    theirs = Runner(project, fake)
    theirs.about_fork(OLD)
    fake.order("POST", "/comments", 403, times=1)
    fake.pull_head = OLD
    asked = len(project.box.requests())

    result = theirs.run("plan", "--base", "HEAD", "--out", "calsync-plan.json")
    assert len(project.box.requests()) == asked
    assert fake.ours() == []
    assert "its token only reads" in result.out
    assert "Compared with the calendars at HEAD" in theirs.summary
    assert theirs.outputs["create"] == "1"

    pull = fake.pull(OLD, source=FORK)
    job.after(OLD)
    document = (project.root / "calsync-plan.json").read_bytes()
    job.run("comment", left(job, document))
    [first] = fake.ours()
    assert first.startswith(
        f"{MARKER}\n<!-- calsync:head:{OLD} -->\n> **From another repository** (`{FORK}`)"
    )
    assert "information and no approval" in first
    assert "Compared with the calendars at HEAD" in first
    assert "spring/teaser" in first
    assert "(https://github.example/acme/posts/actions/runs/8)" in first
    for word in ("@everyone", "closes #1", "https://evil", "<img", "-->\n**", "\n/close", "outdated -->"):
        assert word not in outside_of_blocks(first.removeprefix(f"{MARKER}\n"))

    project.calendar(video("stays", ahead(days=9)), video("teaser", "soon", caption=HOSTILE))
    theirs.about_fork(NEW)
    theirs.run("plan", "--base", "HEAD", "--out", "calsync-plan.json", "--no-comment", code=3)
    pull["head"]["sha"] = NEW
    job.after(NEW)
    job.run("comment", left(job, (project.root / "calsync-plan.json").read_bytes()))
    [second] = fake.ours()
    assert "no plan" in second
    assert "`calendars/spring.yaml:" in second
    assert "spring/teaser@" not in second

    # The run before comes late; then somebody pushes while a run is under way.
    job.after(OLD)
    job.run("comment", left(job, document))
    assert fake.ours() == [second]
    pull["head"]["sha"] = "e" * 40
    job.after(NEW)
    assert "no open pull request has this commit" in job.run("comment", left(job, document)).out
    [last] = fake.ours()
    assert "**Outdated**" in last
    assert [each.split()[0] for each in fake.writes()] == ["POST", "POST", "PATCH", "PATCH"]


def test_the_forge_says_which_pull_request_it_is(fake: Fake, job: Runner) -> None:
    """Neither what the document says nor a branch of the same name leads to another one."""
    fake.pull(NEW, number=7, source=FORK, branch="main")
    fake.pull(OLD, number=8, source="trent/posts", branch="main")
    fake.pull(NEW, number=9, branch="main")
    fake.pull(NEW, number=10, source="mallory/other", branch="main")
    fake.pull(NEW, number=11, source=FORK, branch="other")
    fake.pull(NEW, number=12, source=FORK, branch="main")["state"] = "closed"
    fake.pull(NEW, number=13, source=FORK)["head"]["repo"] = None
    lies = {
        "number": 9,
        "repository": "acme/posts",
        "head": OLD,
        "commit": OLD,
        "pull_request": {"number": 9},
    }
    job.after(NEW, branch="main", pull_requests=[{"number": 9}])
    job.run("comment", left(job, SAID | lies))
    job.after(OLD, branch="main", source="trent/posts")
    job.run("comment", left(job, SAID | lies))
    job.after(NEW, branch="main", source="acme/posts")
    job.run("comment", left(job, SAID | lies))
    assert [each["pull"] for each in fake.comments] == [7, 8, 9]
    assert [f"head:{head} -->" in each for each, head in zip(fake.ours(), (NEW, OLD, NEW), strict=True)] == [
        True
    ] * 3
    assert OLD[:12] not in fake.ours()[0]
    assert ["another repository" in each for each in fake.ours()] == [True, True, False]


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_nobody_to_tell(project: Project, kind: str, job: Runner) -> None:
    """A pull request that was closed, two of one commit, a fork that is gone, a run of no pull request: one notice."""
    with Fake(kind) as fake:
        job.fake = fake
        job.after(NEW)
        closed = fake.pull(NEW, source=FORK)
        closed["state"] = "closed"
        results = [job.run("comment", left(job))]
        closed["state"] = "open"
        fake.pull(NEW, number=8, source=FORK)
        results.append(job.run("comment", left(job)))
        for change in ({"source": None}, {"event": "push"}, {"head_sha": "main"}, {"source": "../.."}):
            job.after(NEW, **change)
            results.append(job.run("comment", left(job)))
        job.about_pull(NEW)
        results.append(job.run("comment", left(job)))
        assert fake.writes() == []
        for result in results:
            assert len(commands(result.out, "notice")) == 1, str(result)
        closed["state"] = "closed"
        job.after(NEW)
        job.run("comment", left(job))
        assert len(fake.ours()) == 1


def test_gitlab_and_elsewhere(project: Project, job: Runner) -> None:
    """Where no job follows another's, that is said."""
    with Fake("gitlab") as fake:
        job.fake = fake
        job.about_pull(NEW)
        assert "GitLab starts no job" in job.run("comment", left(job)).err
        assert fake.seen == []
    job.env = {}
    assert "no CI that calsync knows" in job.run("comment", left(job)).err


def test_a_run_that_left_nothing(fake: Fake, job: Runner) -> None:
    """One that failed is told, with where to read why; one that was stopped is not; an older plan does not stay."""
    fake.pull(NEW, source=FORK)
    for conclusion, said in (("cancelled", 0), ("success", 0), ("failure", 1), ("cancelled", 1)):
        job.after(NEW, conclusion=conclusion)
        assert commands(job.run("comment", "absent/calsync-plan.json").out, "notice")
        assert len(fake.ours()) == said
    assert "ended before it wrote a plan" in fake.ours()[0]
    assert "https://github.example/acme/posts/actions/runs/8" in fake.ours()[0]
    assert "evil" not in fake.ours()[0]
    left(job)
    job.run("comment", left(job))
    job.after(NEW, conclusion="cancelled")
    job.run("comment", "absent.json")
    [comment] = fake.ours()
    assert "ended before" in comment


def _lines(*lines: str) -> dict[str, Any]:
    return SAID | {"lines": lines, "digest": digest(lines)}


WRONG: dict[str, Callable[[], object]] = {
    "nothing": lambda: b"",
    "cut off": lambda: json.dumps(SAID).encode()[:-9],
    "not JSON": lambda: b"::error::x <img>",
    "not UTF-8": lambda: b'{"format_version": "\xff"}',
    "deep": lambda: b"[" * 200_000,
    "too large": lambda: b" " * (MAX_BYTES + 1),
    "a list": lambda: [SAID],
    "another version": lambda: SAID | {"format_version": "2"},
    "another digest": lambda: SAID | {"digest": "0" * 64},
    "lines that are deep": lambda: _lines('create x {"a": ' + "[" * 100_000),
    "lines that are none": lambda: _lines('create x {"a": {}}'),
    "an error that is none": lambda: FAILED | {"error": {"message": [HOSTILE]}},
    "too many findings": lambda: FAILED | {"diagnostics": SAID["diagnostics"] * 2002},
    "an apply's": lambda: {"format_version": "1", "result": {}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_document_that_is_none(wrong: str, fake: Fake, job: Runner) -> None:
    """One error in the log, and a comment that says so in our own words."""
    fake.pull(NEW, source=FORK)
    result = job.run("comment", left(job, WRONG[wrong]()), code=1)
    assert "bug" not in result.err
    assert commands(result.out + result.err, "error") == []
    [comment] = fake.ours()
    assert "cannot be read" in comment
    assert len(comment) < 800


@pytest.mark.parametrize("how", ["link", "pipe", "folder", "below a file"])
def test_what_is_no_file(how: str, fake: Fake, job: Runner) -> None:
    """What was unpacked may lead anywhere; nothing is followed, waited for or shown."""
    fake.pull(NEW, source=FORK)
    place = job.project.root / "plan.json"
    secret = job.project.write("secret", json.dumps(SAID))
    if how == "link":
        place.symlink_to(secret)
    elif how == "pipe":
        os.mkfifo(place)
    elif how == "folder":
        place.mkdir()
    name = "secret/plan.json" if how == "below a file" else "plan.json"
    job.run("comment", name, code=1)
    assert "this is odd" not in fake.ours()[0]


@pytest.mark.parametrize("document", [SAID, FAILED])
def test_whatever_it_says_stays_text(document: dict[str, Any], fake: Fake, job: Runner) -> None:
    """Every word may be hostile, and there may be far too many of them."""
    fake.pull(NEW, source=FORK)
    most = HOSTILE * 3000
    finding = {
        "severity": "error",
        "code": HOSTILE,
        "message": most,
        "hint": most,
        "file": HOSTILE,
        "line": 1,
        "column": 1,
    }
    more: dict[str, Any] = {"diagnostics": [finding | {"address": HOSTILE}] * 20}
    if "error" in document:
        more["error"] = {"code": "x", "message": most, "hint": most}
    else:
        more |= {
            "brake": most,
            "halted": {HOSTILE[:200]: most},
            "filters": {"calendars": [HOSTILE[:200]] * 900, "accounts": ["`"]},
            "base": {"ref": most, "commit": OLD},
            "commit": OLD,
        }
    result = job.run("comment", left(job, document | more))
    assert commands(result.out, "error") == []
    [comment] = fake.ours()
    assert len(comment) < 65_000
    assert comment.startswith(f"{MARKER}\n<!-- calsync:head:{NEW} -->\n> **From another repository**")
    for word in (
        "@everyone",
        "closes #1",
        "https://evil",
        "<img",
        "-->\n**",
        "\n/close",
        "outdated -->",
        "\n```",
    ):
        assert word not in comment.removeprefix(f"{MARKER}\n"), word
    fake.pulls[0]["head"]["sha"] = OLD
    job.run("comment", left(job))
    assert "**Outdated**" in fake.ours()[0]


def test_one_comment_with_ci_plan_and_one_for_each_project(project: Project, fake: Fake, job: Runner) -> None:
    """It is found as `ci plan` finds it: by project, filters and author; nothing of the document decides it."""
    fake.pull(NEW, source=FORK)
    project.calendar(video("teaser", ahead(days=3)))
    stranger = fake.comment(f"{MARKER}\n**Nothing** to see here", STRANGER)["body"]
    own = Runner(project, fake)
    own.run("plan")
    job.after(NEW)
    job.run("comment", left(job, SAID | {"filters": {"calendars": ["spring"], "accounts": []}}))
    assert len(fake.ours()) == 1
    assert "this is odd" in fake.ours()[0]
    own.about_pull(NEW)
    own.env["GITHUB_WORKSPACE"] = str(project.root.parent)
    own.run("plan", "--calendar", "spring")
    job.after(NEW)
    job.run("comment", left(job), "--project", "./project/calsync.yaml", "--calendar", "spring")
    assert len(fake.ours()) == 2
    assert fake.ours()[1].startswith("<!-- calsync:plan:project/calsync.yaml?spring; -->\n")
    assert "this is odd" in fake.ours()[1]
    job.run("comment", left(job), "--project", "a --> b/calsync.yaml")
    assert fake.ours()[2].startswith("<!-- calsync:plan:a%20--%3E%20b/calsync.yaml -->\n")
    for path in ("", "/etc/calsync.yaml", "../calsync.yaml", "a/../../b", "a\nb", "x" * 501):
        job.run("comment", left(job), "--project", path, code=64)
    job.run("comment", code=64)
    assert fake.comments[0]["body"] == stranger


def test_nothing_to_say_is_not_said_and_a_forge_that_refuses_changes_nothing(fake: Fake, job: Runner) -> None:
    """A plan without changes or findings makes no comment; what cannot be told is one message and exit 0."""
    fake.pull(NEW, source=FORK)
    quiet = job.run("comment", left(job, SAID | {"diagnostics": []}))
    assert commands(quiet.err, "add-mask") == [f"::add-mask::{TOKEN}"]
    assert fake.writes() == []
    for method, path, status in (("GET", "/pulls", 403), ("POST", "/comments", 403), ("GET", "/pulls", 500)):
        fake.order(method, path, status, times=3)
        result = job.run("comment", left(job))
        assert result.out.count("the plan is not in a comment") == 1
        fake.orders.clear()
    job.env["GITHUB_TOKEN"] = ""
    assert "there is no token" in job.run("comment", left(job)).out
    assert fake.ours() == []
