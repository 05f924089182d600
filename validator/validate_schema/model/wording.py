"""Numbers with their nouns, words that follow the number, names in a row, and the word that was meant."""

from collections.abc import Iterable, Sequence

_ALIKE = frozenset({"info", "default privileges"})


def some(number: int, noun: str) -> str:
    """Return number and noun, the noun in its plural unless there is one: ``1 row``, ``0 rows``."""
    return f"{number} {form(number, noun)}"


def form(number: int, one: str, many: str = "") -> str:
    """Return `one` for the number one, else `many`; without `many`, the regular plural of the noun `one`."""
    return one if number == 1 else many or _plural(one)


def listed(words: Sequence[str]) -> str:
    """Return words in a row: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def first_of(names: Sequence[str], most: int) -> str:
    """Return at most so many names, and the number of the others: ``a, b and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def excerpt(text: str, most: int) -> str:
    """Return the beginning of a text on one line, of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most].rstrip() + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`, if one is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1)), None)


def did_you_mean(word: str, known: Iterable[str], *, start: str = "; ") -> str:
    """Return `; did you mean "x"?` for the nearest known word, or nothing."""
    near = nearest(word, known)
    return f'{start}did you mean "{near}"?' if near is not None else ""


def _plural(noun: str) -> str:
    if noun in _ALIKE:
        return noun
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    return f"{noun}s"
