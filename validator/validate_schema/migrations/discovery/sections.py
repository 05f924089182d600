"""The part of a file that a tool runs on the way up, and the part that it runs on the way down."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A part of a file: its text, the line on which it begins, and whether the tool wraps it."""

    sql: str
    first_line: int
    transactional: bool = True


def between(text: str, start: int, end: int, transactional: bool = True) -> Section:
    """Return the section of `text` between two offsets."""
    return Section(text[start:end], text.count("\n", 0, start) + 1, transactional)


@dataclass(frozen=True)
class Marks:
    """The lines that divide a tool's files.

    `begins` is how the way up begins, as people write it. `line` is any such line; its first group, in
    lower case, is among `ups` or `downs`, its second one, in `blocks`, are options. The way up is from the
    first up to the next down, or, in `blocks`, to whatever mark is next; without an up there is none,
    unless files may be `bare`. `alone` is a line, or an option, by which a file runs without a transaction.
    """

    begins: str
    line: str
    alone: str = ""
    blocks: bool = False
    bare: bool = False
    ups: tuple[str, ...] = ("up",)
    downs: tuple[str, ...] = ("down",)

    def in_(self, text: str) -> bool:
        """Tell whether a file is divided by these."""
        return re.search(self.line, text) is not None

    def up(self, text: str) -> Section | None:
        """Return what runs on the way up; None where nothing says what does."""
        marks = list(re.finditer(self.line, text))
        first = next((i for i, m in enumerate(marks) if self._is_up(m)), None)
        if first is None and not self.bare:
            return None
        start = marks[first].end() if first is not None else 0
        later = [m for m in marks if m.start() >= start and (self.blocks or self._is_down(m))]
        end = later[0].start() if later else len(text)
        options = (marks[first][2] or "") if self.blocks and first is not None else text
        wrapped = not self.alone or re.search(self.alone, options) is None
        return between(text, start, end, wrapped)

    def down(self, text: str) -> Section | None:
        """Return what runs on the way down, to the next mark; None without one."""
        marks = list(re.finditer(self.line, text))
        first = next((i for i, m in enumerate(marks) if self._is_down(m)), None)
        if first is None:
            return None
        end = marks[first + 1].start() if first + 1 < len(marks) else len(text)
        return between(text, marks[first].end(), end)

    def _is_up(self, mark: re.Match[str]) -> bool:
        return str(mark[1]).lower() in self.ups

    def _is_down(self, mark: re.Match[str]) -> bool:
        return str(mark[1]).lower() in self.downs
