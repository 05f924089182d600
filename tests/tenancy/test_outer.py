"""A root whose own rows must belong to another table is asked for, and never chosen alone."""

import pytest

from validate_schema.tenancy.draft import explain_unidentified

from .test_inferred import Connection, tenancy_of


def under(outer: str, key: str, inner: str, inner_key: str, others: str = "") -> str:
    """Return six tables that belong to rows of `inner`, which must each belong to one of `outer`."""
    return (
        f"create table {outer} (id int primary key);"
        f"create table {inner} (id int primary key, {key} int not null references {outer});"
        + "".join(
            f"create table t{n} (id int primary key, {inner_key} int not null references {inner});"
            for n in range(6)
        )
        + others
    )


PRODUCTS = "create table products (id int primary key, {} int not null references {});"
ASKED = {
    "customers of shops": (
        "shops",
        "shop_id",
        "customers",
        "customer_id",
        PRODUCTS.format("shop_id", "shops"),
    ),
    "customers of brands, no known word": ("brands", "brand_id", "customers", "customer_id", ""),
    "sites of hosts": ("hosts", "host_id", "sites", "site_id", ""),
    "accounts of banks": ("banks", "bank_id", "accounts", "account_id", PRODUCTS.format("bank_id", "banks")),
    "accounts of merchants": ("merchants", "merchant_id", "accounts", "account_id", ""),
    "clients of salons, who carry both": (
        "salons",
        "salon_id",
        "clients",
        "client_id",
        "create table visits (id int primary key, salon_id int not null references salons,"
        " client_id int not null references clients);",
    ),
}


@pytest.mark.parametrize("names", ASKED.values(), ids=ASKED)
def test_whose_rows_the_rows_of_the_root_are_is_asked_for(
    conn: Connection, names: tuple[str, str, str, str, str]
) -> None:
    outer, key, inner, inner_key, _ = names
    tenancy = tenancy_of(conn, under(*names))

    assert [(c.root and c.root.name, c.column) for c in tenancy.candidates][:2] == [
        (outer, key),
        (inner, inner_key),
    ]
    assert not tenancy.identified
    assert tenancy.problem == (
        f"the tenant root could be {outer} ({key}) or {inner} ({inner_key}): "
        f"the rows of {inner} belong to the others"
    )
    assert f'  root = "{outer}"\n  column = "{key}"' in explain_unidentified(tenancy)


def test_what_the_outer_one_belongs_to_is_asked_for_first(conn: Connection) -> None:
    sql = "create table chains (id int primary key);" + under(
        "stores", "store_id", "customers", "customer_id"
    ).replace(
        "stores (id int primary key)", "stores (id int primary key, chain_id int not null references chains)"
    )

    assert [c.root and c.root.name for c in tenancy_of(conn, sql).candidates] == [
        "chains",
        "stores",
        "customers",
    ]


def test_tenants_outside_the_database_that_the_root_belongs_to_are_asked_for(conn: Connection) -> None:
    sql = under("regions", "region_id", "customers", "customer_id") + (
        "alter table customers add tenant_id uuid not null;"
        "create table products (id int primary key, tenant_id uuid not null)"
    )
    tenancy = tenancy_of(conn, sql)

    assert not tenancy.identified
    assert [(c.root and c.root.name, c.column) for c in tenancy.candidates] == [
        (None, "tenant_id"),
        ("customers", "customer_id"),
    ]


def test_tenants_outside_the_database_that_only_the_root_names_are_asked_for(conn: Connection) -> None:
    sql = under("regions", "region_id", "projects", "project_id") + (
        "alter table projects add tenant_id bigint not null"
    )

    assert [(c.root and c.root.name, c.column) for c in tenancy_of(conn, sql).candidates] == [
        (None, "tenant_id"),
        ("projects", "project_id"),
    ]


