"""FLT: what leads from one member of a fleet to another, where the members are databases, and in what these are
not alike beside their schemas."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import first_of, some
from validate_schema.pack.model import fleet as records
from validate_schema.pack.sql import quote_ident

from ._roles import NO_LOCK

_FEW = 3
_CONNECT = "CONNECT"
_TWO = """
        -- database app_a
        revoke connect on database app_a from public;
        create table invoice (id bigint primary key);
        -- database app_b
        revoke connect on database app_b from public;
        create table invoice (id bigint primary key);
"""


class MemberDatabase(NamedTuple):
    """A database of the fleet."""

    facts: records.DatabaseFacts

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("database", name=_name(self.facts))


class ConnectingRole(NamedTuple):
    """A role, and the databases of one server that it may connect to by a grant."""

    role: str
    databases: tuple[str, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("role", name=self.role)


class Server(NamedTuple):
    """A foreign server of the member that is judged."""

    record: cat.Definition

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("foreign server", name=self.record.name)


class Property(NamedTuple):
    """Something that databases of one fleet should have in common: what each says, by database."""

    what: str
    values: Mapping[str, str]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("property", name=self.what)


def _databases(facts: Facts) -> tuple[records.DatabaseFacts, ...]:
    """Return the databases of a fleet whose members they are, where they are to be judged."""
    fleet = facts.fleet
    return fleet.databases if fleet and fleet.kind == "database" and fleet.first else ()


def _name(database: records.DatabaseFacts) -> str:
    return database.database or database.server


def member_databases(facts: Facts) -> Iterator[MemberDatabase]:
    """The databases of the fleet."""
    yield from map(MemberDatabase, _databases(facts))


@check(
    "FLT010",
    "Everybody may connect to a member's database",
    subjects=member_databases,
    severity=Severity.WARNING,
    needs="fleet",
    why="A role of one tenant logs in to the database of another; what PUBLIC or a shared role may do there, it may.",
    bad="""
        -- database app_a
        create table invoice (id bigint primary key);
        -- database app_b
        create table invoice (id bigint primary key);
    """,
    good=_TWO,
)
def anybody_connects(subject: MemberDatabase, _: Facts) -> Flaw | None:
    """PUBLIC has CONNECT on the database of a member, which is how databases are made.

    Examined: the privileges on each database. Source: PostgreSQL documentation, "Privileges" (defaults).
    """
    if f" {_CONNECT}" not in subject.facts.acl:
        return None
    shown, name = _name(subject.facts), quote_ident(_database_of(subject.facts))
    return Flaw(
        message=f"Everybody may connect to the database {shown}",
        expected="CONNECT for the roles of this member alone",
        observed="CONNECT for PUBLIC",
        remedy=Remedy(
            steps=(
                Step(
                    f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC;",
                    undo=(Step(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC;", undo=()),),
                ),
            ),
            note="Grant it to the roles of this member first.",
            lock=NO_LOCK,
        ),
    )


def connecting_roles(facts: Facts) -> Iterator[ConnectingRole]:
    """Roles that were given CONNECT, and those that can log in and have the rights of one, server by server."""
    by_server: dict[str, list[records.DatabaseFacts]] = defaultdict(list)
    for database in _databases(facts):
        by_server[database.server.rpartition("/")[0]].append(database)
    own = facts.fleet.member.server.rpartition("/")[0] if facts.fleet else ""
    for server, databases in by_server.items():
        given: dict[str, set[str]] = defaultdict(set)
        for database in databases:
            for role in _given_connect(database):
                given[role].add(_name(database))
        if server == own:
            for known in facts.catalog.roles:
                if known.login and not known.superuser:
                    rights = facts.memberships.rights_of(known.name)
                    held = set().union(*(given[r] for r in rights if r in given))
                    given[known.name] = held
        for role in sorted(given):
            if given[role]:
                yield ConnectingRole(role, tuple(sorted(given[role])))


def _given_connect(database: records.DatabaseFacts) -> Iterator[str]:
    for item in database.acl:
        role, _, privilege = item.rpartition(" ")
        if privilege == _CONNECT and role and role != database.owner:
            yield role


@check(
    "FLT011",
    "Role may connect to the databases of several members",
    subjects=connecting_roles,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="One password opens the databases of several tenants.",
    bad=f"""
        {_TWO.strip()}
        create role app_both login;
        grant connect on database app_a, app_b to app_both;
    """,
    good=f"""
        {_TWO.strip()}
        create role app_b_user login;
        grant connect on database app_b to app_b_user;
    """,
)
def connects_to_several(subject: ConnectingRole, _: Facts) -> Flaw | None:
    """A role has CONNECT on the databases of several members.

    Examined: the roles that CONNECT was granted to, but for each database's owner, and, on the server of the
    reference, the roles that can log in and may become one of these. Superusers may connect anywhere, and are
    left out; what PUBLIC may is told by FLT010.
    """
    if len(subject.databases) < 2:
        return None
    return Flaw(
        message=f"Role {subject.role} may connect to {some(len(subject.databases), 'database')} of the fleet",
        expected="a role for each member",
        observed=first_of(subject.databases, _FEW),
        remedy=Remedy(
            note="Give each member a role of its own; accept those that serve all, with the reason."
        ),
    )


def foreign_servers(facts: Facts) -> Iterator[Server]:
    """The foreign servers of the member."""
    if facts.fleet and facts.fleet.kind == "database":
        yield from (Server(d) for d in facts.catalog.definitions if d.kind == "foreign server")


@check(
    "FLT012",
    "Foreign server leads to another member",
    subjects=foreign_servers,
    severity=Severity.ERROR,
    needs="fleet",
    remediable=False,
    why="Whoever may use the server reads another tenant's database from this one, with the rights of its user mapping.",
    bad=f"""
        {_TWO.strip()}
        create extension postgres_fdw;
        create server other foreign data wrapper postgres_fdw options (dbname 'app_a');
    """,
    good=f"""
        {_TWO.strip()}
        create extension postgres_fdw;
        create server prices foreign data wrapper postgres_fdw options (host 'prices.example', dbname 'prices');
    """,
)
def leads_to_member(subject: Server, facts: Facts) -> Flaw | None:
    """A foreign server's database is called like another member's.

    Examined: the options of foreign servers of the member, those of dblink too. Fails when ``dbname`` is the
    name of another database of the fleet, whatever the host, for one server has several names. Undecided when
    it is the member's own name, other members are called so too, and a host is named: it may be theirs. Not
    seen: what a function passes to dblink as a text. Source: PostgreSQL documentation, postgres_fdw, dblink.
    """
    fleet, options = facts.fleet, dict(subject.record.details).get("options", "")
    if fleet is None:
        return None
    elsewhere = {_database_of(d) for d in fleet.databases if d.server != fleet.member.server}
    led = sorted(name for name in elsewhere if f"dbname={name}" in options.split(", "))
    unsure = led == [facts.catalog.server.database]
    if not led or (
        unsure and not any(option.startswith(("host=", "hostaddr=")) for option in options.split(", "))
    ):
        return None
    return Flaw(
        message=f"The foreign server {subject.record.name} {'may lead' if unsure else 'leads'} to {first_of(led, _FEW)}",
        expected="no foreign server of a member leads to another one",
        observed=options,
        undecided=unsure,
        remedy=Remedy(note="Drop the server, or bring what both need into a database of its own."),
    )


def _database_of(database: records.DatabaseFacts) -> str:
    return database.server.rpartition("/")[2] or database.database


def properties(facts: Facts) -> Iterator[Property]:
    """What the databases of a fleet should have in common."""
    databases = _databases(facts)
    if len(databases) < 2:
        return
    yield Property("server version", {_name(d): d.version for d in databases})
    yield Property("encoding", {_name(d): d.encoding for d in databases})
    yield Property("collation", {_name(d): d.collation for d in databases})
    yield Property("collation version", {_name(d): d.collation_version for d in databases})
    for extension in sorted({name for d in databases for name, _ in d.extensions}):
        versions = {_name(d): dict(d.extensions).get(extension, "absent") for d in databases}
        yield Property(f"version of the extension {extension}", versions)
    for role, setting in sorted({(r, s.partition("=")[0]) for d in databases for r, s in d.settings}):
        values = {_name(d): _setting(d, role, setting) for d in databases}
        yield Property(f"setting {setting} of the role {role}" if role else f"setting {setting}", values)


def _setting(database: records.DatabaseFacts, role: str, setting: str) -> str:
    found = (s.partition("=") for r, s in database.settings if r == role)
    return next((value for name, _, value in found if name == setting), "not set")


@check(
    "FLT013",
    "Databases of a fleet differ beside their schemas",
    subjects=properties,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="What sorts, compares, or guards rows in one tenant's database does otherwise in another's, under the same schema.",
    bad=f"""
        {_TWO.strip()}
        alter database app_b set row_security = off;
    """,
    good=_TWO,
)
def not_alike(subject: Property, _: Facts) -> Flaw | None:
    """Databases of one fleet differ in version, encoding, collation, extensions, or settings.

    Examined: the server's version, encoding, collation and its recorded version, versions of extensions, and
    what ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET say. Told is what the fewest have.
    """
    counted = Counter(subject.values.values())
    if len(counted) < 2:
        return None
    usual = max(counted, key=lambda value: (counted[value], value))
    apart = [name for name, value in sorted(subject.values.items()) if value != usual]
    said = [f"{subject.values[name] or 'none'} in {name}" for name in apart]
    return Flaw(
        message=f"{subject.what[:1].upper()}{subject.what[1:]} is not the same in {some(len(apart), 'database')}",
        expected=f"{usual or 'none'}, as in {some(counted[usual], 'database')}",
        observed=first_of(said, _FEW),
        remedy=Remedy(note="Bring the databases into line, or accept the difference with its reason."),
    )
