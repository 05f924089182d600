"""What makes a member like the reference, change by change: SQL where it is certain, else what is to decide.

Nothing is taken away that the member alone has, no row is lost or made up, and no role gets a right that it
may not be meant to have: what would do that is left to a person. What is written was tried.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..model.catalog import Catalog, Grant, Policy, QName, Table, View
from ..model.difference import Change
from ..model.finding import ObjectRef
from ..sql.ident import quote_ident, quote_literal, quote_qname, quote_role
from .printed import Printed
from .statements import (
    add_constraint,
    column_of,
    concurrently,
    create_policy,
    create_sequence,
    create_view,
    holds,
    owned_by,
    sql_name,
)

CONSTRAINTS = ("primary key", "unique", "foreign key", "check", "exclusion")
ROUTINES = ("function", "procedure", "window")
EXTRA = "the member alone has it: keep it, or drop it"
WIDENS = "it would let in more than now"
HAND = "no statement is known that is certain: write it by hand"
ROLES = "whether a role of the reference has a right here as well, nobody knows"
REWRITES = "the type would change what rows hold"
NO_VALUE = "rows that are there need a value"


class Amendment(NamedTuple):
    """What mends changes of one object: statements for one transaction, and those that run alone after it.
    Without either it is to be decided, and `why` says what."""

    changes: tuple[Change, ...]
    steps: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    why: str = ""


class _Side(NamedTuple):
    """One member by its objects."""

    catalog: Catalog
    tables: Mapping[QName, Table]
    views: Mapping[QName, View]
    owner: str

    @classmethod
    def of(cls, catalog: Catalog) -> "_Side":
        owner = catalog.schemas[0].owner if len(catalog.schemas) == 1 else ""
        return cls(catalog, {t.qname: t for t in catalog.tables}, {v.qname: v for v in catalog.views}, owner)


def amendments(
    changes: Sequence[Change], member: Catalog, reference: Catalog, definitions: Printed
) -> tuple[Amendment, ...]:
    """Return what makes `member` like `reference`; `changes` are from the one to the other, and all three
    have the same name for the schema. `definitions` are the reference's."""
    grouped: dict[ObjectRef, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.object, []).append(change)
    writer = _Writer(_Side.of(member), _Side.of(reference), definitions)
    return tuple(made for ref, of in grouped.items() for made in writer.of(ref, of))


