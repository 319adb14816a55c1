"""What services say of the accounts' networks: options typed by it, texts measured, all before anything is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from calsync.binding import Bound
from calsync.errors import CalendarError, Diagnostic, ProviderError, Rejected, Severity, Source
from calsync.model import (
    AccountKey,
    AccountSpec,
    Address,
    Channel,
    Desired,
    Options,
    Post,
    Record,
    Recorded,
)
from calsync.networks import Network, Problem, as_recorded
from calsync.options import spellings
from calsync.providers.base import Provider, Scope
from calsync.reconcile.project import Project
from calsync.rules import channel as rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The desired state with its options typed, and what was learned of its accounts.

    `unreadable`: services that did not answer, with the reason; their posts are left out, as binding does.
    `unusable`: why nothing can be posted to an account now. `room`: how long a text may be there.
    """

    desired: Desired
    findings: frozenset[Diagnostic]
    unreadable: Mapping[str, str]
    unusable: Mapping[AccountKey, str]
    room: Mapping[AccountKey, int]


def fit(
    project: Project,
    bound: Bound,
    recorded: Recorded,
    providers: Mapping[str, Provider],
    said: set[Diagnostic],
) -> Fitted:
    """Ask for the channel of each account with posts ahead, once, and hold the posts against it.

    Raises CalendarError, with what was `said` before, where a post that is to be written does not fit.
    """
    fitting = _Fitting(project, recorded, providers, dict(bound.unusable))
    fitting.ask(bound)
    posts = tuple(
        fitting.fitted(post)
        for post in bound.desired.posts
        if post.account.key.service not in fitting.unreadable
    )
    found = {*fitting.found, *fitting.notes()}
    if any(each.severity is Severity.ERROR for each in found):
        raise CalendarError({*said, *found})
    left = {each.address for each in bound.desired.posts} - {each.address for each in posts}
    return Fitted(
        desired=replace(bound.desired, posts=posts, unbound=bound.desired.unbound | left),
        findings=frozenset(found),
        unreadable={**bound.unreadable, **fitting.unreadable},
        unusable=fitting.unusable,
        room={
            key: each.caption_units
            for key, each in fitting.channels.items()
            if each is not None and each.caption_units is not None
        },
    )


