"""Where each tenant is a role, the proof makes roles for its tenants: each as the app role, by the tenant's name."""

import pytest

from tests.checks.test_tenants_as_roles import BOUND, TABLES
from tests.fix_proof import Bed
from validate_schema.model.isolation import Cell, Isolation, Outcome

TOML = """
[tenancy]
root = "client"
column = "client_id"
app_roles = ["tenants"]
"""
HELD = {Outcome.ISOLATED, Outcome.DENIED}


def schema(policy: str, *, type: str = "text", word: str = "current_user") -> str:
    return "create role tenants;" + (TABLES + policy).format(type=type, word=word)


def of_task(proof: Isolation) -> dict[str, Cell]:
    return {c.probe.value: c for c in proof.cells if c.table.name == "task"}


@pytest.mark.parametrize("word", ["current_user", "session_user"])
@pytest.mark.parametrize("type", ["text", "name", "varchar(4)", "uuid"])
def test_tenants_that_are_roles_are_proven(bed: Bed, type: str, word: str) -> None:
    said = f"{word}::text::uuid" if type == "uuid" else word
    proof = bed.proven(schema(BOUND, type=type, word=said), toml=TOML)

    assert of_task(proof)
    assert {c.outcome for c in proof.cells} <= HELD, [(c.table, c.probe, c.why) for c in proof.cells]


@pytest.mark.parametrize(
    ("policy", "leaks"),
    [
        ("create policy own on task to tenants using (client_id = current_user or title <> '');", "read"),
        ("create policy own on task to tenants using (client_id = current_user) with check (true);", "insert"),
        ("create policy own on task to tenants using (client_id like current_user || '%');", "read"),
        ("create policy own on task to tenants using (client_id = current_user or current_user = 'vip');", "read"),
        ("create policy own on task to tenants using (client_id = current_user or current_user = 'tenants');", "no context"),
    ],
    ids=["read", "written", "the beginning of a name", "a name that is free", "the group"],
)  # fmt: skip
def test_what_a_tenants_role_gets_past_leaks(bed: Bed, policy: str, leaks: str) -> None:
    proof = bed.proven(schema(policy), toml=TOML)
    cell = of_task(proof)[leaks]

    assert cell.outcome is Outcome.LEAK, (cell.outcome, cell.why)
    assert bed.repeats_alone(cell, schema(policy)) > 0


def test_a_tenants_name_that_a_role_has_is_not_taken(bed: Bed) -> None:
    proof = bed.proven("create role tenant1; create role tenant12_;" + schema(BOUND), toml=TOML)

    assert {c.outcome for c in proof.cells} <= HELD
