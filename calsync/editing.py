"""Change one key of a person's YAML file and nothing else: comments, order and quotes stay."""

from __future__ import annotations

import io
from pathlib import Path

from calsync.document import MAX_BYTES
from calsync.errors import CalsyncError
from calsync.textfile import UnreadableFile, decode, read_limited, shown


def set_key(path: Path, key: str, value: str) -> None:
    """Set a key at the top of a YAML file to a text. The file is replaced in one step, or not at all.

    Raises CalsyncError where it cannot be read or written, or is no mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import YAMLError

    name = shown(path.name)
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    try:
        text = decode(read_limited(path, MAX_BYTES, root=path.parent))
        data = yaml.load(text)
    except UnreadableFile as problem:
        raise CalsyncError(f"{name}: {problem.message}", hint=problem.hint, code="edit") from problem
    except YAMLError as problem:
        raise CalsyncError(
            f"{name} is not readable as YAML", hint="`calsync validate` names the line", code="edit"
        ) from problem
    if not isinstance(data, CommentedMap):
        raise CalsyncError(f"{name} is not a mapping (KEY: VALUE lines)", code="edit")
    if key in data:
        data[key] = value
    else:
        data.insert(1 if "version" in data else 0, key, value)
    sequence = next(
        (len(line) - len(line.lstrip()) for line in text.splitlines() if line.lstrip().startswith("- ")), 0
    )
    yaml.indent(mapping=2, sequence=sequence + 2, offset=sequence)
    buffer = io.StringIO()
    yaml.dump(data, buffer)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(buffer.getvalue(), encoding="utf-8", newline="")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise CalsyncError(f"{name} cannot be written: {error.strerror}", code="edit") from error
