"""init, schema, sandbox, demo: what a newcomer meets first."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from calsync.cli.group import Common, common
from calsync.cli.printing import out, out_json
from calsync.environment import Environment
from calsync.errors import CalsyncError

if TYPE_CHECKING:
    from calsync.starter import Place


@click.command(help="Make a starter project: calsync.yaml, an empty state, a calendar and .gitignore.")
@click.argument("where", metavar="[DIR]", default=".")
@click.option(
    "--ci",
    "forge",
    type=click.Choice(["github", "gitlab", "forgejo"]),
    help="Write the workflows of a forge, too, also beside a project that is there.",
)
@common
@click.pass_context
def init(ctx: click.Context, where: str, forge: str | None) -> None:
    """Make a starter project."""
    from calsync.starter import start

    common = ctx.ensure_object(Common)
    directory = Path(common.directory or ".") / where
    for line in start(directory, None if forge is None else _place(common, directory, forge)):
        out(line)


def _place(common: Common, directory: Path, forge: str) -> Place:
    """Where the workflows go: the top of the repository around a directory, and its branch."""
    from calsync.git.calls import Git
    from calsync.git.repository import Repository
    from calsync.starter import Place

    around = next(each for each in (directory.absolute(), *directory.absolute().parents) if each.is_dir())
    repository = Repository.find(around, Git(Environment.read(common.environ).for_git()))
    if repository is None:
        return Place(forge=forge, top=directory, branch="main", package=_package())
    return Place(forge=forge, top=repository.top, branch=repository.branch() or "main", package=_package())


def _package() -> str | None:
    """What pip has to be told to install this calsync, where it was built from a commit.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = json.loads(distribution("calsync").read_text("direct_url.json") or "{}")
        commit = found["vcs_info"]["commit_id"]
    except (PackageNotFoundError, ValueError, TypeError, KeyError):
        return None
    url, vcs = str(found["url"]), str(found["vcs_info"].get("vcs"))
    plain = (
        url.startswith("https://")
        and re.fullmatch(r"[\w:/.~+-]+", url)
        and re.fullmatch("[0-9a-f]{40,64}", str(commit))
    )
    return f"calsync @ {vcs}+{url}@{commit}" if plain and vcs == "git" else None


@click.command(help="Print the JSON Schema of calendars (the default) or of the project file, for editors.")
@click.argument("which", type=click.Choice(["calendar", "project"]), default="calendar")
@common
def schema(which: str) -> None:
    """Print a JSON Schema."""
    from calsync.editors import json_schema

    out_json(json_schema("project" if which == "project" else "calendar"))


@click.command(help="Run a local server that speaks the services' APIs, until Ctrl-C.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option(
    "--postqued",
    "api",
    type=click.Choice(["v1", "v2"]),
    default="v1",
    help="The version that Postqued says it speaks  [default: v1]",
)
@click.option(
    "--postiz",
    type=click.Choice(["2.23.0", "HEAD"]),
    default="2.23.0",
    help="The version of Postiz that it speaks  [default: 2.23.0]",
)
@click.option("--data", metavar="DIR", help="Keep its data here  [default: nowhere]")
@common
def sandbox(port: int, api: str, postiz: str, data: str | None) -> None:
    """Run a local server that speaks the services' APIs."""
    try:
        from calsync.sandbox import serve
    except ImportError as error:
        raise without_sandbox() from error
    try:
        serve(
            port,
            None if data is None else Path(data),
            out,
            ping=200 if api == "v2" else 404,
            postiz="HEAD" if postiz == "HEAD" else "2.23.0",
        )
    except OSError as error:
        raise CalsyncError(f"the sandbox cannot start: {error}", code="sandbox") from error


def without_sandbox() -> CalsyncError:
    """The error where the extra is not installed."""
    return CalsyncError(
        "the sandbox needs packages that are not installed",
        hint="install calsync with its extra: pipx install --force '.[sandbox]' in the checkout",
        code="sandbox",
    )


@click.command(help="Plan and apply the example calendars against a private sandbox.")
@common
@click.pass_context
def demo(ctx: click.Context) -> int:
    """Show the main job, step by step, in a temporary directory."""
    try:
        from calsync.cli.demo import show
    except ImportError as error:
        raise without_sandbox() from error
    return show(ctx)
