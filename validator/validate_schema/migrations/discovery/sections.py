"""The part of a file that a tool runs on the way up."""

import re
from dataclasses import dataclass

_GOOSE = re.compile(r"^--[ \t]*\+goose[ \t]+(up|down)\b[^\n]*\n?", re.IGNORECASE | re.MULTILINE)
_GOOSE_ALONE = re.compile(r"^--[ \t]*\+goose[ \t]+no[ \t]+transaction\b", re.IGNORECASE | re.MULTILINE)
_DBMATE = re.compile(r"^--\s*migrate:(up|down)(?:[ \t]+([^\r\n]*))?\r?$", re.MULTILINE)
_NODE = re.compile(r"^[ \t]*--[\s-]*(up|down)\s+migration[^\n]*\n?", re.IGNORECASE | re.MULTILINE)
_TERN = "---- create above / drop below ----"
_TERN_ALONE = re.compile(r"^---- tern: disable-tx ----\r?$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """The up part: its text, the line on which it begins, and whether the tool wraps it."""

    sql: str
    first_line: int
    transactional: bool = True


def _between(text: str, start: int, end: int, transactional: bool = True) -> Section:
    return Section(text[start:end], text.count("\n", 0, start) + 1, transactional)


def has_goose(text: str) -> bool:
    return _GOOSE.search(text) is not None


def has_dbmate(text: str) -> bool:
    return _DBMATE.search(text) is not None


def has_node(text: str) -> bool:
    return _NODE.search(text) is not None


def has_tern(text: str) -> bool:
    return _TERN in text


def goose(text: str) -> Section | None:
    """Return what stands between ``-- +goose Up`` and ``-- +goose Down``, or None without an Up."""
    marks = {m[1].lower(): m for m in reversed(list(_GOOSE.finditer(text)))}
    if "up" not in marks:
        return None
    end = marks["down"].start() if "down" in marks else len(text)
    return _between(text, marks["up"].end(), end, _GOOSE_ALONE.search(text) is None)


def dbmate(text: str) -> Section | None:
    """Return the first ``-- migrate:up`` block: a second one never runs. None without one."""
    marks = list(_DBMATE.finditer(text))
    up = next((i for i, m in enumerate(marks) if m[1] == "up"), None)
    if up is None:
        return None
    end = marks[up + 1].start() if up + 1 < len(marks) else len(text)
    alone = "transaction:false" in (marks[up][2] or "").split()
    return _between(text, marks[up].end(), end, not alone)


def node(text: str) -> Section:
    """Return node-pg-migrate's up part, in whichever order the two come; no marker: all of it."""
    marks = list(_NODE.finditer(text))
    up = next((m for m in marks if m[1].lower() == "up"), None)
    down = next((m for m in marks if m[1].lower() == "down"), None)
    start = up.end() if up else 0
    end = down.start() if down and down.start() >= start else len(text)
    return _between(text, start, end)


def tern(text: str) -> Section:
    """Return what stands above tern's separator."""
    end = text.find(_TERN)
    return _between(text, 0, len(text) if end < 0 else end, _TERN_ALONE.search(text) is None)


def undo(tool: str, text: str) -> Section | None:
    """Return the part of a file that `tool` runs on the way down, or None without one."""
    if tool == "tern":
        end = text.find(_TERN)
        return None if end < 0 else _between(text, end + len(_TERN), len(text))
    pattern = {"goose": _GOOSE, "dbmate": _DBMATE, "node-pg-migrate": _NODE}.get(tool)
    marks = list(pattern.finditer(text)) if pattern else []
    down = next((i for i, m in enumerate(marks) if m[1].lower() == "down"), None)
    if down is None:
        return None
    end = marks[down + 1].start() if down + 1 < len(marks) else len(text)
    return _between(text, marks[down].end(), end)