@dataclass
class _Fitting:
    """One look at all channels."""

    project: Project
    recorded: Recorded
    providers: Mapping[str, Provider]
    unusable: dict[AccountKey, str]
    channels: dict[AccountKey, Channel | None] = field(default_factory=dict)
    networks: dict[AccountKey, Network] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    found: set[Diagnostic] = field(default_factory=set)
    _typed: dict[tuple[AccountKey, Options], tuple[Options, tuple[Problem, ...]]] = field(
        default_factory=dict
    )
    _elsewhere: dict[tuple[str, AccountKey], bool] = field(default_factory=dict)
    _dropped: dict[tuple[Source, str, str], list[Post]] = field(default_factory=lambda: defaultdict(list))
    _unchecked: dict[AccountKey, dict[str, Post]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self._now = self.project.now()
        self._specs = self.project.settings.accounts
        self._accounts: dict[str, AccountKey] = {}
        self._named: dict[AccountKey, str] = {}

    def ask(self, bound: Bound) -> None:
        """Ask for the channels, each once."""
        for post in bound.desired.posts:
            self._accounts[post.account.alias] = post.account.key
            self._named[post.account.key] = post.account.platform or post.account.alias
        ahead = {
            post.account.key: post.account
            for post in bound.desired.posts
            if post.wanted and post.content.at > self._now and post.account.key not in bound.missing
        }
        for key, account in sorted(ahead.items()):
            provider = self.providers.get(key.service)
            if provider is None or not provider.capabilities.knows_channel or key.service in self.unreadable:
                continue
            try:
                channel = provider.channel(Scope(key, account.workspace))
            except Rejected:
                channel = None
            except ProviderError as error:
                self.unreadable[key.service] = error.words
                continue
            self.channels[key] = channel
            if channel is not None and channel.unusable is not None:
                self.unusable.setdefault(key, channel.unusable)

    def _network(self, key: AccountKey) -> Network:
        if key not in self.networks:
            channel = self.channels.get(key)
            described = channel.options if channel is not None else None
            self.networks[key] = Network.of(self._named[key], described)
        return self.networks[key]

    def fitted(self, post: Post) -> Post:
        """The post as its network takes it; what is wrong with one that is to be written is noted."""
        spec, channel = self._specs[post.address.account], self.channels.get(post.account.key)
        problems: list[Problem] = []
        if spec.open_options:
            post, problems = self._typing(post, spec)
        most = channel.caption_units if channel is not None else None
        if (problems or most is not None) and self._writing(post):
            self.found.update(self._said(post, each) for each in problems)
            if most is not None:
                self.found.update(rules.texts_fit(post, most, post.account.platform))
        return post

    def _typing(self, post: Post, spec: AccountSpec) -> tuple[Post, list[Problem]]:
        key, written = post.account.key, post.entry.content.options
        network = self._network(key)
        if (key, written) not in self._typed:
            self._typed[key, written] = network.typed(written)
        options, problems = self._typed[key, written]
        foreign = {
            each.path
            for each in problems
            if each.code == "unknown-key"
            and each.path in post.entry.inherited
            and self._known_elsewhere(each.path, spec, key)
        }
        options = Options({name: value for name, value in options.items() if name not in foreign})
        record = self._record(post)
        if record is not None and (problems or network.schema is None):
            options = as_recorded(written, options, record.content.options)
        typed = self._with(post, options)
        if post.wanted and post.content.at > self._now:
            for name in foreign:
                why = f"{network.name} has no such option"
                self._dropped[post.entry.place(f"options.{name}"), name, why].append(post)
        if network.schema is None and self._writing(typed):
            for name in sorted(set(written) - {"tags", "short_link"}):
                self._unchecked[key].setdefault(name, post)
        return typed, [each for each in problems if each.path not in foreign]

    def _with(self, post: Post, options: Options) -> Post:
        """The post with these options, in the provider's normal form."""
        content = replace(post.entry.content, options=options)
        provider = self.providers[post.account.key.service]
        return replace(post, content=provider.normalize(content, post.account.platform))

    def _known_elsewhere(self, name: str, spec: AccountSpec, key: AccountKey) -> bool:
        """Whether an option of the defaults may be meant for another account of the project."""
        if (name, key) not in self._elsewhere:
            self._elsewhere[name, key] = self._may_know(name, spec)
        return self._elsewhere[name, key]

    def _may_know(self, name: str, spec: AccountSpec) -> bool:
        for other in self._specs.values():
            if not other.open_options:
                if name in spellings(other.platform):
                    return True
            elif (other.service, other.platform or other.alias) != (
                spec.service,
                spec.platform or spec.alias,
            ):
                account = self._accounts.get(other.alias)
                # One that has no post ahead was not asked, and may know it.
                if account is None or account not in self.channels or self._network(account).knows(name):
                    return True
        return False

    def _record(self, post: Post) -> Record | None:
        """What is recorded of the post, under its name or a former one."""
        account = post.address.account
        names = [post.address, *(Address(*name, account) for name in post.entry.previously)]
        found = (self.recorded.records.get(name) for name in names)
        return next((each for each in found if each is not None and each.account == post.account.key), None)

    def _writing(self, post: Post) -> bool:
        """Whether the post is to be written: what is over, unwanted or there as it is needs no mending."""
        record = self._record(post)
        return (
            post.wanted and post.content.at > self._now and (record is None or record.content != post.content)
        )

    def _said(self, post: Post, problem: Problem) -> Diagnostic:
        place = f"options.{problem.path}" if problem.path else "options"
        while place not in post.entry.places and "." in place:
            place = place.rpartition(".")[0]
        return Diagnostic(
            severity=Severity.ERROR,
            code=problem.code,
            message=problem.message,
            hint=problem.hint,
            source=post.entry.place(place),
            address=str(post.address),
        )

    def notes(self) -> Iterator[Diagnostic]:
        """What a person may want to know: options that go unchecked, and those of the defaults that are dropped."""
        for (source, name, why), posts in self._dropped.items():
            named = [each.address.post for each in posts]
            words = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
            yield Diagnostic(
                severity=Severity.NOTE,
                code="option-dropped",
                message=f"{name} from the defaults is dropped for {words}: {why}",
                source=source,
            )
        for key, named_by in self._unchecked.items():
            name, post = next(iter(named_by.items()))
            yield Diagnostic(
                severity=Severity.NOTE,
                code="options-unchecked",
                message=rules.unchecked(
                    post.address.account, key.service, post.account.platform, sorted(named_by)
                ),
                source=post.entry.place(f"options.{name}"),
            )


def blocked_accounts(
    unusable: Mapping[AccountKey, str],
    waiting: Mapping[AccountKey, int],
    specs: Mapping[str, AccountSpec],
    desired: Desired,
    missing: frozenset[AccountKey],
) -> Iterator[Diagnostic]:
    """A finding per account where nothing can be posted now, at its place in the project file."""
    aliases = {post.account.key: post.account.alias for post in desired.posts}
    for key, why in sorted(unusable.items()):
        alias = aliases.get(key)
        if alias is None:
            continue
        severity, message, hint = rules.unusable(
            alias, key.service, why, waiting.get(key, 0), there=key not in missing
        )
        yield Diagnostic(
            severity=severity, code="account-unusable", message=message, hint=hint, source=specs[alias].source
        )
