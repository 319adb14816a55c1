"""Validate, and one look at all three states with the plan that comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from calsync.binding import bind
from calsync.errors import CalendarError, Diagnostic, ProviderError, Severity, bounded
from calsync.model import AccountKey, Address, Capabilities, Desired, Entry, Limits, Observed, Post, Recorded
from calsync.observed import Refresh, refresh
from calsync.plan import Action, Filters, Plan, plan
from calsync.plan.notes import duration, unseen
from calsync.providers.base import Provider, Scope
from calsync.reconcile.channels import blocked_accounts, fit
from calsync.reconcile.namesakes import found_namesakes
from calsync.reconcile.older import found_older
from calsync.reconcile.project import Project, Services
from calsync.recorded import lost_state, read
from calsync.rules import check, creator, text_room
from calsync.zones import tzdata_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Calendars that were read and checked offline: what they say, what loading found, and what the rules found."""

    entries: tuple[Entry, ...]
    loading: tuple[Diagnostic, ...]
    rules: tuple[Diagnostic, ...]

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that was found, in the order of the files."""
        return bounded({*self.loading, *self.rules})

    @property
    def valid(self) -> bool:
        """Nothing in them is an error."""
        return not any(each.severity is Severity.ERROR for each in (*self.loading, *self.rules))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What holds for every plan of one look: the desired state, what the services can and take, the findings."""

    project: Project
    desired: Desired
    abilities: Mapping[str, Capabilities]
    limits: Mapping[str, Sequence[Limits]]
    findings: frozenset[Diagnostic]
    unusable: Mapping[AccountKey, str] = field(default_factory=dict)
    missing: frozenset[AccountKey] = frozenset()
    room: Mapping[AccountKey, int] = field(default_factory=dict)

    def plan(self, recorded: Recorded, observed: Observed, filters: Filters, mode: Refresh) -> Plan:
        """Plan on this ground, with what was found in the calendars among the diagnostics."""
        settings = self.project.settings
        whole = plan(
            self.desired,
            recorded,
            observed,
            abilities=self.abilities,
            policy=settings.policy,
            now=self.project.now(),
            filters=filters,
            refresh=mode.value,
            zone=settings.timezone,
            unusable=self.unusable,
            missing=self.missing,
        )
        told = duration(
            whole.actions,
            self.abilities,
            {name: rate for name in self.abilities if (rate := self.project.writes(name)) is not None},
            whole.created_at,
            settings.policy.lead_time,
        )
        told += unseen(recorded.records.values(), self.abilities, whole.created_at)
        waiting = Counter(each.account for each in whole.actions if each.code == "account-unusable")
        stuck = blocked_accounts(self.unusable, waiting, settings.accounts, self.desired, self.missing)
        found = _sorted({*whole.diagnostics, *self.findings, *stuck, *told})
        actions = tuple(map(self._measured, whole.actions))
        return replace(whole, actions=actions, diagnostics=found, tzdata=tzdata_version())

    def _measured(self, action: Action) -> Action:
        """The action with the room that its texts have."""
        if action.post is None:
            return action
        spec = self.project.settings.accounts[action.address.account]
        room = text_room(action.post.entry, spec, self.limits.get(spec.service, ()))
        if action.account in self.room:
            room = (
                {**room, "caption": min(self.room[action.account], *room.values())}
                if room
                else {"caption": self.room[action.account]}
            )
        return replace(action, limits=room)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at all three states, and the plan that comes of it."""

    ground: Ground
    recorded: Recorded
    observed: Observed
    plan: Plan

    def again(self, recorded: Recorded) -> View:
        """The same look, planned with what is recorded by now."""
        planned = self.ground.plan(recorded, self.observed, self.plan.filters, Refresh(self.plan.refresh))
        return replace(self, recorded=recorded, plan=planned)


def validate(project: Project) -> Checked:
    """Read and check the calendars, offline."""
    loaded = project.load()
    specs = project.settings.accounts
    limits = {service: project.limits_of(service) for service in project.settings.services}
    return Checked(
        entries=loaded.entries,
        loading=(*project.settings.warnings, *loaded.diagnostics),
        rules=check(loaded.entries, specs, limits, now=project.now()),
    )


def valid(project: Project) -> Checked:
    """The same; raises CalendarError with every finding where one is an error."""
    checked = validate(project)
    if not checked.valid:
        raise CalendarError(checked.diagnostics)
    return checked


def recorded_of(project: Project) -> Recorded:
    """What is recorded now, read without a lock. Raises StateLost where the project's state is gone."""
    recorded = read(project.store, project=project.settings.project)
    if recorded is None and project.settings.project is not None:
        raise lost_state(project.store, project.settings.project)
    return recorded or Recorded(lineage="")


