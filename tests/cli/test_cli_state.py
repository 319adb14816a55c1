"""The state from outside: its commands, its loss, its breakage and its lock."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid

import pytest
from outside import FLOW, UPLOADS, Project, ahead, flow, moment, until, video

IN_3, IN_4 = ahead(days=3), ahead(days=4)
LINEAGE = "5b1e0c6a-1111-4222-8333-444455556666"


class TestCommands:
    """state init, list, show, mv, rm, unlock."""

    def test_init(self, project: Project) -> None:
        """state init writes an empty state once, with the project's lineage, and leaves one that is there alone."""
        project.configure(project=LINEAGE)
        project.calendar()
        project.run("state", "init", code=0)
        assert project.state()["lineage"] == LINEAGE
        before = (project.root / ".calsync/state.json").read_bytes()
        project.run("state", "init", code=1)
        assert (project.root / ".calsync/state.json").read_bytes() == before

    def test_list_and_show(self, project: Project) -> None:
        """state list and show tell what is recorded, in words and as JSON."""
        project.calendar(video("teaser", IN_3), flow("loop", IN_4))
        assert "Nothing" in project.run("state", "list", code=0).out
        project.apply()
        listed = project.run("state", "list", code=0).out
        assert "spring/teaser@brand" in listed
        assert "spring/loop@flow" in listed
        posts = project.run("state", "list", "--format", "json", code=0).json["posts"]
        assert set(posts) == {"spring/teaser@brand", "spring/loop@flow"}
        shown = json.loads(project.run("state", "show", "spring/loop@flow", code=0).out)
        assert project.posts("pending")[0]["id"] in json.dumps(shown)
        project.run("state", "show", "spring/nobody@flow", code=1)

    def test_mv(self, project: Project) -> None:
        """state mv gives a record a new address: the renamed entry is unchanged; taken and unknown names are refused."""
        project.calendar(flow("a", IN_3, 0), flow("b", IN_4, 1))
        project.apply()
        project.run("state", "mv", "spring/a@flow", "spring/b@flow", code=1)
        project.run("state", "mv", "spring/nobody@flow", "spring/c@flow", code=1)
        project.run("state", "mv", "spring/a@flow", "spring/c@flow", code=0)
        project.calendar(flow("c", IN_3, 0), flow("b", IN_4, 1))
        assert project.plan().json["actions"] == []

    def test_rm(self, project: Project) -> None:
        """state rm forgets the record and touches no post; the entry then finds its post again as a twin."""
        project.calendar(flow("a", IN_3, 0), flow("b", IN_4, 1))
        project.apply()
        project.run("state", "rm", "spring/a@flow", code=0)
        project.run("state", "rm", "spring/a@flow", code=1)
        assert len(project.posts("pending")) == 2
        assert project.plan().actions() == {"spring/a@flow": "adopt"}

    def test_rm_of_a_removed_entry_leaves_its_post(self, project: Project) -> None:
        """What is not tracked any more is nobody's: no apply cancels it."""
        project.calendar(flow("a", IN_3, 0), flow("b", IN_4, 1))
        project.apply()
        project.run("state", "rm", "spring/a@flow", code=0)
        project.calendar(flow("b", IN_4, 1))
        assert project.plan().json["summary"]["unmanaged"] == 1
        project.apply()
        assert len(project.posts("pending")) == 2

    def test_unlock(self, project: Project) -> None:
        """state unlock succeeds where nobody holds the lock."""
        project.calendar(flow("a", IN_3, 0))
        project.run("state", "unlock", code=0)
        project.apply()
        project.run("state", "unlock", code=0)


