"""How a broken index is made whole."""

import re

from validate_schema.pack import Facts, Remedy, Step
from validate_schema.pack.model import catalog
from validate_schema.pack.remedies import drop_index, free_name, index_like, rebuild_index
from validate_schema.pack.sql import quote_ident, quote_qname

_ONLINE = "SHARE UPDATE EXCLUSIVE: reads and writes go on"


def rebuild(table: catalog.Table, index: catalog.Index, facts: Facts) -> Remedy:
    """Return the remedy for an invalid index; on a partitioned table it is made anew."""
    if table.kind == "partitioned":
        return _make_anew(table, index, facts)
    if re.search(r"_cc(new|old)\d*$", index.name):
        return Remedy(
            steps=(drop_index(table, index.name),),
            note="It is what an interrupted REINDEX CONCURRENTLY left behind.",
            lock=_ONLINE,
        )
    note = "Make sure that nobody is building it right now."
    if index.unique:
        note += " Duplicate rows make the rebuild fail again: look for them first."
    return Remedy(steps=(rebuild_index(table, index.name),), note=note, lock=_ONLINE)


def _make_anew(table: catalog.Table, index: catalog.Index, facts: Facts) -> Remedy:
    """Return the remedy on a partitioned table, whose index REINDEX does not make valid."""
    if index.constraint is not None:
        return Remedy(
            note="Add the constraint to every partition that lacks it, and attach its index with "
            "ALTER INDEX … ATTACH PARTITION."
        )
    fresh = free_name(facts, table.schema, index.name, "new")
    made = quote_qname(catalog.QName(table.schema, fresh))
    return Remedy(
        steps=(
            index_like(table, index, fresh),
            drop_index(table, index.name),
            Step(f"ALTER INDEX {made} RENAME TO {quote_ident(index.name)};"),
        ),
        note="On large partitions rather build the missing parts CONCURRENTLY, and attach each with "
        "ALTER INDEX … ATTACH PARTITION: the last one makes the index valid.",
        lock="SHARE on every partition while the index is built: writes wait; then ACCESS EXCLUSIVE for a moment",
    )
