"""Threads: what follows below a post, from the calendar through plan, apply and state to what people read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from render_plans import action, at, image, made, post, record, video
from state_values import addresses, contents, records, relaxed
from test_desired import Home, errors, others
from test_render import in_markdown, shown
from worlds import SERVICES, Spec, World, file_of, files_in

from calsync.desired import load
from calsync.editors import json_schema
from calsync.errors import CalsyncError, Diagnostic, Severity, Source, Uncertain
from calsync.model import (
    AccountSpec,
    Content,
    Entry,
    Limits,
    MediaFile,
    MediaRef,
    Post,
    Reply,
    Sighting,
    Standing,
    Status,
    UploadKey,
    upload_units,
)
from calsync.plan import ActionKind
from calsync.plan.action import Create, MediaUse, Update
from calsync.plan.changes import as_observed, changes
from calsync.plan.outcome import OutcomeKind
from calsync.plan.sheet import Sheet
from calsync.planfile import read_sheet
from calsync.providers.memory import LIMITS
from calsync.render import jsondoc
from calsync.rules import check
from calsync.settings import load_settings
from calsync.statefile import record_in, record_out

ONE = (("One", None),)
TWO = (("One", None), ("Two", "b.mp4"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def calendar(thread: str, *, more: str = "") -> str:
    return (
        "posts:\n"
        "  - id: a\n"
        "    at: 2031-03-15 14:00\n"
        "    accounts: [brand]\n"
        "    media: v.mp4\n"
        "    options: {privacy_level: SELF_ONLY}\n"
        f"{more}"
        f"    thread:{thread}\n"
    )


# --- what a calendar may say


def test_a_reply_is_a_text_or_text_and_media(home: Home) -> None:
    """Texts as they are written, line breaks as LF and without trailing space; files from the calendar's folder on."""
    entry = home.one(
        calendar(
            "\n      - 007"
            "\n      - {text: 'Two ', media: v2.mp4}"
            "\n      - media: [1.jpg, 2.jpg]"
            "\n      - |"
            "\n        A block #tag"
            "\n        of lines"
        )
    )
    assert entry.content.thread == (
        Reply("007"),
        Reply("Two", (MediaRef("sha256", "sha-v2.mp4"),)),
        Reply("", (MediaRef("sha256", "sha-1.jpg"), MediaRef("sha256", "sha-2.jpg"))),
        Reply("A block #tag\nof lines"),
    )
    assert [[each.path for each in files] for files in entry.thread_media] == [
        [],
        ["calendars/v2.mp4"],
        ["calendars/1.jpg", "calendars/2.jpg"],
        [],
    ]
    names = ("calendars/v.mp4", "calendars/v2.mp4", "calendars/1.jpg", "calendars/2.jpg")
    assert tuple(each.path for each in entry.files) == names
    places = {name: (place.line, place.column) for name, place in entry.places.items() if "thread" in name}
    assert places == {
        "thread": (8, 7),
        "thread.0": (8, 9),
        "thread.1": (9, 9),
        "thread.1.media.0": (9, 31),
        "thread.2": (10, 9),
        "thread.2.media.0": (10, 17),
        "thread.2.media.1": (10, 24),
        "thread.3": (11, 9),
    }


def test_the_nearest_thread_is_taken_as_a_whole(home: Home) -> None:
    """Nothing of another level is mixed in, and an empty list takes a thread away."""
    text = (
        "defaults: {accounts: [brand, second, third], options: {privacy_level: SELF_ONLY}, thread: [D1, D2],\n"
        "  overrides: {third: {thread: [T]}}}\n"
        "posts:\n"
        "  - {id: a, at: 2031-03-15 14:00, media: {id: x}}\n"
        "  - {id: b, at: 2031-03-16 14:00, media: {id: y}, thread: [B], overrides: {second: {thread: []}}}\n"
    )
    said = {name: [each.text for each in entry.content.thread] for name, entry in home.entries(text).items()}
    assert said == {
        "cal/a@brand": ["D1", "D2"],
        "cal/a@second": ["D1", "D2"],
        "cal/a@third": ["T"],
        "cal/b@brand": ["B"],
        "cal/b@second": [],
        "cal/b@third": ["B"],
    }


