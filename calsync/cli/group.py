"""The group: its commands are imported when they are used; its options work before and after the command."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from calsync.errors import CalsyncError, Exit, Interrupted
from calsync.interrupts import Ears

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from calsync.transport import Transport

F = TypeVar("F", bound=Callable[..., Any])

_COMMANDS = {
    "validate": "calsync.cli.look:validate",
    "plan": "calsync.cli.look:plan",
    "apply": "calsync.cli.act:apply",
    "status": "calsync.cli.look:status",
    "accounts": "calsync.cli.look:accounts",
    "ci": "calsync.cli.ci:ci",
    "state": "calsync.cli.state:state",
    "media": "calsync.cli.media:media",
    "schema": "calsync.cli.start:schema",
    "sandbox": "calsync.cli.start:sandbox",
    "demo": "calsync.cli.start:demo",
    "init": "calsync.cli.start:init",
}
_HELP = {
    "validate": "Check calendars and media, offline.",
    "plan": "Show what apply would do.",
    "apply": "Make the services agree with the calendars.",
    "status": "Say of every managed post when, where and how it went.",
    "accounts": "List the accounts that each configured service has.",
    "ci": "Plan and apply in CI, told to the forge where calendars are reviewed.",
    "state": "Look at the recorded state, and mend it.",
    "media": "Keep what is known of the media beside the calendars.",
    "schema": "Print the JSON Schema of calendars or of the project file, for editors.",
    "sandbox": "Run a local server that speaks the services' APIs.",
    "demo": "Plan and apply the example calendars against a private sandbox.",
    "init": "Make a starter project.",
}


@dataclass
class Common:
    """What every command shares: options, as far as they have been given, and the world around them.

    `now`: a clock other than the real one; the demo and its sandbox have their own time and environment.
    `transport`: makes the way to a service as `Transport` does, with another patience than the usual one.
    """

    directory: str | None = None
    config: str | None = None
    no_color: bool = False
    verbose: bool = False
    quiet: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] | None = None
    transport: Callable[..., Transport] | None = None


def _note(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            setattr(ctx.ensure_object(Common), name, value)

    return callback


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from calsync import __version__

        click.echo(f"calsync {__version__}")
        ctx.exit()


def common(command: F) -> F:
    """Add the shared options to a command."""
    for option in reversed(
        (
            click.option(
                "-C",
                "directory",
                metavar="DIR",
                expose_value=False,
                callback=_note("directory"),
                help="Look for the project from here.",
            ),
            click.option(
                "--config",
                metavar="FILE",
                expose_value=False,
                callback=_note("config"),
                help="The project file [default: $CALSYNC_CONFIG, else the nearest calsync.yaml upwards].",
            ),
            click.option(
                "--no-color",
                is_flag=True,
                expose_value=False,
                callback=_note("no_color"),
                help="No colours.",
            ),
            click.option(
                "-v",
                "--verbose",
                is_flag=True,
                expose_value=False,
                callback=_note("verbose"),
                help="Say more.",
            ),
            click.option(
                "-q",
                "--quiet",
                is_flag=True,
                expose_value=False,
                callback=_note("quiet"),
                help="No progress on stderr.",
            ),
            click.option(
                "--version",
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_version,
                help="Show the version and exit.",
            ),
        )
    ):
        command = option(command)
    return command


class Lazy(click.Group):
    """A group that knows its commands by name and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order of the contract."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command itself, imported now."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_HELP.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without importing any; then options, as click does."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=words) for name, words in _HELP.items() if name.startswith(incomplete)
        ]
        return [*names, *super(click.Group, self).shell_complete(ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a mistyped command."""
        import difflib

        if args and args[0] not in _COMMANDS:
            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(
    cls=Lazy,
    name="calsync",
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@common
def calsync() -> None:
    """Content calendars in git, planned and applied."""


def run(arguments: Sequence[str], ears: Ears | None = None, world: Common | None = None) -> int:
    """Run one command line, in a world other than the real one; returns the contract's exit code, whatever happens."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = calsync.main(args=list(arguments), prog_name="calsync", standalone_mode=False, obj=world)
        sys.stdout.flush()
        return code if isinstance(code, int) else Exit.DONE
    except click.UsageError as error:
        hint = f"{error.ctx.command_path} --help" if error.ctx is not None else "calsync --help"
        return _report(arguments, CalsyncError(error.format_message(), hint=hint, code="usage"), Exit.USAGE)
    except click.ClickException as error:
        return _report(arguments, CalsyncError(error.format_message(), code="usage"), Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _report(arguments, _interrupted(), Exit.INTERRUPTED)
    except CalsyncError as error:
        return _report(arguments, error, error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.ERROR
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is reported as one, never as a traceback
        if ears is not None and ears.heard:
            return _report(arguments, _interrupted(), Exit.INTERRUPTED)
        return _report(arguments, _bug(error), Exit.ERROR)


def _interrupted() -> Interrupted:
    return Interrupted("interrupted; nothing was changed")


def _bug(error: Exception) -> CalsyncError:
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119 - a name, no file
    return CalsyncError(
        f"this is a bug in calsync: {type(error).__name__} at {where}",
        hint="please report it with the command that you typed",
        code="bug",
    )


def _report(arguments: Sequence[str], error: CalsyncError, code: int) -> int:
    from calsync.cli.printing import show_error

    show_error(error, code, as_json=_wants_json(arguments), no_color="--no-color" in arguments)
    return code


def _wants_json(arguments: Sequence[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in itertools.pairwise(arguments)
