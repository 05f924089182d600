"""OBJ: checks, triggers, rules, functions, sequences, extensions and owners are the declared ones."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog, contract
from validate_schema.pack.remedies import ACCESS_EXCLUSIVE
from validate_schema.pack.sql import quote_qname, quote_role

from ._declared import declared_tables, written_in
from ._objects import (
    TENANCY,
    DeclaredObject,
    declared,
    declared_extensions,
    declared_functions,
    declared_relations,
    declared_sequences,
    on_relations,
    same_arguments,
)

_APPLY = "Apply the migration that creates it."


@declared(
    "OBJ001",
    "check",
    subjects=on_relations("check"),
    why="Rows get in that the application takes to be impossible.",
    bad="create table invoice (id uuid primary key, amount integer not null);",
    good="""
        create table invoice (
            id uuid primary key,
            amount integer not null constraint amount_positive check (amount > 0)
        );
    """,
    config=TENANCY
    + """
    [contract.tables.invoice.checks]
    amount_positive = "amount > 0"
    """,
    promise="{n} declared checks hold",
)
def expected_check(_: DeclaredObject) -> str:
    """A CHECK that the contract declares is missing, says something else, or is not enforced.

    Examined are the checks declared for tables that exist, by name. Expressions are compared by meaning.
    """
    return "Add it NOT VALID, mend the rows that break it, then VALIDATE it."


@declared(
    "OBJ002",
    "trigger",
    subjects=on_relations("trigger"),
    why="What the trigger guards or records is no longer guarded or recorded.",
    bad="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        create function keep_org() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger keep_org before update on invoice for each row when (false) execute function keep_org();
    """,
    good="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        create function keep_org() returns trigger language plpgsql as $$ begin return new; end $$;
        create trigger keep_org before update on invoice for each row
            when (old.org_id <> new.org_id) execute function keep_org();
    """,
    config=TENANCY
    + """
    [contract.tables.invoice.triggers.keep_org]
    function = "keep_org"
    timing = "before"
    events = ["UPDATE"]
    when = "old.org_id <> new.org_id"
    """,
    promise="{n} declared triggers are as declared",
)
def expected_trigger(_: DeclaredObject) -> str:
    """A trigger that the contract declares is missing, disabled, or fires otherwise.

    Examined are the triggers declared for tables and views that exist, by name: when they fire and for which columns
    and rows, what they call with which arguments, and whether they are on.
    """
    return _APPLY


@declared(
    "OBJ003",
    "rule",
    subjects=on_relations("rule"),
    why="Statements on the table do something else than was reviewed.",
    bad="create table invoice (id uuid primary key);",
    good="""
        create table invoice (id uuid primary key);
        create rule keep as on delete to invoice do instead nothing;
    """,
    config=TENANCY
    + """
    [contract.tables.invoice]
    rules = ["keep"]
    """,
    promise="{n} declared rules are as declared",
)
def expected_rule(_: DeclaredObject) -> str:
    """A rewrite rule that the contract declares is missing, disabled, or another.

    Examined are the rules declared for tables and views that exist, by name. The configuration declares names alone;
    SQL, a snapshot and a database declare the whole.
    """
    return _APPLY


@declared(
    "OBJ004",
    "function",
    subjects=declared_functions,
    why="Whoever calls it gets an error, or what an unreviewed body does with its owner's rights.",
    bad="create function current_plan() returns text language sql security definer as 'select ''free''::text';",
    good="create function current_plan() returns text language sql as 'select ''free''::text';",
    config=TENANCY
    + """
    [contract.functions."current_plan()"]
    security_definer = false
    """,
    promise="{n} declared functions are as declared",
)
def expected_function(_: DeclaredObject) -> str:
    """A function or procedure that the contract declares is missing, or has another body or attribute.

    Examined are the contract's functions, by name and argument types. Of one in the configuration only what
    is written is compared; of one from SQL, a snapshot or a database all but owner and privileges.
    """
    return _APPLY


@declared(
    "OBJ005",
    "sequence",
    subjects=declared_sequences,
    why="Numbers come in another step, run out, or come again.",
    bad="create sequence ticket_number increment 10;",
    good="create sequence ticket_number;",
    config=TENANCY
    + """
    [contract.sequences.ticket_number]
    increment = 1
    """,
    promise="{n} declared sequences are as declared",
)
def expected_sequence(_: DeclaredObject) -> str:
    """A sequence that the contract declares is missing, or counts otherwise.

    Examined are the contract's sequences but for those that a column owns.
    """
    return _APPLY


@declared(
    "OBJ006",
    "extension",
    subjects=declared_extensions,
    why="Functions, types and operators that statements use are not there.",
    bad="drop extension plpgsql;",
    good="select 1;",
    config=TENANCY
    + """
    [contract]
    extensions = ["plpgsql"]
    """,
    promise="{n} declared extensions are installed",
)
def expected_extension(_: DeclaredObject) -> str:
    """An extension that the contract declares is not installed, or in another schema.

    Examined are the contract's extensions. Versions differ from server to server and are not compared.
    """
    return "Install it: CREATE EXTENSION, by a role that may."


class OwnedTable(NamedTuple):
    """A table whose owner the contract declares."""

    table: catalog.Table
    expected: contract.ExpectedTable

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_table(self.table.qname)


def owned_tables(facts: Facts) -> Iterator[OwnedTable]:
    """Tables whose owner the contract declares."""
    for expected, _, table in declared_tables(facts):
        if table is not None and expected.owner is not None:
            yield OwnedTable(table, expected)


@check(
    "OBJ007",
    "A table has another owner than the declared one",
    subjects=owned_tables,
    severity=Severity.WARNING,
    needs="contract",
    promise=Promise("{n} tables belong to their declared owner", place=18, if_any=True),
    why="An owner may change the table, and row security does not hold it unless it is forced.",
    bad="create table invoice (id uuid primary key); alter table invoice owner to app_user;",
    good="create table invoice (id uuid primary key); alter table invoice owner to app_owner;",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        app_roles = ["app_user"]

        [contract.tables.invoice]
        owner = "app_owner"
    """,
)
def expected_owner(subject: OwnedTable, facts: Facts) -> Flaw | None:
    """A table is owned by another role than the contract declares.

    Examined are the tables whose owner the contract declares: in the configuration, by a snapshot, by
    another database.
    """
    table, expected = subject
    if table.owner == expected.owner or expected.owner is None:
        return None
    known = expected.owner in facts.roles
    sql = f"ALTER TABLE {quote_qname(table.qname)} OWNER TO {quote_role(expected.owner)};"
    back = f"ALTER TABLE {quote_qname(table.qname)} OWNER TO {quote_role(table.owner)};"
    steps = (Step(sql, undo=(Step(back, lock=ACCESS_EXCLUSIVE),), lock=ACCESS_EXCLUSIVE),) if known else ()
    return Flaw(
        message=f"Table {facts.show(table.qname)} belongs to {table.owner}, not to {expected.owner}",
        expected=f"owner {expected.owner}{written_in(expected)}",
        location=expected.where,
        observed=f"owner {table.owner}",
        remedy=Remedy(steps=steps, note="" if known else f"Create the role {expected.owner} first."),
    )