def make_plan(project: Project, *, filters: Filters, mode: Refresh) -> View:
    """Look at all three states and plan. Writes nothing anywhere.

    Raises CalendarError for invalid calendars, StateLost where the project's state is gone.
    """
    recorded = recorded_of(project)
    checked = valid(project)
    with project.services() as services:
        return recognisable(project, look(project, services, checked, recorded, filters, mode))


def recognisable(project: Project, view: View) -> View:
    """The same; raises StateLost where the state is gone and a service cannot show what was scheduled with it."""
    if view.recorded.gone and any(each.code == "begun-anew" for each in view.plan.diagnostics):
        raise lost_state(project.store, project.settings.project)
    return view


def look(
    project: Project,
    services: Services,
    checked: Checked,
    recorded: Recorded,
    filters: Filters,
    mode: Refresh,
) -> View:
    """Bind, refresh and plan, with whatever services can be reached.

    Raises the first service's error where none can be.
    """
    specs = project.settings.accounts
    wanted = {specs[entry.address.account].service for entry in checked.entries}
    held = {each.account.service for each in recorded.records.values()}
    held |= {each.account.service for each in recorded.opens.values()}
    unreached = services.reach(wanted | held)
    if unreached and not services.providers:
        raise next(iter(unreached.values()))
    bound = bind(checked.entries, specs, services.providers)
    limits = _limits(project, services)
    findings = {*checked.loading, *judged(project, checked, limits), *_fleeting(project, recorded)}
    fitted = fit(project, bound, recorded, services.providers, findings)
    desired = fitted.desired
    closed = {name: error.words for name, error in unreached.items()} | {**fitted.unreadable}
    findings |= fitted.findings
    findings.update(_begun_anew(desired, recorded, services.providers))
    findings.update(_gone(project, recorded))
    findings.update(found_older(project, recorded), found_namesakes(project))
    if mode is not Refresh.OFF:
        asked = {name: each for name, each in services.providers.items() if name not in closed}
        findings |= creators(project, checked, desired, recorded, asked)
    ground = Ground(
        project=project,
        desired=desired,
        abilities={name: provider.capabilities for name, provider in services.providers.items()},
        limits=limits,
        findings=frozenset(findings),
        unusable=fitted.unusable,
        missing=bound.missing,
        room=fitted.room,
    )
    touched, first = frozenset[Address](), None
    blind = Observed(unreadable=closed)
    if mode is Refresh.AUTO and any(not each.lists for each in ground.abilities.values()):
        first = ground.plan(recorded, blind, Filters(), mode)
        touched = frozenset(action.previous_address or action.address for action in first.actions)
    readable = {name: each for name, each in services.providers.items() if name not in closed}
    observed = refresh(desired, recorded, readable, mode=mode, now=project.now(), touched=touched)
    observed = replace(observed, unreadable={**closed, **observed.unreadable})
    # Where there was nothing to see, the plan from before looking is the plan.
    same = first is not None and observed == blind and filters == Filters()
    planned = first if first is not None and same else ground.plan(recorded, observed, filters, mode)
    return View(ground=ground, recorded=recorded, observed=observed, plan=planned)


