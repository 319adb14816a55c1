"""A service from another distribution works like one that is built in: built into a wheel, installed, and used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Key
from plug_in.calsync_notebook import Notebook

from calsync.model import AccountKey, RemoteId
from calsync.providers.base import Link, Scope, ServiceSettings
from calsync.testing import Bench, ProviderContract
from calsync.transport import Transport

HERE = Path(__file__).parent
MEDIA = HERE.parent / "examples" / "calendars" / "calendars" / "media" / "teaser.mp4"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


# Its author's tests: the contract suite, with nothing of calsync's own tests


class Desk(Bench):
    """A notebook on a desk, its clock, and a pencil."""

    def __init__(self, path: Path, transport: Transport) -> None:
        self.time = NOW
        settings = ServiceSettings(service="notebook")
        self.notebook = Notebook(Link(settings=settings, transport=transport, now=self.clock), path)
        self.provider = self.notebook

    def scope(self, number: int = 0) -> Scope:
        return Scope(AccountKey("notebook", ("first", "second")[number]))

    def clock(self) -> datetime:
        return self.time

    def advance(self, span: timedelta) -> None:
        self.time += span

    def stop(self, remote_id: RemoteId) -> None:
        self.notebook.stop(remote_id)

    def delete(self, remote_id: RemoteId) -> None:
        self.notebook.tear_out(remote_id)


class TestNotebook(ProviderContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        with Transport("http://localhost", Key(), service="notebook") as transport:
            yield Desk(tmp_path / "notebook.json", transport)


# The distribution, installed


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the distribution was installed."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "calsync_notebook.py"):
        shutil.copy(HERE / "plug_in" / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


class Desktop:
    """A project on the notebook, run in processes that find what was installed."""

    def __init__(self, root: Path, installed: Path) -> None:
        self.root = root
        path = os.pathsep.join([str(installed), str(HERE.parent)])
        self.env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "NOTEBOOK": str(root / "notebook.json")}
        (root / "calendars/media").mkdir(parents=True)
        shutil.copy(MEDIA, root / "calendars/media/teaser.mp4")
        (root / "calsync.yaml").write_text(
            'version: 1\naccounts:\n  desk: {provider: notebook, username: "@second"}\n'
        )

    def run(self, *argv: str, code: int = 0) -> Any:
        command = [sys.executable, "-m", "calsync", *argv, "--format", "json"]
        done = subprocess.run(
            command, cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def calendar(self, **captions: str) -> None:
        at = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%d")
        posts = [
            {
                "id": name,
                "at": f"{at}T{10 + number}:00:00Z",
                "media": "media/teaser.mp4",
                "caption": caption,
                "options": {"privacy_level": "SELF_ONLY"},
            }
            for number, (name, caption) in enumerate(captions.items())
        ]
        defaults: dict[str, Any] = {"accounts": ["desk"]}
        document = {"defaults": defaults, "posts": posts}
        (self.root / "calendars/spring.yaml").write_text(json.dumps(document))

    def actions(self) -> dict[str, str]:
        return {each["address"]: each["action"] for each in self.run("plan")["actions"]}


def test_a_plug_in_is_used_like_any_service(tmp_path: Path, installed: Path) -> None:
    """Its accounts are listed, posts are made, left, changed and cancelled, and nothing says that it is a guest."""
    desk = Desktop(tmp_path, installed)
    accounts = desk.run("accounts")["accounts"]
    assert [(each["id"], each["alias"]) for each in accounts] == [("first", None), ("second", "desk")]
    desk.calendar(one="One", two="Two", three="Three")
    done = desk.run("apply", "-y")
    assert {each["outcome"] for each in done["actions"]} == {"done"}
    assert desk.actions() == {}
    desk.calendar(one="One", two="Other")
    assert desk.actions() == {"spring/three@desk": "cancel", "spring/two@desk": "replace"}
    desk.run("apply", "-y")
    pages = json.loads((tmp_path / "notebook.json").read_text()).values()
    assert {each["content"]["caption"]: each["stopped"] for each in pages} == {
        "One": False,
        "Two": True,
        "Three": True,
        "Other": False,
    }
    assert len(pages) == 4
    statuses = {each["address"]: each["status"] for each in desk.run("status")["posts"]}
    assert statuses == {"spring/one@desk": "scheduled", "spring/two@desk": "scheduled"}
    assert desk.actions() == {}


def test_without_the_distribution_the_service_is_unknown(tmp_path: Path) -> None:
    """And the error says which there are."""
    desk = Desktop(tmp_path, tmp_path)
    desk.calendar(one="One")
    error = desk.run("plan", code=1)["error"]
    assert error["code"] == "unknown-service"
    assert "postqued" in error["message"]
