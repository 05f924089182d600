"""A PL/pgSQL function statement by statement: what is known of its variables, and what each statement does.

A parameter is the caller's until a test has shown otherwise. Where two ways meet, only what both know holds;
what a loop or a handler may have changed is not known there. Source: PostgreSQL documentation, "PL/pgSQL",
"Control Structures" and "Trapping Errors" (a handler undoes changes of rows, not of variables).
"""

from collections import Counter
from collections.abc import Callable

from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.settings import setting_of
from .afterwards import Act, LookUp, look_up
from .blocks import Known, Looked, variable
from .meanings import Meanings, is_value
from .settle import Keeps
from .statements import Result, Statements
from .variables import Variables

_ERROR = 21  # elog.h
_Columns = tuple[tuple[str, bool, bool], ...]


class Flow:
    """Walks through one body. `keeps` is the worst that was found, `returns` whether everything that it
    returned was the tenant of the session, `refuses` whether it fails for some who ask. `learned` is what a
    statement that calls a function shows of its arguments, and whether that function refuses."""

    def __init__(
        self,
        statements: Statements,
        learned: Callable[[s.Node, Known], tuple[Known, bool]],
        function: pl.Function,
    ) -> None:
        self.statements = statements
        self.keeps = Keeps.KEPT
        self.refuses = False
        self.returns: list[bool] = []
        self.leaves: list[Known] = []
        self._learned = learned
        self._function = function
        self._variables = Variables(function, statements.builder.relations)
        cut = (declared.name for declared in function.declared if self._variables.cuts(declared))
        self._twice = function.several.union(cut)  # nothing is known of them
        self._locals = {"found"}
        self._veiled = False
        self._meanings = Meanings(self._twice)
        self._loops = 0
        self._look_ups: list[LookUp] = []
        self._acts: list[Act] = []

    def run(self, known: Known) -> None:
        """Judge the function from `known` of its parameters on."""
        function, late = self._function, self._function.late
        moving = frozenset(pl.assigned((function.body,)))
        known = known.without(self._twice)
        self._locals |= {declared.name for declared in function.declared if declared.line}
        for declared in function.declared:
            if declared.query is not None:  # it runs where it is opened
                self._see(self._judge(declared.query, known.without(moving)))
            if declared.default is not None:
                known = self._assign((declared.name,), declared.default, known)
        known = known.without(late)
        after = self._block(function.body, known)
        if after is not None:
            self.leaves.append(after)
        self._look_back()

    # statements in a row

    def _all(self, nodes: tuple[s.Node, ...], known: Known) -> Known | None:
        """Return what is known after the statements, None where they never end."""
        here: Known | None = known
        before = self._meanings.copy()
        for node in nodes:
            if here is None:
                break
            here = self._one(node, here)
            if isinstance(node, (pl.If, pl.Loop, pl.Block)):
                self._meanings.forget({"found", *pl.assigned((node,))})
            elif not isinstance(node, (pl.Sql, pl.Assign, pl.Raise, pl.Return, pl.Exit)):
                self._meanings.forget({"found"})  # RETURN QUERY, and what is read otherwise, may set it
        self._meanings = before
        return here

    def _one(self, node: s.Node, known: Known) -> Known | None:
        if isinstance(node, pl.Sql) and not node.into and sole_call(node.statement) is not None:
            self._ask(node.statement, known)
        elif not isinstance(node, (pl.Block, pl.If, pl.Loop)):
            self._use((node,), known)
        match node:
            case pl.Block():
                return self._block(node, known)
            case pl.If():
                return self._if(node, known)
            case pl.Loop():
                return self._loop(node, known)
            case pl.Assign(target=target, value=value, part=part):
                after = self._assign(target, value, known)
                self._meanings.given(".".join(target), value)
                return known.without(frozenset({".".join(target), target[0]})) if part else after
            case pl.Return() | pl.ReturnQuery() | pl.Raise() | pl.Exit():
                return self._leave(node, known)
            case pl.Sql():
                return self._sql(node, known)
            case pl.Get(targets=targets):
                self._meanings.forget({target[0] for target in targets})
                return known.without(frozenset(target[0] for target in targets))
        self._see_all(node, known)
        return known

    def _sql(self, node: pl.Sql, known: Known) -> Known:
        statement, into = node.statement, node.into
        result = self._judge(statement, known)
        looked = self._put_off(statement, into, known) if result.keeps is Keeps.OPEN else None
        if looked is None:
            self._see(result)
        counts = not self.statements.builder.reads.named("count")
        rows = self._meanings.ran(node, never_null=self.statements.never_null, counts=counts)
        known, refuses = self._learned(statement, known)
        founded = self.statements.founded(statement)
        known = known._replace(tenant=known.tenant | founded).without(self._twice)
        self.refuses, self._veiled = self.refuses or refuses, self._veiled or refuses
        if isinstance(statement, s.Unknown) and statement.kind == "CallStmt":  # what is INOUT gets a value
            args = frozenset(pl.given_by_call(statement))
            known = known.without(args)
            self._meanings.forget(args)
        known = self._into(into, result.columns, known)
        known = self._learn((rows,), known) if node.strict and rows is not None else known
        return known._replace(looked=known.looked | looked) if looked else known

    def _leave(self, node: s.Node, known: Known) -> Known | None:
        match node:
            case pl.Return(value=value, next=goes_on):
                if value is not None:
                    self._see(self._judge_value(value, known))
                    self.returns.append(self.statements.holds(value, known)[0])
                if goes_on:
                    return known
                self.leaves.append(known)
                return None
            case pl.ReturnQuery(query=query, params=params):
                result = self._see(self._judge(query, known)) if query is not None else None
                self.returns.append(bool(result and result.columns and result.columns[0][1]))
                for param in params:
                    self._see(self._judge_value(param, known))
                return known
            case pl.Raise(level=level):
                self._see_all(node, known)
                return None if level >= _ERROR else known
            case pl.Exit(condition=condition):
                if condition is None:
                    return None
                self._see(self._judge_value(condition, known))
        return known

    # branches

    def _if(self, node: pl.If, known: Known) -> Known | None:
        if node.subject is not None:
            self._see(self._judge_value(node.subject, known))
            self._use((node.subject,), known)
        ends: list[Known | None] = []
        for branch in node.branches:
            self._ask(branch.condition, known)
            self._test(branch.condition, known)
            condition = self._meanings.of(branch.condition)
            asks = self._asks(condition, known)
            self._veiled = self._veiled or asks
            ends.append(self._all(branch.body, self._learn((condition,), known)))
            fails = any(isinstance(n, pl.Raise) and n.level >= _ERROR for n in branch.body)
            self.refuses = self.refuses or (asks and fails)
            refuted = self._refuted(condition, present=self._found(condition, known))
            known = self._learn(refuted, known, sure=self._refuted(condition, present=()))
        ends.append(self._all(node.otherwise, known))
        return _met(ends)

    def _test(self, condition: s.Node, known: Known) -> None:
        """Judge a test part by part: AND comes to the next where the one before was true; or NULL, so that
        only what never is tells anything of the next."""
        before = self._veiled
        for part in s.conjuncts(condition):
            self._see(self._judge_value(part, known))
            meant = self._meanings.of(part)
            self._veiled = self._veiled or self._asks(meant, known)
            if self._never_null(meant, present=()):
                known = self._learn((meant,), known)
        self._veiled = before

    def _learn(
        self, conditions: tuple[s.Node, ...], known: Known, *, sure: tuple[s.Node, ...] | None = None
    ) -> Known:
        """Return what is known where conditions are true; `sure` are those that are, where others may be NULL
        instead."""
        sure = conditions if sure is None else sure
        also = (told for condition in sure for told in self._meanings.implied(condition))
        return self.statements.learn((*conditions, *also), known).without(self._twice)

    def _asks(self, condition: s.Node, known: Known) -> bool:
        """Tell whether a test may be one of who is asking."""
        queries = any(True for _ in s.subselects(condition))
        named = {n.names[0] for n in s.walk(condition) if isinstance(n, s.Column)}
        asked = self.statements.builder.context.asks_who(condition) or not named.isdisjoint(self._locals)
        sides = (n for n in s.walk(condition) if isinstance(n, (s.Call, s.Column)))
        return queries or asked or any(self.statements.holds(side, known)[0] for side in sides)

    def _refuted(self, condition: s.Node, *, present: tuple[s.Node, ...]) -> tuple[s.Node, ...]:
        """Return what is true after IF found a condition not true: false or, with a NULL in it, neither.
        So a plain comparison says something of what is `present` alone."""
        parts = condition.args if isinstance(condition, s.Or) else (condition,)
        return tuple(told for part in parts if (told := self._opposite(part, present=present)) is not None)

    def _found(self, condition: s.Node, known: Known) -> tuple[s.Node, ...]:
        """Return what holds the tenant of the session, and is there where a test of it is not true."""
        parts = condition.args if isinstance(condition, s.Or) else (condition,)
        tests = (part.arg for part in parts if isinstance(part, s.NullTest) and not part.negated)
        return tuple(s.uncast(arg) for arg in tests if self.statements.holds(arg, known)[0])

    def _is_found(self, value: s.Node | None, present: tuple[s.Node, ...]) -> bool:
        """Tell whether a value is one that was found to be there, or the context as that is, read anew."""
        if value is None or not present:
            return False
        context = self.statements.builder.context.gives_context
        plain = (
            setting_of(s.uncast(value)) is not None
        )  # there wherever NULLIF of it, or a helper's value, is
        return s.uncast(value) in present or (plain and context(value) and any(map(context, present)))

    def _opposite(self, part: s.Node, *, present: tuple[s.Node, ...]) -> s.Node | None:
        match part:
            case s.Not(arg=arg):
                return arg if self._never_null(arg, present=present) else None
            case s.Operation(operator="<>", left=left, right=right, schema=schema):
                found = self._is_found(left, present) or self._is_found(right, present)
                sure = found or (_is_there(left) and _is_there(right))
                return s.Operation("=", left, right, schema) if sure else None
            case s.Distinct(left=left, right=right, negated=False):
                return s.Distinct(left, right, True)
            case s.BooleanTest(arg=arg, wanted=True, negated=True):
                return arg
            case s.NullTest(arg=arg, negated=negated):
                return s.NullTest(arg, not negated)
            case s.In(value=value, items=items, negated=True) if self._never_null(part, present=present):
                return s.In(value, items, False)
        return None

    def _never_null(self, node: s.Node, *, present: tuple[s.Node, ...]) -> bool:
        """Tell whether a condition is true or false, or NULL only where a variable in it is."""
        match node:
            case s.Exists() | s.NullTest() | s.BooleanTest() | s.Distinct():
                return True
            case s.And(args=args) | s.Or(args=args):
                return all(self._never_null(arg, present=present) for arg in args)
            case s.Operation(operator="=", left=left, right=right):
                return self._is_found(left, present) or self._is_found(right, present)
            case s.In(value=value, items=items):
                return all(map(_is_there, (value, *items)))
            case s.AnySelect(operator="=", query=query, every=False):
                return self.statements.never_null(query)
            case s.Call():
                found = self.statements.builder.reads.returned(node)
                return found is not None and not found.strict and self._never_null(found.value, present=())
            case s.Coalesce(args=(_, s.Const(kind="bool", value=False))):
                return True
        return False

    def _loop(self, node: pl.Loop, known: Known) -> Known:
        before = known.without(frozenset(pl.assigned(node.body)))
        self._use((*node.values, *filter(None, (node.query, node.built))), before)
        for value in node.values:
            self._see(self._judge_value(value, before))
        result = self._see(self._judge(node.query, before)) if node.query is not None else None
        self._meanings.forget({"found", *pl.assigned((node,))})
        inside = self._into(node.targets, result.columns if result is not None else (), before)
        self._loops += 1
        self._all(node.body, inside)
        self._loops -= 1
        return before.without(frozenset(target[0] for target in node.targets))

    def _block(self, node: pl.Block, known: Known) -> Known | None:
        after = self._all(node.body, known)
        changed = frozenset(pl.assigned(node.body))
        ends = [after]
        if node.handlers:
            self._meanings.forget({"found", *changed})
        for handler in node.handlers:
            ends.append(self._all(handler.body, known.without(changed)))
        if node.label and any(isinstance(n, pl.Exit) and n.label == node.label for n in s.walk(*node.body)):
            ends.append(known.without(changed))
        return _met(ends)

    # what came before a test

    def _put_off(
        self, statement: s.Node, into: tuple[pl.Names, ...], known: Known
    ) -> frozenset[Looked] | None:
        """Leave it to what is asked later whether a statement that is open keeps to the tenant; return what
        is known after it, None where nothing asked later could say so."""
        if self._loops:
            return None
        look = self._looked_up(statement, into)
        if look is not None:
            self._look_ups.append(look)
            return look.looked
        if self._veiled:
            return None
        self._acts.append(Act.of(statement, into, known, len(self.leaves)))
        return frozenset()

    def _looked_up(self, statement: s.Node, into: tuple[pl.Names, ...]) -> LookUp | None:
        if not isinstance(statement, s.Select) or not {t[0] for t in into} <= self._locals - self._twice:
            return None
        try:
            query = self.statements.builder.query(statement, self.statements.scope)
        except Unreadable:
            return None
        look = look_up(statement, query, into, veiled=self._veiled)
        heirs = self.statements.builder.relations.with_heirs
        if look is None or not heirs.isdisjoint(one.table for one in look.looked):
            return None  # a key is none of the rows of inheritance children
        # What is declared with it is worked out where a block begins, or a cursor is opened.
        texts = (text for d in self._function.declared for text in (d.default, d.query) if text is not None)
        look.used(texts, Known())
        return look

    def _ask(self, condition: s.Node, known: Known) -> None:
        for look in self._look_ups:
            look.asked(condition, known, self.statements.builder)

    def _use(self, nodes: tuple[s.Node, ...], known: Known) -> None:
        for look in self._look_ups:
            look.used(nodes, known)

    def _look_back(self) -> None:
        """Judge what was put off."""
        for look in self._look_ups:
            told = look.spoiled and not look.veiled
            self.keeps = max(self.keeps, Keeps.OPEN if told else Keeps.UNCLEAR)
        given = Counter(pl.assigned((self._function.body,)))
        for act in self._acts:
            ends = [act.once_asked(leave, given) for leave in self.leaves[act.leaves :]]
            asked = ends and all(self._judge(act.statement, known).keeps is Keeps.KEPT for known in ends)
            self.keeps = max(self.keeps, Keeps.UNCLEAR if asked else Keeps.OPEN)

    # variables

    def _assign(self, target: pl.Names, value: s.Node, known: Known) -> Known:
        self._see(self._judge_value(value, known))
        if isinstance(value, s.Column) and len(target) == 1:
            copied = self._copied(value, target[0], known)
            if copied is not None:
                return copied
        return self._set(".".join(target), self.statements.holds(value, known), known)

    def _copied(self, value: s.Column, name: str, known: Known) -> Known | None:
        """Return what is known after a record was copied; None where the value is no record."""
        prefix = ".".join(value.names) + "."
        found = [(w, p) for w, places in enumerate(known[:2]) for p in places if p[1].startswith(prefix)]
        if not found or name in self._twice:
            return None
        if self._variables.columns_of(name) not in (
            None,
            self._variables.columns_of(value.names[-1]) or None,
        ):
            return known.without(frozenset({name}))
        known = known.without(frozenset({name}))
        sets = [set(known.tenant), set(known.person)]
        for which, place in found:
            sets[which].add(variable(f"{name}.{place[1].removeprefix(prefix)}"))
        return known._replace(tenant=frozenset(sets[0]), person=frozenset(sets[1]))

    def _set(self, name: str, holds: tuple[bool, bool], known: Known) -> Known:
        known = known.without(frozenset({name}))
        if name in self._twice or self._variables.cuts_field(name):
            return known
        here = frozenset({variable(name)})
        tenant, person = (here if held else frozenset() for held in holds)
        return known._replace(tenant=known.tenant | tenant, person=known.person | person)

    def _into(self, into: tuple[pl.Names, ...], columns: _Columns, known: Known) -> Known:
        known = known.without(frozenset(map(".".join, into)))
        for target, (_, *held) in zip(into, columns, strict=False):
            known = self._set(".".join(target), (held[0], held[1]), known)
        if len(into) == 1 and len(into[0]) == 1:  # a row
            own = self._variables.columns_of(into[0][0])
            names = [name for name, *_ in columns] if own is None else own
            for name, (_, *held) in zip(names, columns, strict=False):
                known = self._set(f"{into[0][0]}.{name}", (held[0], held[1]), known)
        return known

    # verdicts

    def _judge(self, node: s.Node, known: Known) -> Result:
        return self.statements.judge(node, known)

    def _judge_value(self, node: s.Node, known: Known) -> Result:
        if isinstance(node, (s.Select, s.Compound, s.Insert, s.Update, s.Delete)):
            return self._judge(node, known)
        return self._judge(s.Select((s.Target("", node),)), known)

    def _see_all(self, node: s.Node, known: Known) -> None:
        for child in s.children(node):
            if not isinstance(child, pl.Statement):
                self._see(self._judge_value(child, known))

    def _see(self, result: Result) -> Result:
        softened = result.keeps is Keeps.OPEN and self._veiled
        self.keeps = max(self.keeps, Keeps.UNCLEAR if softened else result.keeps)
        return result


def _is_there(node: s.Node | None) -> bool:
    """Tell whether a value is never NULL, to be seen by how it is written."""
    return is_value(node.args[-1] if isinstance(node, s.Coalesce) else node)


def sole_call(statement: s.Node) -> s.Call | None:
    """Return the call that is all of a statement."""
    if isinstance(statement, s.Select) and len(statement.targets) == 1:
        value = statement.targets[0].value
        return value if isinstance(value, s.Call) and statement == s.Select(statement.targets) else None
    return None


def _met(ends: list[Known | None]) -> Known | None:
    """Return what is known where several ways meet."""
    found = [known for known in ends if known is not None]
    if not found:
        return None
    known = found[0]
    for other in found[1:]:
        known = known.both(other)
    return known
