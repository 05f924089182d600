"""What memberships make of a role: the options of a grant, circles, long chains."""

from validate_schema.facts.roles import Roles, data_roles
from validate_schema.model.catalog import Membership, Role


def role(name: str, *memberships: Membership, **attributes: bool) -> Role:
    return Role(name, member_of=memberships, **attributes)  # type: ignore[arg-type]


INHERITED = Membership("readers", set_role=False)
BECOME = Membership("writers", inherit=False)
ROLES = Roles(
    (
        role("app", INHERITED, BECOME),
        role("readers", Membership("archive"), Membership("staff", inherit=False)),
        role("writers", Membership("archive", inherit=False, set_role=False), Membership("owners")),
        role("owners", Membership("app")),
        role("archive"),
        role("staff", bypassrls=True),
    )
)


def test_what_is_inherited_goes_on_through_what_inherits() -> None:
    assert ROLES.inherited_by("app") == {"app", "readers", "archive"}
    assert ROLES.inherited_by_any(("writers", "staff")) == {
        "writers",
        "owners",
        "app",
        "readers",
        "archive",
        "staff",
    }


def test_to_inherit_a_role_is_not_to_become_what_it_could_become() -> None:
    assert ROLES.reached_from("app") == {"app", "writers", "owners"}
    assert ROLES.rights_of("app") == {"app", "writers", "owners", "readers", "archive"}


def test_heirs_have_the_rights_without_set_role() -> None:
    assert ROLES.heirs_of("archive") == {"archive", "readers", "app", "owners", "writers"}


def test_a_name_that_is_no_role_is_a_member_of_nothing() -> None:
    assert ROLES.rights_of("PUBLIC") == {"PUBLIC"}
    assert (ROLES.bypasses("PUBLIC"), ROLES.bypasses("staff"), ROLES.bypasses("app")) == (False, True, False)


def test_a_chain_of_thousands_is_walked_to_its_end_from_each_of_many() -> None:
    chain = Roles(role(f"r{n}", Membership(f"r{n + 1}")) for n in range(5000))
    assert {len(chain.rights_of(f"r{n}")) for n in range(200)} == set(range(4802, 5002))
    assert len(chain.heirs_of("r5000")) == 5001


ADMIN = Membership("vault", admin=True, inherit=False, set_role=False)
BOUND = Roles(
    (
        role("app", Membership("team", set_role=False), Membership("ops")),
        role("team", ADMIN),
        role("vault", Membership("ledger")),
        role("ledger"),
        role("ops", Membership("root"), bypassrls=True),
        role("root", Membership("owner"), superuser=True),
        role("owner"),
        role("guest", Membership("vault", inherit=False, set_role=False)),
    ),
    database_owner="owner",
)


def test_admin_option_leads_on_also_where_it_is_inherited() -> None:
    assert BOUND.reached_from("app") == {
        "app",
        "ops",
        "root",
        "owner",
        "vault",
        "ledger",
        "pg_database_owner",
    }
    assert BOUND.set_from("app") == {"app", "ops", "root", "owner", "pg_database_owner"}
    assert BOUND.reached_from("guest") == {"guest"}


def test_what_lies_behind_a_role_that_no_policy_binds_is_told_with_that_one() -> None:
    assert BOUND.nearest_from("app") == {"app", "ops", "vault", "ledger"}
    assert BOUND.plain_rights_of("app") == {"app", "team", "vault", "ledger"}
    assert BOUND.plain_rights_of("root") == {"root", "owner", "pg_database_owner"}


def test_the_owner_of_the_database_is_a_member_of_its_predefined_role() -> None:
    assert BOUND.rights_of("owner") == {"owner", "pg_database_owner"}
    assert BOUND.has("owner", "pg_database_owner")
    assert not BOUND.has("guest", "pg_database_owner")


def test_predefined_roles_hold_what_they_are_for() -> None:
    assert data_roles(("SELECT", "USAGE")) == {"pg_read_all_data"}
    assert data_roles(("UPDATE",)) == {"pg_write_all_data"}
    assert data_roles(("EXECUTE", "CREATE")) == frozenset()
