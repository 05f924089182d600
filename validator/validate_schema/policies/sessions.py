"""Which functions and statements set what the session says: its tenant, or who asks."""

import re
from collections.abc import Callable, Iterable

from ..facts.context import is_setting
from ..facts.facts import Facts
from ..model.catalog import Function, Routine
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from .calls import Act, body_of, is_trusted, some_act

_SET = re.compile(r"\bset\s+(?:local\s+|session\s+)?\"?([\w$.]+)", re.IGNORECASE)
_SETTING = re.compile(r"'([\w$]+\.[\w$.]+)'")
_OF_PLATFORMS = ("request.",)  # PostgREST's, and what is built on it


_Named = Callable[[str], bool]


def switches_tenant(function: Function, facts: Facts) -> bool:
    """Tell whether a function, or one that it calls, may set the setting that holds the tenant."""
    return some_act(function, None, facts, _switches)


def says_who(function: Function, facts: Facts) -> bool:
    """Tell whether a function, or one that it calls, may set any setting that policies or functions read, the
    tenant's among them."""
    return some_act(function, None, facts, _sets_what_is_read)


def sets_for_policies(function: Function, facts: Facts) -> bool:
    """Tell whether a function, or one that it calls, may set any setting that policies read, the tenant's
    among them."""
    return some_act(function, None, facts, _sets_what_policies_read)


def sets_tenant(statements: Iterable[s.Node], facts: Facts) -> bool:
    """Tell whether statements themselves may set the setting that holds the tenant, also by a text that they
    put together; what they call is not looked into."""
    return _set(statements, lambda name: is_setting(name, facts.tenancy))


def _sets_what_is_read(act: Act, facts: Facts) -> bool:
    return _sets(act.function, lambda name: is_read(name, facts))


def _sets_what_policies_read(act: Act, facts: Facts) -> bool:
    return _sets(act.function, lambda name: _is_among(name, facts.once(settings_of_policies)))


def _switches(act: Act, facts: Facts) -> bool:
    known, key = facts.once(_setters), (act.function.routine, act.function.body)
    if key not in known:
        known[key] = _sets(act.function, lambda name: is_setting(name, facts.tenancy))
    return known[key]


def _setters(_: Facts) -> dict[tuple[Routine, str | None], bool]:
    return {}  # what was read of each so far


def _sets(function: Function, named: _Named) -> bool:
    if is_trusted(function) or function.aggregate is not None:
        return False
    try:
        statements = body_of(function).statements
    except Unreadable:
        return True
    return _set(statements, named)


def _set(statements: Iterable[s.Node], named: _Named) -> bool:
    """Tell whether statements themselves may set a setting that is named so."""
    return any(
        (isinstance(n, s.Call) and n.name == "set_config" and _may_be(n, named))
        or (isinstance(n, s.SetVariable) and named(n.name))
        or (isinstance(n, pl.Execute) and _spells(n.built, named))
        for n in s.walk(*statements)
    )


def _spells(built: s.Node, named: _Named) -> bool:
    texts = (str(n.value) for n in s.walk(built) if isinstance(n, s.Const))
    return any(
        "set_config" in text.lower() or any(named(m[1]) for m in _SET.finditer(text)) for text in texts
    )


def _may_be(call: s.Call, named: _Named) -> bool:
    name = s.uncast(call.args[0]) if call.args else None
    return not isinstance(name, s.Const) or named(str(name.value))


def settings_read(facts: Facts) -> frozenset[str]:
    """Return the names of the settings that say who asks, and what seem to be those that policies and
    functions read."""
    bodies = (f.body for f in facts.catalog.functions if f.body and "current_setting" in f.body)
    named = (name.lower() for text in bodies for name in _SETTING.findall(text))
    return facts.once(settings_of_policies).union(named)


def settings_of_policies(facts: Facts) -> frozenset[str]:
    """Return the names of the settings that say who asks, and what seem to be those that policies read."""
    policies = (text for t in facts.catalog.tables for p in t.policies for text in (p.using, p.check) if text)
    named = (name for text in policies for name in _SETTING.findall(text))
    asked = (told.variable.setting for told in facts.principals.variables)
    tenant = facts.tenancy.setting
    return frozenset(name.lower() for name in (*named, *asked, *((tenant,) if tenant else ())))


def is_read(name: str, facts: Facts) -> bool:
    """Tell whether a setting may be read by policies or functions, those of a platform too, whose text is not
    at hand."""
    return _is_among(name, facts.once(settings_read))


def _is_among(name: str, read: frozenset[str]) -> bool:
    return name.lower() in read or name.lower().startswith(_OF_PLATFORMS)
