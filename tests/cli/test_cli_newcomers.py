"""What a newcomer meets first, from outside: --version, --help, init, schema, sandbox."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import urllib.request
from pathlib import Path

import pytest
import yaml
from outside import Project, ahead, flow, until, video
from warm import Cold

from calsync import __version__


def test_version_imports_nothing_heavy(project: Project) -> None:
    """--version answers before click, httpx or pydantic is imported, and so from anywhere."""
    running = Cold().start(["--version"], project.env, Path("/"), options=["-X", "importtime"])
    code, out, err = running.wait()
    assert (code, out) == (0, f"calsync {__version__}\n")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in err.splitlines()}
    assert not imported & {"click", "httpx", "pydantic", "yaml", "ruamel", "rich", "starlette", "asyncio"}


@pytest.mark.parametrize(
    "argv", [["--version"], ["plan", "--version"], ["--help"], ["plan", "-h"], ["state", "--help"]]
)
def test_asking_needs_no_project(project: Project, argv: list[str]) -> None:
    """Version and help need no project and no services."""
    (project.root / "calsync.yaml").unlink()
    assert "calsync" in project.run(*argv, code=0).out


def test_every_command_explains_itself(project: Project) -> None:
    """--help names every command, and each has a help of its own."""
    text = project.run("--help", code=0).out
    for name in (
        "validate",
        "plan",
        "apply",
        "status",
        "accounts",
        "state",
        "schema",
        "sandbox",
        "demo",
        "init",
    ):
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
        assert "Usage: calsync" in project.run(name, "--help", code=0).out


class TestInit:
    """init makes a project that works."""

    def test_it_validates(self, project: Project) -> None:
        """What init writes is valid, plans to nothing, and has an empty state of its lineage."""
        project.run("init", "fresh", code=0)
        root = project.root / "fresh"
        found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        assert {"calsync.yaml", ".gitignore", ".calsync/state.json", "calendars/first.yaml"} <= found
        assert not (root / ".github").exists()
        settings = yaml.safe_load((root / "calsync.yaml").read_text())
        assert json.loads((root / ".calsync/state.json").read_text())["lineage"] == settings["project"]
        project.run("-C", "fresh", "validate", code=0)
        assert project.run("-C", "fresh", "plan", "--detailed-exitcode", code=0)

    def test_it_overwrites_nothing(self, project: Project) -> None:
        """A second init, and one where something is in the way, write nothing at all."""
        project.run("init", "fresh", code=0)
        before = {path: path.read_bytes() for path in project.files()}
        assert project.run("init", "fresh").code == 1
        assert {path: path.read_bytes() for path in project.files()} == before

    def test_two_projects_differ(self, project: Project) -> None:
        """Each project has a lineage of its own."""
        project.run("init", "a", code=0)
        project.run("init", "b", code=0)
        assert (project.root / "a/calsync.yaml").read_bytes() != (
            project.root / "b/calsync.yaml"
        ).read_bytes()


CALENDAR = """\
calendar: spring-launch
previously: spring
timezone: Europe/Berlin
defaults:
  accounts: [brand]
  intent: publish
  options: {privacy_level: PUBLIC_TO_EVERYONE}
posts:
  - id: teaser
    at: 2031-03-15 14:00
    media: media/teaser.mp4
    caption: |
      Something is coming. #launch
    options:
      disable_duet: true
      disable_stitch: false
      video_cover_timestamp_ms: 1000
  - id: reveal
    at: 2031-03-16T18:30:00+01:00
    accounts: [brand, second]
    media: [media/look-1.jpg, media/look-2.jpg]
    caption_file: captions/reveal.md
    title: The reveal
    options: {disableComment: true}
    overrides:
      second: {at: 2031-03-16 20:00, caption: "Shorter here"}
  - id: final
    previously: [finale, other/finale]
    at: 2031-03-17 18:30
    accounts: [flow]
    media: {id: 550e8400-e29b-41d4-a716-446655440000}
    timezone: America/New_York
  - id: gone
    cancel: true
    at: 2031-03-18 18:30
    media: media/look-1.jpg
    caption: Gone
"""
SETTINGS = """\
version: 1
project: 5b1e0c6a-1111-4222-8333-444455556666
timezone: Europe/Berlin
calendars: ["calendars/*.yaml", "more/**/*.yaml"]
accounts:
  brand:
    provider: postqued
    platform: tiktok
    username: "@brand"
    workspace: 7f0c
    paused: true
  second: {provider: postqued, id: 660e8400-e29b-41d4-a716-446655440002}
  flow: {provider: tikflow, id: 123e4567-e89b-12d3-a456-426614174000}
providers:
  postqued:
    api: auto
    workspace: 7f0c
    rate_limits: {upload: 20, read: 30, publish: 10, delete: 20}
  tikflow:
    quota: 50
    allow_upload: false
    rate_limits: {all: 100}
