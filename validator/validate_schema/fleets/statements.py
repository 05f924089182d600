"""SQL that makes one object as a record of the catalog has it, and what can be told of its types."""

from ..model.catalog import Column, Policy, QName, View
from ..model.catalog import Sequence as Numbers
from ..model.finding import ObjectRef
from ..sql.ident import quote_ident, quote_idents, quote_qname, quote_role

_WIDER = (  # a type that holds whatever the other does; each pattern is of the start of its name
    ("smallint", ("integer", "bigint")),
    ("integer", ("bigint",)),
    ("character varying", ("text",)),
    ("real", ("double precision",)),
)


def sql_name(ref: ObjectRef) -> str | None:
    """Return an object as GRANT names it; None where its kind has no privileges that are known here."""
    if ref.kind == "table":
        return f"TABLE {quote_qname(QName(ref.schema, ref.table))}"
    if ref.kind in ("view", "materialized view"):
        return f"TABLE {quote_qname(QName(ref.schema, ref.name))}"
    if ref.kind == "sequence":
        return f"SEQUENCE {quote_qname(QName(ref.schema, ref.name))}"
    if ref.kind in ("function", "procedure"):
        name, bracket, arguments = ref.name.partition("(")
        return f"{ref.kind.upper()} {quote_qname(QName(ref.schema, name))}{bracket}{arguments}"
    return f"SCHEMA {quote_ident(ref.name)}" if ref.kind == "schema" else None


def holds(wanted: Column, held: Column) -> bool:
    """Tell whether a type holds whatever the other does, without a rewrite that could fail."""
    if wanted.type_name or held.type_name or wanted.generated or held.generated or wanted.domain_base:
        return False
    for narrow, wide in _WIDER:
        if held.type.startswith(narrow) and wanted.type in wide:
            return True
    numbers = [c.type.removeprefix("character varying(").removesuffix(")") for c in (held, wanted)]
    return all(n.isdecimal() for n in numbers) and int(numbers[0]) < int(numbers[1])


def column_of(column: Column) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN take it."""
    text = f"{quote_ident(column.name)} {column.type}"
    if column.collation:
        text += f" COLLATE {column.collation if '.' in column.collation else quote_ident(column.collation)}"
    if column.generated:
        text += f" GENERATED ALWAYS AS ({column.default}) {column.generated.upper()}"
    elif column.identity:
        text += f" GENERATED {column.identity.upper()} AS IDENTITY"
    elif column.default is not None:
        text += f" DEFAULT {column.default}"
    return text + (" NOT NULL" if column.not_null else "")


def add_constraint(ref: ObjectRef, text: str) -> tuple[str, ...]:
    """Return what adds a constraint: rows are looked at afterwards, while others write, where that can be."""
    on, name = quote_qname(QName(ref.schema, ref.table)), quote_ident(ref.name)
    add = f"ALTER TABLE {on} ADD CONSTRAINT {name} {text}"
    if ref.kind not in ("foreign key", "check") or text.endswith((" NOT VALID", " NOT ENFORCED")):
        return (add,)
    return (f"{add} NOT VALID", f"ALTER TABLE {on} VALIDATE CONSTRAINT {name}")


def create_policy(table: QName, policy: Policy) -> str:
    """Return the statement that makes a policy."""
    text = f"CREATE POLICY {quote_ident(policy.name)} ON {quote_qname(table)}"
    text += "" if policy.permissive else " AS RESTRICTIVE"
    text += f" FOR {policy.command} TO {', '.join(map(quote_role, policy.roles))}"
    text += f" USING ({policy.using})" if policy.using is not None else ""
    return text + (f" WITH CHECK ({policy.check})" if policy.check is not None else "")


def create_view(view: View) -> str:
    """Return the statement that makes a view, or makes it anew."""
    flags = {"security_invoker": view.security_invoker, "security_barrier": view.security_barrier}
    options = [name for name, on in flags.items() if on]
    options += [f"check_option = {view.check_option}"] if view.check_option else []
    given = f" WITH ({', '.join(options)})" if options else ""
    word = "OR REPLACE VIEW" if view.kind == "view" else "MATERIALIZED VIEW"
    columns = f" ({quote_idents(view.columns)})" if view.columns else ""
    return (
        f"CREATE {word} {quote_qname(view.qname)}{columns}{given} AS {view.definition.rstrip().rstrip(';')}"
    )


def create_sequence(sequence: Numbers) -> tuple[str, ...]:
    """Return the statement that makes a sequence."""
    said = dict(sequence.details)
    words = {"start": "START WITH", "increment": "INCREMENT BY", "minimum": "MINVALUE", "maximum": "MAXVALUE"}
    options = [f"{word} {said[name]}" for name, word in words.items() if name in said]
    options += [f"CACHE {said['cache']}"] if "cache" in said else []
    options += ["CYCLE"] if "cycle" in said else []
    name = quote_qname(QName(sequence.schema, sequence.name))
    return (f"CREATE SEQUENCE {name} AS {sequence.type} {' '.join(options)}".rstrip(),)


def owned_by(sequence: Numbers) -> str:
    """Return what ties a sequence to the column that owns it."""
    assert sequence.owned_by is not None, "only those that a column owns are asked for"
    schema, table, column = sequence.owned_by
    owner = f"{quote_qname(QName(schema, table))}.{quote_ident(column)}"
    return f"ALTER SEQUENCE {quote_qname(QName(sequence.schema, sequence.name))} OWNED BY {owner}"


def concurrently(text: str) -> str:
    """Return a CREATE INDEX that lets others write meanwhile."""
    return text.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
