"""Exit codes from outside, row by row of the contract's table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from outside import UPLOADS, Project, ahead, flow, video


def test_0_and_2_tell_whether_there_is_work(project: Project) -> None:
    """plan exits 0; with --detailed-exitcode 2 while there are writes, and 0 when nothing is left to do."""
    project.calendar(video("teaser", ahead(days=3)))
    assert project.run("plan").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 2
    project.apply()
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_2_is_not_for_what_only_the_state_would_note(project: Project) -> None:
    """Adopting, moving, forgetting, waiting for a place and what a person stopped are no work for a 2."""
    project.box.set_knobs(tikflow_quota=2)
    project.calendar(flow("a", ahead(days=3), 0), flow("b", ahead(days=4), 1))
    project.apply()
    by_upload = {each["media"][0]: each["id"] for each in project.posts()}
    project.box.stop_post(by_upload[UPLOADS[0]])
    project.box.add_post("tikflow", project.posts()[0]["account_id"], project.box.now(), media=[UPLOADS[5]])
    project.calendar(
        flow("a", ahead(days=3), 0),
        flow("renamed", ahead(days=4), 1, previously="b"),
        flow("c", ahead(days=9), 2),
    )
    project.box.set_knobs(tikflow_quota=1)
    planned = project.plan("--detailed-exitcode")
    assert planned.actions() == {
        "spring/a@flow": "blocked",
        "spring/renamed@flow": "move",
        "spring/c@flow": "deferred",
    }
    assert planned.action("spring/a@flow")["code"] == "stopped"
    assert project.apply().json["result"]["blocked"] == 1


def test_2_is_for_blocked_actions(project: Project) -> None:
    """A blocked action other than a stopped one is a 2 for plan and a 4 for apply."""
    project.calendar(video("teaser", ahead(days=3)), video("stays", ahead(days=4)))
    project.apply()
    project.calendar(video("stays", ahead(days=4)))
    project.plan("--detailed-exitcode", code=2)
    project.apply(code=4)


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"POSTQUED_API_KEY": ""}, "no-key"),
        ({"POSTQUED_API_KEY": "two words"}, "key"),
        ({"POSTQUED_API_KEY_FILE": "/nowhere"}, "key"),
        ({"CALSYNC_POSTQUED_URL": "http://example.org"}, "service-url"),
        ({"CALSYNC_POSTQUED_URL": "https://example.org/path"}, "service-url"),
        ({"CALSYNC_POSTQUED_URL": "nonsense"}, "service-url"),
        ({"POSTQUED_API_KEY": "pq_another_key"}, "unauthorized"),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "apply", "status", "accounts"])
def test_1_for_what_the_environment_gets_wrong(
    project: Project, verb: str, env: dict[str, str], code: str
) -> None:
    """A key or address that cannot work is exit 1 with an error that names it, in words and as JSON."""
    project.calendar(video("teaser", ahead(days=3)))
    yes = ["-y"] if verb == "apply" else []
    result = project.run(verb, *yes, "--format", "json", env=env, code=1)
    document = result.json
    assert document["error"]["message"]
    if document["error"]["code"] != "unreadable":
        assert document["error"]["code"] == code
    assert document["exit_code"] == 1
    assert project.writes() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["POSTQUED", "TIKFLOW"])
def test_1_for_a_service_that_is_not_there(project: Project, name: str) -> None:
    """A service that nothing listens for is tried for seconds; then it is exit 1 and says which it was."""
    project.calendar(video("teaser", ahead(days=3)) if name == "POSTQUED" else flow("loop", ahead(days=3)))
    nowhere = {f"CALSYNC_{name}_URL": "http://127.0.0.1:9"}
    result = project.run("plan", "--format", "json", env=nowhere, code=1)
    assert name.casefold() in result.json["error"]["message"].casefold()


def test_1_after_the_other_services_part(project: Project) -> None:
    """A service whose list cannot be read decides nothing; the other one's part is done; plan and apply exit 1."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    # An answer that is no list; a 5xx would be tried again for seconds.
    project.box.fault(
        "answer",
        path="/api/v1/schedule/scheduled-videos",
        status=403,
        body={"error": {"code": "FORBIDDEN"}},
        times=None,
    )
    planned = project.plan("--detailed-exitcode", code=1)
    assert planned.actions() == {"spring/teaser@brand": "create"}
    assert "tikflow" in planned.json["error"]["message"]
    done = project.apply(code=1)
    assert done.outcomes() == {"spring/teaser@brand": "done"}
    assert done.json["error"]["message"]
    assert [each["service"] for each in project.posts()] == ["postqued"]
    text = project.run("apply", "-y", code=1)
    assert "tikflow" in text.err
    project.box.clear_faults()
    assert project.apply().outcomes() == {"spring/loop@flow": "done"}


