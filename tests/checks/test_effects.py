"""EFF and its kin: what a statement does beside itself, and what stands beside the tables that are judged."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look
from tests.fix_guarded import CONTEXT
from validate_schema.model.finding import Severity

ORG = f"""
alter table organization enable row level security;
alter table organization force row level security;
create policy itself on organization using (id = (select {CONTEXT}));
"""
TABLE = f"""
create table job (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    title text not null, state text not null default 'new', unique (org_id, id)
);
create policy p on job using (org_id = (select {CONTEXT}));
alter table job enable row level security;
alter table job force row level security;
grant select, insert, update, delete on job to app_user;
"""
TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
global = ["colour", "journal", "board", "uses", "inbox"]
"""


def outcome(bench: Bench, id: str, script: str) -> tuple[str, list[str]]:
    judged = look(bench, id, ORG + TABLE + script, TOML)
    return judged.result.status, judged.said


def trigger(body: str, *, definer: bool = True, timing: str = "after insert", before: str = "") -> str:
    rights = "security definer" if definer else ""
    return (
        f"{before} create function act() returns trigger language plpgsql {rights} as $$ begin {body} return new; end $$;"
        f" create trigger act {timing} on job for each row execute function act();"
    )


JOURNAL = "create table journal (body text, org uuid); grant select on journal to app_user;"
TRIGGERS = {
    "other rows of the table": (
        "undecided",
        trigger("update job set state = 'twin' where title = new.title;"),
    ),
    "a row by a number that the text names": (
        "undecided",
        trigger("delete from job where id = new.title::uuid;", timing="after update"),
    ),
    "a statement put together": ("undecided", trigger("execute 'delete from job';")),
    "a copy where all can read": (
        "failed",
        trigger("insert into journal values (new.title);", before=JOURNAL),
    ),
    "a default that holds the statement": (
        "undecided",
        trigger(
            "insert into journal (org) values (null);",
            before="create table journal (body text default current_query(), org uuid); grant select on journal to app_user;",
        ),
    ),
    "a default of DEFAULT VALUES": (
        "undecided",
        trigger(
            "insert into journal default values;",
            before="create table journal (body text default upper(current_query()), org uuid); grant select on journal to app_user;",
        ),
    ),
    "a default that tells nothing": (
        "passed",
        trigger(
            "insert into journal (org) values (null);",
            before="create table journal (body text default current_query(), org uuid, at timestamptz default now());"
            " alter table journal alter body set default 'written'; grant select on journal to app_user;",
        ),
    ),
    "a copy by the caller": (
        "failed",
        trigger(
            "insert into journal values (new.title);",
            definer=False,
            before=JOURNAL + "grant insert on journal to app_user;",
        ),
    ),
    "news for all who listen": ("undecided", trigger("perform pg_notify('jobs', new.title);", definer=False)),
    "news of its key and more": (
        "undecided",
        trigger(
            "perform pg_notify('jobs', json_build_object('id', new.id, 'of', new.title)::text);",
            definer=False,
        ),
    ),
    "news of a key that is a word": (
        "undecided",
        "alter table job add token uuid not null default gen_random_uuid() unique;"
        + trigger("perform pg_notify('jobs', new.token::text);", definer=False),
    ),
    "a key in a large object": (
        "undecided",
        trigger("perform lo_from_bytea(0, convert_to(new.id::text, 'UTF8'));", definer=False),
    ),
    "news through a helper": (
        "undecided",
        trigger(
            "perform shout(new.title);",
            definer=False,
            before="create function shout(word text) returns void language sql as $$ select pg_notify('jobs', word) $$;",
        ),
    ),
    "a copy through a helper": (
        "undecided",
        trigger(
            "perform shout(new.title);",
            before=JOURNAL
            + "create function shout(word text) returns void language sql as $$ insert into journal values (word) $$;",
        ),
    ),
    "a helper that only works it out": (
        "passed",
        trigger(
            "new.state := tidy(new.title);",
            timing="before insert",
            definer=False,
            before="create function tidy(word text) returns text language sql immutable as $$ select lower(word) $$;",
        ),
    ),
    "news of the tenant's other rows": (
        "undecided",
        trigger("perform pg_notify('jobs', (select string_agg(title, ',') from job));", definer=False),
    ),
    "news of each row that a query finds": (
        "undecided",
        trigger("perform pg_notify('jobs', j.title) from job j;", definer=False),
    ),
    "news by a variable": (
        "undecided",
        trigger(
            "declare t text; begin select max(title) into t from job; perform pg_notify('jobs', t); end;",
            definer=False,
        ),
    ),
    "a large object": (
        "undecided",
        trigger("perform lo_from_bytea(0, convert_to(new.title, 'UTF8'));", definer=False),
    ),
    "a word that all share is made of the row": (
        "failed",
        "create table colour (name text primary key); grant select on colour to app_user;"
        " alter table job add colour text references colour;"
        + trigger("insert into colour values (new.colour) on conflict do nothing;", timing="before insert"),
    ),
    "a copy by a cursor": (
        "undecided",
        trigger(
            "declare c refcursor; t text; begin open c for select new.title; fetch c into t;"
            " insert into journal values (t); end;",
            before=JOURNAL,
        ),
    ),
    "a copy by a setting": (
        "undecided",
        trigger(
            "perform set_config('app.last', new.title, true);"
            " insert into journal values (current_setting('app.last', true));",
            before=JOURNAL,
        ),
    ),
    "a copy by an error": (
        "undecided",
        trigger(
            "begin raise exception '%', new.title; exception when others then insert into journal values (sqlerrm); end;",
            before=JOURNAL,
        ),
    ),
    "a copy by a temporary table": (
        "undecided",
        trigger(
            "create temp table if not exists kept (t text); insert into kept values (new.title);"
            " insert into journal select t from kept;",
            before=JOURNAL,
        ),
    ),
    "what all share, the clock and chance": (
        "passed",
        trigger(
            "declare w text := 'at ' || now(); begin insert into journal"
            " select w || tg_op || c.name || random() || gen_random_uuid() from colour c; end;",
            before=JOURNAL
            + "create table colour (name text primary key); grant select on colour to app_user;",
        ),
    ),
    "a count of all": (
        "passed",
        trigger(
            "update journal set body = body || '.'; insert into journal values ('x') on conflict do nothing;",
            before=JOURNAL,
        ),
    ),
    "a sequence that all may read": (
        "undecided",
        trigger(
            "perform setval('last', length(new.title));",
            before="create sequence last; grant select on sequence last to app_user;",
        ),
    ),
    "a sequence of its own": (
        "passed",
        trigger("perform setval('last', length(new.title));", before="create sequence last;"),
    ),
    "a copy of all new rows": (
        "failed",
        JOURNAL + "create function act() returns trigger language plpgsql as $$"
        " begin insert into journal select title from fresh; return null; end $$;"
        " create trigger act after insert on job referencing new table as fresh"
        " for each statement execute function act(); grant insert on journal to app_user;",
    ),
    "a copy through a view, and a comment": (
        "failed",
        trigger(
            "insert into -- the board\n posted values (new.title);",
            before=JOURNAL + "create view posted as select body from journal;",
        ),
    ),
    "tenants' rows where all can read": (
        "undecided",
        trigger("insert into journal select title from job;", before=JOURNAL),
    ),
    "before the policies have looked": (
        "undecided",
        trigger(
            "update job set state = 'twin' where org_id = new.org_id; return null;", timing="before insert"
        ),
    ),
    "a tenant of its own choice": (
        "undecided",
        trigger("new.org_id := new.title::uuid; update job set state = 'twin' where org_id = new.org_id;"),
    ),
    "through another function": (
        "undecided",
        trigger(
            "perform wipe();",
            before="create function wipe() returns void language sql as 'update job set state = null';",
        ),
    ),
    "a copy by way of a variable": (
        "failed",
        JOURNAL
        + "create function act() returns trigger language plpgsql security definer as $$ declare t text; u text;"
        " begin t := new.title; u := upper(t); insert into journal values (u); return null; end $$;"
        " create trigger act after insert on job for each row execute function act();",
    ),
    "a copy in a text": (
        "failed",
        trigger("execute format('insert into journal values (%L)', new.title);", before=JOURNAL),
    ),
    "news by way of a variable": (
        "undecided",
        "create function act() returns trigger language plpgsql as $$ declare t jsonb;"
        " begin t := to_jsonb(new); perform pg_notify('jobs', t::text); return null; end $$;"
        " create trigger act after insert on job for each row execute function act();",
    ),
    "the tenant of another column": (
        "undecided",
        trigger(
            "insert into jot values (new.from_org);",
            before="alter table job add from_org uuid references organization;"
            " create table jot (org_id uuid not null references organization); alter table jot enable row level security;",
        ),
    ),
    "a count by what all share": (
        "passed",
        trigger(
            "insert into uses values (new.colour, 1) on conflict (colour) do update set n = uses.n + 1;",
            before="create table colour (id int primary key); alter table job add colour int references colour;"
            " create table uses (colour int primary key references colour, n int); grant select on uses to app_user;",
        ),
    ),
    "old or new": (
        "passed",
        trigger(
            "update job set state = 'twin' where org_id = coalesce(new.org_id, old.org_id);",
            timing="after insert or update or delete",
        ),
    ),
    "by what happened": (
        "passed",
        trigger(
            "update job set state = 'twin' where org_id = case tg_op when 'DELETE' then old.org_id else new.org_id end;",
            timing="after insert or update or delete",
        ),
    ),
    "a copy of the record": (
        "passed",
        "create function act() returns trigger language plpgsql security definer as $$ declare r record;"
        " begin if tg_op = 'DELETE' then r := old; else r := new; end if;"
        " update job set state = 'twin' where org_id = r.org_id; return null; end $$;"
        " create trigger act after insert or delete on job for each row execute function act();",
    ),
    "a counter for each tenant": (
        "passed",
        trigger(
            "insert into tally values (new.org_id, 1) on conflict (org_id) do update set n = tally.n + 1;",
            before="create table tally (org_id uuid primary key references organization, n int); alter table tally enable row level security;",
        ),
    ),
    "a history of all rows": (
        "passed",
        "create table past (org_id uuid not null references organization, title text); alter table past enable row level security;"
        " create function act() returns trigger language plpgsql security definer as $$"
        " begin insert into past select n.org_id, n.title from fresh n; return null; end $$;"
        " create trigger act after insert on job referencing new table as fresh for each statement execute function act();",
    ),
    "a history of others' rows": (
        "undecided",
        "create table past (org_id uuid not null references organization, title text); alter table past enable row level security;"
        " create function act() returns trigger language plpgsql security definer as $$"
        " begin insert into past select n.org_id, j.title from fresh n join job j on j.title = n.title; return null; end $$;"
        " create trigger act after insert on job referencing new table as fresh for each statement execute function act();",
    ),
    "the caller's, put together": (
        "passed",
        trigger("execute format('delete from %I', tg_table_name);", definer=False),
    ),
    "the caller's, put together, beside what all read": (
        "undecided",
        trigger(
            "execute format('insert into %I select ($1).title', tg_argv[0]) using new;",
            definer=False,
            before=JOURNAL + "grant insert on journal to app_user;",
        ),
    ),
    "of a caller with an owner's rights": (
        "undecided",
        trigger("update job set state = 'twin' where title = new.title;", definer=False)
        + f"create function add(t text) returns void language sql security definer as $$ insert into job (org_id, title) values ({CONTEXT}, t) $$;",
    ),
    "where a key carries a change, before": (
        "undecided",
        "create table part (id uuid primary key, org_id uuid not null references organization, job uuid references job on delete cascade, title text);"
        " alter table part enable row level security; alter table part force row level security;"
        " create function act() returns trigger language plpgsql as $$ begin update part set title = null where title = old.title; return old; end $$;"
        " create trigger act before delete on part for each row execute function act();"
        " grant create on schema public to app_owner; alter table part owner to app_owner;",
    ),
    "where a key carries a change, after": (
        "passed",
        "create table part (id uuid primary key, org_id uuid not null references organization, job uuid references job on delete cascade, title text);"
        " alter table part enable row level security; alter table part force row level security;"
        " create function act() returns trigger language plpgsql as $$ begin update part set title = null where title = old.title; return old; end $$;"
        " create trigger act after delete on part for each row execute function act();"
        " grant create on schema public to app_owner; alter table part owner to app_owner;",
    ),
    "of a table that functions alone write to": (
        "undecided",
        "create table inbox (what text);"
        " create function act() returns trigger language plpgsql as $$ begin update job set title = new.what; return null; end $$;"
        " create trigger act after insert on inbox for each row execute function act();"
        " create function send(t text) returns void language sql security definer as $$ insert into inbox values (t) $$;",
    ),
    "a beat without the row": (
        "passed",
        trigger(
            "if new.title <> '' then update journal set body = 'now'; end if;",
            before=JOURNAL + "grant update on journal to app_user;",
        ),
    ),
    "words in a comment": ("passed", trigger("null; -- notify anybody of new.title\n", definer=False)),
    "rows of the same tenant": (
        "passed",
        trigger("update job set state = 'twin' where org_id = new.org_id and title = new.title;"),
    ),
    "a journal that nobody reads": (
        "passed",
        trigger("insert into journal values (new.title);", before="create table journal (body text);"),
    ),
    "the tenant set to what the row names": (
        "undecided",
        trigger(
            "perform set_config('app.tenant_id', new.title, false);",
            definer=False,
        ),
    ),
    "the tenant set to that of a row that nobody looked at yet": (
        "undecided",
        trigger(
            "perform set_config('app.tenant_id', new.org_id::text, true);",
            definer=False,
            timing="before insert",
        ),
    ),
    "the tenant set by a helper": (
        "undecided",
        trigger(
            "perform enter(new.title);",
            definer=False,
            before="create function enter(o text) returns text language sql as $$ select set_config('app.tenant_id', o, false) $$;",
        ),
    ),
    "the tenant set to what it is": (
        "passed",
        trigger("perform set_config('app.tenant_id', new.org_id::text, true);", definer=False),
    ),
    "an answer about a row that nobody looked at yet": (
        "undecided",
        trigger(
            "if exists (select from job j where j.org_id = new.org_id and j.title = new.title)"
            " then raise exception 'taken'; end if;",
            timing="before insert",
        ),
    ),
    "an answer of a helper": (
        "undecided",
        trigger(
            "perform refuse((select count(*) from job j where j.org_id = new.org_id));",
            timing="before insert",
            before="create function refuse(n bigint) returns void language plpgsql as"
            " $$ begin if n > 9 then raise exception 'enough'; end if; end $$;",
        ),
    ),
    "a number made of other rows' words": (
        "undecided",
        trigger(
            "new.title := (select max(j.title::int) from job j where j.org_id = new.org_id);",
            timing="before insert",
        ),
    ),
    "an answer once the policies have looked": (
        "passed",
        trigger(
            "if exists (select from job j where j.org_id = new.org_id and j.title = new.title and j.id <> new.id)"
            " then raise exception 'taken'; end if;",
        ),
    ),
    "an answer about the tenant that asks": (
        "passed",
        trigger(
            "if exists (select from job j where j.org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
            " and j.title = new.title) then raise exception 'taken'; end if;",
            timing="before insert",
        ),
    ),
    "an answer under the caller's policies": (
        "passed",
        trigger(
            "if exists (select from job j where j.org_id = new.org_id and j.title = new.title)"
            " then raise exception 'taken'; end if;",
            timing="before insert",
            definer=False,
        ),
    ),
    "a number of other rows": (
        "passed",
        trigger(
            "new.title := (select count(*) from job j where j.org_id = new.org_id);",
            timing="before insert",
        ),
    ),
    "what the caller may do": ("passed", trigger("update job set state = 'old';", definer=False)),
    "the row itself": ("passed", trigger("new.state := upper(new.state);", timing="before insert")),
    "news of its key": (
        "passed",
        trigger("perform pg_notify('jobs_' || new.org_id, new.id::text);", definer=False),
    ),
    "news without the row": ("passed", trigger("perform pg_notify('jobs', 'changed');", definer=False)),
}


