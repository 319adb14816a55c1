"""One calendar file -> its entries: the posts one by one, each on its accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from calsync.building import NO_ACCOUNT, PostBuilder, over_defaults
from calsync.document import HOLE, Document, Map
from calsync.errors import Diagnostic, Severity
from calsync.fields import IDENTIFIER, found, suggestion
from calsync.merging import NOTHING, Level, Merged, item_place, nearest
from calsync.model import AccountSpec, Entry, MediaFile
from calsync.reading import NO_OPTIONS, OptionValues, read, read_open_options, read_options
from calsync.schema import CalendarFile, Defaults, PostItem
from calsync.settings import Settings
from calsync.textfile import shown

Inspect: TypeAlias = Callable[[Path, str], MediaFile]
"""The facts of a media file, by the folder of the file that names it and the name. Raises MediaProblem."""


MAX_FINDINGS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all calendars of a project are read with."""

    settings: Settings
    look: Inspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Former names of one post on one account. `own`: the post itself names them, not its calendar."""

    calendar: str | None
    post: str
    account: str
    names: tuple[tuple[str, str], ...]
    own: bool
    at: int


@dataclass(slots=True)
class _Finding:
    """A problem of one place, with the addresses it was met for."""

    severity: Severity
    code: str
    at: int
    message: str
    hint: str | None
    addresses: set[str] = field(default_factory=set)


class CalendarReader:
    """Reads one document. Afterwards: `name`, `ids`, `entries`, `former`, `claims`, `errors` (how many) and `findings()`."""

    def __init__(self, document: Document, path: Path, shared: Shared) -> None:
        self.document = document
        self.path = path
        self.folder = path.parent
        self.shared = shared
        self.settings = shared.settings
        self.name: str | None = None
        self.name_at = 0
        self.ids: dict[str, int] = {}
        self.entries: list[Entry] = []
        self.former: list[tuple[str, int]] = []
        self.claims: list[Claim] = []
        self._findings: dict[tuple[object, ...], _Finding] = {}
        self.errors = 0
        self._address: str | None = None
        self._dropped: dict[tuple[int, str, str], list[str]] = {}
        self._options: dict[tuple[int, str], OptionValues] = {}
        self._grounds: dict[str, Merged] = {}
        accounts = self.settings.accounts.values()
        self._platforms = {spec.platform for spec in accounts if not spec.open_options}
        self._strangers = any(spec.open_options for spec in accounts)
        self.zone: str | None = None
        self.held = False
        self._defaults: tuple[Map, Defaults] | None = None

    def report(self, code: str, at: int, message: str, hint: str | None = None) -> None:
        """Note an error of this file; the same one met for several accounts counts once."""
        self._note(Severity.ERROR, code, at, message, hint)

    def warn(self, code: str, at: int, message: str, hint: str | None = None) -> None:
        """Note a warning of this file."""
        self._note(Severity.WARNING, code, at, message, hint)

    def _note(self, severity: Severity, code: str, at: int, message: str, hint: str | None) -> None:
        key = (severity, code, at, message)
        self.errors += severity is Severity.ERROR and key not in self._findings
        finding = self._findings.setdefault(key, _Finding(severity, code, at, message, hint))
        finding.addresses.add(self._address or "")

    def claim(
        self, post: str, account: str, names: tuple[tuple[str, str], ...], at: int, *, own: bool
    ) -> None:
        """Note former names, to be compared with those of the other calendars."""
        self.claims.append(Claim(calendar=self.name, post=post, account=account, names=names, own=own, at=at))

    def dropped(self, name: str, at: int, why: str, post: str) -> None:
        """Note an option of the defaults that a post goes without."""
        posts = self._dropped.setdefault((at, name, why), [])
        if post not in posts[-1:]:
            posts.append(post)

    def findings(self) -> list[Diagnostic]:
        """What was found, one diagnostic per problem."""
        for (at, name, why), posts in self._dropped.items():
            named = ", ".join(posts[:3]) + (f" and {len(posts) - 3} more" if len(posts) > 3 else "")
            message = f"{shown(name)} from the defaults is dropped for {named}: {why}"
            self._note(Severity.NOTE, "option-dropped", at, message, None)
        found = sorted(
            (self._diagnostic(each) for each in self._findings.values()), key=lambda each: each.order
        )
        hidden = found[MAX_FINDINGS:]
        if hidden:
            wrong = any(each.severity is Severity.ERROR for each in hidden)
            summary = Diagnostic(
                severity=Severity.ERROR if wrong else Severity.WARNING,
                code="too-many",
                message=f"{len(hidden):,} more findings in this file are not shown",
                source=hidden[0].source,
            )
            found[MAX_FINDINGS:] = [summary]
        return found

    def _diagnostic(self, each: _Finding) -> Diagnostic:
        return Diagnostic(
            severity=each.severity,
            code=each.code,
            message=each.message,
            hint=each.hint,
            source=self.document.source(each.at),
            address=next(iter(each.addresses)) or None if len(each.addresses) == 1 else None,
        )

    def read(self) -> None:
        """Read the whole file."""
        root = self.document.root
        if root is None:
            self._name_from_stem()
            return
        if not isinstance(root, Map):
            self.report("wrong-type", 0, f"a calendar is a mapping (KEY: VALUE lines), found {found(root)}")
            return
        file = read(CalendarFile, root, self.report)
        self.name_at = root.place("calendar")
        if file.calendar is not None:
            self.name = file.calendar
        elif "calendar" not in root.spoiled:
            self._name_from_stem()
        self.held = bool(file.cancel)
        self.zone = None if "timezone" in root.spoiled else file.timezone or self.settings.timezone
        if file.previously:
            self.former = [
                (each, item_place(root, "previously", i)) for i, each in enumerate(file.previously)
            ]
        node = root.get("defaults")
        if isinstance(node, Map) and file.defaults is not None:
            self._defaults = (node, file.defaults)
            self._check_defaults(node, file.defaults)
        if "posts" not in root.key_at:
            self.report("missing-key", root.at, "a calendar needs posts", "an empty calendar is posts: []")
        for item, at in zip(
            file.posts or (), file.posts.item_at if file.posts is not None else (), strict=True
        ):
            if self.errors >= MAX_FINDINGS:
                message = f"more than {MAX_FINDINGS:,} errors in this file; the rest is not looked at"
                self.report("too-many", at, message)
                break
            if isinstance(item, Map):
                self._post(item, at)
            elif item is not HOLE:
                self.report("wrong-type", at, f"a post is a mapping (KEY: VALUE lines), found {found(item)}")

    def let_go(self) -> None:
        """Drop the document: what the next file needs fits where this one was."""
        self.document = replace(self.document, root=None)
        self._options.clear()
        self._grounds.clear()
        self._defaults = None

    def _name_from_stem(self) -> None:
        stem = self.path.stem
        if IDENTIFIER.fullmatch(stem):
            self.name = stem
        elif self.document.root is not None:
            hint = "name it in the file: calendar: spring-launch"
            self.report(
                "bad-id", self.name_at, f"the file's name {shown(stem)!r} cannot be a calendar's name", hint
            )

    def _check_defaults(self, node: Map, defaults: Defaults) -> None:
        """The defaults' own mistakes, found even where no post uses them."""
        specs = [
            self._account(alias, item_place(node, "accounts", index))
            for index, alias in enumerate(defaults.accounts or ())
        ]
        named = [spec for spec in specs if spec is not None] or self.settings.accounts.values()
        for account in sorted(named, key=lambda spec: spec.platform):
            self.read_options(node, account, own=False)
        overrides = node.get("overrides")
        if not isinstance(overrides, Map):
            return
        for alias, each in overrides.items():
            spec = self._account(alias, overrides.key_at[alias])
            if spec is not None and isinstance(each, Map):
                self.read_options(each, spec, own=False)

    def _account(self, alias: str, at: int) -> AccountSpec | None:
        """The account of an alias; None, reported, where the project has none of that name."""
        spec = self.settings.accounts.get(alias)
        if spec is None:
            known = sorted(self.settings.accounts)
            hint = suggestion(alias, known) or (
                f"{self.settings.file} has: {', '.join(known)}" if known else None
            )
            message = f"{self.settings.file} has no account {shown(alias)}"
            self.report("unknown-account", at, message, hint)
        return spec

    def read_options(self, node: Map, account: AccountSpec, *, own: bool) -> OptionValues:
        """The options of a level, typed once per platform; as written where only the service knows their types.

        Those of the project's other platforms may stand there too, and in the defaults also what no platform
        knows, where the project has accounts on networks that only a service knows.
        """
        options = node.get("options")
        if not isinstance(options, Map):
            return NO_OPTIONS
        platform = account.platform
        key = (id(options), "" if account.open_options else platform)
        if key not in self._options:
            others = sorted(self._platforms - {platform})
            self._options[key] = (
                read_open_options(options, self.report)
                if account.open_options
                else read_options(
                    options, platform, others, self.report, strangers=self._strangers and not own
                )
            )
        return self._options[key]

    def ground(self, defaults: Level | None, account: AccountSpec) -> Merged:
        """What the defaults say for an account, put together once."""
        if defaults is None:
            return NOTHING
        known = self._grounds.get(account.alias)
        if known is None:
            known = self._grounds[account.alias] = over_defaults(self, defaults, account)
        return known

    def _post(self, node: Map, at: int) -> None:
        """Read one entry of the list, on each of its accounts."""
        item = read(PostItem, node, self.report)
        post = item.id
        if post is None and "id" not in node.key_at:
            self.report(
                "missing-key", at, "this post has no id", "such as id: teaser; it names the post for good"
            )
        elif post is not None:
            first = self.ids.setdefault(post, node.place("id"))
            if first != node.place("id"):
                message = f"the id {post} is used twice; first on line {self.document.source(first).line}"
                self.report(
                    "duplicate-id", node.place("id"), message, "every post of a calendar has its own id"
                )
                post = None
        own = Level(node, item, own=True)
        defaults = None if self._defaults is None else Level(*self._defaults, own=False)
        accounts = nearest((own,) if defaults is None else (own, defaults), "accounts")
        if accounts is None:
            hint = "such as accounts: [brand], here or under defaults:"
            self.report("missing-key", at, f"{post or 'this post'} has no accounts", hint)
        aliases: tuple[str, ...] = (accounts.value if accounts else None) or ()
        self._check_overrides(node, item, aliases, known=accounts is not None and accounts.value is not None)
        specs: list[AccountSpec] = []
        for index, alias in enumerate(aliases):
            assert accounts is not None
            spec = self._account(alias, item_place(accounts.level.node, "accounts", index))
            if spec is not None:
                specs.append(spec)
        for spec in specs or [NO_ACCOUNT]:
            known = self.name and post and spec is not NO_ACCOUNT
            self._address = f"{self.name}/{post}@{spec.alias}" if known else None
            entry = PostBuilder(self, own, defaults, spec, post, at).entry(accounts)
            self._address = None
            if entry is not None:
                self.entries.append(entry)

    def _check_overrides(self, node: Map, item: PostItem, aliases: tuple[str, ...], *, known: bool) -> None:
        """Overrides are for accounts that the post is on."""
        overrides = node.get("overrides")
        if not isinstance(overrides, Map) or item.overrides is None:
            return
        for alias in item.overrides:
            at = overrides.key_at[alias]
            if self._account(alias, at) is not None and known and alias not in aliases:
                hint = f"it is on {', '.join(aliases)}: {suggestion(alias, aliases) or 'add it to accounts, or drop this'}"
                self.report("not-on-account", at, f"this post is not on {alias}", hint)
