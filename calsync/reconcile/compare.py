"""Two sets of calendars compared, offline: what going from one commit to another asks of the services.

No service and no state is looked at: the calendars of the first commit stand for what is recorded, as if all of it
had been applied. So it needs no key, and shows what a change means, not what the services hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from calsync.desired import Loaded
from calsync.errors import Diagnostic, Severity
from calsync.model import (
    Account,
    AccountKey,
    AccountSpec,
    Address,
    Capabilities,
    Desired,
    Entry,
    Observed,
    Post,
    Record,
    Recorded,
    RemoteId,
    Standing,
    Status,
    upload_units,
)
from calsync.observed import Refresh
from calsync.plan import Base, Filters, Plan
from calsync.providers.base import ServiceSettings
from calsync.reconcile.look import Ground, valid
from calsync.reconcile.project import Project
from calsync.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The calendars of a commit and the project file beside them. `name`: what the person called it; `commit`: its id."""

    name: str
    commit: str
    settings: Settings | None
    loaded: Loaded


def compare(
    project: Project,
    before: Before,
    abilities: Mapping[str, Capabilities],
    filters: Filters,
) -> Plan:
    """Plan from the calendars of a commit to those of the project as they are. Reads files alone.

    `abilities`: what each service is expected to be able to do. Raises CalendarError where the calendars as they
    are have errors; those of the commit may, and what can be read of them counts.
    """
    checked = valid(project)
    specs = project.settings.accounts
    posts = sorted((_post(each, specs) for each in checked.entries), key=lambda post: post.address)
    desired = Desired(posts=tuple(posts))
    ground = Ground(
        project=project,
        desired=desired,
        abilities=abilities,
        limits={name: project.limits_of(name) for name in project.settings.services},
        findings=frozenset({*checked.diagnostics, *_broken(before)}),
    )
    planned = ground.plan(_recorded(before, abilities, project.now()), Observed(), filters, Refresh.OFF)
    return replace(planned, base=Base(before.name, before.commit))


def services(settings: Settings, before: Before) -> Mapping[str, ServiceSettings]:
    """The services that either side names, as the present project file sets them."""
    earlier = before.settings.services if before.settings is not None else {}
    return {**earlier, **settings.services}


def _recorded(before: Before, abilities: Mapping[str, Capabilities], now: datetime) -> Recorded:
    """What would be recorded had all calendars of the commit been applied in time."""
    if before.settings is None:
        return Recorded(lineage="")
    specs = before.settings.accounts
    records = {
        entry.address: _record(entry, specs[entry.address.account], abilities, now)
        for entry in before.loaded.entries
        if entry.standing is Standing.WANTED and entry.address.account in specs
    }
    uploads = {
        unit.key: str(unit.key.sha256)
        for entry in before.loaded.entries
        if entry.address in records
        for unit in upload_units(_post(entry, specs), abilities[specs[entry.address.account].service])
    }
    policy = before.settings.policy.to_json()
    return Recorded(lineage="", records=records, uploads=uploads, policy=policy, commit=before.commit)


def _post(entry: Entry, specs: Mapping[str, AccountSpec]) -> Post:
    return Post(entry=entry, account=_account(specs[entry.address.account]), content=entry.content)


def _record(entry: Entry, spec: AccountSpec, abilities: Mapping[str, Capabilities], now: datetime) -> Record:
    account = _account(spec)
    return Record(
        address=entry.address,
        account=account.key,
        remote_id=RemoteId(_stand_in(entry.address)),
        content=entry.content,
        api=abilities[spec.service].api,
        workspace=account.workspace,
        seen=Status.SCHEDULED if entry.content.at > now else Status.PUBLISHED,
        platform=spec.platform,
    )


def _account(spec: AccountSpec) -> Account:
    """An account by what the project file calls it: which id a username has, only the service knows."""
    handle = (spec.username or "").removeprefix("@").casefold()
    called = f"@{handle}" if handle else f"{spec.platform} {spec.name}"
    key = AccountKey(spec.service, spec.id or called)
    return Account(
        alias=spec.alias, key=key, platform=spec.platform, workspace=spec.workspace, username=spec.username
    )


def _stand_in(address: Address) -> str:
    return f"{address}, as committed"


def _broken(before: Before) -> tuple[Diagnostic, ...]:
    """What is wrong with the calendars of the commit, in one warning: they are not this change's to mend."""
    errors = [each for each in before.loaded.diagnostics if each.severity is Severity.ERROR]
    if not errors:
        return ()
    return (
        Diagnostic(
            severity=Severity.WARNING,
            code="base-invalid",
            message=f"the calendars at {before.name} have errors ({len(errors)}), the first: {errors[0].message}",
            hint="posts that could not be read there are shown as new",
        ),
    )
