"""Views and functions on both sides."""

from collections.abc import Hashable, Iterator, Sequence

from ...model.catalog import Function, View
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import Property, added, changed, grants, names, removed, renamed, yes_no
from .pairs import Pairs, pair
from .tables import triggers
from .terms import Terms

_LENGTH = 200


def views(before: Sequence[View], after: Sequence[View], terms: Terms) -> Iterator[Change]:
    """Yield the changes of views and materialized views."""
    found = pair(
        before,
        after,
        lambda v: (v.kind, v.qname),
        lambda old, new: old.kind == new.kind and not any(changed(_view_ref(new), _view(old, new, terms))),
        shapes=lambda v: ((v.kind, v.owner, v.columns, terms.query_outline(v.definition)),),
    )
    for old, new in (*found.same, *found.renamed):
        if old is new or old == new:
            continue
        ref = _view_ref(new)
        if old.qname != new.qname:
            yield renamed(ref, old.name if old.schema == new.schema else f"{old.schema}.{old.name}")
        yield from changed(ref, _view(old, new, terms))
        yield from grants(ref, terms, old.grants, new.grants, (old.owner, new.owner))
        yield from triggers(new.qname, old.triggers, new.triggers)
    for old in found.removed:
        yield removed(_view_ref(old), excerpt(old.definition))
    for new in found.added:
        yield added(_view_ref(new), excerpt(new.definition))


def _view_ref(view: View) -> ObjectRef:
    return ObjectRef(view.kind, view.schema, name=view.name)


def _view(old: View, new: View, terms: Terms) -> list[Property]:
    return [
        Property(
            "definition",
            excerpt(old.definition),
            excerpt(new.definition),
            old.columns != new.columns or not terms.query(old.definition, new.definition),
        ),
        Property(
            "security invoker",
            yes_no(old.security_invoker),
            yes_no(new.security_invoker),
            widens=old.security_invoker and not new.security_invoker,
        ),
        Property("security barrier", yes_no(old.security_barrier), yes_no(new.security_barrier)),
        Property("owner", old.owner, new.owner),
    ]


def functions(before: Sequence[Function], after: Sequence[Function], terms: Terms) -> Iterator[Change]:
    """Yield the changes of functions and procedures. Overloads are told apart by their arguments; where
    a name has one left over on each side, its arguments changed."""
    found = _pair_functions(before, after, terms)
    for old, new in found.same:
        if old is new or old == new:
            continue
        ref = _function_ref(new)
        yield from changed(ref, _function(old, new, terms))
        yield from grants(ref, terms, old.grants, new.grants, (old.owner, new.owner))
    for old, new in found.renamed:
        if old.qname == new.qname:
            ref = _function_ref(new)
            yield from changed(ref, [Property("arguments", old.arguments, new.arguments)])
            yield from changed(ref, _function(old, new, terms))
        else:
            yield renamed(_function_ref(new), _called(old))
    for old in found.removed:
        yield removed(_function_ref(old), _signature(old))
    for new in found.added:
        yield added(_function_ref(new), _signature(new))


def _pair_functions(before: Sequence[Function], after: Sequence[Function], terms: Terms) -> Pairs[Function]:
    def alike(old: Function, new: Function) -> bool:
        if old.kind != new.kind:
            return False
        if old.qname == new.qname:
            return True
        same_arguments = old.arguments == new.arguments and old.body is not None
        return same_arguments and not any(changed(_function_ref(new), _function(old, new, terms)))

    def shapes(function: Function) -> tuple[Hashable, ...]:
        return (function.kind, function.qname), (function.kind, function.arguments, _lines(function))

    return pair(before, after, lambda f: (f.kind, f.qname, f.arguments), alike, shapes=shapes)


def _called(function: Function) -> str:
    return f"{function.name}({function.arguments})"


def _function_ref(function: Function) -> ObjectRef:
    return ObjectRef(function.kind, function.schema, name=_called(function))


def _signature(function: Function) -> str:
    rights = ", security definer" if function.security_definer else ""
    returns = f"returns {function.returns}, " if function.returns else ""
    return f"{returns}{function.language}, {function.volatility}{rights}"


def _function(old: Function, new: Function, terms: Terms) -> list[Property]:
    returns = old.returns or "nothing", new.returns or "nothing"
    return [
        Property("body", excerpt(old.body or ""), excerpt(new.body or ""), _lines(old) != _lines(new)),
        Property("returns", *returns, not terms.type(*returns)),
        Property("language", old.language, new.language),
        Property("volatility", old.volatility, new.volatility),
        Property(
            "security",
            _rights(old),
            _rights(new),
            widens=new.security_definer and not old.security_definer,
        ),
        Property("leakproof", yes_no(old.leakproof), yes_no(new.leakproof)),
        Property("settings", names(sorted(old.settings)) or "none", names(sorted(new.settings)) or "none"),
        Property("owner", old.owner, new.owner),
    ]


def _rights(function: Function) -> str:
    return "definer" if function.security_definer else "invoker"


def _lines(function: Function) -> str:
    """Return the body without what an editor changes: line ends, and space around the whole."""
    return (function.body or "").replace("\r\n", "\n").strip()


def excerpt(text: str) -> str:
    """Return a definition on one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else line[:_LENGTH].rstrip() + "…"