class _Writer:
    def __init__(self, member: _Side, reference: _Side, definitions: Printed) -> None:
        self._member, self._reference, self._definitions = member, reference, definitions
        self._at_home = frozenset(g.grantee for g in _grants(member.catalog)) | {member.owner}

    def of(self, ref: ObjectRef, changes: list[Change]) -> Iterator[Amendment]:
        first = changes[0]
        if first.kind == "removed":
            yield Amendment(tuple(changes), why=EXTRA)
        elif first.kind == "added":
            yield self._added(ref, changes)
        else:
            rights = [c for c in changes if c.what.startswith("privileges of ")]
            for change in rights:
                yield self._right(change)
            if rest := [c for c in changes if c not in rights]:
                yield from self._changed(ref, rest)

    # What is missing

    def _added(self, ref: ObjectRef, changes: list[Change]) -> Amendment:
        told = tuple(changes)
        if any(c.widens for c in changes) and ref.kind != "rule":
            return Amendment(told, why=WIDENS)
        makers: dict[str, Callable[[ObjectRef], tuple[str, ...] | str]] = {
            "table": self._table,
            "column": self._column,
            "policy": self._policy,
            "view": self._view,
            "materialized view": self._view,
            "enum": self._enum,
            "sequence": self._sequence,
            "statistics": self._statistics,
        }
        if ref.kind in makers:
            made = makers[ref.kind](ref)
            return Amendment(told, why=made) if isinstance(made, str) else Amendment(told, made)
        if ref.kind == "index":
            text = self._definitions.get(ref)
            return Amendment(told, alone=(concurrently(text),)) if text else Amendment(told, why=HAND)
        steps = self._printed(ref)
        steps += self._enabled(ref) if steps else ()
        return Amendment(told, steps) if steps else Amendment(told, why=HAND)

    def _printed(self, ref: ObjectRef) -> tuple[str, ...]:
        """Return what makes a constraint, a trigger, a rule or a function as the reference's is."""
        text = self._definitions.get(ref)
        if text is None:
            return ()
        if ref.kind in CONSTRAINTS:
            return add_constraint(ref, text)
        if ref.kind in ROUTINES:
            return (text.rstrip(), *self._owned("FUNCTION" if ref.kind != "procedure" else "PROCEDURE", ref))
        return (text.rstrip(";"),)

    def _owned(self, word: str, ref: ObjectRef) -> tuple[str, ...]:
        """Return what gives a function to the owner of the member."""
        name, bracket, arguments = ref.name.partition("(")
        if not self._member.owner:
            return ()
        signature = f"{quote_qname(QName(ref.schema, name))}{bracket}{arguments}"
        return (f"ALTER {word} {signature} OWNER TO {quote_ident(self._member.owner)}",)

    def _table(self, ref: ObjectRef) -> tuple[str, ...] | str:
        table = self._reference.tables[QName(ref.schema, ref.table)]
        if table.kind != "table" or table.parent or table.inherits or dict(table.details).get("of type"):
            return HAND
        name = quote_qname(table.qname)
        owned = [s for s in self._reference.catalog.sequences if s.owned_by and s.owned_by[:2] == table.qname]
        numbers = [s for s in owned if not s.identity]
        columns = ", ".join(column_of(c) for c in table.columns)
        steps = [made for s in numbers for made in create_sequence(s)]
        steps.append(f"CREATE {'UNLOGGED ' if table.unlogged else ''}TABLE {name} ({columns})")
        steps += [owned_by(s) for s in numbers]
        if self._member.owner:
            steps.append(f"ALTER TABLE {name} OWNER TO {quote_ident(self._member.owner)}")
        for kinds in (CONSTRAINTS, ("index", "trigger", "rule")):
            for hanging, text in self._definitions.items():
                if (hanging.schema, hanging.table) == (ref.schema, ref.table) and hanging.kind in kinds:
                    plain = hanging.kind in CONSTRAINTS
                    steps += add_constraint(hanging, text)[:1] if plain else (text.rstrip(";"),)
        steps = [s.removesuffix(" NOT VALID") for s in steps]
        steps += [create_policy(table.qname, p) for p in table.policies]
        steps += [f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"] if table.row_security else []
        steps += [f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"] if table.force_row_security else []
        if foreign := self._strangers((*table.grants, *(g for c in table.columns for g in c.grants))):
            return f"{ROLES}: {foreign}"
        if foreign := self._unknown_roles(table.policies):
            return f"{ROLES}: {foreign}"
        steps += self._granted("TABLE", name, table.grants, table.owner)
        return tuple(steps)

    def _column(self, ref: ObjectRef) -> tuple[str, ...] | str:
        table = QName(ref.schema, ref.table)
        if table not in self._reference.tables:
            return HAND
        column = self._reference.tables[table].column(ref.name)
        assert column is not None, "what was added is there"
        if column.grants:
            return ROLES
        if column.not_null and column.default is None and not column.identity:
            return NO_VALUE
        numbers = [s for s in self._reference.catalog.sequences if s.owned_by == (*table, ref.name)]
        numbers = [s for s in numbers if not s.identity]
        steps = [made for s in numbers for made in create_sequence(s)]
        steps.append(f"ALTER TABLE {quote_qname(table)} ADD COLUMN {column_of(column)}")
        return (*steps, *map(owned_by, numbers))

    def _policy(self, ref: ObjectRef) -> tuple[str, ...] | str:
        table = self._reference.tables[QName(ref.schema, ref.table)]
        policy = next(p for p in table.policies if p.name == ref.name)
        if foreign := self._unknown_roles((policy,)):
            return f"{ROLES}: {foreign}"
        return (create_policy(table.qname, policy),)

    def _view(self, ref: ObjectRef) -> tuple[str, ...] | str:
        view = self._reference.views[QName(ref.schema, ref.name)]
        if view.triggers or view.rules or view.altered or (view.details and view.kind != "view"):
            return HAND
        if foreign := self._strangers(view.grants):
            return f"{ROLES}: {foreign}"
        steps = [create_view(view)]
        word = "VIEW" if view.kind == "view" else "MATERIALIZED VIEW"
        if self._member.owner:
            steps.append(f"ALTER {word} {quote_qname(view.qname)} OWNER TO {quote_ident(self._member.owner)}")
        steps += [text for hanging, text in self._definitions.items() if hanging.kind == "index"
                  and (hanging.schema, hanging.table) == view.qname]  # fmt: skip
        return (*steps, *self._granted("TABLE", quote_qname(view.qname), view.grants, view.owner))

    def _enum(self, ref: ObjectRef) -> tuple[str, ...] | str:
        enum = next(e for e in self._reference.catalog.enums if e.qname == (ref.schema, ref.name))
        labels = ", ".join(quote_literal(label).strip() for label in enum.labels)
        name = quote_qname(enum.qname)
        owner = (
            (f"ALTER TYPE {name} OWNER TO {quote_ident(self._member.owner)}",) if self._member.owner else ()
        )
        return (f"CREATE TYPE {name} AS ENUM ({labels})", *owner)

    def _sequence(self, ref: ObjectRef) -> tuple[str, ...] | str:
        found = next(
            s for s in self._reference.catalog.sequences if (s.schema, s.name) == (ref.schema, ref.name)
        )
        if found.identity or self._strangers(found.grants):
            return HAND
        name = quote_qname(QName(found.schema, found.name))
        owner = (
            (f"ALTER SEQUENCE {name} OWNER TO {quote_ident(self._member.owner)}",)
            if self._member.owner
            else ()
        )
        owned = (owned_by(found),) if found.owned_by else ()
        granted = self._granted("SEQUENCE", name, found.grants, found.owner)
        return (*create_sequence(found), *owner, *owned, *granted)

    def _statistics(self, ref: ObjectRef) -> tuple[str, ...] | str:
        found = (d for d in self._reference.catalog.definitions if (d.kind, d.name) == (ref.kind, ref.name))
        text = dict(next(found).details).get("definition")
        return (text,) if text else HAND

    # What is otherwise

    def _changed(self, ref: ObjectRef, changes: list[Change]) -> Iterator[Amendment]:
        told, table = tuple(changes), QName(ref.schema, ref.table)
        if (
            changes[0].kind == "renamed"
            and len(changes) == 1
            and ref.kind in (*CONSTRAINTS, "index", "policy")
        ):
            yield self._renamed(ref, changes[0])
        elif changes[0].kind == "renamed":
            yield Amendment(told, why=HAND)
        elif any(c.widens for c in changes):
            yield Amendment(told, why=WIDENS)
        elif ref.kind == "column" and table in self._member.tables:
            yield from (self._column_change(ref, c) for c in changes)
        elif ref.kind == "table":
            yield from (self._switch(ref, c) for c in changes)
        else:
            yield self._anew(ref, told)

    def _anew(self, ref: ObjectRef, told: tuple[Change, ...]) -> Amendment:
        """Return what makes an object anew as the reference has it."""
        on = quote_qname(QName(ref.schema, ref.table))
        if ref.kind in CONSTRAINTS and (made := self._printed(ref)):
            return Amendment(told, (f"ALTER TABLE {on} DROP CONSTRAINT {quote_ident(ref.name)}", *made))
        if ref.kind == "index" and (text := self._definitions.get(ref)):
            drop = f"DROP INDEX CONCURRENTLY {quote_qname(QName(ref.schema, ref.name))}"
            return Amendment(told, alone=(drop, concurrently(text)))
        if ref.kind in ("trigger", "policy"):
            again = self._policy(ref) if ref.kind == "policy" else self._printed(ref)
            if isinstance(again, str) or not again:
                return Amendment(told, why=again if isinstance(again, str) else HAND)
            drop = f"DROP {ref.kind.upper()} {quote_ident(ref.name)} ON {on}"
            return Amendment(told, (drop, *again, *self._enabled(ref)))
        if ref.kind in ROUTINES and (made := self._printed(ref)):
            return Amendment(told, made[:1])
        if ref.kind == "view" and {c.what for c in told} != {"owner"}:
            return Amendment(told, (create_view(self._reference.views[QName(ref.schema, ref.name)]),))
        if ref.kind == "enum" and all(c.what == "label" and c.after and not c.before for c in told):
            return Amendment(told, tuple(self._labels(ref)))
        return Amendment(told, why=HAND)

    def _renamed(self, ref: ObjectRef, change: Change) -> Amendment:
        old, new = quote_ident(change.before), quote_ident(ref.name)
        on = quote_qname(QName(ref.schema, ref.table))
        if ref.kind == "index":
            said = f"ALTER INDEX {quote_qname(QName(ref.schema, change.before))} RENAME TO {new}"
        elif ref.kind == "policy":
            said = f"ALTER POLICY {old} ON {on} RENAME TO {new}"
        else:
            said = f"ALTER TABLE {on} RENAME CONSTRAINT {old} TO {new}"
        return Amendment((change,), (said,))

    def _column_change(self, ref: ObjectRef, change: Change) -> Amendment:
        table = QName(ref.schema, ref.table)
        wanted = self._reference.tables[table].column(ref.name)
        held = self._member.tables[table].column(ref.name)
        assert wanted is not None, "what was changed is there"
        assert held is not None, "what was changed was there"
        alter = f"ALTER TABLE {quote_qname(table)} ALTER COLUMN {quote_ident(ref.name)}"
        if change.what == "nullable" and not wanted.not_null:
            return Amendment((change,), (f"{alter} DROP NOT NULL",))
        if change.what == "nullable":
            # A row without a value makes it fail, and everything stays as it is.
            return Amendment((change,), (f"{alter} SET NOT NULL",))
        if change.what == "default" and not (wanted.generated or held.generated or wanted.identity):
            said = f"SET DEFAULT {wanted.default}" if wanted.default is not None else "DROP DEFAULT"
            return Amendment((change,), (f"{alter} {said}",))
        if change.what == "type" and holds(wanted, held):
            return Amendment((change,), (f"{alter} TYPE {wanted.type}",))
        return Amendment((change,), why=REWRITES if change.what == "type" else HAND)

    def _switch(self, ref: ObjectRef, change: Change) -> Amendment:
        """Return what switches row security on; off is to be decided, for it lets in more."""
        on = quote_qname(QName(ref.schema, ref.table))
        words = {"row-level security": "ENABLE", "forced row-level security": "FORCE"}
        if change.what in words and change.after == "on":
            return Amendment((change,), (f"ALTER TABLE {on} {words[change.what]} ROW LEVEL SECURITY",))
        return Amendment((change,), why=HAND)

    def _enabled(self, ref: ObjectRef) -> tuple[str, ...]:
        table = self._reference.tables.get(QName(ref.schema, ref.table))
        found = next((t for t in table.triggers if t.name == ref.name), None) if table else None
        words = {"always": "ENABLE ALWAYS", "replica": "ENABLE REPLICA", "disabled": "DISABLE"}
        if ref.kind != "trigger" or found is None or table is None or found.enabled not in words:
            return ()
        return (
            f"ALTER TABLE {quote_qname(table.qname)} {words[found.enabled]} TRIGGER {quote_ident(ref.name)}",
        )

    def _labels(self, ref: ObjectRef) -> Iterator[str]:
        name = QName(ref.schema, ref.name)
        wanted = next(e.labels for e in self._reference.catalog.enums if e.qname == name)
        held = next(e.labels for e in self._member.catalog.enums if e.qname == name)
        for place, label in enumerate(wanted):
            if label not in held:
                before = f" AFTER {quote_literal(wanted[place - 1]).strip()}" if place else ""
                before = before or f" BEFORE {quote_literal(held[0]).strip()}"
                yield f"ALTER TYPE {quote_qname(name)} ADD VALUE {quote_literal(label).strip()}{before}"

    # Rights

    def _right(self, change: Change) -> Amendment:
        """Return what takes a right away, or gives it to a role that works in the member already."""
        role, ref = change.what.removeprefix("privileges of "), change.object
        on = sql_name(ref)
        old, new = _words(change.before), _words(change.after)
        if on is None or any("GRANT OPTION" in w for w in old ^ new):
            return Amendment((change,), why=HAND)
        if new - old and (role == "PUBLIC" or role not in self._at_home):
            return Amendment((change,), why=f"{ROLES}: {role}")
        steps = (
            [f"REVOKE {', '.join(sorted(old - new))} ON {on} FROM {quote_role(role)}"] if old - new else []
        )
        steps += [f"GRANT {', '.join(sorted(new - old))} ON {on} TO {quote_role(role)}"] if new - old else []
        return Amendment((change,), tuple(steps))

    def _strangers(self, grants: Sequence[Grant]) -> str:
        """Return a role of the reference that has no right in the member yet; "" where there is none."""
        owners = {self._reference.owner, *(t.owner for t in self._reference.catalog.tables)}
        known = self._at_home | owners
        return next((g.grantee for g in grants if g.grantee not in known), "")

    def _unknown_roles(self, policies: Sequence[Policy]) -> str:
        known = self._at_home | {"PUBLIC"}
        return next((role for p in policies for role in p.roles if role not in known), "")

    def _granted(self, word: str, name: str, grants: Sequence[Grant], owner: str) -> list[str]:
        return [
            f"GRANT {', '.join(g.privileges)} ON {word} {name} TO {quote_role(g.grantee)}"
            for g in grants
            if g.grantee != owner and not g.grantable
        ]


def _grants(catalog: Catalog) -> Iterator[Grant]:
    for name in ("schemas", "tables", "views", "sequences", "functions"):
        for record in getattr(catalog, name):
            yield from record.grants


def _words(text: str) -> frozenset[str]:
    return frozenset(() if text == "none" else text.split(", "))
