"""Every way in is found by the probe that takes it, and its script shows it again."""

import pytest

from tests.fix_proof import HEALTHY, NOTE, PROTECTED, TENANT, Bed
from validate_schema.model.isolation import Outcome, Probe

LEAK = Outcome.LEAK
NAMED = "11111111-1111-4111-8111-111111111111"
LEAKS = {
    "no row security": (NOTE, {Probe.READ, Probe.INSERT, Probe.UPDATE, Probe.DELETE, Probe.REHOME, Probe.NO_CONTEXT}),
    "using true": (
        f"{PROTECTED} create policy p on note using (true);",
        {Probe.READ, Probe.INSERT, Probe.UPDATE, Probe.DELETE, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "check true": (
        f"{PROTECTED} create policy p on note using ({TENANT}) with check (true);",
        {Probe.INSERT, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "using true with a check": (
        f"{PROTECTED} create policy p on note using (true) with check ({TENANT});",
        {Probe.READ, Probe.DELETE, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "is public": (
        f"{PROTECTED} alter table note add is_public boolean not null default false;"
        f" create policy p on note using ({TENANT} or is_public);",
        {Probe.READ, Probe.INSERT, Probe.UPDATE, Probe.DELETE, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "a label opens it": (
        "create type state as enum ('draft', 'sent', 'shared');" + PROTECTED + "alter table note add state state;"
        f" create policy p on note for select using ({TENANT} or state = 'shared');"
        f" create policy w on note for insert with check ({TENANT});",
        {Probe.READ, Probe.NO_CONTEXT},
    ),
    "five values at once": (
        f"{PROTECTED} alter table note add a int, add b int, add c text, add d text, add e boolean;"
        f" create policy p on note using ({TENANT} or a in (1, 2, 3) and a = 2 and b in (4, 5, 6) and b = 6"
        " and c in ('x', 'y', 'z') and c = 'y' and d in ('q', 'r', 's') and d = 's' and not e);",
        {Probe.READ, Probe.INSERT, Probe.UPDATE, Probe.DELETE, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "open without context": (
        f"{PROTECTED} create policy p on note using (coalesce(nullif(current_setting('app.tenant_id', true), '')::uuid, org_id) = org_id);",
        {Probe.NO_CONTEXT},
    ),
    "open to the empty context": (
        f"{PROTECTED} create policy p on note using ({TENANT} or current_setting('app.tenant_id', true) = '');",
        {Probe.NO_CONTEXT},
    ),
    "blind update": (
        f"{PROTECTED} create policy r on note for select using ({TENANT});"
        " create policy u on note for update using (true) with check (true);",
        {Probe.UPDATE, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "blind delete": (
        f"{PROTECTED} create policy r on note for select using ({TENANT}); create policy d on note for delete using (true);",
        {Probe.DELETE, Probe.NO_CONTEXT},
    ),
    "inverted": (
        f"{PROTECTED} create policy p on note using (not ({TENANT}));",
        {Probe.READ, Probe.INSERT, Probe.UPDATE, Probe.DELETE, Probe.OWN},
    ),
    "a tenant that is named": (
        f"{PROTECTED} create policy p on note for select"
        f" using ({TENANT} or org_id = '11111111-1111-4111-8111-111111111111');",
        {Probe.READ, Probe.NO_CONTEXT, Probe.OWN},
    ),
    "a flag that any session can set": (
        f"{PROTECTED} create policy p on note for select"
        f" using ({TENANT} or current_setting('app.admin', true) = 'yes');",
        {Probe.READ},
    ),
    "the wrong column": (
        f"{PROTECTED} create policy p on note for select using (body = current_setting('app.tenant_id', true));",
        {Probe.READ},
    ),
    "an uncorrelated sub-select": (
        f"{PROTECTED} create policy p on note for select using (exists (select from organization o"
        " where o.id::text = current_setting('app.tenant_id', true)));",
        {Probe.READ},
    ),
    "a captured column": (
        f"{PROTECTED} create policy p on note for select using (org_id in (select org_id from organization"
        " where id::text = current_setting('app.tenant_id', true)));",
        {Probe.READ},
    ),
    "a helper with a default": (
        "create function org() returns uuid stable language sql as $$ select"
        " coalesce(nullif(current_setting('app.tenant_id', true), ''), '11111111-1111-4111-8111-111111111111')::uuid $$;"
        f"{PROTECTED} create policy p on note for select using (org_id = org());",
        {Probe.NO_CONTEXT},
    ),
    "rows may be written for a tenant that is named": (
        f"{PROTECTED} create policy p on note using ({TENANT})"
        f" with check ({TENANT} or org_id = '{NAMED}');",
        {Probe.INSERT, Probe.REHOME, Probe.NO_CONTEXT},
    ),
    "the session of a tenant that is named": (
        f"{PROTECTED} create policy p on note for select"
        f" using ({TENANT} or current_setting('app.tenant_id', true) = '{NAMED}');",
        {Probe.READ},
    ),
    "a tenant that is named among many words": (
        f"{PROTECTED} alter table note add kind text, add org text; create policy p on note for select"
        f" using ({TENANT} and kind in ('a', 'b', 'c', 'd', 'e') or org_id = '{NAMED}');",
        {Probe.READ, Probe.NO_CONTEXT},
    ),
    "another setting stands for the tenant": (
        f"{PROTECTED} create policy p on note for select using (org_id::text = current_setting('app.org', true));",
        {Probe.READ},
    ),
    "a user that any session can name": (
        f"{PROTECTED} create policy p on note for select"
        f" using ({TENANT} or body = current_setting('app.user_id', true));",
        {Probe.READ, Probe.NO_CONTEXT},  # a setting that was once set is '' from then on, as a body may be
    ),
    "two settings that any session can set": (
        f"{PROTECTED} create policy p on note for select using ({TENANT} or"
        " current_setting('app.admin', true) = 'yes' and current_setting('app.mode', true) = 'all');",
        {Probe.READ},
    ),
    "another setting opens it without a context": (
        f"{PROTECTED} create policy p on note for select"
        f" using (coalesce({TENANT}, current_setting('app.is_admin', true) = 'on'));",
        {Probe.NO_CONTEXT},
    ),
    "a setting that the policy of a sub-select's table reads": (
        f"{PROTECTED} create policy wide on organization for select using (current_setting('app.desk', true) = 'on');"
        " create policy p on note for select using (exists (select from organization o where o.id = note.org_id));",
        {Probe.READ},
    ),
    "rows of no tenant, of one kind alone": (
        f"{PROTECTED} alter table note alter org_id drop not null, add is_public boolean, add level integer;"
        f" create policy p on note for select using ({TENANT} or (org_id is null and is_public and level > 3));",
        {Probe.READ, Probe.NO_CONTEXT},
    ),
    "a word of an array": (
        f"{PROTECTED} create policy p on note for select"
        f" using ({TENANT} or body = any ('{{open,\"half, shut\"}}'::text[]));",
        {Probe.READ, Probe.NO_CONTEXT},
    ),
    "two words of different columns": (
        f"{PROTECTED} alter table note add kind text, add place text, add is_public boolean, add rank text;"
        f" create policy p on note for select using ({TENANT} or kind = 'memo' and place = 'board' and is_public"
        " and rank in ('high', 'top'));",
        {Probe.READ, Probe.NO_CONTEXT},
    ),
    "rows without a tenant": (
        f"{PROTECTED} alter table note alter org_id drop not null;"
        f" create policy p on note for select using ({TENANT} or org_id is null);",
        {Probe.READ, Probe.NO_CONTEXT, Probe.OWN},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found_where_it_is_and_its_script_shows_it_again(bed: Bed, name: str) -> None:
    script, expected = LEAKS[name]

    cells = bed.cells(script)

    leaks = {probe for probe, cell in cells.items() if cell.outcome is LEAK}
    assert leaks - {Probe.OWN} == expected - {Probe.OWN}
    for probe in leaks - {Probe.OWN}:
        assert bed.repeats(cells[probe], script) > 0


def test_an_owner_that_is_not_forced_leaks(bed: Bed) -> None:
    script = HEALTHY + "alter table note owner to app_user;"

    assert bed.outcomes(script)[Probe.READ] is LEAK
    assert bed.outcomes(script + "alter table note force row level security;")[Probe.READ] is Outcome.ISOLATED


def test_a_key_that_crosses_tenants_leaks_and_a_composite_one_does_not(bed: Bed) -> None:
    comment = (
        "create table comment (id int primary key, org_id uuid not null references organization (id), note_id uuid not null{});"
        " grant select, insert, update, delete on comment to app_user; alter table comment enable row level security;"
        f" create policy own on comment using ({TENANT});"
    )
    simple = HEALTHY + comment.format(" references note (id)")
    tied = (
        HEALTHY
        + "alter table note add unique (org_id, id);"
        + comment.format(", foreign key (org_id, note_id) references note (org_id, id)")
    )

    found = bed.cells(simple, table="comment")[Probe.REFERENCE]

    assert (found.outcome, found.detail) == (LEAK, "comment_note_id_fkey")
    assert bed.repeats(found, simple) == 1
    assert bed.outcomes(tied, table="comment")[Probe.REFERENCE] is Outcome.ISOLATED
    # Whatever the app writes fails by the same state: the key itself has refused nothing.
    fails = (
        "create function fail() returns trigger language plpgsql as $$ begin if current_user = 'app_user' then"
        " raise foreign_key_violation; end if; return new; end $$;"
        " create trigger fail before insert or update on comment for each row execute function fail();"
    )
    assert bed.outcomes(simple + fails, table="comment")[Probe.REFERENCE] is Outcome.INCONCLUSIVE


def test_what_a_key_with_the_tenant_refers_to_is_the_tenants_own(bed: Bed) -> None:
    """A trigger makes what the row of A refers to, so that the key of B's is one of A's as well."""
    places = f"""
create table place (org_id uuid not null references organization (id), code text not null, primary key (org_id, code));
alter table place enable row level security; create policy own on place using ({TENANT});
create table visit (id int primary key, org_id uuid not null references organization (id), code text,
    foreign key (org_id, code) references place (org_id, code));
alter table visit enable row level security; create policy own on visit using ({TENANT});
create function make() returns trigger language plpgsql security definer as $$ begin
    insert into place (org_id, code) values (new.org_id, new.code) on conflict do nothing; return new; end $$;
create trigger make before insert or update on visit for each row execute function make();
grant select, insert, update, delete on place, visit to app_user;
"""
    found = bed.cells(places, table="visit")[Probe.REFERENCE]

    assert (found.outcome, found.why) == (
        Outcome.ISOLATED,
        "the key holds the tenant: whatever a row refers to is its own tenant's",
    )


SURFACES = {
    "a view as its owner": "create view seen as select * from note; grant select on seen to app_user;",
    "a count": "create view seen as select count(*) from note; grant select on seen to app_user;",
    "a materialized view": "create materialized view seen as select * from note; grant select on seen to app_user;",
    "a definer function": "create function seen(org uuid) returns setof note language sql security definer"
    " as 'select * from note where org_id = org';",
}


@pytest.mark.parametrize("name", SURFACES)
def test_rows_that_come_out_another_way_are_found(bed: Bed, name: str) -> None:
    script = HEALTHY + SURFACES[name]

    surfaces = [c for c in bed.prove(script).cells if c.probe is Probe.SURFACE]

    assert [c.outcome for c in surfaces] == [LEAK]
    assert bed.repeats(surfaces[0], script) > 0


def test_a_partition_without_its_own_protection_is_found(bed: Bed) -> None:
    script = (
        "create table event (id int, org_id uuid not null references organization (id), at date, primary key (id, at))"
        " partition by range (at); create table event_2024 partition of event"
        " for values from ('2024-01-01') to ('2025-01-01'); alter table event enable row level security;"
        f" create policy own on event using ({TENANT});"
        " grant select, insert, update, delete on event to app_user; grant select on event_2024 to app_user;"
    )

    cells = bed.prove(script).cells

    assert [(c.table.name, c.outcome) for c in cells if c.probe is Probe.SURFACE] == [("event_2024", LEAK)]
    assert {c.outcome for c in cells if c.table.name == "event"} == {Outcome.ISOLATED}


def test_a_row_that_a_child_refers_to_is_no_cover_for_one_that_none_does(bed: Bed) -> None:
    line = "create table line (id int primary key, note_id uuid not null references note (id));"

    cell = bed.cells(NOTE, line)[Probe.DELETE]

    assert (cell.outcome, bed.repeats(cell, NOTE, line)) == (LEAK, 1)
