"""BYP: privileges that lead around row-level security, and those that were declared."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from validate_schema.api import (
    Facts,
    Flaw,
    ObjectRef,
    Remedy,
    Severity,
    TableRole,
    Verdict,
    check,
    contract,
    quote_ident,
    quote_qname,
    quote_role,
    tenant_tables,
    tenant_tables_by_app_role,
)
from validate_schema.api import catalog as cat

_UNFILTERED = ("REFERENCES", "TRIGGER", "TRUNCATE")
_ROW_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
_TABLE_PRIVILEGES = (*_ROW_PRIVILEGES, *_UNFILTERED)
_NO_LOCK = "none on rows: only privileges change"


class Privilege(NamedTuple):
    """A privilege on a table, or on one column of it."""

    word: str
    column: str | None = None

    @property
    def text(self) -> str:
        return self.word if self.column is None else f"{self.word} ({quote_ident(self.column)})"


class SchemaRole(NamedTuple):
    """A schema as one role, or PUBLIC, meets it."""

    schema: cat.Schema
    role: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("schema", self.schema.name, name=self.role)


class DefaultAcl(NamedTuple):
    """The default privileges for tables that one role will create."""

    default: cat.DefaultPrivileges

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("default privileges", self.default.schema or "", name=self.default.role)


class TableExpectedGrant(NamedTuple):
    """The privileges that the contract declares for one role on a table."""

    table: cat.Table
    expected: contract.ExpectedGrant

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("privilege", self.table.qname, self.expected.role)


def schemas_by_app_role(facts: Facts) -> Iterator[SchemaRole]:
    """Schemas on a search path × the app roles that have it, and PUBLIC."""
    paths = {role: _search_path(role, facts) for role in facts.app_roles}
    searched = frozenset[str]().union(*paths.values()) or frozenset({"public", facts.default_schema})
    for schema in facts.catalog.schemas:
        if schema.name in searched:
            yield SchemaRole(schema, "PUBLIC")
            yield from (SchemaRole(schema, role) for role in paths if schema.name in paths[role])


def default_table_privileges(facts: Facts) -> Iterator[DefaultAcl]:
    """ALTER DEFAULT PRIVILEGES settings that concern tables."""
    return (DefaultAcl(d) for d in facts.catalog.default_privileges if d.object_type == "tables")


def expected_grants(facts: Facts) -> Iterator[TableExpectedGrant]:
    """Grants in the contract, on tables that exist (TBL001 reports the others)."""
    for qname, declared in facts.expected_tables.items():
        table = facts.tables_by_name.get(qname)
        if table is not None:
            yield from (TableExpectedGrant(table, expected) for expected in declared.grants)


@check(
    "BYP007",
    "Privileges that row security does not filter",
    subjects=tenant_tables_by_app_role,
    severity=Severity.WARNING,
    why="Policies do not apply to TRUNCATE, which empties the table for all tenants, nor to foreign keys (REFERENCES), which "
    "reveal what exists; a TRIGGER runs the app's code on every tenant's rows.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create role writers;
        grant writers to app_user;
        grant all on invoice to writers;
        grant references (id) on invoice to app_user;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        grant select, insert, update, delete on invoice to app_user;
    """,
)
def truncate(subject: TableRole, facts: Facts) -> Verdict:
    """An app role holds TRUNCATE, REFERENCES or TRIGGER on a tenant table.

    Examined: tenant tables × app roles, with what the role holds itself or through roles it is a
    member of; REFERENCES on single columns counts. What it holds as owner is BYP002's, what PUBLIC
    holds is BYP008's.
    """
    table, role = subject.table, subject.role
    grantees = facts.rights_of(role) - {table.owner}
    given = [(g, p) for g, p in _given(table, grantees) if p.word in _UNFILTERED]
    if not given:
        return None
    words = sorted({p.word for _, p in given})
    sources = sorted({g for g, _ in given} - {role})
    return Flaw(
        message=f"App role {role} holds {_listed(words)} on {facts.show(table.qname)}, which no policy restrains",
        expected="at most SELECT, INSERT, UPDATE and DELETE",
        observed=_granted_line(given),
        remedy=Remedy(
            sql=_revoke(table, given),
            note=f"All members of {', '.join(sources)} lose them with it." if sources else "",
            lock=_NO_LOCK,
        ),
    )


