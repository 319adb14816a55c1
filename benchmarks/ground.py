"""Projects to measure with: calendars of so many posts, their media, and the state that an apply would leave."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "calendars" / "calendars" / "media" / "teaser.mp4"
PER_FILE = 100
PER_MEDIA = 10
ACCOUNT = "660e8400-e29b-41d4-a716-446655440001"
"""The sandbox's first account at Postqued."""
CONTENT = "550e8400-e29b-41d4-a716-446655440000"
"""The first video in its library there."""
LINEAGE = "5b1e0c6a-1c4d-4f2a-9c37-0a4c0e9d7b11"

RATES = "{upload: 60000, read: 60000, publish: 60000, delete: 60000}"
_PROJECT = """\
version: 1
project: {lineage}
timezone: Europe/Berlin
calendars: [calendars/*.yaml]
accounts:
  brand: {{provider: postqued, id: {account}}}
providers:
  postqued: {{api: {api}, rate_limits: {rates}}}
"""
_HEAD = """\
timezone: Europe/Berlin
defaults:
  accounts: [brand]
  options: {privacy_level: PUBLIC_TO_EVERYONE, disable_duet: true}
posts:
"""
_POST = """\
  - id: post-{number:06}
    at: {at}
    media: ../media/clip-{media:05}.mp4
    caption: |
      Number {number} of our series{changed}: what happens behind the scenes when nobody looks, and why that is so.
      Told by those who were there, in three parts and with a surprise at its end.

      #series #backstage #number{number}
    options:
      disable_comment: {comment}
      brand_organic_toggle: true
      video_cover_timestamp_ms: 500
"""


