"""UNQ: the uniques that the contract declares are there."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.remedies import add_unique, free_name
from validate_schema.pack.subjects import TableUnique, keys_of, uniques_of

from ._declared import written_in
from ._expected import ExpectedOf, expected_uniques, missing_columns, partition_columns
from ._key_details import declared_where, nearest_by_details, other_details, same_keys, same_predicate
from ._undeclared import Seen, undeclared, under_closed_contract
from ._uniques import words


@check(
    "UNQ004",
    "Expected unique missing",
    subjects=expected_uniques,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared uniques exist", place=13, if_any=True),
    why="The application counts on the database to refuse a duplicate, and it does not.",
    bad="""
        create table test_suite (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            name text not null
        );
    """,
    good="""
        create table test_suite (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            name text not null,
            unique (org_id, name)
        );
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract.tables.test_suite]
        unique = [["org_id", "name"]]
    """,
    portable=True,
)
def expected_unique(subject: ExpectedOf, facts: Facts) -> Flaw | None:
    """A unique that the contract declares does not exist.

    Examined are the uniques declared for tables that exist. A unique constraint, a primary key or a
    valid unique index satisfies it when it has exactly these columns and expressions in this
    order and the declared predicate, or none. Where the contract gives its name and only that differs,
    the finding is an info.
    """
    table, columns = subject.table, subject.key.columns
    alike = [u for u in uniques_of(table) if same_keys(subject.key, u.idx, facts)]
    fit = [u.idx for u in alike if u.valid and same_predicate(subject.key, u.idx, facts)]
    if fit:
        return other_details(subject, nearest_by_details(subject.key, fit), facts)
    others = [u for u in uniques_of(table) if set(u.columns) == set(columns)]
    listed = ", ".join(columns)
    return Flaw(
        message=f"{facts.show(table.qname)} has no unique on ({listed})",
        expected=f"UNIQUE ({listed}){declared_where(subject.key)}{written_in(subject.key)}",
        location=subject.key.where,
        observed=_seen(others),
        remedy=_add_expected(subject, facts),
    )


def _seen(others: list[TableUnique]) -> str:
    if not others:
        return "none"
    return "; ".join(f"{u.name}: {words(u)}" + ("" if u.valid else ", invalid") for u in others)


def _add_expected(subject: ExpectedOf, facts: Facts) -> Remedy:
    table, columns = subject.table, subject.key.columns
    missing = missing_columns(table, columns, subject.key.expressions)
    if missing:
        return Remedy(note=f"The table has no {missing}: add it first.")
    apart = [c for c in partition_columns(table) if c not in columns]
    if apart:
        return Remedy(
            note=f"The table is partitioned by {', '.join(apart)}, which every unique of it must hold: "
            "declare the unique with them, or partition by the columns of the unique."
        )
    if subject.key.predicate is not None or subject.key.expressions:
        kind = "a partial one" if subject.key.predicate is not None else "one on an expression"
        return Remedy(note=f"The contract declares {kind}: create it as declared in a migration.")
    return Remedy(
        steps=add_unique(table, columns, free_name(facts, table.schema, table.name, *columns, "key")),
        note="Duplicate rows make the new index fail: look for them first.",
    )


def uniques(facts: Facts) -> Iterator[TableUnique]:
    """Uniques of the tables whose uniques a closed contract lists; a primary key is one where the
    contract holds the whole table and gives it none."""
    for table, expected in under_closed_contract(facts, "uniques"):
        keyless = expected.complete and expected.primary_key is None
        yield from (u for u in uniques_of(table) if keyless or not u.idx.primary)


@undeclared(
    "UNQ006",
    "unique",
    subjects=uniques,
    severity=Severity.WARNING,
    why="Rows are refused that the application takes to be allowed.",
    bad="alter table organization add unique (name);",
    good="""
        alter table organization add column slug text;
        alter table organization add unique (slug);
    """,
    contract="""
        [contract.tables.organization]
        unique = [["slug"]]
    """,
)
def unexpected_unique(unique: TableUnique, facts: Facts) -> Seen:
    """A unique exists that the closed contract does not declare.

    Examined are the unique constraints and unique indexes of tables whose uniques the contract
    lists, if it says ``closed = true``. Those on expressions and partial ones, which few sources
    can declare, are an info. What differs in a unique of a declared name is UNQ004's question. A primary
    key counts where the contract holds the whole table without one.
    """
    for key in facts.expected_tables[unique.table.qname].uniques:
        alike = (key.predicate is None) == (unique.predicate is None)
        if key.name == unique.name or (alike and same_keys(key, unique.idx, facts)):
            return None
    words = f"unique on ({', '.join(keys_of(unique.idx))})"
    partial = unique.predicate is not None or bool(unique.idx.expressions)
    return (words, Severity.INFO) if partial else words
