"""Postiz's channels from outside: named in the project file, held against what their networks take, held back."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from outside import Project, ahead

from calsync.sandbox import Sandbox

CHIRP, TOOT, OLD = "cm0sandbox000000000000001", "cm0sandbox000000000000002", "cm0sandbox000000000000008"


@pytest.fixture
def channels(project: Project) -> Project:
    """A project with channels on two networks, and one that is switched off."""
    listed = {
        each["id"]: each for each in project.run("accounts", "--format", "json", code=0).json["accounts"]
    }
    assert not any(each["provider"] == "postiz" for each in listed.values())
    accounts = {
        "chirp": {"provider": "postiz", "id": CHIRP},
        "old": {"provider": "postiz", "platform": "linkedin", "name": "old company"},
        "brand": {"provider": "postqued", "username": "@brand"},
    }
    project.configure(accounts=accounts, providers={"postqued": project.settings["providers"]["postqued"]})
    return project


def text(name: str, account: str, **more: object) -> dict[str, object]:
    return {"id": name, "at": ahead(days=3), "accounts": [account], "caption": f"The {name}"} | more


def test_channels_are_listed_with_what_they_are_used_as(channels: Project) -> None:
    """By network, and with why nothing can be posted to one now."""
    shown = channels.run("accounts", "--format", "json", code=0).json["accounts"]
    found = {each["id"]: each for each in shown if each["provider"] == "postiz"}
    assert (found[CHIRP]["alias"], found[CHIRP]["platform"]) == ("chirp", "x")
    assert found[OLD]["alias"] == "old"
    assert found[OLD]["unusable"]
    assert found[OLD]["unusable"] in channels.run("accounts", code=0).out


def test_what_a_channel_does_not_take_stops_the_plan_at_its_line(channels: Project) -> None:
    """With a suggestion, before anything is sent; then what is mended is typed, sent, and shows no change."""
    options: dict[str, object] = {"who_can_reply_pots": "everyone"}
    channels.calendar(
        text("a", "chirp", options=options),
        text("b", "chirp", at=ahead(days=4), caption="&" * 57),
        defaults={},
    )
    result = channels.plan(code=3)
    lines = (channels.root / "calendars/spring.yaml").read_text().splitlines()
    said = {(each["code"], lines[each["line"] - 1].strip()) for each in result.json["diagnostics"]}
    assert {code for code, _ in said} == {"unknown-key", "missing-key", "caption-length"}
    assert ("unknown-key", "who_can_reply_pots: everyone") in said
    assert "did you mean who_can_reply_post?" in result.out
    assert channels.writes() == []
    options = {"who_can_reply_post": "everyone", "tags": ["launch"], "short_link": "false"}
    channels.calendar(text("a", "chirp", options=options), defaults={})
    channels.apply()
    assert channels.plan().json["actions"] == []
    [sent] = [each for each in channels.writes() if each["path"].endswith("/posts")]
    assert json.dumps(sent).count("Bearer") == 0


def test_a_channel_that_is_off_holds_back_its_own_posts_alone(channels: Project) -> None:
    """The others go on; the run says that something is left, and where the account stands."""
    channels.calendar(
        text("a", "chirp", options={"who_can_reply_post": "everyone"}), text("b", "old"), defaults={}
    )
    planned = channels.plan()
    assert planned.actions() == {"spring/a@chirp": "create", "spring/b@old": "blocked"}
    [finding] = [each for each in planned.json["diagnostics"] if each["code"] == "account-unusable"]
    assert (finding["severity"], finding["file"]) == ("error", "calsync.yaml")
    channels.apply(code=4)
    assert len([each for each in channels.posts() if each["service"] == "postiz"]) == 1


@pytest.mark.parametrize("version", ["2.23.0", "HEAD"])
def test_options_show_no_drift_whatever_the_server_shows_of_them(
    channels: Project, version: Literal["2.23.0", "HEAD"]
) -> None:
    """Neither one that shows settings nor one that shows none; labels and shortened links are shown by no server."""
    with Sandbox(rate_limits=False, postiz=version) as box:
        channels.box = box
        channels.env |= box.environment
        options = {"who_can_reply_post": "everyone", "tags": ["launch"], "short_link": "true"}
        channels.calendar(text("a", "chirp", options=options), defaults={})
        channels.apply()
        assert channels.plan().json["actions"] == []


def test_a_server_below_a_path_is_asked_there_with_the_key_of_a_file(channels: Project) -> None:
    """Its address may have a path, and its key may stand in a file; neither of it is ever in the project."""
    key = channels.write("key", channels.env.pop("POSTIZ_API_KEY") + "\n")
    below = {"CALSYNC_POSTIZ_URL": f"{channels.box.url}/api/", "POSTIZ_API_KEY_FILE": str(key)}
    channels.run("accounts", env=below, code=1)
    channels.calendar(text("a", "chirp"))
    channels.box.fault("answer", path="/api/*", status=307, headers={"Location": "/auth"}, times=None)
    assert "check the service's address" in channels.run("plan", env=below, code=1).out
    assert "/api/public/v1/integrations" in {each["path"] for each in channels.box.requests()}
    channels.run("accounts", env={**below, "CALSYNC_POSTIZ_URL": channels.box.url}, code=0)
