"""Binding: from the aliases of the project file to the accounts that the services have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from calsync.errors import CalendarError, CalsyncError, Diagnostic, ProviderError, Severity
from calsync.model import Account, AccountKey, AccountSpec, Desired, Entry, Post, comparable
from calsync.providers.base import Provider, RemoteAccount
from calsync.textfile import shown

_MOST = 12
"""Names in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Entries bound to accounts.

    `unreadable`: services whose accounts could not be read, with the reason: their entries are left out.
    `unusable`: why nothing can be posted to an account now; `missing`: those of them that the service does not have.
    """

    desired: Desired
    unreadable: Mapping[str, str]
    unusable: Mapping[AccountKey, str]
    missing: frozenset[AccountKey] = frozenset()


def bind(
    entries: Iterable[Entry], specs: Mapping[str, AccountSpec], providers: Mapping[str, Provider]
) -> Bound:
    """Bind every entry to its remote account, content in the provider's normal form.

    Raises CalendarError when two aliases mean one account, CalsyncError for a name that the service does not have,
    and for a workspace that has to be named.
    """
    accounts: dict[str, Account] = {}
    unreadable: dict[str, str] = {}
    unusable: dict[AccountKey, str] = {}
    missing: set[AccountKey] = set()
    listed: dict[str, Sequence[RemoteAccount]] = {}
    entries = list(entries)
    for alias in sorted({entry.address.account for entry in entries}):
        spec = specs[alias]
        provider = providers.get(spec.service)
        if provider is None or spec.service in unreadable:
            continue
        try:
            account, remote = _account(spec, provider, listed)
        except ProviderError as error:
            unreadable[spec.service] = error.words
            continue
        accounts[alias] = account
        if remote is not None and remote.unusable is not None:
            unusable[account.key] = remote.unusable
        if remote is None and provider.capabilities.knows_channel:
            missing.add(account.key)
            unusable[account.key] = f"{spec.service} has no account {account.key.id}"
    _distinct(accounts, specs)
    posts = [
        Post(
            entry=entry,
            account=accounts[entry.address.account],
            content=providers[accounts[entry.address.account].key.service].normalize(
                entry.content, accounts[entry.address.account].platform
            ),
        )
        for entry in entries
        if entry.address.account in accounts and accounts[entry.address.account].key.service not in unreadable
    ]
    bound = {post.address for post in posts}
    return Bound(
        desired=Desired(
            posts=tuple(sorted(posts, key=lambda post: post.address)),
            unbound=frozenset(entry.address for entry in entries if entry.address not in bound),
        ),
        unreadable=unreadable,
        unusable=unusable,
        missing=frozenset(missing),
    )


def _account(
    spec: AccountSpec, provider: Provider, listed: dict[str, Sequence[RemoteAccount]]
) -> tuple[Account, RemoteAccount | None]:
    """The account of an alias, and how the service lists it: None where it does not, or was not asked."""
    workspace = spec.workspace
    if workspace is None and provider.capabilities.workspaces:
        workspace = provider.workspace()
    known = Account(
        alias=spec.alias,
        key=AccountKey(spec.service, spec.id or ""),
        platform=spec.platform,
        workspace=workspace,
        username=spec.username,
    )
    if spec.id is not None and not provider.capabilities.knows_channel:
        return known, None
    if spec.service not in listed:
        listed[spec.service] = provider.accounts()
    found = [
        each
        for each in listed[spec.service]
        if means(spec, each) and (workspace is None or each.workspace in (None, workspace))
    ]
    where = f"{spec.source}: " if spec.source is not None else ""
    called = spec.username or spec.name or spec.id
    if len(found) == 1:
        if spec.platform and found[0].platform != spec.platform:
            raise CalsyncError(
                f"{where}account {spec.alias}: {called} is no {spec.platform} account at {spec.service}",
                hint=f"write platform: {shown(found[0].platform)}",
                code="account-unknown",
            )
        bound = replace(
            known,
            key=AccountKey(spec.service, found[0].id),
            platform=found[0].platform,
            workspace=workspace or found[0].workspace,
        )
        return bound, found[0]
    if found:
        ids = ", ".join(shown(each.id) for each in found[:_MOST])
        raise CalsyncError(
            f"{where}account {spec.alias}: {spec.service} has several accounts {called} ({ids})",
            hint="name the one you mean by `id:`",
            code="account-ambiguous",
        )
    if spec.id is not None:
        return known, None
    theirs = [each for each in listed[spec.service] if each.platform == spec.platform]
    if not theirs:
        networks = _listed({each.platform for each in listed[spec.service]})
        raise CalsyncError(
            f"{where}account {spec.alias}: {spec.service} has no {spec.platform} accounts; those that it has are on {networks}",
            hint="correct `platform:`, or connect the account at the service; `calsync accounts` lists them",
            code="account-unknown",
        )
    key = "username" if spec.username is not None else "name"
    names = _listed({(each.username if key == "username" else each.name) or each.id for each in theirs})
    raise CalsyncError(
        f"{where}account {spec.alias}: {spec.service} has no {spec.platform} account {called}; it has {names}",
        hint=f"correct `{key}:`, or connect the account at the service; `calsync accounts` lists them",
        code="account-unknown",
    )


def _listed(words: set[str]) -> str:
    """A service's words, of which there may be many and any."""
    named = [shown(each) for each in sorted(words)[:_MOST]]
    more = len(words) - len(named)
    return ", ".join([*named, *([f"{more} more"] if more else [])]) or "none"


def means(spec: AccountSpec, account: RemoteAccount) -> bool:
    """Whether the project file means this account of the service: by its id, else by network, handle and name."""
    if spec.id is not None:
        return spec.id == account.id
    return (
        spec.platform == account.platform
        and (spec.username is None or handle(spec.username) == handle(account.username))
        and (
            spec.name is None
            or comparable(spec.name).casefold() == comparable(account.name).strip().casefold()
        )
    )


def handle(username: str | None) -> str:
    """A username as it is compared: without `@`, in one case."""
    return (username or "").removeprefix("@").casefold()


def _distinct(accounts: Mapping[str, Account], specs: Mapping[str, AccountSpec]) -> None:
    by_key: dict[AccountKey, list[str]] = defaultdict(list)
    for alias, account in accounts.items():
        by_key[account.key].append(alias)
    doubled = [
        Diagnostic(
            severity=Severity.ERROR,
            code="same-account",
            message=f"{' and '.join(sorted(aliases))} are the same account {key.id} at {key.service}",
            hint="keep one alias; a rename of an alias keeps its posts",
            source=specs[max(aliases)].source,
        )
        for key, aliases in by_key.items()
        if len(aliases) > 1
    ]
    if doubled:
        raise CalendarError(doubled)
