"""What a finding rests on: the same object may let out more than it did, and that is another finding."""

import json
from pathlib import Path

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_cli import Terminal
from tests.fix_examples import CONFIG, facts_of
from validate_schema.checking.engine import Outcome, run
from validate_schema.checking.packs import builtin_checks
from validate_schema.scratch import Database

OWN = "org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
ROOT = "create table organization (id uuid primary key);"
NOTICES = f"""
create table notice (
    org_id uuid not null references organization (id), id uuid primary key, title text, is_public boolean not null
);
create function shown(is_public boolean) returns boolean language sql immutable as 'select is_public';
create function kept() returns trigger language plpgsql as 'begin return new; end';
alter table notice enable row level security;
alter table notice force row level security;
create policy readers on notice for select using (is_public or {OWN});
create policy helped on notice for select using (shown(is_public) or {OWN});
create function like_one(uuid, uuid) returns boolean language sql immutable as 'select $1 = $2';
create operator === (leftarg = uuid, rightarg = uuid, function = like_one);
create policy signed on notice for select
    using (org_id === nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on notice to app_user;
create table draft (org_id uuid not null references organization (id), id uuid primary key);
create view all_titles as select title from notice;
create view titles as select title from all_titles;
grant select on titles to app_user;
grant select (id) on draft to app_user;
"""
READERS, HELPED, OFF, VIEW, SIGNED = (
    ("RLS005", "notice.readers"),
    ("RLS005", "notice.helped"),
    ("RLS001", "draft"),
    ("BYP003", "all_titles"),
    ("RLS014", "notice.signed"),
)


def judged(bench: Bench, change: str = "", toml: str = CONFIG) -> Outcome:
    script = f"{NOTICES} {change}"
    with bench.open(script) as conn:
        execute(conn, script)
        return run(builtin_checks(), facts_of(conn, toml))


def bases(outcome: Outcome) -> dict[tuple[str, str], str]:
    return {(f.check, f.object.label()): f.basis for f in outcome.findings}


@pytest.fixture(scope="module")
def before(bench: Bench) -> dict[tuple[str, str], str]:
    return bases(judged(bench))


CHANGES = {
    "a policy": ("alter policy readers on notice using (true)", {READERS}),
    "for whom it is": ("alter policy readers on notice to app_user", {READERS}),
    "a function that it names": (
        "create or replace function shown(is_public boolean) returns boolean language sql immutable as 'select true'",
        {HELPED},
    ),
    "what the app may do": ("grant delete on notice to app_user", {READERS, HELPED, SIGNED}),
    "what it may do to a column": ("grant update (title) on notice to app_user", {READERS, HELPED, SIGNED}),
    "a function behind an operator": (
        "create or replace function like_one(uuid, uuid) returns boolean language sql immutable as 'select true'",
        {SIGNED},
    ),
    "another column": ("grant select (org_id) on draft to app_user", {OFF}),
    "a column of a view": (
        "revoke select on titles from app_user; grant select (title) on titles to app_user",
        {VIEW},
    ),
    "what everybody may do": ("grant insert on draft to public", {OFF}),
    "what fires beside it": (
        "create trigger t before insert on notice for each row execute function kept()",
        {READERS, HELPED, SIGNED},
    ),
    "row security without a policy": ("alter table draft force row level security", {OFF}),
    "who may read it by another": ("grant update on titles to app_user", {VIEW}),
    "the view": ("create or replace view all_titles as select title || '!' as title from notice", {VIEW}),
    "a view that reads it": (
        "create or replace view titles as select title || '!' as title from all_titles",
        {VIEW},
    ),
}


@pytest.mark.parametrize(("change", "others"), CHANGES.values(), ids=list(CHANGES))
def test_what_opens_another_way_is_another_finding(
    bench: Bench, before: dict[tuple[str, str], str], change: str, others: set[tuple[str, str]]
) -> None:
    after = bases(judged(bench, change + ";"))

    assert {READERS, HELPED, OFF, VIEW, SIGNED} <= before.keys()
    assert {known for known, basis in before.items() if after.get(known, basis) != basis} == others


