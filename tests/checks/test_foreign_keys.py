"""FKY: keys that cross tenants, are not as declared, do not hold, or stand in a tenant's way."""

import msgspec
import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, check_of, facts_of, findings, judge, printed
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import QName
from validate_schema.model.finding import Finding, ObjectRef, Remedy, Severity

TENANT = "org_id uuid not null references organization (id) on delete cascade"
ID = "id uuid primary key default gen_random_uuid()"
PROJECT = f"create table project ({ID}, {TENANT}, unique (org_id, id));"
LEVELS = """
[[tenancy.levels]]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "project"
column = "project_id"
parent = "organization"
"""
ADD_LOCK = "SHARE ROW EXCLUSIVE for a moment; the rows are checked under SHARE UPDATE EXCLUSIVE"
CROSSING = "Rows that reference another tenant's row make it fail: mend them first."
NO_LIST = (
    "The action would also set the tenant column: ON DELETE takes a column list from PostgreSQL 15 on, "
    "ON UPDATE takes none. Choose another action."
)


def found(bench: Bench, id: str, script: str, toml: str = CONFIG) -> tuple[Finding, ...]:
    with bench.open(script) as conn:
        execute(conn, script)
        return findings(check_of(id), conn, toml).findings


def said(bench: Bench, id: str, script: str, toml: str = CONFIG) -> list[str]:
    return [f.message for f in found(bench, id, script, toml)]


def cured(bench: Bench, id: str, script: str, toml: str = CONFIG) -> tuple[list[str], list[str]]:
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        before = findings(check_of(id), conn, toml)
        for statement in before.cure:
            conn.execute(statement)
        return before.said, findings(check_of(id), conn, toml).said


def facts(bench: Bench, script: str, toml: str = CONFIG) -> Facts:
    with bench.open(script) as conn:
        execute(conn, script)
        return facts_of(conn, toml)


def crosses(*keys: str) -> list[str]:
    return [f"{key} may reference a row of another tenant" for key in keys]


def test_a_key_that_may_cross_is_found_with_all_that_is_known(bench: Bench) -> None:
    script = f"""create table "Project" ({ID}, "orgId" uuid not null references organization (id));
        create table "Task" ({ID}, org_id uuid not null references organization (id), "projectId" uuid
            constraint "Task_projectId_fkey" references "Project" (id) on delete set null on update cascade deferrable)"""
    toml = '[tenancy]\nroot = "organization"\ncolumn = ["org_id", "orgId"]\n'

    (finding,) = found(bench, "FKY001", script, toml)

    assert printed(finding) == Finding(
        fingerprint=finding.fingerprint,
        check="FKY001",
        severity=Severity.ERROR,
        object=ObjectRef("constraint", "public", "Task", "Task_projectId_fkey"),
        message="Task.Task_projectId_fkey may reference a row of another tenant",
        expected="a composite key that holds org_id and references orgId",
        observed="FOREIGN KEY (projectId) REFERENCES Project (id) ON DELETE SET NULL ON UPDATE CASCADE",
        remedy=Remedy(
            (
                'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Project_orgId_id_key" '
                'ON "public"."Project" ("orgId", "id");',
                'ALTER TABLE "public"."Task" ADD CONSTRAINT "Task_org_id_projectId_fkey" '
                'FOREIGN KEY ("org_id", "projectId") REFERENCES "public"."Project" ("orgId", "id") '
                'ON DELETE SET NULL ("projectId") ON UPDATE CASCADE DEFERRABLE NOT VALID;',
                'ALTER TABLE "public"."Task" VALIDATE CONSTRAINT "Task_org_id_projectId_fkey";',
                'ALTER TABLE "public"."Task" DROP CONSTRAINT "Task_projectId_fkey";',
                'ALTER TABLE "public"."Task" RENAME CONSTRAINT "Task_org_id_projectId_fkey" TO "Task_projectId_fkey";',
            ),
            CROSSING,
            ADD_LOCK,
        ),
        basis=finding.basis,
    )


