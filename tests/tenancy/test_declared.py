"""What the config says of the tenancy comes before what the catalog suggests."""

from datetime import date

import pytest

from validate_schema.config import parse_toml
from validate_schema.model.catalog import Catalog, Column, ConnectedRole, Constraint, QName, Server, Table
from validate_schema.model.tenancy import Level, Tenancy
from validate_schema.tenancy import PLACEHOLDERS, identify
from validate_schema.tenancy.draft import explain_unidentified

TODAY = date(2026, 1, 1)


def table(name: str, schema: str = "public", **references: str) -> Table:
    """A table with an `id` and a NOT NULL foreign key column for each of `references`; a reference
    that ends in ``?`` may be NULL, an empty one is a plain column."""
    columns, constraints = [Column("id", "uuid", not_null=True)], [Constraint("pk", "primary key", ("id",))]
    for column, target in references.items():
        columns.append(Column(column, "uuid", not_null=not target.endswith("?")))
        if target:
            at, _, to = target.rstrip("?").rpartition(".")
            constraints.append(
                Constraint(
                    f"{name}_{column}",
                    "foreign key",
                    (column,),
                    references=QName(at or "public", to),
                    referenced_columns=("id",),
                )
            )
    return Table(schema, name, "owner", columns=tuple(columns), constraints=tuple(constraints))


def catalog(*tables: Table) -> Catalog:
    server = Server("18", 180000, "db", ConnectedRole("owner"))
    return Catalog(server, tables=tuple(sorted(tables, key=lambda t: t.qname)))


SHOP = (
    table("org"),
    table("invoice", org_id="org"),
    table("payment", org_id="org"),
    table("line", invoice_id="invoice"),
    table("currency"),
    table("audit_log"),
    table("audit_trail"),
    table("users", "auth"),
)


def shop(config: str) -> Tenancy:
    return identify(catalog(*SHOP), parse_toml(config, "test").tenancy, today=TODAY)


def classes(tenancy: Tenancy) -> dict[str, str]:
    return {s.table.name: str(s.table_class) for s in tenancy.standings}


def why(tenancy: Tenancy, name: str) -> str:
    return next(s.why for s in tenancy.standings if s.table.name == name)


INFERRED = {
    "audit_log": "unclassified",
    "audit_trail": "unclassified",
    "currency": "unclassified",
    "invoice": "tenant",
    "line": "inherited",
    "org": "root",
    "payment": "tenant",
    "users": "unclassified",
}


def test_the_declared_root_and_column_need_no_reasons() -> None:
    tenancy = shop('[tenancy]\nroot = "org"\ncolumn = "org_id"\nsetting = "app.t"\napp_roles = ["app"]')
    assert tenancy.levels == (Level(("org_id",), QName("public", "org"), "id"),)
    assert (tenancy.setting, tenancy.app_roles, tenancy.inferred) == ("app.t", ("app",), {})
    assert classes(tenancy) == INFERRED


def test_the_column_is_inferred_from_the_declared_root() -> None:
    tenancy = shop('[tenancy]\nroot = "org"')
    assert tenancy.levels == (Level(("org_id",), QName("public", "org"), "id"),)
    assert tenancy.inferred["column"] == "2 of 8 tables carry org_id, a foreign key to org"


def test_the_root_is_inferred_from_the_declared_column() -> None:
    tenancy = shop('[tenancy]\ncolumn = "org_id"')
    assert tenancy.levels == (Level(("org_id",), QName("public", "org"), "id"),)
    assert tenancy.inferred["root"] == "org_id is a foreign key to org in 2 tables"


def test_a_declared_column_that_is_no_foreign_key_leaves_the_root_outside() -> None:
    tables = (table("a", realm=""), table("b", realm=""))
    config = parse_toml('[tenancy]\ncolumn = "realm"', "test").tenancy
    tenancy = identify(catalog(*tables), config, today=TODAY)
    assert tenancy.levels == (Level(("realm",)),)
    assert classes(tenancy) == {"a": "tenant", "b": "tenant"}


