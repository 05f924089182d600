"""What SQLite keeps as text alone: keys and predicates of indexes, lists of values in CHECKs."""

import re
from collections.abc import Iterator

from ...sql.ident import quote_ident, quote_literal

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[(),]|\bwhere\b""", re.I | re.S
)
_TEXTLESS = r"""(?:"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\])"""
_NAME = r"""(?:"(?P<double>(?:[^"]|"")+)"|`(?P<tick>[^`]+)`|\[(?P<square>[^\]]+)\]|(?P<plain>\w+))"""
_UNIQUE = re.compile(
    rf"\bconstraint\s+{_NAME}\s+unique\s*\((?P<columns>(?:{_TEXTLESS}|[\w\s,])*)\)", re.IGNORECASE
)
_LITERAL = r"'(?:[^']|'')*'"
_LISTED = re.compile(
    rf"\(*\s*{_NAME}\s*\)*\s+in\s*\(\s*(?P<list>{_LITERAL}(?:\s*,\s*{_LITERAL})*)\s*\)"
    r"(?P<null>\s+or\s+\S+\s+is\s+null)?\s*\)*",
    re.IGNORECASE,
)


def index_parts(statement: str) -> tuple[tuple[str, ...], str | None]:
    """Return the keys of a CREATE INDEX as written, and its predicate."""
    parts: list[str] = []
    depth, start, predicate = 0, 0, None
    for match in _TOKEN.finditer(statement):
        token = match[0].lower()
        if token == "(":
            depth += 1
            if depth == 1 and not parts:
                start = match.end()
        elif token in (",", ")") and depth == 1:
            parts.append(statement[start : match.start()].strip())
            start = match.end()
        if token == ")":
            depth -= 1
        if token == "where" and depth == 0 and parts:
            predicate = statement[match.end() :].strip().rstrip(";").strip()
            break
    return tuple(parts), predicate


def unique_names(statement: str) -> dict[tuple[str, ...], str]:
    """Return the names of the unique constraints of a CREATE TABLE, by their columns."""
    found = {}
    for match in _UNIQUE.finditer(statement):
        columns = tuple(_name(part) for part in re.finditer(_NAME, match["columns"]))
        found[columns] = _name(match)
    return found


def _name(match: re.Match[str]) -> str:
    named = next(name for name in match.group("double", "tick", "square", "plain") if name)
    return named.replace('""', '"') if match["double"] else named


def enum_check(text: str) -> tuple[str | None, str]:
    """Return the column whose values a CHECK lists, if that is all it does, and the CHECK's definition:
    such a list as PostgreSQL prints it, anything else as it is."""
    found = _LISTED.fullmatch(text.strip())
    if found is None:
        return None, f"CHECK ({text})"
    column = _name(found)
    labels = ", ".join(f"{quote_literal(label).strip()}::text" for label in _labels(found["list"]))
    condition = f"({quote_ident(column)} = ANY (ARRAY[{labels}]))"
    null = f" OR ({quote_ident(column)} IS NULL)" if found["null"] else ""
    return column, f"CHECK ({condition}{null})"


def _labels(listed: str) -> Iterator[str]:
    for literal in re.findall(_LITERAL, listed):
        yield literal[1:-1].replace("''", "'")
