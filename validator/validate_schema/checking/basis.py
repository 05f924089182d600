"""What a finding rests on: who accepts a policy that shows public rows has not accepted what becomes of it.

A finding is known by its check and object. Where it is about a way to other tenants' rows, the same object
may open another way tomorrow; what it reads like today tells the two apart.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from ..facts.facts import Facts
from ..model.catalog import Column, Function, Grant, QName, Table, Trigger, View
from ..model.declared import Concern
from ..model.finding import ObjectRef, Severity
from .declare import Check

_WAYS: tuple[Concern, ...] = ("out", "may")
_PUBLIC = "PUBLIC"


class Bases(msgspec.Struct, frozen=True, dict=True):
    """The bases of findings about one catalog."""

    facts: Facts

    def of(self, check: Check, ref: ObjectRef) -> str:
        """Return 16 hexadecimal digits of SHA-256 over what the object is defined by; "" where it is no such
        object, or the check is about no way to other tenants' rows.

        A policy, a rule, a trigger, a view or a function is what it says, and what the functions that it
        names say; a view also what the views below and above it say. Whatever lies on a table rests on its
        row security, its policies, and what app roles may do there as well. Owners and other roles take no
        part: they are called otherwise in each environment. Nor do words of the finding: they may be others
        in the next version.
        """
        if check.severity is Severity.INFO or (check.concern or check.family.concern) not in _WAYS:
            return ""
        known = self._known(ref)
        return hashlib.sha256("\x1f".join(known).encode()).hexdigest()[:16] if known else ""

    def _known(self, ref: ObjectRef) -> tuple[str, ...]:
        if ref not in self._found:
            defined = list(self._defined(ref))
            self._found[ref] = tuple(defined + [_text(f) for f in self._called(defined)])
        return self._found[ref]

    @cached_property
    def _found(self) -> dict[ObjectRef, tuple[str, ...]]:
        return {}

    def _defined(self, ref: ObjectRef) -> Iterator[str]:
        facts = self.facts
        if ref.kind == "function":
            yield from (_text(f) for f in facts.catalog.functions if ObjectRef.of_routine(f.routine) == ref)
            return
        for name in (QName(ref.schema, ref.table), QName(ref.schema, ref.name)):
            if (table := facts.tables_by_name.get(name)) is not None:
                yield from self._of_table(table, ref)
            elif (view := facts.views_by_name.get(name)) is not None:
                for each in self._among(view):
                    yield from self._of_view(each)

    def _of_table(self, table: Table, ref: ObjectRef) -> Iterator[str]:
        own = ref.name if ref.kind == "policy" else ""
        yield f"{table.row_security} {table.force_row_security}"
        yield from (_encoded(p) for p in table.policies if not own or p.name == own)
        yield from (c.definition or "" for c in table.constraints if c.name == ref.name)
        yield from (_encoded(r) for r in table.rules)
        yield from self._of_triggers(table.triggers)
        yield from self._granted(table.grants)
        yield from self._granted_columns(table.columns)

    def _of_view(self, view: View) -> Iterator[str]:
        yield view.definition
        yield f"{view.security_invoker} {view.security_barrier} {view.check_option}"
        yield from (_encoded(r) for r in view.rules)
        yield from self._of_triggers(view.triggers)
        yield from self._granted(view.grants)
        yield from self._granted_columns(view.altered)

    def _among(self, view: View) -> list[View]:
        """Return the view, those that it reads, and those by which it is read, by name: what goes out by one
        of them is one finding."""
        views, above = self.facts.views_by_name, self._readers
        found = {view.qname: view}
        for next_to in (lambda v: v.depends_on, lambda v: above.get(v.qname, ())):
            waiting = [view]
            while waiting:
                reached = [n for n in next_to(waiting.pop()) if n in views and n not in found]
                found |= {name: views[name] for name in reached}
                waiting += [views[name] for name in reached]
        return [found[name] for name in sorted(found)]

    @cached_property
    def _readers(self) -> dict[QName, list[QName]]:
        found: dict[QName, list[QName]] = {}
        for view in self.facts.catalog.views:
            for name in view.depends_on:
                found.setdefault(name, []).append(view.qname)
        return found

    def _of_triggers(self, triggers: Iterable[Trigger]) -> Iterator[str]:
        for trigger in triggers:
            yield _encoded(trigger)
            yield from (_text(f) for f in self._functions.get(trigger.function, ()))

    def _granted(self, grants: Iterable[Grant]) -> Iterator[str]:
        apps = {_PUBLIC}.union(*(self.facts.grantees_of(role) for role in self.facts.app_roles))
        yield from sorted({f"{g.grantee} {p}" for g in grants if g.grantee in apps for p in g.privileges})

    def _granted_columns(self, columns: Iterable[Column]) -> Iterator[str]:
        for column in columns:
            yield from (f"{column.name} {held}" for held in self._granted(column.grants))

    def _called(self, texts: Iterable[str]) -> tuple[Function, ...]:
        """Return the functions that texts name, or an operator in them does, and those that these name."""
        found: dict[Function, None] = {}
        waiting = list(texts)
        while waiting:
            text = waiting.pop()
            behind = (o.function for o in self.facts.catalog.operators if o.function and o.name in text)
            by_sign = (f for name in behind for f in self._functions.get(QName(name.schema, name.name), ()))
            for function in (*self.facts.named_functions.within(text), *by_sign):
                if function not in found:
                    found[function] = None
                    waiting.append(function.body or "")
        return tuple(sorted(found, key=lambda f: f.routine))

    @cached_property
    def _functions(self) -> dict[QName, list[Function]]:
        found: dict[QName, list[Function]] = {}
        for function in self.facts.catalog.functions:
            found.setdefault(function.qname, []).append(function)
        return found


def _encoded(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()


def _text(function: Function) -> str:
    definer = "definer" if function.security_definer else "invoker"
    said = (function.signature or function.arguments, function.language, definer, *function.settings)
    return " ".join((*said, function.volatility, function.body or function.symbol or ""))
