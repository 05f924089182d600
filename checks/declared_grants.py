"""BYP: the privileges that the contract declares."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import contract, listed
from validate_schema.pack.sql import quote_qname, quote_role

from ._grants import NO_LOCK, TABLE_PRIVILEGES, Privilege, given_to, granted_line, revoke


class TableExpectedGrant(NamedTuple):
    """The privileges that the contract declares for one role on a table."""

    table: cat.Table
    expected: contract.ExpectedGrant

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("privilege", self.table.qname, self.expected.role)


def expected_grants(facts: Facts) -> Iterator[TableExpectedGrant]:
    """Grants in the contract, on tables that exist (TBL001 reports the others)."""
    for qname, declared in facts.expected_tables.items():
        table = facts.tables_by_name.get(qname)
        if table is not None:
            yield from (TableExpectedGrant(table, expected) for expected in declared.grants)


@check(
    "BYP012",
    "Privileges differ from the declared ones",
    subjects=expected_grants,
    severity=Severity.WARNING,
    needs="contract",
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
def expected_grant(subject: TableExpectedGrant, facts: Facts) -> Flaw | None:
    """A role holds more or fewer privileges on a table than the contract declares.

    Examined: privileges in the contract, table by role. Compared is what the role can use: granted to
    it, to a role it is a member of, to PUBLIC, or held as owner. A privilege on single columns is more
    than declared where the table's is not declared, and not enough where it is.
    """
    table, expected = subject.table, subject.expected
    role = "PUBLIC" if expected.role.upper() == "PUBLIC" else expected.role
    name = facts.show(table.qname)
    wanted = _wanted(expected, facts)
    given = [(g, p) for g, p in given_to(table, _grantees(role, facts))]
    missing = [w for w in wanted if Privilege(w) not in {p for _, p in given}]
    extra = [(g, p) for g, p in given if p.word not in wanted]
    if not missing and not extra:
        return None
    more = f"{listed(sorted({p.word for _, p in extra}))} is more than declared" if extra else ""
    fewer = f"{listed(missing)} is missing" if missing else ""
    return Flaw(
        message=f"Privileges of {role} on {name}: {'; '.join(filter(None, (more, fewer)))}",
        expected=", ".join(sorted(wanted)) or "no privilege",
        observed=granted_line(given) or "no privilege",
        remedy=_regrant(table, role, missing, extra, facts),
    )


def _wanted(expected: contract.ExpectedGrant, facts: Facts) -> tuple[str, ...]:
    words = {p.upper() for p in expected.privileges}
    if words & {"ALL", "ALL PRIVILEGES"}:
        newer = ("MAINTAIN",) if facts.catalog.server.version_num >= 170000 else ()
        return (*TABLE_PRIVILEGES, *newer)
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
    steps = list(revoke(table, revocable))
    if missing:
        words = ", ".join(missing)
        grant = f"GRANT {words} ON TABLE {quote_qname(table.qname)} TO {quote_role(role)};"
        steps.insert(0, Step(grant))
    notes = []
    if len(revocable) < len(extra):
        notes.append(
            f"What {table.owner} holds as owner can only be taken by giving the table another owner."
        )
    shared = sorted({g for g, _ in revocable} - {role})
    if shared:
        notes.append(f"Others lose what is revoked from {', '.join(shared)} as well.")
    return Remedy(steps=tuple(steps), note=" ".join(notes), lock=NO_LOCK)
