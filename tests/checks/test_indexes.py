"""IDX: missing, broken and superfluous indexes."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, check_of, findings, printed
from validate_schema.model.finding import Finding, ObjectRef, Remedy, Severity

TENANT = "org_id uuid not null references organization (id)"
ID = "id uuid primary key default gen_random_uuid()"
TABLE = f"create table t ({ID}, {TENANT}, a text, b text, gone date);"
PARTITIONED = """create table t (id uuid, org_id uuid not null references organization (id), at date, a text)
    partition by range (at);
    create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01');
    create table t2 partition of t for values from ('2027-01-01') to ('2028-01-01');"""
LED = "create index on t (org_id);"
NO_BLOCK = "SHARE UPDATE EXCLUSIVE: reads and writes go on"


def found(bench: Bench, id: str, script: str, toml: str = CONFIG) -> tuple[Finding, ...]:
    with bench.open(script) as conn:
        execute(conn, script)
        return findings(check_of(id), conn, toml).findings


def said(bench: Bench, id: str, script: str, toml: str = CONFIG) -> list[str]:
    return [f.message for f in found(bench, id, script, toml)]


def counted(bench: Bench, id: str, script: str) -> tuple[int, int, int]:
    """Examined, failed, findings."""
    with bench.open(script) as conn:
        execute(conn, script)
        judged = findings(check_of(id), conn)
    return judged.result.examined, judged.result.failed, len(judged.findings)


def cured(bench: Bench, id: str, script: str) -> tuple[list[str], list[str]]:
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        before = findings(check_of(id), conn)
        for statement in before.cure:
            conn.execute(statement)
        return before.said, findings(check_of(id), conn).said


@pytest.mark.parametrize(
    ("index", "led"),
    [
        pytest.param("create index on t (org_id)", True, id="alone"),
        pytest.param("create index on t (org_id, a)", True, id="with more"),
        pytest.param("alter table t add unique (org_id, a)", True, id="a unique"),
        pytest.param("create index on t using hash (org_id)", True, id="hash"),
        pytest.param(
            "create index on t (org_id) where org_id is not null", True, id="only rows with a tenant"
        ),
        pytest.param("create index on t (a, org_id)", False, id="second"),
        pytest.param("create index on t (a) include (org_id)", False, id="included"),
        pytest.param("create index on t (org_id) where gone is null", False, id="partial"),
        pytest.param("create index on t ((org_id::text))", False, id="expression"),
    ],
)
def test_an_index_leads_with_the_tenant(bench: Bench, index: str, led: bool) -> None:
    assert said(bench, "IDX001", TABLE + index) == ([] if led else ["t has no index that starts with org_id"])


def test_a_missing_tenant_index_is_found_with_all_that_is_known(bench: Bench) -> None:
    script = (
        'create table "Ta""sk" (id int primary key, org_id uuid references organization (id), a int);'
        + ('create index "x" on "Ta""sk" (a, org_id)')
    )

    (finding,) = found(bench, "IDX001", script)

    assert printed(finding) == Finding(
        fingerprint=finding.fingerprint,
        check="IDX001",
        severity=Severity.WARNING,
        object=ObjectRef("table", "public", 'Ta"sk'),
        message='Ta"sk has no index that starts with org_id',
        expected="a valid, full index that starts with org_id",
        observed="x: INDEX (a, org_id)",
        remedy=Remedy(
            ('CREATE INDEX CONCURRENTLY "Ta""sk_org_id_idx" ON "public"."Ta""sk" ("org_id");',), lock=NO_BLOCK
        ),
    )


def test_a_taken_name_is_not_used_again(bench: Bench) -> None:
    script = TABLE + "create index t_org_id_idx on t (a); create view t_org_id_idx1 as select 1"

    assert cured(bench, "IDX001", script) == (["t has no index that starts with org_id"], [])


def test_levels_may_stand_before_the_tables_own_column(bench: Bench) -> None:
    toml = """
    [[tenancy.levels]]
    root = "organization"
    column = "org_id"
    [[tenancy.levels]]
    root = "project"
    column = "project_id"
    parent = "organization"
    """
    project = f"create table project ({ID}, {TENANT}); create index on project (org_id);"
    item = f"create table item ({ID}, {TENANT}, project_id uuid not null references project);"

    assert said(bench, "IDX001", project + item + "create index on item (org_id, project_id)", toml) == []
    assert said(bench, "IDX001", project + item + "create index on item (org_id)", toml) == [
        "item has no index that starts with project_id"
    ]


def test_indexes_of_a_partitioned_table_are_judged_on_the_parent(bench: Bench) -> None:
    assert cured(bench, "IDX001", PARTITIONED) == (["t has no index that starts with org_id"], [])
    assert said(bench, "IDX001", PARTITIONED + LED) == []


@pytest.mark.parametrize(
    ("index", "found_as"),
    [
        pytest.param("(x, y)", None, id="in order"),
        pytest.param("(y, x, a)", None, id="any order, with more"),
        pytest.param("(x, y) where x is not null and y is not null", None, id="without NULLs"),
        pytest.param("(x, a, y)", Severity.WARNING, id="interrupted"),
        pytest.param("(x)", Severity.WARNING, id="only the first"),
        pytest.param("(x, y) where a = ''", Severity.WARNING, id="partial"),
        pytest.param("(x, y) where x is not null or a = ''", Severity.WARNING, id="an alternative"),
        pytest.param("(x, y) where a is not null", Severity.WARNING, id="without another column's NULLs"),
        pytest.param(
            "(x, y) where x is not null and gone is null", Severity.WARNING, id="partial beside NULLs"
        ),
    ],
)
def test_a_foreign_key_is_indexed_by(bench: Bench, index: str, found_as: Severity | None) -> None:
    script = f"""create table p (x int, y int, primary key (x, y));
        create table t ({ID}, x int, y int, a text, gone date, foreign key (x, y) references p);
        create index on t {index}"""

    assert [f.severity for f in found(bench, "IDX002", script)] == ([found_as] if found_as else [])


def test_a_composite_key_that_is_found_without_the_tenant_is_an_info(bench: Bench) -> None:
    script = f"""create table p ({ID}, {TENANT}, unique (org_id, id));
        create table t ({ID}, {TENANT}, p uuid, foreign key (org_id, p) references p (org_id, id));
        create index on t (p)"""

    assert [(f.severity, f.message) for f in found(bench, "IDX002", script)] == [
        (Severity.INFO, "t.t_org_id_p_fkey has no index that starts with (org_id, p)")
    ]


def test_the_key_on_the_tenant_column_is_left_to_the_tenant_index(bench: Bench) -> None:
    assert said(bench, "IDX002", f"create table t ({ID}, {TENANT})") == []


def test_foreign_keys_of_partitioned_tables_get_their_index(bench: Bench) -> None:
    script = f"""create table p ({ID});
        create table t (org_id uuid not null references organization (id), p uuid references p, at date) partition by range (at);
        create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01')"""

    assert cured(bench, "IDX002", script) == (["t.t_p_fkey has no index that starts with (p)"], [])


