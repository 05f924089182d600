"""BYP: what of the server's own an app role may use."""

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


class Believed(NamedTuple):
    """A table whose people the config trusts to pass for every tenant."""

    table: cat.Table

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_table(self.table.qname)


class Alias(NamedTuple):
    """A function of the server's own that somebody made callable under another name."""

    function: cat.Function

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


_Subject = ServerObject | Lender | Thrower | Believed | Alias | OtherServer


def server_objects(facts: Facts) -> Iterator[_Subject]:
    """What of the server's own leads past the policies and was granted to somebody, the functions and views that lend
    it, the foreign servers to which there is a log-in, and what the config trusts; none without app roles."""
    if facts.app_roles:
        yield from (ServerObject(held) for held in facts.catalog.system_privileges if allowed_by(held))
        yield from _lenders(facts)
        yield from _throwers(facts)
        trusted = {t.table for t in facts.tenancy.trusted if t.table is not None}
        yield from (Believed(t) for t in facts.catalog.tables if t.qname in trusted)
        yield from (Alias(f) for f in facts.catalog.functions if f.language == "internal")
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
def server_grants(subject: _Subject, facts: Facts) -> Flaw | None:
    """An app role, or PUBLIC, was granted what the server keeps to itself.

    Examined: functions that read or write files of the server or connect as its own user, and catalogs
    with hashes of passwords or samples of rows, and settings that switch guards off or run programs (GRANT … ON
    PARAMETER, PostgreSQL 15), on which somebody was granted a privilege. Fails where an app role
    holds it, itself, through others or through PUBLIC.

    Undecided for a SECURITY DEFINER function or a view that uses such things with its owner's rights, and that an
    app role may use: what it shows of them is not read. And for a foreign server that an app role may use while a
    user mapping logs it in there: as whom, and whether the server is this one, is not known here. And for a
    function that sets what ``tenancy.trusted`` accepts, for whoever calls it: what it does then is not read. And for
    a function of LANGUAGE internal that an app role may execute: it is one of the server's own, without the
    privileges that guard it under its own name.

    Fails for a table of ``tenancy.trusted`` into which an app role may write rows (INSERT, UPDATE) without row
    security: whoever writes himself into it passes for every tenant. Undecided where a policy lets it write some, or
    a view or a SECURITY DEFINER function writes them with its owner's rights.
    Source: PostgreSQL documentation, "System Administration Functions", "System Catalogs", CREATE USER MAPPING.
    """
    if isinstance(subject, Lender):
        return _lends(subject, facts)
    if isinstance(subject, Thrower):
        return _throws(subject, facts)
    if isinstance(subject, Believed):
        return _believes(subject.table, facts)
    if isinstance(subject, Alias):
        return _alias(subject.function, facts)
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


def _alias(function: cat.Function, facts: Facts) -> Flaw | None:
    users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
    if not users:
        return None
    return Flaw(
        message=f"{', '.join(users)} may call {facts.show(function.qname)}({function.arguments}), a function of the "
        "server's own under another name",
        expected="the function under its own name, with the privileges that PostgreSQL gives it",
        observed="LANGUAGE internal",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(
            note="Take it from the app roles and PUBLIC; or see what it is, and accept it with a reason."
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


def _believes(table: cat.Table, facts: Facts) -> Flaw | None:
    writes = ("INSERT", "UPDATE")
    users = may(table.owner, table.grants, table.columns, facts, *writes)
    lets_in = any(p.permissive and p.command in ("ALL", *writes) for p in table.policies)
    owned = any(facts.memberships.has(user, table.owner) for user in users if user != "PUBLIC")
    open_ = not table.row_security or (owned and not table.force_row_security)
    direct = bool(users) and (open_ or lets_in)
    ways = [f"{', '.join(users)} may write into it"] if direct else [*_written_through(table, facts)]
    if not ways:
        return None
    return Flaw(
        message=f"tenancy.trusted accepts the people in {facts.show(table.qname)}, and {'; '.join(ways)}",
        expected="no INSERT and no UPDATE on it for app roles and PUBLIC: whoever is in it passes for every tenant",
        observed=f"row security {'on' if table.row_security else 'off'}",
        severity=None if direct and open_ else Severity.WARNING,
        undecided=not (direct and open_),
        remedy=Remedy(
            note="REVOKE INSERT, UPDATE on it from the app and PUBLIC; or take the table out of tenancy.trusted."
        ),
    )


def _written_through(table: cat.Table, facts: Facts) -> Iterator[str]:
    """Yield what writes rows of the table with its owner's rights, for an app role."""
    for view in facts.catalog.views:
        users = may(view.owner, view.grants, view.altered, facts, "INSERT", "UPDATE")
        if users and not view.security_invoker and table.qname in view.depends_on:
            yield f"{', '.join(users)} may write through {facts.show(view.qname)}"
    for function in facts.catalog.functions:
        runs = function.returns == "trigger" or users_of(function.owner, function.grants, facts, ("EXECUTE",))
        if function.security_definer and runs and table.qname in (function.touches or (table.qname,)):
            name = f"{facts.show(function.qname)}({function.arguments})"
            try:
                if any(_writes(n, table.name) for n in syntax.walk(*body_of(function).statements)):
                    yield f"{name} writes it as {function.owner}"
            except Unreadable:
                yield f"{name} may write it as {function.owner}, for it cannot be read"


def _writes(node: syntax.Node, name: str) -> bool:
    if isinstance(node, syntax.Unknown) and node.kind == "MergeStmt":
        return any(isinstance(n, syntax.Table) and n.name == name for n in syntax.walk(node))
    return isinstance(node, (syntax.Insert, syntax.Update)) and node.table.name == name


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
