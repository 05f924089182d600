"""What the text of policies, and of the functions that they call, hints at."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice, product

from ..ident import quote_literal

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_READ = re.compile(r"current_setting\(\s*'[^']*'(?:::text)?", re.IGNORECASE)
_SETTING = re.compile(r"current_setting\(\s*'([^']*)'", re.IGNORECASE)
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)')
_MOST = 8
_NUMBER = re.compile(r"(?<![\w.'])-?\d{1,9}(?![\w.'])")
_USUAL = ("on", "true")


def literals(text: str) -> list[str]:
    """Return the texts in quotes, without empty ones and the names of settings. An array's text is
    followed by what it holds."""
    quoted = [s.replace("''", "'") for s in _LITERAL.findall(_READ.sub("", text)) if s]
    return list(dict.fromkeys(part for word in quoted for part in (word, *_elements(word))))


def _elements(word: str) -> list[str]:
    if not (word.startswith("{") and word.endswith("}")):
        return []
    found = ((re.sub(r"\\(.)", r"\1", q) or plain.strip()) for q, plain in _ELEMENT.findall(word))
    return [part for part in found if part]


def numbers(text: str) -> list[str]:
    """Return the whole numbers in the text, each followed by its neighbours: a limit may be either."""
    found = (int(n) for n in _NUMBER.findall(_LITERAL.sub("''", text)))
    return list(dict.fromkeys(str(n + d) for n in found for d in (0, 1, -1)))


def nearest(text: str, names: Iterable[str], words: Iterable[str]) -> list[str]:
    """Return the words, those first that stand nearest to one of the names in the text."""
    about = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)) or "(?!)")
    places = [(m.start(), m.end()) for m in about.finditer(text)]
    return sorted(dict.fromkeys(words), key=lambda word: _distance(text, word, places))


def _distance(text: str, word: str, places: list[tuple[int, int]]) -> int:
    written = re.escape(word.replace("'", "''"))
    spots = [(m.start(), m.end()) for m in re.finditer(rf"(?<!\w){written}(?!\w)", text)]
    gaps = (max(start - b, a - end) for start, end in places for a, b in spots)
    return min(gaps, default=len(text))


def forged(text: str, setting: str | None, theirs: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """Return statements that set what policies read besides the tenant's `setting`: any session may do
    so. The values are what the text compares with, and `theirs`, as the other tenant's row has them."""
    names = sorted({name for name in _SETTING.findall(text) if name != setting})
    words = literals(text)
    values = {
        name: list(dict.fromkeys([*nearest(text, [name], words)[:2], *theirs, *_USUAL])) for name in names
    }
    alone: list[tuple[str, ...]] = [(_set(name, value),) for name in names for value in values[name]]
    if len(names) < 2:
        return alone
    first = product(*([(name, v[0]), (name, (theirs or v)[0])] for name, v in values.items()))
    longest = max(map(len, values.values()))
    level = ([(name, v[i % len(v)]) for name, v in values.items()] for i in range(longest))
    together = [tuple(_set(*pair) for pair in chosen) for chosen in (*islice(first, _MOST), *level)]
    return list(dict.fromkeys([*together, *alone]))


def _set(name: str, value: str) -> str:
    return (
        f"select pg_catalog.set_config({quote_literal(name).strip()}, {quote_literal(value).strip()}, false)"
    )
