"""FKY001 where a trigger or policies may refuse what the foreign key does not."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, check_of, facts_of, flaws_of, judge, proven
from validate_schema.model.finding import Severity

CTX = "nullif(current_setting('app.tenant_id', true), '')::uuid"
BASE = f"""
create table project (id uuid primary key, org_id uuid not null references organization (id));
create table task (id uuid primary key, org_id uuid not null references organization (id), project_id uuid references project (id));
alter table project enable row level security; alter table task enable row level security;
create policy own on project using (org_id = {CTX});
grant select, insert, update, delete on project, task to app_user;
"""
OWN = f"org_id = {CTX}"
SAME = "exists (select from project p where p.id = task.project_id and p.org_id = task.org_id)"
BOUND = f"create policy own on task using ({OWN}) with check ({OWN} and (project_id is null or {SAME}));"
LOOKS = """create function same() returns trigger language plpgsql as $$ begin
    if new.project_id is not null and not exists (select from public.project p where p.id = new.project_id and p.org_id = new.org_id)
    then raise exception 'another tenant''s'; end if; return new; end $$;"""
OPEN = f"create policy own on task using ({OWN});"
FIRED = (
    OPEN + LOOKS + "create trigger same before insert or update on task for each row execute function same();"
)
GUARDED = {
    "by a policy": (BOUND, "policy own"),
    "by what the caller sees": (f"create policy own on task using ({OWN}) with check ({OWN} and project_id in (select id from project));", "policy own"),
    "by a restrictive policy": (OPEN + f"create policy same on task as restrictive using (true) with check ({SAME});", "policy same"),
    "by a trigger": (FIRED, "trigger same"),
    "by a trigger after": (FIRED.replace("before insert", "after insert"), "trigger same"),
    "by a trigger of the column": (FIRED.replace("or update on", "or update of project_id, org_id on"), "trigger same"),
}  # fmt: skip
NOT_GUARDED = {
    "by nothing": OPEN,
    "when it is added alone": FIRED.replace("insert or update", "insert"),
    "when it is changed alone": FIRED.replace("insert or update", "update"),
    "now and then": FIRED.replace("for each row", "for each row when (new.id is null)"),
    "by a trigger that is off": FIRED + "alter table task disable trigger same;",
    "for replicas": FIRED + "alter table task enable replica trigger same;",
    "by a trigger that warns": FIRED.replace("raise exception", "raise warning"),
    "by a trigger that catches itself": FIRED.replace("return new; end $$", "return new; exception when others then return new; end $$"),
    "by a trigger that looks elsewhere": FIRED.replace("public.project p", "public.organization p").replace("p.org_id", "p.id"),
    "by a trigger of another column": FIRED.replace("or update on", "or update of id on"),
    "by one policy of two": BOUND + f"create policy more on task for insert with check ({OWN});",
    "to be added alone": f"create policy r on task using ({OWN}); create policy i on task as restrictive for insert with check ({SAME});",
    "without row security": BOUND + "alter table task disable row level security;",
    "by a policy for another role": BOUND.replace("on task using", "on task to pg_monitor using") + OPEN.replace("own", "all_of"),
}  # fmt: skip


def said_of(bench: Bench, script: str) -> list[tuple[str, Severity | None, bool]]:
    return [(f.message, f.severity, f.undecided) for f in flaws_of(bench, "FKY001", BASE + script, CONFIG)]


@pytest.mark.parametrize(("script", "guard"), GUARDED.values(), ids=GUARDED)
def test_a_reference_that_something_else_may_refuse_is_not_decided(
    bench: Bench, script: str, guard: str
) -> None:
    message = f"task.task_project_id_fkey may reference a row of another tenant, unless {guard} refuses it"
    assert said_of(bench, script) == [(message, Severity.WARNING, True)]


@pytest.mark.parametrize("script", NOT_GUARDED.values(), ids=NOT_GUARDED)
def test_what_refuses_some_of_them_guards_nothing(bench: Bench, script: str) -> None:
    message = "task.task_project_id_fkey may reference a row of another tenant"
    assert said_of(bench, script) == [(message, None, False)]


SETS = "security definer set search_path = public, pg_temp"
PROVEN = {
    "refused": (BOUND, (Severity.INFO, False)),
    "refused by a trigger": (FIRED, (Severity.WARNING, True)),
    "not refused after all": (BOUND.replace("p.org_id = task.org_id", "p.org_id = p.org_id"), (Severity.INFO, False)),
    "not refused": (f"create policy own on task using ({OWN}) with check ({OWN} and (project_id is not null or {SAME}));", (Severity.WARNING, True)),
    "refused, and written by a function": (BOUND + f"create function add(p uuid) returns void language sql {SETS} as $$ insert into task (id, org_id, project_id)"
    f" values (gen_random_uuid(), {CTX}, p) $$;", (Severity.WARNING, True)),
    "refused, and written through a view": (BOUND + "create view every_task as select * from task;", (Severity.WARNING, True)),
    "refused, and what it leads to moved": (BOUND + f"create function move(p uuid) returns void language sql {SETS} as $$ update project set org_id = p $$;",
    (Severity.WARNING, True)),
}  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), PROVEN.values(), ids=PROVEN)
def test_the_proof_decides_what_policies_refuse(
    bench: Bench, script: str, expected: tuple[Severity, bool]
) -> None:
    with bench.open(script, committed=True) as conn:
        execute(conn, BASE + script)
        facts = proven(conn, facts_of(conn, CONFIG))
        (found,) = judge(check_of("FKY001"), facts).findings

        assert (found.severity, found.undecided) == expected
        assert (found.severity is Severity.INFO) == (
            found.message.endswith("is kept in the tenant by policy own alone")
        )
