"""TEN: tables that no rule for tenants' tables looks at, though tenants' rows may stand in them."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import OWNED, TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import is_platforms

from ._access import users_of

_LEFT_OUT = (TableClass.GLOBAL, TableClass.EXEMPT, TableClass.LEDGER)
_WRITES = ("INSERT", "UPDATE", "DELETE")


class LeftOut(NamedTuple):
    """A table that is not judged as a tenants' table, and why."""

    table: cat.Table
    why: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_table(self.table.qname)


def left_out(facts: Facts) -> Iterator[LeftOut]:
    """Global and exempt tables, ledgers of migrations, and tables that belong to extensions."""
    facts.require_tenancy()
    for table in facts.catalog.tables:
        if table.parent is None and facts.class_of(table.qname) in _LEFT_OUT:
            standing = facts.standings.get(table.qname)
            yield LeftOut(table, standing.why if standing is not None else "")
    for table in facts.catalog.extension_tables:
        owner = "the platform" if is_platforms(table) else f"the extension {table.extension}"
        yield LeftOut(table, f"it belongs to {owner}")


@check(
    "TEN011",
    "Table left out may hold tenants' rows",
    concern="may",
    subjects=left_out,
    severity=Severity.WARNING,
    remediable=False,
    explains=("rows",),
    why="What is called shared, exempt or a tool's own is judged by no rule for tenants' tables: rows of tenants in it are open to all.",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "app.tenant_id"
        app_roles = ["app_user"]
        global = ["log", "country"]
    """,
    bad="""
        create table log (id uuid primary key, org_id uuid not null references organization (id), what text not null);
        grant select on log to app_user;
    """,
    good="""
        create table country (code text primary key, name text not null);
        grant select on country to app_user;
    """,
)
def unjudged(subject: LeftOut, facts: Facts) -> Flaw | None:
    """A table that is left out holds what ties rows to tenants, or the app writes to a tool's own table.

    Examined: tables that the config calls global or exempt, ledgers of migration tools as they are known by
    their shape, and tables that belong to extensions, as far as an app role or PUBLIC may use them. Undecided
    when one has a tenant column or a foreign key to a table of the tenants, or when such a table hangs below it
    (INHERITS: who reads or changes the one, reads and changes the rows of the other, whose policies do not count
    then), and when an app role may write to an
    extension's table: what it writes is tenants' data, and every tenant can read or spoil it. Fails when an app
    role may write to a ledger: the tool believes what stands there.
    What a platform brings (Supabase: storage.objects) is told only where somebody wrote policies that let rows
    be used.
    """
    table, why = subject
    grants = [*table.grants, *(g for c in table.columns for g in c.grants)]
    users = users_of(table.owner, grants, facts, (*_WRITES, "SELECT"))
    if not users or (is_platforms(table) and not _lets_some_in(table)):
        return None
    columns = {c for level in facts.tenancy.levels for c in level.columns}
    carried = [c.name for c in table.columns if c.name in columns]
    keys = [
        k for k in table.foreign_keys if k.references is not None and facts.class_of(k.references) in OWNED
    ]
    below = facts.once(_heirs).get(table.qname, ())
    writers = users_of(table.owner, grants, facts, _WRITES)
    ours = facts.class_of(table.qname) in (TableClass.GLOBAL, TableClass.EXEMPT) and table.extension is None
    if not (carried or keys or below or (writers and not ours)):
        return None
    name = facts.show(table.qname)
    ties = [*carried, *(k.name for k in keys)]
    what = f"ties rows to tenants by {', '.join(ties)}" if ties else f"may be written by {', '.join(writers)}"
    what = f"has the rows of {', '.join(map(facts.show, below))} among its own" if below else what
    return Flaw(
        message=f"{name} is left out ({why}) and {what}",
        expected="no column or key that leads to a tenant, or a place among the tables of the tenants",
        observed=f"{', '.join(users)} may use it; row security {'on' if table.row_security else 'off'}",
        remedy=Remedy(
            note="Have it judged as a tenants' table, or REVOKE what the app does not need; or accept it with a reason."
        ),
        undecided=bool(ties or below) or table.extension is not None,
    )


def _heirs(facts: Facts) -> dict[cat.QName, tuple[cat.QName, ...]]:
    """Return the tenants' tables that inherit from each table, at any depth."""
    found: dict[cat.QName, dict[cat.QName, None]] = {}
    for table in facts.of_class(*OWNED):
        above, seen = [*table.inherits], set[cat.QName]()
        while above:
            name = above.pop()
            if name in seen:
                continue
            seen.add(name)
            found.setdefault(name, {})[table.qname] = None
            parent = facts.tables_by_name.get(name)
            above += parent.inherits if parent is not None else ()
    return {name: tuple(below) for name, below in found.items()}


def _lets_some_in(table: cat.Table) -> bool:
    """Tell whether a policy says more than ``false``."""
    return any(p.permissive and {p.using, p.check} - {None, "false"} for p in table.policies)
