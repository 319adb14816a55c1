"""Binding: from the aliases of the project file to the accounts that the services have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from calsync.errors import CalendarError, CalsyncError, Diagnostic, ProviderError, Severity
from calsync.model import Account, AccountKey, AccountSpec, Desired, Entry, Post
from calsync.providers.base import Provider, RemoteAccount


def bind(
    entries: Iterable[Entry], specs: Mapping[str, AccountSpec], providers: Mapping[str, Provider]
) -> tuple[Desired, dict[str, str]]:
    """Bind every entry to its remote account, content in the provider's normal form.

    Returns the desired state and the services whose accounts could not be read, with the reason: their entries
    are left out. Raises CalendarError when two aliases mean one account, CalsyncError for a username that the
    service does not have, and for a workspace that has to be named.
    """
    accounts: dict[str, Account] = {}
    unreadable: dict[str, str] = {}
    listed: dict[str, Sequence[RemoteAccount]] = {}
    entries = list(entries)
    for alias in sorted({entry.address.account for entry in entries}):
        spec = specs[alias]
        provider = providers.get(spec.service)
        if provider is None or spec.service in unreadable:
            continue
        try:
            accounts[alias] = _account(spec, provider, listed)
        except ProviderError as error:
            unreadable[spec.service] = error.message
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
    desired = Desired(
        posts=tuple(sorted(posts, key=lambda post: post.address)),
        unbound=frozenset(entry.address for entry in entries if entry.address not in bound),
    )
    return desired, unreadable


def _account(spec: AccountSpec, provider: Provider, listed: dict[str, Sequence[RemoteAccount]]) -> Account:
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
    if spec.id is not None:
        return known
    if spec.service not in listed:
        listed[spec.service] = provider.accounts()
    found = [
        each
        for each in listed[spec.service]
        if each.platform == spec.platform
        and handle(each.username) == handle(spec.username)
        and (workspace is None or each.workspace in (None, workspace))
    ]
    where = f"{spec.source}: " if spec.source is not None else ""
    if len(found) == 1:
        return replace(
            known,
            key=AccountKey(spec.service, found[0].id),
            workspace=workspace or found[0].workspace,
        )
    if found:
        ids = ", ".join(each.id for each in found)
        raise CalsyncError(
            f"{where}account {spec.alias}: {spec.service} has several accounts {spec.username} ({ids})",
            hint="name the one you mean by `id:`",
            code="account-ambiguous",
        )
    names = ", ".join(sorted(each.username or each.id for each in listed[spec.service])) or "none"
    raise CalsyncError(
        f"{where}account {spec.alias}: {spec.service} has no {spec.platform} account {spec.username}; it has {names}",
        hint="correct `username:`, or connect the account at the service; `calsync accounts` lists them",
        code="account-unknown",
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
