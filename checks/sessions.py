"""BYP: what the sessions of an app role start with, and what of the server's own it may use."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import listed
from validate_schema.pack.rights import Act, acts_that, body_of, is_trusted
from validate_schema.pack.roles import allowed_by, lent_by, newly_allowed
from validate_schema.pack.sql import (
    Unreadable,
    quote_ident,
    quote_qname,
    quote_role,
    read_statements,
    syntax,
)

from ._access import may, users_of
from ._roles import NO_LOCK

_NOBODY = re.compile(r"[0-]*|-1")  # the nil UUID, zero: what people write for no tenant
_UUID = re.compile(r"\{?[0-9a-f]{4}(-?[0-9a-f]{4}){7}\}?", re.IGNORECASE)
_QUOTED = re.compile(r"'([\w-]+(?:\.[\w-]+)+)'")  # the name of a setting of one's own, as a literal
_NUMBER = re.compile(r"\s*[+-]?\d+\s*")


class Default(NamedTuple):
    """A value that sessions start with: of a role (empty: of every role), in this database."""

    role: str
    setting: str
    value: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("setting", name=f"{self.setting} of {self.role}" if self.role else self.setting)


def defaults(facts: Facts) -> Iterator[Default]:
    """What the sessions of app roles start with: by ALTER ROLE, of the app role or a login that may become it,
    and by ALTER DATABASE and ALTER ROLE ALL."""
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
def session_default(subject: Default, facts: Facts) -> Flaw | None:
    """A role or the database sets the tenant context for every new session.

    Examined: settings of app roles, of the logins that may become them, and of the database (ALTER ROLE …
    SET, ALTER DATABASE … SET). Fails for the setting that holds the tenant, where its value may be a
    tenant's key. A warning for the nil UUID or zero, which are a tenant's as soon as somebody inserts it.
    Undecided for another setting that a policy reads. The empty string is no tenant.
    Source: PostgreSQL documentation, ALTER ROLE (configuration_parameter), RESET.
    """
    name = subject.setting.lower()
    context = (facts.tenancy.setting or "").lower()
    if not subject.value or (name != context and name not in facts.once(_read_by_policies)):
        return None
    if name == context and not _may_be_key(subject.value, facts):
        return None
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


class ServerObject(NamedTuple):
    """Something of the server's own, or of an extension, that leads past the policies, and on which somebody
    was granted more than at first."""

    privileges: cat.SystemPrivileges

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.privileges.kind, self.privileges.schema, name=self.privileges.name)


class Lender(NamedTuple):
    """A function or view that uses such things with its owner's rights, and what they are called."""

    lender: cat.Function | cat.View
    names: tuple[str, ...]

    @property
    def ref(self) -> ObjectRef:
        found = self.lender
        if isinstance(found, cat.View):
            return ObjectRef("view", found.schema, name=found.name)
        return ObjectRef.of_routine(found.routine)


class Thrower(NamedTuple):
    """A function that sets, for whoever calls it, what the config trusts nobody but some to set."""

    function: cat.Function
    setting: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


class OtherServer(NamedTuple):
    """A foreign server to which somebody is logged in as a user of that server."""

    server: cat.Definition
    users: frozenset[str]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("foreign server", name=self.server.name)


def server_objects(facts: Facts) -> Iterator[ServerObject | Lender | Thrower | OtherServer]:
    """What of the server's own leads past the policies and was granted to somebody, the functions and views that lend
    it, and the foreign servers to which there is a log-in; none without app roles."""
    if facts.app_roles:
        yield from (ServerObject(held) for held in facts.catalog.system_privileges if allowed_by(held))
        yield from _lenders(facts)
        yield from _throwers(facts)
        mapped = [d.name.rpartition(" on ") for d in facts.catalog.definitions if d.kind == "user mapping"]
        for server in (d for d in facts.catalog.definitions if d.kind == "foreign server"):
            users = frozenset(user for user, _, on in mapped if on == server.name)
            if users:
                yield OtherServer(server, users)


