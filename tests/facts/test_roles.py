"""What memberships make of a role: the options of a grant, circles, long chains."""

from validate_schema.facts.roles import Roles
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
