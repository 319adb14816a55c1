"""YAML text -> data and positions, in one pass over libyaml's event stream.

Scalars stay the text that their author wrote: the schema types them, never YAML's implicit rules. What a person
may not write (anchors, aliases, merge keys, tags, duplicate keys, several documents, tabs, values lost to an
unquoted `#`) is collected with its place; what libyaml cannot parse ends the file, not the run.

PyYAML's C parser carries the events; where it is missing, PyYAML's pure parser gives the same results slowly.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any

import yaml
from yaml.scanner import ScannerError

from calsync.errors import Diagnostic, Severity, Source
from calsync.nodes import FIRST, HOLE, SHIFT, Hole, Map, Node, Null, Seq, line_of, pack
from calsync.pureyaml import PureParser
from calsync.syntax import explain, first_tab, lost_to_hash, past_colon
from calsync.textfile import MIB, UnreadableFile, decode, forbidden, read_limited, shown

__all__ = [
    "HOLE",
    "Document",
    "Hole",
    "Map",
    "Node",
    "Null",
    "Seq",
    "line_of",
    "pack",
    "parse",
    "read_document",
]

MAX_BYTES = 10 * MIB
MAX_DEPTH = 32
MAX_NODES = 250_000
MAX_PROBLEMS = 500
WORDED_LENGTH = 100_000

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TEXT_KEYS = frozenset({"caption", "title", "text"})
"""Fields whose text often holds hashtags, so that a comment right after it is taken for a lost one."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its data (None when it could not be parsed to the end) and what is wrong with it as YAML."""

    file: str
    root: Node | None
    problems: tuple[Diagnostic, ...] = field(default=())

    def source(self, at: int) -> Source:
        """A place of this file."""
        line, column = line_of(at)
        return Source(file=self.file, line=max(line, 1), column=max(column, 1))


def _libyaml() -> Callable[[str], Any] | None:
    """PyYAML's C parser, where this installation has it."""
    try:
        from yaml._yaml import CParser
    except ImportError:
        return None
    parser: Callable[[str], Any] = CParser
    return parser


LIBYAML = _libyaml()


def read_document(path: Path, file: str, root: Path) -> Document:
    """Read one YAML file of the project in `root`; `file` is its name in messages. Never raises for what the file holds or lacks."""
    try:
        data = read_limited(path, MAX_BYTES, root=root)
    except UnreadableFile as problem:
        return Document(file, None, (problem.diagnostic(file),))
    return parse(data, file)


def parse(data: bytes, file: str, *, parser: Callable[[str], Any] | None = LIBYAML) -> Document:
    """Parse the bytes of one YAML file. `parser` makes the events: libyaml's where there is one.

    A file that libyaml does not take is read once more by the pure parser, which names places better and says the
    same on every machine; not where it is so long that this would be felt.
    """
    try:
        text = decode(data)
    except UnreadableFile as problem:
        return Document(file, None, (problem.diagnostic(file),))
    builder = _Builder(text, file)
    root = builder.run(parser or PureParser)
    if builder.failed and parser is not None and len(text) <= WORDED_LENGTH:
        second = _Builder(text, file)
        second.run(PureParser)
        builder = second if second.failed else builder
    return Document(file, root, tuple(builder.problems))


class _Stop(Exception):
    """The rest of the file is not looked at."""


