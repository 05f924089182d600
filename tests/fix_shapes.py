"""Catalogs of any size and depth, made of records: no server is needed to ask what they cost."""

from collections.abc import Iterable
from datetime import date

from validate_schema.config import Config, TenancyConfig
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import (
    Catalog,
    Column,
    ConnectedRole,
    Constraint,
    Function,
    Grant,
    Index,
    Membership,
    Policy,
    QName,
    Role,
    Server,
    Table,
    View,
)
from validate_schema.model.contract import Contract
from validate_schema.model.progress import Progress
from validate_schema.run.examine import understand

OWNER, APP = "app_owner", "app_user"
ROOT = QName("public", "organization")
_BOUND = "(org_id = ( SELECT (current_setting('app.tenant_id'::text, true))::uuid AS current_setting))"
_USED = (Grant(APP, ("DELETE", "INSERT", "SELECT", "UPDATE")),)
_ROLES = (Role(OWNER), Role(APP, login=True))
TENANCY = TenancyConfig(root="organization", column="org_id", setting="app.tenant_id")


def catalog(
    tables: Iterable[Table],
    views: Iterable[View] = (),
    functions: Iterable[Function] = (),
    roles: Iterable[Role] = _ROLES,
) -> Catalog:
    """Return the catalog of a PostgreSQL 18 with these and a root."""
    root = Table(
        *ROOT,
        OWNER,
        columns=(Column("id", "uuid", not_null=True, default="gen_random_uuid()"),),
        constraints=(Constraint("organization_pkey", "primary key", ("id",)),),
        indexes=(
            Index("organization_pkey", ("id",), unique=True, primary=True, constraint="organization_pkey"),
        ),
    )
    return Catalog(
        Server("18.0", 180000, "shop", ConnectedRole("reader")),
        tables=tuple(sorted((root, *tables), key=lambda t: t.qname)),
        views=tuple(sorted(views, key=lambda v: v.qname)),
        functions=tuple(sorted(functions, key=lambda f: f.qname)),
        roles=tuple(sorted(roles, key=lambda r: r.name)),
    )


def facts_about(shape: Catalog, tenancy: TenancyConfig = TENANCY) -> Facts:
    """Return what the product understands of a catalog."""
    return understand(shape, Config(tenancy=tenancy), Contract(), date(2026, 1, 1), Progress())


def tenant_table(n: int, parents: Iterable[int] = ()) -> Table:
    """Return a well-made tenant table, with a composite key to each of `parents`."""
    name = QName("public", f"t{n:05}")
    columns = [Column("id", "uuid", not_null=True, default="gen_random_uuid()")]
    columns += [Column("org_id", "uuid", not_null=True)]
    keys = [_key(name, ("org_id",), ROOT, ("id",))]
    indexes = [_index(name, ("id",), primary=True), _index(name, ("org_id", "id"))]
    for parent in parents:
        column = f"t{parent:05}_id"
        columns.append(Column(column, "uuid"))
        keys.append(_key(name, ("org_id", column), QName("public", f"t{parent:05}"), ("org_id", "id")))
        indexes.append(Index(f"{name.name}_{column}_idx", ("org_id", column)))
    return Table(
        *name,
        OWNER,
        row_security=True,
        force_row_security=True,
        columns=tuple(columns),
        constraints=(*_uniques(name), *keys),
        indexes=tuple(indexes),
        policies=(Policy("tenant_isolation", "ALL", ("PUBLIC",), using=_BOUND, check=_BOUND),),
        grants=_USED,
    )


def inherited_table(n: int, parent: QName, **more: object) -> Table:
    """Return a table whose rows belong to whoever owns those of `parent`."""
    name = QName("public", f"t{n:05}")
    return Table(
        *name,
        OWNER,
        columns=(Column("id", "uuid", not_null=True), Column("up", "uuid", not_null=True)),
        constraints=(
            Constraint(f"{name.name}_pkey", "primary key", ("id",)),
            _key(name, ("up",), parent, ("id",)),
        ),
        indexes=(_index(name, ("id",), primary=True),),
        grants=_USED,
        **more,  # type: ignore[arg-type]
    )


def unlinked(tables: int) -> Catalog:
    return catalog(tenant_table(n) for n in range(tables))


def chain(tables: int) -> Catalog:
    """Tenant tables that each reference the one before."""
    return catalog(tenant_table(n, (n - 1,) if n else ()) for n in range(tables))


def inherited_chain(tables: int) -> Catalog:
    """A tenant table, and tables that are owned through one another."""
    below = (inherited_table(n, QName("public", f"t{n - 1:05}")) for n in range(1, tables))
    return catalog((tenant_table(0), *below))


