"""BYP: what says, beside the application, for which tenant a session works."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import acts, may_reach, switches_tenant
from validate_schema.pack.scoping import Keeps, confinement
from validate_schema.pack.sql import quote_ident

from ._access import users_of
from ._roles import NO_LOCK

_NOBODY = re.compile(r"[0-]*|-1")  # the nil UUID, zero: what people write for no tenant
_UUID = re.compile(r"\{?[0-9a-f]{4}(-?[0-9a-f]{4}){7}\}?", re.IGNORECASE)
_QUOTED = re.compile(r"'([\w-]+(?:\.[\w-]+)+)'")  # the name of a setting of one's own, as a literal
_NUMBER = re.compile(r"\s*[+-]?\d+\s*")
_SETS = re.compile(r"set_config|\bset\s+(?:local\s+|session\s+)?(?:[\w$]+\.|role\b)", re.IGNORECASE)


class Default(NamedTuple):
    """A value that sessions start with: of a role (empty: of every role), in this database."""

    role: str
    setting: str
    value: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("setting", name=f"{self.setting} of {self.role}" if self.role else self.setting)


class Fixed(NamedTuple):
    """A value that a setting has while a function runs."""

    function: cat.Function
    setting: str
    value: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


class Switch(NamedTuple):
    """A function that may set the tenant of the session, but for those of triggers on tables."""

    function: cat.Function

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


def defaults(facts: Facts) -> Iterator[Default | Fixed | Switch]:
    """What the sessions of app roles start with: by ALTER ROLE, of the app role or a login that may become it,
    and by ALTER DATABASE and ALTER ROLE ALL; and what functions set."""
    yield from _of_sessions(facts)
    for function in facts.catalog.functions:
        for text in function.settings:
            setting, _, value = text.partition("=")
            if "." in setting or setting.lower() == (facts.tenancy.setting or "").lower():
                yield Fixed(function, setting, value)
    if any(_SETS.search(function.body or "") for function in facts.catalog.functions):
        yield from (
            Switch(f) for f in facts.catalog.functions if f.returns != "trigger" and switches_tenant(f, facts)
        )


def _of_sessions(facts: Facts) -> Iterator[Default]:
    database: cat.Database | None = facts.catalog.database
    given = [("", s) for s in (database.settings if database else ())]
    apps = set(facts.app_roles)
    for role in facts.catalog.roles:
        if role.name in apps or (role.login and not role.superuser and apps & facts.can_become(role.name)):
            given += [(role.name, s) for s in role.settings]
    for role_name, text in given:
        setting, _, value = text.partition("=")
        yield Default(role_name, setting, value)


@check(
    "BYP016",
    "Sessions start as a tenant",
    subjects=defaults,
    severity=Severity.ERROR,
    explains=("beside",),
    why="A session that nobody told its tenant, or that a pool has reset, works on that one's rows instead of on none.",
    bad="""
        alter role app_user set app.tenant_id = '6f1c9e0a-5d7b-4a53-9d0c-0b7a4f0f2d11';
    """,
    good="""
        alter role app_user set app.tenant_id = '';
    """,
)
def session_default(subject: Default | Fixed | Switch, facts: Facts) -> Flaw | None:
    """A role, the database or a function's own SET says which tenant a session works for.

    Examined: settings of app roles, of the logins that may become them, and of the database (ALTER ROLE …
    SET, ALTER DATABASE … SET), and of functions that an app role may execute (CREATE FUNCTION … SET). Fails
    for the setting that holds the tenant, where its value may be a tenant's key. A warning for the nil UUID or zero, which are a tenant's as soon as somebody inserts it.
    Undecided for another setting that a policy reads; for the function of an event trigger that sets the tenant, at
    every log-in perhaps; and for a function that sets the tenant to anything but what it is and goes on to rows of the
    tenants, which hands these to whoever had it called. One that does no more is how an application logs in. The
    empty string is no tenant.
    Source: PostgreSQL documentation, CREATE FUNCTION, "Event Triggers", ALTER ROLE (configuration_parameter), RESET.
    """
    if isinstance(subject, Switch):
        return _switches(subject.function, facts)
    name = subject.setting.lower()
    context = (facts.tenancy.setting or "").lower()
    if not subject.value or (name != context and name not in facts.once(_read_by_policies)):
        return None
    if name == context and not _may_be_key(subject.value, facts):
        return None
    if isinstance(subject, Fixed):
        return _fixed(subject, facts, certain=name == context)
    whose = f"sessions of {subject.role} start" if subject.role else "every session starts"
    nobody = bool(_NOBODY.fullmatch(subject.value))
    return Flaw(
        message=f"{subject.ref.name} has a default: {whose} as that tenant"
        if name == context
        else f"{subject.ref.name} has a default: {whose} with it, and policies read it",
        expected="no default, or the empty string",
        observed=f"{subject.setting} is set for {subject.role or 'the database'}",
        severity=None if name == context and not nobody else Severity.WARNING,
        undecided=name != context,
        remedy=_reset(subject, facts),
    )


def _fixed(subject: Fixed, facts: Facts, *, certain: bool) -> Flaw | None:
    function = subject.function
    if not users_of(function.owner, function.grants, facts, ("EXECUTE",)):
        return None
    name = f"{facts.show(function.qname)}({function.arguments})"
    return Flaw(
        message=f"{name} sets {subject.setting} while it runs: whoever calls it works as that tenant"
        if certain
        else f"{name} sets {subject.setting} while it runs, and policies read it",
        expected="no SET of it, or the empty string",
        observed=f"{subject.setting} is set in the function's definition",
        severity=None if certain else Severity.WARNING,
        undecided=not certain,
        remedy=Remedy(note="Have the function take the tenant of the session (ALTER FUNCTION … RESET)."),
    )


def _switches(function: cat.Function, facts: Facts) -> Flaw | None:
    name = f"{facts.show(function.qname)}({function.arguments})"
    if function.returns == "event_trigger":
        return _switch(f"{name} may set the tenant where an event trigger runs it", facts)
    if not users_of(function.owner, function.grants, facts, ("EXECUTE",)):
        return None
    role = function.owner if function.security_definer else next(iter(facts.app_roles), None)
    ways = acts(function, role, facts)
    touched = {n for act in ways for n in act.function.touches or () if n not in facts.level_of_root}
    past = any(may_reach(act.function, act.role, facts) for act in ways)
    if past or not any(facts.class_of(n) in OWNED for n in touched):
        return None
    if confinement(function, facts, None, role) is Keeps.KEPT:
        return None
    return _switch(f"{name} may set the tenant, and goes on to rows of that one", facts)


def _switch(what: str, facts: Facts) -> Flaw:
    return Flaw(
        message=what,
        expected="the application alone sets the tenant, or a function that does no more",
        observed=f"it sets {facts.tenancy.setting}",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(note="Leave the setting to the application; or read it, and accept it with a reason."),
    )


def _read_by_policies(facts: Facts) -> frozenset[str]:
    """Return the settings that the policies, and the helper for the tenant, name; in small letters."""
    texts = [t for table in facts.catalog.tables for p in table.policies for t in (p.using, p.check) if t]
    helper = facts.tenant_helper
    texts += [helper.body] if helper is not None and helper.body else []
    return frozenset(n.lower() for text in dict.fromkeys(texts) for n in _QUOTED.findall(text))


def _may_be_key(value: str, facts: Facts) -> bool:
    """Tell whether the value can be that of a tenant's key; what no cast accepts opens nothing."""
    kinds = set()
    for level in facts.tenancy.levels:
        root = facts.tables_by_name.get(level.root) if level.root else None
        column = root.column(level.key) if root is not None and level.key else None
        kinds.add(column.base_type if column is not None else "text")
    by_kind = {"uuid": _UUID, "integer": _NUMBER, "bigint": _NUMBER, "smallint": _NUMBER}
    return any(kind not in by_kind or by_kind[kind].fullmatch(value) for kind in kinds)


def _reset(subject: Default, facts: Facts) -> Remedy:
    name = ".".join(map(quote_ident, subject.setting.split(".")))
    database = quote_ident(facts.catalog.server.database)
    if not subject.role:
        return Remedy(note=f"ALTER DATABASE {database} RESET {name}; ALTER ROLE ALL RESET {name};")
    role = quote_ident(subject.role)
    return Remedy(
        steps=(Step(f"ALTER ROLE {role} RESET {name};"),),
        note=f"Where it was set in this database alone: ALTER ROLE {role} IN DATABASE {database} RESET {name};",
        lock=NO_LOCK,
    )
