"""A state that is lost entirely: the next plan recognises what it can, says what it cannot, and nothing is made twice.

That plan, apply and status stop where `project:` names a lost state is proved in tests/cli/test_cli_state.py, the
matching itself in tests/plan_cases. Here: whole projects at every service, with and without `project:`.
"""

from __future__ import annotations

import shutil

import pytest
from outside import BRAND, FLOW, UPLOADS, Project, ahead, flow, moment, video

LINEAGE = "5b1e0c6a-1111-4222-8333-444455556666"
TIMES = [ahead(days=3 + number) for number in range(6)]
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["with project", "without"])


def begin(project: Project, *, known: bool) -> None:
    """A project whose state was there: with `project:` it is made by state init, without by the first apply."""
    if known:
        project.configure(project=LINEAGE)
        project.run("state", "init", code=0)


def lose(project: Project, *, known: bool) -> None:
    """All that was written down is gone; with `project:` that is an error until somebody says to begin anew."""
    shutil.rmtree(project.root / ".calsync")
    if known:
        sent = project.wrote()
        for argv in (["plan"], ["apply", "-y"], ["status"], ["state", "list"], ["state", "check"]):
            assert "lost" in project.run(*argv, code=1).err
        assert project.wrote() == sent
        assert not (project.root / ".calsync/state.json").exists()
        assert "state adopt" in project.run("state", "init", code=0).out


def facts(project: Project) -> list[tuple[str, ...]]:
    """The truth about every post, made by whomever."""
    return sorted((each["id"], each["status"], str(each["at"])) for each in project.posts())


def settled(project: Project, unchanged: int) -> None:
    planned = project.plan("--detailed-exitcode").json
    assert planned["actions"] == []
    assert planned["summary"]["unchanged"] == unchanged
    assert project.run("state", "check", "--format", "json", code=0).json["summary"]["agrees"] == unchanged


@KNOWN
def test_postqued_v2(project: Project, *, known: bool) -> None:
    """Posts and drafts are adopted, also beside somebody else's; what is doubled or reworded waits for a person."""
    project.box.set_knobs(ping=200)
    project.calendar()
    begin(project, known=known)
    posts = [
        video("plain", TIMES[0]),
        video("draft", TIMES[1], intent="draft"),
        video("crowded", TIMES[2]),
        video("doubled", TIMES[3]),
        video("reworded", TIMES[4]),
    ]
    project.calendar(*posts)
    project.apply()
    ids = {address: each["remote_id"] for address, each in project.state()["posts"].items()}
    media = project.state()["posts"]["spring/plain@brand"]["assets"]
    project.box.add_post("postqued", BRAND, moment(TIMES[2]), caption="Somebody else's")
    project.box.add_post("postqued", BRAND, moment(TIMES[3]), caption="The doubled", media=media)
    project.box.edit_post(ids["spring/reworded@brand"], caption="Another caption")
    project.box.add_post("postqued", BRAND, moment(TIMES[5]), caption="Nobody's")
    before, sent = facts(project), project.wrote()

    lose(project, known=known)
    planned = project.plan()
    assert planned.actions() == {
        "spring/plain@brand": "adopt",
        "spring/draft@brand": "adopt",
        "spring/crowded@brand": "adopt",
        "spring/doubled@brand": "blocked",
        "spring/reworded@brand": "blocked",
    }
    assert planned.action("spring/doubled@brand")["code"] == "ambiguous"
    assert planned.action("spring/reworded@brand")["code"] == "lookalike"
    hints = {each["address"]: each["hint"] for each in planned.json["diagnostics"] if each["hint"]}
    for name in ("doubled", "reworded"):
        assert f"calsync state adopt spring/{name}@brand" in hints[f"spring/{name}@brand"]
    project.apply(code=4)
    assert (facts(project), project.wrote()) == (before, sent)

    for name in ("doubled", "reworded"):
        project.run("state", "adopt", f"spring/{name}@brand", ids[f"spring/{name}@brand"], code=0)
    assert project.wrote() == sent
    project.box.edit_post(ids["spring/reworded@brand"], caption="The reworded")
    planned = project.plan()
    assert planned.json["actions"] == []
    assert planned.json["summary"]["unmanaged"] == 3
    assert facts(project) == before


