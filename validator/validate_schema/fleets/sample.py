"""One member read in full."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..catalog.connect import Connection
from ..catalog.reader import read_catalog, read_catalogs
from ..facts.platforms import set_apart
from ..model.catalog import Catalog
from ..model.errors import ReadError
from ..model.fleet import Reading, Sample
from ..model.secret import Secret
from .marks import marks, moment, moment_alone
from .session import connected, execute, schemas, snapshot
from .standing import ALL, ATTEMPTS, fingerprints, marks_now, stirred

_LED_TO = """
    select k.connamespace::int8, n.nspname::text from pg_constraint k
    join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype = 'f' and k.connamespace = any(%s::oid[])
    union select c.relnamespace::int8, n.nspname::text from pg_inherits i
    join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    join pg_namespace n on n.oid = p.relnamespace
    where c.relnamespace = any(%s::oid[])
"""
_TOGETHER_ATTEMPTS = 2


class ChangedError(ReadError):
    """A member is not what it was when its fingerprint was taken: `now` is its fingerprint, "" where it is
    gone."""

    def __init__(self, name: str, now: str) -> None:
        done = "changed" if now else "dropped"
        super().__init__(f"{name} was {done} while the fleet was read")
        self.now = now


def sample(
    url: Secret | None, reading: Reading, members: Sequence[str], *, timeout_ms: int = 30_000
) -> Sample:
    """Read one member in full, with all that stands in its database beside the other members: other members
    come with it where its keys lead to them.

    Raises `ChangedError` where it is not what it was when its fingerprint was taken, and the errors of
    connecting and reading.
    """
    with connected(url, timeout_ms) as connection:
        for attempt in range(ATTEMPTS):
            found = _attempt(connection, [reading], members, timeout_ms, marked=attempt > 0)
            if (one := found.get(reading.member.name)) is None:
                continue
            if isinstance(one, ChangedError):
                raise one
            return one
    raise ReadError(f"{reading.member.name} was changed or locked each time that it was read")


def samples(
    url: Secret | None, readings: Sequence[Reading], members: Sequence[str], *, timeout_ms: int = 30_000
) -> list[Sample]:
    """Read several schemas of one database in full, as `sample` does, in one go: in a database of many
    schemas that takes little longer than one of them. What does not come with it is to be read by itself.
    Raises the errors of connecting and reading."""
    with connected(url, timeout_ms) as connection:
        for attempt in range(_TOGETHER_ATTEMPTS):
            if found := _attempt(connection, readings, members, timeout_ms, marked=attempt > 0):
                return [one for one in found.values() if isinstance(one, Sample)]
    return []


def _attempt(
    connection: Connection,
    readings: Sequence[Reading],
    members: Sequence[str],
    timeout_ms: int,
    *,
    marked: bool,
) -> dict[str, Sample | ChangedError]:
    """Return what was read of each member that stood still meanwhile, by its name. That it did is told by
    marks, or, where nothing has ended on the server for a moment, by that nothing has since."""
    of_schema = {reading.member.schema: reading for reading in readings}
    with snapshot(connection, timeout_ms):
        known = schemas(connection)
        oids = {ALL: ""} if "" in of_schema else {oid: n for oid, n in known.items() if n in of_schema}
        scopes = {} if ALL in oids else _scopes(connection, known, oids, members)
        homes = None if ALL in oids else _oids(known, (n for scope in scopes.values() for n in scope))
        since = moment(connection)
    with snapshot(connection, timeout_ms):
        alone = not marked and moment(connection) == since
        before = moment_alone(connection) if alone else marks(connection, homes)
    found: dict[str, Sample | ChangedError] = {
        reading.member.name: ChangedError(reading.member.name, "")
        for schema, reading in of_schema.items()
        if schema not in oids.values()
    }
    prints, _ = fingerprints(connection, oids, timeout_ms) if oids else ({}, set[int]())
    as_then = [name for oid, name in oids.items() if prints.get(oid) == of_schema[name].fingerprint]
    catalogs = _catalogs(connection, {name: scopes.get(name) for name in as_then}, timeout_ms)
    after = marks_now(connection, timeout_ms, homes, before)
    odd = {oids[oid] for oid in stirred(before, after, oids, ())}
    for oid, name in oids.items():
        member = of_schema[name].member
        if oid not in prints or not odd.isdisjoint(scopes.get(name, ("",))):
            continue
        now = prints[oid]
        found[member.name] = (
            Sample(member, now, set_apart(catalogs[name]))
            if name in catalogs
            else ChangedError(member.name, now)
        )
    return found


def _catalogs(
    connection: Connection, scopes: Mapping[str, Collection[str] | None], timeout_ms: int
) -> dict[str, Catalog]:
    """Return the catalogs of schemas, or of a whole database, which has no scope."""
    limited = {name: scope for name, scope in scopes.items() if scope is not None}
    found = read_catalogs(connection, limited, statement_timeout_ms=timeout_ms)
    if "" in scopes:
        found[""] = read_catalog(connection, statement_timeout_ms=timeout_ms)
    return found


def _oids(known: Mapping[int, str], names: Iterable[str]) -> set[int]:
    wanted = frozenset(names)
    return {oid for oid, name in known.items() if name in wanted}


def _scopes(
    connection: Connection, known: Mapping[int, str], oids: Mapping[int, str], members: Sequence[str]
) -> dict[str, list[str]]:
    """Return the schemas that are read with each member: all that are no members, and those that its keys
    lead to."""
    array = "{" + ",".join(map(str, oids)) + "}"
    led_to = defaultdict[str, set[str]](set)
    for oid, name in execute(connection, _LED_TO, (array, array)):
        led_to[oids[oid]].add(name)
    others = frozenset(members)
    return {
        schema: [n for n in known.values() if n not in others or n == schema or n in led_to[schema]]
        for schema in oids.values()
    }
