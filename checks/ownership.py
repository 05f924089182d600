"""TEN: tables without a tenant column belong to exactly one tenant through their foreign keys."""

from validate_schema.pack import Facts, Flaw, Remedy, Severity, Step, check
from validate_schema.pack.model import OWNED, TableClass, catalog
from validate_schema.pack.scoping import judged_name
from validate_schema.pack.subjects import inherited_tables

from ._nulls import forbid_null, lets_null_in
from ._reference_remedies import make_hold

_INVOICE = """
    create table invoice (
        id uuid primary key,
        org_id uuid not null references organization (id)
    );
"""


@check(
    "TEN009",
    "No sure path from an inherited table to its tenant",
    subjects=inherited_tables,
    severity=Severity.ERROR,
    why="Rows that lose their way belong to no tenant, and a policy that follows the path hides them from all or guards none.",
    bad=_INVOICE
    + "    create table invoice_line (id uuid primary key, invoice_id uuid references invoice (id));",
    good=_INVOICE
    + "    create table invoice_line (id uuid primary key, invoice_id uuid not null references invoice (id));",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        inherited = ["invoice_line"]
    """,
    portable=True,
)
def inherited_path(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table that is owned through its parents has no path to a tenant that every row must have.

    Examined: inherited tables. Passes when foreign keys that hold for every row and are NOT NULL in every column
    lead, over other inherited tables, to a tenant table or a root. Only the first table of a
    broken path is reported. The remedy mends the key by which the table was found to be owned;
    where there is none, a person has to say what owns the rows.
    """
    steps = [(key, _owner(key, facts)) for key in table.foreign_keys]
    owned = [(key, owner) for key, owner in steps if owner is not None and owner != table.qname]
    if any(not _faults(table, key) and not _circles(table.qname, owner, facts) for key, owner in owned):
        return None
    name = facts.show(table.qname)
    if not owned:
        return Flaw(
            message=f"Table {name} has no foreign key to a table that a tenant owns",
            expected="a NOT NULL, validated foreign key to the table that owns its rows",
            observed="no foreign key to a tenant, inherited or root table",
            remedy=Remedy(
                note="Add the NOT NULL foreign key to its owner, or classify the table as global or exempt."
            ),
        )
    key, owner = min(owned, key=lambda pair: (len(_faults(table, pair[0])), pair[0].name))
    faults = _faults(table, key)
    return Flaw(
        message=f"Table {name} has no path to a tenant that holds for every row",
        expected="NOT NULL, validated foreign keys all the way to a tenant table",
        observed=f"{key.name} to {facts.show(owner)} "
        + (" and ".join(faults) if faults else "leads back to the table itself"),
        remedy=_mend(table, key, facts)
        if faults
        else Remedy(note="Add a foreign key from one of these tables to a tenant table."),
    )


def _owner(key: catalog.Constraint, facts: Facts) -> catalog.QName | None:
    if key.references is None:
        return None
    name = judged_name(key.references, facts)
    return name if facts.class_of(name) in OWNED else None


def _faults(table: catalog.Table, key: catalog.Constraint) -> list[str]:
    found = [
        f"may be NULL in {c.name}" for c in table.columns if c.name in key.columns and lets_null_in(table, c)
    ]
    return [*found, f"is {key.state}"] if key.state else found


def _circles(start: catalog.QName, owner: catalog.QName, facts: Facts) -> bool:
    """Tell whether every way onward from `owner` only comes back to `start` or to tables seen before.

    An inherited table on the way that has no key at all ends the walk: it is reported itself. From one that
    is as near to such an end as `start`, a shortest way does not come by `start`.
    """
    far = facts.once(_distances)
    if owner in far and far[owner] <= far.get(start, far[owner]):
        return False
    seen, queue = {start}, [owner]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        onward = _onward(name, facts)
        if not onward:
            return False
        queue += onward
    return True


def _onward(name: catalog.QName, facts: Facts) -> list[catalog.QName]:
    """Return the owners of an inherited table's rows; of any other table none."""
    if facts.class_of(name) is not TableClass.INHERITED:
        return []
    owners = (_owner(key, facts) for key in facts.tables_by_name[name].foreign_keys)
    return [owner for owner in owners if owner is not None and owner != name]


def _distances(facts: Facts) -> dict[catalog.QName, int]:
    """Return how many keys each table is away from the nearest at which a walk ends."""
    reverse: dict[catalog.QName, list[catalog.QName]] = {}
    ends = []
    for name in facts.tables_by_name:
        onward = _onward(name, facts)
        for owner in onward:
            reverse.setdefault(owner, []).append(name)
        if not onward:
            ends.append(name)
    far, layer, distance = dict.fromkeys(ends, 0), ends, 0
    while layer:
        distance += 1
        layer = list(dict.fromkeys(n for name in layer for n in reverse.get(name, ()) if n not in far))
        far |= dict.fromkeys(layer, distance)
    return far


def _mend(table: catalog.Table, key: catalog.Constraint, facts: Facts) -> Remedy:
    steps: list[Step] = []
    for column in table.columns:
        if column.name in key.columns and lets_null_in(table, column):
            steps += forbid_null(table, column, facts)
    note = "Rows without an owner make it fail and change nothing: give them one, or delete them, first."
    held = make_hold(table, key, facts, note) if key.state else Remedy(note=note)
    if key.state and not held.steps:
        return held
    return Remedy(
        steps=(*steps, *held.steps),
        note=note,
        lock="SHARE UPDATE EXCLUSIVE while rows are validated; else ACCESS EXCLUSIVE for a moment",
    )


@check(
    "TEN010",
    "An inherited table may belong to two tenants",
    concern="may",
    subjects=inherited_tables,
    severity=Severity.WARNING,
    why="A row may join what belongs to two tenants, and each of them sees the other's half.",
    bad="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        create table product (id uuid primary key, org_id uuid not null references organization (id));
        create table invoice_line (
            id uuid primary key,
            invoice_id uuid not null references invoice (id),
            product_id uuid not null references product (id)
        );
    """,
    good="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id), unique (org_id, id));
        create table product (id uuid primary key, org_id uuid not null references organization (id), unique (org_id, id));
        create table invoice_line (id uuid primary key, invoice_id uuid not null references invoice (id));
        create table invoice_product (
            owner uuid not null,
            invoice_id uuid not null,
            product_id uuid not null,
            primary key (invoice_id, product_id),
            foreign key (owner, invoice_id) references invoice (org_id, id),
            foreign key (owner, product_id) references product (org_id, id)
        );
    """,
    remediable=False,
    portable=True,
)
def ambiguous_owner(table: catalog.Table, facts: Facts) -> Flaw | None:
    """Two foreign keys of an inherited table can lead to two tenants.

    Examined: inherited tables. Fails when two of its keys reference rows that tenants own (two keys to the same table
    count as two), and nothing ties them. Two keys are tied when they share a column that means the
    same on both sides: the tenant column of both parents, or the key of a row that both belong to.
    Keys between tables with a tenant column are FKY001's.
    """
    keys = [key for key in table.foreign_keys if _leads_elsewhere(table, key, facts)]
    for i, one in enumerate(keys):
        for other in keys[i + 1 :]:
            if not _tied(one, other, facts):
                return _ambiguous(table, one, other, facts)
    return None


def _leads_elsewhere(table: catalog.Table, key: catalog.Constraint, facts: Facts) -> bool:
    owner = _owner(key, facts)
    return owner is not None and owner != table.qname


def _ambiguous(
    table: catalog.Table, one: catalog.Constraint, other: catalog.Constraint, facts: Facts
) -> Flaw:
    name = facts.show(table.qname)
    shown = [f"({', '.join(k.columns)}) → {facts.show(k.references)}" for k in (one, other) if k.references]
    return Flaw(
        message=f"A row of {name} may belong to two tenants, by {one.name} and {other.name}",
        expected="one owner, or keys that share the tenant column",
        observed="; ".join(shown) + ": nothing ties the two",
        remedy=Remedy(
            note=f"Give {name} the tenant column, and make both keys composite with it: each parent needs a UNIQUE "
            "on tenant column and id."
        ),
    )


def _tied(one: catalog.Constraint, other: catalog.Constraint, facts: Facts) -> bool:
    """Tell whether the keys share a column whose value is one and the same thing on both sides."""
    left = dict(zip(one.columns, one.referenced_columns, strict=False))
    right = dict(zip(other.columns, other.referenced_columns, strict=False))
    return any(
        _meaning(one.references, left[shared], facts) == _meaning(other.references, right[shared], facts)
        for shared in left.keys() & right.keys()
    )


def _meaning(name: catalog.QName | None, column: str, facts: Facts) -> tuple[catalog.QName | None, str]:
    """Follow a column through foreign keys to the table and column whose value it is."""
    seen: set[tuple[catalog.QName | None, str]] = set()
    while (name, column) not in seen:
        seen.add((name, column))
        table = facts.tables_by_name.get(judged_name(name, facts)) if name else None
        if table is None:
            break
        level = facts.level(table) if facts.tenant_column(table) == column else None
        if level is not None and (level.root is None or level.key is None):
            return None, f"tenant of level {facts.standings[table.qname].level}"
        if level is not None and level.root is not None and level.key is not None:
            return level.root, level.key
        step = next(
            ((k.references, _referenced(k, column)) for k in table.foreign_keys if column in k.columns), None
        )
        if step is None:
            break
        name, column = step
    return name, column


def _referenced(key: catalog.Constraint, column: str) -> str:
    return dict(zip(key.columns, key.referenced_columns, strict=False)).get(column, "")
