"""Whether a function finds what its caller made: temporary tables come before all others by default, and functions
and operators of a schema where the caller says so."""

from collections.abc import Iterable, Iterator

from validate_schema.pack import Facts
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import Act, past_guards
from validate_schema.pack.roles import sends_statements, temporary_holders
from validate_schema.pack.sql import (
    Unreadable,
    is_bound,
    is_guarded,
    names_a_type,
    own_path,
    read_body,
    schemas_of,
    syntax,
)

from ._access import users_of

_COMPARED = (
    syntax.Operation,
    syntax.In,
    syntax.Between,
    syntax.Distinct,
    syntax.Quantified,
    syntax.AnySelect,
)


def takes_temporary(function: cat.Function) -> bool:
    """Tell whether the function may read a temporary table of its caller instead of the one that it means: it
    names a relation without its schema, or nobody can say, and ``pg_temp`` does not stand at the end of a path of
    its own. Source: PostgreSQL documentation, "Writing SECURITY DEFINER Functions Safely", search_path."""
    return not is_guarded(function.settings) and names_a_table(function)


def takes_types(acting: Iterable[Act], caller: cat.Function, facts: Facts) -> cat.Function | None:
    """Return the first of what runs for `caller` past the policies, and may use a type that who calls made: its body
    names one without a schema, and the path that it runs with does not end with ``pg_temp``. The CHECK of a temporary
    domain runs with its rights then. Source: PostgreSQL documentation, search_path ("temporary-table schema")."""
    for act in acting:
        ruled = act.function if own_path(act.function.settings) is not None else caller
        if not is_guarded(ruled.settings) and may_take_types(act, facts):
            return act.function
    return None


def may_take_types(act: Act, facts: Facts) -> bool:
    """Tell whether what runs is past the policies and names a type without a schema: whoever calls it may have
    made one, unless the path that it runs with keeps them out."""
    function, role = act
    if role is None or function.language in ("c", "internal") or not facts.once(temporary_makers):
        return False
    arguments, version = function.signature or function.arguments, facts.catalog.server.version_num
    try:
        named = names_a_type(
            function.language, function.body or "", arguments, function.returns or "", version
        )
    except Unreadable:
        named = True
    return named and bool(past_guards(role, facts))


def names_a_table(function: cat.Function) -> bool:
    """Tell whether the body names a relation without its schema, as far as it can be read."""
    if function.touches is None or function.body is None:
        return True
    named = {name.name for name in function.touches}
    try:
        body = read_body(function.language, function.body, function.arguments, function.returns or "")
    except Unreadable:
        return True
    return any(not table.schema and table.name in named for table in syntax.relations(*body.statements))


def temporary_makers(facts: Facts) -> tuple[str, ...]:
    """Return the app roles as which somebody may send statements, and make temporary tables."""
    if facts.principals.gateway:
        return ()
    holders = temporary_holders(facts.catalog)
    return tuple(
        r for r in facts.app_roles if holders & facts.grantees_of(r) and sends_statements(r, facts.catalog)
    )


def shared_schemas(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return the schemas in which an app role, or PUBLIC, may create objects, and who may."""
    found = {s.name: users_of(s.owner, s.grants, facts, ("CREATE",)) for s in facts.catalog.schemas}
    return {name: users for name, users in found.items() if users}


def places(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return where an app role, or PUBLIC, may create functions and operators, in words, and who may: in schemas that
    there are, and in one of its own, where it may make that."""
    found = {f"schema {name}": users for name, users in shared_schemas(facts).items()}
    database = facts.catalog.database
    makers = users_of(database.owner, database.grants, facts, ("CREATE",)) if database is not None else ()
    return found | ({"a schema of its own": makers} if makers else {})


def looks_up(function: cat.Function) -> bool:
    """Tell whether a body names something by its search path: a relation, a function, an operator."""
    if is_bound(function.language, function.body or ""):
        return False
    try:
        nodes = [*syntax.walk(*statements_of(function))]
    except Unreadable:
        return True
    named = (n for n in nodes if isinstance(n, (syntax.Call, syntax.Table)))
    return any(not n.schema for n in named) or any(isinstance(n, _COMPARED) for n in nodes)


def statements_of(function: cat.Function) -> tuple[syntax.Node, ...]:
    """Return the statements of a body. Raises `Unreadable`."""
    arguments = function.signature or function.arguments
    body = read_body(function.language, function.body or "", arguments, function.returns or "")
    return body.statements if body.function is None else (body.function,)


def takes_operators(function: cat.Function, facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield where app roles as which somebody may send statements could create a function or an operator that this
    one uses instead of the one that it means, and who could: anywhere, where the path is the caller's; in the schemas
    of its own path else. Source: PostgreSQL documentation, "The Schema Search Path"."""
    if facts.principals.gateway or not looks_up(function):
        return
    own = own_path(function.settings)
    open_to = facts.once(places)
    if own is not None:
        open_to = {f"schema {n}": open_to[f"schema {n}"] for n in schemas_of(own) if f"schema {n}" in open_to}
    for where, users in open_to.items():
        able = tuple(u for u in users if u == "PUBLIC" or sends_statements(u, facts.catalog))
        if able:
            yield where, able
