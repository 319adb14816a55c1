"""How things get to stdout and stderr: the result to one, all else to the other."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from calsync.errors import CalendarError, CalsyncError
from calsync.model import Json
from calsync.settings import Environment


def colours(stream: TextIO, environment: Environment, *, no_color: bool) -> bool:
    """Whether a stream gets colours: never against `--no-color` or NO_COLOR, else on terminals or if forced."""
    if no_color or environment.no_color:
        return False
    if environment.force_color:
        return True
    return stream.isatty() and not environment.dumb


def width(stream: TextIO) -> int:
    """The columns of a terminal; 80 where there is none, so that output is the same everywhere."""
    return max(40, shutil.get_terminal_size((80, 24)).columns) if stream.isatty() else 80


def out(text: str) -> None:
    """Write to stdout, ending in a newline."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def err(text: str) -> None:
    """Write to stderr, ending in a newline."""
    sys.stderr.write(text if text.endswith("\n") else f"{text}\n")
    sys.stderr.flush()


def out_json(document: dict[str, Json]) -> None:
    """Write one JSON document to stdout."""
    from calsync.render.jsondoc import to_text

    out(to_text(document))


def document_of(error: CalsyncError, code: int) -> dict[str, Json]:
    """The document that says what went wrong."""
    from calsync.render.jsondoc import error_document

    found = error.diagnostics if isinstance(error, CalendarError) else ()
    return error_document(code, error.code, error.message, error.hint, found)


def show_error(error: CalsyncError, code: int, *, as_json: bool, no_color: bool) -> None:
    """Say what went wrong: on stderr for people, as one document on stdout for programs."""
    if as_json:
        out_json(document_of(error, code))
        return
    from calsync.render.terminal import error_text

    err(error_text(error, colour=colours(sys.stderr, Environment.read(os.environ), no_color=no_color)))