@pytest.mark.parametrize(
    ("rest", "crossing"),
    [
        pytest.param("p uuid references project", True, id="single"),
        pytest.param(
            "p uuid, foreign key (org_id, p) references project (org_id, id)", False, id="composite"
        ),
        pytest.param(
            "p uuid, foreign key (p, org_id) references project (id, org_id)", False, id="any order"
        ),
        pytest.param(
            "p uuid, o uuid, foreign key (o, p) references project (org_id, id)",
            True,
            id="another column than the tenant's",
        ),
        pytest.param(
            "p uuid references project, foreign key (org_id, p) references project (org_id, id)",
            False,
            id="a composite beside it",
        ),
        pytest.param("s uuid references setting (org_id)", True, id="another tenant's one row"),
        pytest.param("foreign key (org_id) references setting (org_id)", False, id="the tenant's one row"),
        pytest.param("g uuid references person", False, id="a global table"),
        pytest.param("o uuid references organization", False, id="the root"),
        pytest.param("l uuid references line", False, id="a table owned through a parent"),
    ],
)
def test_a_key_between_tenant_tables_crosses_unless_it_holds_the_tenant(
    bench: Bench, rest: str, crossing: bool
) -> None:
    script = f"""{PROJECT} create table person ({ID}); create table setting (org_id uuid primary key references organization (id));
        create table line ({ID}, project_id uuid not null references project);
        create table t ({ID}, {TENANT}, {rest})"""

    messages = [
        m for m in said(bench, "FKY001", script, CONFIG + 'global = ["person"]') if m.startswith("t.")
    ]

    assert len(messages) == (1 if crossing else 0)


def test_a_key_to_a_table_of_the_outer_level_says_which_column_is_lacking(bench: Bench) -> None:
    script = f"""{PROJECT} create table team ({ID}, {TENANT});
        create table task ({ID}, project_id uuid not null references project, team_id uuid references team)"""

    (finding,) = found(bench, "FKY001", script, LEVELS)

    assert (finding.expected, finding.remedy.note) == (
        "a composite key that holds org_id on both sides; task lacks it",
        "Give task org_id first; then make the key composite.",
    )


def test_a_composite_key_beside_it_counts_only_when_it_always_holds(bench: Bench) -> None:
    script = f"""{PROJECT}
        create table maybe ({ID}, org_id uuid references organization (id), p uuid references project,
            foreign key (org_id, p) references project (org_id, id));
        create table later ({ID}, {TENANT}, p uuid references project);
        alter table later add foreign key (org_id, p) references project (org_id, id) not valid"""

    assert said(bench, "FKY001", script) == crosses("later.later_p_fkey", "maybe.maybe_p_fkey")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            f"create table node ({ID}, {TENANT}, parent_id uuid references node on delete set null)",
            id="self-reference",
        ),
        pytest.param(
            f"{PROJECT} create table t ({ID}, {TENANT}, a uuid references project, b uuid references project)",
            id="two keys, one parent",
        ),
        pytest.param(
            f"create table project ({ID}, {TENANT}); create table t ({ID}, {TENANT}, a uuid references project, b uuid references project)",
            id="two keys, the parent lacks its unique",
        ),
        pytest.param(
            f"{PROJECT} create table t ({TENANT}, at date, p uuid references project on delete set null) partition by range (at);"
            "create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01')",
            id="partitioned child",
        ),
        pytest.param(
            f"create table e (id uuid, at date, {TENANT}, primary key (id, at)) partition by range (at);"
            "create table e1 partition of e for values from ('2026-01-01') to ('2027-01-01');"
            f"create table t ({ID}, {TENANT}, e uuid, at date, foreign key (e, at) references e (id, at) deferrable initially deferred)",
            id="partitioned parent",
        ),
        pytest.param(
            f"create table project ({ID}, {TENANT}, unique (org_id, id) deferrable); create table t ({ID}, {TENANT}, p uuid references project)",
            id="a deferrable unique cannot be referenced",
        ),
        pytest.param(
            f'create schema "A ""b"; create table "A ""b"."P" ({ID}, {TENANT}); create table t ({ID}, {TENANT}, "x""y" uuid references "A ""b"."P")',
            id="hostile names",
        ),
    ],
)
def test_the_remedy_of_a_crossing_key_works_as_printed(bench: Bench, script: str) -> None:
    before, after = cured(bench, "FKY001", script)

    assert (bool(before), after) == (True, [])


