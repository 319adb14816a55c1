"""The verbs on state alone: list, show, mv, rm, adopt. None of them writes to a service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from calsync.errors import CalsyncError, UsageProblem
from calsync.model import Address, Post, Record, Recorded, RemoteId, Sighting, Status
from calsync.observed import Refresh
from calsync.plan import Filters
from calsync.plan.settling import same_minute
from calsync.plan.twins import Lookalikes
from calsync.providers.base import Provider, Scope
from calsync.reconcile.look import View, look, valid
from calsync.reconcile.project import Project
from calsync.recorded import Ledger
from calsync.stores.base import Holder


def parse_address(text: str) -> Address:
    """Read an address from the command line. Raises UsageProblem."""
    try:
        return Address.parse(text)
    except ValueError as error:
        raise UsageProblem(
            str(error), hint="`calsync state list` shows the addresses", code="not-an-address"
        ) from error


def move(project: Project, holder: Holder, old: Address, new: Address, *, timeout: float = 0.0) -> None:
    """Give a record a new address, as `previously` would. Raises CalsyncError where that cannot be."""
    with _ledger(project, holder, timeout=timeout) as ledger:
        record = _known(ledger.recorded, old)
        if old == new:
            return
        if ledger.record(new) is not None or ledger.opened(new) is not None:
            raise CalsyncError(
                f"{new} has a record of its own",
                hint=f"calsync state rm {new} first, if that is meant",
                code="taken",
            )
        if ledger.opened(old) is not None:
            raise CalsyncError(
                f"{old} has an intent whose outcome is not known yet",
                hint="`calsync apply` settles it",
                code="open",
            )
        ledger.rename([(old, replace(record, address=new))])


def remove(project: Project, holder: Holder, address: Address, *, timeout: float = 0.0) -> None:
    """Stop tracking a post, and drop an intent left open; the post itself is not touched."""
    with _ledger(project, holder, timeout=timeout) as ledger:
        if ledger.record(address) is None and ledger.opened(address) is None:
            raise _unrecorded(address)
        ledger.settle(address, record=None)


def adopt(
    project: Project, holder: Holder, address: Address, remote_id: str | None, *, timeout: float = 0.0
) -> Record:
    """Record the entry as it stands as applied to a post that is already there.

    Without `remote_id` the one post like it is taken. Raises CalsyncError where none or several fit.
    """
    checked = valid(project)
    with (
        Ledger.hold(
            project.store, holder, project=project.settings.project, timeout=timeout, create=True
        ) as ledger,
        project.services() as services,
    ):
        view = look(project, services, checked, ledger.recorded, Filters(), Refresh.AUTO)
        post = next((each for each in view.ground.desired.posts if each.address == address), None)
        if post is None:
            service = next(iter(view.observed.unreadable.values()), None)
            raise CalsyncError(
                f"there is no entry {address}" + (f" that can be read: {service}" if service else ""),
                hint="state adopt records an entry of the calendars; check its calendar, id and account",
                code="no-entry",
            )
        if post.account.key.service in view.observed.unreadable:
            raise CalsyncError(view.observed.unreadable[post.account.key.service], code="unreadable")
        provider = services.providers[post.account.key.service]
        sighting = _like(view, post) if remote_id is None else _named(view, provider, post, remote_id)
        owner = next(
            (
                record.address
                for record in ledger.recorded.records.values()
                if record.account == post.account.key
                and record.remote_id.id == sighting.remote_id.id
                and record.remote_id.part in (None, sighting.remote_id.part)
                and record.address != address
            ),
            None,
        )
        if owner is not None:
            raise CalsyncError(
                f"{sighting.remote_id} is already recorded as {owner}",
                hint=f"calsync state mv {owner} {address}",
                code="taken",
            )
        _replaceable(view, address, sighting)
        record = Record(
            address=address,
            account=post.account.key,
            remote_id=sighting.remote_id,
            content=post.content,
            api=provider.capabilities.api,
            workspace=post.account.workspace,
            assets=sighting.media or (),
            seen=sighting.status,
            reason=sighting.reason,
            platform=post.account.platform,
        )
        ledger.settle(address, record=record)
        return record


def _replaceable(view: View, address: Address, sighting: Sighting) -> None:
    """Raise CalsyncError where another post of this address still waits: it would go out as nobody's."""
    record = view.recorded.records.get(address)
    if record is None or address in view.recorded.opens or record.remote_id.id == sighting.remote_id.id:
        return
    seen = view.observed.by_address.get(address)
    status = record.seen if seen is None else seen.status
    if status in (Status.SCHEDULED, Status.PROCESSING):
        raise CalsyncError(
            f"{address} is recorded as {record.remote_id}, which is {status} still",
            hint=f"calsync state rm {address} first, if that post is to stay without calsync",
            code="taken",
        )