class TestAdopt:
    """state adopt records the entry as applied to a post that is there; it never writes to a service."""

    def test_the_one_twin(self, project: Project) -> None:
        """Without REMOTE_ID the one twin is taken."""
        made = project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[0]])
        project.calendar(flow("a", IN_3, 0))
        assert made in project.run("state", "adopt", "spring/a@flow", code=0).out
        assert project.plan().json["summary"]["unchanged"] == 1

    def test_the_one_lookalike(self, project: Project) -> None:
        """Without REMOTE_ID the one lookalike is taken too; the entry's media is taken for equal."""
        project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[1]])
        project.calendar(flow("a", IN_3, 0))
        assert project.plan().action("spring/a@flow")["code"] == "lookalike"
        project.run("state", "adopt", "spring/a@flow", code=0)
        planned = project.plan().json
        assert planned["actions"] == []
        assert planned["summary"]["unchanged"] == 1

    def test_a_twin_among_lookalikes(self, project: Project) -> None:
        """A twin is taken whatever else is in its minute, as plan would."""
        ids = [project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[n]]) for n in range(3)]
        project.calendar(flow("a", IN_3, 1))
        assert project.plan().actions() == {"spring/a@flow": "adopt"}
        assert ids[1] in project.run("state", "adopt", "spring/a@flow", code=0).out

    def test_several(self, project: Project) -> None:
        """Several are listed and none is taken; naming one ends it."""
        ids = [project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[n]]) for n in range(3)]
        project.calendar(flow("a", IN_3, 5))
        refused = project.run("state", "adopt", "spring/a@flow", code=1)
        assert "several" in refused.err
        project.run("state", "adopt", "spring/a@flow", ids[1], code=0)
        assert project.plan().json["summary"]["unchanged"] == 1
        project.run("state", "adopt", "spring/nobody@flow", ids[2], code=1)

    def test_what_is_listed_can_be_typed(self, project: Project) -> None:
        """Each post that is listed stands on a line of its own, by an id that names it alone and that adopt takes."""
        for _ in range(2):
            project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[0]])
        project.calendar(flow("a", IN_3, 0))
        refused = project.run("state", "adopt", "spring/a@flow", code=1)
        listed = [
            line.split(":")[0].strip()
            for line in refused.err.splitlines()
            if line.startswith("  ") and "'" in line
        ]
        assert sorted(listed) == sorted(each["id"] for each in project.posts()), refused.err
        project.run("state", "adopt", "spring/a@flow", listed[0], code=0)

    @pytest.mark.parametrize("by", ["id", "target_id"])
    def test_by_id_at_postqued(self, project: Project, by: str) -> None:
        """At Postqued the publish id or the target id names the post, which v1 cannot list."""
        made = project.box.add_post(
            "postqued", "660e8400-e29b-41d4-a716-446655440001", moment(IN_3), caption="The teaser"
        )
        project.calendar(video("teaser", IN_3))
        project.run("state", "adopt", "spring/teaser@brand", code=1)
        [post] = project.posts()
        assert post["id"] == made
        remote_id = made if by == "id" else post["target_id"]
        assert remote_id is not None
        result = project.run("state", "adopt", "spring/teaser@brand", remote_id)
        if by == "id":
            assert result.code == 0
            assert project.plan().json["summary"]["unchanged"] == 1

    def test_nothing_there(self, project: Project) -> None:
        """An id that the service does not know, and one that is recorded already, are refused."""
        project.calendar(flow("a", IN_3, 0), flow("b", IN_4, 1))
        project.apply("--calendar", "spring")
        project.run("state", "rm", "spring/a@flow", code=0)
        project.run("state", "adopt", "spring/a@flow", str(uuid.uuid4()), code=1)
        other = next(each["id"] for each in project.posts() if each["media"] == [UPLOADS[1]])
        taken = project.run("state", "adopt", "spring/a@flow", other, code=1)
        assert "spring/b@flow" in taken.err


