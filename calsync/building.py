"""One post on one account -> its Entry, every field from the level that is nearest.

Each field is built on its own, so that one run shows what is wrong with all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from calsync import zones
from calsync.document import Map
from calsync.media import MediaProblem, resolve
from calsync.merging import NOTHING, Found, Level, Merged, Places, item_place, nearest
from calsync.model import (
    AccountSpec,
    Address,
    Content,
    Entry,
    Intent,
    Json,
    Media,
    MediaFile,
    MediaKind,
    MediaRef,
    Options,
    RemoteMedia,
    Reply,
    Standing,
)
from calsync.options import PHOTO_ONLY, VIDEO_ONLY
from calsync.replies import Said
from calsync.schema import Defaults, PostItem
from calsync.textfile import UnreadableFile, decode, read_limited, shown

if TYPE_CHECKING:
    from calsync.entries import CalendarReader

CAPTION_BYTES = 256 * 1024

_NONE: frozenset[str] = frozenset()

NO_ACCOUNT = AccountSpec(alias="", service="")
"""Stands in where a post has no account, so that its other mistakes are found all the same."""


class PostBuilder:
    """Builds the entry of one post on one account; `broken` once something is wrong, which is reported."""

    def __init__(
        self,
        calendar: CalendarReader,
        own: Level,
        defaults: Level | None,
        account: AccountSpec,
        post: str | None,
        at: int,
    ) -> None:
        self.calendar = calendar
        self.own = own
        self.account = account
        self.post = post
        self.at = at
        self.broken = False
        self.standing = Standing.WANTED
        self.places: dict[str, int] = {}
        self.merged = calendar.ground(defaults, account)
        for level in _levels(own, account.alias):
            self.merged = self.merged.over(level, calendar.read_options(level.node, account, own=True))

    def entry(self, accounts: Found | None) -> Entry | None:
        """The entry; None where something is wrong."""
        self.standing = self._standing()
        zone = self._zone()
        at = self._moment(zone)
        caption = self._caption()
        media = self._media()
        thread, thread_media = self._thread()
        options = self._options(media)
        title = self._text("title")
        intent = self._plain("intent")
        self._require(caption)
        self._privacy(options)
        names = self._former()
        calendar = self.calendar.name
        if self.broken or at is None or calendar is None or self.post is None:
            return None
        if accounts is None or self.account is NO_ACCOUNT:
            return None
        merged, file, written = self.merged, self.calendar.document.file, Options(options)
        return Entry(
            address=Address(calendar, self.post, self.account.alias),
            content=Content(
                at=at,
                caption=caption or "",
                title=title or "",
                media=tuple([MediaRef.of(each) for each in media or ()]),
                intent=Intent(intent) if isinstance(intent, str) else Intent.PUBLISH,
                options=written,
                thread=thread,
            ),
            media=media or (),
            thread_media=thread_media,
            zone=zone or "UTC",
            source=self.calendar.document.source(self.at),
            standing=self.standing,
            previously=names,
            places=Places(
                file,
                tuple([level.node.value_at for level in merged.levels]),
                merged.option_at,
                written,
                self.places,
            ),
            inherited=frozenset(options.keys() - merged.own) if self.account.open_options else _NONE,
        )

    def _wrong(self, code: str, at: int, message: str, hint: str | None = None) -> None:
        self.broken = True
        self.calendar.report(code, at, message, hint)

    def _astray(self, code: str, at: int, message: str, hint: str | None) -> None:
        """A file that cannot be used. Of a post that is not wanted it is a warning: a stop must not wait for it."""
        if self.standing is Standing.WANTED:
            self._wrong(code, at, message, hint)
        else:
            self.calendar.warn(code, at, message, hint)

    def _standing(self) -> Standing:
        """Whether the post is wanted; a cancel outweighs a pause, and the calendar's outweighs the post's."""
        cancel = self._plain("cancel")
        if self.calendar.held or cancel:
            return Standing.CANCELED
        return Standing.PAUSED if self.account.paused else Standing.WANTED

    def _nearest(self, name: str) -> Found | None:
        """The nearest field; one that was reported already breaks this entry without another word."""
        level = self.merged.fields.get(name)
        if level is None:
            return None
        value = getattr(level.fields, name)
        if value is None:
            self.broken = True
        return Found(name, value, level)

    def _plain(self, name: str) -> object:
        found = self._nearest(name)
        return None if found is None else found.value

    def _zone(self) -> str | None:
        found = self._nearest("timezone")
        if found is None:
            return self.calendar.zone
        return str(found.value) if found.value is not None else None

    def _moment(self, zone: str | None) -> datetime | None:
        found = self._nearest("at")
        if found is None:
            hint = "such as at: 2031-03-15 14:00"
            self._wrong("missing-key", self.at, f"{self.post or 'this post'} has no at", hint)
            return None
        if found.value is None or zone is None:
            self.broken = True
            return None
        try:
            return zones.to_utc(found.value, zones.load_zone(zone))
        except zones.BadTime as problem:
            self._wrong(problem.code, found.at, problem.message, problem.hint)
            return None

    def _text(self, name: str) -> str | None:
        """The caption or title as written, line breaks as LF, without trailing space."""
        found = self._nearest(name)
        if found is None or found.value is None:
            return None
        return tidy(str(found.value))

    def _caption(self) -> str | None:
        """The caption, from the calendar or from its own file: one field."""
        inside, apart = self.merged.fields.get("caption"), self.merged.fields.get("caption_file")
        levels = self.merged.levels
        if apart is None or (inside is not None and levels.index(inside) <= levels.index(apart)):
            found = self._nearest("caption")
        else:
            found = self._nearest("caption_file")
            self.places["caption"] = apart.node.place("caption_file")
        if found is None:
            return None
        level = found.level
        if level.has("caption") and level.has("caption_file"):
            at = level.node.place("caption_file")
            self._wrong("caption-twice", at, "caption and caption_file are one field", "keep one of them")
            return None
        if found.value is None:
            return None
        if found.name == "caption":
            return tidy(str(found.value))
        return self._caption_file(str(found.value), found.at)

    def _caption_file(self, name: str, at: int) -> str | None:
        try:
            root = self.calendar.settings.root
            path = resolve(self.calendar.folder, name, root)
            text = decode(read_limited(path, CAPTION_BYTES, root=root, what="caption file"), strict=False)
        except MediaProblem as problem:
            code = problem.code.replace("media-", "caption-file-")
            self._astray(code, at, f"caption_file: {problem.message}", problem.hint)
            return None
        except UnreadableFile as problem:
            where = (
                ""
                if problem.code in ("unreadable", "too-large")
                else f", line {problem.line}, column {problem.column}"
            )
            self._astray(problem.code, at, f"{shown(name)}{where}: {problem.message}", problem.hint)
            return None
        return tidy(text)

    def _media(self) -> tuple[Media, ...] | None:
        """The media, each file looked into; None where there is none or something is wrong with it."""
        found = self._nearest("media")
        if found is None or found.value is None:
            return None
        if isinstance(found.value, RemoteMedia):
            return (found.value,)
        node = found.level.node
        at = [item_place(node, "media", index) for index in range(len(found.value))]
        files = self._files("media", found.value, at)
        return None if len(files) != len(found.value) else files

    def _files(self, field: str, names: Sequence[str], at: Sequence[int]) -> tuple[MediaFile, ...]:
        """The files of these names, without those that something is wrong with."""
        files: list[MediaFile] = []
        for index, (name, place) in enumerate(zip(names, at, strict=True)):
            self.places[f"{field}.{index}"] = place
            try:
                files.append(self.calendar.shared.look(self.calendar.folder, name))
            except MediaProblem as problem:
                self._astray(problem.code, place, problem.message, problem.hint)
        return tuple(files)

    def _thread(self) -> tuple[tuple[Reply, ...], tuple[tuple[MediaFile, ...], ...]]:
        """The posts below this one, from the nearest level that says anything of them, and the files of each."""
        found = self._nearest("thread")
        if found is None:
            return (), ()
        said: tuple[Said, ...] = found.value or ()
        replies: list[Reply] = []
        shown: list[tuple[MediaFile, ...]] = []
        for number, each in enumerate(said):
            self.places[f"thread.{number}"] = each.at
            files = self._files(f"thread.{number}.media", each.media, each.media_at)
            replies.append(Reply(tidy(each.text), tuple(map(MediaRef.of, files))))
            shown.append(files)
        return tuple(replies), tuple(shown)

    def _options(self, media: tuple[Media, ...] | None) -> dict[str, Json]:
        """The options merged, those from the defaults that do not fit left out."""
        merged, platform = self.merged, self.account.platform
        if merged.spoiled:
            self.broken = True
        for name, at, own in merged.unfit:
            self._unfit(name, at, f"{platform} has no such option", own=own)
        options = merged.options
        first_file = next((each for each in media or () if isinstance(each, MediaFile)), None)
        if platform == "tiktok" and not self.account.open_options and first_file is not None:
            video = first_file.kind is MediaKind.VIDEO
            misplaced = options.keys() & (PHOTO_ONLY if video else VIDEO_ONLY)
            if misplaced:
                options = {name: value for name, value in options.items() if name not in misplaced}
            for name in sorted(misplaced):
                at = next(each[name] for each in merged.option_at if name in each)
                what = "a video" if video else "photos"
                self._unfit(name, at, f"it does not apply to {what}", own=name in merged.own)
        return options

    def _unfit(self, name: str, at: int, why: str, *, own: bool) -> None:
        """An option that does not fit: the post's own is an error, one from the defaults is dropped."""
        if own:
            self._wrong(
                "option-unfit", at, f"{shown(name)}: {why}", "take it out here, or set it under overrides:"
            )
        elif self.post is not None:
            self.calendar.dropped(name, at, why, self.post)

    def _require(self, caption: str | None) -> None:
        """What a post must have: media on TikTok, elsewhere media or a caption."""
        if self.account is NO_ACCOUNT or "media" in self.merged.fields:
            return
        name = self.post or "this post"
        if self.account.platform == "tiktok":
            hint = "such as media: media/teaser.mp4; TikTok has no posts without"
            self._wrong("missing-key", self.at, f"{name} has no media", hint)
        elif not caption and not self.broken:
            self._wrong("missing-key", self.at, f"{name} has neither media nor a caption", "give one of them")

    def _privacy(self, options: dict[str, Json]) -> None:
        """The rule that asks who can see a TikTok post meets entries only: of a broken post it is told here."""
        if not self.broken or self.standing is not Standing.WANTED or self.account is NO_ACCOUNT:
            return
        media = self.merged.nearest("media")
        by_id = media is not None and isinstance(media.value, RemoteMedia)
        if (
            self.account.platform != "tiktok"
            or self.account.open_options
            or (by_id and self.account.service == "tikflow")
        ):
            return
        reported = any(
            "options" in level.node.spoiled
            or "privacy_level" in self.calendar.read_options(level.node, self.account, own=level.own).spoiled
            for level in self.merged.levels
        )
        if "privacy_level" not in options and not reported:
            hint = "options: {privacy_level: ...} on the post or in defaults"
            self._wrong(
                "privacy-missing", self.at, "no privacy_level; who sees a TikTok post has no default", hint
            )

    def _former(self) -> tuple[tuple[str, str], ...]:
        """Former (calendar, post) names: the post's own under this calendar, then under the calendar's former ones."""
        found = nearest((self.own,), "previously")
        calendar, post = self.calendar.name, self.post
        if calendar is None or post is None or self.account is NO_ACCOUNT:
            return ()
        if found is None and not self.calendar.former:
            return ()
        own: list[tuple[str, str]] = []
        elsewhere: list[tuple[str, str]] = []
        if found is not None:
            for former in found.value or ():
                head, slash, tail = former.rpartition("/")
                own.append((head, tail) if slash else (calendar, former))
                if not slash:
                    elsewhere.extend((name, former) for name, _ in self.calendar.former)
        inherited = [(name, post) for name, _ in self.calendar.former]
        if own:
            assert found is not None
            self.calendar.claim(post, self.account.alias, tuple(own), found.at, own=True)
        derived = tuple(inherited + elsewhere)
        if derived:
            self.calendar.claim(post, self.account.alias, derived, self.at, own=False)
        return tuple(dict.fromkeys([*own, *derived]))


def _levels(level: Level, alias: str) -> Iterator[Level]:
    """A level, and what it overrides for an account over it."""
    yield level
    node = level.node.get("overrides")
    if isinstance(node, Map) and isinstance(level.fields, (PostItem, Defaults)):
        fields, override = (level.fields.overrides or {}).get(alias), node.get(alias)
        if fields is not None and isinstance(override, Map):
            yield Level(override, fields, level.own)


def over_defaults(calendar: CalendarReader, defaults: Level, account: AccountSpec) -> Merged:
    """What the defaults say for an account."""
    merged = NOTHING
    for level in _levels(defaults, account.alias):
        merged = merged.over(level, calendar.read_options(level.node, account, own=False))
    return merged


def tidy(text: str) -> str:
    """Text with line breaks as LF and without trailing space."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.rstrip()
