"""The accounts of the project file: which alias means which account of which service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from calsync.document import Map
from calsync.errors import Severity, Source
from calsync.fields import ALIAS, found, suggestion
from calsync.model import AccountSpec
from calsync.options import PLATFORMS
from calsync.schema import OPEN, AccountItem
from calsync.textfile import shown

Note = Callable[[Severity, str, int, str, "str | None"], None]
"""Takes a finding: severity, code, place, message, hint."""

_SERVICE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SAME_NETWORK = {"twitter": "x"}
"""Networks that services call by several names."""


def read_accounts(
    written: Map | None,
    items: Mapping[str, AccountItem],
    workspaces: Mapping[str, str | None],
    note: Note,
    source: Callable[[int], Source],
) -> tuple[dict[str, AccountSpec], set[str]]:
    """The accounts by alias, and the aliases of which not all could be read. `workspaces`: the services' defaults."""
    accounts: dict[str, AccountSpec] = {}
    half_known: set[str] = set()

    def report(code: str, at: int, message: str, hint: str | None = None) -> None:
        note(Severity.ERROR, code, at, message, hint)

    for alias, item in items.items():
        assert written is not None
        at, node = written.key_at[alias], written[alias]
        assert isinstance(node, Map)
        if not ALIAS.fullmatch(alias):
            hint = "1 to 64 letters, digits, '.', '_' and '-', starting with a letter or digit"
            report("bad-id", at, f"{shown(alias)!r} cannot be used as an alias", hint)
        provider = item.provider
        if provider is None and "provider" not in node.spoiled:
            hint = "such as provider: postqued"
            report("missing-key", at, f"account {shown(alias)} names no provider", hint)
        elif provider is not None and not _SERVICE.fullmatch(provider):
            report("bad-value", node.place("provider"), f"{shown(provider)} is no provider's name")
        named = (item.id, item.username, item.name)
        if named == (None, None, None) and not node.spoiled & {"id", "username", "name"}:
            hint = 'such as username: "@brand"; `calsync accounts` lists them'
            report("missing-key", at, f"account {shown(alias)} has neither username, name nor id", hint)
        if provider is None:
            continue
        platform = _platform(item, node, at, alias, report)
        if node.spoiled:
            half_known.add(alias)
        accounts[alias] = AccountSpec(
            alias=alias,
            service=provider,
            platform=platform,
            id=item.id,
            username=item.username,
            name=item.name,
            workspace=item.workspace or workspaces.get(provider),
            paused=bool(item.paused),
            source=source(at),
            open_options=provider in OPEN,
        )
    _same_account(
        accounts.values(), {alias: written.key_at[alias] for alias in accounts} if written else {}, note
    )
    return accounts, half_known


def _platform(
    item: AccountItem, node: Map, at: int, alias: str, report: Callable[[str, int, str, str | None], None]
) -> str:
    """The network: of our own list, or, where the service's networks are not ours to know, as the service spells it."""
    platform = item.platform
    if item.provider in OPEN:
        if platform is None and item.id is None and not node.spoiled & {"platform", "id"}:
            hint = f"such as platform: mastodon, as {item.provider} spells it; `calsync accounts` lists them"
            report("missing-key", at, f"account {shown(alias)} names no platform", hint)
        return _SAME_NETWORK.get(platform, platform) if platform is not None else ""
    if platform is not None and platform not in PLATFORMS:
        words = tuple(PLATFORMS)
        report(
            "bad-value",
            node.place("platform"),
            f"expected {', '.join(words[:-1])} or {words[-1]}, found {found(platform)}",
            suggestion(platform, words),
        )
        node.spoil("platform")
        return "tiktok"
    return platform or "tiktok"


def _same_account(specs: Iterable[AccountSpec], places: Mapping[str, int], note: Note) -> None:
    """Two aliases of one account are an error; one handle through two services is a warning."""
    seen: dict[tuple[str, ...], AccountSpec] = {}
    handles: dict[tuple[str, str], AccountSpec] = {}
    for spec in specs:
        handle = spec.username.removeprefix("@").casefold() if spec.username else None
        keys: list[tuple[str, ...]] = [("id", spec.service, spec.id)] if spec.id else []
        if handle or spec.name:
            keys.append(("name", spec.service, spec.platform, handle or "", (spec.name or "").casefold()))
        first = next((seen[key] for key in keys if key in seen), None)
        if first is not None:
            message = f"{spec.alias} and {first.alias} are the same account at {spec.service}"
            hint = "one alias per account: remove one"
            note(Severity.ERROR, "same-account", places[spec.alias], message, hint)
        seen.update({key: spec for key in keys if key not in seen})
        if handle and spec.platform:
            other = handles.setdefault((_SAME_NETWORK.get(spec.platform, spec.platform), handle), spec)
            if other.service != spec.service:
                message = f"{spec.alias} and {other.alias} are @{shown(handle)} through two services"
                hint = "one post on both goes out twice"
                note(Severity.WARNING, "same-handle", places[spec.alias], message, hint)
