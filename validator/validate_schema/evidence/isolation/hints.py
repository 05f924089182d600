"""What the text of policies, and of the functions that they call, hints at."""

import re
from collections.abc import Iterable

SETTING = re.compile(r"current_setting\(\s*'+([^']+)'", re.IGNORECASE)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_READ = re.compile(r"current_setting\(\s*'+[^']+'+(?:::text)?", re.IGNORECASE)
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)')
_NUMBER = re.compile(r"(?<![\w.'])-?\d{1,9}(?![\w.'])")


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
    found = distances(text, names, words)
    return sorted(found, key=found.__getitem__)


def distances(text: str, names: Iterable[str], words: Iterable[str]) -> dict[str, int]:
    """Return how far each word stands from the nearest of the names in the text, in characters; the
    length of the text where one of them is not there."""
    about = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(names)) or "(?!)")
    places = [(m.start(), m.end()) for m in about.finditer(text)]
    return {word: _distance(text, word, places) for word in words}


def _distance(text: str, word: str, places: list[tuple[int, int]]) -> int:
    written = re.escape(word.replace("'", "''"))
    spots = [(m.start(), m.end()) for m in re.finditer(rf"(?<!\w){written}(?!\w)", text)]
    gaps = (max(start - b, a - end) for start, end in places for a, b in spots)
    return min(gaps, default=len(text))
