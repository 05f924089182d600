"""What differs between two schemas: as text, Markdown or JSON."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import msgspec

from ..model.difference import Change, ChangeKind, Compared, Difference, Words, change_words
from ..model.wording import some
from ..sql.ident import visible
from .escape import md_code, md_text

FORMAT_VERSION = 1
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}
_COLORS = {"+": "32", "-": "31", "~": "33", "!": "1;31"}
_KINDS: tuple[ChangeKind, ...] = ("added", "removed", "changed", "renamed")
_WIDER = "lets in more than before"

Paint = Callable[[str, str], str]


def render_difference(found: Difference, format: str, *, color: bool = False) -> str:
    """Return the difference as ``txt``, ``md`` or ``json``; `color` is for text alone."""
    if format == "json":
        return _json(found)
    return _markdown(found) if format == "md" else _text(found, color=color)


def _json(found: Difference) -> str:
    document = {
        "format": "validate-schema-diff",
        "format_version": FORMAT_VERSION,
        "before": found.before,
        "after": found.after,
        "same": found.same,
        "compared": found.objects,
        "counts": {kind: sum(c.kind == kind for c in found.changes) for kind in _KINDS}
        | {"widens": sum(c.widens for c in found.changes), "not_shown": found.unseen},
        "notes": found.notes,
        "unread": found.unread,
        "changes": [_record(c, found.default_schema) for c in found.changes],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _record(change: Change, default_schema: str) -> dict[str, object]:
    ref = change.object
    return {
        "kind": change.kind,
        "object": {
            "kind": ref.kind,
            "schema": ref.schema,
            "table": ref.table,
            "name": ref.name,
            "label": ref.label(default_schema),
        },
        "what": change.what,
        "before": change.before,
        "after": change.after,
        "widens": change.widens,
        "perhaps": change.perhaps,
    }


def _text(found: Difference, *, color: bool) -> str:
    def paint(text: str, sign: str) -> str:
        return f"\x1b[{_COLORS[sign]}m{text}\x1b[0m" if color else text

    lines = [
        paint(f"- A: {visible(_side(found.before))}", "-"),
        paint(f"+ B: {visible(_side(found.after))}", "+"),
    ]
    wider, groups = _grouped(found)
    if wider:
        lines += ["", f"{_WIDER}:"]
        lines += [paint(f"  ! {visible(_whole(c, found))}", "!") for c in wider]
    for heading, changes in groups:
        lines += ["", visible(heading)]
        lines += [paint(f"  {_SIGNS[c.kind]} {visible(_part(c, found))}", _SIGNS[c.kind]) for c in changes]
    lines += ["", visible(_verdict(found)), *(f"  not read: {visible(what)}" for what in found.unread)]
    lines += [f"  note: {visible(note)}" for note in found.notes]
    return "\n".join(lines) + "\n"


def _markdown(found: Difference) -> str:
    lines = ["# Schema difference", ""]
    lines += [f"- A: {md_text(_side(found.before))}", f"- B: {md_text(_side(found.after))}"]
    lines += ["", f"**{md_text(_verdict(found))}**"]
    wider, groups = _grouped(found)
    if wider:
        lines += ["", f"## {_WIDER.capitalize()}", "", *_md_table("!", wider, found)]
    for heading, changes in groups:
        lines += ["", f"## {md_text(heading)}", "", *_md_table("", changes, found)]
    if found.unread:
        lines += ["", "## Not read", "", *(f"- {md_text(what)}" for what in found.unread)]
    if found.notes:
        lines += ["", "## Notes", "", *(f"- {md_text(note)}" for note in found.notes)]
    return "\n".join(lines) + "\n"


def _md_table(sign: str, changes: Sequence[Change], found: Difference) -> Iterator[str]:
    yield "|   | object | what | A | B |"
    yield "|---|---|---|---|---|"
    for change in changes:
        said = change_words(change, found.default_schema)
        cells = (md_code(said.object), md_text(said.what), md_code(said.before), md_code(said.after))
        yield f"| `{sign or _SIGNS[change.kind]}` | {' | '.join(cells)} |"


def _side(side: Compared) -> str:
    return f"{side.kind} {side.name}" + (f" ({side.server})" if side.server else "")


def _grouped(found: Difference) -> tuple[list[Change], list[tuple[str, list[Change]]]]:
    """Return what widens, and the rest by table; what belongs to no table comes last."""
    wider = [c for c in found.changes if c.widens]
    rest = sorted((c for c in found.changes if not c.widens), key=lambda c: not c.object.table)
    groups = groupby(rest, lambda c: _heading(c, found.default_schema))
    return wider, [(heading, list(changes)) for heading, changes in groups]


def _heading(change: Change, default_schema: str) -> str:
    ref = change.object
    if not ref.table:
        return "other objects"
    return ref.table if ref.schema == default_schema else f"{ref.schema}.{ref.table}"


def _whole(change: Change, found: Difference) -> str:
    said = change_words(change, found.default_schema)
    return f"{said.object} {_said(change, said)}"


def _part(change: Change, found: Difference) -> str:
    """Return a change below the heading of its table, which is not named again."""
    ref, said = change.object, change_words(change, found.default_schema)
    name = f"{ref.kind} {ref.name}" if ref.table and ref.name else said.object if not ref.table else ref.kind
    return f"{name} {_said(change, said)}"


def _said(change: Change, said: Words) -> str:
    if change.kind == "added":
        return f"only in B: {change.after}" if change.after else "only in B"
    if change.kind == "removed":
        known = f"only in A: {change.before}" if change.before else "only in A"
        return f"{known} (perhaps {change.perhaps})" if change.perhaps else known
    if change.kind == "renamed":
        return f"renamed, was {said.before}"
    return f"{said.what}: {said.before} → {said.after}"


def _verdict(found: Difference) -> str:
    looked = f"{some(found.objects, 'object')} compared"
    unseen = f", {found.unseen} more not shown" if found.unseen else ""
    if not found.changes:
        read = " in what could be read" if found.unread else ""
        return f"no difference{read} ({looked}{unseen})"
    counts = Counter(c.kind for c in found.changes)
    parts = ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS if counts[kind])
    wider = sum(c.widens for c in found.changes)
    extra = f", {wider} of them wider" if wider else ""
    return f"{some(len(found.changes), 'difference')}: {parts}{extra} ({looked}{unseen})"