def test_the_actions_and_the_data_survive_the_remedy(bench: Bench) -> None:
    script = f"""create table project ({ID}, {TENANT}, name text);
        create table task ({ID}, {TENANT}, p uuid references project on delete set null);
        insert into organization (id, name) values ('00000000-0000-0000-0000-000000000001', 'a'), ('00000000-0000-0000-0000-000000000002', 'b');
        insert into project (id, org_id) select id, id from organization;
        insert into task (org_id, p) select id, id from organization"""
    with bench.open(script, "concurrently") as conn:
        execute(conn, script)
        for statement in findings(check_of("FKY001"), conn).cure:
            conn.execute(statement)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            conn.execute("update task set p = '00000000-0000-0000-0000-000000000002'")
        conn.execute("delete from project where name is null")

        assert conn.execute("select count(*), count(org_id), count(p) from task").fetchone() == (2, 2, 0)
        assert findings(check_of("FKY005"), conn).said == []


def test_a_nullable_tenant_column_keeps_the_old_key(bench: Bench) -> None:
    script = f"{PROJECT} create table t ({ID}, org_id uuid references organization (id), p uuid references project)"

    (finding,) = found(bench, "FKY001", script)

    assert [s for s in finding.remedy.sql if "DROP" in s] == []
    assert finding.remedy.note == (
        f"{CROSSING} Make org_id NOT NULL (TEN002), then drop t_p_fkey: until then a NULL there escapes the new key."
    )


def test_before_postgresql_15_set_null_is_left_to_a_person(bench: Bench) -> None:
    world = facts(
        bench, f"{PROJECT} create table t ({ID}, {TENANT}, p uuid references project on delete set null)"
    )
    server = msgspec.structs.replace(world.catalog.server, version_num=140011)
    old = Facts(msgspec.structs.replace(world.catalog, server=server), world.tenancy)

    assert [f.remedy for f in judge(check_of("FKY001"), old).findings] == [Remedy(note=NO_LIST)]


def test_columns_of_two_types_are_not_joined_by_a_remedy(bench: Bench) -> None:
    script = f"""{PROJECT} create table t ({ID}, org_id text not null, p uuid references project)"""

    (finding,) = found(bench, "FKY001", script, CONFIG + 'tenant = ["t"]')

    assert finding.remedy == Remedy(
        note="Give the tenant column the same type in both tables first (TEN003)."
    )


def test_between_levels_the_outer_tenant_counts(bench: Bench) -> None:
    script = f"""create table project ({ID}, {TENANT}, unique (org_id, id));
        create table customer ({ID}, {TENANT});
        create table item ({ID}, org_id uuid not null, project_id uuid not null references project (id),
            other uuid references item, customer uuid references customer);
        create table bill ({ID}, {TENANT}, project uuid references project (id), item uuid references item)"""

    assert said(bench, "FKY001", script, LEVELS) == crosses(
        "bill.bill_item_fkey", "bill.bill_project_fkey", "item.item_customer_fkey", "item.item_other_fkey"
    )
    expected = {f.object.name: f.expected for f in found(bench, "FKY001", script, LEVELS)}
    assert expected == {
        "bill_item_fkey": "a composite key that holds org_id and references org_id",
        "bill_project_fkey": "a composite key that holds org_id and references org_id",
        "item_customer_fkey": "a composite key that holds org_id and references org_id",
        "item_other_fkey": "a composite key that holds project_id and references project_id",
    }


def contract(*lines: str) -> str:
    return CONFIG + "[[contract.tables.t.foreign_keys]]\n" + "\n".join(lines)


