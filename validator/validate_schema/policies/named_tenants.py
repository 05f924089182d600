"""Roles that are a tenant each: policies name its key, ``org_id = 1``, for a role that no other has."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from ..facts.roles import PUBLIC, Roles
from ..model.catalog import Policy, Table
from ..sql.tree import conjuncts
from .askers import Askers
from .claims import identity
from .world import Schema


class NamedTenant(NamedTuple):
    """The tenant of a role by its key, as text, and other roles that policies show its rows."""

    key: str
    others: tuple[str, ...]


class NamedTenants:
    """The tenants that policies of these tables name, where nothing else says for which one a session is."""

    def __init__(self, schema: Schema, roles: Roles, askers: Askers, tables: Iterable[Table]) -> None:
        self._schema, self._roles, self._askers, self._tables = schema, roles, askers, tuple(tables)
        self._known: dict[str, NamedTenant | None] = {}

    def of(self, role: str) -> NamedTenant | None:
        """Return the tenant that a role is, whatever it can become; None where it may be of several."""
        if role not in self._known:
            self._known[role] = self._of(role)
        return self._known[role]

    def _of(self, role: str) -> NamedTenant | None:
        if self._schema.setting or self._schema.tenancy.current_tenant or len(self._keys) < 2:
            return None
        guises = self._askers.disguises(role) if role != PUBLIC else ()
        mine = [(p, key) for p, key in self._named if self._is_for(p, guises)]
        keys = {key for _, key in mine}
        (key, *more) = keys or {None}
        if key is None or more:
            return None
        holders = {holder for policy, named in self._named if named == key for holder in policy.roles}
        others = (h for h in holders if not any(self._roles.has(guise, h) for guise in guises))
        return NamedTenant(key, tuple(sorted(others)))

    def _is_for(self, policy: Policy, guises: tuple[str, ...]) -> bool:
        return PUBLIC in policy.roles or any(self._roles.has(g, h) for g in guises for h in policy.roles)

    @cached_property
    def _keys(self) -> set[str]:
        return {key for policy, key in self._named if key is not None and PUBLIC not in policy.roles}

    @cached_property
    def _named(self) -> tuple[tuple[Policy, str | None], ...]:
        """The permissive policies of tables that tell whose a row is, each with the key that it names."""
        return tuple(
            (policy, self._key_of(table, policy))
            for table in self._tables
            if self._schema.tenant_columns(table)
            for policy in table.policies
            if policy.permissive
        )

    def _key_of(self, table: Table, policy: Policy) -> str | None:
        texts = [text for text in (policy.using, policy.check) if text is not None]
        found = {next(self._equal(table, text), None) for text in texts}
        named = len(found) == 1 and PUBLIC not in policy.roles
        return found.pop() if named else None

    def _equal(self, table: Table, text: str) -> Iterator[str]:
        """Yield the constants that the row's tenant has to be."""
        own = {column.name for column in table.columns if self._is_key(table, column.name)}
        for part in conjuncts(self._schema.expand(text)):
            if part.op == "compare" and part.value == "=":
                for one, other in (part.args, part.args[::-1]):
                    column, word = identity(one), identity(other)
                    named = column.op == "column" and column.value[1] in own
                    if named and word.op == "const" and word.value is not None:
                        yield str(word.value)

    def _is_key(self, table: Table, column: str) -> bool:
        """Tell whether a column holds the tenants' own key, by which they are named: not another number of
        theirs, nor the key of a deeper level."""
        top, key = self._schema.tenancy.levels[0], (column,)
        if top.root is None or table.qname == top.root:
            return column in top.columns if top.root is None else column == top.key
        return any(
            (k.columns, k.references, k.referenced_columns) == (key, top.root, (top.key,))
            for k in self._schema.promises.standing_keys(table)
        )