def test_a_failed_concurrent_build_is_rebuilt_once_its_cause_is_gone(bench: Bench) -> None:
    script = "create table t (id int primary key, a int); insert into t values (1, 1), (2, 1);"
    with bench.open("concurrently") as conn:
        execute(conn, script)
        with pytest.raises(Exception, match="could not create unique index"):
            conn.execute("create unique index concurrently broken on t (a)")
        before = findings(check_of("IDX003"), conn)
        conn.execute("delete from t where id = 2")
        for statement in before.cure:
            conn.execute(statement)

        assert [(f.message, f.remedy.sql) for f in before.findings] == [
            ("t.broken is invalid", ('REINDEX INDEX CONCURRENTLY "public"."broken";',))
        ]
        assert findings(check_of("IDX003"), conn).said == []


def test_what_an_interrupted_reindex_left_is_dropped(bench: Bench) -> None:
    script = f"""{TABLE} create index t_a_idx_ccnew on t (a);
        update pg_index set indisvalid = false, indisready = false where indexrelid = 't_a_idx_ccnew'::regclass"""
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        (finding,) = findings(check_of("IDX003"), conn).findings
        for statement in finding.remedy.sql:
            conn.execute(statement)

        assert finding.message == "t.t_a_idx_ccnew is invalid"
        assert finding.remedy.sql == ('DROP INDEX CONCURRENTLY "public"."t_a_idx_ccnew";',)
        assert findings(check_of("IDX003"), conn).said == []


