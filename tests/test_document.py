"""YAML text -> data and places: what is kept, what is refused, in what words, and how long it may take."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calsync import document
from calsync.document import (
    LIBYAML,
    MAX_BYTES,
    MAX_DEPTH,
    Document,
    Map,
    Node,
    Null,
    Seq,
    line_of,
    parse,
    read_document,
)
from calsync.pureyaml import PureParser

PARSERS = [pytest.param(LIBYAML, id="libyaml"), pytest.param(PureParser, id="pure")]


@pytest.fixture(params=PARSERS)
def read(request: pytest.FixtureRequest) -> Callable[[str | bytes], Document]:
    def read(text: str | bytes) -> Document:
        data = text if isinstance(text, bytes) else text.encode()
        return parse(data, "cal.yaml", parser=request.param)

    return read


Read = Callable[[str | bytes], Document]


def found(document: Document) -> list[tuple[str, str]]:
    """Each problem as (line:column, code)."""
    return [
        (f"{each.source.line}:{each.source.column}", each.code) for each in document.problems if each.source
    ]


def test_pyyaml_has_its_c_part() -> None:
    """The C parser is there in this installation: the pure one stands in, it is not what we ship."""
    assert LIBYAML is not None


def test_scalars_stay_text(read: Read) -> None:
    """Every scalar is the text that its author wrote, whatever YAML's implicit rules make of it."""
    result = read(
        "a: yes\nb: 007\nc: 14:30\nd: 2026-01-01\ne: 1e3\nf: 0x1F\ng: 1_000\nh: [on, NO, .inf, 12:30:00]\n"
    )
    assert result.problems == ()
    assert result.root == {
        "a": "yes",
        "b": "007",
        "c": "14:30",
        "d": "2026-01-01",
        "e": "1e3",
        "f": "0x1F",
        "g": "1_000",
        "h": ["on", "NO", ".inf", "12:30:00"],
    }


def test_only_a_plain_null_may_be_null(read: Read) -> None:
    """A plain empty, `~` or `null` scalar may be null and keeps its text; a quoted one never is."""
    root = read("a: null\nb: ~\nc:\nd: 'null'\ne: \"\"\nf: nil\n").root
    assert isinstance(root, Map)
    assert {key: type(value) for key, value in root.items()} == {
        "a": Null, "b": Null, "c": Null, "d": str, "e": str, "f": str,
    }  # fmt: skip
    assert root["a"] == "null"


