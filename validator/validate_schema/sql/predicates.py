"""Read index predicates, CHECK constraints and defaults as the server prints them.

Only the plain shapes are understood: what is not recognised says nothing, it is never guessed at.
"""

import re
from functools import lru_cache

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
    text = _unwrapped(expression)
    parts = _split(text)
    if len(parts) == 1:
        return (text,)
    return tuple(c for part in parts for c in conjuncts(part))


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
    match = re.fullmatch(_OPERAND, text, re.DOTALL)
    if match is not None:
        return _bare(match[1])
    call = _STRICT_CALL.fullmatch(text)
    return strict_column(call[1]) if call else None


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
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _depths(text: str) -> list[int]:
    """Return the depth of parentheses at each character; -1 inside literals and quoted names."""
    depth, quote, found = 0, "", []
    for char in text:
        if quote:
            found.append(-1)
            quote = "" if char == quote else quote
            continue
        if char in "'\"":
            quote = char
            found.append(-1)
            continue
        depth += char == "("
        found.append(depth)
        depth -= char == ")"
    return found


def _closing(text: str) -> int:
    """Return where the parenthesis that opens `text` is closed."""
    depths = _depths(text)
    return next((i for i, d in enumerate(depths) if d == 1 and text[i] == ")"), -1)


def _split(text: str) -> list[str]:
    if " AND " not in text:
        return [text]
    depths, parts, start = _depths(text), [], 0
    for found in re.finditer(" AND ", text):
        if depths[found.start()] == 0:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]