def test_an_index_that_some_partitions_lack_is_made_anew_like_it_was(bench: Bench) -> None:
    script = PARTITIONED + """create index "T a" on only t (lower(a) desc, at) where a <> '';"""
    with bench.open(script) as conn:
        execute(conn, script)
        before = findings(check_of("IDX003"), conn)
        for statement in before.cure:
            conn.execute(statement)
        (row,) = conn.execute("select pg_get_indexdef(oid) from pg_class where relname = 'T a'").fetchall()

        assert before.said == ["t.T a is invalid"]
        assert findings(check_of("IDX003"), conn).said == []
        assert row[0].endswith("""USING btree (lower(a) DESC, at) WHERE (a <> ''::text)""")


def test_a_partitions_own_broken_index_is_found_there(bench: Bench) -> None:
    script = (
        PARTITIONED
        + """create index own on t1 (a);
        update pg_index set indisvalid = false where indexrelid = 'own'::regclass"""
    )

    assert said(bench, "IDX003", script) == ["t1.own is invalid"]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        pytest.param("index x on t (a)", "index y on t (a)", ["t.y duplicates x"], id="equal"),
        pytest.param("index x on t (a)", "index y on t (a desc)", [], id="order"),
        pytest.param("index x on t (a)", "index y on t (a text_pattern_ops)", [], id="operator class"),
        pytest.param("index x on t (a)", 'index y on t (a collate "C")', [], id="collation"),
        pytest.param("index x on t (a)", "index y on t using hash (a)", [], id="method"),
        pytest.param("index x on t (a)", "index y on t (a) where gone is null", [], id="predicate"),
        pytest.param(
            "index x on t (a) where gone is null",
            "index y on t (a) where gone is null",
            ["t.y duplicates x"],
            id="equal partial",
        ),
        pytest.param("index x on t (a)", "unique index y on t (a)", [], id="uniqueness"),
        pytest.param("index x on t (a)", "index y on t (a) include (b)", [], id="included"),
        pytest.param(
            "index x on t (lower(a))", "index y on t (lower(a))", ["t.y duplicates x"], id="equal expression"
        ),
        pytest.param("index x on t (lower(a))", "index y on t (upper(a))", [], id="expression"),
        pytest.param("unique index x on t (a)", "unique index y on t (a) nulls not distinct", [], id="NULLs"),
        pytest.param("index x on t (a, b)", "index y on t (b, a)", [], id="sequence"),
    ],
)
def test_a_duplicate_is_equal_in_everything(bench: Bench, one: str, other: str, message: list[str]) -> None:
    assert said(bench, "IDX004", f"{TABLE} create {one}; create {other}") == message


def test_the_key_stays_and_its_doubles_go(bench: Bench) -> None:
    script = f"""{TABLE} create unique index a_double on t (id); alter table t add constraint other unique (id);
        alter table t add constraint later unique (a) deferrable; create unique index now on t (a)"""

    assert sorted(cured(bench, "IDX004", script)[0]) == [
        "t.a_double duplicates t_pkey",
        "t.other duplicates t_pkey",
    ]
    assert cured(bench, "IDX004", script)[1] == []


def test_exclusion_constraints_and_invalid_indexes_are_no_duplicates(bench: Bench) -> None:
    script = """create table t (id int primary key, r int4range, a int,
            exclude using gist (r with &&), exclude using gist (r with =));
        create index i on t using gist (r); create index x on t (a); create index y on t (a);
        update pg_index set indisvalid = false where indexrelid = 'y'::regclass"""

    assert said(bench, "IDX004", script) == []


def test_a_habit_of_many_tables_is_one_finding_that_lists_them(bench: Bench) -> None:
    tables = "".join(
        f'create table "T{n}" (id int primary key, org_id uuid not null references organization (id));'
        f'create unique index "T{n}_id" on "T{n}" (id); create index "T{n}_org" on "T{n}" (org_id);'
        for n in range(7)
    )

    (finding,) = found(bench, "IDX004", tables)

    assert finding.message == "7 tables have a unique index beside the primary key"
    assert finding.object == ObjectRef("index habit", name="a unique index beside the primary key")
    assert finding.observed == "T0.T0_id, T1.T1_id, T2.T2_id, T3.T3_id, T4.T4_id and 2 more"
    assert finding.evidence == ", ".join(f"T{n}.T{n}_id" for n in range(7))
    assert finding.remedy.sql == tuple(f'DROP INDEX CONCURRENTLY "public"."T{n}_id";' for n in range(7))
    assert cured(bench, "IDX004", tables)[1] == []
    # 7 primary keys, 7 plain indexes and the root's key pass; the habit is one subject.
    assert counted(bench, "IDX004", tables) == (16, 1, 1)


