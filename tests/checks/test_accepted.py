"""Who accepts one thing has accepted that, and nothing else that the same object does."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_guarded import CONTEXT
from validate_schema.checking.engine import Outcome, run
from validate_schema.checking.packs import builtin_checks

TENANT = f"(select {CONTEXT})"
TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
global = ["feed", "board"]
"""
BASE = f"""
alter table organization enable row level security;
alter table organization force row level security;
create policy itself on organization using (id = {TENANT});
create table invoice (
    id uuid primary key default gen_random_uuid(), title text not null,
    org_id uuid {{null}} references organization (id), partner_id uuid references organization (id)
);
alter table invoice enable row level security;
alter table invoice force row level security;
create policy p on invoice {{policy}};
grant {{granted}} on invoice to app_user;
"""
EVERY = "select, insert, update, delete"


def schema(
    policy: str = f"using (org_id = {TENANT})", *, granted: str = EVERY, null: str = "not null"
) -> str:
    return BASE.format(policy=policy, granted=granted, null=null)


def judged(bench: Bench, script: str, *accepted: str) -> Outcome:
    toml = TOML
    for both in accepted:
        check, object = both.split(" ", 1)
        toml += f'[[checks.suppress]]\ncheck = "{check}"\nobject = "{object}"\nreason = "meant"\n'
    with bench.open(script) as conn:
        execute(conn, script)
        return run(builtin_checks(), facts_of(conn, toml))


def told(outcome: Outcome) -> list[str]:
    """Return the checks of what keeps the outcome from passing: errors, and what is undecided."""
    errors = {f.check for f in outcome.findings if f.severity == "error"}
    return sorted(errors | outcome.undecided.keys())


NOBODYS = f"org_id is null or org_id = {TENANT}"
SILENT = f"{TENANT} is null or org_id = {TENANT}"
PARTIES = f"org_id = {TENANT} or partner_id = {TENANT}"
READ = {
    "rows without a tenant": ("RLS008", NOBODYS, ""),
    "no context": ("RLS007", SILENT, "not null"),
    "public rows": ("RLS005", f"title = 'public' or org_id = {TENANT}", "not null"),
    "two parties": ("RLS014", PARTIES, "not null"),
}  # fmt: skip


@pytest.mark.parametrize(("check", "using", "null"), READ.values(), ids=READ)
def test_who_accepts_what_a_policy_shows_has_not_accepted_what_it_takes(
    bench: Bench, check: str, using: str, null: str
) -> None:
    script = schema(f"using ({using})", null=null)
    assert told(judged(bench, script)) == [check]
    assert told(judged(bench, script, f"{check} invoice.p")) == ["RLS006"]
    assert told(judged(bench, script, f"{check} invoice.p", "RLS006 invoice.p")) == []


@pytest.mark.parametrize(("check", "using", "null"), READ.values(), ids=READ)
def test_where_nothing_is_written_by_it_what_a_policy_shows_is_all(
    bench: Bench, check: str, using: str, null: str
) -> None:
    reads = schema(f"for select using ({using})", null=null)
    bound = f"{reads} create policy own on invoice for insert with check (org_id = {TENANT});"
    for script in (bound, schema(f"using ({using})", null=null, granted="select")):
        assert told(judged(bench, script)) == [check]
        assert told(judged(bench, script, f"{check} invoice.p")) == []


def test_a_policy_that_only_writes_says_so_itself(bench: Bench) -> None:
    script = schema(f"for delete using ({NOBODYS})", null="")
    assert told(judged(bench, script)) == ["RLS008"]
    assert told(judged(bench, script, "RLS008 invoice.p")) == []


def test_what_two_parties_write_is_a_doubt_of_its_own(bench: Bench) -> None:
    script = schema(f"for select using ({PARTIES})")
    script += f"create policy made on invoice for insert with check ({PARTIES});"
    assert told(judged(bench, script, "RLS014 invoice.p")) == ["RLS014"]
    assert told(judged(bench, script, "RLS014 invoice.p", "RLS014 invoice.made")) == []


