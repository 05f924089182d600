"""What the IDX checks say of an index, and how a missing one is made."""

from validate_schema.pack import Facts, Remedy
from validate_schema.pack.model import catalog
from validate_schema.pack.remedies import new_index
from validate_schema.pack.subjects import keys_of

from ._expected import missing_columns


def words(index: catalog.Index) -> str:
    """Return an index as people would write it: ``INDEX (a, b) WHERE …``."""
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    where = f" WHERE {index.predicate}" if index.predicate else ""
    return f"{kind} ({', '.join(keys_of(index))}){where}"


def nearest(table: catalog.Table, columns: set[str]) -> str:
    """Return the indexes that hold one of these columns, in words."""
    near = [i for i in table.indexes if not columns.isdisjoint(i.columns)]
    invalid = {i.name for i in near if not i.valid}
    listed = "; ".join(f"{i.name}: {words(i)}{', invalid' if i.name in invalid else ''}" for i in near)
    return listed or "no index holds it"


def build(table: catalog.Table, columns: tuple[str, ...], facts: Facts) -> Remedy:
    """Return the remedy that makes a plain index on `columns`."""
    missing = missing_columns(table, columns)
    if missing:
        return Remedy(note=f"The table has no {missing}: add it first.")
    if table.kind == "partitioned":
        return Remedy(
            steps=(new_index(table, columns, facts),),
            note="On large partitions, build the index ON ONLY the parent, then on each partition "
            "CONCURRENTLY, and attach these to it.",
            lock="SHARE on every partition while the index is built: writes wait",
        )
    return Remedy(
        steps=(new_index(table, columns, facts),), lock="SHARE UPDATE EXCLUSIVE: reads and writes go on"
    )
