"""What may be written in project file and calendars as JSON Schema, for editors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from calsync.options import PLATFORMS
from calsync.schema import OPEN, SERVICES, CalendarFile, PluginItem, PostItem, ProjectFile


def json_schema(which: Literal["calendar", "project"]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a calendar or of the project file, for editors."""
    parts: dict[str, type[BaseModel]] = {}
    if which == "calendar":
        schema = CalendarFile.model_json_schema()
        parts.update(PLATFORMS, PostItem=PostItem)
    else:
        schema = ProjectFile.model_json_schema()
        parts.update(SERVICES, plugin=PluginItem)
    definitions: dict[str, Any] = {key: _tidy(each) for key, each in schema.pop("$defs").items()}
    schema = {**_tidy(schema), "$defs": definitions}
    for name, model in parts.items():
        part = model.model_json_schema()
        definitions.update({key: _tidy(each) for key, each in part.pop("$defs", {}).items()})
        definitions[name] = _camel(name, part) if name in PLATFORMS else _tidy(part)
    if which == "calendar":
        # Which network an account is on, an editor cannot know, nor what the networks of an open service have.
        every = [{"$ref": f"#/$defs/{name}"} for name in (*PLATFORMS, *sorted(OPEN))]
        definitions.update({name: {"type": "object"} for name in OPEN})
        for level in ("Fields", "Override", "Defaults", "PostItem"):
            options = definitions[level]["properties"]["options"]
            options.pop("type")
            options["anyOf"] = every
        definitions["PostItem"]["required"] = ["id", "at"]
        schema["properties"]["posts"]["items"] = {"$ref": "#/$defs/PostItem"}
        schema["required"] = ["posts"]
    else:
        schema["properties"]["providers"].update(
            properties={name: {"$ref": f"#/$defs/{name}"} for name in SERVICES},
            additionalProperties={"$ref": "#/$defs/plugin"},
        )
        account = definitions["AccountItem"]
        account["required"] = ["provider"]
        account["if"] = {"properties": {"provider": {"enum": sorted(OPEN)}}, "required": ["provider"]}
        account["else"] = {"properties": {"platform": {"enum": list(PLATFORMS)}}}
        definitions["AccountItem"]["anyOf"] = [
            {"required": ["id"]},
            {"required": ["username"]},
            {"required": ["name"]},
        ]
        schema["properties"]["version"] = {**schema["properties"]["version"], "enum": [1], "type": "integer"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidy(part: dict[str, Any]) -> dict[str, Any]:
    """The schema without what Python's `| None = None` leaves in it: nothing but an option may be null."""
    clean: dict[str, Any] = {}
    for key, value in part.items():
        if key == "default" or (key == "title" and isinstance(value, str)):
            continue
        if key == "anyOf":
            choices = [each for each in value if each != {"type": "null"}]
            if len(choices) == 1:
                clean.update(_tidy(choices[0]))
                continue
            value = choices
        if isinstance(value, dict) and key not in ("examples",):
            value = (
                _tidy(value) if key != "properties" else {name: _tidy(each) for name, each in value.items()}
            )
        clean[key] = value
    return clean


def _camel(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """A platform's options with the services' own spelling beside ours."""
    options: dict[str, Any] = part.get("properties", {})
    for option, each in list(options.items()):
        each.pop("default", None)
        each.pop("title", None)
        camel = to_camel(option)
        if camel != option:
            options[camel] = {"$ref": f"#/$defs/{name}/properties/{option}"}
    part.pop("title", None)
    return part
