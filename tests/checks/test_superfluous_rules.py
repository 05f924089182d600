"""What another policy or key says already, and what policies look up without an index."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look

NOTE = """
create role t_clerk;
create table note (id uuid primary key, org_id uuid not null references organization (id), code varchar, {});
alter table note enable row level security;
"""
MINE = "org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (f"using ({MINE})", f"using ({MINE})", ["b"]),
        (f"using ({MINE})", f"for insert with check ({MINE})", ["b"]),
        (f"for update using ({MINE})", f"using ({MINE})", ["a"]),
        (f"to t_clerk using ({MINE})", f"using ({MINE})", ["a"]),
        (f"for select using ({MINE})", f"for delete using ({MINE})", []),
        (f"using ({MINE})", f"using ({MINE} and code <> '')", []),
        (f"using ({MINE})", f"as restrictive using ({MINE})", []),
        (f"using ({MINE}) with check (false)", f"for insert with check ({MINE})", []),
        (f"using ({MINE})", f"for update using ({MINE}) with check (code <> '')", []),
    ],
    ids=[
        "equal",
        "a command of all",
        "all beside a command",
        "a role of PUBLIC",
        "another command",
        "another condition",
        "another kind",
        "another condition for new rows",
        "its own condition for new rows",
    ],
)
def test_a_policy_that_another_contains_is_told(
    bench: Bench, first: str, second: str, found: list[str]
) -> None:
    script = NOTE.format("x int") + f"create policy a on note {first}; create policy b on note {second}"

    assert [f.object.name for f in look(bench, "RLS021", script).findings] == found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("foreign key (org_id) references organization (id)", ["note_org_id_fkey1"]),
        ("foreign key (id) references organization (id)", []),
        (
            "unique (org_id, id), b uuid, foreign key (org_id, b) references note (org_id, id), foreign key (b) references note (id)",
            [],
        ),
    ],
    ids=["again", "of another column", "with the tenant beside it"],
)
def test_a_key_that_is_there_twice_is_told(bench: Bench, keys: str, found: list[str]) -> None:
    assert [f.object.name for f in look(bench, "FKY011", NOTE.format(keys)).findings] == found


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ("unique (org_id, user_id)", 0),
        ("unique (user_id, org_id)", 0),
        ("unique (org_id, role, user_id)", 1),
        ("unique (org_id)", 1),
        ("foreign key (user_id) references person (id)", 0),
    ],
    ids=[
        "tenant and person",
        "person and tenant",
        "person behind others",
        "none",
        "a key, which IDX002 judges",
    ],
)
def test_the_person_of_a_membership_is_found_by_an_index(bench: Bench, index: str, found: int) -> None:
    who = "nullif(current_setting('app.user_id', true), '')::uuid"
    script = f"""
        create table person (id uuid primary key);
        create table member (org_id uuid not null references organization (id), user_id uuid not null, role text not null, {index});
        {NOTE.format("x int")}
        create policy p on note using (org_id in (select m.org_id from member m where m.user_id = {who}));
    """
    assert len(look(bench, "IDX008", script).findings) == found


@pytest.mark.parametrize(
    ("condition", "more", "found"),
    [
        ("org_id::text = current_setting('app.tenant_id', true)", "", 1),
        ("current_setting('app.tenant_id', true) = org_id::text", "", 1),
        ("org_id::text = current_setting('app.tenant_id', true)", "create index on note ((org_id::text))", 0),
        ("org_id = current_setting('app.tenant_id', true)::uuid", "", 0),
        ("id::text = current_setting('app.tenant_id', true)", "", 0),
    ],
    ids=["cast", "the other way round", "an index on the cast", "the setting cast", "another column"],
)
def test_a_cast_of_the_tenant_column_is_told_without_its_index(
    bench: Bench, condition: str, more: str, found: int
) -> None:
    script = f"{NOTE.format('x int')} create policy p on note using ({condition}); {more}"

    assert len(look(bench, "IDX009", script).findings) == found
