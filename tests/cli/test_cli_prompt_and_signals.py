"""The prompt on a terminal, and what Ctrl-C and SIGTERM do."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import time
import tty
from collections.abc import Iterator
from typing import Any

import pytest
from outside import Project, ahead, flow, until, video


class Terminal:
    """A person's terminal, from the person's side."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        tty.setraw(self._ours)
        self.text = ""

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.theirs)

    def read_until(self, words: str, seconds: float = 30) -> None:
        """Read until the words have appeared."""
        end = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < end, self.text
            ready, _, _ = select.select([self._ours], [], [], 0.1)
            if ready:
                self.text += os.read(self._ours, 65536).decode()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.mark.parametrize("answer", ["y\n", "n\n", "\n"])
def test_a_person_is_asked(project: Project, terminal: Terminal, answer: str) -> None:
    """On a terminal apply shows the plan and asks; only a yes applies it, anything less changes nothing and exits 0."""
    project.calendar(video("teaser", ahead(days=3)))
    running = project.start("apply", terminal=terminal.theirs)
    terminal.read_until("[y/N]")
    assert "spring/teaser@brand" in terminal.text
    assert project.writes() == []
    terminal.type(answer)
    if answer == "y\n":
        terminal.read_until("Applied")
    else:
        terminal.read_until("Nothing was changed")
    assert running.wait()[0] == 0
    assert len(project.posts()) == (1 if answer == "y\n" else 0)


@pytest.mark.parametrize("argv", [["apply", "-y"], ["apply", "plan.json", "-y"]])
def test_a_yes_is_not_asked_for_again(project: Project, terminal: Terminal, argv: list[str]) -> None:
    """With -y nobody is asked, on a terminal either."""
    project.calendar(video("teaser", ahead(days=3)))
    project.run("plan", "--out", "plan.json")
    running = project.start(*argv, terminal=terminal.theirs)
    terminal.read_until("Applied")
    assert running.wait()[0] == 0
    assert "[y/N]" not in terminal.text


def test_nothing_to_do_is_not_asked(project: Project, terminal: Terminal) -> None:
    """A plan without actions is not asked about."""
    project.calendar()
    running = project.start("apply", terminal=terminal.theirs)
    terminal.read_until("Nothing to do")
    assert running.wait()[0] == 0
    assert "[y/N]" not in terminal.text


def test_ctrl_c_at_the_prompt(project: Project, terminal: Terminal) -> None:
    """Ctrl-C at the prompt is exit 130, nothing was changed, and the lock is free."""
    project.calendar(video("teaser", ahead(days=3)))
    running = project.start("apply", terminal=terminal.theirs)
    terminal.read_until("[y/N]")
    # A person takes longer than the prompt needs to listen.
    time.sleep(0.3)
    running.signal(signal.SIGINT)
    terminal.read_until("nothing was changed")
    assert running.wait()[0] == 130
    assert project.writes() == []
    project.apply()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["plan", "apply", "status"])
def test_before_the_first_write(project: Project, verb: str, number: int) -> None:
    """A signal while the services are read ends the run with 130 and nothing sent, as JSON where that was asked for."""
    project.calendar(video("teaser", ahead(days=3)))
    project.box.fault("delay", path="/v1/platform-accounts", seconds=5)
    argv = [verb, *(["-y"] if verb == "apply" else []), "--format", "json"]
    running = project.start(*argv)
    until(lambda: any(each["path"] == "/v1/platform-accounts" for each in project.box.requests()))
    running.signal(number)
    result = project.end(running, *argv)
    assert result.code == 130
    assert result.json["error"]["code"] == "interrupted"
    assert project.writes() == []
    project.box.clear_faults()
    project.apply()
    assert len(project.posts()) == 1


