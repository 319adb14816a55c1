"""`calsync ci plan` from outside: runs on a runner, told to a forge, whatever the forge does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from ci_runs import Runner, commands, hidden
from forge_fakes import NEW, OLD, STRANGER, TOKEN, Fake
from outside import Project, ahead, video

MARKER = "<!-- calsync:plan:calsync.yaml -->"


@pytest.fixture
def fake() -> Iterator[Fake]:
    """GitHub."""
    with Fake("github") as forge:
        yield forge


@pytest.fixture
def runner(project: Project, fake: Fake) -> Runner:
    """A job about pull request 7, with one post to create."""
    project.calendar(video("teaser", ahead(days=3)))
    return Runner(project, fake)


@pytest.mark.parametrize("kind", ["github", "gitlab", "forgejo"])
def test_one_comment_from_the_first_plan_to_the_last(project: Project, kind: str) -> None:
    """It is made once, below what others wrote, edited in place, and brought up to date when nothing is left."""
    project.calendar(video("teaser", ahead(days=3)))
    with Fake(kind) as fake:
        runner = Runner(project, fake)
        for number in range(120):
            fake.comment(f"Looks good {number}", STRANGER)
        stranger = fake.comment(f"{MARKER}\n**Nothing** to see here", STRANGER)["body"]
        runner.run("plan")
        [first] = fake.ours()
        assert first.startswith(f"{MARKER}\n<!-- calsync:head:{NEW} -->\n")
        assert "spring" in first
        assert "The teaser" in first
        assert NEW[:10] in first

        project.calendar(video("reveal", ahead(days=4)))
        runner.run("plan")
        [second] = fake.ours()
        assert "reveal" in second
        assert "The teaser" not in second

        project.apply()
        runner.run("plan")
        [third] = fake.ours()
        assert "Nothing to do" in third
        assert [each.split()[0] for each in fake.writes()] == [
            "POST",
            *(["PUT"] * 2 if kind == "gitlab" else ["PATCH"] * 2),
        ]
        assert len(fake.comments) == 122
        assert fake.comments[120]["body"] == stranger


def test_githubs_own_server_and_a_token_that_nobody_names(project: Project) -> None:
    """On GitHub Enterprise both APIs are found; where neither says who the token is, it is a workflow's."""
    project.calendar(video("teaser", ahead(days=3)))
    with Fake("github", enterprise=True) as fake:
        runner = Runner(project, fake)
        for _ in range(2):
            runner.run("plan")
        fake.order("POST", "/graphql", 404)
        runner.run("plan")
        assert [each.split()[0] for each in fake.writes()] == ["POST", "PATCH", "PATCH"]
        asked = [path for _, path, _ in fake.seen if path in ("/graphql", "/user")]
        assert asked == ["/graphql", "/graphql", "/user"]


def test_choices(runner: Runner, fake: Fake) -> None:
    """--no-comment asks the forge nothing; a chosen part has a comment of its own; --out is a plan to apply."""
    runner.run("plan", "--no-comment", "--out", "plan.json")
    assert fake.seen == []
    runner.run("plan")
    runner.run("plan", "--calendar", "spring", "--account", "brand")
    runner.run("plan", "--account", "brand", "--calendar", "spring")
    assert [each.splitlines()[0] for each in fake.ours()] == [
        MARKER,
        "<!-- calsync:plan:calsync.yaml?spring;brand -->",
    ]
    runner.project.run("apply", "-y", "plan.json", code=0)
    runner.run("plan", "--account", "nobody", code=64)


def test_nothing_to_say_is_not_said(runner: Runner, fake: Fake) -> None:
    """A plan without changes or findings makes no comment; the summary and the outputs tell it all the same."""
    runner.project.apply()
    runner.run("plan")
    assert fake.writes() == []
    assert "Nothing to do" in runner.summary
    assert (runner.outputs["has_changes"], runner.outputs["unchanged"]) == ("false", "1")


