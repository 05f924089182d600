"""Say what is wrong with a config: the key as it is written in the file, and the nearest known one."""

import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from ..model.wording import did_you_mean, nearest
from .shape import Config

_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
}


def explain_error(raw: dict[str, Any], prefix: str = "") -> str:
    """Return one line about the first thing in `raw` that does not convert to a `Config`.

    `prefix` stands before the key (``tool.validate-schema.`` in a pyproject.toml).
    """
    path, kind, value = _locate(raw, Config, ())
    where = prefix + _dotted(path)
    if isinstance(value, dict) and _is_struct(kind):
        return _explain_keys(value, kind, path, where)
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return f"{where}: {_explain_value(value, kind, str(error))}"
    raise AssertionError(f"{where} converts on its own")


def _explain_keys(value: dict[str, Any], kind: Any, path: tuple[str | int, ...], where: str) -> str:
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in value:
        if key not in known:
            full = where + ("." if path else "") + _part(key)
            return f"{full}: unknown key{_suggest(key, sorted(known), path)}"
    missing = next(name for name, field in known.items() if field.required and name not in value)
    return f"{where}: the key {missing!r} is missing"


def _suggest(key: str, known: list[str], path: tuple[str | int, ...]) -> str:
    if hint := did_you_mean(key, known):
        return hint
    if len(path) <= 1:
        for section in msgspec.structs.fields(Config):
            if key in (field.encode_name for field in msgspec.structs.fields(section.type)):
                return f'; did you mean "{section.encode_name}.{key}"?'
    return f"; known here: {', '.join(known)}"


def _explain_value(value: Any, kind: Any, said: str) -> str:
    if value == "" and "length" in said:
        return "the text is empty"
    choices = [str(choice) for choice in _choices(kind)]
    if isinstance(value, str) and choices:
        written = {choice.lower(): choice for choice in choices}
        near = nearest(value.lower(), written)
        hint = f'; did you mean "{written[near]}"?' if near is not None else ""
        return f"expected one of {', '.join(choices)}, got {value!r}{hint}"
    if isinstance(value, str) and "date" in said:
        return f"expected a date such as 2027-01-31, got {value!r}"
    if isinstance(value, int) and (least := re.search(r">= (-?\d+)", said)):
        return f"expected at least {least[1]}, got {value}"
    expected = _wanted(kind)
    return f"expected {expected}, got {_given(value)}"


def _wanted(kind: Any) -> str:
    """Name a type in TOML's terms."""
    members = [_bare(m) for m in _members(kind) if m is not NoneType]
    names = []
    for member in members:
        if get_origin(member) is tuple:
            of = _wanted(get_args(member)[0])
            names.append("a list of " + {"a text": "texts"}.get(of, "lists" if "list" in of else "tables"))
        elif get_origin(member) is Literal:
            names.append("one of " + ", ".join(map(str, get_args(member))))
        elif get_origin(member) is dict or _is_struct(member):
            names.append("a table")
        else:
            names.append(_WORDS.get(member.__name__, member.__name__))
    return " or ".join(dict.fromkeys(names))


def _given(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list" if value else "an empty list"
    return "a table"


def _choices(kind: Any) -> tuple[Any, ...]:
    return tuple(c for m in _members(kind) if get_origin(_bare(m)) is Literal for c in get_args(_bare(m)))


def _locate(value: Any, kind: Any, path: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], Any, Any]:
    """Return (path, type, value) of the innermost part of `value` that does not convert."""
    for step, child, child_kind in _children(value, kind):
        try:
            msgspec.convert(child, child_kind)
        except msgspec.ValidationError:
            return _locate(child, child_kind, (*path, step))
    fitting = [m for m in _members(kind) if isinstance(value, dict) and _is_struct(_bare(m))]
    return path, _bare(fitting[0]) if fitting else kind, value


def _children(value: Any, kind: Any) -> list[tuple[str | int, Any, Any]]:
    for member in map(_bare, _members(kind)):
        if isinstance(value, dict) and _is_struct(member):
            types = {f.encode_name: f.type for f in msgspec.structs.fields(member)}
            return [(key, item, types[key]) for key, item in value.items() if key in types]
        if isinstance(value, dict) and get_origin(member) is dict:
            return [(key, item, get_args(member)[1]) for key, item in value.items()]
        if isinstance(value, list) and get_origin(member) is tuple:
            return [(index, item, get_args(member)[0]) for index, item in enumerate(value)]
    return []


def _members(kind: Any) -> tuple[Any, ...]:
    bare = _bare(kind)
    return get_args(bare) if get_origin(bare) in (Union, UnionType) else (kind,)


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else ("." if text else "") + _part(step)
    return text


def _part(key: str) -> str:
    """Write a key as TOML does: bare where it may be."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else msgspec.json.encode(key).decode()
