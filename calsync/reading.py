"""A document held against a model: every problem reported at its own line, and the rest goes on.

What was wrong is taken out of the data (`Map.spoiled`), so that one run shows all there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from calsync.document import Map, Node, Null, Seq
from calsync.fields import found, suggestion
from calsync.model import Json
from calsync.options import PLATFORMS, spellings
from calsync.textfile import shown

Report = Callable[[str, int, str, "str | None"], None]
"""Takes a problem: code, place, message, hint."""

MAX_PROBLEMS = 100
"""Of one mapping: a file may hold hundreds of thousands, and suggestions take their time."""

M = TypeVar("M", bound=BaseModel)

_SECRET = (
    "keys and addresses come from the environment only, such as POSTQUED_API_KEY and CALSYNC_POSTQUED_URL"  # noqa: S105
)
_SECRET_WORDS = (
    "key",
    "token",
    "secret",
    "password",
    "bearer",
    "auth",
    "url",
    "host",
    "endpoint",
    "address",
    "credential",
)
_ELSEWHERE = {
    "at": "every post has its own at, so defaults cannot set it",
    "id": "an id belongs to the post itself",
    "previously": "previously belongs to the post itself, or to the calendar",
    "accounts": "accounts belong to the post or to defaults",
    "overrides": "overrides belong to the post or to defaults",
    "privacy": "did you mean privacy_level, under options?",
}


def read(model: type[M], node: Map, report: Report, *, secrets: bool = False) -> M:
    """Hold a mapping against a model. Problems go to `report`, and what has one is taken out (`Map.spoiled`)."""
    while True:
        try:
            return model.model_validate(node)
        except ValidationError as error:
            for index, each in enumerate(error.errors(include_url=False, include_input=False)):
                if index == MAX_PROBLEMS:
                    report(
                        "too-many",
                        node.at,
                        f"more than {MAX_PROBLEMS} problems here; the rest is not shown",
                        None,
                    )
                _report(model, node, each, report if index < MAX_PROBLEMS else _silence, secrets=secrets)


def _silence(code: str, at: int, message: str, hint: str | None) -> None:
    """Takes no problem."""


def _report(model: type[BaseModel], root: Map, error: Any, report: Report, *, secrets: bool) -> None:
    """Report one of pydantic's errors at the nearest key that was written, and take that key's value out."""
    holder: Map = root
    key: str | None = None
    node: Node = root
    for part in error["loc"]:
        if isinstance(node, Map) and isinstance(part, str) and part in node.key_at:
            holder, key = node, part
            node = node.get(part, node)
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node):
            node = node[part]
        else:
            break
    if key is None or key in holder.spoiled:
        return
    context = error.get("ctx") or {}
    code = error["type"]
    if report is _silence:
        pass
    elif code == "extra_forbidden":
        known = known_fields(model, error["loc"][:-1])
        hint = suggestion(key, known)
        if secrets and any(word in key.casefold() for word in _SECRET_WORDS):
            hint = _SECRET
        elif key in _ELSEWHERE:
            hint = _ELSEWHERE[key]
        hint = hint or (f"known here: {', '.join(known)}" if known else None)
        report("unknown-key", holder.key_at[key], f"{shown(key)} is no field here", hint)
    elif "message" in context:
        report(code, context.get("at") or holder.place(key), context["message"], context.get("hint"))
    else:
        value = holder.get(key)
        hint = "delete the line, or write {}" if isinstance(value, Null) else None
        report(
            "wrong-type", holder.place(key), f"{shown(key)}: {_expected(code)}, found {found(value)}", hint
        )
    holder.spoil(key)


def _expected(code: str) -> str:
    if code in ("model_type", "dict_type", "model_attributes_type"):
        return "expected a mapping (KEY: VALUE lines)"
    return "expected a list" if code == "list_type" else "this value does not fit"


def known_fields(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """The fields of the model that lies at a path inside another."""
    current: Any = model
    for part in path:
        fields = getattr(current, "model_fields", None)
        if fields is not None and part in fields:
            current = _inner(fields[part].annotation)
    fields = getattr(current, "model_fields", {})
    return list(fields)


def _inner(annotation: Any) -> Any:
    """The model inside `X | None`, `dict[str, X]` or `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for each in getattr(annotation, "__args__", ()):
        inner = _inner(each)
        if inner is not None:
            return inner
    return None


class OptionValues(NamedTuple):
    """Options of one level as typed: the values, the names taken back by null, and where each stands.

    `foreign` are names that this platform does not know but another one does, with their places; `spoiled` names
    whose values were reported.
    """

    values: dict[str, Json]
    removed: frozenset[str]
    places: dict[str, int]
    foreign: dict[str, int]
    spoiled: frozenset[str]


def read_options(node: Map, platform: str, others: Iterable[str], report: Report) -> OptionValues:
    """Type the options of one level for a platform; `others` are platforms whose options may stand here too."""
    accepted = spellings(platform)
    clean = Map(node.at)
    removed: set[str] = set()
    foreign: dict[str, int] = {}
    for written, value in node.items():
        at = node.key_at[written]
        name = accepted.get(written)
        if name is None:
            if any(written in spellings(other) for other in others):
                foreign[written] = at
                continue
            every = sorted({platform, *others})  # one message, whichever of them is asked
            known = {each: name for other in every for each, name in spellings(other).items()}
            hint = suggestion(written, known) or f"known here: {', '.join(sorted(set(known.values())))}"
            report("unknown-key", at, f"{shown(written)} is no option of {' or '.join(every)}", hint)
        elif name in clean.key_at:
            report(
                "duplicate-key",
                at,
                f"{shown(written)} is {name}, which stands here already",
                "keep one of them",
            )
        else:
            clean.key_at[name] = at
            clean.value_at[name] = node.value_at[written]
            if isinstance(value, Null):
                removed.add(name)
            else:
                clean[name] = value
    model = read(PLATFORMS[platform], clean, report)
    values: dict[str, Json] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in model.__dict__.items()
        if value is not None
    }
    spoiled = frozenset(clean.spoiled) | {accepted[each] for each in node.spoiled if each in accepted}
    return OptionValues(values, frozenset(removed), clean.value_at, foreign, spoiled)