@pytest.mark.parametrize(("status", "script"), TRIGGERS.values(), ids=TRIGGERS)
def test_what_a_trigger_does_is_read_with_the_row_that_it_is_given(
    bench: Bench, status: str, script: str
) -> None:
    assert outcome(bench, "EFF001", script)[0] == status, outcome(bench, "EFF001", script)


HANDS_ON = {
    "a check that sends": (
        "undecided",
        "create function act(t text) returns boolean language sql as $$ select pg_notify('jobs', t) is not null $$;"
        " alter table job add check (act(title));",
    ),
    "a check that copies, by a helper": (
        "undecided",
        JOURNAL + "create function put(t text) returns boolean language sql security definer as"
        " $$ insert into journal values (t) returning true $$;"
        " create function act(t text) returns boolean language sql as $$ select put(t) $$;"
        " alter table job add check (act(title));",
    ),
    "a generated column that sends": (
        "undecided",
        "create function act(t text) returns text language sql immutable as $$ select pg_notify('jobs', t)::text $$;"
        " alter table job add said text generated always as (act(title)) stored;",
    ),
    "a default that copies": (
        "undecided",
        JOURNAL + "create function act() returns text language sql security definer as"
        " $$ insert into journal select max(title) from job returning 'x' $$;"
        " alter table job alter state set default act();",
    ),
    "a domain that sends": (
        "undecided",
        "create function act(t text) returns boolean language sql as $$ select pg_notify('jobs', t) is not null $$;"
        " create domain word as text check (act(value)); alter table job add word word;",
    ),
    "a view that copies": (
        "undecided",
        JOURNAL + "create function act(t text) returns boolean language sql security definer as"
        " $$ insert into journal values (t) returning true $$;"
        " create view v with (security_invoker) as select act(title) from job;",
    ),
    "a default that sets the tenant": (
        "undecided",
        "create function act() returns text language sql as $$ select set_config('app.tenant_id', 'x', false) $$;"
        " alter table job alter state set default act();",
    ),
    "a view that sets the tenant": (
        "undecided",
        "create table board (slug text primary key, org text); grant select on board to app_user;"
        " create view v with (security_invoker) as select set_config('app.tenant_id', org, false) as was from board;"
        " grant select on v to app_user;",
    ),
    "a view that nobody reads": (
        "passed",
        "create table board (slug text primary key, org text);"
        " create view v as select set_config('app.tenant_id', org, false) as was from board;",
    ),
    "a check that answers": (
        "passed",
        "create function act(t text) returns boolean language sql immutable as $$ select length(t) < 9 $$;"
        " alter table job add check (act(title));",
    ),
    "a beat": (
        "passed",
        "create function act() returns text language sql as $$ select pg_notify('jobs', 'new')::text; select 'x' $$;"
        " alter table job alter state set default act();",
    ),
}