@pytest.mark.parametrize(
    ("thread", "place", "code"),
    [
        ("", "7:5", "wrong-type"),
        (" One", "7:13", "wrong-type"),
        (" {text: One}", "7:13", "wrong-type"),
        ("\n      -", "8:8", "empty-value"),
        ("\n      - ' '", "8:9", "empty-value"),
        ("\n      - {}", "8:9", "missing-key"),
        ("\n      - {text: ''}", "8:9", "missing-key"),
        ("\n      - [One]", "8:9", "wrong-type"),
        ("\n      - {text: [One]}", "8:16", "wrong-type"),
        ("\n      - One: more", "8:9", "unknown-key"),
        ("\n      - {text: One, caption: Two}", "8:21", "unknown-key"),
        ("\n      - {text: One, media: []}", "8:28", "empty-value"),
        ("\n      - {text: One, media: {id: x}}", "8:28", "wrong-type"),
        ("\n      - {text: One, media: [1.jpg, {id: x}]}", "8:36", "wrong-type"),
        ("\n      - {text: One, media: [1.jpg, gone.png]}", "8:36", "media-missing"),
        ("\n      - One #launch", "8:13", "unquoted-hash"),
        ("\n      - One\n        #launch", "9:9", "unquoted-hash"),
        ("\n      - | #launch\n        One", "8:11", "unquoted-hash"),
        ("\n      - {text: One #launch\n        }", "8:20", "unquoted-hash"),
        ("\n      - *one", "8:9", "alias"),
        ('\n      - "\\a"', "8:9", "control-character"),
        ("\n" + "      - x\n" * 26, "33:9", "thread-count"),
        ("\n" + "      - x\n" * 10_000, "33:9", "thread-count"),
        (" " + "[" * 9_999, "7:42", "too-deep"),
        (f" [{'{text: ' * 9_999}", "7:210", "too-deep"),
    ],
)  # fmt: skip
def test_what_a_thread_may_not_say(home: Home, thread: str, place: str, code: str) -> None:
    """Each mistake is one error at its own place, however much of it there is."""
    loaded = home.load(calendar(thread))
    assert errors(loaded) == [(f"cal.yaml:{place}", code)]
    assert others(loaded) == []


def test_comments_that_are_no_hashtags_stay_comments(home: Home) -> None:
    """Beside an item, between two, and below the last."""
    thread = "\n      - One # said first\n      # - Two\n      - Three\n    # the end\n  # of it"
    assert [each.text for each in home.one(calendar(thread)).content.thread] == ["One", "Three"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../outside.jpg", "media-outside"),
        ("/etc/passwd", "media-absolute"),
        ("link.jpg", "media-outside"),
        ("gone.jpg", "media-missing"),
        (".", "media-not-a-file"),
        ("cal.yaml", "media-type"),
    ],
)
def test_files_of_replies_stay_in_the_project(home: Home, name: str, code: str) -> None:
    """They are held to what the post's own files are held to, and are no reason not to stop a post."""
    home.file("../outside.jpg", b"\xff\xd8\xff")
    (home.root / "calendars" / "link.jpg").symlink_to(home.root.parent / "outside.jpg")
    text = calendar(f"\n      - text: One\n        media: [{name}]").replace("v.mp4", "{id: x}")

    def found(text: str) -> list[tuple[str, int, int, Severity]]:
        home.file("calendars/cal.yaml", text)
        loaded = load(load_settings(home.root / "calsync.yaml"))
        return [
            (each.code, each.source.line, each.source.column, each.severity)
            for each in loaded.diagnostics
            if each.source is not None
        ]

    assert found(text) == [(code, 9, 17, Severity.ERROR)]
    assert found(text + "    cancel: true\n") == [(code, 9, 17, Severity.WARNING)]


@pytest.mark.parametrize(
    ("thread", "good"),
    [
        (["One", 7, {"text": "Two", "media": "a.jpg"}, {"media": ["a.jpg", "b.jpg"]}], True),
        ([], True),
        ("One", False),
        ([[]], False),
        ([{}], False),
        ([{"text": "One", "caption": "Two"}], False),
        ([{"text": "One", "media": {"id": "x"}}], False),
        (["One"] * 26, False),
    ],
)
def test_editors_know_threads(thread: Any, good: bool) -> None:
    """The JSON Schema takes what the loader takes, at every level where a thread may stand."""
    schema = Draft202012Validator(json_schema("calendar"))
    of_post = {"id": "a", "at": "2031-03-15 14:00", "thread": thread, "overrides": {"b": {"thread": thread}}}
    defaults = {"thread": thread, "overrides": {"b": {"thread": thread}}}
    wrong = [list(each.path) for each in schema.iter_errors({"defaults": defaults, "posts": [of_post]})]
    at = ["defaults"], ["defaults", "overrides", "b"], ["posts", 0], ["posts", 0, "overrides", "b"]
    assert {tuple(each[: each.index("thread")]) for each in wrong} == (
        set() if good else {tuple(each) for each in at}
    )