@check(
    "BYP008",
    "Tenant table granted to PUBLIC",
    subjects=tenant_tables,
    severity=Severity.ERROR,
    why="Every role, those of tomorrow included, may use the table; only the policies stand between it and all tenants' rows.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            number text
        );
        grant select, truncate on invoice to public;
        grant update (number) on invoice to public;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            number text
        );
        grant select on invoice to app_user;
    """,
)
def public_grant(table: cat.Table, facts: Facts) -> Verdict:
    """PUBLIC, that is every role, holds a privilege on a tenant table.

    Examined: tenant tables, with the privileges on their columns. The remedy first grants to the app
    roles what they held as part of PUBLIC, so that the app goes on working.
    """
    given = list(_given(table, frozenset({"PUBLIC"})))
    if not given:
        return None
    keep = [
        f"GRANT {_privilege_list(lost)} ON TABLE {quote_qname(table.qname)} TO {quote_ident(role)};"
        for role in facts.app_roles
        if (lost := _lost_with_public(table, role, given, facts))
    ]
    return Flaw(
        message=f"PUBLIC holds {_listed(sorted({p.word for _, p in given}))} on {facts.show(table.qname)}",
        expected="no privilege for PUBLIC",
        observed=_granted_line(given),
        remedy=Remedy(
            sql=(*keep, *_revoke(table, given)),
            note="Other roles that rely on it need a grant of their own first.",
            lock=_NO_LOCK,
        ),
    )


def _lost_with_public(
    table: cat.Table, role: str, given: Iterable[tuple[str, Privilege]], facts: Facts
) -> list[Privilege]:
    own = {p for _, p in _given(table, facts.rights_of(role))}
    return [
        p for _, p in given if p.word in _ROW_PRIVILEGES and p not in own and Privilege(p.word) not in own
    ]


@check(
    "BYP010",
    "CREATE on a searched schema",
    subjects=schemas_by_app_role,
    severity=Severity.WARNING,
    why="Whoever may create in a schema on the search path can put a table or function of their own before the real one.",
    bad="""
        do $$ begin execute format('grant create on schema %I to public, app_user', current_schema()); end $$;
    """,
    good="""
        do $$ begin execute format('revoke create on schema %I from public, app_user', current_schema()); end $$;
    """,
)
def schema_create(subject: SchemaRole, facts: Facts) -> Verdict:
    """An app role, or PUBLIC, may create objects in a schema that is searched for names.

    Examined: schemas on an app role's search path (its own setting, else ``"$user"``, ``public`` and
    the default schema) × that role, and × PUBLIC; without an app role, PUBLIC alone. PUBLIC may create
    in ``public`` by default in databases made before PostgreSQL 15. A path set for the database or by
    the app itself is not known here. Source: PostgreSQL documentation, "The Schema Search Path".
    """
    schema, role = subject.schema, subject.role
    grantees = frozenset({role}) if role == "PUBLIC" else facts.rights_of(role)
    givers = sorted(g.grantee for g in schema.grants if g.grantee in grantees and "CREATE" in g.privileges)
    if not givers:
        return None
    owned = schema.owner in givers
    target = quote_ident(schema.name)
    others = [g for g in givers if g not in (schema.owner, role)]
    note = f"All members of {', '.join(others)} lose it with it." if others else ""
    if owned:
        note = f"{schema.owner} owns the schema: ALTER SCHEMA {target} OWNER TO a role that the app cannot act as."
    return Flaw(
        message=f"{role if role == 'PUBLIC' else f'App role {role}'} may CREATE in schema {schema.name}",
        expected="no CREATE for app roles and PUBLIC",
        observed=f"owner {schema.owner}" if owned else f"CREATE granted to {', '.join(givers)}",
        remedy=Remedy(
            sql=tuple(
                f"REVOKE CREATE ON SCHEMA {target} FROM {quote_role(g)};" for g in givers if g != schema.owner
            ),
            note=note,
            lock=_NO_LOCK,
        ),
    )


def _search_path(role: str, facts: Facts) -> frozenset[str]:
    """Return the schemas that a role's sessions search, as far as the catalog tells."""
    known = facts.roles[role].settings
    setting = next((s.partition("=")[2] for s in known if s.startswith("search_path=")), None)
    if setting is None:
        return frozenset({role, "public", facts.default_schema})
    names = (part.strip() for part in setting.split(","))
    plain = (n[1:-1].replace('""', '"') if n.startswith('"') else n for n in names)
    return frozenset(role if n == "$user" else n for n in plain)


