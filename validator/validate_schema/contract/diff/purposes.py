"""What a migration did, in the words of one table cell."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ...model.catalog import QName
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import first_of, form, listed
from ...sql.ident import quote_ident
from .changes import shown

_MOST = 8
_NAMED = 3
# What a phrase is about, the most telling first; the rest follows by name.
_KINDS = (
    "extension",
    "schema",
    "enum",
    "domain",
    "table",
    "view",
    "materialized view",
    "column",
    "primary key",
    "unique",
    "foreign key",
    "check",
    "exclusion",
    "policy",
    "index",
    "trigger",
    "function",
    "procedure",
    "sequence",
)
_NOUNS = {
    "unique": "unique key",
    "check": "check constraint",
    "exclusion": "exclusion constraint",
}
# What hangs on nothing, or is called like a piece of program, is created; the rest is added to something.
_ADDED = frozenset({
    "column", "primary key", "unique", "foreign key", "check", "exclusion", "policy", "index", "rule",
    "comment", "default privileges",
})  # fmt: skip
_VERBS = {"added": ("creates", "adds"), "removed": ("drops", "drops"), "renamed": ("renames", "renames")}
_SECURITY, _FORCED = "row-level security", "forced row-level security"


def purpose(changes: Sequence[Change], default_schema: str = "public") -> tuple[str, ...]:
    """Return phrases for what `changes` amount to, the most telling first: ``creates tables "User",
    "Task" and 5 more``. Changes of one sort share a phrase; at most eight are returned, of which the
    last then counts the rest. Names are as stored, within double quotes."""
    phrases = _joined([(_phrase(group, default_schema), len(group)) for group in _groups(changes)])
    if len(phrases) <= _MOST:
        return tuple(text for text, _ in phrases)
    rest = sum(count for _, count in phrases[_MOST - 1 :])
    return (*(text for text, _ in phrases[: _MOST - 1]), f"makes {rest} other changes")


def _joined(phrases: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Say in one phrase that security was both enabled and forced on the same tables."""
    texts = dict(phrases)
    joined = []
    for text, count in phrases:
        enables, forces = text.replace("forces", "enables", 1), text.replace("enables", "forces", 1)
        if _SECURITY in text and enables in texts and forces in texts:
            if text == enables:
                joined.append((text.replace("enables", "enables and forces", 1), count + texts[forces]))
        else:
            joined.append((text, count))
    return joined


