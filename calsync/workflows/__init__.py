"""CI workflows for `calsync init --ci`: the files beside this one, filled in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.resources import files

from calsync import __version__

PACKAGE = f"calsync=={__version__}"
"""This version, from the package index that the runners use."""

FORGES: Mapping[str, Mapping[str, str]] = {
    "github": {
        ".github/workflows/calsync-plan.yml": "github-plan.yml",
        ".github/workflows/calsync-comment.yml": "github-comment.yml",
        ".github/workflows/calsync-apply.yml": "github-apply.yml",
    },
    "gitlab": {".gitlab-ci.yml": "gitlab.yml"},
    "forgejo": {
        ".forgejo/workflows/calsync-plan.yml": "forgejo-plan.yml",
        ".forgejo/workflows/calsync-apply.yml": "forgejo-apply.yml",
    },
}
"""By forge: where a workflow goes, below the repository's top, and the file here that it is made from."""

NEXT: Mapping[str, str] = {
    "github": "add POSTQUED_API_KEY, TIKFLOW_API_KEY or POSTIZ_API_KEY to the repository's secrets (Settings, Secrets and variables,"
    " Actions)",
    "gitlab": "add POSTQUED_API_KEY, TIKFLOW_API_KEY or POSTIZ_API_KEY and CALSYNC_FORGE_TOKEN to the project's variables, and a"
    " nightly schedule; the first lines of .gitlab-ci.yml say how",
    "forgejo": "add POSTQUED_API_KEY, TIKFLOW_API_KEY or POSTIZ_API_KEY to the repository's secrets (Settings, Actions, Secrets)",
}
"""By forge: what a person has to do there."""


def workflows(forge: str, *, folder: str, branch: str, minute: int, package: str = PACKAGE) -> dict[str, str]:
    """The files of a forge, by their path below the repository's top.

    `folder`: where the project is below it, empty at the top itself; `branch`: the one that is applied; `minute`:
    when the nightly run starts, so that not everybody's starts at once; `package`: what pip installs.
    """
    command = "calsync" if not folder else f"calsync -C {shlex.quote(folder)}"
    filled = {
        "@CALSYNC@": command,
        "@PROJECT@": shlex.quote(f"{folder}/calsync.yaml" if folder else "calsync.yaml"),
        "@PACKAGE@": package,
        "@BRANCH@": branch.replace("\\", "\\\\").replace('"', '\\"'),
        "@CRON@": f"{minute % 60} 3 * * *",
    }
    made: dict[str, str] = {}
    for path, name in FORGES[forge].items():
        text = files(__name__).joinpath(name).read_text(encoding="utf-8")
        for mark, value in filled.items():
            text = text.replace(mark, value)
        made[path] = text
    return made
