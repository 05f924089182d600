"""What gives the tenant context: the setting, the function that the config names for it, and functions
that return the one or the other and do nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from ..model.catalog import Function, QName
from ..model.principals import Kind, Variable
from ..model.tenancy import Tenancy
from ..sql import syntax as s
from ..sql.keeping import keeps_apart
from ..sql.parser import Unreadable
from ..sql.patterns import parse_name
from ..sql.reading import read_expression
from ..sql.routines import read_body
from ..sql.settings import (
    LOGIN,
    PLATFORM_HELPERS,
    ROLE,
    claim_setting,
    is_written_by_client,
    said_by,
    setting_of,
    word_for,
)

if TYPE_CHECKING:
    from .facts import Facts

_DEEPEST = 8  # functions that return one another's value, on the way to who is asking


def is_setting(name: str, tenancy: Tenancy) -> bool:
    """Tell whether that is the setting that holds the tenant: names of settings have no case."""
    return tenancy.setting is not None and name.lower() == tenancy.setting.lower()


def is_helper(name: QName, call: str | None) -> bool:
    """Tell whether that function is the one that `call` names for the tenant context: as SQL would write
    it, or as the catalog has it; without a schema it may lie in any."""
    return any(name.name == own and schema in (None, name.schema) for schema, own in _named(call or ""))


def is_vouched_for(name: QName, tenancy: Tenancy) -> bool:
    """Tell whether the config says of that function that it returns the tenant, so that nobody has to read
    its body. One that was only found to be called where the tenant is compared is read."""
    return "current_tenant" not in tenancy.inferred and is_helper(name, tenancy.current_tenant)


@lru_cache(maxsize=64)
def _named(call: str) -> frozenset[tuple[str | None, str]]:
    written = call.strip().removesuffix("()").strip()
    found: set[tuple[str | None, str]] = set()
    with suppress(ValueError):
        found.add(parse_name(written))
    with suppress(Unreadable):
        tree = read_expression(f"{written}()")
        found |= {(tree.schema or None, tree.name)} if isinstance(tree, s.Call) else set()
    return frozenset(found)


class ContextReader:
    """Recognises the tenant context, and the person of the session."""

    def __init__(self, facts: "Facts") -> None:
        self.facts = facts

    def gives_context(self, node: s.Node | None) -> bool:
        """Tell whether an expression is the tenant context and nothing else, sub-selects aside, and casts
        that leave two tenants two. Raises `Unreadable` where a function that it calls cannot be read."""
        leaf = _leaf(node)
        if not self.keeps_tenants(node):
            return False
        if isinstance(leaf, s.Call) and self._called(leaf):
            return True
        return self._kinds(leaf) == {Kind.TENANT}

    def keeps_persons(self, node: s.Node | None) -> bool:
        """Tell whether the casts around what an expression takes its value from leave two people two."""
        kind = self.facts.once(person_type)
        return all(keeps_kind(cast.type, kind, self.facts) for cast in _casts(node))

    def keeps_tenants(self, node: s.Node | None) -> bool:
        """Tell whether the casts around what an expression takes its value from leave two tenants two."""
        kind = self.facts.once(key_type)
        return all(keeps_kind(cast.type, kind, self.facts) for cast in _casts(node))

    def gives_person(self, node: s.Node | None) -> bool:
        """Tell whether an expression is a setting or a claim that says who is asking, and nothing else. What
        whoever asks writes himself does not say it."""
        kinds = self._kinds(node)
        return bool(kinds) and kinds.isdisjoint((Kind.TENANT, Kind.CLIENT))

    def is_person(self, node: s.Node | None) -> bool:
        """Tell whether an expression is the person of the session and nothing else. Raises `Unreadable` where
        a function that it calls cannot be read."""
        return self._kinds(node) == {Kind.PERSON}

    def asks_who(self, node: s.Node) -> bool:
        """Tell whether an expression hangs on the user, on a list of tenants that the session holds, or on
        what a function of the schema says."""
        return any(
            (isinstance(n, s.SessionValue) and n.name.endswith("user"))
            or (isinstance(n, s.Quantified) and self._is_list(s.uncast(n.array)))
            or (isinstance(n, s.Call) and any(self._functions(n)))
            for n in s.walk(node)
        )

    def _is_list(self, array: s.Node) -> bool:
        """Tell whether an array is worked out from what the session says of its tenant."""
        read = [] if isinstance(array, s.Array) else filter(None, map(setting_of, s.walk(array)))
        return any(self._kind(Variable(*claim_setting(found.name))) is Kind.TENANT for found in read)

    def _kinds(self, node: s.Node | None) -> frozenset[Kind]:
        """Return what the variables are one of which an expression is the value of; nothing where it may be
        anything else."""
        return frozenset(map(self._kind, self._asked(node, 0)))

    def _kind(self, variable: Variable) -> Kind:
        if not variable.path and is_setting(variable.setting, self.facts.tenancy):
            return Kind.TENANT
        if variable.setting == LOGIN and is_setting(ROLE, self.facts.tenancy):
            return Kind.TENANT  # who logged in is a tenant, or nobody's row names him
        if word_for(variable.setting):
            return Kind.CLIENT  # sessions of all tenants may have one role: it says of no person who he is
        if is_written_by_client(variable.setting) or "user_metadata" in variable.path:
            return Kind.CLIENT
        return self.facts.once(_kinds).get(variable, Kind.OTHER)

    def _asked(self, node: s.Node | None, depth: int) -> frozenset[Variable]:
        """Return the variables one of which an expression is; nothing where it may be anything else."""
        found = self._read(node, depth)
        tenants = {v for v in found if self._kind(v) is Kind.TENANT}
        kept = self.keeps_tenants(node) if tenants else self.keeps_persons(node)
        return found if kept else frozenset()

    def _read(self, node: s.Node | None, depth: int) -> frozenset[Variable]:
        leaf = _leaf(node)
        match leaf:
            case s.Coalesce(args=args):
                found = [self._asked(arg, depth) for arg in args]
                return frozenset[Variable]().union(*found) if all(found) else frozenset()
            case s.Operation(operator="->" | "->>" | "#>" | "#>>", left=left, right=right):
                path = _path(leaf.operator, s.uncast(right))
                found_in = self._asked(left, depth) if path else ()
                return frozenset(Variable(v.setting, (*v.path, *path)) for v in found_in)
            case s.Call():
                return self._said_by(leaf, depth)
            case s.SessionValue():
                read = said_by(leaf)
                return frozenset({Variable(read.name)}) if read is not None else frozenset()
        return frozenset()

    def _said_by(self, call: s.Call, depth: int) -> frozenset[Variable]:
        read = setting_of(call)
        if read is not None:
            return frozenset({Variable(*claim_setting(read.name))})
        if call.args or depth == _DEEPEST:
            return frozenset()
        functions = list(self._functions(call))
        values = [_sole_value(f) if returns_apart(f, self.facts) else None for f in functions]
        found = [self._asked(value, depth + 1) for value in values]
        found = [said - _of_the_owner(f) for said, f in zip(found, functions, strict=True)]
        if not functions and (text := PLATFORM_HELPERS.get((call.schema, call.name))) is not None:
            found = [self._asked(read_expression(text), depth + 1)]
        return frozenset[Variable]().union(*found) if all(found) else frozenset()

    def _called(self, call: s.Call) -> bool:
        if call.args:
            return self._reads_setting(call)
        known = self.facts.once(_known_calls)
        name = call.schema, call.name
        if name not in known:
            known[name] = self._leads_to_setting(call)
        return known[name]

    def _reads_setting(self, call: s.Call) -> bool:
        read = setting_of(call)
        return read is not None and is_setting(read.name, self.facts.tenancy)

    def _leads_to_setting(self, call: s.Call) -> bool:
        """Tell whether a call without arguments returns the tenant context and does nothing else: the
        function is the helper of the config, or its body is such a call, however many lie between. What
        nothing comes of, nothing comes of on the way either; what does, does where there is one way."""
        seen: set[QName] = set()
        passed: set[tuple[str, str]] = set()
        waiting, one_way, found = [call], True, False
        while waiting and not found:
            here = waiting.pop()
            found = self._reads_setting(here) or (not here.args and self._is_vouched_for(here))
            if found or here.args:
                continue
            passed.add((here.schema, here.name))
            for function in self._functions(here):
                if not function.arguments and function.qname not in seen:
                    seen.add(function.qname)
                    whole = returns_apart(function, self.facts) and self.keeps_tenants(_sole_value(function))
                    waiting += _calls(function) if whole else []
            one_way = one_way and len(waiting) <= 1
        if not found or one_way:
            self.facts.once(_known_calls).update(dict.fromkeys(passed, found))
        return found

    def _is_vouched_for(self, call: s.Call) -> bool:
        return is_vouched_for(QName(call.schema or self.facts.default_schema, call.name), self.facts.tenancy)

    def _functions(self, call: s.Call) -> Iterator[Function]:
        for function in self.facts.once(_functions_by_name).get(call.name, ()):
            if call.schema in ("", function.schema):
                yield function


def _of_the_owner(function: Function) -> frozenset[Variable]:
    """Return the variables that say who owns a function rather than who asks: to a SECURITY DEFINER the
    current user is its owner."""
    return frozenset({Variable(ROLE)}) if function.security_definer else frozenset()


def _path(operator: str, key: s.Node) -> tuple[str, ...]:
    """Return the path that an operator of JSON takes, () where it is worked out."""
    if not isinstance(key, s.Const) or not isinstance(key.value, str):
        return ()
    return tuple(key.value.strip("{}").split(",")) if "#" in operator else (key.value,)


def _kinds(facts: "Facts") -> dict[Variable, Kind]:
    return {told.variable: told.kind for told in facts.principals.variables}


def _known_calls(_: "Facts") -> dict[tuple[str, str], bool]:
    return {}  # what was said of each so far


def _functions_by_name(facts: "Facts") -> dict[str, list[Function]]:
    found: dict[str, list[Function]] = {}
    for function in facts.catalog.functions:
        found.setdefault(function.name, []).append(function)
    return found


def _calls(function: Function) -> list[s.Call]:
    """Return the call that a function without arguments returns the value of, and does nothing else."""
    leaf = _leaf(_sole_value(function))
    return [leaf] if isinstance(leaf, s.Call) else []


def _sole_value(function: Function) -> s.Node | None:
    """Return the expression that a function without arguments returns, and does nothing else."""
    if not function.body or function.arguments:
        return None
    statements = read_body(function.language, function.body, "", function.returns or "").statements
    return _only_value(statements[0]) if len(statements) == 1 else None


def _only_value(query: s.Node) -> s.Node | None:
    """Return the expression that is all of a query; None where it has more than one, or reads a table."""
    if not isinstance(query, s.Select) or query.sources or query.where is not None or len(query.targets) != 1:
        return None
    return query.targets[0].value


def _leaf(node: s.Node | None) -> s.Node | None:
    """Return what an expression takes its value from: without casts, NULLIF and sub-selects around it."""
    *_, leaf = _inwards(node)
    return leaf


def _casts(node: s.Node | None) -> Iterator[s.Cast]:
    return (found for found in _inwards(node) if isinstance(found, s.Cast))


def _inwards(node: s.Node | None) -> Iterator[s.Node | None]:
    """Yield an expression, and what stands in the casts, NULLIFs and sub-selects around its leaf; at last the
    leaf, or None where there is none."""
    while True:
        yield node
        match node:
            case s.Cast(arg=inner):
                node = inner
            case s.NullIf(value=inner):
                node = inner
            case s.ScalarSelect(query=query):
                node = _only_value(query)
            case _:
                return


def returns_apart(function: Function, facts: "Facts") -> bool:
    """Tell whether the type of what a function returns leaves two tenants two."""
    returned = (function.returns or "").removeprefix("SETOF ")
    return keeps_kind(named_type(returned), facts.once(key_type), facts)


def named_type(shown: str) -> s.TypeRef:
    """Return a type that the server prints, without a length."""
    schema, _, name = shown.rpartition(".")
    return s.TypeRef((schema, name) if schema else (name,))


def keeps_kind(wanted: s.TypeRef, of: str | None, facts: "Facts") -> bool:
    """Tell whether a cast to a type, or to what a domain of that name is made of, leaves two values of
    another type two."""
    name, types = wanted.names[-1].strip('"'), []
    for domain in facts.catalog.domains:
        if domain.name == name and wanted.names[:-1] in ((), (domain.schema,)):
            try:
                cast = read_expression(f"null::{domain.base_type}")
            except Unreadable:
                return False
            types += [cast.type] if isinstance(cast, s.Cast) else []
    return all(keeps_apart(type_, of) for type_ in types or [wanted])


def person_type(facts: "Facts") -> str | None:
    """Return the type of the keys of people, None where it is not known."""
    principals = facts.principals
    held = [
        (principals.people, principals.people_key),
        *((m.table, m.person) for m in principals.memberships),
    ]
    return _type_of(held, facts)


def key_type(facts: "Facts") -> str | None:
    """Return the type of the tenants' key, None where it is not known."""
    tenancy = facts.tenancy
    held = [(level.root, level.key) for level in tenancy.levels]
    return _type_of([*held, *((standing.table, standing.column) for standing in tenancy.standings)], facts)


def _type_of(columns: Iterable[tuple[QName | None, str | None]], facts: "Facts") -> str | None:
    """Return the type of the first column that is there."""
    for name, key in columns:
        table = facts.tables_by_name.get(name) if name is not None else None
        column = table.column(key) if table is not None and key is not None else None
        if column is not None:
            return column.base_type
    return None
