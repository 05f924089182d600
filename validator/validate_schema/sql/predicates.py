"""Read index predicates, CHECK constraints and defaults as the server prints them.

Only the plain shapes are understood: what is not recognised says nothing, it is never guessed at.
"""

import re
from bisect import bisect_left
from functools import lru_cache
from typing import NamedTuple

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CAST = rf"(?:::(?:{_NAME}\.)?(?:{_NAME}(?: [a-z ]+)?)(?:\([\d,]+\))?(?:\[\])*)"
_OPERAND = rf"(\({_NAME}\)|{_NAME}){_CAST}?"
_NULL_TEST = re.compile(rf"{_OPERAND} IS (NOT )?NULL", re.DOTALL)
_COMPARISON = re.compile(rf"{_OPERAND} (=|<>|<|>|<=|>=|~~?|!~~?|@>|&&) (.+)", re.DOTALL)
_TRUTH = re.compile(rf"(?:NOT )?({_NAME})")
_LITERAL = re.compile(rf"\(?'(?:[^']|'')*'\)?{_CAST}?|-?\d+", re.DOTALL)
_STRICT_CALL = re.compile(r"(?:lower|upper|btrim|ltrim|rtrim|md5|length)\((.+)\)", re.DOTALL)
_MARKS = re.compile(r"(?<=\))(?: (?:NO INHERIT|NOT VALID|NOT ENFORCED))+\s*$")
_STRING = re.compile(r"'(?:[^']|'')*'")
_CALL = re.compile(rf"({_NAME})\(")
_AND = " AND "
_TOKEN = re.compile(rf"'[^']*'?|\"[^\"]*\"?|[()]|{_AND}")
_NOT_A_GENERATOR = {
    *("current_setting", "session_user", "txid_current"),
    *("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "timezone"),
    *("date_trunc", "make_date", "to_date", "to_char", "format", "concat", "replace"),
    *("lower", "upper", "btrim", "coalesce", "array"),
    *("jsonb_build_object", "json_build_object", "jsonb_build_array"),
}


@lru_cache(maxsize=16384)
def conjuncts(expression: str) -> tuple[str, ...]:
    """Split an expression at its outermost ANDs, each part without the parentheses around it."""
    nested = _Nested(expression)
    found, waiting = [], [nested.whole]
    while waiting:
        part = waiting.pop()
        parts = nested.split(part)
        if parts == [part]:
            found.append(expression[part.start : part.end])
        else:
            waiting += reversed(parts)
    return tuple(found)


def null_columns(expression: str) -> frozenset[str]:
    """Return the columns that must be NULL where the expression holds."""
    found = (_NULL_TEST.fullmatch(c) for c in conjuncts(expression))
    return frozenset(_bare(m[1]) for m in found if m and not m[2])


@lru_cache(maxsize=16384)
def not_null_columns(expression: str) -> frozenset[str]:
    """Return the columns that cannot be NULL where the expression is true: tested for it, compared
    by a strict operator, or true themselves."""
    found = set()
    for conjunct in conjuncts(expression):
        test = _NULL_TEST.fullmatch(conjunct)
        if test is not None:
            if test[2]:
                found.add(_bare(test[1]))
            continue
        match = _COMPARISON.fullmatch(conjunct) or _TRUTH.fullmatch(conjunct)
        if match is not None:
            found.add(_bare(match[1]))
    return frozenset(found)


def fixed_columns(expression: str) -> frozenset[str]:
    """Return the columns that hold one literal value, or NULL, where the expression holds."""
    found = set(null_columns(expression))
    for conjunct in conjuncts(expression):
        match = _COMPARISON.fullmatch(conjunct)
        if match and match[2] == "=" and _LITERAL.fullmatch(_unwrapped(match[3])):
            found.add(_bare(match[1]))
    return frozenset(found)


def check_expression(definition: str) -> str:
    """Return the expression of a CHECK constraint as the server prints it, without what is said of the
    constraint itself. Source: PostgreSQL's ruleutils.c, pg_get_constraintdef_worker."""
    return _unwrapped(_MARKS.sub("", definition).removeprefix("CHECK"))


def equal_columns(expression: str) -> tuple[str, str] | None:
    """Return the two columns of an expression that is nothing but ``a = b``, casts allowed."""
    match = re.fullmatch(rf"{_OPERAND} = {_OPERAND}", _unwrapped(expression), re.DOTALL)
    return (_bare(match[1]), _bare(match[2])) if match else None


def strict_column(expression: str) -> str | None:
    """Return the one column without which the expression is NULL, where that is plain: the column
    itself, a cast of it, or a well-known strict function of it such as ``lower(email)``."""
    text = _unwrapped(expression)
    while (match := re.fullmatch(_OPERAND, text, re.DOTALL)) is None:
        call = _STRICT_CALL.fullmatch(text)
        if call is None:
            return None
        text = _unwrapped(call[1])
    return _bare(match[1])


@lru_cache(maxsize=16384)
def generates(default: str) -> bool:
    """Tell whether a column default makes a new value for each row by calling a function.

    A literal does not, nor does the clock, a setting or the formatting of a value.
    """
    text = re.sub(_CAST, "", _STRING.sub("''", default))
    calls = {_bare(name).lower() for name in _CALL.findall(text)}
    return bool(calls - _NOT_A_GENERATOR)


def _bare(name: str) -> str:
    name = name.removeprefix("(").removesuffix(")")
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _unwrapped(text: str) -> str:
    """Strip spaces and the parentheses that enclose all of `text`."""
    text = text.strip()
    if not text.startswith("("):
        return text
    whole = _Nested(text).whole
    return text[whole.start : whole.end]


class _Part(NamedTuple):
    """A part of a text, and how many parentheses are open around it."""

    start: int
    end: int
    depth: int = 0


class _Nested:
    """A text whose parentheses and ANDs are known, so that nothing is read again however deep it stands.
    What stands in literals and quoted names is neither."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._closing: dict[int, int] = {}
        self._ands: dict[int, list[int]] = {}  # by how many parentheses are open there
        opened: list[int] = []
        for token in _TOKEN.finditer(text):
            if token[0] == "(":
                opened.append(token.start())
            elif token[0] == ")" and opened:
                self._closing[opened.pop()] = token.start()
            elif token[0] == _AND:
                self._ands.setdefault(len(opened), []).append(token.start())

    @property
    def whole(self) -> _Part:
        return self._unwrapped(_Part(0, len(self.text)))

    def split(self, part: _Part) -> list[_Part]:
        """Return what ANDs join in a part, each without the parentheses around it."""
        ands = self._ands.get(part.depth, [])
        inside = ands[bisect_left(ands, part.start) : bisect_left(ands, part.end)]
        starts, ends = [part.start, *(at + len(_AND) for at in inside)], [*inside, part.end]
        if not inside:
            return [part]
        return [self._unwrapped(_Part(*each, part.depth)) for each in zip(starts, ends, strict=True)]

    def _unwrapped(self, part: _Part) -> _Part:
        start, end, depth = part
        while True:
            while start < end and self.text[start].isspace():
                start += 1
            while start < end and self.text[end - 1].isspace():
                end -= 1
            if start == end or self._closing.get(start) != end - 1:
                return _Part(start, end, depth)
            start, end, depth = start + 1, end - 1, depth + 1
