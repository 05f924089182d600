"""A function that cannot be read, and that does nothing with a key but compare it, is decided by keys: tested."""

import pytest

from tests.fix_server import fresh
from validate_schema import Report, validate
from validate_schema.report.headline import figures
from validate_schema.report.matrix import rows
from validate_schema.scratch import Server

SETTING = "current_setting('app.tenant_id', true)"
SCHEMA = f"""
create role tested_app login;
create table organization (id uuid primary key);
alter table organization enable row level security;
alter table organization force row level security;
create policy itself on organization using (id = (select nullif({SETTING}, '')::uuid));
create table note (id uuid primary key, org_id uuid not null references organization, shown boolean not null, body text);
create index on note (org_id);
alter table note enable row level security;
alter table note force row level security;
grant select, insert, update, delete on note to tested_app;
grant select on organization to tested_app;
"""
TENANCY = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["tested_app"]
"""
BRANCHES = f"""
create function may_see(o uuid, unused text) returns boolean language plpgsql stable as $$
declare said text := {SETTING};
begin
  if said is null or said = '' then return false; end if;
  if o is distinct from said::uuid then return false; end if;
  return true;
exception when invalid_text_representation then return false;
end $$;
create policy p on note using (may_see(org_id, body));
"""
CAUGHT = f"""
create function own_org() returns uuid language plpgsql stable as $$
begin
  if {SETTING} = 'none' then return null; end if;
  return {SETTING}::uuid;
exception when invalid_text_representation then return null;
end $$;
create policy p on note using (org_id = own_org());
"""
THROUGH = f"""
create function said() returns text language plpgsql stable as $$
begin if {SETTING} is null then raise exception 'who is asking?'; end if; return {SETTING}; end $$;
create function mine(o uuid) returns boolean language plpgsql stable strict as $$
begin case when o = nullif(said(), '')::uuid then return true; else return false; end case;
exception when others then return false; end $$;
create policy p on note using (mine(org_id) and shown) with check (mine(org_id));
"""
DECIDED = {"branches": BRANCHES, "an exception that is caught": CAUGHT, "a function behind": THROUGH}
OPEN = {
    "a word in place of the tenant": BRANCHES.replace(
        "if o is distinct", "if said = 'all' then return true; end if; if o is distinct"
    ).replace("said::uuid", "nullif(said, 'all')::uuid"),
    "what the caller's search_path decides": "create schema demo; grant usage on schema demo to tested_app;"
    " create function demo.said() returns text language sql as $$ select current_setting('demo.org', true) $$;"
    + THROUGH,
    "a key that it names": BRANCHES.replace(
        "if o is", "if o = '00000000-0000-4000-8000-00000000beef' then return true; end if; if o is"
    ),
    "another setting": BRANCHES.replace(
        "if o is", "if current_setting('app.desk', true) = 'support' then return true; end if; if o is"
    ),
    "no tenant": BRANCHES.replace("said = '' then return false", "said = '' then return true"),
    "a prefix": BRANCHES.replace("o is distinct from said::uuid", "left(o::text, 3) <> left(said, 3)"),
    "a hash": BRANCHES.replace("o is distinct from said::uuid", "hashtext(o::text) <> hashtext(said)"),
    "what a row holds": BRANCHES.replace("if o is", "if length(unused) > 40 then return true; end if; if o is"),
    "a cast that is too short": BRANCHES.replace(
        "o is distinct from said::uuid", "o::varchar(8) <> said::varchar(8)"
    ),
    "a clock": BRANCHES.replace("if o is", "if now() < '2001-01-01' then return true; end if; if o is"),
    "a table": BRANCHES.replace(
        "if o is", "if exists (select from organization where id::text > 'f') then return true; end if; if o is"
    ),
    "a function that says the first": CAUGHT.replace(
        "return null;\nend", "return (select min(id::text)::uuid from organization);\nend"
    ),
    "row security of another": CAUGHT.replace("= own_org()", ">= own_org()"),
}  # fmt: skip


def tried(server: Server, script: str) -> Report:
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute((SCHEMA + script).encode())
        report = validate(database_url=database.conninfo, config=TENANCY, prove=True)
        with database.connect(autocommit=True) as conn:
            conn.execute("drop owned by tested_app; drop role tested_app")
    return report


@pytest.mark.parametrize("name", DECIDED)
def test_what_is_true_of_the_own_key_alone_is_tested(server: Server, name: str) -> None:
    report = tried(server, DECIDED[name])

    assert report.verdict == "PASS", [(f.check, f.message) for f in report.findings]
    assert (report.isolation.proven, report.isolation.tested) == (("organization",), ("note",))
    reach = {s.reach for s in report.isolation.static if s.table == "note"}
    assert reach == {"tested"}
    words = {row.label: row.cells[-1].text for row in rows(report)}
    assert words == {"organization": "proven", "note": "tested"}
    proven = figures(report)[-1]
    assert (proven.mark, proven.part, proven.whole) == ("ok", 2, 2)
    assert "1 tested" in proven.note


@pytest.mark.parametrize("name", OPEN)
def test_what_may_be_true_of_another_key_is_not(server: Server, name: str) -> None:
    report = tried(server, OPEN[name])

    assert report.verdict != "PASS"
    assert "note" not in (*report.isolation.proven, *report.isolation.tested)
