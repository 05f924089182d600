"""Tenants within tenants: each boundary is probed, or said not to be."""

from tests.fix_proof import Bed, prove_here
from validate_schema.evidence.isolation import ContextSetup
from validate_schema.model.isolation import Isolation, Outcome, Probe
from validate_schema.scratch import Database

TOML = """
[tenancy]
setting = "app.tenant_id"
app_roles = ["app_user"]
[[tenancy.levels]]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "project"
column = "project_id"
parent = "organization"
"""
ORG = "org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
OWN_PROJECT = "project_id = nullif(current_setting('app.project_id', true), '')::bigint"
PROJECT = f"""
create table project (id bigint primary key, org_id uuid not null references organization (id));
create table task (
    id int primary key, org_id uuid not null references organization (id),
    project_id bigint not null references project (id), title text
);
create table step (id int primary key, task_id int not null references task (id), body text);
alter table project enable row level security;
alter table task enable row level security;
alter table step enable row level security;
create policy own on project using ({ORG});
grant select, insert, update, delete on project, task, step to app_user;
"""
STEP = "create policy own on step using (exists (select from task where task.id = step.task_id));"
BOTH = ContextSetup(
    (
        "select set_config('app.tenant_id', :tenant, false)",
        "select set_config('app.project_id', :tenant2, false)",
    )
)


def within(proof: Isolation, table: str) -> dict[Probe, Outcome]:
    return {
        c.probe: c.outcome
        for c in proof.cells
        if c.table.name == table and c.detail == "within one organization"
    }


def across(proof: Isolation) -> set[Outcome]:
    return {c.outcome for c in proof.cells if not c.detail}


FOUR = (Probe.READ, Probe.INSERT, Probe.UPDATE, Probe.DELETE)


def test_projects_that_the_policies_keep_apart_are_isolated(bed: Bed) -> None:
    script = PROJECT + STEP + f"create policy own on task using ({ORG} and {OWN_PROJECT});"

    proof = bed.prove(script, toml=TOML, context=BOTH)

    assert within(proof, "task") == dict.fromkeys(FOUR, Outcome.ISOLATED)
    assert within(proof, "step") == dict.fromkeys(FOUR, Outcome.ISOLATED)
    assert across(proof) == {Outcome.ISOLATED}
    assert proof.notes == ()


def test_projects_that_only_the_organization_keeps_apart_leak_to_each_other(bed: Bed) -> None:
    script = PROJECT + STEP + f"create policy own on task using ({ORG});"

    proof = bed.prove(script, toml=TOML, context=BOTH)

    assert within(proof, "task") == dict.fromkeys(FOUR, Outcome.LEAK)
    assert within(proof, "step") == dict.fromkeys(FOUR, Outcome.LEAK)
    assert across(proof) == {Outcome.ISOLATED}
    for cell in proof.cells:
        if cell.outcome is Outcome.LEAK:
            assert bed.repeats(cell, script) > 0


def test_a_boundary_that_the_context_does_not_name_is_said_not_to_be_probed(database: Database) -> None:
    org = "create role app_user login; create table organization (id uuid primary key, name text);"
    script = org + PROJECT + STEP + f"create policy own on task using ({ORG});"

    proof = prove_here(database, script, toml=TOML)

    assert within(proof, "task") == {}
    assert proof.notes == (
        "not probed: whether one project reaches another of the same organization;"
        " name it by :tenant2 in [prove] context",
    )


def test_a_project_is_no_way_around_the_organization(bed: Bed) -> None:
    script = PROJECT + STEP + f"create policy own on task using ({OWN_PROJECT} or title is not null);"

    proof = bed.prove(script, toml=TOML, context=BOTH)

    reads = {c.table.name: c.outcome for c in proof.cells if c.probe is Probe.READ and not c.detail}
    assert (reads["task"], reads["project"]) == (Outcome.LEAK, Outcome.ISOLATED)
