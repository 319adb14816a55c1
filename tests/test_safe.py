"""Untrusted text stays text: on terminals, in markdown, in the commands of a CI runner; and word diffs."""

from __future__ import annotations

import re
import time
import unicodedata
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.render.safe import (
    annotation,
    markdown_code_block,
    markdown_inline,
    markdown_table_cell,
    terminal,
    workflow_command,
)
from calsync.render.words import word_diff

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(
            [
                *BIDI,
                *"\x00\x07\x08\x1b\x7f\x85\x9b\r\n\t\u2028\u2029\u200b\u200d\u200c\ufeff\ud800\udfff\U000e0041",
                *"`~|\\<>&[]()!*_#@:-+=/$%",
                "```",
                "````\n",
                "~~~",
                "</details>",
                "<!--",
                "::error::",
                "::stop-commands::x",
                "##[error]",
                "👩‍👩‍👧",
                "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
                "@team",
                "closes #1",
                "https://x.y",
                "1. ",
            ]
        ),
    ),
    max_size=12,
).map("".join)
COMMAND = re.compile(r"^\s*::(?:error|warning|notice|debug|group|set-output|add-mask|stop-commands)|##\[")


@given(HOSTILE, st.booleans())
def test_a_terminal_gets_no_control_and_no_invisible_character(text: str, lines: bool) -> None:
    """No control, no override, no lone surrogate, no line separator; line feeds only when asked for."""
    shown = terminal(text, lines=lines)
    kept = shown.replace("\n", "") if lines else shown
    assert not {unicodedata.category(each) for each in kept} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(BIDI) & set(shown)
    assert shown.count("\n") == (text.count("\n") if lines else 0)
    shown.encode()


@given(HOSTILE, st.booleans())
def test_making_safe_twice_changes_nothing(text: str, lines: bool) -> None:
    """What is safe is left as it is, so text that passes two renderers reads the same."""
    shown = terminal(text, lines=lines)
    assert terminal(shown, lines=lines) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: 50 % \\o/ a::b", "plain: 50 % \\o/ a::b"),
        ("a\x1b[2J\x07", "a\\x1b[2J\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b1m", "\\x9b1m"),
        ("gnp\u202egpj.exe", "gnp\\u202egpj.exe"),
        ("a\u2028b\u200bc\ufeff", "a\\u2028b\\u200bc\\ufeff"),
        ("half \ud83d", "half \\ud83d"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("a\u200db", "a\\u200db"),
        ("Zażółć שלום 日本", "Zażółć שלום 日本"),
        ("👩‍👩‍👧 ❤️‍🔥 🏳️‍🌈 👩🏽‍⚕️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👩‍👩‍👧 ❤️‍🔥 🏳️‍🌈 👩🏽‍⚕️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("👩\u200d", "👩\\u200d"),
        ("::error file=x::boo", "\\x3a:error file=x::boo"),
        ("##[group]x", "#\\x23[group]x"),
    ],
)
def test_what_hides_is_shown_as_an_escape(text: str, shown: str) -> None:
    """Escapes are visible and name the character; ordinary text in any script, and emoji, stay as they are."""
    assert terminal(text) == shown


@given(HOSTILE)
def test_no_line_of_output_is_a_command_to_a_runner(text: str) -> None:
    """Wherever a line of it begins, a CI runner finds nothing to obey."""
    shown = terminal(text, lines=True)
    assert not any(COMMAND.search(shown[start:]) for start in range(len(shown)))


@given(HOSTILE)
def test_a_code_block_cannot_be_closed_from_inside(text: str) -> None:
    """The first line that a markdown reader takes for the closing fence is the last one."""
    first, *rest = markdown_code_block(text).removesuffix("\n").split("\n")
    assert re.fullmatch("`{3,}", first)
    closing = [
        number
        for number, line in enumerate(rest)
        if re.fullmatch(r" {0,3}`{" + str(len(first)) + r",}\s*", line)
    ]
    assert closing == [len(rest) - 1]
    shown = [line.removeprefix(" ") if re.match(r" /\w", line) else line for line in rest[:-1]]
    said = [
        line.removeprefix(" ") if re.match(r" /\w", line) else line
        for line in terminal(text, lines=True).split("\n")
    ]
    assert "\n".join(shown).rstrip("\n") == "\n".join(said).rstrip("\n")
    assert not any(re.match(r"/\w", line) for line in rest)