def test_places_count_lines_and_characters_from_one(read: Read) -> None:
    """Keys, values and items know their line and column in characters, in any script, with any line ending."""
    root = read("\ufeffé🎉: [x, 'ÿ']\r\nsub:\r\n  - {k: v}\r\n").root
    assert isinstance(root, Map)
    assert line_of(root.key_at["é🎉"]) == (1, 1)
    assert line_of(root.value_at["é🎉"]) == (1, 5)
    first = root["é🎉"]
    assert isinstance(first, Seq)
    assert [line_of(at) for at in first.item_at] == [(1, 6), (1, 9)]
    second = root["sub"]
    assert isinstance(second, Seq)
    assert line_of(second.item_at[0]) == (3, 5)
    inner = second[0]
    assert isinstance(inner, Map)
    assert line_of(inner.value_at["k"]) == (3, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", [("3:1", "duplicate-key")], id="duplicate key"),
        pytest.param("a: 1\n'a': 3\n", [("2:1", "duplicate-key")], id="duplicate key, quoted"),
        pytest.param("a: &x 1\n", [("1:4", "anchor")], id="anchor"),
        pytest.param("a: *x\n", [("1:4", "alias")], id="alias"),
        pytest.param("<<: {a: b}\n", [("1:1", "merge-key")], id="merge key"),
        pytest.param("a: !!str 1\n", [("1:4", "tag")], id="tag"),
        pytest.param("a: !mine {b: c}\n", [("1:4", "tag")], id="own tag"),
        pytest.param("a: b\n---\nc: d\n", [("2:1", "documents")], id="two documents"),
        pytest.param("%YAML 1.2\n---\na: b\n", [("1:1", "directive")], id="directive"),
        pytest.param("a:\n\tb: c\n", [("2:1", "tab")], id="tab as indentation"),
        pytest.param("a:\tb\n", [("1:3", "tab")], id="tab behind a colon"),
        pytest.param("a: b\tc\n", [("1:5", "tab")], id="tab in plain text"),
        pytest.param("a: |\n\tb\n", [("2:1", "tab")], id="tab in front of a block's text"),
        pytest.param(b"a: \xff\n", [("1:4", "encoding")], id="not UTF-8"),
        pytest.param("é: é\nb: ".encode() + b"\xc3(", [("2:4", "encoding")], id="UTF-8 cut short"),
        pytest.param("a: b".encode("utf-16"), [("1:1", "encoding")], id="UTF-16"),
        pytest.param("a: b\nc: \x00d\n", [("2:4", "control-character")], id="NUL"),
        pytest.param("a: \x1b[31m\n", [("1:4", "control-character")], id="escape"),
        pytest.param("a: b\u2028c\n", [("1:5", "control-character")], id="line separator"),
        pytest.param("a: b\n\ufeffc: d\n", [("2:1", "control-character")], id="byte order mark inside"),
        pytest.param('a: "x\\0"\n', [("1:4", "control-character")], id="NUL, escaped"),
        pytest.param('a: "\\ud83d\\ude00"\n', [("1:4", "syntax")], id="half characters, escaped"),
        pytest.param('a: "\\UFFFFFFFF"\n', [("1:4", "syntax")], id="no character, escaped"),
        pytest.param("", [("1:1", "empty-file")], id="empty"),
        pytest.param("# nothing\n", [("1:1", "empty-file")], id="only a comment"),
        pytest.param("---\n", [("1:1", "empty-file")], id="an empty document"),
        pytest.param("? [a, b]\n: c\n", [("1:3", "key")], id="a list as a key"),
        pytest.param("{a: b}: c\n", [("1:1", "key")], id="a mapping as a key"),
        pytest.param("- " * (MAX_DEPTH + 1) + "x", [(f"1:{2 * MAX_DEPTH + 1}", "too-deep")], id="too deep"),
        pytest.param("a: b: c\n", [("1:5", "syntax")], id="colon in plain text"),
        pytest.param("a: @brand\n", [("1:4", "syntax")], id="at sign"),
        pytest.param("a: [b\nc: d\n", [("1:4", "syntax")], id="list not closed"),
        pytest.param("a: 'b\nc: d\n", [("1:4", "syntax")], id="quote not closed"),
        pytest.param("a: *bold* text\n", [("1:4", "syntax")], id="star"),
    ],
)
def test_what_a_person_may_not_write(read: Read, text: str | bytes, expected: list[tuple[str, str]]) -> None:
    """Each trap of YAML is one error with a stable code, at its line and column, with something to do about it."""
    result = read(text)
    assert found(result) == expected
    assert all(each.hint or each.code in ("empty-file", "too-deep") for each in result.problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("caption: #tips\n", [("1:10", "unquoted-hash")], id="whole caption"),
        pytest.param("caption:   #tips and more\nb: c\n", [("1:12", "unquoted-hash")], id="with more text"),
        pytest.param("media: #1.jpg\n", [("1:8", "unquoted-hash")], id="any field"),
        pytest.param("accounts:\n  - a\n  - #b\n", [("3:5", "unquoted-hash")], id="an item"),
        pytest.param("caption: Look #wow\n", [("1:15", "unquoted-hash")], id="the end of a caption"),
        pytest.param("title: Look #1\n", [("1:13", "unquoted-hash")], id="the end of a title"),
        pytest.param(
            "p:\n  caption: Look\n    at this #wow\n", [("3:13", "unquoted-hash")], id="second line"
        ),
        pytest.param("p:\n  caption: Look\n    #wow\n", [("3:5", "unquoted-hash")], id="own line"),
        pytest.param("caption:\n  #launch\nb: c\n", [("2:3", "unquoted-hash")], id="only on its own line"),
        pytest.param("caption: |#tips\n  text\n", None, id="glued to the sign of a block"),
        pytest.param(
            "caption: | #tips\n  text\n", [("1:12", "unquoted-hash")], id="beside the sign of a block"
        ),
        pytest.param("{caption: #tips\n}\n", [("1:11", "unquoted-hash")], id="in braces"),
        pytest.param("caption: Look # a remark\n", [], id="a remark behind a caption"),
        pytest.param("at: 2031-03-15 14:00 #wow\n", [], id="a remark behind another field"),
        pytest.param("caption: 'Look #wow'\n", [], id="quoted"),
        pytest.param("caption: |\n  Look #wow\n  #more\n", [], id="a block"),
        pytest.param("caption: Look#wow\n", [], id="no space before it"),
        pytest.param("caption: Look\n#wow\nb: c\n", [], id="a comment of the next field"),
        pytest.param("posts: # the posts\n  - a\n", [], id="a comment beside a list"),
    ],
)
def test_a_value_lost_to_an_unquoted_hash(
    read: Read, text: str, expected: list[tuple[str, str]] | None
) -> None:
    """Text that YAML takes for a comment is an error where it was meant as text, and no error where not."""
    result = read(text)
    if expected is None:
        assert result.problems
    else:
        assert found(result) == expected