class UndeclaredObject(NamedTuple):
    """An object of a kind of which a closed contract lists all, and whether it is among them."""

    ref: ObjectRef
    known: bool


def under_closed_contract(facts: Facts) -> Iterator[UndeclaredObject]:
    """Checks, triggers, rules, functions and sequences of the kinds that a closed contract lists."""
    if not facts.contract.closed:
        return
    for expected, relation in declared_relations(facts):
        yield from _on_relation(relation, expected)
    listed, home = facts.contract.lists, facts.default_schema
    declared_names = {(o.kind, o.schema or home, o.label) for o in facts.contract.objects}
    programs = [o.record for o in facts.contract.objects if isinstance(o.record, catalog.Function)]
    for function in facts.catalog.functions if "function" in listed else ():
        ref = ObjectRef(function.kind, function.schema, name=f"{function.name}({function.arguments})")
        yield UndeclaredObject(ref, any(_is(function, record, home) for record in programs))
    for sequence in facts.catalog.sequences if "sequence" in listed else ():
        if sequence.owned_by is None:
            ref = ObjectRef("sequence", sequence.schema, name=sequence.name)
            yield UndeclaredObject(ref, ("sequence", sequence.schema, sequence.name) in declared_names)


def _is(function: catalog.Function, record: catalog.Function, home: str) -> bool:
    if (record.schema or home, record.name) != function.qname:
        return False
    return same_arguments(record.arguments, function.arguments)


def _on_relation(
    relation: catalog.Table | catalog.View, expected: contract.ExpectedTable | contract.ExpectedView
) -> Iterator[UndeclaredObject]:
    known = {(o.kind, o.label) for o in expected.objects}
    checks = relation.checks if isinstance(relation, catalog.Table) else ()
    own = [("check", c.name) for c in checks if not c.inherited]
    own += [("trigger", t.name) for t in relation.triggers if not t.inherited]
    own += [("rule", r.name) for r in relation.rules]
    for kind, name in own:
        if kind in expected.lists:
            yield UndeclaredObject(ObjectRef.on_table(kind, relation.qname, name), (kind, name) in known)


@check(
    "OBJ008",
    "An object is not in the closed contract",
    subjects=under_closed_contract,
    severity=Severity.WARNING,
    needs="contract",
    why="Nobody reviewed what it does to rows, or lets callers do.",
    bad="""
        create table invoice (id uuid primary key);
        create rule swallow as on delete to invoice do instead nothing;
        create rule keep as on update to invoice do instead nothing;
    """,
    good="""
        create table invoice (id uuid primary key);
        create rule keep as on update to invoice do instead nothing;
    """,
    config=TENANCY
    + """
    [contract]
    closed = true
    [contract.tables.organization]
    [contract.tables.invoice]
    rules = ["keep"]
    """,
    remediable=False,
)
def unexpected_object(subject: UndeclaredObject, facts: Facts) -> Flaw | None:
    """A check, trigger, rule, function or sequence exists that the closed contract does not declare.

    Examined are those of the kinds that the contract lists: in the configuration those of which one is
    written (for checks, triggers and rules: on that table or view), from SQL, a snapshot or a database all.
    """
    if subject.known:
        return None
    ref = subject.ref
    return Flaw(
        message=f"{ref.kind.capitalize()} {ref.label(facts.default_schema)} is not in the contract",
        expected=f"only a {ref.kind} that the contract declares",
        observed=f"an undeclared {ref.kind}",
        remedy=Remedy(note="Declare it in the contract, or drop it."),
    )