@KNOWN
def test_tikflow(project: Project, *, known: bool) -> None:
    """Schedules are adopted by their upload and minute; another upload in the minute waits for a person."""
    project.calendar()
    begin(project, known=known)
    project.calendar(*(flow(f"p{number}", TIMES[number], number) for number in range(4)))
    project.apply()
    ids = {address: each["remote_id"] for address, each in project.state()["posts"].items()}
    project.box.add_post("tikflow", FLOW, moment(TIMES[1]), media=[UPLOADS[7]])
    project.box.add_post("tikflow", FLOW, moment(TIMES[2]), media=[UPLOADS[2]])
    project.box.delete_post(ids["spring/p3@flow"])
    other = project.box.add_post("tikflow", FLOW, moment(TIMES[3]), media=[UPLOADS[8]])
    before, sent = facts(project), project.wrote()

    lose(project, known=known)
    planned = project.plan()
    assert planned.actions() == {
        "spring/p0@flow": "adopt",
        "spring/p1@flow": "adopt",
        "spring/p2@flow": "blocked",
        "spring/p3@flow": "blocked",
    }
    assert planned.action("spring/p2@flow")["code"] == "ambiguous"
    assert planned.action("spring/p3@flow")["code"] == "lookalike"
    project.apply(code=4)
    project.run("state", "adopt", "spring/p2@flow", ids["spring/p2@flow"], code=0)
    project.run("state", "adopt", "spring/p3@flow", other, code=0)
    assert (facts(project), project.wrote()) == (before, sent)
    assert project.plan().json["actions"] == []


def test_postqued_v1(project: Project) -> None:
    """Where nothing can be listed nothing is recognised: the plan warns, adopt takes by id, and the old keys protect."""
    project.calendar()
    begin(project, known=True)
    posts = [video("plain", TIMES[0]), video("draft", TIMES[1], intent="draft"), video("known", TIMES[2])]
    project.calendar(*posts[:1])
    project.apply()
    project.calendar(*posts)
    project.apply()
    ids = {address: each["remote_id"] for address, each in project.state()["posts"].items()}
    before = facts(project)
    (project.root / ".calsync/state.json").unlink()
    for argv in (["plan"], ["apply", "-y"], ["status"]):
        assert "lost" in project.run(*argv, code=1).err
    project.run("state", "init", code=0)

    planned = project.plan()
    assert set(planned.actions().values()) == {"create"}
    assert planned.codes()["begun-anew"] == "warning"
    project.run("state", "adopt", "spring/known@brand", ids["spring/known@brand"], code=0)
    assert set(project.plan().actions()) == {"spring/plain@brand", "spring/draft@brand"}
    # Media are uploaded once more, so the body is another one under the old key: refused, and not made twice.
    assert set(project.apply(code=4).outcomes().values()) == {"unknown"}
    assert facts(project) == before
    for name in ("plain", "draft"):
        project.run("state", "adopt", f"spring/{name}@brand", ids[f"spring/{name}@brand"], code=0)
    assert facts(project) == before
    assert {address: each["remote_id"] for address, each in project.state()["posts"].items()} == ids
    settled(project, 3)


def test_a_first_run_is_not_warned(project: Project) -> None:
    """Where nothing was ever recorded there is nothing to begin anew."""
    begin(project, known=True)
    project.calendar(video("plain", TIMES[0]))
    assert "begun-anew" not in project.plan().codes()


def test_all_services_at_once(project: Project) -> None:
    """One loss over both services: what each shows is adopted by one apply without a write."""
    project.box.set_knobs(ping=200)
    project.configure(project=LINEAGE)
    project.run("state", "init", code=0)
    project.calendar(
        video("one", TIMES[0]), video("two", TIMES[0], accounts=["second"]), flow("three", TIMES[0])
    )
    project.apply()
    before, sent = facts(project), project.wrote()
    lose(project, known=True)
    assert set(project.apply().outcomes().values()) == {"done"}
    assert (facts(project), project.wrote()) == (before, sent)
    settled(project, 3)