@check(
    "BYP011",
    "Future tables granted to PUBLIC",
    subjects=default_table_privileges,
    severity=Severity.WARNING,
    why="The next migration's table is open to every role before anybody has looked at it.",
    bad="""
        alter default privileges grant select on tables to public;
    """,
    good="""
        alter default privileges grant select on tables to app_user;
    """,
)
def default_privileges(subject: DefaultAcl, _facts: Facts) -> Verdict:
    """Default privileges grant every future table to PUBLIC.

    Examined: ALTER DEFAULT PRIVILEGES settings for tables (views included), one for each creating
    role and schema. Tables that exist keep what they have: BYP008 reports those.
    """
    default = subject.default
    words = sorted({p for g in default.grants if g.grantee == "PUBLIC" for p in g.privileges})
    if not words:
        return None
    where = f" in schema {default.schema}" if default.schema else ""
    scope = f" IN SCHEMA {quote_ident(default.schema)}" if default.schema else ""
    return Flaw(
        message=f"PUBLIC will be granted {', '.join(words)} on every table that {default.role} creates{where}",
        expected="no default privilege on tables for PUBLIC",
        observed=f"{', '.join(words)} to PUBLIC",
        remedy=Remedy(
            sql=(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_ident(default.role)}{scope} "
                f"REVOKE {', '.join(words)} ON TABLES FROM PUBLIC;",
            ),
            note="Tables that exist keep their privileges.",
            lock=_NO_LOCK,
        ),
    )


