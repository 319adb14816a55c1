"""calsync demo: the main job on a copy of the examples, against a private sandbox, told step by step.

Every command that it shows is run as it is shown: the same verbs, the same output. Only the world around them is
made up: a directory that is gone afterwards, a sandbox instead of the services, and a clock that can be moved.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from calsync.cli.group import Common, calsync
from calsync.cli.printing import colours, out, width
from calsync.environment import Environment
from calsync.errors import CalsyncError, Exit
from calsync.render.page import Page, Span, Style
from calsync.sandbox import Sandbox

_START = datetime(2031, 3, 10, 8, 0, tzinfo=UTC)
_LATER = datetime(2031, 3, 19, 8, 0, tzinfo=UTC)
_HEARD = ("NO_COLOR", "FORCE_COLOR", "TERM")
"""All that the commands hear of the real environment: no key, no address, no CI."""

_HERE = Path(__file__).resolve().parents[1]
_EXAMPLES = (_HERE / "_examples", _HERE.parent / "examples" / "calendars")
"""Where the examples are: beside the code in a wheel, in the checkout otherwise."""

_EDITED = Path("calendars", "backstage.yaml")
_MOVE = ("    at: 2031-03-25 19:00\n", "    at: 2031-03-26 20:30\n")
_CANCEL = ("  - id: bloopers\n", "  - id: bloopers\n    cancel: true\n")
_DIFF: dict[str, Style] = {"-": "red", "+": "green", " ": "dim"}


class _Stopped(Exception):
    """A command did not end as it should; the demo ends with its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def show(ctx: click.Context) -> int:
    """Run the demo; returns its exit code."""
    try:
        with _stage(ctx.ensure_object(Common)) as stage:
            _story(stage)
    except _Stopped as stopped:
        return stopped.code
    return Exit.DONE


def _story(stage: _Stage) -> None:
    stage.say(
        "This is a copy of the example calendars, and a sandbox on this machine that speaks the APIs of Postqued,"
        " TikFlow and Postiz. No real service hears of it and nothing is left behind. In here it is Mon 10 Mar 2031."
    )
    stage.step("Check", "Times, media, captions and options are checked offline.")
    stage.run("validate")
    stage.step("Plan", "What would make the services agree with the calendars? A plan only looks.")
    stage.run("plan")
    stage.step("Apply", "Do it. `apply` shows the plan once more and asks; here --yes is the answer.")
    stage.run("apply", "--yes")
    stage.step("Apply again", "What is there already is not made twice: nothing is sent.")
    stage.run("apply", "--yes")
    stage.step("Change your mind", f"A post is moved, another one cancelled, in {_EDITED}:")
    stage.edit(_MOVE, _CANCEL)
    stage.run("apply", "--yes")
    stage.step("And again", "The services agree with the calendars once more.")
    stage.run("apply", "--yes")
    stage.step("Nine days later", "It is Wed 19 Mar 2031. What went out, and what is still to come?")
    stage.pass_to(_LATER)
    stage.run("status")
    stage.say(
        "That was the main job. `calsync init my-posts` makes a project of your own, `calsync sandbox` is a place"
        " to try it without real accounts, and the README leads from there to a first real post."
    )


@contextmanager
def _stage(common: Common) -> Iterator[_Stage]:
    """Set everything up, and clear it away whatever happens."""
    with (
        TemporaryDirectory(prefix="calsync-demo-") as directory,
        Sandbox(rate_limits=False, ping=200) as box,
    ):
        root = Path(directory, "examples")
        _copy(root)
        environ = {name: os.environ[name] for name in _HEARD if name in os.environ} | dict(box.environment)
        stage = _Stage(root, box, replace(common, directory=str(root), config=None, environ=environ))
        stage.pass_to(_START)
        yield stage


def _copy(root: Path) -> None:
    """Copy the examples, their media included, as files that may be edited."""
    source = next((place for place in _EXAMPLES if (place / "calsync.yaml").is_file()), None)
    if source is None:
        raise CalsyncError(
            "the examples are missing from this installation", hint="install calsync anew", code="demo"
        )
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if path.is_file() and ".calsync" not in inside.parts:
            (root / inside).parent.mkdir(parents=True, exist_ok=True)
            (root / inside).write_bytes(path.read_bytes())


@dataclass
class _Stage:
    """Where the story plays: a project, a sandbox, a clock, and somebody who tells."""

    root: Path
    box: Sandbox
    common: Common
    now: datetime = _START
    steps: int = 0

    def say(self, words: str) -> None:
        """Tell something."""
        self._print([words])

    def step(self, title: str, words: str) -> None:
        """Begin a step."""
        self.steps += 1
        self._print([("bold", f"{self.steps}. {title}")], [words])

    def run(self, *words: str) -> None:
        """Show a command and run it. Raises _Stopped where it does not end well."""
        self._print([("cyan", f"$ calsync {' '.join(words)}")])
        common = replace(self.common, now=lambda: self.now)
        code = calsync.main(list(words), prog_name="calsync", standalone_mode=False, obj=common)
        if code:
            raise _Stopped(int(code))

    def edit(self, *changes: tuple[str, str]) -> None:
        """Change lines of the calendar, and show which."""
        path = self.root / _EDITED
        before = after = path.read_text(encoding="utf-8")
        for old, new in changes:
            if after.count(old) != 1:
                raise CalsyncError(f"the demo does not know {_EDITED} as it is now", code="demo")
            after = after.replace(old, new)
        path.write_text(after, encoding="utf-8")
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
        self._print(*([(_DIFF[line[0]], f"  {line}")] for line in list(lines)[2:] if line[0] in _DIFF))

    def pass_to(self, moment: datetime) -> None:
        """Let time pass, here and at the services."""
        self.now = moment
        self.box.set_now(moment)

    def _print(self, *paragraphs: Sequence[Span | str]) -> None:
        environment = Environment.read(self.common.environ)
        page = Page(
            colour=colours(sys.stdout, environment, no_color=self.common.no_color), width=width(sys.stdout)
        )
        for paragraph in paragraphs:
            page.put(*paragraph)
        out("\n" + page.text())