def test_a_declared_column_with_two_targets_asks_for_the_root() -> None:
    tables = (table("x"), table("y"), table("a", k="x"), table("b", k="y"))
    config = parse_toml('[tenancy]\ncolumn = "k"', "test").tenancy
    tenancy = identify(catalog(*tables), config, today=TODAY)
    assert (tenancy.identified, tenancy.problem) == (
        False,
        "k is a foreign key to different tables: set tenancy.root",
    )


def test_a_root_that_does_not_exist_is_not_replaced_by_a_guess() -> None:
    tenancy = shop('[tenancy]\nroot = "Org"')
    assert (tenancy.identified, tenancy.problem) == (
        False,
        'tenancy.root = "Org": there is no such table; did you mean "org"?',
    )
    assert "org by org_id: 2 of 8 tables carry org_id, a foreign key to org" in explain_unidentified(tenancy)


def test_a_root_in_another_schema_is_suggested_with_it() -> None:
    config = parse_toml('[tenancy]\nroot = "users"', "test").tenancy
    problem = identify(catalog(*SHOP), config, today=TODAY).problem
    assert problem == 'tenancy.root = "users": there is no such table; did you mean "auth.users"?'


def test_names_with_a_schema_are_found_there() -> None:
    tables = (table("org", "crm"), table("a", "crm", org_id="crm.org"))
    config = parse_toml('[tenancy]\nroot = "crm.org"\ncolumn = "org_id"', "test").tenancy
    tenancy = identify(catalog(*tables), config, today=TODAY)
    assert (tenancy.levels[0].root, classes(tenancy)) == (QName("crm", "org"), {"a": "tenant", "org": "root"})


def test_declared_tables_have_the_declared_class_and_say_so() -> None:
    tenancy = shop(
        '[tenancy]\nglobal = ["currency", "auth.*"]\ntenant = ["audit_trail"]\ninherited = ["audit_log"]\n'
        'exempt = [{ table = "line", reason = "a queue" }]'
    )
    assert classes(tenancy) == INFERRED | {
        "currency": "global",
        "users": "global",
        "audit_trail": "tenant",
        "audit_log": "inherited",
        "line": "exempt",
    }
    assert {name: why(tenancy, name) for name in ("currency", "audit_trail", "audit_log", "line")} == {
        "currency": "declared in tenancy.global",
        "audit_trail": "declared in tenancy.tenant; it does not carry the tenant column",
        "audit_log": "declared in tenancy.inherited; carries no tenant column and no foreign key to a table "
        "that has one",
        "line": "exempt: a queue",
    }
    declared = {s.table.name for s in tenancy.standings if s.declared}
    assert declared == {"currency", "users", "audit_trail", "audit_log", "line"}


def test_an_exact_name_comes_before_a_pattern() -> None:
    tenancy = shop('[tenancy]\nglobal = ["audit_*"]\ninherited = ["audit_log"]')
    assert (classes(tenancy)["audit_log"], classes(tenancy)["audit_trail"]) == ("inherited", "global")


def test_what_a_global_table_references_does_not_own_it_nor_does_it_own_others() -> None:
    tables = (*SHOP, table("note", line_id="line"))
    config = parse_toml('[tenancy]\nglobal = ["line"]', "test").tenancy
    tenancy = identify(catalog(*tables), config, today=TODAY)
    assert (classes(tenancy)["line"], classes(tenancy)["note"]) == ("global", "unclassified")


