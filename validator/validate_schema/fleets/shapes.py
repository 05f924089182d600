"""Shapes: which fingerprints come to one schema, what differs from the reference, since which migration."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ..contract.diff.catalogs import compare
from ..contract.diff.homes import only_schema
from ..migrations.run.drift import certain_changes
from ..model.catalog import Catalog
from ..model.difference import Change
from ..model.fleet import MemberRow, Milestone, Sample, ShapeDiff, Yardstick

_ID = 8
_FIRST = 5


class Shapes(msgspec.Struct):
    """What the fingerprints come to: the shape of each, the first is the reference's."""

    reference: str
    changes: dict[str, tuple[Change, ...]]  # by the fingerprint that stands for a shape
    shape: dict[str, str]  # the one that stands for it, by fingerprint
    milestones: tuple[Milestone, ...] = ()


def shapes_of(
    reference: str,
    samples: Mapping[str, Sample],
    first: Mapping[str, str],
    written: str,
    yardstick: Yardstick | None = None,
) -> Shapes:
    """Bring fingerprints together that `diff` tells no difference between: one may be finer than it is.

    `first` is the first member's name by fingerprint; `written` stands for a member's own name. `reference`
    is one of the fingerprints, or the yardstick's.
    """
    found = Shapes(reference, {reference: ()}, {reference: reference})
    alone = {f: _alone(samples[f].catalog, samples[f].member.schema, written) for f in first}
    if yardstick is not None:
        alone[reference] = _alone(yardstick.catalog, yardstick.schema, written)
        found.milestones = yardstick.milestones
    alike: dict[tuple[Change, ...], list[str]] = defaultdict(list)
    for fingerprint in sorted(first, key=lambda f: first[f]):
        if fingerprint == reference:
            continue
        changes = _measured(yardstick, alone[reference], alone[fingerprint])
        if not changes:
            found.shape[fingerprint] = reference
            continue
        same = next((f for f in alike[changes] if not compare(alone[f], alone[fingerprint])), None)
        if same is None:
            alike[changes].append(fingerprint)
            found.changes[fingerprint] = changes
        found.shape[fingerprint] = same or fingerprint
    return found


def _measured(yardstick: Yardstick | None, reference: Catalog, member: Catalog) -> tuple[Change, ...]:
    """Return what differs: of a replay what a scratch server can know."""
    replayed = yardstick is not None and yardstick.replayed
    return certain_changes(reference, member) if replayed else compare(reference, member)


def _alone(catalog: Catalog, schema: str, written: str) -> Catalog:
    return only_schema(catalog, schema, written) if schema else catalog


def shape_id(fingerprint: str) -> str:
    return fingerprint[:_ID]


def told(
    shapes: Shapes, samples: Mapping[str, Sample], members: Sequence[MemberRow]
) -> tuple[ShapeDiff, ...]:
    """Return the shapes as the report has them: the reference first, then those of most members."""
    of_shape: dict[str, list[str]] = defaultdict(list)
    prints: dict[str, list[str]] = defaultdict(list)
    for member in members:
        if member.shape:
            of_shape[member.shape].append(member.name)
    for fingerprint, standing in shapes.shape.items():
        prints[standing] += [fingerprint] if fingerprint in samples else []
    found = []
    for standing, changes in shapes.changes.items():
        since, after = _since(changes, shapes.milestones)
        one_read = next((samples[f].member.name for f in [standing, *prints[standing]] if f in samples), "")
        found.append(
            ShapeDiff(
                id=shape_id(standing),
                fingerprints=tuple(sorted(prints[standing])),
                members=len(of_shape[shape_id(standing)]),
                sample=one_read,
                reference=standing == shapes.reference,
                changes=changes,
                first=tuple(of_shape[shape_id(standing)][:_FIRST]),
                since=since,
                after=after,
            )
        )
    return tuple(sorted(found, key=lambda s: (not s.reference, -s.members, s.sample)))


def _since(changes: Sequence[Change], milestones: Sequence[Milestone]) -> tuple[str, str]:
    """Return the first migration that a shape has nothing of, and the last one that it is as after of.

    Where it is as after none of them, it is the first that made something of what differs; "" where none did.
    """
    if not changes:
        return "", ""
    wanted = _keys(changes)
    for place in range(len(milestones) - 2, -1, -1):
        if _keys(milestones[place].behind) == wanted:
            return milestones[place + 1].label, milestones[place].label
    objects = {_place(c) for c in changes}
    for milestone in milestones:
        if objects & {_place(c) for c in milestone.made}:
            return milestone.label, ""
    return "", ""


def _keys(changes: Iterable[Change]) -> frozenset[tuple[str, ...]]:
    return frozenset((c.kind, *_place(c), c.what, c.before, c.after) for c in changes)


def _place(change: Change) -> tuple[str, str, str]:
    ref = change.object
    return ref.kind, ref.table, ref.name