state:
  path: .calsync/state.json
policy:
  lead_time: 15m
  max_cancels: 20%
  drift: restore
"""


@pytest.mark.parametrize("which", ["calendar", "project"])
def test_the_schemas_are_schemas(project: Project, which: str) -> None:
    """schema prints a valid JSON Schema; what the contract shows is valid by it and by validate, and nothing surplus."""
    from jsonschema import Draft202012Validator

    schema = project.run("schema", which, code=0).json
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    project.media("teaser.mp4", "look-1.jpg", "look-2.jpg")
    project.write("calendars/captions/reveal.md", "The reveal, in many words.")
    project.write("calsync.yaml", SETTINGS)
    project.write("calendars/spring.yaml", CALENDAR)
    assert project.run("validate", "--format", "json", code=0).json["posts"] == 5
    # As an editor reads it; a time without quotes is one for it, and a text for us.
    document = json.loads(
        json.dumps(yaml.safe_load(CALENDAR if which == "calendar" else SETTINGS), default=str)
    )
    assert [error.message for error in validator.iter_errors(document)] == []
    assert list(validator.iter_errors({**document, "surplus": 1}))
    assert list(validator.iter_errors([]))
    if which == "calendar":
        assert project.run("schema", code=0).json == schema


def test_the_sandbox_command(project: Project) -> None:
    """sandbox announces its address and the variables for it, serves both services, and stops on SIGTERM with 0."""
    running = project.start("sandbox", "--data", "kept", cold=True)
    until(lambda: "Stop with" in running.said()[0])
    said = running.said()[0]
    env = dict(re.findall(r"^export (\w+)=(\S+)$", said, re.MULTILINE))
    services = ("POSTQUED", "TIKFLOW", "POSTIZ")
    assert set(env) == {f"{name}_API_KEY" for name in services} | {f"CALSYNC_{name}_URL" for name in services}
    project.env.update(env)
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    project.apply()
    with urllib.request.urlopen(f"{env['CALSYNC_POSTQUED_URL']}/_sandbox/posts", timeout=10) as answer:
        assert len(json.load(answer)["posts"]) == 2
    running.signal(signal.SIGTERM)
    code, _, err = running.wait(20)
    assert (code, err) == (0, "")
    again = project.start("sandbox", "--data", "kept", "--postiz", "HEAD", cold=True)
    until(lambda: "Stop with" in again.said()[0])
    assert "Postiz HEAD at" in again.said()[0]
    address = re.findall(r"^export CALSYNC_POSTQUED_URL=(\S+)$", again.said()[0], re.MULTILINE)[0]
    project.env.update(CALSYNC_POSTQUED_URL=address, CALSYNC_TIKFLOW_URL=address)
    assert project.plan().json["summary"]["unchanged"] == 2
    again.signal(signal.SIGINT)
    assert again.wait(20)[0] == 0


def test_a_taken_port_is_an_error(project: Project) -> None:
    """A port that is in use is exit 1 with its number, no traceback."""
    port = project.box.url.rpartition(":")[2]
    result = project.run("sandbox", "--port", port, code=1)
    assert port in result.err


def test_git_lfs_pointers_stand_for_their_media(project: Project) -> None:
    """Pointers validate and plan as their media would; apply refuses them and says what to pull; then it is the same plan."""
    path = project.root / "calendars/media/teaser.mp4"
    data = path.read_bytes()
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    whole = project.plan().json
    oid = hashlib.sha256(data).hexdigest()
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n")
    project.run("validate", code=0)
    pointed = project.plan().json
    assert pointed["digest"] == whole["digest"]
    known = ("path", "sha256", "size", "upload")
    of_pointer, of_file = (
        [{name: each[name] for name in known} for each in plan["actions"][0]["media"]]
        for plan in (pointed, whole)
    )
    assert of_pointer == of_file
    refused = project.apply(code=1)
    assert "git lfs pull -I" in refused.json["error"]["hint"]
    assert "calendars/media/teaser.mp4" in refused.json["error"]["hint"]
    assert project.writes() == []
    path.write_bytes(data)
    project.run("apply", "-y", "--expect", whole["digest"], code=0)
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n")
    project.apply()
    project.calendar(
        video("teaser", ahead(days=3)), video("again", ahead(days=5)), flow("loop", ahead(days=4))
    )
    assert project.apply().outcomes() == {"spring/again@brand": "done"}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", ""])
def test_the_machine_s_zone_is_never_asked(project: Project, zone: str) -> None:
    """A plan is the same whatever TZ the machine has."""
    project.configure(timezone="Europe/Berlin")
    project.calendar(video("teaser", "2031-07-04 18:30"))
    planned = project.run("plan", "--format", "json", env={"TZ": zone})
    assert planned.action("spring/teaser@brand")["at"]["after"] == "2031-07-04T16:30:00Z"