TO_PROJECT = ('columns = ["a", "b"]', 'references = "project"', 'referenced_columns = ["org_id", "id"]')


@pytest.mark.parametrize(
    ("key", "toml", "message"),
    [
        pytest.param(
            "foreign key (a, b) references project (org_id, id)", contract(*TO_PROJECT), [], id="as declared"
        ),
        pytest.param(
            "foreign key (b, a) references project (id, org_id)",
            contract(*TO_PROJECT),
            [],
            id="in another order",
        ),
        pytest.param("check (true)", contract(*TO_PROJECT), ["t has no foreign key on (a, b)"], id="missing"),
        pytest.param(
            "foreign key (b) references project",
            contract(*TO_PROJECT),
            ["t has no foreign key on (a, b)"],
            id="other columns",
        ),
        pytest.param(
            "foreign key (b, a) references project (org_id, id)",
            contract(*TO_PROJECT),
            ["t.k on (a, b) is not as declared: references (org_id, id) instead of (org_id, id)"],
            id="crossed",
        ),
        pytest.param(
            "foreign key (b) references organization",
            contract('columns = ["b"]', 'references = "project"'),
            ["t.k on (b) is not as declared: references organization instead of project"],
            id="another target",
        ),
        pytest.param(
            "foreign key (b) references project on delete set null",
            contract(
                'columns = ["b"]', 'references = "project"', 'on_delete = "cascade"', 'on_update = "restrict"'
            ),
            [
                "t.k on (b) is not as declared: ON DELETE SET NULL instead of CASCADE; ON UPDATE NO ACTION instead of RESTRICT"
            ],
            id="other actions",
        ),
        pytest.param(
            "foreign key (b) references project on delete set null",
            contract('columns = ["b"]', 'references = "project"'),
            [],
            id="actions left open",
        ),
        pytest.param(
            "foreign key (a, b) references project (org_id, id) deferrable",
            contract(*TO_PROJECT, 'match = "full"', 'deferrable = "initially deferred"'),
            [
                "t.k on (a, b) is not as declared: MATCH SIMPLE instead of FULL;"
                " DEFERRABLE INITIALLY IMMEDIATE instead of DEFERRABLE INITIALLY DEFERRED"
            ],
            id="checked at another time",
        ),
        pytest.param(
            "foreign key (b) references project",
            contract('columns = ["b"]', 'references = "project"', 'deferrable = "no"'),
            [],
            id="not deferrable",
        ),
    ],
)
def test_a_declared_key(bench: Bench, key: str, toml: str, message: list[str]) -> None:
    script = f"{PROJECT} create table t ({ID}, a uuid, b uuid, constraint k {key})"

    before, after = cured(bench, "FKY002", script, toml)

    assert (before, after) == (message, [])


def test_a_declared_key_to_nowhere_says_what_is_lacking(bench: Bench) -> None:
    nowhere = contract('columns = ["b"]', 'references = "nowhere"')
    no_column = contract('columns = ["zip"]', 'references = "project"')
    script = f"{PROJECT} create table t ({ID}, b uuid)"

    notes = [found(bench, "FKY002", script, toml)[0].remedy.note for toml in (nowhere, no_column)]

    assert notes == [
        "nowhere does not exist, or has no primary key to reference: add it first.",
        "The column zip does not exist: add it first.",
    ]


def test_the_key_to_the_root_is_left_to_its_own_check(bench: Bench) -> None:
    script = f"""create table t ({ID}, org_id uuid not null, person uuid); create table person ({ID});
        alter table t add constraint a foreign key (org_id) references organization (id) not valid;
        alter table t add constraint b foreign key (person) references person not valid"""

    assert cured(bench, "FKY003", script) == (["t.b is NOT VALID"], [])
    assert len(said(bench, "TEN007", script)) == 1


def test_a_key_that_is_not_enforced_is_enforced(bench: Bench) -> None:
    if bench.server.version_num < 180000:
        pytest.skip("NOT ENFORCED foreign keys came with PostgreSQL 18")
    script = f"create table p ({ID}); create table t ({ID}, p uuid references p not enforced)"

    assert cured(bench, "FKY003", script) == (["t.t_p_fkey is NOT ENFORCED"], [])


