"""The README says what is so: its help, its quick start, its tables and its links."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pages
import pytest
from pages import blocks, settled, steps

from calsync.cli.group import calsync
from calsync.errors import Exit
from calsync.options import TikTok
from calsync.plan.table import ROWS
from calsync.sandbox import Sandbox
from calsync.schema import (
    AccountItem,
    CalendarFile,
    PolicyItem,
    PostItem,
    PostquedItem,
    ProjectFile,
    StateItem,
    TikflowItem,
)

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MEDIA = ROOT / "examples" / "calendars" / "calendars" / "media"


def section(title: str) -> str:
    """The text under a heading, with the headings below it."""
    return pages.section(README, title)


def run(argv: list[str], cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "calsync", *argv],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_is_the_real_help(tmp_path: Path) -> None:
    """The help block equals what `calsync --help` prints on 80 columns."""
    assert run(["--help"], tmp_path, {"COLUMNS": "80"}) in blocks(section("Commands"), "text")


def test_the_quick_start_works(tmp_path: Path) -> None:
    """Its commands run in their order against the sandbox, and print what it shows."""
    root = tmp_path / "my-posts"
    ran = 0
    with Sandbox(rate_limits=False) as box:
        for command, shown in steps(section("Quick start")):
            if command == "write":
                project = root / "calsync.yaml"
                text = project.read_text(encoding="utf-8").replace("@your_handle", "@brand")
                project.write_text(text.replace("timezone: UTC", "timezone: Europe/Berlin"), encoding="utf-8")
                (root / "calendars" / "first.yaml").write_text(shown, encoding="utf-8")
                shutil.copy(MEDIA / "teaser.mp4", root / "calendars" / "media" / "hello.mp4")
                continue
            program, *argv = command.split()
            if program != "calsync":
                assert program in {"cd", "git", "export"}
                continue
            if "Apply this plan? [y/N]: y\n" in shown:
                shown = shown.replace("Apply this plan? [y/N]: y\n", "")
                argv.append("--yes")
            said = run(argv, root if root.exists() else tmp_path, dict(box.environment))
            assert settled(said) == settled(shown), command
            ran += 1
        assert len(box.posts()) == 1
    assert ran == 7


def test_the_references_are_complete() -> None:
    """Every field of the project file, of calendars, of posts and of TikTok's options is in its reference."""
    project, calendars = section("The project file"), section("Calendar files")
    for model, text in (
        (ProjectFile, project),
        (AccountItem, project),
        (PostquedItem, project),
        (TikflowItem, project),
        (StateItem, project),
        (PolicyItem, project),
        (CalendarFile, calendars),
        (PostItem, calendars),
        (TikTok, calendars),
    ):
        missing = [name for name in model.model_fields if not re.search(rf"`(\w+\.)*{name}(\.\w+)*`", text)]
        assert missing == [], model


def test_project_example_is_valid(tmp_path: Path) -> None:
    """The project file that the reference begins with is a valid one."""
    [example] = blocks(section("The project file"), "yaml")
    (tmp_path / "calsync.yaml").write_text(example, encoding="utf-8")
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "empty.yaml").write_text("posts: []\n", encoding="utf-8")
    assert run(["validate"], tmp_path, {}) == "0 posts, valid\n"


def test_every_command_and_option_is_named() -> None:
    """The table of commands knows every command, and every option that not all of them share."""
    text, context = section("Commands"), click.Context(calsync)
    shared = {option for each in calsync.params for option in each.opts} | {"--format"}
    for name in calsync.list_commands(context):
        command = calsync.get_command(context, name)
        assert command is not None
        assert f"`{name}" in text
        for each in command.params:
            if isinstance(each, click.Option) and not shared & set(each.opts):
                named = [option for option in each.opts if f"{option}" in README]
                assert named, f"{name} {each.opts}"


def test_tables_are_complete() -> None:
    """Every exit code and every row of the decision table is explained."""
    codes = {int(each) for each in re.findall(r"(?m)^\| (\d+) \|", section("Commands"))}
    assert codes == {int(each) for each in Exit}
    rows = [int(each) for each in re.findall(r"(?m)^\| (\d+) \|", section("How calsync decides"))]
    assert rows == [row.number for row in ROWS]


def test_links_resolve() -> None:
    """Links to files lead to files, links to headings to headings."""
    headings = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"(?m)^#+ (.*)$", README)
    }
    for link in re.findall(r"\]\(([^)]+)\)", README):
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif not link.startswith("https://"):
            assert (ROOT / link).exists(), link


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str, tmp_path: Path) -> None:
    """The completion script is printed for every shell, and completes commands, subcommands and options."""
    assert f"_CALSYNC_COMPLETE={shell}_source" in section("Editors and shells")
    script = run([], tmp_path, {"_CALSYNC_COMPLETE": f"{shell}_source"})
    assert f"_CALSYNC_COMPLETE={shell}_complete" in script
    for words, expected in (
        ("calsync sta", "status"),
        ("calsync state ad", "adopt"),
        ("calsync plan --ref", "--refresh"),
    ):
        typed = words.split()
        said = run(
            [],
            tmp_path,
            {
                "_CALSYNC_COMPLETE": f"{shell}_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": typed[-1] if shell == "fish" else str(len(typed) - 1),
            },
        )
        assert expected in said
