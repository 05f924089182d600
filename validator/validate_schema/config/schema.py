"""The JSON Schema of validate-schema.toml, for editors; ``python -m validate_schema.config.schema``
prints it."""

import json
import sys
from typing import Any

import msgspec

from .shape import Config

_EMPTY: tuple[Any, ...] = (None, (), [], "")


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the config file, in a fixed order."""
    (ref,), components = msgspec.json.schema_components([Config], ref_template="#/$defs/{name}")
    definitions = {_name(name): _clean(schema) for name, schema in components.items()}
    top = definitions.pop(_name(ref["$ref"].rsplit("/", 1)[-1]))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "validate-schema.toml",
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """Return the schema as the text of the published file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def _name(component: str) -> str:
    return component.removesuffix("Config") or component


def _clean(value: Any) -> Any:
    """Drop what says nothing to an editor: titles, empty defaults, and the choice of null, which TOML
    does not have; shorten the names of definitions."""
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "anyOf" in value:
        choices = [_clean(item) for item in value["anyOf"] if item != {"type": "null"}]
        rest = {k: v for k, v in value.items() if k not in ("anyOf", "default")}
        return choices[0] | rest if len(choices) == 1 else {"anyOf": choices, **rest}
    cleaned: dict[str, Any] = {}
    for key, item in value.items():
        silent = key == "title" or (key in ("default", "required") and item in _EMPTY)
        if key == "$ref":
            cleaned[key] = "#/$defs/" + _name(item.rsplit("/", 1)[-1])
        elif key == "properties":
            cleaned[key] = {name: _clean(schema) for name, schema in item.items()}
        elif not silent and not (key == "default" and isinstance(item, dict)):
            cleaned[key] = _clean(item)
    return cleaned


if __name__ == "__main__":
    sys.stdout.write(schema_text())
