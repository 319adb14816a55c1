"""docs/gitops.md, from its first command to its last, at a forge, with runners and services on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from forge_fakes import Fake
from outside import EXAMPLES
from pages import blocks, section, settled, steps
from warm import Warm
from workflow_runs import ROOT, WHO, Hub

from calsync.sandbox import Sandbox
from calsync.workflows import FORGES

PAGE = (ROOT / "docs" / "gitops.md").read_text(encoding="utf-8")
ADDRESS = "https://github.com/acme/posts.git"


@pytest.fixture
def hub(tmp_path: Path, box: Sandbox, warm: Warm) -> Iterator[Hub]:
    """GitHub with a new repository, in which there is a README and nothing else."""
    box.set_knobs(ping=200)
    with Fake("github") as fake:
        hub = Hub(tmp_path, fake, box, warm)
        hub.push(hub.person("github"), "Initial commit")
        config = tmp_path / "gitconfig"
        config.write_text(f'[url "{hub.remote.as_uri()}"]\n  insteadOf = {ADDRESS}\n', encoding="utf-8")
        hub.env |= {"GIT_CONFIG_GLOBAL": str(config), "HOME": str(tmp_path), **WHO}
        (tmp_path / "Videos").mkdir()
        shutil.copy(EXAMPLES / "teaser.mp4", tmp_path / "Videos" / "hello.mp4")
        yield hub


class Reader:
    """Somebody who types what a section says, and compares what they see with what it shows."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.cwd = hub, hub.folder
        self.ran = 0

    def follow(self, title: str) -> None:
        for command, shown in steps(section(PAGE, title)):
            if command == "write":
                self.write(shown)
            elif command.startswith("cd "):
                self.cwd /= command[3:]
            elif not command.startswith("export "):
                self.type(command, shown)

    def type(self, command: str, shown: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.cwd, env=self.hub.env | self.hub.secrets, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        self.ran += 1
        if shown or command.startswith("calsync"):
            assert told(done.stdout) == told(shown), f"{command}\n{done.stdout}"
        if command.startswith("calsync accounts"):
            self.replace("@your_handle", "@brand")
            self.replace("timezone: UTC", "timezone: Europe/Berlin")

    def write(self, body: str) -> None:
        if body.startswith("calendar:"):
            (self.cwd / "calendars" / "first.yaml").write_text(body, encoding="utf-8")
            return
        [line] = [line for line in body.splitlines() if "paused" in line]
        self.replace("accounts:\n  brand:\n", f"accounts:\n  brand:\n{line}\n")

    def replace(self, old: str, new: str) -> None:
        file = self.cwd / "calsync.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")


def told(text: str) -> str:
    """Text without what differs from run to run, and from forge to forge."""
    text = re.sub(r"runs/\d+", "runs/N", text.replace("https://github.example", "https://github.com"))
    text = re.sub(r"plan `\w{8}`, \w+ \d+ \w+ \d+ \d\d:\d\d UTC", "plan NOW", text)
    return settled(re.sub(r"(?m)^Host: .*$", "Host: HOST", text))


def test_the_page_works(hub: Hub) -> None:
    """Its commands run in their order; comment and log are those that it shows; its stop stops."""
    reader = Reader(hub)
    reader.follow("Begin")
    first = hub.pushed()
    assert first.code == 0, first.log

    reader.follow("The first pull request")
    plan, comment = hub.pull("hello")
    assert plan.code == 0, plan.log
    assert comment is not None
    assert comment.code == 0, comment.log
    [said] = hub.fake.ours()
    shown = re.findall(r"(?m)^>(?: (.*))?\n", section(PAGE, "The first pull request"))
    assert told("\n".join(shown)) in told(said), said

    hub.merge("hello")
    applied = hub.pushed()
    [log] = blocks(section(PAGE, "Merge"), "text")
    assert told(log) in told(applied.log), applied.log
    reader.follow("Merge")
    reader.follow("Change your mind")
    [post] = hub.box.posts()
    assert post["status"] == "scheduled"

    reader.follow("Stop everything")
    stopped = hub.pushed()
    assert stopped.code == 0, stopped.log
    [post] = hub.box.posts()
    assert post["status"] == "canceled"
    assert hub.fake.issues == []
    assert reader.ran == PAGE.count("\n$ ") - PAGE.count("\n$ cd ") - PAGE.count("\n$ export ")


def test_what_the_page_names_is_there() -> None:
    """Its links lead to files and headings, and every forge is in its table."""
    headings = {
        re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in re.findall(r"(?m)^#+ (.*)$", PAGE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert link[1:] in headings if link.startswith("#") else (ROOT / "docs" / link).exists(), link
    assert all(f"--ci {forge}" in PAGE for forge in FORGES)
