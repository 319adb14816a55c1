"""calsync seen from outside: a project in a directory, its runs as processes, a sandbox as the services.

Laws that hold for every run are checked here after every run: no traceback, an exit code of the contract, no key
in what was printed, one JSON document and nothing else on stdout where one was asked for, and no write at any
service by a command that only looks.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from warm import Cold, Running, Warm

from calsync.sandbox import PostEntry, RequestEntry, Sandbox, seeds

EXAMPLES = Path(__file__).parents[1] / "examples" / "calendars" / "calendars" / "media"
CODES = (0, 1, 2, 3, 4, 5, 6, 64, 130)
BRAND, SECOND = "660e8400-e29b-41d4-a716-446655440001", "660e8400-e29b-41d4-a716-446655440002"
FLOW, OTHER_FLOW = "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174001"
UPLOADS = tuple(f"550e8400-e29b-41d4-a716-{446655440000 + number}" for number in range(10))
_BEGAN = datetime.now(UTC)
LOOKS = ("plan", "validate", "status", "accounts", "state", "schema")


def ahead(**span: float) -> str:
    """A time so far from now, to the minute, as a calendar spells it.

    Twice the same in one test, also where a minute ends between; only spans of minutes are counted from the moment.
    """
    start = datetime.now(UTC) if set(span) == {"minutes"} else _BEGAN
    return (start + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:00Z")


def moment(text: str) -> datetime:
    """The time that `ahead` spelled."""
    return datetime.fromisoformat(text)


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@dataclass
class Result:
    """What a run came to."""

    argv: Sequence[str]
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def actions(self) -> dict[str, str]:
        """Action by address."""
        return {each["address"]: each["action"] for each in self.json["actions"]}

    def action(self, address: str) -> dict[str, Any]:
        """The one action of an address."""
        [found] = [each for each in self.json["actions"] if each["address"] == address]
        assert isinstance(found, dict)
        return found

    def outcomes(self) -> dict[str, str]:
        """Outcome by address."""
        return {each["address"]: each["outcome"] for each in self.json["actions"]}

    def codes(self) -> dict[str, str]:
        """Severity by code of the diagnostics."""
        return {each["code"]: each["severity"] for each in self.json["diagnostics"]}

    def __str__(self) -> str:
        return f"calsync {' '.join(self.argv)} -> {self.code}\n{self.out}\n{self.err}"


@dataclass
class Project:
    """A project directory, and the services that its runs speak to."""

    root: Path
    box: Sandbox
    warm: Warm
    env: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=lambda: {"privacy_level": "SELF_ONLY"})
    """What the posts of a calendar say that says no defaults."""

    def __post_init__(self) -> None:
        # Nobody else waits for the sandbox, so nothing is gained by leaving it time.
        waits = {"CALSYNC_RETRY_WAIT": "0.02"}
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(self.root), **waits, **self.box.environment}
        self.settings = {
            "version": "1",
            "accounts": {
                "brand": {"provider": "postqued", "username": "@brand"},
                "second": {"provider": "postqued", "id": SECOND},
                "flow": {"provider": "tikflow", "id": FLOW},
            },
            "providers": {
                "postqued": {
                    "rate_limits": {"upload": "6000", "read": "6000", "publish": "6000", "delete": "6000"}
                },
                "tikflow": {"rate_limits": {"all": "6000"}},
            },
        }
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Write calsync.yaml, changed by what is given; None takes a key away."""
        for name, value in changes.items():
            if value is None:
                self.settings.pop(name, None)
            else:
                self.settings[name] = value
        self.write("calsync.yaml", yaml.safe_dump(self.settings, sort_keys=False))

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def media(self, *names: str) -> None:
        """Copy example media beside the calendars."""
        for name in names or ("teaser.mp4",):
            target = self.root / "calendars" / "media" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(EXAMPLES / name, target)

    def calendar(self, *posts: Mapping[str, Any], name: str = "spring", **top: Any) -> None:
        """Write a calendar; its posts get what is required unless they say it themselves."""
        if "defaults" not in top:
            top["defaults"] = {"options": dict(self.options)}
        written = {**top, "posts": [dict(each) for each in posts]}
        self.write(f"calendars/{name}.yaml", yaml.safe_dump(written, sort_keys=False, allow_unicode=True))

    def start(
        self,
        *argv: str,
        cold: bool = False,
        env: Mapping[str, str] | None = None,
        terminal: int | None = None,
    ) -> Running:
        """Start a run; `env` is added to the project's own."""
        runner: Warm | Cold = Cold() if cold else self.warm
        return runner.start(argv, {**self.env, **(env or {})}, self.root, terminal=terminal)

    def end(self, running: Running, *argv: str, seconds: float = 60) -> Result:
        """Wait for a run, and hold it to the laws of every run."""
        code, out, err = running.wait(seconds)
        result = Result(argv, code, out, err)
        assert "Traceback" not in out + err, str(result)
        assert code in CODES, str(result)
        # A CI runner is told what to hide, and only there a key is spelled.
        said = "".join(line for line in (out + err).splitlines(True) if not line.startswith("::add-mask::"))
        for name, value in self.env.items():
            if name.endswith("_API_KEY"):
                assert value not in said, str(result)
        if "--format=json" in argv or ("--format", "json") in itertools.pairwise(argv):
            assert isinstance(json.loads(out), dict), str(result)
        return result

    def run(
        self, *argv: str, cold: bool = False, env: Mapping[str, str] | None = None, code: int | None = None
    ) -> Result:
        """Run to the end; `code`: the exit code that it has to have."""
        before = len(self.writes())
        result = self.end(self.start(*argv, cold=cold, env=env), *argv)
        if any(word in argv for word in LOOKS) and "apply" not in argv:
            assert self.writes()[before:] == [], str(result)
        assert code is None or result.code == code, str(result)
        return result

    def plan(self, *argv: str, code: int = 0) -> Result:
        """The plan as JSON."""
        return self.run("plan", "--format", "json", *argv, code=code)

    def apply(self, *argv: str, code: int = 0, env: Mapping[str, str] | None = None) -> Result:
        """Apply without asking; the outcome as JSON."""
        return self.run("apply", "-y", "--format", "json", *argv, code=code, env=env)

    def writes(self) -> list[RequestEntry]:
        """Every request so far that could change anything."""
        return [each for each in self.box.requests() if each["write"]]

    def wrote(self) -> list[str]:
        """The writes so far in words, without the presigned ones' ids."""
        return [f"{each['method']} {each['path'].split('/content/usr')[0]}" for each in self.writes()]

    def posts(self, status: str | None = None) -> list[PostEntry]:
        """The truth about the posts at the services."""
        return [each for each in self.box.posts() if status in (None, each["status"])]

    def state(self) -> dict[str, Any]:
        """The state file."""
        document: dict[str, Any] = json.loads((self.root / ".calsync/state.json").read_text())
        return document

    def files(self) -> Iterator[Path]:
        """Every file of the project."""
        return (each for each in sorted(self.root.rglob("*")) if each.is_file())