@check(
    "BYP012",
    "Privileges differ from the declared ones",
    subjects=expected_grants,
    severity=Severity.WARNING,
    why="An append-only table that can be updated keeps no record; a table that the app cannot read is an outage.",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "app.tenant_id"
        app_roles = ["app_user"]

        [contract.tables.audit_log.grants]
        app_user = ["SELECT", "INSERT"]
    """,
    bad="""
        create table audit_log (
            id bigint primary key,
            org_id uuid not null references organization (id),
            note text
        );
        create role writers;
        grant writers to app_user;
        grant insert, update on audit_log to writers;
        grant delete on audit_log to public;
        grant references (note) on audit_log to app_user;
    """,
    good="""
        create table audit_log (
            id bigint primary key,
            org_id uuid not null references organization (id),
            note text
        );
        create role readers;
        grant readers to app_user;
        grant select on audit_log to readers;
        grant insert on audit_log to app_user;
    """,
)
def expected_grant(subject: TableExpectedGrant, facts: Facts) -> Verdict:
    """A role holds more or fewer privileges on a table than the contract declares.

    Examined: privileges in the contract, table by role. Compared is what the role can use: granted to
    it, to a role it is a member of, to PUBLIC, or held as owner. A privilege on single columns is more
    than declared where the table's is not declared, and not enough where it is.
    """
    table, expected = subject.table, subject.expected
    role = "PUBLIC" if expected.role.upper() == "PUBLIC" else expected.role
    name = facts.show(table.qname)
    wanted = _wanted(expected, facts)
    given = [(g, p) for g, p in _given(table, _grantees(role, facts))]
    missing = [w for w in wanted if Privilege(w) not in {p for _, p in given}]
    extra = [(g, p) for g, p in given if p.word not in wanted]
    if not missing and not extra:
        return None
    more = f"{_listed(sorted({p.word for _, p in extra}))} is more than declared" if extra else ""
    fewer = f"{_listed(missing)} is missing" if missing else ""
    return Flaw(
        message=f"Privileges of {role} on {name}: {'; '.join(filter(None, (more, fewer)))}",
        expected=", ".join(sorted(wanted)) or "no privilege",
        observed=_granted_line(given) or "no privilege",
        remedy=_regrant(table, role, missing, extra, facts),
    )


def _wanted(expected: contract.ExpectedGrant, facts: Facts) -> tuple[str, ...]:
    words = {p.upper() for p in expected.privileges}
    if words & {"ALL", "ALL PRIVILEGES"}:
        newer = ("MAINTAIN",) if facts.catalog.server.version_num >= 170000 else ()
        return (*_TABLE_PRIVILEGES, *newer)
    return tuple(sorted(words))


def _grantees(role: str, facts: Facts) -> frozenset[str]:
    return frozenset({"PUBLIC"}) if role == "PUBLIC" else facts.grantees_of(role)


def _regrant(
    table: cat.Table,
    role: str,
    missing: list[str],
    extra: list[tuple[str, Privilege]],
    facts: Facts,
) -> Remedy:
    if role != "PUBLIC" and role not in facts.roles:
        return Remedy(note=f"Role {role} does not exist here: create it, or correct the contract.")
    revocable = [(g, p) for g, p in extra if g != table.owner]
    sql = list(_revoke(table, revocable))
    if missing:
        words = ", ".join(missing)
        sql.insert(0, f"GRANT {words} ON TABLE {quote_qname(table.qname)} TO {quote_role(role)};")
    notes = []
    if len(revocable) < len(extra):
        notes.append(
            f"What {table.owner} holds as owner can only be taken by giving the table another owner."
        )
    shared = sorted({g for g, _ in revocable} - {role})
    if shared:
        notes.append(f"Others lose what is revoked from {', '.join(shared)} as well.")
    return Remedy(sql=tuple(sql), note=" ".join(notes), lock=_NO_LOCK)


def _given(table: cat.Table, grantees: frozenset[str]) -> Iterator[tuple[str, Privilege]]:
    """Yield (grantee, privilege) for what these grantees hold on the table and its columns."""
    for grant in table.grants:
        if grant.grantee in grantees:
            yield from ((grant.grantee, Privilege(word)) for word in grant.privileges)
    for column in table.columns:
        for grant in column.grants:
            if grant.grantee in grantees:
                yield from ((grant.grantee, Privilege(w, column.name)) for w in grant.privileges)


def _by_grantee(given: Iterable[tuple[str, Privilege]]) -> dict[str, list[Privilege]]:
    grouped: dict[str, list[Privilege]] = {}
    for grantee, privilege in given:
        grouped.setdefault(grantee, []).append(privilege)
    return grouped


def _privilege_list(privileges: Iterable[Privilege]) -> str:
    return ", ".join(p.text for p in privileges)


def _granted_line(given: Iterable[tuple[str, Privilege]]) -> str:
    return "; ".join(f"{_privilege_list(held)} to {g}" for g, held in _by_grantee(given).items())


def _revoke(table: cat.Table, given: Iterable[tuple[str, Privilege]]) -> tuple[str, ...]:
    target = quote_qname(table.qname)
    return tuple(
        f"REVOKE {_privilege_list(held)} ON TABLE {target} FROM {quote_role(g)};"
        for g, held in _by_grantee(given).items()
    )


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