def test_the_same_on_two_tables_is_no_habit(bench: Bench) -> None:
    tables = "".join(
        f"create table t{n} (id int primary key); create unique index u{n} on t{n} (id);" for n in range(2)
    )

    assert said(bench, "IDX004", tables) == ["t0.u0 duplicates t0_pkey", "t1.u1 duplicates t1_pkey"]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        pytest.param("index x on t (a)", "index y on t (a, b)", ["t.x is a prefix of y"], id="prefix"),
        pytest.param(
            "index x on t (a)", "unique index y on t (a)", ["t.x is covered by y"], id="beside a unique"
        ),
        pytest.param(
            "index x on t (a)", "index y on t (a) include (b)", ["t.x is covered by y"], id="less included"
        ),
        pytest.param("index x on t (a) include (gone)", "index y on t (a, b)", [], id="includes more"),
        pytest.param(
            "index x on t (a) include (b)",
            "index y on t (a, b)",
            ["t.x is a prefix of y"],
            id="includes a key",
        ),
        pytest.param("unique index x on t (a)", "index y on t (a, b)", [], id="unique"),
        pytest.param(
            "index x on t (a)", "index y on t (a, b) where gone is null", [], id="the longer is partial"
        ),
        pytest.param(
            "index x on t (a) where gone is null", "index y on t (a, b)", [], id="the shorter is partial"
        ),
        pytest.param("index x on t (b)", "index y on t (a, b)", [], id="not at the start"),
        pytest.param("index x on t (a desc)", "index y on t (a, b)", [], id="order"),
        pytest.param("index x on t (a text_pattern_ops)", "index y on t (a, b)", [], id="operator class"),
        pytest.param("index x on t using hash (a)", "index y on t (a, b)", [], id="hash"),
        pytest.param(
            "index x on t (lower(a))", "index y on t (lower(a), b)", ["t.x is a prefix of y"], id="expression"
        ),
        pytest.param("index x on t (lower(a))", "index y on t (upper(a), b)", [], id="another expression"),
    ],
)
def test_a_redundant_index_begins_another(bench: Bench, one: str, other: str, message: list[str]) -> None:
    script = f"{TABLE} create {one}; create {other}"

    assert said(bench, "IDX005", script) == message
    assert cured(bench, "IDX005", script)[1] == []


def test_a_duplicate_is_not_called_redundant_as_well(bench: Bench) -> None:
    script = f"{TABLE} create index x on t (a); create index y on t (a); create index z on t (a, b)"

    assert said(bench, "IDX004", script) == ["t.y duplicates x"]
    assert said(bench, "IDX005", script) == ["t.x is a prefix of z"]


def test_superfluous_indexes_of_partitioned_tables_are_dropped_on_the_parent(bench: Bench) -> None:
    twins = PARTITIONED + "create index x on t (a); create index y on t (a)"
    prefix = PARTITIONED + "create index x on t (a); create index z on t (a, at)"

    assert cured(bench, "IDX004", twins) == (["t.y duplicates x"], [])
    assert cured(bench, "IDX005", prefix) == (["t.x is a prefix of z"], [])


def test_the_expected_index_may_be_longer_but_not_partial(bench: Bench) -> None:
    toml = CONFIG + '[contract.tables.t]\nindexes = [["a", "b"]]\n'

    assert [
        said(bench, "IDX006", TABLE + more, toml)
        for more in (
            "create index on t (a, b)",
            "create index on t (a, b, id)",
            "create unique index on t (a, b)",
            "create index on t (b, a)",
            "create index on t (a)",
            "create index on t (a, b) where gone is null",
        )
    ] == [[], [], [], *[["t has no index that starts with (a, b)"]] * 3]
