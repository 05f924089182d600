"""What the analysis looks up in the catalog, and how functions are read into expressions."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from ..facts.context import is_vouched_for
from ..facts.roles import PUBLIC, Roles, temporary_holders
from ..model.catalog import Catalog, Constraint, Function, QName, Routine, Table
from ..model.principals import Kind, Membership, Principals, Variable
from ..model.tenancy import Standing, TableClass, Tenancy
from ..sql.parse import parse, read
from ..sql.parser import Unreadable
from ..sql.settings import is_guarded, is_written_by_client, word_for
from ..sql.tree import CONTEXT, ROW, SELECTS, Node, Select, deeper, opaque, some, walk
from ..sql.type_names import types_what_is_given
from .bodies import Names, is_truth, parameters_of, returned_by
from .calls import defaults_of, is_trusted
from .claims import OWN_CLAIMS, canonical, claim_of, holds_claims, platform_body, variable_name, variable_of
from .promises import Promises
from .telling import tells
from .types import Types
from .values import _FUNCTIONS as BUILTIN

_DEEPEST = 6
_MOST_NODES, _MOST_LEVELS = 20_000, 100  # of an expression with the functions that it calls in their places
_SWITCHES = "an expression that sets a setting while it is evaluated"
_TELLS = ", which may tell of rows that another condition hides"
_TOO_MUCH = "an expression that is too large with the functions that it calls"
_KNOWN_CALLS = frozenset(BUILTIN)
_LIST = (None, "array_agg")
_SETS = ("SETOF", "TABLE")
_CLAIM_OF_CONTEXT = "claim context "


class Schema:
    """The catalog and the tenancy, by name; everything is looked up once."""

    def __init__(self, catalog: Catalog, tenancy: Tenancy) -> None:
        self.catalog = catalog
        self.tenancy = tenancy
        self.home = catalog.server.default_schema
        self.types, self.promises = Types(catalog), Promises(catalog)
        self.principals, self._asked = Principals(), False
        self.counting: Mapping[QName, Node] = {}
        self._expanded: dict[str, Node] = {}
        self._as_read: dict[str, Node] = {}
        self._telling: dict[Routine, bool] = {}
        self._room = 0

    @cached_property
    def tables(self) -> Mapping[QName, Table]:
        return {t.qname: t for t in self.catalog.tables}

    @cached_property
    def standings(self) -> Mapping[QName, Standing]:
        """What each table is: a partition with row security of its own what the table at its top is."""
        known = {s.table: s for s in self.tenancy.standings}
        return known | {name: known[top] for name, top in self.partitions.items() if top in known}

    @cached_property
    def partitions(self) -> Mapping[QName, QName]:
        """The partitions with row security of their own, each with the table at its top."""
        own = (t for t in self.catalog.tables if t.parent is not None and t.row_security)
        return {table.qname: self._top(table) for table in own}

    def _top(self, table: Table) -> QName:
        while table.parent is not None and table.parent in self.tables:
            table = self.tables[table.parent]
        return table.qname

    def named(self, name: str) -> tuple[Function, ...]:
        """Return the functions of the database that have a name."""
        return self.functions.get(name, ())

    @cached_property
    def functions(self) -> Mapping[str, tuple[Function, ...]]:
        found: dict[str, list[Function]] = {}
        for function in self.catalog.functions:
            found.setdefault(function.name, []).append(function)
        return {name: tuple(functions) for name, functions in found.items()}

    @cached_property
    def names(self) -> Names:
        def find(schema: str, name: str) -> Table | None:
            return self.tables.get(QName(schema or self.home, name))

        return Names(find, shadowing=self._asked and not self.principals.gateway and self._makes_temporary)

    @cached_property
    def _makes_temporary(self) -> bool:
        """Tell whether an app role may make temporary tables."""
        holders, roles = temporary_holders(self.catalog), Roles(self.catalog.roles)
        return any(roles.has(role, h) for role in self.tenancy.app_roles or (PUBLIC,) for h in holders)

    def learn(self, principals: Principals, counting: Mapping[QName, Node]) -> None:
        """Take in who asks, and which rows of memberships count: what was read before is read again with that
        in mind."""
        self.principals, self.counting, self._asked = principals, counting, True
        self._expanded.clear()
        self._as_read.clear()
        self.__dict__.pop("names", None)

    @cached_property
    def context(self) -> Variable | None:
        """The variable that holds the tenant."""
        setting = self.tenancy.setting
        return canonical(setting) if setting and not is_written_by_client(setting) else None

    @cached_property
    def setting(self) -> str | None:
        return self.tenancy.setting.lower() if self.tenancy.setting else None

    @cached_property
    def role_says_tenant(self) -> bool:
        """Whether each tenant is a role, and the session's role is the context."""
        return bool(word_for(self.setting))

    @cached_property
    def persons(self) -> frozenset[str]:
        """The names of the variables that say which person asks."""
        return frozenset(variable_name(v.variable) for v in self.principals.of_kind(Kind.PERSON))

    @cached_property
    def memberships(self) -> Mapping[QName, tuple[Membership, ...]]:
        """What ties people to tenants, by table."""
        found: dict[QName, list[Membership]] = {}
        for membership in self.principals.memberships:
            found.setdefault(membership.table, []).append(membership)
        return {name: tuple(several) for name, several in found.items()}

    @cached_property
    def trusted_tables(self) -> frozenset[QName]:
        """The tables whose people may pass for every tenant."""
        return frozenset(t.table for t in self.tenancy.trusted if t.table is not None)

    @cached_property
    def level_columns(self) -> frozenset[str]:
        return frozenset(c for level in self.tenancy.levels for c in level.columns)

    def tenant_columns(self, table: Table) -> frozenset[str]:
        """Return the columns that tell whose a row is: the tenant column, that of other levels, the root's
        own key, or what a foreign key of several columns holds of its parent's."""
        standing = self.standings.get(table.qname)
        if standing is not None and standing.table_class is TableClass.INHERITED:
            return frozenset(self._handed_down(table))
        if standing is None or standing.table_class not in (TableClass.TENANT, TableClass.ROOT):
            return frozenset()
        found = {c for c in self.level_columns if table.column(c) is not None}
        if standing.column is not None:
            found.add(standing.column)
        if standing.table_class is TableClass.ROOT:
            found |= {
                level.key for level in self.tenancy.levels if level.root == standing.table and level.key
            }
        return frozenset(found)

    def tells_tenant(self, table: Table, key: Constraint) -> bool:
        """Tell whether a foreign key leads to a row of the same tenant: not where it references what tells
        the tenant, the root's key or a parent's tenant column, by a column that does not tell its own
        (``partner_id`` beside ``org_id``)."""
        target = self.tables.get(key.references) if key.references is not None else None
        own = self.tenant_columns(table)
        if target is None or not own:
            return key.references != table.qname  # a row is of its parent's, which no other of its table is
        theirs = self.tenant_columns(target)
        pairs = zip(key.columns, key.referenced_columns, strict=True)
        return all(mine in own for mine, other in pairs if other in theirs)

    def _handed_down(self, table: Table) -> Iterator[str]:
        """Yield the columns of a table without a tenant column that always equal its parent's: those of a key
        that holds for every row, for with a NULL in another of its columns it would not."""
        for key in self.promises.standing_keys(table):
            parent = self.tables.get(key.references) if key.references is not None else None
            standing = self.standings.get(parent.qname) if parent is not None else None
            columns = [table.column(name) for name in key.columns]
            if parent is None or standing is None or standing.table_class is not TableClass.TENANT:
                continue
            if not any(column is None or self.promises.may_be_null(table, column) for column in columns):
                own = self.tenant_columns(parent)
                pairs = zip(key.columns, key.referenced_columns, strict=True)
                yield from (mine for mine, theirs in pairs if theirs in own)

    def expand(self, text: str) -> Node:
        """Return an expression with the functions that can be read put in place of their calls."""
        known = self._expanded.get(text)
        if known is None:
            read = self._read(text)
            claims = any(n.op == "variable" and n.value[0].startswith(_CLAIM_OF_CONTEXT) for n in walk(read))
            known = self._expanded[text] = self._named(read) if claims else read
        return known

    def _read(self, text: str) -> Node:
        known = self._as_read.get(text)
        if known is None:
            known = self._as_read[text] = self._expand(text)
        return known

    def _named(self, node: Node) -> Node:
        """Return an expression in which the tenant's claims are the context's, all others their own: one
        token holds several claims, each with any value."""
        name = str(node.value[0]) if node.op == "variable" else ""
        if name.startswith(_CLAIM_OF_CONTEXT) and name not in self.tenant_claims and self.context:
            own = name.replace(_CLAIM_OF_CONTEXT, f"claim {self.context.setting} ", 1)
            return node._replace(value=(own, *node.value[1:]))
        if node.op in SELECTS:
            select = node.value
            where, target = (self._named(n) if n is not None else None for n in (select.where, select.target))
            node = node._replace(value=select._replace(where=where, target=target))
        return node._replace(args=tuple(self._named(arg) for arg in node.args))

    @cached_property
    def tenant_claims(self) -> frozenset[str]:
        """The claims of the tenant's setting that a policy compares with whose a row is."""
        found: set[str] = set()
        for table in self.catalog.tables:
            own = self.tenant_columns(table)
            texts = {text for p in table.policies for text in (p.using, p.check) if text} if own else ()
            for node in (n for text in texts for n in walk(self._read(text)) if n.op in ("compare", "any")):
                below = list(walk(node))
                if node.value == "=" and any(n.op == "column" and n.value[1] in own for n in below):
                    found |= {n.value[0] for n in below if n.op == "variable"}
        return frozenset(name for name in found if name.startswith(_CLAIM_OF_CONTEXT))

    def _expand(self, text: str) -> Node:
        self._room = _MOST_NODES
        try:
            found = self._inline(_of_the_row(parse(text)), 0)
        except RecursionError:
            return opaque(_TOO_MUCH)
        except Unreadable as error:
            return opaque(str(error))
        return opaque(_TOO_MUCH) if deeper(found, _MOST_LEVELS) else found

    def spoils(self, text: str) -> str:
        """Say what an expression calls that spoils every condition beside it, which may run after it: it
        sets what they read, or hands on the rows that they hide; "" where it calls nothing of the kind."""
        found = self.expand(text)
        said = str(found.value) if found.op == "opaque" else ""
        return said if said == _SWITCHES or said.endswith(_TELLS) else ""

    def _inline(self, node: Node, depth: int) -> Node:
        self._room -= 1
        if self._room < 0:
            raise Unreadable(_TOO_MUCH)
        args = tuple(self._inline(arg, depth) for arg in node.args)
        if node.op in SELECTS:
            return self._inline_select(node._replace(args=args), depth)
        if node.op == "any" and node.value == "=" and (listed := _listed(args[1])) is not None:
            return Node("in", (args[0],), listed, node.source)
        if node.op == "setting":
            return self._context(node)
        if node.op == "user" and self.role_says_tenant and node.value == word_for(self.setting):
            return Node("variable", value=("context", False), source=node.source)
        if node.op == "wrapped":
            return args[0]
        typed = self.types.read(node._replace(args=args))
        if typed is not None:
            return typed
        if node.op != "call":
            return node._replace(args=args)
        claim = claim_of(node._replace(args=args))
        if claim is not None:
            setting, strict = claim.held.value[:2]
            named = self._name(setting, claim.path)
            return Node("variable", value=(named, strict, claim.bare), source=node.source)
        if holds_claims(node._replace(args=args)):
            return node._replace(args=args)
        return self._called(node._replace(args=args), depth)

    def _context(self, node: Node) -> Node:
        name, missing_ok = node.value
        variable = canonical(name)
        held = self._name(variable_name(Variable(variable.setting)), variable.path)
        return Node("variable", value=(held, not missing_ok), source=node.source)

    def _name(self, held: str, path: tuple[str, ...]) -> str:
        """Return the name of the variable that is a setting, or a claim of one, by its name."""
        found = variable_of(held, self.context)
        if found is None:
            return held
        variable = Variable(found.setting, (*found.path, *path))
        if variable == self.context:
            return "context"
        if self.context == Variable(found.setting) and path and path[0] not in OWN_CLAIMS:
            return variable_name(variable).replace(f"claim {found.setting} ", "claim context ", 1)
        return variable_name(variable)

    def _inline_select(self, node: Node, depth: int) -> Node:
        select = node.value
        strange = self._strange(node)
        if strange and (select.relations or select.where is not None):
            return opaque(f"a sub-select that calls {strange}", node.args)
        calls = [r.call for r in select.relations if r.call is not None]
        if calls:
            if node.op == "in" and len(calls) == 1 and _is_all(select):
                return _among(node.args[0], self._inline(calls[0], depth), node.source)
            return opaque("a function in FROM", node.args)
        where = self._inline(select.where, depth) if select.where is not None else None
        target = self._inline(select.target, depth) if select.target is not None else None
        if not select.relations and where is None and node.op == "in" and target is not None:
            return _among(node.args[0], target, node.source)
        return node._replace(value=select._replace(where=where, target=target))

    def _strange(self, node: Node) -> str:
        """Return the name of what a sub-select calls that makes another number of rows than it reads: an
        aggregate makes one of none. A list of what it reads is read as such."""
        select = node.value
        if node.op == "scalar" and select.target is not None and _lists(select.target):
            return ""
        names = (name for schema, name in select.called if not self._yields_one(schema, name))
        return next((name or "something" for name in names), "")

    def _yields_one(self, schema: str | None, name: str) -> bool:
        """Tell whether what is called gives one value for each row: no aggregate, no set."""
        found = [f for f in self.functions.get(name, ()) if schema in (None, f.schema)]
        if not found or self._overloaded(schema, name):
            return schema is None and name in _KNOWN_CALLS
        return all(f.kind == "function" and not (f.returns or "").startswith(_SETS) for f in found)

    def _called(self, node: Node, depth: int) -> Node:
        schema, name = node.value
        if self._overloaded(schema, name):
            return opaque(f"the function {name}(), of which PostgreSQL has one too", node.args)
        function = self._function(schema, name, len(node.args))
        if name == "set_config" or (function is not None and "set_config" in (function.body or "")):
            raise Unreadable(_SWITCHES)  # what is read beside it may be what it has just set
        if function is not None and self._tells_of_rows(function, node.args):
            raise Unreadable(f"the function {_shown(schema, name)}{_TELLS}")
        body = None
        if function is not None and depth < _DEEPEST:
            lacking = len(parameters_of(function)) - len(node.args)
            defaults = map(read, defaults_of(function)[-lacking:] if lacking else ())
            left = tuple(self._inline(default, depth) for default in defaults)
            body = self._body(function, (*node.args, *left), depth)
        if function is not None and body is not None and self._stays(function, depth):
            return opaque(
                f"the function {_shown(schema, name)}, of which plans keep what it said before", node.args
            )
        if body is None and not node.args and (known := platform_body(schema, name)) is not None:
            body = self._inline(known, depth + 1)
        if self._is_helper(schema, name) and not node.args:
            readable = body is not None and all(n.op not in ("opaque", *SELECTS) for n in walk(body))
            return body if body is not None and readable else CONTEXT._replace(source=node.source)
        if body is not None:
            return body
        if function is None and (schema is not None or name not in (*_KNOWN_CALLS, "array_agg")):
            plain = name.startswith("operator ")
            return opaque(f"the {name}" if plain else f"the function {_shown(schema, name)}", node.args)
        if function is not None:
            return opaque(f"the function {_shown(schema, name)}", node.args)
        return node

    def _tells_of_rows(self, function: Function, args: tuple[Node, ...]) -> bool:
        """Tell whether a function is given something of the row and may hand it on while it looks at it."""
        if not any(node.op == "column" for arg in args for node in walk(arg)):
            return False
        if function.routine not in self._telling:
            self._telling[function.routine] = tells(function, self.named)
        return self._telling[function.routine] or self._shows_types(function, args)

    def _shows_types(self, function: Function, args: tuple[Node, ...]) -> bool:
        """Tell whether a function makes something of the row, but for whose it is, a value of a type for
        which who asks may put a domain of his own: its CHECK sees it."""
        if not self.names.shadowing or is_guarded(function.settings) or is_trusted(function):
            return False
        names, given = parameters_of(function), set[str | int]()
        for number, (name, arg) in enumerate(zip(names, args, strict=False), 1):
            if any(n.op == "column" and n.value[1] not in self._keys for n in walk(arg)):
                given |= {number, name}
        text = (function.language, function.body or "", function.arguments, function.returns or "")
        try:
            return types_what_is_given(*text, version=self.catalog.server.version_num, given=given - {""})
        except Unreadable:
            return True

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The names of columns that tell whose rows are, which is no secret."""
        return frozenset[str]().union(*map(self.tenant_columns, self.catalog.tables))

    def _stays(self, function: Function, depth: int) -> bool:
        """Tell whether a function is declared IMMUTABLE and hangs on more than its arguments. Source:
        PostgreSQL documentation, "Function Volatility Categories"."""
        if function.volatility != "immutable":
            return False
        body = self._body(function, tuple(Node("const") for _ in parameters_of(function)), depth)
        return body is not None and any(n.op in ("variable", "user", *SELECTS) for n in walk(body))

    def _overloaded(self, schema: str | None, name: str) -> bool:
        """Tell whether a call without a schema may mean PostgreSQL's own function of that name, or another
        one: only the types of its arguments say which."""
        return schema is None and any(f.overloads for f in self.functions.get(name, ()))

    def _function(self, schema: str | None, name: str, arguments: int) -> Function | None:
        found = [
            f
            for f in self.functions.get(name, ())
            if (schema is None or f.schema == schema)
            and (own := len(parameters_of(f))) >= arguments
            and own - arguments <= (len(defaults_of(f)) if own > arguments else 0)
        ]
        return found[0] if len(found) == 1 else None

    def _is_helper(self, schema: str | None, name: str) -> bool:
        return is_vouched_for(QName(schema or self.home, name), self.tenancy)

    def _body(self, function: Function, args: tuple[Node, ...], depth: int) -> Node | None:
        """Return what a function returns, as an expression of its arguments; None if that cannot be read."""
        found = returned_by(function, args, self.names)
        if found is None:
            return None
        inlined = self._inline(found, depth + 1)
        returned = self.types.kind(function.returns or "")
        plain = returned == "other" or inlined.op in SELECTS or (returned == "bool" and is_truth(inlined))
        result = inlined if plain else Node("cast", (inlined,), returned)
        return _unless_null(args, result) if function.strict and args else result


def _of_the_row(node: Node) -> Node:
    """Return a policy's expression with its own columns named as the row's, wherever they are put."""
    if node.op == "column" and node.value[0] is None:
        return node._replace(value=(ROW, node.value[1]))
    return node._replace(args=tuple(map(_of_the_row, node.args)))


def _among(left: Node, value: Node, source: Any) -> Node:
    """Return the comparison with what a function returns, row by row where it returns rows."""
    if value.op == "scalar":
        return Node("in", (left,), value.value, source)
    return Node("compare", (left, value), "=", source)


def _listed(array: Node) -> Select | None:
    """Return the sub-select whose values an array is made of; None for any other array."""
    array = _or_empty(array)
    call = _or_empty(array.value.target) if array.op == "scalar" and array.value.target else None
    if call is None or call.op != "call" or call.value != _LIST:
        return None
    found: Select = array.value._replace(target=call.args[0])
    return found


def _or_empty(array: Node) -> Node:
    """Return the array without what stands in for none."""
    while array.op == "cast" or (array.op == "coalesce" and array.args[-1].op in ("const", "array", "cast")):
        array = array.args[0]
    return array


def _lists(target: Node) -> bool:
    return _or_empty(target).op == "call" and _or_empty(target).value == _LIST


def _is_all(select: Select) -> bool:
    """Tell whether a sub-select is what one function returns, and no column from outside."""
    (relation,), target = select.relations, select.target
    names = ((None, relation.name), (relation.alias, relation.name))
    return select.where is None and target is not None and target.op == "column" and target.value in names


def _unless_null(args: tuple[Node, ...], result: Node) -> Node:
    """Return the result of a STRICT function: NULL where an argument is."""
    return Node("case", (some(tuple(Node("null", (arg,)) for arg in args)), Node("const"), result))


def _shown(schema: str | None, name: str) -> str:
    return f"{schema}.{name}()" if schema else f"{name}()"