def test_all_problems_of_a_file_are_reported(read: Read) -> None:
    """What can be read past is: one run shows every problem of a file, not the first."""
    text = "a: &x 1\nb: *x\nc: !t 2\n<<: {}\nd: 1\nd: 2\ncaption: #tips\n"
    assert [code for _, code in found(read(text))] == [
        "anchor", "alias", "tag", "merge-key", "duplicate-key", "unquoted-hash",
    ]  # fmt: skip


def test_a_duplicate_names_the_first_and_keeps_it(read: Read) -> None:
    """A repeated key says where the first one stands; its own value is dropped."""
    result = read("a: 1\nb: 2\n\na: {c: [3]}\ne: 4\n")
    assert "first on line 1" in result.problems[0].message
    assert result.root == {"a": "1", "b": "2", "e": "4"}


def test_tabs_inside_text_are_text(read: Read) -> None:
    """A tab in quoted text, in a block or in a comment is nobody's indentation."""
    result = read("a: 'x\ty'\nb: |\n  x\ty\nc: d # e\tf\n")
    assert result.problems == ()
    assert result.root == {"a": "x\ty", "b": "x\ty\n", "c": "d"}


def test_hostile_names_are_shown_escaped() -> None:
    """What a file says is quoted in messages without control characters, and cut to a line."""
    result = parse(('"\\e[31m' + "x" * 500 + '": 1\n').encode() * 2, "f")
    assert all(each.message.isprintable() and len(each.message) < 200 for each in result.problems)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "brackets": lambda: b"[" * MAX_BYTES,
    "dashes": lambda: b"- " * (MAX_BYTES // 2),
    "items": lambda: b"- a\n" * (MAX_BYTES // 4),
    "duplicates": lambda: b"a: b\n" * (MAX_BYTES // 5),
    "aliases": lambda: b"- *a\n" * (MAX_BYTES // 5),
    "comments with tabs": lambda: b"a: b\n" + b"#\t\n" * (MAX_BYTES // 3 - 9),
    "empty lines": lambda: b"caption: x" + b"\r\n" * (MAX_BYTES // 2 - 9) + b"y",
    "a quoted line": lambda: b'a: "' + b"\t" * (MAX_BYTES - 9) + b'"',
    "an error at the end": lambda: b"a:\n" + b"- b: c\n" * 60_000 + b"x: y: z",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon(name: str) -> None:
    """No file takes long, and none yields more than a page of problems."""
    data = HOSTILE[name]()
    start = time.process_time()
    result = parse(data, "f")
    assert time.process_time() - start < 30
    assert len(result.problems) <= document.MAX_PROBLEMS + 1


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has a bounded number of values, however few bytes each takes."""
    monkeypatch.setattr(document, "MAX_NODES", 10)
    assert found(parse(b"[a, b, c, d, e, f, g, h, i, j]", "f")) == [("1:29", "too-many")]


def test_files_are_read_within_bounds(tmp_path: Path) -> None:
    """A file that is too large, missing, a folder or a pipe is one error and never a wait."""
    big = tmp_path / "big.yaml"
    big.write_bytes(b"a" * (MAX_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.yaml")
    codes = {
        name: [each.code for each in read_document(tmp_path / name, name, tmp_path).problems]
        for name in ("big.yaml", "gone.yaml", "pipe.yaml", ".")
    }
    assert codes == {
        "big.yaml": ["too-large"],
        "gone.yaml": ["unreadable"],
        "pipe.yaml": ["unreadable"],
        ".": ["unreadable"],
    }


# -- laws ---------------------------------------------------------------------------------------------------------

_PIECES = [
    "a", "b: ", "caption: ", "title: ", ": ", "- ", "  ", "\n", "\n  ", "\n    ", "#x", " # y", " #z", "'", '"', "|\n",
    "|-\n", ">\n", "[", "]", "{", "}", ", ", "? ", "&a ", "*a", "<<: ", "---\n", "~", "null", "\t", "é", "🎉", "\\n",
    "\\x07", "\\ud800", "@", "`", "\r\n", "\r", "at: 14:30", "?", ":", "|", "-", "x: y\n", "\\", "\u2028",
]  # fmt: skip
snippets = st.lists(st.sampled_from(_PIECES), max_size=16).map("".join)


def shape(node: Node | None) -> Any:
    """A node with all its places, to be compared."""
    if isinstance(node, Map):
        parts = {key: shape(value) for key, value in node.items()}
        return (node.at, node.key_at, node.value_at, sorted(node.spoiled), parts)
    if isinstance(node, Seq):
        return (node.at, node.item_at, [shape(each) for each in node])
    return (type(node).__name__, str(node))


@settings(max_examples=600, deadline=None, derandomize=True)
@given(snippets)
@example("{a: b?c, d: [e?]}")
@example("{a:[b]}")
@example("a: |#b\n  c\n")
@example("{caption: #x\n}")
@example("&a |\n \tb")
def test_both_parsers_give_one_answer(text: str) -> None:
    """libyaml and the pure parser agree on data, places and diagnostics. (Tags aside: they are errors anyway.)"""
    data = text.encode()
    fast, pure = parse(data, "f"), parse(data, "f", parser=PureParser)
    assert fast.problems == pure.problems
    assert shape(fast.root) == shape(pure.root)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
)
def test_any_bytes_give_data_or_problems(data: bytes) -> None:
    """Whatever the bytes, the answer is data or at least one error at a place; nothing is raised."""
    for parser in (LIBYAML, PureParser):
        result = parse(data, "f", parser=parser)
        assert (result.root is not None) or result.problems
        assert all(each.source is not None and each.source.line >= 1 for each in result.problems)


_PRINTABLE = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"
) | st.sampled_from("\n\t")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(_PRINTABLE, max_size=80))
def test_quoted_text_survives(text: str) -> None:
    """Any caption that YAML's own writer quotes is read back as it was."""
    data = yaml.safe_dump({"caption": text}, allow_unicode=True, default_style='"').encode()
    result = parse(data, "f")
    assert result.problems == ()
    assert result.root == {"caption": text}
