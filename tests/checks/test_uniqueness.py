"""UNQ: which uniques are scoped to the tenant, and what lets duplicates through."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, check_of, facts_of, findings, flaws_of, look, printed, survives
from validate_schema.facts.scoping import Scope, scope_of, uniques_of
from validate_schema.model.finding import Finding, ObjectRef, Remedy, Severity
from validate_schema.sql.predicates import (
    conjuncts,
    fixed_columns,
    generates,
    not_null_columns,
    strict_column,
)

TENANT = "org_id uuid not null references organization (id)"
ID = "id uuid primary key default gen_random_uuid()"
LONG = "a_column_whose_name_leaves_no_room_for_that_of_another_one"
PROJECT = f"create table project ({ID}, {TENANT}, unique (org_id, id));"
ONLINE = (
    "SHARE UPDATE EXCLUSIVE while the index is built: reads and writes go on; "
    "then ACCESS EXCLUSIVE for a moment"
)
DUPLICATES = "Rows that break the new rule make its index fail: look for duplicates first."
LEVELS = """
[tenancy]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "project"
column = "project_id"
parent = "organization"
"""
LEVELS = LEVELS.replace('root = "organization"\ncolumn = "org_id"\n[[', "[[", 1)


def said(bench: Bench, id: str, script: str, toml: str = CONFIG) -> list[str]:
    with bench.open(script) as conn:
        execute(conn, script)
        return findings(check_of(id), conn, toml).said


def scopes(bench: Bench, script: str, table: str, toml: str = CONFIG) -> dict[str, Scope]:
    """Every unique of a table with its scope, primary key included."""
    with bench.open(script) as conn:
        execute(conn, script)
        facts = facts_of(conn, toml)
    found = next(t for t in facts.tables if t.name == table)
    return {u.name: scope_of(u, facts) for u in uniques_of(found)}


def cured(bench: Bench, id: str, script: str, toml: str = CONFIG) -> tuple[list[str], list[str]]:
    """What a check says before and after its remedies were executed as printed."""
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        before = findings(check_of(id), conn, toml)
        for statement in before.cure:
            conn.execute(statement)
        return before.said, findings(check_of(id), conn, toml).said


@pytest.mark.parametrize(
    ("rest", "scope"),
    [
        pytest.param("email text unique", Scope.GLOBAL, id="a global column"),
        pytest.param("email text, unique (org_id, email)", Scope.TENANT, id="tenant first"),
        pytest.param("email text, unique (email, org_id)", Scope.TENANT, id="tenant last"),
        pytest.param("email text, unique (id, email)", Scope.SURROGATE, id="holds the primary key"),
        pytest.param("handle uuid default gen_random_uuid() unique", Scope.SURROGATE, id="generated"),
        pytest.param("number int generated always as identity unique", Scope.SURROGATE, id="identity"),
        pytest.param("number serial unique", Scope.SURROGATE, id="serial"),
        pytest.param("handle uuid unique", Scope.GLOBAL, id="a uuid from elsewhere"),
        pytest.param("code varchar(20) default 'new' unique", Scope.GLOBAL, id="a literal default"),
        pytest.param("made timestamptz default now() unique", Scope.GLOBAL, id="the clock"),
        pytest.param(
            "owner text default current_setting('app.x', true) unique", Scope.GLOBAL, id="a setting"
        ),
        pytest.param("project_id uuid references project unique", Scope.PARENT, id="one per parent"),
        pytest.param(
            "project_id uuid references project, n int, unique (n, project_id)",
            Scope.PARENT,
            id="within a parent",
        ),
        pytest.param(
            "project_id uuid references project, n int, unique nulls not distinct (project_id, n)",
            Scope.GLOBAL,
            id="rows without parent meet",
        ),
        pytest.param(
            "project_id uuid not null references project, n int, unique nulls not distinct (project_id, n)",
            Scope.PARENT,
            id="every row has a parent",
        ),
        pytest.param(
            "project_id uuid, n int, foreign key (org_id, project_id) references project (org_id, id), unique (project_id, n)",
            Scope.PARENT,
            id="a member of a composite key that names a row",
        ),
        pytest.param(
            "code text, n int, foreign key (org_id, code) references label (org_id, code), unique (code, n)",
            Scope.GLOBAL,
            id="a member that names a row only within its tenant",
        ),
        pytest.param(
            "mirror uuid, check (mirror = org_id), slug text, unique (mirror, slug)",
            Scope.EQUIVALENT,
            id="tied by check",
        ),
        pytest.param(
            "mirror text generated always as (org_id::text) stored, slug text, unique (mirror, slug)",
            Scope.EQUIVALENT,
            id="generated from the tenant",
        ),
        pytest.param(
            "mirror uuid, check (mirror = org_id or mirror is null), slug text, unique (mirror, slug)",
            Scope.GLOBAL,
            id="a check of something else",
        ),
        pytest.param(
            "other_org uuid references organization, n int, unique (other_org, n)",
            Scope.GLOBAL,
            id="another tenant's id",
        ),
        pytest.param("person_id uuid references person unique", Scope.GLOBAL, id="one per global row"),
        pytest.param(
            "settings_id uuid references settings unique", Scope.PARENT, id="the key of what it owns"
        ),
        pytest.param("token text unique", Scope.SURROGATE, id="a token"),
        pytest.param('"oneTimeUseToken" text unique', Scope.SURROGATE, id="a token of several words"),
        pytest.param('"hashedSecretKey" text unique', Scope.SURROGATE, id="the hash of a secret"),
        pytest.param("public_token text unique", Scope.SURROGATE, id="a token on a poster"),
        pytest.param("restore_token text unique", Scope.SURROGATE, id="a token that brings back"),
        pytest.param("key_hash bytea unique", Scope.SURROGATE, id="the hash of a key"),
        pytest.param("api_key text unique", Scope.SURROGATE, id="a key that is handed out"),
        pytest.param("invite_code text unique", Scope.SURROGATE, id="a code that is handed out"),
        pytest.param("code text unique", Scope.GLOBAL, id="a code of something"),
        pytest.param("stripe_api_key text unique", Scope.GLOBAL, id="a key that somebody else hands out"),
        pytest.param("token text default 'x' unique", Scope.GLOBAL, id="a token with a default"),
        pytest.param("device_token text unique", Scope.GLOBAL, id="a token made elsewhere"),
        pytest.param("content_hash text unique", Scope.GLOBAL, id="the hash of something known"),
    ],
)
def test_a_unique_is_scoped_by(bench: Bench, rest: str, scope: Scope) -> None:
    script = f"""{PROJECT}
        create table person ({ID}); create table settings ({ID});
        create table label ({TENANT}, code text not null, primary key (org_id, code));
        create table member ({ID}, {TENANT}, {rest})"""

    found = scopes(bench, script, "member")

    assert [s for name, s in found.items() if name != "member_pkey"] == [scope]


@pytest.mark.parametrize(
    ("table", "column", "scope"),
    [
        ("api_keys", "key", Scope.SURROGATE),
        ("invite_codes", "code", Scope.SURROGATE),
        ("invitation", "code", Scope.SURROGATE),
        ("setting", "key", Scope.GLOBAL),
        ("voucher", "code", Scope.GLOBAL),
        ("invitation", "slug", Scope.GLOBAL),
    ],
)
def test_a_table_says_what_is_handed_out(bench: Bench, table: str, column: str, scope: Scope) -> None:
    found = scopes(bench, f"create table {table} ({ID}, {TENANT}, {column} text unique)", table)

    assert found[f"{table}_{column}_key"] is scope


SHARES = {
    "id": Scope.SURROGATE,
    "share_id": Scope.SURROGATE,
    "slug": Scope.GLOBAL,
    "github_id": Scope.GLOBAL,
}


@pytest.mark.parametrize("column", SHARES)
def test_without_a_primary_key_a_column_called_as_one_is_the_rows_own(bench: Bench, column: str) -> None:
    found = scopes(bench, f"create table share ({TENANT}, {column} text not null unique, n int)", "share")

    assert found[f"share_{column}_key"] is SHARES[column]


def test_beside_a_primary_key_a_column_called_as_one_is_not(bench: Bench) -> None:
    found = scopes(
        bench, f"create table share (number bigint primary key, {TENANT}, id text unique)", "share"
    )

    assert found["share_id_key"] is Scope.GLOBAL


LOGINS = """
create schema auth; create table auth.users (id uuid primary key);
create table profiles (id uuid primary key references auth.users, {});
create table settings (
    n bigint generated always as identity primary key, {}, user_id uuid references auth.users, page text,
    unique (user_id, page)
);
"""
OTHERS = {
    "one row for a person": ("", Scope.PERSON),
    "a table that may tie him to several": (
        f"create table members ({TENANT}, user_id uuid not null references auth.users, primary key (user_id, org_id));",
        Scope.GLOBAL,
    ),
    "rows of nobody meet": (
        "alter table settings drop constraint settings_user_id_page_key,"
        " add constraint settings_user_id_page_key unique nulls not distinct (user_id, page);",
        Scope.GLOBAL,
    ),
    "a key that is not enforced": (
        "alter table settings drop constraint settings_user_id_fkey;",
        Scope.GLOBAL,
    ),
    "a profile that is not known by the person": (
        "alter table profiles drop constraint profiles_id_fkey, add person uuid references auth.users;",
        Scope.GLOBAL,
    ),
}


@pytest.mark.parametrize(("more", "scope"), OTHERS.values(), ids=OTHERS)
def test_what_a_person_of_one_tenant_has_once_is_scoped_to_it(bench: Bench, more: str, scope: Scope) -> None:
    found = scopes(bench, LOGINS.format(TENANT, TENANT) + more, "settings")

    assert found["settings_user_id_page_key"] is scope


def test_people_without_a_tenant_of_their_own_are_of_no_one_tenant(bench: Bench) -> None:
    found = scopes(bench, LOGINS.format("name text", TENANT), "settings")

    assert found["settings_user_id_page_key"] is Scope.GLOBAL


def test_a_mirrored_key_of_the_root_is_scoped_when_a_composite_key_proves_it(bench: Bench) -> None:
    script = """
        alter table organization add column slug text unique, add unique (id, slug);
        create table page (id int primary key, org_id uuid not null, org_slug text, path text,
            foreign key (org_id, org_slug) references organization (id, slug), unique (org_slug, path));
        create table post (id int primary key, org_id uuid not null references organization (id),
            org_slug text references organization (slug), path text, unique (org_slug, path))"""

    assert scopes(bench, script, "page")["page_org_slug_path_key"] is Scope.EQUIVALENT
    assert scopes(bench, script, "post")["post_org_slug_path_key"] is Scope.GLOBAL


@pytest.mark.parametrize(
    ("index", "scope"),
    [
        pytest.param("(lower(email))", Scope.GLOBAL, id="expression"),
        pytest.param("(lower(email), org_id)", Scope.TENANT, id="expression and tenant"),
        pytest.param("(lower(org_id::text || email))", Scope.GLOBAL, id="the tenant inside an expression"),
        pytest.param("((org_id::text), email)", Scope.TENANT, id="the tenant as text"),
        pytest.param(
            "((org_id::text || '/' || email))", Scope.TENANT, id="a text that begins with the tenant"
        ),
        pytest.param("((org_id::varchar(8)), email)", Scope.GLOBAL, id="the beginning of the tenant"),
        pytest.param("((email || org_id::text))", Scope.GLOBAL, id="a text that ends with the tenant"),
        pytest.param("((org_id is null), email)", Scope.GLOBAL, id="whether there is a tenant"),
        pytest.param("(email) where deleted_at is null", Scope.GLOBAL, id="soft delete"),
        pytest.param("(org_id, email) where deleted_at is null", Scope.TENANT, id="scoped soft delete"),
        pytest.param("(email) where org_id is null", Scope.ONE_TENANT, id="shared rows"),
        pytest.param(
            "(email) where org_id is null and deleted_at is null", Scope.ONE_TENANT, id="live shared rows"
        ),
        pytest.param("(email) where org_id is null or deleted_at is null", Scope.GLOBAL, id="an alternative"),
        pytest.param(
            "(email) where org_id = '00000000-0000-0000-0000-000000000001'",
            Scope.ONE_TENANT,
            id="one tenant's rows",
        ),
        pytest.param("(email) include (org_id)", Scope.GLOBAL, id="the tenant is only included"),
    ],
)
def test_a_unique_index_is_scoped_by(bench: Bench, index: str, scope: Scope) -> None:
    script = f"""create table member ({ID}, org_id uuid references organization (id), email text, deleted_at date);
        create unique index member_unq on member {index}"""

    assert scopes(bench, script, "member")["member_unq"] is scope


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        pytest.param("id text primary key", Scope.SURROGATE, id="made by the application"),
        pytest.param("id bigint primary key", Scope.SURROGATE, id="snowflake"),
        pytest.param("invoice_id text primary key", Scope.SURROGATE, id="named after the table"),
        pytest.param('"invoiceId" text primary key', Scope.SURROGATE, id="camelCase"),
        pytest.param("code uuid primary key", Scope.SURROGATE, id="uuid"),
        pytest.param("n serial primary key", Scope.SURROGATE, id="serial"),
        pytest.param("id text, at date, primary key (id, at)", Scope.SURROGATE, id="id and partition key"),
        pytest.param("code text primary key", Scope.GLOBAL, id="code"),
        pytest.param("github_id bigint primary key", Scope.GLOBAL, id="somebody else's id"),
        pytest.param("code text, n int, primary key (code, n)", Scope.GLOBAL, id="composite natural"),
        pytest.param("code text, primary key (code, org_id)", Scope.TENANT, id="with tenant"),
        pytest.param(
            "project_id uuid primary key references project", Scope.SURROGATE, id="extension of a parent"
        ),
        pytest.param(
            "n int, project_id uuid references project, primary key (project_id, n)",
            Scope.PARENT,
            id="line of a parent",
        ),
        pytest.param(
            "a text references person, b int, primary key (a, b)", Scope.GLOBAL, id="a global reference"
        ),
    ],
)
def test_a_primary_key_is_a_surrogate_or_natural(bench: Bench, key: str, scope: Scope) -> None:
    script = f"""{PROJECT} create table person (id text primary key);
        create table invoices ({TENANT}, {key})"""

    assert scopes(bench, script, "invoices")["invoices_pkey"] is scope


def test_a_global_unique_is_found_with_all_that_is_known(bench: Bench) -> None:
    script = """create table "Member" (id text primary key, "org_id" uuid not null references organization (id),
        "eMail" text not null, constraint "Member_eMail_key" unique ("eMail") deferrable initially deferred)"""
    with bench.open(script) as conn:
        execute(conn, script)
        (found,) = findings(check_of("UNQ001"), conn).findings

    assert (printed(found),) == (
        Finding(
            fingerprint=found.fingerprint,
            check="UNQ001",
            severity=Severity.ERROR,
            object=ObjectRef("constraint", "public", "Member", "Member_eMail_key"),
            message="Member.Member_eMail_key is unique across all tenants: it does not hold org_id",
            expected="a unique over (org_id, eMail)",
            observed="UNIQUE (eMail)",
            remedy=Remedy(
                (
                    'CREATE UNIQUE INDEX CONCURRENTLY "Member_org_id_eMail_key" ON "public"."Member" '
                    'USING btree ("org_id", "eMail");',
                    'ALTER TABLE "public"."Member" ADD CONSTRAINT "Member_org_id_eMail_key" '
                    'UNIQUE USING INDEX "Member_org_id_eMail_key" DEFERRABLE INITIALLY DEFERRED;',
                    'ALTER TABLE "public"."Member" DROP CONSTRAINT "Member_eMail_key";',
                ),
                DUPLICATES,
                ONLINE,
            ),
        ),
    )


def test_a_unique_that_a_foreign_key_rests_on_is_not_dropped(bench: Bench) -> None:
    script = f"""create table product ({ID}, {TENANT}, sku text not null unique);
        create table line ({ID}, {TENANT}, sku text references product (sku))"""
    with bench.open(script) as conn:
        execute(conn, script)
        (finding,) = findings(check_of("UNQ001"), conn).findings

    assert [s.split(" ON ")[0].split(" ADD ")[0] for s in finding.remedy.sql] == [
        'CREATE UNIQUE INDEX CONCURRENTLY "product_org_id_sku_key"',
        'ALTER TABLE "public"."product"',
    ]
    assert finding.remedy.note == (
        "line.line_sku_fkey reference the old key: move them to the new one, then drop product_sku_key. "
        + DUPLICATES
    )


def test_where_the_right_unique_exists_only_the_wrong_one_goes(bench: Bench) -> None:
    script = f"create table member ({ID}, {TENANT}, email text unique, unique (org_id, email))"
    with bench.open(script) as conn:
        execute(conn, script)
        (finding,) = findings(check_of("UNQ001"), conn).findings

    assert finding.remedy.sql == ('ALTER TABLE "public"."member" DROP CONSTRAINT "member_email_key";',)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f"create table t ({ID}, {TENANT}, email text not null unique)", id="constraint"),
        pytest.param(
            f'create table t ({ID}, {TENANT}, "E""mail" text, gone date);'
            'create unique index on t (lower("E""mail") desc nulls last, gone) include (id) where gone is null',
            id="expression, order, included, partial",
        ),
        pytest.param(
            f'create table t ({ID}, {TENANT}, a text); create unique index on t (a collate "C" text_pattern_ops)',
            id="collation, class",
        ),
        pytest.param(
            f"create table t (id uuid, {TENANT}, at date, email text, primary key (id, at), unique (email, at)) partition by range (at);"
            "create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01')",
            id="partitioned constraint",
        ),
        pytest.param(
            f"create table t (id uuid, {TENANT}, at date, email text, primary key (id, at)) partition by range (at);"
            "create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01');"
            "create unique index on t (lower(email), at)",
            id="partitioned index",
        ),
    ],
)
def test_the_remedy_of_a_global_unique_works_as_printed(bench: Bench, script: str) -> None:
    before, after = cured(bench, "UNQ001", script)

    assert (len(before), after) == (1, [])


def test_the_new_index_is_the_old_one_led_by_the_tenant(bench: Bench) -> None:
    script = f"""create table t ({ID}, {TENANT}, "E""mail" text, gone date, a text, b text);
        create unique index old on t (lower("E""mail") desc nulls last, gone nulls first, a collate "C" text_pattern_ops, b desc)
            include (id) where gone is null"""
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        read = "select replace(indexdef, indexname, 'i') from pg_indexes where tablename = 't' and indexname <> 't_pkey'"
        (old,) = conn.execute(read).fetchone() or ("",)
        for statement in findings(check_of("UNQ001"), conn).cure:
            conn.execute(statement)
        new = conn.execute(read).fetchall()

    assert [(text.replace('"', ""),) for (text,) in new] == [
        (old.replace('"', "").replace("(lower", "(org_id, lower"),)
    ]


def test_the_tenant_moves_to_the_front_of_uniques_and_primary_keys(bench: Bench) -> None:
    script = f"""create table a ({ID}, {TENANT}, slug text, unique (slug, org_id));
        create table b ({TENANT}, code text, primary key (code, org_id));
        create table c ({TENANT}, code text, primary key (code, org_id)) partition by list (code);
        create table c1 partition of c for values in ('x');
        create table d ({ID}, {TENANT}, unique (org_id));
        create unique index on a (lower(slug), org_id) where slug <> ''"""

    before, after = cured(bench, "UNQ002", script)

    assert sorted(before) == [
        "a.a_lower_org_id_idx holds org_id, but not first",
        "a.a_slug_org_id_key holds org_id, but not first",
        "b.b_pkey holds org_id, but not first",
        "c.c_pkey holds org_id, but not first",
    ]
    assert after == []


def test_a_referenced_primary_key_is_left_to_a_person(bench: Bench) -> None:
    script = f"""create table code ({TENANT}, code text, primary key (code, org_id));
        create table line ({ID}, {TENANT}, code text, foreign key (code, org_id) references code)"""
    with bench.open(script) as conn:
        execute(conn, script)
        (finding,) = findings(check_of("UNQ002"), conn).findings

    assert finding.remedy == Remedy(
        note="The primary key cannot be exchanged in place: line.line_code_org_id_fkey reference it. Plan it by hand."
    )


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        pytest.param(
            "a text, b int not null, unique (org_id, b, a)",
            "t.u accepts duplicates where a is NULL",
            id="nullable",
        ),
        pytest.param(
            "a text, unique (org_id, a)", "t.u accepts any number of rows without a", id="an optional value"
        ),
        pytest.param(
            "p uuid not null references project, a text, unique (p, a)",
            "t.u accepts any number of rows without a",
            id="an optional value within a parent",
        ),
        pytest.param(
            "p uuid not null references project, q uuid not null references project, a text, unique (p, q, a)",
            "t.u accepts duplicates where a is NULL",
            id="an optional qualifier of a pair",
        ),
        pytest.param(
            "a text, b text, unique (org_id, a, b)", "t.u accepts duplicates where a or b is NULL", id="two"
        ),
        pytest.param("a text not null, unique (org_id, a)", "", id="not null"),
        pytest.param("a text check (a is not null), unique (org_id, a)", "", id="kept from it by a check"),
        pytest.param(
            "a text check (a <> ''), b int not null, unique (org_id, b, a)",
            "t.u accepts duplicates where a is NULL",
            id="a check that NULL satisfies",
        ),
        pytest.param("a text, unique nulls not distinct (org_id, a)", "", id="nulls not distinct"),
        pytest.param("a text, unique (org_id, a), unique (org_id)", "", id="implied by a narrower one"),
        pytest.param("p uuid references project, unique (p)", "", id="an optional reference"),
        pytest.param(
            "p uuid references project, a text not null, unique (p, a)",
            "t.u accepts duplicates where p is NULL",
            id="an optional parent",
        ),
        pytest.param("a uuid default gen_random_uuid(), unique (a)", "", id="a surrogate"),
        pytest.param("a text unique", "", id="not scoped at all: left to UNQ001"),
    ],
)
def test_duplicates_slip_through(bench: Bench, rest: str, message: str) -> None:
    rest = rest.replace("unique", "constraint u unique", 1)

    assert said(bench, "UNQ003", f"{PROJECT} create table t ({ID}, {TENANT}, {rest})") == (
        [message] if message else []
    )


@pytest.mark.parametrize(
    ("indexes", "found"),
    [
        pytest.param(["(org_id, a) where a is not null"], [], id="the predicate leaves NULL out"),
        pytest.param(["(org_id, a) where a > ''"], [], id="a strict comparison leaves NULL out"),
        pytest.param(["(org_id, b, a) where b <> 'x'"], ["u0 a"], id="a predicate about something else"),
        pytest.param(["(org_id, b, a)", "(org_id, b) where a is null"], [], id="the NULL rows are covered"),
        pytest.param(
            ["(org_id, b, a)", "(org_id, b) where a is null and b = 'x'"], ["u0 a"], id="covered in part"
        ),
        pytest.param(
            ["(org_id, b, c, a)", "(org_id, b, c) where a is null"],
            ["u0 c or a", "u1 c"],
            id="covered but for another NULL",
        ),
        pytest.param(["(org_id, coalesce(a, ''))"], [], id="coalesce"),
        pytest.param(["(org_id, b, lower(a))"], ["u0 a"], id="a strict expression"),
    ],
)
def test_duplicates_slip_through_an_index(bench: Bench, indexes: list[str], found: list[str]) -> None:
    made = "".join(f"create unique index u{i} on t {index};" for i, index in enumerate(indexes))

    messages = said(
        bench,
        "UNQ003",
        f"create table t ({ID}, {TENANT}, a text, b text not null default '', c text); {made}",
    )

    assert messages == [
        f"t.{name} accepts duplicates where {columns} is NULL"
        for name, _, columns in (f.partition(" ") for f in found)
    ]


def test_a_unique_that_is_there_for_foreign_keys_may_end_with_the_tenant(bench: Bench) -> None:
    script = f"""create table a ({ID}, {TENANT}, unique (id, org_id)); create table b ({ID}, {TENANT}, a_id uuid,
        unique (id, org_id), foreign key (a_id, org_id) references a (id, org_id))"""

    assert said(bench, "UNQ002", script) == ["b.b_id_org_id_key holds org_id, but not first"]


@pytest.mark.parametrize(
    ("id", "rest"),
    [
        pytest.param("UNQ001", "unique (person_id)", id="a global unique"),
        pytest.param("UNQ002", "unique (person_id, org_id)", id="a unique led by something else"),
        pytest.param("UNQ002", "primary key (person_id, org_id)", id="a primary key led by something else"),
    ],
)
def test_a_foreign_key_keeps_an_index_when_a_unique_is_replaced(bench: Bench, id: str, rest: str) -> None:
    script = f"""create table person ({ID});
        create table member ({TENANT}, person_id uuid not null references person, {rest})"""
    cure = look(bench, id, script, CONFIG + 'global = ["person"]').cure

    with bench.open(script, *cure) as conn:
        execute(conn, script)
        for statement in cure:
            conn.execute(statement)
        found = {i: findings(check_of(i), conn, CONFIG + 'global = ["person"]').said for i in (id, "IDX002")}

    assert found == {id: [], "IDX002": []}


def test_an_index_that_another_one_serves_is_not_made_again(bench: Bench) -> None:
    script = f"""create table person ({ID});
        create table member ({TENANT}, person_id uuid not null references person, unique (person_id, org_id));
        create index on member (person_id)"""

    assert [s.partition(" ON ")[0] for s in look(bench, "UNQ002", script).cure][:1] == [
        'CREATE UNIQUE INDEX CONCURRENTLY "member_org_id_person_id_key"'
    ]


def test_an_optional_value_is_left_to_a_person(bench: Bench) -> None:
    (finding,) = look(
        bench, "UNQ003", f"create table t ({ID}, {TENANT}, a text, unique (org_id, a))"
    ).findings

    assert (finding.severity, finding.remedy) == (
        Severity.INFO,
        Remedy(
            note="Nothing to do where any number of rows may go without the value; a predicate, WHERE … IS NOT "
            "NULL, says so. Where only one may, add NULLS NOT DISTINCT."
        ),
    )


def test_uniques_over_the_same_columns_get_different_names(bench: Bench) -> None:
    script = f"""create table t ({ID}, {TENANT}, a text not null, b jsonb not null);
        create unique index u1 on t (a) where a < 'm'; create unique index u2 on t (a) where a > 'm';
        alter table t add {LONG} text, add {LONG}2 text;
        create unique index u5 on t ({LONG}, a); create unique index u6 on t ({LONG}, a, {LONG}2);
        create unique index u3 on t ((b ->> 'x')); create unique index u4 on t ((b ->> 'y'))"""
    before, after = cured(bench, "UNQ001", script)

    assert (len(before), after) == (6, [])


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            f"create table t ({ID}, {TENANT}, n int not null, a text, unique (org_id, n, a))", id="constraint"
        ),
        pytest.param(
            f"create table t ({ID}, {TENANT}, n int not null, a text); "
            "create unique index on t (org_id, n, lower(a)) where a <> '' or a is null",
            id="index",
        ),
        pytest.param(
            f"create table t (id uuid, {TENANT}, at date, a text, primary key (id, at), unique (org_id, a, at)) partition by range (at);"
            "create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01')",
            id="partitioned",
        ),
        pytest.param(
            f"{PROJECT} create table t ({ID}, {TENANT}, p uuid references project, a text, unique (p, a))",
            id="through a parent",
        ),
    ],
)
def test_the_gap_is_closed_as_printed_and_stays_within_the_tenant(bench: Bench, script: str) -> None:
    before, after = cured(bench, "UNQ003", script)

    assert (len(before), after) == (1, [])


def test_closing_the_gap_makes_no_unique_global(bench: Bench) -> None:
    script = f"{PROJECT} create table t ({ID}, {TENANT}, p uuid references project, a text, unique (p, a))"
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        for statement in findings(check_of("UNQ003"), conn).cure:
            conn.execute(statement)

        assert findings(check_of("UNQ001"), conn).said == []


def test_a_natural_key_gets_the_tenant_on_partitioned_tables_too(bench: Bench) -> None:
    script = f"""create table a ({TENANT}, code text primary key);
        create table b ({TENANT}, code text primary key) partition by list (code);
        create table b1 partition of b for values in ('x')"""

    before, after = cured(bench, "UNQ005", script)

    assert before == [
        "a.a_pkey is a natural key that all tenants share: it does not hold org_id",
        "b.b_pkey is a natural key that all tenants share: it does not hold org_id",
    ]
    assert after == []


def test_partitions_are_judged_through_their_parent(bench: Bench) -> None:
    script = f"""create table t (id uuid, {TENANT}, at date, email text, primary key (id, at), unique (email, at)) partition by range (at);
        create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01');
        create table t2 partition of t for values from ('2027-01-01') to ('2028-01-01')"""

    assert said(bench, "UNQ001", script) == [
        "t.t_email_at_key is unique across all tenants: it does not hold org_id"
    ]


def test_the_root_and_global_tables_are_not_examined(bench: Bench) -> None:
    script = f"""alter table organization add column slug text unique;
        create table person ({ID}, email text unique);
        create table member ({ID}, {TENANT}, person_id uuid not null references person, unique (org_id, person_id))"""

    assert said(bench, "UNQ001", script, CONFIG + 'global = ["person"]') == []


def test_a_unique_of_an_outer_level_is_a_warning_and_of_a_deeper_one_is_scoped(bench: Bench) -> None:
    script = f"""create table project ({ID}, {TENANT}, slug text not null, unique (org_id, slug));
        create table item ({ID}, {TENANT}, project_id uuid not null references project (id),
            name text not null, unique (org_id, name), unique (project_id, name));
        create table bill ({ID}, {TENANT}, project_id uuid not null references project (id), unique (project_id))"""
    with bench.open(script) as conn:
        execute(conn, script)
        found = findings(check_of("UNQ001"), conn, LEVELS).findings

    assert [(f.severity, f.message) for f in found] == [
        (
            Severity.WARNING,
            "item.item_org_id_name_key is scoped to an outer level of tenancy, not by project_id",
        )
    ]


def test_the_expected_unique_must_be_exact_full_and_valid(bench: Bench) -> None:
    toml = CONFIG + '[contract.tables.t]\nunique = [["a", "b"]]\n'
    table = "create table t (id int primary key, a int, b int);"

    assert [
        said(bench, "UNQ004", table + more, toml)
        for more in (
            "create unique index on t (a, b)",
            "alter table t add unique (a, b) deferrable",
            "create unique index on t (b, a)",
            "create unique index on t (a, b) where a > 0",
            "create unique index on t (a, b, id)",
            "create index on t (a, b)",
            "create unique index on t (a, (b + 0))",
        )
    ] == [[], [], *[["t has no unique on (a, b)"]] * 5]


def test_what_is_nearest_to_the_expected_unique_is_shown(bench: Bench) -> None:
    script = "create table t (id int primary key, a int, b int, unique (b, a))"
    toml = CONFIG + '[contract.tables.t]\nunique = [["a", "b"], ["a", "zip"]]\n'
    with bench.open(script) as conn:
        execute(conn, script)
        found = findings(check_of("UNQ004"), conn, toml).findings

    assert [(f.observed, f.remedy.note) for f in found] == [
        ("t_b_a_key: UNIQUE (b, a)", "Duplicate rows make the new index fail: look for them first."),
        ("none", "The table has no zip: add it first."),
    ]


def test_the_added_unique_has_a_name_that_is_free(bench: Bench) -> None:
    script = "create table t (a int, b int); create sequence t_a_b_key"
    toml = CONFIG + '[contract.tables.t]\nunique = [["a", "b"]]\n'

    assert survives(bench, "UNQ004", script, toml) == []


def test_a_unique_that_a_partitioned_table_cannot_have_is_left_to_a_person(bench: Bench) -> None:
    script = 'create table t (a int, b int, "A ""t" date) partition by range (a, "A ""t")'
    toml = CONFIG + '[contract.tables.t]\nunique = [["b"], ["b", "a", \'A "t\']]\n'
    first, second = (f.remedy for f in look(bench, "UNQ004", script, toml).findings)

    assert (first.sql, first.note) == (
        (),
        'The table is partitioned by a, A "t, which every unique of it must hold: '
        "declare the unique with them, or partition by the columns of the unique.",
    )
    assert second.sql == (
        'ALTER TABLE "public"."t" ADD CONSTRAINT "t_b_a_A ""t_key" UNIQUE ("b", "a", "A ""t");',
    )


@pytest.mark.parametrize(
    ("default", "found"),
    [
        ("nextval('public.a_seq'::regclass)", True),
        ("(gen_random_uuid())::text", True),
        ('"App".next_id()', True),
        ("'f()'::text", False),
        ("'x'::character varying(20)", False),
        ("(current_setting('app.t'::text, true))::uuid", False),
        ("timezone('utc'::text, now())", False),
    ],
)
def test_a_default_generates_values_when_it_calls_a_generator(default: str, found: bool) -> None:
    assert generates(default) is found


def test_predicates_are_read_only_where_they_are_plain() -> None:
    predicate = (
        """((deleted_at IS NULL) AND ("a""b" IS NOT NULL) AND ((s)::text = 'x AND y'::text) AND done)"""
    )
    either = "((a = 1) OR ((b = 2) AND (c = 3)))"

    assert conjuncts(predicate) == (
        "deleted_at IS NULL",
        '"a""b" IS NOT NULL',
        "(s)::text = 'x AND y'::text",
        "done",
    )
    assert not_null_columns(predicate) == {'a"b', "s", "done"}
    assert (not_null_columns(either), fixed_columns(either)) == (frozenset(), frozenset())
    assert fixed_columns("(org_id = '0'::uuid)") == {"org_id"}
    assert fixed_columns("(org_id = other)") == frozenset()
    assert [strict_column(e) for e in ("lower((a)::text)", "(a || b)", 'upper("B")')] == ["a", None, "B"]


@pytest.mark.parametrize(
    ("unique", "declared", "message"),
    [
        ("unique (a, b)", "nulls_distinct = false", "NULLS DISTINCT instead of NULLS NOT DISTINCT"),
        (
            "unique nulls not distinct (a, b)",
            "nulls_distinct = true",
            "NULLS NOT DISTINCT instead of NULLS DISTINCT",
        ),
        ("unique nulls not distinct (a, b)", "nulls_distinct = false", ""),
        ("unique (a, b)", 'include = ["c"]', "no INCLUDE instead of INCLUDE (c)"),
        ("unique (a, b) include (c)", 'include = ["c"]', ""),
        (
            "unique (a, b)",
            'deferrable = "initially deferred"',
            "NOT DEFERRABLE instead of DEFERRABLE INITIALLY DEFERRED",
        ),
        ("unique (a, b) deferrable initially deferred", 'deferrable = "initially deferred"', ""),
    ],
)
@pytest.mark.pg(">= 15")
def test_what_else_is_declared_of_a_unique_counts(
    bench: Bench, unique: str, declared: str, message: str
) -> None:
    toml = f'{CONFIG}[[contract.tables.t.unique]]\ncolumns = ["a", "b"]\n{declared}\n'
    script = f"create table t (id int primary key, a int, b int, c int, constraint u {unique})"

    expected = [f"t.u is not as declared: {message}"] if message else []
    assert said(bench, "UNQ004", script, toml) == expected


@pytest.mark.pg(">= 18")
@pytest.mark.parametrize(
    ("key", "severities"),
    [("(room, during without overlaps)", [Severity.ERROR]), ("(org_id, room, during without overlaps)", [])],
)
def test_a_primary_key_over_ranges_keeps_other_tenants_out(
    bench: Bench, key: str, severities: list[str]
) -> None:
    script = (
        f"create table slot ({TENANT}, room int4range not null, during daterange not null, primary key {key})"
    )
    script = script.replace("org_id uuid", "org_id int4range").replace(" references organization (id)", "")
    assert [flaw.severity for flaw in flaws_of(bench, "UNQ005", script, CONFIG)] == severities


@pytest.mark.parametrize(
    ("kind", "check", "open_"),
    [
        ("'app'", "kind = 'app' and a is not null or kind = 'org' and a is null", False),
        ("kind_app()", "kind = kind_app() and a is not null or kind = kind_org() and a is null", False),
        ("'app'", "kind = 'app' and a is not null or a is null", True),
        ("'app'", "kind = 'app' or kind = 'org' and a is not null", True),
        ("'other'", "kind = 'app' and a is not null or kind = 'org' and a is not null", True),
    ],
    ids=["constants", "functions", "a branch for any kind", "a branch without", "no branch of the kind"],
)
def test_a_check_by_kinds_keeps_the_rows_of_one_kind_from_null(
    bench: Bench, kind: str, check: str, open_: bool
) -> None:
    script = f"""
        create function kind_app() returns text language sql immutable as $$ select 'app' $$;
        create function kind_org() returns text language sql immutable as $$ select 'org' $$;
        create table t ({ID}, {TENANT}, kind text not null, b int not null, a text, check ({check}));
        create unique index u on t (org_id, b, a) where kind = {kind}
    """
    assert bool(said(bench, "UNQ003", script)) == open_
