"""Plans made by hand for the render tests: one that does everything, and small ones around a caption."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from calsync.errors import Diagnostic, Severity, Source
from calsync.model import (
    Account,
    AccountKey,
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
    Post,
    Record,
    RemoteId,
    RemoteMedia,
    Sighting,
    Status,
    comparable,
)
from calsync.plan.action import (
    Action,
    Adopt,
    Blocked,
    Cancel,
    Change,
    Create,
    Deferred,
    Filters,
    Forget,
    MediaUse,
    Move,
    Plan,
    Replace,
    Reschedule,
    Slot,
    Update,
)
from calsync.plan.changes import changes as differences
from calsync.plan.digest import digest, lines
from calsync.plan.planner import SUMMARY

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
BRAND = AccountKey("postqued", "660e8400-e29b-41d4-a716-446655440000")
SECOND = AccountKey("tikflow", "123e4567-e89b-12d3-a456-426614174000")
TEASER = "Something is coming.\n\nWe have been working on it all winter, and it is nearly here. #launch"


def at(day: int, hour: int = 13, minute: int = 0, month: int = 3, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def video(
    path: str = "calendars/media/teaser.mp4", size: int = 52_428_800, *, pointer: bool = False
) -> MediaFile:
    return MediaFile(
        path=path,
        sha256="9f" * 32,
        size=size,
        kind=MediaKind.VIDEO,
        mime="video/mp4",
        pointer=pointer,
        width=None if pointer else 1080,
        height=None if pointer else 1920,
        duration_ms=None if pointer else 12_480,
    )


def image(number: int) -> MediaFile:
    return MediaFile(
        path=f"calendars/media/{number}.jpg",
        sha256=f"{number:02}" * 32,
        size=180_000 + number,
        kind=MediaKind.IMAGE,
        mime="image/jpeg",
        width=1080,
        height=1350,
    )


def post(
    name: str,
    when: datetime,
    *,
    caption: str = "",
    media: tuple[Media, ...] = (),
    account: AccountKey = BRAND,
    alias: str = "brand",
    line: int = 9,
    intent: Intent = Intent.PUBLISH,
    options: dict[str, Json] | None = None,
) -> Post:
    address = Address("spring-launch", name, alias)
    content = Content(
        at=when,
        caption=caption,
        media=tuple(MediaRef.of(each) for each in media),
        intent=intent,
        options=Options(options),
    )
    entry = Entry(
        address=address,
        content=content,
        media=media,
        zone="Europe/Berlin",
        source=Source(file="calendars/spring.yaml", line=line, column=5),
    )
    return Post(entry=entry, account=Account(alias=alias, key=account), content=content)


def record(
    of: Post, remote: str = "pub_41", *, name: str | None = None, seen: Status = Status.SCHEDULED
) -> Record:
    address = of.address if name is None else Address("spring-launch", name, of.address.account)
    return Record(
        address=address,
        account=of.account.key,
        remote_id=RemoteId(remote),
        content=of.content,
        api="v1",
        seen=seen,
    )


def action(step: object, of: Post, reason: str, **details: object) -> Action:
    known: dict[str, object] = {"source": of.entry.source, "zone": of.entry.zone}
    return Action(
        step=step,  # type: ignore[arg-type]
        address=of.address,
        account=of.account.key,
        reason=reason,
        **(known | details),  # type: ignore[arg-type]
    )


def made(actions: tuple[Action, ...], diagnostics: tuple[Diagnostic, ...] = (), **details: object) -> Plan:
    summary = dict.fromkeys(SUMMARY, 0) | {"unchanged": 40, "unmanaged": 3, "past": 12}
    for each in actions:
        summary[each.kind.value] += 1
    covered = lines(actions)
    known: dict[str, object] = {
        "created_at": NOW,
        "lineage": "5b1e0c6a-0000-4000-8000-000000000000",
        "serial": 7,
        "refresh": "auto",
        "filters": Filters(),
        "summary": summary,
        "lines": covered,
        "digest": digest(covered),
    }
    return Plan(actions=actions, diagnostics=diagnostics, **(known | details))  # type: ignore[arg-type]


def create(caption: str, name: str = "teaser") -> Plan:
    """A plan that creates one post with this caption."""
    made_of = post(name, at(15), caption=caption, media=(video(),))
    changes = differences(None, made_of.content)
    uses = (MediaUse(video(), True),)
    step = action(Create(made_of), made_of, "new post", after=at(15), changes=changes, media=uses)
    return made((step,))


def edit(before: str, after: str) -> Plan:
    """A plan that changes one caption."""
    new = post("reveal", at(16), caption=after)
    old = post("reveal", at(16), caption=before)
    changes = (Change("caption", comparable(before) or None, comparable(after) or None),)
    step = Update(new, record(old))
    return made((action(step, new, "changed: caption", before=at(16), after=at(16), changes=changes),))


def everything() -> Plan:
    """Every kind of action, drift, ties, deferred places, findings with and without a place."""
    privacy: dict[str, Json] = {"privacy_level": "PUBLIC_TO_EVERYONE", "disable_duet": True}
    teaser = post("teaser", at(15), caption=TEASER, media=(video(),), options=privacy)
    carousel = post("looks", at(20, 16), caption="Six looks", media=tuple(map(image, range(1, 7))), line=52)
    draft = post(
        "draft", at(30, 7), caption="For the team", media=(video("calendars/media/cut.mp4", 980, pointer=True),),
        intent=Intent.DRAFT, line=61,
    )  # fmt: skip
    moved = post("reveal", at(16, 17, 30), line=17)
    edited = post(
        "final", at(1, 17, 30, year=2027), caption="See you in the shop on Friday!", line=25,
        options={"disable_duet": True, "privacy_level": "SELF_ONLY"},
    )  # fmt: skip
    swapped = post("behind", at(18), media=(image(7),), line=33)
    gone = post("old-teaser", at(9, 8), caption="An old promise that we will not keep, whatever it takes")
    adopted = post("hello", at(11), line=70)
    renamed = post("finale", at(12), line=75)
    over = post("winter", at(1, 8, month=2))
    blocked = post("city", at(14, 10), account=SECOND, alias="second", line=80)
    waiting = post("spare", at(28, 10), caption="Waits for its place", line=88)

    def said(severity: Severity, code: str, message: str, of: Post, hint: str | None = None) -> Diagnostic:
        return Diagnostic(
            severity=severity, code=code, message=message, hint=hint, source=of.entry.source, address=str(of.address)
        )  # fmt: skip

    by_hand = "tikflow v1 cannot change caption of a scheduled post, nor cancel it"
    no_place = "postqued has 50 places for scheduled posts and 50 are taken"
    actions = (
        action(Forget(record(over)), over, "not wanted any more, and published", before=at(1, 8, month=2), source=None),
        action(
            Move(record(renamed)), renamed, "renamed from spring-launch/final-cut@brand",
            previous_address=Address("spring-launch", "final-cut", "brand"), before=at(12), after=at(12),
        ),
        action(
            Adopt(adopted, Sighting(remote_id=RemoteId("pub_9"), account_id=BRAND.id, status=Status.SCHEDULED)),
            adopted, "postqued has this post already (pub_9); not visible there: disable_duet",
            before=at(11), after=at(11),
        ),
        action(Cancel(record(gone)), gone, "no longer in the calendar", before=at(9, 8), source=None, zone="UTC"),
        action(
            Reschedule(moved, record(moved)), moved, "changed by hand (at)", drift=True,
            before=at(16, 19), after=at(16, 17, 30),
        ),
        action(
            Update(edited, record(edited)), edited, "changed: caption, options.disable_duet", limits={"caption": 2200},
            before=at(1, 17, 30, year=2027), after=at(1, 17, 30, year=2027),
            changes=(
                Change("caption", "See you in the shop on Monday.", "See you in the shop on Friday!"),
                Change("options.disable_duet", False, True),
                Change("options.privacy_level", None, "SELF_ONLY"),
            ),
        ),
        action(Create(teaser), teaser, "new post", after=at(15), media=(MediaUse(video(), True),),
            changes=differences(None, teaser.content), limits={"caption": 2200},
        ),
        action(
            Replace(swapped, record(swapped)), swapped, "changed: at, media; postqued cannot edit it in place",
            before=at(18) - timedelta(days=1), after=at(18), previous_address=Address("spring-launch", "bts", "brand"),
            changes=(Change("media", ["sha256:" + "08" * 32], ["sha256:" + "07" * 32]),),
            media=(MediaUse(image(7), True),),
        ),
        action(Create(carousel), carousel, "failed, and given a new time", after=at(20, 16),
            changes=differences(None, carousel.content), limits={"caption": 4000, "title": 90},
            media=tuple(MediaUse(image(number), number > 2) for number in range(1, 7)),
            waits_for=(gone.address,),
        ),
        action(Create(draft), draft, "new post", after=at(30, 7),
            changes=differences(None, draft.content),
            media=(MediaUse(video("calendars/media/cut.mp4", 980, pointer=True), True),),
        ),
        action(
            Deferred(waiting), waiting, no_place, code="quota", after=at(28, 10),
            media=(MediaUse(RemoteMedia("550e8400-e29b-41d4-a716-446655440000"), False),),
        ),
        action(Blocked(), blocked, by_hand, code="by-hand", before=at(14, 10), after=at(14, 10)),
    )  # fmt: skip
    diagnostics = (
        said(Severity.ERROR, "by-hand", by_hand, blocked, "change post 7 in TikFlow's own app, or put the entry back"),
        said(Severity.NOTE, "deferred", f"no place for this post yet: {no_place}", waiting, "a later apply has it"),
        said(Severity.WARNING, "drift", "changed by hand (at); git is the truth", moved),
        said(
            Severity.WARNING, "too-close", "its time 2026-03-01T09:05:00Z is closer than the lead time of 15 min,"
            " so it is not scheduled", post("soon", at(1, 9, 5), line=96), "give it a later time",
        ),
        Diagnostic(
            severity=Severity.WARNING, code="policy-changed",
            message="the policy differs from the one last applied: max_cancels 5 to 10",
        ),
    )  # fmt: skip
    kept = (
        Slot(at(10, 8), Address("spring-launch", "morning", "brand"), "Europe/Berlin"),
        Slot(at(11, 13), Address("spring-launch", "noon", "second"), "Europe/Berlin"),
        *(
            Slot(at(day, 17), Address("daily", f"day-{day}", "brand"), "Europe/Berlin")
            for day in range(23, 32)
        ),
    )
    return made(actions, diagnostics, kept=kept, commit="1a2b3c4d5e6f" + "0" * 28, tzdata="2026b")