@pytest.mark.parametrize(("status", "script"), HANDS_ON.values(), ids=HANDS_ON)
def test_what_is_evaluated_with_a_row_may_hand_it_on(bench: Bench, status: str, script: str) -> None:
    assert outcome(bench, "EFF008", script)[0] == status, outcome(bench, "EFF008", script)


def test_a_function_that_sends_rows_of_its_caller_is_undecided(bench: Bench) -> None:
    script = (
        "create function act() returns void language sql security definer set search_path = public, pg_temp as"
        f" $$ select pg_notify('jobs', title) from job where org_id = {CONTEXT} $$;"
    )
    assert outcome(bench, "BYP005", script)[0] == "undecided", outcome(bench, "BYP005", script)


BEFORE = "before insert or update"


def beside(body: str, *, name: str = "zz", timing: str = BEFORE, language: str = "plpgsql") -> str:
    """A second trigger on the table."""
    return (
        f"create function {name}() returns trigger language {language} as $$ {body} $$;"
        f" create trigger {name} {timing} on job for each row execute function {name}();"
    )


SECOND = {
    "one that drops the row": ("undecided", beside("begin return null; end")),
    "one that drops some": (
        "undecided",
        beside("begin if new.title = '' then return null; end if; return new; end"),
    ),
    "one that drops it in an expression": (
        "undecided",
        beside("begin return case when new.title = '' then null else new end; end"),
    ),
    "one that sets the tenant": (
        "undecided",
        beside(f"begin new.org_id := {CONTEXT}; return new; end"),
    ),
    "one that sets the tenant by a query": (
        "undecided",
        beside(f"begin select {CONTEXT} into new.org_id; return new; end"),
    ),
    "one that makes another row": (
        "undecided",
        beside("begin select * into new from job limit 1; return new; end"),
    ),
    "one that sets the time": ("passed", beside("begin new.title := upper(new.title); return new; end")),
    "one that comes before": ("passed", beside("begin return null; end", name="aa")),
    "one of other statements": ("passed", beside("begin return null; end", timing="before delete")),
    "one that comes after": ("passed", beside("begin return null; end", timing="after insert")),
}


