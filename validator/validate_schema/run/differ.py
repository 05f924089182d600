"""What differs between two sides: catalogs object by object, else what both declare."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from ..contract.diff.catalogs import compare, count_objects
from ..contract.diff.contracts import Declared, compare_contracts, count_compared, undeclared_tables
from ..contract.diff.homes import only_schema
from ..contract.observed import observed_contract
from ..facts.facts import NotExamined
from ..facts.unread import emptied, lists_of, reason_of, withheld
from ..migrations.run.drift import certain_changes
from ..model.catalog import Catalog, QName, Unreadable
from ..model.difference import WORDS, Change, Difference, chosen
from ..model.errors import ReadError, UsageError
from ..model.wording import did_you_mean, form, some
from .sides import Side

_LISTED = 10
_NEVER = frozenset({"roles", "database", "large_objects"})  # of a catalog: what is not compared
_NOT_DECLARED = (
    "a contract does not speak of how views are defined and whether row-level security is on, nor of checks,"
    " triggers, rules, functions, sequences and extensions unless it lists them: they were not compared"
)
_ONE_SCHEMA = "one schema of each side was compared: not what stands in another, or in none"
_NOT_REPLAYED = (
    "the migrations ran on a scratch server: owners, storage options, most privileges, tables that record"
    " migrations, and what the other side alone has of extensions, publications, event triggers, partitions"
    " and schemas were not compared"
)


def kinds_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of objects that are named, by comma or one each. Raises `UsageError` for an unknown
    one."""
    words = [word.strip() for part in given for word in part.split(",") if word.strip()]
    for word in words:
        if word not in WORDS:
            hint = did_you_mean(word, WORDS)
            raise UsageError(f'unknown kind "{word}"{hint}; known are {", ".join(WORDS)}')
    return tuple(words)


def differ(
    before: Side,
    after: Side,
    *,
    only: Sequence[str] = (),
    ignored: Sequence[str] = (),
    closed: bool = False,
    comments: bool = False,
) -> Difference:
    """Return what differs from one side to the other; `only` and `ignored` choose from it by kind. Comments
    are compared on demand. What a side could not read is compared on neither. Raises `ReadError` where then
    nothing can be.

    Two catalogs are compared in full, less what a scratch server cannot know where one of them is a
    replay. With a contract, what it declares is compared; if `closed`, it declares all that there shall be.
    """
    if before.catalog is not None and after.catalog is not None:
        found = _of_catalogs(before, before.catalog, after, after.catalog, comments)
    else:
        found = _of_contracts(before, after, closed)
    kept = chosen(found.changes, only, ignored)
    return replace(
        found,
        changes=kept,
        unseen=len(found.changes) - len(kept),
        notes=(*before.notes, *after.notes, *found.notes),
    )


def _of_catalogs(before: Side, old: Catalog, after: Side, new: Catalog, comments: bool) -> Difference:
    changes: tuple[Change, ...]
    notes = []
    unread = [(side, u) for side in (before, after) for u in _unread(side, comments)]
    old, new = _as_read(old, new)
    if before.schema or after.schema:
        old, new = _of_one_schema(before, old, after, new)
        notes.append(_ONE_SCHEMA)
    if before.replayed == after.replayed:
        changes = compare(old, new, with_comments=comments)
    elif before.replayed:
        changes = certain_changes(old, new)
    else:
        changes = certain_changes(new, old, back=True)
    if before.replayed != after.replayed:
        notes.append(_NOT_REPLAYED)
    unasked = min((old, new), key=lambda catalog: catalog.format).unasked
    if unasked:
        notes.append(f"an older version took one of the snapshots; not compared were {unasked}")
    here, there = old.server.default_schema, new.server.default_schema
    if here != there:
        notes.append(f"objects were compared schema by schema; A's own is {here}, B's is {there}")
    return Difference(
        before=before.compared,
        after=after.compared,
        changes=tuple(c for c in changes if not any(_is_of(c, u.object) for _, u in unread)),
        objects=max(count_objects(old), count_objects(new)),
        notes=tuple(notes),
        unread=tuple(f"{reason_of(u)} (in {side.compared.name})" for side, u in unread),
        default_schema=there,
    )


def _unread(side: Side, comments: bool) -> Iterator[Unreadable]:
    """Yield what could not be read of a side, as far as it is compared."""
    found = side.catalog.unreadable if side.catalog is not None else ()
    for unread in found:
        held = lists_of(unread)
        elsewhere = unread.object is not None and side.schema not in ("", unread.object.schema)
        if not elsewhere and (not held or held - _NEVER - ({"comments"} if not comments else set())):
            yield unread


def _as_read(*catalogs: Catalog) -> tuple[Catalog, ...]:
    try:
        return emptied(catalogs)
    except NotExamined as reason:
        raise ReadError(f"nothing was compared, for this could not be read: {reason}") from None


def _is_of(change: Change, name: QName | None) -> bool:
    """Tell whether a change is one of the relation or function, or of what hangs on it. Schemas may have
    other names in a comparison, so that the name alone decides."""
    return name is not None and name.name in (change.object.table or change.object.name,)


def _of_one_schema(before: Side, old: Catalog, after: Side, new: Catalog) -> tuple[Catalog, Catalog]:
    """Return one schema of each side under one name: B's. That of a side which names none is its own."""
    home = after.schema or new.server.default_schema
    return (
        only_schema(old, before.schema or old.server.default_schema, home),
        only_schema(new, home, home),
    )


def _of_contracts(before: Side, after: Side, closed: bool) -> Difference:
    """Compare what is declared; a catalog declares all that it holds."""
    homes = [s.catalog.server.default_schema for s in (before, after) if s.catalog is not None]
    home = homes[0] if homes else "public"
    old, new = _declared(before, closed), _declared(after, closed)
    notes = [_NOT_DECLARED]
    for given, side, other in ((before, old, new), (after, new, old)):
        if not side.closed:
            notes += _undeclared(given, undeclared_tables(side.contract, other.contract, home))
    changes, objects = compare_contracts(old, new, home), count_compared(old, new, home)
    if not (changes or objects):
        raise ReadError(
            f"nothing to compare: {before.compared.name} and {after.compared.name} name no object in common;"
            " --closed makes what only one of them names a difference"
        )
    return Difference(
        before=before.compared,
        after=after.compared,
        changes=changes,
        objects=objects,
        notes=tuple(notes),
        default_schema=home,
    )


def _declared(side: Side, closed: bool) -> Declared:
    if side.catalog is not None:
        try:
            return Declared(observed_contract(withheld(side.catalog), side.compared.name), full=True)
        except NotExamined as reason:
            raise ReadError(
                f"nothing was compared, for this could not be read of {side.compared.name}: {reason}"
            ) from None
    return Declared(replace(side.contract, closed=closed or side.contract.closed))


def _undeclared(side: Side, tables: Iterable[tuple[str, str]]) -> list[str]:
    """Return the note on tables that a side does not speak of."""
    names = [name for _, name in tables]
    if not names:
        return []
    listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    what = f"{some(len(names), 'table')} {form(len(names), 'is', 'are')}"
    return [f"{what} not declared in {side.compared.name}, and not compared (--closed does): {listed}"]