SAME = {
    "an owner": "alter table notice owner to app_owner; alter function shown owner to app_owner",
    "another role": "grant insert on notice to app_owner",
    "a column": "alter table notice add more text",
    "an index": "create index on notice (org_id)",
    "a comment": "comment on policy readers on notice is 'published ones'",
    "another policy": f"create policy more on notice for delete using ({OWN})",
    "another function": "create function other() returns boolean language sql as 'select true'",
}


@pytest.mark.parametrize("change", SAME.values(), ids=list(SAME))
def test_nothing_else_makes_it_another(bench: Bench, before: dict[tuple[str, str], str], change: str) -> None:
    after = bases(judged(bench, f"{change};"))

    assert {known: after[known] for known in (READERS, HELPED)} == {k: before[k] for k in (READERS, HELPED)}


def test_what_is_no_way_out_rests_on_nothing(before: dict[tuple[str, str], str]) -> None:
    assert {basis for (check, _), basis in before.items() if check.startswith(("IDX", "FKY", "SUP"))} == {""}


def accepting(basis: str) -> str:
    return (
        f'{CONFIG}[[checks.suppress]]\ncheck = "RLS005"\nobject = "notice.readers"\nreason = "public ones"\n'
        f'owner = "Ana"\nbasis = "{basis}"\n'
    )


@pytest.mark.parametrize(
    ("change", "holds"), [("", True), ("alter policy readers on notice using (true);", False)]
)
def test_what_was_accepted_is_accepted_as_it_was(
    bench: Bench, before: dict[tuple[str, str], str], change: str, holds: bool
) -> None:
    outcome = judged(bench, change, accepting(before[READERS]))

    known = [(f.check, f.object.label()) for f in outcome.suppressed]
    said = [f.message for f in outcome.findings if f.check == "SUP003"]
    assert (READERS in known, READERS in bases(outcome)) == (holds, not holds)
    assert said == ([] if holds else ["What the suppression RLS005 notice.readers accepts has changed since"])


def measured(terminal: Terminal, url: str, *more: str) -> tuple[int, dict]:
    options = ("--config", "c.toml", "--baseline", "base.json", "--report", "now.json", "--no-data")
    ran = terminal.run("--database-url", url, *options, *more)
    return ran.status, json.loads(Path("now.json").read_text())


def test_a_baseline_knows_what_is_as_it_was(terminal: Terminal, database: Database) -> None:
    terminal.write("c.toml", CONFIG.replace('app_roles = ["app_user"]', ""))
    url = database.conninfo
    with database.connect(autocommit=True) as connection:
        execute(connection, ROOT + NOTICES.replace("to app_user", "to public"))
        measured(terminal, url, "--update-baseline", "--fail-on", "never")
        assert measured(terminal, url, "--fail-on", "new")[1]["baseline"]["changed"] == 0
        execute(connection, "alter policy readers on notice using (true);")
    status, report = measured(terminal, url, "--fail-on", "new")

    changed = {f["check"]: f["object"]["table"] for f in report["findings"] if f["status"] == "changed"}
    assert (status, report["verdict"], set(changed.values())) == (1, "FAIL", {"notice"})
    assert "RLS005" in changed
    assert report["gate"].endswith(" new or changed findings, warnings or worse")
    assert (report["baseline"]["new"], report["baseline"]["changed"]) == (0, len(changed))
    compared = terminal.run("compare", "base.json", "now.json")
    assert (compared.status, f"Changed ({len(changed)})" in compared.out) == (1, True)


def test_a_baseline_of_an_older_version_knows_its_findings(terminal: Terminal, database: Database) -> None:
    terminal.write("c.toml", CONFIG.replace('app_roles = ["app_user"]', ""))
    with database.connect(autocommit=True) as connection:
        execute(connection, ROOT + NOTICES.replace("to app_user", "to public"))
    measured(terminal, database.conninfo, "--update-baseline", "--fail-on", "never")
    old = json.loads(Path("base.json").read_text())
    for finding in old["findings"]:
        del finding["basis"]
    terminal.write("base.json", json.dumps(old))

    _, report = measured(terminal, database.conninfo, "--fail-on", "new")

    assert {f["status"] for f in report["findings"]} == {"existing"}
