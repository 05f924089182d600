"""TEN: tables without a tenant column lead to one tenant for sure, and to one only."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import CONFIG, flaws_of, look, survives
from validate_schema.model.finding import Flaw, Remedy

OWNED = 'create table "Order" (id int primary key, org_id uuid not null references organization (id));'
ITEM = CONFIG + 'inherited = ["item"]'


@pytest.mark.parametrize(
    ("column", "observed"),
    [
        ('order_id int references "Order" (id)', "item_order_id_fkey to Order may be NULL in order_id"),
        (
            "order_id int not null",
            "item_order_id_fkey to Order is NOT VALID",
        ),
        ("order_id int", "item_order_id_fkey to Order may be NULL in order_id and is NOT VALID"),
    ],
)
def test_what_breaks_the_path_is_said_and_mended(bench: Bench, column: str, observed: str) -> None:
    key = 'alter table item add foreign key (order_id) references "Order" (id) not valid;'
    script = f"{OWNED} create table item (id int primary key, {column});" + (
        "" if "references" in column else key
    )
    (flaw,) = flaws_of(bench, "TEN009", script, ITEM)

    assert flaw.observed == observed
    assert survives(bench, "TEN009", script, ITEM) == []


def test_a_broken_path_in_full(bench: Bench) -> None:
    script = OWNED + 'create table item (id int primary key, order_id int references "Order" (id))'

    assert flaws_of(bench, "TEN009", script, ITEM) == [
        Flaw(
            message="Table item has no path to a tenant that holds for every row",
            expected="NOT NULL, validated foreign keys all the way to a tenant table",
            observed="item_order_id_fkey to Order may be NULL in order_id",
            remedy=Remedy(
                sql=(
                    'ALTER TABLE "public"."item" ADD CONSTRAINT "item_order_id_set" CHECK ("order_id" IS NOT NULL) NOT VALID;',
                    'ALTER TABLE "public"."item" VALIDATE CONSTRAINT "item_order_id_set";',
                    'ALTER TABLE "public"."item" ALTER COLUMN "order_id" SET NOT NULL;',
                    'ALTER TABLE "public"."item" DROP CONSTRAINT "item_order_id_set";',
                ),
                note="Rows without an owner make it fail and change nothing: give them one, or delete them, first.",
                lock="SHARE UPDATE EXCLUSIVE while rows are validated; else ACCESS EXCLUSIVE for a moment",
            ),
        )
    ]


def test_a_declared_owner_without_a_key_is_for_a_person(bench: Bench) -> None:
    script = OWNED + "create table item (id int primary key, order_id int not null)"

    assert flaws_of(bench, "TEN009", script, ITEM) == [
        Flaw(
            message="Table item has no foreign key to a table that a tenant owns",
            expected="a NOT NULL, validated foreign key to the table that owns its rows",
            observed="no foreign key to a tenant, inherited or root table",
            remedy=Remedy(
                note="Add the NOT NULL foreign key to its owner, or classify the table as global or exempt."
            ),
        )
    ]


@pytest.mark.parametrize(
    ("script", "reported"),
    [
        pytest.param(
            OWNED
            + 'create table item (id int primary key, order_id int not null references "Order" (id));'
            + "create table tag (id int primary key, item_id int not null references item (id));",
            [],
            id="over two tables",
        ),
        pytest.param(
            OWNED
            + 'create table item (id int primary key, order_id int references "Order" (id));'
            + "create table tag (id int primary key, item_id int not null references item (id));",
            ["item"],
            id="only the first broken step",
        ),
        pytest.param(
            OWNED
            + 'create table item (id int primary key, order_id int references "Order" (id), '
            + 'main_id int not null references "Order" (id));',
            [],
            id="an optional key beside a sure one",
        ),
        pytest.param(
            OWNED
            + 'create table item (id int primary key, order_id int check (order_id is not null) references "Order" (id));',
            [],
            id="required by a check",
        ),
        pytest.param(
            "create table item (id int primary key, up int not null references item (id));",
            ["item"],
            id="a table that references itself",
        ),
        pytest.param(
            "create table item (id int primary key, tag int not null);"
            "create table tag (id int primary key, item int not null references item (id));"
            "alter table item add foreign key (tag) references tag (id);",
            ["item", "tag"],
            id="two that reference each other",
        ),
        pytest.param(
            "create table item (id int primary key, owner uuid not null references organization (id));",
            [],
            id="straight to the root",
        ),
    ],
)
def test_the_path_is_walked_to_the_end(bench: Bench, script: str, reported: list[str]) -> None:
    toml = CONFIG + ('inherited = ["item", "tag"]' if "table tag" in script else 'inherited = ["item"]')

    assert [f.object.table for f in look(bench, "TEN009", script, toml).findings] == reported


def test_a_partition_may_own_and_a_partitioned_table_be_owned(bench: Bench) -> None:
    script = """
        create table job (id int, org_id uuid not null references organization (id), primary key (id)) partition by list (id);
        create table job_1 partition of job for values in (1);
        create table step (id int, job_id int not null references job_1 (id)) partition by list (id);
        create table step_1 partition of step default;
    """
    found = look(bench, "TEN009", script, CONFIG + 'inherited = ["step"]')

    assert (found.result.examined, found.said) == (1, [])


TWO = """
    create table a (id int, org_id uuid not null references organization (id), primary key (org_id, id), unique (id));
    create table b (id int, org_id uuid not null references organization (id), primary key (org_id, id), unique (id));