def test_a_global_table_that_carries_the_tenant_column_says_so() -> None:
    tenancy = shop('[tenancy]\nglobal = ["payment"]\nroot = "org"\ncolumn = "org_id"')
    assert (classes(tenancy)["payment"], why(tenancy, "payment")) == (
        "global",
        "declared in tenancy.global; it carries org_id",
    )


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        ("2026-01-01", ("exempt", "exempt until 2026-01-01: a queue")),
        (
            "2025-12-31",
            (
                "unclassified",
                "carries no tenant column and no foreign key to a table that has one; its exemption expired on 2025-12-31",
            ),
        ),
    ],
)
def test_an_exemption_holds_through_its_last_day(expires: str, expected: tuple[str, str]) -> None:
    tenancy = shop(f'[tenancy]\nexempt = [{{ table = "currency", reason = "a queue", expires = {expires} }}]')
    assert (classes(tenancy)["currency"], why(tenancy, "currency")) == expected


def test_declared_levels_are_ordered_from_the_outermost() -> None:
    tables = (
        table("org"),
        table("project", org_id="org"),
        table("env", project_id="project"),
        table("flag", env_id="env", project_id="project"),
        table("bill", org_id="org"),
        table("step", flag_id="flag"),
    )
    config = parse_toml(
        '[[tenancy.levels]]\nroot = "env"\ncolumn = "env_id"\nparent = "project"\n'
        '[[tenancy.levels]]\nroot = "project"\ncolumn = "project_id"\nparent = "org"\n'
        '[[tenancy.levels]]\nroot = "org"\ncolumn = "org_id"',
        "test",
    ).tenancy
    tenancy = identify(catalog(*tables), config, today=TODAY)
    assert [level.root and level.root.name for level in tenancy.levels] == ["org", "project", "env"]
    assert {s.table.name: (str(s.table_class), s.column, s.level) for s in tenancy.standings} == {
        "org": ("root", None, 0),
        "project": ("tenant", "org_id", 0),
        "env": ("tenant", "project_id", 1),
        "flag": ("tenant", "env_id", 2),
        "bill": ("tenant", "org_id", 0),
        "step": ("inherited", None, 0),
    }


def test_tables_whose_null_rows_are_shared_and_placeholders_are_passed_on() -> None:
    tenancy = shop(
        '[tenancy]\nnull_rows = [{ table = "audit_*" }, { table = "gone" }]\nplaceholders = ["none"]'
    )
    assert tenancy.null_means_global == (QName("public", "audit_log"), QName("public", "audit_trail"))
    assert tenancy.placeholders == tuple(sorted({*PLACEHOLDERS, "none"}))


def test_the_order_of_tables_does_not_matter() -> None:
    forwards = identify(catalog(*SHOP), parse_toml("", "t").tenancy, today=TODAY)
    server = catalog().server
    backwards = identify(
        Catalog(server, tables=tuple(reversed(SHOP))), parse_toml("", "t").tenancy, today=TODAY
    )
    assert backwards == forwards


def test_a_circle_of_required_keys_owns_nobody_and_ends() -> None:
    tables = (*SHOP, table("egg", hen_id="hen"), table("hen", egg_id="egg", line_id="line?"))
    tenancy = identify(catalog(*tables), parse_toml("", "t").tenancy, today=TODAY)
    assert {n: c for n, c in classes(tenancy).items() if n in ("egg", "hen")} == {
        "egg": "unclassified",
        "hen": "unclassified",
    }
    assert why(tenancy, "hen") == "reaches line → invoice only through line_id, which may be NULL"


def test_a_long_chain_of_keys_is_walked_to_its_end() -> None:
    chain = [table(f"t{n}", up_id=f"t{n - 1}" if n else "line") for n in range(2000)]
    tenancy = identify(catalog(*SHOP, *chain), parse_toml("", "t").tenancy, today=TODAY)
    assert tenancy.levels == (Level(("org_id",), QName("public", "org"), "id"),)
    last = next(s for s in tenancy.standings if s.table.name == "t1999")
    assert (str(last.table_class), len(last.path), last.path[-1].name) == ("inherited", 2001, "invoice")
    assert last.why == "owned through up_id → t1998 → t1997 → t1996 → t1995 → … → invoice"