def _groups(changes: Iterable[Change]) -> list[list[Change]]:
    """Return the changes of one sort together, in the order of the phrases. A column of one name on
    several tables is a sort of its own."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        groups.setdefault(_sort(change), []).append(change)
    split: dict[tuple[object, ...], list[Change]] = {}
    for key, group in groups.items():
        if group[0].object.kind != "column" or group[0].kind == "changed":
            split[(*key, 0, "")] = group
            continue
        common = Counter(c.object.name for c in group)
        for change in group:
            name = change.object.name
            shared = (-common[name], name) if common[name] > 1 else (0, "")
            split.setdefault((*key, *shared), []).append(change)
    return [split[key] for key in sorted(split)]


def _sort(change: Change) -> tuple[object, ...]:
    kind = change.object.kind
    rank = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    if change.kind != "changed":
        return ((0, 2, 2)[("added", "renamed", "removed").index(change.kind)], rank, kind, "", "")
    what = "privileges" if change.what.startswith("privileges of ") else change.what
    first = 1 if what in (_SECURITY, _FORCED) else 3
    direction = change.after if what in (_SECURITY, _FORCED, "nullable") else ""
    direction = ("added" if change.after else "removed") if what == "label" else direction
    return (first, rank, kind, what, direction)


def _phrase(group: Sequence[Change], schema: str) -> str:
    """Return the phrase for changes of one sort."""
    first = group[0]
    kind, what = first.object.kind, first.what
    if first.kind == "changed":
        return _alteration(group, what, schema)
    verb = _VERBS[first.kind][kind in _ADDED]
    if kind == "column" and first.kind != "renamed":
        place = "to" if first.kind == "added" else "from"
        return f"{verb} {_columns(group)} {place} {_tables(group, schema)}"
    noun = _noun(kind, len(group))
    if first.kind == "renamed" and len(group) == 1:
        old = quote_ident(first.before)
        return f"renames {noun} {old} to {quote_ident(first.after)}{_on(group, schema)}"
    on = _on(group, schema)
    if on and len(group) > _NAMED:
        return f"{verb} {len(group)} {noun}{on}"
    return f"{verb} {noun} {_listed(_own_names(group, schema))}{on}"


def _alteration(group: Sequence[Change], what: str, schema: str) -> str:
    first = group[0]
    if what in (_SECURITY, _FORCED):
        verb = {(_SECURITY, "on"): "enables", (_SECURITY, "off"): "disables", (_FORCED, "on"): "forces"}
        return f"{verb.get((what, first.after), 'no longer forces')} {_SECURITY} on {_tables(group, schema)}"
    objects = _objects(group, schema)
    if what == "nullable":
        return f"{'allows NULL in' if first.after == 'yes' else 'makes NOT NULL'} {objects}"
    if what == "label":
        added = bool(first.after)
        labels = _listed([quote_ident(c.after or c.before) for c in group])
        noun = form(len(group), "label")
        return f"{'adds' if added else 'drops'} {noun} {labels} {'to' if added else 'from'} {objects}"
    if what.startswith("privileges of "):
        return f"changes privileges on {objects}"
    return f"changes {what} of {objects}"


def _objects(group: Sequence[Change], schema: str) -> str:
    """Return what was altered: ``column "User"."email"``, ``14 columns``."""
    distinct = list(dict.fromkeys(c.object for c in group))
    noun = _noun(distinct[0].kind, len(distinct))
    if distinct[0].kind == "table":
        return _tables(group, schema)
    if len(distinct) > _NAMED:
        return f"{len(distinct)} {noun}"
    if distinct[0].table and distinct[0].kind != "column":
        return f"{noun} {_listed([quote_ident(o.name) for o in distinct])}{_on(group, schema)}"
    if distinct[0].table:
        return f"{noun} {_listed([_within_table(o, schema) for o in distinct])}"
    return f"{noun} {_listed(_own_names(group, schema))}"


def _within_table(ref: ObjectRef, schema: str) -> str:
    return f"{shown(QName(ref.schema, ref.table), schema)}.{quote_ident(ref.name)}"


def _columns(group: Sequence[Change]) -> str:
    """Return the columns of a group: by name where they are few or all of one name."""
    distinct = list(dict.fromkeys(c.object.name for c in group))
    if len(distinct) == 1:
        return f"column {quote_ident(distinct[0])}"
    if len({(c.object.schema, c.object.table) for c in group}) == 1:
        return f"columns {_listed(list(map(quote_ident, distinct)))}"
    return f"{len(group)} columns"


def _tables(group: Sequence[Change], schema: str) -> str:
    tables = list(dict.fromkeys(QName(c.object.schema, c.object.table) for c in group))
    if len(tables) > _NAMED:
        return f"{len(tables)} tables"
    return _listed([shown(name, schema) for name in tables])


def _on(group: Sequence[Change], schema: str) -> str:
    """Return where it hangs, for what hangs on tables."""
    if group[0].object.kind == "table" or not group[0].object.table:
        return ""
    return f" on {_tables(group, schema)}"


def _own_names(group: Sequence[Change], schema: str) -> list[str]:
    return list(dict.fromkeys(_own_name(c, schema) for c in group))


def _own_name(change: Change, schema: str) -> str:
    ref = change.object
    if ref.kind == "table":
        return shown(QName(ref.schema, ref.table), schema)
    if ref.table or not ref.schema:
        return quote_ident(ref.name)
    return shown(QName(ref.schema, ref.name), schema)


def _noun(kind: str, count: int) -> str:
    return form(count, _NOUNS.get(kind, kind))


def _listed(names: Sequence[str]) -> str:
    """Return two or three names, or two and the number of the others."""
    return first_of(names, _NAMED - 1) if len(names) > _NAMED else listed(names)


_LOST = {
    ("added", "table"): "the rows of {}",
    ("added", "column"): "the values of {}",
    ("removed", "table"): "nothing more, but the rows of {} do not come back",
    ("removed", "column"): "nothing more, but the values of {} do not come back",
}
_LOST_BY_RETYPING = "what fits the new type of {} and not the old one"


def losses(changes: Iterable[Change], default_schema: str = "public") -> tuple[str, ...]:
    """Return what is lost when `changes` are undone, in words; names as stored, within double quotes.

    Undoing drops the tables and columns that were added, with what was written to them since. What was
    dropped, or changed to another type, does not come back as it was.
    """
    found: dict[str, list[str]] = {}
    for change in changes:
        words = _LOST_BY_RETYPING if change.what == "type" else _LOST.get((change.kind, change.object.kind))
        if words and change.object.kind in ("table", "column"):
            found.setdefault(words, []).append(_named(change, default_schema))
    return tuple(
        words.format(_distinct(found[words]))
        for words in (*_LOST.values(), _LOST_BY_RETYPING)
        if words in found
    )


def _named(change: Change, schema: str) -> str:
    ref = change.object
    table = shown(QName(ref.schema, ref.table), schema)
    return f"{table}.{quote_ident(ref.name)}" if ref.kind == "column" else table


def _distinct(names: Sequence[str]) -> str:
    return first_of(list(dict.fromkeys(names)), _NAMED)
