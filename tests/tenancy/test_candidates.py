"""Whom nothing settles as the root is asked for, with candidates; what is in doubt is never chosen."""

import pytest

from validate_schema.config import parse_toml
from validate_schema.tenancy.draft import explain_unidentified

from .test_inferred import Connection, tenancy_of

COM_AND_ORG = "".join(
    f"create table {name} (id serial primary key, org_id int, com_id int, owner_id int, owner_type text{more});"
    for name, more in [
        ("organizations", ""),
        ("repositories", ""),
        ("builds", ", organization_id int"),
        ("jobs", ", organization_id int"),
        ("requests", ""),
        ("crons", ""),
    ]
) + "".join(f"create table t{n} (id serial primary key);" for n in range(20))
SCOPES = """
create table iam_scope (public_id text primary key, type text not null, main_auth text, unique (public_id, type));
create table iam_scope_org (scope_id text primary key references iam_scope);
create table iam_scope_project (scope_id text primary key references iam_scope, parent_id text references iam_scope_org);
create table auth_method (public_id text primary key, scope_id text not null references iam_scope, unique (scope_id, public_id));
alter table iam_scope add foreign key (public_id, main_auth) references auth_method (scope_id, public_id);
create table iam_user (public_id text primary key, scope_id text not null references iam_scope);
create table iam_role_project (public_id text primary key, scope_id text not null references iam_scope_project);
create table host_catalog (public_id text primary key, project_id text not null references iam_scope_project);
create table target (public_id text primary key, project_id text not null references iam_scope_project);
create table app_token (public_id text primary key, org_id text not null references iam_scope_org)
"""
DETAIL = """
create table app_versions (id int primary key, name text);
create table orgs (id uuid primary key);
create table app_versions_meta (id int primary key references app_versions, owner_org uuid not null references orgs);
create table deploy (id int primary key references app_versions);
create table channels (id int primary key, owner_org uuid not null references orgs);
create table devices (id int primary key, owner_org uuid not null references orgs);
create policy a on deploy using (id = current_setting('app.version', true)::int);
create policy a on app_versions_meta using (id = current_setting('app.version', true)::int)
"""


def test_a_column_that_the_table_of_its_name_carries_itself_is_not_its_key(conn: Connection) -> None:
    tenancy = tenancy_of(conn, COM_AND_ORG)

    assert not tenancy.identified
    found = [(c.root.name if c.root else None, c.column) for c in tenancy.candidates]
    assert {("organizations", "organization_id"), (None, "owner_id")} <= {*found}
    assert (None, "org_id") in found
    assert "owner_type" in next(c.why for c in tenancy.candidates if c.column == "owner_id")


def test_a_number_of_the_row_itself_is_nobodys_key(conn: Connection) -> None:
    sql = ";".join(
        f"create table {name} (id serial primary key, org_id int unique, com_id int unique)"
        for name in ("organizations", "organization_tokens", "builds", "jobs", "crons")
    )
    assert not tenancy_of(conn, sql).identified


def test_two_columns_of_one_table_are_no_spellings_of_each_other(conn: Connection) -> None:
    tenancy = tenancy_of(
        conn,
        "create table a (id int primary key, org_id int not null, organization_id int);"
        "create table b (id int primary key, org_id int not null);"
        "create table c (id int primary key, org_id int not null)",
    )
    assert [level.columns for level in tenancy.levels] == [("org_id",)]


def test_keys_in_a_circle_lead_to_the_row_that_they_name(conn: Connection) -> None:
    tenancy = tenancy_of(conn, SCOPES)

    found = [(level.root.name if level.root else None, {*level.columns}) for level in tenancy.levels]
    assert found == [("iam_scope", {"scope_id", "project_id", "org_id"})]


def test_a_table_named_after_tenants_is_the_root_whatever_its_keys_are_called(conn: Connection) -> None:
    tenancy = tenancy_of(conn, DETAIL)

    assert [(level.root and level.root.name, level.columns) for level in tenancy.levels] == [
        ("orgs", ("owner_org",))
    ]


def test_what_is_declared_as_shared_is_no_root(conn: Connection) -> None:
    sql = """
        create table org (id int primary key);
        create table a (org_id int not null references org); create table b (org_id int not null references org)
    """
    tenancy = tenancy_of(conn, sql, '[tenancy]\nglobal = ["org"]')
    assert (tenancy.identified, tenancy.candidates) == (False, ())


def test_the_only_table_is_the_tenants_where_its_policy_says_so(conn: Connection) -> None:
    tenancy = tenancy_of(
        conn,
        "create table notes (id int primary key, tenant_id uuid not null);"
        "create policy p on notes using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)",
    )
    assert ([level.columns for level in tenancy.levels], tenancy.setting) == ([("tenant_id",)], "app.tenant")


ASKED = {
    "people without a policy": (
        """create table users (id serial primary key);
        create table todos (id serial primary key, user_id int not null references users);
        create table lists (id serial primary key, user_id int not null references users)""",
        ("users", "user_id"),
    ),
    "a number of no known word": (
        """create table mandant (nr int primary key, name text);
        create table buchung (id int primary key, mandant_nr int not null);
        create table beleg (id int primary key, mandant_nr int not null)""",
        ("mandant", "mandant_nr"),
    ),
    "a number by its own name": (
        """create table customers (customer_number int primary key);
        create table orders (id int primary key, customer_number int not null);
        create table payments (id int primary key, customer_number int not null)""",
        ("customers", "customer_number"),
    ),
    "an unknown word by its keys": (
        """create table realms (id int primary key);
        create table messages (id int primary key, realm int not null references realms);
        create table emojis (id int primary key, realm int not null references realms)""",
        ("realms", "realm"),
    ),
    "the only table": ("create table notes (id int primary key, tenant_id uuid)", (None, "tenant_id")),
    "a key to one of two": (
        "create table tenants (id int primary key); create table notes (tenant_id int references tenants)",
        ("tenants", "tenant_id"),
    ),
}


