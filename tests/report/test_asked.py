"""Who was asked, and what is assumed, as a report tells it."""

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.report.asked import asked_facts, assumptions

SCHEMA = """
create table users (id uuid primary key);
create table member (org_id uuid not null references organization, user_id uuid not null references users, primary key (org_id, user_id));
create table doc (id uuid primary key, org_id uuid not null references organization);
alter table member enable row level security; alter table doc enable row level security;
create policy own on member using (user_id::text = nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub');
create policy p on doc using (org_id in (select m.org_id from member m
  where m.user_id::text = nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub') or current_setting('app.job', true) = 'on');
"""
TOML = """[tenancy]
root = "organization"
column = "org_id"
app_roles = ["app_user"]
trusted = [{ setting = "app.job", values = ["on"], reason = "set by our own jobs" }]
"""


def test_who_was_asked_is_one_line_and_each_reason(bench: Bench) -> None:
    with bench.open(SCHEMA) as conn:
        execute(conn, SCHEMA)
        asked = asked_facts(facts_of(conn, TOML))

    assert (asked.line, asked.session, asked.people) == (
        "tenant by member.org_id; person by request.jwt.claims ->> 'sub'; switches: app.job; claims signed (gateway)",
        "gateway",
        "users",
    )
    assert [(v.name, v.kind) for v in asked.variables] == [
        ("app.job", "switch"),
        ("request.jwt.claims ->> 'sub'", "person"),
    ]
    assert [m.why for m in asked.memberships] == ["member holds org_id and user_id, keyed by both"]


def test_what_is_assumed_and_accepted_is_said(bench: Bench) -> None:
    with bench.open(SCHEMA) as conn:
        execute(conn, SCHEMA)
        said = assumptions(facts_of(conn, TOML))

    assert [one.about for one in said] == [
        "principals",
        "principals",
        "accepted",
        "equality",
        "effects",
        "roles",
    ]
    assert said[2].text == "app.job = on opens policies, which is accepted: set by our own jobs"


def test_nothing_is_assumed_where_nothing_was_judged(bench: Bench) -> None:
    with bench.open() as conn:
        facts = facts_of(conn, TOML)

        assert (asked_facts(facts).line, assumptions(facts)) == ("", ())