def test_1_after_the_other_services_part_without_a_key(project: Project) -> None:
    """A service without a key decides nothing; the other one's part is done; plan and apply exit 1."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    assert project.run("plan", env={"POSTQUED_API_KEY": ""}, code=1).err
    done = project.apply(code=1, env={"POSTQUED_API_KEY": ""})
    assert done.outcomes() == {"spring/loop@flow": "done"}
    assert "POSTQUED_API_KEY" in done.json["error"]["message"]


def test_3_for_invalid_files(project: Project) -> None:
    """Invalid calendars are exit 3 for every command that reads them, and nothing is sent."""
    project.calendar({"id": "teaser", "at": "soon", "accounts": ["brand"]})
    for argv in (
        ["validate"],
        ["plan"],
        ["apply", "-y"],
        ["status"],
        ["state", "adopt", "spring/teaser@brand"],
    ):
        result = project.run(*argv, code=3)
        assert "calendars/spring.yaml:" in result.out + result.err
    for argv in (["validate"], ["plan"], ["apply", "-y"], ["status"]):
        document = project.run(*argv, "--format", "json", code=3).json
        assert document["diagnostics"]
    assert project.box.requests() == []


def test_3_for_two_aliases_of_one_account(project: Project) -> None:
    """Two aliases of one account are an error of the project file, also where only the service can tell."""
    accounts = {
        "brand": {"provider": "postqued", "username": "@brand"},
        "same": {"provider": "postqued", "id": "660e8400-e29b-41d4-a716-446655440001"},
    }
    project.configure(accounts=accounts)
    project.calendar(video("teaser", ahead(days=3)), video("other", ahead(days=4), accounts=["same"]))
    for verb in ("plan", "apply"):
        result = project.run(verb, *(["-y"] if verb == "apply" else []), "--format", "json", code=3)
        assert "same-account" in result.codes()
    assert project.writes() == []


def test_3_without_a_project(project: Project) -> None:
    """Where there is no calsync.yaml every command that needs one exits 3 and says how to get one."""
    (project.root / "calsync.yaml").unlink()
    for argv in (["plan"], ["validate"], ["apply", "-y"], ["status"], ["accounts"], ["state", "list"]):
        result = project.run(*argv, code=3)
        assert "calsync init" in result.out + result.err
    assert project.run("plan", "--format", "json", code=3).codes() == {"no-project": "error"}


def test_4_for_a_part(project: Project) -> None:
    """What failed, is blocked or unknown makes an apply a 4; the rest is done."""
    project.calendar(
        flow("good", ahead(days=3), 0),
        flow("bad", ahead(days=4), media={"id": "550e8400-e29b-41d4-a716-000000000000"}),
    )
    done = project.apply(code=4)
    assert done.outcomes() == {"spring/good@flow": "done", "spring/bad@flow": "failed"}
    assert done.action("spring/bad@flow")["error"]
    assert done.json["result"]["failed"] == 1


def test_4_for_an_error_among_the_diagnostics(project: Project) -> None:
    """An apply with nothing to do exits 4 where a diagnostic is an error, such as a post that was missed."""
    project.calendar(video("late", ahead(hours=-2)))
    done = project.apply(code=4)
    assert done.json["actions"] == []
    assert done.codes() == {"missed": "error"}
    assert project.writes() == []


class TestStale:
    """5: what was reviewed is not what would happen."""

    def test_expect(self, project: Project) -> None:
        """--expect takes the first 8 digits or more of the plan's digest, and only that plan."""
        project.calendar(video("teaser", ahead(days=3)))
        digest = project.plan().json["digest"]
        project.calendar(video("teaser", ahead(days=3)), video("other", ahead(days=4)))
        for given in (digest[:8], digest, "00000000"):
            result = project.run("apply", "-y", "--expect", given, "--format", "json", code=5)
            assert result.json["error"]["code"] == "stale"
            assert "spring/other@brand" in result.json["error"]["message"]
        assert project.writes() == []
        new = project.plan().json["digest"]
        project.run("apply", "-y", "--expect", new[:8].upper(), code=0)
        assert len(project.posts()) == 2

    def test_a_plan_file(self, project: Project) -> None:
        """apply PLANFILE does the plan in it or says which lines differ, also after the plan was applied."""
        project.calendar(video("teaser", ahead(days=3)))
        project.run("plan", "--out", "plan.json", code=0)
        project.calendar(video("teaser", ahead(days=5)))
        stale = project.run("apply", "plan.json", "-y", code=5)
        assert "spring/teaser@brand" in stale.err
        assert project.writes() == []
        project.calendar(video("teaser", ahead(days=3)))
        assert project.run("apply", "plan.json", "-y", code=0)
        assert len(project.posts()) == 1
        again = project.run("apply", "plan.json", "-y", code=5)
        assert "spring/teaser@brand" in again.err
        assert len(project.posts()) == 1

    def test_a_plan_file_brings_its_filters(self, project: Project) -> None:
        """The filters in a plan file hold for its apply; naming any beside it is a wrong command line."""
        project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
        project.run("plan", "--account", "flow", "--out", "plan.json", code=0)
        for more in (["--account", "flow"], ["--calendar", "spring"]):
            project.run("apply", "plan.json", "-y", *more, code=64)
        project.run("apply", "plan.json", "-y", code=0)
        assert [each["service"] for each in project.posts()] == ["tikflow"]

    def test_a_plan_without_a_look_cannot_be_applied(self, project: Project) -> None:
        """A plan made with --refresh off shows what the record says, and its file is exit 64 for apply."""
        project.calendar(video("teaser", ahead(days=3)))
        project.run("plan", "--refresh", "off", "--out", "plan.json", code=0)
        project.run("apply", "plan.json", "-y", code=64)
        assert project.writes() == []

    def test_what_is_no_plan_file(self, project: Project) -> None:
        """A file that is no plan, or one of a newer format, is refused and nothing is sent."""
        project.calendar(video("teaser", ahead(days=3)))
        project.run("plan", "--out", "plan.json", code=0)
        document = json.loads((project.root / "plan.json").read_text())
        project.write("newer.json", json.dumps({**document, "format_version": "2"}))
        project.write("broken.json", "{")
        project.write("empty.json", "")
        project.write("list.json", "[]")
        project.write("deep.json", "[" * 100000)
        for name in ("newer.json", "broken.json", "empty.json", "list.json", "deep.json", "absent.json", "."):
            result = project.run("apply", name, "-y", "--format", "json", code=1)
            assert result.json["error"]["code"] == "plan-file"
        assert project.writes() == []