@pytest.mark.parametrize(
    ("child", "parent", "message"),
    [
        pytest.param("int", "bigint", "ref integer references id bigint", id="narrower"),
        pytest.param("text", "varchar", "", id="varchar without length is text"),
        pytest.param(
            "varchar(10)",
            "varchar(20)",
            "ref character varying(10) references id character varying(20)",
            id="lengths",
        ),
        pytest.param("uuid", "public.key", "", id="domain"),
        pytest.param("int", "int", "", id="same"),
    ],
)
def test_the_types_of_a_key(bench: Bench, child: str, parent: str, message: str) -> None:
    script = f"""create domain public.key as uuid; create table p (id {parent} primary key);
        create table t (id int primary key, ref {child} references p)"""

    assert said(bench, "FKY004", script) == (
        [f"t.t_ref_fkey joins different types: {message}"] if message else []
    )


def test_the_type_of_the_tenant_column_is_left_to_its_own_check(bench: Bench) -> None:
    script = "create table big (id bigint primary key); create table t (id int primary key, org_id int not null references big)"
    toml = '[tenancy]\nroot = "big"\ncolumn = "org_id"\n'

    assert said(bench, "FKY004", script, toml) == []
    assert len(said(bench, "TEN003", script, toml)) == 1


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        pytest.param("on delete set null", "ON DELETE SET NULL", id="set null"),
        pytest.param("on delete set null (p)", "", id="only the reference"),
        pytest.param("on delete set null (org_id, p)", "ON DELETE SET NULL", id="listed"),
        pytest.param("on delete set default", "ON DELETE SET DEFAULT", id="set default"),
        pytest.param("on delete set null (p) on update set null", "ON UPDATE SET NULL", id="on update"),
        pytest.param("on delete cascade", "", id="cascade"),
    ],
)
def test_an_action_overwrites_the_tenant(bench: Bench, actions: str, message: str) -> None:
    script = f"{PROJECT} create table t ({ID}, {TENANT}, p uuid, constraint k foreign key (org_id, p) references project (org_id, id) {actions})"

    assert said(bench, "FKY005", script) == ([f"t.k overwrites org_id by {message}"] if message else [])


def test_an_action_that_overwrites_the_tenant_is_replaced(bench: Bench) -> None:
    script = f"""{PROJECT}
        create table a ({ID}, {TENANT}, p uuid, foreign key (org_id, p) references project (org_id, id) on delete set null);
        create table b ({TENANT}, p uuid, at date, foreign key (org_id, p) references project (org_id, id) on delete set default) partition by range (at);
        create table b1 partition of b for values from ('2026-01-01') to ('2027-01-01')"""

    before, after = cured(bench, "FKY005", script)

    assert (len(before), after) == (2, [])


@pytest.mark.parametrize(
    ("rest", "note"),
    [
        pytest.param(
            "p uuid not null, foreign key (org_id, p) references project (org_id, id) on delete set null",
            "p is NOT NULL, so that SET NULL can never work: choose another action.",
            id="nothing to set",
        ),
        pytest.param(
            "p uuid, foreign key (org_id, p) references project (org_id, id) on update set null",
            NO_LIST,
            id="on update",
        ),
        pytest.param(
            "p uuid, foreign key (org_id, p) references project (org_id, id) match full on delete set null",
            "MATCH FULL wants all columns NULL or none: choose another action, or MATCH SIMPLE.",
            id="match full",
        ),
    ],
)
def test_what_cannot_be_expressed_is_left_to_a_person(bench: Bench, rest: str, note: str) -> None:
    (finding,) = found(bench, "FKY005", f"{PROJECT} create table t ({ID}, {TENANT}, {rest})")

    assert finding.remedy == Remedy(note=note)