def _lenders(facts: Facts) -> Iterator[Lender]:
    for function in (*facts.catalog.functions, *facts.catalog.extension_functions):
        if function.security_definer and (names := _used_by(function, facts)):
            yield Lender(function, names)
    for view in facts.catalog.views:
        if not view.security_invoker and (names := _named_in(_query_of(view), tables_only=True)):
            yield Lender(view, names)


def _throwers(facts: Facts) -> Iterator[Thrower]:
    """Yield the functions that set a trusted setting, by SET in their own definition or by a statement."""
    trusted = {t.setting.lower() for t in facts.tenancy.trusted if t.setting}
    for function in facts.catalog.functions if trusted else ():
        names = {setting.partition("=")[0].lower() for setting in function.settings}
        with suppress(Unreadable):
            for node in () if is_trusted(function) else syntax.walk(*body_of(function).statements):
                if isinstance(node, syntax.SetVariable):
                    names.add(node.name.lower())
                elif isinstance(node, syntax.Call) and node.name == "set_config" and node.args:
                    named = syntax.uncast(node.args[0])
                    names |= {str(named.value).lower()} if isinstance(named, syntax.Const) else trusted
        yield from (Thrower(function, name) for name in sorted(names & trusted))


def _used_by(function: cat.Function, facts: Facts) -> tuple[str, ...]:
    """Return what a function uses of the server, or is, itself and through what runs with the same rights."""
    found = [function.name] if is_trusted(function) and lent_by(function.name) else []
    for act in acts_that(function, None, facts, _names_some):
        if act.role == function.owner:
            found += _lent_in(act.function)
    return tuple(dict.fromkeys(found))


def _names_some(act: Act, _: Facts) -> bool:
    return bool(_lent_in(act.function))


def _lent_in(function: cat.Function) -> tuple[str, ...]:
    """Return what a body names of the server; nothing where it cannot be read, of which other checks tell."""
    if is_trusted(function):
        return ()
    try:
        return _named_in(body_of(function).statements)
    except Unreadable:
        return ()


def _query_of(view: cat.View) -> tuple[syntax.Node, ...]:
    """Return the query of a view; nothing where it cannot be read."""
    try:
        return read_statements(view.definition)
    except Unreadable:
        return ()


def _named_in(nodes: tuple[syntax.Node, ...], *, tables_only: bool = False) -> tuple[str, ...]:
    """Return the names of what leads past the policies. What a view calls, whoever reads it calls himself, and
    the views of statistics show him his own."""
    called = () if tables_only else (n for n in syntax.walk(*nodes) if isinstance(n, syntax.Call))
    named = (
        t.name for t in syntax.relations(*nodes)
        if t.schema in ("", "pg_catalog") and not (tables_only and t.name.startswith("pg_stats"))
    )  # fmt: skip
    return tuple(dict.fromkeys(n for n in (*(c.name for c in called), *named) if lent_by(n)))


