"""state check: what is recorded is held against the services, and nothing is written anywhere."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from outside import BRAND, FLOW, SECOND, UPLOADS, Project, Result, ahead, flow, moment, video

IN_3, IN_4, IN_5 = ahead(days=3), ahead(days=4), ahead(days=5)
STATE = ".calsync/state.json"
A, B = "spring/a@flow", "spring/b@flow"
Deed = Callable[[Project], object]


def check(project: Project, code: int) -> Result:
    """state check as JSON; it leaves every byte of the project and every post alone."""
    files = {each: each.read_bytes() for each in project.files() if "cache" not in each.parts}
    result = project.run("state", "check", "--format", "json", code=code)
    assert {each: each.read_bytes() for each in project.files() if "cache" not in each.parts} == files
    return result


def found(result: Result, address: str = A) -> dict[str, Any]:
    [line] = [each for each in result.json["checks"] if each["address"] == address]
    assert isinstance(line, dict)
    return line


def id_of(project: Project, address: str = A) -> str:
    remote_id = project.state()["posts"][address]["remote_id"]
    assert isinstance(remote_id, str)
    return remote_id


@dataclass(frozen=True)
class Case:
    """What somebody does, and what is found of the first post; the second one always agrees."""

    name: str
    deed: Deed
    status: str
    needs: str | None
    after: tuple[Any, ...] | None = None
    policy: str = "restore"


def stop(project: Project) -> None:
    project.box.stop_post(id_of(project))


def delete(project: Project) -> None:
    project.box.delete_post(id_of(project))


def move(project: Project) -> None:
    project.box.edit_post(id_of(project), at=moment(IN_5))


def nothing(_: Project) -> None:
    pass


KEPT = flow("b", IN_4, 1)
CASES = [
    Case("as it was", nothing, "agrees", None),
    Case("edited in the calendar, and not applied yet", nothing, "agrees", None, (flow("a", IN_5), KEPT)),
    Case("moved by hand", move, "changed", "apply"),
    Case("moved by hand and in the calendar", move, "changed", "apply", (flow("a", IN_5), KEPT)),
    Case("moved by hand and left so", move, "changed", "person", None, "leave"),
    Case("stopped by hand", stop, "stopped", None),
    Case("stopped by hand, and not wanted any more", stop, "stopped", "apply", (KEPT,)),
    Case("deleted", delete, "gone", "person"),
    Case("deleted, and not wanted any more", delete, "gone", "apply", (KEPT,)),
]


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_what_is_found_of_a_record(project: Project, case: Case) -> None:
    """One word for how it stands, and who mends it: nobody, the next apply, or a person who is told what to do."""
    project.configure(policy={"drift": case.policy})
    project.calendar(flow("a", IN_3), KEPT)
    project.apply()
    case.deed(project)
    if case.after is not None:
        project.calendar(*case.after)
    result = check(project, 4 if case.needs else 0)
    assert (found(result)["status"], found(result)["needs"]) == (case.status, case.needs), str(result)
    assert found(result, B)["status"] == "agrees"
    assert found(result)["remote_id"] == id_of(project)
    if case.status == "changed":
        assert found(result)["changes"] == [{"path": "at", "before": IN_3, "after": IN_5}]
    if case.needs == "apply":
        assert "next apply" in found(result)["hint"]
        project.run("apply", "-y")
        assert all(each["needs"] is None for each in check(project, 0).json["checks"])
    summary = result.json["summary"]
    assert (summary["needs_apply"], summary["needs_person"]) == (
        case.needs == "apply",
        case.needs == "person",
    )


def test_what_failed(project: Project) -> None:
    """A failure needs a person, with the service's words; once its entry has a new time, the next apply does it."""
    project.box.set_knobs(ping=200)
    project.calendar(video("v", IN_3))
    project.apply()
    project.box.fail_post(id_of(project, "spring/v@brand"), "no\x1b[31m way")
    line = found(check(project, 4), "spring/v@brand")
    assert (line["status"], line["needs"]) == ("failed", "person")
    assert "way" in line["message"]
    assert "\x1b" not in project.run("state", "check", code=4).out
    project.calendar(video("v", IN_4))
    assert found(check(project, 4), "spring/v@brand")["needs"] == "apply"