@pytest.mark.parametrize(("status", "second"), SECOND.values(), ids=SECOND)
def test_a_row_before_it_is_written_is_what_all_triggers_leave_of_it(
    bench: Bench, status: str, second: str
) -> None:
    first = trigger("update job set state = 'twin' where org_id = new.org_id;", timing=BEFORE)
    assert outcome(bench, "EFF001", first + second)[0] == status


def test_a_row_that_returns_by_an_expression_may_be_none(bench: Bench) -> None:
    script = (
        "create function act() returns trigger language plpgsql security definer as $$"
        " begin update job set state = 'twin' where org_id = new.org_id;"
        " return case when new.title = '' then null else new end; end $$;"
        " create trigger act before insert on job for each row execute function act();"
    )
    assert outcome(bench, "EFF001", script)[0] == "undecided"


def test_the_row_that_a_view_is_given_is_the_callers_word(bench: Bench) -> None:
    script = (
        "create view open_job with (security_invoker = true) as select id, org_id, title from job;"
        "create function act() returns trigger language plpgsql security definer as $$"
        " begin update job set title = new.title where {tie}; return new; end $$;"
        "create trigger act instead of update on open_job for each row execute function act();"
    )

    assert outcome(bench, "EFF001", script.replace("{tie}", "org_id = new.org_id"))[0] == "undecided"
    assert outcome(bench, "EFF001", script.replace("{tie}", "org_id = old.org_id"))[0] == "passed"