class _Builder:
    """Turns events into data, collecting problems."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Diagnostic] = []
        self.failed = False  # the file could not be read to its end
        self.key_mark: Any = None  # where the last key ended
        self.spans: list[tuple[int, int]] | None = [] if "\t" in text else None

    def report(self, code: str, at: int, message: str, hint: str | None = None) -> None:
        """Note a problem; past the limit the file is given up, so that a hostile one stays cheap."""
        line, column = line_of(at)
        place = Source(file=self.file, line=line, column=column)
        error = Severity.ERROR
        if len(self.problems) >= MAX_PROBLEMS:
            message = f"more than {MAX_PROBLEMS} problems in this file; the rest is not looked at"
            self.problems.append(Diagnostic(severity=error, code="too-many", message=message, source=place))
            raise _Stop
        self.problems.append(Diagnostic(severity=error, code=code, message=message, hint=hint, source=place))

    def run(self, parser: Callable[[str], Any]) -> Node | None:
        """Build the data with a parser's events; None where that fails, which is reported."""
        root = None
        end = len(self.text)
        try:
            root = self.build(parser(self.text).get_event)
        except _Stop:
            self.failed = True
            return None
        except yaml.YAMLError as error:
            end, line, column, message, hint = explain(error, self.text)
            self.report("syntax", pack(line, column), message, hint)
            self.failed = True
        if self.tab(end):
            self.failed = True
        return None if self.failed else root

    def tab(self, before: int) -> bool:
        """Note the first tab outside quoted text, blocks and comments, and say whether there was one.

        What was found behind it is a consequence, whatever the parser makes of it.
        """
        if self.spans is None:
            return False
        found = first_tab(self.text, self.spans, before)
        if found is None:
            return False
        self.problems = [
            each for each in self.problems if each.source and (each.source.line, each.source.column) < found
        ]
        hint = "use spaces; in text, quote it: a tab is \\t between double quotes"
        self.report("tab", pack(*found), "a tab character", hint)
        return True

    def build(self, next_event: Callable[[], Any]) -> Node | None:
        """Follow the events to the end; the root node, or None after a problem that leaves no data."""
        root: Node | None = None
        top: Node | None = None  # the open container
        key: str | Hole | None = None  # in a mapping: the key that waits for its value; HOLE: to be dropped
        stack: list[tuple[Node | None, Hole | None]] = []  # what to go on with when a container ends
        nodes = 0
        thread: Node = HOLE  # the list of texts that was opened last
        scalar, mapping, sequence, alias = _NODES
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                top, key = stack.pop()
                continue
            if kind not in _NODES:
                if kind is yaml.DocumentStartEvent:
                    self._document(event, root)
                continue
            mark = event.start_mark
            at = (mark.line << SHIFT | mark.column) + FIRST
            nodes += 1
            if (
                kind is scalar
                and type(top) is Map
                and not event.style
                and event.anchor is None
                and event.tag is None
                and nodes <= MAX_NODES
                and (text := event.value) not in NULLS
            ):  # plain text in a mapping: nearly all there is, and what follows would do the same more slowly
                if key is None:
                    if text not in top.key_at and text != "<<":
                        key = intern(text)
                        top.key_at[key] = at
                        self.key_mark = event.end_mark
                        continue
                elif type(key) is str and key not in TEXT_KEYS:
                    top.value_at[key] = at
                    top[key] = text
                    key = None
                    continue
            if nodes > MAX_NODES:
                self.report("too-many", at, f"more than {MAX_NODES:,} values in one file", "split the file")
                raise _Stop
            if kind is alias or event.anchor is not None or event.tag is not None:
                self._refuse(event, at)

            node: Node
            plain = False
            if kind is scalar:
                node = event.value
                plain = not event.style
                if not plain:
                    self._styled(event, at)
                elif node in NULLS:
                    node = Null(node)
            elif kind is alias:
                node = HOLE
            else:
                node = Map(at) if kind is mapping else Seq(at)
                if key == "thread" and kind is sequence:
                    thread = node

            after: Hole | None = None
            if type(top) is Map:
                if key is None:
                    if type(node) is str and node not in top.key_at and node != "<<":
                        key = node
                        top.key_at[node] = at
                        self.key_mark = event.end_mark
                    else:
                        key = self._key(top, node, plain=plain, at=at)
                    after = HOLE
                else:
                    if (key in TEXT_KEYS or not node) and kind is scalar:
                        if plain and not node and type(key) is str:
                            at = top.key_at[key]  # where an empty value stands, parsers disagree
                        if self._lost(event, top, key):
                            node = HOLE
                    if type(key) is str:
                        top.value_at[key] = at
                        if node is HOLE:
                            top.spoil(key)
                        else:
                            top[key] = node
                    key = None
            else:
                prose = top is thread
                if kind is scalar and (prose or not node) and self._lost(event, top, None, prose=prose):
                    node = HOLE
                if type(top) is Seq:
                    top.append(node)
                    top.item_at.append(at)
                else:
                    root = node
            if kind is mapping or kind is sequence:
                if len(stack) >= MAX_DEPTH:
                    self.report("too-deep", at, f"nested more than {MAX_DEPTH} levels deep")
                    raise _Stop
                stack.append((top, after))
                top, key = node, None
        if root is None or (type(root) is Null and not root):
            self.report("empty-file", pack(1, 1), "this file is empty")
            return None
        return root

    def _document(self, event: Any, root: Node | None) -> None:
        """Refuse directives and a second document."""
        at = pack(event.start_mark.line + 1, event.start_mark.column + 1)
        if root is not None:
            self.report(
                "documents", at, "a second document in one file", "one file is one document: drop the ---"
            )
            raise _Stop
        if event.version or event.tags:
            self.report(
                "directive", at, "YAML directives (%) are not used here", "delete the line above the ---"
            )

    def _refuse(self, event: Any, at: int) -> None:
        """Report anchors, aliases and tags: they would let one line of a diff change posts elsewhere."""
        quote = "quote text that starts with"
        if type(event) is yaml.AliasEvent:
            name = f"*{shown(str(event.anchor))}"
            hint = f"write the value out, or use defaults:; {quote} *"
            self.report("alias", at, f"aliases ({name}) are not used here", hint)
            return
        if event.anchor is not None:
            name = f"&{shown(event.anchor)}"
            self.report("anchor", at, f"anchors ({name}) are not used here", f"use defaults:; {quote} &")
        if event.tag is not None:
            hint = f"delete the tag: every value is read as its text; {quote} !"
            self.report("tag", at, f"tags ({shown(event.tag)}) are not used here", hint)

    def _styled(self, event: Any, at: int) -> None:
        """Look at a scalar that is quoted or a block: where it lies, and for characters that were escaped."""
        if self.spans is not None:
            begin = self.text.find(event.style, event.start_mark.index)  # behind an anchor or a tag
            if event.style in "|>":
                begin = _LINE.match(self.text, begin).end()  # type: ignore[union-attr]
            self.spans.append((begin, event.end_mark.index))
        if event.style in "|>" and _GLUED.match(self.text, event.start_mark.index):
            mark = event.start_mark
            raise ScannerError(
                "while scanning a block scalar", mark, "a comment without a space before it", mark
            )
        if event.style == '"' and (bad := forbidden(event.value)) is not None:
            self.report("control-character", at, f"a control character ({bad}) in a value", "delete it")

    def _key(self, top: Map, node: Node, *, plain: bool, at: int) -> str | Hole:
        """Take a key of the mapping; HOLE where its value is to be dropped."""
        if not isinstance(node, str):
            if node is not HOLE:
                self.report(
                    "key", at, "a key must be text, not a list or a mapping", "quote text that starts so"
                )
            return HOLE
        if plain and node == "<<":
            self.report(
                "merge-key", at, "merge keys (<<) are not used here", "put shared fields under defaults:"
            )
            return HOLE
        key = str(node)
        if key in top.key_at:
            line, _ = line_of(top.key_at[key])
            message = f"the key {shown(key)} stands here twice; first on line {line}"
            self.report("duplicate-key", at, message, "keep one of them")
            return HOLE
        top.key_at[key] = at
        return key

    def _lost(self, event: Any, top: Node | None, key: str | Hole | None, *, prose: bool = False) -> bool:
        """Report a value that an unquoted `#` turned into a comment, wholly or from there on."""
        mark, end = event.start_mark.index, event.end_mark.index
        column = event.start_mark.column if prose else 0
        empty = not event.style and mark == end
        if type(top) is Map and type(key) is str:
            column = line_of(top.key_at[key])[1]
            if empty:  # where an empty value stands, parsers disagree
                end = (past_colon(self.text, self.key_mark.index) if self.key_mark else end) or end
        at = mark if event.style in ("|", ">") else end
        lost = lost_to_hash(
            self.text, at, event.style, empty=empty, prose=prose or key in TEXT_KEYS, column=column
        )
        if lost is None:
            return False
        line, place, comment = lost
        block = "- |" if prose else "text: |" if key == "text" else "caption: |"
        self.report(
            "unquoted-hash",
            pack(line, place),
            f"{shown(comment, 40)} is lost: an unquoted # starts a comment",
            f'quote the text ("..."), or write it as a block: {block}',
        )
        return True


_NODES = (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent, yaml.AliasEvent)

_GLUED = re.compile(r"[|>][-+0-9]*#")
"""A comment right behind the sign of a block: not YAML, though libyaml takes it."""

_LINE = re.compile(r"[^\r\n]*")
