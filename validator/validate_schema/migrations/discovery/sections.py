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

    `begins` is how the way up begins, as people write it. `line` is any such line; its first group, in lower
    case, is among `ups` or `downs` (or neither: it only ends what is before it), its second one, if there are
    two, are options. `alone` is an option, or a line where there are none, by which a file runs without a
    transaction.

    The way up is from the first up to the next down; in `blocks` to whatever mark is next; `scattered`, all
    that stand below an up. Without an up there is none, unless files may be `bare`.
    `first`: the tool takes nothing above the way up but comments.
    """

    begins: str
    line: str
    alone: str = ""
    blocks: bool = False
    scattered: bool = False
    bare: bool = False
    first: bool = False
    ups: tuple[str, ...] = ("up",)
    downs: tuple[str, ...] = ("down",)

    def in_(self, text: str) -> bool:
        """Tell whether a file is divided by these."""
        return re.search(self.line, text) is not None

    def up(self, text: str) -> Section | None:
        """Return what runs on the way up; None where nothing says what does."""
        marks = list(re.finditer(self.line, text))
        ups = [i for i, m in enumerate(marks) if self._says(m, self.ups)]
        if not ups and not self.bare:
            return None
        wrapped = not self.alone or not any(
            re.search(self.alone, options) for options in self._options(marks, ups, text)
        )
        if self.scattered:
            return _only(text, [_after(marks, i, text) for i in ups], wrapped)
        start = marks[ups[0]].end() if ups else 0
        later = [m for m in marks if m.start() >= start and (self.blocks or self._says(m, self.downs))]
        return between(text, start, later[0].start() if later else len(text), wrapped)

    def again(self, text: str) -> int | None:
        """Return where a further way up begins, if there is one."""
        ups = [m for m in re.finditer(self.line, text) if self._says(m, self.ups)]
        return ups[1].start() if len(ups) > 1 else None

    def down(self, text: str) -> Section | None:
        """Return what runs on the way down; None without one."""
        marks = list(re.finditer(self.line, text))
        parts = [_after(marks, i, text) for i, m in enumerate(marks) if self._says(m, self.downs)]
        if not parts:
            return None
        return _only(text, parts if self.scattered else parts[:1], True)

    def _says(self, mark: re.Match[str], words: tuple[str, ...]) -> bool:
        return str(mark[1]).lower() in words

    def _options(self, marks: list[re.Match[str]], ups: list[int], text: str) -> list[str]:
        """Return what may say that there is no transaction: the options of the ups, or the whole file."""
        wanted = ups if self.scattered else ups[:1]
        return [marks[i][2] or "" for i in wanted] if marks and marks[0].re.groups > 1 else [text]


def _after(marks: list[re.Match[str]], index: int, text: str) -> tuple[int, int]:
    """Return where the part below a mark begins and ends."""
    end = marks[index + 1].start() if index + 1 < len(marks) else len(text)
    return marks[index].end(), end


def _only(text: str, parts: list[tuple[int, int]], transactional: bool) -> Section:
    """Return the section that these parts are, with blanks for what stands between them: every position in
    it keeps its line."""
    found, at = "", parts[0][0]
    for start, end in parts:
        found += re.sub(r"[^\n]", " ", text[at:start]) + text[start:end]
        at = end
    return Section(found, text.count("\n", 0, parts[0][0]) + 1, transactional)