def _creating(project: Project) -> list[Any]:
    return [each for each in project.writes() if each["request_class"] == "publish"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_writing(project: Project, number: int) -> None:
    """The actions in flight are finished and recorded, no new one begins, exit 130; the next apply does the rest."""
    project.calendar(*(flow(f"p{n}", ahead(days=3 + n), n) for n in range(8)))
    project.box.fault("delay", path="/api/v1/schedule/create", seconds=1, times=None)
    running = project.start("apply", "-y", "--format", "json")
    until(lambda: len(_creating(project)) >= 1)
    running.signal(number)
    result = project.end(running, "apply", "--format", "json")
    assert result.code == 130
    outcomes = list(result.outcomes().values())
    begun = len(project.posts())
    assert 1 <= begun < 8
    assert outcomes.count("done") == begun
    assert outcomes.count("skipped") == 8 - begun
    assert len(project.state()["posts"]) == begun
    assert "finishing" in result.err
    project.box.clear_faults()
    project.apply()
    assert len(project.posts("pending")) == 8


def test_a_second_signal_stops_at_once(project: Project) -> None:
    """A second signal ends the run without waiting; the journal knows what was begun, and the next apply converges."""
    project.calendar(flow("loop", ahead(days=3), 0), video("teaser", ahead(days=4)))
    project.box.fault("delay", path="/api/v1/schedule/create", seconds=3)
    project.box.fault("delay", path="/v1/content/publish", seconds=3)
    argv = ("apply", "-y", "--format", "json")
    running = project.start(*argv)
    until(lambda: len(_creating(project)) == 2)
    began = time.monotonic()
    running.signal(signal.SIGINT)
    until(lambda: "finishing" in running.said()[1])
    running.signal(signal.SIGINT)
    result = project.end(running, *argv)
    assert result.code == 130
    assert time.monotonic() - began < 2
    assert result.json["error"]["code"] == "interrupted"
    time.sleep(3)
    project.box.clear_faults()
    project.apply()
    assert sorted(each["status"] for each in project.posts()) == ["pending", "scheduled"]
    assert len(project.state()["posts"]) == 2


def test_an_interrupted_digest_may_be_finished(project: Project) -> None:
    """An apply that was cut short keeps its digest: the same --expect finishes it, and is stale after that."""
    project.calendar(*(flow(f"p{n}", ahead(days=3 + n), n) for n in range(8)))
    digest = project.plan().json["digest"]
    project.box.fault("delay", path="/api/v1/schedule/create", seconds=1, times=None)
    running = project.start("apply", "-y", "--expect", digest)
    until(lambda: len(_creating(project)) >= 1)
    running.signal(signal.SIGTERM)
    assert project.end(running, "apply").code == 130
    project.box.clear_faults()
    project.run("apply", "-y", "--expect", digest, code=0)
    assert len(project.posts("pending")) == 8
    project.calendar(*(flow(f"p{n}", ahead(days=3 + n), n) for n in range(9)))
    project.run("apply", "-y", "--expect", digest, code=5)


def test_a_closed_pipe_is_no_bug(project: Project) -> None:
    """Whoever reads the output may stop reading: no traceback and no report of a bug."""
    project.calendar(*(video(f"p{n}", ahead(days=3, hours=n)) for n in range(50)))
    reading, writing = os.pipe()
    os.close(reading)
    running = project.start("plan", terminal=writing)
    os.close(writing)
    code, out, err = running.wait()
    assert (out, err) == ("", "")
    assert code in (0, 1)


def test_json_says_that_a_person_said_no(project: Project, terminal: Terminal) -> None:
    """The JSON of a declined apply is the plan with nothing done."""
    project.calendar(video("teaser", ahead(days=3)))
    running = project.start("apply", "--format", "json", terminal=terminal.theirs)
    terminal.read_until("[y/N]")
    terminal.type("n\n")
    terminal.read_until("\n}")
    assert running.wait()[0] == 0
    document = json.loads(terminal.text[terminal.text.index("{\n") :])
    assert [each["outcome"] for each in document["actions"]] == ["skipped"]
    assert project.writes() == []
