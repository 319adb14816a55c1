"""A plan as files: the document and the page of one run, each whole or not at all, besides what stdout gets."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest
from gits import git
from outside import Project, ahead

from calsync.planfile import read_sheet
from calsync.render.markdown import plan_markdown
from calsync.zones import load_zone


def asked(project: Project) -> int:
    return len(project.box.requests())


def test_one_run_writes_the_document_and_the_page(project: Project) -> None:
    """Both files and stdout are of one plan; the page can be made of the document; nobody else may read them."""
    project.calendar({"id": "teaser", "accounts": ["brand"], "at": ahead(days=2), "media": "media/teaser.mp4",
                      "caption": "Soon. @team 🚀"})  # fmt: skip
    out = project.run(
        "plan", "--out", "plan.json", "--markdown", "plan.md", "--format", "json", "--detailed-exitcode"
    )
    assert out.code == 2
    document, page = project.root / "plan.json", (project.root / "plan.md").read_text("utf-8")
    assert json.loads(document.read_text("utf-8")) == out.json
    assert plan_markdown(read_sheet(document.read_bytes()), zones=load_zone) == page
    assert [stat.S_IMODE((project.root / name).stat().st_mode) for name in ("plan.json", "plan.md")] == [
        0o600
    ] * 2
    assert "caption, 14 of 2,200 characters:\n\n```\nSoon. @team 🚀\n```" in page
    assert re.search(r"teaser\.mp4: video, \d+ × \d+, [\d.]+ s, [\d.]+ kB, to be uploaded", page)
    assert "@&#8203;team" in page
    assert not list(project.root.glob(".plan*"))
    shown = project.run("plan", "--format", "markdown")
    assert shown.out.partition(", ")[0] == page.partition(", ")[0]


def test_what_is_live_is_in_the_next_plan(project: Project) -> None:
    """The weeks count what an apply has scheduled and a later plan leaves alone."""
    project.calendar(
        {"id": "a", "accounts": ["brand"], "at": ahead(days=3), "media": "media/teaser.mp4", "caption": "A"}
    )
    project.run("apply", "--yes")
    kept = project.run("plan", "--format", "json").json["kept"]
    assert kept == {"UTC": {"spring/a@brand": ahead(days=3)}}
    assert re.search(
        r"#### What will be live\n\nIn other weeks nothing moves: \d+ \w+( \d+)?: 1 post\.",
        project.run("plan", "--format", "markdown").out,
    )


def test_a_plan_names_its_commit(project: Project) -> None:
    """The page and the document say which commit they are of; with changes that are not committed, none."""
    for words in (("init", "-q"), ("add", "calsync.yaml"), ("commit", "-qm", "x")):
        git(project.root, *words)
    head = git(project.root, "rev-parse", "HEAD").strip()
    run = project.run("plan", "--out", "plan.json", "--format", "markdown")
    assert f" of commit `{head[:12]}`, " in run.out.splitlines()[0]
    assert json.loads((project.root / "plan.json").read_text("utf-8"))["commit"] == head
    project.configure(timezone="Europe/Berlin")
    assert project.run("plan", "--format", "json").json["commit"] is None


@pytest.mark.parametrize("other", ["plan.json", "./plan.json", "link.json"])
def test_two_outputs_are_two_files(project: Project, other: str) -> None:
    """Two options that name one file, however spelled, are a mistake; nothing is asked and nothing written."""
    project.calendar(
        {"id": "a", "accounts": ["brand"], "at": ahead(days=3), "media": "media/teaser.mp4", "caption": "A"}
    )
    (project.root / "link.json").symlink_to("plan.json")
    before = asked(project)
    run = project.run("plan", "--out", "plan.json", "--markdown", other)
    assert run.code == 64
    assert "name the same file" in run.err
    assert asked(project) == before
    assert not (project.root / "plan.json").exists()


def test_a_path_is_tried_before_a_service_is_asked(project: Project) -> None:
    """What cannot be written is said at once, with its path; the file of the other option is left as it was."""
    project.calendar(
        {"id": "a", "accounts": ["brand"], "at": ahead(days=3), "media": "media/teaser.mp4", "caption": "A"}
    )
    (project.root / "plan.json").write_text("before")
    before = asked(project)
    for path, reason in (("gone/plan.md", "no such file or directory"), ("calendars", "it is a directory")):
        run = project.run("plan", "--out", "plan.json", "--markdown", path)
        assert run.code == 1
        assert f"{path} cannot be written: {reason}" in run.err
        assert "--markdown" in run.err
    assert asked(project) == before
    assert (project.root / "plan.json").read_text() == "before"


def test_links_are_followed_and_pipes_are_written_to(project: Project, tmp_path: Path) -> None:
    """A symbolic link keeps being one, and what is no file is never replaced by one."""
    project.calendar(
        {"id": "a", "accounts": ["brand"], "at": ahead(days=3), "media": "media/teaser.mp4", "caption": "A"}
    )
    (project.root / "link.md").symlink_to(tmp_path / "real.md")
    pipe = project.root / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run = project.run("plan", "--out", "pipe", "--markdown", "link.md", "-q")
    assert run.code == 0
    assert json.loads(os.read(reader, 1 << 20))["summary"]["create"] == 1
    os.close(reader)
    assert (project.root / "link.md").is_symlink()
    assert "### calsync plan" in (tmp_path / "real.md").read_text("utf-8")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("words", [("plan",), ("ci", "plan")])
def test_a_plan_that_fails_leaves_a_document_that_says_so(project: Project, words: tuple[str, ...]) -> None:
    """No older plan stays where the new one was asked for, and apply says why there is none."""
    project.calendar(
        {"id": "a", "accounts": ["brand"], "at": ahead(days=3), "media": "media/teaser.mp4", "caption": "A"}
    )
    project.run(*words, "--out", "plan.json", code=0)
    project.calendar({"id": "a", "accounts": ["brand"], "at": "soon", "media": "media/teaser.mp4"})
    project.run(*words, "--out", "plan.json", code=3)
    document = json.loads((project.root / "plan.json").read_text("utf-8"))
    assert (document["exit_code"], document["error"]["code"]) == (3, "invalid")
    assert document["diagnostics"][0]["file"] == "calendars/spring.yaml"
    assert set(document) == set(project.run("plan", "--format", "json", code=3).json)
    refused = project.run("apply", "-y", "plan.json", "--format", "json", code=1)
    assert refused.json["error"]["code"] == "plan-file"
    assert "there is no plan in this file" in refused.json["error"]["message"]
    assert "in the calendars" in refused.json["error"]["message"]
