"""Whatever becomes of the state's files, no command makes them worse, and the error says what to do.

Garbage, a newer or older format, another lineage, a spoiled record and a directory in the file's place are proved in
tests/cli/test_cli_state.py and tests/test_state_documents.py; a journal torn at every byte and a failing disk at every
call in tests/test_file_store.py. Here: lengths, serials that went back, full disks and places that cannot be written,
through the real command line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest
from outside import UPLOADS, Project, Result, ahead, flow, video
from state_values import file_store

from calsync.errors import StateUnreadable
from calsync.recorded import read

IN_3, IN_4, IN_5 = ahead(days=3), ahead(days=4), ahead(days=5)
LINEAGE = "5b1e0c6a-1111-4222-8333-444455556666"
STATE, BAK, JOURNAL = ".calsync/state.json", ".calsync/state.json.bak", ".calsync/state.json.journal"
LOOKS = (("plan",), ("status",), ("state", "list"), ("state", "check"))
ALL = (*LOOKS, ("apply", "-y"))
A, B, C = (
    flow(name, at, number) for number, (name, at) in enumerate(zip("abc", (IN_3, IN_4, IN_5), strict=True))
)


def files(project: Project) -> Mapping[str, bytes]:
    """Every byte beside the calendars, but for the lock, whose content is for people."""
    home = project.root / ".calsync"
    return {
        each.name: each.read_bytes() for each in home.iterdir() if each.is_file() and each.suffix != ".lock"
    }


def refused(project: Project, *commands: tuple[str, ...], says: str) -> Result:
    """Each command exits 1 with a message and a hint, sends nothing and leaves every byte alone."""
    before, sent = files(project), project.wrote()
    for argv in commands or (("plan",), ("apply", "-y")):
        result = project.run(*argv, code=1)
        assert says in result.err, str(result)
        assert "hint: " in result.err, str(result)
        assert STATE in result.err, str(result)
        assert files(project) == before, str(result)
    assert project.wrote() == sent
    return result


def two_runs(project: Project) -> tuple[bytes, bytes]:
    """The state after each of two applies: serials that only rise, with a backup of the first."""
    project.calendar(A, B)
    project.apply()
    first = (project.root / STATE).read_bytes()
    project.calendar(A, B, C)
    project.apply()
    return first, (project.root / STATE).read_bytes()


def live(project: Project) -> list[str]:
    """The uploads that are scheduled, each as often as it is."""
    return sorted(media for each in project.posts("pending") for media in each["media"])


def serial(document: bytes) -> int:
    number = json.loads(document)["serial"]
    assert isinstance(number, int)
    return number


class TestTruncated:
    """A file that was cut short."""

    def test_at_any_length(self, project: Project) -> None:
        """No prefix of a state is taken for one, but for the whole without its last line feed."""
        _, whole = two_runs(project)
        for length in {*range(0, len(whole) - 1, 9), *range(len(whole) - 20, len(whole) - 1)}:
            (project.root / STATE).write_bytes(whole[:length])
            with pytest.raises(StateUnreadable):
                read(file_store(project.root), project=None)
        for length in (0, 1, len(whole) // 2, len(whole) - 2):
            (project.root / STATE).write_bytes(whole[:length])
            refused(project, *(ALL if length == 1 else (("apply", "-y"),)), says="cannot be read")
        (project.root / STATE).write_bytes(whole[:-1])
        assert project.plan().json["summary"]["unchanged"] == 3

    def test_a_torn_journal_is_recovered(self, project: Project) -> None:
        """What a killed run wrote last may be half a line: looking leaves it alone, the next apply goes on from there."""
        _, whole = two_runs(project)
        document = json.loads(whole)
        entry = {
            "lineage": document["lineage"],
            "serial": document["serial"] + 1,
            "ops": [["put", "notes", "commit", "x"]],
        }
        for torn in (b"", b"{", b'{"lineage": "' + b"x" * 5000):
            (project.root / STATE).write_bytes(whole)
            (project.root / JOURNAL).write_bytes(json.dumps(entry).encode() + b"\n" + torn)
            before = files(project)
            for argv in LOOKS:
                project.run(*argv, code=0)
            assert files(project) == before
            assert project.apply().json["actions"] == []
            assert JOURNAL.rpartition("/")[2] not in files(project)
            assert serial((project.root / STATE).read_bytes()) == document["serial"] + 1
        assert live(project) == sorted(UPLOADS[:3])


class TestWentBack:
    """A serial that went back: an older version in the place of a newer one."""

    def test_behind_the_backup(self, project: Project) -> None:
        """The backup is never newer than the state: where it is, somebody put an older file there, and all stops."""
        first, _ = two_runs(project)
        project.calendar(A, B)
        project.apply()
        assert serial(first) < serial((project.root / BAK).read_bytes())
        (project.root / STATE).write_bytes(first)
        result = refused(project, *ALL, says="went back")
        assert BAK in result.err
        assert project.plan(code=1).json["error"]["code"] == "state-went-back"
        refused(
            project, ("state", "rm", "spring/a@flow"), ("state", "adopt", "spring/a@flow"), says="went back"
        )

    def test_the_way_out(self, project: Project) -> None:
        """Either the newer version comes back, or the backup is moved away and the services are asked; no post twice."""
        first, second = two_runs(project)
        project.apply()
        (project.root / BAK).write_bytes(second)
        (project.root / STATE).write_bytes(first)
        refused(project, ("apply", "-y"), says="went back")
        (project.root / STATE).write_bytes((project.root / BAK).read_bytes())
        assert project.plan().json["summary"]["unchanged"] == 3
        (project.root / STATE).write_bytes(first)
        (project.root / BAK).rename(project.root / "away")
        assert project.plan().actions() == {"spring/c@flow": "adopt"}
        project.apply()
        assert live(project) == sorted(UPLOADS[:3])

    def test_a_backup_that_is_none(self, project: Project) -> None:
        """What stands in the backup's place is a witness where it can be read, and in nobody's way where it cannot."""
        _, second = two_runs(project)
        spoiled = (
            b"",
            b"garbage",
            second[: len(second) // 2],
            second.replace(b'"lineage": "', b'"lineage": "x'),
        )
        for kept in spoiled:
            (project.root / BAK).write_bytes(kept)
            assert project.plan().json["summary"]["unchanged"] == 3

    def test_behind_its_journal(self, project: Project) -> None:
        """An older snapshot under the journal of a later run is refused."""
        first, second = two_runs(project)
        entry = {"lineage": json.loads(second)["lineage"], "serial": serial(second) + 1, "ops": []}
        (project.root / JOURNAL).write_bytes(json.dumps(entry).encode() + b"\n")
        (project.root / BAK).unlink()
        (project.root / STATE).write_bytes(first)
        refused(project, says="went back")

    def test_behind_the_plan(self, project: Project) -> None:
        """A plan file remembers the serial it was made at: an apply on an older state sends nothing."""
        first, _ = two_runs(project)
        project.calendar(A, B, C, flow("d", ahead(days=6), 4))
        project.run("plan", "--out", "plan.json", code=0)
        (project.root / BAK).unlink()
        (project.root / STATE).write_bytes(first)
        refused(project, ("apply", "plan.json", "-y"), says="went back")

    def test_an_empty_state_after_a_lost_one_goes_on(self, project: Project) -> None:
        """state init beside the backup of a lost state begins above its serial, so that it is not taken for older."""
        project.configure(project=LINEAGE)
        project.calendar(A, B)
        project.run("state", "init", code=0)
        for calendar in ((A, B), (A, B, C)):
            project.calendar(*calendar)
            project.apply()
        (project.root / STATE).unlink()
        refused(project, says="lost")
        project.run("state", "init", code=0)
        assert serial((project.root / STATE).read_bytes()) > serial((project.root / BAK).read_bytes())
        assert set(project.plan().actions().values()) == {"adopt"}
        project.apply()
        assert live(project) == sorted(UPLOADS[:3])


class TestDeleted:
    """A state that is deleted between plan and apply."""

    @pytest.mark.parametrize("whole", [True, False], ids=["with its directory", "the file alone"])
    def test_with_a_project(self, project: Project, *, whole: bool) -> None:
        """With `project:` nothing is sent until somebody says that it begins anew."""
        project.configure(project=LINEAGE)
        project.calendar(A, B)
        project.run("state", "init", code=0)
        project.apply()
        project.calendar(A, B, C)
        project.run("plan", "--out", "plan.json", code=0)
        if whole:
            shutil.rmtree(project.root / ".calsync")
            (project.root / ".calsync").mkdir()
        else:
            (project.root / STATE).unlink()
        refused(project, ("plan",), ("apply", "-y"), ("apply", "plan.json", "-y"), says="lost")

    def test_without_a_project_its_backup_tells(self, project: Project) -> None:
        """Without `project:` a backup with no state beside it is no ordinary first run: it is said, and all is adopted."""
        two_runs(project)
        (project.root / STATE).unlink()
        result = project.plan()
        assert set(result.actions().values()) == {"adopt"}
        assert result.codes()["state-gone"] == "warning"
        lineage = json.loads((project.root / BAK).read_text())["lineage"]
        project.apply()
        assert project.state()["lineage"] == lineage
        assert live(project) == sorted(UPLOADS[:3])

    def test_without_a_project_and_a_list_it_is_lost(self, project: Project) -> None:
        """Where the service cannot list its posts nothing would be recognised, and all of it made a second time."""
        project.calendar(video("v", IN_3))
        project.apply()
        project.calendar(video("v", IN_3), video("w", IN_4))
        project.apply()
        (project.root / STATE).unlink()
        refused(project, ("plan",), ("apply", "-y"), says="lost")
        assert len(project.posts("scheduled")) == 2
        shutil.copy(project.root / BAK, project.root / STATE)
        assert project.plan().actions() == {"spring/w@brand": "create"}

    def test_without_a_project_the_plan_tells(self, project: Project) -> None:
        """Without any trace but the plan file, its lineage shows that there was a state: nothing is made twice."""
        project.calendar(video("v", IN_3))
        project.apply()
        project.calendar(video("v", IN_3), video("w", IN_4))
        project.run("plan", "--out", "plan.json", code=0)
        digest = project.plan().json["digest"]
        shutil.rmtree(project.root / ".calsync")
        (project.root / ".calsync").mkdir()
        refused(project, ("apply", "plan.json", "-y"), says="lineage")
        assert project.run("apply", "-y", "--expect", digest).code == 5
        assert len(project.posts("scheduled")) == 1


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.executable, [sys.executable, "-m", "calsync", *sys.argv[2:]])
"""


