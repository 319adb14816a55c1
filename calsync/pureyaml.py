"""PyYAML's parser without libyaml, held to libyaml's rules where the two differ.

It stands in where an installation of PyYAML lacks its C part, and it words the errors of both.
"""

from __future__ import annotations

from typing import Any

from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError
from yaml.tokens import ScalarToken

_BLANK = "\0 \t\r\n\x85\u2028\u2029"
_FLOW = ",[]{}"


class PureParser(Reader, Scanner, Parser):
    """Gives the same events as libyaml's parser, about fifty times slower."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_plain(self) -> Any:
        """Unquoted text: `?` may be part of it inside [] and {}, and `a:[` there is no key."""
        chunks: list[str] = []
        start_mark = end_mark = self.get_mark()
        indent = self.indent + 1
        spaces: list[str] = []
        while self.peek() != "#":
            length = 0
            while (sign := self.peek(length)) not in _BLANK:
                after = self.peek(length + 1)
                if sign == ":" and self.flow_level and after in _FLOW + "?":
                    mark = self.get_mark()
                    raise ScannerError(
                        "while scanning a plain scalar", start_mark, "found unexpected ':'", mark
                    )
                if (sign == ":" and after in _BLANK) or (self.flow_level and sign in _FLOW):
                    break
                length += 1
            if length == 0:
                break
            self.allow_simple_key = False
            chunks.extend(spaces)
            chunks.append(self.prefix(length))
            self.forward(length)
            end_mark = self.get_mark()
            spaces = self.scan_plain_spaces(indent, start_mark) or []
            if not spaces or (not self.flow_level and self.column < indent):
                break
        return ScalarToken("".join(chunks), True, start_mark, end_mark)

    def scan_block_scalar_indentation(self) -> Any:
        """The lines of a block are indented with spaces alone."""
        found = super().scan_block_scalar_indentation()
        self._no_tab()
        return found

    def scan_block_scalar_breaks(self, indent: int) -> Any:
        """The lines of a block are indented with spaces alone."""
        found = super().scan_block_scalar_breaks(indent)
        if self.column < indent:
            self._no_tab()
        return found

    def _no_tab(self) -> None:
        if self.peek() == "\t":
            problem = "found a tab character where an indentation space is expected"
            raise ScannerError("while scanning a block scalar", self.get_mark(), problem, self.get_mark())

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: Any) -> Any:
        """An escape that is no character is an error: of some the parser dies, others it lets pass."""
        try:
            chunks = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            chunks = ["\ud800"]
        if any("\ud800" <= each <= "\udfff" for chunk in chunks for each in chunk):
            problem = "found invalid Unicode character escape code"
            raise ScannerError("while scanning a quoted scalar", start_mark, problem, self.get_mark())
        return chunks