@pytest.mark.parametrize(
    ("columns", "escape"),
    [
        pytest.param("org_id uuid not null, p uuid, q uuid not null", "", id="one optional reference"),
        pytest.param("org_id uuid not null, p uuid not null, q uuid not null", "", id="all there"),
        pytest.param("org_id uuid, p uuid not null, q uuid not null", "org_id", id="the tenant"),
        pytest.param("org_id uuid, p uuid, q uuid", "org_id or p or q", id="the tenant among others"),
        pytest.param("org_id uuid not null, p uuid, q uuid", "p or q", id="two halves"),
        pytest.param(
            "org_id uuid not null, p uuid, q uuid, check (num_nulls(p, q) in (0, 2))", "", id="tied together"
        ),
        pytest.param(
            "org_id uuid not null, p uuid, q uuid, check ((p is null) = (q is null))",
            "",
            id="tied by comparison",
        ),
        pytest.param(
            "org_id uuid not null, p uuid, q uuid, check (p <> q)", "p or q", id="a check of something else"
        ),
        pytest.param(
            "org_id uuid not null, p uuid, q uuid, check (q is not null)", "", id="a check for NOT NULL"
        ),
    ],
)
def test_a_null_switches_a_composite_key_off(bench: Bench, columns: str, escape: str) -> None:
    script = f"""create table place ({ID}, {TENANT}, p uuid, q uuid, unique (org_id, p, q));
        create table t ({ID}, {columns}, foreign key (org_id) references organization (id),
            constraint k foreign key (org_id, p, q) references place (org_id, p, q))"""
    message = [f"t.k is not checked where {escape} is NULL, whatever the rest holds"] if escape else []

    before, after = cured(bench, "FKY006", script)

    assert (before, after) == (message, [])


def test_match_full_has_no_escape(bench: Bench) -> None:
    script = f"""create table place ({ID}, p int, q int, unique (p, q));
        create table t ({ID}, p int, q int, foreign key (p, q) references place (p, q) match full)"""

    assert said(bench, "FKY006", script) == []


def test_shared_rows_keep_their_null_tenant(bench: Bench) -> None:
    script = f"{PROJECT} create table t ({ID}, org_id uuid references organization (id), p uuid, foreign key (org_id, p) references project (org_id, id))"
    toml = CONFIG + '[[tenancy.null_rows]]\ntable = "t"\n'

    assert [f.remedy for f in found(bench, "FKY006", script, toml)] == [
        Remedy(
            note="Rows without a tenant are shared by design here: check their references in the application."
        )
    ]


def test_a_global_table_may_reference_the_root_and_global_tables_only(bench: Bench) -> None:
    script = f"""{PROJECT} create table line ({ID}, project_id uuid not null references project);
        create table kind ({ID});
        create table person ({ID}, home uuid references organization, kind uuid references kind,
            project uuid references project, line uuid references line)"""

    assert said(bench, "FKY007", script, CONFIG + 'global = ["person", "kind"]') == [
        "person.person_line_fkey leads from a global table to line",
        "person.person_project_fkey leads from a global table to project",
    ]


def test_what_blocks_a_tenant_from_leaving(bench: Bench) -> None:
    script = f"""{PROJECT} create table a ({ID}, org_id uuid not null references organization (id) on delete restrict);
        create table b ({ID}, {TENANT}, a uuid references a);
        create table line ({ID}, project_id uuid not null references project);
        create table point ({ID}, line_id uuid not null references line on delete cascade);
        create table pair ({ID}, project_id uuid not null references project on delete cascade, b uuid references b);
        create table person ({ID}); create table note ({ID}, {TENANT}, person uuid references person)"""

    assert [(f.severity, f.message) for f in found(bench, "FKY008", script)] == [
        (Severity.INFO, "a.a_org_id_fkey blocks the deletion of a tenant that has rows here"),
        (Severity.INFO, "line.line_project_id_fkey blocks the deletion of a tenant that has rows here"),
    ]