@given(HOSTILE)
def test_inline_markdown_is_one_line_without_live_markup(text: str) -> None:
    """No raw angle bracket, no bare backtick, bracket or star, no mention, no issue, no link."""
    shown = markdown_inline(text)
    assert "\n" not in shown
    shown = re.sub(r"(?<!\\)`[A-Za-z0-9_./@-]+`", "id", shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]]", re.sub(r"\\.", "", shown))
    assert not re.search("[<>]", shown)
    # References are searched in the finished text: entities resolved, backslashes gone.
    finished = unescape(re.sub(r"\\([^\w\s])", r"\1", shown))
    assert not re.search(r"(?<![A-Za-z0-9_])@\w|#[0-9]|(?i:gh-[0-9])|https?://|www\.", finished, re.ASCII)
    assert not re.match(r"(?:[#+=/-]|[0-9]{1,9}[.)])", shown)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Something is coming. Soon!", "Something is coming. Soon!"),
        ("spring-launch/teaser@brand", "spring-launch/teaser@brand"),
        ("Mon 16 Mar 18:30:00 #launch", "Mon 16 Mar 18:30:00 #launch"),
        ("@team closes #12, GH-3, o/r#4", "@&#8203;team closes #&#8203;12, GH-&#8203;3, o/r#&#8203;4"),
        ("me@example.org", "me@&#8203;example.org"),
        ("see https://x.y or www.x.y", "see https:&#8203;//x.y or www&#8203;.x.y"),
        ("<img src=x> &amp;", "&lt;img src=x&gt; &amp;amp;"),
        ("![a](b) `c` *d* _e_ ~f~", "!\\[a\\](b) \\`c\\` \\*d\\* \\_e\\_ \\~&#8203;f\\~"),
        ("# heading", "\\# heading"),
        ("- [ ] box", "\\- \\[ \\] box"),
        ("12) twelve", "12\\) twelve"),
        ("/close", "\\/close"),
        ("o/r@0123abc and (550e8400-e29b)", "`o/r@0123abc` and (`550e8400-e29b`)"),
        ("20260315 effaced 0123abg", "20260315 effaced 0123abg"),
        ("[epic:12] *iteration:3", "\\[&#8203;epic:12\\] \\*&#8203;iteration:3"),
        (" two\r\n\tlines ", "two lines"),
        (":tada:", ":&#8203;tada:"),
        ("", ""),
    ],
)
def test_inline_markdown_reads_as_written(text: str, markdown: str) -> None:
    """What could be markup or a reference is broken up invisibly; the rest is left alone."""
    assert markdown_inline(text) == markdown


@given(HOSTILE)
def test_a_table_cell_stays_in_its_cell(text: str) -> None:
    """Neither a pipe nor a line end survives in a cell."""
    shown = markdown_table_cell(text)
    assert "|" not in shown
    assert "\n" not in shown


@given(HOSTILE, HOSTILE)
def test_an_annotation_is_one_command_whatever_it_holds(message: str, file: str) -> None:
    """One line, whose properties end where ours do, and whose data reads back as the safe text."""
    line = annotation("warning", message, file=file, line=3)
    assert len(line.splitlines()) == 1
    _, properties, data = line.split("::", 2)
    assert re.fullmatch(r"warning file=[^,:]*,line=3", properties)
    decoded = data.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert decoded == terminal(message, lines=True)


def test_annotations_carry_only_what_is_given() -> None:
    """No place, no properties; each given one under the runner's name for it."""
    assert annotation("error", "no: really") == "::error::no: really"
    given = annotation("notice", "50%\nnext", file="a,b:c.yaml", line=1, column=2, title="t")
    assert given == "::notice file=a%2Cb%3Ac.yaml,line=1,col=2,title=t::50%25%0Anext"
    assert workflow_command("%0A") == "%250A"


WORDS = st.lists(st.sampled_from(["a", "b", "soon.", "#launch", " ", "  ", "\n", "👩‍👧"]), max_size=30).map(
    "".join
)


@given(WORDS, WORDS)
def test_a_word_diff_holds_both_texts(before: str, after: str) -> None:
    """Without what was added it is the old text, without what was removed the new one; pieces alternate."""
    pieces = word_diff(before, after)
    assert "".join(text for kind, text in pieces if kind != "added") == before
    assert "".join(text for kind, text in pieces if kind != "removed") == after
    assert all(text for _, text in pieces)
    kinds = [kind for kind, _ in pieces]
    assert all(one != other and (one, other) != ("added", "removed") for one, other in pairwise(kinds))


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("", "", []),
        ("same", "same", [("same", "same")]),
        ("", "new", [("added", "new")]),
        (
            "It is out. #launch",
            "It was out. #launch #now",
            [
                ("same", "It "),
                ("removed", "is"),
                ("added", "was"),
                ("same", " out. #launch"),
                ("added", " #now"),
            ],
        ),
        ("a b", "c d", [("removed", "a b"), ("added", "c d")]),
        ("a b", "a  b", [("same", "a"), ("removed", " "), ("added", "  "), ("same", "b")]),
    ],
)
def test_a_word_diff_shows_words(before: str, after: str, pieces: list[tuple[str, str]]) -> None:
    """Whole words change; white space between two changed words goes with them."""
    assert word_diff(before, after) == pieces


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x " * 10**6, "y " * 10**6),
        ("a b " * 12_000, "b b a " * 8_000),
        (" ".join(map(str, range(1900))), " ".join(map(str, reversed(range(1900))))),
    ],
    ids=["huge", "repetitive", "reversed"],
)
def test_a_word_diff_ends_soon(before: str, after: str) -> None:
    """Time is bounded whatever the texts; what is too much to compare is one replacement."""
    start = time.perf_counter()
    pieces = word_diff(before, after)
    assert time.perf_counter() - start < 5
    assert "".join(text for kind, text in pieces if kind != "removed") == after