@check(
    "BYP017",
    "App role may use what leads past the policies",
    subjects=server_objects,
    severity=Severity.ERROR,
    explains=("beside",),
    why="What PostgreSQL keeps for superusers reads files, hashes of passwords or samples of every tenant's rows, and asks no policy.",
    bad="""
        grant execute on function pg_catalog.pg_read_binary_file(text) to app_user;
    """,
    good="""
        create role backup_job;
        grant execute on function pg_catalog.pg_read_binary_file(text) to backup_job;
    """,
)
def server_grants(subject: ServerObject | Lender | Thrower | OtherServer, facts: Facts) -> Flaw | None:
    """An app role, or PUBLIC, was granted what the server keeps to itself.

    Examined: functions that read or write files of the server or connect as its own user, and catalogs
    with hashes of passwords or samples of rows, and settings that switch guards off or run programs (GRANT … ON
    PARAMETER, PostgreSQL 15), on which somebody was granted a privilege. Fails where an app role
    holds it, itself, through others or through PUBLIC.

    Undecided for a SECURITY DEFINER function or a view that uses such things with its owner's rights, and that an
    app role may use: what it shows of them is not read. And for a foreign server that an app role may use while a
    user mapping logs it in there: as whom, and whether the server is this one, is not known here. And for a
    function that sets what ``tenancy.trusted`` accepts, for whoever calls it: what it does then is not read.
    Source: PostgreSQL documentation, "System Administration Functions", "System Catalogs", CREATE USER MAPPING.
    """
    if isinstance(subject, Lender):
        return _lends(subject, facts)
    if isinstance(subject, Thrower):
        return _throws(subject, facts)
    if isinstance(subject, OtherServer):
        return _logs_in(subject, facts)
    held = subject.privileges
    new = newly_allowed(held)
    users = [role for role in facts.app_roles if new & facts.grantees_of(role)]
    given = sorted(new & frozenset[str]().union(*map(facts.grantees_of, users)))
    if not given:
        return None
    kind, name = held.kind.upper(), held.name
    if kind == "FUNCTION":
        name = f"{quote_ident(held.schema)}.{held.name}"
    elif kind != "PARAMETER":
        kind, name = "TABLE", quote_qname(cat.QName(held.schema, held.name))
    return Flaw(
        message=f"{', '.join(users)} may use {held.name}, and so {allowed_by(held)}",
        expected="no privilege for app roles and PUBLIC",
        observed=f"granted to {', '.join(given)}",
        remedy=Remedy(
            steps=tuple(Step(f"REVOKE ALL ON {kind} {name} FROM {quote_role(g)};") for g in given),
            note="Let a job that needs it have a role of its own.",
            lock=NO_LOCK,
        ),
    )


def _lends(subject: Lender, facts: Facts) -> Flaw | None:
    lender = subject.lender
    if isinstance(lender, cat.View):
        users = may(lender.owner, lender.grants, lender.altered, facts, "SELECT")
    else:
        users = users_of(lender.owner, lender.grants, facts, ("EXECUTE",))
    users = tuple(user for user in users if lender.owner not in facts.rights_of(user))
    if not users:
        return None
    allows = "; or ".join(dict.fromkeys(map(lent_by, subject.names)))
    return Flaw(
        message=f"{facts.show(lender.qname)} uses {listed(list(subject.names))} as {lender.owner}, by which {', '.join(users)} "
        f"may {allows}",
        expected="no such use with rights that the app has not, or no privilege for app roles and PUBLIC",
        observed=f"with the rights of {lender.owner}",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(
            note="Take it from the app roles and PUBLIC; or read what it shows, and accept it with a reason."
        ),
    )


def _throws(subject: Thrower, facts: Facts) -> Flaw | None:
    function = subject.function
    users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
    if not users:
        return None
    return Flaw(
        message=f"{', '.join(users)} may have {facts.show(function.qname)}({function.arguments}) set {subject.setting}, "
        "which opens what the policies close",
        expected="no EXECUTE on it for app roles and PUBLIC: the config trusts them not to set it",
        observed=f"the function sets {subject.setting}, which tenancy.trusted accepts",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(
            note="Take it from the app roles and PUBLIC; or read what it does then, and accept it with a reason."
        ),
    )


def _logs_in(subject: OtherServer, facts: Facts) -> Flaw | None:
    server = subject.server
    holders = {g.grantee for g in server.grants if "USAGE" in g.privileges} | {server.owner}
    users = [
        role for role in facts.app_roles
        if holders & facts.grantees_of(role) and subject.users & {"public", *facts.grantees_of(role)}
    ]  # fmt: skip
    if not users:
        return None
    return Flaw(
        message=f"{', '.join(users)} may make foreign tables on the server {server.name}, and reads there what a "
        "user mapping lets in",
        expected="no USAGE on the server for an app role: foreign tables can be read without it",
        observed=f"user mapping for {', '.join(sorted(subject.users))}",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(
            steps=tuple(
                Step(f"REVOKE USAGE ON FOREIGN SERVER {quote_ident(server.name)} FROM {quote_role(grantee)};")
                for grantee in sorted(
                    holders & frozenset({"PUBLIC"}).union(*map(facts.grantees_of, users)) - {server.owner}
                )
            ),
            note="Grant SELECT on the foreign tables that the app needs.",
            lock=NO_LOCK,
        ),
    )
