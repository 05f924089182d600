"""Rows that pass, and of which only the schema's owner knows whether they are others': of a tenant that stands for
none, and of two parties."""

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.model.reading import Flow, Judgement, Reach

NIL = "00000000-0000-0000-0000-000000000000"
A, B, C = (f"{n * 8}-{n * 4}-4{n * 3}-8{n * 3}-{n * 12}" for n in "123")
CTX = "nullif(current_setting('app.tenant_id', true), '')::uuid"
ELSE_NIL = f"coalesce({CTX}, '{NIL}')"
KEY = "references organization (id)"
NONE = f"check (id <> '{NIL}')"
SAFE, UNVERIFIED, UNSAFE = Reach.SAFE, Reach.UNVERIFIED, Reach.UNSAFE


def judged(conn: psycopg.Connection, table: str) -> list[Judgement]:
    return [
        j for j in facts_of(conn).analysis.judgements if j.table.name == table and j.reach is not Reach.CLOSED
    ]


SENTINELS = {
    "a root that has none": (f"alter table organization add {NONE};", KEY, ELSE_NIL, SAFE),
    "rows that are none's": ("", f"check (org_id <> '{NIL}')", ELSE_NIL, SAFE),
    "a root that may have one": ("", KEY, ELSE_NIL, UNVERIFIED),
    "a CHECK that old rows need not meet": (f"alter table organization add {NONE} not valid;", KEY, ELSE_NIL, UNVERIFIED),
    "a CHECK on another column": ("alter table organization add check (name <> '');", KEY, ELSE_NIL, UNVERIFIED),
    "a CHECK on another tenant": (f"alter table organization add check (id <> '{A}');", KEY, ELSE_NIL, UNVERIFIED),
    "a CHECK that may be met": (f"alter table organization add check (id <> '{NIL}' or name = 'nobody');", KEY, ELSE_NIL, UNVERIFIED),
    "a key that old rows need not meet": (f"alter table organization add {NONE}; alter table doc add foreign key (org_id) {KEY} not valid;", "", ELSE_NIL, UNSAFE),
    "no key": (f"alter table organization add {NONE};", "", ELSE_NIL, UNSAFE),
    "some tenant": ("", KEY, f"coalesce({CTX}, '{A}')", UNSAFE),
    "another level's root": (f"create table unit (id uuid primary key check (id <> '{NIL}'), org_id uuid not null {KEY}, unique (org_id, id));"
    "alter table doc add unit_id uuid references unit;", "", ELSE_NIL, UNSAFE),
    "the row itself": (f"alter table organization add {NONE};", KEY, f"coalesce({CTX}, org_id)", UNSAFE),
    "shown to all": ("", KEY, f"{CTX} or org_id = '{NIL}'", UNSAFE),
}  # fmt: skip


@pytest.mark.parametrize(("more", "key", "equal", "reach"), SENTINELS.values(), ids=SENTINELS)
def test_a_tenant_that_stands_for_none_opens_where_there_may_be_one(
    bench: Bench, more: str, key: str, equal: str, reach: Reach
) -> None:
    script = f"""create table doc (id int primary key, org_id uuid not null {key});
      alter table doc enable row level security; grant select, insert, update, delete on doc to app_user;
      create policy p on doc using (org_id = {equal}); {more}"""
    with bench.open(script) as conn:
        execute(conn, script)
        said = judged(conn, "doc")
        assert {j.reach for j in said} == {reach}
        assert all(
            "nothing says that there is no such tenant" in j.reason for j in said if reach is UNVERIFIED
        )

        if "not valid" in more:
            return  # rows that were there before
        rows = [(1, A), (2, NIL)]
        for number, tenant in rows:
            try:
                with conn.transaction():
                    conn.execute("insert into organization (id, name) values (%s, 'nobody')", (tenant,))
            except psycopg.errors.CheckViolation:
                assert tenant == NIL or "another tenant" in more or A in more
            try:
                with conn.transaction():
                    conn.execute("insert into doc values (%s, %s)", (number, tenant))
            except psycopg.errors.IntegrityError:
                pass
        conn.execute("set local role app_user")
        assert bool(conn.execute("select from doc").fetchall()) == (reach is not SAFE)


PARTIES = """
create table deal (id int primary key, org_id uuid not null references organization, seller uuid references organization, is_public boolean not null default false);
alter table deal enable row level security; grant select, insert, update, delete on deal to app_user;
"""
SHARED = {
    "either of them": (f"org_id = {CTX} or seller = {CTX}", UNVERIFIED),
    "one of both": (f"{CTX} in (org_id, seller)", UNVERIFIED),
    "any of an array": (f"{CTX} = any (array[org_id, seller])", UNVERIFIED),
    "the seller alone": (f"seller = {CTX}", UNVERIFIED),
    "and what is public": (f"org_id = {CTX} or seller = {CTX} or is_public", UNSAFE),
    "and what has no seller": (f"org_id = {CTX} or seller = {CTX} or seller is null", UNSAFE),
    "and other sellers": (f"org_id = {CTX} or seller <> {CTX}", UNSAFE),
    "whoever sells": (f"org_id = {CTX} or seller = coalesce({CTX}, seller)", UNSAFE),
    "sold by one's own": (f"org_id = {CTX} or org_id = seller", UNSAFE),
}  # fmt: skip


@pytest.mark.parametrize(("using", "reach"), SHARED.values(), ids=SHARED)
def test_rows_of_two_parties_are_a_decision_and_all_beside_them_is_open(
    bench: Bench, using: str, reach: Reach
) -> None:
    script = PARTIES + f"create policy p on deal using ({using});"
    with bench.open(script) as conn:
        execute(conn, script)
        said = judged(conn, "deal")
        assert {j.reach for j in said if j.command == "SELECT"} == {reach}
        assert all("seller names the tenant that asks" in j.reason for j in said if j.reach is UNVERIFIED)

        execute(conn, f"insert into organization (id, name) values ('{A}', 'a'), ('{B}', 'b'), ('{C}', 'c')")
        execute(
            conn,
            f"insert into deal values (1, '{B}', '{C}', true), (2, '{B}', null, false), (3, '{B}', '{B}', false)",
        )
        conn.execute("set local role app_user")
        seen = [row for context in ("", A) for row in _seen(conn, context)]
        assert bool(seen) == (reach is UNSAFE)


def _seen(conn: psycopg.Connection, context: str) -> list[tuple[int]]:
    conn.execute("select set_config('app.tenant_id', %s, true)", (context,))
    return conn.execute("select id from deal").fetchall()


@pytest.mark.parametrize(
    ("change", "flow"),
    [
        ("alter table deal drop constraint deal_seller_fkey", Flow.READ),
        (
            "alter table deal drop constraint deal_seller_fkey;"
            "alter table deal add foreign key (seller) references organization not valid",
            Flow.READ,
        ),
        ("alter table deal drop column seller; alter table deal add seller uuid", Flow.READ),
    ],
    ids=["no key", "a key that old rows need not meet", "another column"],
)
def test_a_column_that_leads_to_no_tenant_makes_nobody_a_party(bench: Bench, change: str, flow: Flow) -> None:
    script = PARTIES + f"{change}; create policy p on deal using (org_id = {CTX} or seller = {CTX});"
    with bench.open(script) as conn:
        execute(conn, script)
        assert {(j.reach, j.flow) for j in judged(conn, "deal") if j.command == "SELECT"} == {(UNSAFE, flow)}
