"""Which line of which migration created an object: reports send people there.

Read from the files alone, by parsing. What SQL in strings creates (DO blocks) is not seen.
"""

from collections.abc import Iterator

from ...model.finding import ObjectRef
from ..records import MigrationSet
from .created import Key, Objects, Origin
from .reading import Reading

# What an object's kind in a finding may be here. Indexes and the constraints over them share their names.
_PARTS = {
    "column": ("column",),
    "constraint": ("constraint", "index"),
    "index": ("constraint", "index"),
    "foreign key": ("constraint", "index"),
    "policy": ("policy",),
    "trigger": ("trigger",),
}
_FREE = {"enum": "type", "function": "function"}


class Origins:
    """Where each object was created last, after everything that was dropped and renamed."""

    def __init__(self, objects: Objects | None = None) -> None:
        self._made = (objects or Objects()).made

    def exact(self, ref: ObjectRef) -> Origin | None:
        """Return where the object itself was created."""
        return self._first(_keys(ref))

    def of_table(self, ref: ObjectRef) -> Origin | None:
        """Return where the table that the object belongs to was created."""
        return self._first(_relations(ref)) if ref.table else None

    def _first(self, keys: Iterator[Key]) -> Origin | None:
        return next((made.origin for key in keys if (made := self._made.get(key))), None)


def find_origins(migrations: MigrationSet) -> Origins:
    """Parse the files in their order. A statement that the parser refuses is passed over."""
    reading = Reading(Objects())
    for number, file in enumerate(migrations.files):
        reading.file(number, migrations.label(file.path), file.sql, file.first_line)
    return Origins(reading.objects)


def _keys(ref: ObjectRef) -> Iterator[Key]:
    if ref.table and not ref.name:
        yield from _relations(ref)
    elif ref.kind in _FREE:
        yield Key(_FREE[ref.kind], ref.schema, ref.name.partition("(")[0])
    else:
        yield from (Key(kind, ref.schema, ref.table, ref.name) for kind in _PARTS.get(ref.kind, ()))


def _relations(ref: ObjectRef) -> Iterator[Key]:
    yield from (Key(kind, ref.schema, ref.table) for kind in ("table", "view"))
