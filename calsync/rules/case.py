"""A post as the rules meet it, the limits that apply to it, and how a rule reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from calsync.errors import Diagnostic, Severity, Source
from calsync.model import AccountSpec, Entry, Limits, MediaFile, MediaKind

TRANSFER_GUIDE = "TikTok Content Posting API, media transfer guide"
DIRECT_POST = "TikTok Content Posting API, direct post reference"
PHOTO_POST = "TikTok Content Posting API, photo post reference"
INBOX_UPLOAD = "TikTok Content Posting API, video upload reference"
SHARING_GUIDELINES = "TikTok content sharing guidelines"

TIKTOK = Limits(
    name="TikTok",
    origin=TRANSFER_GUIDE,
    video_bytes=4 * 2**30,
    image_bytes=20 * 2**20,
    videos=frozenset({"video/mp4", "video/quicktime", "video/webm"}),
    images=frozenset({"image/jpeg", "image/webp"}),
)
"""TikTok's own limits: they bound every service, and stand in for a service that names none."""


class Terms(NamedTuple):
    """What an account and the versions of its service that could be meant say of all its posts.

    `takes_files`: some version does. `fixes`: content named by its id brings caption, title and options with it.
    `options`: those that every version can set; None: all. `video_bytes`, `image_bytes`: up to these nothing is said.
    """

    account: AccountSpec
    versions: tuple[Limits, ...]
    tiktok: bool
    takes_files: bool
    fixes: bool
    options: frozenset[str] | None
    video_bytes: int
    image_bytes: int

    @classmethod
    def of(cls, account: AccountSpec, limits: Iterable[Limits]) -> Terms:
        """Work out once what holds for every post of an account."""
        tiktok = account.platform == "tiktok"
        versions = tuple(limits) or ((TIKTOK,) if tiktok else ())
        named = [each.options for each in versions if each.options is not None]
        return cls(
            account=account,
            versions=versions,
            tiktok=tiktok,
            takes_files=not versions or any(each.by_id_only is None for each in versions),
            fixes=bool(versions)
            and all(each.one_schedule_per_asset or each.by_id_only is not None for each in versions),
            options=frozenset.intersection(*named) if named else None,
            video_bytes=min(each.video_bytes for each in (TIKTOK, *versions)),
            image_bytes=min(each.image_bytes for each in (TIKTOK, *versions)),
        )


class Case(NamedTuple):
    """An entry with its account and the versions of its service that could be meant (none: nothing is known).

    `kind` is None where the media is mixed, absent or only known by id. `fixed`: the post plays an upload that
    brings its own caption, title and options, so that only its time is ours. `uploads`: it shows files that
    some version of the service takes. `ours`: its text and options are ours, since no upload brings them, or
    would have to. `past`: long over.
    """

    entry: Entry
    account: AccountSpec
    versions: tuple[Limits, ...]
    files: tuple[tuple[int, MediaFile], ...]
    kind: MediaKind | None
    tiktok: bool
    by_id: bool
    fixed: bool
    uploads: bool
    ours: bool
    past: bool
    terms: Terms

    @classmethod
    def of(cls, entry: Entry, terms: Terms, *, past: bool = False) -> Case:
        """Work out once what every rule asks."""
        files = tuple([(index, each) for index, each in enumerate(entry.media) if type(each) is MediaFile])
        by_id = len(files) < len(entry.media)
        fixed = by_id and terms.fixes
        kind = files[0][1].kind if files and not by_id else None
        if len(files) > 1 and any(each.kind is not kind for _, each in files):
            kind = None
        return cls(
            entry,
            terms.account,
            terms.versions,
            files,
            kind,
            terms.tiktok,
            by_id,
            fixed,
            terms.takes_files and (bool(files) or any(entry.thread_media)),
            not fixed and (not files or terms.takes_files),
            past,
            terms,
        )

    @property
    def uploaded(self) -> Iterator[tuple[str, MediaFile]]:
        """Every file that goes up with it, by its place; that of a reply is `thread.0.media.1`."""
        yield from ((f"media.{index}", each) for index, each in self.files)
        for number, files in enumerate(self.entry.thread_media):
            yield from ((f"thread.{number}.media.{index}", each) for index, each in enumerate(files))

    @property
    def choices(self) -> bool:
        """Its options are TikTok's, as calsync knows them, and ours to set."""
        return self.tiktok and self.ours and not self.account.open_options

    @property
    def post(self) -> str:
        """The post without its account, so that one finding on several accounts reads the same."""
        return f"{self.entry.address.calendar}/{self.entry.address.post}"

    def place(self, name: str) -> Source:
        """Where a field stands, else what holds it (`media.1`, `media`), else the entry."""
        while name:
            if (place := self.entry.places.get(name)) is not None:
                return place
            name = name.rpartition(".")[0]
        return self.entry.source

    def say(
        self, severity: Severity, code: str, place: str, message: str, hint: str | None = None
    ) -> Diagnostic:
        """A finding about this post at the place of one of its fields."""
        return Diagnostic(
            severity=severity,
            code=code,
            message=message,
            hint=hint,
            source=self.place(place),
            address=str(self.entry.address),
        )

    def error(self, code: str, place: str, message: str, hint: str | None = None) -> Diagnostic:
        """A finding that stops the run."""
        return self.say(Severity.ERROR, code, place, message, hint)

    def warning(self, code: str, place: str, message: str, hint: str | None = None) -> Diagnostic:
        """A finding that a person should see before it is sent."""
        return self.say(Severity.WARNING, code, place, message, hint)


def judge(
    case: Case,
    code: str,
    place: str,
    measured: str,
    objection: Callable[[Limits], str | None],
    hint: str | None = None,
) -> Iterator[Diagnostic]:
    """Ask each version: an error where all object, a warning that names the others where only some do.

    `objection` says what a version has against it, with the limit and its origin, or None.
    """
    objections = {each.name: said for each in case.versions if (said := objection(each)) is not None}
    if not objections:
        return
    message = "; ".join(filter(None, (measured, *dict.fromkeys(objections.values()))))
    willing = [each.name for each in case.versions if each.name not in objections]
    if not willing:
        yield case.error(code, place, message, hint)
        return
    yield case.warning(
        code,
        place,
        f"{message}; {listed(willing)} would take it",
        hint or f"say which version it is: providers.{case.account.service}.api in calsync.yaml",
    )


def listed(names: Iterable[str], most: int | None = None) -> str:
    """`a`, `a and b`, `a, b and c`; with `most`, the first few `and 7 more`."""
    shown = list(names)
    if most is not None and len(shown) > most:
        shown[most:] = [f"{len(shown) - most} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def count_of(number: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
