"""Keys and addresses from outside: where they come from, and that they end up nowhere."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from outside import BRAND, Project, ahead, flow, video

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


CURIOUS = "pq_/Kx+7.Zq9=Wm4~Rt2&Lp8"
"""A key with letters that are spelled otherwise in addresses, in JSON and in HTML."""


def echoes(key: str) -> list[str]:
    """How a service may say a key back: as it is, spelled otherwise, and in part."""
    raw = key.encode()
    joined = [base64.b64encode(front + raw).decode() for front in (b"", b"Bearer ", b"x:", b"xy:")]
    return [
        key,
        key.upper(),
        quote(key, safe=""),
        quote(key, safe="").lower(),
        "".join(f"%{each:02X}" for each in raw),
        *joined,
        *(each.replace("+", "-").replace("/", "_") for each in joined),
        raw.hex(),
        f"{key[:12]}...",
        f"...{key[-10:]}",
        f"https://api.example/v2?api_key={key}",
    ]


def leaks(key: str, text: str) -> list[str]:
    """Every piece of the key, eight letters long, that a text holds in whatever spelling."""
    found = unquote(text).lower()
    pieces = {each.lower() for each in (key, key.encode().hex())}
    for front in range(3):
        encoded = base64.b64encode(b"\0" * front + key.encode()).decode().lower()[4:-4]
        pieces |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    return [
        each[start : start + 8]
        for each in pieces
        for start in range(len(each) - 7)
        if each[start : start + 8] in found
    ]


def test_no_echo_of_a_key_is_shown_or_kept(project: Project) -> None:
    """A service says the key back in errors, names, reasons and ids, spelled in seventeen ways: it is nowhere."""
    project.box.set_knobs(ping=200)
    project.calendar(video("teaser", ahead(days=3)))
    honest = project.env["POSTQUED_API_KEY"]
    rates = project.settings["providers"]
    project.configure(providers={**rates, "postqued": {**rates["postqued"], "workspace": "w1"}})
    project.env["POSTQUED_API_KEY"] = CURIOUS
    ran = []
    for number, echo in enumerate(echoes(CURIOUS)):
        error: Any = {"error": f"bad key {echo}", "code": echo, "details": {"field": echo}}
        if number % 2:
            error = {"success": False, "error": {"code": echo, "message": f"<{echo}>"}}
        project.box.fault(
            "answer", path="/v2/integrations", status=(401, 403, 404, 422)[number % 4], body=error
        )
        ran.append(project.run("plan", "-v", "--format", ("text", "json", "markdown")[number % 3], code=1))
    accounts: Any = {
        "accounts": [{"id": f"id-{CURIOUS}", "username": CURIOUS, "displayName": f"Bearer {CURIOUS}", "platform": "tiktok"}]
    }  # fmt: skip
    project.box.fault("answer", path="/v2/integrations", status=200, body=accounts, times=2)
    ran += [project.run("accounts", "-v"), project.run("plan", "-v", code=1)]
    project.box.fault(
        "answer", path="/v2/integrations", status=200, body=json.dumps(accounts).replace("q", "\\u0071")
    )
    ran.append(project.run("accounts", "--format", "json"))
    assert [str(each) for each in ran if not re.search(r"\[key\]|\?(…|\\u2026)", each.out + each.err)] == []
    project.configure(providers=rates)
    project.env["POSTQUED_API_KEY"] = honest
    project.apply("-v")
    [made] = project.posts()
    target = {
        "id": made["target_id"], "accountId": BRAND, "status": "failed", "failureReason": f"token {honest[:9]}... and {honest}"
    }  # fmt: skip
    body: Any = [{"id": made["id"], "targets": [target]}]
    project.box.fault("answer", method="GET", path="/v2/publish", status=200, body=body, times=None)
    ran += [
        project.run("status", "-v"),
        project.run("plan", "--out", "plan.json"),
        project.run("apply", "-y", "-v"),
    ]
    ran += [project.run("state", "show", "spring/teaser@brand")]
    for key in (CURIOUS, honest):
        for result in ran:
            assert leaks(key, result.out + result.err) == [], str(result)
        for file in project.files():
            if file.suffix != ".mp4":
                assert leaks(key, file.read_text()) == [], file


SIGNATURE = "X-Amz-Signature=f00dfeedf00dfeed&X-Amz-Credential=AKIAFOODFEED"


def test_a_presigned_address_is_a_secret(project: Project) -> None:
    """Whoever has its query may write there: it is in no output and no file, however the services repeat it."""
    project.box.set_knobs(ping=200)
    project.calendar(video("teaser", ahead(days=3)))
    secret = f"{project.box.url}/nowhere?{SIGNATURE}"
    upload: Any = {"contentId": "c", "key": "k", "upload": {"url": secret}}
    trouble: list[Any] = [
        f"request {secret} has expired",
        f"no {SIGNATURE}",
        {"error": f"no {secret}", "code": secret},
    ]
    ran = []
    for body in trouble:
        project.box.fault("answer", path="/v2/content/upload", status=200, body=upload, times=2)
        project.box.fault("answer", method="PUT", path="/nowhere", status=403, body=body, times=2)
        project.box.fault("answer", path="/v2/content/upload/complete", status=422, body=body)
        ran.append(project.run("apply", "-y", "-v", code=4))
    ran += [project.run("plan", "-v", "--out", "plan.json"), project.run("status", "-v")]
    for result in ran:
        assert "feed" not in (result.out + result.err).lower(), str(result)
    for file in project.files():
        assert b"feed" not in file.read_bytes().lower(), file


KEY_FILES: dict[str, tuple[bytes, str | None]] = {
    "a byte order mark": (b"\xef\xbb\xbfpq_sandbox\n", None),
    "blanks around": (b"\n  pq_sandbox \t\r\n", None),
    "nothing": (b"", "empty"),
    "blanks alone": (b" \n\n", "empty"),
    "two lines": (b"pq_sandbox\nneedle-4711\n", "cannot be a key"),
    "a space inside": (b"pq_sandbox needle-4711", "cannot be a key"),
    "a NUL inside": (b"pq_\0needle-4711", "cannot be a key"),
    "another encoding": ("pq_needle-4711".encode("utf-16"), "not text"),
    "an escape": (b"\x1b[31mneedle-4711", "cannot be a key"),
    "quotes copied along": ("\u201cneedle-4711\u201d".encode(), "cannot be a key"),
    "a megabyte": (b"needle-4711" * 100_000, "too large"),
}


@pytest.mark.parametrize("name", KEY_FILES)
def test_what_is_in_a_key_file_is_a_key_or_an_error(project: Project, tmp_path: Path, name: str) -> None:
    """Whatever it holds is used or refused with the variable's name, and never shown."""
    content, wrong = KEY_FILES[name]
    path = tmp_path / "key"
    path.write_bytes(content)
    project.calendar(video("teaser", ahead(days=3)))
    del project.env["POSTQUED_API_KEY"]
    result = project.run("plan", env={"POSTQUED_API_KEY_FILE": str(path)}, code=0 if wrong is None else 1)
    assert NEEDLE not in result.out + result.err
    if wrong is None:
        assert all(each["key_ok"] for each in project.box.requests())
    else:
        assert wrong in result.err, str(result)
        assert "POSTQUED_API_KEY_FILE" in result.err
        assert project.box.requests() == []