def _ledger(project: Project, holder: Holder, *, timeout: float) -> AbstractContextManager[Ledger]:
    return Ledger.hold(project.store, holder, project=project.settings.project, timeout=timeout, create=False)


def _known(recorded: Recorded, address: Address) -> Record:
    record = recorded.records.get(address)
    if record is None:
        raise _unrecorded(address)
    return record


def _unrecorded(address: Address) -> CalsyncError:
    return CalsyncError(
        f"nothing is recorded for {address}", hint="`calsync state list` shows what is", code="not-recorded"
    )


def _like(view: View, post: Post) -> Sighting:
    """The one twin, or without any the one post in the same minute on its account, that nobody records."""
    alike = Lookalikes.find(
        [post], view.observed.strangers, set(), view.ground.abilities, view.recorded.uploads
    )
    found = alike.of(post.address, post.account.key).twins or [
        sighting
        for sighting in view.observed.strangers.get(post.account.key, ())
        if sighting.status.live and same_minute(post.content, sighting)
    ]
    if len(found) == 1:
        return found[0]
    service = post.account.key.service
    if not found:
        lists = view.ground.abilities[service].lists
        raise CalsyncError(
            f"{service} shows no post like {post.address}"
            if lists
            else f"{service} cannot list its posts, so the post has to be named",
            hint=f"calsync state adopt {post.address} REMOTE_ID",
            code="no-post",
        )
    raise _several(post, found)


def _several(post: Post, found: Sequence[Sighting]) -> CalsyncError:
    """Several posts fit: each by an id that `state adopt` takes."""
    requests = Counter(each.remote_id.id for each in found)
    names = [
        each.remote_id.part or each.remote_id.id if requests[each.remote_id.id] > 1 else each.remote_id.id
        for each in found
    ]
    listed = "\n  ".join(
        f"{name}: {(each.caption or '')[:60]!r}" for name, each in zip(names, found, strict=True)
    )
    return CalsyncError(
        f"several posts of {post.account.key.service} could be {post.address}:\n  {listed}",
        hint=f"calsync state adopt {post.address} REMOTE_ID",
        code="ambiguous",
    )


def _named(view: View, provider: Provider, post: Post, remote_id: str) -> Sighting:
    """The post of this publish id or target id, on the entry's account."""
    account = post.account.key
    records = view.recorded.records
    candidates = {
        sighting.remote_id: sighting
        for sighting in (
            *view.observed.strangers.get(account, ()),
            *(
                each
                for address, each in view.observed.by_address.items()
                if address in records and records[address].account == account
            ),
        )
        if remote_id in (sighting.remote_id.id, sighting.remote_id.part)
        and sighting.status is not Status.MISSING
    }
    if len(candidates) > 1:
        raise _several(post, tuple(candidates.values()))
    for sighting in candidates.values():
        return sighting
    found = provider.get_post(RemoteId(remote_id), Scope(account, post.account.workspace))
    if found is None or found.status is Status.MISSING:
        raise CalsyncError(
            f"{account.service} has no post {remote_id}", hint="is the id complete?", code="no-post"
        )
    if found.account_id is not None and found.account_id != account.id:
        raise CalsyncError(
            f"post {remote_id} is on account {found.account_id}, not on {account.id}", code="other-account"
        )
    return found
