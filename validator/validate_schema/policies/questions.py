"""What is asked of a condition: over which rows, which contexts, and which values of everything else.

Every variable runs over a domain that stands for all its values: the literals in sight, the tenants,
tokens for "any other", NULL where it can be.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..model.reading import Flow
from ..sql.tree import Node, walk
from .bind import TENANT, Variable
from .evaluate import of_the_session
from .values import FAILS, SOME, Literals, Number, Token, Values, is_uuid, one

_MOST_LITERALS, _MOST_PAIRS = 24, 60
_MOST_WORDS = 40  # that a variable is tried with
_BLANK = frozenset({"", " "})
_UUID = "11111111-1111-4111-8111-11111111111"
_CONCRETE: dict[str, tuple[tuple[object, object], ...]] = {
    "text": (
        ("acme", "globex"),
        ("globex", "acme"),
        ("acme", "acme2"),
        ("acme2", "acme"),
        ("acme", "ACME"),
        ("a_c", "abc"),
        ("abc", "a_c"),
        ("acme", "anacme"),
    ),
    "int": tuple((Number(a), Number(b)) for a, b in ((1, 2), (2, 1), (1, 11), (11, 1), (1, 21))),
    "uuid": ((_UUID + "1", _UUID + "2"), (_UUID + "2", _UUID + "1"), (_UUID + "1", "2" + _UUID[1:] + "1")),
}


class Case(NamedTuple):
    """The tenant whose row it is, and the tenant context: None when it is unset, "" when empty."""

    tenant: object
    context: object


class Scenario(NamedTuple):
    """One way to leak: its cases, concrete ones for when the first leave it open, and the values of
    variables that it decides. `own`: the person who asks may be named in the row."""

    flow: Flow
    cases: tuple[Case, ...]
    spelled: tuple[Case, ...]
    fixed: Mapping[str, Values]
    own: bool = False


class Question(NamedTuple):
    """A bound condition, its variables, the kind of the tenant key, who asks, and CHECKs that every row
    meets. `persons` are the variables that say which person asks, `session` who logged in where that is
    another role than the `user`. `by_role`: the session's role says which tenant it is for, and none is for
    one that is called like one of the `strangers`, roles that no session of a tenant is."""

    condition: Node
    variables: Mapping[str, Variable]
    kind: str
    user: str
    checks: tuple[Node, ...] = ()
    persons: tuple[str, ...] = ()
    session: str = ""
    by_role: bool = False
    strangers: frozenset[str] = frozenset()

    @property
    def exact(self) -> bool:
        return self.kind in ("uuid", "int")

    @property
    def literals(self) -> Literals:
        return literals_of((self.condition, *self.checks))


def literals_of(nodes: tuple[Node, ...]) -> Literals:
    """Return every literal in the conditions, in each form that a cast may give it."""
    words = set(_BLANK)
    for found in (n.value for node in nodes for n in walk(node) if n.op == "const"):
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            words.add(str(found))
    words |= {w.lower() for w in words}
    for word in [w for w in words if w.startswith("{") and w.endswith("}")]:
        words |= {part.strip().strip('"') for part in word[1:-1].split(",")}
    numbers = {int(w) for w in words if w.lstrip("-").isdecimal()}
    return Literals(frozenset(words), frozenset(numbers))


def other_tenants(question: Question) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Return the cases "a row of one tenant, the context of another": those that stand for all, and
    concrete ones where the spelling of the keys can matter.

    Both may hold each literal that they can meet; the context any text, whatever the type of the keys. Where
    there are more than are tried, they may hold anything.
    """
    mine, theirs = Token("A", question.exact), Token("B", question.exact)
    words = sorted(_met_by_keys(question))
    keys = [key for word in words if (key := _as_kind(word, question.kind)) is not None]
    cases = [Case(theirs, mine), *(Case(key, mine) for key in keys[:_MOST_LITERALS])]
    said = [word for word in words if word not in question.strangers]
    cases += [Case(theirs, word) for word in said[:_MOST_LITERALS]]
    pairs = [Case(a, b) for a in keys for b in said if _shown(a, question.kind) != b]
    cases += pairs[:_MOST_PAIRS]
    if len(words) > _MOST_LITERALS or len(pairs) > _MOST_PAIRS:
        cases += [Case(theirs, SOME), Case(SOME, mine), Case(SOME, SOME)]
    spelled = _CONCRETE.get(question.kind, ()) if _spelling_matters(question) else ()
    return tuple(cases), tuple(Case(b, a) for a, b in spelled)


def no_context(question: Question) -> tuple[object, ...]:
    """Return what the context is when nobody says who asks: unset, empty, blank, or text that is no key; of a
    role, its own name."""
    if question.by_role:
        named = question.user in literals_of((question.condition,)).words
        return (question.user if named else Token("no key", word=True),)
    return (None, "", " ", Token("no key", word=True)) if question.exact else (None, "", " ")


def _met_by_keys(question: Question) -> set[str]:
    """Return the literals that a key or the context is compared with, directly or by way of others."""
    parts = [(_names(part), literals_of((part,)).words - _BLANK) for part in _parts(question.condition)]
    reached = {TENANT, "context"} | {n for names, _ in parts for n in names if n.startswith("claim context ")}
    words: set[str] = set()
    before = -1
    while len(reached) != before:
        before = len(reached)
        for names, found in parts:
            if names & reached:
                reached |= names
                words |= found
    return words


def _names(part: Node) -> set[str]:
    nodes = list(walk(part))
    return {n.value[0] for n in nodes if n.op == "variable"} | {n.op for n in nodes if n.op == "context"}


