"""`calsync apply` of many creates against the same requests from a bare httpx client, as many at once.

Posts name media that the service has, so that each create is one request. No rate limits: what is measured is what
calsync adds to the services' own time (reading, planning, writing the state down before and after each request).

Profile: python -m cProfile -s tottime -m calsync apply -y | head -60
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, Side, Took, interleaved, process

WORKERS = 4
"""As many requests at once as an apply has."""

_BARE = """\
import json, sys, uuid
from concurrent.futures import ThreadPoolExecutor
import httpx
url, key, path, workers = sys.argv[1:]
bodies = [json.dumps(each).encode() for each in json.load(open(path))]
with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"}) as client:
    def send(body):
        client.post("/v1/content/publish", content=body, headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()
    with ThreadPoolExecutor(int(workers)) as pool:
        list(pool.map(send, bodies))
"""


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """All of the command: start, calendars, plan, requests, state."""
    root, posts = ground.by_id(folder / "apply", plan.creates), folder / "bodies.json"
    ground.bodies(root, posts)
    command = [*ground.calsync(), "apply", "--yes", "--quiet"]
    with ground.sandbox() as services:
        env = ground.environment(folder, **services)
        url, key = services["CALSYNC_POSTQUED_URL"], services["POSTQUED_API_KEY"]
        bare = process([sys.executable, "-c", _BARE, url, key, str(posts), str(WORKERS)], env=env)
        taken = interleaved(
            {"ours": _anew(root, process(command, env=env, cwd=root)), "bare": bare}, plan.rounds
        )
    yield Row(
        name=f"`calsync apply` of {plan.creates:,} creates",
        against="bare httpx",
        by="wall",
        ours=taken["ours"],
        theirs=taken["bare"],
        most=1.3,
    )


def _anew(root: Path, apply: Side) -> Side:
    """Each time with no state, so that all has to be made, under new keys."""

    def run() -> Took:
        shutil.rmtree(root / ".calsync", ignore_errors=True)
        return apply()

    return run
