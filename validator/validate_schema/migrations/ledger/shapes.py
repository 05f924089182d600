"""Which tool a table belongs to: by its columns and their types, by name only where those are common.

Sources: each tool's own definition of its table, see `readers`.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ...model.history import LedgerEntry
from . import attempts, sets
from .tables import Row, Tracker

_TEXT = ("text", "character varying", "character")
_INTEGER = ("smallint", "integer", "bigint", "numeric")
_KINDS = {
    "t": _TEXT,
    "i": _INTEGER,
    "b": ("boolean",),
    "d": ("timestamp without time zone", "timestamp with time zone", *_TEXT),
    "x": ("bytea", *_TEXT),
    "a": ("text[]", "character varying[]"),
    "?": (),
}


class Shape(NamedTuple):
    """A tracker: its columns with a letter for their kinds, those that it may lack, the names that it
    may have (None: any), the order of its rows, what makes entries of them, and whether they are all."""

    tool: str
    columns: dict[str, str]
    read: Callable[[list[Row]], tuple[LedgerEntry, ...]]
    order: tuple[str, ...]
    optional: Mapping[str, str] = MappingProxyType({})
    names: str | None = None
    complete: bool = True

    def fits(self, tracker: Tracker) -> bool:
        """Return whether `tracker` has these columns, none besides, and such a name."""
        if self.names is not None and not re.search(self.names, tracker.qname.name, re.IGNORECASE):
            return False
        known = {**self.columns, **self.optional}
        if not self.columns.keys() <= tracker.columns.keys() <= known.keys():
            return False
        return all(_is(known[name], type_name) for name, type_name in tracker.columns.items())

    @property
    def wanted(self) -> tuple[str, ...]:
        """All columns that are read where they are there."""
        return (*self.columns, *self.optional)


def _is(kind: str, type_name: str) -> bool:
    return kind == "?" or type_name in _KINDS[kind]


def _columns(text: str) -> dict[str, str]:
    return {name: kind for name, _, kind in (word.partition(":") for word in text.split())}


_MIGRATION = "migration"
SHAPES = (
    Shape(
        "prisma",
        _columns("id:? checksum:t finished_at:d migration_name:t rolled_back_at:d started_at:d"),
        attempts.prisma,
        ("started_at", "finished_at", "id"),
        _columns("logs:t applied_steps_count:i"),
    ),
    Shape(
        "flyway",
        _columns("installed_rank:i version:t description:t type:t script:t checksum:i success:b"),
        attempts.flyway,
        ("installed_rank",),
        _columns("installed_by:t installed_on:d execution_time:i version_rank:i"),
    ),
    Shape(
        "golang-migrate",
        _columns("version:i dirty:b"),
        sets.current,
        ("version",),
        names=None,
        complete=False,
    ),
    Shape(
        "goose",
        _columns("id:i version_id:i is_applied:b"),
        attempts.goose,
        ("id",),
        _columns("tstamp:d"),
    ),
    Shape(
        "pop",
        _columns("version:t"),
        sets.versions,
        ("version",),
        _columns("version_self:i"),
        "^schema_migration$",
    ),
    Shape("dbmate", _columns("version:t"), sets.versions, ("version",), names=_MIGRATION),
    Shape(
        "ecto", _columns("version:i inserted_at:d"), sets.ecto, ("inserted_at", "version"), names=_MIGRATION
    ),
    Shape(
        "supabase",
        _columns("version:t statements:a"),
        sets.supabase,
        ("version",),
        _columns("name:t created_by:t idempotency_key:t rollback:a"),
    ),
    Shape(
        "applied-set",
        _columns("version:? name:t applied_at:d checksum:x"),
        sets.applied_set,
        ("applied_at", "version"),
    ),
    Shape(
        "sqlx",
        _columns("version:i description:t installed_on:d success:b checksum:x"),
        attempts.sqlx,
        ("installed_on", "version"),
        _columns("execution_time:i"),
    ),
    Shape(
        "refinery",
        _columns("version:i name:t applied_on:t checksum:t"),
        sets.refinery,
        ("applied_on", "version"),
    ),
    Shape(
        "atlas",
        _columns("version:t description:t applied:i total:i executed_at:d execution_time:i"),
        attempts.atlas,
        ("executed_at", "version"),
        _columns("type:i error:t error_stmt:t hash:t partial_hashes:? operator_version:t"),
    ),
    Shape(
        "drizzle",
        _columns("id:i hash:t created_at:i"),
        sets.drizzle,
        ("id",),
        _columns("name:t applied_at:d"),
    ),
    Shape("knex", _columns("id:i name:t batch:i migration_time:d"), sets.knex, ("id",)),
    Shape("typeorm", _columns("id:i timestamp:i name:t"), sets.typeorm, ("id",), names=_MIGRATION),
    Shape("node-pg-migrate", _columns("id:i name:t run_on:d"), sets.node, ("run_on", "id"), names=_MIGRATION),
    Shape(
        "sequelize",
        _columns("name:t"),
        sets.names,
        ("name",),
        _columns("createdAt:d updatedAt:d"),
        "sequelize|migration",
    ),
    Shape("alembic", _columns("version_num:t"), sets.heads, ("version_num",)),
    Shape("django", _columns("id:i app:t name:t applied:d"), sets.django, ("id",)),
    Shape(
        "tern", _columns("version:i"), sets.current, ("version",), names="^schema_version$", complete=False
    ),
    Shape(
        "yoyo",
        _columns("migration_hash:t migration_id:t applied_at_utc:d"),
        sets.yoyo,
        ("applied_at_utc", "migration_id"),
    ),
    Shape(
        "liquibase",
        _columns("id:t author:t filename:t dateexecuted:d orderexecuted:i exectype:t"),
        sets.liquibase,
        ("dateexecuted", "orderexecuted"),
        _columns("md5sum:t description:t comments:t tag:t liquibase:t contexts:t labels:t deployment_id:t"),
    ),
)


def shape_of(tracker: Tracker) -> Shape | None:
    """Return the first shape that `tracker` fits, or None for a table of the user's."""
    return next((shape for shape in SHAPES if shape.fits(tracker)), None)