def calsync() -> list[str]:
    """The command as uv and today's pip install it; the script that older pips write imports `re` besides."""
    return [sys.executable, "-c", "import sys; from calsync.__main__ import main; sys.exit(main())"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a run sees of the outside: this checkout's calsync, nobody's settings."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def project(root: Path, posts: int, *, api: str = "v1", changed: int = 0, size: int | None = None) -> Path:
    """A project of so many posts, a hundred a file and ten a video, the captions of the first `changed` edited."""
    root.mkdir(parents=True, exist_ok=True)
    text = _PROJECT.format(lineage=LINEAGE, account=ACCOUNT, api=api, rates=RATES)
    (root / "calsync.yaml").write_text(text)
    (root / "calendars").mkdir(exist_ok=True)
    (root / "media").mkdir(exist_ok=True)
    for number in range((posts + PER_MEDIA - 1) // PER_MEDIA):
        media = root / "media" / f"clip-{number:05}.mp4"
        if not media.exists():
            _clip(media, number, size)
    for first in range(0, posts, PER_FILE):
        lines = [_HEAD, *(_post(number, changed) for number in range(first, min(first + PER_FILE, posts)))]
        (root / "calendars" / f"week-{first // PER_FILE:04}.yaml").write_text("".join(lines))
    return root


def _post(number: int, changed: int) -> str:
    # Twenty a day, an hour apart, none in the hour that a clock change skips.
    day = date(2031, 1, 6) + timedelta(days=number // 20)
    return _POST.format(
        number=number,
        at=f"{day} {4 + number % 20:02}:00",
        media=number // PER_MEDIA,
        comment="true" if number % 3 else "false",
        changed=", told anew" if number < changed else "",
    )


def _clip(path: Path, number: int, size: int | None) -> None:
    """A video of its own content: the example with a box of padding behind it, up to so many bytes, at rest since."""
    head = EXAMPLE.read_bytes()
    left = max((size or 0) - len(head), 64)
    with path.open("wb") as file:
        file.write(head + left.to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
        file.truncate(len(head) + left)
    # What was written a moment ago is not remembered by the cache, and would be read at every run.
    os.utime(path, (1_700_000_000, 1_700_000_000))


@contextmanager
def sandbox(*, latency: float = 0.0) -> Iterator[dict[str, str]]:
    """The sandbox in a process of its own, without rate limits; the variables that point calsync at it.

    `latency`: so many seconds pass before each answer.
    """
    script = (
        "import json, sys\n"
        "from calsync.sandbox import Sandbox\n"
        "with Sandbox(rate_limits=False) as box:\n"
        "    if float(sys.argv[1]):\n"
        "        box.fault('delay', times=None, seconds=float(sys.argv[1]))\n"
        "    print(json.dumps(dict(box.environment)), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", script, str(latency)]
    process = subprocess.Popen(
        argv, env=environment(Path.home()), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def settle(root: Path) -> None:
    """Write the state that an apply of the whole project at Postqued v1 would leave, unless it is there.

    In a process of its own: what this one holds counts as the memory of those that it starts.
    """
    if (root / ".calsync" / "state.json").exists():
        return
    argv = [sys.executable, "-m", "benchmarks.ground", "state", str(root)]
    subprocess.run(argv, env=environment(root), check=True)


def _state(root: Path) -> None:
    from calsync.books import Books
    from calsync.desired import load
    from calsync.model import AccountKey, Record, RemoteId
    from calsync.settings import load_settings

    books = Books(LINEAGE, 1)
    for number, entry in enumerate(load(load_settings(root / "calsync.yaml")).entries):
        books.posts.items[entry.address] = Record(
            address=entry.address,
            account=AccountKey("postqued", ACCOUNT),
            remote_id=RemoteId(str(UUID(int=number + 1)), str(UUID(int=(1 << 64) + number))),
            content=entry.content,
            api="v1",
            assets=(str(UUID(int=(1 << 65) + number // PER_MEDIA)),),
        )
    folder = root / ".calsync"
    folder.mkdir(exist_ok=True)
    (folder / "state.json").write_bytes(books.dump())


def copied(root: Path, to: Path) -> None:
    """The same project elsewhere, its media the same files."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root, to, ignore=shutil.ignore_patterns("media", "cache"))
    (to / "media").mkdir()
    for each in (root / "media").iterdir():
        (to / "media" / each.name).hardlink_to(each)
    # A link changes a file's ctime, and what changed a moment ago is not remembered by the cache.
    time.sleep(2.5)


def forget(root: Path, first: int) -> None:
    """Take the first records out of the state, as if their posts had never been made."""
    path = root / ".calsync" / "state.json"
    state = json.loads(path.read_text())
    for address in sorted(state["posts"])[:first]:
        del state["posts"][address]
    path.write_text(json.dumps(state))


def expect(root: Path, env: dict[str, str], summary: dict[str, int]) -> None:
    """Make sure that what is measured is what it is said to be; the first look also fills the cache of media."""
    argv = [*calsync(), "plan", "--format", "json"]
    ran = subprocess.run(argv, env=env, cwd=root, capture_output=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"plan ended with {ran.returncode}:\n{ran.stderr.decode()[-2000:]}")
    found = {name: number for name, number in json.loads(ran.stdout)["summary"].items() if number}
    if found != {name: number for name, number in summary.items() if number}:
        sys.exit(f"the plan to be measured says {found}, not {summary}")


def by_id(root: Path, posts: int) -> Path:
    """A project whose posts name media that the sandbox has; its state begins with its first apply."""
    root.mkdir(parents=True, exist_ok=True)
    text = _PROJECT.format(lineage=LINEAGE, account=ACCOUNT, api="v1", rates=RATES)
    (root / "calsync.yaml").write_text(text.replace(f"project: {LINEAGE}\n", ""))
    (root / "calendars").mkdir(exist_ok=True)
    for first in range(0, posts, PER_FILE):
        lines = [_HEAD, *(_post(number, 0) for number in range(first, min(first + PER_FILE, posts)))]
        name = f"media: {{id: {CONTENT}}}"
        written = re.sub(r"media: \.\./media/clip-\d+\.mp4", name, "".join(lines))
        (root / "calendars" / f"week-{first // PER_FILE:04}.yaml").write_text(written)
    return root


def bodies(root: Path, path: Path) -> None:
    """Write what an apply of a project of `by_id` asks Postqued v1 for, post by post, as JSON."""
    argv = [sys.executable, "-m", "benchmarks.ground", "bodies", str(root)]
    path.write_bytes(subprocess.run(argv, env=environment(root), check=True, capture_output=True).stdout)


def _bodies(root: Path) -> list[dict[str, object]]:
    from calsync.desired import load
    from calsync.settings import load_settings

    return [
        {
            "contentIds": [CONTENT],
            "targets": [
                {
                    "platform": "tiktok",
                    "accountId": ACCOUNT,
                    "intent": "publish",
                    "caption": entry.content.caption,
                    "dispatchAt": f"{entry.content.at:%Y-%m-%dT%H:%M:%SZ}",
                    "options": {camel(name): value for name, value in entry.content.options.items()},
                }
            ],
        }
        for entry in load(load_settings(root / "calsync.yaml")).entries
    ]


def camel(name: str) -> str:
    """`privacyLevel` for `privacy_level`."""
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))


if __name__ == "__main__":
    if sys.argv[1] == "state":
        _state(Path(sys.argv[2]))
    else:
        json.dump(_bodies(Path(sys.argv[2])), sys.stdout)