"""


@pytest.mark.parametrize(
    ("script", "ambiguous"),
    [
        pytest.param(
            TWO + "create table pair (a int references a (id), b int references b (id));",
            True,
            id="many to many",
        ),
        pytest.param(
            TWO
            + "create table pair (owner uuid, a int, b int, foreign key (owner, a) references a (org_id, id), "
            "foreign key (owner, b) references b (org_id, id));",
            False,
            id="tied by the tenant column",
        ),
        pytest.param(
            TWO.replace(" references organization (id)", "")
            + "create table pair (owner uuid, a int, b int, foreign key (owner, a) references a (org_id, id), "
            "foreign key (owner, b) references b (org_id, id));",
            False,
            id="tied by a tenant column that nothing ties to the root",
        ),
        pytest.param(
            TWO
            + "create table pair (mine uuid, yours uuid, a int, b int, foreign key (mine, a) references a (org_id, id), "
            "foreign key (yours, b) references b (org_id, id));",
            True,
            id="composite, but of two columns",
        ),
        pytest.param(
            TWO + "create table pair (owner uuid references organization (id), a int, "
            "foreign key (owner, a) references a (org_id, id));",
            False,
            id="tied to the root itself",
        ),
        pytest.param(
            TWO + "create table pair (a int references a (id), also int references a (id));",
            True,
            id="twice to one table",
        ),
        pytest.param(
            TWO + "create table pair (a int references a (id), up int, id int unique references pair (id));",
            False,
            id="one owner and itself",
        ),
        pytest.param(
            TWO
            + "create table kind (id int primary key); create table pair (a int references a (id), k int references kind (id));",
            False,
            id="a global table beside the owner",
        ),
        pytest.param(
            TWO
            + "create table part (a int references a (id), n int, primary key (a, n));"
            + "create table pair (a int references a (id), n int, foreign key (a, n) references part (a, n));",
            False,
            id="tied by the parent's own parent",
        ),
    ],
)
def test_two_owners_are_ambiguous_unless_a_shared_column_ties_them(
    bench: Bench, script: str, ambiguous: bool
) -> None:
    more = ', "part"]' if "table part" in script else "]"
    toml = CONFIG + 'inherited = ["pair"' + more
    toml += '\nglobal = ["kind"]' if "table kind" in script else ""

    assert [f.object.table for f in look(bench, "TEN010", script, toml).findings] == (
        ["pair"] if ambiguous else []
    )


def test_an_ambiguous_owner_in_full(bench: Bench) -> None:
    script = (
        TWO
        + 'create table "Pair" (a int constraint "to a" references a (id), b int constraint b references b (id))'
    )

    assert flaws_of(bench, "TEN010", script, CONFIG + 'inherited = ["Pair"]') == [
        Flaw(
            message="A row of Pair may belong to two tenants, by b and to a",
            expected="one owner, or keys that share the tenant column",
            observed="(b) → b; (a) → a: nothing ties the two",
            remedy=Remedy(
                note="Give Pair the tenant column, and make both keys composite with it: each parent needs a UNIQUE "
                "on tenant column and id."
            ),
        )
    ]


def test_tables_with_their_own_tenant_column_are_not_examined(bench: Bench) -> None:
    assert look(bench, "TEN009", OWNED).result.status == "not_applicable"
    assert look(bench, "TEN010", OWNED).result.status == "not_applicable"