def _parts(node: Node) -> Iterator[Node]:
    """Yield the conditions that are joined, from the outside in."""
    if node.op in ("and", "or", "not", "rows", "is"):
        for arg in node.args:
            yield from _parts(arg)
    else:
        yield node


def _spelling_matters(question: Question) -> bool:
    """Tell whether a key is looked at in another way than "is it this one?": by its parts, its order."""
    of_the_kind = {name for name, variable in question.variables.items() if variable.kind == question.kind}
    patterns = any("%" in word for word in question.literals.words)
    return patterns or any(
        _looks_inside(node)
        and any(n.op == "variable" and _holds_key(n.value[0], of_the_kind) for n in walk(node))
        for node in walk(question.condition)
    )


def _looks_inside(node: Node) -> bool:
    if node.op in ("compare", "any", "all"):
        return node.value not in ("=", "<>")
    return node.op == "call" or (node.op == "cast" and (node.value == "bool" or node.value.endswith("[]")))


def _holds_key(name: str, of_the_kind: set[str]) -> bool:
    return name == TENANT or name in of_the_kind or of_the_session(name)


def _as_kind(word: str, kind: str) -> object:
    if not word or word.startswith("{"):
        return None
    if kind == "int":
        return Number(int(word)) if word.lstrip("-").isdecimal() else None
    if kind == "uuid":
        return word if is_uuid(word) and word == word.lower() else None
    return word if kind == "text" else None


def _shown(value: object, kind: str) -> object:
    """Return a tenant key as the text of a setting."""
    return str(value.number) if isinstance(value, Number) and kind == "int" else value


def whole_domain(question: Question, name: str) -> Values:
    """Return every value that a variable stands for."""
    case = Case(Token("B", question.exact), Token("A", question.exact))
    return domains_of(question, case, literals_of((question.condition,)))[name]


def order_of(conditions: tuple[Node, ...]) -> list[str]:
    """Return the variables in the order in which they are read."""
    return list(dict.fromkeys(n.value[0] for c in conditions for n in walk(c) if n.op == "variable"))


def domains_of(question: Question, case: Case, literals: Literals, *, own: bool = False) -> dict[str, Values]:
    """Return what each variable may hold. The person who asks is any, or one whom a literal names; rows that
    nothing ties to the row at hand may name him, the row and its parents where they are his `own`."""
    fresh = tuple(Token(f"other {n}", free=True) for n in range(min(4, max(2, len(question.variables)))))
    given = _shown(case.context, question.kind)
    values: dict[str, Values] = {TENANT: frozenset({case.tenant}), "context": frozenset({given})}
    keys = {case.tenant, case.context if isinstance(case.context, (Token, Number)) else given} - {None, ""}
    if all(isinstance(key, Token) for key in keys):  # the same for every case that stands for all
        keys |= {Token("A", question.exact), Token("B", question.exact)}
    asking = {name: Token(f"person {n}", free=True) for n, name in enumerate(question.persons)}
    for name, variable in question.variables.items():
        if name != TENANT:
            values[name] = _domain(variable, literals, fresh, keys, question.kind)
            if variable.personal and not own:
                values[name] -= _BLANK  # a row that names nobody is as far from one's own as any
            if asking and _may_name(variable, values[name]) and (own or variable.apart):
                values[name] |= set(asking.values())
    words = literals_of((question.condition,)).words
    settable: Values = frozenset({None, SOME})
    named: Values = frozenset({SOME})
    if len(words) <= _MOST_WORDS:
        shown = (_shown(k, question.kind) for k in keys)
        settable = frozenset({None, "true", "false", *words, *fresh[:2], *shown})
        named = words - _BLANK
    for name in order_of((question.condition, *question.checks)):
        if name in asking:
            values[name] = named | {asking[name]}
        elif name.startswith("claim context "):
            values[name] = frozenset({case.context if case.context != "" else FAILS})
        elif name.startswith(("setting ", "claim ")):
            values[name] = settable
    values["user current_user"] = one(question.user)
    values["user session_user"] = one(question.session or question.user)
    return values


def _may_name(variable: Variable, values: Values) -> bool:
    return variable.kind in ("text", "uuid", "int") and not variable.labels and SOME not in values


def _domain(
    variable: Variable, literals: Literals, fresh: tuple[Token, ...], keys: set[object], kind: str
) -> Values:
    found: set[object] = set()
    if variable.kind == "bool":
        found |= {True, False}
    elif variable.labels:
        found |= set(variable.labels) if len(variable.labels) <= _MOST_WORDS else {SOME}
    elif variable.kind == "int":
        numbers = {n + d for n in literals.numbers for d in (-1, 0, 1)}
        found |= {Number(n) for n in numbers} if len(numbers) <= _MOST_WORDS else {SOME}
    elif variable.kind in ("text", "uuid"):
        words = {w for w in literals.words if variable.kind == "text" or is_uuid(w)} | _fitting(literals)
        found |= words if len(words) <= _MOST_WORDS else {SOME}
    else:
        found.add(SOME)
    if variable.kind in ("text", "uuid", "int") and SOME not in found and not variable.labels:
        found |= {*fresh, *(keys if kind == variable.kind else {k for k in keys if isinstance(k, Token)})}
        if variable.kind == "uuid":
            found = {v for v in found if isinstance(v, Token) or is_uuid(str(v))}
    if variable.nullable:
        found.add(None)
    return frozenset(found)


def _fitting(literals: Literals) -> set[str]:
    """Return texts that the patterns among the literals match."""
    return {w.replace("%", "x").replace("_", "x") for w in literals.words if "%" in w and "\\" not in w}
