"""Keys and addresses from outside: where they come from, and that they end up nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from outside import Project, ahead, flow, video

NEEDLE = "needle-4711"


def test_no_key_is_written_anywhere(project: Project, tmp_path: Path) -> None:
    """Over a whole project's life, errors and -v included, no key is in any output or file."""
    # What services say back is the one thing that could carry a key along: let them.
    postqued, tikflow = project.env["POSTQUED_API_KEY"], project.env["TIKFLOW_API_KEY"]
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    said = [
        project.run("plan", "-v", "--out", "plan.json"),
        project.run("apply", "plan.json", "-y", "-v"),
        project.run("status", "-v"),
        project.run("accounts", "-v"),
        project.run("state", "list"),
        project.run("state", "show", "spring/loop@flow"),
    ]
    asked = (("/v1/platform-accounts", postqued), ("/api/v1/schedule/scheduled-videos", tikflow))
    for argv in (["plan", "-v"], ["status", "--format", "json"]):
        for path, secret in asked:
            body: Any = {"error": {"code": secret, "message": f"no such key: Bearer {secret}"}}
            project.box.fault("answer", path=path, status=401, body=body)
        said.append(project.run(*argv, code=1))
    project.calendar(
        video("teaser", ahead(days=3)), video("more", ahead(days=4)), flow("loop", ahead(days=5))
    )
    for path, secret in (("/v1/content/publish", postqued), ("/api/v1/schedule/*", tikflow)):
        body = {"error": {"code": "X", "message": f"Bearer {secret} {secret}"}}
        project.box.fault("answer", method="PUT" if "*" in path else None, path=path, status=400, body=body)
    said.append(project.run("apply", "-y", "-v", code=4))
    key = postqued, tikflow
    for result in said:
        for secret in key:
            assert secret not in result.out + result.err
    for file in project.files():
        for secret in key:
            assert secret.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_key_may_come_from_a_file(project: Project, tmp_path: Path, ending: str) -> None:
    """NAME_API_KEY_FILE names a file that holds the key; both at once are refused."""
    path = tmp_path / "key"
    path.write_text(project.env["POSTQUED_API_KEY"] + ending)
    project.calendar(video("teaser", ahead(days=3)))
    both = {"POSTQUED_API_KEY_FILE": str(path)}
    project.run("plan", env=both, code=1)
    project.env.pop("POSTQUED_API_KEY")
    project.run("plan", code=1)
    project.env.update(both)
    project.apply()
    assert len(project.posts()) == 1
    assert all(each["key_ok"] for each in project.writes() if each["service"] == "postqued")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://10.0.0.1:8080",
        "http://[::2]:80",
        "http://user@127.0.0.1",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1:99999",
        "http://127.0.0.1#@example.org",
        "http://127.0.0.1\\@example.org",
    ],
)
def test_a_key_goes_nowhere_unsafe(project: Project, url: str) -> None:
    """Plain http is for loopback alone, and an address is scheme, host and port: exit 1, nothing sent."""
    project.calendar(video("teaser", ahead(days=3)))
    result = project.run("plan", "--format", "json", env={"CALSYNC_POSTQUED_URL": url}, code=1)
    assert result.json["error"]["code"] == "service-url"
    assert project.box.requests() == []


def test_no_redirect_takes_the_key_along(project: Project) -> None:
    """A redirect is not followed, neither for a look nor for a write, so that a key goes nowhere else."""
    project.calendar(video("teaser", ahead(days=3)))
    elsewhere = {"Location": f"{project.box.url}/v1/elsewhere"}
    project.box.fault("answer", path="/v1/platform-accounts", status=302, headers=elsewhere)
    project.run("plan", code=1)
    project.box.fault("answer", path="/v1/content/publish", status=307, headers=elsewhere)
    project.run("apply", "-y", code=4)
    assert not any(each["path"] == "/v1/elsewhere" for each in project.box.requests())


def test_a_presigned_address_gets_no_key(project: Project) -> None:
    """The storage behind a presigned address is sent the file and not our key."""
    project.calendar(video("teaser", ahead(days=3)))
    project.apply()
    puts = [each for each in project.writes() if each["service"] == "storage"]
    assert len(puts) == 1
    body: Any = {
        "contentId": "c", "upload": {"url": "http://169.254.169.254/latest", "method": "PUT", "headers": {}},
    }  # fmt: skip
    project.media("launch.mp4")
    project.calendar(video("teaser", ahead(days=3)), video("more", ahead(days=4), media="media/launch.mp4"))
    project.box.fault("answer", path="/v1/content/upload", status=200, body=body, times=None)
    refused = project.apply(code=4)
    assert refused.outcomes() == {"spring/more@brand": "failed"}


@pytest.mark.parametrize("name", ["api_key", "key", "token", "url", "base_url", "Authorization"])
@pytest.mark.parametrize("where", ["top", "providers", "accounts"])
def test_a_project_file_holds_no_secret(project: Project, name: str, where: str) -> None:
    """A key or an address in calsync.yaml is an error that says where they come from, and is not repeated."""
    if where == "top":
        project.configure(**{name: NEEDLE})
    elif where == "providers":
        project.settings["providers"]["postqued"][name] = NEEDLE
        project.configure()
    else:
        project.settings["accounts"]["brand"][name] = NEEDLE
        project.configure()
    project.calendar(video("teaser", ahead(days=3)))
    for argv in (["validate", "--format", "json"], ["plan"]):
        result = project.run(*argv, code=3)
        assert NEEDLE not in result.out + result.err
    assert "environment" in result.err or "POSTQUED_API_KEY" in result.err
    assert project.box.requests() == []


def test_the_files_of_the_state_are_private(project: Project) -> None:
    """What calsync writes into .calsync can be read by its owner alone."""
    project.calendar(video("teaser", ahead(days=3)))
    project.apply()
    for path in (project.root / ".calsync").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