def test_a_trigger_of_a_shared_table_knows_no_tenant(bench: Bench) -> None:
    script = (
        "create table board (what text); grant insert on board to app_user;"
        "create function act() returns trigger language plpgsql security definer as $$"
        " begin update job set title = new.what; return new; end $$;"
        "create trigger act after insert on board for each row execute function act();"
    )

    assert outcome(bench, "EFF001", script)[0] == "undecided"
    assert (
        outcome(
            bench,
            "EFF002",
            "create table board (what text); grant insert on board to app_user;"
            " create rule r as on insert to board do also delete from job;",
        )[0]
        == "undecided"
    )


RULES = {
    "also": (
        "undecided",
        "create rule r as on update to job do also delete from job where title = old.title;",
    ),
    "told while it writes": (
        "undecided",
        "create view v with (security_barrier = true) as select id, org_id, title from job"
        f" where org_id = {CONTEXT}; grant insert on v to app_user;"
        f" create rule r as on insert to v do instead insert into job (id, org_id, title)"
        f" values (new.id, {CONTEXT}, new.title) returning id, org_id, (select max(title) from job);",
    ),
    "a copy": (
        "undecided",
        f"{JOURNAL} create rule r as on insert to job do also insert into journal values (new.title);",
    ),
    "news for all who listen": (
        "undecided",
        "create rule r as on insert to job do also select pg_notify('jobs', new.title);",
    ),
    "news through a helper": (
        "undecided",
        "create function shout(word text) returns void language sql as $$ select pg_notify('jobs', word) $$;"
        " create rule r as on insert to job do also select shout(new.title);",
    ),
    "news without the row": (
        "passed",
        "create rule r as on insert to job do also select pg_notify('jobs', 'changed');",
    ),
    "instead of a view's": (
        "undecided",
        "create view v with (security_invoker = true) as select id, title from job;"
        " create rule r as on delete to v do instead delete from job where title = old.title;",
    ),
    "the tenant that the row names": (
        "undecided",
        "create rule r as on insert to job do also select set_config('app.tenant_id', new.title, false);",
    ),
    "nothing": ("passed", "create rule r as on delete to job do instead nothing;"),
    "a soft delete": (
        "passed",
        "create rule r as on delete to job do instead update job set state = 'gone' where id = old.id;",
    ),
    "a soft delete by a number that tenants share": (
        "undecided",
        "create table crate (org_id uuid not null references organization, no int, gone boolean, primary key (org_id, no));"
        " alter table crate enable row level security; grant delete on crate to app_user;"
        " create rule r as on delete to crate do instead update crate set gone = true where no = old.no;",
    ),
    "a row of the same tenant": (
        "passed",
        "create table past (org_id uuid not null references organization, title text);"
        " alter table past enable row level security;"
        " create rule r as on update to job do also insert into past values (old.org_id, old.title);",
    ),
    "a row of the new tenant": (
        "undecided",
        "create table past (org_id uuid not null references organization, title text);"
        " alter table past enable row level security;"
        " create rule r as on insert to job do also insert into past values (new.org_id, new.title);",
    ),
    "under the owner's policies": (
        "passed",
        "grant create on schema public to app_owner; alter table job owner to app_owner;"
        " create rule r as on update to job do also delete from job where title = old.title;",
    ),
}


@pytest.mark.parametrize(("status", "script"), RULES.values(), ids=RULES)
def test_a_rule_passes_that_keeps_to_the_tenant(bench: Bench, status: str, script: str) -> None:
    assert outcome(bench, "EFF002", script)[0] == status


def colour(action: str, grants: str, more: str = "") -> str:
    return (
        f"create table colour (name text primary key, hex text); {more} grant {grants} on colour to app_user;"
        f" alter table job add colour text references colour {action};"
    )