SETTLED = {
    "tenants elsewhere that only a part of the rows names": under(
        "regions", "region_id", "stores", "store_id"
    )
    + "alter table stores add tenant_id bigint;",
    "a number of its own that reads like no tenant's": under("regions", "region_id", "stores", "store_id")
    + "alter table stores add store_number bigint not null, add customer_id bigint not null;",
    "a person": under("users", "owner_id", "stores", "store_id"),
    "a person by the column": under("logins_of_staff", "created_by", "stores", "store_id"),
    "a lookup": under("countries", "country_id", "stores", "store_id"),
    "a kind of things": under("store_types", "type_id", "stores", "store_id"),
    "what is sorted by": under("regions", "region_id", "stores", "store_id"),
    "a detail, one to one": under("brandings", "branding_id", "stores", "store_id").replace(
        "branding_id int not null", "branding_id int not null unique"
    ),
    "a key that may be NULL": under("chains", "chain_id", "stores", "store_id").replace(
        "chain_id int not null", "chain_id int"
    ),
    "what hangs on the root": under("floors", "floor_id", "stores", "store_id")
    + "alter table floors add store_id int not null references stores",
    "an organization with a price list that is all theirs": under(
        "price_lists", "price_list_id", "organizations", "organization_id"
    ),
    "policies of half the tables": under("chains", "chain_id", "stores", "store_id")
    + "".join(
        f"create policy p on t{n} using (store_id = current_setting('app.store', true)::int);"
        for n in range(3)
    ),
}


@pytest.mark.parametrize("sql", SETTLED.values(), ids=SETTLED)
def test_what_a_root_only_refers_to_makes_no_question(conn: Connection, sql: str) -> None:
    tenancy = tenancy_of(conn, sql)

    root = "organizations" if "organizations" in sql else "stores"
    assert [level.root and level.root.name for level in tenancy.levels] == [root]


def test_what_is_declared_as_shared_is_nobody_to_belong_to(conn: Connection) -> None:
    sql = under("chains", "chain_id", "stores", "store_id")
    tenancy = tenancy_of(conn, sql, '[tenancy]\nglobal = ["chains"]')

    assert [level.root and level.root.name for level in tenancy.levels] == ["stores"]


SPARSE = """
create table accounts (id int primary key);
create table clients (id int primary key);
create table projects (id int primary key, client_id int not null references clients);
"""


def sparse(accounts: int, projects: int, others: int, more: str = "") -> str:
    """Return tables that carry the key of accounts, of projects, and of neither."""
    made = "".join(f"create table a{n} (id int primary key, account_id int);" for n in range(accounts))
    made += "".join(
        f"create table p{n} (id int primary key, project_id int not null references projects);"
        for n in range(projects)
    )
    return SPARSE + made + "".join(f"create table o{n} (id int primary key);" for n in range(others)) + more


def test_a_word_for_tenants_that_little_hangs_on_does_not_settle_it_against_what_more_hangs_on(
    conn: Connection,
) -> None:
    tenancy = tenancy_of(conn, sparse(4, 5, 20))

    assert [(c.root and c.root.name, c.column) for c in tenancy.candidates][:3] == [
        ("clients", "client_id"),
        ("projects", "project_id"),
        ("accounts", "account_id"),
    ]
    assert not tenancy.identified
    assert "neither is clearly it" in tenancy.problem


WIDE = {
    "more carry it": sparse(6, 5, 20),
    "a quarter hang on it": sparse(4, 5, 3),
    "policies": sparse(
        4,
        5,
        20,
        "".join(
            f"create policy p on a{n} using (account_id = current_setting('app.account', true)::int);"
            for n in range(2)
        ),
    ),
}


@pytest.mark.parametrize("sql", WIDE.values(), ids=WIDE)
def test_a_word_for_tenants_that_more_speaks_for_is_the_root(conn: Connection, sql: str) -> None:
    assert [level.root and level.root.name for level in tenancy_of(conn, sql).levels] == ["accounts"]