class TestLostState:
    """With `project:` an absent state is a lost state."""

    def test_it_stops_plan_and_apply(self, project: Project) -> None:
        """plan and apply exit 1 and say so, until state init; then the posts that are there are adopted."""
        project.configure(project=LINEAGE)
        project.calendar(flow("a", IN_3, 0), flow("b", IN_4, 1))
        project.run("state", "init", code=0)
        project.apply()
        before = project.wrote()
        for each in (project.root / ".calsync").iterdir():
            each.unlink()
        assert "lost" in project.run("plan", code=1).err
        assert project.plan(code=1).json["error"]["code"] == "state-lost"
        assert project.apply(code=1).json["error"]["code"] == "state-lost"
        assert project.run("status", code=1).err
        assert not (project.root / ".calsync/state.json").exists()
        project.run("state", "init", code=0)
        assert set(project.plan().actions().values()) == {"adopt"}
        project.apply()
        assert project.wrote() == before
        assert project.plan().json["summary"]["unchanged"] == 2

    def test_adopt_begins_anew_too(self, project: Project) -> None:
        """state adopt makes an empty state as state init does."""
        project.configure(project=LINEAGE)
        project.box.add_post("tikflow", FLOW, moment(IN_3), media=[UPLOADS[0]])
        project.calendar(flow("a", IN_3, 0))
        project.run("state", "adopt", "spring/a@flow", code=0)
        assert project.state()["lineage"] == LINEAGE
        assert project.plan().json["summary"]["unchanged"] == 1

    def test_keys_survive(self, project: Project) -> None:
        """With `project:` a create after a lost state carries the same key: Postqued answers with the post it has."""
        project.configure(project=LINEAGE)
        project.calendar(video("teaser", IN_3))
        project.run("state", "init", code=0)
        project.apply()
        for each in (project.root / ".calsync").iterdir():
            each.unlink()
        project.run("state", "init", code=0)
        project.run("apply", "-y")
        keys = {each["idempotency_key"] for each in project.writes() if each["request_class"] == "publish"}
        assert len(keys) == 1

    def test_without_a_project_it_is_a_first_run(self, project: Project) -> None:
        """Without `project:` an absent state is a first run; with CI set that is warned about."""
        project.calendar(video("teaser", IN_3))
        assert "lost" not in project.run("plan", code=0).err
        warned = project.run("plan", "--format", "json", env={"CI": "true"}, code=0)
        assert "warning" in warned.codes().values()


BROKEN = {
    "empty": b"",
    "text": b"not json at all",
    "half": b'{"format_version": "1", "lineage": "x", "ser',
    "list": b"[]",
    "null": b"null",
    "keys": b"{}",
    "bytes": b"\xff\xfe\x00\x01",
    "deep": b"[" * 200_000,
    "nan": b'{"format_version": "1", "serial": NaN}',
}


@pytest.mark.parametrize("how", [*BROKEN, "newer", "lineage", "record", "directory"])
def test_a_state_that_cannot_be_used_is_left_alone(project: Project, how: str) -> None:
    """A broken state, a newer format and another project's lineage: every command exits 1 and leaves every byte alone."""
    project.configure(project=LINEAGE)
    project.calendar(flow("a", IN_3, 0))
    project.run("state", "init", code=0)
    project.apply()
    path = project.root / ".calsync/state.json"
    document = project.state()
    if how == "newer":
        path.write_text(json.dumps({**document, "format_version": "99"}))
    elif how == "lineage":
        path.write_text(json.dumps({**document, "lineage": str(uuid.uuid4())}))
    elif how == "record":
        [record] = document["posts"].values()
        record["content"]["at"] = "whenever"
        path.write_text(json.dumps(document))
    elif how == "directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(BROKEN[how])
    before = project.wrote()
    bytes_before = {
        each: each.read_bytes()
        for each in project.files()
        if each.suffix != ".lock" and "cache" not in each.parts
    }
    for argv in (["plan"], ["apply", "-y"], ["state", "list"], ["state", "rm", "spring/a@flow"]):
        result = project.run(*argv, code=1)
        assert ".calsync/state.json" in result.err
    if how == "newer":
        assert "newer" in result.err
    assert project.wrote() == before
    assert {
        each: each.read_bytes()
        for each in project.files()
        if each.suffix != ".lock" and "cache" not in each.parts
    } == bytes_before


