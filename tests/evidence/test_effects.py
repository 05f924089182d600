"""What tenant A may do leaves the rows of B as they were, whatever it sets off; or it is a leak."""

import pytest

from tests.fix_proof import HEALTHY, PROTECTED, TENANT, Bed
from validate_schema.model.isolation import Outcome, Probe

TRIGGER = (
    "create function run() returns trigger language plpgsql security definer as $$ begin {} return new; end $$;"
    " create trigger run {} on note for each row execute function run();"
)
COUNTRY = (
    "create table country (code text primary key, name text); grant select, insert, update, delete on country to app_user;"
    " alter table note add country text {}references country (code) {};"
)
LEAKS = {
    "a trigger that changes rows of all": HEALTHY
    + TRIGGER.format("update note set body = 'seen' where id <> new.id;", "after insert"),
    "a trigger of one column that deletes": HEALTHY
    + TRIGGER.format("delete from note where org_id <> new.org_id;", "after update of body"),
    "a trigger that plants a row": HEALTHY
    + TRIGGER.format(
        "insert into note (org_id, body) select id, 'x' from organization where id <> new.org_id"
        " and pg_trigger_depth() < 2;",
        "after insert",
    ),
    "a trigger that tells": HEALTHY
    + TRIGGER.format(
        "new.body := (select string_agg(body, ',') from note where org_id <> new.org_id);", "before insert"
    ),
    "a rule that does more": HEALTHY
    + "create rule more as on update to note do also delete from note n where n.id <> old.id;",
    "a cascade from a shared table": HEALTHY + COUNTRY.format("not null ", "on delete cascade"),
    "a shared row that is forgotten": HEALTHY + COUNTRY.format("", "on delete set null"),
    "a default that reads": HEALTHY
    + "create function first_body() returns text language sql security definer as 'select string_agg(body, '','') from note';"
    " alter table note alter body set default first_body(); revoke insert on note from app_user;"
    " grant insert (id, org_id) on note to app_user;",
    "a view that takes any row": HEALTHY
    + "create view open_door as select id, org_id, body from note where false;"
    " grant insert on open_door to app_user;",
    "a view whose rows can be moved": HEALTHY
    + f"create view seen as select * from note where {TENANT}; grant select, update on seen to app_user;",
    "a check option of the upper view alone": HEALTHY
    + f"create view seen as select * from note where {TENANT};"
    " create view few as select * from seen where body = 'memo' with local check option;"
    " grant select, insert on few to app_user;",
    "a rule that returns": HEALTHY
    + f"create view seen with (security_barrier) as select id, org_id, body from note where {TENANT};"
    " create rule more as on insert to seen do instead insert into note (id, org_id, body)"
    " values (new.id, new.org_id, new.body) returning id, org_id, (select string_agg(body, ',') from note);"
    " grant select, insert on seen to app_user;",
    "a trigger of a view that returns": HEALTHY
    + f"create view seen with (security_barrier) as select id, org_id, body from note where {TENANT};"
    " create function told() returns trigger language plpgsql security definer as $$ begin"
    " new.body := (select string_agg(body, ',') from note); return new; end $$; create trigger told"
    " instead of update on seen for each row execute function told(); grant select, update on seen to app_user;",
    "a policy that says what it looks at": PROTECTED
    + "create function look(t text) returns boolean language plpgsql cost 0.0001 as"
    " $$ begin raise notice 'look %', t; return true; end $$;"
    f" create policy p on note using ({TENANT} and look(body));",
    "a trigger whose error tells": HEALTHY
    + TRIGGER.format("raise exception '%', (select string_agg(body, ',') from note);", "after insert"),
    "a trigger that warns": HEALTHY
    + TRIGGER.format("raise warning '%', (select string_agg(body, ',') from note);", "after insert"),
    "a function that warns": HEALTHY
    + "create function count_all() returns void language plpgsql security definer as"
    " $$ begin raise debug '%', (select string_agg(body, ',') from note); end $$;",
    "a function that deletes": HEALTHY
    + "create function forget(key uuid) returns void language sql security definer as"
    " 'delete from note where id = key';",
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_what_own_work_does_to_rows_of_others_is_found(bed: Bed, name: str) -> None:
    cells = [c for c in bed.prove(LEAKS[name]).cells if c.probe is Probe.EFFECT]

    assert Outcome.LEAK in {c.outcome for c in cells}, [(c.table.name, c.why) for c in cells]


HELD = {
    "a trigger that keeps to the tenant": HEALTHY
    + TRIGGER.format(
        "update note set body = 'seen' where id <> new.id and org_id = new.org_id and pg_trigger_depth() < 2;",
        "after insert",
    ),
    **{
        f"a trigger that adds {more} to {kind}": HEALTHY
        + f"alter table note add used {kind} not null;"
        + TRIGGER.format(f"new.used := old.used + {more};", "before update")
        for kind, more in (("int", 1), ("bigint", 2), ("smallint", 1), ("numeric", 1), ("numeric(12)", 1), ("date", 1), ("date", 2))
    },
    "a trigger that stamps": HEALTHY + TRIGGER.format("new.body := upper(new.body);", "before insert or update"),
    "a trigger that says what it was given": HEALTHY
    + TRIGGER.format("raise notice 'got % of %', new.body, new.org_id;", "before insert or update"),
    "a trigger of the session's own rights": HEALTHY
    + TRIGGER.replace("security definer", "").format(
        "update note set body = 'seen' where id <> new.id and pg_trigger_depth() < 2;", "after insert"
    ),
    "a cascade within the tenant": HEALTHY
    + "create table line (id int primary key, note_id uuid not null references note (id) on delete cascade);"
    " alter table line enable row level security; create policy p on line using"
    " (exists (select from note where note.id = line.note_id));"
    " grant select, insert, update, delete on line to app_user;",
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_what_keeps_to_the_tenant_is_isolated(bed: Bed, name: str) -> None:
    cells = [c for c in bed.prove(HELD[name]).cells if c.table.name == "note"]

    assert {c.outcome for c in cells} == {Outcome.ISOLATED}, [(c.probe, c.why) for c in cells]
    assert Probe.EFFECT in {c.probe for c in cells}


def test_a_table_that_sets_nothing_off_has_no_such_cell(bed: Bed) -> None:
    assert Probe.EFFECT not in bed.outcomes(HEALTHY)


def test_a_shared_row_that_none_may_delete_is_safe(bed: Bed) -> None:
    script = (
        HEALTHY
        + COUNTRY.format("not null ", "on delete cascade")
        + "revoke delete, update on country from app_user;"
    )

    cells = [c for c in bed.prove(script).cells if c.probe is Probe.EFFECT]

    assert Outcome.LEAK not in {c.outcome for c in cells}


def test_an_open_table_is_told_by_its_own_verbs(bed: Bed) -> None:
    script = f"{PROTECTED} create policy p on note using (true);"

    assert Probe.EFFECT not in bed.outcomes(script)


def test_a_policy_may_say_what_it_lets_in(bed: Bed) -> None:
    look = (
        "create function look(t text) returns boolean language plpgsql as"
        " $$ begin raise notice 'look %', t; return true; end $$;"
    )
    policy = f"create policy p on note using (case when {TENANT} then look(body) else false end);"

    assert Probe.EFFECT not in bed.outcomes(PROTECTED, look, policy)


@pytest.mark.parametrize(("option", "left"), [("local", set()), ("cascaded", {Outcome.ISOLATED})])
def test_a_view_that_is_written_past_its_tenant_is_not_called_isolated(
    bed: Bed, option: str, left: set[Outcome]
) -> None:
    views = (
        f"create view seen with (security_barrier) as select * from note where {TENANT};"
        " create view few with (security_barrier) as select * from seen where length(body) < 50"
        f" with {option} check option; grant select, insert on few to app_user;"
    )

    cells = [c for c in bed.prove(HEALTHY, views).cells if c.table.name == "few"]

    assert {c.outcome for c in cells if c.probe is Probe.SURFACE} == left
    assert any(c.outcome is Outcome.LEAK for c in cells) is (not left)
