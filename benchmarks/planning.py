"""`calsync plan` with its media known, against octoDNS planning as many records, and against itself.

octoDNS compares a zone in YAML with the same zone in YAML; calsync compares calendars in YAML with the state and asks
Postqued v1, in the sandbox, what it shows, which is next to nothing for posts that are years away.

Profile: python -m cProfile -s tottime -m calsync plan | head -60
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import ground
from benchmarks.measure import Plan, Row, Side, interleaved, process

CHANGES = 100
MOST_MEBIBYTES = 150

_OCTODNS = """\
manager: {max_workers: 1, enable_checksum: false}
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: %(here)s/config, default_ttl: 300, enforce_order: false}
  target: {class: octodns.provider.yaml.YamlProvider, directory: %(here)s/target, default_ttl: 300, enforce_order: false}
zones:
  example.com.: {sources: [config], targets: [target]}
"""


def rows(plan: Plan, folder: Path) -> Iterator[Row]:
    """Nothing to do, a hundred changes, and octoDNS."""
    changes = min(CHANGES, plan.posts)
    root = ground.project(folder / f"posts-{plan.posts}", plan.posts)
    edited = folder / f"edited-{plan.posts}"
    with ground.sandbox() as services:
        env = ground.environment(folder, **services)
        ground.settle(root)
        # The same, but that the first hundred have still to be made.
        ground.copied(root, edited)
        ground.forget(edited, changes)
        command = [*ground.calsync(), "plan", "--quiet"]
        ground.expect(root, env, {"unchanged": plan.posts})
        ground.expect(edited, env, {"unchanged": plan.posts - changes, "create": changes})
        sides: dict[str, Side] = {
            "same": process(command, env=env, cwd=root),
            "edited": process(command, env=env, cwd=edited),
        }
        if plan.peers:
            sides["octodns"] = _octodns(folder / "octodns", plan.posts)
        taken = interleaved(sides, plan.rounds)
    what = f"`calsync plan`, nothing to do, {plan.posts:,} posts"
    if plan.peers:
        yield Row(
            name=what,
            against="octoDNS, as many records",
            by="cpu",
            ours=taken["same"],
            theirs=taken["octodns"],
            least=5,
        )
    yield Row(
        name=f"the same with {changes} changes",
        against="without",
        by="cpu",
        ours=taken["edited"],
        theirs=taken["same"],
        most=1.15,
    )
    yield Row(
        name="peak memory of that plan",
        against="",
        by="mebibytes",
        unit="MiB",
        most=MOST_MEBIBYTES,
        values=[each.mebibytes for each in taken["same"]],
    )


def _octodns(here: Path, records: int) -> Side:
    """octoDNS with a zone that is the same on both sides."""
    zone = "---\n" + "".join(
        f"host-{number:06}:\n  type: A\n  ttl: 300\n  value: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\n"
        for number in range(records)
    )
    for side in ("config", "target"):
        (here / side).mkdir(parents=True, exist_ok=True)
        (here / side / "example.com.yaml").write_text(zone)
    (here / "octodns.yaml").write_text(_OCTODNS % {"here": here})
    script = "from octodns.cmds.sync import main; main()"
    argv = [sys.executable, "-c", script, "--config-file", str(here / "octodns.yaml"), "--force"]
    return process(argv, env=ground.environment(here))