def test_a_comment_that_is_deleted_meanwhile_is_made_anew(runner: Runner, fake: Fake) -> None:
    """What was found and cannot be edited any more is made again."""
    runner.run("plan")
    fake.order("PATCH", "/issues/comments/\\d+", 404, times=1)
    runner.run("plan")
    assert [each.split()[0] for each in fake.writes()] == ["POST", "PATCH", "POST"]


def test_two_comments_from_a_race_become_one(runner: Runner, fake: Fake) -> None:
    """Where two runs made a comment each, the first is kept up to date and the other points to it from then on."""
    fake.comment(f"{MARKER}\nan old plan")
    fake.comment(f"{MARKER}\nanother old plan")
    for _ in range(2):
        runner.run("plan")
    [kept, double] = fake.ours()
    assert "teaser" in kept
    assert double == "_The plan is in the comment above._\n"
    assert len(fake.writes()) == 3


def test_a_head_that_moved(runner: Runner, fake: Fake) -> None:
    """A plan of an old head makes no comment, marks an older one as outdated once, and leaves a newer one alone."""
    runner.about_pull(OLD)
    runner.run("plan")
    assert fake.writes() == []

    fake.pull_head = OLD
    runner.run("plan")
    fake.pull_head = NEW
    for _ in range(2):
        runner.run("plan")
    [comment] = fake.ours()
    assert "**Outdated**" in comment
    assert [each.split()[0] for each in fake.writes()] == ["POST", "PATCH"]

    runner.about_pull(NEW)
    runner.run("plan")
    [comment] = fake.ours()
    assert "Outdated" not in comment
    runner.about_pull(OLD)
    runner.run("plan")
    assert fake.ours() == [comment]


@pytest.mark.parametrize(
    ("order", "level"),
    [
        (("POST", "/comments", 403), "notice"),
        (("GET", "/comments", 401), "notice"),
        (("GET", "/pulls/7", 404), "warning"),
        (("POST", "/comments", 500), "warning"),
        (("GET", "/pulls/7", 301), "warning"),
        (("GET", "/comments", 429), "warning"),
    ],
)
def test_a_forge_that_refuses_changes_nothing_else(
    runner: Runner, fake: Fake, order: tuple[str, str, int], level: str
) -> None:
    """Refused, broken, moved or out of quota: one message, the plan where it always is, and the plan's own code."""
    fake.order(*order, headers={"Retry-After": "3600", "Location": "https://elsewhere.example/"})
    result = runner.run("plan")
    said = [each for each in result.out.splitlines() if "the plan is not in a comment" in each]
    assert len(said) == 1
    assert said[0].startswith(f"::{level} ")
    assert "teaser" in runner.summary
    assert "teaser" in result.out
    assert (runner.outputs["has_changes"], runner.outputs["exitcode"]) == ("true", "0")
    assert fake.ours() == []
    assert len(fake.writes()) == (order[0] == "POST")


def test_a_fork_is_told_why_there_is_no_comment(runner: Runner, fake: Fake) -> None:
    """A fork's token only reads: the notice says so, and not which permissions to give to strangers."""
    stranger = {"full_name": "mallory/posts"}
    runner.about_pull(NEW, pull_request={"number": 7, "head": {"sha": NEW, "repo": stranger}})
    fake.order("POST", "/comments", 403)
    result = runner.run("plan")
    assert "comes from a fork" in result.out
    assert "permissions" not in result.out
    assert "teaser" in runner.summary


def test_what_cannot_be_looked_through_is_not_written_to(runner: Runner, fake: Fake) -> None:
    """An answer that is no list, or a list without end, does not mean that there is no comment yet."""
    fake.order("GET", "/comments", 200, times=1)
    assert "no list" in runner.run("plan").out
    fake.comments = [fake.comment("me too", STRANGER) for _ in range(100)] * 60
    assert "more comments than" in runner.run("plan").out
    fake.order("GET", "/pulls/7", 403, body="API rate limit exceeded")
    result = runner.run("plan")
    assert "permissions" not in result.out
    assert commands(result.out, "warning title=calsync")
    assert fake.writes() == []