def test_a_function_may_write_what_its_caller_may_only_read(bench: Bench) -> None:
    purge = """grant select, delete on invoice to app_owner;
    create function purge() returns void language sql security definer set search_path = public, pg_temp
        begin atomic delete from invoice where title = 'public'; end;
    alter function purge() owner to app_owner;"""
    public = f"using (title = 'public' or org_id = {TENANT})"
    script = f"{schema(public, granted='select')} {purge}"
    assert told(judged(bench, script, "RLS005 invoice.p")) == ["BYP005"]


DELETES = """
create function del() returns trigger language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$ begin delete from public.invoice i where i.id = old.id; return old; end $$;
create trigger del instead of delete on titles for each row execute function del();
"""
VIEWS = {
    "a trigger instead of a statement": ("EFF001", f"{DELETES} grant select, delete on titles to app_user;"),
    "a rule": (
        "EFF002",
        "create rule del as on delete to titles do instead delete from invoice where id = old.id;"
        " grant select, delete on titles to app_user;",
    ),
    "a statement": ("EFF004", "grant select, update on titles to app_user;"),
    "a view over it": (
        "EFF004",
        "create view short as select id, title from titles where length(title) < 9; grant select on titles to app_user;"
        " grant select, update on short to app_user;",
    ),
    "a function over it": (
        "BYP005",
        "grant select on titles to app_user; create function drop_all() returns void language sql security definer"
        " set search_path = public, pg_temp begin atomic update titles set title = 'x'; end;",
    ),
    "it is shown": ("", "grant select on titles to app_user;"),
}  # fmt: skip


@pytest.mark.parametrize(("check", "beside"), VIEWS.values(), ids=VIEWS)
def test_who_accepts_what_a_view_shows_has_not_accepted_what_is_done_by_it(
    bench: Bench, check: str, beside: str
) -> None:
    script = f"{schema()} create view titles as select id, title from invoice; {beside}"
    assert "BYP003" in told(judged(bench, script))
    assert told(judged(bench, script, "BYP003 titles")) == ([check] if check else [])


def test_a_view_that_shows_own_rows_hands_own_rows_to_its_triggers(bench: Bench) -> None:
    script = f"create view titles with (security_invoker) as select id, title from invoice; {DELETES}"
    assert told(judged(bench, f"{schema()} {script} grant select, delete on titles to app_user;")) == []


ACTS = """
create table feed (id bigint generated always as identity primary key, title text not null);
create table board (id bigint generated always as identity primary key, title text not null);
grant select on feed, board to app_user;
create function act() returns trigger language plpgsql security definer set search_path = pg_catalog, public, pg_temp
    as $$ begin {} return null; end $$;
create trigger act after insert on invoice for each row execute function act();
"""
COPIES = "insert into public.feed (title) values (new.title);"
SENDS = "perform pg_notify('titles', new.title);"
REACHES = "delete from public.invoice i where i.title = new.title and i.id <> new.id;"
BESIDE = {
    "copies, and deletes others' rows": (COPIES + REACHES, "act to write"),
    "sends, and deletes others' rows": (SENDS + REACHES, "act to write"),
    "copies and sends": (COPIES + SENDS, "act to copy"),
}


@pytest.mark.parametrize(("body", "further"), BESIDE.values(), ids=BESIDE)
def test_who_accepts_one_act_of_a_trigger_has_not_accepted_another(
    bench: Bench, body: str, further: str
) -> None:
    script = schema() + ACTS.format(body)
    assert told(judged(bench, script)) == ["EFF001"]
    assert told(judged(bench, script, "EFF001 invoice.act")) == ["EFF001"]
    assert told(judged(bench, script, "EFF001 invoice.act", f"EFF001 invoice.{further}")) == []


@pytest.mark.parametrize("body", [COPIES, SENDS, REACHES])
def test_what_a_trigger_does_alone_is_accepted_by_its_name(bench: Bench, body: str) -> None:
    script = schema() + ACTS.format(body)
    assert told(judged(bench, script)) == ["EFF001"]
    assert told(judged(bench, script, "EFF001 invoice.act")) == []