def limited(project: Project, size: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """A run whose files cannot grow beyond a size, as on a disk that is full."""
    environment = {**project.env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), *argv],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class TestNoRoom:
    """A disk that is full, before the run or in the middle of it."""

    def test_before_the_run(self, project: Project) -> None:
        """Where the first change cannot be written, nothing is sent and every byte is as before."""
        two_runs(project)
        project.calendar(A, B, C, flow("d", ahead(days=6), 4))
        before, sent = files(project), project.wrote()
        result = limited(project, len(before["state.json"]) // 2, "apply", "-y")
        assert result.returncode == 1, result.stderr
        assert "File too large" in result.stderr
        assert "hint: " in result.stderr
        assert files(project) == before
        assert project.wrote() == sent

    @pytest.mark.parametrize("room", [900, 1500, 2100, 2700])
    def test_in_the_middle_of_a_run(self, project: Project, room: int) -> None:
        """At whatever write: what cannot be written down is not sent, or is found by the next apply; no post twice."""
        project.calendar()
        project.run("state", "init", code=0)
        project.calendar(A, B, C)
        result = limited(project, room, "apply", "-y")
        assert "Traceback" not in result.stderr
        assert "File too large" in result.stderr + result.stdout, str(result)
        assert result.returncode in (1, 4), result.stderr
        before = files(project)
        for argv in (("plan",), ("state", "list"), ("state", "check")):
            assert project.run(*argv).code in (0, 4)
        assert files(project) == before
        project.apply()
        assert live(project) == sorted(UPLOADS[:3])
        assert project.plan("--detailed-exitcode").json["actions"] == []


def test_a_place_that_cannot_be_written(project: Project) -> None:
    """Where the directory is a file, every command that needs a state says so and none is made elsewhere."""
    project.calendar(A)
    (project.root / ".calsync").write_bytes(b"mine")
    for argv in ALL:
        result = project.run(*argv, code=1)
        assert STATE in result.err
        assert "hint: " in result.err
    assert (project.root / ".calsync").read_bytes() == b"mine"
    assert project.posts() == []


READ_ONLY = 'mount --bind -o ro "$0/.calsync" "$0/.calsync" && exec "$@"'


def test_a_read_only_directory(project: Project) -> None:
    """On a read-only file system looking works, apply says why it does not, and nothing is sent."""
    _, whole = two_runs(project)
    project.calendar(A, B)
    probe = ["unshare", "-r", "-m", "sh", "-c", READ_ONLY, str(project.root)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*probe, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no mounts of one's own here")
    sent = project.wrote()
    for argv in (("plan",), ("apply", "-y")):
        result = subprocess.run(
            [*probe, sys.executable, "-m", "calsync", *argv],
            cwd=project.root,
            env={**project.env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if argv in LOOKS:
            assert result.returncode == 0, result.stderr
        else:
            assert result.returncode == 1, result.stderr
            assert "read-only file system" in result.stderr.lower()
            assert "hint: " in result.stderr
    assert project.wrote() == sent
    assert (project.root / STATE).read_bytes() == whole