def test_a_forge_for_a_moment_busy_or_away(runner: Runner, fake: Fake) -> None:
    """A forge that is slow and asks for a moment gets it; one that nobody reaches, or without a token, is a notice."""
    fake.delay = 0.3
    fake.order("GET", "/pulls/7", 429, times=1, headers={"Retry-After": "0"})
    runner.run("plan")
    assert len(fake.ours()) == 1
    for change in (
        {"GITHUB_API_URL": "http://127.0.0.1:9"},
        {"GITHUB_API_URL": "http://forge.example"},
        {"GITHUB_API_URL": ""},
        {"GITHUB_TOKEN": ""},
    ):
        runner.about_pull(NEW)
        runner.env |= change
        result = runner.run("plan")
        assert len([each for each in result.out.splitlines() if "the plan is not in a comment" in each]) == 1
    assert len(fake.writes()) == 1


CAPTION = f"""Look
::error::all is lost
::add-mask::e
%0A::warning::x ##[error]y
@everyone, @acme/team: closes #1 and https://evil.example/ <img src=x> -->
{MARKER}
<!-- calsync:outdated -->
```
</details> **bold** | cell
/close
EOF
"""


def test_captions_stay_text(runner: Runner, fake: Fake) -> None:
    """Nothing that a calendar says is a command in the log, markup or a mention in the comment, or an output."""
    runner.project.calendar(
        video("teaser", ahead(days=3), caption=CAPTION, title="::set-output name=digest::x"),
        video("late", ahead(days=-3), caption=CAPTION),
    )
    result = runner.run("plan")
    assert commands(result.out, "error") == []
    assert commands(result.out + result.err, "add-mask") == commands(result.err, "add-mask")
    assert len(commands(result.err, "add-mask")) == 4
    assert "##[" not in result.out
    assert set(runner.outputs) >= {"has_changes", "digest", "exitcode", "create", "cancel", "blocked"}
    assert runner.outputs["digest"] not in ("", "x")
    [comment] = fake.ours()
    for text in (comment, runner.summary):
        fence = text.index("````")
        outside = text[:fence] + text[text.index("````", fence + 4) :]
        for word in ("@everyone", "closes #1", "https://evil", "<img", "-->\n**", "\n/close", "outdated -->"):
            assert word not in outside.removeprefix(f"{MARKER}\n")
    # What the caption pretends does not count as the comment's own lines.
    fake.pull_head = OLD
    runner.run("plan")
    assert "**Outdated**" in fake.ours()[0]


def test_secrets_are_hidden_first(runner: Runner) -> None:
    """The runner learns what to hide before anything else is said, on stderr, where no file is made of it."""
    key = runner.project.env["POSTQUED_API_KEY"]
    runner.env["TIKFLOW_API_KEY"] = "sk_50%"
    result = runner.run("plan", "--calendar", "spring")
    first = result.err.splitlines()[: len(commands(result.err, "add-mask"))]
    assert all(each.startswith("::add-mask::") for each in first)
    assert {f"::add-mask::{key}", f"::add-mask::{TOKEN}", "::add-mask::sk_50%25"} <= set(first)
    assert "add-mask" not in result.out
    assert key not in result.out + runner.summary
    for name in ("GITHUB_ACTIONS", "GITHUB_REPOSITORY"):
        runner.env.pop(name)
    assert "add-mask" not in runner.run("plan").err