def _limits(project: Project, services: Services) -> dict[str, Sequence[Limits]]:
    """What the services take: of the version that each is known to be by now, else of all that it may be."""
    return {
        name: project.limits_of(
            name, services.providers[name].capabilities.api if name in services.providers else None
        )
        for name in project.settings.services
    }


def judged(
    project: Project, checked: Checked, limits: Mapping[str, Sequence[Limits]]
) -> tuple[Diagnostic, ...]:
    """The rules' findings, judged again where a service's version is known by now. Raises CalendarError."""
    if all(limits[name] == project.limits_of(name) for name in limits):
        return checked.rules
    online = check(checked.entries, project.settings.accounts, limits, now=project.now())
    if any(each.severity is Severity.ERROR for each in online):
        raise CalendarError({*checked.loading, *online})
    return online


def creators(
    project: Project,
    checked: Checked,
    desired: Desired,
    recorded: Recorded,
    providers: Mapping[str, Provider],
) -> set[Diagnostic]:
    """What TikTok allows the accounts of what is to be written, each asked once. Raises CalendarError."""
    now = project.now()
    writing: dict[AccountKey, list[Post]] = {}
    for post in desired.posts:
        provider, record = providers.get(post.account.key.service), recorded.records.get(post.address)
        if (
            provider is not None
            and provider.capabilities.knows_creator
            and post.account.platform == "tiktok"
            and post.wanted
            and post.content.at > now
            and (record is None or record.content != post.content)
        ):
            writing.setdefault(post.account.key, []).append(post)
    found: set[Diagnostic] = set()
    for key, posts in sorted(writing.items()):
        account = posts[0].account
        try:
            info = providers[key.service].creator(Scope(key, account.workspace))
        except ProviderError as error:
            found.add(creator.unclear(account.alias, error.message))
            continue
        if info is None:
            found.add(creator.unclear(account.alias, f"{key.service} answered in an unknown shape"))
            continue
        found.update(each for post in posts for each in creator.allowed(post, info))
    if any(each.severity is Severity.ERROR for each in found):
        raise CalendarError({*checked.diagnostics, *found})
    return found


def _fleeting(project: Project, recorded: Recorded) -> tuple[Diagnostic, ...]:
    """A first run in CI with a local state is most likely one that has lost it, or will."""
    if (
        not project.ci
        or project.survives
        or project.settings.project is not None
        or recorded.serial
        or recorded.records
    ):
        return ()
    message = f"there is no state {project.store.where}, and what CI writes there is gone after the job"
    hint = "`state: {backend: git}` keeps it on a branch of the remote; `project:` in calsync.yaml makes its loss an error"
    return (Diagnostic(severity=Severity.WARNING, code="fleeting-state", message=message, hint=hint),)


def _gone(project: Project, recorded: Recorded) -> tuple[Diagnostic, ...]:
    """A state that is gone while its backup is there is no first run."""
    if not recorded.gone:
        return ()
    message = f"the state {project.store.where} is gone, and a version from before is there"
    hint = f"bring it back ({project.store.earlier}); else what is still scheduled is recognised and adopted"
    return (Diagnostic(severity=Severity.WARNING, code="state-gone", message=message, hint=hint),)


def _begun_anew(
    desired: Desired, recorded: Recorded, providers: Mapping[str, Provider]
) -> tuple[Diagnostic, ...]:
    """After a lost state nothing is recognised where nothing can be listed, and a person has to know it."""
    if not recorded.serial or recorded.records or recorded.opens or recorded.generations or recorded.uploads:
        return ()
    wanted = {post.account.key.service for post in desired.posts if post.wanted}
    return tuple(
        Diagnostic(
            severity=Severity.WARNING,
            code="begun-anew",
            message=(
                f"the state was begun anew, and {service} {providers[service].capabilities.api} cannot list its posts:"
                " what was scheduled there before is not recognised"
            ),
            hint="calsync state adopt ADDRESS REMOTE_ID for each post that is there already, before you apply",
        )
        for service in sorted(wanted)
        if service in providers and not providers[service].capabilities.lists
    )


def _sorted(found: set[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(found, key=lambda each: each.order))