def video(post_id: str, at: str, **more: Any) -> dict[str, Any]:
    """A video on Postqued."""
    return {
        "id": post_id,
        "at": at,
        "accounts": ["brand"],
        "media": "media/teaser.mp4",
        "caption": f"The {post_id}",
    } | more


def flow(post_id: str, at: str, upload: int = 0, **more: Any) -> dict[str, Any]:
    """An upload that TikFlow has, scheduled."""
    return {"id": post_id, "at": at, "accounts": ["flow"], "media": {"id": UPLOADS[upload]}} | more


def rehearse(warm: Warm, folder: Path) -> None:
    """Let the process that forks look at, apply and change a project of each service once."""
    for name, entry in (("v1", flow), ("v2", video), ("postiz", video)):
        with Sandbox(rate_limits=False, ping=200 if name == "v2" else 404) as box:
            root = folder / name
            root.mkdir()
            project = Project(root, box, warm)
            if name == "postiz":
                project.options = {}
                mastodon = next(each.id for each in seeds.POSTIZ_CHANNELS if each.network == "mastodon")
                account = {
                    "provider": "postiz",
                    "platform": "mastodon",
                    "id": mastodon,
                }
                project.configure(accounts={"brand": account}, providers=None)
            project.media("teaser.mp4", "look-1.jpg")
            look = video("look", ahead(days=4), media=["media/look-1.jpg"])
            for day in (3, 5):
                project.calendar(entry("one", ahead(days=day)), video("two", ahead(days=3)), look)
                for argv in ("validate", "plan", "plan --format json", "apply -y --format json", "status"):
                    assert warm.rehearse(argv.split(), project.env, root) == 0, argv
            for argv in ("plan --format markdown", "apply -y", "accounts", "state list", "state check"):
                assert warm.rehearse(argv.split(), project.env, root) == 0, argv
    assert warm.rehearse(["bogus"], {}, folder) == 64
