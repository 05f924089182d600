"""What an expression can yield: sets of possible values, with NULL, errors and unknowns among them.

A set holds concrete values, tokens (a value of which only equality is known), None for NULL, `SOME`
for any value at all, and `FAILS` where evaluation is certain to raise an error. What raises one for some
values only is known by what it yields for the others: a row may hold one of these. What an operation
yields for two sets holds every outcome that PostgreSQL could produce, so what is absent cannot happen.
"""

import re
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

_MOST = 64
_EXACT_WIDTH = 36  # the text of a uuid; that of a whole number is shorter
_PLAIN_WORD = re.compile(r"[a-z]+")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
# Source: PostgreSQL documentation, "Boolean Type": unique prefixes are accepted, too.
_TRUE_WORDS = frozenset({"t", "tr", "tru", "true", "on", "1", "yes", "ye", "y"})
_FALSE_WORDS = frozenset({"f", "fa", "fal", "fals", "false", "of", "off", "0", "no", "n"})


class Token(NamedTuple):
    """Some value that differs from every other token and from every literal in sight. `exact` tokens
    are keys whose text has one spelling and no wildcard: a uuid or a whole number. A `word` is text from
    which no key can be read, or cut: what holds one names a tenant. One that is `free` stands for any other
    value, of whatever type."""

    name: str
    exact: bool = False
    word: bool = False
    free: bool = False


class _Mark(NamedTuple):
    mark: str


SOME, FAILS = _Mark("some value"), _Mark("an error")
Values = frozenset[Any]
UNKNOWN: Values = frozenset({SOME, None})  # it may raise as well; where it does not, it is one of these
EITHER: Values = frozenset({True, False})
_NULL: Values = frozenset({None})


def one(value: Any) -> Values:
    return frozenset({Truth.of(value)})


