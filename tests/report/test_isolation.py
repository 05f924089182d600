"""Which tables a report calls proven."""

import pytest
from msgspec.structs import replace

from tests.fix_world import tenant_table, world
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import Column, QName, Table
from validate_schema.model.isolation import AppRole, Cell, Isolation, Outcome, Probe
from validate_schema.model.tenancy import Level, Ownership, Standing, TableClass
from validate_schema.report.isolation import isolation_facts

ORG, TEAM = Column("org_id", "uuid", not_null=True), Column("team_id", "uuid", not_null=True)
DOC = QName("public", "doc")


def facts(table: Table, *cells: Cell) -> Facts:
    """The facts of a table of organizations, within which there are teams, and of what was tried there."""
    flat = world(table)
    levels = (
        *flat.tenancy.levels,
        Level(("team_id",), QName("public", "team"), "id", flat.tenancy.levels[0].root),
    )
    held = replace(flat, tenancy=replace(flat.tenancy, levels=levels))
    return replace(
        held,
        isolation=Isolation(
            attempted=True, roles=(AppRole("app_user", "said"),), tables=(table.qname,), cells=cells
        ),
    )


def cell(detail: str = "", table: QName = DOC) -> Cell:
    return Cell(
        role="app_user", table=table, probe=Probe.READ, outcome=Outcome.ISOLATED, why="held", detail=detail
    )


@pytest.mark.parametrize(
    ("columns", "cells", "proven"),
    [
        pytest.param((ORG,), (cell(),), ("doc",), id="of an organization"),
        pytest.param((ORG, TEAM), (cell(),), (), id="of a team, of which only the organization was tried"),
        pytest.param(
            (ORG, TEAM), (cell(), cell("within one organization")), ("doc",), id="of a team, both tried"
        ),
        pytest.param((ORG, Column("team_id", "uuid")), (cell(),), ("doc",), id="the team is optional"),
    ],
)
def test_a_table_of_a_tenant_within_a_tenant_is_proven_by_both_boundaries(
    columns: tuple[Column, ...], cells: tuple[Cell, ...], proven: tuple[str, ...]
) -> None:
    assert isolation_facts(facts(tenant_table("doc", columns=columns), *cells)).proven == proven


def test_a_detail_of_such_a_table_is_no_exception() -> None:
    made = facts(tenant_table("doc", columns=(ORG, TEAM)), cell(table=QName("public", "line")))
    line = Table("public", "line", "app_owner", columns=(Column("id", "uuid"),))
    standing = Standing(line.qname, TableClass.INHERITED, Ownership.PATH, "", path=(DOC,))
    with_line = replace(
        made,
        catalog=replace(made.catalog, tables=(*made.catalog.tables, line)),
        tenancy=replace(made.tenancy, standings=(*made.tenancy.standings, standing)),
        isolation=replace(made.isolation, tables=(line.qname,)),
    )

    assert isolation_facts(with_line).proven == ()