@pytest.mark.parametrize(("sql", "first"), ASKED.values(), ids=ASKED)
def test_who_is_not_settled_on_is_asked_for_with_the_lines_to_write(
    conn: Connection, sql: str, first: tuple[str | None, str]
) -> None:
    tenancy = tenancy_of(conn, sql)
    best = tenancy.candidates[0]
    said = explain_unidentified(tenancy)
    lines = said[said.index("[tenancy]") :].splitlines()
    config = "\n".join(line.strip() for line in lines)
    written = parse_toml(config, "said").tenancy

    assert (tenancy.identified, best.root.name if best.root else None, best.column) == (False, *first)
    assert (written.root, written.column) == first
    assert tenancy_of(conn, "select 1", config).identified


@pytest.mark.parametrize(
    "columns", ["name text", "created_at timestamptz, updated_at timestamptz", "status_id int"]
)
def test_columns_that_only_recur_are_no_candidates(conn: Connection, columns: str) -> None:
    sql = ";".join(f"create table {name} (id int primary key, {columns})" for name in "ab")
    assert tenancy_of(conn, f"create table z (id int primary key); {sql}").candidates == ()


def test_a_setting_of_one_table_is_not_the_context_of_all(conn: Connection) -> None:
    members = "(select org_id from members where user_id = current_setting('app.user', true)::int)"
    sql = """
        create table orgs (id int primary key);
        create table members (org_id int not null references orgs, user_id int not null);
        create policy p on members using (user_id = current_setting('app.user', true)::int);
        create table odd (id int primary key, org_id int not null references orgs);
        create policy p on odd using (org_id = current_setting('app.odd', true)::int);
    """ + "".join(
        f"create table t{n} (id int primary key, org_id int not null references orgs);"
        f"create policy p on t{n} using (org_id in {members});"
        for n in range(3)
    )
    tenancy = tenancy_of(conn, sql)

    assert ([level.columns for level in tenancy.levels], tenancy.setting) == ([("org_id",)], None)
    assert "candidates: app.odd (1 table)" in tenancy.inferred["setting"]


def billing(record: str = "record_id serial unique") -> str:
    """Return tables without foreign keys, most of which name their tenant by a number that is no primary key."""
    return f"""create table tenants ({record}, id varchar(36) primary key);
        create table accounts (record_id serial unique, id varchar(36) primary key, tenant_record_id bigint not null);
    """ + "".join(
        f"create table t{n} (id varchar(36) primary key, tenant_record_id bigint not null{more});"
        for n, more in enumerate([", account_id varchar(36) not null"] * 4 + [""] * 3)
    )


def test_a_column_called_after_the_tenants_and_a_unique_column_of_them_names_them(conn: Connection) -> None:
    tenancy = tenancy_of(conn, billing())

    (level,) = tenancy.levels
    assert (level.root and level.root.name, level.columns, level.key) == (
        "tenants",
        ("tenant_record_id",),
        "record_id",
    )


def test_a_candidate_that_fewer_name_than_such_a_column_in_doubt_is_not_chosen(conn: Connection) -> None:
    tenancy = tenancy_of(conn, billing("record_id bigint"))

    found = {(c.root.name if c.root else None, c.column) for c in tenancy.candidates}
    assert not tenancy.identified
    assert {("tenants", "tenant_record_id"), ("accounts", "account_id")} <= found
    assert "record_id is not unique there" in next(
        c.why for c in tenancy.candidates if c.column == "tenant_record_id"
    )


@pytest.mark.parametrize("word", ["no", "uid", "key"])
def test_a_key_of_one_word_names_the_unique_column_of_that_word(conn: Connection, word: str) -> None:
    sql = f"create table tenants (id int primary key, {word} text not null unique);" + "".join(
        f"create table t{n} (id int primary key, tenant_{word} text not null);" for n in range(3)
    )
    (level,) = tenancy_of(conn, sql).levels

    assert (level.root and level.root.name, level.columns, level.key) == (
        "tenants",
        (f"tenant_{word}",),
        word,
    )


REPOSITORIES = """
create table users (id int primary key); create table repository (id int primary key, owner_id int{more});
create table team (id int primary key, org_id int); create table label (id int primary key, org_id int, repo_id int);
""" + "".join(f"create table t{n} (id int primary key, repo_id int);" for n in range(4))


def test_tenants_outside_are_asked_for_where_another_key_is_commoner(conn: Connection) -> None:
    tenancy = tenancy_of(conn, REPOSITORIES.format(more=""))

    assert not tenancy.identified
    assert [(c.root.name if c.root else None, c.column) for c in tenancy.candidates][:2] == [
        ("repository", "repo_id"),
        (None, "org_id"),
    ]
    assert tenancy.problem == (
        "the tenant root could be repository (repo_id) or outside this database (org_id): neither is clearly it"
    )


@pytest.mark.parametrize(
    "sql",
    [
        REPOSITORIES.format(more=", org_id int"),
        REPOSITORIES.format(more="") + "".join(f"alter table t{n} drop repo_id;" for n in range(3)),
        REPOSITORIES.format(more="").replace("repo_id", "user_id"),
        REPOSITORIES.format(more="").replace("repo_id", "external_id"),
    ],
    ids=["what belongs to the tenants", "not clearly more", "people", "no table is called so"],
)
def test_tenants_outside_are_taken_where_no_other_key_speaks_against_them(conn: Connection, sql: str) -> None:
    assert [(level.root, level.columns) for level in tenancy_of(conn, sql).levels] == [(None, ("org_id",))]
