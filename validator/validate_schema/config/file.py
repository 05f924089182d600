"""Find, read and explain validate-schema.toml, or the ``[tool.validate-schema]`` table."""

import hashlib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..model.errors import ConfigError
from ..model.limits import CONFIG_BYTES, require_plain
from .rules import broken_rule
from .shape import ChecksConfig, Config, SqlCheckConfig

FILE_NAME = "validate-schema.toml"
_TABLE = "validate-schema"
_DEEPEST = 50
# What a dotted key is made of: dots (1), its parts and the space between; all else (2) ends it.
_KEY_PART = re.compile(
    r"""(\.)
    | \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}.*?'{3} | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' | [A-Za-z0-9_-]+ | [ \t]+
    | (\#[^\n]*|.)""",
    re.VERBOSE | re.DOTALL,
)


class LoadedConfig(NamedTuple):
    """A configuration and where it was read.

    `path` is None when there is no file and all is inferred; then `text_sha256` is empty. Otherwise
    it is the SHA-256 of the file's bytes, in hex.
    """

    config: Config
    path: Path | None
    text_sha256: str

    @property
    def base(self) -> Path:
        """The folder that paths in the config are relative to."""
        return self.path.parent if self.path else Path()


def load(path: Path | None, start: Path) -> LoadedConfig:
    """Read the config at `path`, or the nearest one at or above the directory `start`.

    In each directory ``validate-schema.toml`` comes before ``pyproject.toml``; one of the latter
    without a ``[tool.validate-schema]`` table is passed over. Raises `ConfigError` when a file
    cannot be read or used.
    """
    if path is not None:
        loaded = _read(path)
        if loaded is None:
            raise ConfigError(f"{path} has no [tool.{_TABLE}] table")
        return loaded
    here = start.resolve()
    for folder in (here, *here.parents):
        for name in (FILE_NAME, "pyproject.toml"):
            if (folder / name).is_file() and (loaded := _read(folder / name)) is not None:
                return loaded
    return LoadedConfig(Config(), None, "")


def parse_toml(text: str, name: str) -> Config:
    """Return the config written in `text`; `name` is the file's, for messages. Raises `ConfigError`."""
    return _convert(_toml(text, name), name, "")


def rules_of(path: Path) -> tuple[SqlCheckConfig, ...]:
    """Return the `[[checks.sql]]` of a pack's file, which holds nothing else. Raises `ConfigError`."""
    loaded = _read(path)
    assert loaded is not None, "only a pyproject.toml can lack the table"
    rules = loaded.config.checks.sql
    if loaded.config != Config(checks=ChecksConfig(sql=rules)):
        raise ConfigError(f"{path}: a pack holds [[checks.sql]] and nothing else")
    return rules


def _read(path: Path) -> LoadedConfig | None:
    try:
        require_plain(path, path.stat().st_mode, ConfigError)
        size = path.stat().st_size
        if size > CONFIG_BYTES:
            raise ConfigError(f"{path}: holds {size} bytes; a config has at most {CONFIG_BYTES}")
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from None
    digest = hashlib.sha256(raw).hexdigest()
    if path.name != "pyproject.toml":
        return LoadedConfig(parse_toml(text, str(path)), path, digest)
    tool = _toml(text, str(path)).get("tool")
    table = tool.get(_TABLE) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        return None
    return LoadedConfig(_convert(table, str(path), f"tool.{_TABLE}."), path, digest)


def _toml(text: str, name: str) -> dict[str, Any]:
    import tomllib  # not every run has a config

    try:
        if _names_deeper(text, _DEEPEST):
            raise RecursionError
        read = tomllib.loads(text)
        if _nests_deeper(read, _DEEPEST):
            raise RecursionError
        return read
    except RecursionError:
        raise ConfigError(f"{name}: tables or arrays that nest deeper than {_DEEPEST}") from None
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        place = re.search(r" \(at line (\d+), column (\d+)\)$", said)
        if place is None:
            lines = text.splitlines() or [""]
            line, column = str(len(lines)), str(len(lines[-1]) + 1)
            said = said.removesuffix(" (at end of document)")
        else:
            line, column = place.groups()
            said = said[: place.start()]
        raise ConfigError(f"{name}:{line}:{column}: {said}") from None


def _names_deeper(text: str, most: int) -> bool:
    """Return whether a dotted key names more than `most` levels. The parser's time and memory grow with the
    square of that."""
    dots = 0
    for match in _KEY_PART.finditer(text):
        if match[1]:
            dots += 1
            if dots > most:
                return True
        elif match[2]:
            dots = 0
    return False


def _nests_deeper(value: object, most: int) -> bool:
    layer = [value]
    for _ in range(most + 1):
        layer = [
            inner
            for each in layer
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(layer)


def _convert(raw: dict[str, Any], name: str, prefix: str) -> Config:
    plain = _with_text_dates(raw)
    try:
        config = msgspec.convert(plain, Config)
    except msgspec.ValidationError:
        from .explain import explain_error

        raise ConfigError(f"{name}: {explain_error(plain, prefix)}") from None
    if (broken := broken_rule(config)) is not None:
        raise ConfigError(f"{name}: {prefix}{broken}")
    return config


def _with_text_dates(value: Any) -> Any:
    """Return `value` with every date as text, so that TOML dates and strings are one thing."""
    match value:
        case dict():
            return {name: _with_text_dates(item) for name, item in value.items()}
        case list():
            return [_with_text_dates(item) for item in value]
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
    return value