# --- rules


def entry(*replies: tuple[str, tuple[MediaFile, ...]], standing: Standing = Standing.WANTED) -> Entry:
    made_of = threaded(post("teaser", at(15), caption="Hello"), *replies).entry
    content = replace(made_of.content, options=made_of.content.options)
    places = {
        name: Source(file="cal.yaml", line=line, column=9)
        for line, name in enumerate(("thread", "thread.0", "thread.1", "thread.1.media.0"), 10)
    }
    return replace(made_of, content=content, places=places, standing=standing)


def found(entry: Entry, *limits: Limits) -> list[Diagnostic]:
    spec = AccountSpec(alias="brand", service="memory", platform="mastodon", id="1")
    return list(check([entry], {"brand": spec}, {"memory": limits}))


def test_a_service_without_threads_refuses_them() -> None:
    """An error at the thread; a warning where one of several versions has them, or where the account is paused."""
    without, told = replace(LIMITS, name="Bare", thread=False), entry(("One", ()))
    [refused] = found(told, without)
    assert (refused.severity, refused.code) == (Severity.ERROR, "no-thread")
    assert str(refused.source) == "cal.yaml:10:9"
    assert refused.message == "Bare has no threads (calsync's own double)"
    assert refused.hint is not None
    assert "overrides" in refused.hint
    assert found(told, LIMITS) == []
    assert found(entry(), without) == []
    paused = replace(told, standing=Standing.PAUSED)
    assert [each.severity for each in found(told, without, LIMITS) + found(paused, without)] == [
        Severity.WARNING,
        Severity.WARNING,
    ]


def test_replies_are_held_to_the_rules_of_texts_and_files() -> None:
    """Characters that nobody sees, half characters, and files that are too large, each at its reply."""
    said = found(entry(("\u202eOne", ()), ("\ud83d", (replace(image(1), size=10**9),))), LIMITS)
    assert [(each.code, str(each.source)) for each in said] == [
        ("hidden-characters", "cal.yaml:11:9"),
        ("broken-text", "cal.yaml:12:9"),
        ("media-size", "cal.yaml:13:9"),
    ]
    assert said[0].message.startswith("the reply 1 holds")


def test_what_looks_like_a_tag_is_told_to_be_text() -> None:
    """Where people may think otherwise: at the text that holds it; arrows and comparisons are none."""
    html, told = replace(LIMITS, markup="it is text"), entry(("<3 and a < b > c", ()), ("so <b>bold</b>", ()))
    [said] = found(told, html)
    assert (said.severity, said.code, str(said.source)) == (Severity.WARNING, "markup", "cal.yaml:12:9")
    assert said.message == "<b> in the reply 2 looks like a tag of HTML; it is text"
    assert found(told, LIMITS) == []


def test_a_title_that_goes_nowhere_is_told() -> None:
    """A note where a service has no titles, so that nobody waits for one; nothing where there is none to lose."""
    without, bare = replace(LIMITS, name="Bare", titles=False), entry()
    titled = replace(bare, content=replace(bare.content, title="The reveal"))
    [said] = found(titled, without)
    assert (said.severity, said.code) == (Severity.NOTE, "title-dropped")
    assert said.message == "Bare has no titles, so this one is left out"
    assert found(titled, LIMITS) == found(bare, without) == []


# --- content, uploads and state


def threaded(of: Post, *replies: tuple[str, tuple[MediaFile, ...]]) -> Post:
    """The same post with a thread."""
    thread = tuple(Reply(text, tuple(map(MediaRef.of, files))) for text, files in replies)
    content = replace(of.content, thread=thread)
    files = tuple(files for _, files in replies)
    return replace(of, content=content, entry=replace(of.entry, content=content, thread_media=files))


@settings(relaxed, max_examples=40)
@given(contents)
def test_content_is_spelled_as_before_where_there_is_no_thread(content: Content) -> None:
    """Old states and digests stay what they are; with a thread, JSON reads back as it was written."""
    assert Content.from_json(content.to_json()) == content
    old = replace(content, thread=())
    assert old.to_json().keys() == {"at", "caption", "title", "media", "intent", "options"}
    assert Content.from_json(old.to_json()) == old