@pytest.mark.parametrize(
    "kind", ["a directory", "nothing", "not ours to read", "a device", "a link in circles"]
)
def test_a_key_file_that_is_none_is_an_error(project: Project, tmp_path: Path, kind: str) -> None:
    """It names the variable and what is wrong with the file."""
    path = tmp_path / "key"
    match kind:
        case "a directory":
            path.mkdir()
        case "a device":
            path = Path("/dev/zero")
        case "a link in circles":
            path.symlink_to(path)
        case "not ours to read":
            path.write_text("pq_needle-4711")
            path.chmod(0)
            if os.access(path, os.R_OK):
                pytest.skip("whoever runs this may read everything")
    project.calendar(video("teaser", ahead(days=3)))
    del project.env["POSTQUED_API_KEY"]
    result = project.run("plan", env={"POSTQUED_API_KEY_FILE": str(path)}, code=1)
    assert "POSTQUED_API_KEY_FILE" in result.err
    assert "bug" not in result.err


def test_a_pipe_may_hold_the_key_but_nobody_waits_for_it_for_ever(project: Project, tmp_path: Path) -> None:
    """A password manager may write it late and in pieces; one that begins and stops is an error."""
    path = tmp_path / "key"
    os.mkfifo(path)
    key = project.env.pop("POSTQUED_API_KEY").encode()
    project.calendar(video("teaser", ahead(days=3)))
    running = project.start("plan", env={"POSTQUED_API_KEY_FILE": str(path)})
    with path.open("wb", buffering=0) as pipe:
        pipe.write(key[:4])
        pipe.write(key[4:] + b"\n")
    assert project.end(running, "plan").code == 0
    running = project.start("plan", env={"POSTQUED_API_KEY_FILE": str(path)})
    with path.open("wb", buffering=0) as pipe:
        pipe.write(b"needle")
        stuck = project.end(running, "plan")
    assert stuck.code == 1
    assert "pipe" in stuck.err
    assert "needle" not in stuck.err


