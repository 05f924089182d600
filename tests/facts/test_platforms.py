"""A platform is known by what it brings, and what is its own is set apart."""

import pytest
from msgspec.structs import replace

from tests.fix_examples import check_of
from tests.fix_world import tenant_table, world
from validate_schema.facts.platforms import is_platforms, platform_of, sends_statements, set_apart
from validate_schema.model.catalog import Catalog, Function, QName, Role, Schema, Table

WEB = tuple(Role(name) for name in ("anon", "authenticated", "service_role"))
MANAGED = (
    *(Table("auth", name, "admin") for name in ("refresh_tokens", "sessions", "users")),
    *(Table("storage", name, "admin") for name in ("buckets", "objects")),
)


def catalog(*tables: Table, roles: tuple[Role, ...] = ()) -> Catalog:
    made = world(tenant_table(), roles=roles).catalog
    return replace(
        made,
        tables=(*made.tables, *tables),
        schemas=tuple(Schema(name, "admin") for name in ("auth", "public", "storage")),
        functions=(
            Function("auth", "uid", "", "admin", "sql"),
            Function("public", "uid", "", "admin", "sql"),
        ),
    )


def test_a_database_is_a_platforms_by_its_roles_or_by_its_tables() -> None:
    assert platform_of(catalog(roles=WEB)) == platform_of(catalog(*MANAGED)) is not None
    assert platform_of(catalog(*MANAGED[:-1], roles=WEB[:2])) is None
    assert platform_of(set_apart(catalog(*MANAGED))) is not None


def test_roles_of_another_database_on_the_server_do_not_count() -> None:
    assert platform_of(replace(catalog(roles=WEB), functions=())) is None


def test_what_lies_in_the_platforms_schemas_is_set_apart_and_the_rest_is_not() -> None:
    apart = set_apart(catalog(*MANAGED))

    assert [t.qname for t in apart.tables] == [QName("public", "organization"), QName("public", "invoice")]
    assert [(t.name, is_platforms(t)) for t in apart.extension_tables] == [(t.name, True) for t in MANAGED]
    assert [f.schema for f in apart.functions] == ["public"]
    assert [f.schema for f in apart.extension_functions] == ["auth"]
    assert [s.name for s in apart.schemas] == ["public"]


def test_an_auth_schema_of_ones_own_stays() -> None:
    own = catalog(Table("auth", "users", "admin"))

    assert set_apart(own) is own


def test_nobody_sends_statements_as_a_role_of_the_web() -> None:
    here = catalog(roles=(*WEB, Role("batch", login=True)))

    assert [sends_statements(name, here) for name in ("anon", "authenticated", "batch")] == [
        False,
        False,
        True,
    ]
    assert sends_statements("anon", catalog(roles=(Role("anon"),)))


@pytest.mark.parametrize(
    ("extension", "why"),
    [
        ("supabase_platform", "it belongs to the platform"),
        ("Supabase", "it belongs to the platform"),
        ("pg_tle", "it belongs to the extension pg_tle"),
    ],
)
def test_a_table_of_the_platform_is_said_to_be_its_own_in_a_replay_and_live(extension: str, why: str) -> None:
    facts = world(tenant_table())
    left = Table("storage", "objects", "admin", extension=extension)
    facts = replace(facts, catalog=replace(facts.catalog, extension_tables=(left,)))

    assert [said.why for said in check_of("TEN011").subjects(facts) if said.table == left] == [why]