def test_what_was_published_is_as_it_should_be(project: Project) -> None:
    """A post that went out since the last apply needs nobody."""
    project.calendar(flow("a", ahead(minutes=20)))
    project.apply()
    project.box.advance(moment(ahead(minutes=30)) - project.box.now())
    assert found(check(project, 0))["status"] == "published"


def test_no_state_yet(project: Project) -> None:
    """Where nothing is recorded there is nothing to mend; where the state is lost, that is the error."""
    project.calendar(flow("a", IN_3))
    assert check(project, 0).json["checks"] == []
    assert "Nothing is recorded" in project.run("state", "check", code=0).out
    project.configure(project=str(uuid.uuid4()))
    assert check(project, 1).json["error"]["code"] == "state-lost"


def test_a_service_that_cannot_be_read(project: Project) -> None:
    """Exit 1 and the error, and what the other service says all the same."""
    project.box.set_knobs(ping=200)
    project.calendar(flow("a", IN_3), video("v", IN_3))
    project.apply()
    project.box.fault("answer", service="tikflow", status=401, times=None)
    result = check(project, 1)
    assert result.json["error"]["code"] == "unreadable"
    assert (found(result)["status"], found(result)["needs"]) == ("unknown", "person")
    assert found(result, "spring/v@brand")["status"] == "agrees"


def test_invalid_calendars_are_said_first(project: Project) -> None:
    """What an entry wants has to be known to say what the next apply would do."""
    project.calendar({"id": "a"})
    assert check(project, 3).json["error"]["code"] == "invalid"


def test_twins_lookalikes_and_duplicates(project: Project) -> None:
    """What the next apply would adopt, what only a person can tell, and a second post beside a recorded one."""
    project.box.set_knobs(ping=200)
    project.calendar(video("v", IN_3))
    project.apply()
    second = project.box.add_post("postqued", BRAND, moment(IN_3), caption="The v")
    media = project.state()["posts"]["spring/v@brand"]["assets"]
    twin = project.box.add_post("postqued", BRAND, moment(IN_4), caption="The w", media=media)
    project.box.add_post("postqued", SECOND, moment(IN_4), caption="Something else")
    for _ in range(2):
        project.box.add_post("tikflow", FLOW, moment(IN_5), media=[UPLOADS[3]])
    project.calendar(
        video("v", IN_3), video("w", IN_4), video("x", IN_4, accounts=["second"]), flow("y", IN_5, 3)
    )
    result = check(project, 4)
    by_address: dict[str, list[dict[str, Any]]] = {}
    for each in result.json["checks"]:
        by_address.setdefault(each["address"], []).append(each)
    agrees, duplicate = by_address["spring/v@brand"]
    assert (agrees["status"], agrees["needs"]) == ("agrees", None)
    assert (duplicate["status"], duplicate["needs"]) == ("duplicate", "person")
    assert duplicate["remote_id"] == second
    [adopted] = by_address["spring/w@brand"]
    assert (adopted["status"], adopted["needs"], adopted["remote_id"]) == ("twin", "apply", twin)
    for address in ("spring/x@second", "spring/y@flow"):
        [line] = by_address[address]
        assert (line["status"], line["needs"]) == ("twin", "person")
        assert "state adopt" in line["hint"]
    assert result.json["summary"]["twin"] == 3


def test_two_addresses_of_one_post(project: Project) -> None:
    """A state in which two addresses record the same post was mended by hand, and has to be again."""
    project.calendar(flow("a", IN_3), KEPT)
    project.apply()
    document = project.state()
    document["posts"][B] = document["posts"][A]
    project.write(STATE, json.dumps(document))
    lines = [each for each in check(project, 4).json["checks"] if each["status"] == "duplicate"]
    assert [(each["address"], each["needs"]) for each in lines] == [(B, "person")]
    assert "state rm" in lines[0]["hint"]


