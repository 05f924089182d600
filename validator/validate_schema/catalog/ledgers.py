"""Migration tools' own book-keeping tables, recognised by name and shape together.

Sources: each tool's own definition of its table (Prisma, Alembic, Django, Flyway, Liquibase,
golang-migrate, dbmate, Rails, Ecto, Supabase, goose, Drizzle, Knex, node-pg-migrate, sqlx, refinery,
Atlas, TypeORM, Sequelize, Sqitch, yoyo). A user's table that merely has such a name is not one.
"""

from typing import NamedTuple

from ..model.catalog import Catalog, QName, Table


class _Shape(NamedTuple):
    """Columns that a ledger must have, and those that it may have besides."""

    tool: str
    required: frozenset[str]
    optional: frozenset[str] = frozenset()


def _shape(tool: str, required: str, optional: str = "") -> _Shape:
    return _Shape(tool, frozenset(required.split()), frozenset(optional.split()))


_VERSIONS = (
    _shape("golang-migrate", "version dirty"),
    _shape("Ecto", "version inserted_at"),
    _shape("Supabase", "version statements", "name created_by idempotency_key rollback"),
    _shape("Rails or dbmate", "version"),
    _shape("a migration tool", "version applied_at", "name checksum"),
)
_TYPEORM = _shape("TypeORM", "id timestamp name")
_SHAPES: dict[str, tuple[_Shape, ...]] = {
    "_prisma_migrations": (
        _shape(
            "Prisma",
            "id checksum migration_name finished_at rolled_back_at started_at applied_steps_count",
            "logs",
        ),
    ),
    "alembic_version": (_shape("Alembic", "version_num"),),
    "django_migrations": (_shape("Django", "id app name applied"),),
    "flyway_schema_history": (
        _shape(
            "Flyway",
            "installed_rank version description type script checksum installed_on success",
            "installed_by execution_time",
        ),
    ),
    "schema_version": (
        _shape(
            "Flyway",
            "installed_rank version description type script checksum installed_on success",
            "installed_by execution_time version_rank",
        ),
    ),
    "databasechangelog": (
        _shape(
            "Liquibase",
            "id author filename dateexecuted orderexecuted exectype",
            "md5sum description comments tag liquibase contexts labels deployment_id",
        ),
    ),
    "databasechangeloglock": (_shape("Liquibase", "id locked lockgranted lockedby"),),
    "unfinished_migration": (_shape("validate-schema", "version name started_at checksum"),),
    "schema_migrations": _VERSIONS,
    "schema_migration": _VERSIONS,
    "ar_internal_metadata": (_shape("Rails", "key value created_at updated_at"),),
    "seed_files": (_shape("Supabase", "path hash"),),
    "goose_db_version": (_shape("goose", "id version_id is_applied", "tstamp"),),
    "__drizzle_migrations": (_shape("Drizzle", "id hash created_at", "name applied_at"),),
    "knex_migrations": (_shape("Knex", "id name batch migration_time"),),
    "knex_migrations_lock": (_shape("Knex", "index is_locked"),),
    "pgmigrations": (_shape("node-pg-migrate", "id name run_on"),),
    "_sqlx_migrations": (
        _shape("sqlx", "version description installed_on success checksum", "execution_time"),
    ),
    "refinery_schema_history": (_shape("refinery", "version name applied_on checksum"),),
    "atlas_schema_revisions": (
        _shape(
            "Atlas",
            "version description applied total executed_at execution_time",
            "type error error_stmt hash partial_hashes operator_version",
        ),
    ),
    "migrations": (
        _TYPEORM,
        _shape("Laravel", "id migration batch"),
        _shape("a migration tool", "id name hash executed_at"),
        _shape("db-migrate", "id name run_on"),
    ),
    "SequelizeMeta": (_shape("Sequelize", "name", "createdAt updatedAt"),),
    "applied_migrations": (
        _shape("a migration tool", "name applied_at", "id checksum version"),
        _shape("a migration tool", "version applied_at", "id checksum name"),
    ),
    "_yoyo_migration": (_shape("yoyo", "migration_hash migration_id applied_at_utc"),),
    "_yoyo_log": (
        _shape(
            "yoyo", "id migration_hash migration_id operation", "username hostname comment created_at_utc"
        ),
    ),
    "_yoyo_version": (_shape("yoyo", "version installed_at_utc"),),
    "yoyo_lock": (_shape("yoyo", "locked ctime pid"),),
}
_SQITCH = {
    "releases": "version installed_at installer_name",
    "projects": "project uri created_at creator_name",
    "changes": "change_id change project note committed_at",
    "tags": "tag_id tag project change_id note",
    "dependencies": "change_id type dependency dependency_id",
    "events": "event change_id change project note",
}


def partition_templates(catalog: Catalog) -> dict[QName, str]:
    """Return the tables that hold no rows but lend their indexes to new partitions, with their tool.

    Known by name and columns together: ``template_<schema>_<table>`` beside the partitioned table, most
    of its columns there too; they drift apart, as changes of the table never reach its template.
    Source: pg_partman's documentation, "Template Tables".
    """
    parted = {f"template_{t.schema}_{t.name}": t for t in catalog.tables if t.kind == "partitioned"}
    named = [t for t in catalog.tables if t.name in parted] if parted else []
    return {t.qname: "pg_partman" for t in named if _mostly(t, parted[t.name])}


def _mostly(table: Table, other: Table) -> bool:
    shared = {c.name for c in table.columns} & {c.name for c in other.columns}
    return 2 * len(shared) > len(table.columns)


def ledger_tool(table: Table) -> str | None:
    """Return the tool whose book-keeping `table` is, or None for a table of the user's."""
    if table.schema == "sqitch" and table.name in _SQITCH:
        return "Sqitch" if set(_SQITCH[table.name].split()) <= {c.name for c in table.columns} else None
    shapes = _SHAPES.get(table.name)
    if shapes is None:
        return None
    columns = {column.name for column in table.columns}
    if any(c.kind == "foreign key" for c in table.constraints):
        return None
    for shape in shapes:
        if shape.required <= columns <= shape.required | shape.optional:
            return shape.tool
    return None
