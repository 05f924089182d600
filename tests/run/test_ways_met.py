"""A way in that no made-up row met shows nothing: its cells are inconclusive, whatever was held."""

import pytest

from tests.fix_server import fresh
from validate_schema import Report, prove, validate
from validate_schema.scratch import Server

CONTEXT = "(select nullif(current_setting('app.tenant_id', true), '')::uuid)"
SCHEMA = f"""
create role met_app login;
create table organization (id uuid primary key);
alter table organization enable row level security;
create policy itself on organization using (id = {CONTEXT});
create table note (
    id uuid primary key, org_id uuid not null references organization, title text not null, made timestamptz not null,
    tags text[] not null
);
create index on note (org_id);
alter table note enable row level security;
create policy own on note using (org_id = {CONTEXT});
grant select, insert, update, delete on note to met_app;
grant select on organization to met_app;
"""
TENANCY = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["met_app"]
"""


def proven(server: Server, policies: str, *, alone: bool = False) -> Report:
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute((SCHEMA + policies).encode())
        try:
            if alone:
                return prove(database_url=database.conninfo, config=TENANCY)
            return validate(database_url=database.conninfo, config=TENANCY, prove=True)
        finally:
            with database.connect(autocommit=True) as conn:
                conn.execute("drop owned by met_app; drop role met_app")


def outcomes(report: Report) -> dict[str, str]:
    return {c.probe: c.outcome for c in report.isolation.cells if c.label == "note" and not c.detail}


NOT_MET = {
    "a length": ("for select using (length(title) > 200)", "read"),
    "an age and a tag": ("for select using (made < '1990-01-01' and tags @> array['open'])", "read"),
    "what is written": ("for insert with check (title ~ '^[[:upper:]]{40}$')", "insert"),
    "what is deleted": ("for delete using (md5(title) like '0000%')", "delete"),
}


@pytest.mark.parametrize("name", NOT_MET)
def test_a_branch_that_no_row_met_is_inconclusive(server: Server, name: str) -> None:
    policy, probe = NOT_MET[name]

    report = proven(server, f"create policy beside on note {policy};")

    cells = {c.probe: c for c in report.isolation.cells if c.label == "note"}
    assert (cells[probe].outcome, "was not met" in cells[probe].why) == ("inconclusive", True)
    assert report.verdict != "PASS"
    assert "note" not in report.isolation.proven


def test_the_proof_alone_says_so_too(server: Server) -> None:
    report = proven(
        server, "create policy beside on note for select using (length(title) > 200);", alone=True
    )

    assert outcomes(report)["read"] == "inconclusive"
    assert report.verdict != "PASS"


HEALTHY = {
    "a branch that is bound": f"(length(title) > 200 and org_id = {CONTEXT})",
    "no branch besides": "false",
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_reads_as_safe_needs_no_row_to_meet_it(server: Server, name: str) -> None:
    report = proven(server, f"create policy beside on note for select using ({HEALTHY[name]});")

    assert set(outcomes(report).values()) == {"isolated"}
    assert "note" in report.isolation.proven


MAY = f"""
create function may(o uuid) returns boolean language plpgsql stable as $$
declare r boolean; begin execute 'select $1 = ' || '{CONTEXT.replace("'", "''")}' into r using o; return r; end $$;
"""


def test_a_branch_that_a_row_met_is_told_by_what_came_of_it(server: Server) -> None:
    """What cannot be read looks at the key alone; the row met the rest, and stayed out of reach."""
    report = proven(
        server,
        MAY + "create policy beside on note for select using (title <> '' and may(org_id));",
    )

    assert outcomes(report)["read"] == "isolated"


@pytest.mark.parametrize("limit", [0, 900])
def test_a_floor_has_ways_in_as_well(server: Server, limit: int) -> None:
    report = proven(
        server,
        "create policy beside on note for select using (title <> '');"
        f"create policy floor on note as restrictive using (length(title) > {limit} or org_id = {CONTEXT});",
    )

    assert outcomes(report)["read"] == ("leak" if limit == 0 else "inconclusive")