def test_6_the_brake(project: Project) -> None:
    """More cancels than allowed are refused with the numbers and what releases them; --allow-cancels N lets N pass."""
    project.configure(policy={"max_cancels": "2"})
    posts = [flow(f"p{n}", ahead(days=3 + n), n) for n in range(5)]
    project.calendar(*posts)
    project.apply()
    before = project.wrote()
    project.calendar(*posts[3:])
    assert "brake" in project.plan().codes()
    for argv in ([], ["--allow-cancels", "2"]):
        result = project.run("apply", "-y", *argv, "--format", "json", code=6)
        assert "--allow-cancels 3" in result.json["error"]["hint"]
        assert "3" in result.json["error"]["message"]
    assert project.wrote() == before
    project.apply("--allow-cancels", "3")
    assert len(project.posts("cancelled")) == 3


def test_6_a_whole_calendar(project: Project) -> None:
    """An apply that would cancel every scheduled post of a calendar is refused, however few they are."""
    project.calendar(flow("one", ahead(days=3), 0), name="a")
    project.calendar(flow("two", ahead(days=4), 1), name="b")
    project.apply()
    project.calendar(name="a")
    refused = project.run("apply", "-y", code=6)
    assert "calendar a" in refused.err
    (project.root / "calendars/a.yaml").unlink()
    project.run("apply", "-y", code=6)
    project.apply("--allow-cancels", "1")
    assert len(project.posts("cancelled")) == 1