class Truth:
    """Python holds 1 and True to be equal; in a set of values they must not be."""

    @staticmethod
    def of(value: Any) -> Any:
        return Number(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Number(NamedTuple):
    number: int


def bounded(found: set[Any] | Values) -> Values:
    return frozenset(found) if len(found) <= _MOST else UNKNOWN


def truths(values: Values) -> Values:
    """Return the truth values among them: an unknown value may be either."""
    if SOME in values or any(isinstance(v, Token) for v in values):
        kept = {v for v in values if v is None or v is FAILS or isinstance(v, bool)}
        return frozenset(kept) | EITHER
    return values


def holds(values: Values) -> bool:
    """Tell whether it is true, whatever else is."""
    return truths(values) == {True}


def negated(values: Values) -> Values:
    return frozenset(not v if isinstance(v, bool) else v for v in truths(values))


def both(left: Values, right: Values) -> Values:
    """AND of three values. An error on one side is not seen where the other already decides."""
    found: set[Any] = set()
    for a, b in product(truths(left), truths(right)):
        if FAILS in (a, b):
            found.add(FAILS)
            if a is False or b is False:
                found.add(False)
        elif a is False or b is False:
            found.add(False)
        else:
            found.add(None if a is None or b is None else True)
    return frozenset(found)


def either(left: Values, right: Values) -> Values:
    return negated(both(negated(left), negated(right)))


class Literals(NamedTuple):
    """The literals of an expression: a token is known to differ from these."""

    words: frozenset[str] = frozenset()
    numbers: frozenset[int] = frozenset()

    def hold(self, value: Any) -> bool:
        if isinstance(value, Number):
            return value.number in self.numbers
        return isinstance(value, bool) or value in self.words


def compare(op: str, left: Values, right: Values, literals: Literals) -> Values:
    found: set[Any] = set()
    for a, b in product(left, right):
        if FAILS in (a, b):
            found.add(FAILS)
        elif a is None or b is None:
            found.add(None)
        else:
            found |= _compared(op, a, b, literals)
    return frozenset(found)


def distinct(left: Values, right: Values, literals: Literals) -> Values:
    found: set[Any] = set()
    for a, b in product(left, right):
        if FAILS in (a, b):
            found.add(FAILS)
        elif a is None or b is None:
            found.add(a is not b)
        else:
            found |= _compared("<>", a, b, literals)
    return frozenset(found)


def _compared(op: str, a: Any, b: Any, literals: Literals) -> Values:
    if a is SOME or b is SOME:
        return EITHER
    if op in ("=", "<>"):
        same = _same(a, b, literals)
        return EITHER if same is None else frozenset({same == (op == "=")})
    if op in ("~~", "!~~", "~~*", "!~~*"):
        fits = _like(a, b, "*" in op)
        return EITHER if fits is None else frozenset({fits == (not op.startswith("!"))})
    order = _order(a, b)
    if order is None:
        return EITHER
    return frozenset({{"<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[op]})


def _same(a: Any, b: Any, literals: Literals) -> bool | None:
    if isinstance(a, Token) and isinstance(b, Token):
        return a.name == b.name
    if isinstance(a, Token) or isinstance(b, Token):
        other = b if isinstance(a, Token) else a
        return False if literals.hold(other) else None
    if type(a) is not type(b) or (isinstance(a, tuple) and not isinstance(a, Number)):
        return None
    return bool(a == b)


def _order(a: Any, b: Any) -> int | None:
    """Return which comes first, where no collation can have it otherwise."""
    if isinstance(a, Token) or isinstance(b, Token):
        return 0 if a == b else None
    if isinstance(a, Number) and isinstance(b, Number):
        return a.number - b.number
    if isinstance(a, str) and isinstance(b, str):
        if a == b:
            return 0
        ordered = _PLAIN_WORD.fullmatch(a) and _PLAIN_WORD.fullmatch(b) and a[0] != b[0]
        if ordered or (is_uuid(a) and is_uuid(b)):
            return -1 if a < b else 1
    return None


def _like(a: Any, pattern: Any, fold: bool) -> bool | None:
    if isinstance(pattern, str) and pattern and not pattern.strip("%"):
        return True
    if isinstance(a, Token) and isinstance(pattern, Token) and a.exact and pattern.exact:
        return a.name == pattern.name
    if not (isinstance(a, str) and isinstance(pattern, str)) or "\\" in pattern:
        return None
    regex = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, a, re.DOTALL | (re.IGNORECASE if fold else 0)) is not None


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def cast(values: Values, to: str) -> Values:
    """Return the values cast to a type: text, that of a limited length ``text(n)``, a label ``enum x``, int,
    bool, uuid, an array of these; all else unknown."""
    found: set[Any] = set()
    for value in values:
        found |= frozenset({value}) if value is None or value is FAILS else _cast_one(value, to)
    return bounded(found)


def _cast_one(value: Any, to: str) -> Values:
    if to.endswith("[]"):
        return _cast_array(value, to.removesuffix("[]"))
    if to.startswith("text("):
        return _shortened(value, int(to.removeprefix("text(").removesuffix(")")))
    if to.startswith("enum "):
        to = "text"  # the label; one that does not exist is met by no row
    if isinstance(value, Token):
        return _cast_token(value, to)
    if isinstance(value, (bool, Number)):
        return _cast_plain(value, to)
    if to not in ("text", "int", "bool", "uuid") or not isinstance(value, str):
        return frozenset({SOME})
    return frozenset({value}) if to == "text" else _read(value, to)


def _cast_token(token: Token, to: str) -> Values:
    """A text that is no key of another type may be spelled in more than one way: '7' and '07'."""
    if to == "text":
        return frozenset({token})
    if to not in ("int", "bool", "uuid"):
        return frozenset({SOME})
    if to == "bool":
        return EITHER
    if token.word:
        return frozenset({FAILS})
    return frozenset({token}) if token.exact or token.free else frozenset({SOME})


def _shortened(value: Any, width: int) -> Values:
    """An explicit cast to a limited length cuts what is longer, without an error."""
    if isinstance(value, Token):
        return frozenset({value if value.word or (value.exact and width >= _EXACT_WIDTH) else SOME})
    if isinstance(value, (bool, Number)):
        return frozenset(v[:width] if isinstance(v, str) else v for v in _cast_plain(value, "text"))
    return frozenset({value[:width] if isinstance(value, str) else SOME})


def _cast_plain(value: bool | Number, to: str) -> Values:
    if to not in ("text", "int", "bool", "uuid"):
        return frozenset({SOME})
    if isinstance(value, bool):
        shown: Any = {"text": "true" if value else "false", "int": Number(int(value)), "bool": value}.get(to)
    else:
        shown = {"text": str(value.number), "int": value, "bool": value.number != 0}.get(to)
    return frozenset({FAILS if shown is None else shown})


def _read(text: str, to: str) -> Values:
    word = text.strip().lower()
    if to == "uuid":
        return _read_uuid(text.lower())
    if to == "int":
        if re.fullmatch(r"[+-]?[0-9]{1,18}", word):
            return one(int(word))
        odd = re.fullmatch(r"[+-]?[0-9][0-9a-z_]*", word)  # 0x1f, 1_000
        return frozenset({SOME} if odd else {FAILS})
    known = {True: _TRUE_WORDS, False: _FALSE_WORDS}
    return frozenset({next((truth for truth, words in known.items() if word in words), FAILS)})


def _read_uuid(text: str) -> Values:
    """Hyphens may be left out, and braces be put around (PostgreSQL documentation, "UUID Type")."""
    digits = re.sub("[-{}]", "", text)
    if not re.fullmatch("[0-9a-f]{32}", digits):
        return frozenset({FAILS})
    plain = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return frozenset({plain} if text in (plain, digits, f"{{{plain}}}") else {SOME})


def _cast_array(value: Any, to: str) -> Values:
    if isinstance(value, Token):
        return frozenset({(value,)} if _is_one(value) else {SOME})
    if isinstance(value, tuple) and not isinstance(value, (Number, _Mark)):
        items = tuple(cast(frozenset({item}), to) for item in value)
        return frozenset(product(*items)) if all(len(i) == 1 for i in items) else frozenset({SOME})
    if isinstance(value, str):
        if not (value.startswith("{") and value.endswith("}")):
            return frozenset({FAILS})
        if re.search(r'["\\{}]', value[1:-1]):
            return frozenset({SOME})
        parts = [p.strip() for p in value[1:-1].split(",")] if value[1:-1].strip() else []
        return _cast_array(tuple(None if p.upper() == "NULL" else p for p in parts), to)
    return frozenset({SOME})


def member(op: str, quantifier: str, left: Values, arrays: Values, literals: Literals) -> Values:
    """Return the outcomes of ``left op ANY (array)``, or ALL."""
    found: set[Any] = set()
    for array in arrays:
        if array is None or array is FAILS:
            found.add(array)
        elif isinstance(array, tuple) and not isinstance(array, (Token, Number, _Mark)):
            outcome: Values = frozenset({quantifier == "all"})
            join = both if quantifier == "all" else either
            for item in array:
                outcome = join(outcome, compare(op, left, frozenset({item}), literals))
            found |= outcome
        else:
            found |= {True, False, None}
    return frozenset(found)


def call(name: str, args: list[Values]) -> Values:
    """Return the outcomes of a built-in function or operator; unknown for one not known here."""
    if name in _FOLDING and len(args) == 1:
        kept = {v for v in args[0] if v is None or v is FAILS or (isinstance(v, Token) and v.exact)}
        if kept == args[0]:
            return args[0]
    function = _FUNCTIONS.get(name)
    if function is None or any(len(values) > 6 for values in args):
        return UNKNOWN
    found: set[Any] = set()
    for given in product(*args):
        if FAILS in given:
            found.add(FAILS)
        elif None in given:
            found |= _of_null(name, given)
        elif all(isinstance(v, (str, Number)) for v in given):
            found.add(_applied(function, given))
        elif name == "string_to_array" and isinstance(given[0], Token) and _is_one(given[0]):
            found.add((given[0],))
        else:
            found.add(SOME)
    return bounded(found)


def _of_null(name: str, given: tuple[Any, ...]) -> Values:
    """Return what a call comes to that is given a NULL: concat() leaves it out, an array takes it as an
    element, and a text that no delimiter parts is parted into its letters. Source: PostgreSQL documentation,
    "String Functions and Operators" and "Array Functions and Operators"."""
    if name == "concat" or (name == "string_to_array" and given[0] is not None):
        return frozenset({SOME})
    texts = all(value is None or isinstance(value, (str, Token, Number)) for value in given)
    return _NULL if name != "operator ||" or texts else UNKNOWN


def _is_one(token: Token) -> bool:
    """Tell whether no list of several keys is meant."""
    return token.exact or token.word


def _applied(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    try:
        return Truth.of(function(*(v.number if isinstance(v, Number) else v for v in given)))
    except (TypeError, ValueError, AttributeError):
        return SOME


def _left(text: str, count: int) -> str:
    return text[:count]


def _substring(text: str, start: int, count: int | None = None) -> str:
    if start < 1 or (count is not None and count < 0):
        raise ValueError(start)
    return text[start - 1 :] if count is None else text[start - 1 : start - 1 + count]


def _split_part(text: str, by: str, at: int) -> str:
    if at < 1 or not by:
        raise ValueError(at)
    return (text.split(by) + [""] * at)[at - 1]


_FOLDING = frozenset({"lower", "upper", "btrim", "ltrim", "rtrim"})
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "lower": str.lower,
    "upper": str.upper,
    "btrim": lambda text: text.strip(" "),
    "left": _left,
    "right": lambda text, count: (
        text[-count:] if count > 0 else text[len(text) :] if count == 0 else text[-count:]
    ),
    "substr": _substring,
    "substring": _substring,
    "length": len,
    "char_length": len,
    "starts_with": str.startswith,
    "operator ^@": str.startswith,
    "split_part": _split_part,
    "replace": lambda text, old, new: text.replace(old, new) if old else text,
    "concat": lambda *parts: "".join(str(p) for p in parts),
    "operator ||": lambda a, b: str(a) + str(b),
    "string_to_array": lambda text, by: tuple(text.split(by)) if text else (),
}


def rank(values: Values, labels: tuple[str, ...]) -> Values:
    """Return where each label stands among those of its enum: that is their order, not the alphabet's
    (PostgreSQL documentation, "Enumerated Types", Ordering)."""
    return frozenset(_rank(value, labels) for value in values)


def _rank(value: Any, labels: tuple[str, ...]) -> Any:
    if value is None or value is FAILS:
        return value
    return Number(labels.index(value)) if value in labels else SOME
