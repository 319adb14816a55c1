"""media ...: what calsync knows of the media. It writes nothing to a service and reads none."""

from __future__ import annotations

import click

from calsync.cli.group import common
from calsync.cli.printing import err, out
from calsync.cli.setup import session
from calsync.errors import CalendarError, CalsyncError, Exit


class OutOfDate(CalsyncError):
    """media.lock is not what the calendars and their media make of it; the author's to fix."""

    code = "media-lock"
    exit_code = Exit.INVALID


@click.group(help="Keep what is known of the media beside the calendars.", no_args_is_help=False)
@common
def media() -> None:
    """Keep what is known of the media beside the calendars."""


@media.command(
    "probe", help="Write media.lock: what there is in the media, for checks where only pointers are."
)
@click.option("--check", is_flag=True, help="Write nothing; exit 3 when media.lock is out of date.")
@common
@click.pass_context
def probe(ctx: click.Context, check: bool) -> None:
    """Write media.lock, or only say whether it is out of date."""
    from calsync.media import LOCK_FILE, lock_text, pull_command, read_lock, write_lock
    from calsync.render.facts import number

    project = session(ctx).project
    root = project.settings.root
    loaded = project.load()
    if not loaded.valid:
        raise CalendarError(loaded.diagnostics)
    files = {each.path: each for entry in loaded.entries for each in entry.files}
    before, now = read_lock(root)[0], lock_text(root)
    after = before.renewed(files.values())
    wanted = after.to_text()
    missing = [each.path for each in files.values() if each.pointer and after.get(each) is None]
    added = [oid for oid, facts in after.facts.items() if before.facts.get(oid) != facts]
    dropped = [oid for oid in before.facts if oid not in after.facts]
    changes = f"{len(added)} to add, {len(dropped)} to drop"
    fetch = pull_command(root, missing) if missing else None
    stale = now != wanted and (now is not None or bool(after.facts))
    if check:
        if stale:
            raise OutOfDate(f"{LOCK_FILE} is out of date: {changes}", hint="calsync media probe")
        if missing:
            raise OutOfDate(
                f"{LOCK_FILE} says nothing of {number(len(missing), 'file')} that {'is' if len(missing) == 1 else 'are'}"
                " only Git LFS pointers here",
                hint=f"{fetch}, then calsync media probe",
            )
        out(f"{LOCK_FILE} is up to date: {number(len(after.facts), 'file')}")
        return
    if stale:
        try:
            write_lock(root, wanted)
        except OSError as error:
            reason = (error.strerror or "no reason given").lower()
            raise CalsyncError(f"{LOCK_FILE} cannot be written: {reason}", code="media-lock") from error
    told = f"{number(len(after.facts), 'file')}, {len(added)} new or changed, {len(dropped)} dropped"
    out(f"{LOCK_FILE}: {told if stale else number(len(after.facts), 'file') + ', as it was'}")
    if missing:
        err(
            f"note[not-probed]: {number(len(missing), 'file')} {'is' if len(missing) == 1 else 'are'} only Git LFS"
            f" pointers here; {fetch}, then probe again"
        )