@pytest.mark.parametrize(
    "how",
    [{"cancel": True}, "calendar", "account", "replace"],
    ids=["post", "calendar", "account", "replace"],
)
def test_6_is_not_for_what_is_meant(project: Project, how: Any) -> None:
    """`cancel: true` on posts or calendars, `paused: true` and replaces are beyond the brake."""
    project.configure(policy={"max_cancels": "0"})
    posts = [flow(f"p{n}", ahead(days=3 + n), n) for n in range(3)]
    project.calendar(*posts)
    project.apply()
    if how == "calendar":
        project.calendar(*posts, cancel=True)
    elif how == "account":
        project.settings["accounts"]["flow"]["paused"] = True
        project.configure()
        project.calendar(*posts)
    elif how == "replace":
        project.calendar(*({**each, "media": {"id": UPLOADS[n + 5]}} for n, each in enumerate(posts)))
    else:
        project.calendar(*({**each, **how} for each in posts))
    done = project.apply()
    assert set(done.actions().values()) == {"replace" if how == "replace" else "cancel"}
    assert len(project.posts("cancelled")) == 3
    if how == "account":
        project.settings["accounts"]["flow"]["paused"] = False
        project.configure()
        assert set(project.apply().actions().values()) == {"create"}
        assert len(project.posts("pending")) == 3


WRONG = [
    [],
    ["frobnicate"],
    ["aply"],
    ["plan", "--frobnicate"],
    ["plan", "--format", "xml"],
    ["plan", "--refresh", "some"],
    ["plan", "surplus"],
    ["plan", "--out"],
    ["apply", "--expect", "1234567", "-y"],
    ["apply", "--expect", "not-hex-at-all", "-y"],
    ["apply", "--expect", "0" * 65, "-y"],
    ["apply", "--expect", "", "-y"],
    ["apply", "plan.json", "--expect", "12345678", "-y"],
    ["apply", "plan.json", "--account", "brand", "-y"],
    ["apply", "--allow-cancels", "-1", "-y"],
    ["apply", "--allow-cancels", "many", "-y"],
    ["apply", "--lock-timeout", "soon", "-y"],
    ["apply", "--refresh", "off", "-y"],
    ["apply", "--account", "nobody", "-y"],
    ["plan", "--account", "nobody"],
    ["status", "--format", "markdown"],
    ["state"],
    ["state", "frobnicate"],
    ["state", "mv", "a/b@c"],
    ["state", "show"],
    ["state", "show", "no-address"],
    ["schema", "post"],
    ["init", "--ci", "jenkins"],
    ["sandbox", "--port", "x"],
]


@pytest.mark.parametrize("argv", WRONG, ids=" ".join)
def test_64_for_a_wrong_command_line(project: Project, argv: list[str]) -> None:
    """A command line that is wrong is exit 64, before anything is read or sent."""
    project.calendar(video("teaser", ahead(days=3)))
    result = project.run(*argv, code=64)
    assert result.out == ""
    assert "error[" in result.err
    assert project.box.requests() == []


class TestConsent:
    """64 without a yes where there is no terminal to ask on."""

    @pytest.fixture
    def planned(self, project: Project) -> str:
        project.calendar(video("teaser", ahead(days=3)))
        project.run("plan", "--out", "plan.json", code=0)
        digest: str = json.loads((project.root / "plan.json").read_text())["digest"]
        return digest

    @pytest.mark.parametrize("how", ["bare", "file", "expect", "ci"])
    def test_no_yes(self, project: Project, planned: str, how: str) -> None:
        """Without -y and a terminal nothing is applied, PLANFILE and --expect included."""
        argv = {"file": ["plan.json"], "expect": ["--expect", planned]}.get(how, [])
        env = {"CI": "true"} if how == "ci" else {}
        result = project.run("apply", *argv, env=env, code=64)
        assert "--yes" in result.err
        document = project.run("apply", *argv, "--format", "json", env=env, code=64).json
        assert document["exit_code"] == 64
        assert project.writes() == []

    def test_nothing_to_do_needs_no_yes(self, project: Project, planned: str) -> None:
        """A plan without actions is applied without a yes."""
        assert project.run("apply", "--expect", planned, "-y", code=0)
        assert project.run("apply", code=0)
        assert project.run("apply", "--format", "json", code=0)


