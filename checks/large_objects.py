"""BYP: large objects, which lie beside all tables and know no tenant."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import OWNED, listed
from validate_schema.pack.model import catalog as cat

from ._access import users_of


class Stored(NamedTuple):
    """Large objects of one owner with the same privileges."""

    stored: cat.LargeObjects

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("large objects", name=self.stored.owner)


def pointers(facts: Facts) -> Iterator[cat.Table | Stored]:
    """Tables of the tenants, and the large objects that there are."""
    yield from facts.of_class(*OWNED)
    yield from map(Stored, facts.catalog.large_objects)


@check(
    "BYP021",
    "Large objects are open to every tenant",
    subjects=pointers,
    severity=Severity.WARNING,
    explains=("beside",),
    remediable=False,
    why="A large object has no tenant and no policy: every session of the app role reads and changes those that the app made, by their numbers.",
    bad="""
        create table file (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            content oid not null
        );
        grant select, insert on file to app_user;
    """,
    good="""
        create table file (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            content bytea not null
        );
        grant select, insert on file to app_user;
    """,
)
def large_objects(subject: cat.Table | Stored, facts: Facts) -> Flaw | None:
    """A tenants' table may point at large objects, or an app role may use some that there are.

    Examined: root, tenant and inherited tables with columns of type oid, or a domain over it; and the large objects
    of a live database that an app role owns or was granted. Undecided, as an oid may number something else, and
    nobody knows from outside whose a large object is: what a session may do with it hangs on who owns it, the role
    of all tenants.
    Source: PostgreSQL documentation, "Large Objects", lo_compat_privileges; GRANT ON LARGE OBJECT.
    """
    if isinstance(subject, Stored):
        return _stored(subject.stored, facts)
    columns = [column for column in subject.columns if column.base_type in ("oid", "oid[]")]
    if not columns:
        return None
    name = f"{facts.show(subject.qname)}.{listed([column.name for column in columns])}"
    return Flaw(
        message=f"{name} holds an oid: where it numbers large objects, no policy guards what they hold",
        expected="what belongs to a tenant in a column of its row (bytea, text)",
        observed=", ".join(dict.fromkeys(column.type for column in columns)),
        undecided=True,
        remedy=Remedy(
            note="Keep the content in a bytea column, or outside the database under a key of the row; or accept it with a "
            "reason where the column numbers something else."
        ),
    )


def _stored(stored: cat.LargeObjects, facts: Facts) -> Flaw | None:
    users = users_of(stored.owner, stored.grants, facts, ("SELECT", "UPDATE"))
    if not users:
        return None
    return Flaw(
        message=f"{', '.join(users)} may use large objects of {stored.owner}, whichever tenant's they are",
        expected="no large objects that an app role may use",
        observed=f"owner {stored.owner}",
        undecided=True,
        remedy=Remedy(
            note="Move what belongs to a tenant into a column of its row, and remove the large objects."
        ),
    )
