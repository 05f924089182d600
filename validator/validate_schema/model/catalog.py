"""The catalog of one database as an immutable snapshot.

`relations` holds the records of tables and views, `objects` those of everything else. Objects owned by
extensions stand apart; system schemas and temporary objects are left out.
"""

from .objects import Aggregate as Aggregate
from .objects import Cast as Cast
from .objects import Collation as Collation
from .objects import Comment as Comment
from .objects import Composite as Composite
from .objects import Database as Database
from .objects import DefaultPrivileges as DefaultPrivileges
from .objects import Definition as Definition
from .objects import Domain as Domain
from .objects import Enum as Enum
from .objects import EventTrigger as EventTrigger
from .objects import Extension as Extension
from .objects import Function as Function
from .objects import Language as Language
from .objects import LargeObjects as LargeObjects
from .objects import Membership as Membership
from .objects import Operator as Operator
from .objects import Publication as Publication
from .objects import Published as Published
from .objects import Role as Role
from .objects import Schema as Schema
from .objects import Sequence as Sequence
from .objects import SystemPrivileges as SystemPrivileges
from .relations import Action as Action
from .relations import Column as Column
from .relations import Constraint as Constraint
from .relations import ConstraintKind as ConstraintKind
from .relations import Details as Details
from .relations import Enabled as Enabled
from .relations import Grant as Grant
from .relations import Index as Index
from .relations import Match as Match
from .relations import Policy as Policy
from .relations import QName as QName
from .relations import Record as Record
from .relations import Routine as Routine
from .relations import Rule as Rule
from .relations import Table as Table
from .relations import Trigger as Trigger
from .relations import View as View

POSTGRESQL = "PostgreSQL"
FORMAT = 2
# What each edition of the snapshot format added to the one before.
_ADDED = {
    2: "rules, conditions and columns of triggers, attributes of functions, CHECK OPTION, indexes of"
    " materialized views, storage, options of sequences and publications, composite types, operators,"
    " casts, languages, collations, text search, foreign data, statistics, comments, privileges on types,"
    " the database's own properties, objects of extensions"
}


class ConnectedRole(Record, frozen=True):
    """The role that read the catalog; in a snapshot, the one that took it."""

    name: str
    superuser: bool = False
    bypassrls: bool = False


class Server(Record, frozen=True):
    """Where the catalog was read. `version_num` is PostgreSQL's integer (180006), 0 for another `product`."""

    version: str
    version_num: int
    database: str
    role: ConnectedRole
    default_schema: str = "public"
    product: str = POSTGRESQL


class Unreadable(Record, frozen=True):
    """Something that could not be read, and the grant that would allow it. `object` is the relation or
    function of which alone that is so; None where it is so of all."""

    what: str
    reason: str
    object: QName | None = None


class Catalog(Record, frozen=True):
    """Everything the checks may know about a database. Every list is sorted by name.

    `format` is the edition of the snapshot format that it was read for: what a later one added was not
    looked for. What belongs to extensions stands in lists of its own; of their functions, those that
    have a body or the rights of their owner.
    """

    server: Server
    schemas: tuple[Schema, ...] = ()
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    enums: tuple[Enum, ...] = ()
    domains: tuple[Domain, ...] = ()
    functions: tuple[Function, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    extensions: tuple[Extension, ...] = ()
    roles: tuple[Role, ...] = ()
    event_triggers: tuple[EventTrigger, ...] = ()
    publications: tuple[Publication, ...] = ()
    default_privileges: tuple[DefaultPrivileges, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    database: Database | None = None
    operators: tuple[Operator, ...] = ()
    casts: tuple[Cast, ...] = ()
    languages: tuple[Language, ...] = ()
    composites: tuple[Composite, ...] = ()
    definitions: tuple[Definition, ...] = ()
    system_privileges: tuple[SystemPrivileges, ...] = ()
    comments: tuple[Comment, ...] = ()
    collations: tuple[Collation, ...] = ()
    large_objects: tuple[LargeObjects, ...] = ()
    extension_tables: tuple[Table, ...] = ()
    extension_views: tuple[View, ...] = ()
    extension_functions: tuple[Function, ...] = ()
    format: int = FORMAT

    @property
    def unasked(self) -> str:
        """What was not looked for because the snapshot is older, in words; empty where nothing was left."""
        return ", ".join(words for edition, words in _ADDED.items() if edition > self.format)
