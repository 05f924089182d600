"""BYP: what the sessions of an app role start with, and what of the server's own it may use."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import allowed_by, newly_allowed
from validate_schema.pack.sql import quote_ident, quote_qname, quote_role

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


def server_objects(facts: Facts) -> Iterator[ServerObject]:
    """What of the server's own leads past the policies and was granted to somebody; none without app roles."""
    if facts.app_roles:
        yield from (ServerObject(held) for held in facts.catalog.system_privileges if allowed_by(held))


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
def server_grants(subject: ServerObject, facts: Facts) -> Flaw | None:
    """An app role, or PUBLIC, was granted what the server keeps to itself.

    Examined: functions that read or write files of the server or connect as its own user, and catalogs
    with hashes of passwords or samples of rows, and settings that switch guards off or run programs (GRANT … ON
    PARAMETER, PostgreSQL 15), on which somebody was granted a privilege. Fails where an app role
    holds it, itself, through others or through PUBLIC.
    Source: PostgreSQL documentation, "System Administration Functions", "System Catalogs".
    """
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