def test_partitions_repeat_no_finding(bench: Bench) -> None:
    script = f"""create table project ({ID}, {TENANT});
        create table t ({TENANT}, at date, p uuid references project) partition by range (at);
        create table t1 partition of t for values from ('2026-01-01') to ('2027-01-01');
        create table t2 partition of t for values from ('2027-01-01') to ('2028-01-01')"""

    assert said(bench, "FKY001", script) == crosses("t.t_p_fkey")


def test_without_a_tenant_nothing_is_said_to_be_safe(bench: Bench) -> None:
    script = "create table a (id int primary key, b int references a)"
    with bench.open(script) as conn:
        conn.execute("drop table organization")
        execute(conn, script)
        results = [
            findings(check_of(id), conn, "[tenancy]").result.status
            for id in ("FKY001", "FKY005", "FKY006", "FKY007", "FKY008", "UNQ001", "IDX001")
        ]

    assert set(results) == {"skipped"}


OFF = "alter table {} disable trigger all;"
KEYED = f"""create table p ({ID}); create table t ({ID}, p uuid);
    alter table t add constraint k foreign key (p) references p {{}}; """


@pytest.mark.parametrize(
    "actions", ["", "on delete cascade", "on delete set null", "deferrable initially deferred"]
)
@pytest.mark.parametrize("side", ["t", "p"])
def test_a_key_whose_triggers_are_off_is_told_and_made_anew(bench: Bench, actions: str, side: str) -> None:
    script = KEYED.format(actions) + OFF.format(side)
    assert cured(bench, "FKY003", script) == (["t.k is switched off: its triggers do not fire"], [])


def test_a_key_that_is_made_anew_is_what_it_was(bench: Bench) -> None:
    script = KEYED.format("on delete cascade on update restrict deferrable")
    with bench.open(script) as conn:
        execute(conn, script)
        before = facts_of(conn).catalog
        execute(conn, OFF.format("t"))
        for statement in findings(check_of("FKY003"), conn, CONFIG).cure:
            conn.execute(statement)
        assert facts_of(conn).catalog == before


def test_a_key_that_no_statement_makes_anew_is_left_to_a_person(bench: Bench) -> None:
    script = KEYED.format("match full") + OFF.format("t")
    (flaw,) = found(bench, "FKY003", script)
    assert flaw.remedy.sql == ()
    assert "ENABLE TRIGGER ALL" in flaw.remedy.note


def test_a_key_may_be_off_for_a_partition_alone(bench: Bench) -> None:
    script = f"""create table p ({ID}); create table t (id uuid, p uuid references p) partition by hash (id);
        create table t_0 partition of t for values with (modulus 1, remainder 0); {OFF.format("t_0")}"""
    assert said(bench, "FKY003", script) == ["t_0.t_p_fkey is switched off: its triggers do not fire"]


def test_the_key_to_the_root_may_be_off(bench: Bench) -> None:
    script = f"create table t ({ID}, org_id uuid not null references organization);" + OFF.format("t")
    told = "Foreign key t.t_org_id_fkey to the tenants is switched off: its triggers do not fire"
    assert cured(bench, "TEN007", script) == ([told], [])
    known = facts(bench, script)
    assert not known.root_guarded(known.tables_by_name[QName("public", "t")])


def test_the_key_to_the_owner_may_be_off(bench: Bench) -> None:
    script = f"""create table t ({ID}, org_id uuid not null references organization);
        create table line ({ID}, t_id uuid not null references t); {OFF.format("line")}"""
    toml = f'{CONFIG}inherited = ["line"]\n'
    assert cured(bench, "TEN009", script, toml) == (
        ["Table line has no path to a tenant that holds for every row"],
        [],
    )


def test_a_key_whose_triggers_are_off_vouches_for_no_other(bench: Bench) -> None:
    script = f"""create table p ({ID}, org_id uuid not null references organization, unique (org_id, id));
        create table t ({ID}, org_id uuid not null references organization, p_id uuid not null references p,
            foreign key (org_id, p_id) references p (org_id, id)); """
    assert said(bench, "FKY001", script) == []
    assert said(bench, "FKY001", script + OFF.format("t")) == [
        "t.t_p_id_fkey may reference a row of another tenant"
    ]
