"""Whether a function finds what its caller made: temporary tables come before all others by default."""

from validate_schema.pack import Facts
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import sends_statements, temporary_holders
from validate_schema.pack.sql import Unreadable, own_path, read_body, schemas_of, syntax


def takes_temporary(function: cat.Function) -> bool:
    """Tell whether the function may read a temporary table of its caller instead of the one that it means: it
    names a relation without its schema, or nobody can say, and ``pg_temp`` does not stand at the end of a path of
    its own. Source: PostgreSQL documentation, "Writing SECURITY DEFINER Functions Safely", search_path."""
    path = own_path(function.settings)
    schemas = schemas_of(path) if path is not None else ()
    guarded = schemas[-1:] == ("pg_temp",) and "pg_temp" not in schemas[:-1]
    return not guarded and names_a_table(function)


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
