"""state ...: look at what is recorded, and mend it. None of these writes to a service."""

from __future__ import annotations

import sys

import click

from calsync.cli.group import common
from calsync.cli.look import halt, with_error
from calsync.cli.printing import err, out, out_json, show_error, width
from calsync.cli.setup import session
from calsync.errors import CalsyncError, Exit


@click.group(help="Look at the recorded state, and mend it.", no_args_is_help=False)
@common
def state() -> None:
    """Look at the recorded state, and mend it."""


@state.command("init", help="Write an empty state to the configured store.")
@common
@click.pass_context
def init(ctx: click.Context) -> None:
    """Write an empty state."""
    from calsync.recorded import Ledger

    opened = session(ctx)
    store, lineage = opened.project.store, opened.project.settings.project
    made = Ledger.init(store, opened.holder(), project=lineage)
    out(f"{store.where}: an empty state of lineage {made.lineage}")
    out(
        "Was there one before? `calsync plan` shows what is recognised as yours; at a service that cannot list its"
    )
    out(
        "posts (Postqued v1), `calsync state adopt ADDRESS REMOTE_ID` each that is still to come, before you apply."
    )


@state.command("list", help="List what is recorded: address, how it was last seen, time, remote id.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@common
@click.pass_context
def listing(ctx: click.Context, style: str) -> None:
    """List what is recorded."""
    from calsync.model import stamp
    from calsync.reconcile.look import recorded_of
    from calsync.render.safe import terminal
    from calsync.statefile import record_out

    opened = session(ctx)
    recorded = recorded_of(opened.project)
    records = [recorded.records[address] for address in sorted(recorded.records)]
    if style == "json":
        out_json(
            {
                "format_version": "1",
                "lineage": recorded.lineage,
                "serial": recorded.serial,
                "posts": {str(each.address): record_out(each) for each in records},
                "open": [str(address) for address in sorted(recorded.opens)],
            }
        )
        return
    for each in records:
        words = f"{each.address}  {each.seen.value}  {stamp(each.content.at)}  {each.account.service} {each.remote_id}"
        out(terminal(words))
    for address in sorted(recorded.opens):
        out(terminal(f"{address}  open: {recorded.opens[address].kind.value}, outcome not known"))
    if not records and not recorded.opens:
        out("Nothing is recorded.")


@state.command("show", help="Show the record of one address as JSON.")
@click.argument("address")
@common
@click.pass_context
def show(ctx: click.Context, address: str) -> None:
    """Show the record of one address."""
    from calsync.reconcile.look import recorded_of
    from calsync.reconcile.state import parse_address
    from calsync.statefile import open_out, record_out

    opened = session(ctx)
    name = parse_address(address)
    recorded = recorded_of(opened.project)
    record, opening = recorded.records.get(name), recorded.opens.get(name)
    if record is None and opening is None:
        raise CalsyncError(
            f"nothing is recorded for {name}", hint="`calsync state list` shows what is", code="not-recorded"
        )
    out_json(
        {
            "format_version": "1",
            "address": str(name),
            "record": None if record is None else record_out(record),
            "open": None if opening is None else open_out(opening),
            "generation": recorded.generations.get(name, 0),
        }
    )


@state.command(
    "check", help="Hold what is recorded against the services, and say what would mend it. Writes nothing."
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@common
@click.pass_context
def check(ctx: click.Context, style: str) -> int:
    """Hold what is recorded against the services; exit 4 when the next apply or a person has to mend something."""
    from calsync.reconcile.check import check as examine
    from calsync.render.checkup import checkup_text
    from calsync.render.jsondoc import check_document

    opened = session(ctx)
    checkup = examine(opened.project)
    error = halt(checkup.plan)
    if style == "json":
        out_json(with_error(check_document(checkup), error))
    else:
        out(
            checkup_text(
                checkup, colour=opened.colour, width=width(sys.stdout), verbose=opened.common.verbose
            )
        )
        if error is not None:
            show_error(error, error.exit_code, as_json=False, no_color=opened.common.no_color)
    if error is not None:
        return Exit.ERROR
    return Exit.DONE if checkup.sound else Exit.PARTIAL


@state.command("mv", help="Give a record a new address.")
@click.argument("old")
@click.argument("new")
@common
@click.pass_context
def mv(ctx: click.Context, old: str, new: str) -> None:
    """Give a record a new address."""
    from calsync.reconcile.state import move, parse_address

    opened = session(ctx)
    before, after = parse_address(old), parse_address(new)
    move(opened.project, opened.holder(), before, after)
    out(f"{before} is {after} now")


@state.command("rm", help="Stop tracking a post; the post itself is not touched.")
@click.argument("address")
@common
@click.pass_context
def rm(ctx: click.Context, address: str) -> None:
    """Stop tracking a post."""
    from calsync.reconcile.state import parse_address, remove

    opened = session(ctx)
    name = parse_address(address)
    remove(opened.project, opened.holder(), name)
    out(f"{name} is not tracked any more; its post was not touched")


@state.command(
    "adopt", help="Record an entry as it stands as applied to a post that is already there; no write."
)
@click.argument("address")
@click.argument("remote_id", required=False)
@common
@click.pass_context
def adopt(ctx: click.Context, address: str, remote_id: str | None) -> None:
    """Record an entry as applied to a post that is already there."""
    from calsync.reconcile.state import adopt as take
    from calsync.reconcile.state import parse_address
    from calsync.render.safe import terminal

    opened = session(ctx)
    record = take(opened.project, opened.holder(), parse_address(address), remote_id)
    out(terminal(f"{record.address} is {record.account.service} {record.remote_id}, {record.seen.value}"))


@state.command("unlock", help="Clear a lock whose holder is gone; says who holds it where that is not so.")
@common
@click.pass_context
def unlock(ctx: click.Context) -> None:
    """Clear a lock whose holder is gone."""
    from calsync.render.safe import terminal

    opened = session(ctx)
    store = opened.project.store
    was = store.unlock(opened.holder())
    if was is not None:
        run = f", {was.run}" if was.run else ""
        err(terminal(f"it was held by pid {was.pid} on {was.host} since {was.since}{run}"))
    out(f"{store.where} is not locked")