@settings(relaxed, max_examples=40)
@given(addresses, records)
def test_records_with_threads_read_back(address: Any, of: Any) -> None:
    """Through the bytes of a state file."""
    written = json.loads(json.dumps(record_out(replace(of, address=address))))
    assert record_in(address, written) == replace(of, address=address)


@pytest.mark.parametrize(
    "thread",
    [
        [],
        {},
        "One",
        None,
        ["One"],
        [{}],
        [{"text": "One"}],
        [{"media": []}],
        [{"text": None, "media": []}],
        [{"text": "One", "media": "sha256:1"}],
        [{"text": "One", "media": [1]}],
        [{"text": "One", "media": ["1"]}],
        [{"text": "One", "media": [], "at": "now"}],
        [[]],
    ],
)
def test_a_state_with_something_else_for_a_thread_is_refused(thread: Any) -> None:
    """What is read from a state is not to be trusted."""
    good = Content(at=at(15), caption="Hello").to_json()
    with pytest.raises(ValueError, match=r"thread|media reference"):
        Content.from_json({**good, "thread": thread})


@given(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_assets_are_told_apart_by_their_counts(own: int, replies: list[int]) -> None:
    """Main media first, then each reply's in order."""
    names = [f"{number}" for number in range(own + sum(replies))]
    refs = tuple(MediaRef("sha256", each) for each in names)
    left = list(refs[own:])
    thread = tuple(Reply("x", tuple(left.pop(0) for _ in range(count))) for count in replies)
    content = Content(at=at(15), media=refs[:own], thread=thread)
    first, others = content.split_assets(tuple(names))
    assert first == tuple(each.value for each in content.media)
    assert others == tuple(tuple(each.value for each in reply.media) for reply in thread)
    for other in ((), (*names, "more")):
        if other or names:
            assert content.split_assets(other) == (other, ((),) * len(replies))


def test_a_file_goes_up_once_however_often_it_is_shown() -> None:
    """The post's own files first, then its replies'; each place has its unit, and equal files have equal keys."""
    of = threaded(post("a", at(15), media=(image(1),)), ("One", (image(2), image(1))), ("Two", (image(2),)))
    units = upload_units(of, SERVICES["full"])
    assert [each.files for each in units] == [(image(1),), (image(2),), (image(1),), (image(2),)]
    assert len({each.key for each in units}) == 2
    assert isinstance(units[0].key, UploadKey)


# --- plan and apply


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return files_in(tmp_path)


def planned(world: World) -> list[tuple[ActionKind, str, list[str]]]:
    """Kind, reason and the paths of what changes."""
    return [
        (each.kind, each.reason.partition(";")[0], [change.path for change in each.changes])
        for each in world.plan().actions
    ]


def test_the_plan_uploads_a_file_where_it_is_shown_first(root: Path) -> None:
    """However often it is shown after that, and not at all once it is there."""
    world = World(root, SERVICES["full"])
    world.calendar = {
        ("a", "brand"): Spec(thread=(("One", "a.mp4"), ("Two", "b.mp4"), ("Three", "b.mp4"))),
        ("b", "brand"): Spec(hour=30, media="b.mp4"),
    }
    uses = {
        each.address.post: [(use.reply, use.upload) for use in each.media] for each in world.plan().actions
    }
    assert uses == {"a": [(None, True), (0, False), (1, True), (2, False)], "b": [(None, False)]}


def waiting(world: World) -> tuple[list[str], list[str]]:
    """The texts of the one waiting post's thread, and the digests of all files it was made of."""
    [there] = world.scheduled().values()
    return [each.text for each in there.content.thread], [
        world.service.contents[each] for each in there.assets
    ]


@pytest.mark.parametrize(("kind", "how"), [("full", ActionKind.UPDATE), ("replacing", ActionKind.REPLACE)])
def test_the_life_of_a_thread(root: Path, kind: str, how: ActionKind) -> None:
    """Made, left alone, edited, given a file, moved, and taken away: each is one action, and then nothing is left."""
    world = World(root, SERVICES[kind])
    a, b = file_of("a.mp4").sha256, file_of("b.mp4").sha256

    def step(kind: ActionKind, reason: str, paths: list[str], **changes: Any) -> None:
        world.calendar = {("post", "brand"): replace(spec, **changes)}
        assert planned(world) == [(kind, reason, paths)]
        world.apply()
        assert planned(world) == []

    spec = Spec(thread=TWO)
    created = ["caption", "thread.0.text", "thread.1.text", "thread.1.media", "media", "intent"]
    step(ActionKind.CREATE, "new post", [*created, "options.privacy_level"])
    assert waiting(world) == (["One", "Two"], [a, b])
    spec = replace(spec, thread=(("First", None), ("Two", "b.mp4")))
    step(how, "changed: thread", ["thread.0.text"])
    spec = replace(spec, thread=(("First", "b.mp4"), ("Two", "b.mp4"), ("", "a.mp4")))
    step(how, "changed: thread", ["thread.0.media", "thread.2.media"])
    assert waiting(world) == (["First", "Two", ""], [a, b, b, a])
    assert world.service.calls.count("upload") == 2
    if kind == "full":
        step(ActionKind.RESCHEDULE, "new time", [], hour=30)
        spec = replace(spec, hour=30)
        assert waiting(world) == (["First", "Two", ""], [a, b, b, a])
    step(how, "changed: caption, thread", ["caption", "thread.1.text", "thread.1.media", "thread.2.media"],
         caption="Other", thread=(("First", "b.mp4"),))  # fmt: skip
    step(how, "changed: caption, thread", ["caption", "thread.0.text", "thread.0.media"], thread=())
    assert waiting(world) == ([], [a])
    # Replies are not shown: what stands there is taken from the record, and a caption put back brings all of it.
    step(how, "changed: thread", ["thread.0.text"], thread=ONE)
    spec = replace(spec, thread=ONE)
    [there] = world.scheduled().values()
    world.service.edit(there.remote_id, replace(there.content, thread=()))
    assert planned(world) == []
    world.service.edit(there.remote_id, replace(there.content, thread=(), caption="By hand"))
    step(how, "changed by hand (caption)", ["caption"])
    assert waiting(world)[0] == ["One"]


def test_media_that_nobody_touched_is_not_drift() -> None:
    """A list shows the post's own media: that its record holds those of its thread too is no change by hand."""
    of = threaded(post("a", at(15), media=(MAIN,)), ("One", (image(1),)))
    made_of = replace(record(of), assets=("main", "reply"))
    sighting = Sighting(remote_id=made_of.remote_id, account_id="1", status=Status.SCHEDULED, media=("main",))
    assert as_observed(made_of, sighting, {}) == of.content
    moved = as_observed(made_of, replace(sighting, media=("other",)), {"other": image(2).sha256})
    assert (moved.media, moved.thread) == ((MediaRef.of(image(2)),), of.content.thread)


def test_a_post_that_is_there_is_adopted_whatever_its_thread(root: Path) -> None:
    """Twins are told by what is shown; the plan says that the thread is not."""
    world = World(root, SERVICES["full"])
    world.calendar = {("post", "brand"): Spec(thread=TWO)}
    [entry] = world.entries()
    world.service.add("memory-1", replace(entry.content, thread=()), "asset-hand")
    [(kind, _, _)] = planned(world)
    assert kind is ActionKind.ADOPT
    assert "thread" in world.plan().actions[0].reason.partition("not visible there: ")[2].split(", ")


def test_a_lost_answer_is_found_again_by_the_post_s_own_media(root: Path) -> None:
    """A list shows the media of the post, not those of its thread: one post in the end."""
    world = World(root, SERVICES["keyless"])
    world.calendar = {("post", "brand"): Spec(thread=TWO)}
    world.service.trouble = lambda name: Uncertain("cut", service="memory") if name == "create" else None
    applied = world.apply()
    assert applied is not None
    assert [each.kind for each in applied.outcomes] == [OutcomeKind.DONE]
    world.service.trouble = lambda _: None
    assert planned(world) == []
    assert waiting(world)[0] == ["One", "Two"]
    world.passes(timedelta(days=3))
    assert [each.times_published for each in world.service.posts()] == [1]


# --- what people and scripts read

MAIN = video()
SAID = (("First reply\nand more", ()), ("", (image(1),)), ("Third", (image(2), image(3))))
WAS = (
    ("First answer\nand more", ()),
    ("", (image(4),)),
    ("Third", (image(2), image(3))),
    ("Gone", (image(5),)),
)


def a_plan() -> Any:
    """A create of a thread, and an update of one."""
    new = threaded(post("teaser", at(15), caption="Hello", media=(MAIN,)), *SAID)
    after, before = (threaded(post("reveal", at(16), caption="Hello"), *each) for each in (SAID, WAS))
    uses = (MediaUse(image(1), True, 1), MediaUse(image(2), False, 2), MediaUse(image(3), True, 2))
    return made(
        (
            action(Create(new), new, "new post", after=at(15), changes=changes(None, new.content),
                   media=(MediaUse(MAIN, True), *uses)),
            action(Update(after, record(before)), after, "changed: thread", before=at(16), after=at(16),
                   changes=changes(before.content, after.content), media=uses),
        )
    )  # fmt: skip


def test_a_thread_on_a_terminal() -> None:
    """Each reply by its number: its text, word by word where it changes, and its files."""
    text = shown(a_plan())
    assert (
        "    reply 1  First reply\n"
        "             and more\n"
        "    reply 3  Third\n"
        "    media    teaser.mp4, 52.4 MB, upload\n"
        "             reply 2: 1.jpg, 180.0 kB, upload\n"
        "             reply 3: 2.jpg, 180.0 kB, uploaded already\n"
        "             reply 3: 3.jpg, 180.0 kB, upload\n"
    ) in text
    assert (
        "    reply 1  First [-answer-]{+reply+}\n"
        "             and more\n"
        "    reply 4  [-Gone-]\n"
        "    media    reply 2: 1.jpg, 180.0 kB, upload\n"
        "             reply 3: 2.jpg, 180.0 kB, uploaded already\n"
        "             reply 3: 3.jpg, 180.0 kB, upload\n"
        "             reply 2: instead of sha256:040404040404\n"
        "             reply 4: without sha256:050505050505\n"
    ) in text


def test_a_thread_in_markdown() -> None:
    """The same on the page to approve."""
    text = in_markdown(a_plan())
    for line in (
        "- media of reply 2: 1\\.jpg: image, 1080 × 1350, 180.0 kB, to be uploaded\n",
        "- media of reply 4 before: `sha256:050505050505`\n",
        "\nreply 3:\n\n```\nThird\n```\n",
        "\nreply 1 (`[-removed-]`, `{+added+}`):\n\n```\nFirst [-answer-]{+reply+}\nand more\n```\n",
        "\nreply 4, removed:\n\n```\nGone\n```\n",
    ):
        assert line in text


def document() -> dict[str, Any]:
    said = json.loads(jsondoc.to_text(jsondoc.plan_document(a_plan(), version="0")))
    assert isinstance(said, dict)
    return said


def test_a_thread_in_json_reads_back() -> None:
    """Changes by path, media with the reply that shows them; the sheet of the document is that of the plan."""
    said = document()
    [create, update] = said["actions"]
    assert [each["path"] for each in create["changes"]] == [
        "caption",
        "thread.0.text",
        "thread.1.media",
        "thread.2.text",
        "thread.2.media",
        "media",
        "intent",
    ]
    assert [each.get("reply") for each in create["media"]] == [None, 1, 2, 2]
    assert update["changes"][0] == {
        "path": "thread.0.text",
        "before": "First answer\nand more",
        "after": "First reply\nand more",
    }
    assert update["changes"][2] == {"path": "thread.3.text", "before": "Gone", "after": None}
    sheet = read_sheet(json.dumps(said))
    assert sheet == Sheet.of(a_plan())
    assert in_markdown(sheet) == in_markdown(a_plan())


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another text": lambda said: said["changes"][1].update(after="Harmless"),
    "a reply left out": lambda said: said["changes"].pop(1),
    "a reply more": lambda said: said["changes"].append({"path": "thread.9.text", "after": "More"}),
    "another file": lambda said: said["media"][1].update(sha256="00" * 32),
    "a file of another reply": lambda said: said["media"][1].update(reply=0),
    "a file of no reply": lambda said: said["media"][1].update(reply=7),
    "a reply's file for the post's own": lambda said: said["media"][1].pop("reply"),
    "a number that is none": lambda said: said["media"][1].update(reply=-1),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_document_that_shows_another_thread_than_its_digest_covers_is_refused(lie: str) -> None:
    """Whoever approves a digest has seen every reply."""
    said = document()
    LIES[lie](said["actions"][0])
    with pytest.raises(CalsyncError) as caught:
        read_sheet(json.dumps(said))
    assert caught.value.code == "plan-file"
