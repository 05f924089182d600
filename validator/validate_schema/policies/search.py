"""Look for a row of another tenant that a condition lets through; or show that there is none.

Every variable runs over a domain that stands for all its values: the literals in sight, the tenants,
tokens for "any other", NULL where it can be. Sets of values are split only while both answers remain
possible, so most conditions are decided at once.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from ..sql.tree import Node, walk
from .bind import TENANT, Variable
from .evaluate import World, in_play
from .values import FAILS, SOME, Literals, Number, Token, Values, is_uuid, one

MOST_STEPS = 1500
MOST_IN_ALL = 4 * MOST_STEPS
_MOST_LITERALS = 6
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


class Answer(Enum):
    NO = "no"
    YES = "yes"
    UNDECIDED = "undecided"


class Found(NamedTuple):
    """The answer; for YES the values that open the condition, otherwise why it stayed open."""

    answer: Answer
    world: World | None = None
    why: str = ""


class Case(NamedTuple):
    """The tenant whose row it is, and the tenant context: None when it is unset, "" when empty."""

    tenant: object
    context: object


class Question(NamedTuple):
    """A bound condition, its variables, the kind of the tenant key, and CHECKs that every row meets."""

    condition: Node
    variables: Mapping[str, Variable]
    kind: str
    user: str
    checks: tuple[Node, ...] = ()

    @property
    def exact(self) -> bool:
        return self.kind in ("uuid", "int")


def literals_of(nodes: tuple[Node, ...]) -> Literals:
    """Return every literal in the conditions, in each form that a cast may give it."""
    words: set[str] = {""}
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
    concrete ones in which the spelling of the keys can matter."""
    mine, theirs = Token("A", question.exact), Token("B", question.exact)
    named = [_as_kind(w, question.kind) for w in sorted(literals_of((question.condition,)).words)]
    known = [value for value in named if value is not None][:_MOST_LITERALS]
    cases = [Case(theirs, mine), *(Case(value, mine) for value in known)]
    cases += [Case(theirs, value) for value in known]
    cases += [Case(a, b) for a in known for b in known if a != b]
    spelled = _CONCRETE.get(question.kind, ())
    return tuple(cases), tuple(Case(b, a) for a, b in spelled)


def _as_kind(word: str, kind: str) -> object:
    if not word or word.startswith("{"):
        return None
    if kind == "int":
        return Number(int(word)) if word.lstrip("-").isdecimal() else None
    if kind == "uuid":
        return word if is_uuid(word) and word == word.lower() else None
    return word if kind == "text" and "%" not in word else None


def _shown(value: object, kind: str) -> object:
    """Return a tenant key as the text of a setting."""
    return str(value.number) if isinstance(value, Number) and kind == "int" else value


class Budget:
    """How many combinations may still be looked at for one verdict."""

    def __init__(self, steps: int = MOST_IN_ALL) -> None:
        self.left = steps

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def explore(
    question: Question, case: Case, fixed: Mapping[str, Values] | None = None, budget: Budget | None = None
) -> Found:
    """Search one case. `fixed` gives the values of variables that the case decides; `budget` is shared
    by the cases of one verdict."""
    literals = literals_of((question.condition, *question.checks))
    values = _domains(question, case, literals) | dict(fixed or {})
    return _Search(question, literals, budget or Budget()).run(values)


def whole_domain(question: Question, name: str) -> Values:
    """Return every value that a variable stands for."""
    case = Case(Token("B", question.exact), Token("A", question.exact))
    return _domains(question, case, literals_of((question.condition,)))[name]


class _Search:
    def __init__(self, question: Question, literals: Literals, budget: Budget) -> None:
        self.question = question
        self.literals = literals
        self.budget = budget
        self.order = _order(question.condition)
        self.steps = 0
        self.why = ""

    def run(self, values: dict[str, Values]) -> Found:
        found = self._split(values)
        if found is not None:
            return Found(Answer.YES, found)
        return Found(Answer.UNDECIDED, why=self.why) if self.why else Found(Answer.NO)

    def _split(self, values: dict[str, Values]) -> World | None:
        self.steps += 1
        if self.steps > MOST_STEPS or not self.budget.spend():
            self.why = f"more than {MOST_STEPS} combinations of values"
            return None
        world = World(values, self.literals, {})
        outcome = world.truth(self.question.condition)
        if True not in outcome:
            return None
        # What may raise an error may as well return: open is what no answer of it closes.
        certain = not outcome & {False, None}
        if certain and self._possible(world):
            return world
        # A CHECK may hang on any variable; an open outcome on those alone that are still in play.
        names = self.order if certain else in_play(self.question.condition, world)
        for name in names:
            if len(values.get(name, ())) > 1:
                return self._each(values, name)
        if not certain:
            self.why = self.why or "values that only the server could compare"
        return None

    def _each(self, values: dict[str, Values], name: str) -> World | None:
        for value in sorted(values[name], key=_rank):
            found = self._split({**values, name: frozenset({value})})
            if found is not None:
                return found
        return None

    def _possible(self, world: World) -> bool:
        """Tell whether the table's CHECKs allow such a row."""
        return all(world.truth(check) & {True, None} for check in self.question.checks)


def _rank(value: object) -> tuple[int, str]:
    """Plain values first: they make the plainest example."""
    if value is True:
        return (0, "")
    return (1 + (value is None) + 2 * isinstance(value, Token) + 4 * (value is SOME), str(value))


def _order(condition: Node) -> list[str]:
    names = [n.value[0] for n in walk(condition) if n.op == "variable"]
    return list(dict.fromkeys(names))


def _domains(question: Question, case: Case, literals: Literals) -> dict[str, Values]:
    fresh = tuple(Token(f"other {n}") for n in range(min(4, max(2, len(question.variables)))))
    given = _shown(case.context, question.kind)
    values: dict[str, Values] = {TENANT: frozenset({case.tenant}), "context": frozenset({given})}
    keys = {case.tenant, case.context if isinstance(case.context, (Token, Number)) else given} - {None, ""}
    for name, variable in question.variables.items():
        if name != TENANT:
            values[name] = _domain(variable, literals, fresh, keys, question.kind)
    words = sorted(literals.words) if len(literals.words) <= 16 else []
    settable = frozenset(
        {None, "true", "false", *words, *fresh[:2], *(_shown(k, question.kind) for k in keys)}
    )
    for name in _order(question.condition):
        if name.startswith("claim context "):
            values[name] = frozenset({case.context if case.context != "" else FAILS})
        elif name.startswith(("setting ", "claim ")):
            values[name] = settable
    values["user current_user"] = values["user session_user"] = one(question.user)
    return values


def _domain(
    variable: Variable, literals: Literals, fresh: tuple[Token, ...], keys: set[object], kind: str
) -> Values:
    found: set[object] = set()
    if variable.kind == "bool":
        found |= {True, False}
    elif variable.labels:
        found |= set(variable.labels) if len(variable.labels) <= 20 else {SOME}
    elif variable.kind == "int":
        numbers = {n + d for n in literals.numbers for d in (-1, 0, 1)}
        found |= {Number(n) for n in numbers} if len(numbers) <= 12 else {SOME}
    elif variable.kind in ("text", "uuid"):
        words = {w for w in literals.words if variable.kind == "text" or is_uuid(w)} | _fitting(literals)
        found |= words if len(words) <= 16 else {SOME}
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
