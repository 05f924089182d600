"""IDX: what policies look up for each statement, and cannot by an index."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import syntax
from validate_schema.pack.subjects import TablePolicy, keys_of

from ._indexes import build, nearest
from ._policies import compared, policies_of

_MEMBER = """
    create table member (
        id uuid primary key,
        org_id uuid not null references organization (id),
        user_id uuid not null
    );
    create table invoice (id uuid primary key, org_id uuid not null references organization (id));
    alter table invoice enable row level security;
    create policy members on invoice using (org_id in (
        select m.org_id from member m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
"""
_NOTE = """
    create table note (id uuid primary key, org_id uuid not null references organization (id));
    create index on note (org_id);
    alter table note enable row level security;
"""


class Looked(NamedTuple):
    """A table of memberships, with the columns of the tenant and of the person."""

    table: cat.Table
    tenant: str
    person: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("column", self.table.schema, self.table.name, self.person)


def memberships(facts: Facts) -> Iterator[Looked]:
    """Tables of memberships that policies ask, but for those whose person is a foreign key: IDX002 judges it."""
    for member in facts.principals.memberships:
        table = facts.tables_by_name.get(member.table)
        if table is None or not member.asked or table.column(member.person) is None:
            continue
        if not any(key.columns[:1] == (member.person,) for key in table.foreign_keys):
            yield Looked(table, member.tenant, member.person)


@check(
    "IDX008",
    "Membership without an index on the person",
    subjects=memberships,
    severity=Severity.WARNING,
    why="Every statement on every table whose policies ask for members reads the whole table of memberships.",
    bad=_MEMBER,
    good=f"{_MEMBER}    create index on member (user_id);\n",
)
def person_indexed(subject: Looked, facts: Facts) -> Flaw | None:
    """No index of a table of memberships starts with the person that policies look up.

    Examined: the tables that policies ask for the tenants of a person. Passes with a valid, whole index that starts
    with the person, or holds the tenant and the person first. A person column that is a foreign key is left to
    IDX002.
    """
    table, tenant, person = subject
    led = (i.columns for i in table.indexes if i.valid and i.predicate is None)
    if any(c[:1] == (person,) or set(c[:2]) == {tenant, person} for c in led):
        return None
    name = facts.show(table.qname)
    return Flaw(
        message=f"{name}.{person} is looked up by policies, and no index starts with it",
        expected=f"an index that starts with {person}",
        observed=nearest(table, {person}),
        remedy=build(table, (person,), facts),
    )


@check(
    "IDX009",
    "Cast that keeps a policy from its index",
    subjects=policies_of,
    severity=Severity.WARNING,
    remediable=False,
    why="The index on the tenant column is of no use to the policy: every query reads the rows of all tenants.",
    bad=f"{_NOTE}    create policy p on note using (org_id::text = (select current_setting('app.tenant_id', true)));\n",
    good=f"""{_NOTE}    create policy p on note
        using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
""",
)
def cast_column(subject: TablePolicy, facts: Facts) -> Flaw | None:
    """A policy compares a cast of the tenant column, which an index on the column does not serve.

    Examined: policies of the tables of the tenants with row security on. Fails where the tenant column stands in a
    cast to another type beside ``=``, and no valid index is on that expression. A cast between the types of text
    changes nothing and passes.
    """
    table, policy = subject
    name = facts.tenant_column(table)
    column = table.column(name) if name else None
    if column is None or column.base_type in _TEXTS or column.base_type != column.type:
        return None
    indexed = {
        _plain(key) for i in table.indexes if i.valid and i.predicate is None for key in keys_of(i)[:1]
    }
    casts = (c for text in (policy.using, policy.check) for c in _casts(text, column.name))
    found = next((c for c in casts if _plain(f"{column.name}::{c}") not in indexed), None)
    if found is None:
        return None
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} compares {column.name} as {found}: no index serves that",
        expected=f"{column.name} as it is, and the other side cast to {column.base_type}",
        observed=f"{column.name}::{found}",
        remedy=Remedy(
            note=f"Cast what it is compared with to {column.base_type} instead, and have an empty setting give NULL (nullif)."
        ),
    )


_TEXTS = frozenset({"text", "character varying", "character", "citext", "name"})


def _casts(text: str | None, column: str) -> Iterator[str]:
    """Yield the types to which a column is cast beside an equals sign."""
    for side, _ in compared(text or ""):
        if isinstance(side, syntax.Cast) and isinstance(side.arg, syntax.Column) and side.arg.name == column:
            yield side.type.names[-1]


def _plain(key: str) -> str:
    return "".join(c for c in key if c not in '()" ')