@pytest.mark.parametrize(
    "value",
    [
        "pq_a b-needle-4711",
        "pq_a\nneedle-4711",
        "pq_\tneedle-4711",
        "schl\u00fcssel-needle-4711",
        "\x7fneedle-4711",
    ],
)
def test_a_key_in_the_environment_that_is_none_is_refused_unshown(project: Project, value: str) -> None:
    """Blanks, line breaks and odd letters in it are an error that names the variable alone, at any verbosity."""
    project.calendar(video("teaser", ahead(days=3)))
    for argv in (["plan", "-v"], ["apply", "-y"], ["accounts", "--format", "json"]):
        result = project.run(*argv, env={"POSTQUED_API_KEY": value}, code=1)
        assert NEEDLE not in result.out + result.err
        assert "POSTQUED_API_KEY" in result.out + result.err
    assert not any(each["service"] == "postqued" for each in project.box.requests())


@pytest.mark.parametrize("mask", ["000", "077"])
def test_files_are_private_whatever_the_mask(project: Project, mask: str) -> None:
    """State, journal, backup, lock, cache and plan are their owner's alone, under a wide umask and a narrow one."""
    project.calendar(video("teaser", ahead(days=3)), flow("loop", ahead(days=4)))
    code = "import os, runpy, sys; os.umask(int(sys.argv.pop(1), 8)); runpy.run_module('calsync', run_name='__main__')"
    for argv in (
        ["plan", "--out", "plan.json"],
        ["apply", "plan.json", "-y"],
        ["plan", "--out", "plan.json"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, mask, *argv],
            cwd=project.root,
            env={**project.env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    written = [each for each in (project.root / ".calsync").rglob("*") if each.is_file()]
    assert {"state.json", "state.json.lock"} <= {each.name for each in written}
    for path in (*written, project.root / "plan.json"):
        assert path.stat().st_mode & 0o077 == 0, path
    for folder in (project.root / ".calsync").rglob("*"):
        if folder.is_dir():
            assert folder.stat().st_mode & 0o022 == 0, folder


def test_a_file_that_was_open_to_others_is_closed_to_them(project: Project) -> None:
    """State, backup, lock, journal and plan that somebody's tool left readable are private after the next apply."""
    project.calendar(video("teaser", ahead(days=3)))
    project.apply()
    project.run("plan", "--out", "plan.json")
    folder = project.root / ".calsync"
    for path in (*folder.iterdir(), project.root / "plan.json"):
        if path.is_file():
            path.chmod(0o666)
    project.calendar(video("teaser", ahead(days=4)), video("more", ahead(days=5), media={"id": "u"}))
    project.run("plan", "--out", "plan.json")
    project.run("apply", "-y")
    for path in (*folder.rglob("*"), project.root / "plan.json"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path


class TestKeysInCalendars:
    """A key file may lie where a calendar can name it."""

    @pytest.mark.parametrize("name", ["POSTQUED_API_KEY_FILE", "CALSYNC_GIT_TOKEN_FILE"])
    def test_a_caption_is_no_way_to_read_a_key(self, project: Project, name: str) -> None:
        """Neither named as a caption file nor quoted is it shown or sent, and the run ends before any request."""
        key = project.env.pop("POSTQUED_API_KEY")
        path = project.write("calendars/secrets/key.txt", f"{key}\n")
        project.env[name] = str(path)
        post = video("post", ahead(days=3))
        del post["caption"]
        project.calendar(post | {"caption_file": "secrets/key.txt"})
        for command in ("validate", "plan", "apply"):
            result = project.run(command, "--format", "json", *(["-y"] if command == "apply" else []), code=3)
            assert result.codes()["secret"] == "error"
            assert key not in result.out + result.err
        assert project.box.requests() == []

    def test_a_glob_is_no_way_to_read_a_key(self, project: Project) -> None:
        """What is wrong with a key file taken for a calendar is said without the key."""
        key = project.env.pop("POSTQUED_API_KEY")
        path = project.write("secrets/key.txt", f"{key}\n")
        project.env["POSTQUED_API_KEY_FILE"] = str(path)
        project.configure(calendars=["secrets/*"])
        result = project.run("validate", code=3)
        assert key not in result.out + result.err
        project.configure(unheard_of="of")
        for command in ("validate", "plan"):
            result = project.run(command, code=3)
            assert key not in result.out + result.err