def test_bak_is_the_version_before_the_run(project: Project) -> None:
    """.bak holds the state as it was before the last run that changed it, and bringing it back works."""
    project.calendar(flow("a", IN_3, 0))
    project.apply()
    first = (project.root / ".calsync/state.json").read_bytes()
    project.calendar(flow("a", IN_3, 0), flow("b", IN_4, 1))
    project.apply()
    assert (project.root / ".calsync/state.json.bak").read_bytes() == first
    project.apply()
    assert (project.root / ".calsync/state.json.bak").read_bytes() == first
    (project.root / ".calsync/state.json").write_bytes(first)
    assert project.plan().actions() == {"spring/b@flow": "adopt"}


def test_the_state_says_where_it_is(project: Project) -> None:
    """`state: {path}` names the file, inside the project."""
    project.configure(state={"path": "kept/here.json"})
    project.calendar(flow("a", IN_3, 0))
    project.apply()
    assert (project.root / "kept/here.json").is_file()
    assert not (project.root / ".calsync/state.json").exists()
    assert project.plan().json["summary"]["unchanged"] == 1


class TestLock:
    """One writer at a time."""

    def test_a_second_apply_says_who(self, project: Project) -> None:
        """A second apply says who holds the lock and exits 1; --lock-timeout waits for it."""
        project.calendar(flow("a", IN_3, 0))
        project.box.fault("delay", path="/api/v1/schedule/create", seconds=2.5)
        first = project.start("apply", "-y")
        until(lambda: project.writes())
        second = project.run("apply", "-y", "--format", "json", code=1)
        assert second.json["error"]["code"] == "state-locked"
        assert str(first.pid) in second.json["error"]["message"]
        assert os.uname().nodename in second.json["error"]["message"]
        for argv in (["state", "rm", "spring/a@flow"], ["state", "unlock"]):
            assert str(first.pid) in project.run(*argv, code=1).err
        assert project.plan().code == 0
        waiting = project.run("apply", "-y", "--lock-timeout", "20s", code=0)
        assert "Nothing to do" in waiting.out
        assert project.end(first, "apply").code == 0
        assert len(project.posts()) == 1

    def test_a_timeout_ends(self, project: Project) -> None:
        """--lock-timeout waits no longer than it says."""
        project.calendar(flow("a", IN_3, 0))
        project.box.fault("delay", path="/api/v1/schedule/create", seconds=10)
        first = project.start("apply", "-y")
        until(lambda: project.writes())
        began = time.monotonic()
        project.run("apply", "-y", "--lock-timeout", "1s", code=1)
        assert 1 <= time.monotonic() - began < 8
        first.kill()

    def test_the_lock_dies_with_its_holder(self, project: Project) -> None:
        """kill -9 of the holder frees the lock at once, and its name is not mistaken for a holder."""
        project.calendar(flow("a", IN_3, 0))
        project.box.fault("delay", path="/api/v1/schedule/create", seconds=30)
        first = project.start("apply", "-y")
        until(lambda: project.writes())
        assert first.kill() == -signal.SIGKILL
        project.box.clear_faults()
        project.run("state", "unlock", code=0)
        project.apply()
        assert len(project.posts("pending")) == 1

    def test_where_the_run_is(self, project: Project) -> None:
        """In CI the lock's holder is named with the address of its run."""
        project.calendar(flow("a", IN_3, 0))
        project.box.fault("delay", path="/api/v1/schedule/create", seconds=10)
        ci = {
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_RUN_ID": "42",
        }
        first = project.start("apply", "-y", env=ci)
        until(lambda: project.writes())
        refused = project.run("apply", "-y", code=1)
        assert "https://github.example/o/r/actions/runs/42" in refused.err
        first.kill()
