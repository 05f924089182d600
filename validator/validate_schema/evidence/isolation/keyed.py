"""Functions that reading left open, tried with the keys of a thousand tenants: does one that takes a key say
yes to the session's own alone, does one that takes nothing return it?

Only plain ones are tried (`plain`): what such a function says hangs on whether keys are equal, so a thousand
that are not, and the words that it holds, stand for all. It is asked as every app role, with the key of
several tenants, without a tenant, and with every value in sight of the other settings that it reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ...catalog.asking import catalog_rows
from ...model.catalog import Function, QName
from ...model.isolation import AppRole, Tested
from ...sql.ident import quote_qname
from .attempt import Attempt
from .context import ContextSetup
from .hints import literals
from .plain import Plain
from .rows import MALFORMED, A, B, literal
from .seed import Seeder
from .sessions import Said, other_settings
from .stage import Stage

_MANY, _TENANTS, _MOST_SESSIONS = 1_000, 5, 60
_KEYS = frozenset({"uuid", "text", "varchar", "int2", "int4", "int8"})
_FUNCTIONS = """
select n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
       array(select t::int8 from unnest(p.proargtypes) t), coalesce(p.proargnames, '{}'), p.prorettype::int8
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.prokind = 'f' and p.proargmodes is null and not p.proretset and p.provolatile <> 'i'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""


class _Tried(NamedTuple):
    """A function that can be tried: the query that asks it, the place of the key among its parameters, -1
    where it returns the key, and its text."""

    function: Function
    query: str
    place: int
    type: str
    text: str


@dataclass
class Keyed:
    """Tries the functions of one schema. `setup` is how a session says its tenant."""

    stage: Stage
    seeder: Seeder
    roles: tuple[AppRole, ...]
    setup: ContextSetup | None
    _failed: set[QName] = field(default_factory=set)
    _tried: list[_Tried] = field(default_factory=list)

    def read_unset(self) -> None:
        """Ask them with the context unset: to be called before anything sets it."""
        if self.setup is None or self.setup.by_role:
            return  # each of a thousand tenants would have to be a role
        if self.seeder.facts.tenancy.setting is None or 0 not in self.seeder.keys:
            return
        self._tried = list(self._candidates())
        for tried in self._tried:
            self._ask(tried, (), None)

    def tested(self) -> tuple[Tested, ...]:
        """Return the functions that said yes to the session's tenant alone, and to it."""
        for tried in self._tried:
            for said, key in self._sessions(tried):
                if not self._ask(tried, said, key):
                    break
        passed = (t for t in self._tried if _name(t.function) not in self._failed)
        return tuple(Tested(_name(t.function), t.place + 1, t.type) for t in passed)

    def _candidates(self) -> Iterator[_Tried]:
        column = self.seeder.key_column(0)
        if column is None:
            return
        kind, _ = self.seeder.values.bottom(column.type, column.modifier)
        if kind.name not in _KEYS or column.modifier > 0:
            return
        facts = self.seeder.facts
        plain = Plain(facts, number=kind.category == "N")
        named = {_name(f): f for t in facts.tables for f in self.seeder.texts.functions(t)}
        for schema, name, arguments, types, names, returns in catalog_rows(self.stage.conn, _FUNCTIONS):
            function = named.get(QName(schema, f"{name}({arguments})"))
            used = plain.used(function, names or [""] * len(types)) if function is not None else None
            if function is None or used is None:
                continue
            text = self.seeder.texts.with_bodies(function.body or "")
            called = quote_qname(function.qname)
            if not types and returns == column.type:
                query = f"select {called}()::text"
                yield _Tried(function, query, -1, column.type_text, text)
            elif self._says_yes(returns) and [types[n] for n in used] == [column.type]:
                key = f"k.key::{column.type_text}"
                given = [key if n == used[0] else self._any(oid) for n, oid in enumerate(types)]
                query = f"select k.key from unnest($keys$) as k(key) where {called}({', '.join(given)})"
                yield _Tried(function, query, used[0], column.type_text, text)

    def _says_yes(self, returns: int) -> bool:
        return self.seeder.values.types[returns].name == "bool"

    def _any(self, oid: int) -> str:
        row = self.stage.conn.execute("select pg_catalog.format_type(%s, null)", [oid]).fetchone()
        return f"{literal(self.seeder.values.make(oid, -1, 7))}::{row[0] if row else 'text'}"

    def _sessions(self, tried: _Tried) -> Iterator[tuple[Said, str | None]]:
        """Yield what sessions say, and the tenant that each works for."""
        assert self.setup is not None, "nothing is tried without a context"
        keys = self.seeder.keys[0]
        usual = self.setup.of(keys[A])
        sessions = other_settings(self.seeder.facts, usual, tried.text, lambda _: [keys[B], keys[A]])
        for key in (*keys.values(), *self._made(_TENANTS)):
            yield self.setup.of(key), key
        for said in sessions.switched()[:_MOST_SESSIONS]:
            yield (*usual, *said), keys[A]
        for word in ("", " ", *MALFORMED, *(w for w in literals(tried.text) if w not in keys.values())):
            yield (*sessions.spent, *self.setup.of(word)), None

    def _ask(self, tried: _Tried, said: Said, key: str | None) -> bool:
        """Ask it as each role; note where it says anything but the tenant's key. An error is no yes where
        there is no tenant."""
        keys = [*self._made(_MANY), *self.seeder.keys[0].values(), *self._words(tried)]
        listed = ", ".join([*map(literal, dict.fromkeys(keys)), "null"])
        query = tried.query.replace("$keys$", f"array[{listed}]::text[]")
        for role in self.roles:
            answer = self.stage.run(Attempt(query, "asks"), role.name, said)
            got = {row[0] for row in answer.rows} - ({None} if tried.place < 0 else set())
            wrong = got != ({key} if key is not None else set())
            if wrong or (key is not None and answer.state):
                self._failed.add(_name(tried.function))
                return False
        return True

    def _made(self, many: int) -> list[str]:
        column = self.seeder.key_column(0)
        assert column is not None, "nothing is tried without keys"
        made = (self.seeder.values.make(column.type, column.modifier, n) for n in range(1, many + 1))
        return list(dict.fromkeys(made))

    def _words(self, tried: _Tried) -> list[str]:
        """Return the words of the function that may be keys."""
        column = self.seeder.key_column(0)
        return [w for w in literals(tried.text) if column is not None and self.seeder.fits(w, column)]


def _name(function: Function) -> QName:
    return QName(function.schema, f"{function.name}({function.arguments})")
