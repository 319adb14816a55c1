"""The plan that a person approves in a pull request: what it says, that it stays in bounds, that nothing in it is live.

It is read here with a real parser of GitHub's markdown, as a forge would: what comes from calendars, services and
plan documents has to stay text wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from render_plans import BRAND, action, at, create, edit, everything, image, made, post, record, video
from test_plan_cases import loaded, names, planned

from calsync.errors import CalsyncError, Diagnostic, Severity
from calsync.model import Address, Reply
from calsync.plan import Filters, MediaUse, Plan, Slot
from calsync.plan.action import Cancel, Create, Replace
from calsync.plan.changes import changes
from calsync.plan.sheet import Sheet
from calsync.planfile import MAX_BYTES, read_sheet
from calsync.render import jsondoc
from calsync.render.markdown import plan_markdown
from calsync.zones import load_zone

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HEADINGS = {"Needs a person", "What happens", "Warnings", "What will be live", "Post by post"}
HTML = re.compile(r"<details><summary>[a-z]+ <code>[^<>]*</code>[^<>`*_@#]*</summary>\n|</details>\n?")
INLINE = {
    "text", "text_special", "softbreak", "code_inline", "html_inline",
    "strong_open", "strong_close", "s_open", "s_close",
}  # fmt: skip
LIVE = re.compile(
    r"(?<!\w)@[a-z0-9]|#\d|\bgh-\d|(?:https?|ftp)://|(?:^|[\s*_~(])www\.\w|\bmailto:|\w@\w+\.\w|"
    r"(?<![\da-z])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}(?![\da-z])",
    re.IGNORECASE | re.ASCII,
)
"""What GitHub makes a mention, a reference, a link or a commit of, wherever it stands in running text; digits alone, as in a
telephone number, are left."""


def page(plan: Plan | Sheet, **how: int) -> str:
    return plan_markdown(plan, zones=load_zone, **how)


def document(plan: Plan) -> dict[str, Any]:
    made_of: dict[str, Any] = json.loads(
        jsondoc.to_text(jsondoc.plan_document(plan, version="1", tzdata=plan.tzdata))
    )
    return made_of


def reread(plan: Plan) -> Sheet:
    return read_sheet(jsondoc.to_text(jsondoc.plan_document(plan, version="1", tzdata=plan.tzdata)))


def tokens(text: str) -> list[Token]:
    return GFM.parse(text)


def shape(text: str) -> list[str]:
    """The blocks of a page, in order; HTML by its tags alone. Fails where anything in it is live."""
    blocks: list[str] = []
    parsed = tokens(text)
    for number, token in enumerate(parsed):
        if token.type == "html_block":
            assert HTML.fullmatch(token.content), token.content
            blocks.append("".join(re.findall("<[^>]*>", token.content)))
        elif token.type == "heading_open" and token.tag == "h4":
            assert parsed[number + 1].content in HEADINGS
            blocks.append(parsed[number + 1].content)
        else:
            blocks.append(token.type)
        if token.type == "inline":
            running = ""
            for child in token.children or ():
                assert child.type in INLINE, child
                assert child.type != "html_inline" or child.content == "<br>", child
                running += child.content if child.type.startswith("text") else " "
            assert not LIVE.search(running.replace("\u200b", "\0")), running
    assert blocks.count("heading_open") == 1
    return blocks


# --- what it says


def test_what_needs_a_person_stands_above_what_is_fine() -> None:
    """Title and counts, then what is blocked, then what happens, cancels and replaces first; details are folded."""
    text = page(everything())
    order = [
        f"### calsync plan `{everything().digest[:8]}` of commit `1a2b3c4d5e6f`, Sun 1 Mar 2026 09:00 UTC",
        "**3 create, 1 adopt,",
        "#### Needs a person",
        "- **blocked** spring-launch/city@second, Sat 14 Mar 11:00 Europe/Berlin: tikflow v1 cannot change caption",
        "- **deferred** spring-launch/spare@brand",
        "#### What happens",
        "| - cancel | Mon 9 Mar 08:00 UTC | brand | spring-launch/old-teaser | An old promise",
        "| ± replace | ~~Tue 17 Mar 14:00~~ **Wed 18 Mar 14:00** Europe/Berlin",
        "| + create | Sun 15 Mar 14:00 Europe/Berlin | brand | spring-launch/teaser | Something is coming.",
        "| → move | Thu 12 Mar 14:00 Europe/Berlin | brand | spring-launch/finale (was final-cut) |",
        "- adopt: it is at the service already",
        "- drift: somebody changed the post at the service",
        "#### Warnings",
        "- `calendars/spring.yaml:96:5`: warning too-close:",
        "#### What will be live",
        "#### Post by post",
        "To apply exactly this plan:",
    ]
    places = [text.find(each) for each in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_a_post_in_detail() -> None:
    """Captions by words and with their count, media with size, dimensions and duration, where it is written."""
    text = page(everything())
    for said in (
        "caption, 91 of 2,200 characters:",
        "caption, 30 of 2,200 characters (`[-removed-]`, `{+added+}`):",
        "See you in the shop on [-Monday.-]{+Friday!+}",
        "- media: teaser.mp4: video, 1080 × 1920, 12.5 s, 52.4 MB, to be uploaded\n",
        "- media: and 2 more, 360.0 kB, 2 uploads\n",
        "- intent: draft, which a person finishes",
        "- written in `calendars/spring.yaml:17`",
        "- waits for the cancel of spring-launch/old-teaser@brand",
    ):
        assert said in text, said


def test_characters_are_counted_as_the_platforms_count() -> None:
    """An emoji is two UTF-16 units; what is over a limit is said."""
    assert "caption, 4 characters:" in page(create("🚀🚀"))
    plan = create("🚀" * 1101)
    plan = replace(plan, actions=tuple(replace(each, limits={"caption": 2200}) for each in plan.actions))
    assert "caption, 2,202 of 2,200 characters, **too long**:" in page(plan)


def test_weeks_show_what_comes_goes_and_stays() -> None:
    """A post that moves is struck where it was; weeks in which nothing moves are only counted; days are local ones."""
    weeks = page(everything()).partition("#### What will be live")[2].partition("####")[0]
    assert (
        "| 16 Mar | brand | **18:30** reveal<br>~~20:00 reveal~~ | ~~14:00 bts~~ | **14:00** behind |  "
        "| **17:00** looks |  |  |\n" in weeks
    )
    assert "| 9 Mar | second |  |  | 14:00 noon |  |  |  |  |\n" in weeks
    assert "In other weeks nothing moves: 23 Mar: 7 posts, 1 Mar 2027: 1 post." in weeks
    late = Slot(at(15, 23, 30), Address("a", "after-midnight", "brand"), "Europe/Berlin")
    moving = replace(
        create("x"), kept=(late, *(replace(late, address=Address("a", f"n{n}", "brand")) for n in range(5)))
    )
    assert "and 3 more" not in page(moving).partition("9 Mar")[2].partition("\n")[0]
    assert "16 Mar: 6 posts" in page(moving)


def test_nothing_to_do_says_so() -> None:
    """A plan without actions is a heading and a line; one that a service kept from being made is not nothing to do."""
    assert page(made(())).splitlines()[2:] == ["Nothing to do: 40 unchanged, 3 unmanaged, 12 past."]
    assert "Nothing planned for postqued" in page(made((), halted={"postqued": "503"}))


def test_what_to_type() -> None:
    """The command that applies exactly this plan, filters included; none for what cannot be applied."""
    plan = replace(create("x"), filters=Filters(calendars=("a b",), accounts=("brand",)))
    assert f"calsync apply --expect {plan.digest[:16]} --calendar 'a b' --account brand\n" in page(plan)
    assert "--expect" not in page(replace(plan, brake="12 posts would be cancelled"))
    assert "--expect" not in page(replace(plan, refresh="off"))


# --- out of the document alone


@pytest.mark.parametrize(
    "plan", [everything(), edit("\ud83d half\n", "whole"), edit("a", ""), made(())], ids=range(4)
)
def test_a_plan_document_reads_as_its_plan(plan: Plan) -> None:
    """What is rendered out of a plan document is what is rendered out of the plan, letter for letter."""
    assert reread(plan) == Sheet.of(plan)
    assert page(reread(plan)) == page(plan)


@pytest.mark.parametrize("case", names())
def test_every_kind_of_plan_reads_back(case: str) -> None:
    """Every case of the planner: its document shows only what its digest covers, and reads as the plan does."""
    plan = planned(loaded(case))
    assert page(reread(plan)) == page(plan)
    shape(page(plan))


def _caption(said: dict[str, Any]) -> None:
    [change] = [each for each in named(said, "teaser")["changes"] if each["path"] == "caption"]
    change["after"] = "Something harmless."


def named(said: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in said["actions"] if each["address"] == f"spring-launch/{name}@brand"]
    assert isinstance(found, dict)
    return found


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another caption": _caption,
    "another gist": lambda said: named(said, "teaser")["texts"]["caption"].update(excerpt="Harmless"),
    "another count": lambda said: named(said, "teaser")["texts"]["caption"].update(units=3),
    "a create without its caption": lambda said: named(said, "teaser").update(changes=[]),
    "another time": lambda said: named(said, "teaser")["at"].update(after="2026-03-15T14:00:00Z"),
    "another account": lambda said: named(said, "teaser").update(account_id="1"),
    "other media": lambda said: named(said, "teaser")["media"][0].update(sha256="00" * 32),
    "another option": lambda said: named(said, "final")["changes"][1].update(after=False),
    "a cancel left out": lambda said: said["actions"].remove(named(said, "old-teaser")),
    "a cancel called forget": lambda said: named(said, "old-teaser").update(action="forget"),
    "a write that is none": lambda said: named(said, "hello").update(action="cancel"),
    "lines left out": lambda said: said["lines"].pop(),
    "no lines": lambda said: said.pop("lines"),
    "another digest": lambda said: said.update(digest="0" * 64),
    "a time that is none": lambda said: said.update(created_at="today"),
    "a time beyond all zones": lambda said: named(said, "hello")["at"].update(after="9999-12-31T23:59:59Z"),
    "an address that is none": lambda said: named(said, "hello").update(address="hello"),
    "a commit that is none": lambda said: said.update(commit="main; rm"),
    "a long gist": lambda said: named(said, "winter").update(
        texts={"caption": {"excerpt": "x" * 999, "units": 1, "limit": None}}
    ),
    "deep values": lambda said: named(said, "hello").update(
        changes=[{"path": "options.x", "after": [[[[[[[[[[1]]]]]]]]]]}]
    ),
    "a number that is none": lambda said: said["summary"].update(create=-1),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_document_that_shows_other_writes_than_its_digest_covers_is_refused(lie: str) -> None:
    """Whoever approves a digest has seen what it stands for; what is no plan document ends in one error."""
    said = document(everything())
    read_sheet(json.dumps(said))
    LIES[lie](said)
    with pytest.raises(CalsyncError) as caught:
        read_sheet(json.dumps(said))
    assert caught.value.code == "plan-file"
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff\xfe", b"[" * 10**5, b" " * (MAX_BYTES + 1), b'{"format_version": NaN}']
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    """Whatever the bytes, it ends in one error, never a traceback."""
    with pytest.raises(CalsyncError):
        read_sheet(data)


# --- nothing in it is live

ALPHABET = st.one_of(
    st.sampled_from("`~@#<>|[]()!*_-+&\\\n\r :/w.ax1$%^{}=\u200b\u202e\ud800"), st.characters()
)
PIECES = [
    "```", "````\n", "~~~\n", "\n\n", "</details>", "</code></summary>", "<!--", "<img src=x>", "![x](//y.z)",
    "[a](https://b.c)", "<https://b.c>", "https://b.c", "www.b.c", "a@b.cd", "@team", "@org/team", "closes #1", "o/r#1",
    "GH-12", "o/r@0123456789abcdef0123456789abcdef01234567", "::error::x", "\n# Approved\n", "\n- [x] done", "\n/close\n",
    "| x | y |", "\n| --- |\n", "\n---\n", "**", "~~", "``", "\\", "&#64;team", "&commat;team", ":tada:", "\u202e", "\n    x",
]  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(PIECES), st.text(ALPHABET, max_size=5)), max_size=8).map("".join)


def hostile(text: str) -> Plan:
    """A plan in which everything that comes from a calendar or a service is this text."""
    name = text.replace("\ud800", "") or "x"  # what is written never holds half a character
    options = {"title": name, name: [name, {"x": name}]}
    new = post("teaser", at(15), caption=name, media=(replace(video(), path=text),), options=options)  # type: ignore[arg-type]
    new = replace(new, entry=replace(new.entry, address=Address(name, name, name), zone=text))
    new = replace(new, content=replace(new.content, thread=(Reply(name), Reply(f"{name} too"))))
    thread = (Reply(f"{name} and {text}"), Reply(text), Reply(text))
    old = replace(new, content=replace(new.content, caption=text, title=text, at=at(14), thread=thread))
    gone = post("gone", at(16), caption=text)
    source = new.entry.source._replace(file=text)
    told = {"source": source, "zone": text, "previous_address": Address(name, name, "x")}
    actions = (
        action(Create(new), new, text, after=at(15), changes=changes(None, new.content),
               media=(MediaUse(video(), True), MediaUse(replace(image(1), path=text), True, 1)), **told),
        action(Replace(new, record(old)), new, text, before=at(14), after=at(15), drift=True, waits_for=(Address(name, name, name),),
               changes=changes(old.content, new.content), **told),
        action(Cancel(record(gone, text)), gone, text, before=at(16), **told),
    )  # fmt: skip
    blocked = replace(everything().actions[-1], reason=text, code=text, source=source)
    found = [
        Diagnostic(severity=each, code=text, message=text, hint=text, source=source, address=text)
        for each in Severity
    ]
    drift = replace(found[1], code="drift", address=str(new.address))
    slots = (Slot(at(15), Address(name, name, name), text),)
    details: dict[str, Any] = {
        "brake": text,
        "filters": Filters(calendars=(text,), accounts=(text,)),
        "kept": slots,
    }
    return made((*actions, blocked), (*found, drift), halted={text: text}, **details)


PLAIN = shape(page(hostile("x")))


@example("".join(PIECES))
@example("*loud* | [link](https://a.b) | ![](c) | <b>bold</b> | `code` | &copy;")
@example("```\n/close\n```\n/approve")
@example("o/r@0123456789abcdef0123456789abcdef01234567A")
@example(" ")
@example("\\")
@given(HOSTILE)
@settings(deadline=None, max_examples=120)
def test_nothing_that_others_wrote_is_live(text: str) -> None:
    """Whatever calendars and services hold, the page has the blocks that it has for plain text, and text in them."""
    plan = hostile(text)
    said = page(plan)
    found = [each for each in shape(said) if each]
    assert _without_blocks(found) == _without_blocks(PLAIN)
    assert not re.search(r"(?m)^\s*(?:/\w|::[a-z])", re.sub(r"(?m)^ /", "", said))
    said.encode()


def _without_blocks(blocks: list[str]) -> list[str]:
    """Without the texts of posts, which are there or not: an empty caption has no block, an equal one no change."""
    kept = ("table_open", "thead_open", "bullet_list_open", "<details>", "</details>", *HEADINGS)
    return [each for each in blocks if each.startswith(kept)]


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_nothing_in_a_document_is_live(data: st.DataObject) -> None:
    """A document may come from anybody: with any of its words made hostile it is refused, or harmless."""
    said = document(everything())
    words = list(_words(said))
    for holder, key in data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=6)):
        holder[key] = data.draw(HOSTILE)
    try:
        sheet = read_sheet(json.dumps(said))
    except CalsyncError:
        return
    text = page(sheet)
    shape(text)
    assert len(text.encode()) <= 60_000


def _words(said: Any) -> Iterator[tuple[Any, Any]]:
    items = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in items:
        if isinstance(value, str):
            yield said, key
        yield from _words(value)


# --- in bounds


def test_ten_thousand_posts_stay_in_bounds() -> None:
    """However large a plan, its page is small and whole, and says what is not shown, by kinds."""
    one = create("日本語 @team <b>").actions[0]
    many = tuple(
        replace(one, address=Address("spring", f"p{number}", "brand"), after=at(2) + timedelta(hours=number))
        for number in range(10_000)
    )
    text = page(made(many))
    assert len(text.encode()) <= 60_000
    assert len(text.encode()) > 50_000
    shown = len(re.findall(r"(?m)^\| \+ create", text))
    assert f"**Left out to stay short: {10_000 - shown:,} create.**" in text
    shape(text)


@given(st.integers(6_000, 40_000), st.integers(1, 3), st.sampled_from(["x", "日本語 " * 200, "🚀`" * 300]))
@settings(deadline=None, max_examples=15)
def test_a_page_is_cut_between_its_parts(limit: int, times: int, caption: str) -> None:
    """Bytes, not letters, are counted; whatever the limit, every fold and fence is closed, and what is cut is said."""
    plan = everything()
    big = made((*plan.actions * times, *(create(caption).actions * times)), plan.diagnostics * times)
    said, whole = page(big, limit=limit), page(big, limit=10**6)
    assert len(said.encode()) <= limit
    blocks = shape(said)
    folds = [each for each in blocks if each.startswith(("<details>", "</details>"))]
    assert folds == ["<details><summary><code></code></summary>", "</details>"] * (len(folds) // 2)
    assert "Left out" in said or said == whole
    assert said == whole or len(whole.encode()) > limit - 2000
    assert f"calsync apply --expect {big.digest[:16]}" in said


def test_what_is_wrong_is_cut_last() -> None:
    """First the overview goes, then details, warnings, rows, rows of cancels and replaces; never the counts."""
    plan = everything()
    gone = [post(f"gone-{number}", at(9), media=(image(1),)) for number in range(60)]
    cancels = tuple(
        action(Cancel(record(each)), each, "no longer in the calendar", before=at(9)) for each in gone
    )
    big = made((*plan.actions, *cancels), plan.diagnostics)
    seen = []
    for limit in (6_000, 9_000, 12_000, 60_000):
        text = page(big, limit=limit)
        seen.append(
            [
                word in text
                for word in ("**blocked**", "| - cancel", "| + create", "warning", "<details>", "| week of")
            ]
        )
        assert "61 cancel" in text
    assert seen[0][:2] == [True, True]
    assert seen[-1] == [True] * 6
    assert [sum(each) for each in seen] == sorted(sum(each) for each in seen)


def test_the_page_does_not_name_itself() -> None:
    """No marker and no HTML comment: whoever posts the page adds what it needs to find it again."""
    assert "<!--" not in page(everything())
    assert BRAND.id not in page(everything())