def test_an_alias_that_is_gone(project: Project) -> None:
    """A record outlives its alias: the next apply cancels its post, or the record passes to the new alias."""
    project.calendar(flow("a", IN_3), KEPT)
    project.apply()
    accounts = dict(project.settings["accounts"])
    accounts["tik"] = accounts.pop("flow")
    project.configure(accounts=accounts)
    project.calendar(flow("a", IN_3, accounts=["tik"]))
    lines = {
        each["address"]: each for each in check(project, 4).json["checks"] if each["status"] == "no-alias"
    }
    assert {address: line["needs"] for address, line in lines.items()} == {A: "apply", B: "apply"}
    assert ("move" in lines[A]["hint"], "cancel" in lines[B]["hint"]) == (True, True)


def test_an_account_that_is_gone(project: Project) -> None:
    """A record of an account that the service shows no more needs a person."""
    project.box.set_knobs(ping=200)
    project.calendar(video("v", IN_3, accounts=["second"]))
    project.apply()
    shown = {"id": BRAND, "platform": "tiktok", "username": "brand", "status": "active"}
    body: Any = {"accounts": [shown]}
    project.box.fault("answer", method="GET", path="/v2/integrations", status=200, body=body, times=None)
    lines = check(project, 4).json["checks"]
    assert "no-account" in {each["status"] for each in lines}, lines


def test_open_intents(project: Project) -> None:
    """What a lost answer left open: how the next apply settles it, for what happened and for what did not."""
    project.calendar(flow("a", IN_3), KEPT)
    path = "/api/v1/schedule/create"
    project.box.fault("answer_after", path=path, status=500)
    project.box.fault("answer", path="/api/v1/schedule/scheduled-videos", skip=1, status=403, times=None)
    project.run("apply", "-y", code=4)
    project.box.clear_faults()
    [happened] = [each for each in check(project, 4).json["checks"] if each["status"] == "open"]
    assert happened["needs"] == "apply"
    assert "has happened" in happened["message"]
    project.box.delete_post(
        next(each["id"] for each in project.posts("pending") if each["media"] == [UPLOADS[0]])
    )
    [undone] = [each for each in check(project, 4).json["checks"] if each["status"] == "open"]
    assert "has not happened" in undone["message"]
    project.apply()
    assert check(project, 0).json["summary"]["agrees"] == 2


def test_an_open_intent_that_needs_a_person(project: Project) -> None:
    """Where nobody but a person can tell what became of a create, the hint says how to end it."""
    project.box.set_knobs(duplicate_key="conflict")
    project.calendar(video("v", IN_3))
    project.box.fault("reset_after", path="/v1/content/publish")
    project.run("apply", "-y", code=4)
    line = found(check(project, 4), "spring/v@brand")
    assert line["status"] == "open"
    if line["needs"] == "apply":
        assert "same key" in line["hint"]
    project.calendar(video("v", IN_4))
    line = found(check(project, 4), "spring/v@brand")
    assert (line["status"], line["needs"]) == ("open", "person")
    assert "state adopt" in line["hint"]


def test_a_half_done_replace(project: Project) -> None:
    """The old post is cancelled and the new one refused: the next apply goes on with it."""
    project.box.set_knobs(ping=200)
    project.calendar(video("v", IN_3))
    project.apply()
    project.calendar(video("v", IN_3, caption="Other"))
    project.box.fault("answer", method="POST", path="/v2/publish", status=422, skip=1, times=None)
    project.run("apply", "-y", code=4)
    project.box.clear_faults()
    line = found(check(project, 4), "spring/v@brand")
    assert (line["status"], line["needs"]) == ("half-done", "apply")
    project.apply()
    assert found(check(project, 0), "spring/v@brand")["status"] == "agrees"


def test_in_words(project: Project) -> None:
    """Text names what does not agree and what to do, and -v everything."""
    project.calendar(flow("a", IN_3), KEPT)
    project.apply()
    delete(project)
    said = project.run("state", "check", code=4).out
    assert A in said
    assert B not in said
    assert "0 by the next apply, 1 by a person" in said
    assert B in project.run("state", "check", "-v", code=4).out