@pytest.mark.parametrize("before", [True, False])
def test_options_of_the_group_stand_anywhere(project: Project, before: bool) -> None:
    """-C, --config, --no-color, -v and -q are understood before and after the command."""
    project.calendar(video("teaser", ahead(days=3)))
    inner = project.root / "calendars"
    (project.root / "calsync.yaml").rename(project.root / "other.yaml")
    options = [
        ["--config", str(project.root / "other.yaml")],
        ["-C", str(project.root), "--config", "other.yaml"],
    ]
    for option in options:
        for more in ([], ["--no-color"], ["-v"], ["-q"], ["--no-color", "-v"]):
            argv = [*option, *more, "plan"] if before else ["plan", *option, *more]
            running = project.warm.start(argv, project.env, inner)
            result = project.end(running, *argv)
            assert result.code == 0, str(result)
            assert "spring/teaser@brand" in result.out
            assert "\x1b" not in result.out
            assert ("postqued: GET" in result.err) == ("-v" in more)


def test_the_project_is_found_upwards(project: Project) -> None:
    """--config wins over CALSYNC_CONFIG, which wins over the nearest calsync.yaml upwards from -C or here."""
    project.calendar(video("teaser", ahead(days=3)))
    deep = project.root / "calendars" / "media"
    assert project.end(project.warm.start(["validate"], project.env, deep)).code == 0
    assert project.run("-C", "calendars/media", "validate", code=0)
    empty = project.root / "empty" / "calsync.yaml"
    project.write("empty/calsync.yaml", "version: 1\n")
    env = {"CALSYNC_CONFIG": str(empty)}
    assert project.run("validate", "--format", "json", env=env).json["posts"] == 0
    named = str(project.root / "calsync.yaml")
    assert project.run("validate", "--config", named, "--format", "json", env=env).json["posts"] == 1
    assert project.run("-C", "empty", "validate", "--format", "json").json["posts"] == 0


def test_json_errors_have_one_shape(project: Project) -> None:
    """A command that ends in an error prints format version, exit code, error and diagnostics, and nothing else."""
    project.calendar(flow("a", ahead(days=3), 0))
    project.apply()
    project.calendar(name="spring")
    cases = [(["apply", "-y"], 6), (["apply"], 6), (["apply", "--expect", "12345678", "-y"], 5)]
    for argv, code in cases:
        result = project.run(*argv, "--format", "json", code=code)
        assert set(result.json) >= {"format_version", "exit_code", "error", "diagnostics"}
        assert result.json["exit_code"] == code
        assert set(result.json["error"]) == {"code", "message", "hint"}
    wrong = project.run("apply", "--frobnicate", "--format=json", code=64)
    assert wrong.json["error"]["code"] == "usage"
    assert wrong.err == ""


def test_streams(project: Project) -> None:
    """The result is on stdout, progress on stderr; -q keeps stderr empty and changes no result."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    loud = project.run("apply", "-y", code=0)
    assert "Applied: 2 done" in loud.out
    assert "done: create spring/teaser@brand" in loud.err
    assert "uploaded calendars/media/teaser.mp4" in loud.err
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=5)))
    quiet = project.run("apply", "-y", "-q", code=0)
    assert "Applied: 1 done" in quiet.out
    assert quiet.err == ""


def test_colours(project: Project) -> None:
    """No colours where there is no terminal; FORCE_COLOR gives them, NO_COLOR and --no-color win, JSON has none."""
    project.calendar(video("teaser", ahead(days=3)))
    force, no = {"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\x1b[" not in project.run("plan").out
    assert "\x1b[" in project.run("plan", env=force).out
    for argv, env in ((["plan"], no), (["plan", "--no-color"], force), (["plan", "--format", "json"], force)):
        assert "\x1b[" not in project.run(*argv, env=env).out