def views(depth: int) -> Catalog:
    """A table with row security, and views over one another: only the outermost is the app's."""
    found = []
    below = QName("public", "t00000")
    for n in range(depth):
        name = QName("public", f"v{n:05}")
        text = f" SELECT id,\n    org_id\n   FROM {below.name};"
        grants = _USED if n == depth - 1 else ()
        columns = ("id", "org_id")
        found.append(View(*name, OWNER, "view", text, columns=columns, depends_on=(below,), grants=grants))
        below = name
    base = tenant_table(0)
    return catalog([_not_forced(base)], views=found)


def _not_forced(table: Table) -> Table:
    from msgspec.structs import replace

    return replace(table, force_row_security=False)


def roles(depth: int) -> Catalog:
    """Groups within groups: what the outermost may, the login inherits."""
    from msgspec.structs import replace

    groups = [Role(f"g{n:05}", member_of=(Membership(f"g{n - 1:05}"),) if n else ()) for n in range(depth)]
    login = Role("the_app", login=True, member_of=(Membership(f"g{depth - 1:05}"),))
    granted = replace(tenant_table(0), grants=(Grant("g00000", ("SELECT",)),))
    return catalog([granted, tenant_table(1)], roles=(Role(OWNER), *groups, login))


def routines(depth: int) -> Catalog:
    """Functions without arguments that call one another; the last reads the setting."""
    found = []
    for n in range(depth):
        body = f"select f{n + 1:05}()" if n < depth - 1 else "select current_setting('app.tenant_id')::uuid"
        found.append(
            Function(
                "public", f"f{n:05}", "", OWNER, "sql", returns="uuid", volatility="stable", body=body,
                touches=(), security_definer=n == 0,
            )
        )  # fmt: skip
    from msgspec.structs import replace

    bound = "(org_id = f00000())"
    policy = Policy("tenant_isolation", "ALL", ("PUBLIC",), using=bound, check=bound)
    return catalog([replace(tenant_table(n), policies=(policy,)) for n in range(3)], functions=found)


def definers(depth: int) -> Catalog:
    """Helpers with their owner's rights that call one another, of which the app may call the first alone; the last
    reads a table past its policies."""
    found = []
    for n in range(depth):
        last = n == depth - 1
        body = "select id from t00000 where org_id = $1" if last else f"select f{n + 1:05}($1)"
        execute = (Grant(APP, ("EXECUTE",)),) if n == 0 else ()
        found.append(
            Function(
                "public", f"f{n:05}", "o uuid", OWNER, "sql", returns="SETOF uuid", volatility="stable", body=body,
                touches=(QName("public", "t00000"),) if last else (), security_definer=True, grants=execute,
            )
        )  # fmt: skip
    return catalog([_not_forced(tenant_table(0))], functions=found)


def children(depth: int) -> Catalog:
    """Tables that inherit from one another, the oldest of which has row security."""
    found = [tenant_table(0)]
    for n in range(1, depth):
        found.append(inherited_table(n, ROOT, inherits=(QName("public", f"t{n - 1:05}"),)))
    return catalog(found)


def partitions(depth: int) -> Catalog:
    """A table whose partition is partitioned, and so on."""
    from msgspec.structs import replace

    found = []
    for n in range(depth):
        parent = QName("public", f"t{n - 1:05}") if n else None
        leaf = n == depth - 1
        found.append(
            replace(
                tenant_table(n),
                kind="table" if leaf else "partitioned",
                parent=parent,
                partition_key=None if leaf else "LIST (org_id)",
                partition_bound="DEFAULT" if n else None,
                row_security=n == 0,
                force_row_security=n == 0,
                unlogged=leaf,
            )
        )
    return catalog(found)


def _key(table: QName, columns: tuple[str, ...], to: QName, referenced: tuple[str, ...]) -> Constraint:
    name = f"{table.name}_{'_'.join(columns)}_fkey"
    return Constraint(
        name, "foreign key", columns, references=to, referenced_columns=referenced, on_delete="cascade"
    )


def _index(table: QName, columns: tuple[str, ...], *, primary: bool = False) -> Index:
    name = f"{table.name}_pkey" if primary else f"{table.name}_{'_'.join(columns)}_key"
    return Index(name, columns, unique=True, primary=primary, constraint=name)


def _uniques(table: QName) -> tuple[Constraint, ...]:
    return (
        Constraint(f"{table.name}_pkey", "primary key", ("id",)),
        Constraint(f"{table.name}_org_id_id_key", "unique", ("org_id", "id")),
    )