CASCADES = {
    "delete": ("failed", colour("on delete cascade", "select, delete")),
    "set null": ("failed", colour("on delete set null", "select, delete")),
    "a renamed key": ("failed", colour("on update cascade", "select, update")),
    "set default": ("failed", colour("on update set default", "select, update (name)")),
    "read only": ("passed", colour("on delete cascade on update cascade", "select")),
    "another column": ("passed", colour("on update cascade", "select, update (hex)")),
    "a key that refuses": ("not_applicable", colour("", "select, delete")),
    "under policies": (
        "undecided",
        colour("on delete cascade", "select, delete", "alter table colour enable row level security; create policy c on colour using (hex is null);"),
    ),
    "under a policy that says no": (
        "passed",
        colour("on delete cascade", "select, delete", "alter table colour enable row level security; create policy c on colour for select using (true);"
        " create policy d on colour for delete using (false);"),
    ),
    "under a policy for another role": (
        "passed",
        colour("on delete cascade", "select, delete", "create role painter; alter table colour enable row level security; create policy c on colour to painter using (true);"),
    ),
    "the partner of a row": (
        "undecided",
        "grant delete on organization to app_user;"
        " alter table job add partner uuid references organization on delete cascade;",
    ),
    "the parent of a tenant": (
        "undecided",
        "grant delete on organization to app_user;"
        " alter table organization add parent uuid references organization on delete set null;",
    ),
    "a partner that stays": (
        "passed",
        "alter table job add partner uuid references organization on delete cascade;",
    ),
    "under policies that only show": (
        "passed",
        colour("on delete cascade", "select, delete", "alter table colour enable row level security; create policy c on colour for select using (true);"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "script"), CASCADES.values(), ids=CASCADES)
def test_a_cascade_is_as_safe_as_who_may_start_it(bench: Bench, status: str, script: str) -> None:
    assert outcome(bench, "EFF003", script)[0] == status


def view(
    grants: str, options: str = "", end: str = "", select: str = "select id, org_id, title from job"
) -> str:
    return f"create view mine {options} as {select} where org_id = {CONTEXT} {end}; grant {grants} on mine to app_user;"


def test_a_view_that_takes_rows_checks_them(bench: Bench) -> None:
    assert outcome(bench, "EFF004", view("select, insert"))[0] == "failed"
    assert outcome(bench, "EFF004", view("update"))[0] == "failed"
    assert outcome(bench, "EFF004", view("insert", end="with check option"))[0] == "passed"
    assert outcome(bench, "EFF004", view("select, delete"))[0] == "passed"


@pytest.mark.parametrize(
    ("grants", "status"),
    [("select, update", "undecided"), ("select, delete", "undecided"), ("select", "passed")],
)
def test_who_accepts_what_a_view_shows_has_not_accepted_what_it_takes(
    bench: Bench, grants: str, status: str
) -> None:
    every = f"create view every as select id, org_id, title from job; grant {grants} on every to app_user;"
    assert outcome(bench, "EFF004", every)[0] == status


def test_a_view_that_checks_what_it_takes_meets_no_row_of_another_tenant(bench: Bench) -> None:
    def taken(grants: str) -> str:
        return outcome(bench, "EFF004", view(grants, end="with check option"))[0]

    assert taken("insert, update") == "undecided"
    assert taken("insert, update (title)") == "passed"
    assert taken("insert") == "passed"


OVER = "create view short {} as select * from mine where length(title) < 9 {}; grant insert on short to app_user;"
ABOVE = {
    "local over none": ("failed", "", "with local check option"),
    "none over none": ("failed", "", ""),
    "cascaded over none": ("passed", "", "with cascaded check option"),
    "local over local": ("passed", "with local check option", "with local check option"),
    "local over cascaded": ("passed", "with check option", "with local check option"),
    "none over cascaded": ("passed", "with check option", ""),
}


@pytest.mark.parametrize(("status", "below", "above"), ABOVE.values(), ids=ABOVE)
def test_a_view_over_a_view_is_checked_where_the_tenant_is(
    bench: Bench, status: str, below: str, above: str
) -> None:
    barrier = "with (security_barrier = true)"
    script = view("select", barrier, below) + OVER.format(barrier, above)
    assert outcome(bench, "EFF004", script)[0] == status


SEATS = """
create function who() returns uuid language sql stable as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
create table seat (org_id uuid not null references organization, user_id uuid not null, taken boolean not null default false,
    primary key (org_id, user_id));
alter table seat enable row level security;
create policy own on seat for select using (user_id = who());
create policy ask on seat for insert with check (user_id = who() and not taken);
grant select on seat to app_user;
create policy seats on job using (org_id in (select s.org_id from seat s where s.user_id = who() and s.taken));
create view mine with (security_barrier) as select {} from seat where {} with check option; grant {} on mine to app_user;
"""
OWN_SEATS = {
    "any tenant's": ("failed", SEATS.format("org_id, user_id", "user_id = who()", "select, insert")),
    "moved to any tenant": ("failed", SEATS.format("org_id as team, user_id", "user_id = who()", "update (team)")),
    "shown": ("passed", SEATS.format("org_id, user_id", "user_id = who()", "select, update (user_id)")),
    "without the tenant": ("passed", SEATS.format("user_id", "user_id = who()", "insert, update")),
    "of a tenant of his": ("passed", SEATS.format("org_id, user_id", "org_id in (select s.org_id from seat s where s.user_id = who())", "insert, update")),
    "of the tenant": ("passed", SEATS.format("org_id, user_id", f"user_id = who() and org_id = {CONTEXT}", "insert, update")),
}  # fmt: skip


@pytest.mark.parametrize(("status", "script"), OWN_SEATS.values(), ids=OWN_SEATS)
def test_a_view_over_memberships_asks_for_the_tenant(bench: Bench, status: str, script: str) -> None:
    assert outcome(bench, "EFF004", script)[0] == status


@pytest.mark.parametrize(("grant", "status"), [("select", "passed"), ("select, insert", "undecided")])
def test_a_request_to_join_is_no_row_of_the_tenant(bench: Bench, grant: str, status: str) -> None:
    accepts = trigger("update seat set taken = true where org_id = new.org_id and user_id = new.user_id;")
    script = SEATS.format("user_id", "user_id = who()", "select") + accepts.replace("on job", "on seat")
    assert outcome(bench, "EFF001", f"{script} grant {grant} on seat to app_user;")[0] == status


BELL = """create table bell (user_id uuid not null, body text);
alter table bell enable row level security; grant select on bell to app_user;
create policy own on bell for select using (user_id = who());
"""
BELLS = {
    "to each his own": (BELL, "whose policies give each person his own rows"),
    "to each his own, to add and to clear": (
        BELL + "create policy add on bell for insert with check (user_id = who()); create policy clear on bell for delete using (user_id = who());",
        "whose policies give each person his own rows",
    ),
    "to all": (BELL + "create policy news on bell for select using (true);", "open to every tenant"),
    "to each his own, or to all": (BELL.replace("user_id = who())", "user_id = who() or body <> '')"), "open to every tenant"),
    "to all, with row security off": (BELL + "alter table bell disable row level security;", "open to every tenant"),
}  # fmt: skip


@pytest.mark.parametrize(("bell", "shown"), BELLS.values(), ids=BELLS)
def test_what_is_copied_for_one_person_is_not_open_to_all(bench: Bench, bell: str, shown: str) -> None:
    seats = SEATS.format("user_id", "user_id = who()", "select")
    script = seats + trigger(
        "insert into bell select s.user_id, new.title from seat s where s.org_id = new.org_id;", before=bell
    )

    status, said = outcome(bench, "EFF001", script)

    assert status == ("failed" if shown == "open to every tenant" else "undecided"), said
    assert [shown in text for text in said] == [True], said


def test_a_view_that_takes_rows_may_be_one_of_several(bench: Bench) -> None:
    assert (
        outcome(bench, "EFF004", view("select, insert", select="select distinct org_id from job"))[0]
        == "passed"
    )
    assert outcome(bench, "EFF004", view("insert", "with (security_invoker = true)"))[0] == "not_applicable"


def test_a_view_that_binds_the_tenant_is_a_barrier(bench: Bench) -> None:
    assert outcome(bench, "EFF005", view("select"))[0] == "failed"
    assert outcome(bench, "EFF005", view("select", "with (security_barrier = true)"))[0] == "passed"
    assert outcome(bench, "EFF005", view("insert"))[0] == "passed"


def test_a_leakproof_function_is_undecided_where_the_app_may_call_it(bench: Bench) -> None:
    made = "create function f(t text) returns boolean language sql leakproof as 'select t is null';"
    assert outcome(bench, "EFF006", made)[0] == "undecided"
    assert outcome(bench, "EFF006", made + "revoke execute on function f(text) from public;")[0] == "passed"
    assert outcome(bench, "EFF006", made.replace("leakproof", ""))[0] == "not_applicable"


HELPERS = {
    "a setting": ("failed", f"select {CONTEXT}", "immutable"),
    "a table": ("failed", "select id from organization limit 1", "immutable"),
    "the session": ("failed", "select md5(current_user)::uuid", "immutable"),
    "nothing": ("passed", "select '00000000-0000-4000-8000-000000000001'::uuid", "immutable"),
    "a setting, and says so": ("passed", f"select {CONTEXT}", "stable"),
}


@pytest.mark.parametrize(("status", "body", "volatility"), HELPERS.values(), ids=HELPERS)
def test_a_helper_of_a_policy_is_as_constant_as_it_says(
    bench: Bench, status: str, body: str, volatility: str
) -> None:
    script = (
        f"create function mine() returns uuid language sql {volatility} as $$ {body} $$;"
        " create policy h on job using (org_id = mine());"
    )
    assert outcome(bench, "EFF007", script)[0] == status


def test_an_exclusion_constraint_holds_the_tenant(bench: Bench) -> None:
    table = "create table slot (org_id uuid not null references organization (id), id int, at int, {});"
    assert outcome(bench, "UNQ007", table.format("exclude using btree (at with =)"))[0] == "failed"
    assert (
        outcome(bench, "UNQ007", table.format("exclude using btree (at with =, org_id with =)"))[0]
        == "passed"
    )


def test_what_only_a_partition_keeps_apart_holds_the_tenant(bench: Bench) -> None:
    table = (
        "create table slot (org_id uuid not null references organization, at int) partition by range (at);"
        " create table slot_1 partition of slot for values from (0) to (9); "
    )
    assert outcome(bench, "UNQ008", table + "create unique index on slot_1 (at);")[0] == "failed"
    assert outcome(bench, "UNQ008", table + "create unique index on slot_1 (org_id, at);")[0] == "passed"
    assert (
        outcome(bench, "UNQ008", table + "create unique index on slot (org_id, at);")[0] == "not_applicable"
    )
    excludes = table + "alter table slot_1 add exclude using btree (at with ="
    assert outcome(bench, "UNQ007", excludes + ");")[0] == "failed"
    assert outcome(bench, "UNQ007", excludes + ", org_id with =);")[0] == "passed"


def test_a_unique_of_a_detail_table_leads_to_its_owner(bench: Bench) -> None:
    table = "create table detail (job_id uuid primary key references job (id), ref text, number int {});"
    assert outcome(bench, "UNQ008", table.format(", unique (ref)"))[0] == "failed"
    assert (
        outcome(bench, "UNQ008", table.format("") + "create unique index on detail (lower(ref));")[0]
        == "failed"
    )
    assert outcome(bench, "UNQ008", table.format(", unique (job_id, ref)"))[0] == "passed"
    assert outcome(bench, "UNQ008", table.format(""))[0] == "not_applicable"


LEFT_OUT = {
    "a tenant column": (
        "undecided",
        "create table board (org_id uuid, what text); grant select on board to app_user;",
    ),
    "a key to a tenant's table": (
        "undecided",
        "create table board (job_id uuid references job (id), what text); grant select on board to app_user;",
    ),
    "a ledger that the app writes": (
        "failed",
        "create table schema_migrations (version varchar(128) primary key); grant select, insert on schema_migrations to app_user;",
    ),
    "a ledger that it does not": (
        "passed",
        "create table schema_migrations (version varchar(128) primary key); grant select on schema_migrations to app_user;",
    ),
    "shared, and a tenants' table hangs below it": (
        "undecided",
        "create table board (title text); grant select on board to app_user; alter table job inherit board;",
    ),
    "a tenants' table hangs below it, by another": (
        "undecided",
        "create table board (title text); grant update on board to app_user;"
        " create table inbox () inherits (board); alter table job inherit inbox;",
    ),
    "a tenants' table hangs below it, and nobody uses it": (
        "passed",
        "create table board (title text); alter table job inherit board;",
    ),
    "shared for good": (
        "passed",
        "create table board (what text); grant select, insert on board to app_user;",
    ),
    "nobody's": ("passed", "create table board (org_id uuid, what text);"),
}


@pytest.mark.parametrize(("status", "script"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_left_out_is_said_where_it_may_hold_tenants_rows(
    bench: Bench, status: str, script: str
) -> None:
    assert outcome(bench, "TEN011", script)[0] == status, outcome(bench, "TEN011", script)


def test_the_list_of_the_tenants_is_not_for_all(bench: Bench) -> None:
    def said(script: str) -> str:
        return look(bench, "RLS016", script, TOML).result.status

    assert said("grant select on organization to app_user;") == "failed"
    assert said("grant select (id) on organization to public;") == "failed"
    assert said("revoke all on organization from app_user, public;") == "passed"
    assert said(ORG + "grant select on organization to app_user;") == "passed"


PATHS = {
    "no end": ("failed", "set search_path = public", "select count(*) from job"),
    "no end, and two names": (
        "undecided",
        "set search_path = public",
        "select count(*) from job j join organization o on o.id = j.org_id",
    ),
    "a schema of the app's": ("error", "set search_path = work, pg_temp", "select count(*) from public.job"),
    "a schema of the app's, and a name": (
        "error",
        "set search_path = work, public, pg_temp",
        "select count(*) from job",
    ),
    "at its beginning": ("failed", "set search_path = pg_temp, public", "select count(*) from job"),
    "no path, and a name": ("error", "", "select count(*) from job"),
    "no path, and an operator": ("error", "", "select (1 + 1)::bigint"),
    "no path, and a body that is bound": ("failed", "", "ATOMIC"),
    "a path of the app's within": (
        "error",
        "set search_path = pg_catalog, pg_temp",
        "select length(set_config('search_path', 'work, public', true))::bigint",
    ),
    "a path that is not written within": (
        "error",
        "set search_path = pg_catalog, pg_temp",
        "select length(set_config('search_path', concat('work'), true))::bigint",
    ),
    "a path of others within": (
        "passed",
        "set search_path = pg_catalog, pg_temp",
        "select length(set_config('search_path', 'public', true))::bigint",
    ),
    "no path at all": ("failed", "", "select 1::bigint"),
    "names with their schema": ("passed", "set search_path = public", "select count(*) from public.job"),
    "no table": ("passed", "set search_path = public", "select 1::bigint"),
    "at its end": ("passed", "set search_path = public, pg_temp", "select count(*) from job"),
}


@pytest.mark.parametrize(("status", "path", "body"), PATHS.values(), ids=PATHS)
def test_a_definer_finds_nothing_that_its_caller_made(
    bench: Bench, status: str, path: str, body: str
) -> None:
    script = (
        "create schema work; grant create, usage on schema work to app_user;"
        f"create function f() returns bigint language sql stable security definer {path} as $$ {body} $$;"
    ).replace("as $$ ATOMIC $$", "return (select count(*) from job)")
    judged = look(bench, "BYP006", ORG + TABLE + script, TOML)
    found = {str(f.severity) for f in judged.findings if f.severity is Severity.ERROR}
    assert (found or {judged.result.status}) == {status}


def test_a_function_that_deletes_what_all_share_spreads_as_its_caller_does(bench: Bench) -> None:
    base = (
        "create table colour (id int primary key, name text); grant select on colour to app_user;"
        "alter table job add colour int references colour on delete cascade;"
        "create function forget(n int) returns void language sql security definer as $$ delete from colour where id = n $$;"
    )

    status, said = outcome(bench, "EFF003", base)

    assert status == "undecided"
    assert said[0].startswith(
        "DELETE on colour by app_user through forget() reaches the rows of every tenant"
    )
    assert outcome(bench, "EFF003", base + "revoke execute on function forget from public;")[0] == "passed"


def test_a_key_of_several_columns_hands_the_tenant_down(bench: Bench) -> None:
    script = (
        "create table doc (org_id uuid not null references organization, id int, primary key (org_id, id));"
        "create table page (doc_org uuid not null, doc int not null, foreign key (doc_org, doc) references doc);"
        "alter table doc enable row level security; alter table page enable row level security;"
        f"create policy d on doc using (org_id = (select {CONTEXT})); grant select on doc, page to app_user;"
        "create policy p on page using ({});"
    )
    tied = "exists (select 1 from doc d where d.org_id = page.doc_org and d.id = page.doc)"

    assert outcome(bench, "RLS005", script.format(tied))[0] == "passed"
    assert outcome(bench, "RLS005", script.format(f"doc_org = (select {CONTEXT})"))[0] == "passed"
    assert outcome(bench, "RLS005", script.format("doc in (select id from doc)"))[0] == "failed"


TOLD = "execute function triggered_change_notification('changes');"
EVENTS = (
    "create extension tcn; create trigger tell after insert or update or delete on {} for each row " + TOLD
)
NOTICES = {
    "a key that is an address": (
        "create table contact (org_id uuid not null references organization, email text, primary key (org_id, email));",
        "undecided",
    ),
    "a secret key": (
        "create table contact (org_id uuid not null references organization, token uuid primary key);",
        "undecided",
    ),
    "a key with a date": (
        "create table contact (org_id uuid not null references organization, id int, day date, primary key (id, day));",
        "undecided",
    ),
    "a surrogate key": (
        "create table contact (id uuid primary key, org_id uuid not null references organization, email text);",
        "passed",
    ),
    "a number within the tenant": (
        "create table contact (org_id uuid not null references organization, id int, email text, primary key (org_id, id));",
        "passed",
    ),
}  # fmt: skip


@pytest.mark.pg(">= 18")
@pytest.mark.parametrize(("table", "status"), NOTICES.values(), ids=NOTICES)
def test_what_an_extension_notifies_is_the_primary_key(bench: Bench, table: str, status: str) -> None:
    guard = (
        f"alter table contact enable row level security; alter table contact force row level security;"
        f"create policy c on contact using (org_id = (select {CONTEXT})); grant select, insert on contact to app_user;"
    )

    assert outcome(bench, "EFF001", table + guard + EVENTS.format("contact"))[0] == status
