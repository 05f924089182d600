"""HAZ: pending migrations against the target's rows, and against the version of the application before them."""

from validate_schema.pack import Facts, Flaw, Remedy, Severity, Unexamined, check
from validate_schema.pack.model import deploy as dep
from validate_schema.pack.model import listed

from ._hazards import Gone, Raised, gone, lost, size, unfit
from ._migration import Sound, place
from .hazards import example

_LOSES = {
    "rows": "drops {table}, which holds rows",
    "truncate": "empties {table}, which holds rows",
    "values": "drops {columns}, which holds values",
    "altered": "changes values of {columns} by their new type ({detail})",
}
_BREAKS = {
    "null": "makes {columns} NOT NULL, and there are NULLs",
    "new column": "adds {columns} NOT NULL without a default, and the table has rows",
    "duplicate": "makes {columns} unique ({detail}), and there are duplicates",
    "orphan": "adds a foreign key on {columns} ({detail}), and some rows refer to nothing",
    "check": "adds {detail} to {table}, and some rows do not meet it",
    "unfit": "gives {columns} another type ({detail}), and some values do not fit it",
    "bound": "makes {table} a partition ({detail}), and some rows are outside of its bound",
    "sibling": "makes a partition ({detail}), and some rows of {table} belong there",
}


def _words(asked: dep.Asked, words: str, facts: Facts) -> str:
    table = facts.show(asked.table)
    columns = listed([f"{table}.{column}" for column in asked.columns])
    return words.format(table=table, columns=columns, detail=asked.detail)


@check(
    "HAZ006",
    "A pending migration loses rows or values",
    subjects=lost,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="What is dropped is gone, and a rollback of the release does not bring it back.",
    bad=example("alter table note drop column body;"),
    good=example("alter table note add column title text;"),
)
def data_loss(subject: Raised | Sound, facts: Facts) -> Flaw | Unexamined | None:
    """A pending file drops or empties what holds something on the target, or changes values by a new type.

    Examined: tables and columns of the target that pending files drop, empty (TRUNCATE, DELETE without a condition or with
    one that is always true, also in a DO block) or give another type; each is asked of
    the target, read only, within data.statement_timeout_ms. Fails where a row or value is there to be lost, or where a value
    does not come back the same from the new type. A USING that computes, and types of your own, are told as info.
    """
    if isinstance(subject, Sound):
        return None
    asked = subject.asked
    if asked.found is False:
        return None
    said = _words(asked, _LOSES[asked.detail if asked.detail == "truncate" else asked.question], facts)
    if asked.found is None and not asked.moot:
        return Unexamined(f"{asked.file}: {asked.reason}")
    return Flaw(
        message=f"{asked.file} {said}: {size(facts, asked.table)}"
        if asked.found
        else f"{asked.file} may lose values: {said.replace('which holds values', asked.reason)}",
        expected="nothing that somebody may still want is dropped",
        observed=asked.reason or said,
        severity=None if asked.found else Severity.INFO,
        remedy=Remedy(
            note="Take a backup first. Better: stop using it in one release, drop it in a later one, and keep a copy of what was in it."
        ),
        location=place(facts, asked.file),
    )


@check(
    "HAZ007",
    "Rows of the target stop a pending migration",
    subjects=unfit,
    severity=Severity.ERROR,
    remediable=False,
    needs="dry run",
    why="It runs on every empty database, and fails in the deploy.",
    bad=example("alter table note add column size integer not null;"),
    good=example("alter table note add column size integer not null default 0;"),
)
def rows_in_the_way(subject: Raised | Sound, facts: Facts) -> Flaw | Unexamined | None:
    """A pending file demands something of rows that the target's rows do not meet.

    Examined: NOT NULL, unique keys, foreign keys and new types that pending files give to columns of the target, the bounds
    of tables that become partitions, and those of new ones beside a default partition; each is
    asked of the target, read only, within data.statement_timeout_ms. Fails where a row does not meet it. Told as info where
    only the deploy can tell: a statement before it changes the rows, or the question is an expression of the migration,
    which is never run on the target: a CHECK, also of a domain, an exclusion, a partial unique, a bound by a hash.
    """
    if isinstance(subject, Sound):
        return None
    asked = subject.asked
    if asked.found is False:
        return None
    said = _words(asked, _BREAKS[asked.detail if asked.detail == "new column" else asked.question], facts)
    if asked.found is None:
        if not asked.moot:
            return Unexamined(f"{asked.file}: {asked.reason}")
        said = f"{said.partition(', and')[0]}; whether the rows bear it is not known: {asked.reason}"
    return Flaw(
        message=f"{asked.file} {said}",
        expected="the rows that are there meet what the migration demands",
        observed=asked.reason or said,
        severity=None if asked.found else Severity.INFO,
        remedy=Remedy(
            note="Mend the rows in a migration before it; a new column: add it with a default, or without NOT NULL, and fill it first."
        ),
        location=place(facts, asked.file),
    )


_HOW = {
    "dropped": "{what} is dropped, and the version before still uses it",
    "renamed": "{what} is called {now} from then on, and the version before knows the old name alone",
    "required": "{what} has to be given with every row, and the version before does not",
    "detached": "the rows of {what} are no longer rows of {now}, where the version before finds them",
    "unkeyed": "{what} is gone: an ON CONFLICT ({now}) of the version before, if it has one, fails from then on",
}


@check(
    "HAZ008",
    "A pending migration breaks the version before",
    subjects=gone,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="Between the migration and the last restart two versions run at once, and a rollback runs the old one on the new schema.",
    bad=example("alter table note rename column body to text;"),
    good=example("alter table note add column text text;"),
)
def backward(subject: Gone | Sound, facts: Facts) -> Flaw | None:
    """A pending file takes away a name that the application before it may use, or demands more of its INSERTs.

    Examined: tables, columns, views, functions, sequences, types, values of enums and schemas of the target that are gone
    under their name after a pending file, partitions that leave their table, columns that become NOT NULL without a
    default, and, as info, unique keys that ON CONFLICT can no longer name. A view that stands in for a renamed table
    counts as the table. Not covered: what the application in fact uses, and meanings that change under one name.
    """
    if isinstance(subject, Sound):
        return None
    taken = subject.taken
    what = f"{taken.object.kind} {taken.object.label(facts.default_schema)}"
    return Flaw(
        message=f"{taken.file}: {_HOW[taken.how].format(what=what, now=taken.now)}",
        expected="what the version before uses stays until it is gone",
        observed=f"{what}: {taken.how}",
        severity=Severity.INFO if taken.how == "unkeyed" else None,
        remedy=Remedy(
            note="In three releases: add the new beside the old; have the application use the new alone; drop the old."
        ),
        location=place(facts, taken.file),
    )
