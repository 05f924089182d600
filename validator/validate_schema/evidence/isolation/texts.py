"""What is written about a table: its policies, the functions that they call, the views over it."""

from collections.abc import Iterable, Iterator

from ...facts.facts import Facts
from ...model.catalog import Function, QName, Table, View


class Texts:
    """The texts of one schema, each put together once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._own: dict[QName, str] = {}
        self._around: dict[QName, str] = {}
        self._views: dict[QName, list[View]] | None = None

    def own(self, table: Table) -> str:
        """Return the table's policies and the bodies of the functions that they lead to, as one text."""
        if table.qname not in self._own:
            policies = " ".join(f"{p.using or ''} {p.check or ''}" for p in table.policies)
            self._own[table.qname] = self.with_bodies(policies)
        return self._own[table.qname]

    def with_bodies(self, text: str) -> str:
        """Return a text with the bodies of the functions that it names, and that those name."""
        found, queue = {"": text}, [text]
        while queue:
            for function in self._facts.named_functions.within(queue.pop()):
                name = f"{function.schema}.{function.name}({function.arguments})"
                if name not in found:
                    found[name] = function.body or ""
                    queue.append(found[name])
        return " ".join(found.values())

    def functions(self, table: Table) -> Iterator[Function]:
        """Yield the functions that the table's policies lead to."""
        text = self.own(table) if table.policies else ""
        yield from self._facts.named_functions.within(text)

    def around(self, table: Table) -> str:
        """Return the table's own text and that of every table which it leads to: their policies hold for a
        sub-select too."""
        if table.qname not in self._around:
            self._around[table.qname] = self.reached([self.own(table)], [table.qname])
        return self._around[table.qname]

    def reached(self, texts: Iterable[str], seen: Iterable[QName] = ()) -> str:
        """Return texts with those of every table with policies that they lead to."""
        found = {str(n): text for n, text in enumerate(texts)}
        queue, known = list(found.values()), set(seen)
        while queue:
            for other in self._facts.named_guarded.within(queue.pop()):
                if other.qname not in known:
                    known.add(other.qname)
                    found[f"{other.schema}.{other.name}"] = self.own(other)
                    queue.append(self.own(other))
        return " ".join(found.values())

    def of_view(self, view: View) -> str:
        """Return the queries of a view and of those below it, with the text around what they read."""
        known = self._facts.views_by_name
        below = [known[name].definition for name in sorted(self._below(view)) if name in known]
        return self.reached(map(self.with_bodies, [view.definition, *below]))

    def views_over(self, table: QName) -> list[View]:
        """Return the views that read the table, be it through other views."""
        if self._views is None:
            self._views = {}
            for view in self._facts.catalog.views:
                for name in self._below(view):
                    self._views.setdefault(name, []).append(view)
        return self._views.get(table, [])

    def _below(self, view: View) -> set[QName]:
        seen, queue = set[QName](), [view.qname]
        while queue:
            for name in self._facts.views_by_name[queue.pop()].depends_on:
                if name not in seen:
                    seen.add(name)
                    queue += [name] if name in self._facts.views_by_name else []
        return seen
