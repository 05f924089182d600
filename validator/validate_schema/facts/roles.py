"""What a role is by its memberships: whose rights it has, what it may become, who has its rights.

One answer for tenancy, policies, checks and proof, in time linear in the memberships. A member with ADMIN
OPTION counts as one with SET and INHERIT, for it may grant itself both. Source: PostgreSQL documentation,
"Role Membership", GRANT (options ADMIN, INHERIT and SET), SET ROLE and "Predefined Roles".
"""

from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import TypeVar

from ..model.catalog import Catalog, Membership, Role

PUBLIC = "PUBLIC"
_Name = TypeVar("_Name", bound=Hashable)
DATABASE_OWNER = "pg_database_owner"
READS_ALL, WRITES_ALL = "pg_read_all_data", "pg_write_all_data"
_ROOM = 1_000_000  # names in the closures that are kept: a chain of thousands of roles has millions


class Roles:
    """The roles of a database by name, and what their memberships make of them.

    A name that is no role here, such as PUBLIC or one of a config, is a member of nothing. The owner of the
    database, where it is known, is a member of ``pg_database_owner``.
    """

    def __init__(self, roles: Iterable[Role], database_owner: str = "") -> None:
        self.by_name = {role.name: role for role in roles}
        self.database_owner = database_owner
        self._known: dict[tuple[str, str], frozenset[str]] = {}
        self._room = _ROOM

    @classmethod
    def of(cls, catalog: Catalog) -> "Roles":
        """Return the roles of a catalog."""
        return cls(catalog.roles, catalog.database.owner if catalog.database else "")

    def inherited_by(self, name: str) -> frozenset[str]:
        """Return the role and every role whose privileges it has without SET ROLE."""
        return self._kept("inherited", name, lambda: self.inherited_by_any((name,)))

    def inherited_by_any(self, names: Iterable[str]) -> frozenset[str]:
        """Return these roles and every role whose privileges one of them has without SET ROLE."""
        return closure(names, lambda name: (m.role for m in self._held(name) if m.inherit))

    def heirs_of(self, name: str) -> frozenset[str]:
        """Return the role and every role that has its privileges without SET ROLE."""
        return self._kept("heirs", name, lambda: self.heirs_of_any((name,)))

    def heirs_of_any(self, names: Iterable[str]) -> frozenset[str]:
        """Return these roles and every role that has the privileges of one of them without SET ROLE."""
        return closure(names, lambda name: self._members.get(name, ()))

    def has(self, name: str, holder: str) -> bool:
        """Tell whether a role has what `holder` (a role, or PUBLIC) was granted, without SET ROLE.

        What is granted to few is asked for many: so the holders' heirs are kept.
        """
        return holder in (PUBLIC, name) or name in self.heirs_of(holder)

    def reached_from(self, name: str) -> frozenset[str]:
        """Return the role and every role that it may SET ROLE to, directly or through others; ADMIN OPTION
        lets it grant itself that."""
        return self._kept("reached", name, lambda: closure((name,), self._onward))

    def nearest_from(self, name: str) -> frozenset[str]:
        """Return what `reached_from` does, but for what lies behind another role that no policy binds."""

        def onward(role: str) -> Iterable[str]:
            return () if role != name and self.bypasses(role) else self._onward(role)

        return self._kept("nearest", name, lambda: closure((name,), onward))

    def set_from(self, name: str) -> frozenset[str]:
        """Return the role and every role that it may SET ROLE to as things are, with no GRANT before."""

        def onward(role: str) -> Iterable[str]:
            return (m.role for m in self._held(role) if m.set_role)

        return self._kept("set", name, lambda: closure((name,), onward))

    def plain_rights_of(self, name: str) -> frozenset[str]:
        """Return what `rights_of` does, but for what only comes through another role that it may become and
        that no policy binds: whoever becomes that one needs nothing of what it brings along."""

        def plain() -> frozenset[str]:
            reached = self.nearest_from(name)
            free = frozenset(r for r in reached if r != name and self.bypasses(r))
            return closure(
                reached - free,
                lambda role: (m.role for m in self._held(role) if m.inherit and m.role not in free),
            )

        return self._kept("plain", name, plain)

    def _onward(self, name: str) -> Iterable[str]:
        return self._steps.get(name, ())

    @cached_property
    def _steps(self) -> dict[str, dict[str, None]]:
        """What each role may SET ROLE to in one step: by SET of its own, or by ADMIN OPTION, which is
        inherited too."""
        steps: dict[str, dict[str, None]] = {}
        for name in self.by_name:
            for membership in self._held(name):
                if membership.set_role:
                    steps.setdefault(name, {})[membership.role] = None
                for heir in self.heirs_of(name) if membership.admin else ():
                    steps.setdefault(heir, {})[membership.role] = None
        return steps

    def becoming(self, names: Iterable[str]) -> frozenset[str]:
        """Return these roles and every role that may SET ROLE to one of them, directly or through others."""
        return closure(names, lambda name: self._becoming.get(name, ()))

    def sessions_of(self, names: Iterable[str]) -> frozenset[str]:
        """Return these roles, all that they may become, and whoever has the privileges of one of them."""
        return self.heirs_of_any(other for name in names for other in self.reached_from(name))

    def rights_of(self, name: str) -> frozenset[str]:
        """Return the role, every role that it may SET ROLE to, and what each of these inherits: the roles
        whose privileges and ownership it can use.

        Inheriting a role does not allow to SET ROLE onwards through it.
        """
        return self._kept("rights", name, lambda: self.inherited_by_any(self.reached_from(name)))

    def grantees_of(self, name: str) -> frozenset[str]:
        """Return the grantees whose privileges the role can use: `rights_of` it, and PUBLIC."""
        return self._kept("grantees", name, lambda: self.rights_of(name) | {PUBLIC})

    def bypasses(self, name: str) -> bool:
        """Tell whether no policy ever holds for the role: a superuser, or one with BYPASSRLS."""
        role = self.by_name.get(name)
        return role is not None and (role.superuser or role.bypassrls)

    def usable(self) -> frozenset[str]:
        """Return the roles that a login which policies bind is or can become, and that policies bind."""
        logins = (r.name for r in self.by_name.values() if r.login and not self.bypasses(r.name))
        reached = closure(logins, self._onward)
        return frozenset(name for name in reached if not self.bypasses(name))

    def _held(self, name: str) -> tuple[Membership, ...]:
        role = self.by_name.get(name)
        own = role.member_of if role else ()
        return (*own, Membership(DATABASE_OWNER)) if role and name == self.database_owner else own

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        members: dict[str, list[str]] = {}
        for role in self.by_name.values():
            for membership in self._held(role.name):
                if membership.inherit:
                    members.setdefault(membership.role, []).append(role.name)
        return members

    @cached_property
    def _becoming(self) -> dict[str, list[str]]:
        members: dict[str, list[str]] = {}
        for name, steps in self._steps.items():
            for step in steps:
                members.setdefault(step, []).append(name)
        return members

    def _kept(self, what: str, name: str, find: Callable[[], frozenset[str]]) -> frozenset[str]:
        found = self._known.get((what, name))
        if found is None:
            found = find()
            self._room -= len(found)
            if self._room < 0:
                self._known.clear()
                self._room = _ROOM - len(found)
            self._known[what, name] = found
        return found


def temporary_holders(catalog: Catalog) -> frozenset[str]:
    """Return who was given the right to make temporary tables, which come before all others where a search
    path does not say otherwise: PUBLIC where the database is not known, as by default."""
    if catalog.database is None:
        return frozenset({PUBLIC})
    return frozenset(g.grantee for g in catalog.database.grants if "TEMPORARY" in g.privileges)


def closure(names: Iterable[_Name], onward: Callable[[_Name], Iterable[_Name]]) -> frozenset[_Name]:
    """Return the names and all that `onward` leads to from them, circles included."""
    seen = set(names)
    queue = list(seen)
    while queue:
        for name in onward(queue.pop()):
            if name not in seen:
                seen.add(name)
                queue.append(name)
    return frozenset(seen)


def data_roles(privileges: Iterable[str]) -> frozenset[str]:
    """Return the predefined roles that hold one of these privileges on every table, view and sequence."""
    wanted = set(privileges)
    found = {READS_ALL} if "SELECT" in wanted else set()
    return frozenset(found | ({WRITES_ALL} if wanted & {"INSERT", "UPDATE", "DELETE"} else set()))
