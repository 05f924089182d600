"""Schemas that nobody wrote for us: hypothesis makes them up, as the DDL that builds them.

Names hold whatever PostgreSQL allows; shapes are all that the catalog can tell of: several schemas,
cyclic and composite keys, partitions, inheritance, generated columns, domains over domains.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st

from tests.fix_names import NAMES, SYSTEM_COLUMNS, clipped, free, ident, literal
from validate_schema.config import (
    ColumnConfig,
    Config,
    ContractConfig,
    ForeignKeyConfig,
    PolicyConfig,
    TableConfig,
    TenancyConfig,
)
from validate_schema.model.catalog import QName
from validate_schema.sql.ident import derived_name
from validate_schema.sql.patterns import write_name

T = TypeVar("T")
LITERALS = ("it's", "back\\slash", "new\nline", '"q"', "$$", "|", "`", "<b>", "\u202e", "", "{{ x }}", "\x01")
KEY_TYPES = ("uuid", "text", "bigint", "varchar(36)", "domain")
TYPES = ("text", "integer", "boolean", "jsonb", "numeric(10,2)", "timestamptz", "text[]", "enum", "domain")
ACTIONS = ("", " on delete cascade", " on delete set null", " on update cascade", " deferrable")


@dataclass(frozen=True)
class Hostile:
    """A schema as statements, and the config that says what its tenancy is."""

    script: tuple[str, ...]
    home: str
    config: Config


@dataclass
class Made:
    """A table so far: what later statements can refer to.

    `lone` and `paired` say whether its key is unique by itself, and together with the tenant column.
    """

    name: QName
    key: str
    key_type: str
    taken: set[str]
    lone: bool = True
    paired: bool = False
    split_by: str = ""
    texts: list[str] = field(default_factory=list)

    @property
    def sql(self) -> str:
        return ident(*self.name)


class Maker:
    """Draws one schema, statement by statement. `version` is the server's, 180000 and the like."""

    def __init__(self, draw: st.DrawFn, version: int) -> None:
        self.draw, self.version = draw, version
        self.script: list[str] = []
        self.taken: dict[str, set[str]] = {
            "schema": {"public", "information_schema"},
            "role": {"app_user", "app_owner", "public", "none", "PUBLIC"},
        }
        self.schemas = [self.name("schema") for _ in range(self.number(2, 3))]
        self.app, self.owner = self.name("role"), self.name("role")
        self.say(*(f"create schema {ident(s)}" for s in self.schemas))
        self.say(*(f"create role {ident(r)}" for r in (self.app, self.owner)))
        self._types()
        self.root = self._root()
        self.column = self._column({self.root.key})
        self.tenants = [self._tenant_table() for _ in range(self.number(1, 3))]
        self.tenants += [self._partitioned()] if self.maybe() else []

    def number(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def one(self, choices: Sequence[T]) -> T:
        return self.draw(st.sampled_from(choices))

    def name(self, scope: str) -> str:
        """A name that is free in `scope`; relations and types share one scope per schema."""
        drawn = self.draw(NAMES)
        prefixed = "x" + drawn if scope in ("schema", "role") and drawn.startswith("pg_") else drawn
        return free(clipped(prefixed), self.taken.setdefault(scope, set()))

    def relation(self) -> QName:
        schema = self.one(self.schemas)
        return QName(schema, self.name(f"relation {schema}"))

    def beside(self, table: Made) -> str:
        """A free name for an index or a constraint of `table`, quoted."""
        return ident(self.name(f"relation {table.name.schema}"))

    def literal(self) -> str:
        return literal(self.one(LITERALS))

    def say(self, *statements: str) -> None:
        self.script += [s + ";" for s in statements]

    def hostile(self) -> Hostile:
        """What was drawn so far and all that goes around it."""
        self._inherited()
        for table in self.tenants:
            self._around(table)
        for _ in range(self.number(1, 4)):
            self._reference()
        self._programs()
        self._obstacles()
        self._grants()
        tenancy = TenancyConfig(
            root=write_name(self.root.name, self.schemas[0]),
            column=self.column,
            setting="app.tenant_id",
            app_roles=(self.app,),
        )
        config = Config(tenancy=tenancy, contract=self._contract())
        return Hostile(tuple(self.script), self.schemas[0], config)

    def _types(self) -> None:
        self.enum, self.labels = ident(*self.relation()), [clipped(self.draw(NAMES))]
        self.labels += [free(clipped(self.draw(NAMES)), set(self.labels)) for _ in range(self.number(0, 1))]
        self.say(f"create type {self.enum} as enum ({', '.join(map(literal, self.labels))})")
        self.tenant_type = self.one(KEY_TYPES)
        if self.tenant_type == "domain":
            inner, self.tenant_type = ident(*self.relation()), ident(*self.relation())
            guard = self.one((" not null", " check (value is not null)", ""))
            self.say(f"create domain {inner} as uuid", f"create domain {self.tenant_type} as {inner}{guard}")
        self.text_domain = ident(*self.relation())
        self.say(
            f"create domain {self.text_domain} as text default {self.literal()} "
            f"constraint {ident(self.name('domain'))} check (value <> {self.literal()})"
        )

    def _column(self, taken: set[str]) -> str:
        return free(clipped(self.draw(NAMES)), taken | SYSTEM_COLUMNS, taken)

    def _extras(self, table: Made) -> list[str]:
        """Some columns of any type, and one computed from them."""
        columns = []
        for _ in range(self.number(1, 3)):
            name, of = self._column(table.taken), self.one(TYPES)
            of = {"enum": self.enum, "domain": self.text_domain}.get(of, of)
            default = f" default {self.literal()}" if of in ("text", self.text_domain) else ""
            columns.append(f"{ident(name)} {of}{self.one(('', ' not null'))}{default}")
            table.texts += [name] if of == "text" else []
        if table.texts and self.maybe():
            how = "virtual" if self.version >= 180000 and self.maybe() else "stored"
            name = ident(self._column(table.taken))
            formula = f"upper({ident(table.texts[0])}) || {self.literal()}"
            columns.append(f"{name} text generated always as ({formula}) {how}")
        return columns

    def _create(self, table: Made, *parts: str, tail: str = "") -> Made:
        columns = ",\n ".join(parts)
        self.say(f"create table {table.sql} (\n {columns}){tail}")
        return table

    def _root(self) -> Made:
        taken: set[str] = set()
        root = Made(self.relation(), self._column(taken), self.tenant_type, taken)
        key = f"{ident(root.key)} {root.key_type} constraint {self.beside(root)} primary key"
        return self._create(root, key, *self._extras(root))

    def _tenant_table(self) -> Made:
        taken = {self.column}
        kind = self.one(
            ("uuid", "uuid default gen_random_uuid()", "bigint generated always as identity", "bigserial")
        )
        key_type = "uuid" if kind.startswith("uuid") else "bigint"
        table = Made(self.relation(), self._column(taken), key_type, taken)
        key, tenant = ident(table.key), ident(self.column)
        shape = self.one(("lone", "both", "pair", "none"))
        table.lone, table.paired = shape in ("lone", "both"), shape in ("both", "pair")
        keys = {"lone": [f"primary key ({key})"], "pair": [f"primary key ({tenant}, {key})"], "none": []}
        keys["both"] = [*keys["lone"], f"unique ({tenant}, {key})"]
        return self._create(
            table,
            f"{key} {kind}",
            f"{tenant} {self.tenant_type}{self.one(('', ' not null'))}",
            *self._extras(table),
            *(f"constraint {self.beside(table)} {constraint}" for constraint in keys[shape]),
        )

    def _partitioned(self) -> Made:
        taken = {self.column}
        table = Made(self.relation(), self._column(taken), "uuid", taken, lone=False)
        at, label = self._column(taken), self._column(taken)
        how, table.split_by = self.one((("hash", self.column), ("range", at), ("list", label)))
        table.paired = how == "hash"
        keys = dict.fromkeys((self.column, table.key, table.split_by))
        self._create(
            table,
            f"{ident(table.key)} uuid",
            f"{ident(self.column)} {self.tenant_type} not null",
            f"{ident(at)} date not null",
            f"{ident(label)} {self.enum} not null",
            *self._extras(table),
            f"constraint {self.beside(table)} primary key ({', '.join(map(ident, keys))})",
            tail=f" partition by {how} ({ident(table.split_by)})",
        )
        for bound in {
            "hash": ("for values with (modulus 2, remainder 0)", "for values with (modulus 2, remainder 1)"),
            "range": ("for values from (minvalue) to ('2026-01-01')", "default"),
            "list": (f"for values in ({literal(self.labels[0])})", "default"),
        }[how]:
            self.say(f"create table {ident(*self.relation())} partition of {table.sql} {bound}")
        return table

    def _inherited(self) -> None:
        parent = self.one(self.tenants)
        if not parent.split_by and self.maybe():
            self.say(f"create table {ident(*self.relation())} () inherits ({parent.sql})")

    def _around(self, table: Made) -> None:
        """What belongs to one table: uniques, indexes, checks, policies, comments, an owner."""
        for _ in range(self.number(0, 2)):
            self._index(table)
        target = f"alter table {table.sql}"
        if table.texts and self.maybe():
            text = ident(self.one(table.texts))
            self.say(f"{target} add constraint {self.beside(table)} check ({text} <> {self.literal()})")
        if self.maybe():
            self.say(f"{target} {self.one(('enable', 'force'))} row level security")
            self._policy(table)
        if self.maybe():
            self.say(f"comment on table {table.sql} is {self.literal()}")
        if self.maybe():
            self.say(f"{target} owner to {ident(self.owner)}")
        if self.maybe():
            actions = self.one(ACTIONS)
            self.say(
                f"{target} add constraint {self.beside(table)} foreign key ({ident(self.column)}) "
                f"references {self.root.sql} ({ident(self.root.key)}){actions}"
            )

    def _index(self, table: Made) -> None:
        unique = self.one(("unique ", ""))
        own = ident(self.one(table.texts or [table.key]))
        also = [ident(table.split_by)] if table.split_by else []
        forms = {
            "plain": (own, ""),
            "tenant": (f"{ident(self.column)}, {own}", ""),
            "partial": (own, f" where {own}::text <> {self.literal()}"),
            "nulls": (own, " nulls not distinct" if unique else ""),
            "expression": (f"lower({own}::text)" if table.texts else own, ""),
            "ordered": (f"{own} desc nulls last", ""),
        }
        keys, tail = forms[self.one([k for k in forms if not also or k != "expression"])]
        columns = ", ".join([keys, *(c for c in also if c not in keys.split(", "))])
        self.say(f"create {unique}index {self.beside(table)} on {table.sql} ({columns}){tail}")

    def _policy(self, table: Made) -> None:
        cast = self.tenant_type
        test = self.one(
            (
                f"{ident(self.column)} = current_setting('app.tenant_id', true)::{cast}",
                f"{ident(self.column)} is null or {ident(self.column)}::text <> {self.literal()}",
                "true",
            )
        )
        self.say(
            f"create policy {ident(self.draw(NAMES.map(clipped)))} on {table.sql} "
            f"as {self.one(('permissive', 'restrictive'))} for {self.one(('all', 'select', 'update'))} "
            f"to {self.one(('public', ident(self.app)))} using ({test})"
        )

    def _reference(self) -> None:
        """A foreign key from anywhere to anywhere: to itself and in circles, too."""
        source, target = self.one([self.root, *self.tenants]), self.one([self.root, *self.tenants])
        column, name = self._column(source.taken), self.beside(source)
        add, end = f"alter table {source.sql} add", self.one(ACTIONS)
        through = ident(column)
        if target.paired and source is not self.root:
            keys, columns = f"{ident(self.column)}, {ident(target.key)}", f"{ident(self.column)}, {through}"
        elif target.lone:
            keys, columns = ident(target.key), through
        else:
            return
        self.say(
            f"{add} column {through} {target.key_type}",
            f"{add} constraint {name} foreign key ({columns}) references {target.sql} ({keys}){end}",
        )

    def _programs(self) -> None:
        """Views, functions and a trigger."""
        table = self.one(self.tenants)
        options = self.one(("", " with (security_barrier)", " with (security_invoker)"))
        self.say(f"create view {ident(*self.relation())}{options} as select * from {table.sql}")
        if self.maybe():
            self.say(f"create materialized view {ident(*self.relation())} as select * from {table.sql}")
        how = self.one(("", " security definer", f" set search_path = {ident(self.schemas[0])}"))
        self.say(
            f"create function {ident(*self.relation())}(text default {self.literal()}) returns bigint "
            f"language sql{how} as {literal(f'select count(*) from {table.sql}')}"
        )
        if self.maybe():
            function = ident(*self.relation())
            self.say(
                f"create function {function}() returns trigger language plpgsql as 'begin return new; end'",
                f"create trigger {ident(self.draw(NAMES.map(clipped)))} before insert on {table.sql} "
                f"for each row execute function {function}()",
            )

    def _obstacles(self) -> None:
        """Sequences under the names that a remedy would give by itself."""
        table = self.one(self.tenants)
        names = self.taken[f"relation {table.name.schema}"]
        columns = (self.column, self.one(table.texts or [table.key]))
        for parts in (columns, columns[:1], columns[1:], ()):
            for end in self.one((("key", "idx"), ("pkey",), ())):
                name = derived_name(table.name.name, *parts, end)
                if name not in names:
                    names.add(name)
                    self.say(f"create sequence {ident(table.name.schema, name)}")

    def _grants(self) -> None:
        role = ident(self.app)
        self.say(*(f"grant usage on schema {ident(s)} to {role}" for s in self.schemas))
        for table in self.tenants:
            what = self.one(("select", "all", "select, truncate", f"select ({ident(table.key)})"))
            self.say(f"grant {what} on {table.sql} to {self.one((role, 'public'))}")
        if self.maybe():
            self.say(
                f"alter default privileges in schema {ident(self.schemas[0])} grant all on tables to {role}"
            )

    def _contract(self) -> ContractConfig:
        """What the schema ought to hold besides: nearly all of it is missing."""
        home = self.schemas[0]
        tables = {}
        for table in self.tenants:
            own = self.one(table.texts or [table.key])
            missing = self._column(set(table.taken))
            spec = ColumnConfig(type="text", nullable=False, default=self.literal())
            root = write_name(self.root.name, home)
            tables[write_name(table.name, home)] = TableConfig(
                unique=((self.column, own),),
                indexes=((own,),),
                foreign_keys=(
                    ForeignKeyConfig(columns=(self.column,), references=root, on_delete="cascade"),
                ),
                columns={
                    missing: spec,
                    own: ColumnConfig(nullable=False, default=self.literal() if table.texts else None),
                },
                policies={self.draw(NAMES.map(clipped)): PolicyConfig(roles=(self.app,), using="true")},
                grants={self.app: ("SELECT",)},
            )
        return ContractConfig(tables=tables, closed=self.maybe())


def hostile_schemas(version: int) -> st.SearchStrategy[Hostile]:
    """Schemas for a server of that version, 180000 and the like."""
    return st.composite(lambda draw: Maker(draw, version).hostile())()