def test_exit_codes_are_the_plans(runner: Runner, fake: Fake) -> None:
    """Invalid calendars are 3 and a service without a key is 1: said in annotations, summary, comment and outputs."""
    runner.run("plan", env_without="POSTQUED_API_KEY", code=1)
    assert runner.outputs == {"exitcode": "1"}
    assert "POSTQUED\\_API\\_KEY" in runner.summary
    posts = [video(f"p{number:02}", ahead(days=3), oops=1) for number in range(12)]
    runner.project.calendar(*posts)
    result = runner.run("plan", code=3)
    errors = commands(result.out, "error")
    assert len(errors) == 10
    assert errors[0].startswith("::error file=calendars/spring.yaml,line=")
    assert "and 2 more" in result.out
    assert runner.outputs == {"exitcode": "3"}
    [comment] = fake.ours()
    for text in (comment, runner.summary):
        assert text.count("**error**") == 12
        assert "`calendars/spring.yaml:" in text


def test_a_large_plan_is_cut_to_fit(runner: Runner, fake: Fake) -> None:
    """The comment stays under 60,000 characters and the step's summary under its bound; both say what is left out."""
    posts = [video(f"p{number:02}", ahead(days=3 + number), caption="Ü" * 2000) for number in range(45)]
    runner.project.calendar(*posts)
    full = runner.files / "summary.md"
    runner.run("plan", "--markdown", "all.md")
    [comment] = fake.ours()
    assert len(comment) < 60_000
    assert "Left out to stay short" in comment
    assert runner.summary.count("Ü" * 2000) == 45
    assert "Left out" not in (runner.project.root / "all.md").read_text(encoding="utf-8")
    runner.run("plan", before=b"x" * (1024 * 1024 - 60_000))
    assert full.stat().st_size < 1024 * 1024
    assert "Left out to stay short" in runner.summary
    result = runner.run("plan", before=b"x" * (1024 * 1024 - 2_000))
    assert "the summary of this step is full" in result.out
    assert full.stat().st_size == 1024 * 1024 - 2_000


def test_gitlab_gets_reports(project: Project) -> None:
    """A Code Quality report with stable fingerprints, the plan as a file, no workflow commands; and no token: a word."""
    project.calendar(video("teaser", ahead(days=3)), video("late", ahead(days=-3)))
    with Fake("gitlab") as fake:
        runner = Runner(project, fake)
        runner.env.pop("CALSYNC_FORGE_TOKEN")
        runner.env["CI_JOB_TOKEN"] = TOKEN
        result = runner.run("plan")
        report = json.loads((project.root / "gl-code-quality-report.json").read_text(encoding="utf-8"))
        assert fake.seen == []
    assert "::" not in hidden(result.out + result.err)
    assert TOKEN not in result.out + result.err
    assert result.err.count("CALSYNC_FORGE_TOKEN") == 1
    assert "teaser" in (project.root / "calsync-plan.md").read_text(encoding="utf-8")
    for each in report:
        assert set(each) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["location"]["path"] in ("calendars/spring.yaml", "calsync.yaml")
    assert len({each["fingerprint"] for each in report}) == len(report) > 0


def test_a_project_in_a_folder(runner: Runner, fake: Fake) -> None:
    """Annotations name files from the repository's root, and each project has a comment of its own."""
    runner.run("plan")
    runner.project.calendar(video("teaser", "soon"))
    runner.env["GITHUB_WORKSPACE"] = str(runner.project.root.parent)
    result = runner.run("plan", code=3)
    assert commands(result.out, "error")[0].startswith("::error file=project/calendars/spring.yaml,")
    assert [each.splitlines()[0] for each in fake.ours()] == [
        MARKER,
        "<!-- calsync:plan:project/calsync.yaml -->",
    ]


def test_elsewhere_and_with_a_broken_event(runner: Runner, fake: Fake) -> None:
    """Where there is no forge, or its event file is no event, the plan is in the log and the code is its own."""
    (runner.files / "event.json").write_text("[" * 5000)
    result = runner.run("plan")
    assert "::warning" in result.out
    assert len(fake.ours()) == 1
    runner.env = {}
    assert "teaser" in runner.run("plan").out
    runner.env = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "../x"}
    runner.run("plan")
