"""Comments that read as the mark of a way down, written for a tool that is not known."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, takewhile
from typing import NamedTuple

from ...sql import script

_DOWN = frozenset({
    "down", "downs", "downgrade", "downward", "downwards", "undo", "rollback", "rollbacks", "revert",
    "reverts", "reverse", "reversal", "backward", "backwards", "teardown", "destroy", "uninstall", "unapply",
})  # fmt: skip
_UP = frozenset({"up", "ups", "upgrade", "upward", "upwards", "apply", "do", "forward", "forwards"})
# What may stand beside these words in a mark.
_SECTION = frozenset({
    "migrate", "migration", "migrations", "section", "sections", "script", "scripts", "sql", "part", "parts",
    "statement", "statements", "begin", "begins", "start", "starts", "here", "below", "only", "change",
    "changes", "step", "steps", "direction",
})  # fmt: skip
# Words in front of these by which a comment says something rather than marks.
_SENTENCE = frozenset({
    "a", "after", "an", "and", "before", "can", "cannot", "do", "for", "how", "if", "in", "is", "it", "must",
    "no", "not", "of", "on", "or", "the", "this", "to", "will", "with",
    "break", "count", "cut", "lock", "scale", "shut", "slow",
})  # fmt: skip
# Words of English that no section is called by.
_ENGLISH = frozenset({
    "breakdown", "closedown", "cooldown", "countdown", "crackdown", "drawdown", "drilldown", "dropdown",
    "lockdown", "markdown", "meltdown", "pulldown", "rundown", "scaledown", "showdown", "shutdown",
    "slowdown", "splashdown", "stepdown", "takedown", "topdown", "touchdown", "trickledown", "winddown",
})  # fmt: skip
_JOINT = re.compile(r"_+|(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=\d)")
_OTHER_SPELLINGS = (
    (re.compile(r"\broll[ _-]back"), "rollback"),
    (re.compile(r"\btear[ _-]down\b"), "teardown"),
    (re.compile(r"\bcreate above\b\W*"), ""),  # as tern has it
    (re.compile(r"\bdrop[ -]below\b"), "undo"),
    (re.compile(r"^\W*\S*[._-](?=[a-z]+\.sql\b)"), ""),  # the name of a file
)
_PERHAPS = re.compile(
    r"down|undo|roll[ _-]?back|rever[st]|backward|uninstall|unapply|destroy|drop[ -]below", re.IGNORECASE
)
# What an announcement of the way down consists of, besides these words.
_ANNOUNCES = _DOWN | _SECTION | frozenset({
    "to", "how", "in", "order", "if", "you", "need", "want", "needed", "this", "that", "it", "these", "the",
    "all", "above", "everything", "again", "run", "use", "execute", "following", "as", "follows", "please",
    "by", "hand", "manually",
})  # fmt: skip
_LABEL = re.compile(r"(?P<label>[^:=–—]{1,40}?)\s*(?::|=+>|->| [-–—]+ )\s*(?P<said>\S.*)", re.DOTALL)
_TAKES = re.compile(
    r"(?:drop|truncate|delete|revoke)\b|alter\s.*?\b(?:drop|rename|disable)\b", re.IGNORECASE | re.DOTALL
)
_SAYS_TAKING = re.compile(
    r"\b(?:drop|remove|delete|truncate|revoke|rename|disable)(?:s|d|ping|ing)?\b", re.IGNORECASE
)
_IS_SQL = re.compile(
    r"(?:drop|alter|create)\s+(?:table|index|view|materialized|type|function|policy|trigger|schema|sequence|column)\b"
    r"|(?:delete\s+from|insert\s+into|truncate|update|grant|revoke|begin|commit|select)\b.*",
    re.IGNORECASE,
)
_SQL_ROLLBACK = re.compile(r"\s*rollback(?:\s+(?:work|transaction|to\b.*))?\s*;\s*", re.IGNORECASE)
_NAME = r'((?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*)'
_DROPS = re.compile(
    rf"(?:drop\s+(?:materialized\s+)?\w+|alter\s+table\s.*?\sdrop(?:\s+(?:column|constraint))?)"
    rf"\s+(?:concurrently\s+)?(?:if\s+exists\s+)?{_NAME}",
    re.IGNORECASE | re.DOTALL,
)
_MAKES = re.compile(r"create\s(?!.*\btemp)|alter\s+table\s.*\badd\s", re.IGNORECASE)


class _Line(NamedTuple):
    """A line of a comment between statements: where it begins, its text, and which statement comes next."""

    start: int
    text: str
    next: int


def way_down(sql: str) -> int | None:
    """Return where a line of `sql` reads as the mark of a way down that its tool would cut at: statements
    follow it, and others go before, or a way up is marked as well. None without one.

    Marks are lines of a few words, such as ``-- DOWN``, ``--- undo ---`` or ``-- tool:rollback``, any that
    speak of the way down where what comes next drops what was made above, and those that announce it
    (``-- To undo:``, ``-- DOWN: drop the table``) where what comes next takes something away. Words may be
    joined, as in ``-- migrate_down``, but for names of what is in the file. Comments inside statements and
    beside them are none, nor is SQL that was commented out.
    """
    if not _PERHAPS.search(sql):
        return None
    pieces = script.pieces(sql)
    lines = _parted(list(_between(sql, pieces)), pieces)
    marked_up = any(_marks(line.text, _UP) for line in lines)
    for number, line in enumerate(lines):
        if line.next == len(pieces) or not (line.next or marked_up) or _SQL_ROLLBACK.fullmatch(line.text):
            continue
        above, below = pieces[: line.next], pieces[line.next]
        if _marks(line.text, _DOWN) or (_speaks_of_it(line.text) and _undoes(below, above)):
            return line.start
        announced = _announces(line.text, below) or _labels(line.text, below)
        if announced and not _goes_on_in_sql(lines, number):
            return line.start
    return None


def _between(sql: str, pieces: tuple[script.Piece, ...]) -> Iterator[_Line]:
    """Yield the lines of the comments between statements, but for those that stand behind one on its line
    and for blocks that hold SQL."""
    starts = [*(piece.start for piece in pieces), len(sql)]
    ends = [0, *(piece.end for piece in pieces)]
    for number, (begin, end) in enumerate(zip(ends, starts, strict=True)):
        for at, past in script.comments(sql, begin, end):
            beside = number and not re.search(r"[\r\n]", sql[begin:at])
            block = sql[at:past].removesuffix("*/") if sql.startswith("/*", at) else ""
            if beside or re.search(r";[ \t]*(?:[\r\n]|\Z)", block):
                continue
            for text in re.finditer(r"[^\r\n]+", sql[at:past]):
                yield _Line(at + text.start(), text[0].strip("-/* \t"), number)


def _parted(lines: list[_Line], pieces: tuple[script.Piece, ...]) -> list[_Line]:
    """Return the lines with blanks in words that are joined by lines or capitals and have a way in them."""
    names: set[str] = set()

    def part(word: re.Match[str]) -> str:
        whole, parts = word[0].replace("_", "").lower(), _JOINT.sub(" ", word[0]).strip()
        if parts == word[0] or whole in _ENGLISH or (_UP | _DOWN).isdisjoint(_words(parts)):
            return word[0]
        if not names:
            names.update(w.replace("_", "").lower() for p in pieces for w in re.findall(r"\w+", p.text))
        return word[0] if whole in names else parts

    return [line._replace(text=re.sub(r"\w+", part, line.text)) for line in lines]


def _marks(text: str, words: frozenset[str]) -> bool:
    """Tell whether a line consists of one of `words`, and of no more than what names a section and a tool."""
    said = _words(text)
    found = next((i for i, word in enumerate(said) if word in words), None)
    if found is None or not words | _SECTION >= set(said[found + 1 :]):
        return False
    before = [word for word in said[:found] if word not in _SECTION]
    return not before or (len(before) == 1 and before[0] not in _SENTENCE)


def _speaks_of_it(text: str) -> bool:
    return not _DOWN.isdisjoint(_words(text))


def _announces(text: str, below: script.Piece) -> bool:
    """Tell whether a line says no more than that the way down follows: to undo this, run."""
    said = set(_words(text))
    if said.isdisjoint(_DOWN) or not said <= _ANNOUNCES:
        return False
    infinitive, colon = "to" in said, text.endswith(":")
    return (infinitive and colon) or ((infinitive or colon) and _TAKES.match(below.text) is not None)


def _labels(text: str, below: script.Piece) -> bool:
    """Tell whether a line is headed by the way down and goes on to say what the next statement does: takes
    something away, the same where it names it in SQL."""
    found = _LABEL.fullmatch(text)
    if found is None or not _TAKES.match(below.text) or not _marks(found["label"], _DOWN):
        return False
    said = found["said"]
    if _IS_SQL.match(said):
        named, taken = _DROPS.match(said), _DROPS.match(below.text)
        return named is not None and taken is not None and _bare(named[1]) == _bare(taken[1])
    return _SAYS_TAKING.search(said) is not None


def _goes_on_in_sql(lines: list[_Line], number: int) -> bool:
    """Tell whether the comment of a line holds SQL after it, which then is what it announces."""
    rest = takewhile(lambda later: later.next == lines[number].next, islice(lines, number + 1, None))
    return any(_IS_SQL.match(later.text) for later in rest)


def _bare(name: str) -> str:
    return name.rpartition(".")[2].strip('"').lower()


@lru_cache(maxsize=64)  # several questions about each line
def _words(text: str) -> tuple[str, ...]:
    said = text.lower()
    for spelling, word in _OTHER_SPELLINGS:
        said = spelling.sub(word, said)
    return tuple(word for word in re.findall(r"\w+", said) if not re.fullmatch(r"v?\d+", word))


def _undoes(below: script.Piece, above: tuple[script.Piece, ...]) -> bool:
    """Tell whether a statement drops something that one above it made to stay."""
    dropped = _DROPS.match(below.text)
    if dropped is None:
        return False
    name = re.escape(dropped[1].rpartition(".")[2].strip('"'))
    return any(_MAKES.match(p.text) and re.search(rf"(?<!\w){name}(?!\w)", p.text, re.I) for p in above)
